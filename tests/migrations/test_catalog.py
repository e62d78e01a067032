"""The catalog against what the migrations should have made: triggers, functions, checks, keys, row-level security."""

from __future__ import annotations

import pytest

from inbox_lifecycle import upgrade_schema
from tests.migrations.catalog import read_catalog, snapshot
from tests.support.databases import Postgres, TestDatabase

SCHEMAS = "n.nspname = 'inbox_lifecycle'"

#: Whatever has a list of rights; where the list is missing, PostgreSQL's defaults count, which open functions to all.
GRANTS = f"""
select 'table ' || c.relname, a.privilege_type
from pg_class c join pg_namespace n on n.oid = c.relnamespace,
     aclexplode(coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))) a
where {SCHEMAS} and c.relkind in ('r', 'S', 'v', 'm') and a.grantee = 0
union all
select 'column ' || c.relname || '.' || t.attname, a.privilege_type
from pg_attribute t join pg_class c on c.oid = t.attrelid join pg_namespace n on n.oid = c.relnamespace,
     aclexplode(t.attacl) a
where {SCHEMAS} and a.grantee = 0
union all
select 'function ' || p.proname, a.privilege_type
from pg_proc p join pg_namespace n on n.oid = p.pronamespace,
     aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
where {SCHEMAS} and a.grantee = 0
union all
select 'schema ' || n.nspname, a.privilege_type
from pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
where {SCHEMAS} and a.grantee = 0
"""  # noqa: S608 - constants of this file


def test_the_catalog_is_what_the_migrations_should_have_made(database: TestDatabase) -> None:
    """Every table, constraint, index, trigger and function is the committed one; `catalog.py` says how to renew it."""
    assert read_catalog(database) == snapshot(database.kind).read_text()


def test_another_schema_holds_the_same(postgres: Postgres) -> None:
    """Nothing in the catalog depends on the name of the schema but the name."""
    with postgres.fresh(migrated=False) as database:
        upgrade_schema(database.url, schema="ledger")
        found = read_catalog(database, "ledger")
    expected = snapshot("postgresql").read_text()
    expected = expected.replace('"inbox_lifecycle".', '"ledger".').replace("inbox_lifecycle.", "ledger.")
    assert found == expected


def test_nothing_is_granted_to_public(postgres_database: TestDatabase) -> None:
    """No table, column, sequence, function or the schema itself is open to everybody."""
    assert postgres_database.execute(GRANTS) == []


@pytest.mark.parametrize(
    ("damage", "missing"),
    [
        ("alter table {s}inbox_events disable trigger inbox_events_head", "inbox_events_head, fires for origin"),
        ("alter table {s}inboxes drop constraint inboxes_explained", "constraint inboxes.inboxes_explained"),
        ("alter table {s}inboxes disable row level security", "table inboxes, row security on"),
        ("drop index {s}inboxes_owner_created", "index inboxes.inboxes_owner_created"),
        ("alter table {s}inboxes disable trigger all", "foreign key on inboxes, fires for origin"),
    ],
    ids=["trigger-off", "key-dropped", "row-security-off", "index-dropped", "keys-off"],
)
def test_a_guard_taken_off_shows_in_the_catalog(postgres_database: TestDatabase, damage: str, missing: str) -> None:
    """The comparison sees what an owner can do to the guards without leaving a mark in the data."""
    assert missing in read_catalog(postgres_database)
    postgres_database.execute(damage)
    assert missing not in read_catalog(postgres_database)


def test_a_guard_taken_off_shows_in_sqlites_catalog(sqlite_database: TestDatabase) -> None:
    """So it does on SQLite, where a trigger can only be dropped."""
    assert "trigger inbox_events.inbox_events_frozen" in read_catalog(sqlite_database)
    sqlite_database.execute("drop trigger inbox_events_frozen")
    assert "trigger inbox_events.inbox_events_frozen" not in read_catalog(sqlite_database)
