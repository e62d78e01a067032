"""Launching a campaign: who may, one at a time, and what stays on record of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from inbox_lifecycle import (
    Clause,
    Inbox,
    Instantly,
    InvalidInput,
    Launch,
    ProviderError,
    SendersRefused,
    StepRefused,
    audit_context,
)
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptKind
from inbox_lifecycle.errors import (
    ProviderBusy,
    ProviderRejected,
    ProviderThrottled,
    ProviderUnavailable,
)
from inbox_lifecycle.testing import Operation, Sandbox
from tests.fix_face import MakeFace
from tests.support.contract import (
    ACTIVE,
    ANA,
    BANNED,
    OWNER,
    STRANGER,
    UNKNOWN_ID,
    adopted,
    born,
    crosswise,
    nothing_moves,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace, LoopThread
from tests.support.hosts import hosting
from tests.support.launches import BO, CAMPAIGN, CY, attempts, failed, launch, outcomes, senders

pytestmark = pytest.mark.pairwise


def test_launch_is_the_providers_and_stays_on_record(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The campaign runs, each sender has its attempt, and no inbox has moved."""
    bo, ana = senders(face, BO, ANA)
    with nothing_moves(database), audit_context(actor="rita", reason="spring sale", correlation_id="req-7"):
        launched = launch(face, [bo, ana, bo])
    assert launched == Launch(campaign_id=CAMPAIGN, senders=(bo, ana))
    assert provider_sandbox.activated(CAMPAIGN)
    for inbox in (ana, bo):
        (attempt,) = face.attempts(inbox.id, owner_id=OWNER)
        assert (attempt.kind, attempt.outcome, attempt.detail) == (
            AttemptKind.LAUNCH,
            "launched",
            {"campaign_id": CAMPAIGN},
        )
        assert (attempt.seen_version, attempt.seen, attempt.event_version) == (1, ACTIVE, None)
        assert attempt.context == Context(owner_id=OWNER, actor="rita", reason="spring sale", correlation_id="req-7")
    assert face.operator().verify().clean
    exported = [json.loads(line) for line in face.operator().export("attempts", name="launch")]
    assert {(line["inbox_id"], line["outcome"]) for line in exported} == {(ana.id, "launched"), (bo.id, "launched")}


