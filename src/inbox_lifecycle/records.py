"""What is read back from the store: events with all that stands beside them, attempts, and pages of either."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, AttemptKind, EventId, InboxEvent, InboxId, Pair

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """An event of an inbox's history."""

    inbox_id: InboxId
    #: 1 for the birth, one more for each event.
    version: int
    event_id: EventId
    #: The stored name, such as `inbox.warmup_started`.
    name: str
    #: The stored form of the payload.
    schema: int
    event: InboxEvent
    #: The pair left; None for a birth.
    left: Pair | None
    #: The pair reached.
    reached: Pair
    recorded_at: datetime
    #: Who, why and from where; blank once erased.
    context: Context
    #: RFC 6962 leaf hash of the entry, 32 bytes.
    hash: bytes
    #: Hash of the inbox's previous event; None for a birth.
    previous_hash: bytes | None
    #: The canonical bytes, as written.
    entry: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call of `start_warmup`, `retry_warmup` or `launch_campaign`, and how it ended."""

    id: AttemptId
    inbox_id: InboxId
    kind: AttemptKind
    #: The inbox as the call saw it.
    seen_version: int
    seen: Pair
    opened_at: datetime
    #: Until then the call may still be alive; after it `reconcile` takes over. By the database's clock.
    lease_until: datetime
    #: None while open: in flight, outcome unknown, or accepted and not recorded.
    outcome: str | None
    closed_at: datetime | None
    #: The event it made, or with whose success it was answered.
    event_version: int | None
    #: Whether the provider still warms a banned inbox because of it, and is to be told to stop.
    to_disable: bool
    #: The verdict of a refusal, or the provider's answer in our words.
    detail: Any
    context: Context


@dataclass(frozen=True, slots=True)
class FedEvent:
    """An event with its place in the feed."""

    #: From 0 on, without gaps; the leaf's index in the Merkle tree.
    position: int
    event: RecordedEvent


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Some of the feed, in order of position."""

    items: tuple[FedEvent, ...]
    #: Pass it as `after` for the next page: the last position of this one, or what was asked for where it is empty.
    next_after: int | None
    #: Events that have no position yet: their transactions ended just now, or another process is at sealing.
    unsealed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedEvent:
    """An event that a subscription's handler failed on, put aside so that the others could go on."""

    position: int
    event: RecordedEvent
    #: The type of the last error.
    error: str
    #: How often the handler was tried in all.
    tries: int
    parked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key by which an owner's calls come in over HTTP; the token itself is kept nowhere."""

    id: str
    #: The visible beginning of the token.
    prefix: str
    owner_id: str
    label: str
    created_at: datetime
    #: The operator who made it.
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """An API key just made."""

    key: ApiKey
    #: The bearer token; it cannot be read again.
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of many."""

    items: tuple[T, ...]
    #: Pass it as `after` for the next page; None when there is none.
    next_after: str | None
