"""Performing a database step on a connection: which transaction it gets, and how errors come out.

An error leaves here as one of ours and without the driver's own behind it: drivers quote values in their messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

from sqlalchemy.engine.interfaces import DBAPICursor

from inbox_lifecycle.drivers.checkout import Held, break_off, give_up
from inbox_lifecycle.drivers.turns import Turn, Turns
from inbox_lifecycle.flow import Once
from inbox_lifecycle.store.faults import explain, is_disconnect, is_driver_error
from inbox_lifecycle.store.session import Backend, Session

T = TypeVar("T")

# Only for this transaction: behind a pooler, a session's settings would be another client's next. A connection that
# broke unnoticed between statement and COMMIT would hold its locks for hours; an honest COMMIT follows at once.
_BOUNDED = """
select set_config('statement_timeout', '{}ms', true), set_config('idle_in_transaction_session_timeout', '1s', true)
"""


def perform(held: Held, backend: Backend, step: Once) -> Any:
    """Perform a step on a connection that is held for it alone, in autocommit on PostgreSQL.

    A broken or interrupted connection is thrown away.

    Raises:
        StoreError: the database's answer was an error.
    """
    try:
        return _on_sqlite(held, backend, step) if backend.is_sqlite else _on_postgresql(held, backend, step)
    except BaseException as error:
        if not is_driver_error(error, backend):
            break_off(held, error)
            raise
        failure = explain(error, backend)
        raw = held.raw
        if raw is None or is_disconnect(error, backend, raw):
            give_up(held)
    raise failure


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


def run_in(cursor: DBAPICursor, backend: Backend, step: Once) -> Any:
    """Run the step's SQL in whatever transaction the cursor's connection is in; the cursor is closed."""
    try:
        return step.statement.run(Session(cursor, backend))
    finally:
        cursor.close()


def _on_postgresql(held: Held, backend: Backend, step: Once) -> Any:
    if step.patience is None:
        return run_in(held.cursor(), backend, step)
    with held.transaction():
        with closing(held.cursor()) as cursor:
            cursor.execute(_BOUNDED.format(max(1, int(step.patience * 1000))))
        try:
            return run_in(held.cursor(), backend, step)
        except BaseException as error:
            if not is_driver_error(error, backend):
                # Before the rollback, which would fail on a connection in the middle of an exchange, and be raised.
                break_off(held, error)
            raise


def _on_sqlite(held: Held, backend: Backend, step: Once) -> Any:
    if step.after_commit or not step.statement.writes:
        return run_in(held.cursor(), backend, step)
    with closing(held.cursor()) as cursor, _waiting(cursor, step):
        cursor.execute("begin immediate")
        try:
            answer = run_in(held.cursor(), backend, step)
            cursor.execute("commit")
        except BaseException:
            _roll_back(held)
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


def _roll_back(held: Held) -> None:
    raw = held.raw
    if raw is not None and raw.in_transaction:
        raw.rollback()
