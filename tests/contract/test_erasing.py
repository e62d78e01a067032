"""Erasing: everything personal is blanked in one go, who erased and why stays, and the history still verifies."""

from __future__ import annotations

import itertools

import pytest

from inbox_lifecycle import (
    ConcurrencyConflict,
    Inbox,
    InboxNotFound,
    InvalidInput,
    Pair,
    ProviderRejected,
    RetryRefused,
    Status,
    TransitionRefused,
    WarmupStatus,
    audit_context,
)
from inbox_lifecycle.context import NOBODY, Context
from inbox_lifecycle.errors import MalformedText
from inbox_lifecycle.testing import Sandbox
from tests.support.contract import (
    ANA,
    OWNER,
    PENDING,
    STRANGER,
    UNKNOWN_ID,
    adopted,
    born,
    crosswise,
    lead_back,
    nothing_moves,
    retry,
    together,
    warming,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

pytestmark = pytest.mark.pairwise

BEA = "bea@mail.example.com"
PAIRS = [Pair(*words) for words in itertools.product(Status, WarmupStatus)]


def erase(face: AnyFace, inbox: Inbox, **options: object) -> Inbox:
    """What all of this is about."""
    gone: Inbox = face.operator().erase(inbox.id, **{"reason": "asked to", **options})
    return gone


def full(face: AnyFace) -> Inbox:
    """An inbox with something in every column that can be blanked, at version 4, with two attempts."""
    with audit_context(actor="zoe", reason="first", correlation_id="r-1", causation_id="c-1"):
        inbox = born(face, provider_ref="ref-1")
        retry(face, inbox, key="k-1")
        lead_back(face, inbox)
        return retry(face, inbox, key="k-2")


def test_erasure_gives_the_inbox_as_it_then_stands(face: AnyFace) -> None:
    """Blank, one version on, in the same pair; and an operator reads the same."""
    inbox = full(face)
    gone = erase(face, inbox)
    assert (gone.id, gone.pair, gone.version) == (inbox.id, inbox.pair, inbox.version + 1)
    assert (gone.owner_id, gone.email_address, gone.provider_ref) == (None, None, None)
    assert (gone.email_domain, gone.email_domain_id, gone.email_domain_status) == (None, None, None)
    assert gone.erased_at == gone.updated_at
    assert face.operator().get(inbox.id) == gone


def test_erasure_keeps_who_erased_and_why_and_blanks_all_before(face: AnyFace) -> None:
    """The last event names operator, reason and request, and no owner; every event before it names nobody."""
    inbox = full(face)
    with audit_context(correlation_id="ticket 7", causation_id="message 8"):
        erase(face, inbox)
    *before, last = face.operator().history(inbox.id)
    assert [event.context for event in before] == [NOBODY] * 4
    assert (last.name, last.left, last.reached) == ("inbox.erased", inbox.pair, inbox.pair)
    said = Context(actor="olga", reason="asked to", correlation_id="ticket 7", causation_id="message 8")
    assert last.context == said


def test_keys_of_all_that_was_blanked_are_gone(face: AnyFace, database: TestDatabase) -> None:
    """Without its key a commitment tells nothing; the erasure's own can still be opened."""
    inbox = full(face)
    erase(face, inbox)
    keyed = database.execute("select version from {s}inbox_events where context_key is not null")
    assert keyed == [(5,)]
    assert database.count("inboxes", "address_key is not null") == 0


def test_erasure_blanks_attempts_and_leaves_how_they_ended(face: AnyFace) -> None:
    """What was asked of the provider is still known, but not by whom."""
    inbox = full(face)
    before = face.operator().attempts(inbox.id)
    erase(face, inbox)
    after = face.operator().attempts(inbox.id)
    assert [attempt.context for attempt in after] == [NOBODY] * 2
    assert {attempt.context.idempotency_key for attempt in before} == {"k-1", "k-2"}
    assert [(a.id, a.outcome, a.closed_at, a.event_version) for a in after] == [
        (b.id, b.outcome, b.closed_at, b.event_version) for b in before
    ]


def test_erasure_touches_no_other_inbox(face: AnyFace, database: TestDatabase) -> None:
    """One of the same owner and domain keeps its row, its history, its attempts and its domain."""
    other = warming(face, BEA)
    history, attempts = face.history(other.id, owner_id=OWNER), face.attempts(other.id, owner_id=OWNER)
    erase(face, full(face))
    assert face.get(other.id, owner_id=OWNER) == other
    assert (face.history(other.id, owner_id=OWNER), face.attempts(other.id, owner_id=OWNER)) == (history, attempts)
    assert database.execute("select id from {s}email_domains") == database.execute(
        "select email_domain_id from {s}inboxes where email_domain_id is not null"
    )


def test_domain_goes_with_the_last_inbox_that_has_it(face: AnyFace, database: TestDatabase) -> None:
    """A domain is personal too; a stranger's row of the same name is another one, and stays."""
    inboxes = [born(face), born(face, BEA)]
    stranger = face.register(email_address="cleo@mail.example.com", owner_id=STRANGER)
    counts = []
    for inbox in inboxes:
        erase(face, inbox)
        counts.append(database.count("email_domains"))
    assert counts == [2, 1]
    assert face.get(stranger.id, owner_id=STRANGER).email_domain == "mail.example.com"


def test_erasure_waits_in_the_feeds_queue_like_every_event(face: AnyFace, database: TestDatabase) -> None:
    """Once, with the hash that the row stands on."""
    gone = erase(face, born(face))
    found = database.execute("select version, hash from {s}inbox_feed_queue order by seq")
    ((head,),) = database.execute("select head_hash from {s}inboxes")
    assert [version for version, _ in found] == [1, gone.version]
    assert bytes(found[-1][1]) == bytes(head)


def test_erasure_is_legal_in_every_pair(face: AnyFace) -> None:
    """Sixteen inboxes, each erased where it stands."""
    inboxes = [adopted(face, pair, f"inbox{number}@mail.example.com") for number, pair in enumerate(PAIRS)]
    assert [erase(face, inbox).pair for inbox in inboxes] == PAIRS
    assert face.operator().verify().findings == []


def test_second_erasure_is_refused(face: AnyFace, database: TestDatabase) -> None:
    """There is nothing left to erase, and the verdict says so."""
    inbox = born(face)
    erase(face, inbox)
    with nothing_moves(database), pytest.raises(TransitionRefused) as refused:
        erase(face, inbox)
    assert (refused.value.trigger, [clause.field for clause in refused.value.verdict.failed]) == ("erase", ["erased"])


def test_racing_erasures_leave_one_event(face: AnyFace, database: TestDatabase) -> None:
    """Of eight at the same moment one erases, and the others are refused by what it left."""
    inbox = warming(face)
    results = together(*[lambda: erase(face, inbox)] * 8)
    assert sum(isinstance(result, TransitionRefused) for result in results) == 7
    assert [event.name for event in face.operator().history(inbox.id)].count("inbox.erased") == 1
    assert database.count("inbox_events") == 3


@crosswise
def test_erasure_of_an_unknown_inbox_is_not_found(face: AnyFace) -> None:
    """There is nothing to erase."""
    with pytest.raises(InboxNotFound):
        face.operator().erase(UNKNOWN_ID, reason="asked to")


@pytest.mark.parametrize("reason", ["", "a\x00b", "a\ud83db"], ids=["empty", "nul", "half-a-letter"])
def test_erasure_without_a_reason_that_can_be_kept_is_refused(
    face: AnyFace, database: TestDatabase, reason: str
) -> None:
    """The one thing that is left to tell is why."""
    inbox = born(face)
    with nothing_moves(database), pytest.raises(InvalidInput if not reason else MalformedText, match="reason"):
        erase(face, inbox, reason=reason)


def test_erasure_at_another_version_than_expected_conflicts(face: AnyFace, database: TestDatabase) -> None:
    """The operator looked at an older inbox; at the one that stands it is erased."""
    inbox = warming(face)
    with nothing_moves(database), pytest.raises(ConcurrencyConflict):
        erase(face, inbox, expected_version=1)
    assert erase(face, inbox, expected_version=2).version == 3


@pytest.mark.parametrize("owner", [OWNER, STRANGER])
def test_address_of_an_erased_inbox_is_registered_anew(face: AnyFace, owner: str) -> None:
    """By the same owner or by another, with a life and a history of its own; and both verify."""
    gone = erase(face, full(face))
    again = face.register(email_address=ANA, owner_id=owner)
    moved = face.retry_warmup(again.id, owner_id=owner, idempotency_key="k-1")
    assert (again.pair, again.version, moved.version) == (PENDING, 1, 2)
    assert again.id != gone.id
    assert face.operator().verify().findings == []


def test_erasure_tells_the_provider_nothing(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """The account there is the host's to delete."""
    inbox = warming(face)
    asked = len(provider_sandbox.requests)
    erase(face, inbox)
    assert len(provider_sandbox.requests) == asked
    assert provider_sandbox.warming(ANA)


def test_what_the_provider_said_is_blanked_and_a_verdict_is_kept(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A host's own adapter may have said an address; a verdict has words of ours alone."""
    inbox = born(face)
    provider_sandbox.fail_next("reject", status=402)
    with pytest.raises(ProviderRejected):
        retry(face, inbox)
    moved = retry(face, inbox)
    with pytest.raises(RetryRefused):
        retry(face, moved)
    said = "select outcome, detail is not null from {s}inbox_attempts order by id"
    assert [(outcome, bool(there)) for outcome, there in database.execute(said)] == [
        ("rejected", True),
        ("moved", False),
        ("refused", True),
    ]
    erase(face, moved)
    assert [(outcome, bool(there)) for outcome, there in database.execute(said)] == [
        ("rejected", False),
        ("moved", False),
        ("refused", True),
    ]
