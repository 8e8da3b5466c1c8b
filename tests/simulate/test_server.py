"""The parts of fakeredis that the simulator overrides do what they are there for."""

import fakeredis
import pytest
import redis

from zepguard.simulate.server import Connection, Server


class Clock:
    def __init__(self) -> None:
        self.now = 1_767_600_000.25

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock)


@pytest.fixture
def client(server: Server) -> redis.Redis:
    return fakeredis.FakeRedis(server=server, decode_responses=True, connection_class=Connection)


def test_time_is_the_runs(client: redis.Redis) -> None:
    assert client.time() == (1_767_600_000, 250_000)
    assert client.eval("return redis.call('TIME')", 0) == ["1767600000", "250000"]


def test_keys_expire_by_the_runs_clock(client: redis.Redis, clock: Clock) -> None:
    assert client.set("k", "v", nx=True, px=1000)
    assert not client.set("k", "v", nx=True, px=1000)
    clock.now += 1.5
    assert client.get("k") is None


def test_a_script_sees_its_own_arguments_each_time(client: redis.Redis) -> None:
    script = client.register_script("redis.call('HSET', KEYS[1], 'f', ARGV[1]) return {ARGV[1], #ARGV}")
    assert script(keys=["h"], args=["one"]) == ["one", 1]
    assert script(keys=["h"], args=["two", "more"]) == ["two", 2]
    assert client.hgetall("h") == {"f": "two"}


def test_an_error_of_a_script_is_an_error_of_the_command(client: redis.Redis) -> None:
    with pytest.raises(redis.ResponseError, match="unknown event"):
        client.eval("return redis.error_reply('ZEPGUARD unknown event')", 0)
    with pytest.raises(redis.ResponseError):
        client.eval("return nothing.at.all", 0)


def test_a_flush_forgets_keys_and_scripts(client: redis.Redis, server: Server) -> None:
    sha = client.script_load("return 1")
    client.hset("h", "f", "v")
    assert server.hash_at(b"h") == {b"f": b"v"}
    server.flush()
    assert server.hash_at(b"h") == {}
    with pytest.raises(redis.exceptions.NoScriptError):
        client.evalsha(sha, 0)
