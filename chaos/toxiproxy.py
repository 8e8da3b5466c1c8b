"""The one way to a Toxiproxy server, on top of toxiproxy-python.

What of toxiproxy-python 0.1.1 is used, and why not more:

- ``APIConsumer``, its transport, with its mapping of 400, 404 and 409 to exceptions. Its address is class
  state, so one process could talk to one server only; here each server gets an ``APIConsumer`` subclass.
- Not ``Toxiproxy`` and ``Proxy``: their methods name the global ``APIConsumer``, so they cannot follow. They
  also send no timeout, do not quote names, turn a server's 500 into ``KeyError: 'name'``, report success
  from ``reset()`` whatever came back, and have no update of a proxy or toxic, no single toxic, and no
  server-side populate. All of that is added here, typed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

from chaos.errors import (
    AlreadyThere,
    ProxyMissing,
    SettingRefused,
    ToxicMissing,
    ToxiproxyRefused,
    ToxiproxyUnreachable,
)
from chaos.settings import require_number, require_one_of
from chaos.target import require_http_url

Stream = Literal["upstream", "downstream"]
STREAMS: tuple[Stream, ...] = ("upstream", "downstream")


@dataclass(frozen=True, kw_only=True)
class Toxic:
    """One toxic, as asked for and as the server tells it.

    ``stream`` is seen from the client: ``upstream`` is the request, ``downstream`` the answer. ``toxicity``
    is drawn once a *connection*: with keep-alive, 0.5 means all or nothing for each connection.
    """

    name: str
    type: str
    stream: Stream
    attributes: Mapping[str, int] = field(default_factory=dict)
    toxicity: float = 1.0

    def __post_init__(self) -> None:
        """Refuse unknown streams, and shares that are none."""
        require_one_of("stream", self.stream, STREAMS)
        require_number("toxicity", self.toxicity, low=0, high=1)


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """One proxy, as asked for and as the server tells it. ``listen`` and ``upstream`` are ``host:port``."""

    name: str
    upstream: str
    listen: str = "127.0.0.1:0"
    enabled: bool = True
    toxics: tuple[Toxic, ...] = ()


def require_name(what: str, name: str) -> None:
    """Refuse an empty name, and a slash: Toxiproxy accepts it at creation and can never be asked for it."""
    if not name or "/" in name:
        raise SettingRefused(what, name, "give a name that is not empty and has no slash")


class ToxiproxyServer:
    """A Toxiproxy server at its own address; any number of them in one process, from any thread."""

    def __init__(self, url: str, *, timeout_s: float = 2.0) -> None:
        """``url``: such as http://127.0.0.1:8474; ``timeout_s``: to connect, and for each read."""
        require_http_url("toxiproxy_url", url)
        require_number("timeout_s", timeout_s, low=0.01, high=60)
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        self.url = f"http://{host}:{parts.port}"
        self._timeout_s = timeout_s
        self._api: Any = type("OneServer", (APIConsumer,), {"host": host, "port": parts.port})

    # --- the server ---

    def version(self) -> str:
        """Return the version that the server says; a binary built by ``go install`` says ``git``."""
        return str(self._object("GET", "/version").get("version", ""))

    def reset(self) -> None:
        """Enable all proxies and remove all toxics; raises when the server did not do it."""
        self._call("POST", "/reset")

    # --- proxies ---

    def proxies(self) -> dict[str, Proxy]:
        """Return all proxies by name."""
        return {name: _proxy(told) for name, told in self._object("GET", "/proxies").items()}

    def proxy(self, name: str) -> Proxy:
        """Return one proxy; raises ProxyMissing."""
        return _proxy(self._object("GET", _path(name), proxy=name))

    def create_proxy(self, proxy: Proxy) -> Proxy:
        """Create a proxy and return it with the port that it got; raises AlreadyThere."""
        told = self._object("POST", "/proxies", json=_proxy_wire(proxy), proxy=proxy.name)
        return _proxy(told)

    def put_proxies(self, proxies: Sequence[Proxy]) -> tuple[Proxy, ...]:
        """Create these proxies on the server, in place of those of the same names with other addresses.

        The server keeps a proxy whose addresses are as asked for, with its connections and its toxics.
        """
        wire = [_proxy_wire(proxy) for proxy in proxies]
        told = self._object("POST", "/populate", json=wire).get("proxies") or []
        # The server leaves `enabled` of a kept proxy as it was.
        return tuple(
            now if now.enabled == asked.enabled else self.update_proxy(now.name, enabled=asked.enabled)
            for asked, now in zip(proxies, map(_proxy, told), strict=True)
        )

    def put_proxy(self, proxy: Proxy) -> Proxy:
        """Create this proxy, in place of one of the same name with other addresses."""
        return self.put_proxies([proxy])[0]

    def update_proxy(
        self,
        name: str,
        *,
        enabled: bool | None = None,
        upstream: str | None = None,
        listen: str | None = None,
    ) -> Proxy:
        """Change what is given of a proxy, live, and return it; raises ProxyMissing.

        Disabling cuts all its connections and stops listening: the next client is refused.
        """
        wanted = {"enabled": enabled, "upstream": upstream, "listen": listen}
        changes = {key: value for key, value in wanted.items() if value is not None}
        return _proxy(self._object("POST", _path(name), json=changes, proxy=name))

    def remove_proxy(self, name: str) -> bool:
        """Remove a proxy and cut its connections; False if there was none."""
        try:
            self._call("DELETE", _path(name), proxy=name)
        except ProxyMissing:
            return False
        return True

    # --- toxics ---

    def toxics(self, proxy: str) -> dict[str, Toxic]:
        """Return the toxics of a proxy by name; raises ProxyMissing."""
        return {toxic.name: toxic for toxic in self.proxy(proxy).toxics}

    def toxic(self, proxy: str, name: str) -> Toxic:
        """Return one toxic; raises ToxicMissing or ProxyMissing."""
        return _toxic(self._object("GET", _path(proxy, name), proxy=proxy, toxic=name))

    def add_toxic(self, proxy: str, toxic: Toxic) -> Toxic:
        """Add a toxic, in force for open and new connections when this returns; raises AlreadyThere."""
        told = self._object("POST", f"{_path(proxy)}/toxics", json=_toxic_wire(toxic), proxy=proxy, toxic=toxic.name)
        return _toxic(told)

    def update_toxic(
        self, proxy: str, name: str, *, attributes: Mapping[str, int], toxicity: float | None = None
    ) -> Toxic:
        """Change these attributes of a toxic, live; raises ToxicMissing or ProxyMissing."""
        changes: dict[str, object] = {"attributes": dict(attributes)}
        if toxicity is not None:
            require_number("toxicity", toxicity, low=0, high=1)
            changes["toxicity"] = toxicity
        return _toxic(self._object("POST", _path(proxy, name), json=changes, proxy=proxy, toxic=name))

    def put_toxic(self, proxy: str, toxic: Toxic) -> Toxic:
        """Add a toxic, or make the one of that name like it. One of another type or stream is replaced."""
        try:
            return self.add_toxic(proxy, toxic)
        except AlreadyThere:
            pass
        now = self.toxic(proxy, toxic.name)
        if (now.type, now.stream) == (toxic.type, toxic.stream):
            return self.update_toxic(proxy, toxic.name, attributes=toxic.attributes, toxicity=toxic.toxicity)
        self.remove_toxic(proxy, toxic.name)
        return self.add_toxic(proxy, toxic)

    def remove_toxic(self, proxy: str, name: str) -> bool:
        """Remove a toxic; False if it or its proxy was not there. Connections that it held may be cut."""
        try:
            self._call("DELETE", _path(proxy, name), proxy=proxy, toxic=name)
        except (ToxicMissing, ProxyMissing):
            return False
        return True

    # --- one request ---

    def _object(self, method: str, path: str, **about: Any) -> dict[str, Any]:
        try:
            told = self._call(method, path, **about).json()
        except ValueError as error:
            raise ToxiproxyRefused(self._not_toxiproxy(method, path)) from error
        if not isinstance(told, dict):
            raise ToxiproxyRefused(self._not_toxiproxy(method, path))
        return told

    def _call(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        proxy: str | None = None,
        toxic: str | None = None,
    ) -> Any:
        # `proxies`: requests would otherwise send a call to this machine through HTTP_PROXY.
        options: dict[str, Any] = {"timeout": self._timeout_s, "proxies": {"http": ""}}
        if json is not None:
            options["json"] = json
        what = f"toxic {toxic!r} of proxy {proxy!r}" if toxic else f"proxy {proxy!r}"
        try:
            response = getattr(self._api, method.lower())(path, **options)
        except NotFound as error:
            raise self._missing(error, proxy, toxic) from error
        except ProxyExists as error:
            remedy = "remove it first, or put it instead of adding it"
            raise AlreadyThere(f"{what} is already on Toxiproxy at {self.url}: {remedy}.") from error
        except InvalidToxic as error:
            raise self._refused(method, path, 400, _said(error.args[0])) from error
        except OSError as error:  # each error of requests is one
            raise ToxiproxyUnreachable(
                f"Toxiproxy does not answer at {self.url} within {self._timeout_s:g} s "
                f"({type(error).__name__}): start it, or correct the address."
            ) from error
        if response.status_code >= 300:
            raise self._refused(method, path, response.status_code, _said(response.content))
        return response

    def _missing(self, error: Exception, proxy: str | None, toxic: str | None) -> Exception:
        said = _said(error.args[0])
        if toxic and "toxic not found" in said:
            return ToxicMissing(f"Proxy {proxy!r} at {self.url} has no toxic {toxic!r}: add it first.")
        if proxy and "proxy not found" in said:
            return ProxyMissing(f"Toxiproxy at {self.url} has no proxy {proxy!r}: create it, or start the stack.")
        return ToxiproxyRefused(self._not_toxiproxy("request", said))

    def _refused(self, method: str, path: str, status: int, said: str) -> ToxiproxyRefused:
        return ToxiproxyRefused(
            f"Toxiproxy at {self.url} answered {method} {path} with {status}: {said or 'nothing more'}. "
            "Correct the named value and try again."
        )

    def _not_toxiproxy(self, method: str, path: str) -> str:
        return f"What answers at {self.url} is no Toxiproxy ({method} {path}): correct the address."


