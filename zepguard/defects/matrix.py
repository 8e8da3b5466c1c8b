"""All defects over all gates: a child process for each defect, several at once."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from zepguard.defects.child import Plan
from zepguard.defects.copies import Copies, CopyError
from zepguard.defects.order import Learnt
from zepguard.defects.patches import Defect
from zepguard.defects.watch import Outcome
from zepguard.exit_codes import ExitCode

__all__ = ["KINDS_OF", "Matrix", "Tried", "make_matrix"]

KINDS_OF = {
    "guard": ("scenarios",),
    "app": ("scenarios",),
    "rules": ("scenarios", "checks"),
    "dashboard": ("scenarios", "checks"),
}
"""What can see a defect in each part. A unit test of the guard is no drill, and is not asked."""

_CHILD_S = 1800.0
"""A copy's gates end long before; one that hangs is nothing that a gate has seen."""
_WIND_DOWN_S = 15.0


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One defect, or the clean tree, and what came of it.

    ``status``: ``caught``; ``escaped``: every gate passed; ``stale``: the patch does not apply; ``broke``: nothing but
    crashes, so no gate has seen it; ``void``: some gate could not be asked, and no other saw it.
    """

    name: str
    breaks: str
    item: str
    part: str
    status: str
    problem: str
    outcomes: tuple[Outcome, ...]
    took_s: float

    @property
    def red(self) -> tuple[Outcome, ...]:
        """The gates that saw it."""
        return tuple(one for one in self.outcomes if one.status == "red")

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        named = {name: getattr(self, name) for name in ("name", "breaks", "item", "part", "status", "problem")}
        return {**named, "took_s": round(self.took_s, 1), "outcomes": [one.as_json() for one in self.outcomes]}


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Defects by gates.

    ``clean`` is what the tree without a defect says: all gates, or only those that have caught something; None if
    there was no time to ask. ``cpu_s`` is what all children took of the processors.
    """

    tried: tuple[Tried, ...]
    clean: Tried | None
    took_s: float
    cpu_s: float
    interrupted: bool
    whole: bool
    all_gates: bool

    @property
    def false_alarms(self) -> tuple[Outcome, ...]:
        """Gates that do not pass on the clean tree: what they say of a defect is worth nothing."""
        return () if self.clean is None else tuple(one for one in self.clean.outcomes if one.status != "passed")

    @property
    def idle(self) -> tuple[str, ...]:
        """Gates that passed on the clean tree and caught no defect."""
        caught = {one.gate for tried in self.tried for one in tried.red}
        known = () if self.clean is None else (one.gate for one in self.clean.outcomes)
        return tuple(gate for gate in known if gate not in caught)

    @property
    def exit_code(self) -> ExitCode:
        """Go if all were caught and the clean tree is clean; no go if one escaped; else inconclusive."""
        if self.interrupted:
            return ExitCode.ABORTED
        if any(one.status == "escaped" for one in self.tried):
            return ExitCode.NO_GO
        sure = all(one.status == "caught" for one in self.tried) and bool(self.tried)
        clean = self.clean is not None and self.clean.status == "passed"
        return ExitCode.GO if sure and clean else ExitCode.INCONCLUSIVE

    def learnt(self, before: Learnt) -> Learnt:
        """What the next run can go by."""
        caught = dict(before.caught)
        for one in self.tried:
            if one.status == "caught":
                caught[one.name] = [red.gate for red in one.red]
        seconds = dict(before.seconds)
        if self.clean is not None and self.all_gates:
            seconds = {one.gate: one.took_s for one in self.clean.outcomes}
            known = set(seconds)
            caught = {name: [gate for gate in gates if gate in known] for name, gates in caught.items()}
        return Learnt(caught=caught, seconds=seconds)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "verdict": self.exit_code.name.lower(),
            "took_s": round(self.took_s, 1),
            "cpu_s": round(self.cpu_s, 1),
            "whole": self.whole,
            "clean": None if self.clean is None else self.clean.as_json(),
            "idle": self.idle,
            "defects": [one.as_json() for one in self.tried],
        }


