"""Retries recorded in an SQLite file, against the bare module, and against eventsourcing's recorder."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy.engine.interfaces import DBAPICursor

from benchmarks.harness import AnyContestant, AsyncContestant, Contestant, Group, Role, Setting, Work
from benchmarks.ours import acceptor, recording, shared, shared_async, terms, url_of
from benchmarks.peers.eventsourced import on_sqlite
from benchmarks.stock import Claimed, Stock, open_stock
from benchmarks.writers import ES
from inbox_lifecycle.lifecycle.record import commit_of
from inbox_lifecycle.store.engine import BUSY_TIMEOUT, make_engine
from inbox_lifecycle.store.session import Session, backend_for

LEVELS = (1, 8)
_BEFORE = 2_000
_FEW = 20
_TERMS = terms()

OURS = "inbox-lifecycle"
OURS_ASYNC = "inbox-lifecycle, async"
RAW = "sqlite3, same transaction"

#: Texts and parameters, as the driver is given them.
Said = list[tuple[str, Any]]

# As the library sets its connections up.
_PRAGMAS = ("journal_mode = wal", "synchronous = full", "foreign_keys = on", "secure_delete = on")


@contextmanager
def open_contestants(setting: Setting) -> Iterator[list[AnyContestant]]:
    """Each on a file of its own."""
    files = [setting.sqlite() for _ in range(3)]
    with ExitStack() as exits:
        stocks = [exits.enter_context(open_stock(file)) for file in files]
        application = exits.enter_context(on_sqlite(setting.sqlite(migrated=False)))
        record = exits.enter_context(recording(files[0]))
        contestants: list[AnyContestant] = [
            Contestant(name=OURS, role=Role.OURS, stock=stocks[0].claimed, worker=shared(record)),
            AsyncContestant(name=OURS_ASYNC, role=Role.OURS, stock=stocks[1].claimed, worker=shared_async(files[1])),
            Contestant(name=RAW, role=Role.LIMIT, stock=_raw_stock(files[2], stocks[2]), worker=_raw_worker(files[2])),
            Contestant(name=ES, role=Role.PEER, stock=application.make, worker=shared(application.retry_in_memory)),
        ]
        for contestant in contestants:
            contestant.stock(_FEW if setting.smoke else _BEFORE)
        yield contestants


class _Notes:
    """Stands for a cursor that finds everything, and only notes what it is told to execute."""

    rowcount = 1

    def __init__(self) -> None:
        self.said: Said = []

    def execute(self, text: str, values: Any) -> None:
        """Note it."""
        self.said.append((text, values))

    def fetchone(self) -> None:
        """Nothing was executed."""


def _raw_stock(path: Path, stock: Stock) -> Callable[[int], Sequence[Said]]:
    """Inboxes with open attempts, and what records them, in the words that the library says to the driver."""
    backend = backend_for(make_engine(url_of(path)).dialect)

    def said(claimed: Claimed) -> Said:
        notes = _Notes()
        commit_of(_TERMS, claimed.seen, acceptor(claimed)).run(Session(cast("DBAPICursor", notes), backend))
        return notes.said

    return lambda count: [said(claimed) for claimed in stock.claimed(count)]


def _raw_worker(path: Path) -> Callable[[], AbstractContextManager[Work]]:
    @contextmanager
    def worker() -> Iterator[Work]:
        with (
            closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)) as connection,
            closing(connection.cursor()) as cursor,
        ):
            for pragma in _PRAGMAS:
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


GROUPS = (
    Group(
        name="sqlite",
        work="One accepted retry made durable in a file (WAL, synchronous FULL), each on an inbox of its own.",
        open=open_contestants,
        base=RAW,
        levels=LEVELS,
        budget=20.0,
        remarks=(
            f"{RAW}: the very words and parameters that the library says, on a kept connection and cursor.",
            f"{ES}: one event of an aggregate in memory: no row, no swap, no attempt, no guard.",
        ),
    ),
)
