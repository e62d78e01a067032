"""Checkpoints: each extends those before it, none is signed of a history that does not, and what was signed stays."""

from __future__ import annotations

from base64 import b64encode
from functools import partial

import pytest

from inbox_lifecycle import (
    Checkpoint,
    InvalidInput,
    NoteInvalid,
    Signer,
    TreeInconsistent,
    open_checkpoint,
)
from inbox_lifecycle.audit import merkle
from inbox_lifecycle.audit.signing import PAGE
from inbox_lifecycle.store.proving import SignedSize, StoreCheckpoint
from tests.fix_face import MakeFace
from tests.support.contract import UNKNOWN_ID
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace
from tests.support.feeding import OWNER, lead_on, led, sealed
from tests.support.noting import LOG, OTHER_KEY, OTHER_WITNESS, STRANGER, WITNESS, Hand
from tests.support.rewriting import rewrite
from tests.support.steps import NOW
from tests.support.store import Store

pytestmark = pytest.mark.pairwise


def signer_of(hand: Hand) -> Signer:
    """The library's signer of a hand."""
    return Signer.from_text(hand.signer_text)


@pytest.fixture
def face(make: MakeFace) -> AnyFace:
    """A facade that signs."""
    return make(signer=signer_of(LOG))


@pytest.fixture
def operator(face: AnyFace) -> AnyFace:
    """An operator who signs."""
    return face.operator()


def opened(note: str, hand: Hand = LOG) -> Checkpoint:
    """The checkpoint in a note, by a log's public key."""
    return open_checkpoint(note, signer_of(hand).verifier)


def leaves(database: TestDatabase) -> list[bytes]:
    """The leaves of the tree, by raw SQL."""
    return [bytes(row[0]) for row in database.execute("select leaf_hash from {s}inbox_feed order by position")]


def test_a_checkpoint_is_the_signed_root_over_every_event(
    face: AnyFace, operator: AnyFace, database: TestDatabase
) -> None:
    """It seals what waits, and its size and root are those of the tree over all of it."""
    led(face, "ana", 3)
    led(face, "bea", 2)
    signed = operator.checkpoint()
    assert len(sealed(database)) == signed.size == 5
    assert opened(signed.note) == signed.checkpoint == Checkpoint(LOG.name, 5, merkle.root(leaves(database)))
    assert signed.note == LOG.note(f"{LOG.name}\n5\n{b64encode(signed.checkpoint.root).decode()}\n")


def test_each_checkpoint_extends_the_one_before_it(face: AnyFace, operator: AnyFace, database: TestDatabase) -> None:
    """As anybody can check with a consistency proof from one to the next."""
    inbox = led(face, "ana")
    checkpoints = [operator.checkpoint().checkpoint]
    for events in (1, 2, 5):
        inbox = lead_on(face, inbox, events)
        checkpoints.append(operator.checkpoint().checkpoint)
    assert [checkpoint.size for checkpoint in checkpoints] == [1, 2, 4, 9]
    known = leaves(database)
    for first in checkpoints:
        for later in checkpoints[checkpoints.index(first) :]:
            proof = merkle.consistency_proof(known[: later.size], first.size)
            merkle.verify_consistency(first.size, later.size, first.root, later.root, proof)


def test_a_history_that_did_not_grow_has_the_same_note(
    face: AnyFace, operator: AnyFace, database: TestDatabase
) -> None:
    """And it is stored once."""
    led(face, "ana", 2)
    first = operator.checkpoint()
    assert operator.checkpoint() == first == face.operator("zoe").checkpoint()
    assert operator.checkpoints() == [first.note]
    assert database.count("inbox_checkpoints") == 1