def make_matrix(
    root: Path,
    defects: Sequence[Defect],
    learnt: Learnt,
    *,
    jobs: int,
    whole: bool,
    clean: bool,
    tell: Callable[[Tried], None],
) -> Matrix:
    """Try each defect in a copy of its own; Ctrl-C ends the children and gives what is known by then.

    Args:
        root: the checkout; not touched.
        defects: what to try.
        learnt: which gates to ask first.
        jobs: so many at once.
        whole: ask all gates of each defect, and not only as far as the first red one.
        clean: ask all gates of the clean tree, and not only those that have caught something.
        tell: called with each as soon as it was tried.
    """
    began, cpu_began = time.monotonic(), _children_cpu_s()
    done: list[Tried] = []
    interrupted = False
    with Copies(root) as copies, _Children() as children, ThreadPoolExecutor(jobs) as pool:
        trials = _Trials(copies, children, learnt, whole=whole)
        asked = [pool.submit(trials.clean)] if clean else []
        asked += [pool.submit(trials.defect, one) for one in defects]
        try:
            for future in as_completed(asked):
                done.append(future.result())
                tell(done[-1])
            caught_by = sorted({red.gate for one in done if one.name for red in one.red})
            if caught_by and not clean:
                done.append(pool.submit(trials.clean, caught_by).result())
                tell(done[-1])
        except KeyboardInterrupt:
            interrupted = True
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            children.stop()
    place = {one.name: number for number, one in enumerate(defects)}
    return Matrix(
        tried=tuple(sorted((one for one in done if one.name), key=lambda one: place[one.name])),
        clean=next((one for one in done if not one.name), None),
        took_s=time.monotonic() - began,
        cpu_s=_children_cpu_s() - cpu_began,
        interrupted=interrupted,
        whole=whole,
        all_gates=clean,
    )


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Children:
    """The processes under way, so that they can all be ended."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def __enter__(self) -> _Children:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(self, arguments: Sequence[str], folder: Path, said: Path) -> int:
        """Run one to its end; a negative code is a signal's."""
        environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        with said.open("wb") as output:
            with self._lock:
                if self._stopped:
                    return -signal.SIGINT
                child = subprocess.Popen(
                    arguments,
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                self._running.add(child)
            try:
                return child.wait(_CHILD_S)
            except subprocess.TimeoutExpired:
                _end(child)
                raise
            finally:
                with self._lock:
                    self._running.discard(child)

    def stop(self) -> None:
        """End all, and start no more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for child in running:
            child.send_signal(signal.SIGINT)  # pytest tidies up: what a check has started ends with it
        for child in running:
            _end(child, patience_s=_WIND_DOWN_S)


def _end(child: subprocess.Popen[bytes], patience_s: float = 0.0) -> None:
    with suppress(subprocess.TimeoutExpired):
        child.wait(patience_s)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


class _Trials:
    """Tries one after the other, each in a thread of the pool."""

    def __init__(self, copies: Copies, children: _Children, learnt: Learnt, *, whole: bool) -> None:
        self._copies = copies
        self._children = children
        self._learnt = learnt
        self._whole = whole

    def clean(self, only: Sequence[str] | None = None) -> Tried:
        """Ask gates of the clean tree, all if none is named."""
        began = time.monotonic()
        with self._copies.another() as copy:
            outcomes, problem = self._ask(copy, ("checks", "scenarios"), [], until_red=False, only=only)
        passed = not problem and all(one.status == "passed" for one in outcomes)
        return Tried(
            name="",
            breaks="nothing: the tree as it is",
            item="",
            part="",
            status="passed" if passed else "failed",
            problem=problem,
            outcomes=tuple(outcomes),
            took_s=time.monotonic() - began,
        )

    def defect(self, defect: Defect) -> Tried:
        """Ask the gates that can see it, until one is red."""
        began = time.monotonic()
        outcomes: list[Outcome] = []
        try:
            with self._copies.another(defect) as copy:
                outcomes, problem = self._ask(
                    copy, KINDS_OF[defect.part], self._learnt.first(defect), until_red=not self._whole
                )
            status = _status(outcomes, problem)
        except CopyError as error:
            status, problem = "stale", str(error)
        return Tried(
            name=defect.name,
            breaks=defect.breaks,
            item=defect.item,
            part=defect.part,
            status=status,
            problem=problem,
            outcomes=tuple(outcomes),
            took_s=time.monotonic() - began,
        )

    def _ask(
        self,
        copy: Path,
        kinds: Sequence[str],
        first: Sequence[str],
        *,
        until_red: bool,
        only: Sequence[str] | None = None,
    ) -> tuple[list[Outcome], str]:
        outcomes: list[Outcome] = []
        problems: list[str] = []
        for kind in kinds:
            if only is not None and not any(gate.startswith("@") == (kind == "scenarios") for gate in only):
                continue
            found, problem = self._run(copy, kind, first, until_red=until_red, only=only)
            outcomes += found
            if problem:
                problems.append(f"{kind}: {problem}")
            if until_red and any(one.status == "red" for one in found):
                break
        return outcomes, "; ".join(problems)

    def _run(
        self, copy: Path, kind: str, first: Sequence[str], *, until_red: bool, only: Sequence[str] | None
    ) -> tuple[list[Outcome], str]:
        plan, told, said = (copy.parent / f"{kind}.{ending}" for ending in ("plan", "outcomes", "output"))
        Plan(
            root=str(copy),
            kind=kind,
            first=tuple(first),
            until_red=until_red,
            outcomes=str(told),
            only=None if only is None else tuple(only),
        ).write(plan)
        try:
            code = self._children.run([sys.executable, "-m", "zepguard.defects.child", str(plan)], copy, said)
        except subprocess.TimeoutExpired:
            return _read(told), f"it hung, and was ended after {_CHILD_S:g} s"
        outcomes = _read(told)
        if code:
            return outcomes, f"it crashed: {_last_line(said)}"
        return outcomes, "" if outcomes else "nothing was run"


def _status(outcomes: Sequence[Outcome], problem: str) -> str:
    statuses = {one.status for one in outcomes}
    if "red" in statuses:
        return "caught"
    if problem or "broke" in statuses:
        return "broke"
    return "void" if "void" in statuses else "escaped"


def _read(told: Path) -> list[Outcome]:
    lines = told.read_text(encoding="utf-8").splitlines() if told.is_file() else []
    return [Outcome(**json.loads(line)) for line in lines]


def _last_line(said: Path) -> str:
    lines = [line for line in said.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "without a word"
