"""The statements that only look, one by one, among rows that are none of their business."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from inbox_lifecycle import Inbox, InboxId
from inbox_lifecycle.domain import AttemptId, AttemptKind
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.store.looks import (
    FIRST_ID,
    AttemptsPage,
    FindInboxes,
    GetInbox,
    HistoryBound,
    HistoryPage,
    LookAgain,
    LookForEvent,
    Revision,
    UnsettledAttempts,
)
from inbox_lifecycle.store.rows import Landed
from inbox_lifecycle.store.statements import CloseAttempt
from inbox_lifecycle.store.version import HEAD
from tests.support.erased import erased
from tests.support.steps import NOW
from tests.support.store import Store, starting


@pytest.fixture
def ana(store: Store) -> Inbox:
    """An inbox among others."""
    store.born("bea@mail.example.com")
    # The only one of its domain, and the only one that moved: whatever a join confuses, it brings this one.
    store.move(store.born("abe@moved.example.com", owner="mover"))
    inbox = store.born("ana@mail.example.com")
    store.born("cleo@mail.example.com", owner="stranger")
    return inbox


def closed(store: Store, inbox: Inbox, attempt_id: AttemptId, *, accepted: bool = False) -> None:
    """Close an attempt."""
    store.run(
        CloseAttempt(
            inbox_id=inbox.id, owner_id="ana", attempt_id=attempt_id, outcome="lost", now=NOW, accepted=accepted
        )
    )


def find(**wanted: object) -> FindInboxes:
    """The statement that searches."""
    given = dict.fromkeys(("owner_id", "status", "warmup_status", "domain", "after")) | {"limit": 100} | wanted
    return FindInboxes(**given)  # type: ignore[arg-type] # as the caller names them


def test_an_inbox_is_got_with_the_event_of_the_key_alone(store: Store, ana: Inbox) -> None:
    """Not with one of another key."""
    store.move(ana, key="k")
    for owner in ("ana", None):
        for key, version in (("k", 2), ("another", None), (None, None)):
            found = store.run(GetInbox(inbox_id=ana.id, owner_id=owner, idempotency_key=key))
            assert found is not None
            assert (found.keyed.version if found.keyed else None) == version


def test_an_inbox_is_got_by_its_owner_and_by_operators(store: Store, ana: Inbox) -> None:
    """By nobody else, and no other is."""
    for owner, expected in (("ana", ana), (None, ana), ("stranger", None)):
        found = store.run(GetInbox(inbox_id=ana.id, owner_id=owner))
        assert (found.inbox if found else None) == expected
    assert store.run(GetInbox(inbox_id=InboxId(new_id(NOW)), owner_id=None)) is None


def test_an_erased_inbox_is_got_by_operators_alone(store: Store, ana: Inbox) -> None:
    """Its row is blank, and its former owner finds nothing."""
    erased(store.database, ana)
    assert store.run(GetInbox(inbox_id=ana.id, owner_id="ana")) is None
    found = store.run(GetInbox(inbox_id=ana.id, owner_id=None))
    assert found is not None
    assert (found.inbox.owner_id, found.inbox.email_domain, found.inbox.email_address) == (None, None, None)


def test_a_second_look_tells_what_became_of_the_attempt(store: Store, ana: Inbox) -> None:
    """Its outcome, its own event, and the key's, each apart."""
    attempt_id = store.open(ana)
    other = store.open(ana)
    look = LookAgain(inbox_id=ana.id, owner_id="ana", attempt_id=attempt_id, idempotency_key="k")
    first = store.run(look)
    assert first is not None
    assert (first.seen.inbox, first.seen.keyed, first.outcome, first.moved) == (ana, None, None, None)
    store.run(starting(store.seen(ana), attempt_id))
    moved = Landed(2, "inbox.warmup_started", store.seen(ana).inbox.pair, NOW)
    banned = store.move(ana, key="k")
    second = store.run(look)
    assert second is not None
    assert (second.seen.inbox, second.outcome, second.moved) == (banned, "moved", moved)
    assert second.seen.keyed == Landed(3, "inbox.banned", banned.pair, NOW)
    third = store.run(replace(look, attempt_id=other, idempotency_key="another"))
    assert third is not None
    assert (third.seen.inbox, third.seen.keyed, third.outcome, third.moved) == (banned, None, None, None)
    closed(store, ana, other)
    fourth = store.run(replace(look, attempt_id=other))
    assert fourth is not None
    assert (fourth.outcome, fourth.moved) == ("lost", None)


