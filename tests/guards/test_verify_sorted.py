"""Damages sorted by what it takes to find them; in this file those of the history, which verification finds alone.

Whoever owns the database can take the guards off, change what he likes, and put the guards on again. What he cannot do
is to find another text of the same hash, or to sign in the log's name. So a change is found by what it contradicts:

    found alone         something else in the same database: an entry contradicts its hash, its columns or the entry
                        before it, a row its events, a context its commitment, a position its event, a node of the
                        tree the positions, a checkpoint the tree (here, and `test_verify_sorted_feed.py`)
    only with an        nothing in the database, as everything in it was made to agree; only what was signed before and
    earlier checkpoint  is kept where he cannot reach (`test_verify_sorted_against.py`)
    not found           nothing that anybody kept, as it was not signed yet or is nothing that is signed
                        (`test_verify_sorted_unfound.py`)

`docs/auditing.md` tells the same in this order.
"""

from __future__ import annotations

import pytest

from inbox_lifecycle.codec import leaf_hash
from tests.support.forging import ACTIVE, WARMING, event_of, insert
from tests.support.signed import CROWD, LATE, Plant, Signed, Thefts, assert_refused_by_command, steal, verify_by_command
from tests.support.theft import Thief

ALONE = Thefts()


def _lie(thief: Thief, signed: Signed) -> bytes:
    """The entry of ana's third event, but for the status it reached."""
    entry = bytes(thief.event(signed.ana, 3, "entry"))
    lie = entry.replace(b'"to":{"status":"active"', b'"to":{"status":"banned"')
    assert lie != entry
    return lie


@ALONE.found("columns of ana 3", "hash of ana 3", "rule of ana 4")
def _entry_edited(thief: Thief, signed: Signed) -> None:
    thief.change_event(signed.ana, 3, "entry = ?", _lie(thief, signed))


@ALONE.found("chain of ana 4", "feed at 2 of ana 3", "rule of ana 4")
def _entry_and_its_hash_edited(thief: Thief, signed: Signed) -> None:
    lie = _lie(thief, signed)
    thief.change_event(signed.ana, 3, "entry = ?, hash = ?, status = 'banned'", lie, leaf_hash(lie))


@ALONE.found("chain of ana 4", "checkpoint 526", "checkpoint 6", "rule of ana 4", "tree at 0")
def _entry_and_every_copy_of_its_hash_edited(thief: Thief, signed: Signed) -> None:
    lie = _lie(thief, signed)
    thief.change_event(signed.ana, 3, "entry = ?, hash = ?, status = 'banned'", lie, leaf_hash(lie))
    thief.change_event(signed.ana, 4, "previous_hash = ?", leaf_hash(lie))
    thief.change_position(2, "leaf_hash = ?", leaf_hash(lie))


@ALONE.found("chain of ana 4", "feed at 2 of ana 3", "rule of ana 4", "version of ana 4")
def _event_deleted_in_the_middle(thief: Thief, signed: Signed) -> None:
    thief.run("delete from {s}inbox_events where inbox_id = ? and version = 3", signed.ana.id)


@ALONE.found("chain of ana 3", "columns of ana 3", "feed at 2 of ana 3", "feed at 3 of ana 4", "rule of ana 3")
def _event_deleted_and_the_next_one_renumbered(thief: Thief, signed: Signed) -> None:
    thief.run("delete from {s}inbox_events where inbox_id = ? and version = 3", signed.ana.id)
    thief.change_event(signed.ana, 4, "version = 3")
    thief.change_row(signed.ana, "version = 3")


@ALONE.found(
    "chain of ana 5",
    "columns of ana 5",
    "feed at 3 of ana 4",
    "feed of ana 5",
    "row of ana",
    "rule of ana 5",
    "time of ana 5",
)
def _event_inserted(thief: Thief, signed: Signed) -> None:
    thief.change_event(signed.ana, 4, "version = 5")
    third = bytes(thief.event(signed.ana, 3, "hash"))
    put_in = event_of(signed.ana, previous=third, left=ACTIVE, reached=WARMING, version=4)
    statement, values = insert("inbox_events", put_in)
    thief.run(statement, *values)


@ALONE.found("feed of ana 5", "row of ana")
def _event_added_beyond_the_row(thief: Thief, signed: Signed) -> None:
    added = event_of(signed.ana, previous=bytes(thief.event(signed.ana, 4, "hash")), reached=ACTIVE)
    statement, values = insert("inbox_events", added)
    thief.run(statement, *values)


@ALONE.found(
    "attempt of ana",
    "chain of ana 2",
    "chain of ana 3",
    "chain of ana 4",
    "columns of ana 2",
    "columns of ana 3",
    "feed at 1 of ana 2",
    "feed at 2 of ana 3",
    "rule of ana 2",
    "rule of ana 3",
    "rule of ana 4",
    "time of ana 3",
)
def _two_events_reordered(thief: Thief, signed: Signed) -> None:
    for version, becomes in ((2, 99), (3, 2), (99, 3)):
        thief.change_event(signed.ana, version, "version = ?", becomes)


