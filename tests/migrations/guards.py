"""The guards of a migrated database, as the package ships them: `guards_expected.json` beside the code that reads it.

A migration changes them on purpose: write them again with `python -m tests.migrations.guards`, and read the difference
before committing it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path

from inbox_lifecycle.flow import again
from inbox_lifecycle.store.guards import EXPECTED, Guards, ReadGuards
from tests.support.databases import Postgres, SqliteFiles, TestDatabase
from tests.support.flows import run_on


def read_guards(database: TestDatabase, *, schema: str | None = None) -> Guards:
    """The guards that stand in a database."""
    return run_on(database.url, again(ReadGuards()), schema=schema)


def expected_path() -> Path:
    """The committed file."""
    return Path(str(files("inbox_lifecycle.store"))) / EXPECTED


def write_expected() -> None:
    """Migrate a database of each kind and write down its guards."""
    folder = Path(tempfile.mkdtemp(prefix="ilguards"))
    server = Postgres(folder / "pg")
    try:
        expected_path().write_text(_as_json([_of_a_fresh_one(home) for home in (server, SqliteFiles(folder))]))
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _of_a_fresh_one(home: Postgres | SqliteFiles) -> tuple[str, Guards]:
    with home.fresh() as database:
        return database.kind, read_guards(database)


def _as_json(kinds: list[tuple[str, Guards]]) -> str:
    """One guard a line, so that a difference names them."""
    blocks = []
    for kind, guards in kinds:
        lines = [f"    {json.dumps(guard)}: {json.dumps(clauses)}" for guard, clauses in sorted(guards.items())]
        blocks.append(f"  {json.dumps(kind)}: {{\n" + ",\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


if __name__ == "__main__":
    write_expected()
