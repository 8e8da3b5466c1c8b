"""No address, no number in a log line; and no line lost, whatever is logged."""

from __future__ import annotations

import enum
import hashlib
import json
import logging
import logging.config
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from guard import MemoryService, log_privacy, logs
from guard.errors import UnknownRegion
from guard.log_privacy import RedactingFilter, name_of_id, redact_event
from guard.metrics.instruments import PII_REDACTIONS
from guard.pii import DEFAULT_REGIONS

ADDRESS = "ayse.yilmaz@example.com"
NUMBER = "+90 532 123 45 67"


def counted(kind: str) -> float:
    return PII_REDACTIONS.labels(kind)._value.get()


def event(**fields: Any) -> dict[str, Any]:
    return dict(redact_event(None, "info", {"event": "something", **fields}))


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "app.log"
    logs.configure(str(path))
    yield path
    logs.configure()


def line(path: Path) -> dict[str, Any]:
    (text,) = path.read_text().splitlines()
    return json.loads(text)


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError(ADDRESS)


class Colour(str, enum.Enum):  # noqa: UP042 - its str() is not its value
    RED = "red of " + ADDRESS


# Lines of the guard


def test_a_line_has_no_address_and_no_number_wherever_they_stand(log_file: Path) -> None:
    """Text, nested, key, object, bytes, exception, bound context; each counted."""
    before = counted("email"), counted("phone")
    logs.get_logger("guard").bind(bound=f"for {ADDRESS}").warning(
        f"call {NUMBER}",
        nested=[{"a": (ADDRESS, {ADDRESS: 1})}],
        error=ValueError(f"no such person: {ADDRESS}"),
        raw=f"tel {NUMBER}".encode(),
        path=Path(f"/people/{ADDRESS}"),
        colour=Colour.RED,
    )
    said = line(log_file)
    assert said["event"] == "call [PHONE]"
    assert said["nested"] == [{"a": ["[EMAIL]", {"[EMAIL]": 1}]}]
    assert said["error"] == "no such person: [EMAIL]"
    assert said["raw"] == "tel [PHONE]"
    assert said["colour"] == "red of [EMAIL]"
    assert said["bound"] == "for [EMAIL]"
    assert "example" not in log_file.read_text()
    assert (counted("email") - before[0], counted("phone") - before[1]) == (6, 2)


def test_an_exception_is_redacted_with_its_causes(log_file: Path) -> None:
    try:
        try:
            raise KeyError(ADDRESS)
        except KeyError as error:
            raise ValueError(f"call {NUMBER}") from error
    except ValueError:
        logs.get_logger("guard").exception("broke")
    said = line(log_file)
    assert "KeyError: '[EMAIL]'" in said["exception"]
    assert said["exception"].endswith("ValueError: call [PHONE]")
    assert "test_log_privacy.py" in said["exception"]


def test_what_a_line_is_for_stays(log_file: Path) -> None:
    """Numbers are no text: latencies, generations, statuses; nor are its own stamps touched."""
    fields = {"latency_s": 0.123456789, "generation": 5321234567, "status": 503, "alone": True, "nothing": None}
    logs.get_logger("guard").error("zep_context_failure", hold_s=-1.5, thread_id="t-05321234567", **fields)
    said = line(log_file)
    assert {key: said[key] for key in fields} == fields
    assert (said["hold_s"], said["level"], said["source"]) == (-1.5, "error", "guard")
    assert said["thread_id"] == "t-05321234567"
    assert said["timestamp"].startswith("20")
    assert said["timestamp"].endswith("Z")


def test_an_id_that_is_an_address_or_a_number_is_hashed() -> None:
    """Always to the same name; other ids stay, nested ones are treated alike."""
    name = "email:" + hashlib.sha256(ADDRESS.encode()).hexdigest()[:16]
    assert name_of_id(ADDRESS) == name
    assert event(user_id=ADDRESS, thread_id=f"chat-{ADDRESS}")["user_id"] == name
    assert event(thread_id=f"chat-{ADDRESS}")["thread_id"].startswith("email:")
    assert event(thread_id=f"chat-{ADDRESS}")["thread_id"] != name
    assert event(user_id="905321234567")["user_id"].startswith("phone:")
    for other in ("4155552671", "7f3c", "thread_05321234567", "7f0c1d5e-0532-4123-8456-789012345678", "user 12"):
        assert event(user_id=other, thread_id=other) == {"event": "something", "user_id": other, "thread_id": other}
    assert event(of=[{"user_id": ADDRESS}])["of"] == [{"user_id": name}]
    assert event(user_id=17)["user_id"] == 17
    assert name_of_id(name) == name


