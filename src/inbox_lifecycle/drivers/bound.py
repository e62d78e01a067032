"""The driver inside a host's transaction: every step runs in a savepoint of the connection that the host handed over.

It refuses to wait for the network, and what only the host can repair (a serialization failure, a lost connection) goes
up to the host as the driver raised it. Committing is the host's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection

from inbox_lifecycle.drivers.database import run_in
from inbox_lifecycle.errors import StepRefused, StoreContended, StoreError, StoreMisconfigured, StoreUnavailable
from inbox_lifecycle.flow import Flow, Once, Shield, Step
from inbox_lifecycle.store.engine import is_prepared
from inbox_lifecycle.store.faults import ConstraintViolated, explain, is_driver_error
from inbox_lifecycle.store.session import Backend

if TYPE_CHECKING:
    # The ORM is the host's; nothing here makes anybody load it.
    from sqlalchemy.orm import Session

T = TypeVar("T")


class BoundDriver:
    """Performs flows on a host's Connection, or on the connection that its Session has at the time."""

    def __init__(self, host: Connection | Session, backend: Backend) -> None:
        if isinstance(host, Connection):
            _demand_prepared(host)
        self._host = host
        self._backend = backend

    def run(self, flow: Flow[T]) -> T:
        """The flow's value; its errors are raised."""
        try:
            # A session has another connection in each of its transactions.
            connection = self._host if isinstance(self._host, Connection) else self._host.connection()
            _demand_prepared(connection)
            # Around the whole call, so that one that fails half-way, or is refused, leaves nothing behind.
            with connection.begin_nested():
                return _pump(flow, lambda step: _perform(connection, self._backend, step))
        finally:
            flow.close()


def _pump(flow: Flow[T], perform: Callable[[Step], Any]) -> T:
    answer: Any = None
    failure: StoreError | None = None
    while True:
        try:
            step = flow.send(answer) if failure is None else flow.throw(failure)
        except StopIteration as stop:
            value: T = stop.value
            return value
        answer, failure = None, None
        try:
            answer = perform(step)
        except (ConstraintViolated, StoreMisconfigured) as error:
            failure = error


def _perform(connection: Connection, backend: Backend, step: Step) -> Any:
    if isinstance(step, Shield) or (isinstance(step, Once) and step.after_commit):
        return None
    if not isinstance(step, Once):
        raise StepRefused(type(step).__name__)
    refusal = None
    try:
        return _in_savepoint(connection, backend, step)
    except Exception as error:
        if not is_driver_error(error, backend):
            raise
        refusal = explain(error, backend)
        # What only the host can repair goes up to it as the driver raised it.
        if isinstance(refusal, StoreContended | StoreUnavailable):
            raise
    raise refusal


def _in_savepoint(connection: Connection, backend: Backend, step: Once) -> Any:
    with connection.begin_nested():
        return run_in(connection.connection.cursor(), backend, step, hosted=True)


def _demand_prepared(connection: Connection) -> None:
    if connection.dialect.name == "sqlite" and not is_prepared(connection.engine):
        raise StoreMisconfigured(
            "this SQLite engine begins its transactions late: call prepare_sqlite(engine) right after create_engine"
        )
