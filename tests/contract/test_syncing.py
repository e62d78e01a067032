"""Syncing with the provider: what it says moves the inboxes that the rules let move, and the rest is reported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from inbox_lifecycle import (
    Figures,
    Inbox,
    Instantly,
    NoFigures,
    Pair,
    ReputationPolicy,
    Status,
    Transition,
    WarmupState,
    WarmupStatus,
    WarmupSync,
    audit_context,
)
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import InboxGraduated, SpamFolderPolicy, WarmupFailed
from inbox_lifecycle.lifecycle.sending import PAGE
from inbox_lifecycle.testing import Operation, Sandbox, WarmupCode
from tests.fix_face import MakeFace
from tests.support.aftermath import in_flight
from tests.support.contract import (
    ACTIVE,
    ANA,
    BANNED,
    OWNER,
    PENDING,
    STRANGER,
    WARMING,
    Clock,
    adopted,
    born,
    crosswise,
    nothing_moves,
    retry,
    warming,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

pytestmark = pytest.mark.pairwise

BO = "bo@mail.example.com"
CY = "cy@mail.example.com"


def sync(face: AnyFace, **options: Any) -> WarmupSync:
    """The operator's sync."""
    done: WarmupSync = face.operator().sync_warmup(**options)
    return done


def moved(done: WarmupSync) -> dict[str, tuple[Pair, Pair, str]]:
    """The transitions by address."""
    return {str(one.inbox.email_address): (one.left, one.reached, one.event) for one in done.transitions.values()}


def drift(done: WarmupSync) -> dict[str, tuple[str, str]]:
    """What the provider says, and our word for it, by address."""
    return {str(one.inbox.email_address): (one.provider_says.value, one.why) for one in done.drift}


