"""Chats on a stack, with memory and without, in one run.

    zepguard up --json > stack.json &
    locust -f loadtests/locustfile.py --stage canary --stack stack.json [-u 10] [--rate 10] [-t 60s]

Ends with 0 go, 1 no go, 2 usage, 3 inconclusive, 5 stack unreachable. ``zepguard load`` does this in a process of its
own, and judges the samples: this file has it do so when the run is over.

Locust's own tables are not used: its percentiles are binned, and count from when a turn was sent. A turn here counts
from when it was due, and the users keep their schedule also when they were late, which neither ``constant_pacing`` nor
``constant_throughput`` does; so they need no ``_cp_last_run`` to be out of step, ``zepguard.load.schedule`` sees to it.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import gevent
from locust import FastHttpUser, constant, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.exception import StopUser

from zepguard.exit_codes import ExitCode
from zepguard.load.arms import both_arms
from zepguard.load.errors import LoadError, StackUnfit
from zepguard.load.hearing import Heard, hear
from zepguard.load.recorder import Recorder, scrape
from zepguard.load.samples import End, RunHead, TurnSample
from zepguard.load.schedule import SHARE, TURNS_IN_CHAT, DueTurn, Plan
from zepguard.load.stages import Stage, load_stages
from zepguard.stack.errors import StackInfoError
from zepguard.stack.info import StackInfo

WARM_UP_S = 5.0
"""Turns due before are sent and not judged: workers that have just started connect and import."""

_SPAWN_S = 1.5
_SCRAPE_EVERY_S = 10.0
_PROGRESS_EVERY_S = 5.0
_LATE_MAX_S = 20.0
_JUDGED_WITHIN_S = 120.0

F = TypeVar("F", bound=Callable[..., None])


class Session:
    """One run: its plan, its clock, and what it writes down."""

    def __init__(self, info: StackInfo, stage: Stage, plan: Plan, samples: Path) -> None:
        self.info = info
        self.stage = stage
        self.plan = plan
        self.samples = samples
        self.numbers = count()
        self.turns = self.failed = 0
        self.whole = False
        self._began: float | None = None
        self._set_up = ExitStack()
        self._recorder: Recorder | None = None

    def prepare(self) -> None:
        """Have the stack serve both arms."""
        self._set_up.enter_context(both_arms(self.info, self.stage))

    def begin(self) -> None:
        """Start the clock and the file."""
        self._began = time.perf_counter() + _SPAWN_S
        head = RunHead(
            stage=self.stage.name,
            mode=self.stage.mode,
            users=self.plan.users,
            rate_per_s=self.plan.rate_per_s,
            duration_s=self.plan.duration_s,
            warm_up_s=WARM_UP_S,
            share=SHARE,
            turns_in_chat=TURNS_IN_CHAT,
            seed=self.plan.seed,
            began_at=time.time() + _SPAWN_S,
        )
        self._recorder = Recorder(self.samples, head)

    def now(self) -> float:
        """Seconds since the run began; below 0 while users are still spawned."""
        return time.perf_counter() - (self._began or 0.0)

    def wait_until(self, moment_s: float) -> None:
        """Sleep up to a moment of the run, if it is to come."""
        gevent.sleep(max(0.0, moment_s - self.now()))

    def add(self, turn: TurnSample) -> None:
        """Write down a turn."""
        self.turns += 1
        self.failed += bool(turn.error)
        if self._recorder is not None:
            self._recorder.add(turn)

    def scrape(self) -> None:
        """Write down what the product counts now, if it says."""
        if self._recorder is not None and (seen := scrape(self.info.metrics_url, self.now)) is not None:
            self._recorder.add(seen)

    def end(self) -> None:
        """Write the last line, and put the stack back. Safe twice."""
        if self._recorder is not None:
            self._recorder.add(End(at_s=self.now(), due=self.plan.slots, interrupted=not self.whole))
            self._recorder.close()
            self._recorder = None
        self._set_up.close()


class ChatUser(FastHttpUser):
    """A person who has one chat after the other, all in one arm."""

    session: ClassVar[Session]
    wait_time = constant(0)  # the schedule waits
    network_timeout = 15.0
    connection_timeout = 5.0

    def on_start(self) -> None:
        """Take a place in the schedule."""
        session = self.session
        self.number = next(session.numbers)
        self.schedule: Iterator[DueTurn] = session.plan.turns_of(self.number)
        token = session.info.jwt_for(f"load-{session.plan.seed}-{self.number}")
        self.headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
        }
        self.free_s = session.now()

    @task
    def turn(self) -> None:
        """Send the next turn when it is due, or at once if that is past."""
        session = self.session
        due = next(self.schedule, None)
        if due is None or session.now() > session.plan.duration_s + _LATE_MAX_S:
            raise StopUser
        session.wait_until(due.due_s)
        sent_s = session.now()
        status, heard = self.say(due, f"Message {due.number + 1}: I live in Izmir and like figs.")
        done_s = session.now()
        session.add(
            TurnSample(
                user=self.number,
                thread_id=due.thread_id,
                number=due.number,
                arm=due.arm,
                due_s=due.due_s,
                free_s=self.free_s,
                sent_s=sent_s,
                first_token_s=heard.first_token_s,
                done_s=done_s,
                status=status,
                error=heard.error,
                mode=heard.mode,
                memory=heard.memory,
            )
        )
        self.free_s = done_s

    def say(self, due: DueTurn, message: str) -> tuple[int, Heard]:
        """Send a message and hear the answer to its end; gives the status, 0 without an answer."""
        body = {"message": message, "thread_id": due.thread_id}
        with self.client.post(
            "/", json=body, headers=self.headers, name=due.arm, stream=True, catch_response=True
        ) as answer:
            status = int(answer.status_code)
            heard = self._heard(answer) if status == 200 else _unheard(f"status {status}")
            if heard.error:
                answer.failure(heard.error)
            else:
                answer.success()
        return status, heard

    def _heard(self, answer: Any) -> Heard:
        stream = answer.stream
        try:
            return hear(iter(lambda: stream.readline(b"\n\n"), b""), self.session.now)
        except Exception as error:  # what the client raises for a cut stream has no common base
            return _unheard(f"the stream broke: {type(error).__name__}")


def _unheard(error: str) -> Heard:
    return Heard(first_token_s=None, mode="", memory="", error=error)


# --- Locust's events ---


def _on(event: Any) -> Callable[[F], F]:
    """Locust's ``add_listener`` with a type."""

    def listening(listener: F) -> F:
        event.add_listener(listener)
        return listener

    return listening


