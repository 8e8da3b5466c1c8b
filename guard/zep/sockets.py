"""The deadline for code with threads or greenlets: sockets that never block, and a wait that has an end.

httpcore's own stream will not do: it gives each ``send`` of a large body the whole timeout again, and gevent's TLS
sockets give it to each piece of a record.
"""

from __future__ import annotations

import math
import select
import socket
import ssl
import sys
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar

import httpcore
import httpx

from guard.places import Places
from guard.zep.deadline import left, shares
from guard.zep.exchange import CONNECTIONS_MAX, KEEPALIVE_S, body_of, is_overrun, pool_timeout, whole
from guard.zep.loading import ssl_context
from guard.zep.resolve import Resolver, process_resolver

__all__ = ["DeadlineTransport"]

T = TypeVar("T")


class _Stream(httpcore.NetworkStream):
    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(0)
        self._sock = sock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        def receive() -> bytes:
            return self._sock.recv(max_bytes)

        return _until_done(self._sock, receive, timeout, (httpcore.ReadTimeout, httpcore.ReadError))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        while rest:
            sent = _until_done(
                self._sock,
                lambda now=rest: self._sock.send(now),  # type: ignore[misc]
                timeout,
                (httpcore.WriteTimeout, httpcore.WriteError),
                writes=True,
            )
            rest = rest[sent:]

    def close(self) -> None:
        self._sock.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        errors = (httpcore.ConnectTimeout, httpcore.ConnectError)
        try:
            wrapped = ssl_context.wrap_socket(
                self._sock, server_hostname=server_hostname, do_handshake_on_connect=False
            )
            self._sock = wrapped
            _until_done(wrapped, wrapped.do_handshake, timeout, errors)
        except BaseException as error:
            self.close()
            if isinstance(error, OSError | ValueError):  # a name that TLS does not take is a ValueError
                raise httpcore.ConnectError(str(error)) from error
            raise
        return _Stream(wrapped)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # httpcore takes an idle connection that is readable for one that was closed
            return self._sock.fileno() < 0 or _is_ready(self._sock, 0)
        if info == "ssl_object":
            return self._sock if isinstance(self._sock, ssl.SSLSocket) else None
        return self._sock if info == "socket" else None


def _is_ready(sock: socket.socket, timeout: float | None, *, to_write: bool = False) -> bool:
    if sys.platform == "win32":
        ready = select.select([] if to_write else [sock], [sock] if to_write else [], [], timeout)
        return any(ready)
    waiting = select.poll()
    waiting.register(sock.fileno(), select.POLLOUT if to_write else select.POLLIN)
    return bool(waiting.poll(None if timeout is None else math.ceil(timeout * 1000)))


def _until_done(
    sock: socket.socket,
    action: Callable[[], T],
    timeout: float | None,
    errors: tuple[type[Exception], type[Exception]],
    *,
    writes: bool = False,
) -> T:
    expired, failed = errors
    while True:
        seconds = left(timeout, expired)
        to_write = writes
        try:
            return action()
        except ssl.SSLWantReadError:
            to_write = False
        except ssl.SSLWantWriteError:
            to_write = True
        except BlockingIOError:
            pass
        except OSError as error:
            raise failed(str(error)) from error
        if not _is_ready(sock, seconds, to_write=to_write):
            raise expired("timed out")


class _Backend(httpcore.NetworkBackend):
    def __init__(self, resolver: Resolver | None) -> None:
        self._resolver = resolver

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        resolver = self._resolver or process_resolver()
        try:
            addresses = resolver.addresses(host, left(timeout, httpcore.ConnectTimeout))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address, seconds in shares(addresses, timeout, httpcore.ConnectTimeout):
            try:
                stream = _connected(address, port, seconds)
            except (httpcore.ConnectTimeout, httpcore.ConnectError) as error:
                failure = error
            else:
                resolver.prefer(host, address)
                return stream
        raise failure


def _connected(address: str, port: int, timeout: float | None) -> _Stream:
    try:
        sock = socket.create_connection((address, port), timeout)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:  # of one that was reset meanwhile, on macOS
            sock.close()
            raise
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(str(error)) from error
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return _Stream(sock)


class _Connections(httpcore.ConnectionInterface):
    """Connections that are used one call at a time.

    Not httpcore's own pool: two calls may be given one connection, and the second then waits its whole timeout anew.
    """

    def __init__(self, context: ssl.SSLContext, connections_max: int, resolver: Resolver | None) -> None:
        self._context = context
        self._backend = _Backend(resolver)
        self._places = Places(connections_max)
        self._idle: deque[httpcore.HTTPConnection] = deque()

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        if not self._places.take(left(pool_timeout(request), httpcore.PoolTimeout)):
            raise httpcore.PoolTimeout("all connections are in use")
        try:
            return self._exchange(request)
        finally:
            self._places.give_back()

    def _exchange(self, request: httpcore.Request) -> httpcore.Response:
        connection = self._take(request.url.origin)
        again = False
        try:
            response = connection.handle_request(request)
            body = body_of(response)
            for part in response.iter_stream():
                body.add(part)
            again = not is_overrun(response)
            response.close()
        finally:
            if again and connection.is_idle():
                self._idle.append(connection)
            else:
                connection.close()
        return whole(response, body)

    def _take(self, origin: httpcore.Origin) -> httpcore.HTTPConnection:
        self._close_expired()
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return httpcore.HTTPConnection(
                    origin, ssl_context=self._context, keepalive_expiry=KEEPALIVE_S, network_backend=self._backend
                )
            if connection.can_handle_request(origin) and not connection.has_expired():
                return connection
            connection.close()

    def _close_expired(self) -> None:
        """The newest is taken first: those at the other end, of a busier time, would never be looked at again."""
        with suppress(IndexError):
            while (oldest := self._idle.popleft()).has_expired():
                oldest.close()
            self._idle.appendleft(oldest)

    def close(self) -> None:
        while self._idle:
            with suppress(IndexError):
                self._idle.pop().close()


class DeadlineTransport(httpx.HTTPTransport):
    """httpx's transport over connections whose every wait obeys ``deadline``; its answers were read to their end.

    Args:
        connections_max: connections, and so calls at once; one more waits, no longer than its own deadline.
        resolver: looks names up; by default the one that the process shares.

    Raises:
        UnreadableBody: see ``guard.zep.body``; httpx's own errors for the rest.
    """

    def __init__(self, *, connections_max: int = CONNECTIONS_MAX, resolver: Resolver | None = None) -> None:
        context = ssl_context()
        super().__init__(verify=context)
        # httpx has no public seam for the network backend; its transport maps httpcore's errors, which we keep.
        self._pool = _Connections(context, connections_max, resolver)  # type: ignore[assignment]
