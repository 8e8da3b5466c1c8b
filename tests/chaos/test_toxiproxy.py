"""The Toxiproxy client against the real server: what toxiproxy-python lacks works, and errors say what to do."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaos.errors import (
    AlreadyThere,
    ProxyMissing,
    SettingRefused,
    ToxicMissing,
    ToxiproxyRefused,
    ToxiproxyUnreachable,
)
from chaos.toxiproxy import Proxy, Toxic, ToxiproxyServer

from .conftest import end, free_port, start_toxiproxy

pytestmark = pytest.mark.stack

LATE = Toxic(name="late", type="latency", stream="downstream", attributes={"latency": 5, "jitter": 0})


@pytest.fixture
def proxy(server: ToxiproxyServer, request: pytest.FixtureRequest) -> Iterator[Proxy]:
    name = f"p {request.node.name}"
    yield server.create_proxy(Proxy(name=name, upstream="127.0.0.1:1"))
    server.remove_proxy(name)


def test_two_servers_at_once_are_two(server: ToxiproxyServer, toxiproxy_binary: Path, proxy: Proxy) -> None:
    """The address belongs to the object, not to the process."""
    process, url = start_toxiproxy(toxiproxy_binary)
    try:
        other = ToxiproxyServer(url)
        other.create_proxy(Proxy(name="only here", upstream="127.0.0.1:1"))
        assert "only here" not in server.proxies()
        assert list(other.proxies()) == ["only here"]
        assert proxy.name in server.proxies()
    finally:
        end(process)


def test_a_toxic_can_be_read_updated_and_removed(server: ToxiproxyServer, proxy: Proxy) -> None:
    """One toxic from birth to end; the second removal finds nothing and says so."""
    assert server.add_toxic(proxy.name, LATE) == LATE
    server.update_toxic(proxy.name, "late", attributes={"latency": 9}, toxicity=0.5)
    now = server.toxic(proxy.name, "late")
    assert (now.attributes, now.toxicity) == ({"latency": 9, "jitter": 0}, 0.5)
    assert server.remove_toxic(proxy.name, "late")
    assert not server.remove_toxic(proxy.name, "late")


def test_put_toxic_makes_it_so_whatever_was_there(server: ToxiproxyServer, proxy: Proxy) -> None:
    """Added, updated, or replaced by one of another type."""
    for wanted in (
        LATE,
        Toxic(name="late", type="latency", stream="downstream", attributes={"latency": 7, "jitter": 0}),
        Toxic(name="late", type="timeout", stream="upstream", attributes={"timeout": 0}),
    ):
        assert server.put_toxic(proxy.name, wanted) == wanted
        assert server.toxics(proxy.name) == {"late": wanted}


def test_a_proxy_can_be_updated_live(server: ToxiproxyServer, proxy: Proxy) -> None:
    """Only what is given changes."""
    moved = server.update_proxy(proxy.name, upstream="127.0.0.1:2")
    assert (moved.upstream, moved.listen, moved.enabled) == ("127.0.0.1:2", proxy.listen, True)
    assert not server.update_proxy(proxy.name, enabled=False).enabled
    assert server.update_proxy(proxy.name, enabled=True).listen == proxy.listen


def test_put_proxy_creates_keeps_or_replaces(server: ToxiproxyServer, proxy: Proxy) -> None:
    """The same addresses keep the proxy and its toxics; another upstream replaces it."""
    server.add_toxic(proxy.name, LATE)
    same = server.put_proxy(Proxy(name=proxy.name, upstream=proxy.upstream, listen=proxy.listen, enabled=False))
    assert not same.enabled
    assert server.toxics(proxy.name) == {"late": LATE}
    other = server.put_proxy(Proxy(name=proxy.name, upstream="127.0.0.1:3", listen=proxy.listen))
    assert (other.upstream, other.enabled, other.toxics) == ("127.0.0.1:3", True, ())


def test_errors_name_the_thing_and_the_remedy(server: ToxiproxyServer, proxy: Proxy) -> None:
    """Each kind of no is an error of its own."""
    with pytest.raises(ProxyMissing, match="no proxy 'none': create it"):
        server.proxy("none")
    with pytest.raises(ToxicMissing, match="no toxic 'none': add it"):
        server.toxic(proxy.name, "none")
    with pytest.raises(ProxyMissing, match="no proxy 'none'"):
        server.toxic("none", "none")
    with pytest.raises(AlreadyThere, match="remove it first"):
        server.create_proxy(Proxy(name=proxy.name, upstream="127.0.0.1:1"))
    with pytest.raises(ToxiproxyRefused, match="invalid toxic type"):
        server.add_toxic(proxy.name, Toxic(name="x", type="poison", stream="upstream"))
    with pytest.raises(ToxiproxyRefused, match=r"with 500: .*address"):
        server.create_proxy(Proxy(name="nowhere", upstream="127.0.0.1:1", listen="192.0.2.1:1"))
    with pytest.raises(ToxiproxyRefused, match=r"192\.0\.2\.1"):
        server.put_proxy(Proxy(name="nowhere", upstream="127.0.0.1:1", listen="192.0.2.1:1"))


def test_reset_takes_all_off_and_fails_aloud(toxiproxy_binary: Path) -> None:
    """On a server of its own, since it hits all proxies."""
    process, url = start_toxiproxy(toxiproxy_binary)
    server = ToxiproxyServer(url)
    try:
        server.create_proxy(Proxy(name="p", upstream="127.0.0.1:1"))
        server.add_toxic("p", LATE)
        server.update_proxy("p", enabled=False)
        server.reset()
        assert server.proxy("p").enabled
        assert server.toxics("p") == {}
    finally:
        end(process)
    with pytest.raises(ToxiproxyUnreachable, match="start it"):
        server.reset()


@pytest.mark.parametrize("name", ["", "a/b"])
def test_a_name_that_could_never_be_asked_for_is_refused(name: str, server: ToxiproxyServer) -> None:
    """Toxiproxy would create it and never find it again."""
    with pytest.raises(SettingRefused, match="proxy name"):
        server.create_proxy(Proxy(name=name, upstream="127.0.0.1:1"))
    with pytest.raises(SettingRefused, match="proxy name"):
        server.proxy(name)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=20))
def test_any_other_name_is_quoted(name: str, toxiproxy_url: str) -> None:
    """Spaces, percent signs, question marks and letters of all the world come back as they went."""
    server = ToxiproxyServer(toxiproxy_url)
    try:
        server.create_proxy(Proxy(name=name, upstream="127.0.0.1:1"))
        assert server.proxy(name).name == name
        server.add_toxic(name, Toxic(name=name, type="latency", stream="upstream", attributes={"latency": 1}))
        assert server.remove_toxic(name, name)
    finally:
        assert server.remove_proxy(name)


def test_a_server_that_is_away_says_so() -> None:
    """The address and the remedy, not a stack of urllib3."""
    with pytest.raises(ToxiproxyUnreachable, match=r"at http://127\.0\.0\.1:\d+ .*start it"):
        ToxiproxyServer(f"http://127.0.0.1:{free_port()}").proxies()


def test_a_server_that_is_silent_is_given_up() -> None:
    """It accepts and never answers: the wait is bounded."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ToxiproxyUnreachable, match=r"within 0\.1 s"):
            ToxiproxyServer(url, timeout_s=0.1).version()


def test_something_else_at_the_address_is_no_toxiproxy() -> None:
    """A page of a web server is not taken for an answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ToxiproxyRefused, match="is no Toxiproxy"):
            ToxiproxyServer(f"http://127.0.0.1:{listener.getsockname()[1]}").proxies()
        thread.join(5)


def test_a_proxy_for_the_internet_is_not_used(server: ToxiproxyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY in the environment is for other calls."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert server.version()
