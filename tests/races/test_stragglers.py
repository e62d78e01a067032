"""A call that the provider kept waiting while the inbox moved on and came back: its acceptance is stale.

The pair it saw stands there again when it returns, so only the version can tell that it must not win.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from inbox_lifecycle import Inbox, RetryRefused, WarmupNotRecorded
from inbox_lifecycle.testing import Sandbox
from tests.support.databases import TestDatabase
from tests.support.evidence import sound
from tests.support.faces import AnyFace
from tests.support.racing import PATIENCE, Crowd, Straggler, losers, together, winners

ANA = "ana@mail.example.com"

WayBack = Callable[[AnyFace, Inbox, Sandbox], Inbox]


def by_failed_warmup(face: AnyFace, inbox: Inbox, sandbox: Sandbox) -> Inbox:
    """Back on the provider's word."""
    sandbox.set_account(ANA, warmup_status=0)
    failed: Inbox = face.operator().fail_warmup(inbox.id)
    return failed


def by_correction(face: AnyFace, inbox: Inbox, sandbox: Sandbox) -> Inbox:
    """Back by hand."""
    del sandbox
    corrected: Inbox = face.operator().correct(
        inbox.id, status="pending", warmup_status="not_started", reason="started by mistake"
    )
    return corrected


ways_back = pytest.mark.parametrize("way_back", [by_failed_warmup, by_correction])


@pytest.fixture
def inbox(face: AnyFace) -> Inbox:
    """An inbox to retry."""
    registered: Inbox = face.register(email_address=ANA, owner_id="owner")
    return registered


@contextmanager
def held_retry(face: AnyFace, inbox: Inbox, straggler: Straggler, key: str | None = None) -> Iterator[Future[Inbox]]:
    """A retry that is accepted by the provider and has not heard so yet."""
    with ThreadPoolExecutor(1) as thread:
        late = thread.submit(lambda: face.retry_warmup(inbox.id, owner_id="owner", idempotency_key=key))
        straggler.wait()
        try:
            yield late
        finally:
            straggler.release()


@ways_back
def test_a_straggler_from_the_first_round_loses_to_the_version(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox, way_back: WayBack
) -> None:
    """The inbox stands where the straggler saw it, two events later: refused by the version alone, and lost."""
    straggler = Straggler(provider_sandbox)
    with held_retry(face, inbox, straggler) as late:
        face.retry_warmup(inbox.id, owner_id="owner")
        back = way_back(face, inbox, provider_sandbox)
        straggler.release()
        with pytest.raises(RetryRefused) as refused:
            late.result(PATIENCE)
    failed = [(clause.field, clause.expected, clause.found) for clause in refused.value.verdict.failed]
    assert failed == [("version", "1", "3")]
    assert face.get(inbox.id, owner_id="owner") == back
    evidence = sound(database)
    assert evidence.outcomes(inbox.id) == ["lost", "moved"]
    assert len(evidence.events[inbox.id]) == 3
    assert face.operator().verify().clean


