"""A crew of worker processes on one race, killed one by one and replaced, and where each was when it was killed.

with Crew(race, database, sandbox, folder=tmp_path, size=4, call_budget=0.5) as crew:
    struck = crew.kill(crew.calling())
    points = [crew.point(worker) for worker in struck]
    crew.refill()
    ...
race.judge(tmp_path, crew.heard())
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import msgspec

from inbox_lifecycle.testing import Sandbox
from inbox_lifecycle.testing.linear import Operation
from tests.support.children import child
from tests.support.databases import TestDatabase
from tests.support.races import Race
from tests.support.victims import Order, correlation
from tests.support.workload import read_records

#: Seconds for an exchange with the provider: longer than any call here is let live.
_TIMEOUT = 30.0

#: The calls that leave an attempt.
WARMING = frozenset({"start", "retry"})


class Point(Enum):
    """Where a call was when its process was killed, by what was left of it."""

    #: A retry or start that has left nothing in the database.
    UNOPENED = "attempt not open yet"
    #: Its attempt is open, and the account does not warm.
    UNACCEPTED = "attempt open, not accepted yet"
    #: Its attempt is open, and the account warms.
    UNRECORDED = "accepted, not recorded yet"
    #: Its attempt is closed as `moved`, and nobody heard of it.
    UNHEARD = "recorded, not heard"
    #: Its attempt is closed otherwise, and nobody heard of it.
    CLOSED = "refused, not heard"
    #: Any other call.
    OTHER = "another call"


class Worker:
    """A worker process."""

    def __init__(self, order: Order, pid: int) -> None:
        self.order = order
        self.pid = pid

    @property
    def operation(self) -> Operation | None:
        """The call it is in the middle of, or was when it was killed."""
        heard = self.heard()
        return heard[-1] if heard and heard[-1].answered is None else None

    @property
    def marks(self) -> int:
        """How often it began a call or heard an answer."""
        return self._notes().count(b"\n")

    def heard(self) -> list[Operation]:
        """What it called and heard so far."""
        return read_records(self.order.journal) if self._notes() else []

    def _notes(self) -> bytes:
        path = Path(self.order.journal)
        # It opens its journal when it gets to it.
        return path.read_bytes() if path.exists() else b""


class Crew:
    """The crew; safe to use from several threads."""

    def __init__(
        self, race: Race, database: TestDatabase, sandbox: Sandbox, *, folder: Path, size: int, call_budget: float
    ) -> None:
        """Make one, which works from `with` on.

        Args:
            race: whose inboxes it works on.
            database: the race's.
            sandbox: the race's.
            folder: for the journals.
            size: how many workers there are at a time.
            call_budget: seconds of a lease.
        """
        self._race = race
        self._database = database
        self._sandbox = sandbox
        self._folder = folder
        self._size = size
        self._call_budget = call_budget
        self._numbers = itertools.count(1)
        self._mutex = threading.RLock()
        self._stack = ExitStack()
        self.dead: list[Worker] = []
        self.living: list[Worker] = []

    def __enter__(self) -> Self:
        self._server = self._stack.enter_context(child("tests.support.victims"))
        self.refill()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # At the end of its input it ends the workers that are left.
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()
        self._stack.close()

    def refill(self) -> None:
        """Have as many workers as there were at first."""
        with self._mutex:
            while len(self.living) < self._size:
                order = self._order(f"{self._race.name} worker {next(self._numbers)}")
                self.living.append(Worker(order, self._ask(order)))

    @property
    def marks(self) -> int:
        """How often calls were begun and answers heard so far."""
        with self._mutex:
            return sum(worker.marks for worker in self.dead + self.living)

    def calling(self, wanted: Callable[[Operation], bool] = lambda _: True) -> list[Worker]:
        """The workers that are in the middle of a call, or of a certain one."""
        with self._mutex:
            known = [(worker, worker.operation) for worker in self.living]
        return [worker for worker, operation in known if operation is not None and wanted(operation)]

    def kill(self, workers: Iterable[Worker]) -> list[Worker]:
        """Kill them at once, with no warning; those of them that were in the middle of a call."""
        with self._mutex:
            chosen = [worker for worker in workers if worker in self.living]
            for worker in chosen:
                os.kill(worker.pid, signal.SIGKILL)
            for worker in chosen:
                self._bury(worker)
        return [worker for worker in chosen if worker.operation is not None]

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let none of them move for a while."""
        with self._mutex:
            for worker in self.living:
                os.kill(worker.pid, signal.SIGSTOP)
            yield
            for worker in self.living:
                os.kill(worker.pid, signal.SIGCONT)

    def point(self, worker: Worker) -> Point:
        """Where a worker is in its call, or was when it was killed."""
        assert worker.operation is not None
        if worker.operation.call.kind not in WARMING:
            return Point.OTHER
        left = self._database.execute(
            "select a.outcome, i.email_address from {s}inbox_attempts a join {s}inboxes i on i.id = a.inbox_id"
            " where a.correlation_id = ?",
            (correlation(worker.order.name, len(worker.heard())),),
        )
        if not left:
            return Point.UNOPENED
        ((outcome, email),) = left
        if outcome is None:
            return Point.UNRECORDED if self._sandbox.warming(email) else Point.UNACCEPTED
        return Point.UNHEARD if outcome == "moved" else Point.CLOSED

    def heard(self) -> list[Operation]:
        """What all of them called and heard, the dead and the living."""
        return [operation for worker in self.dead + self.living for operation in worker.heard()]

    def _order(self, name: str) -> Order:
        url = self._database.url
        return Order(
            name=name,
            # The server's list of connections then tells whose they are.
            url=url if self._database.kind == "sqlite" else f"{url}&application_name={quote(name)}",
            base_url=self._sandbox.base_url,
            api_key=self._sandbox.api_key,
            inboxes=tuple(self._race.ids),
            journal=str(self._folder / f"{name}.jsonl"),
            call_budget=self._call_budget,
            timeout=_TIMEOUT,
        )

    def _bury(self, worker: Worker) -> None:
        ended = self._ask(worker.pid)
        assert ended == -signal.SIGKILL, self._server.communicate()[1]
        self.living.remove(worker)
        self.dead.append(worker)

    def _ask(self, request: Order | int) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(msgspec.json.encode(request).decode() + "\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline()
        assert answer, self._server.communicate()[1]
        return int(answer)
