"""A database role that may only append, as `store.roles` makes it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from psycopg import sql

from tests.support.databases import Postgres

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
