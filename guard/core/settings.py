"""The guard's settings: one table of variables, read from an environment given as a mapping.

``docs/settings.md`` is made from ``VARIABLES``. A value that cannot be used is refused here, at start, with the
variable, its value (a secret's never) and the remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, unquote, urlsplit

from guard.core.events import Policy
from guard.core.modes import (
    BREAKER_THRESHOLD,
    FAILURE_THRESHOLD,
    HOLD_S,
    TTL_MAX_S,
    TTL_MIN_S,
    WITNESSES_MAX,
    Mode,
)
from guard.core.store_url import parse_store_url
from guard.core.trend import TrendPolicy
from guard.errors import SettingsError

__all__ = ["SETTLE_S", "VARIABLES", "Settings", "Variable", "read_settings"]

SETTLE_S = 30.0
"""Seconds after which a request that was given up counts as applied or lost."""

_KEEP_S_MAX = 10 * 365 * 86_400.0

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})


Parser = Callable[["Variable", str], object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """One environment variable: its name, default, what it may hold, and what it is for."""

    name: str
    field: str
    default: str
    form: str
    parse: Parser
    about: str
    secret: bool = False

    def refuse(self, value: str, remedy: str) -> SettingsError:
        """Make the error for a value that cannot be used."""
        shown = "(hidden)" if self.secret else repr(value)
        return SettingsError(f"{self.name}={shown}: {remedy}")


def _boolean(variable: Variable, text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise variable.refuse(text, "is no boolean; write true or false")


def _path(variable: Variable, text: str) -> str:
    if "\0" in text:
        raise variable.refuse(text, "holds a NUL, which no file's name can; leave it out")
    return text.strip()


def _key(variable: Variable, text: str) -> str:
    key = text.strip()
    if not all("!" <= c <= "~" for c in key):
        raise variable.refuse(text, "holds a character that no HTTP header can carry; paste the key as Zep shows it")
    return key


def _name(variable: Variable, text: str) -> str:
    word = text.strip()
    if not word or any(c.isspace() or not c.isprintable() for c in word):
        raise variable.refuse(text, "must be a word without spaces, such as zepguard or zepguard:staging")
    return word


_ROOT = "write http(s)://host[:port], the root of the Zep server"


def _root_url(variable: Variable, text: str) -> str:
    url = text.strip().rstrip("/")
    if _may_hold_credentials(text):
        raise replace(variable, secret=True).refuse(
            text, f"holds a user or a password; {_ROOT}, and the key into ZEP_API_KEY"
        )
    parts = _split(variable, text, _ROOT)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not url.isprintable() or " " in url:
        raise variable.refuse(text, f"is no URL; {_ROOT}")
    if parts.query or parts.fragment:
        raise variable.refuse(text, f"is not the server's root; {_ROOT}, without ? and #")
    if parts.path.rstrip("/").endswith(("/api/v2", "/api/v4")):
        raise variable.refuse(text, "is not the server's root; leave out /api/v2, the guard adds it")
    return url


def _may_hold_credentials(url: str) -> bool:
    """Whether something stands before an ``@``; also in a URL so broken that no parser finds its password."""
    return "@" in unquote(url)


def _store_url(variable: Variable, text: str) -> str:
    url = text.strip()
    if url:
        try:
            parse_store_url(url)
        except ValueError as error:
            raise variable.refuse(text, str(error)) from None
    return url


def _split(variable: Variable, text: str, remedy: str) -> SplitResult:
    try:
        parts = urlsplit(text.strip())
        _ = parts.port
    except ValueError:  # its text quotes a part of the value, which may be a password
        raise variable.refuse(text, f"is no URL; {remedy}") from None
    return parts


def _number(lowest: float, highest: float, unit: str) -> Parser:
    def parse(variable: Variable, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise variable.refuse(text, f"is no number; write {unit}, such as {variable.default}") from None
        if not lowest <= value <= highest:
            raise variable.refuse(text, f"is out of range; write {lowest:g} to {highest:g} {unit}")
        return value

    return parse


def _count(lowest: int, highest: int) -> Parser:
    number = _number(lowest, highest, "(a whole number)")

    def parse(variable: Variable, text: str) -> int:
        value = number(variable, text)
        assert isinstance(value, float)
        if value != int(value):
            raise variable.refuse(text, f"is no whole number; write one, such as {variable.default}")
        return int(value)

    return parse


def _one_of(*words: str) -> Parser:
    def parse(variable: Variable, text: str) -> str:
        word = text.strip().lower()
        if word not in words:
            raise variable.refuse(text, f"is unknown; write {' or '.join(words)}")
        return word

    return parse


def _regions(variable: Variable, text: str) -> tuple[str, ...]:
    regions = tuple(word.strip().upper() for word in text.split(",") if word.strip())
    if text != variable.default:
        from phonenumbers import SUPPORTED_REGIONS  # slow to import, and the default ones are known to be there

        unknown = [region for region in regions if region not in SUPPORTED_REGIONS]
        if unknown:
            raise variable.refuse(text, f"{unknown[0]!r} has no numbering plan; write ISO 3166 codes such as TR,GB")
    return regions


def _variable(name: str, field: str, default: str, form: str, parse: Parser, about: str) -> Variable:
    return Variable(name=name, field=field, default=default, form=form, parse=parse, about=about)


VARIABLES: tuple[Variable, ...] = (
    _variable("FLAG_ZEP_WRITE", "flag_write", "false", "boolean", _boolean, "Messages may be delivered to Zep."),
    _variable(
        "FLAG_ZEP_READ",
        "flag_read",
        "false",
        "boolean",
        _boolean,
        "Context may be read; needs FLAG_ZEP_WRITE.",
    ),
    _variable("ZEP_ENABLED", "enabled", "false", "boolean", _boolean, "Master switch; false is mode off."),
    _variable(
        "ZEP_BASE_URL",
        "base_url",
        "https://api.getzep.com",
        "URL",
        _root_url,
        "Root of the Zep server; the guard adds the SDK's path prefix itself.",
    ),
    Variable(
        name="ZEP_API_KEY",
        field="api_key",
        default="",
        form="secret",
        parse=_key,
        about="Key of the Zep project; required while enabled. Never shown.",
        secret=True,
    ),
    _variable(
        "ZEP_TIMEOUT_MS",
        "timeout_ms",
        "1500",
        "milliseconds",
        _number(10, 60_000, "milliseconds"),
        "Deadline of one whole call to Zep, connect to last byte.",
    ),
    Variable(
        name="GUARD_REDIS_URL",
        field="redis_url",
        default="",
        form="URL",
        parse=_store_url,
        about="The guard's store (Redis or Valkey): redis://, rediss://, unix:// or redis+sentinel://. Empty: state of "
        "this process alone.",
        secret=True,
    ),
    _variable("ZEPGUARD_NAMESPACE", "namespace", "zepguard", "word", _name, "Prefix of every key in the store."),
    _variable(
        "ZEPGUARD_STORE_TIMEOUT_MS",
        "store_timeout_ms",
        "40",
        "milliseconds",
        _number(1, 60_000, "milliseconds"),
        "Longest time of one request to the store, set-up of its connection included.",
    ),
    _variable(
        "ZEPGUARD_HOLD_S",
        "hold_s",
        f"{HOLD_S:g}",
        "seconds",
        _number(TTL_MIN_S, TTL_MAX_S, "seconds"),
        "How long an automatic downgrade holds before a probe.",
    ),
    _variable(
        "ZEPGUARD_FAILURE_THRESHOLD",
        "failure_threshold",
        str(FAILURE_THRESHOLD),
        "count",
        _count(1, 1000),
        "Failed reads in a row, over all workers, that downgrade; above 3, a breaker takes as many to open.",
    ),
    _variable(
        "ZEPGUARD_NEGATIVE_S",
        "negative_s",
        "1.5",
        "seconds",
        _number(0.01, 3600, "seconds"),
        "After a failed read of a thread, its next turns do not wait on Zep for so long.",
    ),
    _variable(
        "ZEPGUARD_BREAKER_OPEN_S",
        "breaker_open_s",
        "30",
        "seconds",
        _number(0.1, TTL_MAX_S, "seconds"),
        "How long a breaker stays open before its one trial.",
    ),
    _variable(
        "ZEP_FAILURE_WITNESSES",
        "witnesses",
        "1",
        "count",
        _count(1, WITNESSES_MAX),
        "Distinct workers that must have seen reads fail before failures in a row downgrade the fleet.",
    ),
    _variable(
        "ZEPGUARD_CALLS_MAX",
        "calls_max",
        "32",
        "count",
        _count(1, 1000),
        "Reads under way at once in one process, and as many writes; more are not sent.",
    ),
    _variable(
        "ZEPGUARD_CACHE_FRESH_S",
        "cache_fresh_s",
        "60",
        "seconds",
        _number(0, 3600, "seconds"),
        "A thread's context serves so long without a read; 0: no cache.",
    ),
    _variable(
        "ZEPGUARD_CACHE_STALE_S",
        "cache_stale_s",
        "600",
        "seconds",
        _number(0.01, 86_400, "seconds"),
        "And so long while one worker refreshes it, or a read fails.",
    ),
    _variable(
        "ZEPGUARD_TREND_MINUTE_S",
        "trend_minute_s",
        "60",
        "seconds",
        _number(0.01, 3600, "seconds"),
        "A minute of the trends (15 of slow reads, 10 of failed ones, downgrade); less where time is scaled.",
    ),
    _variable(
        "ZEPGUARD_TREND_LATENCY_MS",
        "trend_latency_ms",
        "300",
        "milliseconds",
        _number(1, 60_000, "milliseconds"),
        "p95 of read latency over this for 15 minutes downgrades.",
    ),
    _variable(
        "ZEPGUARD_TREND_FAILURES",
        "trend_failures",
        "0.1",
        "share",
        _number(0.001, 1, "(a share of the reads)"),
        "A share of failed reads over this for 10 minutes downgrades.",
    ),
    _variable(
        "ZEPGUARD_TREND_READS_MIN",
        "trend_reads_min",
        "50",
        "count",
        _count(1, 1_000_000),
        "Fewer reads than this in its window are no trend.",
    ),
    _variable(
        "ZEPGUARD_OUTBOX_BACKOFF_S",
        "outbox_backoff_s",
        "1",
        "seconds",
        _number(0.01, 3600, "seconds"),
        "Wait before the second attempt to deliver a message; doubles each time.",
    ),
    _variable(
        "ZEPGUARD_OUTBOX_BACKOFF_MAX_S",
        "outbox_backoff_max_s",
        "60",
        "seconds",
        _number(0.01, TTL_MAX_S, "seconds"),
        "Longest wait between attempts to deliver a message.",
    ),
    _variable(
        "ZEPGUARD_OUTBOX_SETTLE_S",
        "outbox_settle_s",
        f"{SETTLE_S:g}",
        "seconds",
        _number(0.01, TTL_MAX_S, "seconds"),
        "After a write of unknown fate, wait before it is looked up and, if absent, sent again; no message is doubled "
        "if Zep applies a request within this time.",
    ),
    _variable(
        "ZEPGUARD_OUTBOX_LONG",
        "outbox_long",
        "split",
        "split or refuse",
        _one_of("split", "refuse"),
        "What becomes of a message over Zep's 4,096 characters: parts in order, or an error when it is accepted.",
    ),
    _variable(
        "ZEPGUARD_OUTBOX_KEEP_S",
        "outbox_keep_s",
        "86400",
        "seconds",
        _number(1, _KEEP_S_MAX, "seconds"),
        "How long a delivered message stays in the outbox table.",
    ),
    _variable(
        "ZEPGUARD_OUTBOX_DEAD_KEEP_S",
        "outbox_dead_keep_s",
        "2592000",
        "seconds",
        _number(1, _KEEP_S_MAX, "seconds"),
        "How long a dead letter is kept.",
    ),
    _variable(
        "ZEPGUARD_PII_REGIONS",
        "pii_regions",
        "TR,CY,GB,US",
        "list of codes",
        _regions,
        "Whose phone numbers are known without + when personal data is redacted; earlier ones go first.",
    ),
    _variable(
        "ZEPGUARD_LOG_FILE",
        "log_file",
        "",
        "path",
        _path,
        "File of the JSON log lines. Empty: standard error.",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the guard runs with. Made by ``read_settings``; times as the unit in each name says."""

    flag_write: bool
    flag_read: bool
    enabled: bool
    base_url: str
    api_key: str
    timeout_ms: float
    redis_url: str
    namespace: str
    store_timeout_ms: float
    hold_s: float
    failure_threshold: int
    negative_s: float
    breaker_open_s: float
    witnesses: int
    calls_max: int
    cache_fresh_s: float
    cache_stale_s: float
    trend_minute_s: float
    trend_latency_ms: float
    trend_failures: float
    trend_reads_min: int
    outbox_backoff_s: float
    outbox_backoff_max_s: float
    outbox_settle_s: float
    outbox_long: str
    outbox_keep_s: float
    outbox_dead_keep_s: float
    pii_regions: tuple[str, ...]
    log_file: str

    @property
    def base_mode(self) -> Mode:
        """The mode that the flags ask for (checklist, environment variables)."""
        if not (self.enabled and self.flag_write):
            return Mode.OFF
        return Mode.READ_WRITE if self.flag_read else Mode.WRITE_ONLY

    @property
    def timeout_s(self) -> float:
        """Deadline of a call to Zep, seconds."""
        return self.timeout_ms / 1000

    @property
    def policy(self) -> Policy:
        """The numbers of the transition function.

        A lease outlives the call it is for, and not by much. A breaker never opens before the downgrade: it would hide
        the reads that lead there.
        """
        return Policy(
            hold_s=self.hold_s,
            failure_threshold=self.failure_threshold,
            breaker_threshold=max(BREAKER_THRESHOLD, self.failure_threshold),
            breaker_open_s=self.breaker_open_s,
            negative_s=self.negative_s,
            lease_s=2 * self.timeout_s + 1,
            witnesses=self.witnesses,
            cache_fresh_s=self.cache_fresh_s,
            cache_stale_s=self.cache_stale_s,
            trend=TrendPolicy(
                minute_s=self.trend_minute_s,
                slow_s=self.trend_latency_ms / 1000,
                failure_ratio=self.trend_failures,
                reads_min=self.trend_reads_min,
            ),
        )

    def __repr__(self) -> str:
        shown = ", ".join(f"{v.name}={'(hidden)' if v.secret else getattr(self, v.field)!r}" for v in VARIABLES)
        return f"Settings({shown})"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read and check the settings.

    Args:
        environ: environment variables, such as ``os.environ``.

    Raises:
        SettingsError: naming the variable, its value (never a secret's) and the remedy.
    """
    values = {v.field: v.parse(v, environ.get(v.name, v.default)) for v in VARIABLES}
    settings = Settings(**values)  # type: ignore[arg-type]
    _check_together(settings, environ)
    return settings


def _check_together(settings: Settings, environ: Mapping[str, str]) -> None:
    if settings.flag_read and not settings.flag_write:
        raise SettingsError(
            f"FLAG_ZEP_READ={environ.get('FLAG_ZEP_READ')!r} with FLAG_ZEP_WRITE="
            f"{environ.get('FLAG_ZEP_WRITE', 'false')!r}: reads without writes would serve ever older memory; "
            "set FLAG_ZEP_WRITE=true or FLAG_ZEP_READ=false"
        )
    if environ.get("ZEP_API_URL"):
        shown = "(hidden)" if _may_hold_credentials(environ["ZEP_API_URL"]) else repr(environ["ZEP_API_URL"])
        raise SettingsError(
            f"ZEP_API_URL={shown}: the SDK would let it win over ZEP_BASE_URL="
            f"{settings.base_url!r}; unset ZEP_API_URL and put the server's root into ZEP_BASE_URL"
        )
    if settings.enabled and not settings.api_key:
        raise SettingsError("ZEP_API_KEY is missing while ZEP_ENABLED is true: set the key, or ZEP_ENABLED=false")
    if settings.cache_stale_s < settings.cache_fresh_s:
        raise SettingsError(
            f"ZEPGUARD_CACHE_STALE_S={settings.cache_stale_s:g} is below "
            f"ZEPGUARD_CACHE_FRESH_S={settings.cache_fresh_s:g}: raise the first or lower the second"
        )
    if settings.outbox_backoff_max_s < settings.outbox_backoff_s:
        raise SettingsError(
            f"ZEPGUARD_OUTBOX_BACKOFF_MAX_S={settings.outbox_backoff_max_s:g} is below "
            f"ZEPGUARD_OUTBOX_BACKOFF_S={settings.outbox_backoff_s:g}: raise the first or lower the second"
        )
