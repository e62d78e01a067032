"""Database roles, and what they may do by the catalog's word."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from psycopg import sql

from tests.support.databases import Postgres, TestDatabase

_NUMBERS = itertools.count(1)


@contextmanager
def a_role(postgres: Postgres, name: str) -> Iterator[str]:
    """A role that may log in and has no rights yet; its whole name."""
    role = f"{name} {os.getpid()} {next(_NUMBERS)}"
    postgres.administer(sql.SQL("create role {} login").format(sql.Identifier(role)))
    try:
        yield role
    finally:
        postgres.administer(sql.SQL("drop role {}").format(sql.Identifier(role)))


def as_role(url: str, role: str) -> str:
    """The URL of the same database for that role."""
    return url.replace("//postgres@", f"//{quote(role, safe='')}@")


def rights(database: TestDatabase, role: str) -> set[tuple[str, str, str]]:
    """Every right of a role on our tables: table, column or nothing, and the right."""
    ours = (
        "c.relnamespace = 'inbox_lifecycle'::regnamespace and a.grantee = (select oid from pg_roles where rolname = ?)"
    )
    tables = f"select c.relname, '', a.privilege_type from pg_class c, aclexplode(c.relacl) a where {ours}"  # noqa: S608 - ours
    columns = (
        "select c.relname, t.attname, a.privilege_type"  # noqa: S608 - ours
        f" from pg_class c join pg_attribute t on t.attrelid = c.oid, aclexplode(t.attacl) a where {ours}"
    )
    found = database.execute(tables, (role,)) + database.execute(columns, (role,))
    return {(str(table), str(column), str(right)) for table, column, right in found}
