"""Performing a database step on a connection: which transaction it gets, and how errors come out.

An error leaves here as one of ours and without the driver's own behind it: drivers quote values in their messages.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

from sqlalchemy.engine.interfaces import DBAPICursor

from inbox_lifecycle.drivers.checkout import Held, break_off, give_up
from inbox_lifecycle.drivers.combining import Followers, perform_writing
from inbox_lifecycle.flow import Once
from inbox_lifecycle.store.faults import explain, is_disconnect, is_driver_error
from inbox_lifecycle.store.session import Backend, Session

# Only for this transaction: behind a pooler, a session's settings would be another client's next. A connection that
# broke unnoticed between statement and COMMIT would hold its locks for hours; an honest COMMIT follows at once.
_BOUNDED = """
select set_config('statement_timeout', '{}ms', true), set_config('idle_in_transaction_session_timeout', '1s', true)
"""


def perform(held: Held, backend: Backend, step: Once, followers: Followers | None = None) -> Any:
    """Perform a step on a connection that is held for it alone, in autocommit on PostgreSQL.

    A broken or interrupted connection is thrown away.

    Args:
        held: the connection.
        backend: its database.
        step: the step.
        followers: who stands behind it in line on SQLite, and may come along.

    Raises:
        StoreError: the database's answer was an error.
    """
    try:
        if not backend.is_sqlite:
            return _on_postgresql(held, backend, step)
        if step.after_commit or not step.statement.writes:
            return run_in(held.cursor(), backend, step)
        return perform_writing(held, backend, step, followers)
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


def run_in(cursor: DBAPICursor, backend: Backend, step: Once, *, hosted: bool = False) -> Any:
    """Run the step's SQL in whatever transaction the cursor's connection is in; the cursor is closed."""
    try:
        return step.statement.run(Session(cursor, backend, hosted=hosted))
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
