"""What a run leaves behind, as values: ``evidence.json`` is ``Record``, and its schema is made from these classes.

Times are unix seconds in the run's own time (virtual where the world's is), durations and latencies are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Budget",
    "Evidence",
    "Finding",
    "ItemResult",
    "ItemState",
    "Lane",
    "LogLine",
    "Mark",
    "Panel",
    "PanelKind",
    "Product",
    "Record",
    "Run",
    "Scenario",
    "Series",
    "StageVerdict",
    "Status",
    "Step",
    "Table",
    "Threshold",
    "Timeline",
    "Verdict",
]


class Verdict(StrEnum):
    """Of a stage: what a release owner is told."""

    GO = "go"
    NO_GO = "no go"
    INCONCLUSIVE = "inconclusive"


class Status(StrEnum):
    """Of an item or a scenario. Only ``passed`` is good; ``partly`` is passed, but not in each world that is needed."""

    PASSED = "passed"
    FAILED = "failed"
    VOID = "void"
    PARTLY = "partly"
    NOT_RUN = "not run"
    NOT_BUILT = "not built"


class Lane(StrEnum):
    """A row of a timeline.

    ``mode`` changes at a mark and stays so until the next, ``of`` is the reason; a ``breaker`` likewise, ``of`` is its
    operation, ``open`` and ``closed`` its labels; a ``fault`` lasts until its ``until``, or is on at the end;
    ``latency`` has a value in seconds, and a comma in the label of what did not end well (``turn, status 503``); a
    ``note`` is a moment.
    """

    MODE = "mode"
    FAULT = "fault"
    BREAKER = "breaker"
    LATENCY = "latency"
    NOTE = "note"


class PanelKind(StrEnum):
    """How a panel shows its series, in Grafana's words."""

    STAT = "stat"
    TIMESERIES = "timeseries"
    STATE_TIMELINE = "state-timeline"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Value):
    """One step of a scenario: its text, its status, and the real seconds that it took."""

    text: str
    status: Literal["passed", "failed"]
    took_s: float


class LogLine(_Value):
    """One line of the product's log: when, its event, and the other keys."""

    at: float | None
    event: str
    details: Mapping[str, Any] = {}


class Mark(_Value):
    """Something on a timeline; ``Lane`` says what its fields mean in each lane."""

    at: float
    lane: Lane
    label: str
    of: str = ""
    until: float | None = None
    value: float | None = None


class Timeline(_Value):
    """A stretch of time with its marks, in any order."""

    title: str
    began: float
    ended: float
    marks: tuple[Mark, ...] = ()


class Scenario(_Value):
    """One scenario of a feature file and what came of it; ``took_s`` is in real seconds."""

    feature: str
    name: str
    ids: tuple[str, ...]
    status: Literal["passed", "failed", "void"]
    where: str
    problem: str = ""
    seen: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    took_s: float = 0.0
    timeline: Timeline | None = None
    log: tuple[LogLine, ...] = ()


class ItemResult(_Value):
    """What a program that is no scenario says of a checklist item: ``seen`` are sentences with figures.

    ``where`` is the world (``sim``, ``stack``, ``staging``), ``by`` the program (``zepguard soak``).
    """

    item: str
    status: Literal["passed", "failed", "void"]
    where: str
    by: str
    seen: tuple[str, ...] = ()


class Budget(_Value):
    """A number that was to be kept, and what was seen of it: ``seen`` is a sentence with figures.

    ``limit`` is the number as text (``write_success over 1h > 0.99``); ``verdict`` is None where it was not judged;
    ``asked`` is the PromQL, where there was any.
    """

    item: str
    limit: str
    verdict: Verdict | None
    seen: str
    asked: str = ""


class Table(_Value):
    """Figures or words in rows, each as long as ``columns``."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    about: str = ""


class Finding(_Value):
    """A verdict on a whole stage with its reasons, from a program that judges stages, such as a load gate.

    A ``stage`` that the checklist does not have (``simulation``) is judged by the findings on it alone.
    """

    stage: str
    verdict: Verdict
    why: tuple[str, ...]
    by: str


class Threshold(_Value):
    """A colour from a value on; ``None`` is from any value on."""

    value: float | None
    colour: str


class Series(_Value):
    """A line of a panel: unix seconds and value; a value that is no number is None."""

    name: str
    points: tuple[tuple[float, float | None], ...]


class Panel(_Value):
    """A panel of the dashboard with what Prometheus answered, from ``began`` to ``ended``.

    ``texts`` names values (``1`` is ``WRITE_ONLY``), ``text_colours`` has the colours of those.
    """

    title: str
    kind: PanelKind
    unit: str
    began: float
    ended: float
    about: str = ""
    no_value: str = "N/A"
    decimals: int | None = None
    thresholds: tuple[Threshold, ...] = ()
    texts: Mapping[str, str] = {}
    text_colours: Mapping[str, str] = {}
    series: tuple[Series, ...] = ()


class Run(_Value):
    """Which run it was: ``command`` as it was called, ``started`` and ``finished`` in ISO 8601 (UTC)."""

    command: str
    world: str
    time_scale: float
    started: str
    finished: str
    interrupted: bool = False


class Product(_Value):
    """What was tested: versions by name, the commit, and whether the checkout had changes beyond it."""

    version: str
    commit: str = "unknown"
    changed: bool | None = None
    versions: Mapping[str, str] = {}


class Evidence(_Value):
    """What a program gives to ``zepguard.evidence.write``; all but ``run`` and ``product`` may be left out.

    ``settings`` are the product's variables; secrets among them are masked when it is written.
    """

    run: Run
    product: Product
    settings: Mapping[str, str] = {}
    scenarios: tuple[Scenario, ...] = ()
    results: tuple[ItemResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    budgets: tuple[Budget, ...] = ()
    tables: tuple[Table, ...] = ()
    timelines: tuple[Timeline, ...] = ()
    panels: tuple[Panel, ...] = ()


class ItemState(_Value):
    """An item of the checklist, what was seen of it, and by what (scenarios and programs)."""

    id: str
    stage: str
    says: str
    status: Status
    worlds: tuple[str, ...] = ()
    where: Mapping[str, Status] = {}
    seen: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    why: str = ""


class StageVerdict(_Value):
    """A stage and why."""

    stage: str
    verdict: Verdict
    why: tuple[str, ...]


class Record(Evidence):
    """What ``evidence.json`` holds: the evidence, and what follows of it for items and stages."""

    format: Annotated[Literal[1, 2], Field(description="raised when a reader of the format before cannot read it")] = 2
    items: tuple[ItemState, ...] = ()
    stages: tuple[StageVerdict, ...] = ()

    def counts(self) -> Mapping[str, int]:
        """How many scenarios ended how."""
        statuses = [one.status for one in self.scenarios]
        return {status: statuses.count(status) for status in dict.fromkeys(statuses)}
