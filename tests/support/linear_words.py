"""Short words for histories of one inbox, to be judged by hand."""

from __future__ import annotations

from typing import Any

from inbox_lifecycle.testing.linear import Answer, Call, Initial, Operation, Outcome, check
from tests.support.linear_brute import PENDING, WARMING, Words

ONE = "0197e9a4-8f4a-7c3e-9d6b-2f1c5a7e4b10"
OTHER = "0197e9a4-8f4a-7c3e-9d6b-2f1c5a7e4b11"
FRESH = Initial(PENDING, 1)


def moved(version: int, pair: Words) -> Answer:
    """The inbox moved."""
    return Answer(outcome=Outcome.MOVED, version=version, pair=pair)


def seen(version: int, pair: Words) -> Answer:
    """The inbox was read."""
    return Answer(outcome=Outcome.SEEN, version=version, pair=pair)


def refused(found: Words, *failed: str, **more: str) -> Answer:
    """A refusal that found this pair."""
    words = {"status": found[0], "warmup_status": found[1], **more}
    return Answer(outcome=Outcome.REFUSED, found=words, failed=failed)


SETTLED = Answer(outcome=Outcome.SETTLED)
CONFLICT = Answer(outcome=Outcome.CONFLICT)
KEY_REUSED = Answer(outcome=Outcome.KEY_REUSED)
NOT_FOUND = Answer(outcome=Outcome.NOT_FOUND)
NOT_ACCEPTED = Answer(outcome=Outcome.NOT_ACCEPTED)
UNKNOWN = Answer(outcome=Outcome.INDETERMINATE)
BOTH = ("status", "warmup_status")


def did(kind: str, called: int, answered: int | None = None, answer: Answer | None = None, **how: Any) -> Operation:
    """An operation on the one inbox."""
    inbox_id = None if kind == "reconcile" else how.pop("inbox_id", ONE)
    return Operation(
        call=Call(kind=kind, inbox_id=inbox_id, **how), called=called, answered=answered, answer=answer, process="p"
    )


def stands(*history: Operation, initial: Initial = FRESH) -> bool:
    """Whether the history can be explained."""
    return check(history, {ONE: initial}) == []


#: A retry that moved a fresh inbox, between 0 and 5.
RETRIED = did("retry", 0, 5, moved(2, WARMING))
