"""The fake as a whole: a request and the time go in, the plan of an exchange comes out.

Order for each request: the first fault that hits; unknown path 404; key 401; rate limit 429; size 413; JSON
400; the operation. A fault that lets the request through (lose_answer, drip, ...) also hits refused answers.
"""

import random
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from fakezep.core._calls import Call, Refusal, World
from fakezep.core._faults import Fault, FaultPlan, Kind
from fakezep.core._journal import Journal, JournalMessage
from fakezep.core._latency import LatencyPlan
from fakezep.core._rate import RateWindow
from fakezep.core._routes import Route, find_route
from fakezep.core._settings import Settings
from fakezep.core._store import Store
from fakezep.core._wire import (
    BadJson,
    Delivery,
    Exchange,
    Json,
    Request,
    Response,
    decode_json,
)

_SCHEME = "Api-Key "
_LATE_ANSWERS_MAX = 10_000
_DELIVERIES = {
    Kind.LOSE_ANSWER: Delivery.DROP,
    Kind.DRIP: Delivery.DRIP,
    Kind.HALF_BODY: Delivery.HALF,
}


def random_uuid() -> str:
    """A fresh version 4 uuid: the default maker of ids."""
    return str(uuid.uuid4())


@dataclass(frozen=True, kw_only=True)
class _Visit:
    """A request with what was found out about it before anything is done."""

    request: Request
    route: Route | None
    ids: Mapping[str, str]
    body: Json
    bad_json: str | None
    user_id: str | None
    thread_id: str | None
    key_ok: bool


@dataclass(frozen=True, kw_only=True)
class _LateWrite:
    visit: _Visit
    due: float


