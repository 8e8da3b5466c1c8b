"""The steps about pages: alerts that fire in a Prometheus over the running app, and whom they reach."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from pytest_bdd import parsers

from zepguard.drills.phrases import given, then
from zepguard.worlds.pager import Pager
from zepguard.worlds.world import World, WorldError

__all__ = ["Watched"]

_TALK_EVERY_S = 30.0


@runtime_checkable
class Watched(Protocol):
    """A world whose app can be scraped by a Prometheus of the scenario's own."""

    def pager(self) -> Pager:
        """Prometheus, Alertmanager and the endpoint of the pages, from the first call to the scenario's end."""


def _pager(world: World) -> Pager:
    if not isinstance(world, Watched):
        raise WorldError(f"void: nothing scrapes the app in world {world.name}; tag the scenario stack-only")
    return world.pager()


@given("Prometheus and Alertmanager watch the service")
def watched(world: World) -> None:
    """Start both, with the product's alerts and routes; the app has been scraped."""
    _pager(world)


@then("nobody has been paged")
def nobody_paged(world: World) -> None:
    """No event has reached the endpoint, neither of an alert nor of its end."""
    pager = _pager(world)
    assert pager.pages == (), pager.alerts()


@then(
    parsers.re(
        r"(while people talk in thread \"(?P<thread>[^\"]+)\", )?within (?P<limit>\d+) s (?P<receiver>[\w-]+) is paged "
        r"for (?P<alert>\w+), severity (?P<severity>\w+)(, with \"(?P<text>[^\"]+)\")?"
    )
)
def paged(
    world: World, thread: str | None, limit: str, receiver: str, alert: str, severity: str, text: str | None
) -> None:
    """The page bears that receiver's key; meanwhile, if so said, a message every half minute is answered."""
    pager, patience = _pager(world), world.within(float(limit))
    while (page := pager.triggered(alert)) is None and patience.left():
        if thread is not None:
            turn = world.say("still there?", thread=thread)
            assert turn.status == 200, turn
            world.wait(_TALK_EVERY_S)
    assert page is not None, f"no page for {alert}; Prometheus: {pager.alerts()}"
    assert (page.payload["severity"], pager.receiver_of(page)) == (severity, receiver)
    told = str(page.payload["custom_details"]["what"]).strip()
    assert (text or "") in told
    world.saw(f"{receiver} paged for {alert}, severity {severity}: {told}")


@then(parsers.parse("within {limit:d} s each page is resolved"))
def all_resolved(world: World, limit: int) -> None:
    """The end of each alert that paged is told, by the same key."""
    pager, patience = _pager(world), world.within(limit)
    triggers = [page for page in pager.pages if page.action == "trigger"]
    assert triggers, "nobody was paged"
    while not all(map(pager.resolved, triggers)) and patience.left():
        pass
    assert all(map(pager.resolved, triggers)), pager.alerts()
