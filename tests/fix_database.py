"""Databases: each test gets one of its own, on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import Postgres, SqliteFiles, TestDatabase

KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL for the whole session."""
    # A short path: the server's socket lies in it, and sockets have paths of at most 100 characters or so.
    folder = Path(tempfile.mkdtemp(prefix="ilpg"))
    server = Postgres(folder)
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_files(tmp_path_factory: pytest.TempPathFactory) -> SqliteFiles:
    """SQLite files for the whole session."""
    return SqliteFiles(tmp_path_factory.mktemp("sqlite"))


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
