"""Damages that nothing gives away: what no kept checkpoint ever covered, and what stands beside the signed history.

The tail of the history is open to whoever owns the database until it is sealed, signed, and the checkpoint kept
elsewhere. How long that tail is, verification tells: events without a position, and positions after the checkpoint.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from inbox_lifecycle.audit.checkpoints import Checkpoint
from inbox_lifecycle.audit.verify import Verification
from tests.support.signed import LATE, Copies, Plant, Signed, Thefts, steal
from tests.support.theft import Thief

#: Events of the tail: some have their positions, some wait for them.
SEALED, WAITING = 2, 3

TAILS, BESIDE = Thefts(), Thefts()


def _with_tail(signed: Signed) -> Signed:
    """Events after the last checkpoint; the last inbox that has a position is called ana."""
    sealed = signed.live_on("sealed", SEALED)
    with signed.operator() as operator:
        assert operator.seal().size == LATE + SEALED
    signed.live_on("waiting", WAITING)
    return replace(signed, ana=sealed[-1])


def _verified(signed: Signed, *more: Checkpoint) -> Verification:
    """The verification of an auditor who has everything: checkpoints, kept and stored, and the public key."""
    return signed.verify(signed.early, signed.late, *more, verifier=signed.signer.verifier)


def _uncovered(signed: Signed) -> tuple[int, int]:
    """Positions that the last checkpoint does not cover, and events without one."""
    report = _verified(signed)
    assert report.clean
    return report.positions - signed.late.size, report.unsealed


@TAILS.found(f"checkpoint {LATE + SEALED + WAITING}")
def _waiting_events_removed(thief: Thief, _signed: Signed) -> None:
    thief.cut_off(LATE + SEALED)


@TAILS.found(f"checkpoint {LATE + SEALED + WAITING}")
def _everything_after_the_checkpoint_removed(thief: Thief, _signed: Signed) -> None:
    thief.cut_off(LATE)


@TAILS.found(f"checkpoint {LATE + SEALED + WAITING}")
def _event_after_the_checkpoint_given_another_actor(thief: Thief, signed: Signed) -> None:
    thief.give_context(signed.ana, 1, actor="mallory", reason="as agreed")


@pytest.mark.parametrize(("plant", "words"), TAILS.cases)
def test_what_no_checkpoint_covers_is_changed_unseen(
    signed: Signed, copies: Copies, plant: Plant, words: set[str]
) -> None:
    """Not even an earlier checkpoint tells; one of the whole tail would have. How long the tail is, the report says."""
    tailed = _with_tail(signed)
    assert _uncovered(tailed) == (SEALED, WAITING)
    covered = copies.of(tailed)
    steal(tailed, plant)
    assert _verified(tailed).findings == []
    assert tailed.sign().size in (LATE, LATE + SEALED, LATE + SEALED + WAITING)
    kept = covered.sign()
    steal(covered, plant)
    steal(covered, lambda thief, _signed: thief.forget_checkpoints(after=LATE))
    assert covered.found() == set()
    assert covered.found(kept) == words


def test_a_signed_history_without_a_tail_is_covered_whole(signed: Signed) -> None:
    """No position after the checkpoint, and no event without one."""
    assert _uncovered(signed) == (0, 0)


@BESIDE.found()
def _attempt_that_moved_nothing_removed(thief: Thief, _signed: Signed) -> None:
    thief.run("delete from {s}inbox_attempts where outcome = 'refused'")


@BESIDE.found()
def _attempt_that_moved_nothing_changed(thief: Thief, _signed: Signed) -> None:
    thief.run("update {s}inbox_attempts set outcome = 'rejected', actor = 'mallory' where outcome = 'refused'")


@BESIDE.found()
def _providers_reference_changed(thief: Thief, signed: Signed) -> None:
    thief.change_row(signed.ana, "provider_ref = 'another'")


@BESIDE.found()
def _status_of_a_domain_changed(thief: Thief, _signed: Signed) -> None:
    thief.run("update {s}email_domains set status = 'verified'")


@BESIDE.found()
def _who_erased_and_why_blanked(thief: Thief, signed: Signed) -> None:
    columns = ("owner_id", "actor", "reason", "context_key")
    thief.change_event(signed.bea, signed.bea.version + 1, ", ".join(f"{column} = null" for column in columns))


@BESIDE.found()
def _stored_checkpoint_removed(thief: Thief, _signed: Signed) -> None:
    thief.run("delete from {s}inbox_checkpoints where size = ?", LATE)


@pytest.mark.parametrize(("plant", "words"), BESIDE.cases)
def test_what_is_beside_the_signed_history_is_changed_unseen(signed: Signed, plant: Plant, words: set[str]) -> None:
    """Nothing that is signed holds it; a removed checkpoint still speaks where it was kept."""
    with signed.operator() as operator:
        operator.erase(signed.bea.id, reason="asked to")
    kept = signed.sign()
    before = signed.contents()
    steal(signed, plant)
    assert signed.contents() != before
    assert {signed.words(finding) for finding in _verified(signed, kept).findings} == words
