"""A small honest history, and raw SQL against it: what a forger with a connection can try."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from inbox_lifecycle import Inbox, Inboxes, Pair, Status, WarmupStatus
from inbox_lifecycle.canonical import time_text
from inbox_lifecycle.codec import encode_event
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import InboxCorrected, InboxErased, InboxEvent, InboxId, Move, Trigger
from inbox_lifecycle.ids import new_id
from tests.support.databases import TestDatabase

#: One statement with parameters written `?` and tables written `{s}table`.
Statement = tuple[str, tuple[object, ...]]
Columns = dict[str, object]

PENDING = Pair(Status.PENDING, WarmupStatus.NOT_STARTED)
WARMING = Pair(Status.WARMING, WarmupStatus.WARMING)
ACTIVE = Pair(Status.ACTIVE, WarmupStatus.ACTIVE)
BANNED = Pair(Status.BANNED, WarmupStatus.BANNED)

TABLES = ("email_domains", "inboxes", "inbox_events", "inbox_attempts", "inbox_feed_queue")

#: The idempotency key beside ana's second event.
KEY = "key of the second event"

#: What a role without the right is refused by, in place of a constraint.
NO_RIGHT = "no right"


class Forgery(Exception):
    """The database took it."""


@dataclass(frozen=True)
class Ground:
    """A database with a history, and the identity that works on it."""

    database: TestDatabase
    #: The forger's own, which may be a role with few rights.
    url: str
    #: SQLite's pragma, which each connection sets for itself.
    foreign_keys: bool
    #: At version 3: registered, corrected to warming, corrected to active.
    ana: Inbox
    #: At version 1, of another owner.
    bea: Inbox

    @property
    def on_sqlite(self) -> bool:
        """Whether this is SQLite."""
        return self.database.kind == "sqlite"

    @property
    def may_only_append(self) -> bool:
        """Whether the identity is a role other than the owner."""
        return self.url != self.database.url

    def head(self, inbox: Inbox) -> bytes:
        """The hash of the inbox's newest event."""
        return self.hash_at(inbox, inbox.version)

    def hash_at(self, inbox: Inbox, version: int) -> bytes:
        """The hash of one of the inbox's events."""
        ((found,),) = self.database.execute(
            "select hash from {s}inbox_events where inbox_id = ? and version = ?", (inbox.id, version)
        )
        return bytes(found)

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table."""
        return {table: sorted(self.database.execute(f"select * from {{s}}{table}"), key=repr) for table in TABLES}  # noqa: S608 - our own tables

    def perform(self, *statements: Statement) -> None:
        """Run the statements in one transaction, as the forger."""
        with self._connect() as connection:
            for sql, parameters in statements:
                text = sql.replace("{s}", self.database.prefix)
                connection.execute(text if self.on_sqlite else text.replace("?", "%s"), parameters)

    def refusal(self, *statements: Statement) -> str:
        """The name of what refused the statements.

        Raises:
            Forgery: nothing did.
        """
        try:
            self.perform(*statements)
        except psycopg.errors.InsufficientPrivilege:
            return NO_RIGHT
        except psycopg.Error as error:
            return error.diag.constraint_name or f"SQLSTATE {error.sqlstate}"
        except sqlite3.Error as error:
            return str(error).removeprefix("CHECK constraint failed: ")
        raise Forgery(statements)

    @contextmanager
    def _connect(self) -> Iterator[Any]:
        connection: Any = sqlite3.connect(self.database.path) if self.on_sqlite else psycopg.connect(self.url)
        try:
            if self.on_sqlite:
                connection.execute(f"pragma foreign_keys = {'on' if self.foreign_keys else 'off'}")
            with connection:
                yield connection
        finally:
            connection.close()


def make_ground(database: TestDatabase, *, url: str | None = None, foreign_keys: bool = True) -> Ground:
    """A small honest history in a migrated database."""
    with Inboxes(database.url) as inboxes:
        ana = inboxes.register(email_address="ana@mail.example.com", owner_id="owner", provider="instantly")
        bea = inboxes.register(email_address="bea@mail.example.com", owner_id="another", provider="instantly")
        operator = inboxes.operator(actor="olga")
        for pair, key in ((WARMING, KEY), (ACTIVE, None)):
            ana = operator.correct(
                ana.id,
                status=pair.status,
                warmup_status=pair.warmup_status,
                reason="why not",
                idempotency_key=key,
            )
    return Ground(database, url or database.url, foreign_keys, ana, bea)


def event_of(
    inbox: Inbox,
    *,
    previous: bytes | None,
    event: InboxEvent | None = None,
    left: Pair | None = None,
    reached: Pair = BANNED,
    version: int | None = None,
    born_as: InboxId | None = None,
) -> Columns:
    """The columns of an event that follows the inbox's newest one, entry and hash made as the library makes them.

    What is said instead stands in the entry too: the lie is whole.
    """
    at = max(datetime.now(UTC), inbox.updated_at)
    encoded = encode_event(
        event or InboxCorrected(),
        Move(Trigger.CORRECT, left or inbox.pair, reached),
        event_id=new_id(at),
        inbox_id=born_as or inbox.id,
        version=version or inbox.version + 1,
        previous=previous,
        recorded_at=at,
        context=Context(actor="mallory"),
    )
    assert encoded.left is not None
    return {
        "inbox_id": encoded.inbox_id,
        "version": encoded.version,
        "event_id": encoded.event_id,
        "name": encoded.name,
        "schema": encoded.schema,
        "from_status": encoded.left.status.value,
        "from_warmup_status": encoded.left.warmup_status.value,
        "status": encoded.reached.status.value,
        "warmup_status": encoded.reached.warmup_status.value,
        "recorded_at": time_text(encoded.recorded_at),
        "entry": encoded.entry,
        "hash": encoded.hash,
        "previous_hash": encoded.previous,
        "actor": "mallory",
        "context_key": encoded.context_key,
    }


def insert(table: str, columns: Mapping[str, object], *, verb: str = "insert") -> Statement:
    """A row put in."""
    names, marks = ", ".join(columns), ", ".join("?" for _ in columns)
    return f"{verb} into {{s}}{table} ({names}) values ({marks})", tuple(columns.values())


def move(ground: Ground, event: Columns, **row: object) -> Statement:
    """An event and the move of its row as legal calls make them; `row` says what the row is set to instead."""
    if ground.on_sqlite:
        return insert("inbox_events", event)
    values = {name: event[name] for name in ("status", "warmup_status", "version")}
    values |= {"head_hash": event["hash"], "updated_at": event["recorded_at"], **row}
    changes = ", ".join(f"{name} = ?" for name in values)
    sql, parameters = insert("inbox_events", event)
    update = f"update {{s}}inboxes set {changes} where id = ? returning id"  # noqa: S608 - written in tests
    return f"with moved as ({update}) {sql}", (*values.values(), event["inbox_id"], *parameters)


def erase(ground: Ground, inbox: Inbox, **also: object) -> tuple[Statement, ...]:
    """What an erasure does: its event, and a row without owner and address; `also` is changed with it."""
    event = event_of(inbox, previous=ground.head(inbox), event=InboxErased(), reached=inbox.pair)
    blank = dict.fromkeys(("owner_id", "email_domain_id", "email_address", "address_key", "provider_ref"))
    values: Columns = {**blank, "erased_at": event["recorded_at"], **also}
    changes = ", ".join(f"{name} = ?" for name in values)
    update = f"update {{s}}inboxes set {changes} where id = ?"  # noqa: S608 - written in tests
    return move(ground, event), (update, (*values.values(), inbox.id))


BLANK_CONTEXT = (
    "update {s}inbox_events set owner_id = null, actor = null, reason = null, correlation_id = null,"
    " causation_id = null, idempotency_key = null, context_key = null"
)


Cheat = Callable[[Ground], tuple[Statement, ...]]


@dataclass(frozen=True)
class Cheats:
    """Cheats by name, each with what refuses it, as parameters of a test."""

    cases: list[Any] = field(default_factory=list)

    def refused_by(self, on_sqlite: str, on_postgresql: str | None = None) -> Callable[[Cheat], Cheat]:
        """Add a cheat, with the constraint or guard that refuses it; `or` stands where SQLite's order is free."""

        def add(cheat: Cheat) -> Cheat:
            refusers = {"sqlite": on_sqlite, "postgresql": on_postgresql or on_sqlite}
            self.cases.append(pytest.param(cheat, refusers, id=cheat.__name__.strip("_").replace("_", "-")))
            return cheat

        return add


def row_of(inbox: Inbox, change: str, *values: object) -> tuple[Statement, ...]:
    """One change of an inbox's row."""
    return ((f"update {{s}}inboxes set {change} where id = ?", (*values, inbox.id)),)  # noqa: S608 - written in tests


def refused_and_nothing_moved(ground: Ground, cheat: Cheat, refusers: Mapping[str, str]) -> None:
    """Try it: the guard named refuses it (or a role's lack of the right does), and every row stays as it was."""
    before = ground.contents()
    refusal = ground.refusal(*cheat(ground))
    expected = refusers[ground.database.kind].split(" or ")
    assert refusal in expected or (ground.may_only_append and refusal == NO_RIGHT), refusal
    assert ground.contents() == before
