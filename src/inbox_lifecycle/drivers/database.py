"""Performing a database step on a connection: which transaction it gets, and how errors come out.

An error leaves here as one of ours and without the driver's own behind it: drivers quote values in their messages.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.pool import Pool, StaticPool

from inbox_lifecycle.drivers.turns import Turn, Turns
from inbox_lifecycle.errors import InboxLifecycleError
from inbox_lifecycle.flow import Once
from inbox_lifecycle.store.faults import explain, is_disconnect, is_driver_error
from inbox_lifecycle.store.session import Backend, Session

T = TypeVar("T")

#: When a connection of a pool was last found broken.
_BROKEN: WeakKeyDictionary[Pool, float] = WeakKeyDictionary()
_FIRST_USED = "inbox_lifecycle_first_used"

# Only for this transaction: behind a pooler, a session's settings would be another client's next. A connection that
# broke unnoticed between statement and COMMIT would hold its locks for hours; an honest COMMIT follows at once.
_BOUNDED = """
select set_config('statement_timeout', '{}ms', true), set_config('idle_in_transaction_session_timeout', '1s', true)
"""


def perform(connection: Connection, backend: Backend, step: Once) -> Any:
    """Perform a step on a connection that is checked out for it alone, of an engine in autocommit on PostgreSQL.

    Raises:
        StoreError: the database's answer was an error.
    """
    return guarded(connection, backend, lambda: _SPELLINGS[backend.is_sqlite](connection, backend, step))


def guarded(connection: Connection, backend: Backend, work: Callable[[], T]) -> T:
    """Do the work; a broken or interrupted connection is thrown away, an error becomes ours.

    Raises:
        StoreError: the database's answer was an error.
    """
    try:
        return work()
    except BaseException as error:
        if not is_driver_error(error, backend):
            _break_off(connection, error)
            raise
        failure = explain(error, backend)
        if connection.invalidated or is_disconnect(error, backend, connection.connection.dbapi_connection):
            _give_up(connection)
    raise failure


def checked_out(engine: Engine, backend: Backend, work: Callable[[Connection], T]) -> T:
    """Do the work on a connection of the engine's pool.

    Raises:
        StoreError: no connection could be had, or the work's own.
    """
    try:
        connection = engine.connect()
        while is_stale(connection):
            connection.invalidate()
            connection.close()
            connection = engine.connect()
    except Exception as error:
        if not is_driver_error(error, backend):
            raise
        failure = explain(error, backend, sent=False)
    else:
        with connection:
            return work(connection)
    raise failure


def is_stale(connection: Connection) -> bool:
    """Whether one that its pool made no later was found broken: a restart breaks all of a pool's connections."""
    broken = _BROKEN.get(connection.engine.pool)
    since = connection.info.setdefault(_FIRST_USED, time.monotonic())
    return broken is not None and bool(since <= broken)


def _break_off(connection: Connection, error: BaseException) -> None:
    """Throw the connection away if something struck in the middle of an exchange: who knows what it would say next.

    That may be an ordinary exception too, such as a worker's time limit, which a signal's handler raises.
    """
    # A database in memory lives and dies with its one connection; its transaction is rolled back, and that is all.
    if not isinstance(error, InboxLifecycleError) and not isinstance(connection.engine.pool, StaticPool):
        connection.invalidate()


def _give_up(connection: Connection) -> None:
    _BROKEN[connection.engine.pool] = time.monotonic()
    connection.invalidate()


def needs_turn(backend: Backend, step: Once) -> bool:
    """Whether the step takes SQLite's one write lock."""
    return backend.is_sqlite and step.statement.writes


def in_turn(turns: Turns | None, work: Callable[[], T]) -> T:
    """Do the work when its turn comes."""
    if turns is None:
        return work()
    turn = Turn()
    try:
        turns.take(turn)
        return work()
    finally:
        turns.give_back(turn)


def run_in(connection: Connection, backend: Backend, step: Once) -> Any:
    """Run the step's SQL in whatever transaction the connection is in."""
    session = Session(connection, backend)
    try:
        return step.statement.run(session)
    finally:
        session.close()


def _on_postgresql(connection: Connection, backend: Backend, step: Once) -> Any:
    if step.patience is None:
        return run_in(connection, backend, step)
    connection.execution_options(isolation_level="READ COMMITTED")
    with connection.begin():
        connection.exec_driver_sql(_BOUNDED.format(max(1, int(step.patience * 1000))))
        try:
            return run_in(connection, backend, step)
        except BaseException as error:
            if not is_driver_error(error, backend):
                # Before the rollback, which would fail on a connection in the middle of an exchange, and be raised.
                _break_off(connection, error)
            raise


def _on_sqlite(connection: Connection, backend: Backend, step: Once) -> Any:
    if step.after_commit or not step.statement.writes:
        return run_in(connection, backend, step)
    with closing(connection.connection.cursor()) as cursor, _waiting(cursor, step):
        cursor.execute("begin immediate")
        try:
            answer = run_in(connection, backend, step)
            cursor.execute("commit")
        except BaseException:
            _roll_back(connection)
            raise
    return answer


@contextmanager
def _waiting(cursor: DBAPICursor, step: Once) -> Iterator[None]:
    """Wait for other processes no longer than the step has patience."""
    if step.patience is None:
        yield
        return
    cursor.execute("pragma busy_timeout")
    (usual,) = cursor.fetchone() or (0,)
    cursor.execute(f"pragma busy_timeout = {min(usual, int(step.patience * 1000))}")
    try:
        yield
    finally:
        cursor.execute(f"pragma busy_timeout = {usual}")


def _roll_back(connection: Connection) -> None:
    raw = connection.connection.dbapi_connection
    if raw is not None and raw.in_transaction:
        raw.rollback()


_SPELLINGS = {False: _on_postgresql, True: _on_sqlite}
