"""A Redis in virtual time: fakeredis, with its clock taken from the run and its scripts compiled once.

fakeredis builds each script anew and collects all garbage after each call: 5 ms. Here a script is compiled once a
process: a fifth of that. The commands, the script and what it calls are fakeredis' and the guard's own.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from fakeredis import FakeServer
from fakeredis._clients._sync import FakeRedisConnection
from fakeredis._core._database import Database
from fakeredis._helpers import SimpleError
from fakeredis._socket import FakeSocket

__all__ = ["Connection", "Server"]


_COMPILED: dict[bytes, Any] = {}
_LUA: dict[str, Any] = {}
"""The one Lua runtime and what fakeredis keeps beside it. A runtime holds callbacks that hold it: it is never freed."""


class _Database(Database):
    """Keys that expire by the server's clock."""

    def __init__(self, clock: Callable[[], float], lock: Any) -> None:
        self._clock = clock
        super().__init__(lock)

    @property
    def time(self) -> float:
        return self._clock()

    @time.setter
    def time(self, _: float) -> None:
        """fakeredis sets the system's time before each command."""


class Server(FakeServer):
    """Keeps the keys.

    Args:
        clock: gives unix seconds.

    Attributes:
        network: the way there, for whoever connects. Not in a class of connections: redis-py keeps those for ever.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(version=(7,))
        self.clock = clock
        self.network: Any = None
        self.dbs = defaultdict(lambda: _Database(clock, self.lock))

    def flush(self) -> None:
        """Forget every key, and every script, as an empty replica that takes over."""
        with self.lock:
            for database in self.dbs.values():
                database.clear()
        self.script_cache.clear()

    def hash_at(self, key: bytes) -> dict[bytes, bytes]:
        """A hash as it is now, past every command."""
        item = self.dbs[0].get(key)
        return {} if item is None else item.value.getall()


class _Socket(FakeSocket):
    """Carries commands out at once."""

    _server: Any

    def time(self) -> list[bytes]:
        now_us = round(self._server.clock() * 1_000_000)
        return [str(now_us // 1_000_000).encode(), str(now_us % 1_000_000).encode()]

    def eval(self, script: bytes, numkeys: int, *keys_and_args: bytes) -> Any:
        server = self._server
        vars(server).update(_LUA)
        runtime = self._get_server_runtime(server)
        _LUA.update({name: value for name, value in vars(server).items() if name.startswith("_lua_")})
        sha = hashlib.sha1(script).hexdigest().encode()
        server.script_cache[sha] = script
        if sha not in _COMPILED:
            _COMPILED[sha] = runtime.compile(script)
        server._lua_current_socket[0] = self
        self._script_resp = 2
        server._lua_set_keys_argv(
            runtime.table_from(keys_and_args[:numkeys]), runtime.table_from(keys_and_args[numkeys:])
        )
        try:
            return self._convert_lua_result(_COMPILED[sha](), nested=False)
        except SimpleError:
            raise
        except Exception as error:
            raise SimpleError(f"ERR script {sha.decode()}: {error}") from error
        finally:
            self._script_resp = None


class Connection(FakeRedisConnection):
    """One connection to a ``Server``."""

    _server: Any

    def _connect(self) -> FakeSocket:
        return _Socket(
            self._server,
            client_class=self._client_class,
            db=self.db,
            lua_modules=self._lua_modules,
            client_info=self._client_info,
        )
