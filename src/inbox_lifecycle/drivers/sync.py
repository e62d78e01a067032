"""The driver of sync facades: performs each step in the caller's own thread."""

from __future__ import annotations

import inspect
import threading
import time
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx
from sqlalchemy import Engine

from inbox_lifecycle.drivers.checkout import Supply
from inbox_lifecycle.drivers.combining import Followers
from inbox_lifecycle.drivers.database import needs_turn, perform
from inbox_lifecycle.drivers.forks import renew_after_fork
from inbox_lifecycle.drivers.group_commit import GroupCommit
from inbox_lifecycle.drivers.network import send
from inbox_lifecycle.drivers.shielded import Shielded
from inbox_lifecycle.drivers.transport import BoundedTransport
from inbox_lifecycle.drivers.turns import Turn, Turns, in_turn, turns_for
from inbox_lifecycle.flow import Apart, Flow, Hand, Once, Send, Shield, Sleep, Step, UnfitHandler
from inbox_lifecycle.store.engine import is_memory
from inbox_lifecycle.store.session import Backend
from inbox_lifecycle.store.statements import CommitWarmup

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """A flow that has ended, with its value."""

    value: T


class Database:
    """An engine as drivers use it: one step, one connection, one turn."""

    def __init__(self, engine: Engine, backend: Backend, *, owns_engine: bool) -> None:
        self.backend = backend
        # One statement is its own transaction; beginning and ending one would cost two trips more.
        begins = owns_engine or backend.is_sqlite
        autocommit = engine if begins else engine.execution_options(isolation_level="AUTOCOMMIT")
        self._supply = Supply(autocommit, backend, owns_engine=owns_engine)
        self._memory = is_memory(engine)
        self._turns = turns_for(None if self._memory else engine.url.database) if backend.is_sqlite else None
        # On a host's engine a statement is the host's to see, one for each call; one in memory has no disk to wait for.
        self._combines = owns_engine and not self._memory
        self._group = GroupCommit(self.perform_alone) if owns_engine and not backend.is_sqlite else None
        renew_after_fork(self)

    def perform(self, step: Once) -> Any:
        """Perform a database step.

        Raises:
            StoreError: the database's answer was an error, or there was none.
        """
        turns = self.line(step)
        if turns is None:
            return self._perform_in_company(step)
        turn = Turn(step, self.company(step))
        return in_turn(turns, turn, lambda: self.lead(turns, turn))

    def line(self, step: Once) -> Turns | None:
        """Where the step has to wait for its turn, if it has to."""
        # A database in memory lives in one connection, which readers share with the writer.
        return self._turns if self._memory or needs_turn(self.backend, step) else None

    def company(self, step: Once) -> object:
        """Who else in line may perform the step along with its own: the steps of this database; None for nobody."""
        # What works on what is committed already is no part of a transaction.
        return None if step.after_commit or not self._combines else self

    def lead(self, turns: Turns, turn: Turn) -> Any:
        """Perform the step whose turn has come, and those that stand behind it.

        Raises:
            StoreError: the database's answer was an error, or there was none.
        """
        # What is done for others might be lost to them.
        if turn.company is None or _can_be_struck():
            return self.perform_alone(turn.work)
        with Followers(turns, turn) as followers:
            return self._perform(turn.work, followers)

    def renew(self) -> None:
        """Leave the parent's connections to the parent; an engine of the host's is the host's to renew."""
        self._supply.renew()

    def close(self) -> None:
        """Close the pool, if it is ours."""
        self._supply.close()

    def _perform_in_company(self, step: Once) -> Any:
        commit = step.statement
        if self._group is None or step.patience is not None or not isinstance(commit, CommitWarmup) or _can_be_struck():
            return self.perform_alone(step)
        return self._group.commit(step, commit)

    def perform_alone(self, step: Once) -> Any:
        """Perform a step on a connection of its own, whoever else performs one just now.

        Raises:
            StoreError: the database's answer was an error, or there was none.
        """
        return self._perform(step)

    def _perform(self, step: Once, followers: Followers | None = None) -> Any:
        held = self._supply.check_out()
        try:
            return perform(held, self.backend, step, followers)
        finally:
            held.close()


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
        shields = _can_be_struck()
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


def _can_be_struck() -> bool:
    """Whether this is the main thread: Python runs signal handlers in no other."""
    return threading.current_thread() is threading.main_thread()


def _handled(given: object) -> None:
    """Nothing; a handler that gives something to await has not run yet.

    Raises:
        UnfitHandler: it did.
    """
    if inspect.isawaitable(given):
        if inspect.iscoroutine(given):
            given.close()
        raise UnfitHandler
