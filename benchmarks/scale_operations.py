"""What is measured at two sizes: each operation through the public facade, on inboxes from all over the tables."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg

from benchmarks.populating import EVENTS_EACH
from inbox_lifecycle import Inbox, Inboxes
from inbox_lifecycle.audit.notes import Signer
from inbox_lifecycle.domain import InboxId
from inbox_lifecycle.facade import Operator
from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.providers.port import Enabled, Mailbox
from inbox_lifecycle.store.bulk import StuckInboxes
from inbox_lifecycle.store.looks import FIRST_ID, page_mark

#: Items in a page, wherever pages are asked for.
PAGE = 100
#: Events that a measured seal finds waiting.
TAIL = 10

_SAMPLE = """
select i.id, i.owner_id, i.created_at, i.status
from inbox_lifecycle.inboxes i tablesample system (%(percent)s)
where (i.status = 'pending') = %(stuck)s
order by random() limit %(many)s
"""


class Prompt:
    """A provider that says yes at once."""

    name = "instantly"
    budget = 1.0

    def enable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, Enabled]]:
        """Yes to all of them."""
        yield from ()
        return {mailbox.inbox_id: Enabled("job") for mailbox in mailboxes}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How large, how often and how long."""

    events: int
    repeats: int
    #: Seconds of retries and sealing at once; 0 for none.
    churning: float
    #: Processes that load; one is this one.
    processes: int = 2
    #: Seconds until every connection has told PostgreSQL what it has read and written.
    settling: float = 1.1
    #: Inboxes that are asked about again and again, and stuck ones that are retried again and again.
    known: int = 100
    stuck: int = 60
    #: Inboxes that are asked about once, whatever of them may be in memory.
    strangers: int = 1_000
    #: Places in the feed, and in lists, where pages begin.
    places: int = 20


@dataclass(frozen=True, slots=True)
class Known:
    """An inbox to ask about."""

    id: str
    owner_id: str
    born: datetime


