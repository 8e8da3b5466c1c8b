"""The probe tells endings apart, over real sockets and over any bytes."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.probe import Ending, answer_bytes, answer_status, probe
from chaos.target import ChaosTarget

from .conftest import free_port

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def target_at(port: int) -> ChaosTarget:
    url = f"http://127.0.0.1:{port}"
    return ChaosTarget(toxiproxy_url=url, zep_via_proxy_url=url, fakezep_admin_url=url, admin_key="a", zep_api_key="k")


@contextmanager
def server_that(does: Callable[[socket.socket], None]) -> Iterator[ChaosTarget]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                does(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield target_at(listener.getsockname()[1])
        thread.join(5)


def answer(connection: socket.socket) -> None:
    connection.sendall(WHOLE)


def break_off(connection: socket.socket) -> None:
    connection.sendall(WHOLE[:-2])


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def stay_silent(connection: socket.socket) -> None:
    connection.recv(1)


def stay_half_silent(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1")
    connection.recv(1)


@pytest.mark.parametrize(
    ("does", "ended", "received"),
    [
        (answer, "answered", len(WHOLE)),
        (break_off, "closed", len(WHOLE) - 2),
        (reset, "reset", 0),
        (stay_silent, "silent", 0),
        (stay_half_silent, "incomplete", 8),
    ],
)
def test_endings_are_told_apart(does: Callable[[socket.socket], None], ended: Ending, received: int) -> None:
    """What a client library would call one and the same error."""
    with server_that(does) as target:
        result = probe(target, wait_s=0.3)
    assert (result.ended, result.bytes_received) == (ended, received)


def test_nobody_there_is_refused() -> None:
    """A closed port refuses at once."""
    assert probe(target_at(free_port()), wait_s=1).ended == "refused"


def test_a_probe_given_up_early_shows_nothing() -> None:
    """Silence that we did not wait for is no receipt of silence."""
    with server_that(stay_silent) as target:
        assert probe(target, wait_s=30, over=lambda: True).ended == "abandoned"


@given(cut=st.integers(0, len(WHOLE) - 1))
def test_part_of_an_answer_is_never_whole(cut: int) -> None:
    """Whatever byte it breaks off after."""
    length = answer_bytes(WHOLE[:cut])
    assert length is None or length > cut


@given(body=st.binary(max_size=50), status=st.integers(100, 599))
def test_a_whole_answer_is_whole(body: bytes, status: int) -> None:
    """Its length and status are read off its head."""
    head = b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
    expected = len(head) if status in (204, 304) else len(head) + len(body)
    assert answer_bytes(head + body) == expected
    assert answer_status(head) == status


@given(junk=st.binary(max_size=200))
def test_junk_is_read_without_an_error(junk: bytes) -> None:
    """A fault may send anything."""
    answer_bytes(junk)
    answer_status(junk)
