"""Connections to the store: one deadline for a whole request, every form of the URL, TLS, ACL, Sentinel."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import trustme
import uvloop

from guard.core.events import Clear, Force, Report, Ticket
from guard.core.modes import Mode, Reason
from guard.core.settings import read_settings
from guard.core.store_url import StoreUrl, parse_store_url
from guard.core.table import Operation, Outcome, Phase
from guard.core.worker import Worker
from guard.errors import SettingsError, StoreUnavailable
from guard.store import async_connection, connection
from guard.store.async_shared import AsyncRedisStore, connect_async
from guard.store.shared import CONNECTIONS_MAX, RedisStore, connect
from guard.store.wire import COMMANDS
from guard.zep.resolve import Resolver
from tests.guard.stores import Relay, Valkey, relay, start_valkey
from zepguard.stack.ports import free_ports

__all__ = ["relay", "start_valkey"]

HANGS_S = 5.0
"""Far over every deadline here, and under what would be waited without one."""


class Asked:
    """A store behind one face; the async one has a loop of its own."""

    def __init__(self, kind: str, url: str, timeout_s: float) -> None:
        self.kind = kind
        self._runner = asyncio.Runner()
        if kind == "sync":
            self._store: Any = RedisStore(connect(url, timeout_s=timeout_s), namespace="n", timeout_s=timeout_s)
        else:
            client = self._run(self._open(url, timeout_s))
            self._store = AsyncRedisStore(client, namespace="n", timeout_s=timeout_s)

    async def _open(self, url: str, timeout_s: float) -> Any:
        return connect_async(url, timeout_s=timeout_s)

    def _run(self, coroutine: Any) -> Any:
        return self._runner.run(coroutine)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if self.kind == "sync":
            return method
        return lambda *arguments, **named: self._run(method(*arguments, **named))

    def close(self) -> None:
        if self.kind == "sync":
            self._store.close()
        else:
            self._run(self._store.aclose())
        self._runner.close()


@pytest.fixture(params=["sync", "async"])
def open_at(request: pytest.FixtureRequest) -> Iterator[Callable[..., Asked]]:
    opened: list[Asked] = []

    def open_one(url: str, timeout_s: float = HANGS_S) -> Asked:
        opened.append(Asked(request.param, url, timeout_s))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def fails(ask: Callable[[], Any]) -> str:
    """The error, which must come long before a wait without an end would be over."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable) as raised:
        ask()
    assert time.monotonic() - began < HANGS_S
    return str(raised.value)


def answers(store: Any) -> Any:
    """The snapshot, tried until it is there: a busy machine may be slower than a short deadline."""
    for left in reversed(range(50)):
        try:
            return store.snapshot()
        except StoreUnavailable:
            if not left:
                raise
    raise AssertionError("the last try returns or raises")


# -- the deadline ----------------------------------------------------------------------------------------------------


@pytest.fixture
def slow(start_valkey: Callable[..., Valkey], relay: Callable[..., Relay]) -> Relay:
    server = start_valkey("--requirepass", "hunter2")
    return relay(server)


def test_steps_that_are_each_in_time_fail_when_their_sum_is_not(slow: Relay, open_at: Callable[..., Asked]) -> None:
    """AUTH, SELECT and the request at 0.6 s each: 1.4 s is enough for any two and not for three."""
    store = open_at(f"redis://:hunter2@127.0.0.1:{slow.port}/3", 1.4)
    slow.delay_s = 0.6
    assert "did not answer" in fails(store.snapshot)


def test_a_connection_that_stands_needs_one_step_and_no_more(slow: Relay, open_at: Callable[..., Asked]) -> None:
    store = open_at(f"redis://:hunter2@127.0.0.1:{slow.port}/3", 1.4)
    answers(store)
    connections = slow.connections
    slow.delay_s = 0.6
    for _ in range(3):
        store.snapshot()
    assert slow.connections == connections


