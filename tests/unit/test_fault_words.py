"""What each driver's error means to us: every class of SQLSTATE, SQLite's messages, and other drivers' attributes."""

from __future__ import annotations

import sqlite3
from types import SimpleNamespace

import psycopg
import pytest
from sqlalchemy import create_engine, exc

from inbox_lifecycle.errors import SchemaMismatch, StoreContended, StoreError, StoreMisconfigured, StoreUnavailable
from inbox_lifecycle.store.faults import ConstraintViolated, explain, is_disconnect, is_driver_error
from inbox_lifecycle.store.session import backend_for
from inbox_lifecycle.store.version import HEAD

# An engine connects to nothing before it is asked to.
POSTGRESQL = backend_for(create_engine("postgresql+psycopg://nowhere").dialect)
SQLITE = backend_for(create_engine("sqlite://").dialect)


class _Psycopg2Error(psycopg.Error):
    """An error as older drivers tell it: by another attribute."""

    def __init__(self, pgcode: str) -> None:
        super().__init__("words of the driver")
        self.pgcode = pgcode


class _AsyncpgError(psycopg.Error):
    """An error that names its constraint itself."""

    def __init__(self, constraint_name: str | None) -> None:
        super().__init__("words of the driver")
        self.sqlstate = "23505"
        self.constraint_name = constraint_name


class _BareError(Exception):
    """An error of a driver that tells nothing by attributes but, perhaps, its state."""

    def __init__(self, sqlstate: str | None = None) -> None:
        super().__init__("words of the driver")
        if sqlstate is not None:
            self.sqlstate = sqlstate


def of_state(state: str) -> Exception:
    """The driver's own error for a SQLSTATE."""
    return psycopg.errors.lookup(state)("words of the driver")


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03", "57014"])
def test_what_a_repetition_mends_is_contention(state: str) -> None:
    """Serialization failures, deadlocks, and locks and statements that took too long."""
    error = explain(of_state(state), POSTGRESQL)
    assert type(error) is StoreContended
    assert state in str(error)


@pytest.mark.parametrize("state", ["42P01", "42703", "3F000", "42883"])
def test_what_is_not_there_is_another_schema(state: str) -> None:
    """A table, a column, a schema or a function; the answer says which revision is wanted."""
    error = explain(of_state(state), POSTGRESQL)
    assert isinstance(error, SchemaMismatch)
    assert (error.found, error.head) == (None, HEAD)


def test_a_missing_right_is_the_hosts_to_grant() -> None:
    """The answer names the command."""
    error = explain(of_state("42501"), POSTGRESQL)
    assert type(error) is StoreMisconfigured
    assert "migrate as the tables' owner, and run as a role that `inbox-lifecycle db grant` has let in" in str(error)


def test_any_other_refusal_names_its_state() -> None:
    """A syntax error is nobody's outage."""
    error = explain(of_state("42601"), POSTGRESQL)
    assert type(error) is StoreMisconfigured
    assert "42601" in str(error)


@pytest.mark.parametrize("state", ["08006", "53100", "57P01", "58030", "XX000", "25P03", "40003"])
@pytest.mark.parametrize("sent", [True, False], ids=["sent", "unsent"])
def test_an_outage_may_have_come_after_the_effect_if_something_was_sent(state: str, *, sent: bool) -> None:
    """The statement was on its way, and nobody heard what became of it."""
    error = explain(of_state(state), POSTGRESQL, sent=sent)
    assert isinstance(error, StoreUnavailable)
    assert error.maybe_applied is sent
    assert state in str(error)


@pytest.mark.parametrize("state", ["57P03", "53300", "08001", "08004", "25006"])
def test_what_was_refused_at_the_door_had_no_effect(state: str) -> None:
    """Starting up, shutting down, full, or read-only."""
    error = explain(of_state(state), POSTGRESQL)
    assert isinstance(error, StoreUnavailable)
    assert error.maybe_applied is False