def test_cost_is_bounded_and_the_event_keeps_its_name() -> None:
    """A text is cut, a traceback from its beginning, a tree at its depth, a list at its length; a loop ends."""
    long = "x" * 1_000_000
    said = dict(
        redact_event(None, "info", {"text": long, "more": [long] * 10, "exception": long, "event": "something"})
    )
    assert said["event"] == "something"
    assert said["text"].endswith("x (991808 characters withheld)")
    assert said["exception"].startswith("(")
    assert len(json.dumps(said)) < 40_000
    assert event(exception="y" * 9_000 + "ValueError: bad")["exception"].endswith("ValueError: bad")
    for many in ([1] * 2_000, [""] * 2_000, [[1] * 1_000] * 1_000, {"a": [{"b": 1}] * 1_000}):
        assert len(json.dumps(event(many=many))) < 20_000
    assert event(many=[[1] * 100] * 10, last=[1])["last"] == "(withheld: too many values)"
    loop: list[Any] = []
    loop.append(loop)
    assert "too deep" in json.dumps(event(loop=loop))


@pytest.mark.parametrize("at", range(8_192 - 24, 8_193, 4))
def test_a_cut_leaves_no_half_address(at: int) -> None:
    """Neither at the end of a text nor at the beginning of a traceback."""
    start, end = "-" * (at - 1) + f" {ADDRESS} " + "-" * 1_000, "-" * 1_000 + f" {ADDRESS} " + "-" * (at - 1)
    for said in (event(text=start)["text"], event(exception=end)["exception"]):
        assert not any(part in said for part in ("ayse", "yilmaz", "@", "example"))


def test_what_cannot_be_read_is_withheld(log_file: Path) -> None:
    """The line is written all the same."""
    logs.get_logger("guard").info(
        "odd", value=Unprintable(), key={(1, ADDRESS): 2, Unprintable: 3}, surrogate="\ud800", number=10**5_000
    )
    said = line(log_file)
    assert said["event"] == "odd"
    assert said["value"] == "(withheld: Unprintable has no text)"
    assert said["number"] == "(withheld: too large a number)"
    assert ADDRESS not in log_file.read_text()


