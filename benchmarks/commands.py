"""Whole commands, from the public call to its return: load, decide, save."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.harness import AnyContestant, Contestant, Group, Role, Setting
from benchmarks.ours import AtOnce, ids, shared, url_of
from benchmarks.peers import by_statemachine, by_transitions
from benchmarks.peers.eventsourced import MailInboxes, on_postgresql, on_sqlite
from benchmarks.peers.logged import Store, Trigger, open_store
from benchmarks.stock import OWNER, Stock, analyze, open_stock
from benchmarks.writers import ES, ES_FUNCTIONS, STATEMACHINE, TRANSITIONS
from inbox_lifecycle import Inboxes

LEVELS = (1, 8)
#: Events that an inbox has already; one less for a retry, as every other one is stuck.
EVENTS = 10
_BEFORE = 2_000
_FEW = 20
#: Inboxes with a history are dear to make.
_MOST = 2_000

BAN = "inbox-lifecycle, ban"
RETRY = "inbox-lifecycle, retry_warmup"


@contextmanager
def open_on_postgresql(setting: Setting) -> Iterator[list[AnyContestant]]:
    """All on one database; peers with a pool for each level, as large as the level."""
    url = setting.postgresql()
    with ExitStack() as exits:
        contestants = _ours(url, exits)
        for level in LEVELS:
            default, functions = (
                exits.enter_context(on_postgresql(url, connections=level, functions=functions))
                for functions in (False, True)
            )
            store = exits.enter_context(open_store(url, level))
            contestants += [
                _eventsourced(ES, default, (level,)),
                _eventsourced(ES_FUNCTIONS, functions, (level,)),
                _orm(TRANSITIONS, store, by_transitions.trigger, level),
                _orm(STATEMACHINE, store, by_statemachine.trigger, level),
            ]
        for stock in {contestant.name: contestant.stock for contestant in contestants}.values():
            stock(_FEW if setting.smoke else _BEFORE)
        analyze(url)
        yield contestants


@contextmanager
def open_on_sqlite(setting: Setting) -> Iterator[list[AnyContestant]]:
    """Each library on a file of its own."""
    with ExitStack() as exits:
        application = exits.enter_context(on_sqlite(setting.sqlite(migrated=False)))
        yield [*_ours(setting.sqlite(), exits), _eventsourced(ES, application, LEVELS)]


def _ours(database: str | Path, exits: ExitStack) -> list[AnyContestant]:
    stock = exits.enter_context(open_stock(database))
    inboxes = exits.enter_context(Inboxes(url_of(database), AtOnce()))
    operator = inboxes.operator(actor="olga")
    return [
        Contestant(
            name=BAN,
            role=Role.OURS,
            stock=_inboxes(stock, EVENTS),
            worker=shared(lambda inbox_id: operator.ban(inbox_id, reason="a benchmark")),
        ),
        Contestant(
            name=RETRY,
            role=Role.OURS,
            stock=_inboxes(stock, EVENTS - 1),
            worker=shared(lambda inbox_id: inboxes.retry_warmup(inbox_id, owner_id=OWNER)),
        ),
    ]


def _inboxes(stock: Stock, events: int) -> Callable[[int], Sequence[Any]]:
    return lambda count: ids(stock.inboxes(count, events=events))


def _eventsourced(name: str, application: MailInboxes, levels: Sequence[int]) -> Contestant:
    def stock(count: int) -> list[Any]:
        return [inbox.id for inbox in application.make(count, events=EVENTS)]

    return Contestant(name=name, role=Role.PEER, stock=stock, worker=shared(application.ban), levels=levels)


def _orm(name: str, store: Store, trigger: Trigger, level: int) -> Contestant:
    def stock(count: int) -> list[Any]:
        return [inbox.id for inbox in store.make(count)]

    work = shared(lambda inbox_id: store.move(inbox_id, trigger, "ban"))
    return Contestant(name=name, role=Role.PEER, stock=stock, worker=work, levels=(level,))


_REMARKS = (
    f"{BAN}: reads the row, decides, and commits event, row, queue row and hash under all guards.",
    f"{RETRY}: commits an attempt before it asks its provider, which answers at once, and the retry after that.",
    f"{ES}: replays the inbox's {EVENTS} events, decides, and saves one event (ban).",
)

GROUPS = (
    Group(
        name="commands",
        work="An inbox loaded, a command on it decided, and what it moved made durable (fsync, synchronous_commit on).",
        open=open_on_postgresql,
        base=ES,
        levels=LEVELS,
        budget=22.0,
        most=_MOST,
        remarks=(*_REMARKS, "+ ORM: loads the row, decides, and writes row and log entry in one transaction (ban)."),
    ),
    Group(
        name="commands on SQLite",
        work="The same in a file of its own (WAL, synchronous FULL).",
        open=open_on_sqlite,
        base=ES,
        levels=LEVELS,
        budget=9.0,
        most=_MOST,
        remarks=_REMARKS,
    ),
)