def test_a_statement_counts_as_sent_unless_said_otherwise() -> None:
    """The careful way round."""
    error = explain(of_state("08006"), POSTGRESQL)
    assert isinstance(error, StoreUnavailable)
    assert error.maybe_applied is True


def test_an_error_without_a_state_is_an_outage_named_by_its_class() -> None:
    """The connection broke before the server could say anything."""
    error = explain(psycopg.OperationalError("words of the driver"), POSTGRESQL)
    assert isinstance(error, StoreUnavailable)
    assert "OperationalError" in str(error)
    assert error.maybe_applied is True


def test_an_error_that_tells_nothing_is_an_outage_named_by_its_class() -> None:
    """Not every driver has attributes."""
    error = explain(_BareError(), POSTGRESQL)
    assert isinstance(error, StoreUnavailable)
    assert "_BareError" in str(error)


def test_no_answer_repeats_the_drivers_words() -> None:
    """They may hold an address."""
    states = ("40001", "42P01", "42501", "42601", "08006", "23505")
    assert [state for state in states if "words of the driver" in str(explain(of_state(state), POSTGRESQL))] == []


def test_a_state_in_an_older_attribute_is_read_as_well() -> None:
    """Hosts bring their own driver."""
    assert type(explain(_Psycopg2Error("40P01"), POSTGRESQL)) is StoreContended
    assert type(explain(_Psycopg2Error("42601"), POSTGRESQL)) is StoreMisconfigured


@pytest.mark.parametrize(
    ("error", "constraint"),
    [
        (of_state("23505"), "a constraint"),
        (_AsyncpgError("inboxes_pkey"), "inboxes_pkey"),
        (_AsyncpgError(None), "a constraint"),
        (_Psycopg2Error("23514"), "a constraint"),
        (_BareError("23505"), "a constraint"),
    ],
    ids=["unnamed", "named", "named-none", "older", "bare"],
)
def test_a_violated_constraint_is_told_by_its_name(error: Exception, constraint: str) -> None:
    """Where the driver gives one."""
    explained = explain(error, POSTGRESQL)
    assert isinstance(explained, ConstraintViolated)
    assert explained.constraint == constraint
    assert constraint in str(explained)


@pytest.mark.parametrize(
    ("message", "constraint"),
    [
        ("UNIQUE constraint failed: inboxes.id", "inboxes_pkey"),
        ("UNIQUE constraint failed: inboxes.email_address", "inboxes_email_address_key"),
        ("UNIQUE constraint failed: inbox_events.inbox_id, inbox_events.version", "inbox_events_pkey"),
        ("CHECK constraint failed: inboxes_status_known", "inboxes_status_known"),
        ("inbox_events_head", "inbox_events_head"),
        ("CHECK constraint failed: bookings_sum", "a constraint"),
        ("UNIQUE constraint failed: bookings.id", "a constraint"),
        ("inbox_events_head and more", "a constraint"),
    ],
)
def test_sqlites_constraints_are_told_by_the_names_they_have_on_postgresql(message: str, constraint: str) -> None:
    """SQLite names columns where PostgreSQL names constraints, and a host's own tables are none of ours."""
    explained = explain(sqlite3.IntegrityError(message), SQLITE)
    assert isinstance(explained, ConstraintViolated)
    assert explained.constraint == constraint


@pytest.mark.parametrize(
    "message", ["no such table: inboxes", "no such column: i.version", "table inboxes has no column named version"]
)
def test_what_is_not_in_the_file_is_another_schema(message: str) -> None:
    """SQLite tells it in words alone."""
    error = explain(sqlite3.OperationalError(message), SQLITE)
    assert isinstance(error, SchemaMismatch)
    assert (error.found, error.head) == (None, HEAD)


def test_a_file_that_cannot_be_written_is_the_hosts_to_mend() -> None:
    """Waiting does not help."""
    error = explain(sqlite3.OperationalError("attempt to write a readonly database"), SQLITE)
    assert type(error) is StoreMisconfigured
    assert "permissions" in str(error)


