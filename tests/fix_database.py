"""Databases: each test gets one of its own, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.databases import Postgres, SqliteFiles, TestDatabase
from tests.support.emptied import Emptied
from tests.support.scratch import scratch_folder

KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL for the whole session."""
    with scratch_folder("ilpg") as folder:
        server = Postgres(folder)
        yield server
        server.stop()


@pytest.fixture(scope="session")
def shared_postgres(postgres: Postgres) -> Iterator[Emptied]:
    """A migrated database on PostgreSQL that is emptied after each test; one that changes its schema needs its own."""
    with postgres.fresh() as database:
        shared = Emptied(database)
        yield shared
        shared.close()


@pytest.fixture(scope="session")
def sqlite_files() -> Iterator[SqliteFiles]:
    """SQLite files for the whole session."""
    with scratch_folder("ilsq") as folder:
        yield SqliteFiles(folder)


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    """A migrated database of the test's own, on SQLite and again on PostgreSQL."""
    home = request.getfixturevalue("sqlite_files" if request.param == "sqlite" else "postgres")
    with home.fresh() as fresh:
        yield fresh


@pytest.fixture(params=KINDS)
def empty_database(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    """A database without our schema, on SQLite and again on PostgreSQL."""
    home = request.getfixturevalue("sqlite_files" if request.param == "sqlite" else "postgres")
    with home.fresh(migrated=False) as fresh:
        yield fresh


@pytest.fixture
def postgres_database(postgres: Postgres) -> Iterator[TestDatabase]:
    """A migrated database on PostgreSQL alone."""
    with postgres.fresh() as fresh:
        yield fresh


@pytest.fixture
def sqlite_database(sqlite_files: SqliteFiles) -> Iterator[TestDatabase]:
    """A migrated database on SQLite alone."""
    with sqlite_files.fresh() as fresh:
        yield fresh
