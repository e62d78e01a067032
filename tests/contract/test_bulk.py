"""`retry_stuck` and `retry_many`: one call for many, and every inbox accounted for once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from inbox_lifecycle import (
    BulkProgress,
    BulkReport,
    Inbox,
    Instantly,
    InvalidInput,
    audit_context,
)
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.aftermath import in_flight
from tests.support.contract import UNKNOWN_ID, Clock, attempt_on, crosswise, nothing_moves, outcomes
from tests.support.databases import TestDatabase
from tests.support.evidence import gather
from tests.support.faces import AnyFace
from tests.support.stuck import (
    AT_ONCE,
    OWNER,
    assert_asked_once,
    assert_moved_once,
    closings,
    retry_many,
    retry_stuck,
    stuck,
)

pytestmark = pytest.mark.pairwise

#: More than one batch, and less than two.
SOME = 103


def test_stuck_inboxes_are_moved_with_a_call_for_each_hundred(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Each has its event, its attempt and its place in the feed, and a second run finds nothing to do."""
    inboxes = stuck(face, SOME)
    report = retry_stuck(face)
    assert report == BulkReport(outcomes={inbox.id: "moved" for inbox in inboxes}, reasons={})
    assert report.counts == {"moved": SOME}
    assert provider_sandbox.count("enable") == 2
    assert_asked_once(provider_sandbox, inboxes)
    assert_moved_once(database, inboxes)
    assert closings(database) == {"moved": SOME}
    assert face.operator().verify().clean
    assert retry_stuck(face) == BulkReport()
    assert provider_sandbox.count("enable") == 2


def test_a_bulk_run_writes_what_a_single_retry_writes(make: MakeFace, database: TestDatabase) -> None:
    """Event, context and attempt are the same to the byte, but for ids, hashes and keys."""
    face = make(clock=Clock())
    single, bulk = stuck(face, 2)
    with audit_context(reason="they were stuck", correlation_id="job 7"):
        face.operator("olga").retry_warmup(single.id)
        assert retry_many(face, [bulk]).outcomes == {bulk.id: "moved"}
    one, many = (event_of(database, inbox) for inbox in (single, bulk))
    assert one == many
    assert one[1] == {"actor": "olga", "reason": "they were stuck", "correlation_id": "job 7"}
    assert [facts(face, inbox) for inbox in (single, bulk)] == [facts(face, single)] * 2


def event_of(database: TestDatabase, inbox: Inbox) -> tuple[dict[str, Any], dict[str, str]]:
    """The entry of its second event without what differs from inbox to inbox, and the context beside it."""
    event = gather(database).events[inbox.id][1]
    payload = {name: value for name, value in event.said["payload"].items() if name not in {"attempt_id", "job_id"}}
    own = {"inbox_id", "event_id", "commitment", "previous", "payload"}
    return {**{name: value for name, value in event.said.items() if name not in own}, **payload}, dict(event.context)


def facts(face: AnyFace, inbox: Inbox) -> tuple[object, ...]:
    """What its only attempt says that does not differ from inbox to inbox."""
    attempt = attempt_on(face, inbox)
    return (
        attempt.kind,
        attempt.seen_version,
        attempt.seen,
        attempt.opened_at,
        attempt.outcome,
        attempt.closed_at,
        attempt.event_version,
        attempt.to_disable,
        attempt.detail,
        attempt.context,
    )


