"""The statements that `verify` reads by, one by one: order, pages, and what stands beside each row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inbox_lifecycle import Inbox
from inbox_lifecycle.store.looks import (
    FIRST_ID,
    LAST_ID,
)
from inbox_lifecycle.store.statements import CloseAttempt
from inbox_lifecycle.store.verification import (
    AttemptsToVerify,
    EventsToVerify,
    InboxesToVerify,
    OrphansToVerify,
    StoredEvent,
    StoredInbox,
    stored_event,
)
from tests.support.erased import erased
from tests.support.steps import NOW
from tests.support.store import Store, starting


@pytest.fixture
def ana(store: Store) -> Inbox:
    """An inbox among others."""
    store.born("bea@mail.example.com")
    inbox = store.born("ana@mail.example.com")
    store.born("cleo@mail.example.com", owner="stranger")
    return inbox


def test_rows_are_verified_in_order_and_in_pages(store: Store, ana: Inbox) -> None:
    """With their newest event and their domain's owner, erased ones too."""
    gone = erased(store.database, store.born("hugo@mail.example.com"))
    store.move(ana)
    found = store.run(InboxesToVerify(after=FIRST_ID, until=LAST_ID, limit=100))
    assert [row.inbox_id for row in found] == sorted(row.inbox_id for row in found)
    assert len(found) == 4
    told = {row.inbox_id: row for row in found if isinstance(row, StoredInbox)}
    assert (told[ana.id].newest, told[ana.id].domain_owner_id, told[ana.id].head_hash) == (
        2,
        "ana",
        store.seen(ana).head_hash,
    )
    assert (told[gone.id].newest, told[gone.id].domain_owner_id, told[gone.id].address_key) == (2, None, None)
    assert len(told[ana.id].address_key or b"") == 32
    first, last = found[0].inbox_id, found[-1].inbox_id
    assert store.run(InboxesToVerify(after=first, until=last, limit=100)) == found[1:]
    assert store.run(InboxesToVerify(after=FIRST_ID, until=found[1].inbox_id, limit=100)) == found[:2]
    assert store.run(InboxesToVerify(after=FIRST_ID, until=LAST_ID, limit=3)) == found[:3]


def events_of(store: Store, asked: EventsToVerify) -> list[StoredEvent]:
    """A page of events, read."""
    return [stored_event(row) for row in store.run(asked)]


def test_events_are_verified_in_order_and_in_pages(store: Store, ana: Inbox) -> None:
    """By inbox, then by version."""
    store.move(ana)
    asked = EventsToVerify(after=FIRST_ID, after_version=0, until=LAST_ID, limit=100)
    found = events_of(store, asked)
    places = [(event.inbox_id, event.version) for event in found]
    assert places == sorted(places)
    assert len(places) == 4
    for number, (inbox_id, version) in enumerate(places):
        assert events_of(store, replace(asked, after=inbox_id, after_version=version)) == found[number + 1 :]
        assert events_of(store, replace(asked, until=inbox_id)) == [e for e in found if e.inbox_id <= inbox_id]
    assert events_of(store, replace(asked, limit=3)) == found[:3]


def test_attempts_are_verified_in_order_with_the_events_they_made(store: Store, ana: Inbox) -> None:
    """And only those that moved made one."""
    other = store.born("ivo@mail.example.com")
    moved, answered = store.open(ana), store.open(ana)
    store.run(starting(store.seen(ana), moved))
    store.run(
        CloseAttempt(inbox_id=ana.id, owner_id="ana", attempt_id=answered, outcome="refused", now=NOW, event_version=2)
    )
    store.open(other)
    asked = AttemptsToVerify(after=FIRST_ID, after_attempt=FIRST_ID, until=LAST_ID, limit=100)
    found = store.run(asked)
    places = [(attempt.inbox_id, attempt.attempt_id) for attempt in found]
    assert places == sorted(places)
    told = {attempt.attempt_id: attempt for attempt in found}
    assert len(told) == 3
    assert (told[moved].event_name, told[answered].event_name) == ("inbox.warmup_started", None)
    assert {attempt.has_inbox for attempt in found} == {True}
    for number, (inbox_id, attempt_id) in enumerate(places):
        assert store.run(replace(asked, after=inbox_id, after_attempt=attempt_id)) == found[number + 1 :]
        assert store.run(replace(asked, until=inbox_id)) == tuple(a for a in found if a.inbox_id <= inbox_id)
    assert store.run(replace(asked, limit=2)) == found[:2]


def test_events_of_inboxes_that_are_there_are_no_orphans(store: Store, ana: Inbox) -> None:
    """Whatever their number."""
    store.move(ana)
    assert store.run(OrphansToVerify(after=FIRST_ID, after_version=0, until=LAST_ID, limit=100)) == ()
