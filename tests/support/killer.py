"""Kills workers of a crew: at random moments, and at chosen points of a call.

struck at random                  whatever it was doing, just like that
struck while the provider thinks  asked, and nothing has come of it yet
struck when the provider accepts  between the effect and the answer
struck while it records           on PostgreSQL its commit waits for a lock, and comes through after its death;
                                  on SQLite somebody has just committed one, and the whole crew dies
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import closing

from inbox_lifecycle.testing import Kind, Operation, Sandbox, SandboxRequest, WarmupCode
from inbox_lifecycle.testing.linear import Operation as Called
from tests.support.aftermath import eventually
from tests.support.crew import WARMING, Crew, Point, Worker
from tests.support.databases import TestDatabase
from tests.support.locks import TableLock
from tests.support.weather import brew

#: Marks between two strikes, at most: a call's beginning is one, and its answer is one.
_LULL = 100
#: Seconds from one of them to the strike, at most: about as long as a call takes.
_MOMENT = 0.02
#: Requests between two strikes, at most.
_REQUESTS = 120
#: Seconds that the provider thinks about a request whose caller is killed meanwhile: a little longer, or for ever.
_THINKING = (0.05, 60.0)
#: Seconds after which something that should have happened never will.
_PATIENCE = 60.0
#: Strikes within which a point is met that a strike is made for.
_TRIES = 20

_WAITING = (
    "select application_name, strpos(query, 'fence as materialized') > 0 from pg_stat_activity"
    " where datname = current_database() and wait_event_type = 'Lock'"
)
_ADDRESSES = "select id, email_address from {s}inboxes"
_RECORDED = "select count(*) from inbox_attempts where outcome = 'moved'"
_CONNECTED = "select application_name from pg_stat_activity where datname = current_database()"


class Killer:
    """Kills workers of one crew, and replaces them."""

    def __init__(self, crew: Crew, database: TestDatabase, sandbox: Sandbox, *, seed: str) -> None:
        self.points: Counter[Point] = Counter()
        self._crew = crew
        self._database = database
        self._sandbox = sandbox
        self._chance = random.Random(seed)
        self._ids = {email: str(inbox_id) for inbox_id, email in database.execute(_ADDRESSES)}

    @property
    def kills(self) -> int:
        """Workers killed in the middle of a call."""
        return self.points.total()

    def strike(self, kills: int) -> None:
        """Strike in every way in turn, until so many are dead."""
        ways = (
            self.at_random,
            self.while_asked,
            self.at_random,
            self.when_accepted,
            self.at_random,
            self.while_recording,
        )
        while self.kills < kills:
            for way in ways:
                way()

    def meet(self, point: Point, way: Callable[[], object]) -> None:
        """Strike in a way until somebody was killed at a point."""
        for _ in range(_TRIES):
            if not self.points[point]:
                way()
        assert self.points[point], f"nobody was killed at: {point.value}"

    def at_random(self) -> None:
        """Kill one at any moment."""
        self._set_stage()
        time.sleep(self._chance.uniform(0, _MOMENT))
        self._bury(self._crew.kill(self._anybody()))

    def while_asked(self) -> None:
        """Kill whoever asks the provider, which has done nothing yet."""
        self._set_stage()
        asked = self._sandbox.count(Operation.ENABLE)
        self._sandbox.clear_failures()
        for email in self._ids:
            self._sandbox.set_account(email, warmup_status=WarmupCode.PAUSED)
        self._sandbox.fail_next(Kind.HANG, seconds=self._chance.choice(_THINKING))
        eventually(lambda: self._sandbox.count(Operation.ENABLE) > asked)
        (*_, request) = (known for known in self._sandbox.requests if known.operation is Operation.ENABLE)
        self._bury(self._crew.kill(self._asking(request)))

    def when_accepted(self) -> None:
        """Kill whoever asked the provider, which has just accepted and says nothing yet."""
        self._set_stage()
        self._sandbox.clear_failures()
        struck: list[Worker] = []
        done = threading.Event()

        def act(request: SandboxRequest) -> None:
            if request.operation is Operation.ENABLE:
                struck.extend(self._crew.kill(self._asking(request)))
                done.set()

        self._sandbox.before_answer(act)
        assert done.wait(_PATIENCE), "nobody asked the provider"
        self._sandbox.before_answer(None)
        self._bury(struck)

    def while_recording(self) -> None:
        """Kill whoever is about to commit."""
        self._set_stage()
        on_file = self._database.kind == "sqlite"
        self._bury(self._after_a_commit() if on_file else self._in_front_of_a_lock())

    def finish(self) -> None:
        """Kill all that are left, at once."""
        self._bury(self._crew.kill(self._crew.living))
        self._wait_for_orphans()

    def _wait_for_orphans(self) -> None:
        """Wait until the server has done what dead workers had asked of it."""
        if self._database.kind == "postgresql":
            names = {worker.order.name for worker in self._crew.dead}
            eventually(lambda: names.isdisjoint(name for (name,) in self._database.execute(_CONNECTED)))

    def _set_stage(self) -> None:
        """Let a complete crew work for a while, in other weather each time."""
        self._crew.refill()
        brew(self._sandbox, seed=self._chance.getrandbits(32), requests=_REQUESTS, accounts=self._ids)
        marked = self._crew.marks + self._chance.randrange(_LULL)
        eventually(lambda: self._crew.marks >= marked)

    def _bury(self, struck: Collection[Worker]) -> None:
        self.points.update(self._crew.point(worker) for worker in struck)

    def _anybody(self) -> list[Worker]:
        calling = self._crew.calling()
        return [self._chance.choice(calling)] if calling else []

    def _asking(self, request: SandboxRequest) -> list[Worker]:
        """Whoever may have sent the request: it does not say who did."""
        ids = {self._ids[email] for email in request.emails}

        def asks(operation: Called) -> bool:
            return operation.call.kind in WARMING and operation.call.inbox_id in ids

        return self._crew.calling(asks)

    def _in_front_of_a_lock(self) -> list[Worker]:
        lock = TableLock(self._database, "inboxes")
        try:
            eventually(lambda: self._stuck()[1] or len(self._stuck()[0]) == len(self._crew.living))
            waiting, recording = self._stuck()
            names = recording or waiting
            struck = self._crew.kill(worker for worker in self._crew.living if worker.order.name in names)
        finally:
            lock.release()
        self._wait_for_orphans()
        return struck

    def _stuck(self) -> tuple[set[str], set[str]]:
        """Who waits for a lock, and who of them records an acceptance."""
        waiting = dict(self._database.execute(_WAITING))
        return set(waiting), {name for name, records in waiting.items() if records}

    def _after_a_commit(self) -> list[Worker]:
        # The moment between a commit and the answer that tells of it is too short to hit at the first try: the crew is
        # frozen, looked at, and let go on until somebody is in it.
        with closing(sqlite3.connect(self._database.path)) as watch:
            deadline = time.monotonic() + _PATIENCE
            while True:
                before = watch.execute(_RECORDED).fetchone()
                while watch.execute(_RECORDED).fetchone() == before:
                    assert time.monotonic() < deadline, "nobody was met between a commit and its answer"
                with self._crew.frozen():
                    calling = self._crew.calling()
                    struck = [worker for worker in calling if self._crew.point(worker) is Point.UNHEARD]
                    if struck:
                        return self._crew.kill(struck)
