"""Calls and transitions, told to metrics and to the log. The only place where either is named."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from guard.core.events import Effect, EffectKind
from guard.core.modes import Reason
from guard.core.table import Operation, Outcome
from guard.errors import StoreUnavailable
from guard.forks import new_lock
from guard.notices import (
    CallEnded,
    CallSent,
    ContextKept,
    Full,
    NegativeHit,
    Notice,
    StoreAnswered,
    Transition,
)

__all__ = ["Telemetry"]

_STORE_LOG_S = 60.0
"""One line a minute about a store that is away."""

_READ = Operation.READ  # looked up once: 70 ns each time on Python 3.11

_GOOD = frozenset({Outcome.ANSWERED, Outcome.NOT_FOUND})
_NO_FAILURE = _GOOD | {Outcome.RATE_LIMITED}


class Telemetry:
    """Turns notices into metrics and log lines.

    Args:
        monotonic: gives seconds that never jump; paces the line about the store.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._store_said_at = float("-inf")
        self._store_away = False
        self._store_lock = new_lock()
        self._loaded: Any = None

    @property
    def _instruments(self) -> Any:
        """The metrics, imported with the first call: prometheus_client costs 80 ms."""
        if self._loaded is None:
            from guard.metrics import instruments

            self._loaded = instruments
        return self._loaded

    @property
    def _log(self) -> Any:
        from guard.logs import get_logger

        return get_logger("guard")

    def get_ready(self) -> None:
        """Load what logs and what counts, so that no turn waits for it: some 200 ms (measured)."""
        _ = self._log, self._instruments

    def tell(self, notice: Notice) -> None:
        """Tell one notice of the engine."""
        if isinstance(notice, CallSent):  # these two are told of each call: a match costs five times as much
            instruments = self._loaded or self._instruments
            (instruments.READ_REQUESTS if notice.operation is _READ else instruments.WRITE_REQUESTS).inc()
        elif isinstance(notice, CallEnded):
            self._call_ended(notice)
        else:
            self._tell_other(notice)

    def _tell_other(self, notice: Notice) -> None:
        match notice:
            case ContextKept():
                self._instruments.CACHE_HITS.inc()
            case Transition():
                self._transition(notice)
            case NegativeHit():
                self._instruments.NEGATIVE_HITS.inc()
            case Full(operation):
                self._instruments.REJECTED[operation].inc()
            case StoreAnswered(error):
                self.store_answered(error)

    def _call_ended(self, ended: CallEnded) -> None:
        instruments = self._loaded or self._instruments
        if ended.operation is not _READ:
            if ended.outcome not in _GOOD:  # a 429 too: Zep did not take it
                instruments.WRITE_FAILURES.inc()
                self._log.warning("zep_write_failure", **_call_fields(ended))
            return
        instruments.READ_LATENCY.observe(ended.latency_s)
        if ended.outcome not in _NO_FAILURE:
            instruments.CONTEXT_FAILURES.inc()
            self._log.warning("zep_context_failure", consecutive_failures=ended.failures, **_call_fields(ended))

    def _transition(self, transition: Transition) -> None:
        for effect in transition.effects:
            if transition.alone and effect.kind is EffectKind.DOWNGRADED:
                self._instruments.LOCAL_DOWNGRADES.inc()
            self._effect(effect, transition)

    def _effect(self, effect: Effect, transition: Transition) -> None:
        record, log = transition.record, self._log
        held = {
            "reason": record.reason,
            "hold_s": round(record.until - record.since, 3),
            "generation": record.generation,
            "alone": transition.alone,
        }
        match effect.kind:
            case EffectKind.DOWNGRADED | EffectKind.REHELD | EffectKind.FORCED:
                if effect.kind is EffectKind.DOWNGRADED and effect.detail == Reason.AUTH:
                    log.error("zep_auth_failure_auto_downgrade", **held)
                log.warning("memory_mode_forced", mode=record.forced_mode, by=_by(effect.kind), **held)
            case EffectKind.JOINED:
                log.warning("memory_mode_joined", mode=record.forced_mode, **held)
            case EffectKind.RECOVERED:
                log.error("memory_store_forgot", recovered_generation=int(effect.detail))
            case _:
                self._ended(effect, record.generation)

    def _ended(self, effect: Effect, generation: int) -> None:
        """The transitions that end something, or a breaker's."""
        log = self._log
        match effect.kind:
            case EffectKind.RESTORED:
                log.info("memory_mode_restored", generation=generation)
            case EffectKind.CLEARED:
                log.info("memory_mode_cleared", was=effect.detail or None, generation=generation)
            case EffectKind.EXPIRED:
                log.info("memory_mode_expired", was=effect.detail, generation=generation)
            case EffectKind.FAILURES_RESET:
                log.info("memory_failures_reset", was=int(effect.detail or 0))
            case EffectKind.BREAKER_OPENED:
                log.warning("circuit_opened", component="zep", operation=effect.detail)
            case EffectKind.BREAKER_CLOSED:
                log.info("circuit_closed", component="zep", operation=effect.detail)

    def store_answered(self, error: StoreUnavailable | None) -> None:
        """Say that the store is away, once a minute, and once that it is back."""
        if error is None and not self._store_away:
            return
        with self._store_lock:
            now = self._monotonic()
            if error is None and self._store_away:
                self._store_away = False
                self._log.info("memory_store_back")
            elif error is not None and now - self._store_said_at >= _STORE_LOG_S:
                self._store_away = True
                self._store_said_at = now
                self._log.error("memory_store_unavailable", error=str(error))


def _call_fields(ended: CallEnded) -> dict[str, Any]:
    return {
        "outcome": ended.outcome,
        "thread_id": ended.thread_id,
        "latency_ms": round(ended.latency_s * 1000, 1),
        "probe": ended.probe,
        "error": ended.message,
    }


def _by(kind: EffectKind) -> str:
    return {EffectKind.FORCED: "operator", EffectKind.REHELD: "probe"}.get(kind, "guard")
