"""Faults that the fake Zep makes itself: they differ in what is asked of it, and in what counts as a hit."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from chaos.errors import FakeZepAdminError, SettingRefused
from chaos.fakezep_admin import ActiveFault, FakeZepAdmin, FaultSpec, JournalEntry
from chaos.fault import Receipt
from chaos.probe import Over, never, probe
from chaos.settings import require_number
from chaos.target import ChaosTarget

_PROBE_WAIT_S = 3.0


class AnswerFault(Protocol):
    """The settings of a fault that the fake Zep makes."""

    name: ClassVar[str]

    def spec(self) -> FaultSpec:
        """Return what is asked of the fake Zep."""

    def is_hit(self, entry: JournalEntry) -> bool:
        """Tell whether this entry of the journal shows the fault. Pure."""


@dataclass(frozen=True, kw_only=True)
class StatusFault:
    """Settings of every fault that answers with a status and does nothing.

    ``count`` requests are hit, then it ends by itself (None: until stopped); ``share`` of the matching
    requests; ``routes`` by fakezep's names (none: all).
    """

    count: int | None = None
    share: float = 1.0
    routes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse counts and shares that are none."""
        require_selection(self.count, self.share)


def require_selection(count: int | None, share: float) -> None:
    """Refuse a ``count`` below one, and a ``share`` that is not above 0 and at most 1."""
    if count is not None:
        require_number("count", count, low=1, high=1_000_000, whole=True)
    require_number("share", share, low=0, high=1)
    if share == 0:
        raise SettingRefused("share", share, "give a number above 0; to hit nothing, do not start it")


class AnswersLive:
    """One fault on the fake Zep."""

    def __init__(self, fault: AnswerFault, target: ChaosTarget) -> None:
        """Do nothing yet."""
        self._fault = fault
        self._spec = fault.spec()
        self._target = target
        self._since: int | None = None
        self._before: frozenset[str] | None = None
        self._id: str | None = None

    @property
    def did(self) -> tuple[str, ...]:
        """Return the fault put on, by fakezep's id."""
        return (f"put fault {self._id} ({self._spec.kind}) on the fake Zep",) if self._id else ()

    def start(self) -> None:
        """Note what is there before, then put the fault on; raises ChaosError."""
        with self._admin() as admin:
            self._since = admin.journal().last
            self._before = frozenset(one.id for one in admin.faults())
            self._id = admin.add_fault(self._spec)

    def stop(self) -> tuple[str, ...]:
        """Take off what start put on, also if its answer was lost; raises ChaosError."""
        if self._before is None:
            return ()
        with self._admin() as admin:
            ours = _ours(admin.faults(), self._spec, self._id, self._before)
            undone = tuple(
                f"took fault {one} ({self._spec.kind}) off the fake Zep" for one in ours if admin.remove_fault(one)
            )
        self._before = None
        self._id = None
        return undone

    def seen(self, over: Over = never) -> Receipt:
        """Look for a hit in the journal; if there is none and any request is hit, send one and look again.

        A fault for a few requests only is left for the traffic that it is meant for. What happened while it
        was on stays evidence after stop.
        """
        since = self._since
        if since is None:
            return Receipt(fault=self._fault.name, seen=False, how="it was never started")
        try:
            hits = self._hits(since)
            if not hits and self._before is not None and self._may_probe():
                probe(self._target, wait_s=_PROBE_WAIT_S, over=over)
                hits = self._hits(since)
        except FakeZepAdminError as error:
            return Receipt(fault=self._fault.name, seen=False, how=str(error))
        if not hits:
            how = f"fakezep's journal has no such hit after entry {since}; it needs traffic"
            return Receipt(fault=self._fault.name, seen=False, how=how)
        first = hits[0]
        how = (
            f"fakezep's journal, entry {first.seq}: {first.method} {first.route or 'our own probe'} hit by "
            f"{first.fault}, status {first.status}, applied {first.applied}; {len(hits)} such so far"
        )
        return Receipt(fault=self._fault.name, seen=True, how=how)

    def _may_probe(self) -> bool:
        spec = self._spec
        return spec.kind == "status" and spec.count is None and not spec.routes and spec.share == 1

    def _hits(self, since: int) -> list[JournalEntry]:
        with self._admin() as admin:
            return [one for one in admin.journal(since).entries if self._fault.is_hit(one)]

    def _admin(self) -> FakeZepAdmin:
        return FakeZepAdmin(self._target.fakezep_admin_url, self._target.admin_key)


def _ours(active: Iterable[ActiveFault], spec: FaultSpec, known: str | None, before: frozenset[str]) -> list[str]:
    """Return which of the active faults start put on.

    By id and by looks: a restarted fakezep counts its ids from one again, and when the answer to our request
    was lost there is no id, only a new fault that looks as asked for.
    """
    alike = [one.id for one in active if spec.is_told_by(one.told)]
    return [one for one in alike if one == known or (known is None and one not in before)]
