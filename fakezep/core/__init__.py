"""The server without I/O: no clock, no network, no randomness of its own. Time and chance are arguments."""

from fakezep.core._admin import AdminApi
from fakezep.core._facts import context_block
from fakezep.core._faults import ActiveFault, Fault, FaultPlan, Kind
from fakezep.core._journal import Journal, JournalEntry, JournalMessage
from fakezep.core._latency import Latency, LatencyPlan
from fakezep.core._rate import RateWindow
from fakezep.core._routes import ROUTE_NAMES, ROUTES, Route
from fakezep.core._server import FakeZep, random_uuid
from fakezep.core._settings import DEFAULT_ADMIN_KEY, DEFAULT_API_KEY, Settings
from fakezep.core._store import Fact, Message, Store, Thread, User
from fakezep.core._wire import Delivery, Exchange, Request, Response

__all__ = [
    "DEFAULT_ADMIN_KEY",
    "DEFAULT_API_KEY",
    "ROUTES",
    "ROUTE_NAMES",
    "ActiveFault",
    "AdminApi",
    "Delivery",
    "Exchange",
    "Fact",
    "FakeZep",
    "Fault",
    "FaultPlan",
    "Journal",
    "JournalEntry",
    "JournalMessage",
    "Kind",
    "Latency",
    "LatencyPlan",
    "Message",
    "RateWindow",
    "Request",
    "Response",
    "Route",
    "Settings",
    "Store",
    "Thread",
    "User",
    "context_block",
    "random_uuid",
]
