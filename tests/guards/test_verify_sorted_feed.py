"""Damages that verification finds alone, continued: those of the feed, the queue, the tree and the checkpoints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inbox_lifecycle.audit.checkpoints import Checkpoint
from inbox_lifecycle.audit.notes import Signer
from tests.support.signed import EARLY, LATE, Plant, Signed, Thefts, assert_refused_by_command, steal
from tests.support.theft import Thief

ALONE = Thefts()


@ALONE.found("checkpoint 526", "checkpoint 6", "feed at 4 of bea 1", "feed of ana 4")
def _position_removed(thief: Thief, _signed: Signed) -> None:
    thief.run("delete from {s}inbox_feed where position = 3")


@ALONE.found("checkpoint 526", "checkpoint 6", "feed of ana 4", "tree at 0", "tree at 256")
def _position_removed_and_the_later_ones_moved_up(thief: Thief, _signed: Signed) -> None:
    thief.run("delete from {s}inbox_feed where position = 3")
    for position in range(4, LATE):
        thief.change_position(position, "position = ?", position - 1)
    thief.set_head()


@ALONE.found("checkpoint 526", "feed of another 2")
def _event_removed_from_the_end_of_the_feed(thief: Thief, _signed: Signed) -> None:
    thief.run("delete from {s}inbox_feed where position = ?", LATE - 1)
    thief.set_head()


@ALONE.found("checkpoint 526", "feed at 536 of another 2")
def _position_far_beyond(thief: Thief, _signed: Signed) -> None:
    thief.change_position(LATE - 1, "position = ?", LATE + 10)
    thief.set_head()


@ALONE.found("checkpoint 526", "checkpoint 6", "feed at -1 of ana 99")
def _position_before_the_first(thief: Thief, signed: Signed) -> None:
    thief.run(
        "insert into {s}inbox_feed (position, inbox_id, version, leaf_hash) values (-1, ?, 99, ?)",
        signed.ana.id,
        bytes(32),
    )


@ALONE.found("checkpoint 526", "checkpoint 6", "tree at 0")
def _positions_of_two_inboxes_swapped(thief: Thief, _signed: Signed) -> None:
    thief.swap_positions(3, 4)


@ALONE.found("feed at 1 of ana 3")
def _inbox_shown_backwards(thief: Thief, _signed: Signed) -> None:
    thief.swap_positions(1, 2)
    thief.replant()
    thief.forget_checkpoints()


@ALONE.found("feed at 3 of ana 9", "feed of ana 4")
def _position_pointed_at_another_event(thief: Thief, _signed: Signed) -> None:
    thief.change_position(3, "version = 9")


@ALONE.found("checkpoint 526", "checkpoint 6", "feed at 4 of bea 1", "tree at 0")
def _leaf_hash_changed(thief: Thief, _signed: Signed) -> None:
    thief.change_position(4, "leaf_hash = ?", bytes(32))


@ALONE.found("checkpoint 526", "checkpoint 6", "feed at 4 of bea 1")
def _leaf_hash_cut_short(thief: Thief, _signed: Signed) -> None:
    thief.change_position(4, "leaf_hash = ?", b"short")


@ALONE.found("feed at 4 of bea 1")
def _leaf_hash_and_tree_changed(thief: Thief, _signed: Signed) -> None:
    thief.change_position(4, "leaf_hash = ?", bytes(32))
    thief.replant()
    thief.forget_checkpoints()


@ALONE.found("queue of ana 9")
def _queue_row_that_is_no_event(thief: Thief, signed: Signed) -> None:
    thief.run("insert into {s}inbox_feed_queue (inbox_id, version, hash) values (?, 9, ?)", signed.ana.id, bytes(32))


@ALONE.found("queue of bea 2")
def _queue_row_with_another_hash(thief: Thief, signed: Signed) -> None:
    thief.cut_off(EARLY)
    thief.forget_checkpoints()
    thief.run("delete from {s}inbox_feed where position = 5")
    thief.set_head()
    thief.run("insert into {s}inbox_feed_queue (inbox_id, version, hash) values (?, 2, ?)", signed.bea.id, bytes(32))


@ALONE.found("queue of bea 2")
def _queue_row_of_an_event_that_has_its_position(thief: Thief, _signed: Signed) -> None:
    thief.run(
        "insert into {s}inbox_feed_queue (inbox_id, version, hash)"
        " select inbox_id, version, leaf_hash from {s}inbox_feed where position = 5"
    )


@ALONE.found("tree at 256")
def _tree_node_changed(thief: Thief, _signed: Signed) -> None:
    thief.run("update {s}inbox_tree_nodes set hash = ? where number = 1", bytes(32))


@ALONE.found("tree at 0")
def _tree_node_removed(thief: Thief, _signed: Signed) -> None:
    thief.run("delete from {s}inbox_tree_nodes where number = 0")


@ALONE.found("tree at 512")
def _tree_node_added_beyond(thief: Thief, _signed: Signed) -> None:
    thief.run("insert into {s}inbox_tree_nodes (level, number, hash) values (1, 2, ?)", bytes(32))


@ALONE.found("tree at 0")
def _tree_node_added_above(thief: Thief, _signed: Signed) -> None:
    thief.run("insert into {s}inbox_tree_nodes (level, number, hash) values (2, 0, ?)", bytes(32))


@ALONE.found("tree")
def _tree_node_of_no_level(thief: Thief, _signed: Signed) -> None:
    thief.run("insert into {s}inbox_tree_nodes (level, number, hash) values (6, 0, ?)", bytes(32))


@ALONE.found("checkpoint 6")
def _checkpoint_given_another_root(thief: Thief, _signed: Signed) -> None:
    thief.run("update {s}inbox_checkpoints set root = ? where size = 6", bytes(32))


@ALONE.found("checkpoint 7")
def _checkpoint_given_another_size(thief: Thief, _signed: Signed) -> None:
    thief.run("update {s}inbox_checkpoints set size = 7 where size = 6")


@ALONE.found("checkpoint 0")
def _checkpoint_given_size_0(thief: Thief, _signed: Signed) -> None:
    thief.run("update {s}inbox_checkpoints set size = 0 where size = 6")


@ALONE.found("checkpoint 6")
def _checkpoint_given_another_origin(thief: Thief, _signed: Signed) -> None:
    thief.run("update {s}inbox_checkpoints set origin = 'example.com/other' where size = 6")


@ALONE.found("checkpoint 6")
def _checkpoint_given_another_note(thief: Thief, _signed: Signed) -> None:
    thief.run("update {s}inbox_checkpoints set note = 'nothing' where size = 6")


def _put_checkpoint(thief: Thief, signed: Signed, size: int, root: bytes) -> None:
    forged = Checkpoint(signed.signer.name, size, root)
    note = Signer.generate(signed.signer.name).sign(forged.body())
    thief.run("delete from {s}inbox_checkpoints where size = ?", size)
    thief.run(
        "insert into {s}inbox_checkpoints (origin, size, root, note, signed_at) values (?, ?, ?, ?, ?)",
        forged.origin,
        size,
        root,
        note,
        "2026-01-01T00:00:00.000000Z",
    )


@ALONE.found("checkpoint 6")
def _checkpoint_with_a_false_root(thief: Thief, signed: Signed) -> None:
    _put_checkpoint(thief, signed, 6, bytes(32))


@ALONE.found("checkpoint 527")
def _checkpoint_of_more_positions_than_there_are(thief: Thief, signed: Signed) -> None:
    _put_checkpoint(thief, signed, LATE + 1, bytes(32))


@ALONE.found("checkpoint 9223372036854775807")
def _checkpoint_larger_than_any(thief: Thief, signed: Signed) -> None:
    _put_checkpoint(thief, signed, 2**63 - 1, bytes(32))


@pytest.mark.parametrize(("plant", "words"), ALONE.cases)
def test_a_damage_of_the_feed_is_found_alone(
    signed: Signed, capsys: pytest.CaptureFixture[str], plant: Plant, words: set[str]
) -> None:
    """The database alone gives it away: each place is named, and the command ends with damage found."""
    steal(signed, plant)
    assert signed.found() == words
    assert_refused_by_command(signed, capsys)


ON_POSTGRESQL = pytest.mark.parametrize("signed_once", ["postgresql"], indirect=True)
ON_SQLITE = pytest.mark.parametrize("signed_once", ["sqlite"], indirect=True)


@ON_POSTGRESQL
@pytest.mark.parametrize(
    "change", ["update {s}inbox_feed_head set next_position = 9", "delete from {s}inbox_feed_head"]
)
def test_a_changed_head_of_the_feed_is_found_alone(signed: Signed, change: str) -> None:
    """On PostgreSQL a row says which position is the next; without it, or with another, nothing could be sealed."""
    steal(signed, lambda thief, _signed: thief.run(change))
    assert signed.found() == {f"feed at {LATE}"}


@ON_SQLITE
def test_text_in_columns_of_hashes_is_found_alone(signed: Signed) -> None:
    """SQLite keeps a text wherever it is put; verification reads on."""

    def put_text(thief: Thief, _signed: Signed) -> None:
        thief.change_position(4, "leaf_hash = 'text'")
        thief.run("update {s}inbox_tree_nodes set hash = 'text' where number = 1")
        thief.run("update {s}inbox_checkpoints set root = 'text', note = x'00' where size = 6")

    steal(signed, put_text)
    assert signed.found() == {"feed at 4 of bea 1", "checkpoint 6", "checkpoint 526"}


@ON_SQLITE
def test_text_in_columns_of_versions_is_found_alone(signed: Signed) -> None:
    """It sorts behind every number, and is named as the last there can be."""

    def put_text(thief: Thief, signed: Signed) -> None:
        thief.change_event(signed.ana, 4, "version = 'text'")
        thief.change_position(5, "version = 'text'")

    steal(signed, put_text)
    last = 2**31 - 1
    about_ana = {f"{kind} of ana {last}" for kind in ("version", "columns", "feed")} | {"row of ana"}
    assert signed.found() == about_ana | {"feed at 3 of ana 4", f"feed at 5 of bea {last}", "feed of bea 2"}


def test_a_checkpoint_signed_by_another_is_found_with_the_public_key(signed: Signed) -> None:
    """Of a true size and root; only who has the log's key sees that it did not sign."""
    steal(signed, lambda thief, its: _put_checkpoint(thief, its, EARLY, its.early.root))
    assert signed.found() == set()
    assert signed.found(verifier=signed.signer.verifier) == {"checkpoint 6"}


def test_a_missing_last_node_is_no_damage_and_is_stored_again(signed: Signed) -> None:
    """A sealer that is killed leaves the same: the next one makes it, from positions that the tree is held against."""
    steal(signed, lambda thief, _signed: thief.run("delete from {s}inbox_tree_nodes where number = 1"))
    assert signed.found() == set()
    signed.live_on("new")
    signed.sign()
    assert signed.database.count("inbox_tree_nodes") == 2
    assert signed.found(signed.early, signed.late) == set()


def test_logs_of_any_name_are_clean(signed: Signed) -> None:
    """Checkpoints of one size stand side by side, whatever comes first where their origins are sorted."""
    for name in ("\U0010ffff/log", "!"):
        replace(signed, signer=Signer.generate(name)).sign()
    report = signed.verify(signed.early, signed.late)
    assert (report.findings, report.checkpoints) == ([], 4)
