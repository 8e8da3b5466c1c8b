"""No address and no number of a person in a log line, whoever wrote the line.

``redact_event`` is the last step before a line of the guard is rendered; ``RedactingFilter`` does the same for records
of ``logging`` (Celery, uvicorn, Django). What is found counts into ``memory_pii_redactions_total{kind}``, as in the
outbox. Neither raises, and neither loses a line: what cannot be read is withheld, and the line says so.

An id (``user_id``, ``thread_id``) that holds an e-mail address becomes ``email:`` and the first 16 hex digits of the
SHA-256 of the whole id, one that holds a phone number ``phone:`` and the same, so that the lines of one person can
still be put together. It is a name, no secret: who knows the address can compute it. Other ids stay as they are.

Cost is bounded: of a text the first 8,192 characters are kept (of a traceback the last), of an event 32,768 in 512
values, six levels deep. No source for these but that an event of this product has under 2,000 characters.
"""

from __future__ import annotations

import hashlib
import logging
import traceback
from collections.abc import Callable, Mapping, MutableMapping, Set
from contextlib import suppress
from typing import Any

from guard.pii import DEFAULT_REGIONS, Finding, Redaction, redact

__all__ = ["RedactingFilter", "name_of_id", "redact_event", "use_regions"]

_TEXT_MAX = 8_192
_EVENT_MAX = 32_768
_VALUES_MAX = 512
_DEPTH_MAX = 6
_BITS_MAX = 1024
"""Of a number; Python refuses to write one of more than 4,300 digits, and the line would be lost."""
_REACH = 512
"""Longer than any address or number: one that lies over a cut is seen whole, and goes whole."""
_OWN_KEYS = frozenset({"timestamp", "level"})
"""Written by structlog itself, after the caller's."""
_ID_KEYS = frozenset({"user_id", "thread_id"})
_END_KEYS = frozenset({"exception", "stack"})
_WITHHELD = "(withheld: it could not be read)"
_SAYING = (str, bytes, bytearray, BaseException, Mapping, list, tuple, Set)
"""What of ``extra`` is redacted; any other object may be one that a handler needs, such as Django's request."""
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

Count = Callable[[tuple[Finding, ...]], None]

_regions: tuple[str, ...] = DEFAULT_REGIONS
_asked_for: tuple[str, ...] = ()


def use_regions(regions: tuple[str, ...]) -> None:
    """Have the log lines of this process redacted as the outbox is (``ZEPGUARD_PII_REGIONS``).

    A process has one log: what one service asked for stays when another asks for something else.

    Args:
        regions: as ``guard.pii.redact`` takes them.

    Raises:
        UnknownRegion: for a code without a numbering plan.
    """
    global _regions, _asked_for
    redact("", regions=regions)
    _regions = _asked_for = tuple(dict.fromkeys((*_asked_for, *regions)))


def _redaction(text: str) -> Redaction:
    return redact(text, regions=_regions)


