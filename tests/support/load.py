"""Threads and tasks that make calls on a race's inboxes until they are told to stop, whatever breaks meanwhile.

    with Load(url, provider, race, CALM) as load:
        load.hear(20)
        ...break something...
        load.hear(20)
    race.judge(tmp_path)

Half of them go through the sync facade, a thread each, and half through the async one, as tasks of one loop. Of each
half one has little time for recording an acceptance, so that it gives up where another goes on trying.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from inbox_lifecycle import AsyncInboxes, Inboxes, Instantly, StoreUnavailable
from inbox_lifecycle.testing.linear import answer_of
from tests.support.aftermath import eventually
from tests.support.judging import DEFINITE
from tests.support.races import CALM, HASTY, Pace, Race
from tests.support.workload import Answered, Recorder, Workload, note, perform_async

#: Seconds within which an acceptance is to be recorded: more than any outage here lasts, and less than most.
_PATIENT, _HASTY = 10.0, 0.2
#: Seconds before the next call when the database cannot be asked at all.
_BREATH = 0.05


def pace_of(number: int) -> Pace:
    """The pace of one race of many: in one of three, `reconcile` meets live calls."""
    return HASTY if number % 3 == 2 else CALM


class Load:
    """Calls without end."""

    def __init__(self, url: str, provider: Instantly, race: Race, pace: Pace) -> None:
        """Make one, which calls from `with` on.

        Args:
            url: the race's database, as the calls see it.
            provider: the race's.
            race: whose inboxes it calls on.
            pace: which calls, and for how long `reconcile` leaves alone what they leave open.
        """
        self._race = race
        self._url = url
        self._provider = provider
        self._pace = pace
        self._stop = threading.Event()
        self._stack = ExitStack()
        self._running: list[Future[None]] = []

    def __enter__(self) -> Self:
        threads = self._stack.enter_context(ThreadPoolExecutor(3, thread_name_prefix="load"))
        self._running = [threads.submit(self._labour, budget) for budget in (_PATIENT, _HASTY)]
        self._running.append(threads.submit(asyncio.run, self._labour_async()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._stack.close()
        for worker in self._running:
            worker.result()

    def hear(self, count: int) -> None:
        """Wait until so many more calls have had an answer that says for sure what became of them."""
        wanted = self._heard() + count
        eventually(lambda: self._failed() or self._heard() >= wanted)

    def _heard(self) -> int:
        return sum(isinstance(mark, Answered) and mark.answer.outcome in DEFINITE for mark in self._race.marks)

    def _failed(self) -> bool:
        return any(worker.done() for worker in self._running)

    def _labour(self, budget: float) -> None:
        calls, notes = self._begin("thread", budget)
        with Inboxes(self._url, self._provider, call_budget=self._pace.call_budget, recording_budget=budget) as inboxes:
            while not self._stop.is_set():
                result = note(inboxes, next(calls), notes)
                calls.heard(result)
                if isinstance(result, StoreUnavailable):
                    self._stop.wait(_BREATH)

    async def _labour_async(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for budget in (_PATIENT, _HASTY):
                tasks.create_task(self._one_task(budget))

    async def _one_task(self, budget: float) -> None:
        calls, notes = self._begin("task", budget)
        inboxes = AsyncInboxes(self._url, self._provider, call_budget=self._pace.call_budget, recording_budget=budget)
        async with inboxes:
            while not self._stop.is_set():
                call = next(calls)
                notes.called(call)
                result = await perform_async(inboxes, call)
                notes.answered(answer_of(call, result))
                calls.heard(result)
                if isinstance(result, StoreUnavailable):
                    await asyncio.sleep(_BREATH)

    def _begin(self, kind: str, budget: float) -> tuple[Workload, Recorder]:
        name = f"{self._race.name} {'hasty' if budget == _HASTY else 'patient'} {kind}"
        return Workload(name, self._race.ids, mix=self._pace.mix), self._race.recorder(name)
