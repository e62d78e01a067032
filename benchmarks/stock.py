"""Inboxes for benchmarks of single calls: as calls would have left them, made quickly and outside the measured time.

The history of each is legal: registered, then warmups that were started and failed in turn. On PostgreSQL they are
loaded by COPY and past the guards, which only a superuser can; on SQLite under the guards.
"""

from __future__ import annotations

import itertools
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql

from benchmarks.making import COLUMNS, event_row
from inbox_lifecycle.canonical import time_text
from inbox_lifecycle.codec import EncodedEvent, address_commitment, encode_event
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import (
    Acceptance,
    AttemptId,
    AttemptKind,
    Inbox,
    InboxEvent,
    InboxId,
    InboxRegistered,
    Move,
    Pair,
    Recorder,
    Status,
    Trigger,
    WarmupFailed,
    WarmupStarted,
    WarmupState,
    WarmupStatus,
)
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.store.rows import Seen

OWNER = "the owner"
PROVIDER = "instantly"
#: What is recorded beside each event.
CONTEXT = Context(owner_id=OWNER)

PENDING = Pair(Status.PENDING, WarmupStatus.NOT_STARTED)
WARMING = Pair(Status.WARMING, WarmupStatus.WARMING)
#: What the gate decides about a stuck inbox.
RETRY = Move(Trigger.RETRY_WARMUP, PENDING, WARMING)
_REGISTER = Move(Trigger.REGISTER, None, PENDING)
_FAIL = Move(Trigger.FAIL_WARMUP, WARMING, PENDING)

_DOMAIN = "mail.example.com"
#: How long an attempt is its caller's alone.
_LEASE = timedelta(hours=1)
_NUMBERS = itertools.count()

