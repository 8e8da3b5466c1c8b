"""``zepguard up``: the stack of real processes, until Ctrl-C."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import click

from zepguard.cli.failures import Failure
from zepguard.cli.options import time_scale_option
from zepguard.cli.stopping import stoppable
from zepguard.exit_codes import INTERRUPTED, ExitCode
from zepguard.parts import PartError
from zepguard.stack.errors import StackError, StackUsageError
from zepguard.stack.info import StackInfo
from zepguard.stack.plan import MODES, Mode
from zepguard.stack.stack import Stack

__all__ = ["up"]

_LOOK_EVERY_S = 0.5


@click.command()
@time_scale_option(default=1)
@click.option("--mode", type=click.Choice(MODES), default="read_write", show_default=True, help="Base mode to ask for.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON on standard output, and nothing else.")
@click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Put all files here; new or empty. By default a folder among the temporary files.",
)
@click.option("--keep", is_flag=True, help="Leave the run folder there after the stop.")
def up(time_scale: float, mode: Mode, as_json: bool, run_dir: Path | None, keep: bool) -> int:
    """Start the stack and print its addresses, a JWT and what to try next; stop it at Ctrl-C.

    Nothing of it is left then, nor when this command or the stack's supervisor is killed. The run folder is removed
    at a clean stop; after a kill, remove it by hand.
    """
    began = time.monotonic()
    ready = False
    try:
        with stoppable():
            stack = _start(time_scale, mode, run_dir, keep)
            ready = True
            with stack as info:
                click.echo(info.to_json() if as_json else _told(info, mode, time.monotonic() - began))
                _wait(stack)
    except KeyboardInterrupt:
        _say("stopped" if ready else "interrupted while starting; all of it is down")
    return int(ExitCode.GO) if ready else INTERRUPTED


def _start(time_scale: float, mode: Mode, run_dir: Path | None, keep: bool) -> Stack:
    try:
        return Stack.start(time_scale=time_scale, mode=mode, run_dir=run_dir, keep=keep, on_progress=_say)
    except StackUsageError as error:
        raise Failure(str(error), ExitCode.USAGE) from error
    except (StackError, PartError) as error:
        raise Failure(str(error), ExitCode.ENVIRONMENT) from error


def _wait(stack: Stack) -> None:
    """Return never, but for an exception."""
    try:
        while stack.ended is None:
            time.sleep(_LOOK_EVERY_S)
    except KeyboardInterrupt:
        _say("stopping")
        raise
    stack.keep()
    raise Failure(
        f"The stack's supervisor ended by itself ({_how(stack.ended)}), and its programs with it. "
        f"Their logs are in {stack.info.run_dir}/logs; remove that folder when you have read them.",
        ExitCode.ENVIRONMENT,
    )


def _how(status: int) -> str:
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"


def _say(line: str) -> None:
    click.echo(f"zepguard: {line}", err=True)


def _told(info: StackInfo, mode: str, took_s: float) -> str:
    rows = (
        ("chat", info.chat_url),
        ("metrics", info.metrics_url),
        ("fake Zep", info.fakezep_url),
        ("  its admin API", f"{info.fakezep_admin_url} (key {info.fakezep_admin_key})"),
        ("Zep, as the guard sees it", f"{info.zep_via_proxy_url} (key {info.zep_api_key})"),
        ("Toxiproxy", info.toxiproxy_url),
        ("the guard's store", info.redis_url),
        ("  as the guard sees it", f"{info.redis_via_proxy_url} (Toxiproxy's {info.store_proxy})"),
        ("Celery's broker", info.broker_url),
        ("env file", f"{info.env_file} (edit, then restart a program: an export reaches none)"),
        ("log", info.log_file),
        ("run folder", info.run_dir),
        ("supervisorctl", shlex.join(info.supervisorctl)),
        ("JWT (24 h)", info.jwt),
    )
    width = max(len(name) for name, _ in rows)
    addresses = "\n".join(f"  {name:<{width}}  {value}" for name, value in rows)
    steps = "\n".join(f"  {number}. {what}\n     {command}" for number, (what, command) in enumerate(_next(info), 1))
    return (
        f"The stack is up in {mode}, after {took_s:.1f} s, at time scale {info.time_scale:g}. Ctrl-C stops it.\n\n"
        f"{addresses}\n\nTry next, in another terminal:\n{steps}"
    )


def _next(info: StackInfo) -> tuple[tuple[str, str], ...]:
    turn = [
        *("curl", "-sS", info.chat_url, "-H", f"Authorization: Bearer {info.jwt}"),
        *("-H", "Content-Type: application/json", "-d", '{"message": "I live in Izmir.", "thread_id": "first-thread"}'),
    ]
    fault = ["zepguard", "chaos", "run", "black-hole", "--stack", f"{info.run_dir}/stack.json", "--for", "30"]
    return (
        ("Have a chat turn:", shlex.join(turn)),
        ("Ask the guard for its mode:", shlex.join([*info.manage, "zep_mode", "--status"])),
        (
            "Black-hole Zep for 30 s, send turns meanwhile 2 s apart (the negative window), and ask again:",
            shlex.join(fault),
        ),
    )
