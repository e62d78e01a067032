"""Fixtures for breaking things: PostgreSQL behind a proxy that cuts connections.

The PostgreSQL tests here share one database that is emptied after each; tests that change its schema ask for their own.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fix_database import KINDS
from tests.support.databases import Postgres, TestDatabase
from tests.support.emptied import Emptied
from tests.support.interrupts import Interrupts
from tests.support.locks import Watched
from tests.support.proxy import Proxy


@pytest.fixture
def postgres_database(shared_postgres: Emptied) -> Iterator[TestDatabase]:
    """A migrated database without a row, on PostgreSQL alone."""
    yield shared_postgres.database
    shared_postgres.empty()


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest) -> TestDatabase:
    """A migrated database without a row, on SQLite and again on PostgreSQL."""
    chosen: TestDatabase = request.getfixturevalue(
        "sqlite_database" if request.param == "sqlite" else "postgres_database"
    )
    return chosen


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    """A proxy in front of the tests' PostgreSQL."""
    with Proxy(Path(postgres.socket_folder) / ".s.PGSQL.5432") as running:
        yield running


@pytest.fixture
def proxied_url(proxy: Proxy, postgres_database: TestDatabase) -> str:
    """The test's database, behind the proxy."""
    return proxy.url(urlsplit(postgres_database.url).path.removeprefix("/"))


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    """Ctrl-C, pressed when the test says so."""
    pressed = Interrupts()
    before = signal.signal(signal.SIGINT, pressed.handle)
    yield pressed
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def watched(database: TestDatabase) -> Iterator[Watched]:
    """A host's engine over the test's database, which tells when a connection of it is taken."""
    watching = Watched(database)
    yield watching
    watching.engine.dispose()
