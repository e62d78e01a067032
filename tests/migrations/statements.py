"""Every statement that the library says to a database, release by release, as committed files of SQL.

A service that runs a released version goes on saying these while the database is upgraded under it. The releases are
listed in `statements/released.txt`; their files are never written again. Those of the version in the making are written
again, by `python -m tests.migrations.statements`, whenever a statement changed.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import psycopg
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from inbox_lifecycle import __version__
from inbox_lifecycle.store import (
    api_keys,
    births_sql,
    bulk_sql,
    diagnosis,
    erasing,
    exporting,
    feed,
    guards_postgresql,
    guards_sqlite,
    launching,
    postgresql,
    proving,
    reads,
    replaying,
    sending,
    sqlite,
    subscriptions,
    travel,
    verification_feed,
)
from inbox_lifecycle.store.session import DEFAULT_SCHEMA, Backend
from inbox_lifecycle.store.version import HEAD
from tests.support.databases import TestDatabase

KINDS = ("sqlite", "postgresql")

#: Modules of statements that serve both kinds, or name the one they serve.
FURTHER = (
    api_keys,
    births_sql,
    bulk_sql,
    diagnosis,
    erasing,
    exporting,
    feed,
    launching,
    proving,
    replaying,
    sending,
    subscriptions,
    travel,
    verification_feed,
)

_HEAD = "-- What inbox-lifecycle {version} says to {kind}; it needs revision {needs}.\n"
_NEEDS = re.compile(r"needs revision (\S+)\.\n")
_ONE = re.compile(r"^-- (\w+)\n(.*?);\n", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Said:
    """What one version says to one kind of database: a committed file."""

    path: Path

    @property
    def version(self) -> str:
        """The version of the library."""
        return self.path.stem.partition("_")[0]

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.path.stem.partition("_")[2]

    @property
    def needs(self) -> str:
        """The revision that the version was written against."""
        found = _NEEDS.search(self.path.read_text())
        assert found, self.path
        return found[1]

    @property
    def statements(self) -> dict[str, str]:
        """The statements by name."""
        return dict(_ONE.findall(self.path.read_text()))


@dataclass(frozen=True)
class Archive:
    """The folder of these files."""

    folder: Path

    def released(self) -> list[str]:
        """The versions that somebody may be running."""
        lines = (self.folder / "released.txt").read_text().splitlines()
        return [line for line in lines if line and not line.startswith("#")]

    def said(self) -> list[Said]:
        """Every file."""
        return [Said(path) for path in sorted(self.folder.glob("*.sql"))]

    def write_today(self) -> None:
        """Write down what the version in the making says.

        Raises:
            SystemExit: it is released, and says something else.
        """
        for kind in KINDS:
            path = self.folder / f"{__version__}_{kind}.sql"
            if path.exists() and path.read_text() == today(kind):
                continue
            if __version__ in self.released():
                raise SystemExit(f"{__version__} is released and says what it says: raise the version first")
            path.write_text(today(kind))


#: The committed ones.
ARCHIVE = Archive(Path(__file__).parent / "statements")


def today(kind: str) -> str:
    """The file of the version in the making, as its code says it."""
    head = _HEAD.format(version=__version__, kind=kind, needs=HEAD)
    return head + "".join(f"\n-- {name}\n{sql.strip()};\n" for name, sql in _spoken(kind).items())


def backend(kind: str) -> Backend:
    """Parameters as `prepare` and `explain` take them: `$1` on PostgreSQL, `:name` on SQLite."""
    if kind == "sqlite":
        return Backend(SQLiteDialect(paramstyle="named"), None)
    dialect = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it so
    return Backend(dialect, DEFAULT_SCHEMA)


def templates(kind: str) -> dict[str, str]:
    """The templates by name: every constant of these modules but those that are only parts."""
    found: dict[str, str] = {}
    for module in (sqlite if kind == "sqlite" else postgresql, reads):
        found |= {name.lower(): text for name, text in _constants(module) if _of(kind, name)}
    for module in (*FURTHER, guards_sqlite if kind == "sqlite" else guards_postgresql):
        home = module.__name__.rpartition(".")[2]
        found |= {f"{home}_{name.lower()}": text for name, text in _constants(module) if _of(kind, name)}
    by = reads.FIND_CONDITIONS
    for search, named in {
        "find": {"find_by_domain": [by["domain"]], "find_by_all": list(by.values())},
        "find_inboxes": {f"find_by_{name}": [by[name]] for name in by if name != "domain"},
        "find_all": {"find_any": ["1 = 1"], "find_any_by_all": [by["warmup_status"], by["after_time"]]},
    }.items():
        found |= {name: found[search].replace("{conditions}", " and ".join(held)) for name, held in named.items()}
    return {name: text for name, text in found.items() if not re.search(r"{(owner|conditions)}", text)}


def _constants(module: ModuleType) -> list[tuple[str, str]]:
    """A module's whole statements; what begins with an underscore is only a part."""
    return [
        (name, text)
        for name, text in sorted(vars(module).items())
        if re.fullmatch(r"[A-Z][A-Z_]*(?<!_COLUMNS)", name) and isinstance(text, str) and " " in text
    ]


def _of(kind: str, name: str) -> bool:
    """Whether a statement is for this kind of database: some are for one alone, and say so in their name."""
    return all(other.upper() not in name for other in KINDS if other != kind)


def refused(database: TestDatabase, statements: dict[str, str]) -> dict[str, str]:
    """The statements that the database does not know how to run, each with what it says."""
    refuse = _refused_by_sqlite if database.kind == "sqlite" else _refused_by_postgresql
    return refuse(database, statements)


def _spoken(kind: str) -> dict[str, str]:
    speaks = backend(kind)
    return {name: speaks.compiled(template).sql for name, template in sorted(templates(kind).items())}


def _refused_by_postgresql(database: TestDatabase, statements: dict[str, str]) -> dict[str, str]:
    wrong = {}
    with psycopg.connect(database.url, autocommit=True) as connection:
        # A plan that folds no values in: what a statement conflicts on is looked up by the planner.
        connection.execute("set plan_cache_mode = force_generic_plan")
        for name, sql in statements.items():
            try:
                connection.execute(f"prepare {name} as {sql}".encode())
                nulls = ", ".join(["null"] * _parameters(connection, name))
                connection.execute(f"explain execute {name}{f'({nulls})' if nulls else ''}".encode())
            except psycopg.Error as error:
                wrong[name] = str(error.diag.message_primary)
    return wrong


def _parameters(connection: psycopg.Connection, name: str) -> int:
    counted = connection.execute(
        "select cardinality(parameter_types) from pg_prepared_statements where name = %s", (name,)
    ).fetchone()
    assert counted
    return int(counted[0])


def _refused_by_sqlite(database: TestDatabase, statements: dict[str, str]) -> dict[str, str]:
    wrong = {}
    with database.connect() as connection:
        for name, sql in statements.items():
            try:
                connection.execute(f"explain {sql}", dict.fromkeys(re.findall(r":([a-z_]+)", sql)))
            except sqlite3.Error as error:
                wrong[name] = str(error)
    return wrong


if __name__ == "__main__":
    ARCHIVE.write_today()
