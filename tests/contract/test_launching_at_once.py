"""Launches of one campaign at the same time, and what becomes of one whose answer or record is lost."""

from __future__ import annotations

from collections import Counter

import pytest

from inbox_lifecycle import InboxNotFound, Launch, LaunchInProgress, audit_context
from inbox_lifecycle.context import Context
from inbox_lifecycle.errors import ProviderOutcomeUnknown
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Operation, Sandbox
from tests.fix_face import MakeFace
from tests.support.aftermath import in_flight
from tests.support.contract import ACTIVE, ANA, BANNED, OWNER, together
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace
from tests.support.launches import BO, CAMPAIGN, CY, attempts, failed, launch, outcomes, senders


@pytest.mark.parametrize("kind", ["error", "cut", "not_json", "truncated"])
def test_lost_answer_leaves_the_launch_open_until_its_lease_is_over(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, kind: str
) -> None:
    """Nobody knows whether it runs: others are told for how long, and the next one after that closes it."""
    inboxes = senders(face)
    provider_sandbox.fail_next(kind, on="activate", after_effect=True)
    with pytest.raises(ProviderOutcomeUnknown):
        launch(face, inboxes)
    assert outcomes(face, inboxes) == [[None]] * 2
    with pytest.raises(LaunchInProgress) as told:
        launch(face, inboxes)
    assert (told.value.campaign_id, provider_sandbox.count(Operation.ACTIVATE)) == (CAMPAIGN, 1)
    assert told.value.retry_after is not None
    assert 0 < told.value.retry_after <= 25.0
    database.expire_leases()
    assert launch(face, inboxes).senders == tuple(inboxes)
    assert outcomes(face, inboxes) == [["abandoned", "launched"]] * 2
    assert attempts(face, inboxes[0])[0].detail == {"outcome": "unknown"}
    assert face.operator().verify().clean


def test_reconcile_gives_up_what_was_left_open(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Past its lease; the campaign itself cannot be asked for."""
    inboxes = senders(face)
    provider_sandbox.fail_next("cut", on="activate")
    with pytest.raises(ProviderOutcomeUnknown):
        launch(face, inboxes)
    assert face.operator().reconcile() == Reconciled()
    database.expire_leases()
    assert face.operator().reconcile() == Reconciled(abandoned=2)
    assert outcomes(face, inboxes) == [["abandoned"]] * 2


def test_launch_with_a_sender_of_another_that_is_under_way_is_told_to_wait(
    face: AnyFace, provider_sandbox: Sandbox
) -> None:
    """One sender in common is enough; what the second call opened is closed with the reason."""
    ana, bo, cy = senders(face, ANA, BO, CY)
    told: list[BaseException] = []

    def second() -> None:
        with pytest.raises(LaunchInProgress) as refused:
            launch(face, [bo, cy])
        told.append(refused.value)
        launch(face, [cy], "campaign-8")

    in_flight(provider_sandbox, second, on=Operation.ACTIVATE)
    launch(face, [ana, bo])
    assert len(told) == 1
    assert outcomes(face, [ana, bo, cy]) == [["launched"], ["launched"], ["refused", "launched"]]
    assert failed(attempts(face, cy)[0]) == [("launch", "open")]


def test_of_many_launches_at_once_one_asks_the_provider(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The others are told that it is under way, whatever order they name the senders in."""
    inboxes = senders(face, ANA, BO, CY)
    waiting = 5

    def others() -> None:
        orders = [inboxes[::-1], inboxes, inboxes[1:], [inboxes[1], inboxes[0]], inboxes[:1]][:waiting]
        results.extend(together(*[lambda order=order: launch(face, order) for order in orders]))

    results: list[object] = []
    in_flight(provider_sandbox, others, on=Operation.ACTIVATE)
    launch(face, inboxes)
    assert Counter(map(type, results)) == {LaunchInProgress: waiting}
    assert provider_sandbox.count(Operation.ACTIVATE) == 1
    assert database.count("inbox_attempts", "outcome is null") == 0


def test_launches_that_begin_together_end_as_one_after_the_other(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Each is a success of its own or is told to wait, and no claim is left."""
    inboxes = senders(face)
    results = together(*[lambda order=order: launch(face, order) for order in (inboxes, inboxes[::-1]) * 4])
    kinds = Counter(map(type, results))
    assert set(kinds) <= {Launch, LaunchInProgress}
    assert kinds[Launch] == provider_sandbox.count(Operation.ACTIVATE) >= 1
    assert database.count("inbox_attempts", "outcome = 'launched'") == 2 * kinds[Launch]
    assert database.count("inbox_attempts", "outcome is null") == 0


def test_sender_that_is_banned_meanwhile_was_one_that_might_send(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """A launch is a fact about its caller: the attempt tells what was seen."""
    (ana,) = senders(face, ANA)
    in_flight(provider_sandbox, lambda: face.operator().ban(ana.id), on=Operation.ACTIVATE)
    launch(face, [ana])
    (attempt,) = attempts(face, ana)
    assert (attempt.outcome, attempt.seen, attempt.seen_version) == ("launched", ACTIVE, 1)
    assert face.operator().get(ana.id).pair == BANNED


def test_sender_that_is_erased_meanwhile_keeps_only_the_campaign(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The claim and the detail name the host's campaign, and about whom it was is gone."""
    (ana,) = senders(face, ANA)
    in_flight(provider_sandbox, lambda: face.operator().erase(ana.id, reason="asked for"), on=Operation.ACTIVATE)
    with audit_context(actor="rita", correlation_id="req-7"):
        launch(face, [ana])
    with pytest.raises(InboxNotFound):
        face.attempts(ana.id, owner_id=OWNER)
    (attempt,) = attempts(face, ana)
    assert (attempt.outcome, attempt.context) == ("launched", Context())
    assert database.execute("select claim, detail from {s}inbox_attempts") == [
        (f"launch {CAMPAIGN}", f'{{"campaign_id":"{CAMPAIGN}"}}')
    ]
    assert face.operator().verify().clean


def test_record_that_cannot_be_written_changes_no_answer(
    make: MakeFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The campaign runs, so the answer is that it does; the attempts stay open."""
    face = make(recording_budget=0.2)
    inboxes = senders(face)
    renamed = "inbox_attempts_elsewhere"
    in_flight(
        provider_sandbox,
        lambda: database.execute(f"alter table {{s}}inbox_attempts rename to {renamed}"),
        on=Operation.ACTIVATE,
    )
    assert launch(face, inboxes).senders == tuple(inboxes)
    prefix = database.prefix
    database.execute(f"alter table {prefix}{renamed} rename to inbox_attempts")
    assert outcomes(face, inboxes) == [[None]] * 2
