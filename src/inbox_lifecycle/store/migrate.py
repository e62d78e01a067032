"""The schema's life: upgrade, downgrade, and the look that tells whether this code may work on a database.

The migrations stand at the top of the repository and travel in the wheel; nothing migrates on import. Services go on
working meanwhile: each migration is one step in a transaction of its own, which waits for locks only briefly, since
all calls queue up behind a migration that waits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, CursorResult, Engine, text
from sqlalchemy.engine import URL

from inbox_lifecycle.errors import HistoryKept, SchemaMismatch, StoreMisconfigured
from inbox_lifecycle.store.engine import is_memory, is_prepared, make_engine
from inbox_lifecycle.store.faults import explain, is_driver_error
from inbox_lifecycle.store.session import Backend, backend_for
from inbox_lifecycle.store.version import HEAD, VERSION_TABLE, works_on

# Two processes that upgrade at once take turns; the pair of numbers is "inbx", "lcyc" in ASCII.
_UPGRADE_LOCK = (0x696E6278, 0x6C637963)
#: Seconds between two looks whether the turn is free.
_GLANCE = 0.05
#: Milliseconds that a migration waits for a table that somebody else uses; then it gives way.
_LOCK_TIMEOUT = 2000

_MISSING = "the migrations are missing from this installation: install inbox-lifecycle again"


def upgrade_schema(database: str | URL | Engine, *, schema: str | None = None) -> str:
    """Bring the schema to head; the revision it is at. Run it as the tables' owner; services may be running.

    A database that is ahead already, by migrations that only add, is left as it is: it serves this version too. A
    migration that fails leaves the database at the revision before it, where running services go on.

    Args:
        database: a URL, or an Engine.
        schema: PostgreSQL schema for our tables, `inbox_lifecycle` unless said.

    Raises:
        StoreUnavailable: the database did not answer.
        StoreContended: a table stayed in use by a long transaction, and the migration gave way: run it again.
        StoreMisconfigured: a schema was named on SQLite, or the role may not create it.
        SchemaMismatch: the database is of a newer generation.
    """
    return upgrade_along(migrations_path(), database, schema=schema)


def upgrade_along(migrations: Path, database: str | URL | Engine, *, schema: str | None = None) -> str:
    """As `upgrade_schema`, along the migrations of a folder.

    Raises:
        StoreError: as `upgrade_schema` raises it.
    """
    with _opened(database, schema) as (engine, backend):
        revision, ran = upgrade_by_one(engine, backend, migrations)
        while ran:
            revision, ran = upgrade_by_one(engine, backend, migrations)
    return revision


def upgrade_by_one(engine: Engine, backend: Backend, migrations: Path) -> tuple[str, bool]:
    """Run the next migration, in the turn of upgrading; the revision the database is at, and whether one was run.

    Raises:
        StoreMisconfigured: the folder has no migrations.
        SchemaMismatch: the database is of a newer generation.
    """
    with _transaction(engine, backend) as connection:
        make_schema(connection, backend)
        config = _config(migrations, connection, backend)
        found = found_revision(connection, backend)
        step = _step_after(found, _steps(config))
        if step is None:
            if found is None:
                raise StoreMisconfigured(_MISSING)
            return found, False
        if backend.is_sqlite:
            command.upgrade(config, step.revision)
        elif getattr(step.module, "CONCURRENTLY", False):
            _run_beside(engine, config, step)
        else:
            # Every call that comes meanwhile waits behind a migration that waits.
            _plain(connection, f"set local lock_timeout = {_LOCK_TIMEOUT}")
            command.upgrade(config, step.revision)
    return step.revision, True


def downgrade_schema(
    database: str | URL | Engine, revision: str = "base", *, schema: str | None = None, drop_history: bool = False
) -> None:
    """Take the schema back; refused while events exist, unless `drop_history` says to lose them.

    Raises:
        HistoryKept: there are events.
        SchemaMismatch: the database is at a revision of a newer version, which alone knows the way back.
    """
    with migrating(database, schema) as (connection, backend):
        found = found_revision(connection, backend)
        if found is None:
            return
        config = _config(migrations_path(), connection, backend)
        if found not in _steps(config):
            raise SchemaMismatch(found, HEAD)
        if not drop_history:
            _refuse_losing_history(connection, backend)
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
    raise StoreMisconfigured(_MISSING)


@contextmanager
def migrating(database: str | URL | Engine, schema: str | None) -> Iterator[tuple[Connection, Backend]]:
    """A connection in a transaction that holds all that is done with it; a driver's error comes out as ours."""
    with _opened(database, schema) as (engine, backend), _transaction(engine, backend) as connection:
        yield connection, backend


def make_schema(connection: Connection, backend: Backend) -> None:
    """Take the turn of upgrading at the beginning of a transaction, and make the schema where there is none yet."""
    if backend.schema is None:
        return
    turn = text("select pg_try_advisory_xact_lock(:one, :two)").bindparams(one=_UPGRADE_LOCK[0], two=_UPGRADE_LOCK[1])
    while not connection.execute(turn).scalar_one():
        # Neither in a statement nor in a transaction: an index that is built concurrently, by whoever has the turn,
        # waits for those that it met in a statement to end, and nobody would see that they wait for each other.
        _plain(connection, "rollback and chain")
        time.sleep(_GLANCE)
    if not connection.dialect.has_schema(connection, backend.schema):
        _plain(connection, f"create schema {backend.prefix[:-1]}")


@contextmanager
def _opened(database: str | URL | Engine, schema: str | None) -> Iterator[tuple[Engine, Backend]]:
    ours = not isinstance(database, Engine)
    engine = database if isinstance(database, Engine) else make_engine(database)
    backend = backend_for(engine.dialect, schema)
    if backend.is_sqlite and not ours and not is_prepared(engine) and not is_memory(engine):
        # A host's engine would commit each statement by itself; a file can have two engines.
        engine, ours = make_engine(engine.url), True
    try:
        yield engine, backend
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


@contextmanager
def _transaction(engine: Engine, backend: Backend) -> Iterator[Connection]:
    with engine.connect() as connection:
        if not backend.is_sqlite:
            connection.execution_options(isolation_level="READ COMMITTED")
        with connection.begin():
            yield connection


def _run_beside(engine: Engine, config: Config, step: Script) -> None:
    """Run a migration outside any transaction, while the connection that has the turn keeps it."""
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        config.attributes["connection"] = connection
        config.attributes["concurrently"] = True
        command.upgrade(config, step.revision)


def _steps(config: Config) -> dict[str, Script]:
    """The migrations by revision, first to last."""
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    return {script.revision: script for script in reversed(list(scripts))}


def _step_after(found: str | None, steps: dict[str, Script]) -> Script | None:
    """The migration to run next; None where the database is at the last one, or ahead and of this generation.

    Raises:
        SchemaMismatch: the database is where these migrations do not lead.
    """
    if found is not None and found not in steps:
        if works_on(found):
            return None
        raise SchemaMismatch(found, HEAD)
    return next((step for step in steps.values() if step.down_revision == found), None)


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


def _config(migrations: Path, connection: Connection, backend: Backend) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    # A live connection is handed over, never a URL: URLs would need escaping, and could meet another database.
    config.attributes["connection"] = connection
    config.attributes["schema"] = backend.schema
    return config
