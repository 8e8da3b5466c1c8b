"""What a load run writes down: JSON lines, raw, so that any judge can judge it again.

``loadtests/samples.schema.json`` is the schema. Times that end in ``_s`` are seconds since the run began, by one clock
that never jumps. A file without its last line, ``end``, is of a run that did not end well.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zepguard.load.errors import SamplesRefused
from zepguard.load.schedule import Arm

__all__ = ["SCHEMA", "End", "LoadRun", "RunHead", "Sample", "ScrapeSample", "TurnSample", "line_of", "read_run"]

SCHEMA = 1
"""The version of the lines; one more for every change that an older reader would misread."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunHead:
    """What was run. Turns due before ``warm_up_s`` are not judged."""

    schema: int = SCHEMA
    stage: str
    mode: str
    users: int
    rate_per_s: float
    duration_s: float
    warm_up_s: float
    share: float
    turns_in_chat: int
    seed: int
    began_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnSample:
    """One turn.

    Attributes:
        user: who sent it, from 0.
        thread_id: in which thread.
        number: its place in the thread, from 0.
        arm: where the thread's hash puts it.
        due_s: when it was to be sent.
        free_s: when the user had the answer to the turn before; a send later than both is the generator's fault.
        sent_s: when it was sent.
        first_token_s: when the first token was there; None if none came.
        done_s: when the answer ended.
        status: of HTTP, 0 without an answer.
        error: why the turn failed, or empty.
        mode: the mode that the product says it was answered in; empty if it said none.
        memory: what the product says memory did, status and detail.
    """

    user: int
    thread_id: str
    number: int
    arm: Arm
    due_s: float
    free_s: float
    sent_s: float
    first_token_s: float | None
    done_s: float
    status: int
    error: str
    mode: str
    memory: str

    @property
    def ttfb_ms(self) -> float | None:
        """Milliseconds from when it was due, not from when it was sent, to the first token."""
        return None if self.first_token_s is None else (self.first_token_s - self.due_s) * 1000

    @property
    def lag_ms(self) -> float:
        """Milliseconds that it was sent late by though its user was free."""
        return max(0.0, self.sent_s - max(self.due_s, self.free_s)) * 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class ScrapeSample:
    """The metrics of the whole product at one moment."""

    at_s: float
    series: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """The run is over; ``due``: turns that the schedule had."""

    at_s: float
    due: int
    interrupted: bool


Sample = RunHead | TurnSample | ScrapeSample | End
_KINDS: dict[str, type[Sample]] = {"run": RunHead, "turn": TurnSample, "scrape": ScrapeSample, "end": End}
_NAMES = {made: kind for kind, made in _KINDS.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadRun:
    """All samples of a run; ``end`` is None if it broke off."""

    head: RunHead
    turns: tuple[TurnSample, ...]
    scrapes: tuple[ScrapeSample, ...]
    end: End | None


def line_of(sample: Sample) -> str:
    """One line of the file, without its end."""
    return json.dumps({"kind": _NAMES[type(sample)], **dataclasses.asdict(sample)})


def read_run(path: Path) -> LoadRun:
    """Read a file of samples.

    Raises:
        SamplesRefused: naming file, line and what is wrong there.
    """
    try:
        *lines, _ = path.read_text(encoding="utf-8").split("\n")  # what has no end was torn by a kill
    except (OSError, UnicodeDecodeError) as error:
        raise SamplesRefused(f"{path} cannot be read ({error}): give the file that a load run wrote") from error
    found: dict[type[Sample], list[Any]] = {made: [] for made in _KINDS.values()}
    for sample in _samples(path, lines):
        found[type(sample)].append(sample)
    if len(found[RunHead]) != 1 or len(found[End]) > 1:
        raise SamplesRefused(f"{path} holds {len(found[RunHead])} runs: give the file of one")
    return LoadRun(
        head=found[RunHead][0],
        turns=tuple(found[TurnSample]),
        scrapes=tuple(found[ScrapeSample]),
        end=next(iter(found[End]), None),
    )


def _samples(path: Path, lines: Iterable[str]) -> Iterable[Sample]:
    for number, line in enumerate(lines, start=1):
        try:
            yield _sample(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise SamplesRefused(f"{path}, line {number} is no sample ({error}): take the line out") from error


def _sample(told: dict[str, Any]) -> Sample:
    kind = told.pop("kind")
    if kind == "run" and told.get("schema") != SCHEMA:
        raise ValueError(f"schema {told.get('schema')!r}, this version reads {SCHEMA}")
    if kind == "turn":
        told["arm"] = Arm(told["arm"])
    return _KINDS[kind](**told)