class FakeZep:
    """A Zep v3 server without network, clock or thread of its own. Not safe for use by two threads at once.

    ``rng`` draws shares and jitter, ``new_uuid`` makes ids. Its parts (``store``, ``faults``, ``latency``,
    ``journal``, ``rate``, ``accepted_keys``) may be read and changed between two requests.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        rng: random.Random | None = None,
        new_uuid: Callable[[], str] = random_uuid,
    ) -> None:
        self.settings = settings or Settings()
        self._rng = rng or random.Random(0)
        self._new_uuid = new_uuid
        self.store = Store()
        self.faults = FaultPlan()
        self.latency = LatencyPlan()
        self.journal = Journal(self.settings.journal_entries_max)
        self.rate = RateWindow(self.settings.rate_limit_per_min)
        self.accepted_keys: frozenset[str] = frozenset(self.settings.api_keys)
        self._late: dict[int, _LateWrite] = {}
        self._late_answers: dict[int, Exchange] = {}

    def handle(self, request: Request, now: float) -> Exchange:
        """Take one request at ``now`` (unix seconds, never going back) and say how it is answered.

        Never raises for what a client sends. Late writes that are due are done first.
        """
        self.settle(now)
        visit = self._look_at(request)
        fault = self.faults.pick(
            self._rng,
            route=visit.route.name if visit.route else None,
            method=request.method,
            user_id=visit.user_id,
            thread_id=visit.thread_id,
            contents=_sent_contents(visit),
        )
        seq = self._note(visit, fault, now)
        if fault is not None and fault.kind is Kind.REFUSE_BEFORE_WRITE:
            return Exchange(seq=seq, response=None, delivery=Delivery.DROP)
        exchange = self._exchange(seq, visit, fault, now)
        self.journal.amend(seq, duration_s=exchange.delay_s)
        return exchange

    def resume(self, exchange: Exchange, now: float) -> Exchange:
        """Do a late write (an exchange delivered LATER) and return its answer, to be delivered at once.

        A write that a reset has forgotten gives a dropped connection.
        """
        if exchange.seq in self._late:
            self._apply_late(exchange.seq, now)
        gone = Exchange(seq=exchange.seq, response=None, delivery=Delivery.DROP)
        return self._late_answers.pop(exchange.seq, gone)

    def settle(self, now: float) -> None:
        """Do all late writes that are due at ``now``, in order of their time, whether or not anyone waits."""
        due = [(late.due, seq) for seq, late in self._late.items() if late.due <= now]
        for at, seq in sorted(due):
            self._apply_late(seq, at)

    def finish(self, exchange: Exchange, duration_s: float) -> None:
        """Note in the journal how long an exchange really took."""
        self.journal.amend(exchange.seq, duration_s=duration_s)

    def set_keys(self, keys: Iterable[str]) -> None:
        """Accept these keys and no other from now on; none at all locks everybody out."""
        self.accepted_keys = frozenset(keys)

    def reset(self, *, keep_data: bool = False) -> None:
        """Back to the start: data with late writes, faults, latency, journal, used rate and keys."""
        if not keep_data:
            self.store = Store()
            self._late.clear()
            self._late_answers.clear()
        self.faults.clear()
        self.latency.clear()
        self.journal.clear()
        self.rate.clear()
        self.set_keys(self.settings.api_keys)

    def _look_at(self, request: Request) -> _Visit:
        found = find_route(request.method, request.segments)
        route, ids = found or (None, {})
        body, bad_json = self._read_body(request)
        user_id, thread_id = self._subject(route, ids, body)
        sent = request.headers.get("authorization", "")
        return _Visit(
            request=request,
            route=route,
            ids=ids,
            body=body,
            bad_json=bad_json,
            user_id=user_id,
            thread_id=thread_id,
            key_ok=sent.startswith(_SCHEME) and sent.removeprefix(_SCHEME) in self.accepted_keys,
        )

    def _read_body(self, request: Request) -> tuple[Json, str | None]:
        if not request.body or len(request.body) > self.settings.body_bytes_max:
            return None, None
        try:
            return decode_json(request.body), None
        except BadJson as error:
            return None, str(error)

    def _subject(self, route: Route | None, ids: Mapping[str, str], body: Json) -> tuple[str | None, str | None]:
        """The user and the thread that a request is about, as far as it or the store tells."""
        named = body if isinstance(body, dict) and route and route.name.startswith("create_") else {}
        user_id, thread_id = (ids.get(name) or _text(named.get(name)) for name in ("user_id", "thread_id"))
        message = self.store.message(ids["message_uuid"]) if "message_uuid" in ids else None
        thread_id = message.thread_id if message else thread_id
        thread = self.store.threads.get(thread_id or "")
        return user_id or (thread.user_id if thread else None), thread_id

    def _note(self, visit: _Visit, fault: Fault | None, now: float) -> int:
        return self.journal.open(
            at=now,
            method=visit.request.method,
            path=visit.request.path,
            route=visit.route.name if visit.route else None,
            fault=fault.kind.value if fault else None,
            user_id=visit.user_id,
            thread_id=visit.thread_id,
            key_ok=visit.key_ok,
            messages=_sent_messages(visit),
        ).seq

    def _exchange(self, seq: int, visit: _Visit, fault: Fault | None, now: float) -> Exchange:
        delay_s = self.latency.draw(visit.route.name if visit.route else None, self._rng)
        kind = fault.kind if fault else None
        if fault is not None and kind is Kind.STATUS:
            return self._answered(seq, fault.response(now), now, delay_s=delay_s)
        refused = self._refused(visit, now)
        if fault is not None and kind is Kind.APPLY_LATE and refused is None:
            delay_s += fault.delay_s
            self._late[seq] = _LateWrite(visit=visit, due=now + delay_s)
            return Exchange(seq=seq, response=None, delivery=Delivery.LATER, delay_s=delay_s)
        response = refused or self._operate(seq, visit, now)
        if kind is Kind.EMPTY_CONTEXT and response.status == 200:
            response = Response.json(200, {"context": ""})
        if fault is not None and kind in (Kind.ANSWER_LATE, Kind.APPLY_LATE):
            delay_s += fault.delay_s
        delivery = _DELIVERIES.get(kind, Delivery.SEND) if kind else Delivery.SEND
        interval_s = fault.interval_s if fault and delivery is Delivery.DRIP else 0.0
        return self._answered(seq, response, now, delivery=delivery, delay_s=delay_s, interval_s=interval_s)

    def _answered(
        self,
        seq: int,
        response: Response,
        now: float,
        *,
        delivery: Delivery = Delivery.SEND,
        delay_s: float = 0.0,
        interval_s: float = 0.0,
    ) -> Exchange:
        if delivery is Delivery.DROP:
            return Exchange(seq=seq, response=None, delivery=delivery, delay_s=delay_s)
        self.journal.amend(seq, status=response.status)
        return Exchange(
            seq=seq,
            response=response.with_headers(*self.rate.headers(now)),
            delivery=delivery,
            delay_s=delay_s,
            interval_s=interval_s,
        )

    def _refused(self, visit: _Visit, now: float) -> Response | None:
        """The answer to a request that does not reach its operation (contract section 4), or None."""
        if visit.route is None:
            return Response.text(404, "404 page not found")
        if not visit.key_ok:
            return Response.text(401, "unauthorized")
        if not self.rate.admit(now):
            answer = Response.json(429, {"message": "rate limit exceeded"})
            return answer.with_headers(("Retry-After", str(self.rate.retry_after_s(now))))
        if len(visit.request.body) > self.settings.body_bytes_max:
            return Refusal(413, "request body too large").response()
        return Refusal(400, visit.bad_json).response() if visit.bad_json else None

    def _operate(self, seq: int, visit: _Visit, now: float) -> Response:
        if visit.route is None:
            raise AssertionError("a request without a route is refused before; see _refused")
        world = World(store=self.store, settings=self.settings, new_uuid=self._new_uuid)
        call = Call(ids=visit.ids, now=now, query=visit.request.parameters, body=visit.body)
        try:
            response = visit.route.operation(world, call)
        except Refusal as refusal:
            return refusal.response()
        if visit.route.writes:
            self.journal.amend(seq, applied=True)
        if visit.route.name in _ADDING:
            self._note_uuids(seq, decode_json(response.body)["message_uuids"])
        return response

    def _note_uuids(self, seq: int, uuids: list[str]) -> None:
        entry = self.journal.get(seq)
        if entry is None:
            return
        pairs = zip(entry.messages, uuids, strict=True)
        stored = tuple(JournalMessage(role=sent.role, metadata=sent.metadata, uuid=made) for sent, made in pairs)
        self.journal.amend(seq, messages=stored)

    def _apply_late(self, seq: int, now: float) -> None:
        late = self._late.pop(seq)
        answer = self._answered(seq, self._operate(seq, late.visit, now), now)
        self._late_answers[seq] = answer
        if len(self._late_answers) > _LATE_ANSWERS_MAX:
            del self._late_answers[next(iter(self._late_answers))]


_ADDING = ("add_messages", "add_messages_batch")


def _sent_messages(visit: _Visit) -> tuple[JournalMessage, ...]:
    """Roles and metadata as they were sent, as far as they can be read: the call may yet be refused."""
    return tuple(
        JournalMessage(role=_text(fields.get("role")), metadata=_mapping(fields.get("metadata")))
        for fields in _sent(visit)
    )


def _sent_contents(visit: _Visit) -> tuple[str, ...]:
    """What the messages say, as far as it can be read."""
    return tuple(_text(fields.get("content")) or "" for fields in _sent(visit))


def _sent(visit: _Visit) -> list[dict[str, Json]]:
    sent = visit.body.get("messages") if isinstance(visit.body, dict) else None
    if visit.route is None or visit.route.name not in _ADDING or not isinstance(sent, list):
        return []
    return [fields for fields in sent if isinstance(fields, dict)]


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _mapping(value: Json) -> Mapping[str, Json] | None:
    return value if isinstance(value, dict) else None
