"""The catalog as facts, so that what a migration did can be told: what came, what went, and what is another now."""

from __future__ import annotations

import re
import sqlite3
from typing import NamedTuple

import psycopg

from tests.migrations.catalog import SECTIONS
from tests.support.databases import TestDatabase

# A table that is written anew has another file; all calls wait while that is done.
_FILES = """
select 'file ' || c.relname || ' ' || pg_relation_filenode(c.oid)
from pg_class c where c.relnamespace = %(schema)s::regnamespace and c.relkind = 'r'
"""

_LINE = re.compile(r"(?P<kind>\w+) (?P<path>[\w.]+)(?P<definition>.*)", re.DOTALL)
_KEYS = ("primary", "unique", "check", "foreign")


class Fact(NamedTuple):
    """One thing in a schema."""

    kind: str
    #: The table it belongs to; empty where it belongs to none.
    table: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.table}.{self.name}" if self.table else f"{self.kind} {self.name}"


#: Definitions by fact.
Facts = dict[Fact, str]


def read_facts(database: TestDatabase) -> Facts:
    """What there is."""
    return _on_sqlite(database) if database.kind == "sqlite" else _on_postgresql(database)


def tables(facts: Facts) -> set[str]:
    """The tables there are."""
    return {fact.table for fact in facts if fact.kind == "table"}


def _on_postgresql(database: TestDatabase) -> Facts:
    with psycopg.connect(database.url) as connection:
        schema = {"schema": "inbox_lifecycle"}
        if connection.execute("select to_regnamespace(%(schema)s)", schema).fetchone() == (None,):
            return {}
        lines = [row[0] for section in (*SECTIONS, _FILES) for row in connection.execute(section.encode(), schema)]
    return dict(_read_line(line) for line in lines)


def _read_line(line: str) -> tuple[Fact, str]:
    if line.startswith("trigger of a foreign key on "):
        return Fact("trigger", "", line), ""
    said = _LINE.fullmatch(line)
    assert said, line
    table, _, name = said["path"].rpartition(".")
    if said["kind"] in ("table", "file"):
        table = name
    return Fact(said["kind"], table, name), said["definition"].strip()


def _on_sqlite(database: TestDatabase) -> Facts:
    with database.connect() as connection:
        rows = _schema_of(connection)
    facts: Facts = {}
    for kind, table, name, sql in rows:
        if kind != "table":
            facts[Fact(kind, table, name)] = sql
            continue
        body, options = sql[sql.index("(") + 1 : sql.rindex(")")], sql[sql.rindex(")") + 1 :]
        facts[Fact("table", table, table)] = options.strip()
        facts |= dict(_read_item(table, item) for item in _items(body))
    return facts


def _schema_of(connection: sqlite3.Connection) -> list[tuple[str, str, str, str]]:
    return connection.execute(
        "select type, tbl_name, name, coalesce(sql, '') from sqlite_schema where name not like 'sqlite_s%'"
    ).fetchall()


def _items(body: str) -> list[str]:
    """The parts of a table's definition: cut at the commas outside of brackets."""
    items, depth = [""], 0
    for letter in body:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            items.append("")
        else:
            items[-1] += letter
    return [" ".join(item.split()) for item in items]


def _read_item(table: str, item: str) -> tuple[Fact, str]:
    word, _, rest = item.partition(" ")
    if word.lower() == "constraint":
        name, _, definition = rest.partition(" ")
        return Fact("constraint", table, name), definition
    if word.lower() in _KEYS:
        return Fact("constraint", table, item), item
    return Fact("column", table, word), rest
