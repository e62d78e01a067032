"""One look at a stored event: what it finds good the steps find good and fold alike; else it changes nothing."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbox_lifecycle import Inbox, InboxId, Status, WarmupStatus
from inbox_lifecycle.audit.checks import Fold
from inbox_lifecycle.audit.glance import take_at_once
from inbox_lifecycle.canonical import time_text
from inbox_lifecycle.codec import encode_event, leaf_hash
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import (
    Acceptance,
    AttemptKind,
    InboxBanned,
    InboxErased,
    InboxEvent,
    InboxRegistered,
    Move,
    Pair,
    Recorder,
    Trigger,
    WarmupStarted,
)
from inbox_lifecycle.domain.states import PAIRS
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.store.session import Row
from inbox_lifecycle.store.verification import StoredInbox, stored_event

AT = datetime(2030, 6, 1, 12, 30, 15, 123456, tzinfo=UTC)
INBOX_ID, OTHER_ID = new_id(AT), new_id(AT)
PENDING, WARMING, BANNED = PAIRS["pending", "not_started"], PAIRS["warming", "warming"], PAIRS["banned", "banned"]
CONTEXT = Context(owner_id="owner", actor="olga", reason="grün", idempotency_key='key "1"')
STORY: tuple[tuple[InboxEvent, Pair | None, Pair], ...] = (
    (InboxRegistered(provider="instantly", address_commitment="ab" * 32), None, PENDING),
    (
        WarmupStarted(
            attempt_id=OTHER_ID,
            kind=AttemptKind.RETRY,
            acceptance=Acceptance.ENABLED,
            job_id="job",
            recorder=Recorder.CALL,
        ),
        PENDING,
        WARMING,
    ),
    (InboxBanned(), WARMING, BANNED),
    (InboxErased(), BANNED, BANNED),
)

#: Columns by name, as `EventsToVerify` reads them.
COLUMNS = (
    "inbox_id", "version", "event_id", "name", "schema", "from_status", "from_warmup_status", "status",
    "warmup_status", "recorded_at", "entry", "hash", "previous_hash", "owner_id", "actor", "reason", "correlation_id",
    "causation_id", "idempotency_key", "context_key", "erased",
)  # fmt: skip


def history(*, texts: bool = True) -> list[Row]:
    """The rows of an inbox's whole life, with times as SQLite has them, or as PostgreSQL."""
    rows: list[Row] = []
    previous: bytes | None = None
    for number, (event, left, reached) in enumerate(STORY):
        at = AT + timedelta(minutes=number)
        encoded = encode_event(
            event,
            Move(Trigger.CORRECT, left, reached),
            event_id=new_id(at),
            inbox_id=INBOX_ID,
            version=number + 1,
            previous=previous,
            recorded_at=at,
            context=CONTEXT,
        )
        rows.append(
            (
                INBOX_ID, number + 1, encoded.event_id, encoded.name, encoded.schema, left and left.status.value,
                left and left.warmup_status.value, reached.status.value, reached.warmup_status.value,
                time_text(at) if texts else at, encoded.entry, encoded.hash, previous, CONTEXT.owner_id, CONTEXT.actor,
                CONTEXT.reason, None, None, CONTEXT.idempotency_key, encoded.context_key, None,
            )
        )  # fmt: skip
        previous = encoded.hash
    return rows


def changed(row: Row, column: str, value: Any) -> Row:
    """The row with another value."""
    return tuple(value if name == column else old for name, old in zip(COLUMNS, row, strict=True))


def fold_of(rows: list[Row]) -> Fold:
    """The fold of these, in steps; all of it good."""
    inbox = Inbox(
        id=InboxId(INBOX_ID),
        owner_id="owner",
        email_address="ana@mail.example.com",
        email_domain="mail.example.com",
        email_domain_id=OTHER_ID,
        email_domain_status="verified",
        provider="instantly",
        provider_ref=None,
        status=Status.BANNED,
        warmup_status=WarmupStatus.BANNED,
        version=4,
        created_at=AT,
        updated_at=AT,
        erased_at=None,
    )
    fold = Fold(StoredInbox(inbox, b"h" * 32, b"k" * 32, "owner", 4))
    for row in rows:
        fold.take(stored_event(row))
    assert (fold.findings, fold.notices) == ([], [])
    return fold


