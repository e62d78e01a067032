"""Engines as the store needs them: ours behind a URL, and SQLite engines of a host made fit.

Behind a URL there may be a pooler in transaction mode, so we use no startup options, no session settings, and no
prepared statements where one stands between: with them, such a pooler silently answers with another client's statement.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import StaticPool

from inbox_lifecycle.errors import StoreMisconfigured

#: Threads that an async facade of ours uses; engines of ours keep a small multiple of connections.
POOL_SIZE = 8
#: Seconds to wait for a connection to come about.
CONNECT_TIMEOUT = 5
#: Seconds that SQLite waits for another process to finish writing.
BUSY_TIMEOUT = 10

# Opened only as many as threads ask for at once. Those that nobody uses are kept by `drivers.checkout` and not by
# SQLAlchemy's queue, or twice as many would stay open. Whoever waits for one has time left to say so.
_MANY: dict[str, Any] = {"pool_size": 1, "max_overflow": 8 * POOL_SIZE - 1, "pool_timeout": 10}

_PREPARED = "inbox_lifecycle_prepared"


def read_url(url: str | URL) -> URL:
    """The URL with its driver named; `postgres://` is accepted, as hosting providers write it.

    Raises:
        StoreMisconfigured: it is not a database URL.
    """
    if isinstance(url, str):
        url = url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres://") else url
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreMisconfigured("this is not a database URL: say postgresql://... or sqlite:///file.db") from None
    if parsed.get_backend_name() not in ("postgresql", "sqlite"):
        raise StoreMisconfigured(f"{parsed.get_backend_name()} is not supported: use PostgreSQL or SQLite")
    if parsed.drivername == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def make_engine(url: str | URL) -> Engine:
    """An engine of our own.

    Raises:
        StoreMisconfigured: the URL or its driver is not usable.
    """
    parsed = read_url(url)
    try:
        if parsed.get_backend_name() == "sqlite":
            return prepare_sqlite(_sqlite_engine(parsed))
        return _postgresql_engine(parsed)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise StoreMisconfigured(
            f"the driver of {parsed.drivername} is not installed: pip install 'inbox-lifecycle[postgres]'"
        ) from error


def is_prepared(engine: Engine) -> bool:
    """Whether `prepare_sqlite` was called on the engine."""
    return bool(engine.get_execution_options().get(_PREPARED)) or event.contains(engine, "begin", _begin_immediate)


def prepare_sqlite(engine: Engine) -> Engine:
    """Make a host's SQLite engine fit to share its transactions with us; call it right after `create_engine`.

    Sets WAL, foreign keys and secure deletion, and begins every transaction as IMMEDIATE: a deferred one that reads
    first fails at its first write whenever another writer was faster, however long the busy timeout.
    """
    if engine.dialect.name != "sqlite" or is_prepared(engine):
        return engine
    event.listen(engine, "connect", _set_up_connection)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def is_memory(engine: Engine) -> bool:
    """Whether the database is SQLite's in memory, which lives in one connection."""
    return engine.dialect.name == "sqlite" and engine.url.database in (None, "", ":memory:")


def _sqlite_engine(url: URL) -> Engine:
    wanted: dict[str, Any] = {"timeout": BUSY_TIMEOUT, "check_same_thread": False}
    # What the URL says goes before what we would choose.
    arguments = {name: value for name, value in wanted.items() if name not in url.query}
    if url.database in (None, "", ":memory:"):
        return create_engine(url, connect_args=arguments, poolclass=StaticPool)
    engine = create_engine(url, connect_args=arguments, **_MANY)
    event.listen(engine, "connect", _wait_for_the_disk)
    return engine


def _postgresql_engine(url: URL) -> Engine:
    # Client-side settings of libpq only: they never reach a pooler.
    patience = {
        "connect_timeout": str(CONNECT_TIMEOUT),
        # A server that vanished is noticed well within the time in which an accepted warmup must be recorded.
        "keepalives_idle": "5",
        "keepalives_interval": "2",
        "keepalives_count": "2",
        "tcp_user_timeout": "8000",
    }
    missing = {name: value for name, value in patience.items() if name not in url.query}
    engine = create_engine(
        url,
        connect_args=missing if url.get_driver_name() == "psycopg" else {},
        isolation_level="AUTOCOMMIT",
        **_MANY,
        pool_use_lifo=True,
        pool_reset_on_return=None,
        skip_autocommit_rollback=True,
    )
    if url.get_driver_name() == "psycopg":
        event.listen(engine, "connect", _read_ids_as_text)
        event.listen(engine, "connect", _forgo_preparing_behind_pooler)
    return engine


def _set_up_connection(connection: sqlite3.Connection, _record: object) -> None:
    # Python 3.12 and later know another transaction control, and 3.16 makes it the default; ours is the explicit one.
    legacy = getattr(sqlite3, "LEGACY_TRANSACTION_CONTROL", None)
    if legacy is not None and getattr(connection, "autocommit", legacy) != legacy:
        setattr(connection, "autocommit", legacy)  # noqa: B010 - Python 3.11 does not know the attribute
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("pragma journal_mode = wal")
    cursor.execute("pragma foreign_keys = on")
    # What was erased is overwritten where it stood.
    cursor.execute("pragma secure_delete = on")
    cursor.close()


def _wait_for_the_disk(connection: sqlite3.Connection, _record: object) -> None:
    # What a call has answered survives a loss of power, whatever this build of SQLite does by itself.
    cursor = connection.cursor()
    cursor.execute("pragma synchronous = full")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("begin immediate")


def _read_ids_as_text(connection: Any, _record: object) -> None:
    from psycopg.types.string import TextLoader

    # Ids are text here: making an object of each, and text of the object, takes longer than reading it.
    connection.adapters.register_loader("uuid", TextLoader)


def _forgo_preparing_behind_pooler(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("select pg_backend_pid()")
    (backend,) = cursor.fetchone()
    cursor.close()
    if not connection.autocommit:
        connection.rollback()
    # A pooler answers the connection itself, with a process id of its own making.
    if connection.info.backend_pid != backend:
        connection.prepare_threshold = None
