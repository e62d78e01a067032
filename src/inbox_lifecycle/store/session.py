"""How our SQL reaches a database: templates compiled once per engine and schema, run on the driver's own cursor.

SQLAlchemy keeps the pool, the dialects and the parameter styles; its execution layer is left out, because on work of
one statement it costs more than the statement.
Templates name parameters `:like_this` and tables `{s}like_this`, where `{s}` becomes the quoted schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Dialect, text
from sqlalchemy.engine.interfaces import DBAPICursor

from inbox_lifecycle.canonical import time_text
from inbox_lifecycle.errors import StoreMisconfigured

#: The schema that holds our tables on PostgreSQL, unless told otherwise.
DEFAULT_SCHEMA = "inbox_lifecycle"

# What the databases say differently; times of SQLite's clock come in the form that entries have.
_POSTGRESQL_WORDS = {
    "{id}": "uuid",
    "{time}": "timestamptz",
    "{bytes}": "bytea",
    "{now}": "statement_timestamp()",
    "{false}": "false",
}
_SQLITE_WORDS = {
    "{id}": "text",
    "{time}": "text",
    "{bytes}": "blob",
    "{now}": "strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'",
    "{clock}": "'%Y-%m-%dT%H:%M:%f'",
    "{false}": "0",
}

Row = Sequence[Any]
Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    #: Order of the parameters where the driver takes them by position.
    order: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Backend:
    """One engine's dialect and our schema in it, with the templates compiled so far."""

    dialect: Dialect
    #: None on SQLite, which has no schemas.
    schema: str | None
    _compiled: dict[str, _Compiled] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite; it is PostgreSQL otherwise."""
        return self.dialect.name == "sqlite"

    @property
    def prefix(self) -> str:
        """The quoted schema and its dot, or nothing."""
        if self.schema is None:
            return ""
        # Not by the dialect, which doubles percent signs as if every statement had parameters.
        return '"' + self.schema.replace('"', '""') + '".'

    def compiled(self, template: str) -> _Compiled:
        """The template in the driver's own words."""
        ready = self._compiled.get(template)
        if ready is None:
            ready = self._compiled[template] = self._compile(template)
        return ready

    def time(self, at: datetime) -> object:
        """A time as this database's parameters take it."""
        return time_text(at) if self.is_sqlite else at

    def _compile(self, template: str) -> _Compiled:
        compiled = text(template).compile(dialect=self.dialect)
        doubled = self.dialect.paramstyle in ("pyformat", "format")
        sql = str(compiled)
        for word, meaning in self._words().items():
            sql = sql.replace(word, meaning.replace("%", "%%") if doubled else meaning)
        return _Compiled(sql, tuple(compiled.positiontup) if compiled.positiontup else None)

    def _words(self) -> dict[str, str]:
        return {"{s}": self.prefix, **(_SQLITE_WORDS if self.is_sqlite else _POSTGRESQL_WORDS)}


def backend_for(dialect: Dialect, schema: str | None = None) -> Backend:
    """The backend of a dialect.

    Raises:
        StoreMisconfigured: the dialect is neither PostgreSQL nor SQLite, or a schema was named on SQLite.
    """
    if dialect.name == "sqlite":
        if schema is not None:
            raise StoreMisconfigured("SQLite has no schemas: leave schema out, or use PostgreSQL")
        return Backend(dialect, None)
    if dialect.name != "postgresql":
        raise StoreMisconfigured(f"{dialect.name} is not supported: use PostgreSQL or SQLite")
    return Backend(dialect, schema or DEFAULT_SCHEMA)


class Session:
    """A driver's cursor, speaking our templates; the transaction around it is the driver's affair."""

    __slots__ = ("backend", "cursor", "hosted")

    def __init__(self, cursor: DBAPICursor, backend: Backend, *, hosted: bool = False) -> None:
        self.backend = backend
        self.cursor = cursor
        #: Whether the transaction is a host's, whose settings are not ours to change.
        self.hosted = hosted

    def run(self, template: str, values: Values | None = None) -> int:
        """Run a statement; the number of rows it touched."""
        self._execute(template, values or {})
        count: int = self.cursor.rowcount
        return count

    def many(self, template: str, rows: Sequence[Values]) -> int:
        """Run a statement once for each of these, in their order; the number of rows it touched in all."""
        compiled = self.backend.compiled(template)
        order = compiled.order
        self.cursor.executemany(
            compiled.sql, rows if order is None else [[row[name] for name in order] for row in rows]
        )
        count: int = self.cursor.rowcount
        return count

    def one(self, template: str, values: Values | None = None) -> Row | None:
        """The only row, or None."""
        self._execute(template, values or {})
        row: Row | None = self.cursor.fetchone()
        return row

    def one_planned_anew(self, template: str, values: Values) -> Row | None:
        """The only row of a statement that is planned each time, for what its tables hold at that time.

        For a table that is empty now and long a moment later. psycopg prepares what it has run a few times, and
        PostgreSQL then keeps a plan: one that was made for no rows reads a long table once for each row. A host's
        async connection cannot be told so, and goes on as with any statement.
        """
        self._execute_by_psycopg(template, values, prepare=False)
        row: Row | None = self.cursor.fetchone()
        return row

    def all(self, template: str, values: Values | None = None) -> list[Row]:
        """Every row."""
        self._execute(template, values or {})
        return list(self.cursor.fetchall())

    def page(self, template: str, values: Values) -> list[Row]:
        """Every row of many wide ones: asked for in binary form where the driver has one, as text doubles all bytes."""
        self._execute_by_psycopg(template, values, binary=True)
        return list(self.cursor.fetchall())

    def _execute_by_psycopg(self, template: str, values: Values, **options: bool) -> None:
        """Run a statement with options of psycopg's own, where the cursor is psycopg's own.

        A host may hand over a connection of another kind than the engine that the backend is of.
        """
        compiled = self.backend.compiled(template)
        execute: Any = self.cursor.execute
        if type(self.cursor).__module__.partition(".")[0] == "psycopg":
            execute = partial(execute, **options)
        execute(compiled.sql, values if compiled.order is None else [values[name] for name in compiled.order])

    def _execute(self, template: str, values: Values) -> None:
        compiled = self.backend.compiled(template)
        parameters = values if compiled.order is None else [values[name] for name in compiled.order]
        self.cursor.execute(compiled.sql, parameters)
