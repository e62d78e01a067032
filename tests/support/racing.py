"""Calls that really run at once, and answers of the provider that are held until the test lets them go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from inbox_lifecycle import Inbox, InboxLifecycleError
from inbox_lifecycle.testing import Operation, Sandbox, SandboxRequest

A = TypeVar("A")
T = TypeVar("T")

#: Seconds after which something that should have happened never will.
PATIENCE = 60.0

Answer = Any


def together(calls: Sequence[Callable[[], T]]) -> list[T | InboxLifecycleError]:
    """Start all calls at the same moment, each in a thread of its own: what each returned or raised, in order."""
    line = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T | InboxLifecycleError:
        line.wait(PATIENCE)
        try:
            return call()
        except InboxLifecycleError as error:
            return error

    with ThreadPoolExecutor(len(calls), thread_name_prefix="racer") as threads:
        started = [threads.submit(run, call) for call in calls]
        return [future.result(PATIENCE) for future in started]


def each(call: Callable[[A], T], arguments: Iterable[A]) -> list[Callable[[], T]]:
    """One call for each argument."""
    return [partial(call, argument) for argument in arguments]


def winners(answers: Sequence[Answer]) -> list[Inbox]:
    """The calls that succeeded."""
    return [answer for answer in answers if isinstance(answer, Inbox)]


def losers(answers: Sequence[Answer]) -> list[InboxLifecycleError]:
    """The calls that did not."""
    return [answer for answer in answers if isinstance(answer, InboxLifecycleError)]


class Crowd:
    """Holds every enable until so many have come: then each of them has passed the gate, and none has recorded.

    Other calls can be let loose at the same moment: they `join` first, and count.
    """

    def __init__(self, sandbox: Sandbox, count: int, *, email: str | None = None) -> None:
        self._line = threading.Barrier(count)
        self._email = email
        sandbox.before_answer(self._hold)

    def join(self) -> None:
        """Wait until all are there."""
        self._line.wait(PATIENCE)

    def _hold(self, request: SandboxRequest) -> None:
        if request.operation is Operation.ENABLE and self._email in (None, *request.emails):
            self.join()


class Straggler:
    """Holds the answer to the first enable, and to no other, until it is released."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._mutex = threading.Lock()
        self._taken = False
        self._arrived = threading.Event()
        self._released = threading.Event()
        sandbox.before_answer(self._hold)

    def wait(self) -> None:
        """Wait until there is one."""
        assert self._arrived.wait(PATIENCE), "no enable arrived"

    def release(self) -> None:
        """Let it go."""
        self._released.set()

    def _hold(self, request: SandboxRequest) -> None:
        if request.operation is Operation.ENABLE and self._is_first():
            self._arrived.set()
            assert self._released.wait(PATIENCE), "the straggler was never released"

    def _is_first(self) -> bool:
        with self._mutex:
            first, self._taken = not self._taken, True
            return first
