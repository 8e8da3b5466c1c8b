"""The steps whose table says what must hold: alerts, pages, rules, panels, and what the app answers."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_bdd import parsers

from zepguard.drills.answers import app_answers, pages_answer
from zepguard.drills.panels import dashboard_colours, dashboard_shows
from zepguard.drills.phrases import given, then, when
from zepguard.drills.scraped import Scraped
from zepguard.load.stages import load_stages
from zepguard.parts.model import PartMissing, PartUnusable
from zepguard.parts.prometheus import AMTOOL, obtain_tool
from zepguard.prometheus.budgets import read_budgets
from zepguard.prometheus.expressions import METRIC, read_expressions
from zepguard.prometheus.places import prometheus_folder
from zepguard.prometheus.promtool import Firing, Given, Sample, complaint_about_alerts, complaint_about_samples
from zepguard.prometheus.rules import duration_s
from zepguard.prometheus.verdict import Verdict, judge
from zepguard.worlds.world import World, WorldError

__all__ = ["Look"]

Table = Sequence[Sequence[str]]

Look = Callable[[World, Scraped, Table], None]
"""Looks whether what a table says is so; raises AssertionError saying what is otherwise."""


def _rows(table: Table) -> list[dict[str, str]]:
    """The rows of a step's table, by the names in its first row."""
    names, *cells = table
    return [dict(zip(names, row, strict=True)) for row in cells]


@contextmanager
def _parts_needed() -> Iterator[None]:
    """Leave the scenario void where promtool, amtool or Prometheus is missing: nobody has looked.

    Raises:
        WorldError: naming the program and how to get it.
    """
    try:
        yield
    except (PartMissing, PartUnusable) as error:
        raise WorldError(f"void: {error}") from error


@pytest.fixture
def scraped() -> Scraped:
    """What this scenario's Prometheus has."""
    return Scraped()


@given(
    parsers.re(
        r"Prometheus has, a sample each (?P<every>\d+) (?P<unit>s|min)(, evaluated each (?P<evaluated>\d+) min)?:"
    )
)
def has_series(scraped: Scraped, every: str, unit: str, evaluated: str | None, datatable: Table) -> None:
    """Series and their values in promtool's notation: ``0x10 1x20`` is eleven times 0, then twenty-one times 1."""
    scraped.every_s = int(every) * {"s": 1, "min": 60}[unit]
    scraped.evaluated = f"{evaluated or 1}m"
    for row in _rows(datatable):
        scraped.stated[row["series"]] = row["values"]


