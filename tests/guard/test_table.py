"""The transition table, row by row against the issue's, and what no row may do."""

from __future__ import annotations

from itertools import product

import pytest

from guard.core.modes import Reason
from guard.core.table import TABLE, Breaker, Count, Hold, Operation, Outcome, Phase, ProbeResult, Rule, rule_for

GOOD = ["answered", "not_found"]
BAD = ["timeout", "connection", "server_error", "wrong_shape"]

# As the issue has it: (operation, outcome, phase) -> what is done. What is not here does nothing to the mode.
ISSUE: dict[tuple[str, str, str], str] = {
    **{("read", good, "read_write"): "failure count 0" for good in GOOD},
    **{("read", good, "probe"): "restore base mode" for good in GOOD},
    **{("read", bad, "read_write"): "count + 1" for bad in BAD},
    **{("read", bad, "probe"): "hold again for the full hold, probe_failed" for bad in BAD},
    ("read", "auth", "read_write"): "force auth at once",
    ("write", "auth", "read_write"): "force auth at once",
    ("read", "auth", "probe"): "hold again for the full hold, probe_failed",
    ("read", "refused", "probe"): "hold again for the full hold, probe_failed",  # no answer: nothing is restored
    ("read", "rate_limited", "probe"): "hold again for the longer of hold and Retry-After",
}
READ_BREAKER = {("read", outcome, "read_write") for outcome in [*GOOD, *BAD]}
WRITE_BREAKER = {("write", outcome, phase) for outcome in [*GOOD, *BAD] for phase in ("read_write", "write_only")}
PAUSES = {
    **{("read", "rate_limited", phase): "retry_after" for phase in ("read_write", "probe")},
    **{("read", bad, "read_write"): "negative" for bad in BAD},
}


def says(rule: Rule) -> str | None:
    """The rule in the issue's words."""
    return {
        (Count.KEEP, None, Hold.NONE, False): None,
        (Count.ZERO, None, Hold.NONE, False): "failure count 0",
        (Count.ADD, None, Hold.NONE, False): "count + 1",
        (Count.ZERO, None, Hold.NONE, True): "restore base mode",
        (Count.KEEP, Reason.AUTH, Hold.NONE, False): "force auth at once",
        (Count.KEEP, Reason.PROBE_FAILED, Hold.FULL, False): "hold again for the full hold, probe_failed",
        (Count.KEEP, None, Hold.RETRY_AFTER, False): "hold again for the longer of hold and Retry-After",
    }[rule.count, rule.force, rule.hold, rule.restore]


ROWS = list(product(Operation, Outcome, Phase))


def test_the_table_has_a_row_for_every_operation_outcome_and_phase() -> None:
    assert set(TABLE) == set(ROWS)
    assert len(ROWS) == 2 * 9 * 3


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(row))
def test_a_row_does_what_the_issue_says_and_nothing_else(row: tuple[Operation, Outcome, Phase]) -> None:
    """Each combination of operation, outcome and phase has the issue's effect; those not named change nothing."""
    rule = rule_for(*row)
    key = (row[0].value, row[1].value, row[2].value)
    assert says(rule) == ISSUE.get(key)
    assert (rule.breaker is not Breaker.NOTHING) == (key in READ_BREAKER | WRITE_BREAKER)
    assert rule.pause == PAUSES.get(key, "none")


@pytest.mark.parametrize("row", [row for row in ROWS if row[2] is Phase.WRITE_ONLY], ids=lambda row: "-".join(row))
def test_in_write_only_no_outcome_changes_the_mode(row: tuple[Operation, Outcome, Phase]) -> None:
    """Drill 1: neither mode nor failure count nor any read moves; only the write breaker learns."""
    rule = rule_for(*row)
    assert (rule.count, rule.force, rule.hold, rule.restore) == (Count.KEEP, None, Hold.NONE, False)
    assert rule.breaker is Breaker.NOTHING or row[0] is Operation.WRITE


def test_success_closes_and_failure_opens_the_breakers() -> None:
    """A breaker hears of a success exactly for the answers, and of a failure exactly for the failures."""
    for (_, outcome, _), rule in TABLE.items():
        if rule.breaker is not Breaker.NOTHING:
            assert (rule.breaker is Breaker.SUCCESS) == (outcome.value in GOOD)


def test_every_probe_of_a_read_is_counted_by_its_result() -> None:
    """``memory_zep_probes_total`` has a label for each way in which a probe can end, and no other row counts."""
    results = {outcome: rule_for(Operation.READ, outcome, Phase.PROBE).probe for outcome in Outcome}
    assert {outcome for outcome, result in results.items() if result is ProbeResult.SUCCEEDED} == set(GOOD)
    assert {outcome for outcome, result in results.items() if result is ProbeResult.RATE_LIMITED} == {"rate_limited"}
    assert None not in results.values()
    assert all(rule.probe is None for (op, _, phase), rule in TABLE.items() if (op, phase) != ("read", "probe"))
