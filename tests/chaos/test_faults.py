"""Each fault on the real things: on, seen, off, and traffic passes."""

import http.client
import json
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from chaos.errors import AlreadyThere, ToxiproxyError, ToxiproxyUnreachable
from chaos.fakezep_admin import FakeZepAdmin, FaultSpec
from chaos.fault import Fault
from chaos.faults import FAULTS
from chaos.faults.black_hole import BlackHole
from chaos.faults.drip import Drip
from chaos.faults.half_answer import HalfAnswer
from chaos.faults.http_401 import Http401
from chaos.faults.http_403 import Http403
from chaos.faults.http_429 import Http429
from chaos.faults.http_503 import Http503
from chaos.faults.late_answer import LateAnswer
from chaos.faults.late_write import LateWrite
from chaos.faults.latency import Latency
from chaos.faults.lost_answer import LostAnswer
from chaos.faults.maintenance import Maintenance
from chaos.faults.message_refused import MessageRefused
from chaos.faults.no_op import NoOp
from chaos.faults.refused import Refused
from chaos.faults.reset import Reset
from chaos.probe import probe
from chaos.target import ChaosTarget
from chaos.toxiproxy import Toxic, ToxiproxyServer

from .conftest import passes

pytestmark = pytest.mark.stack

QUICK: dict[str, Fault] = {
    "black-hole": BlackHole(probe_wait_s=0.3),
    "refused": Refused(),
    "latency": Latency(latency_ms=200, jitter_ms=50),
    "reset": Reset(),
    "reset upstream": Reset(stream="upstream", after_ms=50),
    "drip": Drip(every_ms=100),
    "half-answer": HalfAnswer(),
    "http-401": Http401(),
    "http-403": Http403(),
    "http-429": Http429(retry_after_s=7),
    "http-503": Http503(),
    "maintenance": Maintenance(status=502),
}
ON_TRAFFIC = ("lost-answer", "late-answer", "late-write", "message-refused")
BREAKING = [*QUICK, *ON_TRAFFIC]


def fault_for(name: str) -> Fault:
    return QUICK.get(name) or FAULTS[name]()


def write(target: ChaosTarget, thread_id: str, content: str = "hello") -> int | None:
    """Write one message; the status, or None if the answer was lost."""
    return send(target, "POST", f"/threads/{thread_id}/messages", {"messages": [message(content)]})


def message(content: str = "hello") -> dict[str, object]:
    return {"role": "user", "content": content, "name": "Ada"}


def send(target: ChaosTarget, method: str, path: str, body: object, *, wait_s: float = 60) -> int | None:
    parts = urlsplit(target.zep_via_proxy_url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=wait_s)
    headers = {"Authorization": f"Api-Key {target.zep_api_key}", "Content-Type": "application/json"}
    try:
        connection.request(method, parts.path + path, json.dumps(body), headers)
        return connection.getresponse().status
    except http.client.RemoteDisconnected:
        return None
    finally:
        connection.close()


def thread_ready(target: ChaosTarget) -> str:
    assert send(target, "POST", "/users", {"user_id": "ada"}) == 201
    created = send(target, "POST", "/threads", {"thread_id": "t1", "user_id": "ada"})
    assert created in (200, 201)
    return "t1"


def test_every_fault_of_the_registry_is_tried_here() -> None:
    """A fault without a test against the real thing does not get in unnoticed."""
    assert {name.split()[0] for name in BREAKING} | {"no-op"} == set(FAULTS)


@pytest.mark.parametrize("name", QUICK)
def test_a_fault_is_seen_while_it_is_on_and_gone_after(name: str, target: ChaosTarget) -> None:
    """Start puts it on at once, seen has evidence, stop takes it off at once."""
    live = fault_for(name).on(target)
    assert passes(target)
    live.start()
    assert live.did
    receipt = live.seen()
    assert receipt.seen, receipt.how
    assert name == "latency" or not passes(target)  # late is not broken
    assert live.stop()
    assert passes(target)


def test_a_lost_answer_is_seen_in_the_journal_once_something_is_written(target: ChaosTarget) -> None:
    """The write is done, the writer hears nothing, and only then is there a receipt."""
    thread_id = thread_ready(target)
    live = LostAnswer().on(target)
    live.start()
    assert not live.seen().seen
    assert write(target, thread_id) is None
    assert live.seen().seen
    live.stop()
    assert write(target, thread_id) == 200
    with FakeZepAdmin(target.fakezep_admin_url, target.admin_key) as admin:
        assert len(admin.stored_messages(thread_id)) == 2


def test_a_message_is_refused_by_its_words_and_no_other_is(target: ChaosTarget) -> None:
    """The status is the fault's own, and nothing of that write is stored."""
    thread_id = thread_ready(target)
    live = MessageRefused(status=413, content="too much").on(target)
    live.start()
    assert write(target, thread_id, "much") == 200
    assert not live.seen().seen
    assert write(target, thread_id, "this is too much") == 413
    assert live.seen().seen
    live.stop()
    assert write(target, thread_id, "this is too much") == 200
    with FakeZepAdmin(target.fakezep_admin_url, target.admin_key) as admin:
        assert [one["content"] for one in admin.stored_messages(thread_id)] == ["much", "this is too much"]


