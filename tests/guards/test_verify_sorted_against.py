"""Damages that only an earlier checkpoint gives away, as everything in the database was made to agree.

A thief of the database has every hash and no key. He can write the history anew from any event on, or cut it off, and
remove what was signed of it; or he puts back an old backup, or lets two copies go on. Nothing in the database tells.
A checkpoint of then, kept where he cannot reach, does: his tree does not extend it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from inbox_lifecycle import TreeInconsistent
from inbox_lifecycle.audit.checkpoints import Checkpoint, sign_checkpoint
from tests.support.signed import LATE, Copies, Plant, Signed, Thefts, steal, verify_by_command
from tests.support.theft import Thief

#: What is found with the checkpoint of size `LATE`, and with that of size `EARLY` where it covers what was damaged.
AGREEING = Thefts()


@AGREEING.found("checkpoint 6", "checkpoint 526")
def _event_given_another_actor_and_reason(thief: Thief, signed: Signed) -> None:
    thief.give_context(signed.ana, 3, actor="mallory", reason="as agreed")


@AGREEING.found("checkpoint 6", "checkpoint 526")
def _event_forgotten(thief: Thief, signed: Signed) -> None:
    thief.forget(signed.ana, 3)


@AGREEING.found("checkpoint 526")
def _end_cut_off(thief: Thief, _signed: Signed) -> None:
    thief.cut_off(LATE - 3)


@AGREEING.found("checkpoint 6", "checkpoint 526")
def _all_cut_off(thief: Thief, _signed: Signed) -> None:
    thief.cut_off(0)


def assert_not_signed(signed: Signed, *against: Checkpoint) -> None:
    """No checkpoint is signed."""
    before = signed.database.count("inbox_checkpoints")
    with signed.operator() as operator, pytest.raises(TreeInconsistent):
        operator.checkpoint(against=against)
    assert signed.database.count("inbox_checkpoints") == before


@pytest.mark.parametrize(("plant", "words"), AGREEING.cases)
def test_what_was_made_to_agree_is_found_with_an_earlier_checkpoint_only(
    signed: Signed, plant: Plant, words: set[str]
) -> None:
    """Clean by itself; found by whoever has kept a checkpoint that covers it, and never signed against that one."""
    steal(signed, plant)
    steal(signed, lambda thief, _signed: thief.forget_checkpoints())
    assert signed.found() == set()
    assert signed.found(signed.early) == words - {"checkpoint 526"}
    assert signed.found(signed.early, signed.late) == words
    assert_not_signed(signed, signed.late)


@pytest.mark.parametrize(("plant", "words"), AGREEING.cases)
def test_what_was_made_to_agree_is_found_as_long_as_the_stored_checkpoints_stand(
    signed: Signed, plant: Plant, words: set[str]
) -> None:
    """They are as good as kept ones while nobody has removed them: nothing more is signed, either."""
    steal(signed, plant)
    assert signed.found() == words
    assert_not_signed(signed)


def test_the_command_finds_it_with_the_note_and_the_key_in_files(
    signed: Signed, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Clean without, damaged with them, by the exit code."""
    steal(signed, lambda thief, _signed: thief.cut_off(LATE - 1))
    steal(signed, lambda thief, _signed: thief.forget_checkpoints())
    (tmp_path / "kept.note").write_text(sign_checkpoint(signed.late, signed.signer), encoding="utf-8")
    (tmp_path / "log.pub").write_text(signed.signer.verifier.text, encoding="utf-8")
    files = ("--checkpoint", str(tmp_path / "kept.note"), "--key", str(tmp_path / "log.pub"))
    assert verify_by_command(signed, capsys) == (0, True)
    assert verify_by_command(signed, capsys, *files) == (1, False)


def test_a_restored_backup_is_found_with_a_checkpoint_signed_after_it(signed: Signed, copies: Copies) -> None:
    """However long it goes on afterwards; checkpoints from before the backup are still true of it."""
    backup = copies.of(signed)
    signed.live_on("lost", 3)
    kept = signed.sign()
    assert signed.found(signed.late, kept) == set()
    assert (backup.found(), backup.found(signed.late)) == (set(), set())
    assert backup.found(kept) == {f"checkpoint {LATE + 3}"}
    assert_not_signed(backup, kept)
    backup.live_on("later", 5)
    # Whoever signs without the kept one has signed two histories.
    backup.sign()
    assert (backup.found(), backup.found(signed.late)) == (set(), set())
    assert backup.found(kept) == {f"checkpoint {LATE + 3}"}
    assert_not_signed(backup, kept)


def test_two_copies_that_went_on_apart_are_found_by_each_others_checkpoints(signed: Signed, copies: Copies) -> None:
    """Each is whole, and each signs; the two checkpoints cannot both be of one log."""
    fork = copies.of(signed)
    signed.live_on("ours", 2)
    fork.live_on("theirs", 2)
    ours, theirs = signed.sign(), fork.sign()
    assert (ours.size, ours.root != theirs.root) == (theirs.size, True)
    assert (signed.found(ours), fork.found(theirs)) == (set(), set())
    assert signed.found(theirs) == fork.found(ours) == {f"checkpoint {LATE + 2}"}
    assert_not_signed(signed, theirs)
    assert_not_signed(fork, ours)
