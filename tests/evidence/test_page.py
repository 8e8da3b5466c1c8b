"""The page, as text and as Chromium shows it."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from zepguard.evidence import Evidence, Lane, Mark, Panel, Series, Timeline, write
from zepguard.evidence.drawing import Scale, figure, in_columns, offset, ticks
from zepguard.evidence.model import PanelKind
from zepguard.evidence.panel_svg import panel_svg, shown
from zepguard.evidence.timeline_svg import timeline_svg

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser, full: Evidence, tmp_path: Path) -> Iterator[Open]:
    """Opens the page of a full run with every part of it unfolded; what it complained of is in ``problems``."""
    write(tmp_path, full)
    pages: list[Page] = []

    def open_page(width: int, **context: Any) -> Page:
        page = browser.new_page(viewport={"width": width, "height": 800}, **context)
        pages.append(page)
        problems: list[str] = []
        page.on("console", lambda message: problems.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: problems.append(f"asked for {request.url}"))
        url = (tmp_path / "index.html").as_uri()
        page.goto(url)
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        # Its icon is in the page itself, as data.
        assert [one for one in problems if one not in (f"asked for {url}", "asked for data:,")] == []
        return page

    yield open_page
    for page in pages:
        page.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_it_fits_the_screen_and_asks_for_nothing(opened: Open, width: int) -> None:
    page = opened(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut_off = page.evaluate(
        "[...document.querySelectorAll('body *')].filter(one => !one.closest('.drawing') && !one.closest('svg')"
        " && !one.closest('.table table')"
        " && one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 80))"
    )
    assert cut_off == []


LUMINANCE = """() => {
  const light = rgb => { const [r, g, b] = rgb.map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b; };
  const parse = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const ratio = (a, b) => { const [x, y] = [light(parse(a)), light(parse(b))].sort((p, q) => q - p);
    return (x + .05) / (y + .05); };
  const page = getComputedStyle(document.body).backgroundColor;
  return [...document.querySelectorAll('.badge, .quiet, a, svg text:not(.in)')].map(one => {
    const style = getComputedStyle(one);
    return [one.outerHTML.slice(0, 90), ratio(one.closest('svg') ? style.fill : style.color, page)]; });
}"""


def test_no_word_of_a_table_is_broken_on_a_phone(opened: Open) -> None:
    heads = "[...document.querySelectorAll('.table th')].filter(one => one.offsetHeight).map(one => one.offsetHeight)"
    heights = opened(390).evaluate(heads)
    assert len(heights) > 10
    assert len(set(heights)) == 1
    assert heights[0] < 60, "one line each"


def test_a_table_of_sentences_is_read_from_top_to_bottom_on_a_phone(opened: Open) -> None:
    """The matrix of defects: who has seen a defect would stand in a column as wide as a word."""
    cells = "[...document.querySelectorAll('.wordy td')]"
    page = opened(390)
    right, *others = page.evaluate(f"{cells}.map(one => one.getBoundingClientRect().right)")
    assert [right] * len(others) == others
    assert right <= 390
    assert page.evaluate(f"{cells}.map(one => getComputedStyle(one, '::before').content)") == [
        "none",
        '"Item: "',
        '"Seen by: "',
    ]
    assert len(set(opened(1440).evaluate(f"{cells}.map(one => one.getBoundingClientRect().top)"))) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_told_from_the_page_in_light_and_dark(opened: Open, scheme: str) -> None:
    """4.5 to 1 is what WCAG 2.2 asks for text (1.4.3)."""
    told = opened(1440, color_scheme=scheme).evaluate(LUMINANCE)
    assert len(told) > 50
    assert [one for one in told if one[1] < 4.5] == []


def test_a_link_to_a_scenario_opens_it(opened: Open) -> None:
    page = opened(1440)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = false)")
    page.click("#item-drill4-counter a >> nth=1")
    page.wait_for_function("document.getElementById('scenario-1').open")


def test_each_item_and_stage_is_on_the_page_and_nothing_from_elsewhere(full: Evidence, tmp_path: Path) -> None:
    record = write(tmp_path, full)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    for item in record.items:
        assert f'id="item-{item.id}"' in text
    for stage in {one.stage for one in record.items}:
        assert f'id="stage-{stage}"' in text
    assert 'href="#stage-simulation"' not in text, "it has no item to go to"
    for words in ("p95 TTFB &lt;b&gt; +180 ms", "&lt;b&gt; below 100", "not judged", "Milliseconds &lt;b&gt;"):
        assert words in text
    assert "gauge 1 &lt;b&gt;" in text
    assert "<b>" not in text
    assert re.findall(r"""(?:src|href)=["'](?!#|data:)""", text) == []
    assert "http" not in text
    assert "@import" not in text


