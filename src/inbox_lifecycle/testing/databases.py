"""A database for each example of a property test: SQLite in memory, migrated once a process and copied from then on."""

from __future__ import annotations

import atexit
import sqlite3
import threading
from functools import cache
from typing import cast

from sqlalchemy import Connection, Engine

from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.store.migrate import upgrade_schema

# SQLite copies from one connection to another; the one copied from is shared.
_copying = threading.Lock()


def fresh_engine() -> Engine:
    """An engine on an empty database of its own, in memory, with the schema at head; dispose of it when done.

    It is made in a millisecond or two, after the first one, and may be used from many threads. What it lacks is what
    memory lacks: it outlives no process, and its readers wait for its writers.
    """
    engine = make_engine("sqlite://")
    with _copying, _template().connect() as old, engine.connect() as new:
        _raw(old).backup(_raw(new))
    return engine


@cache
def _template() -> Engine:
    engine = make_engine("sqlite://")
    atexit.register(engine.dispose)
    upgrade_schema(engine)
    return engine


def _raw(connection: Connection) -> sqlite3.Connection:
    return cast("sqlite3.Connection", connection.connection.dbapi_connection)
