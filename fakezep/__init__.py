"""A Zep server that the real SDKs cannot tell from Zep, with fault and latency control.

`FakeZep` is the pure core for one process and virtual time; `serve` and ``python -m fakezep`` put it on a
port; `fakezep.testing.running_fakezep` runs it in a thread.
"""

from fakezep._serving import serve
from fakezep.core import (
    DEFAULT_ADMIN_KEY,
    DEFAULT_API_KEY,
    AdminApi,
    Delivery,
    Exchange,
    FakeZep,
    Fault,
    Kind,
    Latency,
    Request,
    Response,
    Settings,
)

__all__ = [
    "DEFAULT_ADMIN_KEY",
    "DEFAULT_API_KEY",
    "AdminApi",
    "Delivery",
    "Exchange",
    "FakeZep",
    "Fault",
    "Kind",
    "Latency",
    "Request",
    "Response",
    "Settings",
    "serve",
]
