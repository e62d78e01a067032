"""`upgrade_schema`: from empty, again, by two at once, in a schema of any name, and by a role that may not."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine

from inbox_lifecycle import Inboxes, Instantly, SchemaMismatch, downgrade_schema, upgrade_schema
from inbox_lifecycle.errors import StoreMisconfigured
from inbox_lifecycle.store.engine import read_url
from inbox_lifecycle.store.version import HEAD, VERSION_TABLE
from inbox_lifecycle.testing import Sandbox
from tests.migrations.catalog import read_catalog, snapshot
from tests.support.databases import Postgres, TestDatabase
from tests.support.roles import as_role

ANA = "ana@mail.example.com"
AWKWARD_SCHEMA = 'audit v1.x%:y "z"'

#: Says when it is ready, waits for a line, then upgrades.
UPGRADER = """
import sys
from inbox_lifecycle import upgrade_schema
print("ready", flush=True)
sys.stdin.readline()
print(upgrade_schema(sys.argv[1]))
"""


def _stands_at(database: TestDatabase) -> list[tuple[object, ...]]:
    return database.execute(f"select version_num from {{s}}{VERSION_TABLE}")  # noqa: S608 - our own name


def test_an_empty_database_comes_to_head(empty_database: TestDatabase) -> None:
    """The revision reached is returned, and stands in a table of our own."""
    assert upgrade_schema(empty_database.url) == HEAD
    assert _stands_at(empty_database) == [(HEAD,)]
    assert read_catalog(empty_database) == snapshot(empty_database.kind).read_text()


def test_a_second_upgrade_changes_nothing(database: TestDatabase) -> None:
    """It is safe to upgrade at every start."""
    with Inboxes(database.url) as inboxes:
        inbox = inboxes.register(email_address=ANA, owner_id="owner", provider="instantly")
        before = read_catalog(database)
        assert upgrade_schema(database.url) == HEAD
        assert read_catalog(database) == before
        assert inboxes.get(inbox.id, owner_id="owner") == inbox


def test_processes_that_upgrade_at_once_take_turns(empty_database: TestDatabase) -> None:
    """Each ends at head, and the schema is made once."""
    upgraders = [
        subprocess.Popen(
            [sys.executable, "-c", UPGRADER, empty_database.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for upgrader in upgraders:
        assert upgrader.stdout is not None
        assert upgrader.stdout.readline() == "ready\n"
    ends = [upgrader.communicate("go\n", timeout=60) for upgrader in upgraders]
    assert ends == [(f"{HEAD}\n", "")] * 3
    assert _stands_at(empty_database) == [(HEAD,)]
    assert read_catalog(empty_database) == snapshot(empty_database.kind).read_text()


@pytest.fixture
def engine(empty_database: TestDatabase) -> Iterator[Engine]:
    """An engine of a host's, as `create_engine` makes it."""
    made = create_engine(read_url(empty_database.url))
    yield made
    made.dispose()


def test_an_engine_of_the_hosts_is_good_and_stays_open(engine: Engine, empty_database: TestDatabase) -> None:
    """A host hands over what it has."""
    assert upgrade_schema(engine) == HEAD
    with engine.connect() as connection:
        assert connection.exec_driver_sql("select 1").scalar() == 1
    assert _stands_at(empty_database) == [(HEAD,)]


def test_postgres_urls_are_accepted(postgres: Postgres) -> None:
    """Hosting providers write `postgres://`."""
    with postgres.fresh(migrated=False) as database:
        assert upgrade_schema(database.url.replace("postgresql://", "postgres://")) == HEAD


