"""One way to call both facades, so that one contract suite holds them both.

`Face` calls `Inboxes` as it is. `AwaitedFace` calls `AsyncInboxes` on an event loop in a thread of its own and waits.
Streams come out as lists. Nothing is faked: these are the real facades over the real drivers.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

from inbox_lifecycle import AsyncInboxes, Inboxes


class Face:
    """The sync facade (or its operator), streams as lists."""

    mode = "sync"

    def __init__(self, target: Any) -> None:
        self.target = target

    def operator(self, actor: str = "olga") -> Face:
        """The operator's face."""
        return Face(self.target.operator(actor=actor))

    def close(self) -> None:
        """Close the facade."""
        self.target.close()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.target, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            answer = method(*args, **kwargs)
            return list(answer) if isinstance(answer, Iterator) else answer

        return call


class AwaitedFace:
    """The async facade (or its operator), awaited on a loop of its own."""

    mode = "async"

    def __init__(self, target: Any, loop: LoopThread) -> None:
        self.target = target
        self.loop = loop

    def operator(self, actor: str = "olga") -> AwaitedFace:
        """The operator's face."""
        return AwaitedFace(self.target.operator(actor=actor), self.loop)

    def close(self) -> None:
        """Close the facade."""
        self.loop.wait(self.target.aclose())

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.target, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            answer = method(*args, **kwargs)
            if inspect.isawaitable(answer):
                return self.loop.wait(answer)
            return self.loop.wait(_collect(answer)) if isinstance(answer, AsyncIterator) else answer

        return call


AnyFace = Face | AwaitedFace


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def wait(self, coroutine: Any) -> Any:
        """The coroutine's value."""
        return asyncio.run_coroutine_threadsafe(_as_coroutine(coroutine), self.loop).result()

    def stop(self) -> None:
        """End the loop."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


def make_face(mode: str, loop: LoopThread | None, *args: Any, **kwargs: Any) -> AnyFace:
    """A face over a fresh facade."""
    if mode == "sync":
        return Face(Inboxes(*args, **kwargs))
    assert loop is not None
    return AwaitedFace(AsyncInboxes(*args, **kwargs), loop)


async def _collect(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


def _as_coroutine(awaitable: Any) -> Coroutine[Any, Any, Any]:
    if inspect.iscoroutine(awaitable):
        return awaitable

    async def wait() -> Any:
        return await awaitable

    return wait()