def test_an_attempt_closed_with_anothers_event_did_not_make_it(store: Store, ana: Inbox) -> None:
    """It was answered with that event's success."""
    attempt_id = store.open(ana)
    store.move(ana, key="k")
    store.run(
        CloseAttempt(
            inbox_id=ana.id, owner_id="ana", attempt_id=attempt_id, outcome="refused", now=NOW, event_version=2
        )
    )
    looked = store.run(LookAgain(inbox_id=ana.id, owner_id="ana", attempt_id=attempt_id))
    assert looked is not None
    assert (looked.outcome, looked.moved) == ("refused", None)


def test_a_second_look_is_for_the_owner_until_the_inbox_is_erased(store: Store, ana: Inbox) -> None:
    """Then the attempt's own id is proof enough."""
    attempt_id = store.open(ana)
    look = LookAgain(inbox_id=ana.id, owner_id="stranger", attempt_id=attempt_id)
    assert store.run(look) is None
    assert store.run(replace(look, inbox_id=InboxId(new_id(NOW)), owner_id="ana")) is None
    erased(store.database, ana)
    looked = store.run(look)
    assert looked is not None
    assert looked.seen.inbox.erased_at is not None


def test_an_event_is_looked_for_by_version_and_id(store: Store, ana: Inbox) -> None:
    """Either alone is another's."""
    dan = store.born("dan@mail.example.com")
    store.run(starting(store.seen(dan), store.open(dan), key="k"))
    banned = store.move(ana, key="k")
    (_, second) = store.run(HistoryPage(inbox_id=ana.id, owner_id=None, after=0, bound=2, limit=9))
    look = LookForEvent(inbox_id=ana.id, version=2, event_id=second.event_id, idempotency_key="k")
    landed = Landed(2, "inbox.banned", banned.pair, NOW)
    found = store.run(look)
    assert found is not None
    assert (found.seen.inbox, found.seen.keyed, found.outcome, found.moved) == (banned, landed, None, landed)
    for missing in (replace(look, version=1), replace(look, event_id=new_id(NOW))):
        found = store.run(replace(missing, idempotency_key="another"))
        assert found is not None
        assert (found.seen.inbox, found.seen.keyed, found.moved) == (banned, None, None)
    assert store.run(replace(look, inbox_id=InboxId(new_id(NOW)))) is None


