"""Retries recorded by several writers at once, against other libraries that record an event."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.harness import AnyContestant, Contestant, Group, Role, Setting
from benchmarks.ours import recording, shared
from benchmarks.peers import by_statemachine, by_transitions
from benchmarks.peers.eventsourced import MailInboxes, on_postgresql
from benchmarks.peers.logged import MailInbox, Store, Trigger, open_store
from benchmarks.stock import analyze, open_stock

LEVELS = (1, 8, 32)
#: Inboxes that are there before, so that tables and statistics are nobody's first.
_BEFORE = 5_000
_FEW = 50

OURS = "inbox-lifecycle"
ES = "eventsourcing"
ES_FUNCTIONS = "eventsourcing, functions"
TRANSITIONS = "transitions + ORM"
STATEMACHINE = "python-statemachine + ORM"


@contextmanager
def open_contestants(setting: Setting) -> Iterator[list[AnyContestant]]:
    """All on one database; peers with a pool for each level, as large as the level."""
    url, before = setting.postgresql(), _FEW if setting.smoke else _BEFORE
    with ExitStack() as exits:
        stock = exits.enter_context(open_stock(url))
        record = exits.enter_context(recording(url))
        contestants: list[AnyContestant] = [
            Contestant(name=OURS, role=Role.OURS, stock=stock.claimed, worker=shared(record))
        ]
        for level in LEVELS:
            default, functions = (
                exits.enter_context(on_postgresql(url, connections=level, functions=functions))
                for functions in (False, True)
            )
            store = exits.enter_context(open_store(url, level))
            contestants += [
                _eventsourced(ES, default, level),
                _eventsourced(ES_FUNCTIONS, functions, level),
                _orm(TRANSITIONS, store, by_transitions.trigger, level),
                _orm(STATEMACHINE, store, by_statemachine.trigger, level),
            ]
        for contestant in contestants[: len(contestants) // len(LEVELS) + 1]:
            contestant.stock(before)
        analyze(url)
        yield contestants


def _eventsourced(name: str, application: MailInboxes, level: int) -> Contestant:
    work = shared(application.retry_in_memory)
    return Contestant(name=name, role=Role.PEER, stock=application.make, worker=work, levels=(level,))


def _orm(name: str, store: Store, trigger: Trigger, level: int) -> Contestant:
    def retry(inbox: MailInbox) -> None:
        store.move_in_memory(inbox, trigger, "retry_warmup")

    return Contestant(name=name, role=Role.PEER, stock=store.make, worker=shared(retry), levels=(level,))


GROUPS = (
    Group(
        name="writers",
        work="An accepted retry recorded and durable (fsync, synchronous_commit on) when the call returns, each on an"
        " inbox of its own that is in memory already.",
        open=open_contestants,
        base=ES,
        levels=LEVELS,
        budget=36.0,
        remarks=(
            f"{OURS}: event, row, attempt, queue row and hash in one statement, under all guards; its attempt is open.",
            f"{ES}: one event of an aggregate in memory, its best case: no row, no swap, no attempt, no guard.",
            f"{ES} locks its table for each save, so that its log keeps its order.",
            f"{ES_FUNCTIONS}: without that lock (POSTGRES_ENABLE_DB_FUNCTIONS), so who tails the log misses events.",
            "+ ORM: the machine decides; row (version compared) and log entry are written in one transaction.",
        ),
    ),
)
