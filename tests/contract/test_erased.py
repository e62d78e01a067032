"""An erased inbox: gone for its owner, still evidence for operators, and nothing more to ask the provider about."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from inbox_lifecycle import Inbox, InboxNotFound, TransitionRefused
from inbox_lifecycle.testing import Sandbox
from tests.support.contract import (
    ANA,
    BANNED,
    OWNER,
    PENDING,
    WARMING,
    adopted,
    attempt_on,
    born,
    in_flight,
    nothing_moves,
    outcomes,
    retry,
    warming,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace
from tests.support.forging import BLANK_CONTEXT, Ground, erase

#: A call of the owner's.
Call = Callable[[AnyFace, Inbox], object]


def erased(database: TestDatabase, inbox: Inbox) -> Inbox:
    """The inbox, erased as the guards allow: its event, a blank row, and blank contexts."""
    ground = Ground(database, database.url, foreign_keys=True, ana=inbox, bea=inbox)
    ground.perform(*erase(ground, inbox))
    ground.perform((f"{BLANK_CONTEXT} where inbox_id = ?", (inbox.id,)))
    return inbox


def get(face: AnyFace, inbox: Inbox) -> object:
    """Read it."""
    return face.get(inbox.id, owner_id=OWNER)


def start(face: AnyFace, inbox: Inbox) -> object:
    """The first attempt."""
    return face.start_warmup(inbox.id, owner_id=OWNER)


def history(face: AnyFace, inbox: Inbox) -> object:
    """Read its events."""
    return face.history(inbox.id, owner_id=OWNER)


def attempts(face: AnyFace, inbox: Inbox) -> object:
    """Read its attempts."""
    return face.attempts(inbox.id, owner_id=OWNER)


@pytest.mark.parametrize("call", [get, retry, start, history, attempts])
def test_erased_inbox_is_not_found_by_its_owner(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, call: Call
) -> None:
    """Whatever its former owner asks is answered as for an id that never was, and leaves no trace anywhere."""
    inbox = erased(database, born(face))
    with nothing_moves(database), pytest.raises(InboxNotFound):
        call(face, inbox)
    assert database.count("inbox_attempts") == 0
    assert provider_sandbox.requests == ()


@pytest.mark.parametrize("name", ["retry_warmup", "start_warmup"])
def test_erased_inbox_is_not_warmed_by_an_operator(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, name: str
) -> None:
    """An operator sees it, and still there is no mailbox to warm: no attempt is opened."""
    inbox = erased(database, born(face))
    with nothing_moves(database), pytest.raises(InboxNotFound):
        getattr(face.operator(), name)(inbox.id)
    assert database.count("inbox_attempts") == 0
    assert provider_sandbox.requests == ()


def test_erased_inbox_is_left_out_when_its_owner_looks_for_inboxes(face: AnyFace, database: TestDatabase) -> None:
    """Only the one that stands is on the page."""
    erased(database, born(face))
    other = born(face, "bea@mail.example.com")
    assert face.find(owner_id=OWNER).items == (other,)


def test_erased_inbox_is_seen_blank_by_an_operator(face: AnyFace, database: TestDatabase) -> None:
    """Where it stood remains; whose it was and its address do not."""
    inbox = erased(database, warming(face))
    seen = face.operator().get(inbox.id)
    assert (seen.pair, seen.version) == (WARMING, 3)
    assert (seen.owner_id, seen.email_address, seen.email_domain, seen.provider_ref) == (None, None, None, None)
    assert seen.erased_at is not None


def test_history_of_an_erased_inbox_is_read_by_an_operator(face: AnyFace, database: TestDatabase) -> None:
    """Every event stands, the erasure last."""
    inbox = erased(database, warming(face))
    names = [event.name for event in face.operator().history(inbox.id)]
    assert names == ["inbox.registered", "inbox.warmup_started", "inbox.erased"]


def test_attempts_on_an_erased_inbox_are_read_by_an_operator(face: AnyFace, database: TestDatabase) -> None:
    """What was asked of the provider stays on record."""
    inbox = erased(database, warming(face))
    assert outcomes(face, inbox) == ["moved"]


def test_erased_inbox_can_be_banned(face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox) -> None:
    """A ban is about the record and needs no mailbox."""
    inbox = erased(database, born(face))
    banned = face.operator().ban(inbox.id)
    assert (banned.pair, banned.version, banned.owner_id) == (BANNED, 3, None)
    assert provider_sandbox.requests == ()


def test_erased_inbox_can_be_corrected(face: AnyFace, database: TestDatabase) -> None:
    """The record of one that is gone can still be put right."""
    inbox = erased(database, warming(face))
    corrected = face.operator().correct(inbox.id, status="pending", warmup_status="not_started", reason="put right")
    assert (corrected.pair, corrected.version, corrected.owner_id) == (PENDING, 4, None)


@pytest.mark.parametrize("name", ["graduate", "fail_warmup"])
def test_move_of_an_erased_inbox_that_needs_the_provider_is_refused_without_asking(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, name: str
) -> None:
    """There is no address left to ask about, and no answer could make the move legal."""
    inbox = erased(database, adopted(face, WARMING))
    with nothing_moves(database), pytest.raises(TransitionRefused) as refused:
        getattr(face.operator(), name)(inbox.id)
    assert "erased" in {clause.field for clause in refused.value.verdict.failed}
    assert provider_sandbox.requests == ()


def test_address_of_an_erased_inbox_can_be_registered_again(face: AnyFace, database: TestDatabase) -> None:
    """It is free for a new inbox, which has a life of its own."""
    gone = erased(database, warming(face))
    again = born(face)
    assert (again.pair, again.version, again.email_address) == (PENDING, 1, ANA)
    assert again.id != gone.id


def test_database_with_an_erased_inbox_verifies_clean(face: AnyFace, database: TestDatabase) -> None:
    """Blank rows and contexts prove as well as full ones, a later move and a successor at the address included."""
    inbox = erased(database, warming(face))
    face.operator().ban(inbox.id)
    warming(face)
    verification = face.operator().verify()
    assert (verification.findings, verification.clean) == ([], True)


@pytest.fixture
def overtaken(face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox) -> Inbox:
    """An inbox erased while the provider was enabling its warmup; the call was answered that there is none."""
    inbox = born(face)
    in_flight(provider_sandbox, lambda: erased(database, inbox))
    with pytest.raises(InboxNotFound):
        retry(face, inbox)
    return inbox


def test_inbox_erased_while_the_provider_is_asked_does_not_move(face: AnyFace, overtaken: Inbox) -> None:
    """The acceptance is not recorded: the erasure is the last event."""
    seen = face.operator().get(overtaken.id)
    assert (seen.pair, seen.version) == (PENDING, 2)


def test_attempt_on_an_inbox_erased_while_the_provider_is_asked_closes_as_lost(face: AnyFace, overtaken: Inbox) -> None:
    """With the erasure as its reason, so that nobody has to settle it."""
    attempt = attempt_on(face, overtaken)
    assert attempt.outcome == "lost"
    assert [clause["field"] for clause in attempt.detail] == ["erased"]


def test_warmup_of_an_inbox_erased_while_the_provider_is_asked_is_disabled(
    overtaken: Inbox, provider_sandbox: Sandbox
) -> None:
    """Nobody else knows the address any more, so the call itself tells the provider to stop, once."""
    assert overtaken.email_address == ANA
    assert provider_sandbox.enable_calls(ANA) == 1
    assert provider_sandbox.count("disable") == 1
    assert not provider_sandbox.warming(ANA)
