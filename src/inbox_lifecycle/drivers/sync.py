"""The driver of sync facades: performs each step in the caller's own thread."""

from __future__ import annotations

import inspect
import threading
import time
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx
from sqlalchemy import Engine

from inbox_lifecycle.drivers.checkout import check_out
from inbox_lifecycle.drivers.database import in_turn, needs_turn, perform
from inbox_lifecycle.drivers.forks import renew_after_fork
from inbox_lifecycle.drivers.network import send
from inbox_lifecycle.drivers.shielded import Shielded
from inbox_lifecycle.drivers.transport import BoundedTransport
from inbox_lifecycle.drivers.turns import Turns, turns_for
from inbox_lifecycle.flow import Apart, Flow, Hand, Once, Send, Shield, Sleep, Step, UnfitHandler
from inbox_lifecycle.store.engine import is_memory
from inbox_lifecycle.store.session import Backend

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """A flow that has ended, with its value."""

    value: T


class Database:
    """An engine as drivers use it: one step, one connection, one turn."""

    def __init__(self, engine: Engine, backend: Backend, *, owns_engine: bool) -> None:
        self.backend = backend
        self._owns_engine = owns_engine
        self._engine = engine
        # One statement is its own transaction; beginning and ending one would cost two trips more.
        begins = owns_engine or backend.is_sqlite
        self._autocommit = engine if begins else engine.execution_options(isolation_level="AUTOCOMMIT")
        self._memory = is_memory(engine)
        self._turns = turns_for(None if self._memory else engine.url.database) if backend.is_sqlite else None
        renew_after_fork(self)

    def perform(self, step: Once) -> Any:
        """Perform a database step.

        Raises:
            StoreError: the database's answer was an error, or there was none.
        """
        return in_turn(self._turns_for(step), lambda: self._perform(step))

    def renew(self) -> None:
        """Leave the parent's connections to the parent; an engine of the host's is the host's to renew."""
        if self._owns_engine:
            self._engine.dispose(close=False)

    def close(self) -> None:
        """Close the pool, if it is ours."""
        if self._owns_engine:
            self._engine.dispose()

    def _perform(self, step: Once) -> Any:
        held = check_out(self._autocommit, self.backend, pool_alone=self._owns_engine)
        try:
            return perform(held, self.backend, step)
        finally:
            held.close()

    def _turns_for(self, step: Once) -> Turns | None:
        # A database in memory lives in one connection, which readers share with the writer.
        return self._turns if self._memory or needs_turn(self.backend, step) else None


class SyncDriver:
    """Performs flows, blocking."""

    def __init__(self, database: Database, transport: httpx.BaseTransport | None) -> None:
        self._database = database
        self._hosts_transport = transport
        self._own_transport: BoundedTransport | None = None
        self._mutex = threading.Lock()
        renew_after_fork(self)

    def renew(self) -> None:
        """Leave the parent's connections to the parent."""
        self._own_transport = None
        self._mutex = threading.Lock()

    def run(self, flow: Flow[T]) -> T:
        """The flow's value; its errors are raised."""
        # Signals strike the main thread alone.
        shields = threading.current_thread() is threading.main_thread()
        try:
            ended = self._pump(flow, stop_at_shield=shields)
        except BaseException:
            flow.close()
            raise
        if isinstance(ended, Shield):
            return Shielded(lambda: self._finish(flow), ended.budget).result()
        return ended.value

    def close(self) -> None:
        """Close what was opened here."""
        with self._mutex:
            transport, self._own_transport = self._own_transport, None
        if transport is not None:
            transport.close()
        self._database.close()

    def _finish(self, flow: Flow[T]) -> T:
        try:
            ended = self._pump(flow, stop_at_shield=False)
        finally:
            flow.close()
        assert isinstance(ended, Ended)  # noqa: S101 - it only stops at a shield when told to
        return ended.value

    def _pump(self, flow: Flow[T], *, stop_at_shield: bool) -> Ended[T] | Shield:
        answer: Any = None
        failure: Exception | None = None
        while True:
            try:
                step = flow.send(answer) if failure is None else flow.throw(failure)
            except StopIteration as stop:
                return Ended(stop.value)
            if stop_at_shield and isinstance(step, Shield):
                return step
            answer, failure = None, None
            try:
                answer = self._answer(step)
            except Exception as error:  # noqa: BLE001 - the flow decides what any failure means
                failure = error

    def _answer(self, step: Step) -> Any:
        match step:
            case Send():
                return send(self._transport(), step)
            case Sleep(seconds):
                return time.sleep(seconds)
            case Hand(handler, item):
                return _handled(handler(item))
            case Shield():
                return None
            case Apart(flow):
                return self.run(flow)
            case Once():
                return self._database.perform(step)

    def _transport(self) -> httpx.BaseTransport:
        if self._hosts_transport is not None:
            return self._hosts_transport
        # Made at the first use: it reads every certificate there is.
        with self._mutex:
            if self._own_transport is None:
                self._own_transport = BoundedTransport()
            return self._own_transport


def _handled(given: object) -> None:
    """Nothing; a handler that gives something to await has not run yet.

    Raises:
        UnfitHandler: it did.
    """
    if inspect.isawaitable(given):
        if inspect.iscoroutine(given):
            given.close()
        raise UnfitHandler
