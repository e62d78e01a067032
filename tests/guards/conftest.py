"""Grounds for forgers: each database with each identity that may reach it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inbox_lifecycle.store.roles import apply_grants
from tests.support.databases import Postgres, SqliteFiles
from tests.support.forging import Ground, make_ground
from tests.support.roles import a_role, as_role

IDENTITIES = ("sqlite", "sqlite-without-foreign-keys", "postgresql-owner", "postgresql-writer")


@pytest.fixture(scope="session")
def writer(postgres: Postgres) -> Iterator[str]:
    """A role that may only append, wherever it is granted to; its name needs quoting."""
    with a_role(postgres, 'app "writer".v1 %:x') as role:
        yield role


@pytest.fixture(scope="module", params=IDENTITIES)
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """A history that several tests may share, as what is refused changes nothing: each test holds it to that."""
    if request.param.startswith("sqlite"):
        files: SqliteFiles = request.getfixturevalue("sqlite_files")
        with files.fresh() as database:
            yield make_ground(database, foreign_keys=request.param == "sqlite")
        return
    writer: str = request.getfixturevalue("writer")
    postgres: Postgres = request.getfixturevalue("postgres")
    with postgres.fresh() as database:
        apply_grants(database.url, writer)
        owner = request.param == "postgresql-owner"
        yield make_ground(database, url=None if owner else as_role(database.url, writer))