def test_a_late_write_is_seen_once_it_has_landed_whoever_has_gone(target: ChaosTarget) -> None:
    """The writer gives up, and Zep does it all the same."""
    thread_id = thread_ready(target)
    live = LateWrite(delay_s=0.5, count=1).on(target)
    live.start()
    with pytest.raises(TimeoutError):
        send(target, "POST", f"/threads/{thread_id}/messages", {"messages": [message()]}, wait_s=0.1)
    assert not live.seen().seen
    until = time.monotonic() + 30
    while not live.seen().seen and time.monotonic() < until:
        time.sleep(0.05)
    with FakeZepAdmin(target.fakezep_admin_url, target.admin_key) as admin:
        assert len(admin.stored_messages(thread_id)) == 1
    live.stop()


def test_a_late_answer_comes_late_and_others_at_once(target: ChaosTarget) -> None:
    """What is not named by its route is answered as ever."""
    thread_id = thread_ready(target)
    live = LateAnswer(delay_s=0.3).on(target)
    live.start()
    assert write(target, thread_id) == 200
    assert not live.seen().seen
    began = time.monotonic()
    assert send(target, "GET", f"/threads/{thread_id}/context", None) == 200
    assert time.monotonic() - began >= 0.3
    assert live.seen().seen
    live.stop()


def test_the_no_op_lets_all_pass(target: ChaosTarget) -> None:
    """The teaching example goes the whole way and harms nothing."""
    live = NoOp().on(target)
    live.start()
    assert live.seen().seen
    assert passes(target)
    assert live.stop() == ("nothing",)
    assert live.stop() == ()


@pytest.mark.parametrize("name", QUICK)
def test_a_fault_that_is_not_on_is_not_seen(name: str, target: ChaosTarget) -> None:
    """A receipt is evidence: without the fault there is none."""
    assert not fault_for(name).on(target).seen().seen


@pytest.mark.parametrize("name", BREAKING)
def test_stop_is_safe_before_start_and_twice(name: str, target: ChaosTarget) -> None:
    """Stop undoes what is on, and nothing is no error."""
    live = fault_for(name).on(target)
    assert live.stop() == ()
    live.start()
    assert live.stop()
    assert live.stop() == ()
    assert passes(target)


@pytest.mark.parametrize("name", BREAKING)
def test_start_twice_is_one_fault(name: str, target: ChaosTarget, admin: FakeZepAdmin) -> None:
    """A later run takes over what a killed one left on the proxy."""
    if name.startswith(("http", "maintenance")) or name in ON_TRAFFIC:
        live = fault_for(name).on(target)
        live.start()
        live.stop()
    else:
        fault_for(name).on(target).start()
        live = fault_for(name).on(target)
        live.start()
        live.stop()
    assert passes(target)
    assert admin.faults() == ()


@pytest.mark.parametrize("name", BREAKING)
def test_stop_is_safe_when_the_proxy_vanished(
    name: str, target: ChaosTarget, server: ToxiproxyServer, admin: FakeZepAdmin
) -> None:
    """A stack that was taken down meanwhile is no error; a fault on the fake Zep is still taken off."""
    live = fault_for(name).on(target)
    live.start()
    server.remove_proxy(target.proxy)
    live.stop()
    assert admin.faults() == ()


@pytest.mark.parametrize("name", BREAKING)
def test_stop_is_safe_when_the_fake_zep_was_reset(name: str, target: ChaosTarget, admin: FakeZepAdmin) -> None:
    """Faults that are gone already are no error, and another's fault of the same id is left alone."""
    live = fault_for(name).on(target)
    live.start()
    admin.reset()
    other = admin.add_fault(FaultSpec(kind="status", status=418, count=1))
    live.stop()
    assert [one.id for one in admin.faults()] == [other]