def test_inbox_that_earned_its_reputation_graduates(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """The figures that were read are those in the event, and nobody was asked twice."""
    inbox = warming(face)
    provider_sandbox.set_account(ANA, reputation=90.9, total_sent=200)
    with audit_context(reason="nightly", correlation_id="job-3"):
        done = sync(face)
    after = face.get(inbox.id, owner_id=OWNER)
    assert (after.pair, after.version) == (ACTIVE, 3)
    assert done == WarmupSync(
        looked=1,
        transitions={inbox.id: Transition(inbox=after, left=WARMING, reached=ACTIVE, event="inbox.graduated")},
    )
    event = face.history(inbox.id, owner_id=OWNER)[-1]
    assert event.event == InboxGraduated(reputation=90, total_sent=200)
    assert event.context == Context(actor="olga", reason="nightly", correlation_id="job-3")
    assert provider_sandbox.count(Operation.ANALYTICS) == 1


@pytest.mark.parametrize("code", [WarmupCode.BANNED, WarmupCode.SUSPENDED], ids=["banned", "suspended"])
@pytest.mark.parametrize("figures", [{}, {"total_sent": 500, "reputation": 99}], ids=["no figures", "good figures"])
def test_inbox_that_the_provider_has_thrown_out_is_banned(
    face: AnyFace, provider_sandbox: Sandbox, code: WarmupCode, figures: dict[str, Any]
) -> None:
    """Whatever it has earned, whether it warms or may send already; an oddity of an old table too."""
    odd = Pair(Status.PENDING, WarmupStatus.WARMING)
    inboxes = [warming(face), adopted(face, ACTIVE, BO), adopted(face, odd, CY)]
    for email in (ANA, BO, CY):
        provider_sandbox.set_account(email, warmup_status=code, **figures)
    assert moved(sync(face)) == {
        ANA: (WARMING, BANNED, "inbox.banned"),
        BO: (ACTIVE, BANNED, "inbox.banned"),
        CY: (odd, BANNED, "inbox.banned"),
    }
    assert {face.get(inbox.id, owner_id=OWNER).pair for inbox in inboxes} == {BANNED}


@pytest.mark.parametrize("figures", [{}, {"total_sent": 0, "reputation": 99}], ids=["no figures", "none sent"])
def test_inbox_whose_job_failed_is_taken_back_and_can_be_retried(
    face: AnyFace, provider_sandbox: Sandbox, figures: dict[str, Any]
) -> None:
    """The provider took the job, it failed, and nothing was ever sent."""
    inbox = born(face)
    provider_sandbox.fail_next("job_fails")
    retry(face, inbox)
    provider_sandbox.set_account(ANA, **figures)
    assert moved(sync(face)) == {ANA: (WARMING, PENDING, "inbox.warmup_failed")}
    assert face.history(inbox.id, owner_id=OWNER)[-1].event == WarmupFailed(provider_says="not_warming")
    assert retry(face, inbox).pair == WARMING
    assert sync(face).transitions == {}


def test_inbox_whose_job_is_pending_is_left_alone(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Not yet is no no, and no drift."""
    inbox = born(face)
    provider_sandbox.fail_next("job_pending")
    retry(face, inbox)
    with nothing_moves(database):
        assert sync(face) == WarmupSync(looked=1)


def paused(sandbox: Sandbox, email: str) -> None:
    """Somebody has paused it after it had sent."""
    sandbox.set_account(email, warmup_status=WarmupCode.PAUSED, total_sent=10, reputation=50)


def gone(sandbox: Sandbox, email: str) -> None:
    """The provider does not know it, as with the key of another workspace."""
    sandbox.fail_next("reject", status=404, on="account", email=email)


def spam_folder_unknown(sandbox: Sandbox, email: str) -> None:
    """It cannot find the spam folder."""
    sandbox.set_account(email, warmup_status=WarmupCode.SPAM_FOLDER_UNKNOWN, total_sent=500, reputation=99)


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (paused, ("not_warming", "paused_at_provider")),
        (gone, ("absent", "no_such_account")),
        (spam_folder_unknown, ("spam_folder_unknown", "spam_folder_unknown")),
    ],
)
def test_what_may_not_be_moved_is_reported(
    face: AnyFace,
    database: TestDatabase,
    provider_sandbox: Sandbox,
    prepare: Callable[[Sandbox, str], None],
    said: tuple[str, str],
) -> None:
    """It stays where it is, warming, active or oddly adopted; the report names it with the provider's word and ours."""
    inboxes = {
        email: adopted(face, pair, email)
        for email, pair in ((ANA, WARMING), (BO, ACTIVE), (CY, Pair(Status.PENDING, WarmupStatus.ACTIVE)))
    }
    for email in inboxes:
        prepare(provider_sandbox, email)
    with nothing_moves(database):
        done = sync(face)
    assert drift(done) == dict.fromkeys(inboxes, said)
    assert {one.inbox.id: one.inbox for one in done.drift} == {inbox.id: inbox for inbox in inboxes.values()}
    assert (done.transitions, done.unread) == ({}, {})


def test_policy_may_ban_inboxes_whose_spam_folder_is_unknown(make: MakeFace, provider_sandbox: Sandbox) -> None:
    """As the original does; good figures do not let them send meanwhile."""
    face = make(policy=ReputationPolicy(spam_folder_unknown=SpamFolderPolicy.BAN))
    warming(face)
    provider_sandbox.set_account(ANA, warmup_status=WarmupCode.SPAM_FOLDER_UNKNOWN, total_sent=500, reputation=99)
    assert moved(sync(face)) == {ANA: (WARMING, BANNED, "inbox.banned")}


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ({"kind": "throttle", "on": "analytics"}, "throttled"),
        ({"kind": "reject", "status": 401, "on": "analytics"}, "unauthorised"),
        ({"kind": "error", "on": "account", "times": 2}, "account_unreadable"),
    ],
    ids=["throttled", "unauthorised", "account unreadable"],
)
def test_what_could_not_be_read_is_told_with_the_reason(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, order: dict[str, Any], why: str
) -> None:
    """Nobody is moved on a guess; the next sync asks anew."""
    inboxes = [warming(face), warming(face, BO)]
    for email in (ANA, BO):
        provider_sandbox.set_account(email, reputation=99, total_sent=500)
    provider_sandbox.fail_next(**order)
    with nothing_moves(database):
        assert sync(face) == WarmupSync(looked=2, unread={inbox.id: why for inbox in inboxes})
    assert set(moved(sync(face))) == {ANA, BO}


