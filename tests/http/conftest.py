"""Fixtures for the HTTP tests: one real server on loopback, and a host's application on it for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fix_database import KINDS
from tests.support.databases import TestDatabase
from tests.support.emptied import Emptied
from tests.support.faces import AnyFace, LoopThread
from tests.support.hosting import Host, Site, site_of
from tests.support.serving import Web


@pytest.fixture
def postgres_database(shared_postgres: Emptied) -> Iterator[TestDatabase]:
    """A migrated database without a row, on PostgreSQL alone."""
    yield shared_postgres.database
    shared_postgres.empty()


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest) -> TestDatabase:
    """A migrated database without a row, on SQLite and again on PostgreSQL."""
    names = {"sqlite": "sqlite_database", "postgresql": "postgres_database"}
    chosen: TestDatabase = request.getfixturevalue(names[request.param])
    return chosen


@pytest.fixture(scope="session")
def web(loop_thread: LoopThread) -> Iterator[Web]:
    """A server for all of these tests."""
    server = Web(loop_thread)
    yield server
    server.stop()


@pytest.fixture
def host() -> Host:
    """What the host knows."""
    return Host()


@pytest.fixture
def site(web: Web, host: Host, face: AnyFace) -> Iterator[Site]:
    """The host's application over the test's facade."""
    with site_of(web, host.application(face)) as served:
        yield served
