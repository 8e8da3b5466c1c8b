"""Runs inside of a copy: ``python -m zepguard.defects.child PLAN``. Nobody else has a use for it.

The plan is a file of JSON: what to run (``scenarios`` in world sim, or ``checks`` by pytest), in which order, and where
to write an outcome a line. All code comes from the copy, the drills' own too; that is looked at, and not believed.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

__all__ = ["CHECKS", "Plan", "main"]

CHECKS = (
    "tests/prometheus/test_rules.py",
    "tests/prometheus/test_alerts.py",
    "tests/grafana/test_dashboard.py",
    "tests/load/test_stages_and_budgets.py",
)
"""The tests of rules, alerts, budgets and panels, from the root of the tree."""

_SEE_ANY_CHANGE = (
    "tests/prometheus/test_rules.py::test_the_recording_rules_are_up_to_date",
    "tests/grafana/test_dashboard.py::test_the_files_are_up_to_date[dashboards/memory_service_monitoring.json]",
    "tests/grafana/test_dashboard.py::test_the_files_are_up_to_date"
    "[provisioning/dashboards/memory_service_monitoring.json]",
)
"""They compare a file with its source: they would see any patch, and none for what it breaks."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to run in a copy: ``kind`` is ``scenarios`` or ``checks``; ``outcomes`` is the file to write.

    ``only`` is None where all gates are run that there are.
    """

    root: str
    kind: str
    first: tuple[str, ...]
    until_red: bool
    outcomes: str
    only: tuple[str, ...] | None = None

    def write(self, path: Path) -> None:
        """Write it for the child."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Carry out the plan; 0 once it was carried out, whatever came of it."""
    plan = Plan(**json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    _check_origin(plan.root)
    with Path(plan.outcomes).open("w", encoding="utf-8", buffering=1) as lines:
        run = _run_scenarios if plan.kind == "scenarios" else _run_checks
        code = run(plan, lambda told: print(json.dumps(told), file=lines))
    _check_origin(plan.root)
    return code


def _check_origin(root: str) -> None:
    """Raise unless each package of ours that is imported is the copy's."""
    from zepguard.defects.copies import PACKAGES

    for name in PACKAGES:
        import_module(name)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.partition(".")[0] in PACKAGES and file and not Path(file).resolve().is_relative_to(root):
            raise ImportError(f"{name} was imported from {file}, and not from the copy in {root}")


_RAN = (0, 1, 2)
"""Pytest's codes: all passed, some failed, stopped at the first red gate."""
_QUIETLY = ("-q", "--import-mode=importlib", "-W", "ignore::pytest.PytestAssertRewriteWarning")

Tell = Callable[[dict[str, object]], None]


def _run_scenarios(plan: Plan, tell: Tell) -> int:
    import zepguard.drills
    from zepguard.defects.watch import Watch
    from zepguard.drills import steps
    from zepguard.drills.outcome import ScenarioOutcome
    from zepguard.drills.plugin import DrillPlugin
    from zepguard.worlds.sim import SimWorld

    watch = Watch(
        first=plan.first,
        until_red=plan.until_red,
        only=plan.only,
        tell=lambda outcome: tell(outcome.as_json()),
    )

    def told(outcome: ScenarioOutcome) -> None:
        failed = next((step.text for step in outcome.steps if step.status == "failed"), "")
        watch.note(step=failed, void=outcome.problem if outcome.status == "void" else "")

    bound = Path(zepguard.drills.__file__).with_name("bound.py")
    with contextlib.closing(SimWorld()) as world:
        drills = DrillPlugin(world, (), told, keep_history=False)
        return _pytest([str(bound), f"--rootdir={bound.parent}", "-c", os.devnull], [drills, steps, watch])


def _run_checks(plan: Plan, tell: Tell) -> int:
    from zepguard.defects.watch import Watch

    watch = Watch(
        first=plan.first,
        until_red=plan.until_red,
        only=plan.only,
        tell=lambda outcome: tell(outcome.as_json()),
        leave_out=_SEE_ANY_CHANGE,
    )
    return _pytest([*(str(Path(plan.root) / one) for one in CHECKS), f"--rootdir={plan.root}"], [watch])


def _pytest(arguments: list[str], plugins: list[object]) -> int:
    import pytest

    alone = [word for plugin in ("cacheprovider", "randomly", "xdist") for word in ("-p", f"no:{plugin}")]
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = pytest.main([*arguments, *alone, *_QUIETLY], plugins=plugins)
    if code in _RAN:
        return 0
    print(output.getvalue(), file=sys.stderr)
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
