"""The heart's two statements, against the bare driver: the commit, the commit over a distance, the whole retry."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

import psycopg
from psycopg import sql

from benchmarks.distance import away
from benchmarks.harness import AnyContestant, Contestant, Group, Role, Setting, Work
from benchmarks.ours import AtOnce, acceptor, ids, recording, shared, terms
from benchmarks.spoken import Said, spoken
from benchmarks.stock import CONTEXT, OWNER, Claimed, Stock, analyze, open_stock
from inbox_lifecycle import Inboxes
from inbox_lifecycle.domain import AttemptId, AttemptKind
from inbox_lifecycle.drivers.sync import SyncDriver
from inbox_lifecycle.facade.assembly import open_database
from inbox_lifecycle.flow import Once, once
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.lifecycle.record import commit_of
from inbox_lifecycle.store.session import DEFAULT_SCHEMA
from inbox_lifecycle.store.statements import CommitWarmup, OpenTheAttempt

LEVELS = (1, 8, 32)
#: Inboxes that are there before, so that tables and statistics are nobody's first.
_BEFORE = 5_000
_FEW = 50
#: About as long as an entry of ours.
_EVENT_BYTES = 580
_TERMS = terms()

STATEMENT = "inbox-lifecycle, same statement"
TOGETHER = "inbox-lifecycle, statements together"
RECORDING = "inbox-lifecycle, recording"
RAW = "psycopg, same statement"
UNGUARDED = "psycopg, same statement, no guards"
BY_HAND = "psycopg, four trips by hand"
RETRY = "inbox-lifecycle, retry_warmup"
TWO = "psycopg, its two statements"

_HAND_TABLES = """
create schema if not exists by_hand;
create table if not exists by_hand.inboxes (
    id uuid primary key, owner_id text not null, status text not null default 'pending',
    warmup_status text not null default 'not_started', version integer not null default 1,
    updated_at timestamptz not null default now()
);
create table if not exists by_hand.events (
    id bigint generated always as identity primary key, inbox_id uuid not null, version integer not null,
    data jsonb not null, unique (inbox_id, version)
);
"""
_HAND_SWAP = """
update by_hand.inboxes set status = 'warming', warmup_status = 'warming', version = version + 1, updated_at = now()
where id = %s and owner_id = %s and version = 1 and status = 'pending' and warmup_status = 'not_started'
returning version
"""
_HAND_EVENT = "insert into by_hand.events (inbox_id, version, data) values (%s, 2, %s)"

# Foreign keys first: what they refer to may go only after them.
_GUARDS = """
select 'constraint', t.relname, k.conname from pg_constraint k join pg_class t on t.oid = k.conrelid
where k.connamespace = cast(%s as regnamespace) and k.contype in ('f', 'c')
union all
select 'trigger', t.relname, g.tgname from pg_trigger g join pg_class t on t.oid = g.tgrelid
where t.relnamespace = cast(%s as regnamespace) and not g.tgisinternal
"""


@contextmanager
def open_commit(setting: Setting) -> Iterator[list[AnyContestant]]:
    """All on one server: a guarded database, the same without its guards, and the hand-written one's two tables."""
    url, bare = setting.postgresql(), setting.postgresql()
    _drop_guards(bare)
    with ExitStack() as exits:
        stock, bare_stock = (exits.enter_context(open_stock(place)) for place in (url, bare))
        contestants = _contestants(url, stock, exits)
        contestants.append(
            Contestant(name=UNGUARDED, role=Role.LIMIT, stock=raw_stock(bare, bare_stock), worker=_raw_worker(bare))
        )
        _fill(contestants, setting, url, bare)
        yield contestants


@contextmanager
def open_away(setting: Setting) -> Iterator[list[AnyContestant]]:
    """The same, with a millisecond between client and server."""
    url = setting.postgresql()
    with ExitStack() as exits:
        stock = exits.enter_context(open_stock(url))
        far = exits.enter_context(away(url, setting.folder, milliseconds=1.0))
        contestants = _contestants(url, stock, exits, far=far)
        _fill(contestants, setting, url)
        yield contestants


@contextmanager
def open_retry(setting: Setting) -> Iterator[list[AnyContestant]]:
    """The whole call with a provider that answers at once, and what it says to the database."""
    url = setting.postgresql()
    with ExitStack() as exits:
        stock = exits.enter_context(open_stock(url))
        inboxes = exits.enter_context(Inboxes(url, AtOnce()))
        contestants: list[AnyContestant] = [
            Contestant(
                name=RETRY,
                role=Role.OURS,
                stock=lambda count: ids(stock.inboxes(count)),
                worker=shared(lambda inbox_id: inboxes.retry_warmup(inbox_id, owner_id=OWNER)),
            ),
            Contestant(name=TWO, role=Role.LIMIT, stock=_two_stock(url, stock), worker=_raw_worker(url)),
        ]
        _fill(contestants, setting, url)
        yield contestants


def _contestants(url: str, stock: Stock, exits: ExitStack, far: str | None = None) -> list[AnyContestant]:
    there = far or url
    return [
        Contestant(name=STATEMENT, role=Role.OURS, stock=_statement_stock(stock), worker=shared(_alone(there, exits))),
        Contestant(
            name=TOGETHER, role=Role.OURS, stock=_statement_stock(stock), worker=shared(_together(there, exits))
        ),
        Contestant(
            name=RECORDING,
            role=Role.OURS,
            stock=stock.claimed,
            worker=shared(exits.enter_context(recording(there))),
        ),
        Contestant(name=RAW, role=Role.LIMIT, stock=raw_stock(url, stock), worker=_raw_worker(there)),
        Contestant(name=BY_HAND, role=Role.LIMIT, stock=_hand_stock(url), worker=_hand_worker(there)),
    ]


