"""A proven history and a way to damage it: everything happens in one transaction with the guards off, and is undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from inbox_lifecycle import Inbox, Inboxes, Instantly
from inbox_lifecycle.audit.checks import Finding
from inbox_lifecycle.audit.verify import Verification
from inbox_lifecycle.codec import leaf_hash
from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.testing import Sandbox
from tests.support.databases import TestDatabase

TABLES = ("inboxes", "inbox_events", "inbox_attempts")


@dataclass(frozen=True)
class Scene:
    """A database whose history is proven."""

    database: TestDatabase
    #: At version 4: registered, warmed by an attempt, corrected to active, banned.
    ana: Inbox
    #: At version 2, of another owner: registered, banned.
    bea: Inbox


def make_scene(database: TestDatabase) -> Scene:
    """A history of two inboxes."""
    with Sandbox() as sandbox:
        provider = Instantly(api_key=sandbox.api_key, base_url=sandbox.base_url, timeout=5.0)
        with Inboxes(database.url, provider) as inboxes:
            operator = inboxes.operator(actor="olga")
            ana = inboxes.register(email_address="ana@mail.example.com", owner_id="owner")
            inboxes.retry_warmup(ana.id, owner_id="owner")
            operator.correct(ana.id, status="active", warmup_status="active", reason="earned")
            ana = operator.ban(ana.id, reason="spam")
            bea = inboxes.register(email_address="bea@post.example.com", owner_id="another")
            bea = operator.ban(bea.id)
    return Scene(database, ana, bea)


@dataclass(frozen=True)
class Damage:
    """A connection that nothing holds back, in a transaction that will be undone."""

    scene: Scene
    connection: Connection
    inboxes: Inboxes = field(repr=False)

    def run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run SQL with parameters written `?` and tables written `{s}table`."""
        sql = statement.replace("{s}", self.scene.database.prefix)
        if self.scene.database.kind == "postgresql":
            sql = sql.replace("?", "%s")
        result = self.connection.exec_driver_sql(sql, values)
        return [tuple(row) for row in result] if result.returns_rows else []

    def change_event(self, inbox: Inbox, version: int, change: str, *values: object) -> None:
        """Change columns of an event."""
        where = "where inbox_id = ? and version = ?"
        self.run(f"update {{s}}inbox_events set {change} {where}", *values, inbox.id, version)  # noqa: S608 - tests'

    def change_row(self, inbox: Inbox, change: str, *values: object) -> None:
        """Change columns of a row."""
        self.run(f"update {{s}}inboxes set {change} where id = ?", *values, inbox.id)  # noqa: S608 - written in tests

    def event(self, inbox: Inbox, version: int, column: str) -> Any:
        """A column of an event."""
        ((value,),) = self.run(
            f"select {column} from {{s}}inbox_events where inbox_id = ? and version = ?",  # noqa: S608 - tests'
            inbox.id,
            version,
        )
        return bytes(value) if isinstance(value, memoryview) else value

    def rewrite_newest(self, inbox: Inbox, rewrite: Callable[[bytes], bytes]) -> None:
        """Write another entry in place of the newest one, with its hash wherever it stands."""
        entry = rewrite(self.event(inbox, inbox.version, "entry"))
        self.change_event(inbox, inbox.version, "entry = ?, hash = ?", entry, leaf_hash(entry))
        self.change_row(inbox, "head_hash = ?", leaf_hash(entry))

    def verify(self, inbox: Inbox | None = None) -> Verification:
        """What verification says of the history itself, all of it or one inbox's."""
        operator = self.inboxes.within(self.connection).operator(actor="vera")
        report = operator.verify(None if inbox is None else inbox.id)
        report.findings = [finding for finding in report.findings if finding.kind not in AROUND]
        return report

    def found(self) -> set[tuple[str, str, int | None]]:
        """What verification finds: what is wrong, with which inbox, at which version."""
        return {place(finding) for finding in self.verify().findings}


#: What stands around the history: guards are off here on purpose, and the feed says of its events what it has seen.
AROUND = ("guard", "feed", "queue", "tree", "checkpoint")


def place(finding: Finding) -> tuple[str, str, int | None]:
    """What is wrong, and where."""
    return finding.kind, finding.inbox_id or "", finding.version


#: What is wrong, and at which version of ana's history (None: at her row, or at an attempt of hers).
Place = tuple[str, int | None]
Plant = Callable[[Damage], object]


@dataclass(frozen=True)
class Damages:
    """Damages to ana by name, each with every place that verification is to name, as parameters of a test."""

    cases: list[Any] = field(default_factory=list)

    def names(self, *places: Place) -> Callable[[Plant], Plant]:
        """Add a damage."""

        def add(plant: Plant) -> Plant:
            self.cases.append(pytest.param(plant, set(places), id=plant.__name__.strip("_").replace("_", "-")))
            return plant

        return add


@contextmanager
def damaging(scene: Scene) -> Iterator[Damage]:
    """Every guard off, until all is undone."""
    engine = make_engine(scene.database.url)
    try:
        with Inboxes(engine) as inboxes, _unguarded(engine, scene.database) as connection:
            yield Damage(scene, connection, inboxes)
    finally:
        engine.dispose()


@contextmanager
def _unguarded(engine: Engine, database: TestDatabase) -> Iterator[Connection]:
    with engine.connect() as connection:
        if database.kind == "sqlite":
            for pragma in ("foreign_keys = off", "ignore_check_constraints = on"):
                cursor = connection.connection.cursor()
                cursor.execute(f"pragma {pragma}")
                cursor.close()
        else:
            connection.execution_options(isolation_level="READ COMMITTED")
        with connection.begin() as transaction:
            for statement in _guards_off(connection, database):
                connection.exec_driver_sql(statement)
            yield connection
            transaction.rollback()


def _guards_off(connection: Connection, database: TestDatabase) -> list[str]:
    if database.kind == "sqlite":
        triggers = connection.exec_driver_sql("select name from sqlite_schema where type = 'trigger'").scalars()
        return [f"drop trigger {name}" for name in triggers]
    checks = connection.exec_driver_sql(
        "select conrelid::regclass, conname from pg_constraint"
        " where contype = 'c' and connamespace = 'inbox_lifecycle'::regnamespace"
    ).all()
    return [
        *(f"alter table {database.prefix}{table} disable trigger all" for table in TABLES),
        *(f"alter table {table} drop constraint {name}" for table, name in checks),
    ]
