"""What happens to the inbox, or to the caller, while the provider is being asked."""

from __future__ import annotations

import pytest

from inbox_lifecycle import Inbox, RetryRefused, WarmupNotRecorded
from inbox_lifecycle.domain import Recorder, WarmupStarted
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Sandbox
from tests.support.aftermath import (
    ANA,
    OWNER,
    Standing,
    in_flight,
    settle,
    standing,
    unmoved,
    warming,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace


@pytest.fixture
def inbox(face: AnyFace) -> Inbox:
    """A registered inbox."""
    registered: Inbox = face.register(email_address=ANA, owner_id=OWNER)
    return registered


def retry(face: AnyFace, inbox: Inbox, *, key: str | None = None) -> Inbox:
    """The call that all of this is about."""
    moved: Inbox = face.retry_warmup(inbox.id, owner_id=OWNER, idempotency_key=key)
    return moved


def refused(face: AnyFace, inbox: Inbox, *, key: str | None = None) -> dict[str, tuple[str, str]]:
    """The clauses that failed: what was expected and what was found."""
    with pytest.raises(RetryRefused) as refusal:
        retry(face, inbox, key=key)
    return {clause.field: (clause.expected, clause.found) for clause in refusal.value.verdict.failed}


def move_away_and_back(face: AnyFace, inbox: Inbox) -> None:
    """Another pair, and the first one again, two versions later."""
    operator = face.operator()
    operator.correct(inbox.id, status="active", warmup_status="active", reason="away")
    operator.correct(inbox.id, status="pending", warmup_status="not_started", reason="and back")


def test_banned_in_flight_is_refused_with_the_version(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The acceptance is stale: the caller hears what stands there now, and nothing moves."""
    in_flight(provider_sandbox, lambda: face.operator().ban(inbox.id))
    assert refused(face, inbox) == {
        "status": ("pending", "banned"),
        "warmup_status": ("not_started", "banned"),
        "version": ("1", "2"),
    }
    assert standing(database, inbox.id) == Standing("banned", "banned", 2, 2, ("lost",))


def test_banned_in_flight_is_marked_and_stopped_at_the_provider(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The provider warms a banned inbox until reconciling tells it to stop, and clears the mark."""
    in_flight(provider_sandbox, lambda: face.operator().ban(inbox.id))
    refused(face, inbox)
    (attempt,) = face.operator().attempts(inbox.id)
    assert (attempt.to_disable, provider_sandbox.warming(ANA)) == (True, True)
    assert settle(face, database) == Reconciled(disabled=1)
    (attempt,) = face.operator().attempts(inbox.id)
    assert (attempt.to_disable, provider_sandbox.warming(ANA)) == (False, False)


def test_corrected_away_and_back_in_flight_is_refused_by_the_version_alone(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The pair is the one that the gate saw, and all the same another one."""
    in_flight(provider_sandbox, lambda: move_away_and_back(face, inbox))
    assert refused(face, inbox) == {"version": ("1", "3")}
    assert standing(database, inbox.id) == Standing("pending", "not_started", 3, 3, ("lost",))
    assert settle(face, database) == Reconciled()


def test_another_retry_in_flight_wins_and_the_first_is_refused(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Both were accepted, one moved the inbox, and the other hears that it stands elsewhere."""
    in_flight(provider_sandbox, lambda: retry(face, inbox))
    assert refused(face, inbox) == {
        "status": ("pending", "warming"),
        "warmup_status": ("not_started", "warming"),
        "version": ("1", "2"),
    }
    assert standing(database, inbox.id) == warming("lost", "moved")
    assert settle(face, database) == Reconciled()


def test_twin_with_the_same_key_in_flight_wins_for_both(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Whoever made the key's event, each call with that key returns its success."""
    twins: list[Inbox] = []
    in_flight(provider_sandbox, lambda: twins.append(retry(face, inbox, key="once")))
    assert [retry(face, inbox, key="once")] == twins
    assert standing(database, inbox.id) == warming("lost", "moved")
    assert settle(face, database) == Reconciled()


def test_reconciled_in_flight_returns_that_success(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A call that outlived its lease finds its own attempt settled as moved, by an event that says who recorded it."""

    def outlive() -> None:
        database.expire_leases()
        assert face.operator().reconcile() == Reconciled(moved=1)

    in_flight(provider_sandbox, outlive)
    assert retry(face, inbox).version == 2
    assert standing(database, inbox.id) == warming("moved")
    event = face.history(inbox.id, owner_id=OWNER)[-1].event
    assert isinstance(event, WarmupStarted)
    assert event.recorder is Recorder.RECONCILE


def test_abandoned_in_flight_is_not_recorded(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The provider said no to reconciling and yes to the call; the call may not move what was settled without it."""

    def outlive() -> None:
        provider_sandbox.set_account(ANA, warmup_status=0)
        database.expire_leases()
        assert face.operator().reconcile() == Reconciled(abandoned=1)

    in_flight(provider_sandbox, outlive)
    with pytest.raises(WarmupNotRecorded):
        retry(face, inbox)
    assert standing(database, inbox.id) == unmoved("abandoned")


def test_abandoned_in_flight_is_retried_at_once(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """After the write that failed, a plain retry succeeds."""

    def outlive() -> None:
        provider_sandbox.set_account(ANA, warmup_status=0)
        database.expire_leases()
        face.operator().reconcile()

    in_flight(provider_sandbox, outlive)
    with pytest.raises(WarmupNotRecorded):
        retry(face, inbox)
    assert retry(face, inbox).version == 2
    assert standing(database, inbox.id) == warming("abandoned", "moved")
    assert settle(face, database) == Reconciled()


def test_live_attempt_is_left_to_its_call(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Within its lease an open attempt is none of reconciling's business."""
    seen: list[Reconciled] = []
    in_flight(provider_sandbox, lambda: seen.append(face.operator().reconcile()))
    assert retry(face, inbox).version == 2
    assert seen == [Reconciled()]
    assert standing(database, inbox.id) == warming("moved")