def test_the_gate_is_open_again_after_a_straggler_lost(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A refused straggler spoils nothing: the next retry moves the inbox."""
    straggler = Straggler(provider_sandbox)
    with held_retry(face, inbox, straggler) as late:
        face.retry_warmup(inbox.id, owner_id="owner")
        by_correction(face, inbox, provider_sandbox)
        straggler.release()
        late.exception(PATIENCE)
    assert face.retry_warmup(inbox.id, owner_id="owner").version == 4
    assert sound(database).outcomes(inbox.id) == ["lost", "moved", "moved"]


@ways_back
def test_a_straggler_never_wins_the_second_round(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox, way_back: WayBack
) -> None:
    """Let go in the midst of a second crowd, the straggler is none of those who may win it."""
    straggler = Straggler(provider_sandbox)
    with held_retry(face, inbox, straggler) as late:
        face.retry_warmup(inbox.id, owner_id="owner")
        way_back(face, inbox, provider_sandbox)
        Crowd(provider_sandbox, 7)
        second = [lambda: face.retry_warmup(inbox.id, owner_id="owner")] * 7
        released, *answers = together([straggler.release, *second])
        assert released is None
        assert isinstance(late.exception(PATIENCE), RetryRefused)
    assert [winner.version for winner in winners(answers)] == [4]
    assert [type(loser) for loser in losers(answers)] == [RetryRefused] * 6
    assert sound(database).outcomes(inbox.id) == ["lost"] * 7 + ["moved"] * 2
    assert face.operator().verify().clean


def test_a_straggler_whose_key_moved_the_inbox_in_the_first_round_returns_that_success(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A key never expires: its late call returns the inbox as the key's event left it, though it moved on since."""
    straggler = Straggler(provider_sandbox)
    with held_retry(face, inbox, straggler, key="once") as late:
        moved = face.retry_warmup(inbox.id, owner_id="owner", idempotency_key="once")
        by_correction(face, inbox, provider_sandbox)
        straggler.release()
        assert late.result(PATIENCE) == moved
    assert face.get(inbox.id, owner_id="owner").version == 3
    assert sound(database).outcomes(inbox.id) == ["lost", "moved"]


def test_a_straggler_whose_inbox_was_banned_is_marked_and_its_warmup_stopped(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The provider warms a banned inbox because of the late acceptance; `reconcile` sees the mark and stops it."""
    straggler = Straggler(provider_sandbox)
    with held_retry(face, inbox, straggler) as late:
        face.operator().ban(inbox.id)
        straggler.release()
        assert isinstance(late.exception(PATIENCE), RetryRefused)
    (lost,) = sound(database).attempts
    assert (lost.outcome, lost.to_disable) == ("lost", True)
    assert provider_sandbox.warming(ANA)
    assert face.operator().reconcile().disabled == 1
    assert not provider_sandbox.warming(ANA)
    assert [attempt.to_disable for attempt in sound(database).attempts] == [False]


def test_a_straggler_past_its_lease_is_settled_and_hears_of_the_success(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """When `reconcile` moved the inbox on the straggler's behalf, the straggler returns that success as its own."""
    straggler = Straggler(provider_sandbox)
    with held_retry(face, inbox, straggler) as late:
        database.expire_leases()
        assert face.operator().reconcile().moved == 1
        straggler.release()
        moved = late.result(PATIENCE)
    assert moved == face.get(inbox.id, owner_id="owner")
    evidence = sound(database)
    assert evidence.outcomes(inbox.id) == ["moved"]
    assert [event.said["payload"].get("recorder") for event in evidence.events[inbox.id]] == [None, "reconcile"]


def test_a_straggler_that_was_given_up_moves_nothing(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """`reconcile` closed its attempt on the provider's "no": its acceptance is not recorded, and may be tried again."""
    straggler = Straggler(provider_sandbox)
    with held_retry(face, inbox, straggler) as late:
        provider_sandbox.set_account(ANA, warmup_status=0)
        database.expire_leases()
        assert face.operator().reconcile().abandoned == 1
        straggler.release()
        assert isinstance(late.exception(PATIENCE), WarmupNotRecorded)
    assert face.get(inbox.id, owner_id="owner") == inbox
    evidence = sound(database)
    assert evidence.outcomes(inbox.id) == ["abandoned"]
    assert face.retry_warmup(inbox.id, owner_id="owner").version == 2


def test_a_straggler_past_its_lease_is_superseded_by_the_one_who_wins(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The winner closes the older attempt along with its own; the straggler is refused, and closes nothing twice."""
    straggler = Straggler(provider_sandbox)
    with held_retry(face, inbox, straggler) as late:
        database.expire_leases()
        face.retry_warmup(inbox.id, owner_id="owner")
        assert sound(database).outcomes(inbox.id) == ["moved", "superseded"]
        straggler.release()
        assert isinstance(late.exception(PATIENCE), RetryRefused)
    assert sound(database).outcomes(inbox.id) == ["moved", "superseded"]
    assert face.operator().verify().clean
