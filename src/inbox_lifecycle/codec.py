"""Events as bytes: what is written, hashed and committed to, and how it is read back.

The `entry` of an event is canonical JSON, stored as written and never derived again. It holds what can never change;
who, why and from where it holds only as a commitment. The hash of an event is the RFC 6962 leaf hash of its entry, and
every entry holds the hash of the one before it. The names and schemas below are history: once released, they stay, and
what was written in a schema that is no longer current is brought up to today's by `upcasting`, when it is read.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from inbox_lifecycle.canonical import canonical, read_time, time_text
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import (
    InboxAdopted,
    InboxBanned,
    InboxCorrected,
    InboxErased,
    InboxEvent,
    InboxGraduated,
    InboxRegistered,
    Move,
    Pair,
    Status,
    WarmupFailed,
    WarmupStarted,
    WarmupStatus,
)
from inbox_lifecycle.upcasting import UPCASTERS, EventSchemas, UnreadablePayload

#: The form of an entry; a reader that does not know it must not guess.
ENTRY_FORMAT = "inbox-lifecycle/1"
#: Bytes of a commitment's key.
KEY_LENGTH = 32

#: Every event that was ever written, by its stored name and the schema in which it is written today.
EVENT_TYPES: dict[tuple[str, int], type[InboxEvent]] = {
    ("inbox.registered", 1): InboxRegistered,
    ("inbox.adopted", 1): InboxAdopted,
    ("inbox.warmup_started", 1): WarmupStarted,
    ("inbox.warmup_failed", 1): WarmupFailed,
    ("inbox.graduated", 1): InboxGraduated,
    ("inbox.banned", 1): InboxBanned,
    ("inbox.corrected", 1): InboxCorrected,
    ("inbox.erased", 1): InboxErased,
}

#: The name and schema under which an event is written today.
EVENT_NAMES: dict[type[InboxEvent], tuple[str, int]] = {event: name for name, event in EVENT_TYPES.items()}

#: What can be read: the schemas of today, and every one before them.
EVENT_SCHEMAS: EventSchemas[InboxEvent] = EventSchemas(EVENT_TYPES, UPCASTERS)


class UnreadableEntry(ValueError):
    """These bytes are not an entry as we write it; the text says which part is not."""


class EntryPair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pair as entries hold it."""

    status: Status
    warmup_status: WarmupStatus

    def pair(self) -> Pair:
        """The pair itself."""
        return Pair(self.status, self.warmup_status)


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An entry, field by field."""

    commitment: str
    event_id: str
    format: str
    left: EntryPair | None = msgspec.field(name="from")
    inbox_id: str
    name: str
    payload: dict[str, Any]
    previous: str | None
    recorded_at: str
    schema: int
    reached: EntryPair = msgspec.field(name="to")
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedEvent:
    """An event ready to be stored."""

    event_id: str
    inbox_id: str
    version: int
    name: str
    schema: int
    left: Pair | None
    reached: Pair
    recorded_at: datetime
    entry: bytes = field(repr=False)
    hash: bytes
    previous: bytes | None
    context: Context
    context_key: bytes = field(repr=False)


def encode_event(
    event: InboxEvent,
    move: Move,
    *,
    event_id: str,
    inbox_id: str,
    version: int,
    previous: bytes | None,
    recorded_at: datetime,
    context: Context,
) -> EncodedEvent:
    """The event as it will stand for good, with a fresh key for its context."""
    name, schema = EVENT_NAMES[type(event)]
    key = secrets.token_bytes(KEY_LENGTH)
    entry = canonical(
        {
            "commitment": commitment(key, context.canonical()),
            "event_id": event_id,
            "format": ENTRY_FORMAT,
            "from": _pair(move.left),
            "inbox_id": inbox_id,
            "name": name,
            "payload": msgspec.to_builtins(event),
            "previous": previous.hex() if previous else None,
            "recorded_at": time_text(recorded_at),
            "schema": schema,
            "to": _pair(move.reached),
            "version": version,
        },
    )
    return EncodedEvent(
        event_id=event_id,
        inbox_id=inbox_id,
        version=version,
        name=name,
        schema=schema,
        left=move.left,
        reached=move.reached,
        recorded_at=recorded_at,
        entry=entry,
        hash=leaf_hash(entry),
        previous=previous,
        context=context,
        context_key=key,
    )


def decode_entry(entry: bytes) -> Entry:
    """The entry's fields.

    Raises:
        UnreadableEntry: these bytes are not an entry in its one canonical form.
    """
    try:
        decoded = _DECODER.decode(entry)
        read_time(decoded.recorded_at)
        rewritten = canonical(msgspec.to_builtins(decoded))
    except (msgspec.MsgspecError, ValueError, TypeError, UnicodeError):
        raise UnreadableEntry("it is not an entry") from None
    if decoded.format != ENTRY_FORMAT:
        raise UnreadableEntry("its format is unknown")
    if rewritten != entry:
        raise UnreadableEntry("it is not in canonical form")
    return decoded


def decode_event(
    name: str, schema: int, payload: dict[str, Any], *, schemas: EventSchemas[InboxEvent] = EVENT_SCHEMAS
) -> InboxEvent | None:
    """The event of a stored name, schema and payload; None where the name or schema is unknown.

    A payload of an older schema is brought up to today's type; what is stored stays as it is.

    Raises:
        UnreadableEntry: the payload is not one of this event in this schema.
    """
    try:
        return schemas.decode(name, schema, payload)
    except UnreadablePayload as error:
        raise UnreadableEntry(str(error)) from None


def leaf_hash(entry: bytes) -> bytes:
    """The RFC 6962 leaf hash of an entry: SHA-256 over a zero byte and the entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def commitment(key: bytes, content: bytes) -> str:
    """HMAC-SHA256 of the content under the key, in hexadecimal: binding, and silent without the key."""
    return hmac.new(key, content, hashlib.sha256).hexdigest()


def address_commitment(key: bytes, address: str) -> str:
    """The commitment to an address that its birth event holds."""
    return commitment(key, canonical({"email_address": address}))


def _pair(pair: Pair | None) -> dict[str, str] | None:
    return None if pair is None else {"status": pair.status.value, "warmup_status": pair.warmup_status.value}


_DECODER = msgspec.json.Decoder(Entry)
