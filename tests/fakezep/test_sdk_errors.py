"""Each class of failure reaches the caller of the SDK as contract section 3 says."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pydantic
import pytest
from zep_cloud.client import AsyncZep, Zep
from zep_cloud.core.api_error import ApiError
from zep_cloud.errors import BadRequestError, InternalServerError, NotFoundError
from zep_cloud.types import Message

from fakezep import Settings
from fakezep.testing import RunningFakeZep, running_fakezep


@pytest.fixture
def read_context(sdk: Zep, thread: str) -> Callable[[], Any]:
    return lambda: sdk.thread.get_user_context(thread)


def test_a_wrong_key_is_a_plain_401(server: RunningFakeZep, connect_sdk: Callable[..., Zep]) -> None:
    with pytest.raises(ApiError) as error:
        connect_sdk(server, api_key="wrong").user.get("ann")
    assert (type(error.value), error.value.status_code, error.value.body) == (ApiError, 401, "unauthorized")
    assert (error.value.headers or {})["content-type"].startswith("text/plain")


def test_an_unknown_path_is_a_plain_404(server: RunningFakeZep) -> None:
    response = httpx.get(f"{server.url}/users/ann", trust_env=False)
    assert (response.status_code, response.text) == (404, "404 page not found")
    assert response.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("status", "error_type"),
    [
        (400, ApiError),
        (403, ApiError),
        (404, NotFoundError),
        (408, ApiError),
        (409, ApiError),
        (422, ApiError),
        (429, ApiError),
        (500, InternalServerError),
        (502, ApiError),
        (503, ApiError),
        (504, ApiError),
    ],
)
def test_a_status_reaches_the_caller_after_one_request(
    admin: Any, read_context: Callable[[], Any], status: int, error_type: type[ApiError]
) -> None:
    admin.fault("status", status=status, retry_after_s=0)
    before = len(admin.entries())
    with pytest.raises(ApiError) as error:
        read_context()
    assert (type(error.value), error.value.status_code) == (error_type, status)
    assert len(admin.entries()) == before + 1


def test_a_400_on_a_declared_operation_is_a_bad_request(admin: Any, sdk: Zep) -> None:
    admin.fault("status", status=400)
    with pytest.raises(BadRequestError):
        sdk.user.add(user_id="x")


def test_an_answer_that_is_too_slow_is_a_read_timeout(admin: Any, impatient: Zep, thread: str) -> None:
    admin.call("PUT", "/latency", {"seconds": 30})
    with pytest.raises(httpx.ReadTimeout):
        impatient.thread.get_user_context(thread)


@pytest.mark.parametrize("kind", ["refuse_before_write", "lose_answer", "half_body"])
def test_a_connection_closed_before_or_in_the_answer_is_a_protocol_error(
    admin: Any, read_context: Callable[[], Any], kind: str
) -> None:
    admin.fault(kind, count=1)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        read_context()
    assert read_context().context


def test_the_async_sdk_sees_a_dropped_connection_alike(admin: Any, server: RunningFakeZep) -> None:
    admin.fault("lose_answer")

    async def ask() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            await AsyncZep(api_key=server.api_key, base_url=server.api_url, httpx_client=client).user.get("ann")

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        asyncio.run(ask())


def test_a_body_that_drips_is_a_read_timeout(admin: Any, impatient: Zep, thread: str) -> None:
    admin.fault("drip", interval_s=30)
    with pytest.raises(httpx.ReadTimeout):
        impatient.thread.get_user_context(thread)


def test_html_with_200_is_an_api_error_of_status_200(admin: Any, read_context: Callable[[], Any]) -> None:
    admin.fault("status", status=200, body="<html>proxy</html>", content_type="text/html")
    with pytest.raises(ApiError) as error:
        read_context()
    assert (error.value.status_code, error.value.body) == (200, "<html>proxy</html>")
    assert (error.value.headers or {})["content-type"] == "text/html"


def test_204_where_json_is_due_is_an_api_error(admin: Any, sdk: Zep, thread: str) -> None:
    admin.fault("status", status=204)
    with pytest.raises(ApiError) as error:
        sdk.thread.delete(thread)
    assert error.value.status_code == 204


@pytest.mark.parametrize(
    ("body", "content_type"),
    [("null", "application/json"), ({"context": {"a": 1}}, None), ([1, 2], None), (7, None)],
)
def test_json_of_the_wrong_shape_is_a_validation_error(
    admin: Any, read_context: Callable[[], Any], body: Any, content_type: str | None
) -> None:
    admin.fault("status", status=200, body=body, content_type=content_type)
    with pytest.raises(pydantic.ValidationError):
        read_context()


def test_limits_refuse_the_call_with_400(sdk: Zep, thread: str, admin: Any) -> None:
    too_much = [
        [Message(role="user", content="x")] * 31,
        [Message(role="user", content="fine"), Message(role="user", content="x" * 4097)],
        [Message(role="user", content="x", metadata={str(key): key for key in range(11)})],
        [Message(role="user", content="x", metadata={"deep": {"a": 1}})],
        [],
    ]
    for messages in too_much:
        with pytest.raises(ApiError) as error:
            sdk.thread.add_messages(thread, messages=messages)
        assert error.value.status_code == 400
        assert error.value.body["message"]
    assert admin.contents() == ["I like tea"]
    most = [Message(role="user", content="x" * 4096, metadata={str(key): 1 for key in range(10)})] * 30
    assert len(sdk.thread.add_messages(thread, messages=most).message_uuids or []) == 30


def test_a_body_over_five_mebibytes_is_413(sdk: Zep, thread: str, admin: Any) -> None:
    with pytest.raises(ApiError) as error:
        sdk.thread.add_messages(thread, messages=[Message(role="user", content="x" * 5 * 1024 * 1024)])
    assert (error.value.status_code, error.value.body) == (413, {"message": "request body too large"})
    assert admin.contents() == ["I like tea"]


def test_every_answer_tells_the_rate_limit(server: RunningFakeZep, sdk: Zep) -> None:
    answers = [
        sdk.user.with_raw_response.add(user_id="ann").headers,
        httpx.get(f"{server.url}/nowhere", trust_env=False).headers,
        httpx.get(f"{server.api_url}/users/ann", trust_env=False).headers,
    ]
    for headers in answers:
        assert headers["x-ratelimit-limit"] == "100000"
        assert headers["x-ratelimit-increment"] == "1"
        assert int(headers["x-ratelimit-remaining"]) <= 100_000
        assert int(headers["x-ratelimit-reset"]) % 60 == 0
        assert "retry-after" not in headers


def test_requests_over_the_limit_are_429_with_retry_after(connect_sdk: Callable[..., Zep]) -> None:
    """Three calls at one a minute: at least one is refused, also if the minute turns between them."""
    refused = []
    with running_fakezep(Settings(rate_limit_per_min=1)) as server:
        for number in range(3):
            try:
                connect_sdk(server).user.add(user_id=str(number))
            except ApiError as error:
                refused.append(error)
    assert refused
    for error in refused:
        assert error.status_code == 429
        assert 1 <= int((error.headers or {})["retry-after"]) <= 60
        assert (error.headers or {})["x-ratelimit-remaining"] == "0"
