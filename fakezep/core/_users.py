"""The user operations (contract section 8, Users)."""

from collections.abc import Mapping
from dataclasses import replace

from fakezep.core._calls import Call, Refusal, World, optional_text, required_text
from fakezep.core._store import User, rfc3339
from fakezep.core._threads import thread_json
from fakezep.core._wire import Json, Response

_TEXTS = ("email", "first_name", "last_name", "time_zone")
_PAGE = 50


def create_user(world: World, call: Call) -> Response:
    """POST /users: 201 with the user; 400 (or 409 by setting) when it exists."""
    sent = call.fields()
    user_id = required_text(sent, "user_id")
    fields = _optional_fields(sent)
    if user_id in world.store.users:
        raise Refusal(world.settings.duplicate_status, f"user already exists with user_id: {user_id}")
    user = User(
        user_id=user_id,
        uuid=world.new_uuid(),
        graph_uuid=world.new_uuid(),
        number=world.store.next_user_number(),
        created_at=call.now,
        updated_at=call.now,
        fields=fields,
    )
    world.store.put_user(user)
    return Response.json(201, _user_json(world, user))


def get_user(world: World, call: Call) -> Response:
    """GET /users/{user_id}."""
    return Response.json(200, _user_json(world, world.user(call.ids["user_id"])))


def update_user(world: World, call: Call) -> Response:
    """PATCH /users/{user_id}: the fields that are given replace the old ones."""
    user = world.user(call.ids["user_id"])
    fields = {**user.fields, **_optional_fields(call.fields())}
    changed = replace(user, fields=fields, updated_at=call.now)
    world.store.put_user(changed)
    return Response.json(200, _user_json(world, changed))


def delete_user(world: World, call: Call) -> Response:
    """DELETE /users/{user_id}: threads and facts go too (contract section 6, rule 6)."""
    user = world.user(call.ids["user_id"])
    world.store.delete_user(user.user_id)
    return Response.json(200, {"message": "user deleted"})


def list_users(world: World, call: Call) -> Response:
    """GET /users-ordered: pages from 1; ``search`` looks into id, email and names."""
    needle = call.query.get("search", "").lower()
    found = [user for user in world.store.users.values() if needle in _searched(user)]
    found.sort(key=_ORDERS.get(call.query.get("order_by", ""), _by_created), reverse=not call.flag("asc", True))
    size = call.whole("pageSize", _PAGE)
    start = max(0, call.whole("pageNumber", 1) - 1) * size
    page = [_user_json(world, user) for user in found[start : start + size]]
    return Response.json(200, {"users": page, "total_count": len(found), "row_count": len(page)})


def list_user_threads(world: World, call: Call) -> Response:
    """GET /users/{user_id}/threads: a bare array, oldest first."""
    user = world.user(call.ids["user_id"])
    return Response.json(200, [thread_json(world, thread) for thread in world.store.threads_of(user.user_id)])


def warm(world: World, call: Call) -> Response:
    """GET /users/{user_id}/warm: a hint to load the user's graph; here a plain yes."""
    world.user(call.ids["user_id"])
    return Response.json(200, {"message": "user graph warmed"})


def user_node(world: World, call: Call) -> Response:
    """GET /users/{user_id}/node: the node that stands for the user; the fake writes no summary."""
    user = world.user(call.ids["user_id"])
    names = [user.fields.get("first_name"), user.fields.get("last_name")]
    node = {
        "uuid": user.graph_uuid,
        "name": " ".join(name for name in names if name) or user.user_id,
        "summary": "",
        "created_at": rfc3339(user.created_at),
        "labels": ["User"],
        "attributes": {"user_id": user.user_id},
    }
    return Response.json(200, {"node": node})


def _optional_fields(sent: Mapping[str, Json]) -> dict[str, Json]:
    fields: dict[str, Json] = {name: optional_text(sent, name) for name in _TEXTS if name in sent}
    for name, wanted in (("metadata", dict), ("disable_default_ontology", bool)):
        if sent.get(name) is None:
            continue
        if not isinstance(sent[name], wanted):
            raise Refusal(400, f"{name} is not {'an object' if wanted is dict else 'true or false'}")
        fields[name] = sent[name]
    return fields


def _user_json(world: World, user: User) -> Json:
    return {
        **user.fields,
        "uuid": user.uuid,
        "user_id": user.user_id,
        "id": user.number,
        "graph_uuid": user.graph_uuid,
        "created_at": rfc3339(user.created_at),
        "updated_at": rfc3339(user.updated_at),
        "session_count": len(world.store.threads_of(user.user_id)),
    }


def _searched(user: User) -> str:
    return "\n".join([user.user_id, *(str(user.fields.get(name) or "") for name in _TEXTS[:3])]).lower()


def _by_created(user: User) -> tuple[str, float]:
    return "", user.created_at


_ORDERS = {
    "user_id": lambda user: (user.user_id, 0.0),
    "email": lambda user: (str(user.fields.get("email") or ""), 0.0),
    "created_at": _by_created,
}
