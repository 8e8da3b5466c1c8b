"""The world of real processes: chat app, workers, store, Toxiproxy and fake Zep, met over HTTP and the shell."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import redis

from chaos.errors import ChaosError
from chaos.fakezep_admin import FakeZepAdmin
from chaos.fault import LiveFault
from chaos.faults import fault_named
from chaos.target import ChaosTarget
from guard.heartbeat import HEARTBEAT_S
from guard.operator import Operator
from guard.service import MemoryService
from zepguard.stack.control import StackControl
from zepguard.stack.env_file import read_env_file, write_env_file
from zepguard.stack.errors import StackError
from zepguard.stack.info import StackInfo
from zepguard.stack.programs import APP, WORKERS
from zepguard.stack.release import release_before, unpack
from zepguard.worlds.chat import post_turn
from zepguard.worlds.pager import Pager
from zepguard.worlds.real_time import Progress, RealPatience, RealTime
from zepguard.worlds.scrape import read_metrics
from zepguard.worlds.stored import read_stored
from zepguard.worlds.world import CommandResult, Metrics, StoredMessage, Turn, WorldError

__all__ = ["StackWorld"]

_COMMAND_TIMEOUT_S = 60.0
_ANSWER_TIMEOUT_S = 30.0
_READY_S = 30.0
_DELIVERED_S = 60.0
_READ = """
from guard.service import MemoryService
read = MemoryService.from_env(program="celery_chat_worker").read_context
print(read(user_id={user_id!r}, thread_id={thread_id!r}).status)
"""
_LOOK_IN_OUTBOX = """
from guard.django.models import DeadLetter, OutboxMessage
print(any(table.objects.filter(content__contains={text!r}).exists() for table in (OutboxMessage, DeadLetter)))
"""


class StackWorld:
    """A stack that is up.

    Args:
        info: its description.
        progress: told of waits over two seconds.
    """

    name = "stack"

    def __init__(self, info: StackInfo, *, progress: Progress = lambda text: None) -> None:
        self._info = info
        self._progress = progress
        self._time = RealTime(info.time_scale, progress)
        self._control = StackControl(info)
        self._http = httpx.Client(timeout=_ANSWER_TIMEOUT_S, trust_env=False)
        self._admin = FakeZepAdmin(info.fakezep_admin_url, info.fakezep_admin_key)
        self._target = ChaosTarget(
            toxiproxy_url=info.toxiproxy_url,
            zep_via_proxy_url=info.zep_via_proxy_url,
            fakezep_admin_url=info.fakezep_admin_url,
            admin_key=info.fakezep_admin_key,
            zep_api_key=info.zep_api_key,
        )
        self._faults: list[LiveFault] = []
        self._store_fault: LiveFault | None = None
        self._other_release = False
        self._pager: Pager | None = None
        self._reads: list[subprocess.Popen[str]] = []
        self.evidence: list[str] = []
        self._reset_notes()

    def _reset_notes(self) -> None:
        self._nonce = secrets.token_hex(4)
        self._said: list[Turn] = []
        self.evidence = []
        self._variables = read_env_file(self._info.env_file)
        self._log_from = self._log_size()
        self._journal_from = self._admin.journal().last

    def close(self) -> None:
        """Give connections back."""
        self._pager_off()
        self._reads_off()
        self._http.close()
        self._admin.close()

    # --- a scenario's frame ---

    def begin(self, scenario: str) -> None:
        """Note how the stack is; its threads and people are this scenario's own."""
        self._reset_notes()

    def end(self) -> None:
        """Receipts of the faults still on, faults off, variables and mode as found, all accepted messages delivered."""
        problems: list[str] = []
        for undo in (
            self._pager_off,
            self._reads_off,
            self.put_store_back,
            self._faults_receipted,
            self._faults_off,
            self._release_back,
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

    def _pager_off(self) -> None:
        if self._pager is not None:
            self._pager.close()
            self._pager = None

    def _faults_off(self) -> None:
        while self._faults:
            self._faults.pop().stop()

    def _faults_receipted(self) -> None:
        for live in self._faults:
            receipt = live.seen()
            if not receipt.seen:
                raise WorldError(f"void: the fault {receipt.fault} was never seen to act ({receipt.how})")
            self.saw(f"{receipt.fault} seen: {receipt.how}")

    def _release_back(self) -> None:
        if self._other_release:
            self.put_back_this_release()

    def _variables_back(self) -> None:
        if read_env_file(self._info.env_file) != self._variables:
            write_env_file(self._info.env_file, self._variables)
            self.restart_worker()

    def _mode_back(self) -> None:
        status = self.status()
        if status["forced"] is not None or status["failures"] or self._breaker_was_opened():
            with self._operator() as operator:
                operator.clear()

    def _breaker_was_opened(self) -> bool:
        return any(event.get("event") == "circuit_opened" for event in self.log_events())

    def _all_delivered(self) -> None:
        threads = {turn.thread for turn in self._said if turn.status == 200}
        patience = self.within(_DELIVERED_S)
        while True:
            late = [thread for thread in threads if self._undelivered(thread)]
            if not late:
                return
            if not patience.left():
                raise WorldError(
                    f"accepted messages of {late} are not in Zep {_DELIVERED_S:g} s after the faults ended"
                )

    def _undelivered(self, thread: str) -> bool:
        # By number: without personal data, and cut where it is long, a message is not there as it was said.
        said = sum(turn.thread == thread and turn.status == 200 for turn in self._said)
        return sum(message.role == "user" for message in self.stored_messages(thread)) < said

    # --- people ---

    def say(self, message: str, *, thread: str) -> Turn:
        """POST the message; a connection that fails is a turn with status 0."""
        turn = post_turn(
            self._http,
            self._info.chat_url,
            token=self._info.jwt_for(self._person),
            message=message,
            thread=thread,
            thread_id=self.thread_id(thread),
        )
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
        """Read the env file."""
        return read_env_file(self._info.env_file)

    def set_variables(self, changes: Mapping[str, str]) -> None:
        """Edit the env file, which each program reads when it starts."""
        write_env_file(self._info.env_file, {**read_env_file(self._info.env_file), **changes})

    def restart_worker(self) -> None:
        """What ``supervisorctl restart celery_chat_worker`` asks of supervisord, without its waits; ready on return."""
        self._progress("restarting celery_chat_worker")
        try:
            self._control.restart("celery_chat_worker", within_s=_READY_S)
        except StackError as error:
            raise WorldError(str(error)) from error

    def kill(self, program: str) -> None:
        """SIGKILL; the supervisor starts it again at once."""
        self._progress(f"killing {program}")
        try:
            former = self._control.kill(program)
            patience = self.within(_READY_S)
            while self._control.programs()[program].pid == former and patience.left():
                pass
            self._control.wait_ready(program, within_s=_READY_S)
        except StackError as error:
            raise WorldError(str(error)) from error

    def put_back_release_before(self) -> str:
        """Unpack it beside the stack's files, and restart web and workers on it, with state and settings as they are.

        The parts stay: store, broker, database, Toxiproxy and the fake Zep.
        """
        folder = Path(self._info.run_dir) / "release-before"
        try:
            release = release_before()
            unpack(release, folder)
        except StackError as error:
            raise WorldError(str(error)) from error
        self._other_release = True
        self._run_code_in({"PYTHONPATH": str(folder)})
        imported = self._run([*self._info.manage, "shell", "-c", "import guard, chatapp; print(guard.__file__)"])
        if str(folder) not in imported.text:
            raise WorldError(f"release {release.version} was put back, and yet {imported.text} was imported")
        return f"release {release.version} ({release.commit}) put back, and imported by the app's programs"

    def put_back_this_release(self) -> None:
        """Restart web and workers on this code."""
        self._run_code_in({})
        self._other_release = False

    def _run_code_in(self, path: Mapping[str, str]) -> None:
        self._progress("restarting web and workers on another release")
        kept = {name: value for name, value in read_env_file(self._info.env_file).items() if name != "PYTHONPATH"}
        write_env_file(self._info.env_file, {**kept, **path})
        try:
            self._control.restart(APP[0], WORKERS[0], within_s=_READY_S)
        except StackError as error:
            raise WorldError(str(error)) from error

    def zep_mode(self, *arguments: str) -> CommandResult:
        """Run the real command with the stack's settings as they are now."""
        return self._run([*self._info.manage, "zep_mode", *arguments], check=False)

    def _run(self, argv: Sequence[str], *, check: bool = True) -> CommandResult:
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise WorldError(f"{' '.join(argv[-3:])} did not end within {_COMMAND_TIMEOUT_S:g} s") from error
        if check and done.returncode:
            raise WorldError(f"{' '.join(argv[-3:])} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return CommandResult(code=done.returncode, text=(done.stdout + done.stderr).strip())

    def forget_person(self) -> CommandResult:
        """Run the real command; what was said before is nothing to wait for."""
        self._said.clear()
        return self.zep_mode("--forget-user", self._person)

    def is_in_outbox(self, text: str) -> bool:
        """Ask the app's own database, by the app's own code."""
        return self._run([*self._info.manage, "shell", "-c", _LOOK_IN_OUTBOX.format(text=text)]).text.endswith("True")

    def status(self) -> Mapping[str, Any]:
        """Ask the guard's store with the guard's own code."""
        with self._operator() as operator:
            return operator.status().as_json()

    @contextmanager
    def _operator(self) -> Iterator[Operator]:
        service = MemoryService.from_env(self.variables(), program="drill")
        try:
            yield Operator(service)
        finally:
            service.close()

    def metrics(self) -> Metrics:
        """Scrape the chat app."""
        answer = self._http.get(self._info.metrics_url)
        if answer.status_code != 200:
            raise WorldError(f"{self._info.metrics_url} answered {answer.status_code}")
        return read_metrics(answer.text)

    def log_events(self) -> Sequence[Mapping[str, Any]]:
        """Parse the log from where it stood at the beginning."""
        path = Path(self._info.log_file)
        if not path.exists():
            return []
        with path.open("rb") as log:
            log.seek(self._log_from)
            return [json.loads(line) for line in log.read().decode().splitlines() if line]

    def _log_size(self) -> int:
        path = Path(self._info.log_file)
        return path.stat().st_size if path.exists() else 0

    # --- faults and what Zep saw ---

    def start_fault(self, name: str, **settings: float | str) -> None:
        """Put it on, through Toxiproxy or the fake Zep's controls, and see for ourselves that it acts."""
        live = fault_named(name, {key: str(value) for key, value in settings.items()}).on(self._target)
        self._faults.append(live)
        live.start()

    def stop_faults(self) -> None:
        """Ask each for its receipt, then take it off."""
        self._faults_receipted()
        self._faults_off()

    def take_store_away(self) -> None:
        """Switch off the proxy through which the programs reach the guard's store."""
        address = urlsplit(self._info.redis_via_proxy_url)
        target = replace(
            self._target, proxy=self._info.store_proxy, zep_via_proxy_url=f"http://{address.hostname}:{address.port}"
        )
        self._store_fault = fault_named("refused").on(target)
        self._store_fault.start()

    def put_store_back(self) -> None:
        """Switch it on again, if it is off, after seeing that it refuses; each live worker beats within a second."""
        live, self._store_fault = self._store_fault, None
        if live is None:
            return
        receipt = live.seen()
        live.stop()
        if not receipt.seen:
            raise WorldError(f"void: the guard's store was never seen to be away ({receipt.how})")
        self._time.wait(HEARTBEAT_S)
        self.saw(f"the guard's store refused {receipt.how}")

    def empty_store(self) -> None:
        """FLUSHALL, past the proxy."""
        with redis.Redis.from_url(self._info.redis_url) as store:
            kept = store.dbsize()
            store.flushall()
        if not kept:
            raise WorldError("void: the guard's store had nothing to lose")
        self.saw(f"the guard's store lost {kept} keys")

    def requests_to_zep(self, *, route: str = "", thread: str = "") -> int:
        """Count in the journal."""
        wanted = self.thread_id(thread) if thread else ""
        return sum(
            entry.route is not None  # a fault's own probes ask for a path that Zep does not have
            and (not route or entry.route == route)
            and (not wanted or entry.thread_id == wanted)
            for entry in self._admin.journal(self._journal_from).entries
        )

    def stored_messages(self, thread: str) -> Sequence[StoredMessage]:
        """Ask the fake Zep's store itself."""
        return [read_stored(message) for message in self._admin.stored_messages(self.thread_id(thread))]

    def is_known_to_zep(self, text: str) -> bool:
        """Look through the fake Zep's store and its journal."""
        held = json.dumps(dict(self._admin.store()), ensure_ascii=False)
        return text in held or any(text in repr(one) for one in self._admin.journal(self._journal_from).entries)

    def key_refused(self) -> str:
        """Look for a 401 in the journal to a request whose key was wrong."""
        entries = self._admin.journal(self._journal_from).entries
        refused = [one for one in entries if one.status == 401 and not one.key_ok]
        return f"fakezep's journal has {len(refused)} requests refused for their key" if refused else ""

    def read_context(self, thread: str, *, person: str) -> str:
        """Ask a guard of this process's own over the same store."""
        service = MemoryService.from_env(self.variables(), program="drill")
        try:
            return service.read_context(user_id=person, thread_id=self.thread_id(thread)).text
        finally:
            service.close()

    def read_contexts_at_once(self, threads: Sequence[str], *, person: str) -> int:
        """Ask a guard of this process's own over the same store, in as many threads."""
        service = MemoryService.from_env(self.variables(), program="drill")
        try:
            service.mode()
            with ThreadPoolExecutor(len(threads)) as pool:
                ids = [self.thread_id(thread) for thread in threads]
                results = list(pool.map(lambda one: service.read_context(user_id=person, thread_id=one), ids))
        finally:
            service.close()
        return sum(result.latency_s is not None for result in results)

    def begin_read(self, thread: str) -> None:
        """Start a process of the app's own with a guard that reads, as one more worker would."""
        before = self.requests_to_zep(route="context", thread=thread)
        code = _READ.format(user_id=self._person, thread_id=self.thread_id(thread))
        reading = subprocess.Popen(
            [*self._info.manage, "shell", "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reads.append(reading)
        patience = self.within(_COMMAND_TIMEOUT_S)
        while self.requests_to_zep(route="context", thread=thread) == before:
            if reading.poll() is not None or not patience.left():
                raise WorldError(f"void: a guard that was to read {thread} never asked Zep")

    def end_reads(self) -> Sequence[str]:
        """Wait for the processes to end; what each printed last is the status."""
        if any(one.poll() is not None for one in self._reads):
            raise WorldError("void: a read was over before what was to happen meanwhile was")
        ended = []
        while self._reads:
            out, _ = self._reads[-1].communicate(timeout=_COMMAND_TIMEOUT_S)
            self._reads.pop()
            ended.append((out.splitlines() or [""])[-1])
        return ended

    def kill_reads(self) -> None:
        """SIGKILL the processes."""
        if not self._reads or any(one.poll() is not None for one in self._reads):
            raise WorldError("void: no read was under way when its worker was killed")
        self._reads_off()

    def _reads_off(self) -> None:
        while self._reads:
            reading = self._reads.pop()
            reading.kill()
            reading.communicate()

    def pager(self) -> Pager:
        """Prometheus and Alertmanager over this stack, from the first call to the scenario's end."""
        if self._pager is None:
            self._pager = Pager(self._info.metrics_url, self._info.time_scale)
        return self._pager

    def processes(self) -> Mapping[str, int]:
        """The pids that the supervisor knows; 0 for one that does not run."""
        programs = self._control.programs()
        return {name: programs[name].pid for name in APP}

    # --- time ---

    def wait(self, seconds: float) -> None:
        """Sleep, scaled if over ten seconds, with a countdown."""
        self._time.wait(seconds)

    def held_s(self, seconds: float) -> float:
        """The checklist's seconds by the stack's time scale."""
        return self._time.held_s(seconds)

    def within(self, seconds: float) -> RealPatience:
        """Real seconds, at least what the scaled time is."""
        return self._time.within(seconds)

    def saw(self, evidence: str) -> None:
        """Note it once."""
        if evidence not in self.evidence:
            self.evidence.append(evidence)
