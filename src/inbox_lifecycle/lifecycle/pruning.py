"""Pruning: attempts that are over and done with are deleted after a while, a page at a time."""

from __future__ import annotations

from datetime import datetime

from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.store.erasing import BlankLateAttempts, DropOrphanedDomains, Mark, PrunableUntil, PruneAttempts
from inbox_lifecycle.store.faults import ConstraintViolated
from inbox_lifecycle.store.looks import FIRST_ID

#: Attempts deleted by one statement.
PAGE = 1000
#: Before all attempts.
BEGINNING: Mark = (FIRST_ID, FIRST_ID)


def prune_page(*, before: datetime, after: Mark) -> Flow[tuple[int, Mark | None]]:
    """Delete the next attempts closed before a time: how many, and where the next page begins (None at the end).

    Open ones stay, and so do those that are marked to disable, or whose call may be alive. What erasures left behind is
    taken away on the way.
    """
    if after == BEGINNING:
        yield from _finish_erasures()
    until = yield from again(PrunableUntil(before=before, after=after, limit=PAGE))
    if until is None:
        return 0, None
    return (yield from again(PruneAttempts(before=before, after=after, until=until))), until


def _finish_erasures() -> Flow[None]:
    """Blank what calls wrote that could not see an erasure, and drop domains that nobody has."""
    yield from again(BlankLateAttempts())
    try:
        yield from again(DropOrphanedDomains())
    except ConstraintViolated:
        # Somebody took one of them just now; the others go the next time.
        return
