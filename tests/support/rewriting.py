"""Damage for good: what somebody who owns the tables can do, the guards taken off for it and put back afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.databases import TestDatabase

_SQLITE_GUARDS = "select name, sql from sqlite_schema where type = 'trigger'"
_POSTGRESQL_GUARDS = """
select t.tgrelid::regclass::text, quote_ident(t.tgname), t.tgenabled::text
from pg_trigger t join pg_class c on c.oid = t.tgrelid
where c.relnamespace = 'inbox_lifecycle'::regnamespace
"""
_ENABLED = {"O": "enable", "A": "enable always", "D": "disable", "R": "enable replica"}


def rewrite(database: TestDatabase, *statements: str | tuple[str, tuple[object, ...]]) -> None:
    """Run raw SQL that no guard sees, in one transaction; parameters are written `?`, tables `{s}table`."""
    with database.connect() as connection:
        cursor = connection.cursor()
        with _guards_off(cursor, database):
            for statement in statements:
                text, values = (statement, ()) if isinstance(statement, str) else statement
                sql = text.replace("{s}", database.prefix)
                cursor.execute(sql if database.kind == "sqlite" else sql.replace("?", "%s"), values)
        cursor.close()


@contextmanager
def _guards_off(cursor: Any, database: TestDatabase) -> Iterator[None]:
    off, on = _switches(cursor, database)
    for statement in off:
        cursor.execute(statement)
    yield
    for statement in on:
        cursor.execute(statement)


def _switches(cursor: Any, database: TestDatabase) -> tuple[list[str], list[str]]:
    if database.kind == "sqlite":
        guards = cursor.execute(_SQLITE_GUARDS).fetchall()
        return [f"drop trigger {name}" for name, _ in guards], [sql for _, sql in guards]
    guards = cursor.execute(_POSTGRESQL_GUARDS).fetchall()
    change = "alter table {} {} trigger {}"
    off = [change.format(table, "disable", name) for table, name, _ in guards]
    return off, [change.format(table, _ENABLED[state], name) for table, name, state in guards]
