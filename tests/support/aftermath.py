"""What must hold after anything went wrong, and the small tools for bringing it about."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import TypeVar

from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Operation, Sandbox, SandboxRequest
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

T = TypeVar("T")

#: The address of the tests' one inbox.
ANA = "ana@mail.example.com"
#: Its owner.
OWNER = "owner"

#: Bytes that only the request of this name contains.
OPENING = b"seen_warmup_status, opened_at"
RECORDING = b"inbox.warmup_started"
CLOSING = b"set outcome = $"
#: With its length before it: "READ COMMITTED" is something else.
COMMITTING = b"\x0bCOMMIT"


@dataclass(frozen=True, slots=True)
class Standing:
    """How an inbox stands, by the database's own word."""

    status: str
    warmup_status: str
    version: int
    events: int
    #: Outcomes of its attempts in the order they were opened; None is open.
    attempts: tuple[str | None, ...]


def standing(database: TestDatabase, inbox_id: str) -> Standing:
    """How the inbox stands now, in one look."""
    rows = database.execute(
        "select i.status, i.warmup_status, i.version,"
        " (select count(*) from {s}inbox_events e where e.inbox_id = i.id), a.id is not null, a.outcome"
        " from {s}inboxes i left join {s}inbox_attempts a on a.inbox_id = i.id"
        " where i.id = ? order by a.opened_at, a.id",
        (inbox_id,),
    )
    status, warmup_status, version, events, *_ = rows[0]
    return Standing(status, warmup_status, version, events, tuple(row[5] for row in rows if row[4]))


def unmoved(*attempts: str | None) -> Standing:
    """A freshly registered inbox that never moved."""
    return Standing("pending", "not_started", 1, 1, attempts)


def warming(*attempts: str | None) -> Standing:
    """A freshly registered inbox that moved to warming, once."""
    return Standing("warming", "warming", 2, 2, attempts)


def settle(face: AnyFace, database: TestDatabase) -> Reconciled:
    """Let every lease run out and reconcile: the history is whole, and a second run finds nothing."""
    operator = face.operator()
    before = operator.verify()
    assert before.clean, before.as_dict()
    database.expire_leases()
    done: Reconciled = operator.reconcile()
    after = operator.verify()
    assert after.clean, after.as_dict()
    assert operator.reconcile() == Reconciled()
    return done


def in_flight(sandbox: Sandbox, action: Callable[[], object], *, on: Operation = Operation.ENABLE) -> None:
    """Act once, when the provider has acted on the next such request and has not answered it yet."""

    def act(request: SandboxRequest) -> None:
        if request.operation is on:
            sandbox.before_answer(None)
            action()

    sandbox.before_answer(act)


def background(work: Callable[[], T]) -> Future[T]:
    """The work's outcome to come, from a thread of its own."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - handed over to whoever asks for the result
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


def eventually(holds: Callable[[], object], *, within: float = 30.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.005)
