"""Sealing and reading the feed: events get their positions after they were committed, and pages never skip one."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from inbox_lifecycle.audit.tree import grow
from inbox_lifecycle.errors import StoreMisconfigured, StoreUnavailable
from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.records import FeedPage
from inbox_lifecycle.store import feed as statements

logger = logging.getLogger("inbox_lifecycle")

#: Events per round of sealing; a round is one statement, and the queue's writers do not wait for it.
BATCH = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What sealing did."""

    #: Events that got their positions.
    events: int
    #: Positions given so far: the size of the tree.
    size: int
    #: Events that still wait, as somebody else is at sealing, or as they came meanwhile.
    unsealed: int

    def as_dict(self) -> dict[str, int]:
        """The numbers, JSON-ready."""
        return {"events": self.events, "size": self.size, "unsealed": self.unsealed}


def seal(*, limit: int | None = None) -> Flow[Sealed]:
    """Give positions to the events that wait, at most `limit` or a few more, and store what completes in the tree."""
    fed, extent = yield from _advance(limit)
    unsealed = yield from again(statements.Unsealed())
    return Sealed(events=fed, size=extent.size, unsealed=unsealed)


def _advance(limit: int | None) -> Flow[tuple[int, statements.Extent]]:
    """Seal without counting what still waits: how many events got their positions, and how far the feed reaches."""
    fed = 0
    while limit is None or fed < limit:
        size = BATCH if limit is None else min(BATCH, limit - fed)
        batch = yield from again(statements.SealBatch(limit=size))
        fed += batch.fed
        if batch.fed < size:
            # Nothing is left, or another process has the turn.
            break
    return fed, (yield from grow())


def feed_page(*, after: int | None, limit: int) -> Flow[FeedPage]:
    """Events after a position, sealing first what can be sealed."""
    try:
        yield from _advance(BATCH)
    except (StoreMisconfigured, StoreUnavailable) as refused:
        # A role or a server that only reads: what others have sealed is all there is, and the page says what waits.
        logger.debug("the feed is read as others have sealed it: %s", refused)
    reached = -1 if after is None else after
    items = yield from again(statements.FeedPage(after=reached, limit=limit))
    unsealed = yield from again(statements.Unsealed())
    return FeedPage(items, items[-1].position if items else after, unsealed)