@pytest.fixture(params=["asyncio", "uvloop"])
def loop_factory(request: pytest.FixtureRequest) -> Any:
    return {"asyncio": None, "uvloop": uvloop.new_event_loop}[request.param]


@pytest.mark.parametrize("noticed", [True, False])
def test_a_connection_that_was_reset_while_idle_reaches_no_chat(
    slow: Relay, loop_factory: Any, noticed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made anew where that is seen in time; else the store is away, whatever the loop raises: uvloop a RuntimeError."""

    async def main() -> None:
        client = connect_async(f"redis://:hunter2@127.0.0.1:{slow.port}", timeout_s=HANGS_S)
        store = AsyncRedisStore(client, namespace="n", timeout_s=HANGS_S)
        await store.snapshot()
        (idle,) = client.connection_pool._available_connections  # type: ignore[attr-defined]
        slow.reset()
        while not idle._writer.is_closing():
            await asyncio.sleep(0.005)
        if noticed:
            await store.snapshot()
            await store.snapshot()
            assert slow.connections == 2
        else:
            monkeypatch.setattr(type(idle), "can_read", lambda _: asyncio.sleep(0, result=False))
            with pytest.raises(StoreUnavailable, match="did not answer"):
                await store.snapshot()
            await store.snapshot()
        await store.aclose()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


def test_threads_make_a_connection_that_was_reset_while_idle_anew(slow: Relay) -> None:
    store = RedisStore(
        connect(f"redis://:hunter2@127.0.0.1:{slow.port}", timeout_s=HANGS_S), namespace="n", timeout_s=HANGS_S
    )
    store.snapshot()
    slow.reset()
    store.snapshot()
    assert slow.connections == 2
    store.close()


@pytest.mark.parametrize("ill", [{"silent": True}, {"delay_s": 2 * HANGS_S}, {"drip_s": 0.1}, {"shakes_hands": False}])
@pytest.mark.parametrize("connected", [True, False])
def test_a_store_that_is_slow_silent_or_drips_is_given_up(
    slow: Relay, open_at: Callable[..., Asked], ill: dict[str, Any], connected: bool
) -> None:
    store = open_at(f"redis://:hunter2@127.0.0.1:{slow.port}/3", 0.25)
    if connected:
        answers(store)
    for name, value in ill.items():
        setattr(slow, name, value)
    if connected and "shakes_hands" in ill:  # what stands needs none; what is made anew does
        for _ in range(2):
            store.snapshot()
        slow.reset()
    for _ in range(2):
        fails(store.snapshot)
    for name in ill:
        setattr(slow, name, type(ill[name])() if name != "shakes_hands" else True)
    answers(store)


def test_a_drip_within_tls_is_given_up(
    start_valkey: Callable[..., Valkey], relay: Callable[..., Relay], tls: Any, open_at: Callable[..., Asked]
) -> None:
    server, ca = tls
    between = relay(start_valkey(), tls=server)
    store = open_at(f"rediss://localhost:{between.port}/0?ssl_ca_certs={ca}", 0.3)
    answers(store)
    between.drip_s = 0.1
    fails(store.snapshot)


def test_a_handshake_of_tls_that_stops_is_given_up(
    start_valkey: Callable[..., Valkey], relay: Callable[..., Relay], tls: Any, open_at: Callable[..., Asked]
) -> None:
    between = relay(start_valkey(), tls=tls[0])
    between.shakes_hands = False
    fails(open_at(f"rediss://localhost:{between.port}/0?ssl_ca_certs={tls[1]}", 0.3).snapshot)


def test_a_name_that_is_not_resolved_is_given_up(
    open_at: Callable[..., Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def look_up(host: str) -> tuple[str, ...]:
        over.wait(20)
        return ("127.0.0.1",)

    resolver = Resolver(look_up)
    for module in (connection, async_connection):
        monkeypatch.setattr(module, "process_resolver", lambda: resolver)
    store = open_at("redis://guard-store.invalid:6379/0", 0.2)
    try:
        fails(store.snapshot)
    finally:
        over.set()


def test_the_second_address_of_a_name_is_tried(
    start_valkey: Callable[..., Valkey], open_at: Callable[..., Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_valkey(port=None)
    resolver = Resolver(lambda host: ("127.0.0.9", "127.0.0.1"))
    for module in (connection, async_connection):
        monkeypatch.setattr(module, "process_resolver", lambda: resolver)
    store = open_at(f"redis://guard-store.invalid:{server.port}/0")
    store.snapshot()
    assert resolver.addresses("guard-store.invalid", 1)[0] == "127.0.0.1"


def test_a_new_connection_costs_no_step_that_nobody_asked_for(
    start_valkey: Callable[..., Valkey], open_at: Callable[..., Asked]
) -> None:
    """No HELLO, no CLIENT SETINFO: each would be one more wait of a turn."""
    server = start_valkey()
    client = server.client(protocol=2, driver_info=None)
    client.config_resetstat()
    open_at(server.url).snapshot()
    asked = {name[8:] for name in client.info("commandstats")}
    assert asked - {"evalsha", "script|load", "config|resetstat", "info", "time", "hgetall"} == set()


def test_one_request_too_many_waits_for_a_place_and_no_longer_than_its_time(
    slow: Relay, wait_for: Callable[..., Any]
) -> None:
    at = f"redis://:hunter2@127.0.0.1:{slow.port}"
    store = RedisStore(connect(at, timeout_s=6), namespace="n", timeout_s=6)
    slow.silent = True
    said: list[str] = []

    def ask() -> None:
        with pytest.raises(StoreUnavailable) as raised:
            store.snapshot()
        said.append(str(raised.value))

    threads = [threading.Thread(target=ask) for _ in range(CONNECTIONS_MAX + 8)]
    for thread in threads:
        thread.start()
    wait_for(lambda: slow.connections == CONNECTIONS_MAX)
    slow._over.wait(0.3)
    assert said == []
    assert slow.connections == CONNECTIONS_MAX
    for thread in threads:
        thread.join(20)
    assert len(said) == CONNECTIONS_MAX + 8
    slow.silent = False
    answers(store)
    store.close()


def test_connections_that_died_together_cost_one_wait(
    start_valkey: Callable[..., Valkey], open_at: Callable[..., Asked]
) -> None:
    """Half open, five of them: a pool that gave the next one to each request would be away five times."""
    old = start_valkey()
    store = open_at(old.url, 1.0)
    pool = store._store._client.connection_pool
    take = pool.get_connection if store.kind == "sync" else lambda: store._run(pool.get_connection())
    give = pool.release if store.kind == "sync" else lambda one: store._run(pool.release(one))
    for one in [take() for _ in range(5)]:
        give(one)
    old.stop()
    Path(old.socket).unlink()
    new = Valkey(old.folder, "--save", "", port=0).start()
    try:
        fails(store.snapshot)
        held = [take() for _ in range(4)]  # as other threads do: the next request has the last of the five
        store.snapshot()
        for one in held:
            give(one)
    finally:
        new.kill()


def test_a_request_that_is_interrupted_leaves_no_answer_to_the_next(slow: Relay) -> None:
    """As a greenlet's timeout does; over Sentinel too, where redis-py would keep the connection."""
    client = connect(f"redis://:hunter2@127.0.0.1:{slow.port}", timeout_s=HANGS_S)
    store = RedisStore(client, namespace="n", timeout_s=HANGS_S)
    store.apply(Force(reason=Reason.MANUAL, ttl_s=60))

    class Interrupted(BaseException):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection.select, "poll", interrupt)
        slow.delay_s = 0.05
        with pytest.raises(Interrupted):
            store.thread_entry("t")
    time.sleep(0)
    for _ in range(3):
        assert store.snapshot().record.reason is Reason.MANUAL
    store.close()


