"""Turns at SQLite's one write lock, first come first served among the threads of a process.

SQLite's own waiting is a sleeping loop without any order: under load it lets some callers starve for hundreds of
milliseconds. Other processes are still met there.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from types import TracebackType
from weakref import WeakValueDictionary

from inbox_lifecycle.drivers.forks import renew_after_fork


class Turns:
    """A fair lock."""

    def __init__(self) -> None:
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Be free: in a forked child nobody is left to give the turn back."""
        self._mutex = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    def __enter__(self) -> None:
        with self._mutex:
            if not self._taken:
                self._taken = True
                return
            turn = threading.Event()
            self._waiting.append(turn)
        try:
            turn.wait()
        except BaseException:
            self._give_up(turn)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False

    def _give_up(self, turn: threading.Event) -> None:
        """Leave the line, or pass the turn on if it has just come."""
        with self._mutex:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return
        self.__exit__(None, None, None)


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
            turns = _BY_FILE[path] = Turns()
        return turns
