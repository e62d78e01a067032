"""What a benchmark is made of: groups of contestants that do the same work, side by side in one run.

A group compares work done over and over (`Group`: commits, commands) or whole measurements (`WholeGroup`: replaying a
history, importing a package). One module holds a group or several, in a tuple `GROUPS`, and is listed in `groups.py`:

    @contextmanager
    def open_contestants(setting: Setting) -> Iterator[list[AnyContestant]]:
        url = setting.postgresql()

        @contextmanager
        def worker() -> Iterator[Callable[[Any], object]]:
            with psycopg.connect(url, autocommit=True) as connection:
                yield lambda number: connection.execute("select %s", (number,))

        yield [Contestant(name="raw psycopg", role=Role.LIMIT, stock=range_of, worker=worker)]

    GROUPS = (
        Group(name="select", work="echo a number", open=open_contestants, base="raw psycopg", levels=(1, 8), budget=9),
    )

What the runner does with that (`running.py`): in each repeat every contestant has one slice at every level, all in
random order, after a warm-up. Threads, loops and connections stay open across repeats. Stock is made outside the
measured time. How many operations a slice has is found in the warm-up, so that all slices take about as long and the
group stays within its budget. Ratios are taken inside one repeat, and their median is the figure.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

#: One operation on one item of stock; what it returns is dropped, what it raises ends the benchmark.
Work = Callable[[Any], object]
#: The same, as a coroutine function.
AsyncWork = Callable[[Any], Awaitable[object]]

#: Interleaved repeats, unless asked for others.
REPEATS = 9


class Role(StrEnum):
    """On whose behalf a contestant runs."""

    #: This library, on a path that its users take.
    OURS = "ours"
    #: Hand-written code on the bare driver that does the same work.
    LIMIT = "limit"
    #: Another library, as a competent user of it would write.
    PEER = "peer"


class Setting(Protocol):
    """Where a group runs; each call of a method makes a new database, removed after the group."""

    @property
    def folder(self) -> Path:
        """An empty folder of the group's own."""

    @property
    def smoke(self) -> bool:
        """Whether only a sign of life is wanted: make stages tiny."""

    def postgresql(self, *, migrated: bool = True) -> str:
        """URL of a new database on the run's one PostgreSQL, over its Unix socket; `migrated` puts our schema in.

        In the pass that counts round trips, the socket is that of a relay in front of it (`relay.py`).
        """

    def sqlite(self, *, migrated: bool = True) -> Path:
        """A new SQLite file."""


def no_stock(count: int) -> Sequence[None]:
    """Stock for work that needs none."""
    return [None] * count


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """Work done by threads."""

    name: str
    role: Role
    #: Entered once in each thread, and left there at the group's end: opens what the thread needs (a connection of its
    #: own) and gives the work, which the thread then does on one item after the other.
    worker: Callable[[], AbstractContextManager[Work]]
    #: So many items of stock, made ahead and outside the measured time; each is worked on once, by any of the threads.
    stock: Callable[[int], Sequence[Any]] = no_stock
    #: Round trips per operation, where the work is not on the setting's PostgreSQL and so cannot be counted.
    trips: float | None = None
    #: Only these of the group's levels, for one that is set up differently for each (its pool as large as the level):
    #: several then share a name. None is all of them.
    levels: Sequence[int] | None = None


@dataclass(frozen=True, kw_only=True)
class AsyncContestant:
    """Work done by tasks of one event loop, whose lag is measured meanwhile."""

    name: str
    role: Role
    #: As with threads, entered once in each task.
    worker: Callable[[], AbstractAsyncContextManager[AsyncWork]]
    stock: Callable[[int], Sequence[Any]] = no_stock
    trips: float | None = None
    levels: Sequence[int] | None = None


AnyContestant = Contestant | AsyncContestant


@dataclass(frozen=True, kw_only=True)
class Group:
    """The same work by several, at several levels of concurrency."""

    name: str
    #: What each operation does, and how durable it is: one sentence that holds for all contestants.
    work: str
    #: Opens the contestants, on a database that they share; called once for the run and once to count round trips.
    open: Callable[[Setting], AbstractContextManager[Sequence[AnyContestant]]]
    #: Name of the contestant that the table's ratios are taken against.
    base: str
    #: Numbers of threads or tasks at once.
    levels: Sequence[int]
    #: Seconds that all slices take together.
    budget: float
    #: Operations in a slice at most, for stock that is dear to make.
    most: int = 20_000
    #: What this group leaves out or favours, for the reader of its table.
    remarks: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one whole measurement gave."""

    #: How much was done, in the group's unit.
    units: float
    seconds: float
    #: The process's peak of memory above what it took before, in MiB.
    peak: float | None = None
    #: Seconds of the process's own CPU time.
    cpu: float | None = None
    #: Whatever else is worth telling or has a goal, by name; the name says the unit.
    facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A whole measurement: called once in each repeat, in a child process if its memory counts (`child.py`)."""

    name: str
    role: Role
    measure: Callable[[], Measured]


@dataclass(frozen=True, kw_only=True)
class WholeGroup:
    """The same whole measurement by several."""

    name: str
    work: str
    #: What is counted, in the plural: "events", "imports".
    unit: str
    open: Callable[[Setting], AbstractContextManager[Sequence[Stage]]]
    base: str
    #: Seconds it takes by and large, for the sum that the program prints beforehand.
    budget: float
    #: Repeats at most, for what takes long; interleaved in random order like all others.
    repeats: int = REPEATS
    remarks: Sequence[str] = ()


AnyGroup = Group | WholeGroup