def test_account_tells_of_a_ban_where_the_figures_cannot_be_had(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Figures that failed do not hide what the account says, and take nothing back either."""
    warming(face)
    adopted(face, WARMING, BO)
    provider_sandbox.set_account(ANA, warmup_status=WarmupCode.BANNED)
    provider_sandbox.set_account(BO, warmup_status=WarmupCode.PAUSED)
    provider_sandbox.fail_next("not_json", on="analytics")
    done = sync(face)
    assert moved(done) == {ANA: (WARMING, BANNED, "inbox.banned")}
    assert drift(done) == {BO: ("not_warming", "not_warming")}


def test_second_sync_moves_nothing(face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox) -> None:
    """The first one has said and done it all."""
    for email, code, sent in ((ANA, 1, 300), (BO, -1, 5), (CY, 0, None)):
        adopted(face, WARMING, email)
        provider_sandbox.set_account(email, warmup_status=code, reputation=95, total_sent=sent)
    assert {email: reached for email, (_, reached, _) in moved(sync(face)).items()} == {
        ANA: ACTIVE,
        BO: BANNED,
        CY: PENDING,
    }
    with nothing_moves(database):
        assert sync(face) == WarmupSync(looked=1)
    assert face.operator().verify().clean


def test_figures_come_with_the_report_where_they_are_asked_for(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Each inbox as it was read, with what was measured or why nothing was."""
    ana, bo = warming(face), warming(face, BO)
    provider_sandbox.set_account(ANA, total_sent=7)
    measured = sync(face, with_analytics=True).analytics
    assert {one.inbox for one in measured.values()} == {ana, bo}
    figures = measured[ana.id].figures
    assert isinstance(figures, Figures)
    assert (figures.total_sent, figures.warmup) == (7, WarmupState.WARMING)
    assert measured[bo.id].figures == NoFigures("not_measured_yet")


def test_sync_of_one_owner_leaves_the_others_alone(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Neither moved nor asked about."""
    adopted(face, WARMING)
    face.operator().adopt(email_address=BO, owner_id=STRANGER, status="warming", warmup_status="warming")
    for email in (ANA, BO):
        provider_sandbox.set_account(email, warmup_status=WarmupCode.BANNED)
    assert set(moved(sync(face, owner_id=OWNER))) == {ANA}
    assert {email for request in provider_sandbox.requests for email in request.emails} == {ANA}
    assert set(moved(sync(face))) == {BO}


def test_two_providers_are_read_each_for_its_own(
    make: MakeFace, provider: Instantly, provider_sandbox: Sandbox
) -> None:
    """One that cannot be had is reported with its inboxes, and stops nobody else."""

    def choose(inbox: Inbox) -> Instantly:
        if inbox.provider == "second":
            raise KeyError(inbox.provider)
        return provider

    face = make(provider=choose)
    by_name = {
        name: face.operator().adopt(
            email_address=email, owner_id=OWNER, status="warming", warmup_status="warming", provider=name
        )
        for email, name in ((ANA, "instantly"), (BO, "second"), (CY, "third"))
    }
    provider_sandbox.set_account(ANA, reputation=99, total_sent=500)
    done = sync(face)
    assert set(done.transitions) == {by_name["instantly"].id}
    assert done.unread == {
        by_name["second"].id: "no_provider",
        by_name["third"].id: "another_provider_is_configured",
    }


def test_inbox_that_moves_while_the_provider_is_asked_is_left_to_the_next_sync(
    face: AnyFace, provider_sandbox: Sandbox
) -> None:
    """Even where the rules would allow the move from where it is by then: what was heard is stale."""
    ana, bo = warming(face), warming(face, BO)
    provider_sandbox.set_account(ANA, warmup_status=WarmupCode.BANNED, total_sent=10)
    provider_sandbox.set_account(BO, reputation=99, total_sent=500)
    operator = face.operator()

    def move() -> None:
        for inbox in (ana, bo):
            operator.correct(inbox.id, status="active", warmup_status="active", reason="by hand")

    in_flight(provider_sandbox, move, on=Operation.ANALYTICS)
    done = sync(face)
    assert done.transitions == {}
    assert drift(done) == {ANA: ("banned", "moved_meanwhile"), BO: ("warming", "moved_meanwhile")}
    assert [one.inbox.version for one in done.drift] == [3, 3]
    assert set(moved(sync(face))) == {ANA}


def test_inbox_that_is_erased_while_the_provider_is_asked_is_told_nothing_of(
    face: AnyFace, provider_sandbox: Sandbox
) -> None:
    """Its address was read before, and is not told after."""
    ana = warming(face)
    provider_sandbox.set_account(ANA, warmup_status=WarmupCode.BANNED)
    in_flight(provider_sandbox, lambda: face.operator().erase(ana.id, reason="asked for"), on=Operation.ANALYTICS)
    assert sync(face) == WarmupSync(looked=1)
    assert face.operator().get(ana.id).version == 3


@crosswise
def test_sync_goes_page_by_page_and_tells_how_far_it_is(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Batches of the provider's largest size; whoever sits behind the first page is moved too."""
    inboxes = [adopted(face, WARMING, f"box{number}@mail.example.com") for number in range(PAGE + 2)]
    last = max(inboxes, key=lambda inbox: inbox.id)
    assert last.email_address is not None
    for inbox in inboxes:
        assert inbox.email_address is not None
        provider_sandbox.set_account(inbox.email_address, warmup_status=WarmupCode.ACTIVE)
    provider_sandbox.set_account(last.email_address, reputation=95, total_sent=300)
    looked: list[int] = []
    done = sync(face, progress=looked.append)
    assert (looked, done.looked) == ([PAGE, PAGE + 2], PAGE + 2)
    assert set(done.transitions) == {last.id}


def test_events_of_a_sync_never_go_back_in_time(make: MakeFace, provider_sandbox: Sandbox) -> None:
    """The same clamp as everywhere."""
    clock = Clock()
    face = make(clock=clock)
    inbox = warming(face)
    provider_sandbox.set_account(ANA, warmup_status=WarmupCode.BANNED)
    clock.move(hours=-1)
    sync(face)
    times = [event.recorded_at for event in face.history(inbox.id, owner_id=OWNER)]
    assert times == sorted(times)


def test_nothing_to_sync_is_nothing_asked(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Pending and banned inboxes have no warmup."""
    born(face)
    adopted(face, BANNED, BO)
    looked: list[int] = []
    assert sync(face, progress=looked.append) == WarmupSync()
    assert (looked, provider_sandbox.requests) == ([0], ())
