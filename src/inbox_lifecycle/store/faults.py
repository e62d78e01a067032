"""What a driver's error means to us. Conflicts are recognised by the name of *our* constraint, never by their kind."""

from __future__ import annotations

import re
import sqlite3
from typing import Any, TypeGuard

from sqlalchemy import exc

from inbox_lifecycle.errors import SchemaMismatch, StoreContended, StoreError, StoreMisconfigured, StoreUnavailable
from inbox_lifecycle.store.session import Backend
from inbox_lifecycle.store.version import HEAD

# SQLSTATEs, PostgreSQL appendix A.
_SERIALIZATION_FAILURE = "40001"
_DEADLOCK_DETECTED = "40P01"
_LOCK_NOT_AVAILABLE = "55P03"
_QUERY_CANCELED = "57014"
_UNDEFINED = ("42P01", "42703", "3F000", "42883")
_INSUFFICIENT_PRIVILEGE = "42501"
_INTEGRITY_CLASS = "23"
# Connection exceptions, insufficient resources, operator intervention, system errors: the statement may have run.
_UNAVAILABLE_CLASSES = ("08", "53", "57", "58", "XX")
# The same, from other classes: cut off for idling in a transaction, completion unknown, and a server turned read-only.
_UNAVAILABLE = ("25P03", "25P04", "40003", "25006")
# Refused before anything could happen: starting up or shutting down, too many connections, read-only.
_NOT_BEGUN = ("57P03", "53300", "08001", "08004", "25006")

# What no waiting mends, by SQLite's own names.
_SQLITE_CURES = {
    "SQLITE_CANTOPEN": "the SQLite file cannot be opened: check its folder and its permissions",
    "SQLITE_NOTADB": "the file is not an SQLite database: check the path in the URL",
    "SQLITE_CORRUPT": "the SQLite file is damaged: restore it from a backup",
    # The statement itself is what SQLite will not do: a table of that name is there, or a function is not.
    "SQLITE_ERROR": "the database refused a statement (SQLITE_ERROR): see whether its tables are all ours",
}

_SQLITE_CONSTRAINTS = {
    "UNIQUE constraint failed: inboxes.id": "inboxes_pkey",
    "UNIQUE constraint failed: inboxes.email_address": "inboxes_email_address_key",
    "UNIQUE constraint failed: email_domains.owner_id, email_domains.domain": "email_domains_owner_domain_key",
    "UNIQUE constraint failed: inbox_events.inbox_id, inbox_events.idempotency_key": "inbox_events_idempotency_key",
    "UNIQUE constraint failed: inbox_events.inbox_id, inbox_events.version": "inbox_events_pkey",
    "UNIQUE constraint failed: inbox_feed_queue.inbox_id, inbox_feed_queue.version": "inbox_feed_queue_event_key",
}
#: The constraint that keeps a domain's row and the inboxes that refer to it together.
DOMAIN_KEPT = "inboxes_email_domain"

_OUR_NAME = re.compile(
    r"^(?:CHECK constraint failed: )?"
    r"(inboxes|inbox_events|inbox_attempts|email_domains|inbox_feed|inbox_tree_nodes|inbox_checkpoints)_\w+$"
)


class ConstraintViolated(StoreError):
    """One of our constraints or guards refused a statement; nothing of it was applied."""

    def __init__(self, constraint: str) -> None:
        super().__init__(f"{constraint} refused the statement")
        self.constraint = constraint


def is_driver_error(error: BaseException, backend: Backend) -> TypeGuard[Exception]:
    """Whether the error comes from the database or its driver."""
    return isinstance(error, exc.DBAPIError | exc.TimeoutError | _driver_errors(backend))


def explain(error: Exception, backend: Backend, *, sent: bool = True) -> StoreError:
    """The driver's error as ours; its text is not repeated, as it may hold values.

    Args:
        sent: whether a statement was on its way, so that it may have taken effect.
    """
    if isinstance(error, exc.TimeoutError):
        return StoreUnavailable("no connection came free in the pool")
    if isinstance(error, exc.DBAPIError):
        error = error.orig if isinstance(error.orig, Exception) else error
    if isinstance(error, sqlite3.Error):
        return _explain_sqlite(error)
    return _explain_postgresql(error, backend, sent=sent)


def is_disconnect(error: BaseException, backend: Backend, raw: Any = None) -> bool:
    """Whether the connection is of no more use; some drivers tell only by the driver connection itself, `raw`."""
    if isinstance(error, exc.DBAPIError):
        return error.connection_invalidated or is_disconnect(error.orig or error, backend, raw)
    driver = backend.dialect.loaded_dbapi
    return isinstance(error, driver.Error) and backend.dialect.is_disconnect(error, raw, None)


def _driver_errors(backend: Backend) -> type[Exception]:
    errors: type[Exception] = backend.dialect.loaded_dbapi.Error
    return errors


def _explain_sqlite(error: sqlite3.Error) -> StoreError:
    message = str(error)
    if isinstance(error, sqlite3.IntegrityError):
        return ConstraintViolated(_sqlite_constraint(message))
    if "no such table" in message or "no such column" in message or "has no column named" in message:
        return SchemaMismatch(None, HEAD)
    if "readonly" in message:
        return StoreMisconfigured("the SQLite file cannot be written: check its permissions and its folder's")
    code = getattr(error, "sqlite_errorname", type(error).__name__)
    cure = _SQLITE_CURES.get(code)
    return StoreUnavailable(code) if cure is None else StoreMisconfigured(cure)


def _sqlite_constraint(message: str) -> str:
    known = _SQLITE_CONSTRAINTS.get(message)
    if known:
        return known
    named = _OUR_NAME.match(message)
    return message.removeprefix("CHECK constraint failed: ") if named else "a constraint"


def _explain_postgresql(error: Exception, backend: Backend, *, sent: bool) -> StoreError:
    state = _sqlstate(error)
    if state in (_SERIALIZATION_FAILURE, _DEADLOCK_DETECTED, _LOCK_NOT_AVAILABLE, _QUERY_CANCELED):
        return StoreContended(state)
    if state in _UNDEFINED:
        return SchemaMismatch(None, HEAD)
    if state == _INSUFFICIENT_PRIVILEGE:
        return StoreMisconfigured(
            "the database role lacks a right: migrate as the tables' owner, "
            "and run as a role that `inbox-lifecycle db grant` has let in "
            "(to erase, to prune and to give API keys: `--as keeper`)"
        )
    if state.startswith(_INTEGRITY_CLASS):
        return ConstraintViolated(_constraint_name(error))
    if not state or state in _UNAVAILABLE or state.startswith(_UNAVAILABLE_CLASSES) or is_disconnect(error, backend):
        return StoreUnavailable(state or type(error).__name__, maybe_applied=sent and state not in _NOT_BEGUN)
    return StoreMisconfigured(f"the database refused a statement (SQLSTATE {state}): see its log")


def _sqlstate(error: Exception) -> str:
    # psycopg and asyncpg say sqlstate, psycopg2 says pgcode.
    return getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or ""


def _constraint_name(error: Exception) -> str:
    diagnostics = getattr(error, "diag", None)
    name = getattr(diagnostics, "constraint_name", None) or getattr(error, "constraint_name", None)
    return str(name or "a constraint")
