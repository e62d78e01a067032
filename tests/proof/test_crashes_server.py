"""PostgreSQL itself is stopped without warning under load, and recovers: what anybody heard still holds.

`immediate` ends all of the server's processes at once, in the middle of whatever they do; what it had acknowledged it
finds again in its log. (What the machine's own crash would lose is between PostgreSQL and the disk, not in question.)
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from psycopg import sql

from inbox_lifecycle import Instantly
from inbox_lifecycle.testing import Operation, Sandbox, SandboxRequest
from inbox_lifecycle.testing.linear import check
from tests.fix_scale import Scale
from tests.support.aftermath import eventually
from tests.support.databases import TestDatabase
from tests.support.judging import Court
from tests.support.load import Load, pace_of
from tests.support.locks import TableLock, waiters
from tests.support.own_server import OwnServer
from tests.support.races import CALM, Pace, Race
from tests.support.scratch import scratch_folder
from tests.support.workload import operations

#: Answers between two crashes, at least.
HEARD = 30
#: Seconds until the crash, and for which the server is down, at most.
MOMENT, OUTAGE = 0.05, 0.5


@pytest.fixture(scope="module")
def own_server() -> Iterator[OwnServer]:
    """A server for these tests to crash."""
    with scratch_folder("ilown") as folder:
        server = OwnServer(folder)
        yield server
        server.stop()


@pytest.fixture
def database(own_server: OwnServer) -> Iterator[TestDatabase]:
    """A database on that server."""
    with own_server.fresh() as fresh:
        yield fresh


class Crashes:
    """Crashes of a server, at moments that matter."""

    def __init__(self, server: OwnServer, database: TestDatabase, sandbox: Sandbox, *, seed: str) -> None:
        self._server = server
        self._database = database
        self._sandbox = sandbox
        self._chance = random.Random(seed)
        self.restarts = 0

    def at_random(self) -> None:
        """At any moment."""
        time.sleep(self._chance.uniform(0, MOMENT))
        self._server.crash()
        self.recover()

    def twice(self) -> None:
        """Again as soon as it is back, when everybody turns to it at once."""
        self.at_random()
        self.at_random()

    def when_accepted(self) -> None:
        """When the provider has just accepted, and has not said so yet."""
        first, crashed = threading.Lock(), threading.Event()

        def act(request: SandboxRequest) -> None:
            if request.operation is Operation.ENABLE and first.acquire(blocking=False):
                self._server.crash()
                crashed.set()

        self._sandbox.before_answer(act)
        assert crashed.wait(60), "nobody asked the provider"
        self._sandbox.before_answer(None)
        self.recover()

    def while_committing(self) -> None:
        """When commits wait for a lock, which the crash breaks."""
        lock = TableLock(self._database, "inboxes")
        try:
            eventually(lambda: waiters(self._database) > 1)
            self._server.crash()
        finally:
            lock.release()
        self.recover()

    def recover(self) -> None:
        """Be back after a while."""
        time.sleep(self._chance.uniform(0, OUTAGE))
        self._server.start()
        self.restarts += 1


@pytest.fixture
def crashes(own_server: OwnServer, database: TestDatabase, provider_sandbox: Sandbox) -> Crashes:
    """Crashes of that server."""
    return Crashes(own_server, database, provider_sandbox, seed="crashes")


@pytest.fixture
def court(database: TestDatabase, provider_sandbox: Sandbox, tmp_path: Path) -> Court:
    """Judges when the server is back."""
    return Court(database, provider_sandbox, tmp_path)


@pytest.fixture
def begin(database: TestDatabase, provider: Instantly) -> Callable[[Race, Pace], Load]:
    """Puts load on a race."""
    return partial(Load, database.url, provider)


@pytest.mark.timeout(600)
def test_server_crashes_under_load_contradict_no_answer_and_leave_nothing_unsettled(
    court: Court, crashes: Crashes, begin: Callable[[Race, Pace], Load], scale: Scale, tally: Callable[..., None]
) -> None:
    """The whole history is judged after every crash."""
    ways = (crashes.at_random, crashes.when_accepted, crashes.while_committing, crashes.twice)
    for number in range(scale.of(3, 32)):
        race = court.race(f"crashes {number}")
        with begin(race, pace_of(number)) as load:
            load.hear(HEARD)
            ways[number % len(ways)]()
            load.hear(HEARD)
        court.judge(race)
    tally(restarts=crashes.restarts, operations=court.heard.total())
    court.assert_worthwhile()
    if scale.full:
        assert court.left_open > 0


def test_server_that_forgets_what_it_acknowledged_is_found_out(
    own_server: OwnServer, court: Court, crashes: Crashes, begin: Callable[[Race, Pace], Load]
) -> None:
    """The same crash, of a server set to acknowledge commits before it has written them: the checker tells."""
    race = court.race("forgetful")
    with forgetful(own_server), begin(race, CALM) as load:
        load.hear(HEARD)
        crashes.at_random()
        load.hear(HEARD)
    assert check(operations(race.marks), race.initial)


@contextmanager
def forgetful(server: OwnServer) -> Iterator[None]:
    """Have it write what it acknowledges some seconds later; all it knows so far is written first."""
    settings = {"synchronous_commit": "off", "wal_writer_delay": "10s"}
    for name, value in settings.items():
        server.administer(sql.SQL("alter system set {} = {}").format(sql.Identifier(name), sql.Literal(value)))
    server.administer(sql.SQL("select pg_reload_conf()").format())
    server.administer(sql.SQL("checkpoint").format())
    yield
    for name in settings:
        server.administer(sql.SQL("alter system reset {}").format(sql.Identifier(name)))
    server.administer(sql.SQL("select pg_reload_conf()").format())
