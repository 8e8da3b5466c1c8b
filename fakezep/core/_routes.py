"""The one table of routes. Matching, fault and latency selectors, and the journal all take names from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fakezep.core import _messages, _threads, _users
from fakezep.core._calls import Call, World
from fakezep.core._wire import Response

PREFIX = ("api", "v2")
Operation = Callable[[World, Call], Response]


@dataclass(frozen=True)
class Route:
    """One operation: its name, method, path below the prefix, what it does, and whether it writes."""

    name: str
    method: str
    path: str
    operation: Operation
    writes: bool = False

    def match(self, method: str, segments: tuple[str, ...]) -> Mapping[str, str] | None:
        """The ids in the path, or None when it is not this route."""
        parts = self.path.split("/")
        if method != self.method or len(parts) != len(segments):
            return None
        ids = {}
        for part, segment in zip(parts, segments, strict=True):
            if part.startswith("{") and segment:
                ids[part[1:-1]] = segment
            elif part != segment:
                return None
        return ids


ROUTES = (
    Route("create_user", "POST", "users", _users.create_user, writes=True),
    Route("list_users", "GET", "users-ordered", _users.list_users),
    Route("get_user", "GET", "users/{user_id}", _users.get_user),
    Route("update_user", "PATCH", "users/{user_id}", _users.update_user, writes=True),
    Route("delete_user", "DELETE", "users/{user_id}", _users.delete_user, writes=True),
    Route("user_threads", "GET", "users/{user_id}/threads", _users.list_user_threads),
    Route("warm", "GET", "users/{user_id}/warm", _users.warm),
    Route("user_node", "GET", "users/{user_id}/node", _users.user_node),
    Route("create_thread", "POST", "threads", _threads.create_thread, writes=True),
    Route("list_threads", "GET", "threads", _threads.list_threads),
    Route("delete_thread", "DELETE", "threads/{thread_id}", _threads.delete_thread, writes=True),
    Route("context", "GET", "threads/{thread_id}/context", _threads.get_context),
    Route("add_messages", "POST", "threads/{thread_id}/messages", _messages.add_messages, writes=True),
    Route(
        "add_messages_batch",
        "POST",
        "threads/{thread_id}/messages-batch",
        _messages.add_messages,
        writes=True,
    ),
    Route("get_messages", "GET", "threads/{thread_id}/messages", _messages.get_messages),
    Route("thread_episodes", "GET", "threads/{thread_id}/episodes", _threads.thread_episodes),
    Route("thread_summary", "GET", "threads/{thread_id}/summary", _threads.thread_summary),
    Route("update_message", "PATCH", "messages/{message_uuid}", _messages.update_message, writes=True),
    Route("search_graph", "POST", "graph/search", _threads.search_graph),
    Route("get_episode", "GET", "graph/episodes/{uuid}", _threads.get_episode),
)

ROUTE_NAMES = tuple(route.name for route in ROUTES)


def find_route(method: str, segments: tuple[str, ...]) -> tuple[Route, Mapping[str, str]] | None:
    """The route of a request and the ids in its path, or None for an unknown path (contract section 8)."""
    if segments[: len(PREFIX)] != PREFIX:
        return None
    for route in ROUTES:
        ids = route.match(method, segments[len(PREFIX) :])
        if ids is not None:
            return route, ids
    return None
