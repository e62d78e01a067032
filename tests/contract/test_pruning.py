"""Pruning: attempts that were closed long ago go, everything else stays, and the history still verifies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from inbox_lifecycle import Inbox, InvalidInput, ProviderOutcomeUnknown, ProviderThrottled, RetryRefused
from inbox_lifecycle.canonical import time_text
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.lifecycle.pruning import PAGE
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.contract import OWNER, Clock, born, crosswise, in_flight, nothing_moves, outcomes, retry, warming
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

pytestmark = pytest.mark.pairwise

DAY = timedelta(days=1)


def let_leases_pass(database: TestDatabase) -> None:
    """By the database's clock no call is alive any more; by the face's, attempts are as old as they were."""
    database.execute("update {s}inbox_attempts set lease_until = opened_at")


@pytest.fixture
def clock() -> Clock:
    """One that goes on when it is told to."""
    return Clock()


@pytest.fixture
def face(make: MakeFace, clock: Clock) -> AnyFace:
    """A facade that lives by it."""
    return make(clock=clock)


def throttled(face: AnyFace, sandbox: Sandbox, inbox: Inbox) -> None:
    """An attempt that was closed without moving anything."""
    sandbox.fail_next("throttle")
    with pytest.raises(ProviderThrottled):
        retry(face, inbox)


def test_attempts_closed_before_are_pruned_and_later_ones_stay(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, clock: Clock
) -> None:
    """To the microsecond: one closed exactly so long ago is not older."""
    inbox = born(face)
    throttled(face, provider_sandbox, inbox)
    clock.move(microseconds=1)
    retry(face, inbox)
    clock.move(days=90)
    let_leases_pass(database)
    assert face.operator().prune_attempts(90 * DAY) == 1
    assert outcomes(face, inbox) == ["moved"]
    clock.move(microseconds=1)
    assert face.operator().prune_attempts(90 * DAY) == 1
    assert face.operator().prune_attempts(90 * DAY) == 0
    assert outcomes(face, inbox) == []


def test_history_whose_attempts_were_pruned_verifies(face: AnyFace, database: TestDatabase, clock: Clock) -> None:
    """An event keeps its attempt's id when the attempt is gone, and that is no finding."""
    inbox = warming(face)
    clock.move(days=2)
    let_leases_pass(database)
    with nothing_moves(database):
        assert face.operator().prune_attempts(DAY) == 1
    report = face.operator().verify()
    assert (report.findings, report.events, report.attempts) == ([], 2, 0)
    assert face.get(inbox.id, owner_id=OWNER) == inbox


def test_open_attempt_is_never_pruned(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, clock: Clock
) -> None:
    """However old: nobody knows yet how it ended."""
    inbox = born(face)
    provider_sandbox.fail_next("cut")
    provider_sandbox.fail_next("error", on="account", times=50)
    with pytest.raises(ProviderOutcomeUnknown):
        retry(face, inbox)
    clock.move(days=1000)
    let_leases_pass(database)
    assert face.operator().prune_attempts(DAY) == 0
    assert outcomes(face, inbox) == [None]


def test_attempt_marked_to_disable_is_never_pruned_until_it_is_settled(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, clock: Clock
) -> None:
    """It is all that tells that the provider still warms a banned inbox."""
    inbox = born(face)
    in_flight(provider_sandbox, lambda: face.operator().ban(inbox.id))
    with pytest.raises(RetryRefused):
        retry(face, inbox)
    clock.move(days=1000)
    let_leases_pass(database)
    assert face.operator().prune_attempts(DAY) == 0
    assert face.operator().reconcile().disabled == 1
    assert face.operator().prune_attempts(DAY) == 1


def test_attempt_whose_call_may_be_alive_is_not_pruned(face: AnyFace, database: TestDatabase, clock: Clock) -> None:
    """Its call may look for it again; the lease is by the database's clock, not by the caller's."""
    inbox = warming(face)
    clock.move(days=2)
    assert face.operator().prune_attempts(DAY) == 0
    let_leases_pass(database)
    assert face.operator().prune_attempts(DAY) == 1
    assert outcomes(face, inbox) == []


def test_more_attempts_than_a_page_holds_are_pruned(face: AnyFace, database: TestDatabase, clock: Clock) -> None:
    """Page by page, over several inboxes, and each is counted; what is too young stays in between."""
    old, young = clock.now - 3 * DAY, clock.now
    inboxes = [born(face), born(face, "bea@mail.example.com"), born(face, "cleo@mail.example.com")]
    columns = "inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, outcome,"
    insert = (
        f"insert into {{s}}inbox_attempts ({columns} closed_at, to_disable)"  # noqa: S608 - written above
        " values (?, ?, 'retry', 1, 'pending', 'not_started', ?, ?, 'rejected', ?, 1 = 0)"
    )
    text = insert.replace("{s}", database.prefix)
    past = time_text(datetime(2020, 1, 1, tzinfo=UTC))
    rows = [
        (inbox.id, new_id(old), past, past, time_text(young if number % 50 == 0 else old))
        for inbox in inboxes
        for number in range(PAGE // 2 + 100)
    ]
    with database.connect() as connection:
        cursor = connection.cursor()
        cursor.executemany(text if database.kind == "sqlite" else text.replace("?", "%s"), rows)
        cursor.close()
    kept = 3 * (PAGE // 2 + 100) // 50
    assert face.operator().prune_attempts(DAY) == len(rows) - kept > PAGE
    assert database.count("inbox_attempts") == kept
    assert face.operator().verify().findings == []


@crosswise
@pytest.mark.parametrize("span", [timedelta(), -DAY, timedelta.max], ids=["none", "negative", "before-time-began"])
def test_time_span_that_reaches_nowhere_is_refused(face: AnyFace, database: TestDatabase, span: timedelta) -> None:
    """Nothing is deleted by a slip."""
    warming(face)
    let_leases_pass(database)
    with pytest.raises(InvalidInput, match="older_than"):
        face.operator().prune_attempts(span)
    assert database.count("inbox_attempts") == 1
