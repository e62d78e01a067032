"""Interruptions: a real SIGINT to the main thread, and a cancellation at exactly the n-th wait of a coroutine."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


class SoftTimeLimit(Exception):
    """What some workers raise in the middle of a task that takes too long: an ordinary exception, by a signal."""


class Interrupts:
    """Ctrl-C, pressed when a test says so; the handler raises in the main thread, as Python's own does."""

    def __init__(self) -> None:
        self._raises: type[BaseException] | None = None
        self._count = 0

    @contextmanager
    def raising(self, kind: type[BaseException] = KeyboardInterrupt) -> Iterator[None]:
        """Within this block, a signal raises; outside it, one that is late does nothing."""
        self._raises = kind
        try:
            yield
        finally:
            self._raises = None

    def send(self) -> None:
        """Press it; from any thread."""
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)

    def has_struck(self, times: int) -> bool:
        """Whether the handler was called so often."""
        return self._count == times

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The signal's handler."""
        del number, frame
        self._count += 1
        if self._raises is not None:
            raise self._raises


class CancelledAt:
    """Awaits a coroutine, and cancels the task that does so at the coroutine's n-th wait, counted from 0."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], at: int) -> None:
        self._coroutine = coroutine
        self._at = at

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._coroutine.__await__()
        resume: Callable[[], Any] = lambda: steps.send(None)  # noqa: E731 - replaced at each turn
        waits = 0
        while True:
            try:
                waits_for = resume()
            except StopIteration as end:
                return end.value
            if waits == self._at:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            waits += 1
            resume = yield from _wait(steps, waits_for)


def _wait(steps: Generator[Any, Any, Any], waits_for: Any) -> Generator[Any, Any, Callable[[], Any]]:
    try:
        yield waits_for
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the coroutine's
        failure = error
        return lambda: steps.throw(failure)
    return lambda: steps.send(None)