def test_a_whole_retry_works_in_a_schema_of_any_name(
    postgres: Postgres, provider: Instantly, provider_sandbox: Sandbox
) -> None:
    """Upgrade, register, a failed attempt, a retry, history, verification and downgrade, spaces and signs included."""
    provider_sandbox.fail_next("error")
    with postgres.fresh(migrated=False) as database:
        assert upgrade_schema(database.url, schema=AWKWARD_SCHEMA) == HEAD
        assert upgrade_schema(database.url, schema=AWKWARD_SCHEMA) == HEAD
        with Inboxes(database.url, provider, schema=AWKWARD_SCHEMA) as inboxes:
            inbox = inboxes.register(email_address=ANA, owner_id="owner", start_warmup=True)
            inbox = inboxes.retry_warmup(inbox.id, owner_id="owner")
            assert [event.version for event in inboxes.history(inbox.id, owner_id="owner")] == [1, 2]
            assert inboxes.find(owner_id="owner").items == (inbox,)
            assert inboxes.operator(actor="vera").verify().findings == []
        with pytest.raises(SchemaMismatch), Inboxes(database.url) as elsewhere:
            elsewhere.get(inbox.id, owner_id="owner")
        downgrade_schema(database.url, schema=AWKWARD_SCHEMA, drop_history=True)


@pytest.mark.parametrize("act", [upgrade_schema, downgrade_schema, Inboxes])
def test_a_schema_on_sqlite_is_refused(sqlite_database: TestDatabase, act: type) -> None:
    """SQLite has none, and the error says what to leave out."""
    with pytest.raises(StoreMisconfigured, match="leave schema out"):
        act(sqlite_database.url, schema="audit")
    assert _stands_at(sqlite_database) == [(HEAD,)]


def test_a_role_that_may_not_create_is_refused_with_the_cure(postgres: Postgres, nobody: str) -> None:
    """Nothing is made, and the error names the owner's part."""
    with postgres.fresh(migrated=False) as database:
        with pytest.raises(StoreMisconfigured, match="lacks a right"):
            upgrade_schema(as_role(database.url, nobody))
        assert database.execute("select count(*) from pg_namespace where nspname = 'inbox_lifecycle'") == [(0,)]


def test_a_role_that_may_not_read_is_refused_with_the_cure(postgres_database: TestDatabase, nobody: str) -> None:
    """A service whose role was never granted anything learns which command is missing."""
    with (
        pytest.raises(StoreMisconfigured, match="db grant"),
        Inboxes(as_role(postgres_database.url, nobody)) as inboxes,
    ):
        inboxes.find(owner_id="owner")


def test_a_table_in_the_way_undoes_the_whole_upgrade(empty_database: TestDatabase) -> None:
    """All or nothing: what could not be made whole is not there, and the other's table is as it was."""
    if empty_database.kind == "postgresql":
        empty_database.execute("create schema inbox_lifecycle")
    empty_database.execute("create table {s}inbox_attempts (name text)")
    with pytest.raises(StoreMisconfigured, match="refused a statement"):
        upgrade_schema(empty_database.url)
    with pytest.raises(SchemaMismatch), Inboxes(empty_database.url) as inboxes:
        inboxes.find(owner_id="owner")
    assert empty_database.count("inbox_attempts") == 0


def test_a_url_that_is_none_is_refused_without_repeating_it() -> None:
    """It may hold a password."""
    with pytest.raises(StoreMisconfigured, match="not a database URL") as refused:
        upgrade_schema("s3cret")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("url", ["mysql://localhost/x", "oracle://localhost/x"])
def test_another_database_is_refused(url: str) -> None:
    """What is not supported says so."""
    with pytest.raises(StoreMisconfigured):
        upgrade_schema(url)


def test_the_hosts_logging_is_left_alone(empty_database: TestDatabase) -> None:
    """Alembic's own template would set up handlers and switch the host's loggers off."""
    host = logging.getLogger("host.of.inboxes")
    root, alembic = logging.getLogger(), logging.getLogger("alembic")

    def stands() -> tuple[object, ...]:
        return (
            list(root.handlers),
            root.level,
            list(alembic.handlers),
            alembic.level,
            host.disabled,
            alembic.disabled,
            logging.root.manager.disable,
        )

    before = stands()
    upgrade_schema(empty_database.url)
    assert stands() == before
