"""Rows into values; both databases' ways of saying an id, a time or bytes are accepted."""

from __future__ import annotations

from dataclasses import dataclass, fields, make_dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from inbox_lifecycle.canonical import read_time
from inbox_lifecycle.codec import UnreadableEntry, decode_current, decode_entry, decode_event
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import (
    AttemptId,
    AttemptKind,
    Inbox,
    InboxEvent,
    InboxId,
    Pair,
    Status,
    WarmupStatus,
)
from inbox_lifecycle.domain.states import PAIRS
from inbox_lifecycle.errors import HistoryBroken, UnknownEvent
from inbox_lifecycle.records import Attempt, RecordedEvent
from inbox_lifecycle.store.session import Row

#: Columns of an inbox, of `inboxes i` left-joined with `email_domains d`.
INBOX_COLUMNS = (
    "i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status,"
    " i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at,"
    " i.head_hash"
)
INBOX_WIDTH = 15

#: Larger than every version: a page after (inbox, this) begins with the next inbox.
LAST_VERSION = 2**31 - 1

#: Columns of an event, of `inbox_events e`.
EVENT_COLUMNS = (
    "e.inbox_id, e.version, e.event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status,"
    " e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason,"
    " e.correlation_id, e.causation_id, e.idempotency_key, e.context_key"
)
EVENT_WIDTH = 20
#: Where the context's columns begin and end; what follows is the key of its commitment.
CONTEXT_START, CONTEXT_END = 13, 19
#: The same for pages that PostgreSQL gives in binary form, where an id would come as an object of its own.
POSTGRESQL_EVENT_COLUMNS = EVENT_COLUMNS.replace("e.inbox_id,", "cast(e.inbox_id as text) as inbox_id,").replace(
    "e.event_id,", "cast(e.event_id as text) as event_id,"
)

#: Columns of an attempt, of `inbox_attempts a`.
ATTEMPT_COLUMNS = (
    "a.id, a.inbox_id, a.kind, a.seen_version, a.seen_status, a.seen_warmup_status, a.opened_at, a.lease_until,"
    " a.outcome, a.closed_at, a.event_version, a.to_disable, a.detail, a.owner_id, a.actor, a.reason,"
    " a.correlation_id, a.causation_id, a.idempotency_key"
)
ATTEMPT_WIDTH = 19

#: Columns of an event as far as an answer needs them, of some alias of `inbox_events`.
LANDED_COLUMNS = "{e}.version, {e}.name, {e}.status, {e}.warmup_status, {e}.recorded_at"
LANDED_WIDTH = 5