def test_a_half_started_fault_is_taken_off(
    target: ChaosTarget, server: ToxiproxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the second toxic cannot be put on, stop takes off the first."""
    put = ToxiproxyServer.put_toxic

    def put_one(self: ToxiproxyServer, proxy: str, toxic: Toxic) -> Toxic:
        if toxic.stream == "downstream":
            raise ToxiproxyUnreachable("gone, for this test")
        return put(self, proxy, toxic)

    monkeypatch.setattr(ToxiproxyServer, "put_toxic", put_one)
    live = BlackHole().on(target)
    with pytest.raises(ToxiproxyUnreachable):
        live.start()
    assert len(live.did) == 1
    assert len(server.toxics(target.proxy)) == 1
    assert len(live.stop()) == 1
    assert server.toxics(target.proxy) == {}


def test_one_toxic_that_cannot_be_taken_off_does_not_keep_the_others_on(
    target: ChaosTarget, server: ToxiproxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop goes through all of them, then says that one is left."""
    live = BlackHole().on(target)
    live.start()
    remove = ToxiproxyServer.remove_toxic

    def remove_one(self: ToxiproxyServer, proxy: str, name: str) -> bool:
        if name.endswith("upstream"):
            raise ToxiproxyUnreachable("gone, for this test")
        return remove(self, proxy, name)

    with monkeypatch.context() as broken:
        broken.setattr(ToxiproxyServer, "remove_toxic", remove_one)
        with pytest.raises(ToxiproxyUnreachable):
            live.stop()
    assert [one.stream for one in server.toxics(target.proxy).values()] == ["upstream"]
    live.stop()
    assert server.toxics(target.proxy) == {}


def test_a_fault_whose_confirmation_was_lost_is_taken_off(
    target: ChaosTarget, admin: FakeZepAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fake Zep put it on and we never heard its id: stop finds it by its looks, and only it."""
    earlier = admin.add_fault(Http503().spec())
    add = FakeZepAdmin.add_fault

    def add_and_lose(self: FakeZepAdmin, fault: FaultSpec) -> str:
        add(self, fault)
        raise AlreadyThere("any ChaosError, for this test")

    monkeypatch.setattr(FakeZepAdmin, "add_fault", add_and_lose)
    live = Http503().on(target)
    with pytest.raises(AlreadyThere):
        live.start()
    assert len(admin.faults()) == 2
    assert len(live.stop()) == 1
    assert [one.id for one in admin.faults()] == [earlier]


@pytest.mark.parametrize("name", ["black-hole", "refused", "latency"])
def test_start_on_a_proxy_that_is_not_there_says_so(name: str, target: ChaosTarget) -> None:
    """The error names the proxy and the remedy."""
    nowhere = ChaosTarget(
        toxiproxy_url=target.toxiproxy_url,
        proxy="nowhere",
        zep_via_proxy_url=target.zep_via_proxy_url,
        fakezep_admin_url=target.fakezep_admin_url,
        admin_key="a",
        zep_api_key="k",
    )
    live = fault_for(name).on(nowhere)
    with pytest.raises(ToxiproxyError, match="no proxy 'nowhere': create it"):
        live.start()
    assert live.stop() == ()


def test_the_drip_really_drips(target: ChaosTarget) -> None:
    """A byte a tick, from the first byte on: not a burst and not the whole head at once."""
    live = Drip(every_ms=50).on(target)
    live.start()
    result = probe(target, wait_s=1.0)
    live.stop()
    assert result.ended == "incomplete"
    assert 10 <= result.bytes_received <= 22


def test_the_drip_ends_for_a_connection_under_way(target: ChaosTarget) -> None:
    """Stop lets the rest of an answer through instead of leaving its reader to drip on."""
    live = Drip(every_ms=60_000).on(target)
    live.start()
    probes: list[object] = []
    stopped = time.monotonic() + 0.3

    def stop_soon() -> bool:
        if time.monotonic() > stopped and not probes:
            probes.append(live.stop())
        return False

    assert probe(target, wait_s=5, over=stop_soon).ended == "answered"


def test_a_black_hole_lets_nothing_reach_zep(target: ChaosTarget, admin: FakeZepAdmin) -> None:
    """Both directions: the request does not arrive, so nothing is written behind the caller's back."""
    live = BlackHole(probe_wait_s=0.3).on(target)
    live.start()
    before = admin.journal().last
    assert live.seen().seen
    live.stop()
    assert admin.journal(before).entries == ()


@pytest.mark.parametrize(("stream", "arrives"), [("downstream", 1), ("upstream", 0)])
def test_a_reset_comes_after_or_before_zep_has_the_request(
    stream: str, arrives: int, target: ChaosTarget, admin: FakeZepAdmin
) -> None:
    """The setting decides whether a write is done when its connection is reset."""
    live = Reset(stream=stream).on(target)  # type: ignore[arg-type]
    live.start()
    before = admin.journal().last
    assert live.seen().seen
    live.stop()
    assert len(admin.journal(before).entries) == arrives


def test_retry_after_is_sent(target: ChaosTarget) -> None:
    """429 tells when to come back, in seconds."""
    live = Http429(retry_after_s=7).on(target)
    live.start()
    parts = urlsplit(target.zep_via_proxy_url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    connection.request("GET", "/api/v2/threads/x/context")
    answer = connection.getresponse()
    connection.close()
    live.stop()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")


@pytest.mark.parametrize("make", [Http401, Http403, Http429, Http503])
def test_a_counted_fault_is_left_for_the_traffic(
    make: Callable[..., Fault], target: ChaosTarget, admin: FakeZepAdmin
) -> None:
    """A probe of ours must not use up the one hit that a scenario wants."""
    live = make(count=1, routes=("context",)).on(target)
    live.start()
    assert not live.seen().seen
    assert admin.faults()[0].remaining == 1
    assert send(target, "GET", "/threads/x/context", None) in (401, 403, 429, 503)
    assert live.seen().seen
    assert live.stop() == ()
