"""Fixtures for races: a provider that waits far longer than any race holds its answers back.

The PostgreSQL tests here share one database that is emptied after each.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inbox_lifecycle import Instantly
from inbox_lifecycle.testing import Sandbox
from tests.fix_database import KINDS
from tests.support.databases import TestDatabase
from tests.support.emptied import Emptied
from tests.support.racing import PATIENCE


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
def provider(provider_sandbox: Sandbox) -> Instantly:
    """The adapter, with a timeout that answers held on purpose never reach."""
    return Instantly(api_key=provider_sandbox.api_key, base_url=provider_sandbox.base_url, timeout=PATIENCE)