def test_a_task_that_is_cancelled_leaves_no_answer_to_the_next(slow: Relay) -> None:
    async def main() -> None:
        client = connect_async(f"redis://:hunter2@127.0.0.1:{slow.port}", timeout_s=HANGS_S)
        store = AsyncRedisStore(client, namespace="n", timeout_s=HANGS_S)
        await store.apply(Force(reason=Reason.MANUAL, ttl_s=60))
        for _ in range(5):
            slow.delay_s = 1.0
            asked = asyncio.ensure_future(store.thread_entry("t"))
            await asyncio.sleep(0.01)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            slow.delay_s = 0.0
            assert (await store.snapshot()).record.reason is Reason.MANUAL
        await store.aclose()

    asyncio.run(main())


# -- the forms of the URL --------------------------------------------------------------------------------------------

GOOD = {
    "redis://h": StoreUrl(hosts=(("h", 6379),)),
    "redis://": StoreUrl(hosts=(("localhost", 6379),)),
    "redis://[::1]:7/2": StoreUrl(hosts=(("::1", 7),), db=2),
    "redis://u%40x:p%2Fw@h:6380/2": StoreUrl(hosts=(("h", 6380),), db=2, username="u@x", password="p/w"),
    "redis://u:a:b@c%5B%5D%25+%20@h": StoreUrl(hosts=(("h", 6379),), username="u", password="a:b@c[]%+ "),
    "redis://:pw@h?db=4": StoreUrl(hosts=(("h", 6379),), db=4, password="pw"),
    "rediss://h/1?ssl_ca_certs=/ca.pem&ssl_cert_reqs=required": StoreUrl(
        hosts=(("h", 6379),), db=1, tls=True, ssl={"ssl_ca_certs": "/ca.pem", "ssl_cert_reqs": "required"}
    ),
    "unix:///run/v.sock?db=2&password=x": StoreUrl(path="/run/v.sock", db=2, password="x"),
    "unix://u:p@/run/v.sock": StoreUrl(path="/run/v.sock", username="u", password="p"),
    "redis+sentinel://u:p@a:1,b/main/3?sentinel_password=s": StoreUrl(
        hosts=(("a", 1), ("b", 26379)), service="main", db=3, username="u", password="p", sentinel_password="s"
    ),
    "rediss+sentinel://a/main": StoreUrl(hosts=(("a", 26379),), service="main", tls=True),
}

