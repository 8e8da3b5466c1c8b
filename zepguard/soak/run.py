"""Runs a scenario in virtual time, and leaves its metrics and its story behind."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import structlog
import typing_extensions

from guard import logs
from guard.service import MemoryService
from zepguard.soak.scenarios import Incident, IncidentKind, Noise, Scenario
from zepguard.soak.scrapes import Scrapes
from zepguard.soak.story import Happened, Story, Stretch
from zepguard.soak.traffic import Message, messages
from zepguard.soak.weather import WeatheredZep
from zepguard.stack.plan import flags_of
from zepguard.worlds.sim.clock import VirtualClock
from zepguard.worlds.sim.frozen import FrozenTime
from zepguard.worlds.sim.wire import ZEP_HOST

__all__ = ["Soak", "run"]

_DEPLOYS = (1 / 3, 2 / 3)  # of the time
_DEADLINE_S = 1.5
_NEEDED = (
    *("zep_cloud.client", "zep_cloud.types", "guard.zep.sdk"),
    *("chatapp.urls", "zepguard.soak.product", "guard.outbox.collector"),
)
"""Imported before time is frozen: a module imported later would keep some of the frozen names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Soak:
    """What to run.

    Attributes:
        scenario: see ``scenarios.py``; its ``hours`` are run.
        noise: of every day.
        seed: of all that is drawn; the same seed gives the same run.
        idle: nobody chats.
        variables: environment variables of the product, over the soak's own.
    """

    scenario: Scenario
    noise: Noise = field(default_factory=Noise)
    seed: int = 0
    idle: bool = False
    variables: Mapping[str, str] | None = None


def run(
    soak: Soak,
    openmetrics: Path,
    *,
    progress: Callable[[float], None] = lambda hours: None,
    meanwhile: Mapping[float, Callable[[MemoryService], None]] | None = None,
) -> Story:
    """Run it; gives the story, and writes the scrapes to a file.

    Args:
        soak: what.
        openmetrics: where the metrics go, with virtual timestamps.
        progress: told the hours done, each virtual hour.
        meanwhile: what else is done, by seconds after the beginning; each is given the chat worker's service.

    Raises:
        WorldError: the product did not start.
    """
    with contextlib.ExitStack() as closing, _few_collections():
        return _Running(soak, closing, progress, meanwhile or {}).run(openmetrics)