def test_stored_checkpoints_come_from_the_smallest_to_the_largest(face: AnyFace, operator: AnyFace) -> None:
    """Each as it was signed."""
    assert operator.checkpoints() == []
    inbox = led(face, "ana")
    notes = []
    for _ in range(3):
        notes.append(operator.checkpoint().note)
        inbox = lead_on(face, inbox)
    assert operator.checkpoints() == notes


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_stored_checkpoints_of_more_than_a_page_come_whole(operator: AnyFace, store: Store, beyond: int) -> None:
    """Two logs have signed as many sizes each, so that a page ends between two of one size as well."""
    count = PAGE + beyond
    for size in range(1, count // 2 + 1):
        for origin in ("b", "a"):
            signed = SignedSize(size, bytes(32), f"{size} of {origin}")
            store.run(StoreCheckpoint(origin=origin, signed=signed, now=NOW))
    expected = [f"{size} of {origin}" for size in range(1, count // 2 + 1) for origin in ("a", "b")]
    assert operator.checkpoints() == expected


@pytest.mark.parametrize("change", ["update {s}inbox_checkpoints set note = 'x'", "delete from {s}inbox_checkpoints"])
def test_what_was_signed_cannot_be_changed(
    face: AnyFace, operator: AnyFace, database: TestDatabase, change: str
) -> None:
    """The database refuses."""
    led(face, "ana")
    note = operator.checkpoint().note
    with pytest.raises(Exception, match=r"append.only"):
        database.execute(change)
    assert operator.checkpoints() == [note]


def test_a_new_key_of_the_same_name_signs_on(make: MakeFace, face: AnyFace, operator: AnyFace) -> None:
    """What the old key signed stays, and says the same under the old key alone."""
    inbox = led(face, "ana")
    old = operator.checkpoint()
    rotated = make(signer=signer_of(OTHER_KEY)).operator()
    again = rotated.checkpoint()
    assert opened(again.note, OTHER_KEY) == opened(old.note) == old.checkpoint
    lead_on(face, inbox)
    new = rotated.checkpoint(against=[old.checkpoint])
    assert (new.size, opened(new.note, OTHER_KEY)) == (2, new.checkpoint)
    assert rotated.checkpoints() == [old.note, new.note]
    with pytest.raises(NoteInvalid):
        opened(new.note)
    with pytest.raises(NoteInvalid):
        opened(old.note, OTHER_KEY)


def test_logs_of_two_names_sign_for_themselves(make: MakeFace, face: AnyFace, operator: AnyFace) -> None:
    """Each has its own last checkpoint."""
    inbox = led(face, "ana")
    first = operator.checkpoint()
    lead_on(face, inbox)
    stranger = make(signer=signer_of(STRANGER)).operator()
    assert opened(stranger.checkpoint().note, STRANGER).origin == STRANGER.name
    second = operator.checkpoint()
    assert operator.checkpoints() == [first.note, *sorted([second.note, stranger.checkpoint().note])]


def test_without_a_key_nothing_is_signed(make: MakeFace) -> None:
    """The error says how to pass one."""
    bare = make()
    inbox = led(bare, "ana")
    for call in (
        bare.operator().checkpoint,
        partial(bare.operator().prove, inbox.id),
        partial(bare.prove, inbox.id, owner_id=OWNER),
        partial(bare.prove, UNKNOWN_ID, owner_id=OWNER),
    ):
        with pytest.raises(InvalidInput, match="signer="):
            call()
    assert bare.operator().checkpoints() == []


def test_a_history_without_events_is_not_signed(operator: AnyFace) -> None:
    """There is nothing to say of it, and nothing follows from it later."""
    with pytest.raises(InvalidInput, match="no event yet"):
        operator.checkpoint()
    assert operator.checkpoints() == []


def test_checkpoints_kept_elsewhere_are_extended_too(face: AnyFace, operator: AnyFace) -> None:
    """Older ones, the same, and that of a tree without entries."""
    inbox = led(face, "ana")
    kept = [operator.checkpoint().checkpoint]
    for _ in range(3):
        inbox = lead_on(face, inbox)
        kept.append(operator.checkpoint(against=kept).checkpoint)
    nothing = Checkpoint(LOG.name, 0, merkle.EMPTY_ROOT)
    assert operator.checkpoint(against=[nothing, *reversed(kept)]).checkpoint == kept[-1]


def test_a_checkpoint_of_another_log_is_refused_as_one_to_extend(face: AnyFace, operator: AnyFace) -> None:
    """Before anything is done."""
    led(face, "ana")
    with pytest.raises(InvalidInput, match="another log"):
        operator.checkpoint(against=[Checkpoint(STRANGER.name, 1, bytes(32))])
    assert operator.checkpoints() == []


@pytest.mark.parametrize("size", [1, 2, 3, 4, 2**62])
def test_a_history_that_a_checkpoint_kept_elsewhere_does_not_know_is_not_signed(
    face: AnyFace, operator: AnyFace, size: int
) -> None:
    """Of another root, or longer than all there is: nothing is signed, and the error says of which size."""
    led(face, "ana", 3)
    with pytest.raises(TreeInconsistent, match="sign nothing") as refused:
        operator.checkpoint(against=[Checkpoint(LOG.name, size, bytes(32))])
    assert refused.value.size == size
    assert operator.checkpoints() == []


def test_cosigned_notes_are_taken_as_they_are(face: AnyFace, operator: AnyFace) -> None:
    """Signatures of witnesses on a note change nothing of what the log said: for signing on, and for verifying."""
    inbox = led(face, "ana", 2)
    note = operator.checkpoint().note
    text = note.rpartition("\n\n")[0] + "\n"
    cosigned = note + "".join(one.line(one.cosigned(text, 1_700_000_000)) for one in (WITNESS, OTHER_WITNESS))
    kept = opened(cosigned)
    assert kept == opened(note)
    lead_on(face, inbox)
    assert operator.checkpoint(against=[kept]).size == 3
    assert operator.verify(against=[kept], verifier=signer_of(LOG).verifier).clean


#: What somebody who owns the tables does to a history of three events, of which a checkpoint was signed.
REWRITTEN = ("update {s}inbox_feed set leaf_hash = (select leaf_hash from {s}inbox_feed limit 1) where position > 0",)
SHORTENED = ("delete from {s}inbox_feed where position = 2",)
EMPTIED = ("delete from {s}inbox_feed",)
HEAD_BACK = "update {s}inbox_feed_head set next_position = (select count(*) from {s}inbox_feed)"


@pytest.mark.parametrize("damage", [REWRITTEN, SHORTENED, EMPTIED], ids=["rewritten", "shortened", "emptied"])
def test_a_feed_that_was_damaged_is_not_signed(
    face: AnyFace, operator: AnyFace, database: TestDatabase, damage: tuple[str, ...]
) -> None:
    """The stored checkpoint shows it, and no proof is signed of it either."""
    inbox = led(face, "ana", 3)
    note = operator.checkpoint().note
    rewrite(database, *damage, *([HEAD_BACK] if database.kind == "postgresql" else []))
    for call in (operator.checkpoint, partial(operator.prove, led(face, "bea").id)):
        with pytest.raises(TreeInconsistent) as refused:
            call()
        assert refused.value.size == 3
    lead_on(face, inbox)
    with pytest.raises(TreeInconsistent):
        operator.checkpoint()
    assert operator.checkpoints() == [note]


#: A database put back to when it had one event, as if from a backup: everything is as it was then.
RESTORED = (
    "delete from {s}inbox_checkpoints where size > 1",
    "delete from {s}inbox_feed where position > 0",
    "delete from {s}inbox_events where version > 1",
)


def test_an_old_backup_is_shown_by_a_checkpoint_kept_elsewhere(
    face: AnyFace, operator: AnyFace, database: TestDatabase
) -> None:
    """From the database alone nothing can be seen, and it would be signed; the kept note says it was longer."""
    inbox = led(face, "ana")
    operator.checkpoint()
    lead_on(face, inbox, 3)
    kept = opened(operator.checkpoint().note)
    row = "update {s}inboxes set version = 1, status = 'pending', warmup_status = 'not_started'"
    rewrite(database, *RESTORED, row, *([HEAD_BACK] if database.kind == "postgresql" else []))
    with pytest.raises(TreeInconsistent, match="1 positions only") as refused:
        operator.checkpoint(against=[kept])
    assert refused.value.size == 4
    assert operator.checkpoint().size == 1
    led(face, "bea", 4)
    with pytest.raises(TreeInconsistent, match="others"):
        operator.checkpoint(against=[kept])


def test_an_older_note_in_place_of_the_last_one_is_not_given_out(
    face: AnyFace, operator: AnyFace, database: TestDatabase
) -> None:
    """Our own key signed it, and it says something else than its row."""
    inbox = led(face, "ana")
    old = operator.checkpoint().note
    lead_on(face, inbox)
    new = operator.checkpoint()
    rewrite(database, ("update {s}inbox_checkpoints set note = ? where size = 2", (old,)))
    assert operator.checkpoint() == new
    assert operator.prove(inbox.id).checkpoint == new.note
