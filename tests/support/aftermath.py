"""What must hold after anything went wrong, and the small tools for bringing it about."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Operation, Sandbox, SandboxRequest
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

T = TypeVar("T")

#: The address of the tests' one inbox.
ANA = "ana@mail.example.com"
#: Its owner.
OWNER = "owner"

#: Bytes that only the request of this name contains.
OPENING = b"seen_warmup_status, opened_at"
RECORDING = b"inbox.warmup_started"
CLOSING = b"set outcome = $"


@dataclass(frozen=True, slots=True)
class Standing:
    """How an inbox stands, by the database's own word."""

    status: str
    warmup_status: str
    version: int
    events: int
    #: Outcomes of its attempts in the order they were opened; None is open.
    attempts: tuple[str | None, ...]


def standing(database: TestDatabase, inbox_id: str) -> Standing:
    """How the inbox stands now."""
    ((status, warmup_status, version),) = database.execute(
        "select status, warmup_status, version from {s}inboxes where id = ?", (inbox_id,)
    )
    ((events,),) = database.execute("select count(*) from {s}inbox_events where inbox_id = ?", (inbox_id,))
    attempts = database.execute(
        "select outcome from {s}inbox_attempts where inbox_id = ? order by opened_at, id", (inbox_id,)
    )
    return Standing(status, warmup_status, version, events, tuple(row[0] for row in attempts))


def unmoved(*attempts: str | None) -> Standing:
    """A freshly registered inbox that never moved."""
    return Standing("pending", "not_started", 1, 1, attempts)


def warming(*attempts: str | None) -> Standing:
    """A freshly registered inbox that moved to warming, once."""
    return Standing("warming", "warming", 2, 2, attempts)


def settle(face: AnyFace, database: TestDatabase) -> Reconciled:
    """Let every lease run out and reconcile: the history is whole, and a second run finds nothing."""
    operator = face.operator()
    before = operator.verify()
    assert before.clean, before.as_dict()
    database.expire_leases()
    done: Reconciled = operator.reconcile()
    after = operator.verify()
    assert after.clean, after.as_dict()
    assert operator.reconcile() == Reconciled()
    return done


def in_flight(sandbox: Sandbox, action: Callable[[], object], *, on: Operation = Operation.ENABLE) -> None:
    """Act once, when the provider has acted on the next such request and has not answered it yet."""

    def act(request: SandboxRequest) -> None:
        if request.operation is on:
            sandbox.before_answer(None)
            action()

    sandbox.before_answer(act)


def background(work: Callable[[], T]) -> Future[T]:
    """The work's outcome to come, from a thread of its own."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - handed over to whoever asks for the result
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


def eventually(holds: Callable[[], object], *, within: float = 30.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.005)


class RowLock:
    """A row of PostgreSQL locked by somebody else, until it is released."""

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


def waiters(database: TestDatabase) -> int:
    """Connections that wait for a lock of PostgreSQL."""
    ((count,),) = database.execute(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    )
    return int(count)


@contextmanager
def write_lock(database: TestDatabase) -> Iterator[Callable[[], None]]:
    """SQLite's one write lock, held by another connection; gives what releases it early."""
    import sqlite3

    connection: Any = sqlite3.connect(database.path, isolation_level=None, check_same_thread=False)
    connection.execute("begin immediate")

    def release() -> None:
        if connection.in_transaction:
            connection.rollback()

    try:
        yield release
    finally:
        release()
        connection.close()