def test_operators_launch_whoever_the_owners_are(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Each attempt is its inbox's owner's, by the operator's hand."""
    (own,) = senders(face, ANA)
    foreign = face.operator().adopt(email_address=BO, owner_id=STRANGER, status="active", warmup_status="active")
    launched = face.operator("olga").launch_campaign(CAMPAIGN, [foreign.id, own.id])
    assert launched.senders == (foreign, own)
    assert provider_sandbox.activated(CAMPAIGN)
    (attempt,) = attempts(face, foreign)
    assert attempt.context == Context(owner_id=STRANGER, actor="olga")


def test_launch_of_a_campaign_that_runs_is_a_success(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """The provider says so, and both calls stand on record; so does another campaign of the same senders."""
    inboxes = senders(face)
    assert launch(face, inboxes) == launch(face, inboxes)
    launch(face, inboxes, "campaign-8")
    assert outcomes(face, inboxes) == [["launched"] * 3] * 2
    assert provider_sandbox.count(Operation.ACTIVATE) == 3


def test_launch_is_refused_unless_every_sender_may_send(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Nothing is sent; the verdicts tell all, attempts stay on the owner's inboxes alone, each with its own reason."""
    (ana,) = senders(face, ANA)
    pending = born(face, BO)
    foreign = face.operator().adopt(email_address=CY, owner_id=STRANGER, status="active", warmup_status="active")
    gone = adopted(face, ACTIVE, "dee@mail.example.com")
    face.operator().erase(gone.id, reason="asked for")
    named = [ana, pending, foreign, gone]
    with nothing_moves(database), pytest.raises(SendersRefused) as refused:
        face.launch_campaign(CAMPAIGN, [*(inbox.id for inbox in named), UNKNOWN_ID], owner_id=OWNER)
    nobody = (Clause("inbox", "yours", "not found", held=False),)
    assert {one: verdict.failed for one, verdict in refused.value.verdicts.items()} == {
        ana.id: (),
        pending.id: (Clause("status", "active", "pending", held=False),),
        foreign.id: nobody,
        gone.id: nobody,
        UNKNOWN_ID: nobody,
    }
    assert outcomes(face, named) == [["refused"], ["refused"], [], []]
    assert failed(attempts(face, ana)[0]) == [("senders", "4 of 5 refused")]
    assert failed(attempts(face, pending)[0]) == [("status", "pending"), ("senders", "4 of 5 refused")]
    assert database.count("inbox_attempts", f"inbox_id = '{UNKNOWN_ID}'") == 0
    assert provider_sandbox.requests == ()


def test_launch_refused_once_is_free_to_be_tried_again(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """The refused call keeps nobody away."""
    ana, bo = adopted(face, ACTIVE), adopted(face, BANNED, BO)
    with pytest.raises(SendersRefused):
        launch(face, [ana, bo])
    face.operator().correct(bo.id, status="active", warmup_status="active", reason="a mistake")
    assert [inbox.version for inbox in launch(face, [ana, bo]).senders] == [1, 2]
    assert outcomes(face, [ana, bo]) == [["refused", "launched"]] * 2
    assert provider_sandbox.count(Operation.ACTIVATE) == 1


def test_senders_of_different_providers_are_refused(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """A campaign lives with one of them."""
    (ana,) = senders(face, ANA)
    bo = face.operator().adopt(
        email_address=BO, owner_id=OWNER, status="active", warmup_status="active", provider="second"
    )
    with pytest.raises(InvalidInput, match="different providers"):
        launch(face, [ana, bo])
    assert outcomes(face, [ana, bo]) == [["refused"]] * 2
    assert failed(attempts(face, bo)[0]) == [("provider", "second")]
    with pytest.raises(ProviderRejected, match="another_provider_is_configured"):
        launch(face, [bo])
    assert outcomes(face, [bo]) == [["refused", "rejected"]]
    assert provider_sandbox.requests == ()


class NoSuchTenant(Exception):
    """What a host's callable may raise."""


def test_hosts_own_error_goes_up_as_it_is(make: MakeFace) -> None:
    """As with a retry; the attempts are closed."""

    def choose(_inbox: Inbox) -> Instantly:
        raise NoSuchTenant

    face = make(provider=choose)
    inboxes = [
        face.operator().adopt(
            email_address=ANA, owner_id=OWNER, status="active", warmup_status="active", provider="instantly"
        )
    ]
    with pytest.raises(NoSuchTenant):
        launch(face, inboxes)
    (attempt,) = attempts(face, inboxes[0])
    assert (attempt.outcome, attempt.detail) == (
        "unavailable",
        {"campaign_id": CAMPAIGN, "reason": "no_provider"},
    )


#: What the provider answers, the error that its caller gets, and how the attempts close.
NOES: dict[str, tuple[dict[str, Any], type[ProviderError], str, dict[str, Any]]] = {
    "404": (
        {"kind": "reject", "status": 404},
        ProviderRejected,
        "rejected",
        {"status": 404, "reason": "no_such_campaign"},
    ),
    "429": ({"kind": "throttle", "retry_after": 2}, ProviderThrottled, "throttled", {"retry_after": 2.0}),
    "409": ({"kind": "busy"}, ProviderBusy, "busy", {"retry_after": None}),
    "503": (
        {"kind": "error", "status": 503},
        ProviderUnavailable,
        "unavailable",
        {"reason": "service_unavailable", "retry_after": None},
    ),
}


@pytest.mark.parametrize("no", NOES)
def test_providers_no_closes_every_attempt_with_its_words(face: AnyFace, provider_sandbox: Sandbox, no: str) -> None:
    """And a later launch works."""
    order, error, outcome, detail = NOES[no]
    inboxes = senders(face)
    provider_sandbox.fail_next(**order, on="activate")
    with pytest.raises(error) as said:
        launch(face, inboxes)
    assert type(said.value) is error
    for inbox in inboxes:
        (attempt,) = attempts(face, inbox)
        assert (attempt.outcome, attempt.detail) == (outcome, {"campaign_id": CAMPAIGN, **detail})
    launch(face, inboxes)
    assert outcomes(face, inboxes) == [[outcome, "launched"]] * 2


BAD_CAMPAIGNS = ["", " ", "-c", "c/activate", "c\n", "c%2e", "é", "c" * 129, "c'--", "../c", None, 7]


@crosswise
@pytest.mark.parametrize("campaign_id", BAD_CAMPAIGNS, ids=repr)
def test_campaigns_id_that_is_none_is_refused_unsaid(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, campaign_id: object
) -> None:
    """It goes into a path and into logs, so nothing else may be in it; it is not repeated."""
    (ana,) = senders(face, ANA)
    with pytest.raises(InvalidInput, match="a campaign's id has letters") as refused:
        face.launch_campaign(campaign_id, [ana.id], owner_id=OWNER)
    assert "activate" not in str(refused.value)
    assert database.count("inbox_attempts") == 0
    assert provider_sandbox.requests == ()


@crosswise
@pytest.mark.parametrize("wrong", [[], None, "", ["no id"], [UNKNOWN_ID, None]])
def test_launch_without_senders_is_refused(face: AnyFace, wrong: object) -> None:
    """Nothing was named, or not by an id."""
    with pytest.raises(InvalidInput, match="sender_ids"):
        face.launch_campaign(CAMPAIGN, wrong, owner_id=OWNER)


def test_longest_campaigns_id_reaches_its_limit_and_no_further(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """What the provider's adapter does not take is the provider's no, and not ours."""
    inboxes = senders(face)
    launch(face, inboxes, "c" * 128)
    assert provider_sandbox.activated("c" * 128)
    with pytest.raises(ProviderRejected, match="malformed_campaign_id"):
        launch(face, inboxes, "spring:sale.1")
    assert outcomes(face, inboxes) == [["launched", "rejected"]] * 2


@pytest.mark.parametrize("kind", [("sync", "connection"), ("async", "session")], ids="-".join)
def test_launch_inside_a_hosts_transaction_is_refused_and_leaves_nothing(
    emptied_postgres_database: TestDatabase,
    loop_thread: LoopThread,
    provider: Instantly,
    provider_sandbox: Sandbox,
    kind: tuple[str, str],
) -> None:
    """A transaction never waits for the network; who may send can be asked there."""
    database = emptied_postgres_database
    with hosting(database, *kind, loop_thread, provider=provider) as host:
        ana = adopted(host.face, ACTIVE)
        assert host.face.require_active([ana.id], owner_id=OWNER) == (ana,)
        calls: list[Callable[[], object]] = [
            lambda: launch(host.face, [ana]),
            lambda: host.face.warmup_analytics(owner_id=OWNER),
            lambda: host.face.operator().sync_warmup(),
        ]
        for call in calls:
            with pytest.raises(StepRefused):
                call()
        host.commit()
    assert database.count("inbox_attempts") == 0
    assert provider_sandbox.requests == ()
