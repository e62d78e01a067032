"""What `verify` reads: rows, events and attempts of a range of inboxes, in pages, as they stand and undecoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from inbox_lifecycle.domain import Inbox
from inbox_lifecycle.store import reads
from inbox_lifecycle.store.rows import (
    ATTEMPT_WIDTH,
    EVENT_WIDTH,
    INBOX_WIDTH,
    draft_of,
    read_inbox,
    stored_bytes,
    stored_version,
)
from inbox_lifecycle.store.session import Row, Session


@dataclass(frozen=True, slots=True)
class StoredInbox:
    """A row with the newest version there is an event for, read in one snapshot."""

    inbox: Inbox
    head_hash: bytes
    address_key: bytes | None = field(repr=False)
    domain_owner_id: str | None = field(repr=False)
    #: None where there is no event at all.
    newest: int | None

    @property
    def inbox_id(self) -> str:
        """The inbox."""
        return self.inbox.id


@dataclass(frozen=True, slots=True)
class UnreadableInbox:
    """A row with a value that no row of ours can hold."""

    inbox_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event as its columns say it."""

    inbox_id: str
    version: int
    event_id: str
    name: str
    schema: int
    left: tuple[str, str] | None
    reached: tuple[str, str]
    recorded_at: object
    entry: bytes = field(repr=False)
    hash: bytes
    previous_hash: bytes | None
    #: owner_id, actor, reason, correlation_id, causation_id, idempotency_key.
    context: tuple[str | None, ...] = field(repr=False)
    context_key: bytes | None = field(repr=False)
    #: Whether there is no key as the inbox was erased; maybe since its row was read.
    erased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAttempt:
    """An attempt, with the event it says it made."""

    inbox_id: str
    attempt_id: str
    outcome: str | None
    closed: bool
    event_version: int | None
    has_inbox: bool
    event_name: str | None
    event_entry: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxesToVerify:
    """Rows after one inbox and up to another."""

    name: ClassVar[str] = "inboxes_to_verify"
    writes: ClassVar[bool] = False
    after: str
    until: str
    limit: int

    def run(self, session: Session) -> tuple[StoredInbox | UnreadableInbox, ...]:
        """The rows, in order of id."""
        values = {"after": self.after, "until": self.until, "limit": self.limit}
        return tuple(_stored_inbox(row) for row in session.all(reads.VERIFY_ROWS, values))


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsToVerify:
    """Events after one event and up to an inbox."""

    name: ClassVar[str] = "events_to_verify"
    writes: ClassVar[bool] = False
    after: str
    after_version: int
    until: str
    limit: int

    def run(self, session: Session) -> list[Row]:
        """The events' rows, in order of inbox and version, for `stored_event`."""
        values = {
            "after": self.after,
            "after_version": self.after_version,
            "until": self.until,
            "limit": self.limit,
        }
        template = reads.VERIFY_EVENTS_SQLITE if session.backend.is_sqlite else reads.VERIFY_EVENTS_POSTGRESQL
        return session.page(template, values)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptsToVerify:
    """Attempts after one attempt and up to an inbox."""

    name: ClassVar[str] = "attempts_to_verify"
    writes: ClassVar[bool] = False
    after: str
    after_attempt: str
    until: str
    limit: int

    def run(self, session: Session) -> tuple[StoredAttempt, ...]:
        """The attempts, in order of inbox and id."""
        values = {
            "after": self.after,
            "after_attempt": self.after_attempt,
            "until": self.until,
            "limit": self.limit,
        }
        return tuple(_stored_attempt(row) for row in session.all(reads.VERIFY_ATTEMPTS, values))


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphansToVerify:
    """Events whose inbox has no row, after one event and up to an inbox."""

    name: ClassVar[str] = "orphans_to_verify"
    writes: ClassVar[bool] = False
    after: str
    after_version: int
    until: str
    limit: int

    def run(self, session: Session) -> tuple[tuple[str, int], ...]:
        """Inbox and version of each."""
        values = {
            "after": self.after,
            "after_version": self.after_version,
            "until": self.until,
            "limit": self.limit,
        }
        return tuple((str(row[0]), stored_version(row[1])) for row in session.all(reads.ORPHANS, values))


@dataclass(frozen=True, slots=True)
class Counted:
    """How many events there are, and how many have a position or wait for one, all in one snapshot."""

    events: int
    placed: int


@dataclass(frozen=True, slots=True)
class CountEvents:
    """Events, and their places."""

    name: ClassVar[str] = "count_events"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> Counted:
        """The numbers."""
        events, placed = session.one(reads.COUNT_EVENTS) or (0, 0)
        return Counted(int(events), int(placed))


@dataclass(frozen=True, slots=True)
class CountInboxes:
    """How many inboxes there are."""

    name: ClassVar[str] = "count_inboxes"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> int:
        """The number."""
        row = session.one(reads.COUNT_INBOXES)
        return 0 if row is None else int(row[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeBorders:
    """Ids at which the inboxes fall into so many parts of about equal size."""

    name: ClassVar[str] = "range_borders"
    writes: ClassVar[bool] = False
    parts: int

    def run(self, session: Session) -> list[str]:
        """The last id of each part but the last one; fewer where there are fewer inboxes."""
        size = CountInboxes().run(session)
        offsets = [size * part // self.parts - 1 for part in range(1, self.parts)]
        found = [session.one(reads.ID_AT, {"offset": offset}) for offset in offsets if offset >= 0]
        return sorted({str(row[0]) for row in found if row is not None})


def _stored_inbox(row: Row) -> StoredInbox | UnreadableInbox:
    key, domain_owner_id, newest = row[INBOX_WIDTH : INBOX_WIDTH + 3]
    try:
        inbox = read_inbox(row)
    except (TypeError, ValueError):
        return UnreadableInbox(str(row[0]))
    address_key = None if key is None else stored_bytes(key)
    newest = None if newest is None else stored_version(newest)
    return StoredInbox(inbox, stored_bytes(row[14]), address_key, domain_owner_id, newest)


def place_of(row: Row) -> tuple[str, int]:
    """Inbox and version of a row of `EventsToVerify`."""
    return str(row[0]), stored_version(row[1])


def stored_event(row: Row) -> StoredEvent:
    """A row of `EventsToVerify`; made one by one, so that a page of them is never held."""
    event: StoredEvent = _EventDraft(
        str(row[0]),
        stored_version(row[1]),
        str(row[2]),
        row[3],
        row[4],
        None if row[5] is None else (row[5], row[6]),
        (row[7], row[8]),
        row[9],
        stored_bytes(row[10]),
        stored_bytes(row[11]),
        None if row[12] is None else stored_bytes(row[12]),
        tuple(row[13:19]),
        None if row[19] is None else stored_bytes(row[19]),
        any(row[EVENT_WIDTH:]),
    )
    event.__class__ = StoredEvent
    return event


_EventDraft = draft_of(StoredEvent)


def _stored_attempt(row: Row) -> StoredAttempt:
    name, entry, has_inbox = row[ATTEMPT_WIDTH : ATTEMPT_WIDTH + 3]
    return StoredAttempt(
        inbox_id=str(row[1]),
        attempt_id=str(row[0]),
        outcome=row[8],
        closed=row[9] is not None,
        event_version=row[10],
        has_inbox=has_inbox is not None,
        event_name=name,
        event_entry=None if entry is None else stored_bytes(entry),
    )