def _fill(contestants: Sequence[AnyContestant], setting: Setting, *urls: str) -> None:
    for contestant in contestants:
        contestant.stock(_FEW if setting.smoke else _BEFORE)
    for url in urls:
        analyze(url)


def _commit(claimed: Claimed) -> CommitWarmup:
    return commit_of(_TERMS, claimed.seen, acceptor(claimed))


def _statement_stock(stock: Stock) -> Callable[[int], Sequence[CommitWarmup]]:
    return lambda count: [_commit(claimed) for claimed in stock.claimed(count)]


def _alone(url: str, exits: ExitStack) -> Work:
    """As a call does that nobody else is beside: a statement of its own."""
    database = open_database(url, None)
    exits.callback(database.close)
    return lambda statement: database.perform_alone(Once(statement))


def _together(url: str, exits: ExitStack) -> Work:
    """As calls do that come at the same time: those that would wait share a statement."""
    driver = SyncDriver(open_database(url, None), None)
    exits.callback(driver.close)
    return lambda statement: driver.run(once(statement))


def raw_stock(url: str, stock: Stock) -> Callable[[int], Sequence[Said]]:
    """Inboxes with open attempts, and what records them, in the words that the library says to the driver."""
    said = spoken(url)
    return lambda count: [said(_commit(claimed)) for claimed in stock.claimed(count)]


def _two_stock(url: str, stock: Stock) -> Callable[[int], Sequence[Said]]:
    said = spoken(url)

    def make(count: int) -> list[Said]:
        made = []
        for seen in stock.inboxes(count):
            now = _TERMS.clock()
            claimed = Claimed(seen, AttemptId(new_id(now)))
            opening = OpenTheAttempt(
                inbox_id=seen.inbox.id,
                owner_id=OWNER,
                attempt_id=claimed.attempt_id,
                kind=AttemptKind.RETRY,
                now=now,
                lease=_TERMS.call_budget,
                context=CONTEXT,
            )
            made.append([*said(opening), *said(_commit(claimed))])
        return made

    return make


def _raw_worker(url: str) -> Callable[[], AbstractContextManager[Work]]:
    """One connection in each thread, and one cursor that is kept."""

    @contextmanager
    def worker() -> Iterator[Work]:
        with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:

            def work(statements: Said) -> None:
                for text, values in statements:
                    cursor.execute(text, values)
                    expect(cursor.fetchone())

            yield work

    return worker


def _hand_stock(url: str) -> Callable[[int], Sequence[tuple[str, str]]]:
    """Rows of the hand-written tables, and the event that each is to get."""
    with psycopg.connect(url) as connection:
        connection.execute(_HAND_TABLES)
    event = json.dumps({"name": "inbox.warmup_started", "filler": "x" * _EVENT_BYTES})

    def make(count: int) -> list[tuple[str, str]]:
        ids = [new_id(_TERMS.clock()) for _ in range(count)]
        with (
            psycopg.connect(url) as connection,
            connection.cursor() as cursor,
            cursor.copy("copy by_hand.inboxes (id, owner_id) from stdin") as copy,
        ):
            for inbox_id in ids:
                copy.write_row((inbox_id, OWNER))
        return [(inbox_id, event) for inbox_id in ids]

    return make


def _hand_worker(url: str) -> Callable[[], AbstractContextManager[Work]]:
    @contextmanager
    def worker() -> Iterator[Work]:
        with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:

            def work(item: tuple[str, str]) -> None:
                inbox_id, event = item
                with connection.transaction():
                    cursor.execute(_HAND_SWAP, (inbox_id, OWNER))
                    expect(cursor.fetchone())
                    cursor.execute(_HAND_EVENT, (inbox_id, event))

            yield work

    return worker


def expect(row: object) -> None:
    """Fail where the statement missed."""
    if row is None:
        raise RuntimeError("the statement missed: what was measured is not the work")


def _drop_guards(url: str) -> None:
    """Leave tables, keys and indexes; take away triggers, foreign keys and checks."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(_GUARDS, (DEFAULT_SCHEMA, DEFAULT_SCHEMA)).fetchall()
        for kind, table, name in rows:
            connection.execute(
                sql.SQL(
                    "alter table {} drop constraint {}" if kind == "constraint" else "drop trigger {1} on {0}"
                ).format(sql.Identifier(DEFAULT_SCHEMA, table), sql.Identifier(name))
            )


GROUPS = (
    Group(
        name="commit",
        work="One accepted retry made durable (fsync, synchronous_commit on), each on an inbox of its own.",
        open=open_commit,
        base=RAW,
        levels=LEVELS,
        budget=55.0,
        remarks=(
            f"{STATEMENT}: it is ready; what is measured is the driver and what it makes of the answer.",
            f"{TOGETHER}: as calls do; from three at once on, those that would wait share another statement.",
            f"{RECORDING}: the same, with the event made, encoded and hashed, as once the provider has accepted.",
            f"{RAW}: the very words and parameters that the library says, on a kept connection and cursor.",
            f"{UNGUARDED}: on the same tables and indexes without triggers, foreign keys and checks.",
            f"{BY_HAND}: BEGIN, UPDATE (version compared), INSERT, COMMIT on two plain tables, and nothing else.",
        ),
    ),
    Group(
        name="commit, 1 ms away",
        work="The same with one millisecond more in each round trip.",
        open=open_away,
        base=BY_HAND,
        levels=(1, 8),
        budget=16.0,
    ),
    Group(
        name="retry",
        work="The whole of retry_warmup with a provider that answers at once: load, own, gate, record.",
        open=open_retry,
        base=TWO,
        levels=(1, 8),
        budget=10.0,
        remarks=(f"{TWO}: the words that the call says to the database, on a kept connection and cursor.",),
    ),
)
