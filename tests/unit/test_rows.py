"""Rows into values: every column lands where it belongs, as both databases say it, and what is null stays None."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from inbox_lifecycle import HistoryBroken, Inbox, InboxId, Pair, Status, UnknownEvent, WarmupStatus
from inbox_lifecycle.canonical import time_text
from inbox_lifecycle.codec import encode_event
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, AttemptKind, Ban, EventId, InboxBanned, decide
from inbox_lifecycle.errors import MalformedText
from inbox_lifecycle.records import Attempt, RecordedEvent
from inbox_lifecycle.store.rows import (
    Landed,
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
from inbox_lifecycle.store.verification import StoredAttempt, StoredEvent, StoredInbox, UnreadableInbox, stored_event
from inbox_lifecycle.store.verification import _stored_attempt as stored_attempt
from inbox_lifecycle.store.verification import _stored_inbox as stored_inbox


def _at(minute: int) -> datetime:
    return datetime(2030, 1, 2, 3, minute, tzinfo=UTC)


ID = "018f3b5e-0000-7000-8000-000000000001"
DOMAIN = "018f3b5e-0000-7000-8000-000000000002"
EVENT = "018f3b5e-0000-7000-8000-000000000003"
ATTEMPT = "018f3b5e-0000-7000-8000-000000000004"
HEAD = b"\x01" * 32

INBOX = Inbox(
    id=InboxId(ID),
    owner_id="owner",
    email_address="ana@mail.example.com",
    email_domain="mail.example.com",
    email_domain_id=DOMAIN,
    email_domain_status="verified",
    provider="instantly",
    provider_ref="ref",
    status=Status.WARMING,
    warmup_status=WarmupStatus.ACTIVE,
    version=7,
    created_at=_at(1),
    updated_at=_at(2),
    erased_at=_at(3),
)
BLANK = replace(
    INBOX,
    owner_id=None,
    email_address=None,
    email_domain=None,
    email_domain_id=None,
    email_domain_status=None,
    provider_ref=None,
    erased_at=None,
)
LANDED = Landed(5, "inbox.banned", Pair(Status.BANNED, WarmupStatus.WARMING), _at(4))
NO_LANDED = (None,) * 5
CONTEXT = Context(owner_id="o", actor="a", reason="r", correlation_id="co", causation_id="ca", idempotency_key="key-1")
WORDS = ("o", "a", "r", "co", "ca", "key-1")


def _inbox_row(inbox: Inbox, said: Any) -> tuple[Any, ...]:
    """The columns of an inbox, times as a database says them."""
    return (
        inbox.id,
        inbox.owner_id,
        inbox.email_address,
        inbox.email_domain,
        inbox.email_domain_id,
        inbox.email_domain_status,
        inbox.provider,
        inbox.provider_ref,
        inbox.status.value,
        inbox.warmup_status.value,
        inbox.version,
        said(inbox.created_at),
        said(inbox.updated_at),
        None if inbox.erased_at is None else said(inbox.erased_at),
        memoryview(HEAD),
    )


def _landed_row(said: Any) -> tuple[Any, ...]:
    return (LANDED.version, LANDED.name, "banned", "warming", said(LANDED.recorded_at))


def _elsewhere(at: datetime) -> datetime:
    return at.astimezone(timezone(timedelta(hours=2)))


SAID = pytest.mark.parametrize("said", [time_text, _elsewhere], ids=["sqlite", "postgresql"])


@SAID
@pytest.mark.parametrize("inbox", [INBOX, BLANK], ids=["full", "blank"])
def test_an_inbox_is_read_column_by_column(inbox: Inbox, said: Any) -> None:
    """Times come out in UTC."""
    read = read_inbox(_inbox_row(inbox, said))
    assert read == inbox
    assert read.created_at.tzinfo is UTC


@SAID
def test_an_inbox_is_read_with_its_head_and_its_keys_event(said: Any) -> None:
    """Side by side, as the joins put them."""
    assert read_seen(_inbox_row(INBOX, said) + _landed_row(said)) == Seen(INBOX, HEAD, LANDED)
    assert read_seen(_inbox_row(INBOX, said) + NO_LANDED) == Seen(INBOX, HEAD, None)


@SAID
def test_a_second_look_is_read_with_the_attempt_and_its_event(said: Any) -> None:
    """The key's event and the attempt's are told apart."""
    row = _inbox_row(INBOX, said)
    keyed, moved = NO_LANDED, _landed_row(said)
    assert read_looked((*row, *keyed, "moved", *moved)) == Looked(Seen(INBOX, HEAD, None), "moved", LANDED)
    assert read_looked((*row, *moved, None, *keyed)) == Looked(Seen(INBOX, HEAD, LANDED), None, None)


def test_an_event_that_landed_is_read_as_an_answer() -> None:
    """None where the join found none."""
    assert read_landed(_landed_row(time_text)) == LANDED
    assert read_landed(NO_LANDED) is None


CLOSED_ATTEMPT = Attempt(
    id=AttemptId(ATTEMPT),
    inbox_id=InboxId(ID),
    kind=AttemptKind.RETRY,
    seen_version=4,
    seen=Pair(Status.PENDING, WarmupStatus.NOT_STARTED),
    opened_at=_at(5),
    lease_until=_at(6),
    outcome="moved",
    closed_at=_at(7),
    event_version=5,
    to_disable=True,
    detail={"status": 402},
    context=CONTEXT,
)
OPEN_ATTEMPT = replace(
    CLOSED_ATTEMPT, outcome=None, closed_at=None, event_version=None, to_disable=False, detail=None, context=Context()
)


def _attempt_row(attempt: Attempt, said: Any) -> tuple[Any, ...]:
    closed = attempt.closed_at is not None
    return (
        ATTEMPT,
        ID,
        "retry",
        4,
        "pending",
        "not_started",
        said(attempt.opened_at),
        said(attempt.lease_until),
        attempt.outcome,
        said(attempt.closed_at) if attempt.closed_at else None,
        attempt.event_version,
        int(attempt.to_disable),
        '{"status":402}' if closed else None,
        *(WORDS if closed else (None,) * 6),
    )


@SAID
@pytest.mark.parametrize("attempt", [CLOSED_ATTEMPT, OPEN_ATTEMPT], ids=["closed", "open"])
def test_an_attempt_is_read_column_by_column(attempt: Attempt, said: Any) -> None:
    """Its detail is JSON."""
    assert read_attempt(_attempt_row(attempt, said)) == attempt


@SAID
def test_an_unsettled_attempt_is_read_with_its_inbox(said: Any) -> None:
    """The attempt's columns come first, and those of its key's event last."""
    row = (*_attempt_row(OPEN_ATTEMPT, said), *_inbox_row(INBOX, said))
    assert read_open_attempt((*row, *NO_LANDED)) == OpenAttempt(OPEN_ATTEMPT, Seen(INBOX, HEAD, None))
    assert read_open_attempt((*row, *_landed_row(said))) == OpenAttempt(OPEN_ATTEMPT, Seen(INBOX, HEAD, LANDED))


LEFT = Pair(Status.WARMING, WarmupStatus.WARMING)
BANNED = encode_event(
    InboxBanned(),
    decide(replace(INBOX, status=LEFT.status, warmup_status=LEFT.warmup_status).state, Ban()),
    event_id=EVENT,
    inbox_id=ID,
    version=8,
    previous=HEAD,
    recorded_at=_at(8),
    context=CONTEXT,
)


def _event_row(said: Any, **changes: Any) -> tuple[Any, ...]:
    columns = {
        "inbox_id": ID,
        "version": 8,
        "event_id": EVENT,
        "name": BANNED.name,
        "schema": BANNED.schema,
        "from_status": "warming",
        "from_warmup_status": "warming",
        "status": "banned",
        "warmup_status": "banned",
        "recorded_at": said(_at(8)),
        "entry": memoryview(BANNED.entry),
        "hash": memoryview(BANNED.hash),
        "previous_hash": memoryview(HEAD),
        **dict(zip(("owner", "actor", "reason", "correlation", "causation", "key"), WORDS, strict=True)),
        "context_key": memoryview(BANNED.context_key),
    }
    return tuple((columns | changes).values())


READ = RecordedEvent(
    inbox_id=InboxId(ID),
    version=8,
    event_id=EventId(EVENT),
    name="inbox.banned",
    schema=BANNED.schema,
    event=InboxBanned(),
    left=LEFT,
    reached=Pair(Status.BANNED, WarmupStatus.BANNED),
    recorded_at=_at(8),
    context=CONTEXT,
    hash=BANNED.hash,
    previous_hash=HEAD,
    entry=BANNED.entry,
)


@SAID
def test_an_event_is_read_column_by_column(said: Any) -> None:
    """With what stands beside its entry."""
    assert read_event(_event_row(said)) == READ


def test_what_is_read_is_frozen_all_the_same() -> None:
    """However it was made: nobody changes history in memory either."""
    event = read_event(_event_row(time_text))
    for read, name in ((event, "version"), (event.context, "actor"), (read_inbox(_inbox_row(INBOX, time_text)), "id")):
        with pytest.raises(FrozenInstanceError):
            setattr(read, name, "another")
    assert (hash(event.context), repr(event), pickle.loads(pickle.dumps(event))) == (hash(CONTEXT), repr(READ), READ)  # noqa: S301 - our own


def test_a_context_that_could_not_be_kept_is_not_read() -> None:
    """SQLite keeps anything in any column."""
    for word in ("a\x00b", 7, b"bytes"):
        with pytest.raises(MalformedText, match="actor"):
            read_event(_event_row(time_text, actor=word))


def test_a_birth_is_read_without_what_it_left() -> None:
    """It had no pair before it, and no hash."""
    row = _event_row(time_text, from_status=None, from_warmup_status=None, previous_hash=None)
    assert read_event(row) == replace(READ, left=None, previous_hash=None)


def test_an_event_of_another_version_is_named_in_full() -> None:
    """Inbox, version, name and schema."""
    with pytest.raises(UnknownEvent) as raised:
        read_event(_event_row(time_text, name="inbox.polished", schema=9))
    error = raised.value
    assert (error.inbox_id, error.version, error.name, error.schema) == (ID, 8, "inbox.polished", 9)


def test_an_entry_that_cannot_be_read_is_named_by_its_place() -> None:
    """And by why."""
    with pytest.raises(HistoryBroken) as raised:
        read_event(_event_row(time_text, entry=b"{}"))
    assert (raised.value.inbox_id, raised.value.version) == (ID, 8)
    assert raised.value.why not in ("", "None")


def test_a_row_is_verified_with_what_stands_beside_it() -> None:
    """Its head, its address key, its domain's owner and its newest event."""
    row = (*_inbox_row(INBOX, time_text), memoryview(b"k" * 32), "other", 7)
    assert stored_inbox(row) == StoredInbox(INBOX, HEAD, b"k" * 32, "other", 7)
    assert stored_inbox(row).inbox_id == ID
    bare = (*_inbox_row(BLANK, time_text), None, None, None)
    assert stored_inbox(bare) == StoredInbox(BLANK, HEAD, None, None, None)


