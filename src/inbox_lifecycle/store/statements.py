"""The statements that change something, by name: parameters as values, answers as values.

A statement is data until a driver runs it. Each is all or nothing: one statement on PostgreSQL, a few inside one
IMMEDIATE transaction on SQLite.
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
from inbox_lifecycle.store import postgresql, reads, sqlite
from inbox_lifecycle.store.rows import Closed, Seen, read_inbox, read_landed, read_seen
from inbox_lifecycle.store.session import Session, Values


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
            **context_values(self.context),
            "inbox_id": self.inbox_id,
            "owner_id": self.owner_id,
            "attempt_id": self.attempt_id,
            "kind": self.kind.value,
            "now": session.backend.time(self.now),
            "lease": self.lease,
        }
        row = spelling(session).open_attempt(session, values, as_operator=self.owner_id is None)
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
    #: Seconds to wait for somebody else's lock, at most; SQLite has its busy timeout.
    patience: float

    def values(self, session: Session) -> Values:
        """Its parameters."""
        return {
            **event_values(session, self.event),
            "seen_version": self.seen_version,
            "owner_id": self.owner_id,
            "attempt_id": self.attempt_id,
            "now": session.backend.time(self.now),
            "patience": milliseconds(self.patience),
        }

    def run(self, session: Session) -> Inbox | None:
        """The moved inbox; None where the fence or the swap missed."""
        row = spelling(session).commit_warmup(session, self.values(session))
        return None if row is None else read_inbox(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitMove:
    """Swap, event and queue row, all or nothing."""

    name: ClassVar[str] = "commit_move"
    writes: ClassVar[bool] = True
    event: EncodedEvent
    seen_version: int
    owner_id: str | None
    #: Seconds to wait for somebody else's lock, at most; a host's transaction and SQLite have their own ways.
    patience: float

    def run(self, session: Session) -> Inbox | None:
        """The moved inbox; None where the swap missed."""
        values = {
            **event_values(session, self.event),
            "seen_version": self.seen_version,
            "owner_id": self.owner_id,
            "patience": milliseconds(self.patience),
        }
        row = spelling(session).commit_move(session, values)
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

    def values(self, session: Session) -> Values:
        """Its parameters."""
        return {
            **event_values(session, self.event),
            "owner_id": self.owner_id,
            "domain_id": self.domain_id,
            "domain": self.domain,
            "email_address": self.email_address,
            "address_key": self.address_key,
            "provider": self.provider,
            "provider_ref": self.provider_ref,
            "created_at": session.backend.time(self.created_at),
        }

    def run(self, session: Session) -> Inbox | None:
        """The inbox; None where another call made the domain meanwhile, and the statement is to be run again."""
        row = spelling(session).register(session, self.values(session))
        return None if row is None else read_inbox(row)


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
        row = spelling(session).close_attempt(session, values)
        return Closed(bool(row[0]), read_landed(row[1:]))


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


def spelling(session: Session) -> ModuleType:
    """The module that spells statements for the session's database."""
    return sqlite if session.backend.is_sqlite else postgresql


def milliseconds(seconds: float) -> str:
    """As PostgreSQL's settings have it; zero would mean for ever."""
    return f"{max(1, int(seconds * 1000))}ms"


def context_values(context: Context) -> dict[str, object]:
    """What stands beside an event or an attempt, its owner aside, as parameters."""
    return {
        "actor": context.actor,
        "reason": context.reason,
        "correlation_id": context.correlation_id,
        "causation_id": context.causation_id,
        "idempotency_key": context.idempotency_key,
    }


def event_values(session: Session, event: EncodedEvent) -> Values:
    """An event and what stands beside it, as parameters."""
    return {
        **context_values(event.context),
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
