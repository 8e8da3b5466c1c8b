"""What is done to a message before its row is written."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guard import read_settings
from guard.errors import CallerError, MessageRefused, SettingsError
from guard.metrics import instruments
from guard.outbox.acceptance import CHARACTERS_MAX, Acceptance, count_redactions, prepare, split
from guard.outbox.dbapi import MESSAGES, accept, create_tables
from guard.pii import DEFAULT_REGIONS

texts = st.text(alphabet=st.sampled_from("ab .,!?\n\u0301\u200d\U0001f44d\U0001f3fd\ufe0f"), max_size=200)


def prepared(content: str, rules: Acceptance) -> tuple[str, ...]:
    return prepare(user_id="u", thread_id="t", role="user", content=content, rules=rules).contents


@given(text=st.one_of(texts, st.text(max_size=200)), most=st.integers(1, 40))
@example(text="", most=1)
def test_the_parts_are_the_text(text: str, most: int) -> None:
    """Joined nothing is missing, none is too long, and none is empty unless all is."""
    parts = list(split(text, most))
    assert "".join(parts) == text
    assert all(len(part) <= most for part in parts)
    assert all(parts) or parts == [""]


@given(text=st.text(max_size=100))
def test_what_fits_is_one_part(text: str) -> None:
    assert list(split(text, 100)) == [text]


@pytest.mark.parametrize(
    ("text", "most", "parts"),
    [
        ("one two three four", 10, ["one two ", "three four"]),
        ("First one. Second one.", 15, ["First one. ", "Second one."]),
        ("a b\n\nc d e f", 8, ["a b\n\n", "c d e f"]),
        ("no\nlonger words here", 12, ["no\nlonger ", "words here"]),
        ("x" * 25, 10, ["x" * 10, "x" * 10, "x" * 5]),
    ],
)
def test_a_text_is_cut_where_a_reader_would_pause(text: str, most: int, parts: list[str]) -> None:
    assert list(split(text, most)) == parts


@given(cut=st.integers(2, 30))
def test_a_letter_keeps_its_accents_and_an_emoji_its_parts(cut: int) -> None:
    """Where no boundary is near: the family is one sign of seven characters, the e one of two."""
    text = "e\u0301" * 20 + "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 3
    for part in split(text, max(cut, 8)):
        assert not unicodedata.combining(part[0])
        assert part[0] != "\u200d"
        assert part[-1] != "\u200d"


def test_what_is_redacted_is_not_cut_in_two(rules: Acceptance) -> None:
    """The address stands across the limit: it is found before the text is cut."""
    text = "x" * (CHARACTERS_MAX - 8) + " ali@example.com and more"
    joined = "".join(prepared(text, rules))
    assert joined == "x" * (CHARACTERS_MAX - 8) + " [EMAIL] and more"


def test_a_message_that_grows_by_its_placeholders_is_split_too(rules: Acceptance) -> None:
    parts = prepared("a@b.co " * 585, rules)
    assert [len(part) <= CHARACTERS_MAX for part in parts] == [True, True]


def test_regions_decide_what_is_a_phone_number(rules: Acceptance) -> None:
    german = "ruf an: 030 901820"
    assert prepared(german, rules) == (german,)
    assert prepared(german, Acceptance(regions=("DE",), long="split")) == ("ruf an: [PHONE]",)


def test_the_default_regions_are_those_of_the_redaction() -> None:
    """They are written out in the settings, which must not load the patterns."""
    assert Acceptance.from_environ({}) == Acceptance(regions=DEFAULT_REGIONS, long="split")


def test_the_rules_come_from_the_settings_or_from_their_two_variables() -> None:
    environ = {"ZEPGUARD_PII_REGIONS": " de, fr ", "ZEPGUARD_OUTBOX_LONG": "Refuse", "ZEP_TIMEOUT_MS": "no number"}
    rules = Acceptance.from_environ(environ)
    assert rules == Acceptance(regions=("DE", "FR"), long="refuse")
    del environ["ZEP_TIMEOUT_MS"]
    assert Acceptance.of(read_settings(environ)) == rules


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("ZEPGUARD_PII_REGIONS", "TR,ZZ", "'ZZ' has no numbering plan"),
        ("ZEPGUARD_OUTBOX_LONG", "cut", "write split or refuse"),
        ("ZEPGUARD_OUTBOX_SETTLE_S", "0", "out of range"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_at_start(name: str, value: str, remedy: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}='{value}': .*{remedy}"):
        read_settings({name: value})


def test_a_refusal_is_the_callers_error_and_names_the_remedy(rules: Acceptance) -> None:
    with pytest.raises(CallerError, match="ZEPGUARD_OUTBOX_LONG=split"):
        prepared("x" * 5000, Acceptance(regions=rules.regions, long="refuse"))
    with pytest.raises(MessageRefused, match="role '' is refused"):
        prepare(user_id="u", thread_id="t", role="", content="x", rules=rules)


def redactions(kind: str) -> float:
    return float(instruments.PII_REDACTIONS.labels(kind)._value.get())


def test_redactions_are_counted_by_kind(rules: Acceptance) -> None:
    before = redactions("email"), redactions("phone")
    text = "a@example.com, b@example.com, +90 532 123 45 67"
    count_redactions(prepare(user_id="u", thread_id="t", role="user", content=text, rules=rules).findings)
    assert (redactions("email"), redactions("phone")) == (before[0] + 2, before[1] + 1)


def test_each_table_counts_what_it_redacts(outbox: object) -> None:
    before = redactions("email")
    outbox.accept("t", "a@example.com")  # type: ignore[attr-defined]
    assert redactions("email") == before + 1


def test_all_counters_are_there_before_anything_happens() -> None:
    script = (
        "from prometheus_client import generate_latest\n"
        "from guard.metrics import REGISTRY\n"
        "print(generate_latest(REGISTRY).decode())"
    )
    environ = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environ)
    for series in (
        'memory_pii_redactions_total{kind="email"}',
        'memory_pii_redactions_total{kind="phone"}',
        "memory_outbox_delivered_total",
        "memory_outbox_retried_total",
        "memory_outbox_dead_total",
        "memory_outbox_unknown_total",
    ):
        assert f"\n{series} 0.0" in told.stdout


@pytest.mark.parametrize("content", [None, 5, b"x"])
def test_content_that_is_no_text_is_refused(content: Any, rules: Acceptance) -> None:
    with pytest.raises(MessageRefused, match=f"content of type {type(content).__name__} is refused: give it as a str"):
        prepare(user_id="u", thread_id="t", role="user", content=content, rules=rules)


@pytest.mark.parametrize("content", ["half \ud83d a smile", "\udc00", "a\0b"])
def test_what_no_database_takes_is_replaced_and_loses_no_message(content: str) -> None:
    """A reply whose emoji was cut in two came to the driver as it was, which raised in the middle of the turn."""
    connection = sqlite3.connect(":memory:")
    create_tables(connection)
    rules = Acceptance(regions=DEFAULT_REGIONS, long="split")
    accept(connection, user_id="u", thread_id="t", role="assistant", content=content, turn_id="1", rules=rules)
    [(stored,)] = connection.execute(f"SELECT content FROM {MESSAGES}")
    assert len(stored) == len(content)
    assert stored == "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in content)
