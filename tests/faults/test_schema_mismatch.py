"""The database's schema is missing, or of another time than this version of the library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from inbox_lifecycle import Inbox, SchemaMismatch, upgrade_schema
from inbox_lifecycle.store.version import HEAD
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.aftermath import ANA, OWNER, standing, unmoved
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
VERSION_TABLE = "{s}inbox_lifecycle_alembic_version"

METHODS: tuple[Callable[[AnyFace], object], ...] = (
    lambda face: face.retry_warmup(UNKNOWN_ID, owner_id=OWNER),
    lambda face: face.register(email_address=ANA, owner_id=OWNER),
    lambda face: face.history(UNKNOWN_ID, owner_id=OWNER),
    lambda face: face.operator().ban(UNKNOWN_ID),
    lambda face: face.operator().reconcile(),
    lambda face: face.operator().verify(),
)


@pytest.fixture
def inbox(make: MakeFace) -> Inbox:
    """A registered inbox."""
    registered: Inbox = make().register(email_address=ANA, owner_id=OWNER)
    return registered


@pytest.fixture
def revise(database: TestDatabase) -> Iterator[Callable[[str], None]]:
    """Sets the revision that the database says it is at; put right at the end."""
    ((right,),) = database.execute(f"select version_num from {VERSION_TABLE}")  # noqa: S608 - our own name

    def set_to(revision: str) -> None:
        database.execute(f"update {VERSION_TABLE} set version_num = ?", (revision,))  # noqa: S608 - our own name

    yield set_to
    set_to(right)


@dataclass(frozen=True, slots=True)
class Bare:
    """A facade over a place where our schema is not."""

    face: AnyFace
    #: Brings the schema there.
    upgrade: Callable[[], object]


@pytest.fixture
def bare(make: MakeFace, database: TestDatabase) -> Iterator[Bare]:
    """Another file on SQLite, another schema on PostgreSQL."""
    if database.kind == "sqlite":
        url = f"{database.url}.bare"
        yield Bare(make(url), lambda: upgrade_schema(url))
        return
    yield Bare(make(schema="bare"), lambda: upgrade_schema(database.url, schema="bare"))
    database.execute("drop schema if exists bare cascade")


def test_database_that_was_never_migrated_names_the_cure(bare: Bare, provider_sandbox: Sandbox) -> None:
    """Whatever is asked, the answer is which command to run, and no provider is asked."""
    for ask in METHODS:
        with pytest.raises(SchemaMismatch, match="run `inbox-lifecycle db upgrade`") as mismatch:
            ask(bare.face)
        assert mismatch.value.found is None
    assert provider_sandbox.requests == ()


def test_facade_works_once_its_database_is_migrated(bare: Bare) -> None:
    """A schema that was missing is looked for again at the next call."""
    with pytest.raises(SchemaMismatch):
        bare.face.register(email_address=ANA, owner_id=OWNER)
    bare.upgrade()
    assert bare.face.register(email_address=ANA, owner_id=OWNER).version == 1


@pytest.mark.parametrize("revision", ["2.0001", "1.0000"])
def test_schema_of_another_time_is_refused_and_nothing_moves(
    make: MakeFace, inbox: Inbox, database: TestDatabase, revise: Callable[[str], None], revision: str
) -> None:
    """A newer generation or an older serial: the message says what stands there, and what is needed."""
    revise(revision)
    with pytest.raises(SchemaMismatch, match=f"is at {revision}, this library needs {HEAD}"):
        make().retry_warmup(inbox.id, owner_id=OWNER)
    assert standing(database, inbox.id) == unmoved()


def test_newer_serial_of_the_same_generation_works(make: MakeFace, inbox: Inbox, revise: Callable[[str], None]) -> None:
    """Migrations that only add may run before the services are upgraded."""
    revise("1.0099")
    assert make().retry_warmup(inbox.id, owner_id=OWNER).version == 2
