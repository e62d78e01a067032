"""A thousand inboxes moved, or born, at once: against single calls, and against the bare drivers.

Each measurement gets inboxes of its own, made outside the measured time. Nobody vacuums or analyses the tables of the
group that says so, as if they had just been loaded.
"""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.harness import Measured, Role, Setting, Stage, WholeGroup
from benchmarks.making import COLUMNS, event_row
from benchmarks.ours import acceptor, recording, terms, url_of
from benchmarks.spoken import Said, spoken
from benchmarks.stock import OWNER, PROVIDER, Claimed, Stock, analyze, open_stock
from inbox_lifecycle import Inboxes, NewInbox
from inbox_lifecycle.drivers.sync import SyncDriver
from inbox_lifecycle.facade.assembly import open_database
from inbox_lifecycle.lifecycle.bulk_recording import Accepted, record_all
from inbox_lifecycle.lifecycle.record import commit_of
from inbox_lifecycle.store.bulk import CommitWarmups
from inbox_lifecycle.store.session import DEFAULT_SCHEMA

#: Inboxes at once, and one after the other.
MANY, SINGLES = 1_000, 200
_FEW = 10
#: Inboxes that are there before, and runs of everything, so that tables and plans are nobody's first.
_BEFORE = 5_000
_WARM = 6
_TERMS = terms()
_NUMBERS = itertools.count()

TOGETHER = "inbox-lifecycle, 1,000 at once"
HUNDREDS = "inbox-lifecycle, 100 at once"
ALONE = "inbox-lifecycle, one by one"
RAW = "psycopg, same statement"
COPY = "psycopg, COPY of the events"
RAW_SQLITE = "sqlite3, same transaction"

REGISTER_MANY = "inbox-lifecycle, register_many"
REGISTER = "inbox-lifecycle, register"

# As the library sets its connections up.
_PRAGMAS = ("journal_mode = wal", "synchronous = full", "foreign_keys = on", "secure_delete = on")

#: Does the work on so many items of stock.
_Work = Callable[[Sequence[Any]], object]
_Make = Callable[[int], Sequence[Any]]


@contextmanager
def open_sqlite_moves(setting: Setting) -> Iterator[list[Stage]]:
    """All on one file."""
    path = setting.sqlite()
    with ExitStack() as exits:
        stock = exits.enter_context(open_stock(path))
        said = _spoken(path)
        contenders = [
            *_recorders(path, stock, exits),
            _Contender(
                name=RAW_SQLITE,
                role=Role.LIMIT,
                make=lambda count: said(stock.claimed(count)),
                work=exits.enter_context(_raw_sqlite(path)),
            ),
        ]
        stock.claimed(_few(_BEFORE, setting))
        yield [one.stage(setting) for one in contenders]


@contextmanager
def open_moves(setting: Setting, *, analyzed: bool) -> Iterator[list[Stage]]:
    """All on one database, which knows the size of its tables or not."""
    url = setting.postgresql()
    with ExitStack() as exits:
        if not analyzed:
            _leave_unknown(url)
        stock = exits.enter_context(open_stock(url))
        connection = exits.enter_context(psycopg.connect(url, autocommit=True))
        said = _spoken(url)
        contenders = [
            *_recorders(url, stock, exits),
            _Contender(
                name=RAW,
                role=Role.LIMIT,
                make=lambda count: said(stock.claimed(count)),
                work=_raw(connection),
            ),
            _Contender(name=COPY, role=Role.LIMIT, make=_events(stock), work=_copy(exits, url)),
        ]
        stock.claimed(_few(_BEFORE, setting))
        if analyzed:
            analyze(url)
        yield [one.stage(setting) for one in contenders]


def _recorders(database: str | Path, stock: Stock, exits: ExitStack) -> list[_Contender]:
    driver = SyncDriver(open_database(url_of(database), None), None)
    exits.callback(driver.close)
    one = exits.enter_context(recording(database))

    def together(items: Sequence[Any]) -> None:
        accepted = [Accepted(claimed.seen, acceptor(claimed)) for claimed in items]
        _expect(set(driver.run(record_all(_TERMS, accepted)).values()) == {"moved"})

    def in_hundreds(items: Sequence[Any]) -> None:
        for start in range(0, len(items), 100):
            together(items[start : start + 100])

    def alone(items: Sequence[Any]) -> None:
        for claimed in items:
            one(claimed)

    return [
        _Contender(name=TOGETHER, make=stock.claimed, work=together),
        _Contender(name=HUNDREDS, make=stock.claimed, work=in_hundreds),
        _Contender(name=ALONE, make=stock.claimed, work=alone, count=SINGLES),
    ]


@contextmanager
def open_births(setting: Setting, *, kind: str) -> Iterator[list[Stage]]:
    """Both by one facade on one database."""

    def make(count: int) -> list[NewInbox]:
        # Ten of a domain.
        numbers = [next(_NUMBERS) for _ in range(count)]
        return [
            NewInbox(email_address=f"box{number}@d{number // 10}.example.com", provider=PROVIDER) for number in numbers
        ]

    with Inboxes(url_of(setting.sqlite()) if kind == "sqlite" else setting.postgresql()) as inboxes:

        def together(rows: Sequence[Any]) -> None:
            _expect(set(inboxes.register_many(rows, owner_id=OWNER).outcomes) == {"born"})

        def alone(rows: Sequence[Any]) -> None:
            for row in rows:
                inboxes.register(email_address=row.email_address, provider=row.provider, owner_id=OWNER)

        many = _Contender(name=REGISTER_MANY, make=make, work=together)
        yield [many.stage(setting), _Contender(name=REGISTER, make=make, work=alone, count=SINGLES).stage(setting)]


