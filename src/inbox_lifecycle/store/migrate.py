"""The schema's life: upgrade, downgrade, and the look that tells whether this code may work on a database.

The migrations stand at the top of the repository and travel in the wheel; nothing migrates on import.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, CursorResult, Engine, text
from sqlalchemy.engine import URL

from inbox_lifecycle.errors import HistoryKept, StoreMisconfigured
from inbox_lifecycle.store.engine import is_memory, is_prepared, make_engine
from inbox_lifecycle.store.faults import explain, is_driver_error
from inbox_lifecycle.store.session import Backend, backend_for
from inbox_lifecycle.store.version import HEAD, VERSION_TABLE

# Two processes that upgrade at once take turns; the pair of numbers is "inbx", "lcyc" in ASCII.
_UPGRADE_LOCK = (0x696E6278, 0x6C637963)


def upgrade_schema(database: str | URL | Engine, *, schema: str | None = None) -> str:
    """Bring the schema to head; the revision reached. Run it as the tables' owner.

    Args:
        database: a URL, or an Engine.
        schema: PostgreSQL schema for our tables, `inbox_lifecycle` unless said.

    Raises:
        StoreUnavailable: the database did not answer.
        StoreMisconfigured: a schema was named on SQLite, or the role may not create it.
    """
    with migrating(database, schema) as (connection, backend):
        make_schema(connection, backend)
        command.upgrade(_config(connection, backend), "head")
    return HEAD


def downgrade_schema(
    database: str | URL | Engine, revision: str = "base", *, schema: str | None = None, drop_history: bool = False
) -> None:
    """Take the schema back; refused while events exist, unless `drop_history` says to lose them.

    Raises:
        HistoryKept: there are events.
    """
    with migrating(database, schema) as (connection, backend):
        if found_revision(connection, backend) is None:
            return
        if not drop_history:
            _refuse_losing_history(connection, backend)
        config = _config(connection, backend)
        config.attributes["drop_history"] = drop_history
        command.downgrade(config, revision)


def found_revision(connection: Connection, backend: Backend) -> str | None:
    """The revision that a database is at; None where there is no schema of ours."""
    exists = connection.dialect.has_table(connection, VERSION_TABLE, schema=backend.schema)
    if not exists:
        return None
    version = f"select version_num from {backend.prefix}{VERSION_TABLE}"  # noqa: S608 - our own names
    revision = _plain(connection, version).scalar()
    return None if revision is None else str(revision)


def migrations_path() -> Path:
    """Where the migrations are: in the installed package, or in the checkout of an editable install.

    Raises:
        StoreMisconfigured: they are in neither place.
    """
    package = Path(str(files("inbox_lifecycle")))
    for path in (package / "migrations", package.parents[1] / "migrations"):
        if (path / "env.py").is_file():
            return path
    raise StoreMisconfigured("the migrations are missing from this installation: install inbox-lifecycle again")


@contextmanager
def migrating(database: str | URL | Engine, schema: str | None) -> Iterator[tuple[Connection, Backend]]:
    """A connection in a transaction that holds a whole migration; a driver's error comes out as ours."""
    ours = not isinstance(database, Engine)
    engine = database if isinstance(database, Engine) else make_engine(database)
    backend = backend_for(engine.dialect, schema)
    if backend.is_sqlite and not ours and not is_prepared(engine) and not is_memory(engine):
        # A host's engine would commit each statement by itself; a file can have two engines.
        engine, ours = make_engine(engine.url), True
    try:
        with engine.connect() as connection:
            if not backend.is_sqlite:
                connection.execution_options(isolation_level="READ COMMITTED")
            with connection.begin():
                yield connection, backend
    except Exception as error:
        if not is_driver_error(error, backend):
            raise
        failure = explain(error, backend)
    else:
        return
    finally:
        if ours:
            engine.dispose()
    raise failure


def make_schema(connection: Connection, backend: Backend) -> None:
    """Take the turn of upgrading, and make the schema where there is none yet."""
    if backend.schema is None:
        return
    connection.execute(
        text("select pg_advisory_xact_lock(:one, :two)"), {"one": _UPGRADE_LOCK[0], "two": _UPGRADE_LOCK[1]}
    )
    if not connection.dialect.has_schema(connection, backend.schema):
        _plain(connection, f"create schema {backend.prefix[:-1]}")


def _refuse_losing_history(connection: Connection, backend: Backend) -> None:
    if not connection.dialect.has_table(connection, "inbox_events", schema=backend.schema):
        return
    count = f"select count(*) from {backend.prefix}inbox_events"  # noqa: S608 - our own names
    events = _plain(connection, count).scalar_one()
    if events:
        raise HistoryKept(events)


def _plain(connection: Connection, sql: str) -> CursorResult[Any]:
    # Without parameters the driver takes the text as it is: a schema's name may hold percent signs and colons.
    return connection.exec_driver_sql(sql, execution_options={"no_parameters": True})


def _config(connection: Connection, backend: Backend) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_path()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    # A live connection is handed over, never a URL: URLs would need escaping, and could meet another database.
    config.attributes["connection"] = connection
    config.attributes["schema"] = backend.schema
    return config
