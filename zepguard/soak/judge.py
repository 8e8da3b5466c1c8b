"""Judges a soak: the checklist's own expressions, asked of a real Prometheus, beside what Zep's journal tells."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from guard.core.modes import HOLD_S
from zepguard.prometheus.answers import Asking
from zepguard.prometheus.budgets import Budget, read_budgets
from zepguard.prometheus.expressions import Expression, read_expressions
from zepguard.prometheus.verdict import Verdict, judge, worst
from zepguard.soak.panels import Shown, shown
from zepguard.soak.scenarios import IncidentKind, Scenario
from zepguard.soak.story import Story, Stretch

__all__ = ["ItemFinding", "judge_soak", "verdict_of"]

_RESTORED_WITHIN_S = 5.0
"""A probe's deadline, and the age that a process's view of the record may have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemFinding:
    """What came of one item: a verdict, one sentence why, and the PromQL that was asked."""

    item: str
    verdict: Verdict
    why: str
    promql: str


def judge_soak(ask: Asking, scenario: Scenario, story: Story) -> tuple[ItemFinding, ...]:
    """Judge each item of the scenario, by all that was scraped.

    Raises:
        QueryRefused: Prometheus did not answer.
    """
    seen = _Seen(ask, story)
    found = (_JUDGES.get(item, _by_budget)(seen, item) for item in scenario.items)
    return tuple(one if story.messages else _without_samples(one) for one in found)


def _without_samples(finding: ItemFinding) -> ItemFinding:
    """Where nobody chats nothing downgrades and no breaker opens; that says nothing about a product in use."""
    return replace(finding, verdict=Verdict.INCONCLUSIVE, why="no samples: nobody chatted")


def verdict_of(findings: Sequence[ItemFinding], scenario: Scenario, story: Story) -> tuple[Verdict, str]:
    """The soak's verdict and why; one that lasted shorter than the checklist says can be no go, and never go."""
    verdict = worst([one.verdict for one in findings])
    hours = (story.ended - story.began) / 3600
    if verdict is Verdict.MET and hours < scenario.hours:
        return Verdict.INCONCLUSIVE, f"{hours:g} h were run, and the checklist asks for {scenario.hours:g} h"
    return verdict, "; ".join(f"{one.item}: {one.why}" for one in findings if one.verdict is verdict)


class _Seen:
    """A soak's metrics and its story."""

    def __init__(self, ask: Asking, story: Story) -> None:
        self.story = story
        self._ask = ask
        self.expressions: Mapping[str, Expression] = read_expressions()
        self.budgets: Mapping[str, Budget] = {one.item: one for one in read_budgets()}

    def at_ends(self, promql: str, window_s: float) -> Iterator[tuple[Stretch, float]]:
        """The values of an expression at the end of each window, all series, with that window."""
        story = self.story
        start = min(story.began + window_s, story.ended)
        for series in self._ask.range(promql, start=start, end=story.ended, step_s=window_s):
            for at, value in series.points:
                yield Stretch(began=at - window_s, ended=at), value

    def over(self, name: str, stretch: Stretch) -> dict[str, float]:
        """The value of an expression that looks back over a stretch, by its one label."""
        expression = self.expressions[name]
        promql = expression.promql(f"{max(1, round(stretch.lasts_s))}s")
        series = self._ask.instant(promql, at=stretch.ended)
        return {"".join(one.labels.get(label, "") for label in expression.by): one.last for one in series}

    def panels(self) -> Mapping[str, Shown]:
        """What the dashboard shows at the end."""
        return shown(self._ask, at=self.story.ended)

    def unhealthy(self) -> tuple[Stretch, ...]:
        """Each incident that the journal shows, until the first message after its last hold can have restored."""
        return tuple(self._restored(one) for one in self.story.real_troubles())

    def _restored(self, trouble: Stretch) -> Stretch:
        held_until = trouble.ended + HOLD_S + _RESTORED_WITHIN_S
        probe = next((at for at in self.story.messages if at >= held_until), math.inf)
        return Stretch(began=trouble.began, ended=probe + _RESTORED_WITHIN_S)


