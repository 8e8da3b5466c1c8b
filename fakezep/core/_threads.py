"""The thread operations, the context among them (contract sections 7 and 8)."""

from fakezep.core._calls import Call, Refusal, World, not_found, required_text
from fakezep.core._facts import context_block, newest_ready
from fakezep.core._store import Message, Thread, rfc3339
from fakezep.core._wire import Json, Response

_PAGE = 50


def create_thread(world: World, call: Call) -> Response:
    """POST /threads: 201; 400 for an unknown user (not 404) and for a thread that exists."""
    sent = call.fields()
    thread_id, user_id = required_text(sent, "thread_id"), required_text(sent, "user_id")
    if user_id not in world.store.users:
        raise Refusal(400, "user not found")
    if thread_id in world.store.threads:
        message = f"session already exists with session_id: {thread_id}"
        raise Refusal(world.settings.duplicate_status, message)
    thread = Thread(thread_id=thread_id, uuid=world.new_uuid(), user_id=user_id, created_at=call.now)
    world.store.add_thread(thread)
    return Response.json(201, thread_json(world, thread))


def list_threads(world: World, call: Call) -> Response:
    """GET /threads: pages from 1, by ``created_at``, ``thread_id`` or ``user_id``."""
    order = call.query.get("order_by", "")
    found = sorted(
        world.store.threads.values(),
        key=lambda thread: (
            str(getattr(thread, order)) if order in ("thread_id", "user_id") else "",
            thread.created_at,
        ),
        reverse=not call.flag("asc", True),
    )
    size = call.whole("page_size", _PAGE)
    start = max(0, call.whole("page_number", 1) - 1) * size
    page = [thread_json(world, thread) for thread in found[start : start + size]]
    return Response.json(200, {"threads": page, "total_count": len(found), "response_count": len(page)})


def delete_thread(world: World, call: Call) -> Response:
    """DELETE /threads/{thread_id}: its messages go, the facts stay (contract section 6, rule 6)."""
    thread = world.thread(call.ids["thread_id"])
    world.store.delete_thread(thread.thread_id)
    return Response.json(200, {"message": "thread deleted"})


def get_context(world: World, call: Call) -> Response:
    """GET /threads/{thread_id}/context; ``template_id``, ``mode`` and ``minRating`` are taken and ignored."""
    thread = world.thread(call.ids["thread_id"])
    return Response.json(200, {"context": context_of(world, thread.user_id, call.now)})


def context_of(world: World, user_id: str, now: float) -> str | None:
    """The context block for a user at ``now``: made from all of the user's threads and nobody else's."""
    facts = newest_ready(world.store.facts_of(user_id), now, world.settings.facts_in_context_max)
    return context_block(facts) or world.settings.empty_context


def thread_episodes(world: World, call: Call) -> Response:
    """GET /threads/{thread_id}/episodes: one episode a message (contract section 6, rule 2)."""
    thread = world.thread(call.ids["thread_id"])
    messages = world.store.messages_of(thread.thread_id)
    return Response.json(200, {"episodes": [_episode_json(message, call.now) for message in messages]})


def get_episode(world: World, call: Call) -> Response:
    """GET /graph/episodes/{uuid}: the episode of a message carries the message's uuid."""
    message = world.store.message(call.ids["uuid"])
    if message is None:
        raise not_found()
    return Response.json(200, _episode_json(message, call.now))


def thread_summary(world: World, call: Call) -> Response:
    """GET /threads/{thread_id}/summary: 404 always, as for a thread without a summary."""
    raise not_found()


def search_graph(world: World, call: Call) -> Response:
    """POST /graph/search: the request is checked, nothing is found."""
    required_text(call.fields(), "query")
    empty: Json = {"edges": [], "nodes": None, "episodes": None, "response": {"server_latency_ms": 0}}
    return Response.json(200, empty)


def thread_json(world: World, thread: Thread) -> Json:
    """A thread as the vendor shows it."""
    user = world.store.users[thread.user_id]
    return {
        "uuid": thread.uuid,
        "thread_id": thread.thread_id,
        "user_id": thread.user_id,
        "user_uuid": user.uuid,
        "graph_uuid": user.graph_uuid,
        "created_at": rfc3339(thread.created_at),
    }


def _episode_json(message: Message, now: float) -> Json:
    return {
        "uuid": message.uuid,
        "content": message.content,
        "created_at": rfc3339(message.created_at),
        "processed": message.ready_at <= now,
        "role": message.name,
        "role_type": message.role,
        "source": "message",
        "thread_id": message.thread_id,
        "metadata": message.metadata,
    }
