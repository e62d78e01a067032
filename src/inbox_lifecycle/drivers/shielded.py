"""Work that signals do not interrupt: it is done in a thread of its own, as signals strike the main thread alone.

A thread costs about as much as the statement that it is to shield, so that one that is done waits a while for the next
work.
"""

from __future__ import annotations

import contextvars
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from inbox_lifecycle.drivers.forks import renew_after_fork

T = TypeVar("T")

#: Seconds between two looks at whether shielded work is over or a signal has struck: either may come unnoticed.
_GLANCE = 0.5
#: Seconds that a thread without work is kept.
_IDLE = 10.0

_AT_WORK = "inbox-lifecycle-shield"
_WAITING = "inbox-lifecycle-idle"


class _Worker:
    """A thread that does one piece of work after another, and ends when none comes."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work
        # A bare lock, as in `Shielded`.
        self.called = threading.Lock()
        self.called.acquire()
        threading.Thread(target=self._live, name=_AT_WORK, daemon=True).start()

    def _live(self) -> None:
        thread = threading.current_thread()
        while True:
            self.work()
            # Nothing that the work held is kept alive by a thread that waits.
            self.work = _nothing
            thread.name = _WAITING
            _IDLE_WORKERS.workers.append(self)
            if not self._wait():
                return
            thread.name = _AT_WORK

    def _wait(self) -> bool:
        """Whether there is work again."""
        if self.called.acquire(timeout=_IDLE):
            return True
        with suppress(ValueError):
            _IDLE_WORKERS.workers.remove(self)
            return False
        # Somebody has taken it just now, and will call.
        return self.called.acquire()


class _Idle:
    """The workers that wait, the last one first."""

    def __init__(self) -> None:
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """A forked child has none of its parent's threads."""
        self.workers: deque[_Worker] = deque()


_IDLE_WORKERS = _Idle()


def _nothing() -> None:
    """No work."""


def hand_over(work: Callable[[], None]) -> None:
    """Have the work done in another thread; it must not raise.

    Raises:
        RuntimeError: no thread can be had, as the interpreter is ending or the system has no more.
    """
    if sys.is_finalizing():
        # A waiting thread would never wake up again.
        raise RuntimeError
    try:
        worker = _IDLE_WORKERS.workers.pop()
    except IndexError:
        _Worker(work)
        return
    worker.work = work
    worker.called.release()


class Shielded(Generic[T]):
    """Work that goes on in a thread of its own, where signals never strike, while the main thread waits for it.

    Python raises in the main thread whatever a signal handler raises (KeyboardInterrupt, a worker's time limit). Such
    an interruption is raised again as soon as the work is done or its budget is over.
    """

    def __init__(self, work: Callable[[], T], budget: float) -> None:
        self._work = work
        self._deadline = time.monotonic() + budget
        self._value: list[T] = []
        self._error: BaseException | None = None
        self._over = False
        # Bare locks: a signal that strikes inside an Event can leave it locked for good.
        self._claim = threading.Lock()
        self._done = threading.Lock()
        self._done.acquire()

    def result(self) -> T:
        """What the work gave, or its error; an interruption of the waiting is raised once the work is over."""
        try:
            self._start()
            # Python notices a signal that strikes as it begins to wait only when it looks up again.
            while not self._done.acquire(timeout=_GLANCE):
                pass
        except BaseException:
            self._wait_out()
            raise
        if self._error is not None:
            raise self._error
        return self._value[0]

    def _start(self) -> None:
        run = contextvars.copy_context().run
        try:
            hand_over(lambda: run(self._run))
        except RuntimeError:
            # No thread can be had any more: done unshielded is better than not done.
            self._run()

    def _run(self) -> None:
        # Of several threads only one does the work; nobody ever gives the claim back.
        if not self._claim.acquire(blocking=False):
            return
        try:
            self._value.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            self._error = error
        finally:
            self._over = True
            self._done.release()

    def _wait_out(self) -> None:
        waits = True
        while waits:
            try:
                if not self._claim.locked():
                    # The interruption struck before the thread was there.
                    self._start()
                while not self._over and (left := self._deadline - time.monotonic()) > 0:
                    self._done.acquire(timeout=min(left, _GLANCE))
                waits = False
            except BaseException:  # noqa: BLE001 - one interruption is raised already; the budget bounds the rest
                waits = time.monotonic() < self._deadline
