"""Fixtures for breaking things: PostgreSQL behind a proxy that cuts connections."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.databases import Postgres, TestDatabase
from tests.support.proxy import Proxy


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    """A proxy in front of the tests' PostgreSQL."""
    with Proxy(Path(postgres.socket_folder) / ".s.PGSQL.5432") as running:
        yield running


@pytest.fixture
def proxied_url(proxy: Proxy, postgres_database: TestDatabase) -> str:
    """The test's database, behind the proxy."""
    return proxy.url(urlsplit(postgres_database.url).path.removeprefix("/"))
