"""A look at a database's set-up, for `db check`: plain statements on a connection of our own engine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, text

from inbox_lifecycle.cli.opening import is_missing
from inbox_lifecycle.cli.options import Place
from inbox_lifecycle.drivers.database import checked_out, guarded, run_in
from inbox_lifecycle.flow import Once
from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.store.guards import FallenGuards
from inbox_lifecycle.store.migrate import found_revision
from inbox_lifecycle.store.session import Backend, backend_for
from inbox_lifecycle.store.version import HEAD, works_on

_POOLER = (
    "a pooler in transaction mode stands between: the library's own engine then prepares no statements; an engine of "
    "yours must not either (psycopg: prepare_threshold=None)"
)
_SUPERUSER = "the role is a superuser, whom no guard holds: run the service as a role made with `db grant`"
_OWNER = "the role owns the tables and could drop their guards: run the service as a role made with `db grant`"
_FALLEN = "a guard does not stand, so make it again as the migrations do, and verify: {guard}, {expected}: {found}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found."""

    #: `postgresql` or `sqlite`.
    database: str
    #: The PostgreSQL schema that was looked into.
    schema: str | None
    #: The revision found; None where there is no schema of ours.
    found: str | None
    needed: str
    warnings: tuple[str, ...]

    @property
    def works(self) -> bool:
        """Whether this version works on it."""
        return works_on(self.found)

    def as_dict(self) -> dict[str, object]:
        """The findings as JSON-ready values."""
        return {**asdict(self), "works": self.works}


def inspect(place: Place) -> Inspection:
    """Look.

    Raises:
        StoreError: the database could not be asked.
    """
    if is_missing(place):
        return Inspection(database="sqlite", schema=None, found=None, needed=HEAD, warnings=())
    engine = make_engine(place.database_url)
    backend = backend_for(engine.dialect, place.schema)
    try:
        return checked_out(
            engine, backend, lambda connection: guarded(connection, backend, lambda: _inspect(connection, backend))
        )
    finally:
        engine.dispose()


def _inspect(connection: Connection, backend: Backend) -> Inspection:
    found = found_revision(connection, backend)
    warnings = [] if backend.is_sqlite else _postgresql_warnings(connection, backend)
    if works_on(found):
        warnings += _fallen_guards(connection, backend)
    return Inspection(
        database=backend.dialect.name,
        schema=backend.schema,
        found=found,
        needed=HEAD,
        warnings=tuple(warnings),
    )


def _fallen_guards(connection: Connection, backend: Backend) -> list[str]:
    fallen = run_in(connection, backend, Once(FallenGuards()))
    return [_FALLEN.format(guard=one.guard, expected=one.expected, found=one.found) for one in fallen]


def _postgresql_warnings(connection: Connection, backend: Backend) -> list[str]:
    row = connection.execute(
        text(
            "select pg_backend_pid(), r.rolsuper, pg_has_role(c.relowner, 'usage')"
            " from pg_roles r left join pg_class c on c.oid = to_regclass(:events) where r.rolname = current_user"
        ),
        {"events": f"{backend.prefix}inbox_events"},
    ).one()
    backend_pid, superuser, owner = row
    driver: Any = connection.connection.dbapi_connection
    info = getattr(driver, "info", None)
    # A pooler answers the connection itself, with a process id of its own making.
    pooled = info is not None and info.backend_pid != backend_pid
    said = ((pooled, _POOLER), (superuser, _SUPERUSER), (owner and not superuser, _OWNER))
    return [warning for holds, warning in said if holds]