_ATTEMPT_COLUMNS = (
    "inbox_id", "id", "kind", "seen_version", "seen_status", "seen_warmup_status", "opened_at", "lease_until",
    "to_disable", "owner_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Claimed:
    """A stuck inbox as a call saw it at the gate, and the attempt that the call has open."""

    seen: Seen
    attempt_id: AttemptId


@dataclass(frozen=True, slots=True)
class _Made:
    """An inbox with its events."""

    seen: Seen
    address_key: bytes
    events: list[EncodedEvent]


class Stock:
    """Makes inboxes in a database; for one thread at a time."""

    def __init__(self, loader: _Loader) -> None:
        self._loader = loader
        self._domain_id = new_id(datetime.now(UTC))
        loader.load("email_domains", [(self._domain_id, OWNER, _DOMAIN, "pending", datetime.now(UTC))])
        loader.commit()

    def inboxes(self, count: int, *, events: int = 1) -> list[Seen]:
        """So many inboxes, each with so many events: stuck if that is an odd number, warming if not."""
        return [made.seen for made in self._load(count, events)]

    def claimed(self, count: int, *, events: int = 1) -> list[Claimed]:
        """So many stuck inboxes, each with an attempt under way."""
        now = datetime.now(UTC)
        claimed = [Claimed(made.seen, AttemptId(new_id(now))) for made in self._load(count, events, commit=False)]
        self._loader.load("inbox_attempts", [_attempt_row(one, now) for one in claimed])
        self._loader.commit()
        return claimed

    def _load(self, count: int, events: int, *, commit: bool = True) -> list[_Made]:
        made = [_make(self._domain_id, events) for _ in range(count)]
        for version in range(events):
            rows = [one.events[version] for one in made]
            self._loader.load("inbox_events", [event_row(event) for event in rows])
            if version == 0:
                self._loader.load("inboxes", [self._loader.inbox_row(one) for one in made])
            self._loader.load("inbox_feed_queue", [(event.inbox_id, event.version, event.hash) for event in rows])
        if commit:
            self._loader.commit()
        return made


class _Loader(Protocol):
    def load(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None: ...
    def inbox_row(self, made: _Made) -> tuple[Any, ...]: ...
    def commit(self) -> None: ...


class _Postgresql:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        connection.execute("set session_replication_role = replica")
        connection.execute("set search_path = inbox_lifecycle")

    def load(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        columns = sql.SQL(", ").join(map(sql.Identifier, _columns(table)))
        statement = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(table), columns)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def inbox_row(self, made: _Made) -> tuple[Any, ...]:
        return _inbox_row(made, made.events[-1])

    def commit(self) -> None:
        self._connection.commit()


class _Sqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("pragma foreign_keys = on")

    def load(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        columns = _columns(table)
        marks = ", ".join("?" for _ in columns)
        self._connection.executemany(
            f"insert into {table} ({', '.join(columns)}) values ({marks})",  # noqa: S608 - constants
            [[time_text(value) if isinstance(value, datetime) else value for value in row] for row in rows],
        )

    def inbox_row(self, made: _Made) -> tuple[Any, ...]:
        # Later events move the row themselves.
        return _inbox_row(made, made.events[0])

    def commit(self) -> None:
        self._connection.commit()


@contextmanager
def open_stock(database: str | Path) -> Iterator[Stock]:
    """Stock in a migrated database: the URL of a PostgreSQL, as its superuser, or an SQLite file."""
    if isinstance(database, Path):
        with closing(sqlite3.connect(database, check_same_thread=False)) as file:
            yield Stock(_Sqlite(file))
        return
    with psycopg.connect(database) as connection:
        yield Stock(_Postgresql(connection))


def analyze(url: str) -> None:
    """Have the planner's statistics made, and what COPY left tidied up, as autovacuum would in a minute."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("vacuum analyze")


def _columns(table: str) -> Sequence[str]:
    if table == "inbox_attempts":
        return _ATTEMPT_COLUMNS
    if table == "email_domains":
        return ("id", "owner_id", "domain", "status", "created_at")
    return COLUMNS[table]


def _make(domain_id: str, events: int) -> _Made:
    born, key = datetime.now(UTC) - timedelta(hours=events), secrets.token_bytes(32)
    inbox_id, address = new_id(born), f"box{next(_NUMBERS)}@{_DOMAIN}"
    made: list[EncodedEvent] = []
    for number, (event, move) in enumerate(_story(address_commitment(key, address), events)):
        at = born + timedelta(hours=number)
        made.append(
            encode_event(
                event,
                move,
                event_id=new_id(at),
                inbox_id=inbox_id,
                version=number + 1,
                previous=made[-1].hash if made else None,
                recorded_at=at,
                context=CONTEXT,
            )
        )
    last = made[-1]
    inbox = Inbox(
        id=InboxId(inbox_id),
        owner_id=OWNER,
        email_address=address,
        email_domain=_DOMAIN,
        email_domain_id=domain_id,
        email_domain_status="pending",
        provider=PROVIDER,
        provider_ref=None,
        status=last.reached.status,
        warmup_status=last.reached.warmup_status,
        version=last.version,
        created_at=born,
        updated_at=last.recorded_at,
        erased_at=None,
    )
    return _Made(Seen(inbox, last.hash, None), key, made)


def _story(commitment: str, events: int) -> Iterator[tuple[InboxEvent, Move]]:
    yield InboxRegistered(provider=PROVIDER, address_commitment=commitment), _REGISTER
    for number in range(events - 1):
        if number % 2:
            yield WarmupFailed(provider_says=WarmupState.NOT_WARMING.value), _FAIL
        else:
            yield (
                WarmupStarted(
                    attempt_id=new_id(datetime.now(UTC)),
                    kind=AttemptKind.RETRY,
                    acceptance=Acceptance.ENABLED,
                    job_id="job",
                    recorder=Recorder.CALL,
                ),
                RETRY,
            )


def _inbox_row(made: _Made, at: EncodedEvent) -> tuple[Any, ...]:
    inbox = made.seen.inbox
    return (
        inbox.id, OWNER, inbox.email_domain_id, inbox.email_address, made.address_key, PROVIDER, None,
        at.reached.status.value, at.reached.warmup_status.value, at.version, at.hash, inbox.created_at, at.recorded_at,
        None,
    )  # fmt: skip


def _attempt_row(claimed: Claimed, now: datetime) -> tuple[Any, ...]:
    inbox = claimed.seen.inbox
    return (
        inbox.id, claimed.attempt_id, "retry", inbox.version, inbox.status.value, inbox.warmup_status.value, now,
        now + _LEASE, False, OWNER,
    )  # fmt: skip
