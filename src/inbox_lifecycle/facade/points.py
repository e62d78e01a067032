"""Arguments that name a point of a history, into flows: checked once, for every facade alike."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from inbox_lifecycle.audit import travel
from inbox_lifecycle.audit.travel import Diff, Why
from inbox_lifecycle.domain import Inbox, InboxId
from inbox_lifecycle.errors import InvalidInput
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.ids import read_id
from inbox_lifecycle.records import Page
from inbox_lifecycle.store.looks import FindInboxes
from inbox_lifecycle.store.travel import Point
from inbox_lifecycle.terms import Terms

#: A version, or a time.
AnyPoint = int | datetime


def as_of(
    terms: Terms,
    inbox_id: str | UUID,
    *,
    owner_id: str | None,
    version: int | None,
    at: datetime | None,
    position: int | None,
) -> Flow[Inbox]:
    """The inbox as it was."""
    if sum(one is not None for one in (version, at, position)) != 1:
        raise InvalidInput("say one point: version=..., at=... or position=...")
    point = Point(
        version=None if version is None else _read_number("version", version),
        at=None if at is None else read_moment("at", at),
        position=None if position is None else _read_number("position", position),
    )
    if point.position is not None and point.position < 0:
        raise InvalidInput("position is a position of the feed, which begins at 0")
    known = InboxId(read_id("inbox_id", inbox_id))
    return travel.as_of(inbox_id=known, owner_id=owner_id, point=point, now=terms.clock())


def diff(terms: Terms, inbox_id: str | UUID, a: AnyPoint, b: AnyPoint, *, owner_id: str | None) -> Flow[Diff]:
    """What happened between two points."""
    first, second = _read_point("a", a), _read_point("b", b)
    if _is_later(first, second):
        raise travel.backwards()
    known = InboxId(read_id("inbox_id", inbox_id))
    return travel.diff(inbox_id=known, owner_id=owner_id, points=(first, second), now=terms.clock())


def why(inbox_id: str | UUID, *, owner_id: str | None) -> Flow[Why]:
    """What put the inbox where it is."""
    return travel.why(inbox_id=InboxId(read_id("inbox_id", inbox_id)), owner_id=owner_id)


def find(terms: Terms, search: FindInboxes, as_of: datetime) -> Flow[Page[Inbox]]:
    """A page of inboxes as they were."""
    at = read_moment("as_of", as_of)
    travel.require_not_future(at, terms.clock())
    return travel.find(search, at)


def read_moment(name: str, moment: object) -> datetime:
    """A time, in UTC.

    Raises:
        InvalidInput: it is no time, has no time zone, or lies outside the years that there are in UTC.
    """
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise InvalidInput(f"{name} is a time with a time zone: pass an aware datetime")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(f"{name} lies outside the years 1 to 9999 in UTC") from None


def _read_number(name: str, number: int) -> int:
    if not _is_whole(number):
        raise InvalidInput(f"{name} is a whole number")
    return number


def _read_point(name: str, point: AnyPoint) -> Point:
    if isinstance(point, datetime):
        return Point(at=read_moment(name, point))
    if not _is_whole(point):
        raise InvalidInput(f"{name} is a version or a time: pass an int or an aware datetime")
    return Point(version=point)


def _is_whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def _is_later(first: Point, second: Point) -> bool:
    """Whether this can be told without looking: of two versions, or of two times."""
    if first.version is not None and second.version is not None:
        return first.version > second.version
    return first.at is not None and second.at is not None and first.at > second.at