def test_a_line_is_written_though_redaction_breaks(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what could not be redacted."""
    monkeypatch.setattr(log_privacy, "redact", lambda *_, **__: 1 / 0)
    logs.get_logger("guard").info("odd", value=ADDRESS)
    said = line(log_file)
    assert (said["error"], said["level"], said["source"]) == ("ZeroDivisionError", "info", "guard")
    assert ADDRESS not in log_file.read_text()


def test_a_line_is_written_though_nothing_can_be_counted(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PII_REDACTIONS, "labels", lambda *_: 1 / 0)
    logs.get_logger("guard").info("to", value=ADDRESS)
    assert line(log_file)["value"] == "[EMAIL]"


@pytest.fixture
def no_service_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_privacy, "_regions", DEFAULT_REGIONS)
    monkeypatch.setattr(log_privacy, "_asked_for", ())


@pytest.mark.usefixtures("no_service_yet")
def test_regions_are_those_of_the_settings(environ: dict[str, str]) -> None:
    """The service of a process says which."""
    MemoryService.from_env({**environ, "ZEPGUARD_PII_REGIONS": "DE"}).close()
    assert event(text="tel 030 901820")["text"] == "tel [PHONE]"
    assert event(text="(415) 555-2671")["text"] == "(415) 555-2671"
    with pytest.raises(UnknownRegion):
        log_privacy.use_regions(("ZZ",))


@pytest.mark.usefixtures("no_service_yet")
def test_a_second_service_takes_no_region_from_the_first(environ: dict[str, str]) -> None:
    """Both write to the one log of the process."""
    for regions in ("TR", "US", ""):
        MemoryService.from_env({**environ, "ZEPGUARD_PII_REGIONS": regions}).close()
    assert event(text="0532 123 45 67 or (415) 555-2671")["text"] == "[PHONE] or [PHONE]"


ADDRESSES = st.builds(
    "{}@{}".format,
    st.from_regex(r"[a-z0-9]([a-z0-9._+]{0,20}[a-z0-9])?", fullmatch=True),
    st.from_regex(r"([a-z0-9]([a-z0-9]{0,10}[a-z0-9])?\.){1,3}[a-z]{2,8}", fullmatch=True),
)
NUMBERS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["+90 532 ", "0533 ", "+90 392 ", "0(532) "]),
    st.from_regex(r"[2-9][0-9]{2} ", fullmatch=True),
    st.from_regex(r"[0-9]{2} ", fullmatch=True),
    st.from_regex(r"[0-9]{2}", fullmatch=True),
)
PROSE = st.text(
    st.characters(exclude_characters="@[]\u2060", exclude_categories=["Cs", "Cf", "Mn", "Me", "Cc", "Nd"]), max_size=30
)
SECRETS = st.one_of(ADDRESSES, NUMBERS)


def shapes(text: str) -> st.SearchStrategy[Any]:
    return st.sampled_from(
        [
            text,
            [text],
            (1, {"k": [text]}),
            {text: 1},
            {text},
            frozenset([text]),
            text.encode(),
            ValueError(text),
            {"user_id": text},
        ]
    )


@st.composite
def fields_and_secret(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    secret = draw(SECRETS)
    text = f"{draw(PROSE)} {secret} {draw(PROSE)}"
    name = draw(st.sampled_from(["text", "exception", "stack", "event", "detail"]))
    return {name: draw(shapes(text))}, secret


@settings(max_examples=300, deadline=None)
@example(({"text": "=+ 0533 200 00 00 "}, "0533 200 00 00"))
@given(fields_and_secret())
def test_no_address_and_no_number_survives(case: tuple[dict[str, Any], str]) -> None:
    """In any shape, under any name."""
    fields, secret = case
    assert secret not in json.dumps(redact_event(None, "info", fields), ensure_ascii=False)


LEAVES = (
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.builds(Unprintable)),
    *(st.just(Colour.RED), st.dates(), st.uuids(), st.builds(object), st.just(ValueError), st.complex_numbers()),
)
KEYS = st.one_of(st.text(), st.integers(), st.none(), st.tuples(st.integers()))
ANY = st.recursive(
    st.one_of(*LEAVES),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(KEYS, inner), st.tuples(inner, inner)),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}_", fullmatch=True), ANY, max_size=4))
def test_no_call_raises_and_no_line_is_lost(log_file: Path, fields: dict[str, Any]) -> None:
    log_file.unlink(missing_ok=True)
    logs.configure()
    logs.configure(str(log_file))
    logs.get_logger("guard").info("something", **fields)
    said = line(log_file)
    assert said["event"] == "something"
    assert set(said) >= set(fields)


# Lines of others


class Kept(logging.Handler):
    """What a formatter makes of each record."""

    def __init__(self, private: RedactingFilter, formatter: logging.Formatter | None = None) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.records: list[logging.LogRecord] = []
        self.setFormatter(formatter or logging.Formatter("%(levelname)s %(message)s"))
        self.addFilter(private)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.lines.append(self.format(record))


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler = Kept(RedactingFilter())
    logger = logging.getLogger("somebody")
    logger.addHandler(handler)
    logger.propagate = False
    yield handler
    logger.removeHandler(handler)
    logger.propagate = True


def test_message_and_arguments_of_others_are_redacted(kept: Kept) -> None:
    """Arguments stay apart where that is enough."""
    log = logging.getLogger("somebody")
    log.error("mail %s took %d ms, %s", ADDRESS, 12, 0.5)
    log.error("mail " + ADDRESS)
    log.error("%(who)s", {"who": ADDRESS})
    log.error("0532 123 %s 67", 45)
    log.error(ValueError(NUMBER))
    said = ["mail [EMAIL] took 12 ms, 0.5", "mail [EMAIL]", "[EMAIL]", "[PHONE]", "[PHONE]"]
    assert kept.lines == [f"ERROR {text}" for text in said]
    assert kept.records[0].args == ("[EMAIL]", 12, 0.5)


def test_clean_records_of_others_are_left_alone(kept: Kept) -> None:
    args = (1, "x", Path("y"))
    logging.getLogger("somebody").warning("a %d %s %s", *args)
    assert kept.records[0].args == args
    assert kept.records[0].msg == "a %d %s %s"
    assert kept.lines == ["WARNING a 1 x y"]


def test_exception_stack_and_extra_of_others_are_redacted(kept: Kept) -> None:
    try:
        raise ValueError(ADDRESS)
    except ValueError:
        logging.getLogger("somebody").exception("broke", stack_info=True, extra={"who": ADDRESS, "user_id": ADDRESS})
    assert kept.lines[0].startswith("ERROR broke\nTraceback")
    assert "ValueError: [EMAIL]\n" in kept.lines[0]
    assert ADDRESS not in kept.lines[0]
    record: Any = kept.records[0]
    assert (record.who, record.user_id) == ("[EMAIL]", name_of_id(ADDRESS))


class AsJson(logging.Formatter):
    """As formatters of JSON do: all that a record has, and the exception written out by themselves."""

    def format(self, record: logging.LogRecord) -> str:
        said = {key: value for key, value in vars(record).items() if key not in ("args", "exc_info")}
        said["message"] = record.getMessage()
        if record.exc_info:
            said["exc_info"] = self.formatException(record.exc_info)
        return json.dumps(said, default=str)


def test_a_formatter_of_json_shows_nobody_either() -> None:
    handler = Kept(RedactingFilter(), AsJson())
    extra = {
        "data": {"args": [NUMBER], "kwargs": {"who": ADDRESS, "user_id": ADDRESS}},
        "people": (ADDRESS,),
        "body": ADDRESS.encode(),
        "error": ValueError(ADDRESS),
        "request": object(),
        "count": 7,
    }
    logger = logging.Logger("somebody")
    logger.addHandler(handler)
    try:
        raise KeyError(ADDRESS)
    except KeyError:
        logger.exception("broke", extra=extra)
    assert "example" not in handler.lines[0]
    assert NUMBER not in handler.lines[0]
    record: Any = handler.records[0]
    assert record.data == {"args": ["[PHONE]"], "kwargs": {"who": "[EMAIL]", "user_id": name_of_id(ADDRESS)}}
    assert (record.body, record.error, record.people) == ("[EMAIL]", "[EMAIL]", ["[EMAIL]"])
    assert (record.request, record.count) == (extra["request"], 7)
    assert "KeyError: '[EMAIL]'" in record.exc_text


def test_an_exception_that_names_nobody_is_left_to_its_handler(kept: Kept) -> None:
    try:
        raise ValueError("no such thread")
    except ValueError:
        logging.getLogger("somebody").exception("broke")
    assert kept.records[0].exc_info is not None
    assert kept.lines[0].endswith("ValueError: no such thread")


def test_arguments_that_do_not_fit_are_not_shown(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    """logging itself would print them to stderr."""
    logging.getLogger("somebody").error("only %s", ADDRESS, NUMBER)
    logging.getLogger("somebody").error("bad %s", Unprintable())
    assert kept.lines == ["ERROR only %s (its arguments do not fit)", "ERROR bad %s (its arguments do not fit)"]
    assert capsys.readouterr().err == ""


def test_another_filters_name_keeps_others_as_they_are() -> None:
    record = logging.makeLogRecord({"name": "a", "msg": ADDRESS})
    assert RedactingFilter("b").filter(record)
    assert record.getMessage() == ADDRESS
    assert RedactingFilter("a").filter(record)
    assert record.getMessage() == "[EMAIL]"


def test_a_record_is_kept_though_redaction_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_privacy, "redact", lambda *_, **__: 1 / 0)
    record = logging.makeLogRecord({"msg": ADDRESS, "exc_info": (ValueError, ValueError(ADDRESS), None)})
    assert RedactingFilter().filter(record)
    assert ADDRESS not in logging.Formatter().format(record)
    assert "ZeroDivisionError" in record.getMessage()


def test_a_long_record_is_cut() -> None:
    record = logging.makeLogRecord({"msg": "%s", "args": ("x" * 1_000_000,)})
    assert RedactingFilter().filter(record)
    assert len(record.getMessage()) < 9_000


@settings(max_examples=200, deadline=None)
@given(PROSE, SECRETS, st.booleans())
def test_no_record_of_others_shows_a_person(prose: str, secret: str, as_argument: bool) -> None:
    """In the template or as an argument; formatted as a handler would."""
    template = prose.replace("%", "%%")
    msg, args = (f"{template} %s .", (secret,)) if as_argument else (f"{prose} {secret} .", ())
    record = logging.makeLogRecord({"msg": msg, "args": args})
    assert RedactingFilter().filter(record)
    assert secret not in logging.Formatter().format(record)


@settings(max_examples=200, deadline=None)
@given(ANY, st.one_of(st.lists(ANY, max_size=3).map(tuple), st.dictionaries(st.text(max_size=3), ANY)))
@example("%s %d %%", (ADDRESS,))
@example("%(a)s", {})
@example("%", ())
def test_any_record_passes_and_can_be_formatted(msg: Any, args: Any) -> None:
    record = logging.makeLogRecord({"msg": msg, "args": args})
    assert RedactingFilter().filter(record)
    assert isinstance(logging.Formatter().format(record), str)
