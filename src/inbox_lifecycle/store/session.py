"""How our SQL reaches a database: templates compiled once per engine and schema, run on the driver's own cursor.

SQLAlchemy keeps the pool, the dialects and the parameter styles; its execution layer is left out, because on work of
one statement it costs more than the statement.
Templates name parameters `:like_this` and tables `{s}like_this`, where `{s}` becomes the quoted schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
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

    __slots__ = ("backend", "cursor")

    def __init__(self, cursor: DBAPICursor, backend: Backend) -> None:
        self.backend = backend
        self.cursor = cursor

    def run(self, template: str, values: Values | None = None) -> int:
        """Run a statement; the number of rows it touched."""
        self._execute(template, values or {})
        count: int = self.cursor.rowcount
        return count

    def one(self, template: str, values: Values | None = None) -> Row | None:
        """The only row, or None."""
        self._execute(template, values or {})
        row: Row | None = self.cursor.fetchone()
        return row

    def all(self, template: str, values: Values | None = None) -> list[Row]:
        """Every row."""
        self._execute(template, values or {})
        return list(self.cursor.fetchall())

    def _execute(self, template: str, values: Values) -> None:
        compiled = self.backend.compiled(template)
        parameters = values if compiled.order is None else [values[name] for name in compiled.order]
        self.cursor.execute(compiled.sql, parameters)
