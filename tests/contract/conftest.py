"""The contract suite asks for hundreds of databases, so its PostgreSQL tests share one that is emptied after each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fix_database import KINDS
from tests.support.databases import TestDatabase
from tests.support.emptied import Emptied
from tests.support.store import Store


@pytest.fixture
def emptied_postgres_database(shared_postgres: Emptied) -> Iterator[TestDatabase]:
    """A migrated database without a row, on PostgreSQL alone."""
    yield shared_postgres.database
    shared_postgres.empty()


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest) -> TestDatabase:
    """A migrated database without a row, on SQLite and again on PostgreSQL."""
    names = {"sqlite": "sqlite_database", "postgresql": "emptied_postgres_database"}
    chosen: TestDatabase = request.getfixturevalue(names[request.param])
    return chosen


@pytest.fixture
def store(database: TestDatabase) -> Iterator[Store]:
    """The statements on the test's database."""
    made = Store(database)
    yield made
    made.close()
