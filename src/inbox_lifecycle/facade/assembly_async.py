"""What an async facade needs besides; apart, as it loads SQLAlchemy's async half and its ORM."""

from __future__ import annotations

import httpx
from sqlalchemy import Engine
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from inbox_lifecycle.drivers.threaded import AsyncDriver, NativeDatabase, ThreadedDatabase
from inbox_lifecycle.errors import StoreMisconfigured
from inbox_lifecycle.facade.assembly import open_database
from inbox_lifecycle.store.session import Backend, backend_for


def make_async_driver(
    database: str | URL | Engine | AsyncEngine, schema: str | None, transport: httpx.AsyncBaseTransport | None
) -> tuple[AsyncDriver, Backend]:
    """A driver for an async facade."""
    if isinstance(database, AsyncEngine):
        backend = backend_for(database.dialect, schema)
        if backend.is_sqlite:
            raise StoreMisconfigured("an AsyncEngine on SQLite is not supported: pass its URL, and threads serve it")
        return AsyncDriver(NativeDatabase(database, backend), transport), backend
    opened = open_database(database, schema)
    return AsyncDriver(ThreadedDatabase(opened), transport), opened.backend
