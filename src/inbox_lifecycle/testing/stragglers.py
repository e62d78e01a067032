"""Requests that nobody waits for any more: the client gave up, and the effect comes all the same, later.

Like a job of the workspace, such a request goes on when the sandbox is next looked at after its instant.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from inbox_lifecycle.testing.reply import Exchange


class Stragglers:
    """Exchanges that were left behind, by the instant at which they go on; may be used from any thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left: list[tuple[float, Exchange]] = []
        self._lock = threading.Lock()

    def add(self, exchange: Exchange, seconds: float) -> None:
        """Leave an exchange behind that goes on after these seconds of the clock."""
        with self._lock:
            self._left.append((self._clock() + seconds, exchange))

    def catch_up(self) -> None:
        """Let those that are due go on, the earliest first; what they answer reaches nobody."""
        while (due := self._next()) is not None:
            instant, exchange = due
            for seconds in exchange:
                with self._lock:
                    self._left.append((instant + seconds, exchange))
                break

    def _next(self) -> tuple[float, Exchange] | None:
        with self._lock:
            if not self._left:
                return None
            earliest = min(self._left, key=lambda late: late[0])
            if earliest[0] > self._clock():
                return None
            self._left.remove(earliest)
            return earliest