@dataclass(frozen=True, kw_only=True)
class _Contender:
    """One that moves, or bears, so many at a time."""

    name: str
    role: Role = Role.OURS
    make: _Make
    work: _Work
    count: int = MANY

    def stage(self, setting: Setting) -> Stage:
        """Measures it; it has been warmed up, with few at a time."""
        for _ in range(1 if setting.smoke else _WARM):
            self.work(self.make(_FEW))

        def measure() -> Measured:
            count = _few(self.count, setting)
            items = self.make(count)
            cpu, began = time.process_time(), time.perf_counter()
            self.work(items)
            return Measured(units=count, seconds=time.perf_counter() - began, cpu=time.process_time() - cpu)

        return Stage(name=self.name, role=self.role, measure=measure)


def _few(count: int, setting: Setting) -> int:
    return _FEW if setting.smoke else count


def _statement(claimed: Sequence[Claimed]) -> CommitWarmups:
    commits = tuple(commit_of(_TERMS, one.seen, acceptor(one)) for one in claimed)
    return CommitWarmups(commits=commits, patience=_TERMS.recording_budget)


def _spoken(database: str | Path) -> Callable[[Sequence[Claimed]], Said]:
    said = spoken(database, rowcount=MANY)
    return lambda claimed: said(_statement(claimed))


def _raw(connection: psycopg.Connection[Any]) -> _Work:
    def work(items: Sequence[Any]) -> None:
        ((text, values),) = items
        _expect(len(connection.execute(text, values).fetchall()) > 0)

    return work


def _events(stock: Stock) -> _Make:
    """The rows of the events by which so many inboxes would be moved."""
    return lambda count: [event_row(one.event) for one in _statement(stock.claimed(count)).commits]


def _copy(exits: ExitStack, url: str) -> _Work:
    """Appends rows past all triggers and foreign keys, as only a superuser can."""
    connection = exits.enter_context(psycopg.connect(url, autocommit=True))
    connection.execute("set session_replication_role = replica")
    statement = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(DEFAULT_SCHEMA, "inbox_events"),
        sql.SQL(", ").join(map(sql.Identifier, COLUMNS["inbox_events"])),
    )

    def work(rows: Sequence[Any]) -> None:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    return work


@contextmanager
def _raw_sqlite(path: Path) -> Iterator[_Work]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in _PRAGMAS:
            connection.execute(f"pragma {pragma}")

        def work(items: Sequence[Any]) -> None:
            connection.execute("begin immediate")
            for text, values in items:
                connection.executemany(text, values)
            connection.execute("commit")

        yield work


def _leave_unknown(url: str) -> None:
    with psycopg.connect(url) as connection:
        for table in (*COLUMNS, "inbox_attempts"):
            connection.execute(
                sql.SQL("alter table {} set (autovacuum_enabled = false)").format(sql.Identifier(DEFAULT_SCHEMA, table))
            )


def _expect(held: bool) -> None:  # noqa: FBT001 - what is expected is its whole point
    if not held:
        raise RuntimeError("the statement missed: what was measured is not the work")


_REMARKS = (
    f"{TOGETHER}, {HUNDREDS}: the driver and the flow by which `retry_many` records, events made and hashed too.",
    f"{ALONE}: those by which `retry_warmup` records.",
)
_RAW_REMARKS = (
    f"{RAW}: the very words and parameters that the library says for a thousand, encoded outside the measured time.",
    f"{COPY}: the limit of appending: no row moves, no attempt closes, nothing is queued, and no guard looks.",
)

GROUPS = (
    WholeGroup(
        name="bulk",
        work="Accepted retries made durable, guards and all, each on an inbox of its own (fsync on).",
        unit="inboxes",
        open=partial(open_moves, analyzed=True),
        base=ALONE,
        budget=12.0,
        remarks=(*_REMARKS, *_RAW_REMARKS),
    ),
    WholeGroup(
        name="bulk, never analysed",
        work="The same on tables of which the planner has no statistics.",
        unit="inboxes",
        open=partial(open_moves, analyzed=False),
        base=ALONE,
        budget=12.0,
        remarks=(*_REMARKS, *_RAW_REMARKS),
    ),
    WholeGroup(
        name="bulk, SQLite",
        work="The same in a file (WAL, synchronous FULL).",
        unit="inboxes",
        open=open_sqlite_moves,
        base=ALONE,
        budget=5.0,
        remarks=(*_REMARKS, f"{RAW_SQLITE}: the library's own words for a thousand, told to the bare module."),
    ),
    WholeGroup(
        name="births",
        work="New inboxes put on record, checked, encoded and durable (fsync on), ten of a domain.",
        unit="inboxes",
        open=partial(open_births, kind="postgresql"),
        base=REGISTER,
        budget=8.0,
    ),
    WholeGroup(
        name="births, SQLite",
        work="The same in a file (WAL, synchronous FULL).",
        unit="inboxes",
        open=partial(open_births, kind="sqlite"),
        base=REGISTER,
        budget=5.0,
    ),
)
