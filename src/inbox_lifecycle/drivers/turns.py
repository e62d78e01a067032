"""Turns at SQLite's one write lock, first come first served among the threads of a process.

SQLite's own waiting is a sleeping loop without any order: under load it lets some callers starve for hundreds of
milliseconds. Other processes are still met there.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import suppress
from weakref import WeakValueDictionary

from inbox_lifecycle.drivers.forks import renew_after_fork


class Turn:
    """One caller's place in the line."""

    def __init__(self) -> None:
        self.has_come = threading.Event()


class Turns:
    """A fair lock; safe where a signal's handler may raise between any two steps of the caller."""

    def __init__(self, *, patience: float | None = None) -> None:
        """Make one.

        Args:
            patience: seconds after which somebody who waits goes ahead all the same. A signal can strike just where a
                turn changes hands, and that turn never comes.
        """
        self._patience = patience
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Be free: in a forked child nobody is left to give the turn back."""
        self._mutex = threading.Lock()
        self._holder: Turn | None = None
        self._waiting: deque[Turn] = deque()

    def take(self, turn: Turn) -> None:
        """Wait in line."""
        with self._mutex:
            if self._holder is None:
                self._holder = turn
                return
            self._waiting.append(turn)
        if not turn.has_come.wait(self._patience):
            with self._mutex:
                self._holder = turn
                self._leave(turn)

    def give_back(self, turn: Turn) -> None:
        """Pass it on, or leave the line; harmless where it was neither taken nor waited for, and when done twice."""
        with self._mutex:
            self._leave(turn)
            if self._holder is turn:
                self._holder = self._waiting[0] if self._waiting else None
                if self._holder is not None:
                    self._leave(self._holder)
                    self._holder.has_come.set()

    def _leave(self, turn: Turn) -> None:
        with suppress(ValueError):
            self._waiting.remove(turn)


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
