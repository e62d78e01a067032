"""What auditors and consumers of the feed call, async; its twin is `blocking_audit.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from inbox_lifecycle.audit import subscribing
from inbox_lifecycle.audit.sealing import Sealed
from inbox_lifecycle.audit.subscribing import Delivered, Handler
from inbox_lifecycle.audit.verify import Verification
from inbox_lifecycle.facade import auditing
from inbox_lifecycle.facade.awaiting_base import Facade
from inbox_lifecycle.facade.calls import AnyId
from inbox_lifecycle.records import FeedPage, ParkedEvent


class AuditAsyncOperator(Facade):
    """The part of an operator's facade that reads, seals and proves the history of all inboxes."""

    async def verify(
        self, inbox_id: AnyId | None = None, *, progress: Callable[[int], None] | None = None
    ) -> Verification:
        """Check that everything is as it was written: of one inbox, or of all.

        Rows are the fold of their events, versions are dense, entries canonical, hashes and chains whole, commitments
        open, attempts accounted for. Nothing is changed, and live writers raise no alarm.

        Args:
            inbox_id: the one inbox; None for all.
            progress: called with the number of inboxes verified so far, after each page.

        Raises:
            InboxNotFound: no such inbox.
        """
        return await self._run(auditing.verify(inbox_id, progress=progress))

    async def seal(self, *, limit: int | None = None) -> Sealed:
        """Give the events that wait their positions in the feed, in an order that never shows an inbox backwards.

        Any process may call it at any time; one works at a time, and the others return at once.

        Args:
            limit: events to seal in this call, or a few more; None for all there are.
        """
        return await self._run(auditing.seal(limit=limit))

    async def feed(self, *, after: int | None = None, limit: int = 1000) -> FeedPage:
        """A page of all events in order of position; seals first what it can.

        A reader that passes `next_after` of one page as `after` for the next misses nothing and sees each inbox's
        events in order, whatever transactions are under way.

        Args:
            after: the last position that was read; None for the beginning.
            limit: events in the page at most, up to 10,000.

        Raises:
            UnknownEvent: a newer version of the library wrote an event.
        """
        return await self._run(auditing.feed(after=after, limit=limit))

    async def subscribe(
        self,
        name: str,
        handler: Handler,
        *,
        tries: int = 3,
        lease: float = 60.0,
        limit: int | None = None,
        poll: float | None = None,
    ) -> Delivered:
        """Hand every event after the subscription's cursor to the handler: in order, each at least once.

        The cursor is kept in the database under the name, and moves on when the handler has returned; one consumer
        works under a name at a time. An event that the handler keeps failing on is parked (`parked`, `redeliver`), and
        the others go on. Nothing is held while the handler runs; a handler that may be slower than `lease` may hear
        an event twice.

        Args:
            name: letters, digits, dots, colons, hyphens and underscores.
            handler: called with a `FedEvent`; what it returns is ignored. On the async side it may be async.
            tries: how often the handler is tried before an event is parked.
            lease: seconds of silence after which another consumer may take over.
            limit: events to hand over at most; None for all there are.
            poll: seconds between two looks for more events; None to return once there are no more.

        Raises:
            SubscriptionTaken: another consumer is at work under this name.
        """
        wanted = auditing.read_subscription(name, handler, tries=tries, lease=lease, limit=limit, poll=poll)
        return await self._run(subscribing.subscribe(self._calls.terms, wanted))

    async def parked(self, name: str) -> AsyncIterator[ParkedEvent]:
        """The events that a subscription's handler kept failing on, in order of position."""
        known, after, full = auditing.read_subscription_name(name), -1, True
        while full:
            page = await self._run(subscribing.parked_page(name=known, after=after))
            for event in page:
                yield event
            full = len(page) == subscribing.PAGE
            after = page[-1].position if page else after

    async def redeliver(self, name: str, handler: Handler, *, tries: int = 1, lease: float = 60.0) -> Delivered:
        """Hand the parked events to the handler once more; those it gets through with are parked no longer.

        Raises:
            SubscriptionTaken: another consumer is at work under this name.
        """
        wanted = auditing.read_subscription(name, handler, tries=tries, lease=lease)
        return await self._run(subscribing.redeliver(self._calls.terms, wanted))
