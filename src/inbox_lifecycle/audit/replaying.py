"""Reading all events in order of position, up to where the feed reached as the reading began."""

from __future__ import annotations

import logging

from inbox_lifecycle.audit.sealing import seal
from inbox_lifecycle.errors import StoreMisconfigured, StoreUnavailable
from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.store.feed import FeedExtent
from inbox_lifecycle.store.replaying import FeedRows
from inbox_lifecycle.store.session import Row

logger = logging.getLogger("inbox_lifecycle")


def feed_size() -> Flow[int]:
    """How many positions there are, once all that waits has been sealed."""
    try:
        return (yield from seal()).size
    except (StoreMisconfigured, StoreUnavailable) as refused:
        # A role or a server that only reads: what others have sealed is all there is for it.
        logger.debug("the feed is read as others have sealed it: %s", refused)
        return (yield from again(FeedExtent())).size


def rows_page(*, after: int, size: int) -> Flow[list[Row]]:
    """The next rows of a feed of this size; none at its end."""
    return (yield from again(FeedRows(after=after, until=size - 1)))
