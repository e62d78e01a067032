"""Locks that somebody else holds, so that a test can look at a call that waits for one."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import psycopg
from psycopg import sql
from sqlalchemy import Engine, create_engine, event

from inbox_lifecycle import prepare_sqlite
from inbox_lifecycle.testing import Sandbox
from tests.support.aftermath import eventually, in_flight
from tests.support.databases import TestDatabase
from tests.support.hosts import host_url


class RowLock:
    """The rows of an inbox in a table of PostgreSQL."""

    def __init__(self, database: TestDatabase, table: str, inbox_id: str) -> None:
        column = "id" if table == "inboxes" else "inbox_id"
        self._connection = psycopg.connect(database.url)
        query = sql.SQL("select from inbox_lifecycle.{} where {} = %s for update").format(
            sql.Identifier(table), sql.Identifier(column)
        )
        self._connection.execute(query, (inbox_id,))

    def release(self) -> None:
        """Let go."""
        self._connection.close()


class TableLock:
    """A table of PostgreSQL, against all writers."""

    def __init__(self, database: TestDatabase, table: str) -> None:
        self._connection = psycopg.connect(database.url)
        self._connection.execute(sql.SQL("lock table inbox_lifecycle.{} in share mode").format(sql.Identifier(table)))

    def release(self) -> None:
        """Let go."""
        self._connection.close()


class WriteLock:
    """SQLite's one write lock."""

    def __init__(self, database: TestDatabase) -> None:
        self._connection = sqlite3.connect(database.path, isolation_level=None, check_same_thread=False)
        self._connection.execute("begin immediate")

    def release(self) -> None:
        """Let go."""
        self._connection.close()


Lock = RowLock | TableLock | WriteLock


def waiters(database: TestDatabase) -> int:
    """Connections that wait for a lock of PostgreSQL."""
    ((count,),) = database.execute(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    )
    return int(count)


class Watched:
    """A host's engine that tells how often a connection of it was taken: SQLite has no list of who waits."""

    def __init__(self, database: TestDatabase) -> None:
        self.engine: Engine = create_engine(host_url(database))
        prepare_sqlite(self.engine)
        self._numbers = itertools.count(1)
        self.taken = 0
        event.listen(self.engine, "checkout", self._count)

    def _count(self, *_: object) -> None:
        self.taken = next(self._numbers)


class Held:
    """The recording of a call, which waits for somebody else's lock."""

    def __init__(self, watched: Watched, database: TestDatabase, inbox_id: str) -> None:
        self._watched = watched
        self._database = database
        self._inbox_id = inbox_id
        self._in_flight = Event()
        self._before = 0
        self._lock: Lock | None = None

    def take(self) -> None:
        """Take the lock, while the provider is asked and no connection is in use."""
        sqlite = self._database.kind == "sqlite"
        self._lock = WriteLock(self._database) if sqlite else RowLock(self._database, "inboxes", self._inbox_id)
        self._before = self._watched.taken
        self._in_flight.set()

    def wait_until_it_waits(self) -> None:
        """Wait until the recording is under way and cannot go on."""
        assert self._in_flight.wait(10)
        eventually(lambda: self._watched.taken > self._before)
        if self._database.kind == "postgresql":
            eventually(lambda: waiters(self._database) == 1)

    def release(self) -> None:
        """Let it go on."""
        if self._lock is not None:
            self._lock.release()


@contextmanager
def recording_held(sandbox: Sandbox, watched: Watched, database: TestDatabase, inbox_id: str) -> Iterator[Held]:
    """Have the recording of the next accepted call wait, until it is released."""
    held = Held(watched, database, inbox_id)
    in_flight(sandbox, held.take)
    try:
        yield held
    finally:
        held.release()
