"""Consumers of the feed for tests: handlers that note down what they hear, fail, or wait until they are let go on.

On the async side each handler is a coroutine function, so that a facade that did not await it would hear nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from inbox_lifecycle.records import FedEvent
from tests.support.faces import AnyFace

#: Seconds after which something that should have happened never will.
PATIENCE = 30.0


class Killed(BaseException):
    """What ends a consumer where it stands; no handler's failure, and nothing that stops an event loop."""


class Ear:
    """Notes down every event it is given, then does as it was told for that position."""

    def __init__(self, face: AnyFace, **told: Callable[[FedEvent], object]) -> None:
        """Listen.

        Args:
            face: whose side decides whether the handler is async.
            told: what to do at a position, as `at_3=...`; `always=...` for each.
        """
        self.heard: list[FedEvent] = []
        self._told = told
        self.handler: Callable[[FedEvent], Any] = self._hear if face.mode == "sync" else self._hear_async

    @property
    def positions(self) -> list[int]:
        """The positions it was given, in that order."""
        return [fed.position for fed in self.heard]

    def _hear(self, fed: FedEvent) -> object:
        self.heard.append(fed)
        act = self._told.get(f"at_{fed.position}", self._told.get("always"))
        return act(fed) if act is not None else "what a handler returns is nobody's business"

    async def _hear_async(self, fed: FedEvent) -> object:
        await asyncio.sleep(0)
        given = await asyncio.to_thread(self._hear, fed)
        return await given if asyncio.iscoroutine(given) else given


class Pause:
    """Where a handler waits until the test lets it go on."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._released = threading.Event()

    def __call__(self, _fed: object) -> None:
        """Wait here."""
        self._reached.set()
        assert self._released.wait(PATIENCE), "nobody released it"

    def wait_until_reached(self) -> None:
        """Wait until a handler waits."""
        assert self._reached.wait(PATIENCE), "nobody came here"

    def release(self) -> None:
        """Let it go on."""
        self._released.set()


def failing(error: BaseException, *, times: int | None = None) -> Callable[[object], None]:
    """Raise an error, each time or only the first few times."""
    left = [times]

    def fail(_fed: object) -> None:
        if left[0] is None:
            raise error
        if left[0]:
            left[0] -= 1
            raise error

    return fail
