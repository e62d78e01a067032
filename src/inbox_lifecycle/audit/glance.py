"""One look at a stored event that is as it should be: nearly all are, and a million of them are verified at a time.

What this finds good, `Fold.take` would find nothing wrong with, and would fold in the same way. Where anything is
unusual it changes nothing and says so, for `Fold.take` to look at the event step by step and name what is wrong.
"""

from __future__ import annotations

from datetime import datetime

from inbox_lifecycle.audit.checks import Birth, Fold, may_be_behind
from inbox_lifecycle.codec import EntryOf, commitment, decode_current, leaf_hash
from inbox_lifecycle.domain import InboxAdopted, InboxEvent, InboxRegistered, WarmupStarted, evolve, explains
from inbox_lifecycle.errors import MalformedText
from inbox_lifecycle.store.rows import CONTEXT_END, CONTEXT_START, read_context
from inbox_lifecycle.store.session import Row
from inbox_lifecycle.store.verification import stored_event

_BIRTHS = (InboxRegistered, InboxAdopted)


def take_at_once(fold: Fold, row: Row) -> bool:
    """Fold in the event of a row of `EventsToVerify`, if nothing is unusual about it; whether that was so."""
    version, entry, hash_, context_key = row[1], row[10], row[11], row[19]
    if version != fold.version + 1 or row[12] != fold.head or type(entry) is not bytes or hash_ != leaf_hash(entry):
        return False
    read = decode_current(row[3], row[4], entry)
    if read is None or not _agrees(row, *read, fold.head) or not _is_committed(row, read[0].commitment, context_key):
        return False
    return _fold(fold, row, *read)


def _agrees(row: Row, entry: EntryOf[InboxEvent], recorded_at: datetime, head: bytes | None) -> bool:
    """Whether the columns and the chain say what the entry says."""
    inbox_id, version, event_id, name, schema, from_status, from_warmup_status, status, warmup_status, at = row[:10]
    left, reached = entry.left, entry.reached
    return (
        entry.inbox_id == inbox_id
        and entry.version == version
        and entry.event_id == event_id
        and entry.name == name
        and entry.schema == schema
        and (at == entry.recorded_at or at == recorded_at)  # noqa: PLR1714 - a text or a time, by the database
        and reached.status == status
        and reached.warmup_status == warmup_status
        and entry.previous == (None if head is None else head.hex())
        and (
            from_status is None
            if left is None
            else left.status == from_status and left.warmup_status == from_warmup_status
        )
    )


def _is_committed(row: Row, said: str, key: object) -> bool:
    """Whether the context is the one that the entry commits to."""
    try:
        return type(key) is bytes and said == commitment(key, read_context(row[CONTEXT_START:CONTEXT_END]).canonical())
    except MalformedText:
        return False


def _fold(fold: Fold, row: Row, entry: EntryOf[InboxEvent], recorded_at: datetime) -> bool:
    """Fold the event in, if its time and the rules allow it."""
    state, event, reached = fold.state, entry.payload, entry.reached.pair()
    left = None if entry.left is None else entry.left.pair()
    if left is not (None if state is None else state.pair) or not explains(state, event, reached):
        return False
    if fold.recorded_at is not None and recorded_at < fold.recorded_at:
        return False
    following = evolve(state, event, reached)
    if following is None or may_be_behind(entry.event_id, recorded_at):
        return False
    if state is None and isinstance(event, _BIRTHS):
        fold.birth = Birth(event, stored_event(row), recorded_at)
    if type(event) is WarmupStarted:
        fold.attempts[event.attempt_id] = entry.version
    fold.state, fold.recorded_at = following, recorded_at
    fold.version, fold.head = entry.version, row[11]
    return True
