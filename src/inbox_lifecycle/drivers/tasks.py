"""Turns of tasks at SQLite's one write lock: they wait in line without a thread, and get one when their turn comes.

So a crowd of tasks costs one thread at a time, and one that performs a step takes those behind it along.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any

from inbox_lifecycle.drivers.shielded import hand_over
from inbox_lifecycle.drivers.sync import Database
from inbox_lifecycle.drivers.turns import Outcome, Turn, Turns
from inbox_lifecycle.flow import Once

#: Seconds that a leader waits at most until its loop has come round once, so that it does not lead itself alone.
GATHERING = 0.005


class Mailbox:
    """Outcomes on their way to the tasks of an event loop, which is woken up once for many of them."""

    def __init__(self) -> None:
        self._box: deque[tuple[TaskTurn, Outcome]] = deque()
        self._announced = False

    def put(self, turn: TaskTurn, outcome: Outcome, *, announced: bool = False) -> None:
        """Have the loop settle it; from any thread.

        Args:
            turn: who is told.
            outcome: what.
            announced: whether another outcome is put in right behind it, which announces both.
        """
        self._box.append((turn, outcome))
        if not self._announced and not announced:
            self._announced = True
            # A loop that is closed has nobody who waits.
            with suppress(RuntimeError):
                turn.loop.call_soon_threadsafe(self._empty)

    def _empty(self) -> None:
        # First this: what is put in after the last look announces itself.
        self._announced = False
        while self._box:
            turn, outcome = self._box.popleft()
            turn.settle(outcome)


class TaskTurn(Turn):
    """A task's place in the line, taken at once."""

    __slots__ = ("_database", "_threads", "_timer", "_turns", "future", "loop", "mailbox")

    def __init__(self, turns: Turns, step: Once, database: Database, threads: Executor, mailbox: Mailbox) -> None:
        """Stand in line; on a running event loop."""
        super().__init__(step, database.company(step))
        self._turns = turns
        self._database = database
        self._threads = threads
        self.mailbox = mailbox
        self.loop = asyncio.get_running_loop()
        #: What the step comes to; who cancels it gives its place up.
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        try:
            if turns.join(self):
                # Others that were told at the same time as this task stand in line when the loop comes to this.
                self.loop.call_soon(super().call)
                self._start(self._gather)
            else:
                self._be_patient()
        except BaseException:
            # A signal may strike here too; the turn is not lost with it.
            self.future.cancel()
            turns.leave(self)
            raise

    @property
    def given_up(self) -> bool:
        """Whether its task was cancelled."""
        return self.future.cancelled()

    def call(self) -> None:
        """Pass its outcome on, or have a thread perform its step."""
        if self.outcome is not None:
            # Its own outcome is what a leader tells last. Told one by one, tasks would come back one by one.
            behind = isinstance(self.leader, TaskTurn) and self.leader.mailbox is self.mailbox
            self.mailbox.put(self, self.outcome, announced=behind)
        else:
            self._start(self._lead)

    def _start(self, work: Callable[[], None]) -> None:
        try:
            self._threads.submit(work)
        except RuntimeError:
            # The facade is closed; who waited for its turn meanwhile has it all the same.
            hand_over(work)

    def _gather(self) -> None:
        self.wait(GATHERING)
        self._lead()

    def _lead(self) -> None:
        try:
            outcome = Outcome(None if self.given_up else self._database.lead(self._turns, self))
        except BaseException as error:  # noqa: BLE001 - raised again where the task waits
            outcome = Outcome(error=error)
        try:
            self._turns.leave(self)
        finally:
            self.mailbox.put(self, outcome)

    def settle(self, outcome: Outcome) -> None:
        """Tell the task; on its loop."""
        if self._timer is not None:
            self._timer.cancel()
        if self.future.done():
            return
        if outcome.error is None:
            self.future.set_result(outcome.value)
        else:
            self.future.set_exception(outcome.error)

    def _be_patient(self) -> None:
        if self._turns.patience is not None:
            self._timer = self.loop.call_later(self._turns.patience, self._insist)

    def _insist(self) -> None:
        if self.future.done():
            return
        if self._turns.go_ahead(self):
            self.call()
        else:
            self._be_patient()
