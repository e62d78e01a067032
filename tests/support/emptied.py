"""Emptying a PostgreSQL database for the next test: copying one takes fifty times as long."""

from __future__ import annotations

import psycopg
from psycopg import sql

from tests.support.databases import TestDatabase

_SCHEMA = "inbox_lifecycle"
_VERSION_TABLE = "inbox_lifecycle_alembic_version"

#: The one row that is never dropped: whoever gives positions locks it.
_HEAD = "inbox_feed_head"

# Triggers that fire even where replication turns the others off. By their names: a test may have disabled them, and
# enabling forgets what they were.
_ALWAYS = """
select c.relname, t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid
where c.relnamespace = %s::regnamespace and not t.tgisinternal
  and t.tgname ~ '(_events_frozen|_events_kept|_append_only|_not_emptied)$'
"""


def empty(database: TestDatabase) -> None:
    """Drop every row of ours, with the guards off in this one transaction; needs a superuser."""
    with psycopg.connect(database.url) as connection:
        _end_others(connection)
        names = _tables(connection)
        tables = [sql.Identifier(_SCHEMA, name) for name in names]
        always = connection.execute(_ALWAYS, (_SCHEMA,)).fetchall()
        for table in tables:
            connection.execute(sql.SQL("alter table {} disable trigger all").format(table))
        for name, table in zip(names, tables, strict=True):
            emptying = "update {} set next_position = 0" if name == _HEAD else "delete from {}"
            connection.execute(sql.SQL(emptying).format(table))
        for table in tables:
            connection.execute(sql.SQL("alter table {} enable trigger all").format(table))
        for name, trigger in always:
            table = sql.Identifier(_SCHEMA, name)
            connection.execute(
                sql.SQL("alter table {} enable always trigger {}").format(table, sql.Identifier(trigger))
            )


def _end_others(connection: psycopg.Connection) -> None:
    # One that a test has left in the middle of a transaction would keep us waiting for its locks.
    connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )


def _tables(connection: psycopg.Connection) -> list[str]:
    found = connection.execute(
        "select table_name from information_schema.tables where table_schema = %s and table_name <> %s",
        (_SCHEMA, _VERSION_TABLE),
    )
    return [name for (name,) in found]
