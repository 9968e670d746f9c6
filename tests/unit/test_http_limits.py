"""Who may ask over HTTP, and how much: what needs no worker."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import pytest
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message

from consumer.http.guard import Guard
from consumer.http.leaving import while_there
from consumer.http.limits import Bucket, Room, read_body
from consumer.settings.hosts import is_loopback_address

Receive = Callable[[], Awaitable[Message]]


async def nothing_comes() -> Message:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def gone() -> Message:
    return {"type": "http.disconnect"}


def request(receive: Receive = nothing_comes) -> Request:
    return Request({"type": "http", "headers": []}, receive)


async def done(_request: Request) -> Response:
    return Response()


async def status_of(asked: Awaitable[Response]) -> int:
    try:
        return (await asked).status_code
    except HTTPException as refused:
        return refused.status_code


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("0.0.0.0", False),  # noqa: S104 - judged, not listened on
        ("::", False),
        ("10.0.0.7", False),
        ("::ffff:10.0.0.7", False),
        ("fe80::1%eth0", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_a_loopback_address_is_one_that_only_this_machine_reaches(address: str, loopback: bool) -> None:
    assert is_loopback_address(address) is loopback


def test_the_name_that_the_settings_give_this_machine_is_its_own() -> None:
    guard = Guard(None, "127.0.1.1", "engine.internal")
    guard.admit(Headers({"host": "Engine.internal:8080"}))
    with pytest.raises(HTTPException):
        guard.admit(Headers({"host": "other.internal:8080"}))


def test_a_guard_does_not_show_its_token() -> None:
    assert "3f1c9d0e" not in repr(Guard(b"3f1c9d0e5b7a48f2", "0.0.0.0", "0.0.0.0"))  # noqa: S104 - only named


def test_a_bucket_lets_a_burst_through_and_then_so_many_a_second() -> None:
    now = 1_000.0
    bucket = Bucket(3, 0.5, lambda: now)
    assert [bucket.take() for _ in range(5)] == [0, 0, 0, 2, 2]
    now += 1.5
    assert bucket.take() == 0.5
    now += 0.5
    assert [bucket.take(), bucket.take()] == [0, 2]
    now += 3_600
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 2]


async def test_room_is_for_so_many_requests_at_once_and_free_again_however_they_end() -> None:
    ends = asyncio.Event()

    async def broken(_request: Request) -> Response:
        await ends.wait()
        raise ValueError("broken")

    held = Room(2).holds(broken)
    under_way = [asyncio.ensure_future(held(request())) for _ in range(2)]
    await asyncio.sleep(0)
    assert await status_of(held(request())) == HTTPStatus.SERVICE_UNAVAILABLE
    ends.set()
    assert [type(each) for each in await asyncio.gather(*under_way, return_exceptions=True)] == [ValueError] * 2
    with pytest.raises(ValueError, match="broken"):
        await held(request())


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    with pytest.raises(HTTPException) as refused:
        await read_body(request(), 100, seconds=0.01)
    assert refused.value.status_code == HTTPStatus.REQUEST_TIMEOUT
    assert refused.value.headers == {"Connection": "close"}


async def test_of_a_body_without_end_no_more_is_read_than_shows_that_it_is_too_large() -> None:
    parts = 0

    async def part() -> Message:
        nonlocal parts
        parts += 1
        return {"type": "http.request", "body": b"x" * 60, "more_body": True}

    assert len(await read_body(request(part), 100)) == 120
    assert parts == 2


async def test_work_for_somebody_who_has_left_is_given_up() -> None:
    given_up = False

    async def work() -> None:
        nonlocal given_up
        try:
            await asyncio.Event().wait()
        finally:
            given_up = True

    with pytest.raises(ClientDisconnect):
        await while_there(request(gone), work())
    assert given_up


async def test_work_for_somebody_who_is_there_is_done() -> None:
    async def work() -> int:
        return 7

    async def fail() -> int:
        raise ValueError("broken")

    assert await while_there(request(), work()) == 7
    with pytest.raises(ValueError, match="broken"):
        await while_there(request(), fail())