@ALONE.found("columns of ana 5", "feed at 3 of ana 4", "feed of ana 5", "row of ana", "version of ana 5")
def _event_renumbered(thief: Thief, signed: Signed) -> None:
    thief.change_event(signed.ana, 4, "version = 5")


@ALONE.found(
    "attempt of ana",
    "chain of ana 2",
    "chain of ana 3",
    "chain of bea 2",
    "columns of ana 2",
    "columns of bea 2",
    "feed at 1 of ana 2",
    "feed at 5 of bea 2",
    "row of bea",
    "rule of ana 3",
    "time of ana 3",
    "time of bea 2",
)
def _events_of_two_inboxes_swapped(thief: Thief, signed: Signed) -> None:
    thief.change_event(signed.ana, 2, "version = 99")
    thief.change_event(signed.bea, 2, "inbox_id = ?", signed.ana.id)
    thief.change_event(signed.ana, 99, "inbox_id = ?, version = 2", signed.bea.id)


@ALONE.found("row of ana")
def _row_changed(thief: Thief, signed: Signed) -> None:
    thief.change_row(signed.ana, "status = 'active'")


@ALONE.found("row of ana")
def _row_set_back(thief: Thief, signed: Signed) -> None:
    third = bytes(thief.event(signed.ana, 3, "hash"))
    thief.change_row(signed.ana, "status = 'active', warmup_status = 'active', version = 3, head_hash = ?", third)


@ALONE.found("row of bea 1", "row of bea 2")
def _row_removed(thief: Thief, signed: Signed) -> None:
    thief.run("delete from {s}inboxes where id = ?", signed.bea.id)


@ALONE.found("feed at 4 of bea 1", "feed at 5 of bea 2")
def _inbox_removed(thief: Thief, signed: Signed) -> None:
    thief.run("delete from {s}inbox_events where inbox_id = ?", signed.bea.id)
    thief.run("delete from {s}inboxes where id = ?", signed.bea.id)


@ALONE.found("commitment of ana 3")
def _reason_forged(thief: Thief, signed: Signed) -> None:
    thief.change_event(signed.ana, 3, "reason = 'bribed'")


@ALONE.found("commitment of ana 4")
def _actor_removed(thief: Thief, signed: Signed) -> None:
    thief.change_event(signed.ana, 4, "actor = null")


@ALONE.found("commitment of ana 3")
def _key_of_a_context_changed(thief: Thief, signed: Signed) -> None:
    thief.change_event(signed.ana, 3, "context_key = ?", bytes(32))


@ALONE.found("commitment of ana 3")
def _context_blanked_without_an_erasure(thief: Thief, signed: Signed) -> None:
    columns = ("owner_id", "actor", "reason", "correlation_id", "causation_id", "idempotency_key", "context_key")
    thief.change_event(signed.ana, 3, ", ".join(f"{column} = null" for column in columns))


@ALONE.found("row of ana")
def _address_forged(thief: Thief, signed: Signed) -> None:
    thief.change_row(signed.ana, "email_address = 'mallory@mail.example.com'")


@ALONE.found("row of ana")
def _key_of_the_address_changed(thief: Thief, signed: Signed) -> None:
    thief.change_row(signed.ana, "address_key = ?", bytes(32))


@ALONE.found("row of ana")
def _inbox_given_to_another_owner(thief: Thief, signed: Signed) -> None:
    thief.change_row(signed.ana, "owner_id = 'mallory'")


@ALONE.found("attempt of ana")
def _attempt_that_moved_said_to_have_lost(thief: Thief, _signed: Signed) -> None:
    thief.run("update {s}inbox_attempts set outcome = 'lost'")


@pytest.mark.parametrize(("plant", "words"), ALONE.cases)
def test_a_damage_of_the_history_is_found_alone(
    signed: Signed, capsys: pytest.CaptureFixture[str], plant: Plant, words: set[str]
) -> None:
    """The database alone gives it away: each place is named, and the command ends with damage found."""
    steal(signed, plant)
    assert signed.found() == words
    assert_refused_by_command(signed, capsys)


def test_an_undamaged_history_is_clean(signed: Signed, capsys: pytest.CaptureFixture[str]) -> None:
    """A thief who takes the guards off and puts them on again, and nothing else, leaves nothing to be found."""
    steal(signed, lambda _thief, _signed: None)
    report = signed.verify(signed.early, signed.late, verifier=signed.signer.verifier)
    assert (report.findings, report.notices, report.clean) == ([], [], True)
    assert (report.inboxes, report.events, report.positions) == (2 + CROWD, LATE, LATE)
    assert (report.attempts, report.unsealed, report.checkpoints) == (2, 0, 2)
    assert verify_by_command(signed, capsys) == (0, True)