def test_a_row_that_holds_what_no_row_can_hold_is_named() -> None:
    """A status nobody knows, a time that is none."""
    row = (*_inbox_row(INBOX, time_text), None, None, None)
    assert stored_inbox((*row[:8], "polished", *row[9:])) == UnreadableInbox(ID)
    assert stored_inbox((*row[:11], "yesterday", *row[12:])) == UnreadableInbox(ID)


def test_an_event_is_verified_as_its_columns_say_it() -> None:
    """Undecoded, and with its context's key."""
    assert stored_event(_event_row(time_text)) == StoredEvent(
        inbox_id=ID,
        version=8,
        event_id=EVENT,
        name="inbox.banned",
        schema=BANNED.schema,
        left=("warming", "warming"),
        reached=("banned", "banned"),
        recorded_at=time_text(_at(8)),
        entry=BANNED.entry,
        hash=BANNED.hash,
        previous_hash=HEAD,
        context=WORDS,
        context_key=BANNED.context_key,
    )
    birth = stored_event(_event_row(time_text, from_status=None, previous_hash=None, context_key=None))
    assert (birth.left, birth.previous_hash, birth.context_key) == (None, None, None)


def test_a_column_of_bytes_may_hold_anything_on_sqlite() -> None:
    """A text or a number that somebody put there is compared as what it says."""
    event = stored_event(_event_row(time_text, entry="text", hash=7, context_key="half \udcff"))
    assert (event.entry, event.hash, event.context_key) == (b"text", b"7", b"half \xff")


def test_an_attempt_is_verified_with_the_event_it_says_it_made() -> None:
    """Name, entry, and whether its inbox is there."""
    row = _attempt_row(CLOSED_ATTEMPT, time_text)
    assert stored_attempt((*row, "inbox.banned", memoryview(b"e"), 1)) == StoredAttempt(
        inbox_id=ID,
        attempt_id=ATTEMPT,
        outcome="moved",
        closed=True,
        event_version=5,
        has_inbox=True,
        event_name="inbox.banned",
        event_entry=b"e",
    )
    open_one = stored_attempt((*_attempt_row(OPEN_ATTEMPT, time_text), None, None, None))
    assert (open_one.closed, open_one.has_inbox, open_one.event_entry, open_one.outcome) == (False, False, None, None)