def test_panels_are_called_the_dashboards_only_where_they_are(full: Evidence, tmp_path: Path) -> None:
    dashboards = "What stands on the Grafana dashboard"
    own = Panel(title="Time to first token, p95", kind=PanelKind.TIMESERIES, unit="ms", began=0, ended=1)
    write(tmp_path / "a", full)
    write(tmp_path / "b", full.model_copy(update={"panels": (own,), "scenarios": full.scenarios[:1]}))
    theirs, ours = ((tmp_path / one / "index.html").read_text(encoding="utf-8") for one in "ab")
    assert dashboards in theirs
    assert dashboards not in ours
    assert "not the panels of the Grafana dashboard" in ours
    assert "1 scenario:" in ours
    assert "3 scenarios:" in theirs


def test_a_timeline_shows_each_lane(timeline: Timeline) -> None:
    svg = timeline_svg(timeline)
    root = ElementTree.fromstring(svg)
    rows = [one.text for one in root.iter("text") if one.get("class") == "row"]
    assert rows == ["mode", "black-hole", "breaker read", "latency, up to", "done"]
    assert len(list(root.iter("circle"))) == 2
    assert "it downgrades &lt;b&gt;" in svg
    wide = {one.get("class"): float(one.get("width", 0)) for one in root.iter("rect")}
    assert wide["bar write-only"] > wide["bar fault"] > wide["bar open"]


def test_a_moment_without_a_length_can_be_drawn() -> None:
    marks = (Mark(at=5, lane=Lane.MODE, label="off"), Mark(at=5, lane=Lane.LATENCY, label="turn", value=0.0))
    assert ElementTree.fromstring(timeline_svg(Timeline(title="t", began=5, ended=5, marks=marks))) is not None
    assert timeline_svg(Timeline(title="t", began=5, ended=5)) == ""


def test_of_many_points_no_peak_is_lost() -> None:
    points = [(float(n), 5.0 if n == 777 else 1.0) for n in range(20_000)]
    kept = in_columns(points, Scale(0, 20_000, 0, 100))
    assert len(kept) <= 101
    assert (777.0, 5.0) in kept


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.997, "percentunit", "99.7 %"),
        (0.02, "s", "20 ms"),
        (1.5, "s", "1.50 s"),
        (0.25, "reqps", "0.25/s"),
        (3.0, "short", "3"),
        (None, "short", "N/A"),
        (float("nan"), "percentunit", "N/A"),
    ],
)
def test_figures_have_their_units(value: float | None, unit: str, expected: str) -> None:
    assert figure(value, unit) == expected


def test_offsets_and_ticks_are_round() -> None:
    assert [offset(one) for one in (0, 0.25, 90, 300, 19800, 5 * 86400)] == [
        "0 s",
        "0.25 s",
        "90 s",
        "5:00 min",
        "5:30 h",
        "5.0 d",
    ]
    assert [text for _, text in ticks(1000, 1320)] == ["0 s", "60 s", "2:00 min", "3:00 min", "4:00 min", "5:00 min"]
    assert 2 < len(list(ticks(0, 30 * 86400))) < 10
    assert [at for at, _ in ticks(7, 7)] == [7]


def test_a_panel_without_samples_shows_what_the_dashboard_does() -> None:
    panel = Panel(
        title="Downgrade Events", kind=PanelKind.TIMESERIES, unit="short", began=0, ended=9, no_value="0 events"
    )
    assert "0 events" in panel_svg(panel)
    health = Panel(
        title="Read Health",
        kind=PanelKind.STAT,
        unit="percentunit",
        began=0,
        ended=9,
        series=(Series(name="x", points=((1, None),)),),
    )
    assert shown(health) == [("N/A", "none")]


def test_a_line_is_broken_where_there_was_no_value() -> None:
    points = ((0.0, 1.0), (1.0, 1.0), (2.0, None), (3.0, 1.0), (9.0, 1.0))
    series = (Series(name="x", points=points),)
    panel = Panel(title="t", kind=PanelKind.TIMESERIES, unit="short", began=0, ended=9, series=series)
    root = ElementTree.fromstring(panel_svg(panel))
    assert [len((one.get("points") or "").split()) for one in root.iter("polyline")] == [2]
    assert len(list(root.iter("circle"))) == 2


def test_a_mode_is_one_bar_as_long_as_it_lasts() -> None:
    points = tuple((float(at), 2.0 if at < 6 else 1.0) for at in range(9))
    texts, series = {"1": "WRITE_ONLY", "2": "READ_WRITE"}, (Series(name="mode", points=points),)
    panel = Panel(title="t", kind=PanelKind.STATE_TIMELINE, unit="short", began=0, ended=9, texts=texts, series=series)
    bars = [(one.get("class"), one.get("width")) for one in ElementTree.fromstring(panel_svg(panel)).iter("rect")]
    assert bars == [("bar read-write", "200.0"), ("bar write-only", "100.0")]
