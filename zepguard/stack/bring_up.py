"""The start of a stack in its order: parts, database, app; each stage begins when the one before is ready."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from zepguard.stack.env_file import write_env_file
from zepguard.stack.environment import clean_environment
from zepguard.stack.errors import PortTaken, StartFailed, SupervisorUnreachable
from zepguard.stack.lifeline import PARENT
from zepguard.stack.plan import Plan
from zepguard.stack.program_log import end_of_log
from zepguard.stack.programs import (
    APP,
    PARTS,
    WORKERS,
    Program,
    migrate_argv,
    supervisor_config,
    supervisord_argv,
    toxiproxy_config,
)
from zepguard.stack.readiness import Probe, answers_http, answers_ping, listens, live_workers, wait_until
from zepguard.stack.supervisor_client import Supervisor

__all__ = ["Progress", "start_app", "start_parts", "start_supervisord", "write_files"]

Progress = Callable[[str], None]

_SUPERVISORD_WITHIN_S = 20.0
_READY_WITHIN_S = 90.0
_MIGRATE_WITHIN_S = 90.0
_PORT_TAKEN = re.compile(r"address (?:already )?in use|EADDRINUSE|errno (?:98|48)\b", re.IGNORECASE)


def write_files(plan: Plan, programs: Iterable[Program]) -> None:
    """Write what the programs read: the env file, Toxiproxy's proxies, the supervisor's configuration."""
    write_env_file(plan.run_dir.env_file, plan.environment())
    plan.run_dir.toxiproxy_config.write_text(toxiproxy_config(plan), encoding="utf-8")
    plan.run_dir.config.write_text(supervisor_config(plan.run_dir, tuple(programs)), encoding="utf-8")


def start_supervisord(plan: Plan) -> subprocess.Popen[bytes]:
    """Start the supervisor, tied to this process, with none of its programs. Does not wait for it.

    In a session of its own: Ctrl-C in a terminal goes to us alone, and the programs are stopped in order.
    """
    with plan.run_dir.log("supervisord.out").open("wb") as said:
        return subprocess.Popen(
            supervisord_argv(plan.run_dir),
            cwd=plan.run_dir.path,
            env=_tied_environment(),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def start_parts(plan: Plan, supervisord: subprocess.Popen[bytes], supervisor: Supervisor, progress: Progress) -> None:
    """Start the stores, Toxiproxy with its proxy, and the fake Zep; and bring the database up to date meanwhile."""
    _await_supervisord(plan, supervisord, supervisor)
    ports = plan.ports
    progress(f"starting {', '.join(PARTS)}")
    for name in PARTS:
        supervisor.start(name)
    _migrate(plan, progress)
    ready: Mapping[str, Probe] = {
        "guard_store": partial(answers_ping, ports.guard_store),
        "broker": partial(answers_ping, ports.broker),
        # Its API answers before its proxies listen; both are waited for.
        "toxiproxy": lambda: (
            answers_http(f"{plan.toxiproxy_url}/version") and listens(ports.zep_proxy) and listens(ports.store_proxy)
        ),
        "fakezep": partial(answers_http, f"{plan.fakezep_url}/admin/health"),
    }
    _await(plan, supervisor, ready, progress)


def start_app(plan: Plan, supervisor: Supervisor, progress: Progress) -> None:
    """Start the web and the workers; ready when /healthz answers and both workers have given a sign of life."""
    progress(f"starting {', '.join(APP)}")
    for name in APP:
        supervisor.start(name)

    def beats(program: str) -> bool:
        return any(one.program == program for one in live_workers(plan.redis_url, plan.namespace))

    ready: dict[str, Probe] = {"uvicorn": partial(answers_http, plan.health_url)}
    ready |= {name: partial(beats, name) for name in WORKERS}
    _await(plan, supervisor, ready, progress)


def _tied_environment() -> dict[str, str]:
    return {**clean_environment(os.environ), PARENT: str(os.getpid())}


def _await_supervisord(plan: Plan, supervisord: subprocess.Popen[bytes], supervisor: Supervisor) -> None:
    gives_up_at = time.monotonic() + _SUPERVISORD_WITHIN_S
    while True:
        try:
            supervisor.programs()
        except SupervisorUnreachable as error:
            if supervisord.poll() is None and time.monotonic() < gives_up_at:
                time.sleep(0.05)
                continue
            raise _failed("supervisord", plan.run_dir.log("supervisord.out"), "did not start") from error
        return


def _migrate(plan: Plan, progress: Progress) -> None:
    progress("bringing the database up to date")
    log = plan.run_dir.log("migrate")
    with log.open("wb") as said:
        try:
            status = subprocess.run(
                migrate_argv(plan.run_dir),
                cwd=plan.run_dir.path,
                env=_tied_environment(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                timeout=_MIGRATE_WITHIN_S,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise _failed("migrate", log, f"was not done in {_MIGRATE_WITHIN_S:g} s") from None
    if status != 0:
        raise _failed("migrate", log, f"ended with {status}")


def _await(plan: Plan, supervisor: Supervisor, ready: Mapping[str, Probe], progress: Progress) -> None:
    def check() -> None:
        # Of all, not only of those waited for: a server of somebody else may answer on a port that was free.
        for state in supervisor.programs().values():
            if state.died:
                raise _failed(state.name, plan.run_dir.log(state.name), f"died at its start ({state.why})")

    late = wait_until(ready, within_s=_READY_WITHIN_S, check=check, on_waiting=progress)
    if late:
        raise _failed(late[0], plan.run_dir.log(late[0]), f"was not ready in {_READY_WITHIN_S:g} s")


def _failed(name: str, log: Path, what: str) -> StartFailed:
    tail = end_of_log(log)
    kind = PortTaken if _PORT_TAKEN.search(tail) else StartFailed
    return kind(f"{name} {what}. The end of its log:\n{tail}")
