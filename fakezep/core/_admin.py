"""The admin API: keys, latency, faults, journal and store of one fake, under ``/admin``.

Each call needs the header ``X-Admin-Key``, but for health. Errors: 403 for a wrong key, 404 for a thing that
is not there, 400 for bad input; each with ``{"error": text}`` that names the value and the remedy. Admin
calls are never faulted and never journaled.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fakezep.core._calls import finite
from fakezep.core._faults import ActiveFault, Fault, Kind
from fakezep.core._latency import Latency
from fakezep.core._routes import ROUTE_NAMES
from fakezep.core._server import FakeZep
from fakezep.core._store import Message, rfc3339
from fakezep.core._wire import BadJson, Json, Request, Response, decode_json

_KEYS_MAX = 1000


class _BadInput(Exception):
    """An admin call that cannot be done; the text is for the person who sent it."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class AdminApi:
    """Answers admin requests about one `FakeZep`."""

    def __init__(self, zep: FakeZep) -> None:
        self._zep = zep
        self._calls: Mapping[tuple[str, str], Callable[[Request], Json]] = {
            ("GET", "keys"): self._get_keys,
            ("PUT", "keys"): self._put_keys,
            ("GET", "latency"): self._get_latency,
            ("PUT", "latency"): self._put_latency,
            ("DELETE", "latency"): self._clear_latency,
            ("POST", "faults"): self._add_fault,
            ("GET", "faults"): self._list_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("DELETE", "faults/*"): self._remove_fault,
            ("GET", "journal"): self._get_journal,
            ("DELETE", "journal"): self._clear_journal,
            ("GET", "store"): self._get_store,
            ("GET", "store/*"): self._get_thread,
            ("POST", "reset"): self._reset,
        }

    def handle(self, request: Request, now: float) -> Response:
        """Answer one request whose path begins with ``/admin``, at ``now`` (unix seconds). Never raises."""
        _, *parts = request.segments
        if (request.method, parts) == ("GET", ["health"]):
            return Response.json(200, {"status": "ok"})
        if request.headers.get("x-admin-key") != self._zep.settings.admin_key:
            return _error(403, "wrong or missing X-Admin-Key; send the key that the server was started with")
        if len(parts) == 2:
            parts[1] = "*"
        call = self._calls.get((request.method, "/".join(parts)))
        if call is None:
            known = ", ".join(sorted(f"{method} /admin/{path}" for method, path in self._calls))
            return _error(404, f"no admin call {request.method} {request.path}; there are {known}")
        self._zep.settle(now)
        try:
            answer = call(request)
        except _BadInput as error:
            return _error(error.status, str(error))
        return Response.json(201 if call == self._add_fault else 200, answer)

    def _get_keys(self, _: Request) -> Json:
        return {"accepted": sorted(self._zep.accepted_keys)}

    def _put_keys(self, request: Request) -> Json:
        keys = _fields(request, ("accepted",)).get("accepted")
        if not isinstance(keys, list) or not all(isinstance(key, str) and key for key in keys):
            raise _BadInput("accepted is not a list of keys; send a list of strings, empty to lock everybody out")
        if len(keys) > _KEYS_MAX:
            raise _BadInput(f"accepted holds {len(keys)} keys; send at most {_KEYS_MAX}")
        self._zep.set_keys(keys)
        return self._get_keys(request)

    def _get_latency(self, _: Request) -> Json:
        return self._zep.latency.as_json()

    def _put_latency(self, request: Request) -> Json:
        fields = _fields(request, ("seconds", "jitter_s", "route"))
        route = fields.get("route")
        if route is not None:
            _check_route(route)
        if "seconds" not in fields:
            raise _BadInput("seconds is missing; give 0 or more seconds")
        seconds, jitter_s = (_number(fields, name, 0.0) for name in ("seconds", "jitter_s"))
        self._zep.latency.put(_made(Latency, seconds=seconds, jitter_s=jitter_s), route)
        return self._get_latency(request)

    def _clear_latency(self, request: Request) -> Json:
        self._zep.latency.clear()
        return self._get_latency(request)

    def _add_fault(self, request: Request) -> Json:
        return _fault_json(self._zep.faults.add(read_fault(_fields(request, _FAULT_FIELDS))))

    def _list_faults(self, _: Request) -> Json:
        return {"faults": [_fault_json(active) for active in self._zep.faults.active()]}

    def _remove_fault(self, request: Request) -> Json:
        fault_id = request.segments[2]
        try:
            return {"id": fault_id, "removed": self._zep.faults.remove(fault_id)}
        except KeyError:
            raise _BadInput(f"no fault was ever {fault_id!r}; see GET /admin/faults", 404) from None

    def _clear_faults(self, _: Request) -> Json:
        return {"removed": self._zep.faults.clear()}

    def _get_journal(self, request: Request) -> Json:
        since = request.parameters.get("since", "0")
        if not (since.isascii() and since.isdigit() and len(since) <= 18):
            raise _BadInput(f"since is {since!r}; give the number of an entry, 0 for all")
        journal = self._zep.journal
        entries = [entry.as_json() for entry in journal.since(int(since))]
        return {"entries": entries, "last": journal.last, "dropped": journal.dropped}

    def _clear_journal(self, _: Request) -> Json:
        self._zep.journal.clear()
        return {"last": self._zep.journal.last}

    def _get_store(self, _: Request) -> Json:
        store = self._zep.store
        users = [
            {
                **user.fields,
                "user_id": user.user_id,
                "uuid": user.uuid,
                "created_at": rfc3339(user.created_at),
            }
            for user in store.users.values()
        ]
        threads = [
            {
                "thread_id": thread.thread_id,
                "uuid": thread.uuid,
                "user_id": thread.user_id,
                "created_at": rfc3339(thread.created_at),
            }
            for thread in store.threads.values()
        ]
        messages = {thread_id: self._messages(thread_id) for thread_id in store.threads}
        return {"users": users, "threads": threads, "messages": messages}

    def _get_thread(self, request: Request) -> Json:
        thread_id = request.segments[2]
        if thread_id not in self._zep.store.threads:
            raise _BadInput(f"no thread {thread_id!r} in the store; see GET /admin/store", 404)
        return {"thread_id": thread_id, "messages": self._messages(thread_id)}

    def _messages(self, thread_id: str) -> Json:
        return [_message_json(message) for message in self._zep.store.messages_of(thread_id)]

    def _reset(self, request: Request) -> Json:
        fields = _fields(request, ("keep_data",)) if request.body else {}
        keep_data = _boolean(fields, "keep_data")
        self._zep.reset(keep_data=keep_data)
        return {"status": "ok", "kept_data": keep_data}


