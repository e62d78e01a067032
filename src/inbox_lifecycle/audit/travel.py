"""Time travel: an inbox as it was, what changed between two points, and why it is as it is.

A point is a version, a time or a position in the feed. At a time an inbox is what the newest event recorded by then
made of it; where several were recorded at the same time, that is the one of the highest version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from inbox_lifecycle.audit.history import history_page
from inbox_lifecycle.canonical import time_text
from inbox_lifecycle.domain import Inbox, InboxId, WarmupStarted
from inbox_lifecycle.errors import InboxNotFound, InvalidInput, NoSuchPoint
from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.records import Attempt, Page, RecordedEvent
from inbox_lifecycle.store.looks import FindInboxes
from inbox_lifecycle.store.travel import Explained, FindInboxesAsOf, InboxAsOf, Point, Travelled, WhyInbox

#: How far ahead of the clock a time may lie: whoever asks may have a clock of their own.
GRACE = timedelta(minutes=5)

#: The fields of an inbox that events change.
CHANGING = ("status", "warmup_status", "version", "updated_at", "erased_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """What happened to an inbox between two points of its history."""

    before: Inbox
    after: Inbox
    #: The events after `before.version` up to `after.version`, in order.
    events: tuple[RecordedEvent, ...]

    @property
    def changed(self) -> Mapping[str, tuple[object, object]]:
        """The fields that differ, each with its old and its new value."""
        pairs = {name: (getattr(self.before, name), getattr(self.after, name)) for name in CHANGING}
        return {name: (old, new) for name, (old, new) in pairs.items() if old != new}


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why an inbox is in its state: the event that put it there."""

    #: The inbox as it is.
    inbox: Inbox
    #: The newest event that led to another pair, or the birth; an erasure leads to none.
    event: RecordedEvent
    #: The call that asked the provider for it; None where none did, or where it was pruned.
    attempt: Attempt | None

    @property
    def actor(self) -> str | None:
        """Who put it there; None where nobody said, or once erased."""
        return self.event.context.actor

    @property
    def reason(self) -> str | None:
        """The reason given; None where there was none, or once erased."""
        return self.event.context.reason


def as_of(*, inbox_id: InboxId, owner_id: str | None, point: Point, now: datetime) -> Flow[Inbox]:
    """The inbox as it was at a point.

    Raises:
        InboxNotFound: no such inbox for this caller.
        NoSuchPoint: its history does not reach the point.
    """
    found = yield from again(InboxAsOf(inbox_id=inbox_id, owner_id=owner_id, point=point))
    if found is None:
        raise InboxNotFound(inbox_id)
    if point.at is not None:
        require_not_future(point.at, now, inbox_id)
    if found.inbox is None or _is_unsealed(point, found):
        raise NoSuchPoint(inbox_id, _why_missed(point, found))
    return found.inbox


def diff(*, inbox_id: InboxId, owner_id: str | None, points: tuple[Point, Point], now: datetime) -> Flow[Diff]:
    """What happened from the first point to the second.

    Raises:
        InboxNotFound: no such inbox for this caller.
        NoSuchPoint: its history does not reach one of the points.
        InvalidInput: the first point is the later one.
    """
    before = yield from as_of(inbox_id=inbox_id, owner_id=owner_id, point=points[0], now=now)
    after = yield from as_of(inbox_id=inbox_id, owner_id=owner_id, point=points[1], now=now)
    if before.version > after.version:
        raise backwards()
    events: list[RecordedEvent] = []
    reached, bound = before.version, after.version
    while reached < bound:
        events += yield from history_page(inbox_id=inbox_id, owner_id=owner_id, after=reached, bound=bound)
        reached = events[-1].version
    return Diff(before=before, after=after, events=tuple(events))


def why(*, inbox_id: InboxId, owner_id: str | None) -> Flow[Why]:
    """The event that put the inbox where it is.

    Raises:
        InboxNotFound: no such inbox for this caller.
        UnknownEvent: a newer version of the library wrote the event.
    """
    found = yield from again(WhyInbox(inbox_id=inbox_id, owner_id=owner_id))
    if found is None:
        raise InboxNotFound(inbox_id)
    return Why(inbox=found.inbox, event=found.event, attempt=_named(found))


def find(search: FindInboxes, at: datetime) -> Flow[Page[Inbox]]:
    """A page of inboxes as they were at a time, newest first."""
    return (yield from again(FindInboxesAsOf(search=search, at=at)))


def require_not_future(at: datetime, now: datetime, inbox_id: InboxId | None = None) -> None:
    """Nothing, if something can be known of that time.

    Raises:
        NoSuchPoint: it lies further ahead than clocks differ.
    """
    if at - now > GRACE:
        minutes = GRACE // timedelta(minutes=1)
        raise NoSuchPoint(
            inbox_id, f"{time_text(at)} lies in the future, more than {minutes} minutes ahead: ask for now or earlier"
        )


def backwards() -> InvalidInput:
    """The error of two points in the wrong order."""
    return InvalidInput("the first point is later than the second: swap them")


def _is_unsealed(point: Point, found: Travelled) -> bool:
    return point.position is not None and (found.sealed is None or point.position > found.sealed)


def _why_missed(point: Point, found: Travelled) -> str:
    if point.at is not None:
        return f"it was not on record yet at {time_text(point.at)}: ask for a later time"
    if point.version is not None:
        return f"there is no version {point.version}: its versions are 1 to {found.newest}"
    if _is_unsealed(point, found):
        return f"position {point.position} of the feed is not sealed yet: seal it, or ask for an earlier one"
    return f"none of its events stands at position {point.position} or before: ask for a later one"


def _named(found: Explained) -> Attempt | None:
    event = found.event.event
    if not isinstance(event, WarmupStarted):
        return None
    return next((attempt for attempt in found.attempts if attempt.id == event.attempt_id), None)
