"""Proving an inbox: the bundle holds for anybody with the log's public key, and says what there is to say of it."""

from __future__ import annotations

from functools import partial
from typing import Any

import psycopg
import pytest

from inbox_lifecycle import (
    Bundle,
    HistoryError,
    Inbox,
    InboxNotFound,
    MalformedId,
    Pair,
    Proven,
    Signer,
    Status,
    WarmupStatus,
    audit_context,
    open_checkpoint,
    verify_bundle,
)
from inbox_lifecycle.audit.proving import PAGE, prove
from inbox_lifecycle.domain import InboxId
from inbox_lifecycle.flow import Flow
from tests.fix_face import MakeFace
from tests.support.bundling import ODD, holds
from tests.support.contract import ANA, OWNER, STRANGER, UNKNOWN_ID, born, crosswise, lead_back, retry
from tests.support.databases import TestDatabase
from tests.support.driving import driven
from tests.support.faces import AnyFace
from tests.support.feeding import lead_on, led
from tests.support.noting import LOG, OTHER_KEY
from tests.support.rewriting import rewrite
from tests.support.steps import terms
from tests.support.store import Store

pytestmark = pytest.mark.pairwise

SIGNER = Signer.from_text(LOG.signer_text)
BANNED = Pair(Status.BANNED, WarmupStatus.BANNED)


@pytest.fixture
def face(make: MakeFace) -> AnyFace:
    """A facade that signs."""
    return make(signer=SIGNER)


@pytest.fixture
def operator(face: AnyFace) -> AnyFace:
    """An operator who signs."""
    return face.operator()


def proven(bundle: Bundle) -> Proven:
    """What a bundle proves, to both verifiers."""
    assert holds(bundle.text().encode())
    return verify_bundle(bundle.text(), SIGNER.verifier)


def full(face: AnyFace) -> Inbox:
    """An inbox with something in every column that can be opened, at version 4."""
    with audit_context(actor="zoe", reason=ODD.replace("\x00", ""), correlation_id="r-1", causation_id="c-1"):
        inbox = born(face, provider_ref="ref-1")
        retry(face, inbox, key="k-1")
        lead_back(face, inbox)
        banned: Inbox = face.operator().ban(inbox.id)
    return banned


def test_a_bundle_proves_the_inbox_as_it_is(face: AnyFace) -> None:
    """Its version, pair and time, every entry as it was written, who and why, and the address."""
    inbox = full(face)
    told = proven(face.prove(inbox.id, owner_id=OWNER))
    assert (told.origin, told.tree_size, told.inbox_id) == (LOG.name, 4, inbox.id)
    assert (told.version, told.pair, told.email_address) == (4, BANNED, ANA)
    history = face.history(inbox.id, owner_id=OWNER)
    assert [told.contexts[event.version] for event in history] == [event.context.as_dict() for event in history]
    assert [entry.event_id for entry in told.entries] == [event.event_id for event in history]
    assert told.contexts[2]["reason"] == ODD
    assert told.contexts[2]["idempotency_key"] == "k-1"


def test_the_entries_in_a_bundle_are_the_stored_bytes(face: AnyFace) -> None:
    """Nothing is derived again."""
    inbox = full(face)
    bundle = face.prove(inbox.id, owner_id=OWNER)
    assert [event.entry.encode() for event in bundle.events] == [
        event.entry for event in face.operator().history(inbox.id)
    ]


def test_owner_and_operator_get_the_same_bundle(face: AnyFace, operator: AnyFace) -> None:
    """As long as nothing happens."""
    inbox = full(face)
    assert face.prove(inbox.id, owner_id=OWNER).text() == operator.prove(inbox.id).text()