@when(
    parsers.re(
        r"for (?P<minutes>\d+) min (a message is sent|(?P<idle>nobody writes)), "
        r"and Prometheus scrapes, every (?P<gap>\d+) s"
    )
)
def scraped_for_minutes(world: World, scraped: Scraped, minutes: str, idle: str | None, gap: str) -> None:
    """The app's own metrics; six messages to a thread, then the next thread; every message is answered."""
    scraped.every_s = int(gap)
    for number in range(int(minutes) * 60 // scraped.every_s):
        scraped.take(world.metrics().series)
        took_s = 0.0
        if not idle:
            turn = world.say(f"message {number}", thread=f"scrape-drill-{len(scraped.scrapes) // 6}")
            assert turn.status == 200, f"{turn.message!r} got {turn.status}: {turn.reply}"
            took_s = turn.took_s
        world.wait(max(0.0, scraped.every_s - took_s))


def _alerts_fire(world: World, scraped: Scraped, datatable: Table) -> None:
    """At each time of the table, by promtool: just those alerts of ``alerts.yml``, with these labels and this text.

    ``as`` is the severity, then other labels; team=backend goes without saying. ``says`` is the summary, a colon, and
    the description.
    """
    fire: dict[str, list[Firing]] = {}
    for row in _rows(datatable):
        of_that_time = fire.setdefault(row["at"], [])
        if row["alert"] != "none":
            of_that_time.append(_firing(row))
    complaint = complaint_about_alerts(_given(scraped), fire)
    assert not complaint, complaint
    world.saw("; ".join(f"{at}: {', '.join(one.alert for one in of) or 'silent'}" for at, of in fire.items()))


def _firing(row: Mapping[str, str]) -> Firing:
    severity, *others = row["as"].split(", ")
    summary, _, description = row["says"].partition(": ")
    labels = dict(one.split("=", 1) for one in others)
    return Firing(
        alert=row["alert"],
        labels={"severity": severity, "team": "backend", **labels},
        annotations={"summary": summary, "description": description},
    )


def _given(scraped: Scraped) -> Given:
    asked = {found[1] for found in METRIC.finditer((prometheus_folder() / "alerts.yml").read_text(encoding="utf-8"))}
    return Given(series=scraped.series(asked), every=f"{scraped.every_s}s", evaluated=scraped.evaluated)


def _rules_give(world: World, scraped: Scraped, datatable: Table) -> None:
    """By promtool: what ``rules.yml`` records under that name, and what the expression of that name gives by itself."""
    expressions = read_expressions()
    asked: dict[tuple[str, str], dict[str, float]] = {}
    for row in _rows(datatable):
        asked.setdefault((row["at"], row["expression"]), {})[row["of"]] = float(row["value"])
    missing = set(expressions) - {name for _, name in asked}
    assert not missing, f"no value is stated for {', '.join(sorted(missing))}"
    samples = []
    for (at, name), values in asked.items():
        gives = {labels or "{}": value for labels, value in values.items()}
        for promql in (f"memory:{name}", expressions[name].promql()):
            samples.append(Sample(at=at, promql=f"round({promql}, 0.000001)", gives=gives))
    complaint = complaint_about_samples(_given(scraped), samples)
    assert not complaint, complaint
    world.saw(f"{len(asked)} recorded rules and their expressions give the values stated")


def _alertmanager_pages(world: World, _: Scraped, datatable: Table) -> None:
    """Of each alert by its labels in ``alerts.yml``: the receiver by amtool, and what that receiver tells PagerDuty.

    A team that nobody knows stands for an alert that nobody owns. ``first after`` is ``group_wait``, ``next after``
    ``group_interval``, ``again after`` ``repeat_interval``. Each alert of a job is a page, which nothing silences.
    """
    unnamed = set(_alerts()) - {row["alert"] for row in _rows(datatable)}
    assert not unnamed, f"the table does not say who is told of {', '.join(sorted(unnamed))}"
    config = prometheus_folder() / "alertmanager.yml"
    amtool = obtain_tool(AMTOOL).path
    checked = _ran(amtool, "check-config", config)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    receivers = {one["name"]: one["pagerduty_configs"] for one in settings["receivers"]}
    for row in _rows(datatable):
        labels = [f"{name}={value}" for name, value in _labels_of(row["alert"]).items()]
        routed = _ran(amtool, "config", "routes", "test", f"--config.file={config}", *labels).stdout.strip()
        assert routed == row["receiver"], f"{row['alert']} goes to {routed}"
        (page,) = receivers[routed]
        assert page["severity"] == row["severity"], f"{routed} says {page['severity']}"
        assert page.get("send_resolved", True), f"{routed} is never told the end"
        assert "url" not in page, f"{routed} sends to {page['url']}, and not to PagerDuty"
        assert row["key"] in page["routing_key_file"], f"{routed} has the key {page['routing_key_file']}"
        for told, setting in _WAITS.items():
            found = _of_route(settings["route"], routed, setting)
            assert found == row[told], f"{routed} has {setting}: {found}"
        for setting in ("class", "group", "description"):
            _check_template(amtool, page[setting], setting)
        _check_template(amtool, page["details"]["what"], "what")
    _check_nothing_silences(settings)
    world.saw("amtool routes each alert to its receiver")


_WAITS = {"first after": "group_wait", "next after": "group_interval", "again after": "repeat_interval"}
_TOLD = {"class": "Some", "group": "backend", "description": "Some: a summary", "what": "why it fired"}


def _check_template(amtool: object, template: str, setting: str) -> None:
    """What PagerDuty is told of one alert that fires."""
    alert = {
        "status": "firing",
        "labels": {"alertname": "Some", "team": "backend"},
        "annotations": {"summary": "a summary", "description": "why it fired"},
    }
    data = {"status": "firing", "alerts": [alert], "commonLabels": alert["labels"]}
    with tempfile.TemporaryDirectory(prefix="zepguard-page-") as folder:
        file = Path(folder) / "data.json"
        file.write_text(json.dumps(data), encoding="utf-8")
        arguments = ["template", "render", f"--template.glob={folder}/*.tmpl", f"--template.data={file}"]
        done = _ran(amtool, *arguments, f"--template.text={template}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == _TOLD[setting], f"a page says {done.stdout.strip()!r} as its {setting}"


def _check_nothing_silences(settings: Mapping[str, Any]) -> None:
    routes = [settings["route"], *settings["route"]["routes"]]
    assert [one.get("group_by") for one in routes] == [["alertname", "job"], *[None] * (len(routes) - 1)]
    silencing = {"mute_time_intervals", "active_time_intervals"} & {key for one in routes for key in one}
    assert not silencing, f"pages are not sent at all times: {silencing}"
    assert not settings.get("inhibit_rules"), f"an alert silences another: {settings['inhibit_rules']}"


def _labels_of(alert: str) -> Mapping[str, str]:
    return _alerts().get(alert) or {"alertname": alert, "team": "nobody", "severity": "critical"}


def _alerts() -> Mapping[str, Mapping[str, str]]:
    """The labels of each alert, by its name."""
    return {
        rule["alert"]: rule["labels"] for group in _groups("alerts.yml") for rule in group["rules"] if "alert" in rule
    }


def _groups(file: str) -> Sequence[Mapping[str, Any]]:
    groups: Sequence[Mapping[str, Any]] = yaml.safe_load((prometheus_folder() / file).read_text(encoding="utf-8"))[
        "groups"
    ]
    return groups


def _as_recorded(rule: Mapping[str, Any]) -> tuple[str, ...]:
    return (rule["expr"], *(rule["labels"][name] for name in ("stage", "is", "over", "kind")))


def _of_route(route: Mapping[str, Any], receiver: str, setting: str) -> str:
    own: Mapping[str, Any] = next((one for one in route["routes"] if one["receiver"] == receiver), {})
    return str(own.get(setting, route[setting]))


def _ran(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


_RECORDED_EVERY_S = 300.0
"""As far back as Prometheus looks for a sample: what is recorded less often has gaps."""


def _numbers_decide(world: World, _: Scraped, datatable: Table) -> None:
    """``budgets.toml``: the first value is good and the second bad; and without a sample nothing is decided."""
    budgets = {one.item: one for one in read_budgets()}
    told = _rows(datatable)
    assert {row["item"] for row in told} == set(budgets), "other budgets than the table's"
    for row in told:
        budget, baseline = budgets[row["item"]], float(row["baseline"]) if row["baseline"] else None
        good, bad = float(row["good"]), float(row["bad"])
        looks_back = f"{budget.window}, for {budget.lasts}" if budget.lasts else budget.window
        assert looks_back == row["over"], f"{budget.item} looks back on {looks_back}"
        asked = (budget.expression.name, budget.stage)
        assert asked == (row["expression"], row["stage"]), f"{budget.item} asks {asked[0]}, of stage {asked[1]}"
        assert judge(budget, [good], baseline=baseline).verdict is Verdict.MET, f"{budget.item}: {good} is no go"
        assert judge(budget, [good, bad], baseline=baseline).verdict is Verdict.MISSED, f"{budget.item}: {bad} passes"
        assert judge(budget, [], baseline=baseline).verdict is Verdict.INCONCLUSIVE
    groups = _groups("rules.yml")
    seldom = [one["name"] for one in groups if duration_s(one.get("interval", "1m")) > _RECORDED_EVERY_S]
    assert not seldom, (
        f"{', '.join(seldom)} are recorded too seldom for a query of now: {_RECORDED_EVERY_S:g} s at most"
    )
    recorded = [rule for group in groups for rule in group["rules"] if rule["record"] == "memory:budget"]
    assert {rule["labels"]["item"]: _as_recorded(rule) for rule in recorded} == {
        item: (f"vector({one.limit:g})", one.stage, one.compared, one.over or "limit", one.kind)
        for item, one in budgets.items()
    }, "memory:budget says other numbers"
    world.saw(f"{len(told)} numbers of the checklist decide as it says")


def _load_gate_asks(world: World, _: Scraped, datatable: Table) -> None:
    """``loadtests/stages.toml``: of each stage the mode, the share of threads, how long it lasts, and its numbers."""
    limits = [(stage, limit) for stage in load_stages().values() for limit in stage.limits]
    rows = _rows(datatable)
    assert [limit.item for _, limit in limits] == [row["item"] for row in rows], "other numbers than the table's"
    for (stage, limit), row in zip(limits, rows, strict=True):
        share = "" if stage.share is None else f"{stage.share:g}"
        lasts = "" if stage.lasts_h is None else " to ".join(f"{hours:g}" for hours in stage.lasts_h)
        bound = limit.bound.replace("_", " ")
        minutes = "" if limit.for_min is None else f", for {limit.for_min:g} min"
        told = [stage.name, stage.mode, share, lasts, str(limit.measure), f"{bound} {limit.number:g}{minutes}"]
        wanted = [row[name] for name in ("stage", "mode", "share", "hours", "measure", "limit")]
        assert told == wanted, f"{limit.item} of {stage.name} is {told}"
    world.saw(f"{len(rows)} numbers of the load gate are the checklist's")


_LOOKS: Mapping[str, Look] = {
    "these alerts fire, and no other": _alerts_fire,
    "rules and expressions give": _rules_give,
    "Alertmanager pages": _alertmanager_pages,
    "the checklist's numbers decide": _numbers_decide,
    "the load gate asks": _load_gate_asks,
    "the dashboard shows": dashboard_shows,
    "the dashboard colours": dashboard_colours,
    "the app answers": app_answers,
    "the app's pages answer": pages_answer,
}


@then(parsers.re(f"(?P<what>{'|'.join(_LOOKS)}):"))
def table_holds(world: World, scraped: Scraped, what: str, datatable: Table) -> None:
    """What the table says of alerts, rules, pages, budgets, panels (by promtool, amtool, Prometheus), or answers."""
    with _parts_needed():
        _LOOKS[what](world, scraped, datatable)
