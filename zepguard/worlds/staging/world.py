"""A deployed environment, as the steps meet it."""

from __future__ import annotations

import json
import secrets
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from zepguard.masking import Mask
from zepguard.worlds.chat import post_turn
from zepguard.worlds.real_time import Progress, RealPatience, RealTime
from zepguard.worlds.scrape import read_metrics
from zepguard.worlds.staging.commands import Commands
from zepguard.worlds.staging.config import StagingConfig
from zepguard.worlds.staging.faults import Faults
from zepguard.worlds.staging.fleet import Fleet
from zepguard.worlds.staging.journal import Journal
from zepguard.worlds.staging.log import Log
from zepguard.worlds.staging.people import People
from zepguard.worlds.staging.variables import Variables
from zepguard.worlds.world import CommandResult, Metrics, StoredMessage, Turn, WorldError

__all__ = ["StagingWorld"]

_ANSWER_TIMEOUT_S = 30.0
_DELIVERED_S = 60.0
_CIRCUIT = 'circuit_open_total{component="zep"}'


class StagingWorld:
    """Drills a deployed environment, and leaves it as it was.

    Args:
        config: where it is, and how to act on it.
        progress: told of waits over two seconds, and of what could not be undone.
    """

    name = "staging"

    def __init__(self, config: StagingConfig, *, progress: Progress = lambda text: None) -> None:
        self._config = config
        self._mask = Mask(config.secrets)
        self._progress: Progress = lambda text: progress(self._mask(text))
        self._time = RealTime(config.time_scale, self._progress)
        self._commands = Commands(config.file, self._mask)
        self._people = People(config, self._commands, self._mask)
        self._fleet = Fleet(config, self._commands, self._mask, self._progress)
        self._log = Log(config, self._commands)
        self._faults = Faults(config)
        self._journal = Journal(config)
        # The system's certificates (and SSL_CERT_FILE): an environment's own authority stands there.
        self._http = httpx.Client(timeout=_ANSWER_TIMEOUT_S, trust_env=False, verify=ssl.create_default_context())
        self.evidence: list[str] = []
        self._reset_notes()

    def _reset_notes(self) -> None:
        self._nonce = secrets.token_hex(4)
        self._said: list[Turn] = []
        self.evidence = []
        self._variables = Variables(self._config, self._commands, self._mask)
        self._before: Metrics | None = None
        self._restart_due = False
        self._ours = False

    def close(self) -> None:
        """Undo what an ``end`` that was cut short has left, and give connections back."""
        for problem in self._undo():
            self._progress(f"NOT UNDONE: {problem}")
        self._http.close()

    # --- a scenario's frame ---

    def begin(self, scenario: str) -> None:
        """Note how the environment is; its threads and people are this scenario's own.

        Raises:
            WorldError: somebody else's fault or forced mode is on (what is not ours is neither drilled over nor
                undone), or something of the scenario before still cannot be undone.
        """
        problems = self._undo()
        if problems:  # and the notes stay: the former key stands in them
            raise WorldError("; ".join(problems))
        self._reset_notes()
        self._faults.require_clean()
        if self._config.zep_mode is not None:
            self._require_nothing_forced()
        if self._config.metrics_url is not None:
            self._before = self.metrics()
        self._log.begin()
        self._journal.begin()
        self._ours = True

    def _require_nothing_forced(self) -> None:
        forced = self.status()["forced"]
        if forced is not None:
            raise WorldError(
                f"a forced mode is in force already (reason {forced['reason']}, {forced['remaining_s']:.0f} s left), "
                "and it is not this drill's: wait for its end and a message after it, or zep_mode --clear"
            )

    def end(self) -> None:
        """Receipts of the faults still on, faults off, variables and mode as found, all accepted messages delivered."""
        problems: list[str] = []
        try:
            self._faults_receipted()
        except WorldError as error:
            problems.append(self._mask(str(error)))
        problems += self._undo()
        try:
            self._all_delivered()
        except WorldError as error:
            problems.append(str(error))
        if problems:
            raise WorldError("; ".join(problems))

    def _undo(self) -> list[str]:
        """Undo what there is to undo, and tell what could not be; that is tried again at the next call."""
        problems: list[str] = []
        for undo in (self._faults.off, self._variables_back, self._mode_back):
            try:
                undo()
            except WorldError as error:
                problems.append(self._mask(str(error)))
        return problems

    def _faults_receipted(self) -> None:
        for seen in self._faults.receipts():
            self.saw(seen)

    def _variables_back(self) -> None:
        if self._variables.put_back():
            self._restart_due = True
        if self._restart_due:
            self.restart_worker()

    def _mode_back(self) -> None:
        if not self._ours or self._config.zep_mode is None:
            return
        status = self.status()
        if status["forced"] is not None or status["failures"] or self._breaker_was_opened():
            self._fleet.clear()
        self._ours = False

    def _breaker_was_opened(self) -> bool:
        if self._before is None:
            return False
        return self.metrics().series.get(_CIRCUIT, 0) > self._before.series.get(_CIRCUIT, 0)

    def _all_delivered(self) -> None:
        if not self._journal.there:
            return
        patience = self.within(_DELIVERED_S)
        while late := [thread for thread in self._threads() if self._undelivered(thread)]:
            if not patience.left():
                raise WorldError(
                    f"accepted messages of {late} are not in Zep {_DELIVERED_S:g} s after the faults ended"
                )

    def _threads(self) -> list[str]:
        return sorted({turn.thread for turn in self._said if turn.status == 200})

    def _undelivered(self, thread: str) -> bool:
        # By number: without personal data, and cut where it is long, a message is not there as it was said.
        said = sum(turn.thread == thread and turn.status == 200 for turn in self._said)
        return sum(message.role == "user" for message in self.stored_messages(thread)) < said

    # --- people ---

    def say(self, message: str, *, thread: str) -> Turn:
        """POST the message; a connection that fails is a turn with status 0."""
        turn = post_turn(
            self._http,
            self._config.needed(self._config.chat_url, "chat_url", "chat"),
            token=self._people.token(f"drill-{self._nonce}"),
            message=message,
            thread=thread,
            thread_id=self.thread_id(thread),
        )
        self._said.append(turn)
        return turn

    def thread_id(self, thread: str) -> str:
        """A thread of this scenario's own."""
        return f"{thread}-{self._nonce}"

    # --- operators ---

    def variables(self) -> Mapping[str, str]:
        """Each by ``get_variable``, when it is asked for."""
        return self._variables

    def set_variables(self, changes: Mapping[str, str]) -> None:
        """Run ``set_variables`` for each, after noting what it was."""
        self._restart_due = True
        try:
            self._variables.change(changes)
        except WorldError:
            self._restart_due = len(self._variables) > 0
            raise

    def restart_worker(self) -> None:
        """Run ``restart_worker``, and wait for the signs of life of new workers."""
        self._fleet.restart()
        self._restart_due = False

    def kill(self, program: str) -> None:
        """Not here: nothing in the config kills."""
        raise WorldError(f"a drill kills {program}, and no process of a deployed environment: use --world stack")

    def put_back_release_before(self) -> str:
        """Not here: that is a deployment."""
        raise WorldError("the release before is put back by a deployment, which a drill does not do: use --world stack")

    def put_back_this_release(self) -> None:
        """Nothing: no other was put back."""

    def zep_mode(self, *arguments: str) -> CommandResult:
        """Run the real command, where the environment runs it."""
        return self._fleet.zep_mode(*arguments)

    def status(self) -> Mapping[str, Any]:
        """Run ``zep_mode --status --json``."""
        return self._fleet.status()

    def metrics(self) -> Metrics:
        """Scrape the chat app."""
        url = self._config.needed(self._config.metrics_url, "metrics_url", "see the metrics")
        token = self._config.metrics_token
        try:
            answer = self._http.get(url, headers={"Authorization": f"Bearer {token}"} if token else {})
        except httpx.HTTPError as error:
            raise WorldError(f"{url} does not answer ({error!r})") from error
        if answer.status_code != 200:
            raise WorldError(f"{url} answered {answer.status_code}")
        try:
            return read_metrics(answer.text)
        except ValueError as error:
            raise WorldError(f"{url} answered what is no metrics: correct metrics_url") from error

    def log_events(self) -> Sequence[Mapping[str, Any]]:
        """The log's lines since the scenario began."""
        return self._log.events()

    # --- faults and what Zep saw ---

    def start_fault(self, name: str, **settings: float | str) -> None:
        """Put it on, through the environment's Toxiproxy or its fake Zep."""
        self._faults.start(name, settings)

    def stop_faults(self) -> None:
        """Ask each for its receipt, then take it off."""
        self._faults_receipted()
        self._faults.off()

    def requests_to_zep(self, *, route: str = "", thread: str = "") -> int:
        """Count in the fake Zep's journal."""
        return self._journal.requests(route=route, thread_id=self.thread_id(thread) if thread else "")

    def stored_messages(self, thread: str) -> Sequence[StoredMessage]:
        """Ask the fake Zep's store."""
        return self._journal.stored(self.thread_id(thread))

    def is_known_to_zep(self, text: str) -> bool:
        """Look through the fake Zep's store and its journal."""
        return self._journal.has(text)

    def key_refused(self) -> str:
        """By the fake Zep's journal; where there is none, by the product's own log, and that is said."""
        if self._journal.there:
            refused = self._journal.keys_refused()
            return f"fakezep's journal has {refused} requests refused for their key" if refused else ""
        told = [one for one in self.log_events() if one.get("outcome") == "auth" or one.get("reason") == "auth"]
        return "by the product's own log alone: this environment has no fake Zep's journal" if told else ""

    def read_context(self, thread: str, *, person: str) -> str:
        """Not here: only the environment's own workers may read its memory."""
        raise WorldError(f"a drill reads no memory of {person} in a deployed environment: use --world stack")

    def read_contexts_at_once(self, threads: Sequence[str], *, person: str) -> int:
        """Not here, as above."""
        return len([self.read_context(thread, person=person) for thread in threads])

    def processes(self) -> Mapping[str, int]:
        """What ``processes_command`` prints; without it, a pid that cannot be compared."""
        template = self._config.processes_command
        if template is None:
            return {"processes_command": _UnknownPid(self._config)}
        told = self._commands.must(template, timeout_s=self._config.command_timeout_s)
        try:
            return {str(name): int(pid) for name, pid in json.loads(told).items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise WorldError(
                f"processes_command of {self._config.file.name} printed no JSON object of names and pids"
            ) from error

    # --- time ---

    def wait(self, seconds: float) -> None:
        """Sleep, with a countdown."""
        self._time.wait(seconds)

    def held_s(self, seconds: float) -> float:
        """The checklist's seconds by the config's time scale."""
        return self._time.held_s(seconds)

    def within(self, seconds: float) -> RealPatience:
        """Real seconds, at least what the scaled time is."""
        return self._time.within(seconds)

    def saw(self, evidence: str) -> None:
        """Note it once."""
        evidence = self._mask(evidence)
        if evidence not in self.evidence:
            self.evidence.append(evidence)


class _UnknownPid(int):
    """Stands for what nobody told us: it may be passed on, but who compares it has no answer.

    Each scenario notes the processes before its first step, and only one of them asks whether they are the same.
    """

    _config: StagingConfig

    def __new__(cls, config: StagingConfig) -> _UnknownPid:
        pid = super().__new__(cls, 0)
        pid._config = config
        return pid

    def __eq__(self, other: object) -> bool:
        self._config.needed(None, "processes_command", "tell whether a process has crashed")
        return False

    __hash__ = int.__hash__
