"""Where a checker looks for a bug: a database, with the guards of the schema or without, and what must hold of it."""

from __future__ import annotations

import sqlite3
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

import psycopg
from sqlalchemy import Engine, create_engine, event

from inbox_lifecycle import Inbox, Inboxes, prepare_sqlite
from inbox_lifecycle.testing import Sandbox
from inbox_lifecycle.testing.linear import Initial, Operation, check
from tests.support.aftermath import ANA, OWNER, standing
from tests.support.databases import TestDatabase
from tests.support.evidence import Evidence, sound
from tests.support.hosts import host_url

#: Takes away what would refuse a bug's work: then only the statements themselves stand between it and the history.
UNGUARDED = {
    "postgresql": (
        "alter table {s}inboxes disable trigger user",
        "alter table {s}inboxes drop constraint inboxes_explained",
        "alter table {s}inbox_events disable trigger user",
        "alter table {s}inbox_feed_queue drop constraint inbox_feed_queue_event_key",
    ),
    "sqlite": (
        "drop trigger inbox_events_head",
        "drop trigger inboxes_stepped",
        "drop table inbox_feed_queue",
        "create table inbox_feed_queue (seq integer primary key, inbox_id text, version integer, hash blob)",
    ),
}


@dataclass
class Place:
    """A database of its own, and what its guards had to refuse."""

    database: TestDatabase
    guarded: bool
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.guarded:
            for statement in UNGUARDED[self.database.kind]:
                self.database.execute(statement)

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """An engine whose every connection tells what the database refused."""
        engine = create_engine(host_url(self.database), connect_args=self._watching())
        if self.database.kind == "sqlite":
            prepare_sqlite(engine)
            event.listen(engine, "connect", _forgo_safety if self.guarded else _forgo_foreign_keys)
        try:
            yield engine
        finally:
            engine.dispose()

    @contextmanager
    def inboxes(self, sandbox: Sandbox, **options: Any) -> Iterator[Inboxes]:
        """A facade, whose provider is asked in the caller's own thread."""
        transport = sandbox.transport()
        with self.engine() as engine, Inboxes(engine, transport.provider(), transport=transport, **options) as inboxes:
            yield inboxes

    def laws(self) -> Iterator[str]:
        """What is broken of all that must hold of a database, whatever has been done to it."""
        yield from (f"a guard had to refuse: {refusal}" for refusal in self.refused)
        with Inboxes(self.database.url) as inboxes:
            # That guards were taken away on purpose is no news here.
            findings = [found for found in inboxes.operator(actor="checker").verify().findings if found.kind != "guard"]
            for finding in findings:
                yield f"verify: {finding.kind}: expected {finding.expected}, found {finding.found}"
        try:
            yield from moved_elsewhere(sound(self.database))
        except AssertionError as unsound:
            yield f"evidence: {traceback.extract_tb(unsound.__traceback__)[-1].line}"

    def _watching(self) -> dict[str, Any]:
        # The driver's own hooks: what a statement met is noted down, and goes on as it is.
        if self.database.kind == "sqlite":
            return {"factory": partial(_Connection, refused=self.refused), "check_same_thread": False}
        return {"cursor_factory": type("Cursor", (_PostgresCursor,), {"refused": self.refused})}


def unlinear(operations: list[Operation], initial: dict[str, Initial]) -> Iterator[str]:
    """Answers that no run of one call at a time would have given."""
    yield from (f"linear: {violation}" for violation in check(operations, initial))


def moved_elsewhere(evidence: Evidence) -> Iterator[str]:
    """Attempts that moved an inbox at another version than they saw."""
    for attempt in evidence.attempts:
        if attempt.outcome == "moved" and attempt.event_version != attempt.seen_version + 1:
            yield f"attempt: saw version {attempt.seen_version} and moved to version {attempt.event_version}"


def born(inboxes: Inboxes, address: str = ANA) -> Inbox:
    """A pending inbox."""
    return inboxes.register(email_address=address, owner_id=OWNER)


def closed_twice(place: Place, inbox: Inbox, closed: tuple[str | None, ...]) -> Iterator[str]:
    """Attempts that were closed one way before and ended in another."""
    now = standing(place.database, inbox.id).attempts
    yield from (
        f"an attempt was closed as {before}, and is {after} now"
        for before, after in zip(closed, now, strict=True)
        if before not in (None, after)
    )


class _SqliteCursor(sqlite3.Cursor):
    refused: list[str]

    def execute(self, statement: str, values: Any = (), /) -> Self:
        try:
            super().execute(statement, values)
        except sqlite3.IntegrityError as error:
            self.refused.append(str(error))
            raise
        return self


class _Connection(sqlite3.Connection):
    def __init__(self, *args: Any, refused: list[str], **options: Any) -> None:
        super().__init__(*args, **options)
        self._refused = refused

    def cursor(self, *args: Any, **options: Any) -> Any:
        del args, options
        cursor = super().cursor(_SqliteCursor)
        cursor.refused = self._refused
        return cursor


class _PostgresCursor(psycopg.Cursor[Any]):
    refused: list[str]

    def execute(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute(*args, **options)
        except psycopg.IntegrityError as error:
            self.refused.append(error.diag.constraint_name or "a constraint")
            raise


def _forgo_safety(connection: Any, _record: object) -> None:
    # A crash of the machine is not among what is staged here.
    connection.execute("pragma synchronous = off")


def _forgo_foreign_keys(connection: Any, record: object) -> None:
    _forgo_safety(connection, record)
    connection.execute("pragma foreign_keys = off")