BAD = {
    "http://h": "is no store URL",
    "redis://h#x": "is no store URL",
    "redis://h:port": "host or a port",
    "redis://a,b": "host or a port",
    "redis://h/hunter2": "database that is no number",
    "redis://h?socket_timeout=hunter2": "1 option",
    "redis://h?ssl_ca_certs=/x": "1 option",
    "rediss://h?ssl_cert_reqs=hunter2": "write none or optional or required",
    "unix://run/hunter2": "three slashes",
    "redis+sentinel://a:1": "redis+sentinel://host:26379,host:26379/service/db",
    "redis+sentinel:///hunter2": "names no Sentinels",
    "redis+sentinel://u:hunter2@a:x/main": "host or a port",
    "redis+sentinel://a:1,,b:2/main": "host or a port",
    "redis://u:hunter2@[::1": "is no",
    "redis://u:hunter2[x@h": "[ ] % in a password as %2F %3F %23 %40 %5B %5D %25",
}


@pytest.mark.parametrize("url", GOOD)
def test_urls_that_are_taken(url: str) -> None:
    assert parse_store_url(url) == GOOD[url]
    assert read_settings({"GUARD_REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize("url", BAD)
def test_urls_that_are_refused_say_what_is_wrong_and_show_nothing_of_themselves(url: str) -> None:
    with pytest.raises(SettingsError, match=r"GUARD_REDIS_URL=\(hidden\): ") as refused:
        read_settings({"GUARD_REDIS_URL": url})
    assert BAD[url] in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_password_is_in_no_repr() -> None:
    where = parse_store_url("redis+sentinel://u:hunter2@h/m?sentinel_password=hunter2")
    assert "hunter2" not in repr(where)


def test_a_unix_socket_and_a_database_of_it(start_valkey: Callable[..., Valkey], open_at: Callable[..., Asked]) -> None:
    server = start_valkey()
    open_at(f"{server.url}?db=5").apply(Clear())
    assert server.client(db=5).hget("n:mode", "generation") == "1"


# -- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def tls(tmp_path: Path) -> Any:
    """A server's context, and the file of the authority that vouches for it as ``localhost``."""
    import ssl

    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return context, tmp_path / "ca.pem"


def test_rediss_checks_the_server(
    start_valkey: Callable[..., Valkey], relay: Callable[..., Relay], tls: Any, open_at: Callable[..., Asked]
) -> None:
    server = start_valkey("--requirepass", "pw")
    between = relay(server, tls=tls[0])
    at = f"rediss://:pw@localhost:{between.port}/2"
    for _ in range(3):
        store = open_at(f"{at}?ssl_ca_certs={tls[1]}")
        store.apply(Clear())
        store.snapshot()
    assert server.client(password="pw", db=2).hget("n:mode", "generation") == "3"
    open_at(f"{at}?ssl_cert_reqs=none").snapshot()
    assert "certificate verify failed" in fails(open_at(at).snapshot)
    other = at.replace("localhost", "127.0.0.1")
    assert "certificate" in fails(open_at(f"{other}?ssl_ca_certs={tls[1]}").snapshot)
    open_at(f"{other}?ssl_ca_certs={tls[1]}&ssl_check_hostname=false").snapshot()


def test_without_a_password_over_tls_a_tickets_arrival_is_no_answer(
    start_valkey: Callable[..., Valkey],
    relay: Callable[..., Relay],
    tls: Any,
    open_at: Callable[..., Asked],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """TLS 1.3 sends two after the handshake, and nobody reads before the first request."""
    connected = connection._Tls._connect

    def until_they_are_there(self: Any) -> Any:
        sock = connected(self)
        threading.Event().wait(0.2)
        return sock

    monkeypatch.setattr(connection._Tls, "_connect", until_they_are_there)
    between = relay(start_valkey(), tls=tls[0])
    store = open_at(f"rediss://localhost:{between.port}?ssl_ca_certs={tls[1]}")
    for _ in range(20):
        store.snapshot()
    assert between.connections == 1


def test_a_certificate_that_cannot_be_read_is_a_store_that_is_away(tmp_path: Path) -> None:
    """And no exception in a chat."""
    with pytest.raises(StoreUnavailable, match="ssl_ options"):
        connect(f"rediss://h?ssl_ca_certs={tmp_path}/none.pem", timeout_s=1)


# -- ACL -------------------------------------------------------------------------------------------------------------

REPORT = Report(
    ticket=Ticket(operation=Operation.READ, phase=Phase.READ_WRITE, generation=0, era=0),
    outcome=Outcome.RATE_LIMITED,
    retry_after_s=5,
    thread_id="t",
    user_id="u",
    context="tea",
)


def test_a_user_with_just_the_rights_that_are_told_can_do_all(start_valkey: Callable[..., Valkey]) -> None:
    server = start_valkey("--user", *f"guard on >pw ~n:* {COMMANDS}".split(), port=None)
    store = RedisStore(connect(f"redis://guard:pw@127.0.0.1:{server.port}/1", timeout_s=5), namespace="n", timeout_s=5)
    store.snapshot()
    store.apply(REPORT)
    store.apply(Force(reason=Reason.MANUAL, ttl_s=60))
    assert store.thread_entry("t", "u").why == "retry_after"
    assert store.claim_refresh("t", lease_s=1)
    assert store.forget_thread("t")
    store.forget_user("u")
    server.client(db=1).set("n:workers", "x")
    store.beat(Worker(name="w", program="p", pid=1, base=Mode.OFF))
    assert len(store.workers()) == 1
    store.retire("w")
    store.close()


def test_a_user_without_the_right_to_run_scripts_is_told_which_it_needs(
    start_valkey: Callable[..., Valkey], open_at: Callable[..., Asked]
) -> None:
    server = start_valkey("--user", "guard", "on", ">pw", "~n:*", "+@all", "-@scripting", port=None)
    said = fails(open_at(f"redis://guard:pw@127.0.0.1:{server.port}").snapshot)
    assert "NoPermissionError" in said
    assert "+evalsha" in said


def test_a_wrong_password_is_told_without_it(
    start_valkey: Callable[..., Valkey], open_at: Callable[..., Asked]
) -> None:
    server = start_valkey("--user", "guard", "on", ">right", "~*", "+@all", port=None)
    said = fails(open_at(f"redis://guard:hunter2@127.0.0.1:{server.port}").snapshot)
    assert "check user and password" in said
    assert "hunter2" not in said


# -- Sentinel --------------------------------------------------------------------------------------------------------


class Watched:
    """A master, a replica and a Sentinel that watches them."""

    def __init__(self, start: Callable[..., Valkey], folder: Path, *, empty_replica: bool = False) -> None:
        self.first = start(port=None)
        self.second = start(port=None)
        if not empty_replica:
            self.second.client().replicaof("127.0.0.1", self.first.port)
        self.port = free_ports(1)[0]
        folder.mkdir(exist_ok=True)
        config = folder / "sentinel.conf"
        config.write_text(
            f"sentinel monitor main 127.0.0.1 {self.first.port} 1\n"
            "sentinel down-after-milliseconds main 300\nsentinel failover-timeout main 2000\n"
        )
        self.sentinel = Valkey(folder, port=self.port)
        self._config = config

    def watch(self) -> None:
        import subprocess

        from zepguard.parts import obtain_valkey

        given = [str(obtain_valkey().path), str(self._config), "--sentinel", "--port", str(self.port)]
        self.sentinel.process = subprocess.Popen(
            [*given, "--bind", "127.0.0.1", "--dir", str(self.sentinel.folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )

    def asked(self) -> redis.Redis:
        return redis.Redis(port=self.port, decode_responses=True)

    def knows_replica(self) -> bool:
        try:
            master = self.asked().sentinel_master("main")
        except redis.RedisError:
            return False
        return master["num-slaves"] == 1 and not master["is_sdown"]


@pytest.fixture
def watched(start_valkey: Callable[..., Valkey], tmp_path: Path, wait_for: Callable[..., Any]) -> Iterator[Watched]:
    found = Watched(start_valkey, tmp_path / "sentinel")
    found.watch()
    try:
        wait_for(found.knows_replica, seconds=30)
        yield found
    finally:
        found.sentinel.kill()


def test_sentinel_names_the_store_also_after_a_failover(
    watched: Watched, open_at: Callable[..., Asked], wait_for: Callable[..., Any]
) -> None:
    """A silent Sentinel before the good one costs its share of the time and no more."""
    deaf = Relay(watched.first)
    deaf.shakes_hands = False
    store = open_at(f"redis+sentinel://127.0.0.1:{deaf.port},127.0.0.1:{watched.port}/main/2", 2.0)
    store.apply(Force(reason=Reason.MANUAL, ttl_s=600, operator=True))
    assert watched.first.client(db=2).hget("n:mode", "reason") == "manual"
    wait_for(lambda: watched.second.client(db=2).hget("n:mode", "reason") == "manual")
    watched.first.kill()

    def answers() -> bool:
        try:
            return store.apply(Force(reason=Reason.ROLLBACK, ttl_s=600, operator=True)) is not None
        except StoreUnavailable:
            return False

    wait_for(answers, seconds=30)
    assert watched.second.client(db=2).hget("n:mode", "reason") == "rollback"
    deaf.close()


def test_a_service_that_no_sentinel_knows_is_a_store_that_is_away(
    watched: Watched, open_at: Callable[..., Asked]
) -> None:
    assert "MasterNotFoundError" in fails(open_at(f"redis+sentinel://127.0.0.1:{watched.port}/other", 1.0).snapshot)
