"""Turns at SQLite's one write lock, first come first served among the threads of a process.

SQLite's own waiting is a sleeping loop without any order: under load it lets some callers starve for hundreds of
milliseconds. Other processes are still met there.

Theory of operation
    A caller has its place in the line, and waits there until it is first. Whoever has the turn may take those who stand
    next out of the line, one by one, to do their work along with its own (`drivers.combining`); each of them goes on
    waiting, until it is told what came of it, or is put back to where it stood and then does its work itself.
    Everything changes hands under one mutex. Who waits is called exactly once: to be told, or to have its turn.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from inbox_lifecycle.drivers.forks import renew_after_fork

T = TypeVar("T")


class Outcome:
    """What work has come to that somebody else has done."""

    __slots__ = ("error", "value")

    def __init__(self, value: Any = None, error: BaseException | None = None) -> None:
        self.value = value
        self.error = error

    def get(self) -> Any:
        """The work's answer; its error is raised."""
        if self.error is not None:
            raise self.error
        return self.value


class Turn:
    """One caller's place in the line."""

    __slots__ = ("_called", "company", "leader", "outcome", "taken", "work")

    def __init__(self, work: Any = None, company: object = None) -> None:
        """Make one.

        Args:
            work: what is to be done.
            company: one who stands in front and has the same may do it too; None is nobody.
        """
        self.work = work
        self.company = company
        #: Whether somebody in front is at it, and who that is or was.
        self.taken = False
        self.leader: Turn | None = None
        #: What it came to, where somebody else did it.
        self.outcome: Outcome | None = None
        # A bare lock: a signal that strikes inside an Event can leave it locked for good.
        self._called = threading.Lock()
        self._called.acquire()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is called, so many seconds at most; whether it was."""
        return self._called.acquire(timeout=-1 if seconds is None else seconds)

    def call(self) -> None:
        """It is told its outcome, or it has its turn."""
        self._called.release()

    @property
    def given_up(self) -> bool:
        """Whether nobody waits for the outcome any more."""
        return False


class Turns:
    """A fair lock; safe where a signal's handler may raise between any two steps of the caller."""

    def __init__(self, *, patience: float | None = None) -> None:
        """Make one.

        Args:
            patience: seconds after which somebody who waits goes ahead all the same. A signal can strike just where a
                turn changes hands, and that turn never comes.
        """
        self.patience = patience
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Be free: in a forked child nobody is left to give the turn back."""
        self._mutex = threading.Lock()
        self._holder: Turn | None = None
        self._waiting: deque[Turn] = deque()

    def take(self, turn: Turn) -> None:
        """Wait in line until it is the first, or somebody in front has done its work and it has its outcome."""
        if not self.join(turn):
            while not turn.wait(self.patience):
                if self.go_ahead(turn):
                    return

    def join(self, turn: Turn) -> bool:
        """Stand in line; whether the turn has come at once."""
        with self._mutex:
            if self._holder is None:
                self._holder = turn
                return True
            self._waiting.append(turn)
            return False

    def go_ahead(self, turn: Turn) -> bool:
        """Wait no longer; whether there is nothing left to wait for: it has its outcome, or now it is its turn."""
        with self._mutex:
            # Whose work somebody is at goes on waiting: doing it here as well would do it twice.
            if turn.taken or self._holder is turn:
                return False
            self._forget(turn)
            if turn.outcome is None:
                self._holder = turn
            return True

    def take_next(self, holder: Turn) -> Turn | None:
        """Take who stands next out of the line, to do its work; None if that is nobody who may be taken."""
        with self._mutex:
            while self._waiting and self._holder is holder:
                following = self._waiting[0]
                if holder.company is None or following.company is not holder.company:
                    break
                self._waiting.popleft()
                if not following.given_up:
                    following.taken = True
                    following.leader = holder
                    return following
            return None

    def tell(self, turn: Turn, outcome: Outcome) -> None:
        """Tell one who was taken what its work has come to; harmless where it was told or put back before."""
        with self._mutex:
            if turn.taken:
                turn.outcome = outcome
                turn.taken = False
                turn.call()

    def put_back(self, turns: Sequence[Turn]) -> None:
        """Put those who were taken back to where they stood; from now on each does its work by itself."""
        with self._mutex:
            for turn in turns:
                turn.company = None
                turn.taken = False
            self._waiting.extendleft(reversed(turns))
            if self._holder is None:
                self._pass_on()

    def give_back(self, turn: Turn) -> None:
        """Pass it on, or leave the line; harmless where it was neither taken nor waited for, and when done twice.

        One who was interrupted while somebody else is at its work waits until that is over: nothing of it lands behind
        its caller's back.
        """
        while not self.leave(turn):
            turn.wait()

    def leave(self, turn: Turn) -> bool:
        """Pass it on, or leave the line; False if somebody else is at its work."""
        with self._mutex:
            if turn.taken:
                return False
            self._forget(turn)
            if self._holder is turn:
                self._pass_on()
            return True

    def _pass_on(self) -> None:
        self._holder = self._waiting.popleft() if self._waiting else None
        if self._holder is not None:
            self._holder.call()

    def _forget(self, turn: Turn) -> None:
        if self._waiting:
            with suppress(ValueError):
                self._waiting.remove(turn)


def in_turn(turns: Turns, turn: Turn, work: Callable[[], T]) -> T:
    """Do the work when its turn comes, unless somebody in front has done it."""
    try:
        turns.take(turn)
        if turn.outcome is None:
            return work()
        done: T = turn.outcome.get()
        return done
    finally:
        turns.give_back(turn)


#: Seconds in line at a file: only fairness is lost when two go at once, as SQLite's own lock keeps them apart.
PATIENCE = 30.0

_BY_FILE: WeakValueDictionary[str, Turns] = WeakValueDictionary()
_BY_FILE_MUTEX = threading.Lock()


def turns_for(file: str | None) -> Turns:
    """The turns of a database file, shared by all who write it in this process; None is a database in memory."""
    if file is None:
        return Turns()
    path = os.path.realpath(file)
    with _BY_FILE_MUTEX:
        turns = _BY_FILE.get(path)
        if turns is None:
            turns = _BY_FILE[path] = Turns(patience=PATIENCE)
        return turns
