"""The real SDK 3.30, unchanged, works against the fake: users, threads, messages, context, ids."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from zep_cloud.client import AsyncZep, Zep
from zep_cloud.core.api_error import ApiError
from zep_cloud.errors import BadRequestError, NotFoundError
from zep_cloud.types import Message

from fakezep import Settings
from fakezep.testing import RunningFakeZep, running_fakezep

IDS = ["user@example.com", "a:b", "a b", "ü", "100%", "x+y", "日本"]


def test_a_user_is_created_read_changed_and_deleted(sdk: Zep) -> None:
    made = sdk.user.add(user_id="ann", email="ann@example.com", metadata={"plan": "pro"})
    assert (made.user_id, made.email, made.metadata) == ("ann", "ann@example.com", {"plan": "pro"})
    assert made.uuid_
    assert made.graph_uuid
    assert made.created_at
    changed = sdk.user.update("ann", first_name="Ann")
    assert (changed.first_name, changed.email) == ("Ann", "ann@example.com")
    assert sdk.user.get("ann") == changed
    assert sdk.user.delete("ann").message
    with pytest.raises(NotFoundError):
        sdk.user.get("ann")


def test_users_are_listed_in_pages_and_searched(sdk: Zep) -> None:
    for user_id in ("c", "a", "b"):
        sdk.user.add(user_id=user_id, email=f"{user_id}@example.com")
    page = sdk.user.list_ordered(page_number=2, page_size=2, order_by="user_id", asc=True)
    assert [user.user_id for user in page.users or []] == ["c"]
    assert (page.total_count, page.row_count) == (3, 1)
    found = sdk.user.list_ordered(search="b@EXAMPLE").users or []
    assert [user.user_id for user in found] == ["b"]
    newest = sdk.user.list_ordered(asc=False).users or []
    assert [user.user_id for user in newest] == ["b", "a", "c"]


def test_threads_are_created_listed_and_deleted(sdk: Zep) -> None:
    user = sdk.user.add(user_id="ann")
    made = sdk.thread.create(thread_id="t1", user_id="ann")
    sdk.thread.create(thread_id="t2", user_id="ann")
    assert (made.thread_id, made.user_id, made.user_uuid) == ("t1", "ann", user.uuid_)
    assert [thread.thread_id for thread in sdk.user.get_threads("ann")] == ["t1", "t2"]
    listed = sdk.thread.list_all(page_size=1, page_number=2)
    assert [thread.thread_id for thread in listed.threads or []] == ["t2"]
    assert (listed.total_count, listed.response_count) == (2, 1)
    assert sdk.user.get("ann").session_count == 2
    sdk.thread.delete("t1")
    assert [thread.thread_id for thread in sdk.user.get_threads("ann")] == ["t2"]
    with pytest.raises(NotFoundError):
        sdk.thread.get("t1")


def test_messages_come_back_as_sent_under_uuids_of_the_server(sdk: Zep) -> None:
    sdk.user.add(user_id="ann")
    sdk.thread.create(thread_id="t1", user_id="ann")
    sent = [
        Message(role="user", name="Ann", content="hi", metadata={"turn": 1, "tags": ["a"]}, uuid_="mine"),
        Message(role="assistant", content="", created_at="2024-11-14T02:13:19Z"),
    ]
    added = sdk.thread.add_messages("t1", messages=sent)
    kept = sdk.thread.get("t1")
    first, second = kept.messages or []
    assert [first.uuid_, second.uuid_] == added.message_uuids
    assert "mine" not in (added.message_uuids or [])
    assert (first.role, first.name, first.content, first.metadata) == ("user", "Ann", "hi", sent[0].metadata)
    assert second.created_at == "2024-11-14T02:13:19.000000Z"
    assert first.processed
    assert added.context is None
    assert (kept.row_count, kept.total_count, kept.user_id) == (2, 2, "ann")


def test_a_message_sent_twice_is_stored_twice(sdk: Zep, thread: str) -> None:
    message = Message(role="user", content="again", uuid_="same")
    once = sdk.thread.add_messages(thread, messages=[message]).message_uuids
    twice = sdk.thread.add_messages(thread, messages=[message]).message_uuids
    assert once != twice
    assert sdk.thread.get(thread).total_count == 3


def test_pages_of_messages_go_forward_and_lastn_overrides_them(sdk: Zep, thread: str) -> None:
    sdk.thread.add_messages(thread, messages=[Message(role="assistant", content=str(number)) for number in range(9)])

    def contents(**query: int) -> list[str]:
        return [message.content for message in sdk.thread.get(thread, **query).messages or []]

    assert contents(limit=2, cursor=1) == ["0", "1"]
    assert contents(limit=5, cursor=1, lastn=3) == ["6", "7", "8"]
    assert contents(cursor=50) == []
    assert sdk.thread.get(thread, cursor=50).total_count == 10


def test_metadata_of_a_message_can_be_changed(sdk: Zep, thread: str) -> None:
    message = (sdk.thread.get(thread).messages or [])[0]
    sdk.thread.message.update(message.uuid_ or "", metadata={"a": 1, "b": 2})
    changed = sdk.thread.message.update(message.uuid_ or "", metadata={"b": 3})
    assert changed.metadata == {"a": 1, "b": 3}
    assert (sdk.thread.get(thread).messages or [])[0] == changed
    with pytest.raises(NotFoundError):
        sdk.thread.message.update("nobody", metadata={})


def test_the_context_is_the_documented_block_of_all_threads_of_the_user(sdk: Zep, thread: str) -> None:
    sdk.thread.create(thread_id="ann-2", user_id="ann")
    added = sdk.thread.add_messages(
        "ann-2",
        messages=[
            Message(role="user", content="I live\nin Bern", created_at="2024-11-14T02:13:19Z"),
            Message(role="assistant", content="noted"),
        ],
        return_context=True,
    )
    context = sdk.thread.get_user_context(thread, template_id="ours").context or ""
    assert added.context == context
    lines = context.splitlines()
    assert lines[:4] == [
        "# These are the most relevant facts and their valid date ranges",
        "# format: FACT (Date range: from - to)",
        "<FACTS>",
        "  - I live in Bern (2024-11-14 02:13:19+00:00 - present)",
    ]
    assert lines[4].startswith("  - I like tea (20")
    assert lines[5:] == ["</FACTS>"]


def test_the_context_is_empty_when_nothing_is_known_yet(sdk: Zep) -> None:
    sdk.user.add(user_id="new")
    sdk.thread.create(thread_id="t", user_id="new")
    assert sdk.thread.get_user_context("t").context == ""


def test_facts_outlive_their_thread_and_die_with_their_user(sdk: Zep, thread: str) -> None:
    sdk.thread.create(thread_id="ann-2", user_id="ann")
    sdk.thread.delete(thread)
    assert "I like tea" in (sdk.thread.get_user_context("ann-2").context or "")
    sdk.user.delete("ann")
    sdk.user.add(user_id="ann")
    sdk.thread.create(thread_id="ann-2", user_id="ann")
    assert sdk.thread.get_user_context("ann-2").context == ""


def test_roles_that_are_ignored_give_history_but_no_fact(sdk: Zep, thread: str) -> None:
    sdk.thread.add_messages(thread, messages=[Message(role="user", content="a secret")], ignore_roles=["user"])
    assert sdk.thread.get(thread).total_count == 2
    assert "a secret" not in (sdk.thread.get_user_context(thread).context or "")


def test_ingestion_that_is_stuck_leaves_messages_unprocessed_and_the_context_empty(
    connect_sdk: Callable[..., Zep],
) -> None:
    with running_fakezep(Settings(ingestion_delay_s=float("inf"))) as server:
        sdk = connect_sdk(server)
        sdk.user.add(user_id="ann")
        sdk.thread.create(thread_id="t", user_id="ann")
        sdk.thread.add_messages("t", messages=[Message(role="user", content="hi")])
        assert [message.processed for message in sdk.thread.get("t").messages or []] == [False]
        assert sdk.thread.get_user_context("t").context == ""


def test_the_small_operations_answer_in_shapes_the_sdk_takes(sdk: Zep, thread: str) -> None:
    assert sdk.user.warm("ann").message
    node = sdk.user.get_node("ann").node
    assert node is not None
    assert node.name == "ann"
    episode = (sdk.thread.get_episodes(thread).episodes or [])[0]
    assert sdk.graph.episode.get(episode.uuid_) == episode
    assert sdk.graph.search(query="tea", user_id="ann").edges == []
    assert sdk.thread.add_messages_batch(thread, messages=[Message(role="user", content="more")]).task_id
    with pytest.raises(NotFoundError):
        sdk.thread.get_summary(thread)


def test_the_async_sdk_works_too(server: RunningFakeZep) -> None:
    async def talk() -> str | None:
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
            sdk = AsyncZep(api_key=server.api_key, base_url=server.api_url, httpx_client=client)
            await sdk.user.add(user_id="ann")
            await sdk.thread.create(thread_id="t", user_id="ann")
            messages = [Message(role="user", content="I like tea")]
            await asyncio.gather(*(sdk.thread.add_messages("t", messages=messages) for _ in range(5)))
            assert (await sdk.thread.get("t")).total_count == 5
            return (await sdk.thread.get_user_context("t")).context

    assert (asyncio.run(talk()) or "").count("I like tea") == 5


@pytest.mark.parametrize("id_", IDS)
def test_ids_of_all_kinds_are_taken(sdk: Zep, id_: str) -> None:
    """The SDK puts ids into the path as they are; httpx encodes some characters (contract section 2)."""
    sdk.user.add(user_id=id_)
    sdk.thread.create(thread_id=id_, user_id=id_)
    sdk.thread.add_messages(id_, messages=[Message(role="user", content=id_)])
    assert sdk.user.get(id_).user_id == id_
    assert sdk.thread.get(id_).user_id == id_
    assert f"  - {id_} (" in (sdk.thread.get_user_context(id_).context or "")


@pytest.mark.parametrize("id_", ["a?b", "a#b"])
def test_an_id_cut_by_the_url_asks_for_another_user(sdk: Zep, id_: str) -> None:
    """As with the vendor: the SDK does not encode ids (contract section 2)."""
    sdk.user.add(user_id="a")
    sdk.user.add(user_id=id_)
    assert sdk.user.get(id_).user_id == "a"


@pytest.mark.parametrize("id_", ["a/b", ".."])
def test_an_id_that_changes_the_path_asks_for_nothing_known(sdk: Zep, id_: str) -> None:
    sdk.user.add(user_id=id_)
    with pytest.raises(ApiError) as error:
        sdk.user.get(id_)
    assert (error.value.status_code, error.value.body) == (404, "404 page not found")


def test_duplicates_are_told_in_the_words_of_the_vendor(sdk: Zep, thread: str) -> None:
    with pytest.raises(BadRequestError) as user:
        sdk.user.add(user_id="ann")
    assert user.value.body["message"] == "user already exists with user_id: ann"
    with pytest.raises(BadRequestError) as session:
        sdk.thread.create(thread_id=thread, user_id="ann")
    assert session.value.body["message"] == f"session already exists with session_id: {thread}"


def test_duplicates_may_be_409_instead(connect_sdk: Callable[..., Zep]) -> None:
    with running_fakezep(Settings(duplicate_status=409)) as server:
        sdk = connect_sdk(server)
        sdk.user.add(user_id="ann")
        with pytest.raises(ApiError) as error:
            sdk.user.add(user_id="ann")
    assert error.value.status_code == 409


def test_a_thread_for_an_unknown_user_is_400_and_not_404(sdk: Zep) -> None:
    with pytest.raises(BadRequestError) as error:
        sdk.thread.create(thread_id="t", user_id="nobody")
    assert error.value.body["message"] == "user not found"


def test_messages_for_an_unknown_thread_are_404(sdk: Zep) -> None:
    with pytest.raises(ApiError) as error:
        sdk.thread.add_messages("none", messages=[Message(role="user", content="hi")])
    assert (error.value.status_code, error.value.body) == (404, {"message": "not found"})
    with pytest.raises(NotFoundError):
        sdk.thread.get_user_context("none")
