"""Rows of a bulk statement's one JSON parameter, as PostgreSQL reads its own types from text."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from inbox_lifecycle.canonical import time_text
from inbox_lifecycle.codec import EncodedEvent

#: Always true. Where the planner knows nothing of a column, it takes a range to hold one row in two hundred.
EACH = """
    where w.inbox_id between '00000000-0000-0000-0000-000000000000' and 'ffffffff-ffff-ffff-ffff-ffffffffffff'"""


class EventRow(msgspec.Struct, omit_defaults=True, gc=False, kw_only=True):
    """An event and what stands beside it; what a row leaves out is null."""

    inbox_id: str
    event_id: str
    name: str
    schema: int
    status: str
    warmup_status: str
    recorded_at: str
    entry: str
    hash: str
    context_key: str
    context_owner_id: str | None = None
    actor: str | None = None
    reason: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    idempotency_key: str | None = None


class MoveRow(EventRow, omit_defaults=True, gc=False, kw_only=True):
    """An event that moves an inbox, and what its gate saw."""

    attempt_id: str
    owner_id: str | None
    seen_version: int
    from_status: str
    from_warmup_status: str
    previous_hash: str


R = TypeVar("R", bound=EventRow)


def event_row(kind: type[R], event: EncodedEvent, **more: object) -> R:
    """A row with this event, and what else stands in it."""
    context = event.context
    return kind(
        inbox_id=event.inbox_id,
        event_id=event.event_id,
        name=event.name,
        schema=event.schema,
        status=event.reached.status,
        warmup_status=event.reached.warmup_status,
        recorded_at=time_text(event.recorded_at),
        entry=bytea(event.entry),
        hash=bytea(event.hash),
        context_key=bytea(event.context_key),
        context_owner_id=context.owner_id,
        actor=context.actor,
        reason=context.reason,
        correlation_id=context.correlation_id,
        causation_id=context.causation_id,
        idempotency_key=context.idempotency_key,
        **more,
    )


def bytea(value: bytes) -> str:
    """Bytes as text."""
    return "\\x" + value.hex()


def json_text(value: Any) -> str:
    """Anything as JSON."""
    return msgspec.json.encode(value).decode()
