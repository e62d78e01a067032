"""An erased inbox: gone for its owner, still evidence for operators, and nothing more to ask the provider about."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from inbox_lifecycle import Inbox, InboxNotFound, TransitionRefused
from inbox_lifecycle.context import NOBODY
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

pytestmark = pytest.mark.pairwise

#: A call of the owner's.
Call = Callable[[AnyFace, Inbox], object]


def erased(face: AnyFace, inbox: Inbox) -> Inbox:
    """The inbox as its owner knew it, erased."""
    face.operator().erase(inbox.id, reason="asked to")
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
    inbox = erased(face, born(face))
    with nothing_moves(database), pytest.raises(InboxNotFound):
        call(face, inbox)
    assert database.count("inbox_attempts") == 0
    assert provider_sandbox.requests == ()


@pytest.mark.parametrize("name", ["retry_warmup", "start_warmup"])
def test_erased_inbox_is_not_warmed_by_an_operator(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, name: str
) -> None:
    """An operator sees it, and still there is no mailbox to warm: no attempt is opened."""
    inbox = erased(face, born(face))
    with nothing_moves(database), pytest.raises(InboxNotFound):
        getattr(face.operator(), name)(inbox.id)
    assert database.count("inbox_attempts") == 0
    assert provider_sandbox.requests == ()


def test_erased_inbox_is_left_out_when_its_owner_looks_for_inboxes(face: AnyFace) -> None:
    """Only the one that stands is on the page."""
    erased(face, born(face))
    other = born(face, "bea@mail.example.com")
    assert face.find(owner_id=OWNER).items == (other,)


def test_erased_inbox_is_seen_blank_by_an_operator(face: AnyFace) -> None:
    """Where it stood remains; whose it was and its address do not."""
    inbox = erased(face, warming(face))
    seen = face.operator().get(inbox.id)
    assert (seen.pair, seen.version) == (WARMING, 3)
    assert (seen.owner_id, seen.email_address, seen.email_domain, seen.provider_ref) == (None, None, None, None)
    assert seen.erased_at is not None


def test_history_of_an_erased_inbox_is_read_by_an_operator(face: AnyFace) -> None:
    """Every event stands, the erasure last."""
    inbox = erased(face, warming(face))
    names = [event.name for event in face.operator().history(inbox.id)]
    assert names == ["inbox.registered", "inbox.warmup_started", "inbox.erased"]


def test_attempts_on_an_erased_inbox_are_read_by_an_operator(face: AnyFace) -> None:
    """What was asked of the provider stays on record."""
    inbox = erased(face, warming(face))
    assert outcomes(face, inbox) == ["moved"]


def test_erased_inbox_can_be_banned(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """A ban is about the record and needs no mailbox."""
    inbox = erased(face, born(face))
    banned = face.operator().ban(inbox.id)
    assert (banned.pair, banned.version, banned.owner_id) == (BANNED, 3, None)
    assert provider_sandbox.requests == ()


def test_erased_inbox_can_be_corrected(face: AnyFace) -> None:
    """The record of one that is gone can still be put right."""
    inbox = erased(face, warming(face))
    corrected = face.operator().correct(inbox.id, status="pending", warmup_status="not_started", reason="put right")
    assert (corrected.pair, corrected.version, corrected.owner_id) == (PENDING, 4, None)


@pytest.mark.parametrize("name", ["graduate", "fail_warmup"])
def test_move_of_an_erased_inbox_that_needs_the_provider_is_refused_without_asking(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, name: str
) -> None:
    """There is no address left to ask about, and no answer could make the move legal."""
    inbox = erased(face, adopted(face, WARMING))
    with nothing_moves(database), pytest.raises(TransitionRefused) as refused:
        getattr(face.operator(), name)(inbox.id)
    assert "erased" in {clause.field for clause in refused.value.verdict.failed}
    assert provider_sandbox.requests == ()


def test_database_with_an_erased_inbox_verifies_clean(face: AnyFace) -> None:
    """Blank rows and contexts prove as well as full ones, a later move and a successor at the address included."""
    inbox = erased(face, warming(face))
    face.operator().ban(inbox.id)
    warming(face)
    verification = face.operator().verify()
    assert (verification.findings, verification.clean) == ([], True)


@pytest.fixture
def overtaken(face: AnyFace, provider_sandbox: Sandbox) -> Inbox:
    """An inbox erased while the provider was enabling its warmup; the call was answered that there is none."""
    inbox = born(face)
    in_flight(provider_sandbox, lambda: erased(face, inbox))
    with pytest.raises(InboxNotFound):
        retry(face, inbox)
    return inbox


def test_inbox_erased_while_the_provider_is_asked_does_not_move(face: AnyFace, overtaken: Inbox) -> None:
    """The acceptance is not recorded: the erasure is the last event."""
    seen = face.operator().get(overtaken.id)
    assert (seen.pair, seen.version) == (PENDING, 2)


def test_attempt_on_an_inbox_erased_while_the_provider_is_asked_closes_as_lost(face: AnyFace, overtaken: Inbox) -> None:
    """With the erasure as its reason, so that nobody has to settle it, and without a word about whose call it was."""
    attempt = attempt_on(face, overtaken)
    assert attempt.context == NOBODY
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
