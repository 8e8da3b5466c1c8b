"""Samples: what is written is what is read, and as the schema says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zepguard.load.errors import SamplesRefused
from zepguard.load.samples import End, RunHead, Sample, ScrapeSample, TurnSample, line_of, read_run
from zepguard.load.schedule import Arm
from zepguard.load.stages import loadtests_folder

number = st.floats(allow_nan=False, allow_infinity=False)
HEAD = RunHead(
    stage="canary",
    mode="read_write",
    users=2,
    rate_per_s=1,
    duration_s=1,
    warm_up_s=0,
    share=0.5,
    turns_in_chat=4,
    seed=1,
    began_at=0,
)
turns = st.builds(
    TurnSample,
    arm=st.sampled_from(Arm),
    due_s=number,
    free_s=number,
    sent_s=number,
    first_token_s=st.none() | number,
    done_s=number,
)
scrapes = st.builds(ScrapeSample, at_s=number, series=st.dictionaries(st.text(), number))


@given(st.lists(turns, max_size=3), st.lists(scrapes, max_size=3), st.none() | st.builds(End, at_s=number))
def test_what_is_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, turned: list[TurnSample], scraped: list[ScrapeSample], end: End | None
) -> None:
    file = tmp_path_factory.mktemp("samples") / "samples.jsonl"
    written: list[Sample] = [HEAD, *turned, *scraped, *([] if end is None else [end])]
    file.write_text("".join(line_of(one) + "\n" for one in written), encoding="utf-8")
    run = read_run(file)
    assert (run.head, list(run.turns), list(run.scrapes), run.end) == (HEAD, turned, scraped, end)


@pytest.mark.parametrize("made", [HEAD, ScrapeSample(at_s=1, series={}), End(at_s=1, due=1, interrupted=False)])
def test_lines_have_what_the_schema_says_and_no_more(made: Sample) -> None:
    check_schema(made)


@given(turns)
def test_a_turn_has_what_the_schema_says_and_no_more(made: TurnSample) -> None:
    check_schema(made)


def check_schema(made: Sample) -> None:
    line = json.loads(line_of(made))
    schema = json.loads((loadtests_folder() / "samples.schema.json").read_text(encoding="utf-8"))
    (kind,) = [one for one in schema["oneOf"] if one["properties"]["kind"]["const"] == line["kind"]]
    assert set(line) == set(kind["properties"]) == set(kind["required"])
    for name, rule in kind["properties"].items():
        assert fits(line[name], rule), (name, line[name])


def fits(value: Any, rule: dict[str, Any]) -> bool:
    """As much of JSON Schema as this one uses."""
    if "const" in rule:
        return bool(value == rule["const"])
    if "enum" in rule:
        return value in rule["enum"]
    types = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "null": type(None)}
    wanted = [rule["type"]] if isinstance(rule["type"], str) else rule["type"]
    return any(isinstance(value, types[one]) for one in wanted)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds 0 runs"),
        (line_of(HEAD) + "\n" + line_of(HEAD) + "\n", "holds 2 runs"),
        (line_of(HEAD) + "\nnothing\n", "line 2 is no sample"),
        (line_of(HEAD) + '\n{"kind": "turm"}\n', "line 2 is no sample"),
        (line_of(HEAD) + '\n{"kind": "end", "at_s": 1}\n', "line 2 is no sample"),
        (line_of(HEAD).replace('"schema": 1', '"schema": 2') + "\n", "schema 2"),
    ],
)
def test_what_is_no_run_is_refused_by_line(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "samples.jsonl"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SamplesRefused, match=why):
        read_run(file)


def test_a_last_line_that_was_torn_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    file = tmp_path / "samples.jsonl"
    file.write_text(line_of(HEAD) + '\n{"kind": "end", "at_', encoding="utf-8")
    assert read_run(file).end is None
