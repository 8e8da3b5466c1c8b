"""A process under gevent: what the client does with each server that the test started, as one line of JSON."""

# ruff: noqa: E402
from gevent import monkey

monkey.patch_all()

import json
import sys
import time
from typing import Any

import gevent
from gevent import socket as patched_socket

from guard.zep.calls import ZepFailure
from guard.zep.resolve import Resolver
from guard.zep.sdk import SdkZep
from guard.zep.sockets import DeadlineTransport

asked = []


def hanging(host: str) -> tuple[str, ...]:
    asked.append(host)
    gevent.sleep(600)
    return ()


def read(zep: SdkZep) -> tuple[str, float]:
    began = time.monotonic()
    try:
        outcome = zep.read_context("t").text
    except ZepFailure as failure:
        outcome = failure.outcome.value
    return outcome, time.monotonic() - began


def client(url: str, timeout_s: float, resolver: Resolver | None = None) -> SdkZep:
    return SdkZep(base_url=url, api_key="k", timeout_s=timeout_s, transport=DeadlineTransport(resolver=resolver))


def many(zep: SdkZep) -> dict[str, Any]:
    """Reads in 20 greenlets, and how often another greenlet ran meanwhile."""
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while True:
            gevent.sleep(0.01)
            ticks += 1

    ticking = gevent.spawn(tick)
    readers = [gevent.spawn(read, zep) for _ in range(20)]
    gevent.joinall(readers)
    ticking.kill()
    return {
        "outcomes": sorted({reader.value[0] for reader in readers}),
        "longest": max(reader.value[1] for reader in readers),
        "ticks": ticks,
    }


urls = json.loads(sys.argv[1])
local = Resolver(lambda host: ("127.0.0.1",))
told = {name: many(client(url, 20 if name == "answers" else 0.6, local)) for name, url in urls.items()}
told["resolver hangs"] = many(client("http://zep.test", 0.6, Resolver(hanging)))
told["resolver hangs"]["look_ups"] = len(asked)
told["localhost"] = many(client(urls["answers"].replace("127.0.0.1", "localhost"), 20))
told["patched"] = {"ticks": int(patched_socket.socket is __import__("socket").socket)}
print(json.dumps(told), flush=True)
