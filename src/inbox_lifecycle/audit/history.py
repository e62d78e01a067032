"""Looking without changing: an inbox, pages of inboxes, its history and its attempts."""

from __future__ import annotations

from inbox_lifecycle.domain import Inbox, InboxId
from inbox_lifecycle.errors import InboxNotFound
from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.records import Attempt, Page, RecordedEvent
from inbox_lifecycle.store.looks import FIRST_ID, AttemptsPage, FindInboxes, GetInbox, HistoryBound, HistoryPage

#: Rows per page of a stream.
PAGE = 500


def get(*, inbox_id: InboxId, owner_id: str | None) -> Flow[Inbox]:
    """The inbox.

    Raises:
        InboxNotFound: no such inbox for this caller.
    """
    seen = yield from again(GetInbox(inbox_id=inbox_id, owner_id=owner_id))
    if seen is None:
        raise InboxNotFound(inbox_id)
    return seen.inbox


def find(statement: FindInboxes) -> Flow[Page[Inbox]]:
    """A page of inboxes, newest first."""
    return (yield from again(statement))


def history_bound(*, inbox_id: InboxId, owner_id: str | None) -> Flow[int]:
    """The version up to which a reading of the history goes, fixed when it begins.

    Raises:
        InboxNotFound: no such inbox for this caller.
    """
    bound = yield from again(HistoryBound(inbox_id=inbox_id, owner_id=owner_id))
    if bound is None:
        raise InboxNotFound(inbox_id)
    return bound


def history_page(*, inbox_id: InboxId, owner_id: str | None, after: int, bound: int) -> Flow[tuple[RecordedEvent, ...]]:
    """The next events, in order of version.

    Raises:
        InboxNotFound: it was erased since the reading began.
    """
    statement = HistoryPage(inbox_id=inbox_id, owner_id=owner_id, after=after, bound=bound, limit=PAGE)
    events = yield from again(statement)
    if not events:
        raise InboxNotFound(inbox_id)
    return events


def attempts_page(*, inbox_id: InboxId, owner_id: str | None, after: str = FIRST_ID) -> Flow[tuple[Attempt, ...]]:
    """The next attempts, in the order they were opened; fewer than `PAGE` at the end."""
    return (yield from again(AttemptsPage(inbox_id=inbox_id, owner_id=owner_id, after=after, limit=PAGE)))
