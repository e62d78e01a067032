"""The statements that only look, by name: parameters as values, answers as values.

They are marked `writes = False`, so that SQLite need not take its one write lock for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from inbox_lifecycle.domain import AttemptId, Inbox, InboxId
from inbox_lifecycle.records import Attempt, Page, RecordedEvent
from inbox_lifecycle.store import reads
from inbox_lifecycle.store.rows import (
    Looked,
    OpenAttempt,
    Seen,
    read_attempt,
    read_event,
    read_inbox,
    read_looked,
    read_open_attempt,
    read_seen,
)
from inbox_lifecycle.store.session import Session, Values

#: Smaller than every UUID: where walks by id begin.
FIRST_ID = "00000000-0000-0000-0000-000000000000"
#: Larger than every UUID.
LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetInbox:
    """An inbox, with the event of an idempotency key where one is given."""

    name: ClassVar[str] = "get_inbox"
    writes: ClassVar[bool] = False
    inbox_id: InboxId
    #: None for an operator, who sees erased inboxes as well.
    owner_id: str | None
    idempotency_key: str | None = field(default=None, repr=False)

    def run(self, session: Session) -> Seen | None:
        """The inbox; None where there is none for this caller."""
        values = {"inbox_id": self.inbox_id, "owner_id": self.owner_id, "idempotency_key": self.idempotency_key}
        row = session.one(reads.GET_AS_OPERATOR if self.owner_id is None else reads.GET_AS_OWNER, values)
        return None if row is None else read_seen(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAgain:
    """What became of an inbox and of the call's own attempt, in a statement newer than the miss."""

    name: ClassVar[str] = "look_again"
    writes: ClassVar[bool] = False
    inbox_id: InboxId
    owner_id: str | None
    attempt_id: AttemptId
    idempotency_key: str | None = field(default=None, repr=False)

    def run(self, session: Session) -> Looked | None:
        """The look; None where there is no such inbox."""
        values = {
            "inbox_id": self.inbox_id,
            "owner_id": self.owner_id,
            "attempt_id": self.attempt_id,
            "idempotency_key": self.idempotency_key,
        }
        row = session.one(reads.LOOK_AGAIN, values)
        return None if row is None else read_looked(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookForEvent:
    """Whether an event of ours stands at the version it would have."""

    name: ClassVar[str] = "look_for_event"
    writes: ClassVar[bool] = False
    inbox_id: InboxId
    version: int
    event_id: str
    idempotency_key: str | None = field(default=None, repr=False)

    def run(self, session: Session) -> Looked | None:
        """The look; None where there is no such inbox."""
        values = {
            "inbox_id": self.inbox_id,
            "version": self.version,
            "event_id": self.event_id,
            "idempotency_key": self.idempotency_key,
        }
        row = session.one(reads.LOOK_FOR_EVENT, values)
        return None if row is None else read_looked(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindInboxes:
    """A page of inboxes, newest first; only operators leave the owner out."""

    name: ClassVar[str] = "find_inboxes"
    writes: ClassVar[bool] = False
    owner_id: str | None
    status: str | None
    warmup_status: str | None
    domain: str | None
    after: str | None
    limit: int

    def run(self, session: Session) -> Page[Inbox]:
        """The page."""
        if self.domain is not None:
            return self.page(session, reads.FIND, reads.FIND_CONDITIONS)
        narrowed = self.owner_id is not None or self.status is not None
        return self.page(session, reads.FIND_INBOXES if narrowed else reads.FIND_ALL, reads.FIND_CONDITIONS)

    def page(
        self, session: Session, template: str, conditions: Mapping[str, str], values: Values | None = None
    ) -> Page[Inbox]:
        """The page by a template with such conditions, and with values of its own."""
        wanted: dict[str, object] = {
            "owner_id": self.owner_id,
            "status": self.status,
            "warmup_status": self.warmup_status,
            "domain": self.domain,
        }
        if self.after is not None:
            at, _, inbox_id = self.after.partition("~")
            wanted |= {
                "after_time": at if session.backend.is_sqlite else datetime.fromisoformat(at),
                "after_id": inbox_id,
            }
        given = {name: value for name, value in wanted.items() if value is not None}
        held = " and ".join(condition for name, condition in conditions.items() if name in given)
        rows = session.all(
            template.replace("{conditions}", held or "1 = 1"), {**(values or {}), **given, "limit": self.limit + 1}
        )
        inboxes = tuple(read_inbox(row) for row in rows[: self.limit])
        more = len(rows) > self.limit
        return Page(inboxes, page_mark(inboxes[-1]) if more else None)


def page_mark(inbox: Inbox) -> str:
    """The mark by which the page after this inbox is asked for."""
    at = inbox.created_at.replace(tzinfo=None).isoformat(timespec="microseconds")
    return f"{at}Z~{inbox.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryBound:
    """The newest version of an inbox, for a caller who may see it."""

    name: ClassVar[str] = "history_bound"
    writes: ClassVar[bool] = False
    inbox_id: InboxId
    owner_id: str | None

    def run(self, session: Session) -> int | None:
        """The version; None where there is no such inbox for this caller."""
        values = {"inbox_id": self.inbox_id, "owner_id": self.owner_id}
        by_owner = self.owner_id is not None
        row = session.one(reads.HISTORY_BOUND_AS_OWNER if by_owner else reads.HISTORY_BOUND_AS_OPERATOR, values)
        return None if row is None else int(row[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """Events of an inbox in order of version, between two versions."""

    name: ClassVar[str] = "history_page"
    writes: ClassVar[bool] = False
    inbox_id: InboxId
    owner_id: str | None
    after: int
    bound: int
    limit: int

    def run(self, session: Session) -> tuple[RecordedEvent, ...]:
        """The events."""
        values = {
            "inbox_id": self.inbox_id,
            "owner_id": self.owner_id,
            "after": self.after,
            "bound": self.bound,
            "limit": self.limit,
        }
        template = reads.HISTORY_AS_OPERATOR if self.owner_id is None else reads.HISTORY_AS_OWNER
        return tuple(read_event(row) for row in session.all(template, values))


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptsPage:
    """Attempts on an inbox in the order they were opened."""

    name: ClassVar[str] = "attempts_page"
    writes: ClassVar[bool] = False
    inbox_id: InboxId
    owner_id: str | None
    after: str
    limit: int

    def run(self, session: Session) -> tuple[Attempt, ...]:
        """The attempts."""
        values = {"inbox_id": self.inbox_id, "owner_id": self.owner_id, "after": self.after, "limit": self.limit}
        template = reads.ATTEMPTS_AS_OPERATOR if self.owner_id is None else reads.ATTEMPTS_AS_OWNER
        return tuple(read_attempt(row) for row in session.all(template, values))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsettledAttempts:
    """Attempts that `reconcile` takes up: open past their lease, or marked to disable."""

    name: ClassVar[str] = "unsettled_attempts"
    writes: ClassVar[bool] = False
    marked: bool
    after_inbox: str
    after_attempt: str
    limit: int

    def run(self, session: Session) -> tuple[OpenAttempt, ...]:
        """The attempts, each with its inbox as it is now."""
        values = {"after_inbox": self.after_inbox, "after_attempt": self.after_attempt, "limit": self.limit}
        template = reads.MARKED_ATTEMPTS if self.marked else reads.EXPIRED_ATTEMPTS
        return tuple(read_open_attempt(row) for row in session.all(template, values))


@dataclass(frozen=True, slots=True)
class Revision:
    """The schema's revision."""

    name: ClassVar[str] = "revision"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> str | None:
        """The revision; None where the version table is empty."""
        row = session.one(reads.REVISION)
        return None if row is None else str(row[0])