def read_fault(fields: Mapping[str, Json]) -> Fault:
    """A fault from its JSON; raises the admin API's input error, naming the value and the remedy."""
    kind = fields.get("kind")
    if kind not in [known.value for known in Kind]:
        raise _BadInput(f"kind is {kind!r}; kinds are {', '.join(Kind)}")
    fault: Fault = _made(
        Fault,
        kind=Kind(kind),
        count=_whole(fields, "count", None),
        share=_number(fields, "share", 1.0),
        routes=_routes(fields.get("route")),
        method=_string(fields, "method"),
        status=_whole(fields, "status", 503),
        retry_after_s=_number(fields, "retry_after_s", None),
        retry_after_date=_boolean(fields, "retry_after_date"),
        body=fields.get("body"),
        content_type=_string(fields, "content_type"),
        delay_s=_number(fields, "delay_s", 5.0),
        interval_s=_number(fields, "interval_s", 1.0),
        user_id=_string(fields, "user_id"),
        thread_id=_string(fields, "thread_id"),
        content=_string(fields, "content"),
    )
    return fault


_FAULT_FIELDS = (
    "kind",
    "count",
    "share",
    "route",
    "method",
    "status",
    "retry_after_s",
    "retry_after_date",
    "body",
    "content_type",
    "delay_s",
    "interval_s",
    "user_id",
    "thread_id",
    "content",
)


def _fault_json(active: ActiveFault) -> Json:
    fault = active.fault
    routes = list(fault.routes) if fault.routes else None
    shown = {name: getattr(fault, name) for name in _FAULT_FIELDS if name != "route"}
    return {
        "id": active.fault_id,
        **shown,
        "route": routes[0] if routes and len(routes) == 1 else routes,
        "remaining": active.remaining,
        "hits": active.hits,
    }


def _message_json(message: Message) -> Json:
    return {
        "uuid": message.uuid,
        "role": message.role,
        "content": message.content,
        "metadata": message.metadata,
        "created_at": rfc3339(message.created_at),
    }


def _error(status: int, text: str) -> Response:
    return Response.json(status, {"error": text})


def _fields(request: Request, known: tuple[str, ...]) -> Mapping[str, Json]:
    try:
        fields = decode_json(request.body)
    except BadJson as error:
        raise _BadInput(str(error)) from error
    if not isinstance(fields, dict):
        raise _BadInput("the body is not a JSON object; send one")
    for name in fields:
        if name not in known:
            raise _BadInput(f"unknown field {name!r}; fields are {', '.join(known)}")
    return fields


def _made(make: Callable[..., Any], **values: Any) -> Any:
    try:
        return make(**values)
    except ValueError as error:
        raise _BadInput(str(error)) from error


def _number(fields: Mapping[str, Json], name: str, default: float | None) -> float | None:
    value = fields.get(name)
    if value is None:
        return default
    if not finite(value):
        raise _BadInput(f"{name} is {value!r}; give a number")
    return float(value)


def _whole(fields: Mapping[str, Json], name: str, default: int | None) -> int | None:
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool):
        raise _BadInput(f"{name} is {value!r}; give a whole number")
    return value


def _boolean(fields: Mapping[str, Json], name: str) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise _BadInput(f"{name} is {value!r}; give true or false")
    return value


def _string(fields: Mapping[str, Json], name: str) -> str | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise _BadInput(f"{name} is {value!r}; give a string or null")
    return value


def _routes(value: Json) -> tuple[str, ...] | None:
    if value is None:
        return None
    names = value if isinstance(value, list) else [value]
    for name in names:
        _check_route(name)
    return tuple(names)


def _check_route(name: Json) -> None:
    if name not in ROUTE_NAMES:
        raise _BadInput(f"route is {name!r}; routes are {', '.join(ROUTE_NAMES)}, or null for all")
