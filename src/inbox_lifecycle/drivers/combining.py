"""Several callers' steps in one transaction of SQLite's, so that they wait for the disk once for all of them.

SQLite has one writer at a time, and each COMMIT waits for the disk: eight threads that commit in turns are as slow as
one. So the one that has the turn takes those who stand behind it in line along.

Theory of operation
    1. The leader begins an IMMEDIATE transaction and performs its own step, with no savepoint. If that fails, all is
       rolled back and the error is the leader's, as if it were alone. It is: nobody else was taken along yet. So a file
       that other processes keep locked is the error of the one who waited for it.
    2. Then it takes the next one in line, and the next, each in a savepoint of its own, until nobody waits, the
       transaction has become long, or one waits who must be alone. What each came to, answer or error, is kept.
    3. Only when the COMMIT is through is anybody told: an answer, or an error such as a name that is taken already, may
       rest on what another step in the same transaction has done.
    4. Whatever fails but one step (the COMMIT, a full disk, something nobody thought of) undoes all of it. Then nothing
       has happened, and each performs its step again, in the same order and each alone: what fails now is its own.
    5. Signals are raised in the main thread, between any two of its steps, and so it takes nobody along: there is no
       interruption that could lose others their answers. If something else still strikes a leader where nobody can tell
       whether its COMMIT is through, the others are told just that.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import TracebackType
from typing import Any, Self

from sqlalchemy.engine.interfaces import DBAPICursor

from inbox_lifecycle.drivers.checkout import Held
from inbox_lifecycle.drivers.turns import Outcome, Turn, Turns
from inbox_lifecycle.errors import InboxLifecycleError, StoreUnavailable
from inbox_lifecycle.flow import Once
from inbox_lifecycle.store.faults import explain, is_driver_error
from inbox_lifecycle.store.session import Backend, Session

#: Steps in one transaction at most.
MOST = 64
#: Seconds after which a transaction takes nobody else along: its first caller waits for the last one's step.
LONG = 0.01


class Followers:
    """Those who stand behind a leader in line, and what has become of the ones it took along."""

    def __init__(self, turns: Turns, leader: Turn) -> None:
        self._turns = turns
        self._leader = leader
        self._taken: list[tuple[Turn, Outcome]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nobody without an answer."""
        for turn, _ in self._taken:
            self._turns.tell(turn, Outcome(error=StoreUnavailable("broken off", maybe_applied=True)))

    def perform(self, session: Session) -> None:
        """Perform their steps in the transaction that is under way, as many as fit."""
        ends = time.monotonic() + LONG
        while len(self._taken) < MOST - 1 and time.monotonic() < ends:
            turn = self._turns.take_next(self._leader)
            if turn is None:
                return
            outcome = Outcome()
            self._taken.append((turn, outcome))
            _perform_one(session, turn.work, outcome)

    def tell(self) -> None:
        """Tell them, now that it is committed."""
        for turn, outcome in self._taken:
            self._turns.tell(turn, outcome)

    def send_back(self) -> bool:
        """Let each of them perform its step itself, as nothing has happened; whether there is anybody."""
        self._turns.put_back([turn for turn, _ in self._taken])
        return bool(self._taken)


def perform_writing(held: Held, backend: Backend, step: Once, followers: Followers | None) -> Any:
    """Perform a step in a transaction, and those of followers with it."""
    with closing(held.cursor()) as cursor:
        if step.patience is None:
            return _transact(held, Session(cursor, backend), step, followers)
        with _waiting(cursor, step.patience):
            return _transact(held, Session(cursor, backend), step, followers)


def _transact(held: Held, session: Session, step: Once, followers: Followers | None) -> Any:
    try:
        session.cursor.execute("begin immediate")
        answer = step.statement.run(session)
        if followers is not None:
            followers.perform(session)
        session.cursor.execute("commit")
    except BaseException as error:
        undone = _roll_back(held) or is_driver_error(error, session.backend)
        if followers is None or not isinstance(error, Exception) or not undone or not followers.send_back():
            raise
    else:
        if followers is not None:
            followers.tell()
        return answer
    return _transact(held, session, step, None)


def _perform_one(session: Session, step: Once, outcome: Outcome) -> None:
    session.cursor.execute("savepoint follower")
    try:
        outcome.value = step.statement.run(session)
    except Exception as error:
        if is_driver_error(error, session.backend):
            outcome.error = explain(error, session.backend)
        elif isinstance(error, InboxLifecycleError):
            outcome.error = error
        else:
            raise
        # Fails where the database has undone the whole transaction.
        session.cursor.execute("rollback to follower")
    session.cursor.execute("release follower")


def _roll_back(held: Held) -> bool:
    """Whether there was something to undo."""
    raw = held.raw
    if raw is None or not raw.in_transaction:
        return False
    try:
        raw.rollback()
    except BaseException:
        # One with a past is of no more use to anybody.
        held.invalidate()
        raise
    return True


@contextmanager
def _waiting(cursor: DBAPICursor, patience: float) -> Iterator[None]:
    """Wait for other processes no longer than the step has patience."""
    cursor.execute("pragma busy_timeout")
    (usual,) = cursor.fetchone() or (0,)
    cursor.execute(f"pragma busy_timeout = {min(usual, int(patience * 1000))}")
    try:
        yield
    finally:
        cursor.execute(f"pragma busy_timeout = {usual}")