def _seconds(window: str) -> float:
    return float(window[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[window[-1]]


def _by_budget(seen: _Seen, item: str, excused: Sequence[Stretch] = ()) -> ItemFinding:
    """By the number in ``budgets.toml``, at the end of each window that touches no excused stretch."""
    budget = seen.budgets[item]
    promql = budget.promql()
    windows = list(seen.at_ends(promql, _seconds(budget.window)))
    values = [value for window, value in windows if not window.touches(excused)]
    finding = judge(budget, values)
    left_out = len(windows) - len(values)
    why = f"{finding.why}{f', {left_out} left out for incidents of Zep' if left_out else ''}"
    if finding.value is not None:
        why += f"; {'first wrong' if finding.verdict is Verdict.MISSED else 'last'}: {finding.value:.4g}"
    return ItemFinding(item=item, verdict=finding.verdict, why=why, promql=promql)


def _but_for_incidents(seen: _Seen, item: str) -> ItemFinding:
    return _by_budget(seen, item, seen.story.real_troubles())


def _while_healthy(seen: _Seen, item: str) -> ItemFinding:
    return _by_budget(seen, item, seen.unhealthy())


def _dashboard(seen: _Seen, item: str) -> ItemFinding:
    panels = seen.panels()
    wrong = [f"{title} shows {panels[title]}" for title, holds in _WRITE_ONLY.items() if not holds(panels[title])]
    idle = not panels["Write Health"].numbers
    verdict = Verdict.INCONCLUSIVE if idle else Verdict.MISSED if wrong else Verdict.MET
    told = [f"{title}: {panels[title]}" for title in _WRITE_ONLY]
    return ItemFinding(item=item, verdict=verdict, why="; ".join(wrong or told), promql="the panels' own")


_WRITE_ONLY: Mapping[str, Callable[[Shown], bool]] = {
    "Memory Mode (Current)": lambda shows: shows.text == "WRITE_ONLY",
    "Read Health": lambda shows: not shows.numbers,
    "Write Health": lambda shows: min(shows.numbers, default=0) > 0.99,
    "Circuit Breaker Opens": lambda shows: shows.numbers == (0,),
    "Read/Write Request Rate": lambda shows: len(shows.numbers) == 2 and shows.numbers[0] == 0 < shows.numbers[1],
}
"""What the checklist says that the dashboard shows of healthy writes without reads."""


def _coincide(seen: _Seen, item: str) -> ItemFinding:
    """Each window with a downgrade touches an incident that the journal shows; and each grave one has such a window."""
    expression = seen.expressions["downgrades"]
    counted = [
        (window, value)
        for window, value in seen.at_ends(expression.promql(), _seconds(expression.window))
        if not math.isnan(value)
    ]
    troubles = seen.story.real_troubles()
    hit = [window for window, value in counted if value > 0]
    alone = [window for window in hit if not window.touches(troubles)]
    if not counted:
        return ItemFinding(item=item, verdict=Verdict.INCONCLUSIVE, why="no samples", promql=expression.promql())
    missing = [one for one in _grave(seen) if not any(window.touches([one]) for window in hit)]
    why = f"{len(hit)} windows with a downgrade, {len(alone)} of them without an incident of Zep"
    why += f"; no downgrade in {len(missing)} of {len(_grave(seen))} grave incidents"
    verdict = Verdict.MISSED if alone or missing else Verdict.MET
    return ItemFinding(item=item, verdict=verdict, why=why, promql=expression.promql())


def _grave(seen: _Seen) -> list[Stretch]:
    return [one for one in seen.story.real_troubles() if IncidentKind(one.kind).must_downgrade]


def _gauge(seen: _Seen, item: str) -> ItemFinding:
    expression = seen.expressions["mode_as_flags_say"]
    values = list(seen.at_ends(expression.promql(), seen.story.scrape_s))
    unhealthy = seen.unhealthy()
    healthy = [(window.ended, value) for window, value in values if not _within(window.ended, unhealthy)]
    wrong = [at for at, value in healthy if value != 1]
    forced = sum(value == 0 for _, value in values)
    if not healthy:
        return ItemFinding(item=item, verdict=Verdict.INCONCLUSIVE, why="no samples", promql=expression.promql())
    why = f"{len(wrong)} of {len(healthy)} scrapes while healthy show another mode than the flags; forced in {forced}"
    return ItemFinding(item=item, verdict=Verdict.MISSED if wrong else Verdict.MET, why=why, promql=expression.promql())


def _within(at: float, stretches: Sequence[Stretch]) -> bool:
    return any(one.began <= at <= one.ended for one in stretches)


def _tracked(seen: _Seen, item: str) -> ItemFinding:
    """Each grave incident has its downgrade and then its restore, and metrics and log count the same downgrades."""
    promql = seen.expressions["downgrades"].promql(f"{seen.story.lasts_s:.0f}s")
    if not _grave(seen):
        return ItemFinding(item=item, verdict=Verdict.INCONCLUSIVE, why="no incident was met", promql=promql)
    whole = Stretch(began=seen.story.began, ended=seen.story.ended)
    by_metric = sum(round(value) for value in seen.over("downgrades", whole).values())
    by_log = sum(one.event == "memory_mode_forced" for one in seen.story.log)
    faults = [text for trouble in _grave(seen) if (text := _untracked(seen, trouble))]
    if by_metric != by_log:
        faults.append(f"{by_metric} downgrades in the metrics, and {by_log} in the log")
    found = f"{by_metric} downgrades in metrics and log alike, in {len(_grave(seen))} grave incidents, each restored"
    return ItemFinding(
        item=item, verdict=Verdict.MISSED if faults else Verdict.MET, why="; ".join(faults) or found, promql=promql
    )


def _untracked(seen: _Seen, trouble: Stretch) -> str:
    scrape_s = seen.story.scrape_s
    around = replace(trouble, began=trouble.began - scrape_s, ended=trouble.ended + scrape_s)
    if not any(round(value) for value in seen.over("downgrades", around).values()):
        return f"no downgrade in the {trouble.kind}"
    restored = seen._restored(trouble).ended + 2 * scrape_s
    after = Stretch(began=trouble.began, ended=min(restored, seen.story.ended))
    if not any(round(value) for value in seen.over("restores", after).values()):
        return f"no restore after the {trouble.kind}"
    return ""


def _probes(seen: _Seen, item: str) -> ItemFinding:
    """Those sent while Zep was healthy: between the incidents that the journal shows."""
    budget = seen.budgets[item]
    found = {"succeeded": 0, "failed": 0}
    for stretch in seen.story.between_troubles():
        for result, value in seen.over("probes", stretch).items():
            found[result] = found.get(result, 0) + (0 if math.isnan(value) else round(value))
    sent = sum(found.values())
    ratio = found["succeeded"] / sent if sent else math.nan
    finding = judge(budget, [ratio])
    why = f"{found['succeeded']} of {sent} probes sent while Zep was healthy restored: {finding.why}"
    return ItemFinding(item=item, verdict=finding.verdict, why=why, promql=seen.expressions["probes"].promql())


_JUDGES: Mapping[str, Callable[[_Seen, str], ItemFinding]] = {
    "soak-dashboard": _dashboard,
    "canary-downgrades": _but_for_incidents,
    "week1-downgrades": _coincide,
    "week1-gauge": _gauge,
    "month1-downgrades": _tracked,
    "month1-probes": _probes,
    "month1-cache": _while_healthy,
}
"""Where a budget's number alone does not say it."""