def test_every_inbox_of_a_list_is_accounted_for_once(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Those that are not stuck are not asked for, and named twice is named once."""
    fresh, warm, erased = stuck(face, 3)
    face.operator().retry_warmup(warm.id)
    face.operator().erase(erased.id, reason="asked to be forgotten")
    seen: list[BulkProgress] = []
    ids = [fresh.id.upper(), warm.id, erased.id, UNKNOWN_ID, fresh.id]
    report = face.operator().retry_many(ids, progress=seen.append)
    assert report.outcomes == {
        fresh.id: "moved",
        warm.id: "refused",
        erased.id: "not_found",
        UNKNOWN_ID: "not_found",
    }
    assert (seen[-1].done, seen[-1].total, seen[-1].counts) == (4, 4, report.counts)
    assert provider_sandbox.enable_calls(str(warm.email_address)) == 1
    assert outcomes(face, warm) == ["moved", "refused"]
    assert outcomes(face, erased) == []
    assert closings(database) == {"moved": 2, "refused": 1}


def test_an_inbox_that_another_run_is_at_is_left_to_it(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """While the provider is asked, a list that names the inbox hears so, and a run over all passes it by."""
    inboxes = stuck(face, 2)
    heard: list[BulkReport] = []
    in_flight(provider_sandbox, lambda: heard.extend((retry_many(face, inboxes), retry_stuck(face))))
    assert retry_many(face, inboxes[:1]).outcomes == {inboxes[0].id: "moved"}
    listed, others = heard
    assert listed.outcomes == {inboxes[0].id: "taken", inboxes[1].id: "moved"}
    assert others == BulkReport()
    assert_asked_once(provider_sandbox, inboxes)


@crosswise
def test_only_those_that_stood_there_for_long_enough_are_retried(make: MakeFace, provider_sandbox: Sandbox) -> None:
    """Older than said, of the owner said, and no more than said; those that others are at do not count."""
    clock = Clock()
    face = make(clock=clock)
    old = stuck(face, 3)
    clock.move(minutes=10)
    new = stuck(face, 1, name="new") + stuck(face, 1, name="other", owner_id="other")
    clock.move(minutes=2)
    assert list(face.operator().retry_stuck(limit=2).outcomes) == sorted(inbox.id for inbox in old)[:2]
    assert face.operator().retry_stuck(owner_id="other") == BulkReport()
    assert face.operator().retry_stuck(owner_id="other", older_than=timedelta(minutes=1)).counts == {"moved": 1}
    assert set(face.operator().retry_stuck().outcomes) == {max(inbox.id for inbox in old)}
    assert set(face.operator().retry_stuck(older_than=AT_ONCE).outcomes) == {new[0].id}
    assert_asked_once(provider_sandbox, old + new)


def test_a_bad_address_does_not_sink_the_others(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """It is found by halves, told with its reason, and closed; all the others are moved with few calls more."""
    inboxes = stuck(face, 33)
    bad = inboxes[20]
    provider_sandbox.fail_next("reject", status=404, email=bad.email_address, times=1000)
    report = retry_stuck(face)
    assert report.counts == {"moved": 32, "rejected": 1}
    assert report.reasons == {bad.id: "no_such_account"}
    assert attempt_on(face, bad).detail == {"status": 404, "reason": "no_such_account"}
    assert provider_sandbox.count("enable") <= 1 + 13
    assert_moved_once(database, [inbox for inbox in inboxes if inbox != bad])
    assert closings(database) == {"moved": 32, "rejected": 1}
    assert face.operator().verify().clean


@crosswise
@pytest.mark.parametrize(
    ("status", "reason"), [(401, "unauthorised"), (402, "payment_required"), (403, "forbidden"), (418, "refused")]
)
def test_a_no_that_is_not_about_an_address_ends_the_batch(
    face: AnyFace, provider_sandbox: Sandbox, status: int, reason: str
) -> None:
    """Nobody is asked for again in it, and each hears the reason."""
    inboxes = stuck(face, 5)
    provider_sandbox.fail_next("reject", status=status, times=1000)
    report = retry_stuck(face)
    assert report.outcomes == {inbox.id: "rejected" for inbox in inboxes}
    assert report.reasons == {inbox.id: reason for inbox in inboxes}
    assert provider_sandbox.count("enable") == 1


@crosswise
def test_a_no_that_is_not_about_an_address_ends_the_search_for_one(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Those that were not asked for yet hear the same, without a call."""
    inboxes = stuck(face, 5)
    provider_sandbox.fail_next("reject", status=404, times=2)
    provider_sandbox.fail_next("reject", status=401, times=1000)
    report = retry_stuck(face)
    assert report.reasons == {inbox.id: "unauthorised" for inbox in inboxes}
    assert provider_sandbox.count("enable") == 3


def test_what_happens_to_an_inbox_while_the_provider_is_asked_is_its_alone(
    face: AnyFace, provider_sandbox: Sandbox
) -> None:
    """One is banned, one is erased: neither is warmed, and the others move."""
    inboxes = stuck(face, 5)
    banned, erased = inboxes[1], inboxes[3]

    def meddle() -> None:
        face.operator().ban(banned.id)
        face.operator().erase(erased.id, reason="asked to be forgotten")

    in_flight(provider_sandbox, meddle)
    report = retry_stuck(face)
    assert report.counts == {"moved": 3, "lost": 1, "not_found": 1}
    assert (report.outcomes[banned.id], report.outcomes[erased.id]) == ("lost", "not_found")
    assert outcomes(face, banned) == outcomes(face, erased) == ["lost"]
    assert attempt_on(face, banned).to_disable
    assert not provider_sandbox.warming(str(erased.email_address))
    assert {face.get(inbox.id, owner_id=OWNER).version for inbox in (inboxes[0], inboxes[2], inboxes[4])} == {2}
    assert face.operator().verify().clean
    assert face.operator().reconcile() == Reconciled(disabled=1)


def test_an_inbox_moved_there_and_back_while_the_provider_is_asked_is_not_moved(
    face: AnyFace, provider_sandbox: Sandbox
) -> None:
    """The pair came again, the version did not: the acceptance is stale."""
    inbox, other = stuck(face, 2)
    correct = face.operator().correct

    def there_and_back() -> None:
        correct(inbox.id, status="active", warmup_status="active", reason="by mistake")
        correct(inbox.id, status="pending", warmup_status="not_started", reason="and back")

    in_flight(provider_sandbox, there_and_back)
    assert retry_many(face, [inbox, other]).outcomes == {inbox.id: "lost", other.id: "moved"}
    assert face.get(inbox.id, owner_id=OWNER).version == 3


def test_what_a_call_left_open_past_its_lease_is_settled_first(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """One was accepted and is rolled forward, the other was not and is retried: neither needs a person."""
    accepted, unheard = stuck(face, 2)
    for inbox, after_effect in ((accepted, True), (unheard, False)):
        provider_sandbox.fail_next("cut", after_effect=after_effect)
        provider_sandbox.fail_next("error", on="account", times=100)
        assert retry_many(face, [inbox], patience=0).outcomes == {inbox.id: "unknown"}
        provider_sandbox.clear_failures()
    assert retry_many(face, [accepted, unheard]).counts == {"taken": 2}
    database.expire_leases()
    assert retry_stuck(face).outcomes == {unheard.id: "moved"}
    assert_moved_once(database, [accepted, unheard])
    assert closings(database) == {"moved": 2, "abandoned": 1}


@crosswise
def test_a_claim_that_could_not_be_settled_is_taken_over_once_its_lease_is_over(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Its account stays unreadable, so nobody will ever know: the attempt is given up, and the provider asked again."""
    (inbox,) = stuck(face, 1)
    provider_sandbox.fail_next("cut", after_effect=False)
    provider_sandbox.fail_next("error", on="account", times=100)
    assert retry_many(face, [inbox], patience=0).outcomes == {inbox.id: "unknown"}
    assert retry_many(face, [inbox], patience=0).outcomes == {inbox.id: "taken"}
    database.expire_leases()
    assert retry_many(face, [inbox], patience=0).outcomes == {inbox.id: "moved"}
    given_up = next(one for one in face.operator().attempts(inbox.id) if one.outcome == "abandoned")
    assert given_up.detail == {"outcome": "unknown"}
    assert closings(database) == {"abandoned": 1, "moved": 1}


@crosswise
def test_inboxes_that_were_just_rejected_keep_nobody_from_a_limited_run(
    make: MakeFace, provider_sandbox: Sandbox
) -> None:
    """The bad ones stand first; they are tried again when as much time has passed as makes an inbox stuck."""
    clock = Clock()
    face = make(clock=clock)
    bad, good = sorted(stuck(face, 2), key=lambda inbox: inbox.id)
    provider_sandbox.fail_next("reject", status=404, email=bad.email_address, times=1000)
    for outcome in ({bad.id: "rejected"}, {good.id: "moved"}, {}, {bad.id: "rejected"}):
        clock.move(minutes=6 if outcome != {good.id: "moved"} and outcome else 1)
        assert face.operator().retry_stuck(limit=1).outcomes == outcome


def test_an_inbox_without_a_provider_stops_nobody_else(make: MakeFace, provider: Instantly) -> None:
    """A host's callable that fails for one, or serves it by another, is told of that one alone."""

    def choose(inbox: Inbox) -> Instantly:
        if inbox.id == unserved.id:
            raise LookupError("no key for this customer")
        return provider

    served, unserved = stuck(make(), 2)
    face = make(provider=choose)
    other = face.register(email_address="other@mail.example.com", owner_id=OWNER, provider="another")
    report = retry_stuck(face)
    assert report.outcomes == {served.id: "moved", unserved.id: "unavailable", other.id: "rejected"}
    assert report.reasons == {other.id: "another_provider_is_configured"}
    assert attempt_on(face, unserved).detail == {"reason": "no_provider"}
    assert outcomes(face, other) == ["rejected"]


def test_adapters_made_for_each_inbox_share_a_call(
    make: MakeFace, provider: Instantly, provider_sandbox: Sandbox
) -> None:
    """What they stand for is one workspace, which locks while a job runs."""
    inboxes = stuck(make(), 5)
    report = retry_stuck(make(provider=lambda _inbox: replace(provider)))
    assert report.counts == {"moved": len(inboxes)}
    assert provider_sandbox.count("enable") == 1


def test_a_facade_without_a_provider_says_so(make: MakeFace, database: TestDatabase) -> None:
    """And keeps nothing claimed."""
    stuck(make(), 2)
    with nothing_moves(database), pytest.raises(InvalidInput, match="has no provider"):
        retry_stuck(make(provider=None))
    assert closings(database) == {"unavailable": 2}
