"""Grounds for forgers, each database with each identity that may reach it, and histories to damage.

Several tests share a ground, as what is refused changes nothing: each test holds it to that.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inbox_lifecycle.store.roles import apply_grants
from tests.support.damage import Damage, Scene, damaging, make_scene
from tests.support.databases import Postgres
from tests.support.forging import Ground, make_ground
from tests.support.roles import a_role, as_role

ON_SQLITE = ("sqlite", "sqlite-without-foreign-keys")
ON_POSTGRESQL = ("postgresql-owner", "postgresql-writer")


@pytest.fixture(scope="session")
def writer(postgres: Postgres) -> Iterator[str]:
    """A role that may only append, wherever it is granted to; its name needs quoting."""
    with a_role(postgres, 'app "writer".v1 %:x') as role:
        yield role


@pytest.fixture(scope="module", params=(*ON_SQLITE, *ON_POSTGRESQL))
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """A history on either database, and a forger of each identity."""
    yield from _ground(request)


@pytest.fixture(scope="module", params=ON_SQLITE)
def sqlite_ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """A history on SQLite, and a forger whose connections check foreign keys, and one whose do not."""
    yield from _ground(request)


@pytest.fixture(scope="module", params=ON_POSTGRESQL)
def postgres_ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """A history on PostgreSQL, and a forger who owns the tables, and one who may only append."""
    yield from _ground(request)


@pytest.fixture(scope="module", params=("sqlite", "postgresql"))
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A proven history that several tests share, as each undoes its damage."""
    home = request.getfixturevalue("sqlite_files" if request.param == "sqlite" else "postgres")
    with home.fresh() as database:
        yield make_scene(database)


@pytest.fixture
def damage(scene: Scene) -> Iterator[Damage]:
    """The same history without guards."""
    with damaging(scene) as unguarded:
        yield unguarded


def _ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    home = request.getfixturevalue("sqlite_files" if request.param in ON_SQLITE else "postgres")
    with home.fresh() as database:
        if request.param in ON_SQLITE:
            yield make_ground(database, foreign_keys=request.param == "sqlite")
            return
        writer: str = request.getfixturevalue("writer")
        apply_grants(database.url, writer)
        owner = request.param == "postgresql-owner"
        yield make_ground(database, url=None if owner else as_role(database.url, writer))