@contextlib.contextmanager
def _few_collections() -> Iterator[None]:
    """Look for garbage seldom: as a rule a look meets the journal and the scrapes, which stay."""
    before = gc.get_threshold()
    gc.set_threshold(1_000_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextlib.contextmanager
def _hints_read_once() -> Iterator[None]:
    """Have the SDK read and take apart the type hints of each of its classes once: it does so anew for each message."""
    before = {name: getattr(typing_extensions, name) for name in ("get_type_hints", "get_origin", "get_args")}
    for name, reads in before.items():
        setattr(typing_extensions, name, cache(reads))
    try:
        yield
    finally:
        for name, reads in before.items():
            setattr(typing_extensions, name, reads)


class _Running:
    """A soak under way."""

    def __init__(
        self,
        soak: Soak,
        closing: contextlib.ExitStack,
        progress: Callable[[float], None],
        meanwhile: Mapping[float, Callable[[MemoryService], None]],
    ) -> None:
        self._soak = soak
        self._scenario = soak.scenario
        self._closing = closing
        self._progress = progress
        self._meanwhile = meanwhile
        self._rng = random.Random(soak.seed)
        self._troubles: list[Stretch] = []
        self._said: list[float] = []
        self._scrapes = Scrapes()
        self._build()

    def _build(self) -> None:
        from zepguard.worlds.sim import app

        folder = Path(self._closing.enter_context(tempfile.TemporaryDirectory(prefix="zepguard-soak-")))
        self._closing.enter_context(app.environment())
        self._closing.enter_context(app.set_up())
        for name in _NEEDED:
            importlib.import_module(name)
        self._closing.enter_context(_hints_read_once())
        database = app.Database()
        database.open()
        self._closing.callback(database.close)
        self._log_file = folder / "app.log"
        before = structlog.get_config()
        self._closing.callback(lambda: structlog.configure(**before))
        logs.configure(str(self._log_file))
        frozen = FrozenTime(for_all=True)
        frozen.start()
        self._closing.callback(frozen.stop)
        self._clock = VirtualClock(frozen.move)
        self._closing.callback(self._clock.close)
        self._zep = WeatheredZep(self._soak.noise, random.Random(self._rng.random()), deadline_s=_DEADLINE_S)
        self._start_product()

    def _start_product(self) -> None:
        from chatapp import memory
        from chatapp.metrics import AGENT_LATENCY
        from guard.django.outbox import DjangoRows
        from guard.metrics.fleet import FleetCollector
        from guard.metrics.instruments import REGISTRY
        from guard.outbox.collector import OutboxCollector
        from zepguard.soak.product import SoakedProduct

        self._product = SoakedProduct(self._variables(), clock=self._clock, zep=self._zep)
        self._product.start()
        self._closing.enter_context(memory.served_by(self._product.web))
        REGISTRY.unregister(AGENT_LATENCY)  # never observed here, and the one with the most buckets
        self._closing.callback(REGISTRY.register, AGENT_LATENCY)
        web = self._product.web
        self._collectors = (
            REGISTRY,
            FleetCollector(web.store, web.base_mode),
            OutboxCollector(DjangoRows(), clock=self._clock.time),
        )

    def _variables(self) -> dict[str, str]:
        (key,) = self._zep.settings.api_keys
        return {
            **flags_of(self._scenario.mode),
            "ZEP_BASE_URL": f"http://{ZEP_HOST}",
            "ZEP_API_KEY": key,
            "ZEP_TIMEOUT_MS": f"{_DEADLINE_S * 1000:.0f}",
            "ZEPGUARD_LOG_FILE": str(self._log_file),
            **(self._soak.variables or {}),
        }

    # --- the course of it

    def run(self, openmetrics: Path) -> Story:
        """All of it, then its story."""
        lasts_s = self._scenario.hours * 3600
        self._began = self._clock.time()
        self._plan(lasts_s)
        if not self._soak.idle:
            for message in messages(self._scenario, self._rng):
                self._sleep_until(message.at)
                self._say(message)
        self._sleep_until(lasts_s)
        self._scrapes.write(openmetrics)
        return Story(
            began=self._began,
            ended=self._began + lasts_s,
            scrape_s=self._scenario.scrape_s,
            messages=tuple(self._said),
            troubles=tuple(self._troubles),
            answers=tuple(self._zep.answers()),
            log=tuple(self._happened()),
            undelivered=self._undelivered(),
            deploys=tuple(self._began + share * lasts_s for share in _DEPLOYS),
            variables=dict(self._product.variables),
        )

    def _plan(self, lasts_s: float) -> None:
        """Put on the agenda what comes by itself; what must take time is done between two messages."""
        self._due: list[tuple[float, Callable[[], None]]] = [
            (share * lasts_s, self._product.restart_workers) for share in _DEPLOYS
        ]
        for incident in self._scenario.incidents:
            if incident.at_h * 3600 < lasts_s:
                self._due.append((incident.at_h * 3600, partial(self._begin, incident)))
                self._due.append((incident.at_h * 3600 + incident.lasts_min * 60, partial(self._end, incident)))
        for at, action in self._meanwhile.items():
            self._due.append((at, lambda action=action: action(self._product.chat)))  # type: ignore[misc]
        self._due.sort(key=lambda one: one[0])
        self._scrape()
        self._told()

    def _sleep_until(self, at: float) -> None:
        while self._due and self._due[0][0] <= at:
            due, action = self._due.pop(0)
            self._clock.sleep(due - self._clock.monotonic())
            action()
        self._clock.sleep(at - self._clock.monotonic())

    def _scrape(self) -> None:
        self._product.beat()
        self._scrapes.take(self._collectors, self._clock.time())
        self._clock.after(self._scenario.scrape_s, self._scrape)

    def _told(self) -> None:
        self._progress(self._clock.monotonic() / 3600)
        self._clock.after(3600, self._told)

    def _say(self, message: Message) -> None:
        self._product.beat()
        self._said.append(self._clock.time())
        self._product.ask(user_id=message.person, thread_id=f"{message.person}-thread", text=message.text)
        self._product.deliveries.poll()
        self._clock.sleep(0)  # a delivery that is nudged begins

    def _begin(self, incident: Incident) -> None:
        self._zep.begin(incident.kind)

    def _end(self, incident: Incident) -> None:
        key = self._zep.end()
        if incident.kind is IncidentKind.KEY_ROTATION:
            self._product.variables["ZEP_API_KEY"] = key
            self._product.restart_workers()
        ended = self._clock.time()
        began = self._began + incident.at_h * 3600
        self._troubles.append(Stretch(kind=incident.kind, began=began, ended=ended))

    # --- what is left of it

    def _happened(self) -> list[Happened]:
        if not self._log_file.exists():
            return []
        return [Happened.read(json.loads(line)) for line in self._log_file.read_text(encoding="utf-8").splitlines()]

    def _undelivered(self) -> int:
        from guard.django.outbox import DjangoRows

        return DjangoRows().counts().depth
