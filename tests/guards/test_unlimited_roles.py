"""Roles that no grant could limit are refused by name of the reason, and the others are granted in full."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, create_engine, text

from inbox_lifecycle import upgrade_schema
from inbox_lifecycle.errors import InvalidInput, StoreMisconfigured
from inbox_lifecycle.store.engine import read_url
from inbox_lifecycle.store.roles import apply_grants, writer_grants
from tests.support.databases import TestDatabase

OTHER_SCHEMA = "elsewhere"


@pytest.fixture
def role(postgres_database: TestDatabase) -> Iterator[str]:
    """A role with no rights."""
    name = f'plain % "{os.getpid()}'
    _run(postgres_database, sql.SQL("create role {}").format(sql.Identifier(name)))
    yield name
    _run(postgres_database, sql.SQL("drop owned by {}").format(sql.Identifier(name)))
    _run(postgres_database, sql.SQL("drop role {}").format(sql.Identifier(name)))


@pytest.fixture
def engine(postgres_database: TestDatabase) -> Iterator[Engine]:
    """An engine of the tables' owner."""
    made = create_engine(read_url(postgres_database.url))
    yield made
    made.dispose()


def _run(database: TestDatabase, statement: sql.Composed) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(statement)


def _may(engine: Engine, role: str, schema: str) -> bool:
    with engine.connect() as connection:
        asked = text("select has_table_privilege(:role, :table, 'insert')")
        return bool(connection.execute(asked, {"role": role, "table": f"{schema}.inbox_events"}).scalar())


def test_an_ordinary_role_is_let_in_and_again(engine: Engine, role: str) -> None:
    """Into the schema that was named, and into no other; granting twice changes nothing."""
    upgrade_schema(engine, schema=OTHER_SCHEMA)
    apply_grants(engine, role, OTHER_SCHEMA)
    apply_grants(engine, role, OTHER_SCHEMA)
    assert _may(engine, role, OTHER_SCHEMA)
    assert not _may(engine, role, "inbox_lifecycle")
    apply_grants(engine, role)
    assert _may(engine, role, "inbox_lifecycle")


def test_a_superuser_is_refused_as_one(engine: Engine) -> None:
    """Grants do not limit it."""
    with pytest.raises(StoreMisconfigured, match=r"^the role is a superuser, so no grant limits it"):
        apply_grants(engine, "postgres")


def test_an_owner_is_refused_as_one(postgres_database: TestDatabase, engine: Engine, role: str) -> None:
    """It can take the guards off."""
    tables = sql.Identifier("inbox_lifecycle", "inboxes")
    _run(postgres_database, sql.SQL("alter table {} owner to {}").format(tables, sql.Identifier(role)))
    with pytest.raises(StoreMisconfigured, match=r"^the role owns the tables, so no grant limits it"):
        apply_grants(engine, role)
    _run(postgres_database, sql.SQL("alter table {} owner to postgres").format(tables))


def test_an_owner_of_other_tables_is_none_of_ours(postgres_database: TestDatabase, engine: Engine, role: str) -> None:
    """One of that name in another schema, and another one in ours."""
    for statement in (
        "create schema bystander",
        "create table bystander.inboxes (n integer)",
        "create table inbox_lifecycle.notes (n integer)",
        "alter table bystander.inboxes owner to {}",
        "alter table inbox_lifecycle.notes owner to {}",
    ):
        _run(postgres_database, sql.SQL(statement).format(sql.Identifier(role)))
    apply_grants(engine, role)
    assert _may(engine, role, "inbox_lifecycle")


def test_a_role_that_is_not_there_is_named_as_missing(engine: Engine) -> None:
    """The cure is in the words."""
    with pytest.raises(StoreMisconfigured, match="there is no such role: create it first"):
        apply_grants(engine, "nobody at all")


@pytest.mark.parametrize("name", ["", "a\x00b", "r" * 64, "ü" * 32])
def test_a_name_that_cannot_be_one_is_refused_as_what_it_names(name: str) -> None:
    """Longer ones are cut off without an error, and the rights would go to another role."""
    with pytest.raises(InvalidInput, match=r"^the role's name has 1 to 63 bytes"):
        writer_grants(name)
    with pytest.raises(InvalidInput, match=r"^the schema's name has 1 to 63 bytes"):
        writer_grants("role", name)


def test_the_longest_name_there_can_be_is_taken() -> None:
    """Quoted, as it is."""
    statements = writer_grants("r" * 63, 's"s')
    assert statements[0] == f'grant usage on schema "s""s" to "{"r" * 63}"'
    assert all(statement.count(f'"{"r" * 63}"') >= 1 for statement in statements)


def test_a_policy_that_is_missing_is_made_though_others_stand(
    postgres_database: TestDatabase, engine: Engine, role: str
) -> None:
    """A later migration's table has none yet."""
    apply_grants(engine, role)
    made = _policies(engine, role)
    table = sql.Identifier("inbox_lifecycle", "inbox_feed_queue")
    _run(postgres_database, sql.SQL("drop policy {} on {}").format(sql.Identifier(role), table))
    assert _policies(engine, role) < made
    apply_grants(engine, role)
    assert _policies(engine, role) == made


def _policies(engine: Engine, role: str) -> set[str]:
    with engine.connect() as connection:
        asked = text("select tablename from pg_policies where policyname = :role")
        return set(connection.execute(asked, {"role": role}).scalars())
