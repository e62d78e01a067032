"""Roles for migrations, and services that are at work meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine

from inbox_lifecycle import Inboxes, Instantly, prepare_sqlite
from inbox_lifecycle.store.engine import read_url
from inbox_lifecycle.store.roles import apply_grants
from inbox_lifecycle.testing import Sandbox
from tests.support.databases import Postgres, TestDatabase
from tests.support.roles import a_role, as_role


@pytest.fixture(scope="session")
def nobody(postgres: Postgres) -> Iterator[str]:
    """A role that may log in and has no rights."""
    with a_role(postgres, "nobody") as role:
        yield role


@pytest.fixture(scope="session")
def writer(postgres: Postgres) -> Iterator[str]:
    """A role that may only append, where it is granted to."""
    with a_role(postgres, "writer") as role:
        yield role


@pytest.fixture
def provider(provider_sandbox: Sandbox) -> Instantly:
    """The adapter, with the patience to wait for an answer while a schema is upgraded."""
    return Instantly(api_key=provider_sandbox.api_key, base_url=provider_sandbox.base_url, timeout=30.0)


@pytest.fixture
def service_url(request: pytest.FixtureRequest, database: TestDatabase) -> str:
    """As a service connects: on PostgreSQL with the rights that it was given before any later migration."""
    if database.kind == "sqlite":
        return database.url
    role = request.getfixturevalue("writer")
    apply_grants(database.url, role)
    return as_role(database.url, role)


@pytest.fixture
def service(service_url: str, provider: Instantly) -> Iterator[Inboxes]:
    """A service, whose driver prepares statements at once, as it otherwise does after some use."""
    arguments = {} if service_url.startswith("sqlite") else {"prepare_threshold": 0}
    engine = prepare_sqlite(create_engine(read_url(service_url), connect_args=arguments))
    with Inboxes(engine, provider) as inboxes:
        yield inboxes
    engine.dispose()
