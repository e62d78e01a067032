"""What a database says of itself, read by raw SQL and judged by nothing of ours.

The fold, the hash chain and the commitments are computed here a second time, with hashlib and an independent
implementation of canonical JSON, so that a mistake in the library cannot hide in its own verification.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import rfc8785

from tests.support.databases import TestDatabase

Pair = tuple[str, str]

_CONTEXT = ("owner_id", "actor", "reason", "correlation_id", "causation_id", "idempotency_key")

_ROWS = "select id, status, warmup_status, version, head_hash from {s}inboxes order by id"
_EVENTS = (
    "select inbox_id, version, name, status, warmup_status, entry, hash, previous_hash, context_key,"
    " owner_id, actor, reason, correlation_id, causation_id, idempotency_key"
    " from {s}inbox_events order by inbox_id, version"
)
_ATTEMPTS = (
    "select inbox_id, id, kind, seen_version, outcome, event_version, to_disable"
    " from {s}inbox_attempts order by inbox_id, id"
)
_QUEUE = (
    "select inbox_id, version, hash from ("
    " select 0 as part, position as place, inbox_id, version, leaf_hash as hash from {s}inbox_feed"
    " union all select 1, seq, inbox_id, version, hash from {s}inbox_feed_queue"
    ") q order by part, place"
)


@dataclass(frozen=True)
class RowSaid:
    """An inbox's row."""

    pair: Pair
    version: int
    head_hash: bytes


@dataclass(frozen=True)
class EventSaid:
    """An event's row; its entry both as bytes and as JSON."""

    inbox_id: str
    version: int
    name: str
    reached: Pair
    entry: bytes
    said: dict[str, Any]
    hash: bytes
    previous_hash: bytes | None
    context_key: bytes
    context: Mapping[str, str]


@dataclass(frozen=True)
class AttemptSaid:
    """An attempt's row."""

    inbox_id: str
    id: str
    kind: str
    seen_version: int
    outcome: str | None
    event_version: int | None
    to_disable: bool


@dataclass(frozen=True)
class Evidence:
    """Everything at one moment."""

    rows: Mapping[str, RowSaid]
    events: Mapping[str, list[EventSaid]]
    attempts: tuple[AttemptSaid, ...]
    #: Events in the order of the feed, and after them those that still wait for their positions.
    queue: tuple[tuple[str, int, bytes], ...]

    def names(self, inbox_id: str) -> list[str]:
        """Names of an inbox's events, in order of version."""
        return [event.name for event in self.events[inbox_id]]

    def outcomes(self, inbox_id: str) -> list[str | None]:
        """How the attempts on an inbox ended, sorted; open ones first."""
        ended = [attempt.outcome for attempt in self.attempts if attempt.inbox_id == inbox_id]
        return sorted(ended, key=str)


def gather(database: TestDatabase) -> Evidence:
    """Read everything, in one connection."""
    with database.connect() as connection:
        cursor = connection.cursor()
        rows, events, attempts, queue = (
            cursor.execute(statement.replace("{s}", database.prefix)).fetchall()
            for statement in (_ROWS, _EVENTS, _ATTEMPTS, _QUEUE)
        )
        cursor.close()
    told = [_event(row) for row in events]
    return Evidence(
        rows={str(row[0]): RowSaid((row[1], row[2]), row[3], bytes(row[4])) for row in rows},
        events={inbox_id: list(group) for inbox_id, group in groupby(told, lambda event: event.inbox_id)},
        attempts=tuple(_attempt(row) for row in attempts),
        queue=tuple((str(row[0]), row[1], bytes(row[2])) for row in queue),
    )


def sound(database: TestDatabase) -> Evidence:
    """Read everything, and demand that it explains itself."""
    evidence = gather(database)
    assert evidence.rows.keys() == evidence.events.keys()
    for inbox_id, row in evidence.rows.items():
        assert fold(evidence.events[inbox_id]) == row
    _check_queue(evidence)
    _check_attempts(evidence)
    return evidence


def fold(events: list[EventSaid]) -> RowSaid:
    """The row that these events make, each checked against the one before it."""
    pair: Pair | None = None
    head: bytes | None = None
    for version, event in enumerate(events, 1):
        assert (event.version, event.said["version"]) == (version, version)
        assert _pair(event.said["from"]) == pair
        assert (event.previous_hash, event.said["previous"]) == (head, head.hex() if head else None)
        assert event.hash == hashlib.sha256(b"\x00" + event.entry).digest()
        _check_entry(event)
        pair, head = event.reached, event.hash
    assert pair is not None
    assert head is not None
    return RowSaid(pair, len(events), head)


def _check_entry(event: EventSaid) -> None:
    said = event.said
    assert event.entry == rfc8785.dumps(said)
    assert (said["inbox_id"], said["name"], _pair(said["to"])) == (event.inbox_id, event.name, event.reached)
    content = rfc8785.dumps(dict(event.context))
    assert said["commitment"] == hmac.new(event.context_key, content, hashlib.sha256).hexdigest()


def _check_queue(evidence: Evidence) -> None:
    written = [(event.inbox_id, event.version, event.hash) for events in evidence.events.values() for event in events]
    assert sorted(evidence.queue) == sorted(written)
    assert len(written) == sum(row.version for row in evidence.rows.values())
    for inbox_id in evidence.rows:
        versions = [version for queued, version, _ in evidence.queue if queued == inbox_id]
        assert versions == sorted(versions)


def _check_attempts(evidence: Evidence) -> None:
    moved = {
        (attempt.inbox_id, attempt.event_version, attempt.id)
        for attempt in evidence.attempts
        if attempt.outcome == "moved"
    }
    made = {
        (event.inbox_id, event.version, event.said["payload"]["attempt_id"])
        for events in evidence.events.values()
        for event in events
        if event.name == "inbox.warmup_started"
    }
    assert moved == made


def _event(row: tuple[Any, ...]) -> EventSaid:
    context = {name: text for name, text in zip(_CONTEXT, row[9:], strict=True) if text is not None}
    return EventSaid(
        inbox_id=str(row[0]),
        version=row[1],
        name=row[2],
        reached=(row[3], row[4]),
        entry=bytes(row[5]),
        said=json.loads(bytes(row[5])),
        hash=bytes(row[6]),
        previous_hash=None if row[7] is None else bytes(row[7]),
        context_key=bytes(row[8]),
        context=context,
    )


def _attempt(row: tuple[Any, ...]) -> AttemptSaid:
    return AttemptSaid(
        inbox_id=str(row[0]),
        id=str(row[1]),
        kind=row[2],
        seen_version=row[3],
        outcome=row[4],
        event_version=row[5],
        to_disable=bool(row[6]),
    )


def _pair(said: dict[str, str] | None) -> Pair | None:
    return None if said is None else (said["status"], said["warmup_status"])
