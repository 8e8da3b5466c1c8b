"""Everything that a first call would import or build, ahead of it: the SDK alone takes 0.6 s to import (measured).

A read's deadline bounds what is waited for on the network; an import inside the first read would come on top.
"""

from __future__ import annotations

import ssl
from functools import cache
from importlib import import_module

import httpx

__all__ = ["load", "ssl_context"]

_MODULES = (
    "encodings.idna",
    "zep_cloud.base_client",
    "zep_cloud.thread.client",
    "zep_cloud.user.client",
    "zep_cloud.types",
    "guard.zep.classify",
)


@cache
def ssl_context() -> ssl.SSLContext:
    """The one TLS context of this process: reading the certificates takes 30 ms (measured)."""
    return httpx.create_ssl_context()


def load(client: str) -> None:
    """Import what calls through ``client`` (``guard.zep.sdk`` or ``guard.zep.async_sdk``) need. Opens nothing."""
    for module in (*_MODULES, client):
        import_module(module)
    ssl_context()
