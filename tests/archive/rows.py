"""The rows of every table as text, and back into a database: JSON lines, one file a table, one row a line.

Bytes stand as `{"hex": "..."}`, times and ids as the texts that SQLite keeps, and everything beyond ASCII is escaped:
no editor and no normal form of Unicode can change what a row says. SQLite writes an archive, and either database can
be filled from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.store.migrate import migrations_path, upgrade_by_one
from inbox_lifecycle.store.session import backend_for
from inbox_lifecycle.store.version import VERSION_TABLE
from tests.support.databases import TestDatabase

FOLDER = Path(__file__).parent
SUMS = FOLDER / "SHA256SUMS"

Row = dict[str, Any]

_FEED_HEAD = (
    "update inbox_lifecycle.inbox_feed_head"
    " set next_position = (select coalesce(max(position) + 1, 0) from inbox_lifecycle.inbox_feed)"
)


@dataclass(frozen=True)
class Archive:
    """The rows of one release, and what they say."""

    folder: Path

    @property
    def name(self) -> str:
        """The revision of the schema that the rows are of."""
        return self.folder.name

    @property
    def tables(self) -> list[str]:
        """The tables, by name."""
        return sorted(path.stem for path in self.folder.glob("*.jsonl"))

    def rows(self, table: str) -> Iterator[Row]:
        """The rows of a table, bytes as bytes."""
        with (self.folder / f"{table}.jsonl").open(encoding="ascii") as lines:
            for line in lines:
                yield {column: _from_json(value) for column, value in json.loads(line).items()}

    def expected(self) -> dict[str, Any]:
        """What the library says of the rows, as it was written down beside them."""
        said: dict[str, Any] = json.loads((self.folder / "expected.json").read_text(encoding="ascii"))
        for events in said["events"].values():
            for event in events:
                event["event"] = self.upcast().get(f"{event['inbox_id']}/{event['version']}", event["event"])
        return said

    def upcast(self) -> dict[str, Any]:
        """What events whose schema is not current any more read as today, by inbox and version."""
        path = self.folder / "upcast.json"
        said: dict[str, Any] = json.loads(path.read_text(encoding="ascii")) if path.exists() else {}
        return said

    def sums(self) -> dict[str, str]:
        """SHA-256 of each file that is never edited, by its path from the archives' folder."""
        files = (*sorted(self.folder.glob("*.jsonl")), self.folder / "expected.json")
        return {f"{self.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


#: Every archive, oldest first.
ARCHIVES = tuple(Archive(path.parent) for path in sorted(FOLDER.glob("*/expected.json")))


def write_rows(database: TestDatabase, folder: Path) -> None:
    """Write down every row of every table of ours in an SQLite database."""
    tables = database.execute(
        "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' and name <> ?",
        (VERSION_TABLE,),
    )
    for (table,) in tables:
        lines = (json.dumps(row, ensure_ascii=True) + "\n" for row in _rows_of(database, table))
        (folder / f"{table}.jsonl").write_text("".join(lines), encoding="ascii", newline="\n")


def load(archive: Archive, database: TestDatabase) -> None:
    """Fill an empty database that is at the archive's revision, past every guard, as a restored backup would be."""
    with database.connect() as connection:
        if database.kind == "sqlite":
            triggers = connection.execute("select name, sql from sqlite_schema where type = 'trigger'").fetchall()
            before, after = [f"drop trigger {name}" for name, _ in triggers], [text for _, text in triggers]
        else:
            before, after = ["set local session_replication_role = replica"], _counters(connection)
        for statement in before:
            connection.execute(statement)
        for table in archive.tables:
            for row in archive.rows(table):
                connection.execute(*_insert(database, table, row))
        for statement in after:
            connection.execute(statement)


def upgrade_to(revision: str, database: TestDatabase) -> None:
    """Bring an empty database to a revision, and no further."""
    engine = make_engine(database.url)
    found: str | None = None
    while found != revision:
        found, ran = upgrade_by_one(engine, backend_for(engine.dialect), migrations_path())
        assert ran, f"no migration leads to {revision}"
    engine.dispose()


def _rows_of(database: TestDatabase, table: str) -> Iterator[Row]:
    columns = database.execute("select name, type, pk from pragma_table_info(?) order by cid", (table,))
    keys = [name for name, _, place in sorted(columns, key=lambda column: column[2]) if place]
    names = ", ".join(name for name, _, _ in columns)
    for row in database.execute(f"select {names} from {table} order by {', '.join(keys)}"):  # noqa: S608 - the catalog's names
        yield {name: _to_json(value, kind) for (name, kind, _), value in zip(columns, row, strict=True)}


def _to_json(value: object, kind: str) -> object:
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    return bool(value) if kind == "BOOLEAN" else value


def _from_json(value: Any) -> Any:
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value


def _insert(database: TestDatabase, table: str, row: Row) -> tuple[str, tuple[object, ...]]:
    mark = "?" if database.kind == "sqlite" else "%s"
    columns, marks = ", ".join(row), ", ".join(mark for _ in row)
    return f"insert into {database.prefix}{table} ({columns}) values ({marks})", tuple(row.values())  # noqa: S608 - ours


def _counters(connection: Any) -> list[str]:
    """What lets PostgreSQL's own counters go on after the rows that were loaded; SQLite counts by the rows."""
    identities = connection.execute(
        "select table_name, column_name from information_schema.columns"
        " where table_schema = 'inbox_lifecycle' and is_identity = 'YES'"
    ).fetchall()
    numbers = [
        f"select setval(pg_get_serial_sequence('inbox_lifecycle.{table}', '{column}'), max({column}))"  # noqa: S608 - catalog's
        f" from inbox_lifecycle.{table}"
        for table, column in identities
    ]
    (fed,) = connection.execute("select to_regclass('inbox_lifecycle.inbox_feed_head') is not null").fetchone()
    return [*numbers, _FEED_HEAD] if fed else numbers
