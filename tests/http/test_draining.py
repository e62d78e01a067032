"""Draining by itself: what is in flight is counted, what is too much is turned away, what takes too long is cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from inbox_lifecycle.http.draining import Draining
from inbox_lifecycle.http.guarding import Receive, Scope, Send
from inbox_lifecycle.http.health import DRAINING, LIVE
from tests.support.hosting import NO_TLS

Story = Coroutine[Any, Any, None]


class Slow:
    """An application that answers when it is told to, but for `/livez`."""

    def __init__(self) -> None:
        self.arrived = asyncio.Semaphore(0)
        self.go_on = asyncio.Event()
        #: Answer in part before waiting.
        self.begins = False
        self.told: list[bool] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        del receive
        self.told.append(bool(scope.get(DRAINING)))
        start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]}
        if self.begins:
            await send(start)
        if scope["path"] != LIVE:
            self.arrived.release()
            await self.go_on.wait()
        if not self.begins:
            await send(start)
        await send({"type": "http.response.body", "body": b"done"})


def on_a_loop(story: Callable[[], Story]) -> Callable[[], None]:
    """The story, played on an event loop of its own."""

    def play() -> None:
        asyncio.run(story())

    play.__doc__ = story.__doc__
    return play


@asynccontextmanager
async def client_of(draining: Draining) -> AsyncIterator[httpx.AsyncClient]:
    """A client of what stands behind it."""
    transport = httpx.ASGITransport(draining)
    async with httpx.AsyncClient(transport=transport, base_url="http://service", verify=NO_TLS) as client:
        yield client


@on_a_loop
async def test_one_more_than_there_may_be_is_turned_away() -> None:
    """Before anything is done about it, with the time to come again; whether the process lives is answered still."""
    slow = Slow()
    draining = Draining(slow, most=2)
    async with client_of(draining) as client, asyncio.TaskGroup() as tasks:
        under_way = [tasks.create_task(client.get("/one")) for _ in range(2)]
        for _ in under_way:
            await slow.arrived.acquire()
        full, alive = await client.patch("/two"), await client.get(LIVE)
        assert (full.status_code, full.headers["Retry-After"], "X-Request-ID" in full.headers) == (503, "1", True)
        assert full.json()["type"].endswith(":store-unavailable")
        assert (alive.status_code, len(slow.told), draining.in_flight) == (200, 3, 2)
        slow.go_on.set()
    assert [task.result().status_code for task in under_way] == [200, 200]
    assert draining.in_flight == 0


@on_a_loop
async def test_what_is_in_flight_is_waited_for_and_its_connection_closed() -> None:
    """The application is told that this is the end, so that it can say so."""
    slow = Slow()
    draining = Draining(slow, most=9)
    async with client_of(draining) as client:
        before = asyncio.create_task(client.get("/"))
        await slow.arrived.acquire()
        draining.begin()
        waiting = asyncio.create_task(draining.wait_until_idle(60))
        after = asyncio.create_task(client.get("/"))
        await slow.arrived.acquire()
        assert (draining.begun, waiting.done()) == (True, False)
        slow.go_on.set()
        await waiting
        assert [(await one).headers["connection"] for one in (before, after)] == ["close", "close"]
    assert (slow.told, draining.cut_off) == ([False, True], 0)


@on_a_loop
async def test_what_takes_too_long_is_answered_by_what_is_known() -> None:
    """Whoever asked to change something hears that nobody knows; whoever only looked hears to look again."""
    slow = Slow()
    draining = Draining(slow, most=9)
    async with client_of(draining) as client:
        asking = [asyncio.create_task(client.request(method, "/")) for method in ("PATCH", "GET")]
        for _ in asking:
            await slow.arrived.acquire()
        draining.begin()
        await draining.wait_until_idle(0.01)
        for task in asking:
            task.cancel()
        changed, looked = [await task for task in asking]
    assert (changed.status_code, looked.status_code, draining.cut_off, draining.in_flight) == (502, 503, 2, 0)
    assert changed.json()["type"].endswith(":provider-outcome-unknown")
    for answer in (changed, looked):
        assert "had to end" in answer.json()["detail"]
        assert int(answer.headers["Retry-After"]) > 0


@on_a_loop
async def test_half_an_answer_is_not_followed_by_another() -> None:
    """The server breaks the connection, which is all that can be said then."""
    slow = Slow()
    slow.begins = True
    draining = Draining(slow, most=9)
    sent: list[str] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asking = asyncio.create_task(draining(scope, receive, send))
    await slow.arrived.acquire()
    draining.begin()
    asking.cancel()
    await asking
    assert (sent, draining.cut_off) == (["http.response.start"], 1)


@on_a_loop
async def test_a_request_that_is_cancelled_otherwise_is_cancelled() -> None:
    """Its client is gone, or the loop is: that is for whoever did it."""
    slow = Slow()
    draining = Draining(slow, most=9)
    async with client_of(draining) as client:
        asking = asyncio.create_task(client.get("/"))
        await slow.arrived.acquire()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert (draining.in_flight, draining.cut_off) == (0, 0)