@pytest.mark.parametrize("openings", [True, False])
def test_an_inbox_of_another_owner_is_not_found(face: AnyFace, database: TestDatabase, openings: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """As is one that does not exist; nothing was signed for the asking."""
    inbox = born(face)
    for known, owner in ((inbox.id, STRANGER), (UNKNOWN_ID, OWNER)):
        with pytest.raises(InboxNotFound, match=known):
            face.prove(known, owner_id=owner, openings=openings)
    assert database.count("inbox_checkpoints") == 0


def test_an_unknown_inbox_is_not_found_by_an_operator_either(operator: AnyFace) -> None:
    """And what is no id is refused as such."""
    with pytest.raises(InboxNotFound):
        operator.prove(UNKNOWN_ID)
    with pytest.raises(MalformedId):
        operator.prove("ana")


def test_an_erased_inbox_is_proven_to_operators_alone(face: AnyFace, operator: AnyFace) -> None:
    """All of its history, and who erased it and why: nothing else is left to open."""
    inbox = full(face)
    before = face.prove(inbox.id, owner_id=OWNER).text()
    operator.erase(inbox.id, reason="asked to")
    with pytest.raises(InboxNotFound):
        face.prove(inbox.id, owner_id=OWNER)
    bundle = operator.prove(inbox.id)
    told = proven(bundle)
    assert (told.version, told.pair, told.email_address) == (5, BANNED, None)
    assert told.contexts == {5: {"actor": "olga", "reason": "asked to"}}
    assert not [word for word in ("ana@", "zoe", OWNER, "k-1") if word in bundle.text()]
    # What was handed out before goes on proving what it proved.
    assert holds(before.encode())


def test_a_bundle_without_openings_holds_nothing_personal(
    face: AnyFace, operator: AnyFace, database: TestDatabase
) -> None:
    """No address, no owner, nobody who acted, no reason, and none of the keys: the history is proven all the same."""
    inbox = full(face)
    keys = database.execute("select context_key from {s}inbox_events union all select address_key from {s}inboxes")
    words = [ANA, "ana@", OWNER, "zoe", "olga", "quoted", "r-1", "c-1", "k-1", "ref-1", "led back"]
    words += [bytes(key).hex() for (key,) in keys]
    for bundle in (face.prove(inbox.id, owner_id=OWNER, openings=False), operator.prove(inbox.id, openings=False)):
        told = proven(bundle)
        assert (told.version, told.contexts, told.email_address) == (4, {}, None)
        assert [word for word in words if word in bundle.text()] == []
    whole = operator.prove(inbox.id).text()
    assert [word for word in words if word not in whole] == ["ref-1"]


@pytest.mark.parametrize("versions", [PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 1])
@crosswise
def test_a_long_history_is_proven_across_pages(face: AnyFace, versions: int) -> None:
    """With another inbox's events between, and in a tree of more than one stored node."""
    inbox, other = led(face, "ana"), led(face, "bea")
    other = lead_on(face, other, 30)
    inbox = lead_on(face, inbox, versions - 1)
    told = proven(face.operator().prove(inbox.id))
    assert (told.version, told.tree_size, len(told.contexts)) == (versions, versions + 31, versions)
    assert proven(face.operator().prove(other.id)).version == 31


_MANY_SQLITE = """
with recursive n(i) as (select 2 union all select i + 1 from n where i < ?)
insert into inbox_feed (position, inbox_id, version, leaf_hash) select i, hex(randomblob(16)), 1, randomblob(32) from n
"""
_MANY_POSTGRESQL = """
insert into {s}inbox_feed (position, inbox_id, version, leaf_hash)
select i, gen_random_uuid(), 1, sha256(i::text::bytea) from generate_series(2, ?) i
"""


@pytest.mark.parametrize("last", [255, 256, 511, 65_535, 66_000])
@crosswise
def test_an_inbox_is_proven_in_a_large_tree(
    face: AnyFace, operator: AnyFace, database: TestDatabase, last: int
) -> None:
    """Its events stand at both ends, with stored nodes of one level and of two between them."""
    inbox = led(face, "ana", 2)
    operator.seal()
    if database.kind == "sqlite":
        rewrite(database, (_MANY_SQLITE, (last,)))
    else:
        rewrite(database, (_MANY_POSTGRESQL, (last,)), ("update {s}inbox_feed_head set next_position = ?", (last + 1,)))
    inbox = lead_on(face, inbox)
    told = proven(operator.prove(inbox.id))
    assert (told.version, told.tree_size) == (3, last + 2)
    lead_on(face, inbox)
    assert proven(operator.prove(inbox.id)).tree_size == last + 3


def test_an_inbox_that_did_not_move_is_proven_by_the_last_checkpoint(face: AnyFace, operator: AnyFace) -> None:
    """Whatever others did meanwhile: nothing new is signed, and the bundle is the same to the byte."""
    inbox = led(face, "ana", 2)
    first = operator.prove(inbox.id).text()
    led(face, "bea", 3)
    assert operator.prove(inbox.id).text() == first
    assert len(operator.checkpoints()) == 1
    assert proven(operator.prove(lead_on(face, inbox).id)).tree_size == 6


def test_a_new_key_proves_under_its_own_checkpoint(make: MakeFace, face: AnyFace) -> None:
    """A bundle is all of one key."""
    inbox = led(face, "ana")
    old = face.operator().prove(inbox.id).text().encode()
    new = make(signer=Signer.from_text(OTHER_KEY.signer_text)).operator().prove(inbox.id).text().encode()
    assert (holds(old), holds(new)) == (True, False)
    assert (holds(old, OTHER_KEY.verifier_text), holds(new, OTHER_KEY.verifier_text)) == (False, True)


def _flow(inbox: Inbox) -> Flow[Bundle]:
    return prove(terms(), SIGNER, inbox_id=InboxId(inbox.id), owner_id=None, openings=True)


@pytest.mark.parametrize("step", ["last_checkpoints", "seal_batch", "store_checkpoint", "head_in_tree", "tree_blocks"])
def test_an_inbox_that_moves_on_meanwhile_is_proven_as_of_the_signed_tree(
    face: AnyFace, store: Store, step: str
) -> None:
    """The head is the last event in the tree that was signed, whatever came after it."""
    inbox = led(face, "ana", 2)

    def move() -> None:
        lead_on(face, inbox, 2)
        if step != "seal_batch":
            face.operator().seal()

    told = proven(driven(store, _flow(inbox), {step: move}))
    assert (told.version, told.tree_size) in ((2, 2), (4, 4))
    assert proven(face.operator().prove(inbox.id)).version == 4


def test_an_inbox_that_is_erased_meanwhile_is_not_opened_any_more(face: AnyFace, store: Store) -> None:
    """What is read after the erasure is blank."""
    inbox = full(face)
    face.operator().checkpoint()
    erase = partial(face.operator().erase, inbox.id, reason="asked to")
    told = proven(driven(store, _flow(inbox), {"entries_to_prove": erase}))
    assert (told.version, told.contexts) == (4, {})


def test_an_inbox_that_is_erased_meanwhile_is_not_found_by_its_owner(face: AnyFace, store: Store) -> None:
    """Although it was there when the call began."""
    inbox = full(face)
    erase = partial(face.operator().erase, inbox.id, reason="asked to")
    flow = prove(terms(), SIGNER, inbox_id=InboxId(inbox.id), owner_id=OWNER, openings=True)
    with pytest.raises(InboxNotFound):
        driven(store, flow, {"entries_to_prove": erase})


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_an_event_that_another_process_seals_is_waited_for(face: AnyFace, store: Store, database: TestDatabase) -> None:
    """Somebody else has the turn and is slow: the proof waits, and has the event when it comes."""
    inbox = led(face, "ana", 2)
    other = psycopg.connect(database.url)
    other.execute("select from inbox_lifecycle.inbox_feed_head for update")
    assert proven(driven(store, _flow(inbox), {"Sleep": other.close})).version == 2


#: What somebody who owns the tables does to an inbox of three events, all of them signed.
DAMAGES = {
    "another reason": "update {s}inbox_events set reason = 'forged' where version = 2",
    "nobody acted": "update {s}inbox_events set actor = null where version = 2",
    "another entry": "update {s}inbox_events set (entry, hash) ="
    " (select e.entry, e.hash from {s}inbox_events e where e.version = 1) where version = 2",
    "no position": "delete from {s}inbox_feed where version = 2",
    "no event": "delete from {s}inbox_events where version = 2",
    "another address": "update {s}inboxes set email_address = 'mallory@mail.example.com'",
    "another inbox's position": "update {s}inbox_feed set version = 7 where version = 2",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_history_that_was_damaged_gives_no_bundle(
    face: AnyFace, operator: AnyFace, database: TestDatabase, damage: str
) -> None:
    """Rather than one that does not hold; the error says how to find the place."""
    inbox = led(face, "ana", 3)
    operator.checkpoint()
    rewrite(database, damage)
    with pytest.raises(HistoryError, match="run `inbox-lifecycle verify`"):
        operator.prove(inbox.id)
    with pytest.raises((HistoryError, InboxNotFound)):
        face.prove(inbox.id, owner_id="owner")


def test_a_bundle_shows_nothing_personal_in_its_repr(face: AnyFace) -> None:
    """Nor does what it proves: both end up in logs."""
    inbox = full(face)
    bundle = face.prove(inbox.id, owner_id=OWNER)
    told: Any = proven(bundle)
    for value in (bundle, told):
        assert inbox.id in repr(value)
        assert not [word for word in ("ana@", "zoe", OWNER, "k-1", "quoted") if word in repr(value)]


def test_the_checkpoint_in_a_bundle_is_a_stored_one(face: AnyFace, operator: AnyFace) -> None:
    """So it can be held against the others."""
    bundle = operator.prove(led(face, "ana", 2).id)
    assert operator.checkpoints() == [bundle.checkpoint]
    assert open_checkpoint(bundle.checkpoint, SIGNER.verifier).size == 2
