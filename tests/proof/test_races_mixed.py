"""Real races of all commands on a few hot inboxes: what everybody heard is what a one-at-a-time run would have said.

Threads on one facade, tasks on one loop, and processes with threads of their own, on PostgreSQL and on an SQLite file.
The provider refuses, answers late or not at all, and stops warmups by itself meanwhile; in one race of three, leases
are over before the provider has answered, so that `reconcile` meets live calls.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from subprocess import Popen

import pytest

from inbox_lifecycle import AsyncInboxes, Inboxes, Instantly
from inbox_lifecycle.testing import Sandbox
from inbox_lifecycle.testing.linear import Operation
from tests.fix_scale import Scale
from tests.support.databases import TestDatabase
from tests.support.judging import assert_recorded
from tests.support.races import CALM, HASTY, Pace, Race, outcomes
from tests.support.workload import Workload, at_once, read_records, work, work_async
from tests.support.workload_worker import Order, begin, finish, go, worker

#: Threads, or tasks, on one facade.
CROWD = 8
#: Processes, and the threads of each.
PROCESSES = 3
THREADS = 3


class Course:
    """Where races are run, one after another."""

    def __init__(
        self, database: TestDatabase, sandbox: Sandbox, folder: Path, scale: Scale, tally: Callable[..., None]
    ) -> None:
        self.database = database
        self.sandbox = sandbox
        self.folder = folder
        self.heard: Counter[str] = Counter()
        #: Calls in a race, about: those of the settling come on top.
        self.calls = scale.of(48, 500)
        self._races = scale.of(2, 15)
        self._full = scale.full
        self._tally = tally

    def paces(self) -> Iterator[Pace]:
        """A race's pace, one for each race there is to run."""
        return islice(cycle((CALM, HASTY, CALM)), self._races)

    def race(self) -> Race:
        """Hot inboxes for the next one."""
        return Race(self.database, self.sandbox, name=f"race after {self.heard.total()} calls", calls=self.calls)

    def judge(self, race: Race, heard: list[Operation] | None = None) -> None:
        """Judge one that is over."""
        history = race.judge(self.folder, heard)
        assert_recorded(self.database, history)
        self.heard += outcomes(history)

    def close(self) -> None:
        """Count, and demand that it was worthwhile: in full size, callers heard everything there is to hear."""
        self._tally(operations=self.heard.total())
        assert {"moved", "seen", "settled", "refused"} <= self.heard.keys()
        if self._full:
            assert {"conflict", "key_reused", "not_accepted", "indeterminate"} <= self.heard.keys()


@pytest.fixture
def course(
    database: TestDatabase, provider_sandbox: Sandbox, tmp_path: Path, scale: Scale, tally: Callable[..., None]
) -> Course:
    """The races of one test."""
    return Course(database, provider_sandbox, tmp_path, scale, tally)


@pytest.fixture(scope="module")
def processes() -> Iterator[list[Popen[str]]]:
    """Processes that take orders; on a small machine their start takes longer than a race."""
    with ExitStack() as stack:
        yield [stack.enter_context(worker()) for _ in range(PROCESSES)]


def test_threads_at_once_hear_what_a_one_at_a_time_run_says(course: Course, provider: Instantly) -> None:
    """Eight threads on one facade."""
    for pace in course.paces():
        race = course.race()
        with Inboxes(course.database.url, provider, call_budget=pace.call_budget) as inboxes:
            at_once([partial(_thread, inboxes, race, pace, number, course.calls // CROWD) for number in range(CROWD)])
        course.judge(race)
    course.close()


def test_tasks_at_once_hear_what_a_one_at_a_time_run_says(course: Course, provider: Instantly) -> None:
    """Eight tasks on one loop and one facade."""
    for pace in course.paces():
        race = course.race()
        asyncio.run(_tasks(course, race, pace, provider))
        course.judge(race)
    course.close()


def test_processes_at_once_hear_what_a_one_at_a_time_run_says(course: Course, processes: list[Popen[str]]) -> None:
    """Three processes with three threads each; each process notes down what it hears."""
    for pace in course.paces():
        race = course.race()
        orders = [_order(course, race, pace, number) for number in range(PROCESSES)]
        course.judge(race, _heard(processes, orders))
    course.close()


def _thread(inboxes: Inboxes, race: Race, pace: Pace, number: int, count: int) -> None:
    calls = Workload(f"{race.name} {number}", race.ids, mix=pace.mix)
    work(inboxes, calls, race.recorder(f"thread {number}"), count)


async def _tasks(course: Course, race: Race, pace: Pace, provider: Instantly) -> None:
    inboxes = AsyncInboxes(course.database.url, provider, call_budget=pace.call_budget)
    async with inboxes, asyncio.TaskGroup() as tasks:
        for number in range(CROWD):
            calls = Workload(f"{race.name} {number}", race.ids, mix=pace.mix)
            tasks.create_task(work_async(inboxes, calls, race.recorder(f"task {number}"), course.calls // CROWD))


def _order(course: Course, race: Race, pace: Pace, number: int) -> Order:
    return Order(
        url=course.database.url,
        base_url=course.sandbox.base_url,
        api_key=course.sandbox.api_key,
        inboxes=race.ids,
        process=f"process {number}",
        seed=f"{race.name} {number}",
        threads=THREADS,
        count=course.calls // (PROCESSES * THREADS),
        mix=dict(pace.mix),
        journal=str(course.folder / f"{race.name} {number}.jsonl"),
        call_budget=pace.call_budget,
    )


def _heard(processes: list[Popen[str]], orders: list[Order]) -> list[Operation]:
    """What the processes noted down when they had done their orders."""
    for process, order in zip(processes, orders, strict=True):
        begin(process, order)
    for process in processes:
        go(process)
    for process in processes:
        finish(process)
    return [operation for order in orders for operation in read_records(order.journal)]
