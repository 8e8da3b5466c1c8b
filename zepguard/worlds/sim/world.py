"""The world of virtual time, as the steps meet it."""

from __future__ import annotations

import contextlib
import importlib
import json
import random
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from chaos.errors import ChaosError
from chaos.faults import fault_named
from fakezep import FakeZep, Latency
from guard import ContextResult, logs
from guard.heartbeat import HEARTBEAT_S
from guard.operator import Operator
from zepguard.stack.plan import flags_of
from zepguard.worlds.sim.clock import Lane, VirtualClock
from zepguard.worlds.sim.faults import LiveSimFault
from zepguard.worlds.sim.frozen import FrozenTime
from zepguard.worlds.sim.wire import ZEP_HOST
from zepguard.worlds.world import CommandResult, Metrics, StoredMessage, Turn, WorldError

__all__ = ["ZEP_LATENCY_S", "SimWorld"]

ZEP_LATENCY_S = 0.02
"""What a call to Zep takes where a scenario says nothing else."""

_CHAT_URL = "/api/chat/"
_METRICS_URL = "/api/metrics/"
_TOKEN_TTL_S = 86_400.0
_DELIVERED_S = 120.0
_POLL_S = 0.1
_OVERSLEPT_S = 0.001
_NEEDED = (
    *("zep_cloud.client", "zep_cloud.types", "guard.zep.sdk"),
    *("chatapp.urls", "guard.django.management.commands.zep_mode", "zepguard.worlds.sim.product"),
)
"""Imported before time is frozen: a module imported later would keep some of the frozen names."""

_open: list[SimWorld] = []


