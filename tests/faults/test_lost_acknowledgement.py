"""The commit's acknowledgement is lost while the commit itself has not happened yet: it waits for a lock, or is late.

Looking for the event would not do here: it may land right after the look. What makes the second run safe is the fence.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inbox_lifecycle import Inbox, WarmupNotRecorded
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.aftermath import (
    ANA,
    COMMITTING,
    OWNER,
    RECORDING,
    background,
    eventually,
    in_flight,
    settle,
    standing,
    unmoved,
    warming,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace
from tests.support.locks import RowLock, waiters
from tests.support.proxy import Fate, Proxy

LOCKED = ("inboxes", "inbox_attempts")


@pytest.fixture
def database(postgres_database: TestDatabase) -> TestDatabase:
    """These tests are about connections, which SQLite has none of."""
    return postgres_database


@pytest.fixture
def face(make: MakeFace, proxied_url: str) -> AnyFace:
    """A facade whose connections go through the proxy."""
    return make(proxied_url)


@pytest.fixture
def hasty(make: MakeFace, proxied_url: str) -> AnyFace:
    """A facade that gives up recording early."""
    return make(proxied_url, recording_budget=0.5)


@pytest.fixture
def inbox(make: MakeFace) -> Inbox:
    """A registered inbox."""
    registered: Inbox = make().register(email_address=ANA, owner_id=OWNER)
    return registered


class Rival:
    """Somebody else, who locks rows that the commit needs."""

    def __init__(self, database: TestDatabase, sandbox: Sandbox) -> None:
        self.database = database
        self._sandbox = sandbox
        self._locks: list[RowLock] = []

    def lock(self, table: str, inbox: Inbox) -> None:
        """Take the row now."""
        self._locks.append(RowLock(self.database, table, inbox.id))

    def lock_in_flight(self, table: str, inbox: Inbox) -> None:
        """Take the row while the provider is asked, so that the commit will wait for it."""
        in_flight(self._sandbox, lambda: self.lock(table, inbox))

    def let_go(self) -> None:
        """Release every row."""
        for lock in self._locks:
            lock.release()


@pytest.fixture
def rival(database: TestDatabase, provider_sandbox: Sandbox) -> Iterator[Rival]:
    """Somebody who lets go at the end at the latest."""
    somebody = Rival(database, provider_sandbox)
    yield somebody
    somebody.let_go()


def retry(face: AnyFace, inbox: Inbox) -> Inbox:
    """The call that all of this is about."""
    moved: Inbox = face.retry_warmup(inbox.id, owner_id=OWNER)
    return moved


@pytest.mark.parametrize("table", LOCKED)
def test_first_commit_waits_for_a_lock_unheard_and_the_second_run_succeeds(
    face: AnyFace, inbox: Inbox, proxy: Proxy, rival: Rival, table: str
) -> None:
    """The second run waits for the first, and finds that the attempt moved the inbox: success, with one event."""
    rival.lock_in_flight(table, inbox)
    lost = proxy.set_trap(RECORDING, Fate.SWALLOWED)
    call = background(lambda: retry(face, inbox))
    assert lost.sprung.wait(10)
    eventually(lambda: waiters(rival.database) == 2)
    assert standing(rival.database, inbox.id) == unmoved(None)
    rival.let_go()
    assert call.result(30).version == 2
    assert lost.answered.wait(10)
    assert standing(rival.database, inbox.id) == warming("moved")
    assert settle(face, rival.database) == Reconciled()


@pytest.mark.parametrize("table", LOCKED)
def test_lock_held_longer_than_the_budget_is_not_recorded_and_left_for_reconcile(
    hasty: AnyFace, inbox: Inbox, proxy: Proxy, rival: Rival, table: str
) -> None:
    """Neither commit waits longer than the budget: nothing lands behind the caller's back, the attempt stays open."""
    rival.lock_in_flight(table, inbox)
    lost = proxy.set_trap(RECORDING, Fate.SWALLOWED)
    with pytest.raises(WarmupNotRecorded):
        retry(hasty, inbox)
    assert standing(rival.database, inbox.id) == unmoved(None)
    rival.let_go()
    assert lost.answered.wait(10)
    assert standing(rival.database, inbox.id) == unmoved(None)
    assert settle(hasty, rival.database) == Reconciled(moved=1)
    assert standing(rival.database, inbox.id) == warming("moved")


def test_late_commit_after_the_second_run_does_nothing(
    face: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase
) -> None:
    """A first commit that reaches the server after the second finds its attempt closed."""
    late = proxy.set_trap(RECORDING, Fate.LATE)
    assert retry(face, inbox).version == 2
    after = standing(database, inbox.id)
    assert after == warming("moved")
    late.release()
    assert late.answered.wait(10)
    assert standing(database, inbox.id) == after
    assert settle(face, database) == Reconciled()


