"""Going back: refused while there is a history, done when told to, and up again."""

from __future__ import annotations

import re

import pytest
from alembic import command

from inbox_lifecycle import HistoryError, Inboxes, SchemaMismatch, downgrade_schema, upgrade_schema
from inbox_lifecycle.errors import HistoryKept
from inbox_lifecycle.store.version import VERSION_TABLE
from tests.migrations.catalog import read_catalog, snapshot
from tests.support.databases import TestDatabase
from tests.support.developing import alembic_for


@pytest.fixture
def lived_in(database: TestDatabase) -> TestDatabase:
    """A database with two events."""
    with Inboxes(database.url) as inboxes:
        operator = inboxes.operator(actor="olga")
        inbox = operator.register(email_address="ana@mail.example.com", owner_id="owner", provider="instantly")
        operator.ban(inbox.id)
    return database


def _tables(database: TestDatabase) -> set[str]:
    lines = [line for line in read_catalog(database).splitlines() if line.startswith("table ")]
    # SQLite keeps its list of numbers drawn once it has one.
    return {re.split("[ .,]", line)[1] for line in lines} - {"sqlite_sequence"}


def test_a_downgrade_with_events_is_refused_and_keeps_them(lived_in: TestDatabase) -> None:
    """The error counts what would be lost, and nothing is."""
    before = read_catalog(lived_in)
    with pytest.raises(HistoryKept, match="2 events") as refused:
        downgrade_schema(lived_in.url)
    assert isinstance(refused.value, HistoryError)
    assert refused.value.events == 2
    assert read_catalog(lived_in) == before
    assert lived_in.count("inbox_events") == 2


def test_plain_alembic_is_refused_as_well(lived_in: TestDatabase) -> None:
    """The migration itself holds on to events, whoever runs it."""
    before = read_catalog(lived_in)
    with pytest.raises(RuntimeError, match="2 events would be lost"):
        command.downgrade(alembic_for(lived_in.url), "base")
    assert read_catalog(lived_in) == before
    assert lived_in.count("inbox_events") == 2


def test_a_downgrade_that_is_told_to_drops_everything(lived_in: TestDatabase) -> None:
    """Only Alembic's own table is left of us."""
    downgrade_schema(lived_in.url, drop_history=True)
    assert _tables(lived_in) == {VERSION_TABLE}
    with pytest.raises(SchemaMismatch), Inboxes(lived_in.url) as inboxes:
        inboxes.find(owner_id="owner")


def test_plain_alembic_that_is_told_to_drops_everything(lived_in: TestDatabase) -> None:
    """As `-x drop_history=yes` says."""
    command.downgrade(alembic_for(lived_in.url, "drop_history=yes"), "base")
    assert _tables(lived_in) == {VERSION_TABLE}


def test_a_downgrade_without_events_needs_no_telling(database: TestDatabase) -> None:
    """There is nothing to lose."""
    downgrade_schema(database.url)
    assert _tables(database) == {VERSION_TABLE}


def test_after_a_downgrade_it_goes_up_again(lived_in: TestDatabase) -> None:
    """The second life has the same catalog, and works."""
    downgrade_schema(lived_in.url, drop_history=True)
    upgrade_schema(lived_in.url)
    assert read_catalog(lived_in) == snapshot(lived_in.kind).read_text()
    with Inboxes(lived_in.url) as inboxes:
        inbox = inboxes.register(email_address="ana@mail.example.com", owner_id="owner", provider="instantly")
        assert inbox.version == 1


def test_a_database_that_was_never_up_can_be_taken_down(empty_database: TestDatabase) -> None:
    """Nothing to do is no error."""
    downgrade_schema(empty_database.url)
    assert empty_database.execute("select 1") == [(1,)]
