"""A legal history, made in bulk: encoded event by event as the library does it, and loaded past the guards.

A million events one call at a time would take half an hour. What is loaded is what calls would have written, which
`verify` finds out, guards and all, as soon as it is there.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from inbox_lifecycle.canonical import time_text
from inbox_lifecycle.codec import EncodedEvent, address_commitment, encode_event
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import (
    Acceptance,
    AttemptKind,
    InboxBanned,
    InboxEvent,
    InboxGraduated,
    InboxRegistered,
    Move,
    Pair,
    Recorder,
    Status,
    Trigger,
    WarmupStarted,
    WarmupStatus,
)
from inbox_lifecycle.ids import new_id

#: Inboxes per round of loading.
ROUND = 5_000

_PENDING = Pair(Status.PENDING, WarmupStatus.NOT_STARTED)
_WARMING = Pair(Status.WARMING, WarmupStatus.WARMING)
_ACTIVE = Pair(Status.ACTIVE, WarmupStatus.ACTIVE)
_BANNED = Pair(Status.BANNED, WarmupStatus.BANNED)

#: Columns that are loaded, by table.
COLUMNS = {
    "inbox_events": (
        "inbox_id", "version", "event_id", "name", "schema", "from_status", "from_warmup_status", "status",
        "warmup_status", "recorded_at", "entry", "hash", "previous_hash", "owner_id", "actor", "reason",
        "correlation_id", "causation_id", "idempotency_key", "context_key",
    ),
    "inboxes": (
        "id", "owner_id", "email_domain_id", "email_address", "address_key", "provider", "provider_ref", "status",
        "warmup_status", "version", "head_hash", "created_at", "updated_at", "erased_at",
    ),
    "inbox_feed_queue": ("inbox_id", "version", "hash"),
}  # fmt: skip

_OWNER = "the owner"
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Made:
    """Rows of one round, by table; times are datetimes."""

    events: list[EncodedEvent]
    inboxes: list[tuple[Any, ...]]


def rounds(inboxes: int, domain_id: str) -> Iterator[Made]:
    """Four events an inbox: registered, warming, active, banned."""
    for first in range(0, inboxes, ROUND):
        made = Made([], [])
        for number in range(first, min(first + ROUND, inboxes)):
            _add(made, number, domain_id)
        yield made


def _add(made: Made, number: int, domain_id: str) -> None:
    at = _BEGIN + timedelta(seconds=number)
    inbox_id, key, address = new_id(at), secrets.token_bytes(32), f"inbox-{number}@mail.example.com"
    story: Sequence[tuple[InboxEvent, Move]] = (
        (
            InboxRegistered(provider="instantly", address_commitment=address_commitment(key, address)),
            Move(Trigger.REGISTER, None, _PENDING),
        ),
        (
            WarmupStarted(
                attempt_id=new_id(at),
                kind=AttemptKind.RETRY,
                acceptance=Acceptance.ENABLED,
                job_id="job",
                recorder=Recorder.CALL,
            ),
            Move(Trigger.RETRY_WARMUP, _PENDING, _WARMING),
        ),
        (InboxGraduated(reputation=95, total_sent=400), Move(Trigger.GRADUATE, _WARMING, _ACTIVE)),
        (InboxBanned(), Move(Trigger.BAN, _ACTIVE, _BANNED)),
    )
    previous: bytes | None = None
    recorded_at = at
    for version, (event, move) in enumerate(story, 1):
        recorded_at = at + timedelta(hours=version - 1)
        encoded = encode_event(
            event,
            move,
            event_id=new_id(recorded_at),
            inbox_id=inbox_id,
            version=version,
            previous=previous,
            recorded_at=recorded_at,
            context=Context(owner_id=_OWNER, actor="olga", reason="a benchmark"),
        )
        previous = encoded.hash
        made.events.append(encoded)
    made.inboxes.append(
        (
            inbox_id, _OWNER, domain_id, address, key, "instantly", None, _BANNED.status.value,
            _BANNED.warmup_status.value, len(story), previous, at, recorded_at, None,
        )
    )  # fmt: skip


def event_row(event: EncodedEvent) -> tuple[Any, ...]:
    """An event as a row of `inbox_events`; its time is a datetime."""
    return (
        event.inbox_id, event.version, event.event_id, event.name, event.schema,
        event.left.status.value if event.left else None, event.left.warmup_status.value if event.left else None,
        event.reached.status.value, event.reached.warmup_status.value, event.recorded_at, event.entry, event.hash,
        event.previous, event.context.owner_id, event.context.actor, event.context.reason, None, None, None,
        event.context_key,
    )  # fmt: skip


def _tables(made: Made) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    yield "inbox_events", [event_row(event) for event in made.events]
    yield "inboxes", made.inboxes
    # As calls of many callers would have come: the inboxes' events mixed, each inbox's in order.
    queue = sorted(made.events, key=lambda event: event.recorded_at)
    yield "inbox_feed_queue", [(event.inbox_id, event.version, event.hash) for event in queue]


def load_sqlite(path: str, inboxes: int) -> None:
    """Load a migrated file."""
    domain_id = new_id(_BEGIN)
    with sqlite3.connect(path, isolation_level=None) as connection:
        triggers = connection.execute("select name, sql from sqlite_schema where type = 'trigger'").fetchall()
        connection.execute("begin")
        for name, _ in triggers:
            connection.execute(f"drop trigger {name}")
        connection.execute(
            "insert into email_domains values (?, ?, 'mail.example.com', 'pending', ?)",
            (domain_id, _OWNER, time_text(_BEGIN)),
        )
        for made in rounds(inboxes, domain_id):
            for table, rows in _tables(made):
                marks = ", ".join("?" for _ in COLUMNS[table])
                connection.executemany(
                    f"insert into {table} ({', '.join(COLUMNS[table])}) values ({marks})",  # noqa: S608 - constants
                    [[time_text(value) if isinstance(value, datetime) else value for value in row] for row in rows],
                )
        for _, statement in triggers:
            connection.execute(statement)
        connection.execute("commit")


def load_postgresql(url: str, inboxes: int) -> None:
    """Load a migrated database, as a superuser."""
    domain_id = new_id(_BEGIN)
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("set session_replication_role = replica")
        cursor.execute("set search_path = inbox_lifecycle")
        cursor.execute(
            "insert into email_domains values (%s, %s, 'mail.example.com', 'pending', %s)", (domain_id, _OWNER, _BEGIN)
        )
        for made in rounds(inboxes, domain_id):
            for table, rows in _tables(made):
                columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS[table]))
                with cursor.copy(sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(table), columns)) as copy:
                    for row in rows:
                        copy.write_row(row)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("analyze")
