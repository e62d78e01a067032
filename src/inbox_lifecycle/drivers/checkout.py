"""Connections held for one step: straight from a pool of ours, or through SQLAlchemy from what a host handed over.

SQLAlchemy's `Connection` keeps count of transactions, options and results that we never open. On work of one statement
that costs more than the statement, so that on an engine of our own only the pool is used. A host's engine may have
listeners and options that only a `Connection` honours.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.pool import Pool, PoolProxiedConnection, StaticPool

from inbox_lifecycle.errors import InboxLifecycleError
from inbox_lifecycle.store.engine import POOL_SIZE
from inbox_lifecycle.store.faults import explain, is_driver_error
from inbox_lifecycle.store.session import Backend

#: When a connection of a pool was last found broken.
_BROKEN: WeakKeyDictionary[Pool, float] = WeakKeyDictionary()
#: Connections that are kept ready at most.
KEPT = 4 * POOL_SIZE
#: A forked child's inheritance: kept, for whatever is dropped is closed, and the parent still speaks on it.
_PARENTS: list[Any] = []
_FIRST_USED = "inbox_lifecycle_first_used"


class Held(Protocol):
    """A connection that is held for one step."""

    @property
    def pool(self) -> Pool:
        """Where it comes from."""
        ...

    @property
    def info(self) -> dict[Any, Any]:
        """Notes that live as long as the driver's connection."""
        ...

    @property
    def raw(self) -> Any:
        """The driver's own connection; None once it was thrown away."""
        ...

    def cursor(self) -> DBAPICursor:
        """A cursor of the driver's."""
        ...

    def transaction(self) -> Any:
        """A context: one transaction at READ COMMITTED, of a PostgreSQL connection that is in autocommit."""
        ...

    def invalidate(self) -> None:
        """Throw the driver's connection away."""
        ...

    def close(self) -> None:
        """Give it back."""
        ...


class FromPool:
    """A connection of a pool of ours, which is in autocommit from its beginning."""

    __slots__ = ("_connection", "_dialect", "_supply", "pool")

    def __init__(self, engine: Engine, supply: Supply) -> None:
        self._supply = supply
        self.pool = engine.pool
        self._dialect = engine.dialect
        self._connection: PoolProxiedConnection = self.pool.connect()

    @property
    def info(self) -> dict[Any, Any]:
        """Notes that live as long as the driver's connection."""
        return self._connection.info

    @property
    def raw(self) -> Any:
        """The driver's own connection; None once it was thrown away."""
        return self._connection.dbapi_connection

    def cursor(self) -> DBAPICursor:
        """A cursor of the driver's."""
        return self._connection.cursor()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction at READ COMMITTED."""
        raw = self.raw
        # The driver says BEGIN in front of the first statement: no trip of its own.
        self._dialect.set_isolation_level(raw, "READ COMMITTED")
        try:
            yield
            raw.commit()
        except BaseException:
            self._roll_back()
            raise
        finally:
            if self.raw is not None:
                self._dialect.set_isolation_level(raw, "AUTOCOMMIT")

    def invalidate(self) -> None:
        """Throw the driver's connection away; more than once is no harm."""
        if self.raw is not None:
            self._connection.invalidate()

    def close(self) -> None:
        """Give it back, to be taken by the next who comes."""
        self._supply.take_back(self)

    def detach(self) -> Any:
        """The driver's own connection, which no pool will ever close."""
        raw = self.raw
        self._connection.detach()
        return raw

    def let_go(self) -> None:
        """Give it back to the pool itself."""
        self._connection.close()

    def _roll_back(self) -> None:
        if self.raw is None:
            return
        try:
            self.raw.rollback()
        except BaseException as error:
            # What is raised already says why, unless this is an interruption; a connection with a past is of no use.
            self.invalidate()
            if not isinstance(error, Exception):
                raise