@dataclass(frozen=True, slots=True)
class Landed:
    """An event that may be the answer to a call: the pair it reached, and when."""

    version: int
    name: str
    reached: Pair
    recorded_at: datetime

    def as_left(self, inbox: Inbox) -> Inbox:
        """The inbox as this event left it, all else as it is now."""
        return replace(
            inbox,
            status=self.reached.status,
            warmup_status=self.reached.warmup_status,
            version=self.version,
            updated_at=self.recorded_at,
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """An inbox with its head hash, and the event of the call's idempotency key, if there is one."""

    inbox: Inbox
    head_hash: bytes
    keyed: Landed | None


@dataclass(frozen=True, slots=True)
class Looked:
    """A second look: the inbox, what became of the call's own attempt, and the key's event."""

    seen: Seen
    #: None while open, or where there is no attempt.
    outcome: str | None
    #: The event that the call's own attempt made.
    moved: Landed | None


@dataclass(frozen=True, slots=True)
class Closed:
    """What closing an attempt found."""

    #: Whether there was something to close or to mark.
    was_open: bool
    keyed: Landed | None


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """An unsettled attempt, with the inbox as it is now, and what the attempt's idempotency key stands for by now."""

    attempt: Attempt
    seen: Seen


def read_inbox(row: Row) -> Inbox:
    """The first columns of a row as an inbox."""
    pair = read_pair(row[8], row[9])
    inbox: Inbox = _InboxDraft(
        str(row[0]),
        row[1],
        row[2],
        row[3],
        None if row[4] is None else str(row[4]),
        row[5],
        row[6],
        row[7],
        pair.status,
        pair.warmup_status,
        row[10],
        read_time_column(row[11]),
        read_time_column(row[12]),
        None if row[13] is None else read_time_column(row[13]),
    )
    inbox.__class__ = Inbox
    return inbox


def read_seen(row: Row) -> Seen:
    """An inbox's columns, then those of the key's event."""
    return Seen(read_inbox(row), bytes(row[14]), read_landed(row[INBOX_WIDTH : INBOX_WIDTH + LANDED_WIDTH]))


def read_looked(row: Row) -> Looked:
    """Those of `read_seen`, then the attempt's outcome, then those of the event it made."""
    after = INBOX_WIDTH + LANDED_WIDTH
    return Looked(read_seen(row), row[after], read_landed(row[after + 1 :]))


def read_landed(row: Row) -> Landed | None:
    """An event as an answer; None where the join found none."""
    if row[0] is None:
        return None
    return Landed(row[0], row[1], Pair(Status(row[2]), WarmupStatus(row[3])), read_time_column(row[4]))


def read_attempt(row: Row) -> Attempt:
    """The first columns of a row as an attempt."""
    return Attempt(
        id=AttemptId(str(row[0])),
        inbox_id=InboxId(str(row[1])),
        kind=AttemptKind(row[2]),
        seen_version=row[3],
        seen=Pair(Status(row[4]), WarmupStatus(row[5])),
        opened_at=read_time_column(row[6]),
        lease_until=read_time_column(row[7]),
        outcome=row[8],
        closed_at=None if row[9] is None else read_time_column(row[9]),
        event_version=row[10],
        to_disable=bool(row[11]),
        detail=None if row[12] is None else msgspec.json.decode(row[12]),
        context=read_context(row[13:19]),
    )


def read_open_attempt(row: Row) -> OpenAttempt:
    """An attempt's columns, then those of `read_seen`."""
    return OpenAttempt(read_attempt(row), read_seen(row[ATTEMPT_WIDTH:]))


def read_event(row: Row) -> RecordedEvent:
    """A row of events.

    Raises:
        UnknownEvent: a newer version of the library wrote it.
        HistoryBroken: the entry is not what was written.
    """
    # Whoever replays a history reads a million of these: each column is taken once, and most are what they should be.
    (
        known_id, version, event_id, name, schema, from_status, from_warmup_status, status, warmup_status, at,
        entry, hash_, previous_hash, *context,
    ) = row[:CONTEXT_END]  # fmt: skip
    inbox_id = known_id if type(known_id) is str else str(known_id)
    if type(entry) is not bytes:
        entry = bytes(entry)
    current = decode_current(name, schema, entry)
    if current is None:
        event, recorded_at = _event_of(inbox_id, version, name, schema, entry), read_time_column(at)
    else:
        decoded, recorded_at = current
        event = decoded.payload
        # On SQLite a time is the text that the entry has too.
        if at != decoded.recorded_at:
            recorded_at = read_time_column(at)
    recorded: RecordedEvent = _EventDraft(
        inbox_id,
        version,
        event_id if type(event_id) is str else str(event_id),
        name,
        schema,
        event,
        None if from_status is None else read_pair(from_status, from_warmup_status),
        read_pair(status, warmup_status),
        recorded_at,
        read_context(context),
        bytes(hash_),
        None if previous_hash is None else bytes(previous_hash),
        entry,
    )
    recorded.__class__ = RecordedEvent
    return recorded


def read_context(columns: Row) -> Context:
    """A context from its columns, in the order of its fields.

    Raises:
        MalformedText: one holds what cannot be kept.
    """
    context: Context = _ContextDraft(*columns)
    context.__class__ = Context
    context.__post_init__()
    return context


def _event_of(inbox_id: str, version: int, name: str, schema: int, entry: bytes) -> InboxEvent:
    try:
        event = decode_event(name, schema, decode_entry(entry).payload)
    except UnreadableEntry as error:
        raise HistoryBroken(inbox_id, version, str(error)) from None
    if event is None:
        raise UnknownEvent(inbox_id, version, name, schema)
    return event


def draft_of(frozen: type) -> Any:
    """A class whose objects take all fields in order and then become the frozen dataclass's, as it has the same slots.

    A frozen dataclass sets field after field past itself, which takes longer than decoding the event; whoever replays
    a million of them waits for that. To change the class of an object is allowed between classes of the same slots.
    """
    return make_dataclass(f"_{frozen.__name__}Draft", [field.name for field in fields(frozen)], slots=True)


_InboxDraft = draft_of(Inbox)
_EventDraft = draft_of(RecordedEvent)
_ContextDraft = draft_of(Context)


def read_pair(status: str, warmup_status: str) -> Pair:
    """A pair from its words.

    Raises:
        ValueError: a word is unknown.
    """
    known = PAIRS.get((status, warmup_status))
    return Pair(Status(status), WarmupStatus(warmup_status)) if known is None else known


def read_time_column(value: object) -> datetime:
    """A time, as either database gives it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return read_time(str(value))


def stored_bytes(value: object) -> bytes:
    """What stands in a column of bytes, where SQLite keeps anything that was put there."""
    if isinstance(value, bytes):
        return value
    return bytes(value) if isinstance(value, memoryview) else str(value).encode(errors="surrogateescape")


def stored_version(value: object) -> int:
    """What stands in a column of versions; on SQLite also what is no number, which sorts behind every number."""
    return value if isinstance(value, int) else LAST_VERSION