def _named(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("words of the driver")
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SQLITE_BUSY", StoreUnavailable),
        ("SQLITE_IOERR", StoreUnavailable),
        ("SQLITE_CANTOPEN", StoreMisconfigured),
        ("SQLITE_NOTADB", StoreMisconfigured),
        ("SQLITE_CORRUPT", StoreMisconfigured),
        ("SQLITE_ERROR", StoreMisconfigured),
    ],
)
def test_sqlites_other_errors_are_sorted_by_what_mends_them(name: str, kind: type[StoreError]) -> None:
    """Waiting, or somebody's hand."""
    error = explain(_named(name), SQLITE)
    assert type(error) is kind
    assert kind is StoreMisconfigured or name in str(error)


def test_an_error_of_sqlite_without_a_name_is_an_outage_named_by_its_class() -> None:
    """Python itself raises some."""
    error = explain(sqlite3.ProgrammingError("Cannot operate on a closed database."), SQLITE)
    assert isinstance(error, StoreUnavailable)
    assert "ProgrammingError" in str(error)


def test_a_pool_that_is_empty_is_an_outage_before_anything_was_sent() -> None:
    """No connection, no statement."""
    error = explain(exc.TimeoutError("words of the pool"), POSTGRESQL)
    assert isinstance(error, StoreUnavailable)
    assert "pool" in str(error)
    assert error.maybe_applied is False


def wrapped(original: BaseException, *, invalidated: bool = False) -> exc.DBAPIError:
    """A driver's error as SQLAlchemy wraps it."""
    return exc.DBAPIError("select 1", {}, original, connection_invalidated=invalidated)


def test_a_wrapped_error_means_what_is_in_it() -> None:
    """A host's engine wraps, ours does not."""
    assert type(explain(wrapped(of_state("40001")), POSTGRESQL)) is StoreContended
    assert type(explain(wrapped(sqlite3.OperationalError("no such table: inboxes")), SQLITE)) is SchemaMismatch


def test_a_connection_is_of_no_more_use_once_it_was_invalidated_or_the_driver_says_so() -> None:
    """Whoever has it gives it up."""
    gone = psycopg.OperationalError("the connection is closed")
    assert is_disconnect(wrapped(of_state("23505"), invalidated=True), POSTGRESQL)
    assert is_disconnect(wrapped(sqlite3.ProgrammingError("Cannot operate on a closed database.")), SQLITE)
    assert is_disconnect(sqlite3.ProgrammingError("Cannot operate on a closed database."), SQLITE)
    assert not is_disconnect(wrapped(of_state("23505")), POSTGRESQL)
    assert not is_disconnect(of_state("23505"), POSTGRESQL)
    assert not is_disconnect(ValueError("the connection is closed"), POSTGRESQL)
    assert is_driver_error(gone, POSTGRESQL)


def test_a_connection_that_is_closed_is_of_no_more_use_whatever_the_error_says() -> None:
    """Some drivers tell only by the connection itself."""
    closed, fine = SimpleNamespace(closed=True, broken=True), SimpleNamespace(closed=False, broken=False)
    assert is_disconnect(wrapped(of_state("23505")), POSTGRESQL, closed)
    assert is_disconnect(of_state("23505"), POSTGRESQL, closed)
    assert not is_disconnect(wrapped(of_state("23505")), POSTGRESQL, fine)


def test_only_errors_of_the_database_are_driver_errors() -> None:
    """Everything else goes up to the caller as it is."""
    assert is_driver_error(wrapped(of_state("23505")), POSTGRESQL)
    assert is_driver_error(exc.TimeoutError(), POSTGRESQL)
    assert is_driver_error(sqlite3.OperationalError(), SQLITE)
    assert not is_driver_error(sqlite3.OperationalError(), POSTGRESQL)
    assert not is_driver_error(KeyError("id"), SQLITE)
