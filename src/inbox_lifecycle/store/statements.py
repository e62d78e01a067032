"""Every statement the use-cases know, by name: its parameters as a value, its answer as a value.

A statement is data until a driver runs it. Those that only look are marked `writes = False`, so that SQLite need not
take its one write lock for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from types import ModuleType
from typing import Any, ClassVar

import msgspec

from inbox_lifecycle.codec import EncodedEvent
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, AttemptKind, Inbox, InboxId
from inbox_lifecycle.records import Attempt, Page, RecordedEvent
from inbox_lifecycle.store import postgresql, reads, sqlite
from inbox_lifecycle.store.rows import (
    Closed,
    Looked,
    OpenAttempt,
    Seen,
    read_attempt,
    read_event,
    read_inbox,
    read_landed,
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
class OpenTheAttempt:
    """Load an inbox, own it and open an attempt: one statement, whose answer tells nothing of foreign inboxes."""

    name: ClassVar[str] = "open_attempt"
    writes: ClassVar[bool] = True
    inbox_id: InboxId
    #: None for an operator.
    owner_id: str | None
    attempt_id: AttemptId
    kind: AttemptKind
    now: datetime
    #: Seconds that the attempt is the caller's alone.
    lease: float
    context: Context

    def run(self, session: Session) -> Seen | None:
        """The inbox as the gate will see it."""
        values = {
            **_context_values(self.context),
            "inbox_id": self.inbox_id,
            "owner_id": self.owner_id,
            "attempt_id": self.attempt_id,
            "kind": self.kind.value,
            "now": session.backend.time(self.now),
            "lease": self.lease,
        }
        row = _spelling(session).open_attempt(session, values, as_operator=self.owner_id is None)
        return None if row is None else read_seen(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitWarmup:
    """Fence, swap, event, attempt and queue row, all or nothing; run twice it takes effect once."""

    name: ClassVar[str] = "commit_warmup"
    writes: ClassVar[bool] = True
    event: EncodedEvent
    seen_version: int
    owner_id: str | None
    attempt_id: AttemptId
    now: datetime

    def run(self, session: Session) -> Inbox | None:
        """The moved inbox; None where the fence or the swap missed."""
        values = {
            **_event_values(session, self.event),
            "seen_version": self.seen_version,
            "owner_id": self.owner_id,
            "attempt_id": self.attempt_id,
            "now": session.backend.time(self.now),
        }
        row = _spelling(session).commit_warmup(session, values)
        return None if row is None else read_inbox(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitMove:
    """Swap, event and queue row, all or nothing."""

    name: ClassVar[str] = "commit_move"
    writes: ClassVar[bool] = True
    event: EncodedEvent
    seen_version: int
    owner_id: str | None

    def run(self, session: Session) -> Inbox | None:
        """The moved inbox; None where the swap missed."""
        values = {
            **_event_values(session, self.event),
            "seen_version": self.seen_version,
            "owner_id": self.owner_id,
        }
        row = _spelling(session).commit_move(session, values)
        return None if row is None else read_inbox(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterInbox:
    """Domain, row, first event and queue row, all or nothing."""

    name: ClassVar[str] = "register_inbox"
    writes: ClassVar[bool] = True
    event: EncodedEvent
    owner_id: str
    domain_id: str
    domain: str = field(repr=False)
    email_address: str = field(repr=False)
    address_key: bytes = field(repr=False)
    provider: str
    provider_ref: str | None = field(repr=False)
    created_at: datetime

    def run(self, session: Session) -> Inbox | None:
        """The inbox; None where another call made the domain meanwhile, and the statement is to be run again."""
        values = {
            **_event_values(session, self.event),
            "owner_id": self.owner_id,
            "domain_id": self.domain_id,
            "domain": self.domain,
            "email_address": self.email_address,
            "address_key": self.address_key,
            "provider": self.provider,
            "provider_ref": self.provider_ref,
            "created_at": session.backend.time(self.created_at),
        }
        row = _spelling(session).register(session, values)
        return None if row is None else read_inbox(row)


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
class CloseAttempt:
    """Close an attempt that is open; one that is closed stays as it is."""

    name: ClassVar[str] = "close_attempt"
    writes: ClassVar[bool] = True
    inbox_id: InboxId
    #: The inbox's owner when the attempt was opened.
    owner_id: str | None
    attempt_id: AttemptId
    outcome: str
    now: datetime
    #: JSON-ready: a verdict, or the provider's answer in our words.
    detail: Any = None
    event_version: int | None = None
    #: Whether the provider accepted: if the inbox is banned by now, the attempt is marked to disable the warmup.
    accepted: bool = False
    idempotency_key: str | None = field(default=None, repr=False)

    def run(self, session: Session) -> Closed:
        """Whether it was open, and the key's event as the same statement saw it."""
        values = {
            "inbox_id": self.inbox_id,
            "owner_id": self.owner_id,
            "attempt_id": self.attempt_id,
            "outcome": self.outcome,
            "now": session.backend.time(self.now),
            "detail": None if self.detail is None else msgspec.json.encode(self.detail).decode(),
            "event_version": self.event_version,
            "accepted": int(self.accepted),
            "idempotency_key": self.idempotency_key,
        }
        row = _spelling(session).close_attempt(session, values)
        return Closed(bool(row[0]), read_landed(row[1:]))


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
        values = {name: value for name, value in wanted.items() if value is not None}
        conditions = [condition for name, condition in reads.FIND_CONDITIONS.items() if name in values]
        template = reads.FIND.replace("{conditions}", " and ".join(conditions) or "1 = 1")
        rows = session.all(template, {**values, "limit": self.limit + 1})
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearMark:
    """The provider has confirmed: nothing is left to disable."""

    name: ClassVar[str] = "clear_mark"
    writes: ClassVar[bool] = True
    inbox_id: InboxId
    attempt_id: AttemptId

    def run(self, session: Session) -> bool:
        """Whether it was marked."""
        values = {"inbox_id": self.inbox_id, "attempt_id": self.attempt_id}
        return session.run(reads.CLEAR_MARK, values) == 1


@dataclass(frozen=True, slots=True)
class Revision:
    """The schema's revision."""

    name: ClassVar[str] = "revision"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> str | None:
        """The revision; None where the version table is empty."""
        row = session.one(reads.REVISION)
        return None if row is None else str(row[0])


def _spelling(session: Session) -> ModuleType:
    return sqlite if session.backend.is_sqlite else postgresql


def _context_values(context: Context) -> dict[str, object]:
    return {
        "actor": context.actor,
        "reason": context.reason,
        "correlation_id": context.correlation_id,
        "causation_id": context.causation_id,
        "idempotency_key": context.idempotency_key,
    }


def _event_values(session: Session, event: EncodedEvent) -> Values:
    return {
        **_context_values(event.context),
        "context_owner_id": event.context.owner_id,
        "context_key": event.context_key,
        "inbox_id": event.inbox_id,
        "event_id": event.event_id,
        "name": event.name,
        "schema": event.schema,
        "from_status": event.left.status.value if event.left else None,
        "from_warmup_status": event.left.warmup_status.value if event.left else None,
        "status": event.reached.status.value,
        "warmup_status": event.reached.warmup_status.value,
        "recorded_at": session.backend.time(event.recorded_at),
        "entry": event.entry,
        "hash": event.hash,
        "previous_hash": event.previous,
    }
