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
from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar, get_type_hints

import msgspec

from inbox_lifecycle.canonical import INTEGER_BOUND, canonical, check_value, read_time, time_text
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
from inbox_lifecycle.domain.states import PAIRS
from inbox_lifecycle.upcasting import UPCASTERS, EventSchemas, UnreadablePayload

P = TypeVar("P")

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


#: A whole number that every reader of JSON reads exactly.
Number = Annotated[int, msgspec.Meta(gt=-INTEGER_BOUND, lt=INTEGER_BOUND)]


class EntryPair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pair as entries hold it."""

    status: Status
    warmup_status: WarmupStatus

    def pair(self) -> Pair:
        """The pair itself."""
        return PAIRS[self.status, self.warmup_status]


class EntryOf(msgspec.Struct, Generic[P], frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An entry, field by field."""

    commitment: str
    event_id: str
    format: str
    left: EntryPair | None = msgspec.field(name="from")
    inbox_id: str
    name: str
    payload: P
    previous: str | None
    recorded_at: str
    schema: Number
    reached: EntryPair = msgspec.field(name="to")
    version: Number


#: An entry whose payload may be of any schema.
Entry = EntryOf[dict[str, Any]]


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
        rewritten = _rewritten(decoded, entry)
    except (msgspec.MsgspecError, ValueError, TypeError, UnicodeError):
        raise UnreadableEntry("it is not an entry") from None
    if decoded.format != ENTRY_FORMAT:
        raise UnreadableEntry("its format is unknown")
    if rewritten != entry:
        raise UnreadableEntry("it is not in canonical form")
    return decoded


def decode_current(name: str, schema: int, entry: bytes) -> tuple[EntryOf[InboxEvent], datetime] | None:
    """The entry with its event, and its time, if it is of this name and its current schema; None if not, or in doubt.

    All that `decode_entry` or `decode_event` would refuse is None here. Nearly every entry that is ever read is found
    good this way, several times as fast; of any other, these two tell what it is.
    """
    reader = _READERS.get((name, schema))
    if reader is None or _ESCAPE in entry:
        return None
    try:
        decoded = reader.decoder.decode(entry)
        recorded_at = read_time(decoded.recorded_at)
        for field_name in reader.numbers:
            check_value(getattr(decoded.payload, field_name))
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        return None
    # What is written in another way, or in other fields, does not come back as it was.
    if decoded.format != ENTRY_FORMAT or reader.encoder.encode(decoded) != entry:
        return None
    return decoded, recorded_at


def _rewritten(decoded: Entry, entry: bytes) -> bytes:
    """What `canonical` makes of all of the entry's fields."""
    if _ESCAPE in entry:
        # One of its texts holds what is never written as it is, which may be NUL.
        return canonical(msgspec.to_builtins(decoded))
    # No JSON without escapes holds NUL or a surrogate. So only what stands in the payload can still lie outside our
    # part of JSON, and there is no need to take the whole entry apart.
    check_value(decoded.payload)
    return _ENCODER.encode(decoded)


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


class _Reader:
    """Reads the entries of one event, in the schema in which it is written today."""

    __slots__ = ("decoder", "encoder", "numbers")

    def __init__(self, event: type[InboxEvent]) -> None:
        self.decoder: msgspec.json.Decoder[EntryOf[InboxEvent]] = msgspec.json.Decoder(EntryOf[event])  # type: ignore[valid-type]  # a type that is known once this runs
        kinds = get_type_hints(event)
        # What stands in order already need not be sorted; the fields of an entry do.
        self.encoder = _ENCODER if list(kinds) != sorted(kinds) else msgspec.json.Encoder()
        #: The fields of the event that may hold numbers.
        self.numbers = [name for name, kind in kinds.items() if not _is_text(kind)]


def _is_text(kind: object) -> bool:
    return kind in (str, str | None) or (isinstance(kind, type) and issubclass(kind, StrEnum))


_DECODER = msgspec.json.Decoder(Entry)
_ENCODER = msgspec.json.Encoder(order="sorted")
_READERS = {known: _Reader(event) for known, event in EVENT_TYPES.items()}
_ESCAPE = b"\\"
