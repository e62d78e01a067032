"""Those who do a contestant's work: threads, or tasks on an event loop; they and their connections last for a group."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Protocol, Self

from benchmarks.harness import AnyContestant, AsyncContestant, AsyncWork, Contestant, Work

#: Seconds between two looks at how late the event loop is.
_GLANCE = 0.002


@dataclass
class Part:
    """What one worker did in a slice."""

    #: Seconds that each operation took.
    latencies: list[float] = field(default_factory=list)
    #: When each was over.
    ends: list[float] = field(default_factory=list)
    #: When there was nothing left to begin.
    idle_from: float = 0.0

    def note(self, began: float, ended: float) -> None:
        """One more operation."""
        self.latencies.append(ended - began)
        self.ends.append(ended)


@dataclass
class Slice:
    """One contestant's part in a repeat."""

    began: float
    #: Seconds of this process's CPU time.
    cpu: float
    parts: list[Part]
    #: Seconds that the event loop was late, look by look.
    lags: list[float] = field(default_factory=list)

    @property
    def latencies(self) -> list[float]:
        """Seconds that each operation took."""
        return [took for part in self.parts for took in part.latencies]

    @property
    def rate(self) -> float:
        """Operations a second while there was work for everybody; those then under way count half.

        Whoever is last must not count as if all had been working: one whom a lock starves would hide what others did.
        """
        idle_from = min(part.idle_from for part in self.parts)
        ends = [end for part in self.parts for end in part.ends]
        done = sum(end <= idle_from for end in ends)
        return (done + (len(ends) - done) / 2) / (idle_from - self.began)


class Crew(Protocol):
    """Does slices of a contestant's work."""

    def run(self, items: Sequence[Any], level: int) -> Slice:
        """Work on all items, so many at once."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what the workers opened."""


def crew_of(contestant: AnyContestant) -> Crew:
    """A crew for a contestant of either kind."""
    return Tasks(contestant) if isinstance(contestant, AsyncContestant) else Threads(contestant)


Items = deque[Any]


class Threads:
    """Threads that wait for slices; a lower level takes the first few of them."""

    def __init__(self, contestant: Contestant) -> None:
        self._contestant = contestant
        self._orders: list[SimpleQueue[Items | None]] = []
        self._threads: list[threading.Thread] = []
        self._done: SimpleQueue[Part | BaseException] = SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for orders in self._orders:
            orders.put(None)
        for thread in self._threads:
            thread.join()

    def run(self, items: Sequence[Any], level: int) -> Slice:
        """Work on all items in so many threads; an error in one of them is raised once all have ended."""
        while len(self._threads) < level:
            self._hire()
        shared = deque(items)
        cpu, began = time.process_time(), time.perf_counter()
        for orders in self._orders[:level]:
            orders.put(shared)
        given = [self._done.get() for _ in range(level)]
        spent = time.process_time() - cpu
        for part in given:
            if isinstance(part, BaseException):
                raise part
        return Slice(began, spent, [part for part in given if isinstance(part, Part)])

    def _hire(self) -> None:
        orders: SimpleQueue[Items | None] = SimpleQueue()
        thread = threading.Thread(target=self._serve, args=(orders,), name=self._contestant.name, daemon=True)
        self._orders.append(orders)
        self._threads.append(thread)
        thread.start()

    def _serve(self, orders: SimpleQueue[Items | None]) -> None:
        try:
            with self._contestant.worker() as work:
                while (items := orders.get()) is not None:
                    self._done.put(_work_off(work, items))
        except BaseException as error:  # noqa: BLE001 - raised again where the slice is waited for
            self._done.put(error)


def _work_off(work: Work, items: Items) -> Part:
    part, clock = Part(), time.perf_counter
    while True:
        try:
            item = items.popleft()
        except IndexError:
            part.idle_from = clock()
            return part
        began = clock()
        work(item)
        part.note(began, clock())


class Tasks:
    """Tasks on an event loop of their own."""

    def __init__(self, contestant: AsyncContestant) -> None:
        self._contestant = contestant
        self._runner = asyncio.Runner()
        self._exits = AsyncExitStack()
        self._workers: list[AsyncWork] = []

    def __enter__(self) -> Self:
        self._runner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._runner.run(self._exits.aclose())
        finally:
            self._runner.__exit__(kind, error, trace)

    def run(self, items: Sequence[Any], level: int) -> Slice:
        """Work on all items in so many tasks."""
        return self._runner.run(self._run(deque(items), level))

    async def _run(self, items: Items, level: int) -> Slice:
        while len(self._workers) < level:
            self._workers.append(await self._exits.enter_async_context(self._contestant.worker()))
        lags: list[float] = []
        watch = asyncio.ensure_future(_watch(lags))
        try:
            cpu, began = time.process_time(), time.perf_counter()
            parts = await asyncio.gather(*[_work_off_async(work, items) for work in self._workers[:level]])
            spent = time.process_time() - cpu
        finally:
            watch.cancel()
        return Slice(began, spent, parts, lags)


async def _work_off_async(work: AsyncWork, items: Items) -> Part:
    part, clock = Part(), time.perf_counter
    while items:
        item = items.popleft()
        began = clock()
        await work(item)
        part.note(began, clock())
    part.idle_from = clock()
    return part


async def _watch(lags: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(_GLANCE)
        lags.append(time.perf_counter() - began - _GLANCE)
