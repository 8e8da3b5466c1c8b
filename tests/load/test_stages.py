"""``loadtests/stages.toml`` holds the checklist's numbers, and a bad file is refused by line and key."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from zepguard.drills.places import features_folder
from zepguard.load.errors import StagesRefused
from zepguard.load.stages import Bound, Measure, load_stages

WHOLE = """\
[canary]
says = "production canary"
mode = "read_write"
share = 0.1
lasts_h = [72, 120]

[canary.limits.canary-ttfb]
measure = "ttfb_p95_delta_ms"
below = 100

[full]
says = "all threads"
mode = "read_write"
[full.limits.full-performance]
same_as = ["canary-ttfb"]
"""


def read(folder: Path, text: str) -> object:
    file = folder / "stages.toml"
    file.write_text(text, encoding="utf-8")
    return load_stages(file)


# --- the checklist's own ---

NUMBERS = {
    ("pre-alert-downgrade", "downgrades", "at_most", 0, 1),
    ("pre-alert-stuck", "forced_write_only", "at_most", 0, 15),
    ("pre-alert-reads", "context_failures_per_s", "at_most", 5, 5),
    ("soak-downgrades", "downgrades", "at_most", 0, None),
    ("soak-writes", "write_success_rate", "above", 0.99, None),
    ("soak-breaker", "circuit_opens", "at_most", 0, None),
    ("rw-preconditions", "downgrades", "at_most", 0, None),
    ("rw-preconditions", "write_success_rate", "above", 0.99, None),
    ("rw-preconditions", "circuit_opens", "at_most", 0, None),
    ("canary-downgrades", "downgrades", "at_most", 0, None),
    ("canary-read-p95", "read_p95_ms", "below", 250, None),
    ("canary-ttfb", "ttfb_p95_delta_ms", "below", 100, None),
    ("canary-errors", "error_rate_ratio", "below", 1.1, None),
    ("canary-cache", "cache_hit_rate", "above", 0.30, None),
    ("full-downgrades", "downgrades", "at_most", 0, None),
    ("full-performance", "read_p95_ms", "below", 250, None),
    ("full-performance", "ttfb_p95_delta_ms", "below", 100, None),
    ("full-performance", "cache_hit_rate", "above", 0.30, None),
    ("full-errors", "error_rate_ratio", "at_most", 1.0, None),
    ("rollback-ttfb", "ttfb_p95_delta_ms", "at_most", 200, None),
    ("rollback-breaker", "breaker_open_share", "at_most", 0.05, 10),
    ("rollback-errors", "error_rate_ratio", "at_most", 2.0, None),
    ("downgrade-latency", "read_p95_ms", "at_most", 300, 15),
    ("downgrade-failures", "context_failure_rate", "at_most", 0.10, 10),
    ("week1-downgrades", "downgrades", "at_most", 0, None),
    ("week1-read-p95", "read_p95_ms", "below", 250, None),
    ("week1-ttfb", "ttfb_p95_delta_ms", "below", 50, None),
    ("month1-probes", "probe_success_rate", "above", 0.90, None),
    ("month1-cache", "cache_hit_rate", "above", 0.40, None),
}


def test_the_file_holds_the_numbers_of_the_checklist() -> None:
    found = [
        (limit.item, str(limit.measure), str(limit.bound), limit.number, limit.for_min)
        for stage in load_stages().values()
        for limit in stage.limits
    ]
    assert set(found) == NUMBERS
    assert len(found) == len(NUMBERS)


def test_each_item_is_one_of_the_checklist_at_its_stage() -> None:
    items = yaml.safe_load((features_folder() / "checklist.yaml").read_text(encoding="utf-8"))["items"]
    stage_of = {item["id"]: item["stage"] for item in items}
    for stage in load_stages().values():
        assert {stage_of[limit.item] for limit in stage.limits} == {stage.name}


def test_the_stages_last_as_long_and_take_as_many_threads_as_the_checklist_says() -> None:
    stages = load_stages()
    assert {name: stage.lasts_h for name, stage in stages.items() if stage.lasts_h} == {
        "staging-write-only": (48, 48),
        "canary": (72, 120),
        "full": (24, 24),
        "week-1": (168, 168),
        "month-1": (720, 744),
    }
    assert (stages["canary"].share, stages["full"].share) == (0.1, 1.0)
    assert {name for name, stage in stages.items() if stage.mode == "write_only"} == {
        "pre-deploy",
        "staging-write-only",
    }


@pytest.mark.parametrize(
    ("bound", "value", "holds"),
    [
        ("below", 249.9, True),
        ("below", 250, False),
        ("at_most", 250, True),
        ("at_most", 250.1, False),
        ("above", 250, False),
        ("above", 250.1, True),
    ],
)
def test_a_bound_says_what_its_name_says(bound: str, value: float, holds: bool) -> None:
    limit = next(iter(load_stages()["week-1"].limits))
    changed = type(limit)(item="x", measure=Measure.READ_P95_MS, bound=Bound(bound), number=250)
    assert changed.holds(value) is holds


# --- a bad file ---


def test_a_whole_file_is_taken(tmp_path: Path) -> None:
    stages = read(tmp_path, WHOLE)
    assert isinstance(stages, dict)
    assert [str(limit) for limit in stages["full"].limits] == ["ttfb_p95_delta_ms below 100"]
    assert stages["full"].limits[0].item == "full-performance"


@pytest.mark.parametrize(
    ("old", "new", "line", "key"),
    [
        ("below = 100", 'below = "100"', 9, "canary.limits.canary-ttfb.below"),
        ("below = 100", "below = true", 9, "canary.limits.canary-ttfb.below"),
        ("below = 100", "below = nan", 9, "canary.limits.canary-ttfb.below"),
        ("below = 100", "below = -1", 9, "canary.limits.canary-ttfb.below"),
        ("below = 100", "belov = 100", 9, "canary.limits.canary-ttfb.belov"),
        ("below = 100\n", "", 7, "canary.limits.canary-ttfb"),
        ("below = 100", "below = 100\nabove = 1", 7, "canary.limits.canary-ttfb"),
        ("below = 100", "below = 100\nfor_min = 0", 10, "canary.limits.canary-ttfb.for_min"),
        ("ttfb_p95_delta_ms", "ttfb_p99_delta_ms", 8, "canary.limits.canary-ttfb.measure"),
        ('mode = "read_write"\nshare', 'mode = "off"\nshare', 3, "canary.mode"),
        ('mode = "read_write"\nshare', "share", 1, "canary.mode"),
        ('says = "production canary"', "says = 5", 2, "canary.says"),
        ("share = 0.1", "share = 0", 4, "canary.share"),
        ("share = 0.1", "share = 10", 4, "canary.share"),
        ("share = 0.1", "chare = 0.1", 4, "canary.chare"),
        ("[72, 120]", "[120, 72]", 5, "canary.lasts_h"),
        ("[72, 120]", "72", 5, "canary.lasts_h"),
        ('["canary-ttfb"]', '["canary-tfb"]', 15, "full.limits.full-performance.same_as"),
        ('["canary-ttfb"]', '"canary-ttfb"', 15, "full.limits.full-performance.same_as"),
        ('["canary-ttfb"]', '["canary-ttfb"]\nbelow = 1', 15, "full.limits.full-performance.same_as"),
        ('same_as = ["canary-ttfb"]', 'measure = "downgrades"\nat_most = 0\n[full.limits.canary-ttfb]\n'
         'measure = "downgrades"\nat_most = 0', 17, "full.limits.canary-ttfb"),
        ('[full.limits.full-performance]\nsame_as = ["canary-ttfb"]\n', "", 11, "full"),
        ('[full.limits.full-performance]\nsame_as = ["canary-ttfb"]\n', "limits = 4", 14, "full.limits"),
        ("[canary]", "odd = 1\n[canary]", 1, "odd"),
        ("[full]", "[whole]", 11, "whole"),
        ("[canary.limits.canary-ttfb]", "[canary.limits.canary-ttfp]", 7, "canary.limits.canary-ttfp"),
        ("[canary.limits.canary-ttfb]", "[canary.limits.rollback-ttfb]", 7, "canary.limits.rollback-ttfb"),
        ('"ttfb_p95_delta_ms"\nbelow = 100', '"cache_hit_rate"\nabove = 30', 9, "canary.limits.canary-ttfb.above"),
        ('"ttfb_p95_delta_ms"\nbelow', '"breaker_open_share"\nat_most', 9, "canary.limits.canary-ttfb.at_most"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_line_and_key(tmp_path: Path, old: str, new: str, line: int, key: str) -> None:
    assert old in WHOLE
    with pytest.raises(StagesRefused) as refused:
        read(tmp_path, WHOLE.replace(old, new, 1))
    assert f"stages.toml, line {line}, key {key}: " in str(refused.value)


def test_what_is_no_toml_is_refused_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(StagesRefused, match="at line 2"):
        read(tmp_path, "[canary]\nsays = production\n")


def test_a_file_without_stages_or_none_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StagesRefused, match="there is no stage"):
        read(tmp_path, "# nothing\n")
    with pytest.raises(StagesRefused, match="cannot be read"):
        load_stages(tmp_path / "gone.toml")
