"""The message operations and the limits on them (contract sections 5, 6 and 8)."""

from collections.abc import Mapping

from fakezep.core._calls import (
    ROLES,
    Call,
    Refusal,
    World,
    message_metadata,
    moment,
    not_found,
    optional_flag,
    optional_text,
    required_text,
    role_list,
)
from fakezep.core._facts import fact_of
from fakezep.core._store import Message, rfc3339
from fakezep.core._threads import context_of
from fakezep.core._wire import Json, Response


def add_messages(world: World, call: Call) -> Response:
    """POST /threads/{thread_id}/messages: stores all messages of the call or none.

    The server makes the uuids; one that the client sends is ignored, so a replayed call stores twice.
    """
    thread = world.thread(call.ids["thread_id"])
    sent = call.fields()
    ignored = role_list(sent, "ignore_roles")
    wants_context = optional_flag(sent, "return_context")
    messages = [_read_message(world, call, fields) for fields in _message_list(world, sent)]
    world.store.add_messages(thread.thread_id, messages)
    for message in messages:
        fact = fact_of(message, world.settings.fact_chars_max)
        if fact is not None and message.role not in ignored:
            world.store.add_fact(thread.user_id, fact)
    answer = {
        "message_uuids": [message.uuid for message in messages],
        "task_id": world.new_uuid(),
        "context": context_of(world, thread.user_id, call.now) if wants_context else None,
    }
    return Response.json(world.settings.add_messages_status, answer)


def get_messages(world: World, call: Call) -> Response:
    """GET /threads/{thread_id}/messages, oldest first; ``lastn`` overrides ``limit`` and ``cursor``.

    The cursor is the number of messages to skip (contract section 8 says only that it is a whole number).
    """
    thread = world.thread(call.ids["thread_id"])
    kept = world.store.messages_of(thread.thread_id)
    newest = call.whole("lastn", 0)
    start = max(0, len(kept) - newest) if newest else call.whole("cursor", 0)
    count = newest or call.whole("limit", 0) or world.settings.messages_per_page
    page = [message_json(message, call.now) for message in kept[start : start + count]]
    answer = {
        "messages": page,
        "row_count": len(page),
        "total_count": len(kept),
        "user_id": thread.user_id,
        "user_uuid": world.store.users[thread.user_id].uuid,
        "thread_created_at": rfc3339(thread.created_at),
    }
    return Response.json(200, answer)


def update_message(world: World, call: Call) -> Response:
    """PATCH /messages/{message_uuid}: change the metadata; the limits hold for the result."""
    message = world.store.message(call.ids["message_uuid"])
    if message is None:
        raise not_found()
    keys_max = world.settings.metadata_keys_max
    given = message_metadata(call.fields(), keys_max)
    if given is None:
        raise Refusal(400, "metadata is required; give an object")
    kept = message.metadata or {} if world.settings.metadata_patch == "merge" else {}
    merged = message_metadata({"metadata": {**kept, **given}}, keys_max)
    return Response.json(200, message_json(world.store.set_metadata(message.uuid, merged or {}), call.now))


def message_json(message: Message, now: float) -> Json:
    """A message as the vendor shows it."""
    return {
        "uuid": message.uuid,
        "role": message.role,
        "name": message.name,
        "content": message.content,
        "metadata": message.metadata,
        "created_at": rfc3339(message.created_at),
        "processed": message.ready_at <= now,
    }


def _message_list(world: World, sent: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    messages = sent.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refusal(400, "messages is required; give a list of at least one message")
    if len(messages) > world.settings.messages_per_call_max:
        most = world.settings.messages_per_call_max
        raise Refusal(400, f"{len(messages)} messages in one call; at most {most} are allowed")
    if not all(isinstance(message, dict) for message in messages):
        raise Refusal(400, "a message is not an object")
    return messages


def _read_message(world: World, call: Call, fields: Mapping[str, Json]) -> Message:
    settings = world.settings
    role = required_text(fields, "role")
    if role not in ROLES:
        raise Refusal(400, f"role is {role[:40]!r}; roles are {', '.join(ROLES)}")
    content = fields.get("content")
    if not isinstance(content, str):
        raise Refusal(400, "content is required; give a string")
    if len(content) > settings.message_chars_max:
        most = settings.message_chars_max
        raise Refusal(400, f"content has {len(content)} characters; at most {most} are allowed")
    return Message(
        uuid=world.new_uuid(),
        thread_id=call.ids["thread_id"],
        role=role,
        content=content,
        name=optional_text(fields, "name"),
        metadata=message_metadata(fields, settings.metadata_keys_max),
        created_at=moment(fields, "created_at", call.now),
        ready_at=call.now + settings.ingestion_delay_s,
    )