class SimWorld:
    """A chat product in one process and in virtual time; one at a time in a process. Close it after use.

    Raises:
        WorldError: another one is open.
    """

    name = "sim"

    def __init__(self) -> None:
        if _open:
            raise WorldError("another world sim is open in this process: close it first")
        self._closing = contextlib.ExitStack()
        with contextlib.ExitStack() as half_open:
            half_open.callback(self._closing.close)
            self._build()
            half_open.pop_all()

    def _build(self) -> None:
        from zepguard.worlds.sim import app

        _open.append(self)
        self._closing.callback(_open.remove, self)
        self._folder = Path(self._closing.enter_context(tempfile.TemporaryDirectory(prefix="zepguard-sim-")))
        self._closing.enter_context(app.environment())
        self._closing.enter_context(app.set_up())
        _import_early()
        self._database = app.Database()
        self._database.open()
        self._closing.callback(self._database.close)
        self._write_log()
        frozen = FrozenTime()
        frozen.start()
        self._closing.callback(frozen.stop)
        self._clock = VirtualClock(frozen.move)
        self._zep = FakeZep(rng=random.Random(0))
        self._zep.latency.put(Latency(seconds=ZEP_LATENCY_S))
        self._run_product()
        self._client = app.client()
        self._faults: list[LiveSimFault] = []
        self._reset_notes()

    def _write_log(self) -> None:
        self._log_file = self._folder / "logs" / "app.log"
        before = structlog.get_config()
        self._closing.callback(lambda: structlog.configure(**before))
        logs.configure(str(self._log_file))

    def _run_product(self) -> None:
        from chatapp import memory
        from chatapp.turns.asking import carried_by
        from zepguard.worlds.sim.product import Product

        self._product = Product(self._first_variables(), clock=self._clock, zep=self._zep)
        self._product.start()
        self._closing.callback(self._clock.close)
        self._closing.enter_context(carried_by(self._product.carrier))
        self._closing.enter_context(memory.served_by(self._product.web))

    def _first_variables(self) -> dict[str, str]:
        """As the stack's env file says them at time scale 1; what is not here has its default."""
        (key,) = self._zep.settings.api_keys
        return {
            **flags_of("read_write"),
            "ZEP_BASE_URL": f"http://{ZEP_HOST}",
            "ZEP_API_KEY": key,
            "ZEP_TIMEOUT_MS": "1500",
            "GUARD_REDIS_URL": "redis://guard-store.sim:6379/0",
            "ZEPGUARD_NAMESPACE": "zepguard",
            "ZEPGUARD_LOG_FILE": str(self._log_file),
        }

    def close(self) -> None:
        """Give back time, database, log and environment as they were."""
        self._closing.close()

    def _reset_notes(self) -> None:
        self._nonce = secrets.token_hex(4)
        self._said: list[Turn] = []
        self._reads: list[str] = []
        self._reads_begun = 0
        self._reading: list[Lane] = []
        self.evidence: list[str] = []
        self._variables = dict(self.variables())
        self._log_from = self._log_file.stat().st_size if self._log_file.exists() else 0
        self._journal_from = self._zep.journal.last

    # --- a scenario's frame ---

    def begin(self, scenario: str) -> None:
        """Note how the world is; its threads and people are this scenario's own."""
        self._reset_notes()

    def end(self) -> None:
        """Receipts of faults still on, faults off, latency, variables and mode as found, all messages delivered."""
        problems: list[str] = []
        self.set_latency(ZEP_LATENCY_S)
        for undo in (
            self.put_store_back,
            self.mend_database,
            self._answer_lost,
            self._faults_receipted,
            self._faults_off,
            self._variables_back,
            self._mode_back,
            self._all_delivered,
        ):
            try:
                undo()
            except (WorldError, ChaosError) as error:
                problems.append(str(error))
        if problems:
            raise WorldError("; ".join(problems))

    def _faults_off(self) -> None:
        while self._faults:
            self._faults.pop().stop()

    def _faults_receipted(self) -> None:
        self._zep.settle(self._clock.time())
        for live in self._faults:
            receipt = live.seen()
            if not receipt.seen:
                raise WorldError(f"void: the fault {receipt.fault} was never seen to act ({receipt.how})")
            self.saw(f"{receipt.fault} seen: {receipt.how}")

    def _variables_back(self) -> None:
        if self.variables() != self._variables:
            self._product.variables.clear()
            self._product.variables.update(self._variables)
            self.restart_worker()

    def _mode_back(self) -> None:
        # Always: no status tells of a trend that has begun.
        Operator(self._product.service("drill"), pause=self._pause).clear()

    def _all_delivered(self) -> None:
        threads = {turn.thread for turn in self._said if turn.status == 200}
        patience = self.within(_DELIVERED_S)
        while late := sorted(filter(self._undelivered, threads)):
            if not patience.left():
                raise WorldError(
                    f"accepted messages of {late} are not in Zep {_DELIVERED_S:g} s after the faults ended"
                )
        while self._product.deliveries.waiting and patience.left():
            pass  # a reply, or the answer to what Zep has by now: the next scenario counts requests of its own

    def _undelivered(self, thread: str) -> bool:
        # By number: without personal data, and cut where it is long, a message is not there as it was said.
        said = sum(turn.thread == thread and turn.status == 200 for turn in self._said)
        return sum(message.role == "user" for message in self.stored_messages(thread)) < said

    # --- people ---

    def say(self, message: str, *, thread: str) -> Turn:
        """POST the message through Django's client; ``took_s`` is virtual."""
        from chatapp.tokens import issue_jwt
        from zepguard.worlds.sim.app import JWT_SECRET

        token = issue_jwt(JWT_SECRET, self._person, _TOKEN_TTL_S)
        started = self._clock.monotonic()
        self._product.deliveries.poll()
        answer = self._client.post(
            _CHAT_URL,
            data=json.dumps({"message": message, "thread_id": self.thread_id(thread)}),
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}"},
        )
        body = json.loads(answer.content)
        turn = Turn(
            message=message,
            thread=thread,
            status=answer.status_code,
            reply=str(body.get("reply", body.get("error", ""))),
            memory=body.get("memory", {}),
            took_s=self._clock.monotonic() - started,
        )
        self._clock.sleep(0)  # a delivery that is nudged begins
        self._said.append(turn)
        return turn

    @property
    def _person(self) -> str:
        return f"drill-{self._nonce}"

    def thread_id(self, thread: str) -> str:
        """A thread of this scenario's own."""
        return f"{thread}-{self._nonce}"

    # --- operators ---

    def variables(self) -> Mapping[str, str]:
        """What stands where the programs read it at their start."""
        return dict(self._product.variables)

    def set_variables(self, changes: Mapping[str, str]) -> None:
        """Change them there."""
        self._product.variables.update(changes)

    def restart_worker(self) -> None:
        """Restart both workers; takes a virtual second. The app's own settings are this process's, and read anew."""
        from zepguard.worlds.sim.app import take_settings

        take_settings(self._product.variables)
        self._product.restart_workers()

    def kill(self, program: str) -> None:
        """Cut what the program is at; it starts again after a virtual second."""
        self._product.kill(program)

    def put_back_release_before(self) -> str:
        """Not here: this process has this code."""
        raise WorldError("another release cannot run in world sim: use --world stack")

    def put_back_this_release(self) -> None:
        """Nothing: no other was put back."""

    def zep_mode(self, *arguments: str) -> CommandResult:
        """Run the real command in place, with the variables as they are now."""
        from zepguard.worlds.sim.app import run_zep_mode

        done = run_zep_mode(
            arguments,
            service=lambda: self._product.service("zep_mode"),
            pause=self._pause,
            clock=self._clock.time,
        )
        self._product.deliveries.poll()  # a dead letter may have been put back
        return done

    def forget_person(self) -> CommandResult:
        """Run the real command in place; what was said before is nothing to wait for."""
        self._said.clear()
        return self.zep_mode("--forget-user", self._person)

    def is_in_outbox(self, text: str) -> bool:
        """Look through its tables."""
        from guard.django.models import DeadLetter, OutboxMessage

        return any(table.objects.filter(content__contains=text).exists() for table in (OutboxMessage, DeadLetter))

    def _pause(self, seconds: float) -> None:
        self._clock.sleep(seconds + _OVERSLEPT_S)  # no real sleep is exact, and a view of just that age is still good

    def status(self) -> Mapping[str, Any]:
        """Ask the guard's store with the guard's own code."""
        return Operator(self._product.service("drill")).status().as_json()

    def metrics(self) -> Metrics:
        """Scrape the chat app through Django's client."""
        from zepguard.worlds.scrape import read_metrics  # prometheus-client reads the environment: not the caller's

        answer = self._client.get(_METRICS_URL)
        if answer.status_code != 200:
            raise WorldError(f"{_METRICS_URL} answered {answer.status_code}")
        return read_metrics(answer.content.decode())

    def log_events(self) -> Sequence[Mapping[str, Any]]:
        """Parse the log from where it stood at the beginning."""
        if not self._log_file.exists():
            return []
        with self._log_file.open("rb") as log:
            log.seek(self._log_from)
            return [json.loads(line) for line in log.read().decode().splitlines() if line]

    # --- faults and what Zep saw ---

    def set_latency(self, seconds: float, *, route: str | None = None) -> None:
        """Have the fake Zep take so long for each call (of one route) until the scenario's end."""
        if route is None:
            self._zep.latency.clear()
        self._zep.latency.put(Latency(seconds=seconds), route)

    def start_fault(self, name: str, **settings: float | str) -> None:
        """Put it on, on the wire or on the fake Zep."""
        fault = fault_named(name, {key: str(value) for key, value in settings.items()})
        self._faults.append(self._product.wire.start_fault(fault))

    def stop_faults(self) -> None:
        """Ask each for its receipt, then take it off."""
        self._faults_receipted()
        self._faults_off()

    def take_store_away(self) -> None:
        """Nobody listens where the guard's store was; what it kept stays."""
        self._product.store.take_away()

    def put_store_back(self) -> None:
        """Have it listen again, if it was away, until each worker has beaten; WorldError if nobody asked meanwhile."""
        store = self._product.store
        if not store.away:
            return
        store.put_back()
        self._clock.sleep(HEARTBEAT_S + _OVERSLEPT_S)
        if not store.refused:
            raise WorldError("void: the guard's store was away, and nobody was seen to ask for it")
        self.saw(f"the guard's store refused {store.refused} commands")

    def empty_store(self) -> None:
        """As FLUSHALL does."""
        kept = self._product.store.empty()
        if not kept:
            raise WorldError("void: the guard's store had nothing to lose")
        self.saw(f"the guard's store lost {kept} keys")

    def break_database(self, what: str) -> None:
        """Have the app's database refuse ``requests``, or ``replies`` alone."""
        self._database.refuse(what)

    def mend_database(self) -> None:
        """Have it refuse nothing; WorldError if it was to, and nobody asked meanwhile."""
        refused = self._database.mend()
        if refused == 0:
            raise WorldError("void: the app's database was to refuse, and nobody was seen to ask it")
        if refused:
            self.saw(f"the app's database refused {refused} statements")

    def lose_next_answer(self) -> None:
        """What the chat worker says next does not reach the web."""
        self._product.between.loses_next = True

    def _answer_lost(self) -> None:
        between = self._product.between
        lost, waits = between.lost, between.loses_next
        between.lost, between.loses_next = 0, False
        if waits:
            raise WorldError("void: an answer was to be lost on its way to the web, and none was sent")
        if lost:
            self.saw(f"{lost} answers lost on their way to the web")

    def differences(self) -> Sequence[str]:
        """Where the guard's rules in Lua and in Python came to different ends, since last asked."""
        return self._product.store.differences()

    def requests_to_zep(self, *, route: str = "", thread: str = "") -> int:
        """Count in the journal."""
        wanted = self.thread_id(thread) if thread else ""
        return sum(
            (not route or entry.route == route) and (not wanted or entry.thread_id == wanted)
            for entry in self._zep.journal.since(self._journal_from)
        )

    def stored_messages(self, thread: str) -> Sequence[StoredMessage]:
        """Look into the fake Zep's store, with late writes that are due."""
        self._zep.settle(self._clock.time())
        thread_id = self.thread_id(thread)
        if thread_id not in self._zep.store.threads:
            return []
        return [
            StoredMessage(role=message.role, content=message.content, at=message.created_at)
            for message in self._zep.store.messages_of(thread_id)
        ]

    def is_known_to_zep(self, text: str) -> bool:
        """Look through the fake Zep's store and its journal."""
        self._zep.settle(self._clock.time())
        store = self._zep.store
        held = [message.content for thread in store.threads for message in store.messages_of(thread)]
        noted = map(repr, self._zep.journal.since(self._journal_from))
        return any(text in one for one in (*held, *noted))

    def key_refused(self) -> str:
        """Look for a 401 in the journal to a request whose key was wrong."""
        refused = [one for one in self._zep.journal.since(self._journal_from) if one.status == 401 and not one.key_ok]
        return f"fakezep's journal has {len(refused)} requests refused for their key" if refused else ""

    def read_context(self, thread: str, *, person: str) -> str:
        """Ask the chat worker's own guard, with what it has at hand."""
        return self._product.chat.read_context(user_id=person, thread_id=self.thread_id(thread)).text

    def read_contexts_at_once(self, threads: Sequence[str], *, person: str) -> int:
        """Ask the chat worker's own guard in as many lanes; each stands still while its call is under way."""
        results: list[ContextResult] = []
        guard = self._product.chat
        for thread in threads:
            thread_id = self.thread_id(thread)
            self._clock.start_lane(
                lambda thread_id=thread_id: results.append(guard.read_context(user_id=person, thread_id=thread_id)),  # type: ignore[misc]
                done=lambda: None,
            )
        while len(results) < len(threads):
            self._clock.sleep(0.1)
        return sum(result.latency_s is not None for result in results)

    def begin_read(self, thread: str) -> None:
        """Have the chat worker's own guard read in a lane, which stands still while its call is under way."""
        guard, reads = self._product.chat, self._reads
        thread_id, person = self.thread_id(thread), self._person
        lane = self._clock.start_lane(
            lambda: reads.append(guard.read_context(user_id=person, thread_id=thread_id).status), done=lambda: None
        )
        self._reading.append(lane)
        self._reads_begun += 1
        if len(self._reads) == self._reads_begun:
            raise WorldError(f"void: the read of {thread} was over as soon as it began: {self._reads[-1]}")

    def end_reads(self) -> Sequence[str]:
        """Let time pass until they are over."""
        if self._reads:
            raise WorldError(f"void: a read was over too early: {', '.join(self._reads)}")
        while len(self._reads) < self._reads_begun:
            self._clock.sleep(_POLL_S)
        ended, self._reads, self._reads_begun = self._reads, [], 0
        self._reading.clear()
        return ended

    def kill_reads(self) -> None:
        """Leave them where they stand, for ever, and start the chat worker anew."""
        if self._reads or not self._reading:
            raise WorldError("void: no read was under way when its worker was killed")
        for lane in self._reading:
            lane.leave()
        self._reading.clear()
        self._reads_begun = 0
        self.kill("celery_chat_worker")

    def processes(self) -> Mapping[str, int]:
        """Virtual pids, new after a restart; 0 for a program that does not run."""
        return self._product.pids

    # --- time ---

    def now(self) -> float:
        """Unix seconds of the virtual clock."""
        return self._clock.time()

    def wait(self, seconds: float) -> None:
        """Let virtual time pass, and with it all that is due meanwhile."""
        self._clock.sleep(seconds)

    def held_s(self, seconds: float) -> float:
        """The checklist's own seconds."""
        return seconds

    def within(self, seconds: float) -> _Patience:
        """Virtual seconds."""
        return _Patience(self._clock, seconds)

    def saw(self, evidence: str) -> None:
        """Note it once."""
        if evidence not in self.evidence:
            self.evidence.append(evidence)


class _Patience:
    def __init__(self, clock: VirtualClock, seconds: float) -> None:
        self._clock = clock
        self._ends = clock.monotonic() + seconds

    def left(self) -> bool:
        """Let a moment pass; whether there was time left before."""
        if self._clock.monotonic() >= self._ends:
            return False
        self._clock.sleep(_POLL_S)
        return True


def _import_early() -> None:
    for name in _NEEDED:
        importlib.import_module(name)
