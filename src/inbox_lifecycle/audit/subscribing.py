"""A consumer of the feed: at least once, in order, one at a time under a name.

The cursor moves on only once the handler is through, so a consumer that dies is followed by one that hears its last
events again. An event that the handler keeps failing on is parked and reported, and the others go on; later events of
the same inbox are then handled before it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from inbox_lifecycle.audit.sealing import feed_page
from inbox_lifecycle.errors import StoreError, SubscriptionTaken
from inbox_lifecycle.flow import Flow, UnfitHandler, again, hand, sleep
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.records import FedEvent, ParkedEvent
from inbox_lifecycle.store.subscriptions import (
    AdvanceSubscription,
    ClaimSubscription,
    ParkedEvents,
    ParkEvent,
    ReleaseSubscription,
    UnparkEvent,
)
from inbox_lifecycle.terms import Terms

logger = logging.getLogger("inbox_lifecycle")

#: Events per page.
PAGE = 100
#: Seconds before the handler's second try; doubled for each further one, up to the longest.
_BACKOFF = 0.1
_LONGEST_BACKOFF = 10.0

Handler = Callable[[FedEvent], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Who consumes, and how."""

    name: str
    handler: Handler = field(repr=False)
    #: How often the handler is tried before an event is parked.
    tries: int
    #: Seconds after which a consumer that says nothing may be followed by another.
    lease: float
    #: Events at most; None for all there are.
    limit: int | None = None
    #: Seconds between two looks for more; None to return once there is nothing more.
    poll: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What a consumer was given."""

    #: Events the handler is through with.
    handled: int = 0
    #: Positions of events it kept failing on, put aside.
    parked: tuple[int, ...] = ()
    #: The last position it is through with; None where it never had one.
    position: int | None = None

    @property
    def seen(self) -> int:
        """Events handled or parked."""
        return self.handled + len(self.parked)


class _Cursor:
    """The claim on a name, as long as this consumer keeps it, and the last position it is through with."""

    def __init__(self, terms: Terms, subscription: Subscription) -> None:
        self._terms = terms
        self._name = subscription.name
        self._lease = subscription.lease
        self._holder = new_id(terms.clock())
        self._saved = terms.monotonic()
        #: -1 where there is none.
        self.position = -1

    def claim(self) -> Flow[None]:
        """Take the name, and learn where it stands."""
        statement = ClaimSubscription(subscription=self._name, holder=self._holder, lease=self._lease)
        position = yield from again(statement)
        if position is None:
            raise SubscriptionTaken(self._name)
        self.position = position

    def save(self) -> Flow[None]:
        """Everything up to the position is handled; the lease begins anew."""
        statement = AdvanceSubscription(
            subscription=self._name, holder=self._holder, position=self.position, lease=self._lease
        )
        if not (yield from again(statement)):
            raise SubscriptionTaken(self._name)
        self._saved = self._terms.monotonic()

    def park(self, position: int, error: str, tries: int) -> Flow[None]:
        """Put an event aside, unless another consumer has taken over, and may be through with it."""
        statement = ParkEvent(
            subscription=self._name,
            holder=self._holder,
            position=position,
            error=error,
            tries=tries,
            now=self._terms.clock(),
        )
        if not (yield from again(statement)):
            raise SubscriptionTaken(self._name)

    def keep(self) -> Flow[None]:
        """The same, where a third of the lease has gone by."""
        if self._terms.monotonic() - self._saved > self._lease / 3:
            yield from self.save()

    def release(self) -> Flow[None]:
        """The next consumer need not wait; if this cannot be said, the lease ends by itself."""
        try:
            yield from again(ReleaseSubscription(subscription=self._name, holder=self._holder))
        except StoreError as failure:
            logger.debug("subscription %s stays taken until its lease is over: %s", self._name, failure)


def subscribe(terms: Terms, subscription: Subscription) -> Flow[Delivered]:
    """Hand the events after the cursor to the handler, one by one.

    Raises:
        SubscriptionTaken: another consumer is at work under this name, or took over meanwhile.
    """
    cursor = _Cursor(terms, subscription)
    yield from cursor.claim()
    return (yield from _to_the_end(cursor, _consume(subscription, cursor)))


def redeliver(terms: Terms, subscription: Subscription) -> Flow[Delivered]:
    """Hand the parked events to the handler once more; what it gets through with is parked no longer.

    Raises:
        SubscriptionTaken: another consumer is at work under this name, or took over meanwhile.
    """
    cursor = _Cursor(terms, subscription)
    yield from cursor.claim()
    return (yield from _to_the_end(cursor, _consume_parked(subscription, cursor)))


def _to_the_end(cursor: _Cursor, work: Flow[Delivered]) -> Flow[Delivered]:
    try:
        done = yield from work
    except Exception:
        # Whoever mends what went wrong need not wait for the lease. One who is killed leaves it as it is.
        yield from cursor.release()
        raise
    yield from cursor.release()
    return done


def _consume(subscription: Subscription, cursor: _Cursor) -> Flow[Delivered]:
    done = Delivered(position=_reached(cursor))
    while subscription.limit is None or done.seen < subscription.limit:
        size = PAGE if subscription.limit is None else min(PAGE, subscription.limit - done.seen)
        page = yield from feed_page(after=cursor.position, limit=size)
        for fed in page.items:
            done = yield from _deliver(subscription, cursor, fed, done)
            cursor.position = fed.position
            yield from cursor.keep()
        if page.items or subscription.poll is not None:
            yield from cursor.save()
        if not page.items:
            if subscription.poll is None:
                break
            yield from sleep(subscription.poll)
    return done


def _consume_parked(subscription: Subscription, cursor: _Cursor) -> Flow[Delivered]:
    done, after = Delivered(), -1
    parked = yield from parked_page(name=subscription.name, after=after)
    while parked:
        for event in parked:
            before = len(done.parked)
            done = yield from _deliver(subscription, cursor, FedEvent(event.position, event.event), done)
            if len(done.parked) == before:
                yield from again(UnparkEvent(subscription=subscription.name, position=event.position))
            yield from cursor.keep()
            after = event.position
        parked = yield from parked_page(name=subscription.name, after=after)
    return replace(done, position=_reached(cursor))


def _reached(cursor: _Cursor) -> int | None:
    return None if cursor.position < 0 else cursor.position


def parked_page(*, name: str, after: int) -> Flow[Sequence[ParkedEvent]]:
    """Parked events after a position, in order; fewer than `PAGE` at the end."""
    return (yield from again(ParkedEvents(subscription=name, after=after, limit=PAGE)))


def _deliver(subscription: Subscription, cursor: _Cursor, fed: FedEvent, done: Delivered) -> Flow[Delivered]:
    failure = yield from _try(subscription, cursor, fed)
    if failure is None:
        return replace(done, handled=done.handled + 1, position=fed.position)
    # Its type alone: what the host's error says may hold anything.
    error = type(failure).__name__
    logger.warning("subscription %s parks position %d: %s", subscription.name, fed.position, error)
    yield from cursor.park(fed.position, error, subscription.tries)
    return replace(done, parked=(*done.parked, fed.position), position=fed.position)


def _try(subscription: Subscription, cursor: _Cursor, fed: FedEvent) -> Flow[Exception | None]:
    failure: Exception | None = None
    backoff = _BACKOFF
    for number in range(subscription.tries):
        if number:
            yield from cursor.keep()
            yield from sleep(min(backoff, _LONGEST_BACKOFF, subscription.lease / 3))
            backoff = min(2 * backoff, _LONGEST_BACKOFF)
        try:
            yield from hand(subscription.handler, fed)
        except UnfitHandler:
            # Nothing can be handed over to this handler: no fault of the event's.
            raise
        except Exception as error:  # noqa: BLE001 - the host's own code: one event must not stop all the others
            failure = error
        else:
            return None
    return failure
