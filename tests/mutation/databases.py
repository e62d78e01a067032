"""Databases that all mutants share: they stand for the session's own fixtures of the same names."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.support.databases import Postgres, SqliteFiles


class Shared:
    """One PostgreSQL for all, and a SQLite folder for each worker, made before anything is forked."""

    def __init__(self, workers: int) -> None:
        # A short path, as for the tests' own server.
        self.folder = Path(tempfile.mkdtemp(prefix="ilmu"))
        self.server = Postgres(self.folder / "pg")
        self.slots = [self.folder / str(number) for number in range(workers)]
        for slot in self.slots:
            slot.mkdir()
        self.files = [SqliteFiles(slot) for slot in self.slots]
        #: Which worker this process is.
        self.slot = 0

    def tidy(self, child: int, slot: int, *, served: bool) -> None:
        """Drop what a fork has left behind, on the server too where it has been there."""
        for file in self.slots[slot].glob("test_*"):
            file.unlink(missing_ok=True)
        if served:
            self._drop(child)

    def _drop(self, child: int) -> None:
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            left = connection.execute("select datname from pg_database where datname like %s", (f"test_{child}_%",))
            for (name,) in left.fetchall():
                connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def stop(self) -> None:
        """Stop the server and remove the files."""
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


#: The one there is, from before the first fork.
shared: list[Shared] = []


@pytest.fixture(scope="session")
def postgres() -> Postgres:
    """A real PostgreSQL for all mutants."""
    return shared[0].server


@pytest.fixture(scope="session")
def sqlite_files() -> SqliteFiles:
    """SQLite files of this worker."""
    return shared[0].files[shared[0].slot]
