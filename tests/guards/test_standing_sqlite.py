"""Guards of an SQLite database that do not stand are named; its schema says them as text."""

from __future__ import annotations

import sqlite3

import pytest

from inbox_lifecycle.audit.checks import Finding
from inbox_lifecycle.audit.standing import check_guards
from tests.support.databases import TestDatabase
from tests.support.flows import run_on

KEPT = "trigger inbox_events_kept on inbox_events"
HASH = "constraint inbox_events_hash_sha256 on inbox_events"

#: What is written in place of what in a table's text, the guard it is, what is expected of it, and what is found.
REWRITTEN = {
    "check-left-out": (
        "inbox_events",
        ("CONSTRAINT inbox_events_hash_sha256 CHECK (length(hash) = 32),", ""),
        (HASH, "check ( length ( hash ) = 32 )", "missing"),
    ),
    "check-in-a-comment": (
        "inbox_events",
        ("CONSTRAINT inbox_events_hash_sha256 CHECK (length(hash) = 32),", "/* {} */"),
        (HASH, "check ( length ( hash ) = 32 )", "missing"),
    ),
    "check-in-a-line-comment": (
        "inbox_events",
        ("CONSTRAINT inbox_events_hash_sha256 CHECK (length(hash) = 32),", "-- {}\n"),
        (HASH, "check ( length ( hash ) = 32 )", "missing"),
    ),
    "check-of-less": (
        "inbox_events",
        ("length(hash) = 32", "length(hash) <= 32"),
        (HASH, "check ( length ( hash ) = 32 )", "check ( length ( hash ) <= 32 )"),
    ),
    "check-of-other-letters": (
        "inbox_events",
        ("in ('pending', 'warming'", "in ('PENDING', 'warming'"),
        (
            "constraint inbox_events_status_known on inbox_events",
            "check ( status in ( 'pending' , 'warming' , 'active' , 'banned' ) )",
            "check ( status in ( 'PENDING' , 'warming' , 'active' , 'banned' ) )",
        ),
    ),
    "not-null-left-out": (
        "inbox_events",
        ("entry BLOB NOT NULL", "entry BLOB"),
        ("column entry of inbox_events", "blob not null", "missing"),
    ),
    "not-null-in-quotes": (
        "inbox_events",
        ("entry BLOB NOT NULL", 'entry BLOB "NOT" "NULL"'),
        ("column entry of inbox_events", "blob not null", 'blob "NOT" "NULL"'),
    ),
    "conflicts-replace": (
        "inbox_feed",
        ("PRIMARY KEY (position)", "PRIMARY KEY (position) ON CONFLICT REPLACE"),
        (
            "constraint inbox_feed_pkey on inbox_feed",
            "primary key ( position )",
            "primary key ( position ) on conflict replace",
        ),
    ),
}

#: A trigger's text as another hand writes it.
OTHER_WORDING = """
CREATE  TRIGGER inbox_events_kept BEFORE DELETE -- that is none
ON inbox_events BEGIN SELECT/* never */RAISE ( ABORT,'inbox_events_frozen' ) ; END
"""


def _found(database: TestDatabase) -> list[Finding]:
    return run_on(database.url, check_guards())


def _text(connection: sqlite3.Connection, name: str) -> str:
    (text,) = connection.execute("select sql from sqlite_schema where name = ?", (name,)).fetchone()
    return str(text)


def _write(database: TestDatabase, name: str, old: str, new: str) -> None:
    with database.connect() as connection:
        text = _text(connection, name)
        assert old in text
        connection.execute("pragma writable_schema = on")
        connection.execute("update sqlite_schema set sql = ? where name = ?", (text.replace(old, new), name))


