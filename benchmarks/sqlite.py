"""Retries recorded in an SQLite file, against the bare module, and against eventsourcing's recorder."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path

from sqlalchemy import create_engine, event

from benchmarks.harness import AnyContestant, AsyncContestant, Contestant, Group, Role, Setting, Work
from benchmarks.ours import acceptor, recording, shared, shared_async, terms, url_of
from benchmarks.peers.eventsourced import on_sqlite
from benchmarks.spoken import Said, spoken
from benchmarks.stock import Claimed, Stock, open_stock
from benchmarks.writers import ES
from inbox_lifecycle import prepare_sqlite
from inbox_lifecycle.drivers.sync import Database, SyncDriver
from inbox_lifecycle.facade.assembly import open_database
from inbox_lifecycle.flow import once
from inbox_lifecycle.lifecycle.record import commit_of
from inbox_lifecycle.store.engine import BUSY_TIMEOUT
from inbox_lifecycle.store.statements import CommitWarmup

LEVELS = (1, 8)
_BEFORE = 2_000
_FEW = 20
_TERMS = terms()

OURS = "inbox-lifecycle"
OURS_ASYNC = "inbox-lifecycle, async"
STATEMENT = "inbox-lifecycle, its statement"
RAW = "sqlite3, same transaction"


# As the library sets its connections up.
_PRAGMAS = ("journal_mode = wal", "foreign_keys = on", "secure_delete = on")


@contextmanager
def open_contestants(setting: Setting) -> Iterator[list[AnyContestant]]:
    """Each on a file of its own."""
    files = [setting.sqlite() for _ in range(4)]
    with ExitStack() as exits:
        stocks = [exits.enter_context(open_stock(file)) for file in files]
        application = exits.enter_context(on_sqlite(setting.sqlite(migrated=False)))
        record = exits.enter_context(recording(files[0]))
        contestants: list[AnyContestant] = [
            Contestant(name=OURS, role=Role.OURS, stock=stocks[0].claimed, worker=shared(record)),
            AsyncContestant(name=OURS_ASYNC, role=Role.OURS, stock=stocks[1].claimed, worker=shared_async(files[1])),
            Contestant(
                name=STATEMENT,
                role=Role.OURS,
                stock=lambda count: [_commit(claimed) for claimed in stocks[3].claimed(count)],
                worker=shared(_statement_work(open_database(url_of(files[3]), None), exits)),
            ),
            Contestant(name=RAW, role=Role.LIMIT, stock=_raw_stock(files[2], stocks[2]), worker=_raw_worker(files[2])),
            Contestant(name=ES, role=Role.PEER, stock=application.make, worker=shared(application.retry_in_memory)),
        ]
        for contestant in contestants:
            contestant.stock(_FEW if setting.smoke else _BEFORE)
        yield contestants


@contextmanager
def open_less_durable(setting: Setting) -> Iterator[list[AnyContestant]]:
    """On the engine of a host that has set its connections to NORMAL."""
    raw, ours = setting.sqlite(), setting.sqlite()
    with ExitStack() as exits:
        raw_stock, our_stock = (exits.enter_context(open_stock(file)) for file in (raw, ours))
        engine = prepare_sqlite(create_engine(url_of(ours)))
        event.listen(engine, "connect", lambda connection, _record: connection.execute("pragma synchronous = normal"))
        exits.callback(engine.dispose)
        contestants: list[AnyContestant] = [
            Contestant(
                name=STATEMENT,
                role=Role.OURS,
                stock=lambda count: [_commit(claimed) for claimed in our_stock.claimed(count)],
                worker=shared(_statement_work(open_database(engine, None), exits)),
            ),
            Contestant(
                name=RAW, role=Role.LIMIT, stock=_raw_stock(raw, raw_stock), worker=_raw_worker(raw, durable="normal")
            ),
        ]
        for contestant in contestants:
            contestant.stock(_FEW if setting.smoke else _BEFORE)
        yield contestants


def _commit(claimed: Claimed) -> CommitWarmup:
    return commit_of(_TERMS, claimed.seen, acceptor(claimed))


def _statement_work(database: Database, exits: ExitStack) -> Work:
    driver = SyncDriver(database, None)
    exits.callback(driver.close)
    return lambda statement: driver.run(once(statement))


def _raw_stock(path: Path, stock: Stock) -> Callable[[int], Sequence[Said]]:
    """Inboxes with open attempts, and what records them, in the words that the library says to the driver."""
    said = spoken(path)
    return lambda count: [said(_commit(claimed)) for claimed in stock.claimed(count)]


def _raw_worker(path: Path, durable: str = "full") -> Callable[[], AbstractContextManager[Work]]:
    @contextmanager
    def worker() -> Iterator[Work]:
        with (
            closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)) as connection,
            closing(connection.cursor()) as cursor,
        ):
            for pragma in (*_PRAGMAS, f"synchronous = {durable}"):
                cursor.execute(f"pragma {pragma}")

            def work(said: Said) -> None:
                cursor.execute("begin immediate")
                for text, values in said:
                    cursor.execute(text, values)
                row = cursor.fetchone()
                cursor.execute("commit")
                if row is None:
                    raise RuntimeError("the transaction missed: what was measured is not the work")

            yield work

    return worker


GROUPS: tuple[Group, ...] = (
    Group(
        name="sqlite",
        work="One accepted retry made durable in a file (WAL, synchronous FULL), each on an inbox of its own.",
        open=open_contestants,
        base=RAW,
        levels=LEVELS,
        budget=24.0,
        remarks=(
            f"{STATEMENT}: what the driver alone adds to the same transaction, its event made and encoded before.",
            f"{OURS}: the event made, encoded and hashed too, as in a call whose provider has accepted.",
            "Steps that wait for their turn go along in the transaction of the first one, each with its own answer.",
            f"{RAW}: the very words and parameters that the library says, on a kept connection and cursor.",
            f"{ES}: one event of an aggregate in memory: no row, no swap, no attempt, no guard.",
        ),
    ),
    Group(
        name="sqlite, less durable",
        work="The same in one thread with synchronous NORMAL: safe in a crash of the process, not of the machine.",
        open=open_less_durable,
        base=RAW,
        levels=(1,),
        budget=4.0,
        remarks=("No wait for the disk hides what Python costs around the transaction.",),
    ),
)
