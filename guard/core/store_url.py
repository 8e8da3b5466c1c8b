"""The URL of the guard's store, read once for the sync and the async client. Pure: no client is known here.

    redis://user:password@host:port/db            rediss:// the same over TLS
    unix://user:password@/path/to.sock?db=1
    redis+sentinel://user:password@host1:26379,host2:26379/service/db      rediss+sentinel:// the same over TLS

User and password are the store's; a Sentinel's own are ``?sentinel_username=`` and ``?sentinel_password=``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["FORMS", "StoreUrl", "parse_store_url"]

FORMS = (
    "write redis://host:port/db, rediss://..., unix:///path or redis+sentinel://host:26379,host:26379/service/db, "
    "and / ? # @ [ ] % in a password as %2F %3F %23 %40 %5B %5D %25"
)

_PORT = 6379
_SENTINEL_PORT = 26379
_SCHEMES = frozenset({"redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel"})
_WORDS: Mapping[str, frozenset[str] | None] = MappingProxyType(
    {
        "ssl_cert_reqs": frozenset({"none", "optional", "required"}),
        "ssl_check_hostname": frozenset({"true", "false"}),
        "ssl_ca_certs": None,
        "ssl_ca_path": None,
        "ssl_certfile": None,
        "ssl_keyfile": None,
        "ssl_password": None,
    }
)
_SENTINEL_OPTIONS = frozenset({"sentinel_username", "sentinel_password"})


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreUrl:
    """Where the store is. ``hosts`` are the store's own, or with a ``service`` the Sentinels' that know it."""

    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    service: str = ""
    db: int = 0
    tls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    sentinel_username: str = ""
    sentinel_password: str = field(default="", repr=False)
    ssl: Mapping[str, str] = field(default_factory=dict, repr=False)


def parse_store_url(url: str) -> StoreUrl:
    """Read a URL of the store.

    Raises:
        ValueError: saying what is wrong and the remedy, and showing nothing of the URL: a password may be anywhere.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # its text quotes the URL
        raise ValueError(f"is no URL; {FORMS}") from None
    if parts.scheme not in _SCHEMES or parts.fragment:
        raise ValueError(f"is no store URL; {FORMS}")
    userinfo, _, hosts = parts.netloc.rpartition("@")
    username, _, password = userinfo.partition(":")
    options = _options(parts.query, parts.scheme)
    sentinel = parts.scheme.endswith("+sentinel")
    path, service, db = "", "", parts.path.strip("/")
    if parts.scheme == "unix":
        path, db = unquote(parts.path), ""
        if not path.strip("/") or hosts:
            raise ValueError("names no socket; write unix:///path/to.sock, with three slashes")
    if sentinel:
        service, _, db = db.partition("/")
        if not service or not hosts:
            raise ValueError(
                "names no Sentinels or no service; write redis+sentinel://host:26379,host:26379/service/db"
            )
    return StoreUrl(
        hosts=() if path else _hosts(hosts, _SENTINEL_PORT if sentinel else _PORT, many=sentinel),
        path=path,
        service=unquote(service),
        db=_number(options.pop("db", db)),
        tls=parts.scheme.startswith("rediss"),
        username=unquote(username) or options.pop("username", ""),
        password=unquote(password) or options.pop("password", ""),
        sentinel_username=options.pop("sentinel_username", ""),
        sentinel_password=options.pop("sentinel_password", ""),
        ssl=options,
    )


def _hosts(text: str, port: int, *, many: bool) -> tuple[tuple[str, int], ...]:
    named = text.split(",") if many else [text or "localhost"]
    return tuple(_host(one, port) for one in named)


def _host(text: str, default: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or "," in text or any(c.isspace() for c in text):
        raise ValueError(f"has a host or a port that is none; {FORMS}")
    return unquote(host), default if port is None else port


def _number(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"names a database that is no number; {FORMS}")
    return int(text)


def _options(query: str, scheme: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    taken = {"db", "username", "password"} if scheme == "unix" else {"db"}
    if scheme.startswith("rediss"):
        taken |= _WORDS.keys()
    if scheme.endswith("+sentinel"):
        taken |= _SENTINEL_OPTIONS
    unknown = sorted(options.keys() - taken)
    if unknown:
        raise ValueError(
            f"has {len(unknown)} option(s) after ? that the guard does not take (timeouts, retries and protocol it "
            f"sets itself); for {scheme}:// there are {', '.join(sorted(taken))}"
        )
    for name, words in _WORDS.items():
        if words is not None and name in options:
            options[name] = options[name].lower()
            if options[name] not in words:
                raise ValueError(f"has a {name} that is none; write {' or '.join(sorted(words))}")
    return options
