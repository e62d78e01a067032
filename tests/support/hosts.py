"""A host service with an engine of its own, and one transaction of it in which our facade works.

Connections and sessions, sync and async, are driven by the same words: `execute`, `commit`, `rollback`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from inbox_lifecycle import AsyncInboxes, Inboxes, prepare_sqlite
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace, AwaitedFace, Face, LoopThread

#: Database, mode, and what the host hands over.
HOSTINGS = (
    ("sqlite", "sync", "connection"),
    ("sqlite", "sync", "session"),
    ("postgresql", "sync", "connection"),
    ("postgresql", "sync", "session"),
    ("postgresql", "async", "connection"),
    ("postgresql", "async", "session"),
)


@dataclass
class Host:
    """A host in the middle of a transaction."""

    #: The facade within it.
    face: AnyFace
    _handle: Any
    _wait: Callable[[Any], Any]

    def execute(self, statement: str) -> None:
        """Work of the host's own."""
        self._wait(self._handle.execute(text(statement)))

    def commit(self) -> None:
        """The host's to decide."""
        self._wait(self._handle.commit())

    def rollback(self) -> None:
        """The host's to decide."""
        self._wait(self._handle.rollback())


def host_url(database: TestDatabase) -> str:
    """The URL as a host names it: with the driver it has chosen."""
    return database.url.replace("postgresql://", "postgresql+psycopg://", 1)


@contextmanager
def host_engine(database: TestDatabase, **options: Any) -> Iterator[Engine]:
    """An engine as a host makes it, prepared where it must be."""
    engine = prepare_sqlite(create_engine(host_url(database), **options))
    yield engine
    engine.dispose()


@contextmanager
def host_async_engine(database: TestDatabase, loop: LoopThread) -> Iterator[AsyncEngine]:
    """An async engine as a host makes it."""
    engine = create_async_engine(host_url(database))
    yield engine
    loop.wait(engine.dispose())


@contextmanager
def hosting(database: TestDatabase, mode: str, handle: str, loop: LoopThread, **options: Any) -> Iterator[Host]:
    """A host with a transaction; rolled back at the end unless it was committed."""
    opened = _sync(database, handle, options) if mode == "sync" else _async(database, handle, loop, options)
    with opened as host:
        yield host


@contextmanager
def _sync(database: TestDatabase, handle: str, options: dict[str, Any]) -> Iterator[Host]:
    with (
        host_engine(database) as engine,
        Inboxes(database.url, **options) as inboxes,
        engine.connect() if handle == "connection" else Session(engine) as opened,
    ):
        yield Host(Face(inboxes.within(opened)), opened, lambda done: done)


@contextmanager
def _async(database: TestDatabase, handle: str, loop: LoopThread, options: dict[str, Any]) -> Iterator[Host]:
    with host_async_engine(database, loop) as engine:
        inboxes = AsyncInboxes(database.url, **options)
        opened: Any = engine.connect() if handle == "connection" else AsyncSession(engine)
        loop.wait(opened.__aenter__())
        yield Host(AwaitedFace(inboxes.within(opened), loop), opened, loop.wait)
        loop.wait(opened.close())
        loop.wait(inboxes.aclose())