def test_a_search_keeps_to_each_condition(store: Store, ana: Inbox) -> None:
    """Owner, status, warmup status and domain."""
    elsewhere = store.born("emil@other.example.com")
    banned = store.move(elsewhere)
    wanted = {
        "owner_id": ("stranger", {"cleo@mail.example.com"}),
        "status": ("banned", {"emil@other.example.com", "abe@moved.example.com"}),
        "warmup_status": ("banned", {"emil@other.example.com", "abe@moved.example.com"}),
        "domain": ("other.example.com", {"emil@other.example.com"}),
    }
    for name, (value, addresses) in wanted.items():
        assert {inbox.email_address for inbox in store.run(find(**{name: value})).items} == addresses
    everybody = store.run(find()).items
    assert {inbox.id for inbox in everybody} >= {ana.id, banned.id}
    assert len(everybody) == 5
    assert store.run(find(owner_id="ana", domain="mail.example.com", status="pending")).items == tuple(
        sorted(
            (inbox for inbox in everybody if inbox.owner_id == "ana" and inbox.id != banned.id),
            key=lambda inbox: inbox.id,
            reverse=True,
        )
    )


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_of_a_search_come_newest_first_and_without_gaps(store: Store, limit: int) -> None:
    """Also where several were made at the same moment, and nobody else's slip in."""
    days = (0, 1, 1, 1, 2)
    made = [store.born(f"i{number}@mail.example.com", at=NOW + timedelta(days=day)) for number, day in enumerate(days)]
    store.born("cleo@mail.example.com", owner="stranger", at=NOW + timedelta(days=1))
    expected = sorted(made, key=lambda inbox: (inbox.created_at, inbox.id), reverse=True)
    pages: list[tuple[Inbox, ...]] = []
    after: str | None = None
    while not pages or after is not None:
        page = store.run(find(owner_id="ana", after=after, limit=limit))
        pages.append(page.items)
        after = page.next_after
    assert [inbox for items in pages for inbox in items] == expected
    assert [len(items) for items in pages] == [limit] * (5 // limit) + ([5 % limit] if 5 % limit else [])


def test_a_history_is_read_between_two_versions_in_their_order(store: Store, ana: Inbox) -> None:
    """By its owner and by operators."""
    attempt_id = store.open(ana)
    store.run(starting(store.seen(ana), attempt_id))
    store.move(ana)
    page = HistoryPage(inbox_id=ana.id, owner_id="ana", after=0, bound=9, limit=9)
    for owner in ("ana", None):
        asked = replace(page, owner_id=owner)
        assert [event.version for event in store.run(asked)] == [1, 2, 3]
        assert [event.version for event in store.run(replace(asked, after=1))] == [2, 3]
        assert [event.version for event in store.run(replace(asked, bound=2))] == [1, 2]
        assert [event.version for event in store.run(replace(asked, limit=2))] == [1, 2]
        assert {event.inbox_id for event in store.run(asked)} == {ana.id}
        assert store.run(HistoryBound(inbox_id=ana.id, owner_id=owner)) == 3
    assert store.run(replace(page, owner_id="stranger")) == ()
    assert store.run(HistoryBound(inbox_id=ana.id, owner_id="stranger")) is None
    assert store.run(HistoryBound(inbox_id=InboxId(new_id(NOW)), owner_id=None)) is None


def test_the_history_of_an_erased_inbox_is_for_operators(store: Store, ana: Inbox) -> None:
    """And its attempts, and its version. What its owner is named does not count any more."""
    attempt_id = store.open(ana)
    erased(store.database, ana)
    for owner, events, attempts, bound in (("ana", 0, 0, None), (None, 2, 1, 2)):
        history = HistoryPage(inbox_id=ana.id, owner_id=owner, after=0, bound=9, limit=9)
        assert len(store.run(history)) == events
        page = AttemptsPage(inbox_id=ana.id, owner_id=owner, after=FIRST_ID, limit=9)
        assert len(store.run(page)) == attempts
        assert store.run(HistoryBound(inbox_id=ana.id, owner_id=owner)) == bound
    assert attempt_id in store.attempts(ana)


def test_attempts_are_read_in_the_order_of_their_ids(store: Store, ana: Inbox) -> None:
    """From one on, some at a time, by owner and operator."""
    store.open(store.born("fay@mail.example.com"))
    ids = sorted(store.open(ana) for _ in range(3))
    page = AttemptsPage(inbox_id=ana.id, owner_id="ana", after=FIRST_ID, limit=9)
    for owner in ("ana", None):
        asked = replace(page, owner_id=owner)
        assert [attempt.id for attempt in store.run(asked)] == ids
        assert [attempt.id for attempt in store.run(replace(asked, after=ids[0]))] == ids[1:]
        assert [attempt.id for attempt in store.run(replace(asked, limit=2))] == ids[:2]
    assert store.run(replace(page, owner_id="stranger")) == ()


def unsettled(
    *, marked: bool = False, limit: int = 100, after: tuple[str, str] = (FIRST_ID, FIRST_ID)
) -> UnsettledAttempts:
    """The statement that finds what is unsettled."""
    return UnsettledAttempts(marked=marked, after_inbox=after[0], after_attempt=after[1], limit=limit)


@pytest.mark.parametrize("marked", [False, True], ids=["expired", "marked"])
def test_what_is_unsettled_is_found_in_order_and_in_pages(store: Store, ana: Inbox, *, marked: bool) -> None:
    """Each with its inbox as it is; not what is in flight, closed, or, of the marked, anything else."""
    other = store.born("gus@mail.example.com")
    wanted = []
    for inbox in (ana, other):
        flying, finished, lapsed, launch = (
            store.open(inbox),
            store.open(inbox, lease=-60.0),
            store.open(inbox, lease=-60.0),
            store.open(inbox, kind=AttemptKind.LAUNCH, lease=-60.0),
        )
        closed(store, inbox, finished)
        if marked:
            closed(store, inbox, flying)
            store.move(inbox)
            closed(store, inbox, flying, accepted=True)
        wanted += [(inbox.id, attempt) for attempt in ([flying] if marked else [lapsed, launch])]
    wanted.sort()
    found = store.run(unsettled(marked=marked))
    assert [(one.attempt.inbox_id, one.attempt.id) for one in found] == wanted
    assert {one.seen.inbox for one in found} == {store.seen(ana).inbox, store.seen(other).inbox}
    assert {one.seen.head_hash for one in found} == {store.seen(ana).head_hash, store.seen(other).head_hash}
    assert store.run(unsettled(marked=marked, limit=1)) == found[:1]
    for place, one in enumerate(found):
        after = (one.attempt.inbox_id, one.attempt.id)
        assert store.run(unsettled(marked=marked, after=after)) == found[place + 1 :]


def test_an_unsettled_attempt_is_found_though_its_inbox_is_erased(store: Store, ana: Inbox) -> None:
    """Somebody must close it."""
    attempt_id = store.open(ana, lease=-60.0)
    erased(store.database, ana)
    (found,) = store.run(unsettled())
    assert (found.attempt.id, found.seen.inbox.erased_at is not None) == (attempt_id, True)


def test_the_revision_is_that_of_this_version(store: Store) -> None:
    """As the migrations have left it."""
    assert store.run(Revision()) == HEAD


def test_every_look_tells_the_inboxs_own_domain_and_its_own_events(store: Store) -> None:
    """Among domains made before and after it, and events of others under the same key and at the same version."""
    before, after = store.born("a@a.example.com"), store.born("z@z.example.com", owner="stranger")
    inbox = store.born("m@m.example.com")
    last = store.born("y@y.example.com")
    for other in (before, last):
        store.run(starting(store.seen(other), store.open(other), key="k"))
    attempt_id = store.open(inbox, lease=-60.0)
    again = LookAgain(inbox_id=inbox.id, owner_id="ana", attempt_id=attempt_id, idempotency_key="k")
    event = LookForEvent(inbox_id=inbox.id, version=2, event_id=new_id(NOW), idempotency_key="k")
    got = store.run(GetInbox(inbox_id=inbox.id, owner_id="ana", idempotency_key="k"))
    assert got is not None
    assert (got.inbox, got.keyed) == (inbox, None)
    for look in (again, event):
        found = store.run(look)
        assert found is not None
        assert (found.seen.inbox, found.seen.keyed, found.moved) == (inbox, None, None)
    (expired,) = store.run(unsettled())
    assert expired.seen.inbox == inbox
    assert {found.email_domain for found in store.run(find()).items} == {
        one.email_domain for one in (before, after, inbox, last)
    }
    moved = store.run(starting(store.seen(inbox), attempt_id, key="own"))
    assert moved is not None
    assert (moved.email_domain, moved.email_domain_id) == (inbox.email_domain, inbox.email_domain_id)
    looked = store.run(replace(again, idempotency_key="own"))
    assert looked is not None
    assert looked.moved == looked.seen.keyed == Landed(2, "inbox.warmup_started", moved.pair, NOW)


def test_a_look_for_an_attempt_that_is_not_there_tells_of_the_inbox_alone(store: Store, ana: Inbox) -> None:
    """It was never opened."""
    looked = store.run(LookAgain(inbox_id=ana.id, owner_id="ana", attempt_id=AttemptId(new_id(NOW))))
    assert looked is not None
    assert (looked.seen.inbox, looked.outcome, looked.moved) == (ana, None, None)


def test_an_erased_inbox_is_found_wherever_operators_look(store: Store, ana: Inbox) -> None:
    """It has no domain any more, and is there all the same."""
    attempt_id = store.open(ana)
    store.move(ana)
    closed(store, ana, attempt_id, accepted=True)
    erased(store.database, store.seen(ana).inbox)
    looked = store.run(LookForEvent(inbox_id=ana.id, version=2, event_id=new_id(NOW)))
    assert looked is not None
    assert looked.seen.inbox.erased_at is not None
    (marked,) = store.run(unsettled(marked=True))
    assert marked.seen.inbox.email_domain is None
    assert ana.id in {inbox.id for inbox in store.run(find()).items}
