"""The contract suite asks for hundreds of databases, so its PostgreSQL tests share one that is emptied after each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fix_database import KINDS
from tests.support.databases import Postgres, SqliteFiles, TestDatabase
from tests.support.emptied import empty


@pytest.fixture(scope="session")
def shared_postgres_database(postgres: Postgres) -> Iterator[TestDatabase]:
    """A migrated database on PostgreSQL for the whole suite; a test that changes its settings needs one of its own."""
    with postgres.fresh() as shared:
        yield shared


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    """A migrated database without a row, on SQLite and again on PostgreSQL."""
    if request.param == "sqlite":
        files: SqliteFiles = request.getfixturevalue("sqlite_files")
        with files.fresh() as fresh:
            yield fresh
        return
    shared: TestDatabase = request.getfixturevalue("shared_postgres_database")
    yield shared
    empty(shared)
