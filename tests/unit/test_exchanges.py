"""Exchanges of async facades: so many at once and no more, and waiting for a turn is a part of the time."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from inbox_lifecycle.drivers.threaded import AT_ONCE, AsyncDriver
from inbox_lifecycle.flow import Flow, Once, Unsent, send

REQUEST = "http://provider.example.com/"


class Slow(httpx.AsyncBaseTransport):
    """A provider that answers when told to, and counts who waits."""

    def __init__(self) -> None:
        self.under_way = 0
        self.most = 0
        self.full = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, later."""
        del request
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        if self.under_way == AT_ONCE:
            self.full.set()
        await self.may_answer.wait()
        self.under_way -= 1
        return httpx.Response(200)


class NoDatabase:
    """What these flows never ask."""

    async def perform(self, step: Once) -> None:
        """Refuse."""
        raise AssertionError(step)

    async def close(self) -> None:
        """Nothing."""


def ask(timeout: float) -> Flow[int]:
    """A flow of one exchange."""
    return (yield from send(httpx.Request("GET", REQUEST), timeout=timeout)).status_code


def test_so_many_exchanges_are_under_way_at_once_and_all_are_answered() -> None:
    """The pool below would look through all that wait, again and again."""

    async def run() -> tuple[int, list[int]]:
        slow = Slow()
        driver = AsyncDriver(NoDatabase(), slow)
        asking = [asyncio.ensure_future(driver.run(ask(30.0))) for _ in range(3 * AT_ONCE)]
        await slow.full.wait()
        slow.may_answer.set()
        return slow.most, await asyncio.gather(*asking)

    assert asyncio.run(run()) == (AT_ONCE, [200] * 3 * AT_ONCE)


def test_an_exchange_whose_turn_never_came_was_not_sent() -> None:
    """So that nobody wonders whether it took effect."""

    async def run() -> None:
        slow = Slow()
        driver = AsyncDriver(NoDatabase(), slow)
        asking = [asyncio.ensure_future(driver.run(ask(30.0))) for _ in range(AT_ONCE)]
        await slow.full.wait()
        with pytest.raises(Unsent):
            await driver.run(ask(0.01))
        slow.may_answer.set()
        await asyncio.gather(*asking)

    asyncio.run(run())
