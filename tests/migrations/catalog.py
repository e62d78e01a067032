"""What a database's catalog says of our schema, as text: tables, columns, constraints, indexes, triggers, functions.

The text is compared with the committed `catalog_postgresql.txt` and `catalog_sqlite.txt`. A migration changes them on
purpose: write them again with `python -m tests.migrations.catalog`, and read the difference before committing it.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from pathlib import Path

import psycopg

from tests.support.databases import Postgres, SqliteFiles, TestDatabase

HERE = Path(__file__).parent

# Enums of one letter, as pg_trigger and pg_constraint have them, in words.
_ENABLED = "case t.tgenabled when 'O' then 'origin' when 'A' then 'always' when 'R' then 'replica' else 'off' end"

_TABLES = """
select 'table ' || c.relname
       || case when c.relrowsecurity then ', row security on' else ', row security off' end
       || case when c.relforcerowsecurity then ', forced on the owner too' else '' end
from pg_class c where c.relnamespace = %(schema)s::regnamespace and c.relkind in ('r', 'p')
order by c.relname
"""

_SETTINGS = """
select 'settings ' || c.relname || '.' || split_part(o, '=', 1) || ' ' || split_part(o, '=', 2)
from pg_class c, unnest(c.reloptions) o
where c.relnamespace = %(schema)s::regnamespace and c.relkind in ('r', 'p')
order by 1
"""

_COLUMNS = """
select 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
       || case when a.attnotnull then ' not null' else '' end
       || case a.attidentity when 'a' then ' identity always' when 'd' then ' identity by default' else '' end
       || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
from pg_class c join pg_attribute a on a.attrelid = c.oid
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relnamespace = %(schema)s::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
order by c.relname, a.attnum
"""

# Since PostgreSQL 18 a column's NOT NULL stands here too; the columns say it for every version.
_CONSTRAINTS = """
select 'constraint ' || c.relname || '.' || k.conname || ' ' || pg_get_constraintdef(k.oid)
       || case when k.convalidated then '' else ' (not validated)' end
from pg_constraint k join pg_class c on c.oid = k.conrelid
where c.relnamespace = %(schema)s::regnamespace and k.contype in ('p', 'u', 'f', 'c', 'x')
order by c.relname, k.conname
"""

_INDEXES = """
select 'index ' || c.relname || '.' || x.relname || ' ' || pg_get_indexdef(i.indexrelid)
       || case when i.indisvalid then '' else ' (invalid)' end
from pg_index i join pg_class c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
where c.relnamespace = %(schema)s::regnamespace
order by c.relname, x.relname
"""

_TRIGGERS = f"""
select 'trigger ' || c.relname || '.' || t.tgname || ', fires for ' || {_ENABLED}
       || E'\\n  ' || pg_get_triggerdef(t.oid)
from pg_trigger t join pg_class c on c.oid = t.tgrelid
where c.relnamespace = %(schema)s::regnamespace and not t.tgisinternal
order by c.relname, t.tgname
"""  # noqa: S608 - a constant of this file

_FUNCTIONS = """
select 'function ' || p.proname || '(' || pg_get_function_arguments(p.oid) || ') returns '
       || pg_get_function_result(p.oid) || ', language ' || l.lanname
       || case when p.prosecdef then ', with the rights of its owner' else '' end
       || coalesce(', set ' || array_to_string(p.proconfig, ', '), '')
       || E'\\n' || btrim(p.prosrc, E'\\n')
from pg_proc p join pg_language l on l.oid = p.prolang
where p.pronamespace = %(schema)s::regnamespace
order by p.proname
"""

_POLICIES = """
select 'policy ' || p.tablename || '.' || p.policyname from pg_policies p where p.schemaname = %(schema)s
order by p.tablename, p.policyname
"""

_INTERNAL_TRIGGERS = """
select 'trigger of a foreign key on ' || c.relname || ', fires for ' || {enabled}
from pg_trigger t join pg_class c on c.oid = t.tgrelid
where c.relnamespace = %(schema)s::regnamespace and t.tgisinternal
group by c.relname, t.tgenabled order by 1
""".replace("{enabled}", _ENABLED)

#: What is asked, each with rows of one text.
SECTIONS = (_TABLES, _SETTINGS, _COLUMNS, _CONSTRAINTS, _INDEXES, _TRIGGERS, _INTERNAL_TRIGGERS, _FUNCTIONS, _POLICIES)


def snapshot(kind: str) -> Path:
    """The committed text."""
    return HERE / f"catalog_{kind}.txt"


def read_catalog(database: TestDatabase, schema: str = "inbox_lifecycle") -> str:
    """The catalog's text."""
    return _read_sqlite(database) if database.kind == "sqlite" else _read_postgresql(database, schema)


def _read_postgresql(database: TestDatabase, schema: str) -> str:
    with psycopg.connect(database.url) as connection:
        lines = [row[0] for section in SECTIONS for row in connection.execute(section.encode(), {"schema": schema})]
    return "".join(f"{line.rstrip()}\n" for part in lines for line in part.splitlines())


def _read_sqlite(database: TestDatabase) -> str:
    with sqlite3.connect(database.path) as connection:
        rows = connection.execute(
            "select type, tbl_name, name, coalesce(sql, '(of a constraint)') from sqlite_schema"
            " where name not like 'sqlite_stat%' order by type, tbl_name, name"
        ).fetchall()
    connection.close()
    return "".join(f"{kind} {table}.{name}\n{_tidied(sql)}\n" for kind, table, name, sql in rows)


def _tidied(sql: str) -> str:
    lines = (line.expandtabs(4).rstrip() for line in sql.splitlines())
    return "\n".join(f"  {line}" for line in lines if line)


def write_snapshots() -> None:
    """Migrate a database of each kind and write down what its catalog says."""
    folder = Path(tempfile.mkdtemp(prefix="ilcat"))
    server = Postgres(folder / "pg")
    try:
        for home in (server, SqliteFiles(folder)):
            with home.fresh() as database:
                snapshot(database.kind).write_text(read_catalog(database))
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    write_snapshots()