def _path(proxy: str, toxic: str | None = None) -> str:
    require_name("proxy name", proxy)
    base = f"/proxies/{quote(proxy, safe='')}"
    if toxic is None:
        return base
    require_name("toxic name", toxic)
    return f"{base}/toxics/{quote(toxic, safe='')}"


def _said(content: object) -> str:
    return content.decode("utf-8", "replace").strip()[:300] if isinstance(content, bytes) else str(content)


def _proxy_wire(proxy: Proxy) -> dict[str, object]:
    # Checked here and not in Proxy: one that another client made must still be listed.
    require_name("proxy name", proxy.name)
    return {
        "name": proxy.name,
        "upstream": proxy.upstream,
        "listen": proxy.listen,
        "enabled": proxy.enabled,
    }


def _toxic_wire(toxic: Toxic) -> dict[str, object]:
    require_name("toxic name", toxic.name)
    return {
        "name": toxic.name,
        "type": toxic.type,
        "stream": toxic.stream,
        "toxicity": toxic.toxicity,
        "attributes": dict(toxic.attributes),
    }


def _toxic(told: Mapping[str, Any]) -> Toxic:
    return Toxic(
        name=told["name"],
        type=told["type"],
        stream=told["stream"],
        toxicity=told["toxicity"],
        attributes=dict(told["attributes"]),
    )


def _proxy(told: Mapping[str, Any]) -> Proxy:
    try:
        toxics = tuple(_toxic(one) for one in told.get("toxics") or ())
        return Proxy(
            name=told["name"],
            upstream=told["upstream"],
            listen=told["listen"],
            enabled=told["enabled"],
            toxics=toxics,
        )
    except KeyError as error:
        raise ToxiproxyRefused(f"Toxiproxy answered without {error}: check its version.") from error