@pytest.mark.parametrize("texts", [True, False], ids=["as on SQLite", "as on PostgreSQL"])
@pytest.mark.parametrize("number", range(len(STORY)))
def test_an_event_as_we_write_it_is_folded_at_once_as_it_is_in_steps(number: int, *, texts: bool) -> None:
    """State, chain, time, attempts and birth are the same afterwards."""
    rows = history(texts=texts)
    before = fold_of(rows[:number])
    at_once = deepcopy(before)
    # The pairs are one object each, which a copy is not.
    at_once.state = before.state
    assert take_at_once(at_once, rows[number])
    before.take(stored_event(rows[number]))
    assert at_once == before


LIES: dict[str, Any] = {
    "inbox_id": OTHER_ID,
    "version": 3,
    "event_id": OTHER_ID,
    "name": "inbox.banned",
    "schema": 2,
    "from_status": "active",
    "from_warmup_status": "active",
    "status": "active",
    "warmup_status": "active",
    "recorded_at": time_text(AT),
    "entry": history()[2][10],
    "hash": b"x" * 32,
    "previous_hash": b"x" * 32,
    "owner_id": "mallory",
    "actor": None,
    "reason": "gr\x00n",
    "correlation_id": "c",
    "causation_id": "c",
    "idempotency_key": 7,
    "context_key": b"x" * 32,
}


@pytest.mark.parametrize("column", LIES)
def test_an_event_with_any_column_changed_is_left_to_the_steps(column: str) -> None:
    """Which find it, and the fold is as it was before the look."""
    rows = history()
    row = changed(rows[1], column, LIES[column])
    fold = fold_of(rows[:1])
    untouched = deepcopy(fold)
    assert not take_at_once(fold, row)
    assert fold == untouched
    fold.take(stored_event(row))
    assert fold.findings


def test_a_blank_context_without_a_key_is_left_to_the_steps() -> None:
    """There it is told whether the inbox was erased."""
    rows = history()
    row = rows[1]
    for column in ("owner_id", "actor", "reason", "idempotency_key", "context_key"):
        row = changed(row, column, None)
    fold = fold_of(rows[:1])
    assert not take_at_once(fold, row)
    fold.take(stored_event(changed(row, "erased", 1)))
    assert fold.findings == []


@pytest.mark.parametrize(
    ("word", "becomes"),
    [
        (b'"to":{"status":"warming","warmup_status":"warming"}', b'"to":{"status":"active","warmup_status":"active"}'),
        (b'"from":{"status":"pending"', b'"from":{"status":"warming"'),
        (b'"version":2', b'"version":3'),
        (b'"schema":1', b'"schema": 1'),
        (b'"previous":"', b'"previous":"0'),
    ],
)
def test_an_entry_rewritten_with_its_hash_is_left_to_the_steps(word: bytes, becomes: bytes) -> None:
    """A rule that does not allow it, columns and a chain that say otherwise."""
    rows = history()
    entry = rows[1][10].replace(word, becomes)
    assert entry != rows[1][10]
    row = changed(changed(rows[1], "entry", entry), "hash", leaf_hash(entry))
    fold = fold_of(rows[:1])
    assert not take_at_once(fold, row)
    fold.take(stored_event(row))
    assert fold.findings


def test_a_second_birth_and_a_gap_are_left_to_the_steps() -> None:
    """What comes twice, and what is missing."""
    rows = history()
    for begun, row in ((rows[:1], rows[0]), (rows[:1], rows[2]), ([], rows[1])):
        fold = fold_of(begun)
        assert not take_at_once(fold, row)
        fold.take(stored_event(row))
        assert fold.findings


def test_a_clock_that_ran_behind_is_left_to_the_steps() -> None:
    """They notice it, and it is no damage."""
    rows = history()
    fold = fold_of(rows[:1])
    late = replace(stored_event(rows[1]), recorded_at=time_text(AT + timedelta(hours=1)))
    encoded = encode_event(
        STORY[1][0],
        Move(Trigger.RETRY_WARMUP, PENDING, WARMING),
        event_id=late.event_id,
        inbox_id=INBOX_ID,
        version=2,
        previous=late.previous_hash,
        recorded_at=AT + timedelta(hours=1),
        context=CONTEXT,
    )
    row = rows[1]
    for column, value in (
        ("recorded_at", late.recorded_at),
        ("entry", encoded.entry),
        ("hash", encoded.hash),
        ("context_key", encoded.context_key),
    ):
        row = changed(row, column, value)
    assert not take_at_once(fold, row)
    fold.take(stored_event(row))
    assert (fold.findings, [notice.kind for notice in fold.notices]) == ([], ["clock"])