@pytest.mark.parametrize(("table", "change", "said"), REWRITTEN.values(), ids=REWRITTEN.keys())
def test_rewritten_table_is_named_by_what_went(
    sqlite_database: TestDatabase, table: str, change: tuple[str, str], said: tuple[str, str, str]
) -> None:
    """The constraint or column alone, with the words it should have."""
    old, new = change
    _write(sqlite_database, table, old, new.replace("{}", old))
    guard, expected, found = said
    assert _found(sqlite_database) == [Finding(kind="guard", guard=guard, expected=f"{guard}, {expected}", found=found)]


def test_table_rebuilt_with_rowids_is_named(sqlite_database: TestDatabase) -> None:
    """REPLACE by rowid slips past triggers."""
    with sqlite_database.connect() as connection:
        text = _text(connection, "inbox_subscriptions")
        connection.execute("drop table inbox_subscriptions")
        connection.execute(text.replace("WITHOUT ROWID", ""))
    guard = "table inbox_subscriptions"
    expected = Finding(kind="guard", guard=guard, expected=f"{guard}, without rowid", found="with rowid")
    assert _found(sqlite_database) == [expected]


def test_dropped_table_is_named_with_all_that_was_on_it(sqlite_database: TestDatabase) -> None:
    """Table, columns, constraints and triggers."""
    sqlite_database.execute("drop table inbox_checkpoints")
    found = {finding.guard: finding.found for finding in _found(sqlite_database)}
    assert set(found.values()) == {"missing"}
    assert found.keys() >= {
        "table inbox_checkpoints",
        "column note of inbox_checkpoints",
        "constraint inbox_checkpoints_pkey on inbox_checkpoints",
        "trigger inbox_checkpoints_kept on inbox_checkpoints",
    }


def test_dropped_trigger_is_named(sqlite_database: TestDatabase) -> None:
    """Here a trigger cannot be switched off."""
    sqlite_database.execute("drop trigger inbox_events_kept")
    (finding,) = _found(sqlite_database)
    assert (finding.kind, finding.guard, finding.found) == ("guard", KEPT, "missing")
    assert finding.expected.startswith(f"{KEPT}, source ")


@pytest.mark.parametrize(
    "body",
    ["begin select 1; end", "when 0 begin select raise(abort, 'inbox_events_frozen'); end"],
    ids=["idle", "never"],
)
def test_trigger_with_another_body_is_named(sqlite_database: TestDatabase, body: str) -> None:
    """Its name and its table are what they were."""
    sqlite_database.execute("drop trigger inbox_events_kept")
    sqlite_database.execute(f"create trigger inbox_events_kept before delete on inbox_events {body}")
    (finding,) = _found(sqlite_database)
    assert finding.guard == KEPT
    assert finding.found.startswith("source ")
    assert not finding.expected.endswith(finding.found)


def test_trigger_moved_to_another_table_is_named(sqlite_database: TestDatabase) -> None:
    """One of that name stands, elsewhere."""
    sqlite_database.execute("drop trigger inbox_events_kept")
    sqlite_database.execute("create trigger inbox_events_kept before delete on email_domains begin select 1; end")
    assert [(finding.guard, finding.found) for finding in _found(sqlite_database)] == [(KEPT, "missing")]


def test_unique_index_made_again_without_being_unique_is_named(sqlite_database: TestDatabase) -> None:
    """An index of that name stands."""
    sqlite_database.execute("drop index inbox_events_idempotency_key")
    sqlite_database.execute("create index inbox_events_idempotency_key on inbox_events (inbox_id, idempotency_key)")
    guard = "unique index inbox_events_idempotency_key on inbox_events"
    assert [(finding.guard, finding.found) for finding in _found(sqlite_database)] == [(guard, "missing")]


def test_guard_in_another_wording_is_the_same(sqlite_database: TestDatabase) -> None:
    """Spaces, capitals and comments mean nothing."""
    _write(sqlite_database, "inbox_events", "CHECK (length(hash) = 32)", "check(LENGTH ( hash )=32)")
    sqlite_database.execute("drop trigger inbox_events_kept")
    sqlite_database.execute(OTHER_WORDING)
    assert _found(sqlite_database) == []