class FromEngine:
    """A connection of SQLAlchemy's, of an engine in autocommit on PostgreSQL."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def pool(self) -> Pool:
        """Where it comes from."""
        return self._connection.engine.pool

    @property
    def info(self) -> dict[Any, Any]:
        """Notes that live as long as the driver's connection."""
        return self._connection.info

    @property
    def raw(self) -> Any:
        """The driver's own connection; None once it was thrown away."""
        return None if self._connection.invalidated else self._connection.connection.dbapi_connection

    def cursor(self) -> DBAPICursor:
        """A cursor of the driver's."""
        return self._connection.connection.cursor()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction at READ COMMITTED."""
        self._connection.execution_options(isolation_level="READ COMMITTED")
        with self._connection.begin():
            yield

    def invalidate(self) -> None:
        """Throw the driver's connection away."""
        self._connection.invalidate()

    def close(self) -> None:
        """Give it back."""
        self._connection.close()


class Supply:
    """Connections of an engine, one for each step that needs one."""

    def __init__(self, engine: Engine, backend: Backend, *, owns_engine: bool) -> None:
        """Make one.

        Args:
            engine: in autocommit, if it is PostgreSQL's.
            backend: its dialect.
            owns_engine: whether the engine is our own, so that nobody listens to it.
        """
        self._engine = engine
        self._backend = backend
        self._owns_engine = owns_engine
        # To go through SQLAlchemy's pool and back costs more than all else that we do around a statement.
        self._spares: deque[FromPool] = deque()
        #: One for each who is on its way to SQLAlchemy's pool, and may have to wait there.
        self._seekers: list[None] = []

    def check_out(self) -> Held:
        """A connection, to be given back by `close`.

        Raises:
            StoreError: no connection could be had.
        """
        try:
            return self._fresh()
        except Exception as error:
            if not is_driver_error(error, self._backend):
                raise
            failure = explain(error, self._backend, sent=False)
        raise failure

    def take_back(self, held: FromPool) -> None:
        """Keep it ready, unless there are enough, or somebody waits at SQLAlchemy's pool, or that is closed by now."""
        if held.pool is not self._engine.pool:
            held.invalidate()
        if held.raw is None:
            held.let_go()
            return
        self._spares.append(held)
        if self._seekers or len(self._spares) > KEPT:
            with suppress(IndexError):
                self._spares.pop().let_go()

    def renew(self) -> None:
        """In a forked child: leave the parent's connections to the parent, without closing them."""
        if self._owns_engine:
            while self._spares:
                _PARENTS.append(self._spares.pop().detach())
            self._seekers.clear()
            self._engine.dispose(close=False)

    def close(self) -> None:
        """Close all, if they are ours."""
        if self._owns_engine:
            with suppress(IndexError):
                while True:
                    self._spares.pop().let_go()
            self._engine.dispose()

    def _fresh(self) -> Held:
        while True:
            held = self._any()
            if not is_stale(held):
                return held
            held.invalidate()
            held.close()

    def _any(self) -> Held:
        if not self._owns_engine:
            return FromEngine(self._engine.connect())
        try:
            return self._spares.pop()
        except IndexError:
            return self._sought()

    def _sought(self) -> Held:
        self._seekers.append(None)
        try:
            # Whoever gave one back before it could see that somebody seeks one has left it here.
            with suppress(IndexError):
                return self._spares.pop()
            return FromPool(self._engine, self)
        finally:
            self._seekers.pop()


def is_stale(held: Held) -> bool:
    """Whether one that its pool made no later was found broken: a restart breaks all of a pool's connections."""
    since = held.info.setdefault(_FIRST_USED, time.monotonic())
    broken = _BROKEN.get(held.pool) if _BROKEN else None
    return broken is not None and bool(since <= broken)


def break_off(held: Held, error: BaseException) -> None:
    """Throw the connection away if something struck in the middle of an exchange: who knows what it would say next.

    That may be an ordinary exception too, such as a worker's time limit, which a signal's handler raises.
    """
    # A database in memory lives and dies with its one connection; its transaction is rolled back, and that is all.
    if not isinstance(error, InboxLifecycleError) and not isinstance(held.pool, StaticPool):
        held.invalidate()


def give_up(held: Held) -> None:
    """Throw a broken connection away, and every one of its pool that is as old, once it is taken out."""
    _BROKEN[held.pool] = time.monotonic()
    held.invalidate()
