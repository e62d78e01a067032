"""Cuts connections to PostgreSQL under load: by chance, at chosen requests, and around the commit."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from queue import Queue

from tests.support.aftermath import COMMITTING, RECORDING, eventually
from tests.support.databases import TestDatabase
from tests.support.locks import TableLock, waiters
from tests.support.proxy import Fate, Proxy, Trap

#: What becomes of a request whose connection is cut.
_CUTS = (Fate.UNSENT, Fate.SWALLOWED, Fate.UNHEARD, Fate.LATE)
#: Requests that change something, by a parameter that only they have, with its length before it where it is a plain
#: word: after some calls of a connection the statements' text is not sent any more.
_OPENING, _CLOSING = b"\0\0\0\x05retry", b"\0\0\0\x07refused"
_WRITES = (_OPENING, RECORDING, RECORDING, RECORDING, _CLOSING, b"inbox.corrected", b"inbox.banned")
#: Seconds until a cut by chance, until a late request arrives, and for which no connection is taken, at most.
_MOMENT = 0.05
#: Seconds for which no connection is taken, so that who has little time to record an acceptance gives it up.
_LONG = 0.3
#: Seconds after which something that should have happened never will.
_PATIENCE = 60.0


class Cutter:
    """Cuts, one after another."""

    def __init__(self, proxy: Proxy, database: TestDatabase, *, seed: str) -> None:
        self.cuts = 0
        self._proxy = proxy
        self._database = database
        self._chance = random.Random(seed)

    def cut_in_every_way(self, meanwhile: Callable[[], object]) -> None:
        """One cut after another, the likeliest twice; something else goes on before each and after the last."""
        ways = (self.at_a_write, self.at_the_commit, self.by_chance, self.on_a_lock, self.at_a_write, self.and_away)
        for way in ways:
            meanwhile()
            way()
        self.long_before_it_arrives(meanwhile)
        meanwhile()

    def by_chance(self) -> None:
        """Every connection there is at any moment, whatever it is in the middle of: counted as one."""
        self._wait()
        self._proxy.cut()
        self.cuts += 1

    def at_a_write(self) -> None:
        """The connection of the next request that changes something, before it is sent or answered."""
        self._meet([self._trap(self._chance.choice(_WRITES))])

    def at_the_commit(self) -> None:
        """Two in a row: the first recording is never sent, and the second run breaks at its COMMIT."""
        first = self._proxy.set_trap(RECORDING, Fate.UNSENT)
        self._meet([first, self._trap(COMMITTING)])

    def and_away(self) -> None:
        """A recording whose connection is cut, and then no new connection comes about for a while."""
        trap = self._proxy.set_trap(RECORDING, self._chance.choice(_CUTS), refuse=True)
        assert trap.sprung.wait(_PATIENCE)
        self._wait()
        self._proxy.resume()
        self._meet([trap])

    def long_before_it_arrives(self, meanwhile: Callable[[], object]) -> None:
        """A recording that arrives only when its caller may have given up, and after whatever happens meanwhile."""
        trap = self._proxy.set_trap(RECORDING, Fate.LATE, refuse=True)
        assert trap.sprung.wait(_PATIENCE), trap
        time.sleep(_LONG)
        self._proxy.resume()
        meanwhile()
        self._meet([trap])

    def on_a_lock(self) -> None:
        """The first recording waits for a lock when its connection is cut; then the second one waits for it too."""
        held: Queue[TableLock] = Queue()
        trap = self._proxy.set_trap(
            RECORDING, Fate.SWALLOWED, action=lambda: held.put(TableLock(self._database, "inboxes"))
        )
        lock = held.get(timeout=_PATIENCE)
        try:
            eventually(lambda: waiters(self._database) > 1)
        finally:
            lock.release()
        self._meet([trap])

    def _trap(self, marker: bytes) -> Trap:
        return self._proxy.set_trap(marker, self._chance.choice(_CUTS))

    def _meet(self, traps: Sequence[Trap]) -> None:
        """Wait until they have sprung, and what was held back has arrived."""
        for trap in traps:
            assert trap.sprung.wait(_PATIENCE), trap
            self.cuts += 1
        if any(trap.fate is Fate.LATE for trap in traps):
            self._wait()
        for trap in traps:
            trap.release()
            if trap.fate is not Fate.UNSENT:
                assert trap.answered.wait(_PATIENCE), trap

    def _wait(self) -> None:
        time.sleep(self._chance.uniform(0, _MOMENT))
