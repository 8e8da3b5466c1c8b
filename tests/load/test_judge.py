"""The judge, on runs that are made up: what is a go, what a no go, and what nobody can tell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zepguard.load.asking import ASKED
from zepguard.load.judge import SAMPLES_MIN, judge
from zepguard.load.percentile import nearest_rank
from zepguard.load.samples import End, LoadRun, RunHead, ScrapeSample, TurnSample
from zepguard.load.schedule import Arm
from zepguard.load.stages import Bound, Limit, Measure, Stage, load_stages
from zepguard.load.verdicts import Figure, Judgement, Unknown, Verdict, told

STAGES = load_stages()
EDGES_MS = (25, 100, 250, 300, 400, 500)
MODE = {Arm.OFF: "off", Arm.STAGE: "read_write"}


def turn(arm: Arm, ttfb_ms: float | None = 30, **fields: Any) -> TurnSample:
    made = TurnSample(
        user=0,
        thread_id="t",
        number=0,
        arm=arm,
        due_s=10,
        free_s=0,
        sent_s=10,
        first_token_s=None if ttfb_ms is None else 10 + ttfb_ms / 1000,
        done_s=12,
        status=200,
        error="",
        mode=MODE[arm],
        memory="",
    )
    return replace(made, **fields)


def scrape(at_s: float, reads_ms: Sequence[float] = (), **counted: float) -> ScrapeSample:
    """A scrape after these reads; ``counted`` names series of the guard without their common beginning."""
    series = {
        f'memory_zep_read_latency_seconds_bucket{{le="{edge / 1000}"}}': float(sum(ms <= edge for ms in reads_ms))
        for edge in EDGES_MS
    }
    series['memory_zep_read_latency_seconds_bucket{le="+Inf"}'] = float(len(reads_ms))
    for reason in ("auth", "probe_failed"):
        series[f'memory_zep_downgrades_total{{reason="{reason}"}}'] = counted.get(reason, 0.0)
    series['circuit_open_total{component="zep"}'] = counted.get("opens", 0.0)
    series["memory_zep_read_requests_total"] = float(len(reads_ms))
    for name in ("context_cache_hits", "context_failures", "write_requests", "write_failures"):
        series[f"memory_zep_{name}_total"] = counted.get(name, 0.0)
    return ScrapeSample(at_s=at_s, series=series)


def run(
    off: Sequence[TurnSample] | None = None,
    stage: Sequence[TurnSample] | None = None,
    after: ScrapeSample | None = None,
    **fields: Any,
) -> LoadRun:
    """A healthy run, but for what is given."""
    off = [turn(Arm.OFF)] * 100 if off is None else off
    stage = [turn(Arm.STAGE)] * 100 if stage is None else stage
    head = RunHead(
        stage="canary",
        mode="read_write",
        users=10,
        rate_per_s=10,
        duration_s=60,
        warm_up_s=5,
        share=0.5,
        turns_in_chat=4,
        seed=1,
        began_at=0,
    )
    made = LoadRun(
        head=head,
        turns=(*off, *stage),
        scrapes=(scrape(5), after or scrape(60, [20] * 75, context_cache_hits=225)),
        end=End(at_s=61, due=len(off) + len(stage), interrupted=False),
    )
    return replace(made, **fields)


def of(judgement: Judgement, item: str) -> Verdict:
    return next(one.verdict for one in judgement.findings if one.limit.item == item)


def limited(measure: Measure, bound: str, number: float, **fields: Any) -> Stage:
    limit = Limit(item="item", measure=measure, bound=Bound(bound), number=number)
    return replace(STAGES["canary"], limits=(limit,), **fields)


# --- the whole ---


def test_a_healthy_run_is_a_go() -> None:
    judgement = judge(run(), STAGES["canary"])
    assert (judgement.verdict, judgement.doubts) == (Verdict.GO, ())
    assert told(judgement).splitlines()[-1] == "GO: canary"


@pytest.mark.parametrize(
    ("broken", "item"),
    [
        ({"stage": [turn(Arm.STAGE, 131)] * 100}, "canary-ttfb"),
        ({"after": scrape(60, [320] * 75, context_cache_hits=225)}, "canary-read-p95"),
        ({"after": scrape(60, [20] * 75, context_cache_hits=10)}, "canary-cache"),
        ({"after": scrape(60, [20] * 75, context_cache_hits=225, auth=1)}, "canary-downgrades"),
        ({"stage": [turn(Arm.STAGE, error="503")] * 10 + [turn(Arm.STAGE)] * 90}, "canary-errors"),
    ],
)
def test_one_broken_limit_is_a_no_go_and_only_that(broken: dict[str, Any], item: str) -> None:
    judgement = judge(run(**broken), STAGES["canary"])
    assert judgement.verdict is Verdict.NO_GO
    assert {one.limit.item for one in judgement.findings if one.verdict is not Verdict.GO} == {item}


@given(st.lists(st.sampled_from(list(Verdict))), st.booleans())
def test_only_go_alone_is_a_go(verdicts: list[Verdict], doubt: bool) -> None:
    from zepguard.load.verdicts import Finding

    limit = STAGES["canary"].limits[0]
    found = tuple(Finding(limit=limit, verdict=one, seen="") for one in verdicts)
    judgement = Judgement(stage="canary", findings=found, doubts=("doubt",) if doubt else ())
    is_go = not doubt and Verdict.GO in verdicts and not {Verdict.NO_GO, Verdict.INCONCLUSIVE} & set(verdicts)
    assert (judgement.verdict is Verdict.GO) is is_go


# --- doubts: never a go, nor a no go ---

LATE = {"sent_s": 10.051, "first_token_s": 10.08}


@pytest.mark.parametrize(
    ("doubtful", "why"),
    [
        ({"end": None}, "did not come to its end"),
        ({"end": End(at_s=30, due=200, interrupted=True)}, "did not come to its end"),
        ({"end": End(at_s=61, due=211, interrupted=False)}, "200 of 211 turns were sent"),
        ({"scrapes": (scrape(5),)}, "not scraped"),
        ({"stage": [turn(Arm.STAGE, **LATE)] * 100}, "51 ms late by itself"),
        ({"off": [turn(Arm.OFF, free_s=10.051, sent_s=10.051)] * 100}, "not be kept even without memory: p95 51 ms"),
        ({"off": [turn(Arm.OFF)] * 99 + [turn(Arm.OFF, mode="read_write")]}, "memory was not off for them"),
        ({"stage": [turn(Arm.STAGE)] * 99 + [turn(Arm.STAGE, mode="write_only")]}, "write_only, not in read_write"),
    ],
)
@pytest.mark.parametrize("healthy", [True, False])
def test_a_run_in_doubt_is_inconclusive_whatever_its_figures(doubtful: dict[str, Any], why: str, healthy: bool) -> None:
    slow: dict[str, Any] = {} if healthy else {"after": scrape(60, [450] * 75, context_cache_hits=225)}
    judgement = judge(run(**slow, **doubtful), STAGES["canary"])
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert any(why in doubt for doubt in judgement.doubts), judgement.doubts


def test_a_run_in_another_mode_than_the_stages_is_in_doubt() -> None:
    assert "write_only" in judge(run(), STAGES["staging-write-only"]).doubts[0]


def test_a_user_that_waited_for_the_turn_before_is_no_lateness_of_the_generator() -> None:
    waited = turn(Arm.STAGE, due_s=10, free_s=10.5, sent_s=10.5, first_token_s=10.53)
    judgement = judge(run(stage=[waited] * 100), STAGES["canary"])
    assert judgement.doubts == ()
    assert of(judgement, "canary-ttfb") is Verdict.NO_GO  # 530 ms since it was due, though 30 since it was sent


def test_a_downgrade_is_a_no_go_where_it_is_forbidden_and_a_doubt_elsewhere() -> None:
    fallen = [turn(Arm.STAGE)] * 50 + [turn(Arm.STAGE, mode="write_only")] * 50
    made = run(stage=fallen, after=scrape(60, [20] * 75, context_cache_hits=225, auth=1))
    assert judge(made, STAGES["canary"]).verdict is Verdict.NO_GO
    assert judge(made, STAGES["rollback"]).verdict is Verdict.INCONCLUSIVE


def test_turns_of_the_warm_up_do_not_count() -> None:
    cold = [turn(Arm.STAGE, due_s=4.9, sent_s=4.9, first_token_s=6, error="503")] * 50
    judgement = judge(run(stage=[turn(Arm.STAGE)] * 100 + cold), STAGES["canary"])
    assert judgement.verdict is Verdict.GO


# --- time to first byte ---

latencies = st.lists(st.floats(0, 2000), min_size=SAMPLES_MIN, max_size=SAMPLES_MIN + 20)


@given(latencies, latencies)
def test_the_difference_is_that_of_the_exact_percentiles(off: list[float], stage: list[float]) -> None:
    turns = {arm: [turn(arm, ms) for ms in values] for arm, values in ((Arm.OFF, off), (Arm.STAGE, stage))}
    judgement = judge(run(turns[Arm.OFF], turns[Arm.STAGE]), limited(Measure.TTFB_P95_DELTA_MS, "below", 100))
    delta = nearest_rank(stage, 95) - nearest_rank(off, 95)
    if not math.isclose(delta, 100, abs_tol=1e-6):
        assert judgement.findings[0].verdict is (Verdict.GO if delta < 100 else Verdict.NO_GO)


@given(st.integers(0, 100))
def test_a_turn_without_a_token_is_slower_than_any_other(silent: int) -> None:
    stage = [turn(Arm.STAGE, None)] * silent + [turn(Arm.STAGE)] * (100 - silent)
    verdict = of(judge(run(stage=stage), STAGES["canary"]), "canary-ttfb")
    assert verdict is (Verdict.NO_GO if silent > 5 else Verdict.GO)


def test_without_a_baseline_nothing_is_concluded() -> None:
    judgement = judge(run(off=[turn(Arm.OFF, None)] * 100), STAGES["canary"])
    assert of(judgement, "canary-ttfb") is Verdict.INCONCLUSIVE


@given(st.integers(0, 2 * SAMPLES_MIN), st.integers(0, 2 * SAMPLES_MIN))
def test_too_few_turns_are_inconclusive(off: int, stage: int) -> None:
    judgement = judge(run([turn(Arm.OFF)] * off, [turn(Arm.STAGE, 900)] * stage), STAGES["canary"])
    enough = min(off, stage) >= SAMPLES_MIN
    assert of(judgement, "canary-ttfb") is (Verdict.NO_GO if enough else Verdict.INCONCLUSIVE)
    assert (of(judgement, "canary-errors") is Verdict.GO) is enough


# --- reads ---


@given(st.lists(st.floats(1, 600), min_size=SAMPLES_MIN, max_size=200), st.sampled_from(EDGES_MS))
def test_a_limit_at_an_edge_is_decided_as_the_raw_samples_would(reads: list[float], limit_ms: float) -> None:
    judgement = judge(run(after=scrape(60, reads)), limited(Measure.READ_P95_MS, "at_most", limit_ms))
    assert judgement.findings[0].verdict is (Verdict.GO if nearest_rank(reads, 95) <= limit_ms else Verdict.NO_GO)


def test_a_limit_between_edges_may_be_undecidable() -> None:
    judgement = judge(run(after=scrape(60, [270] * 75)), limited(Measure.READ_P95_MS, "below", 275))
    assert judgement.findings[0].verdict is Verdict.INCONCLUSIVE
    assert "no edge at 275 ms" in judgement.findings[0].seen


def test_reads_before_the_first_scrape_do_not_count() -> None:
    made = run(scrapes=(scrape(5, [450] * 75), scrape(60, [450] * 75 + [20] * 75, context_cache_hits=225)))
    assert judge(made, STAGES["canary"]).verdict is Verdict.GO


@pytest.mark.parametrize("reads", [0, SAMPLES_MIN - 1])
def test_too_few_reads_are_inconclusive(reads: int) -> None:
    judgement = judge(run(after=scrape(60, [450] * reads, context_cache_hits=225)), STAGES["canary"])
    assert of(judgement, "canary-read-p95") is Verdict.INCONCLUSIVE
    assert judgement.verdict is Verdict.INCONCLUSIVE


# --- errors ---


@pytest.mark.parametrize(
    ("off", "stage", "verdict"),
    [
        (0, 0, Verdict.GO),
        (0, 1, Verdict.INCONCLUSIVE),
        (0, 4, Verdict.INCONCLUSIVE),
        (0, 5, Verdict.NO_GO),
        (10, 10, Verdict.GO),
        (10, 11, Verdict.INCONCLUSIVE),  # exactly 1.1 times is not below it
        (10, 15, Verdict.INCONCLUSIVE),
        (10, 16, Verdict.NO_GO),
        (10, 0, Verdict.GO),
    ],
)
def test_errors_are_held_against_those_of_the_baseline(off: int, stage: int, verdict: Verdict) -> None:
    failed = {
        arm: [turn(arm, error="503")] * count + [turn(arm)] * (100 - count)
        for arm, count in ((Arm.OFF, off), (Arm.STAGE, stage))
    }
    assert of(judge(run(failed[Arm.OFF], failed[Arm.STAGE]), STAGES["canary"]), "canary-errors") is verdict


def test_as_many_errors_are_no_increase() -> None:
    failed = {arm: [turn(arm, error="503")] * 7 + [turn(arm)] * 93 for arm in Arm}
    assert of(judge(run(failed[Arm.OFF], failed[Arm.STAGE]), STAGES["full"]), "full-errors") is Verdict.GO


# --- what the product counts ---


@pytest.mark.parametrize(
    ("stage", "item", "counted", "verdict"),
    [
        ("canary", "canary-cache", {"context_cache_hits": 33}, Verdict.GO),
        ("canary", "canary-cache", {"context_cache_hits": 32}, Verdict.NO_GO),  # 32 of 107 are under 0.30
        ("month-1", "month1-cache", {"context_cache_hits": 50}, Verdict.NO_GO),  # exactly 0.40 is not above
        ("staging-read-write", "rw-preconditions", {"write_requests": 1000, "write_failures": 9}, Verdict.GO),
        ("rollback", "downgrade-failures", {"context_failures": 7}, Verdict.GO),
        ("rollback", "downgrade-failures", {"context_failures": 8}, Verdict.NO_GO),
        ("pre-deploy", "pre-alert-reads", {"context_failures": 275}, Verdict.GO),
        ("pre-deploy", "pre-alert-reads", {"context_failures": 276}, Verdict.NO_GO),
    ],
)
def test_rates_are_of_what_rose_between_the_scrapes(
    stage: str, item: str, counted: Mapping[str, float], verdict: Verdict
) -> None:
    assert of(judge(run(after=scrape(60, [20] * 75, **counted)), STAGES[stage]), item) is verdict


@pytest.mark.parametrize(
    ("counted", "broken"),
    [
        ({"write_requests": 1000, "write_failures": 10}, Measure.WRITE_SUCCESS_RATE),
        ({"write_requests": 1000, "opens": 1}, Measure.CIRCUIT_OPENS),
        ({"write_requests": 1000, "auth": 1, "probe_failed": 1}, Measure.DOWNGRADES),
    ],
)
def test_each_precondition_of_reads_can_fail(counted: Mapping[str, float], broken: Measure) -> None:
    judgement = judge(run(after=scrape(60, [20] * 75, **counted)), STAGES["staging-read-write"])
    assert [one.limit.measure for one in judgement.findings if one.verdict is Verdict.NO_GO] == [broken]


def test_too_few_writes_are_inconclusive() -> None:
    judgement = judge(run(after=scrape(60, [20] * 75, write_requests=59)), STAGES["staging-read-write"])
    assert judgement.verdict is Verdict.INCONCLUSIVE


def test_counts_that_are_not_there_or_go_back_are_inconclusive() -> None:
    bare = ScrapeSample(at_s=60, series={})
    assert of(judge(run(after=bare), STAGES["canary"]), "canary-cache") is Verdict.INCONCLUSIVE
    fewer = run(scrapes=(scrape(5, [20] * 75, context_cache_hits=300), scrape(60, [20] * 75)))
    finding = next(one for one in judge(fewer, STAGES["canary"]).findings if one.limit.item == "canary-cache")
    assert (finding.verdict, "has gone back" in finding.seen) == (Verdict.INCONCLUSIVE, True)


# --- what a Prometheus was asked for ---


@pytest.mark.parametrize(
    ("stage", "item", "measure", "found", "verdict"),
    [
        ("rollback", "rollback-breaker", Measure.BREAKER_OPEN_SHARE, Figure(value=0.05, says=""), Verdict.GO),
        ("rollback", "rollback-breaker", Measure.BREAKER_OPEN_SHARE, Figure(value=0.051, says=""), Verdict.NO_GO),
        ("rollback", "rollback-breaker", Measure.BREAKER_OPEN_SHARE, Unknown("no samples"), Verdict.INCONCLUSIVE),
        ("pre-deploy", "pre-alert-stuck", Measure.FORCED_WRITE_ONLY, Figure(value=0, says=""), Verdict.GO),
        ("pre-deploy", "pre-alert-stuck", Measure.FORCED_WRITE_ONLY, Figure(value=0.1, says=""), Verdict.NO_GO),
        ("month-1", "month1-probes", Measure.PROBE_SUCCESS_RATE, Figure(value=0.91, says="", samples=60), Verdict.GO),
        ("month-1", "month1-probes", Measure.PROBE_SUCCESS_RATE, Figure(value=0.9, says="", samples=60), Verdict.NO_GO),
        (
            "month-1",
            "month1-probes",
            Measure.PROBE_SUCCESS_RATE,
            Figure(value=1, says="", samples=SAMPLES_MIN - 1),
            Verdict.INCONCLUSIVE,
        ),
    ],
)
def test_what_was_asked_is_held_against_its_limit(
    stage: str, item: str, measure: Measure, found: Figure | Unknown, verdict: Verdict
) -> None:
    assert of(judge(run(), STAGES[stage], {measure: found}), item) is verdict


def test_what_nobody_asked_is_inconclusive_and_no_limit_is_left_out() -> None:
    for stage in STAGES.values():
        judgement = judge(run(), stage)
        assert [one.limit for one in judgement.findings] == list(stage.limits)
        for one in judgement.findings:
            if one.limit.measure in ASKED:
                assert (one.verdict, one.seen) == (Verdict.INCONCLUSIVE, "no Prometheus was asked")
