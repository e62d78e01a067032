"""Grounds for forgers, each database with each identity that may reach it, and histories to damage.

Several tests share a ground, as what is refused changes nothing: each test holds it to that.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from inbox_lifecycle.store.roles import KINDS as ROLES
from inbox_lifecycle.store.roles import apply_grants
from tests.fix_database import KINDS
from tests.support.damage import Damage, Scene, damaging, make_scene
from tests.support.databases import Postgres
from tests.support.forging import Ground, make_ground
from tests.support.roles import a_role, as_role
from tests.support.signed import Copies, Signed, make_signed

ON_SQLITE = ("sqlite", "sqlite-without-foreign-keys")
ON_POSTGRESQL = ("postgresql-owner", *(f"postgresql-{kind}" for kind in ROLES))


@pytest.fixture(scope="session")
def writer(postgres: Postgres) -> Iterator[str]:
    """A role that may only append, wherever it is granted to; its name needs quoting."""
    with a_role(postgres, 'app "writer".v1 %:x') as role:
        yield role


@pytest.fixture(scope="session")
def roles(postgres: Postgres, writer: str) -> Iterator[dict[str, str]]:
    """A role of each kind, granted or to be granted."""
    with a_role(postgres, "keeper") as keeper, a_role(postgres, "auditor") as auditor:
        yield {"writer": writer, "keeper": keeper, "auditor": auditor}


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
    """A history on PostgreSQL, and a forger who owns the tables, and one of each kind of role."""
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
        roles: dict[str, str] = request.getfixturevalue("roles")
        for kind in ROLES:
            apply_grants(database.url, roles[kind], kind=kind)
        who = request.param.removeprefix("postgresql-")
        yield make_ground(database, url=as_role(database.url, roles[who]) if who in roles else None)


@pytest.fixture(scope="session", params=KINDS)
def signed_once(request: pytest.FixtureRequest) -> Iterator[Signed]:
    """A sealed and signed history, of which each test gets a copy."""
    home = request.getfixturevalue("sqlite_files" if request.param == "sqlite" else "postgres")
    with home.fresh() as database:
        yield make_signed(database)


@pytest.fixture
def copies(request: pytest.FixtureRequest, signed_once: Signed, tmp_path: Path) -> Iterator[Copies]:
    """Makes copies of databases of the same kind."""
    sqlite = signed_once.database.kind == "sqlite"
    made = Copies(request.getfixturevalue("sqlite_files" if sqlite else "postgres"), tmp_path)
    yield made
    made.close()


@pytest.fixture
def signed(signed_once: Signed, copies: Copies) -> Signed:
    """A sealed and signed history of the test's own, on either database."""
    return copies.of(signed_once)