@_on(events.init_command_line_parser)
def _options(parser: LocustArgumentParser) -> None:
    group = parser.add_argument_group("The load gate")
    group.add_argument("--stage", default="canary", help="A stage of loadtests/stages.toml. Defaults to canary.")
    group.add_argument("--stack", env_var="ZEPGUARD_STACK", help="File with what `zepguard up --json` printed.")
    group.add_argument("--rate", type=float, default=10.0, help="Turns a second, of all users. Defaults to 10.")
    group.add_argument("--samples", help="File of the samples. Defaults to reports/load/STAGE/samples.jsonl.")
    group.add_argument("--samples-only", action="store_true", help="Judge nothing: somebody else does.")
    parser.set_defaults(headless=True, num_users=10, spawn_rate=100.0, run_time="60s")
    parser.set_defaults(only_summary=True, loglevel="WARNING")


@_on(events.init)
def _prepare(environment: Environment, **_: Any) -> None:
    options = environment.parsed_options
    assert options is not None
    try:
        session = ChatUser.session = _session(options)
        # The schedule ends the run: Locust's own end would cut the slowest turns off.
        options.run_time = None
        _say(f"{session.stage.name}: memory for half of the threads, {session.stage.mode}")
        session.prepare()
    except StackUnfit as error:
        _say(str(error))
        sys.exit(int(ExitCode.ENVIRONMENT))
    except (LoadError, StackInfoError, ValueError) as error:
        _say(str(error))
        sys.exit(int(ExitCode.USAGE))
    ChatUser.host = session.info.chat_url.rstrip("/")


def _session(options: Any) -> Session:
    stages = load_stages()
    if options.stage not in stages:
        raise ValueError(f"--stage {options.stage} is no stage: give one of {', '.join(stages)}")
    if not options.stack:
        raise ValueError("--stack is missing: give a file with what `zepguard up --json` printed")
    plan = Plan(
        users=options.num_users, rate_per_s=options.rate, duration_s=options.run_time, seed=secrets.randbits(32)
    )
    samples = Path(options.samples or f"reports/load/{options.stage}/samples.jsonl")
    return Session(StackInfo.from_file(options.stack), stages[options.stage], plan, samples)


@_on(events.test_start)
def _begin(environment: Environment, **_: Any) -> None:
    ChatUser.session.begin()
    gevent.spawn(_watch, environment)
    gevent.spawn(_scrapes)


def _scrapes() -> None:
    """Scrape when the warm-up is over, and now and then: the first and the last count."""
    session = ChatUser.session
    moment_s = WARM_UP_S
    while moment_s < session.plan.duration_s:
        session.wait_until(moment_s)
        session.scrape()
        moment_s += _SCRAPE_EVERY_S


def _watch(environment: Environment) -> None:
    """Tell how far the run is, and end it when all users have come to the end of their schedule."""
    session, runner = ChatUser.session, environment.runner
    assert runner is not None
    session.wait_until(0)
    tell_s = 0.0
    while runner.user_count:
        if session.now() >= tell_s:
            told_s = min(session.now(), session.plan.duration_s)
            _say(f"{told_s:.0f} of {session.plan.duration_s:g} s: {session.turns} turns, {session.failed} failed")
            tell_s = session.now() + _PROGRESS_EVERY_S
        gevent.sleep(0.2)
    session.scrape()
    session.whole = True
    runner.quit()


@_on(events.quitting)
def _end(environment: Environment, **_: Any) -> None:
    session = getattr(ChatUser, "session", None)
    if session is None:
        return
    session.end()
    options = environment.parsed_options
    if options is not None and options.samples_only:
        environment.process_exit_code = int(ExitCode.GO)
        return
    environment.process_exit_code = int(ExitCode.INCONCLUSIVE)
    if session.samples.exists():
        environment.process_exit_code, said = _judged(session)
        _on(events.quit)(lambda **_: print(said, end="", flush=True))


def _judged(session: Session) -> tuple[int, str]:
    """What ``zepguard load`` says of the samples: a Prometheus may have to be asked, and not in this interpreter."""
    command = [sys.executable, "-m", "zepguard", "load", session.stage.name, "--judge", str(session.samples)]
    done = subprocess.run(
        [*command, "--report", str(session.samples.parent)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=_JUDGED_WITHIN_S,
    )
    return done.returncode, done.stdout


def _say(line: str) -> None:
    print(f"load: {line}", file=sys.stderr, flush=True)