def name_of_id(identity: str) -> str:
    """Return how an id stands in log lines: its kind and a hash if it holds an address or a number, else the id itself.

    Args:
        identity: a user's or thread's id, as the app knows it; case and blanks count.
    """
    findings = _redaction(identity).findings
    if not findings:
        return identity
    kind = min(finding.kind.value for finding in findings)  # email before phone
    return f"{kind}:{hashlib.sha256(identity.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def redact_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact each string of an event, nested ones too (a processor of structlog, for right before the renderer).

    Numbers, truth values and None stay; any other object becomes its text. What comes out is plain JSON data.
    """
    clean = _Clean(_EVENT_MAX, _counted)
    try:
        first = {"event": clean.member("event", event["event"])} if "event" in event else {}  # while there is budget
        return {
            clean.key(key): first[key] if key in first else value if key in _OWN_KEYS else clean.member(key, value)
            for key, value in event.items()
        }
    except Exception as error:  # a line that says little is better than a lost one, or one that says too much
        kept = {key: event[key] for key in (*_OWN_KEYS, "source") if isinstance(event.get(key), str)}
        return {"event": _WITHHELD, "error": type(error).__name__, **kept}


class RedactingFilter(logging.Filter):
    """Redacts the records of ``logging`` that a handler or logger gives it; lets every one pass.

    Message, arguments, stack, exception and what ``extra`` adds (texts, bytes, exceptions, and collections of them) are
    redacted in the record itself, so that each formatter sees them so. Arguments keep their number and order where that
    is enough (uvicorn's access log counts them); else they are merged into the message. An exception whose text named a
    person stays as text alone: a formatter of JSON would write it out anew.

        LOGGING = {"filters": {"private": {"()": "guard.logs.RedactingFilter"}}, ...}
    """

    def __init__(self, name: str = "", *, exceptions: bool = True) -> None:
        """Take the name of a logger as ``logging.Filter`` does.

        Args:
            name: only records of this logger and those below it are redacted; all, if empty.
            exceptions: whether to write out and redact the traceback here; False leaves it to the formatter, which is
                right only for one that does not show an exception's text.
        """
        super().__init__(name)
        self.exceptions = exceptions

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact ``record``; give True."""
        if super().filter(record):
            try:
                self._redact(record)
            except Exception as error:  # as in redact_event
                record.msg, record.args = f"{_WITHHELD} ({type(error).__name__})", ()
                record.exc_info = record.exc_text = record.stack_info = None
        return True

    def _redact(self, record: logging.LogRecord) -> None:
        clean = _Clean(_EVENT_MAX, _counted)
        _redact_message(record, clean)
        for key, value in list(vars(record).items()):
            if key not in _STANDARD and isinstance(value, _SAYING):
                setattr(record, key, clean.member(key, value))
        if record.stack_info:
            record.stack_info = clean.text(record.stack_info, keep_end=True)
        if record.exc_text is None and self.exceptions and record.exc_info and record.exc_info[1] is not None:
            record.exc_text = "".join(traceback.format_exception(record.exc_info[1])).rstrip("\n")
        if record.exc_text:
            said, record.exc_text = record.exc_text, clean.text(record.exc_text, keep_end=True)
            if record.exc_text != said:
                record.exc_info = None


def _redact_message(record: logging.LogRecord, clean: _Clean) -> None:
    try:
        said = record.getMessage()
    except Exception:  # logging itself would print template and arguments to stderr
        said = f"{record.msg} (its arguments do not fit)"
        record.msg, record.args = said, ()
    redacted = clean.text(said)
    if redacted == said:
        return
    with suppress(Exception):
        silent = _Clean(_EVENT_MAX, lambda _: None)
        template, args = silent.text(str(record.msg)), _arguments(record.args, silent)
        if args and template % args == redacted:
            record.msg, record.args = template, args
            return
    record.msg, record.args = redacted, ()


def _arguments(args: Any, clean: _Clean) -> Any:
    if isinstance(args, Mapping):
        return {key: _argument(value, clean) for key, value in args.items()}
    return tuple(_argument(value, clean) for value in args or ())


def _argument(value: Any, clean: _Clean) -> Any:
    """Numbers stay numbers, for ``%d``; an object whose text is clean stays too, for ``%r``."""
    if value is None or isinstance(value, (int, float)):
        return value
    said = str(value)
    redacted = clean.text(said)
    return value if redacted == said else redacted


class _Clean:
    """Redacts the values of one event, until ``budget`` characters are read."""

    def __init__(self, budget: int, count: Count) -> None:
        self._budget = budget
        self._values = _VALUES_MAX
        self._count = count

    def key(self, key: Any) -> str:
        """A key that JSON takes."""
        return self._redacted(str(key)[:_REACH])

    def member(self, key: Any, value: Any, depth: int = _DEPTH_MAX) -> Any:
        """The value of a key, which may be an id or a traceback."""
        if not isinstance(value, str):
            return self.value(value, depth)
        if key in _ID_KEYS and len(value) <= _REACH:
            return self._id(str.__str__(value))
        self._values -= 1
        return self.text(str.__str__(value), keep_end=key in _END_KEYS)

    def _id(self, identity: str) -> str:
        name = name_of_id(identity)
        if name != identity:
            self._count(_redaction(identity).findings)
        return name

    def value(self, value: Any, depth: int) -> Any:
        """Any value; ``depth`` is how many levels may come."""
        self._values -= 1
        if self._values < 0:
            return "(withheld: too many values)"
        if isinstance(value, int) and value.bit_length() > _BITS_MAX:
            return "(withheld: too large a number)"
        if value is None or isinstance(value, (int, float)):
            return value
        if isinstance(value, str):
            return self.text(str.__str__(value))
        if isinstance(value, (Mapping, list, tuple, Set)):
            return self._inside(value, depth - 1) if depth else "(withheld: too deep)"
        return self._of_object(value)

    def _inside(self, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping):
            taken = list(zip(value.items(), range(self._values + 1), strict=False))
            return {self.key(key): self.member(key, inner, depth) for (key, inner), _ in taken}
        return [self.value(inner, depth) for inner, _ in zip(value, range(self._values + 1), strict=False)]

    def _of_object(self, value: Any) -> str:
        try:
            said = value.decode("utf-8", "backslashreplace") if isinstance(value, (bytes, bytearray)) else str(value)
        except Exception:  # whatever an object's own text may raise
            return f"(withheld: {type(value).__name__} has no text)"
        return self.text(said)

    def text(self, text: str, *, keep_end: bool = False) -> str:
        """A text, redacted and cut."""
        most = min(_TEXT_MAX, self._budget)
        self._budget -= min(len(text), most)
        if len(text) <= most:
            return self._redacted(text)
        if keep_end:
            return f"({len(text) - most} characters withheld) {self._redacted(_end_of(text, most))}"
        start = _start_of(text, most)
        return f"{self._redacted(start)} ({len(text) - len(start)} characters withheld)"

    def _redacted(self, text: str) -> str:
        redaction = _redaction(text)
        if redaction.findings:
            self._count(redaction.findings)
        return redaction.text


def _start_of(text: str, most: int) -> str:
    """The first ``most`` characters, or fewer where a finding lies over the cut."""
    around = max(0, most - _REACH)
    for _, start, end in _redaction(text[around : most + _REACH]).findings:
        if around + start < most < around + end:
            return text[: around + start]
    return text[:most]


def _end_of(text: str, most: int) -> str:
    """The last ``most`` characters, or fewer where a finding lies over the cut."""
    cut = len(text) - most
    around = max(0, cut - _REACH)
    for _, start, end in _redaction(text[around : cut + _REACH]).findings:
        if around + start < cut < around + end:
            return text[around + end :]
    return text[cut:]


def _counted(findings: tuple[Finding, ...]) -> None:
    """Count, if that can be done: a full disk under the metrics must not cost a line."""
    with suppress(Exception):
        from guard.metrics.instruments import PII_REDACTIONS

        for finding in findings:
            PII_REDACTIONS.labels(finding.kind.value).inc()
