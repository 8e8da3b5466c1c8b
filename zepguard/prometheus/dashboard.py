"""Makes ``grafana/dashboards``: the checklist's nine panels, a timeline of the mode, the outbox, and annotations.

    python -m zepguard.prometheus.dashboard

Writes two files from one source: ``dashboards/memory_service_monitoring.json`` is the body of the checklist's
``POST /api/dashboards/db``, ``provisioning/dashboards/memory_service_monitoring.json`` is the dashboard alone. Needs
``grafana-foundation-sdk`` (``pip install --group test``). The PromQL comes from ``prometheus/expressions.toml``, the
thresholds from ``prometheus/budgets.toml``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from zepguard.prometheus.budgets import read_budgets
from zepguard.prometheus.expressions import Expression, read_expressions
from zepguard.prometheus.places import prometheus_folder

__all__ = ["MATCHERS", "files", "main"]

MATCHERS = 'job=~"$job", instance=~"$instance"'
"""What the variables leave of each series."""

_SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
_MODES = {"0": ("OFF", "red"), "1": ("WRITE_ONLY", "yellow"), "2": ("READ_WRITE", "green")}
_TITLES = {"Downgrades": "Downgrade: {{reason}}", "Restores": "Restore"}
_COLUMNS = 24
_HEIGHT = 7
_NONE_IS_GOOD = ((None, "green"), (1, "red"))
_STUCK_S = 600.0
"""Of ``MemoryOutboxStuck`` in ``prometheus/alerts.yml``, which is written by hand; a test compares."""


@dataclass(frozen=True, kw_only=True)
class _Panel:
    """One panel: ``shows`` are its expressions by legend; ``steps`` are colours from a value on, the first from any."""

    title: str
    shows: Mapping[str, str]
    kind: type[Any]
    unit: str
    steps: tuple[tuple[float | None, str], ...] = ((None, "green"),)
    about: str = ""
    only_above_0: bool = False
    modes: bool = False
    span: int = 8
    no_value: str = "N/A"
    decimals: int | None = field(default=None)


def _panels() -> tuple[_Panel, ...]:
    limit = {one.item: one.limit for one in read_budgets()}
    alarm_reads = 1 - limit["downgrade-failures"]
    return (
        _Panel(title="Memory Mode (Current)", shows={"mode": "mode"}, kind=stat.Panel, unit="short", modes=True),
        _Panel(
            title="Downgrade Events",
            shows={"{{reason}}": "downgrades"},
            kind=timeseries.Panel,
            unit="short",
            steps=_NONE_IS_GOOD,
            only_above_0=True,
            no_value="0 events",
        ),
        _Panel(
            title="Read Health",
            shows={"answered": "read_success"},
            kind=stat.Panel,
            unit="percentunit",
            steps=((None, "red"), (alarm_reads, "green")),
            decimals=2,
            about="N/A while nothing is read from Zep: in write_only, or without traffic.",
        ),
        _Panel(
            title="Context Failures",
            shows={"failed": "read_failures"},
            kind=timeseries.Panel,
            unit="reqps",
            steps=((None, "yellow"), (5, "red")),
            only_above_0=True,
            no_value="none",
        ),
        _Panel(title="PII Redactions", shows={"{{kind}}": "pii_redactions"}, kind=stat.Panel, unit="short", decimals=0),
        _Panel(
            title="Cache Hit Rate",
            shows={"from the cache": "cache_hits"},
            kind=stat.Panel,
            unit="percentunit",
            steps=((None, "red"), (limit["canary-cache"], "yellow"), (limit["month1-cache"], "green")),
            decimals=1,
            about="N/A while no context is wanted.",
        ),
        _Panel(
            title="Write Health",
            shows={"taken": "write_success"},
            kind=stat.Panel,
            unit="percentunit",
            steps=((None, "red"), (limit["soak-writes"], "green")),
            decimals=2,
        ),
        _Panel(
            title="Circuit Breaker Opens",
            shows={"openings": "breaker_opens"},
            kind=stat.Panel,
            unit="short",
            steps=_NONE_IS_GOOD,
            decimals=0,
        ),
        _Panel(
            title="Read/Write Request Rate",
            shows={"reads": "read_rate", "writes": "write_rate"},
            kind=timeseries.Panel,
            unit="reqps",
        ),
        _Panel(
            title="Mode Timeline",
            shows={"mode": "mode"},
            kind=statetimeline.Panel,
            unit="short",
            modes=True,
            span=_COLUMNS,
        ),
        *_outbox_panels(),
    )


def _outbox_panels() -> tuple[_Panel, ...]:
    return (
        _Panel(title="Outbox Depth", shows={"messages": "outbox_depth"}, kind=stat.Panel, unit="short", span=4),
        _Panel(
            title="Oldest Undelivered Message",
            shows={"waits": "outbox_oldest"},
            kind=stat.Panel,
            unit="s",
            steps=((None, "green"), (_STUCK_S, "red")),
            decimals=0,
            span=4,
        ),
        _Panel(
            title="Dead Letters",
            shows={"letters": "outbox_dead_letters"},
            kind=stat.Panel,
            unit="short",
            steps=_NONE_IS_GOOD,
            decimals=0,
            span=4,
        ),
        _Panel(
            title="Sent Again",
            shows={"messages": "outbox_sent_again"},
            kind=stat.Panel,
            unit="short",
            decimals=0,
            span=4,
        ),
        _Panel(
            title="Outbox Deliveries",
            shows={"delivered": "outbox_delivered", "put back": "outbox_retried", "dead": "outbox_dead"},
            kind=timeseries.Panel,
            unit="reqps",
        ),
    )


def files() -> Mapping[str, str]:
    """The text of each file, by its path in ``grafana/``."""
    alone = json.loads(json.dumps(_dashboard().build(), cls=JSONEncoder))
    for annotation in alone["annotations"]["list"]:
        # Grafana's annotation of a Prometheus has a title, which the SDK's model lacks.
        annotation["titleFormat"] = _TITLES[annotation["name"]]
    posted = {"dashboard": {**alone, "id": None}, "overwrite": True}
    name = "dashboards/memory_service_monitoring.json"
    return {name: _text(posted), f"provisioning/{name}": _text(alone)}


def _text(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def _dashboard() -> build.Dashboard:
    made = (
        build.Dashboard("Memory service monitoring")
        .uid("memory-service-monitoring")
        .description(
            "The go-live checklist's nine panels, and the outbox. Made by python -m zepguard.prometheus.dashboard."
        )
        .tags(["memory", "zep"])
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("utc")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(build.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(_variable("job", "label_values(memory_mode_gauge, job)"))
        .with_variable(_variable("instance", 'label_values(memory_mode_gauge{job=~"$job"}, instance)'))
    )
    expressions = read_expressions()
    for name, expression, colour in (("Downgrades", "downgrades", "red"), ("Restores", "restores", "green")):
        promql = f"({expressions[expression].promql(matchers=MATCHERS)}) > 0"
        made = made.annotation(
            build.AnnotationQuery().name(name).datasource(_SOURCE).enable(True).icon_color(colour).expr(promql)
        )
    for panel in _panels():
        made = made.with_panel(_built(panel, expressions))
    return made


def _variable(name: str, query: str) -> build.QueryVariable:
    return (
        build.QueryVariable(name)
        .label(name)
        .datasource(_SOURCE)
        .query({"query": query, "refId": name})
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )


def _sentence(says: str) -> str:
    return f"{says[:1].upper()}{says[1:]}."


def _built(panel: _Panel, expressions: Mapping[str, Expression]) -> Any:
    steps = [model.Threshold(value=value, color=colour) for value, colour in panel.steps]
    made = (
        panel.kind()
        .title(panel.title)
        .description(panel.about or _sentence(expressions[next(iter(panel.shows.values()))].says))
        .datasource(_SOURCE)
        .unit(panel.unit)
        .no_value(panel.no_value)
        .span(panel.span)
        .height(_HEIGHT)
        .thresholds(build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps))
        .mappings(_mappings(panel))
    )
    if panel.decimals is not None:
        made = made.decimals(panel.decimals)
    if panel.kind is stat.Panel:
        made = made.reduce_options(ReduceDataOptions().calcs(["last"]))
    for number, (legend, name) in enumerate(panel.shows.items()):
        made = made.with_target(_target(panel, expressions[name], legend, "ABC"[number]))
    return made


def _target(panel: _Panel, expression: Expression, legend: str, ref: str) -> prometheus.Dataquery:
    promql = expression.promql(matchers=MATCHERS)
    promql = f"({promql}) > 0" if panel.only_above_0 else promql
    return prometheus.Dataquery().expr(promql).legend_format(legend).ref_id(ref).datasource(_SOURCE).range()


def _mappings(panel: _Panel) -> list[Any]:
    if panel.modes:
        shown = {
            value: model.ValueMappingResult(text=text, color=colour, index=index)
            for index, (value, (text, colour)) in enumerate(_MODES.items())
        }
        return [model.ValueMap(options=shown)]
    not_there = model.DashboardSpecialValueMapOptions(
        match=model.SpecialValueMatch.NULL_AND_NAN,
        result=model.ValueMappingResult(text=panel.no_value, color="text", index=0),
    )
    return [model.SpecialValueMap(options=not_there)]


def main() -> None:
    """Write the files."""
    folder = prometheus_folder().parent / "grafana"
    for name, text in files().items():
        path = Path(folder / name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