@dataclass(slots=True)
class World:
    """A database of one size, and what is asked of it."""

    url: str
    events: int
    signer: Signer
    effort: Effort
    inboxes: Inboxes = field(init=False)
    operator: Operator = field(init=False)
    #: Inboxes that stand still: those that are in memory, and others.
    known: list[Known] = field(init=False)
    strangers: Iterator[Known] = field(init=False)
    stuck: Iterator[Known] = field(init=False)
    positions: list[int] = field(init=False)
    marks: list[str] = field(init=False)
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - chooses inboxes, no secret

    def __post_init__(self) -> None:
        self.inboxes = Inboxes(self.url, Prompt(), signer=self.signer)
        self.operator = self.inboxes.operator(actor="bench")

    def look_around(self) -> None:
        """Choose what is asked about, from everywhere."""
        self.known = self._sample(self.effort.known, stuck=False)
        self.strangers = itertools.cycle(self._sample(self.effort.strangers, stuck=False))
        self.stuck = itertools.cycle(self._sample(self.effort.stuck, stuck=True))
        self.positions = [self.chance.randrange(self.events - PAGE) for _ in range(self.effort.places)]
        self.marks = [page_mark(self.operator.get(one.id)) for one in self.known[: self.effort.places]]

    def anybody(self) -> Known:
        """An inbox that is asked about again and again."""
        return self.chance.choice(self.known)

    def stranger(self) -> Known:
        """An inbox that was not asked about before."""
        return next(self.strangers)

    def retried(self) -> Known:
        """One that was stuck, and is warming now."""
        one = next(self.stuck)
        self.inboxes.retry_warmup(one.id, owner_id=one.owner_id)
        return one

    def put_back(self, one: Known) -> None:
        """Make it stuck again."""
        self.operator.correct(one.id, status="pending", warmup_status="not_started", reason="a benchmark")

    def new_address(self) -> str:
        """One that no inbox has."""
        return f"new-{uuid4().hex}@mail-0.example.com"

    def close(self) -> None:
        """Let go of the connections."""
        self.inboxes.close()

    def _sample(self, many: int, *, stuck: bool) -> list[Known]:
        # One in twenty is stuck; so many pages are drawn that there are enough by a wide margin.
        percent = min(100.0, 100.0 * many * 40 * EVENTS_EACH / self.events)
        with psycopg.connect(self.url, autocommit=True) as connection:
            values = {"percent": percent, "stuck": stuck, "many": many}
            rows = connection.execute(_SAMPLE, values).fetchall()
        return [Known(str(row[0]), row[1], row[2]) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing to measure."""

    name: str
    work: Callable[[World, Any], object]
    #: Made ahead and outside the measured time.
    item: Callable[[World], Any] = World.anybody
    #: Done with the item afterwards, outside the measured time.
    after: Callable[[World, Any], object] = lambda _world, _item: None
    #: Whether the goal speaks of it.
    in_goal: bool = True


def _nothing(_world: World) -> None:
    return None


def _a_tail(world: World) -> None:
    """Events that wait, of the kinds that retries leave."""
    world.operator.seal()
    for _ in range(TAIL // 2):
        world.put_back(world.retried())


def _sealed(world: World) -> None:
    world.operator.seal()


def _stuck_page(world: World, after: str) -> object:
    statement = StuckInboxes(before=datetime.now().astimezone(), owner_id=None, after=InboxId(after), limit=PAGE)
    return world.inboxes._driver.run(again(statement))  # noqa: SLF001 - the page alone: a run would move its inboxes


def _get(world: World, one: Known) -> Inbox:
    return world.inboxes.get(one.id, owner_id=one.owner_id)


def _history(world: World, one: Known) -> object:
    return list(world.inboxes.history(one.id, owner_id=one.owner_id))


def _prove(world: World, one: Known) -> object:
    return world.inboxes.prove(one.id, owner_id=one.owner_id)


def _attempts(world: World, one: Known) -> object:
    return list(world.inboxes.attempts(one.id, owner_id=one.owner_id))


def _of_owner(world: World, one: Known) -> object:
    return world.inboxes.find(owner_id=one.owner_id, status="active", limit=PAGE)


def warm(world: World) -> None:
    """Ask for all that is asked about again and again, once."""
    for one in world.known:
        for work in (_get, _history, _attempts, _prove, _of_owner):
            work(world, one)
    for position in world.positions:
        world.operator.feed(after=position, limit=PAGE)
    for mark in world.marks:
        world.operator.find(status="active", limit=PAGE, after=mark)
    for _ in range(world.effort.stuck):
        world.put_back(world.retried())


def _register(world: World, address: str) -> Inbox:
    return world.inboxes.register(email_address=address, owner_id="owner-0")


OPERATIONS = (
    Operation(name="get", work=_get),
    Operation(
        name="retry_warmup",
        item=lambda world: next(world.stuck),
        work=lambda world, one: world.inboxes.retry_warmup(one.id, owner_id=one.owner_id),
        after=World.put_back,
    ),
    Operation(name="history of one inbox", work=_history),
    Operation(
        name="as_of a time",
        work=lambda world, one: world.inboxes.as_of(one.id, owner_id=one.owner_id, at=one.born + timedelta(minutes=5)),
    ),
    Operation(
        name="as_of a position",
        work=lambda world, one: world.operator.as_of(one.id, position=world.events - 1),
    ),
    Operation(
        name="find by status, first page",
        item=_nothing,
        work=lambda world, _: world.operator.find(status="active", limit=PAGE),
    ),
    Operation(
        name="find by status, a later page",
        item=lambda world: world.chance.choice(world.marks),
        work=lambda world, mark: world.operator.find(status="active", limit=PAGE, after=mark),
    ),
    Operation(name="find of an owner by status", work=_of_owner),
    Operation(
        name="feed page",
        item=lambda world: world.chance.choice(world.positions),
        work=lambda world, position: world.operator.feed(after=position, limit=PAGE),
    ),
    Operation(name="seal of ten events", item=_a_tail, work=lambda world, _: world.operator.seal()),
    Operation(name="seal, nothing waits", item=_sealed, work=lambda world, _: world.operator.seal()),
    Operation(name="proof of one inbox", work=_prove),
    Operation(name="attempts of one inbox", work=_attempts),
    Operation(name="a page of stuck inboxes", item=lambda _: FIRST_ID, work=_stuck_page),
    Operation(name="get of any inbox", work=_get, item=World.stranger, in_goal=False),
    Operation(name="history of any inbox", work=_history, item=World.stranger, in_goal=False),
    Operation(name="proof of any inbox", work=_prove, item=World.stranger, in_goal=False),
    Operation(name="find of any owner by status", work=_of_owner, item=World.stranger, in_goal=False),
    Operation(name="register", item=World.new_address, work=_register, in_goal=False),
    Operation(
        name="find of an operator, unfiltered",
        item=_nothing,
        work=lambda world, _: world.operator.find(limit=PAGE),
        in_goal=False,
    ),
    Operation(
        name="find by domain",
        item=_nothing,
        work=lambda world, _: world.operator.find(domain="mail-1.example.com", limit=PAGE),
        in_goal=False,
    ),
    Operation(
        name="export of an owner, a page",
        work=lambda world, one: list(itertools.islice(world.operator.export("history", owner_id=one.owner_id), 5)),
        in_goal=False,
    ),
    Operation(
        name="checkpoint of ten events", item=_a_tail, work=lambda world, _: world.operator.checkpoint(), in_goal=False
    ),
    Operation(
        name="reconcile, nothing open", item=_nothing, work=lambda world, _: world.operator.reconcile(), in_goal=False
    ),
)