def test_late_commit_after_another_retry_won_does_nothing(
    hasty: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase
) -> None:
    """A commit that arrives when its call has given up and a plain retry has succeeded moves nothing."""
    late = proxy.set_trap(RECORDING, Fate.LATE, refuse=True)
    with pytest.raises(WarmupNotRecorded):
        retry(hasty, inbox)
    proxy.resume()
    assert retry(hasty, inbox).version == 2
    late.release()
    assert late.answered.wait(10)
    assert standing(database, inbox.id) == warming(None, "moved")
    assert settle(hasty, database) == Reconciled(superseded=1)


def test_late_commit_after_a_correction_brought_the_pair_back_does_nothing(
    hasty: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase
) -> None:
    """The pair is what the commit saw, the version is not: the acceptance is stale."""
    late = proxy.set_trap(RECORDING, Fate.LATE, refuse=True)
    with pytest.raises(WarmupNotRecorded):
        retry(hasty, inbox)
    proxy.resume()
    operator = hasty.operator()
    operator.correct(inbox.id, status="active", warmup_status="active", reason="away")
    operator.correct(inbox.id, status="pending", warmup_status="not_started", reason="and back")
    before = standing(database, inbox.id)
    late.release()
    assert late.answered.wait(10)
    assert standing(database, inbox.id) == before
    assert settle(hasty, database) == Reconciled(superseded=1)


def test_late_commit_after_reconcile_abandoned_the_attempt_does_nothing(
    hasty: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Nothing moved the inbox, so only the closed attempt stands between it and the straggler."""
    late = proxy.set_trap(RECORDING, Fate.LATE, refuse=True)
    with pytest.raises(WarmupNotRecorded):
        retry(hasty, inbox)
    proxy.resume()
    provider_sandbox.set_account(ANA, warmup_status=0)
    assert settle(hasty, database) == Reconciled(abandoned=1)
    late.release()
    assert late.answered.wait(10)
    assert standing(database, inbox.id) == unmoved("abandoned")


def test_late_commit_of_an_open_attempt_takes_effect(
    hasty: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase
) -> None:
    """Where nobody settled the attempt meanwhile, the late commit records what was accepted."""
    late = proxy.set_trap(RECORDING, Fate.LATE, refuse=True)
    with pytest.raises(WarmupNotRecorded):
        retry(hasty, inbox)
    proxy.resume()
    late.release()
    assert late.answered.wait(10)
    assert standing(database, inbox.id) == warming("moved")
    assert settle(hasty, database) == Reconciled()


def test_server_that_never_notices_the_broken_connection_does_not_keep_the_attempt_locked(
    face: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase
) -> None:
    """A second run whose connection breaks silently before its COMMIT is undone by the server; the third succeeds."""
    # A first connection looks around in a transaction of its own.
    face.get(inbox.id, owner_id=OWNER)
    proxy.set_trap(RECORDING, Fate.UNSENT)
    silent = proxy.set_trap(COMMITTING, Fate.LATE)
    assert retry(face, inbox).version == 2
    silent.release()
    assert silent.answered.wait(10)
    assert standing(database, inbox.id) == warming("moved")
    assert settle(face, database) == Reconciled()


def test_ban_that_waits_for_a_lock_unheard_happens_once(
    face: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase, rival: Rival
) -> None:
    """An operator's move whose first run still waits for a lock is run again, waits for it, and succeeds."""
    rival.lock("inboxes", inbox)
    lost = proxy.set_trap(b"inbox.banned", Fate.SWALLOWED)
    call = background(lambda: face.operator().ban(inbox.id))
    assert lost.sprung.wait(10)
    eventually(lambda: waiters(database) == 2)
    rival.let_go()
    assert call.result(30).version == 2
    assert (standing(database, inbox.id).status, standing(database, inbox.id).events) == ("banned", 2)
    assert face.operator().verify().clean


def test_registration_that_arrives_late_makes_no_second_inbox(
    face: AnyFace, proxy: Proxy, database: TestDatabase
) -> None:
    """A registration that was run again succeeds, and its first run finds the id taken."""
    late = proxy.set_trap(b"inbox.registered", Fate.LATE)
    registered = face.register(email_address=ANA, owner_id=OWNER)
    late.release()
    assert late.answered.wait(10)
    assert (database.count("inboxes"), database.count("inbox_events")) == (1, 1)
    assert face.get(registered.id, owner_id=OWNER) == registered
