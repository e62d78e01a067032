"""A tailing race: writers whose transactions end in any order, sealers that lag, and readers who never look back.

Writers append to a few hot inboxes and to ever new ones. Most do so within a host's transaction that has written to
another table first, and so has its transaction id early; that waits before it appends and again before it ends; and
that is rolled back now and then. A reader advances its cursor by what it was given and asks for more, page by page.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random
from typing import Any

import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from inbox_lifecycle import Inboxes, InboxLifecycleError, StoreUnavailable
from inbox_lifecycle.records import FedEvent
from tests.support.aftermath import background
from tests.support.databases import TestDatabase
from tests.support.faces import Face
from tests.support.feeding import OWNER, inversions, led, places
from tests.support.hosts import host_engine
from tests.support.racing import PATIENCE

#: Inboxes that everybody writes to.
HOT = 8
#: Threads that write.
WRITERS = 6
#: Seconds that a host's transaction waits before it appends and before it ends, at most.
WAIT = 0.05
#: Events of a page.
PAGE = 7

_PAIRS = (("active", "active"), ("warming", "warming"), ("pending", "not_started"), ("banned", "banned"))


#: What goes on until it is over.
Work = Callable[[threading.Event], None]


@dataclass(frozen=True)
class Sealer:
    """One that seals now and then."""

    #: Events at most, each time.
    limit: int
    #: Seconds between two times.
    lag: float


#: One that comes seldom and takes all there is; one that falls behind; and some that compete for small bites.
RARE = (Sealer(1000, 0.15),)
BEHIND = (Sealer(5, 0.1),)
COMPETING = (Sealer(5, 0.03), Sealer(5, 0.02), Sealer(1000, 0.3))


class Writer:
    """Writes until it is told to stop; in any process."""

    def __init__(self, engine: Engine, hot: Sequence[str], seed: str, *, wait: float = WAIT) -> None:
        self._engine = engine
        self._wait = wait
        self._inboxes = Inboxes(engine)
        self._hot = hot
        self._random = Random(seed)
        self._names = (f"{seed}-{number}" for number in count())

    def write(self, over: threading.Event) -> None:
        """Write on."""
        while not over.is_set():
            # What a host does again: PostgreSQL ends one of two that wait for each other, and SQLite's lock may not
            # come free in time. Of a call, that another was faster, or that the inbox stands there already.
            with suppress(psycopg.errors.DeadlockDetected, OperationalError, InboxLifecycleError):
                if self._random.random() < 0.7:
                    self._within(over)
                else:
                    self._append(self._inboxes, self._random.choice(self._hot))
            # On SQLite whoever has waited gets its turn only in a pause.
            self._pause(over)

    def _within(self, over: threading.Event) -> None:
        with self._engine.connect() as connection:
            connection.execute(text("insert into host_orders values (1)"))
            self._pause(over)
            for inbox_id in sorted(self._random.choices(self._hot, k=self._random.choice((1, 1, 2)))):
                with suppress(InboxLifecycleError):
                    self._append(self._inboxes.within(connection), inbox_id)
            self._pause(over)
            # The others are rolled back.
            if self._random.random() < 0.9:
                connection.commit()

    def _append(self, inboxes: Inboxes, hot: str) -> None:
        if self._random.random() < 0.25:
            address = f"{next(self._names)}@mail.example.com"
            inboxes.register(email_address=address, owner_id=OWNER, provider="instantly")
            return
        status, warmup_status = self._random.choice(_PAIRS)
        inboxes.operator(actor="writer").correct(hot, status=status, warmup_status=warmup_status, reason="traffic")

    def _pause(self, over: threading.Event) -> None:
        over.wait(self._random.random() * self._wait)


class Tail:
    """A reader that advances its cursor."""

    def __init__(self, read: Callable[[Any], tuple[list[Any], Any]]) -> None:
        """Begin before the first event.

        Args:
            read: a page after a cursor, and the cursor after that page; None is the cursor before the first event.
        """
        self.seen: list[Any] = []
        self._read = read
        self._cursor: Any = None

    def follow(self, over: threading.Event) -> None:
        """Read on until it is over."""
        while not over.is_set():
            if not self.read_on():
                over.wait(0.002)

    def drain(self) -> None:
        """Read all there is."""
        while self.read_on():
            pass

    def read_on(self) -> int:
        """Read a page; how much there was."""
        page, self._cursor = self._read(self._cursor)
        self.seen += page
        return len(page)


@dataclass
class Race:
    """Traffic on one database, and the readers of its feed."""

    database: TestDatabase
    hot: Sequence[str]
    #: Reads what others have sealed.
    reader: Tail
    #: Readers of something else, which follow the same traffic.
    others: list[Tail] = field(default_factory=list)
    _rounds: Iterator[int] = field(default_factory=count)

    def run(self, seconds: float, sealers: Sequence[Sealer], eager: Sequence[Tail] = ()) -> None:
        """Let everybody loose, stop them, and let the readers read to the end.

        Args:
            seconds: how long they write.
            sealers: who seals.
            eager: further readers, who seal before each page.
        """
        over, number = threading.Event(), next(self._rounds)
        with host_engine(self.database, pool_size=2 * WRITERS + 4) as engine, Inboxes(engine) as inboxes:
            works: list[Work] = [
                *(Writer(engine, self.hot, f"w{number}-{each}").write for each in range(WRITERS)),
                *(sealing(inboxes, sealer) for sealer in sealers),
                *(tail.follow for tail in (self.reader, *self.others, *eager)),
            ]
            at_work = [background(partial(work, over)) for work in works]
            over.wait(seconds)
            over.set()
            for one in at_work:
                one.result(PATIENCE)
            while inboxes.operator(actor="sealer").seal().unsealed:
                pass
        for tail in (self.reader, *self.others, *eager):
            tail.drain()

    def complaints(self, tail: Tail) -> Iterator[str]:
        """What is wrong with what a reader of the feed was given in all."""
        given: list[FedEvent] = tail.seen
        positions = [fed.position for fed in given]
        if positions != list(range(len(given))):
            yield f"tail: positions were skipped or repeated: {len(positions)} given, the last is {positions[-1]}"
        if lost := committed(self.database) - set(places(given)):
            yield f"tail: {len(lost)} events were lost"
        if inverted := inversions(places(given)):
            yield f"tail: {len(inverted)} events came out of order"
        leaves = self.database.execute("select leaf_hash from {s}inbox_feed order by position")
        if [bytes(leaf) for (leaf,) in leaves] != [fed.event.hash for fed in given]:
            yield "tail: the leaves are in another order"


def committed(database: TestDatabase) -> set[tuple[str, int]]:
    """Every event there is."""
    return {
        (str(inbox_id), version)
        for inbox_id, version in database.execute("select inbox_id, version from {s}inbox_events")
    }


@contextmanager
def race(database: TestDatabase) -> Iterator[Race]:
    """Hot inboxes, and a reader that seals nothing."""
    database.execute("create table host_orders (number integer)")
    with Inboxes(database.url) as inboxes, Inboxes(read_only(database)) as looking:
        hot = [led(Face(inboxes), f"hot{number}").id for number in range(HOT)]
        yield Race(database, hot, feed_tail(looking))


def feed_tail(inboxes: Inboxes) -> Tail:
    """A reader of the feed."""
    operator = inboxes.operator(actor="reader")

    def read(after: int | None) -> tuple[list[FedEvent], int | None]:
        page = operator.feed(after=after, limit=PAGE)
        return list(page.items), page.next_after

    return Tail(read)


def draw_early(database: TestDatabase, cache: int) -> None:
    """Have each connection to PostgreSQL draw so many of the queue's numbers at a time.

    More than one is wrong, and turns their order around as nothing else does. The feed's order must not rest on them.
    """
    database.execute(f"alter table {{s}}inbox_feed_queue alter column seq set cache {cache}")


def read_only(database: TestDatabase) -> str:
    """The URL of the database for somebody who can change nothing."""
    if database.kind == "sqlite":
        return f"sqlite:///file:{database.path}?mode=ro&uri=true"
    return f"{database.url}&options=-c%20default_transaction_read_only%3Don"


def sealing(inboxes: Inboxes, sealer: Sealer) -> Work:
    """The work of one that seals."""
    operator = inboxes.operator(actor="sealer")

    def seal(over: threading.Event) -> None:
        while not over.wait(sealer.lag):
            # There is a next time.
            with suppress(StoreUnavailable):
                operator.seal(limit=sealer.limit)

    return seal
