"""What a person reads off the dashboard over a scenario's scrapes: its panels' queries, asked of a real Prometheus.

``python -m zepguard.drills.panels FOLDER`` is the child that asks: in world sim the clocks of this process stand still.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import zepguard
from zepguard.drills.scraped import BEGAN, JOB, Scraped
from zepguard.parts.model import PartMissing, PartUnusable
from zepguard.prometheus.answers import Asking, Series
from zepguard.prometheus.blocks import make_blocks
from zepguard.prometheus.places import grafana_folder
from zepguard.prometheus.server import Prometheus
from zepguard.worlds.world import World, WorldError

__all__ = ["Reading", "dashboard_colours", "dashboard_shows", "main"]

Reading = Mapping[str, Any]
"""Of a panel: ``text`` that stands for its value if there is one, ``colour``, and ``values`` with legend and number."""

_METRICS = "metrics.openmetrics"
_MISSING = 3
_TOLD = re.compile(
    r"(?:(?!over |under )(?P<legend>[a-z_ ]+?) )?(?P<than>over |under )?(?P<number>[\d.]+)(?P<unit> %|/s| s|)"
)
_UNITS = {"percentunit": (100.0, " %"), "percent": (1.0, " %"), "reqps": (1.0, "/s"), "short": (1.0, "")}


def dashboard_shows(world: World, scraped: Scraped, table: Sequence[Sequence[str]]) -> None:
    """Each panel by name, at the end of the scrapes: a text, or values as in ``reads 0/s, writes over 0/s``.

    ``colour`` is that of the text or of the first value; empty: whichever. With another job chosen it shows nothing.
    The file is such that the checklist's call can post it, and post it again.

    Raises:
        AssertionError: a panel shows something else, is not there, or stands elsewhere.
        WorldError: there is no Prometheus.
    """
    (_, *rows) = table
    posted = _posted()
    again = (posted["overwrite"], posted["dashboard"]["id"], bool(posted["dashboard"]["uid"]))
    assert again == (True, None, True), f"Grafana takes it once at most: overwrite, id and a uid are {again}"
    _check_file(posted["dashboard"])
    panels = _read_off(scraped)
    titles = [title for title, *_ in rows]
    assert titles == [one for one in panels if one in titles], f"the dashboard has {', '.join(panels)}"
    for title, shows, colour in rows:
        reading = panels[title]
        _check(title, shows, reading)
        assert not colour or reading["colour"] == colour, f"{title} is {reading['colour']}, not {colour}: {reading}"
        assert reading["of_another_job"] == 0, f"{title} shows another job's values"
    world.saw(f"{len(panels)} panels: {'; '.join(f'{title}: {_shown(one)}' for title, one in panels.items())}")


def dashboard_colours(world: World, _: Scraped, table: Sequence[Sequence[str]]) -> None:
    """What a panel makes of a value, in the unit of its query: the text, rounded as Grafana does it, and the colour.

    Raises:
        AssertionError: it makes something else of it.
    """
    (_names, *rows) = table
    panels = {one["title"]: one for one in _posted()["dashboard"]["panels"]}
    for title, value, text, colour in rows:
        number = math.nan if value == "none" else float(value)
        defaults = panels[title]["fieldConfig"]["defaults"]
        mapped = _mapped(defaults, None if math.isnan(number) else number)
        told = mapped.get("text") or _rounded(defaults, number)
        seen = (told, mapped.get("color") or _threshold(defaults["thresholds"]["steps"], number))
        assert seen == (text, colour), f"{title} shows {value} as {seen[0]}, {seen[1]}"
    world.saw(f"{len(rows)} values have the text and the colour that they should have")


def _rounded(defaults: Mapping[str, Any], value: float) -> str:
    factor, suffix = _UNITS.get(defaults["unit"], (1.0, f" {defaults['unit']}"))
    decimals = defaults.get("decimals")
    return f"{value * factor:g}{suffix}" if decimals is None else f"{value * factor:.{decimals}f}{suffix}"


def _check_file(dashboard: Mapping[str, Any]) -> None:
    """What no value shows: the file for provisioning is the same, and nothing in it is switched off."""
    second = grafana_folder() / "provisioning/dashboards/memory_service_monitoring.json"
    alone = json.loads(second.read_text(encoding="utf-8"))
    assert {**alone, "id": None} == dashboard, "the dashboard for provisioning is another"
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            assert target["range"], f"{panel['title']} asks for one point, and not for a line"
            assert not target.get("hide"), f"{panel['title']} hides {target['legendFormat']}"
    marks = {one["name"]: (one["enable"], one["hide"], one["titleFormat"]) for one in dashboard["annotations"]["list"]}
    assert marks == {
        "Downgrades": (True, False, "Downgrade: {{reason}}"),
        "Restores": (True, False, "Restore"),
    }, f"the annotations are {marks}"
    offered = [one["query"] for one in dashboard["templating"]["list"] if one["type"] == "query"]
    assert [one["query"] for one in offered] == [
        "label_values(memory_mode_gauge, job)",
        'label_values(memory_mode_gauge{job=~"$job"}, instance)',
    ], f"the variables offer {offered}"
    shown = (dashboard["time"]["from"], dashboard["time"]["to"], dashboard["refresh"])
    assert shown == ("now-6h", "now", "30s"), f"who opens it sees {shown}"


def _check(title: str, shows: str, reading: Reading) -> None:
    wanted = [_TOLD.fullmatch(one) for one in shows.split(", ")]
    if not all(wanted):
        assert reading["text"] == shows, f"{title} shows {_shown(reading)}"
        return
    assert not reading["text"], f"{title} shows {reading['text']}, not {shows}"
    legends = [found["legend"] or "" for found in wanted if found]
    there = {one["legend"]: one["value"] for one in reading["values"]}
    assert sorted(there) == sorted(legends) or legends == [""], f"{title} shows {_shown(reading)}"
    for found in filter(None, wanted):
        values = [there[found["legend"]]] if found["legend"] else list(there.values())
        assert all(_holds(found, value, reading["unit"]) for value in values), f"{title} shows {_shown(reading)}"


def _holds(told: re.Match[str], value: float | None, unit: str) -> bool:
    factor, suffix = _UNITS.get(unit, (1.0, f" {unit}"))
    if value is None or suffix != told["unit"]:
        return False
    shown, number = value * factor, float(told["number"])
    if told["than"]:
        return shown > number if told["than"] == "over " else shown < number
    return math.isclose(shown, number, abs_tol=1e-9)


def _shown(reading: Reading) -> str:
    factor, suffix = _UNITS.get(reading["unit"], (1.0, f" {reading['unit']}"))
    values = (f"{one['legend']} {(one['value'] or 0) * factor:.4g}{suffix}".strip() for one in reading["values"])
    return str(reading["text"]) or ", ".join(values) or "nothing"


def _posted() -> Mapping[str, Any]:
    text = (grafana_folder() / "dashboards/memory_service_monitoring.json").read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = json.loads(text)
    return loaded


def _read_off(scraped: Scraped) -> Mapping[str, Reading]:
    with tempfile.TemporaryDirectory(prefix="zepguard-panels-") as folder:
        scraped.write(Path(folder) / _METRICS)
        source = str(Path(zepguard.__file__).resolve().parents[1])
        asked = {"began": BEGAN, "ended": scraped.ended, "every_s": scraped.every_s}
        done = subprocess.run(
            [sys.executable, "-m", __name__, folder],
            input=json.dumps(asked),
            env={**os.environ, "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")]).strip(":")},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise WorldError(f"void: nobody could look at the dashboard: {done.stderr.strip()[-1000:]}")
    read: dict[str, Reading] = json.loads(done.stdout)
    return read


# --- the child


def main(arguments: Sequence[str]) -> int:
    """Read the panels off the scrapes of a folder, and print them as JSON; 3 where a part is missing."""
    folder, asked = Path(arguments[0]), json.load(sys.stdin)
    try:
        make_blocks(folder / _METRICS, folder / "prometheus" / "data")
        with Prometheus.start(folder / "prometheus") as prometheus:
            print(json.dumps(dict(_panels(prometheus.ask, **asked))))
    except (PartMissing, PartUnusable) as error:
        print(error, file=sys.stderr)
        return _MISSING
    return 0


def _panels(ask: Asking, *, began: float, ended: float, every_s: float) -> Iterator[tuple[str, Reading]]:
    def series(promql: str, job: str) -> list[Series]:
        chosen = promql.replace("$job", job).replace("$instance", ".*")
        return ask.range(chosen, start=began, end=ended, step_s=every_s)

    dashboard = _posted()["dashboard"]
    for panel in dashboard["panels"]:
        targets = [(one["legendFormat"], series(one["expr"], JOB)) for one in panel["targets"]]
        others = sum(len(series(one["expr"], "another")) for one in panel["targets"])
        yield panel["title"], {**_reading(panel, targets), "of_another_job": others}
    for one in dashboard["annotations"]["list"]:
        begins = sum(_stretches(found, every_s) for found in series(one["expr"], JOB))
        values = [{"legend": "", "value": begins}]
        others = len(series(one["expr"], "another"))
        marks = {"text": "", "colour": one["iconColor"], "unit": "short", "values": values, "of_another_job": others}
        yield f"Annotation {one['name']}", marks


def _stretches(series: Series, every_s: float) -> int:
    """How many marks there are: values without a gap are one."""
    times = [at for at, _ in series.points]
    return sum(later - at > 1.5 * every_s for at, later in pairwise(times)) + bool(times)


def _reading(panel: Mapping[str, Any], targets: Sequence[tuple[str, Sequence[Series]]]) -> Reading:
    defaults = panel["fieldConfig"]["defaults"]
    numbers = [_reduced(panel, one) for _, of in targets for one in of]
    legends = [_legend(legend, one.labels) for legend, of in targets for one in of]
    values = [{"legend": legend, "value": number} for legend, number in zip(legends, numbers, strict=True)]
    first = numbers[0] if numbers else None
    mapped = _mapped(defaults, first)
    colour = mapped.get("color") or _threshold(defaults["thresholds"]["steps"], first)
    return {"text": mapped.get("text", ""), "colour": colour, "unit": defaults["unit"], "values": values}


def _legend(template: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), template)


def _reduced(panel: Mapping[str, Any], series: Series) -> float | None:
    """As Grafana does it: one number of a ``stat`` panel by its calculation, the last of all others; NaN is none."""
    calculation = panel.get("options", {}).get("reduceOptions", {}).get("calcs", ["last"])[0]
    value = {"last": series.last, "lastNotNull": series.last, "max": max(series.values), "min": min(series.values)}.get(
        calculation, math.nan
    )
    return None if math.isnan(value) else value


def _mapped(defaults: Mapping[str, Any], value: float | None) -> Mapping[str, str]:
    for mapping in defaults.get("mappings", []):
        if mapping["type"] == "special" and value is None:
            return dict(mapping["options"]["result"])
        if mapping["type"] == "value" and value is not None:
            return dict(mapping["options"].get(f"{value:g}", {}))
    return {"text": defaults.get("noValue", ""), "color": "text"} if value is None else {}


def _threshold(steps: Sequence[Mapping[str, Any]], value: float | None) -> str:
    reached = [one["color"] for one in steps if one["value"] is None or (value is not None and one["value"] <= value)]
    return str(reached[-1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
