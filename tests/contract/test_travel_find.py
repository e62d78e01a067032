"""`find` as of a time: which inboxes were where then; and time travel inside a host's transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from inbox_lifecycle import Inbox, InboxNotFound, InvalidInput, NoSuchPoint, Page
from tests.fix_face import MakeFace
from tests.support.contract import OWNER, STRANGER, Clock, born, crosswise, lead_back, retry
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace, LoopThread
from tests.support.hosts import HOSTINGS, hosting

pytestmark = pytest.mark.pairwise

MOMENT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


def ids(page: Page[Inbox]) -> list[str]:
    """The inboxes of a page."""
    return [inbox.id for inbox in page.items]


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def face(make: MakeFace, clock: Clock) -> AnyFace:
    """A facade that goes by it."""
    return make(clock=clock)


def test_inboxes_are_found_by_where_they_were_then(face: AnyFace, clock: Clock) -> None:
    """By either column and both, and each is given as it was; where they are now is nothing to it."""
    start = clock.now
    ana, bea = born(face, "ana@mail.example.com"), born(face, "bea@mail.example.com")
    clock.move(hours=1)
    warm = retry(face, ana)
    clock.move(hours=1)
    mixed = face.operator().correct(bea.id, status="active", warmup_status="warming", reason="by hand")
    clock.move(hours=1)
    lead_back(face, ana)
    for at, wanted, expected in (
        (start, {"status": "pending"}, [bea, ana]),
        (start, {"warmup_status": "warming"}, []),
        (start + HOUR, {"status": "warming"}, [warm]),
        (start + HOUR, {"warmup_status": "not_started"}, [bea]),
        (start + 2 * HOUR, {"warmup_status": "warming"}, [mixed, warm]),
        (start + 2 * HOUR, {"status": "active", "warmup_status": "warming"}, [mixed]),
        (start + 2 * HOUR, {"status": "warming", "warmup_status": "active"}, []),
        (start + 2 * HOUR, {}, [mixed, warm]),
    ):
        newest_first = tuple(sorted(expected, key=lambda inbox: inbox.id, reverse=True))
        assert face.find(owner_id=OWNER, as_of=at, **wanted).items == newest_first
        assert face.operator().find(as_of=at, **wanted).items == newest_first


def test_events_of_the_same_time_count_together(face: AnyFace, clock: Clock) -> None:
    """Each inbox is found where the last of them left it, and nowhere between."""
    made = [born(face, f"box-{number}@mail.example.com") for number in range(3)]
    warm = [retry(face, inbox) for inbox in made]
    back = [lead_back(face, inbox) for inbox in warm[:2]]
    again = retry(face, made[0])
    for status, expected in (("warming", [again, warm[2]]), ("pending", [back[1]])):
        newest_first = tuple(sorted(expected, key=lambda inbox: inbox.id, reverse=True))
        assert face.find(owner_id=OWNER, status=status, as_of=clock.now).items == newest_first


def test_found_as_of_now_is_found(face: AnyFace, clock: Clock) -> None:
    """The same, in the same order, by the same conditions."""
    for number in range(4):
        inbox = born(face, f"box-{number}@mail-{number % 2}.example.com")
        clock.move(seconds=number % 2)
        if number % 2:
            retry(face, inbox)
    for conditions in ({}, {"status": "warming"}, {"domain": "mail-0.example.com"}, {"domain": "no.example.com"}):
        expected = face.find(owner_id=OWNER, **conditions)
        assert face.find(owner_id=OWNER, as_of=clock.now, **conditions) == expected
        assert face.operator().find(owner_id=OWNER, as_of=clock.now, **conditions) == expected


def test_inbox_that_was_not_on_record_yet_is_left_out(face: AnyFace, clock: Clock) -> None:
    """From its first event on it is there; an adopted one's earlier life at the host does not count."""
    start = clock.now
    adopted = face.operator().adopt(
        email_address="ana@mail.example.com",
        owner_id=OWNER,
        status="active",
        warmup_status="active",
        created_at=start - 400 * HOUR,
    )
    clock.move(hours=1)
    inbox = born(face, "bea@mail.example.com")
    for at, expected in (
        (start - 100 * HOUR, []),
        (start - MOMENT, []),
        (start, [adopted.id]),
        (start + HOUR - MOMENT, [adopted.id]),
        (start + HOUR, [inbox.id, adopted.id]),
    ):
        assert ids(face.find(owner_id=OWNER, as_of=at)) == expected


@crosswise
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
def test_pages_of_then_have_no_gap_and_no_repeat(face: AnyFace, clock: Clock, limit: int) -> None:
    """Some of one birth time, some left out for their state or for being born later, and others that moved on since."""
    made = []
    for number in range(8):
        made.append(born(face, f"box-{number}@mail.example.com"))
        clock.move(seconds=number % 2)
    face.operator().ban(made[3].id)
    then = clock.now
    clock.move(hours=1)
    for inbox in made[:5]:
        if inbox is not made[3]:
            retry(face, inbox)
    born(face, "later@mail.example.com")
    expected = sorted(
        (inbox for inbox in made if inbox is not made[3]), key=lambda inbox: (inbox.created_at, inbox.id), reverse=True
    )
    found: list[Inbox] = []
    sizes: list[int] = []
    after: str | None = None
    while not sizes or after is not None:
        page = face.find(owner_id=OWNER, status="pending", as_of=then, limit=limit, after=after)
        found += page.items
        sizes.append(len(page.items))
        after = page.next_after
    assert found == expected
    assert sizes == [limit] * (7 // limit) + ([7 % limit] if 7 % limit else [])


def test_each_owner_finds_the_own_inboxes_of_then(face: AnyFace, clock: Clock) -> None:
    """What one owner finds the other never does, and the operator finds both, or one of them by name."""
    mine = born(face)
    other = face.register(email_address="bo@mail.example.com", owner_id=STRANGER)
    then = clock.now
    assert ids(face.find(owner_id=OWNER, as_of=then)) == [mine.id]
    assert ids(face.find(owner_id=STRANGER, as_of=then)) == [other.id]
    assert ids(face.find(owner_id="nobody", as_of=then)) == []
    assert sorted(ids(face.operator().find(as_of=then))) == sorted([mine.id, other.id])
    assert ids(face.operator().find(owner_id=STRANGER, as_of=then)) == [other.id]


def test_erased_inbox_is_found_by_operators_alone_and_blank(face: AnyFace, clock: Clock) -> None:
    """Also as of before its erasure; nothing personal comes back with the past."""
    inbox = born(face)
    then = clock.now
    clock.move(hours=1)
    gone = face.operator().erase(inbox.id, reason="asked to")
    for at, expected in ((then, replace(gone, version=1, updated_at=then, erased_at=None)), (clock.now, gone)):
        assert face.operator().find(as_of=at).items == (expected,)
        assert face.find(owner_id=OWNER, as_of=at).items == ()
        assert face.operator().find(as_of=at, domain="mail.example.com").items == ()


def test_future_is_known_five_minutes_ahead_and_no_more(face: AnyFace, clock: Clock) -> None:
    """Within the grace it is the newest state; beyond it nothing can be known."""
    inbox = born(face)
    grace = timedelta(minutes=5)
    assert ids(face.find(owner_id=OWNER, as_of=clock.now + grace)) == [inbox.id]
    for calls, scope in ((face, {"owner_id": OWNER}), (face.operator(), {})):
        with pytest.raises(NoSuchPoint, match="in the future") as missed:
            calls.find(**scope, as_of=clock.now + grace + MOMENT)
        assert missed.value.inbox_id is None


@crosswise
@pytest.mark.parametrize("at", ["2026-03-04", 1, datetime(2026, 3, 4)], ids=repr)  # noqa: DTZ001 - refused
def test_time_that_is_none_is_invalid_input(face: AnyFace, at: Any) -> None:
    """The message tells the cure."""
    with pytest.raises(InvalidInput, match="as_of is a time with a time zone"):
        face.find(owner_id=OWNER, as_of=at)


@pytest.fixture(params=HOSTINGS, ids="-".join)
def hosted(request: pytest.FixtureRequest, loop_thread: LoopThread) -> Iterator[AnyFace]:
    """A facade within a host's transaction."""
    kind, mode, handle = request.param
    name = "sqlite_database" if kind == "sqlite" else "emptied_postgres_database"
    database: TestDatabase = request.getfixturevalue(name)
    with hosting(database, mode, handle, loop_thread) as host:
        yield host.face


def test_travelling_within_a_hosts_transaction_sees_what_it_has_done(hosted: AnyFace) -> None:
    """None of it asks anybody but the database, so that all of it can be done there."""
    operator = hosted.operator()
    inbox = born(hosted, provider="instantly")
    banned = operator.ban(inbox.id, reason="complaints")
    assert hosted.as_of(inbox.id, owner_id=OWNER, version=1) == inbox
    assert operator.as_of(inbox.id, at=banned.updated_at) == banned
    assert [event.version for event in hosted.diff(inbox.id, 1, 2, owner_id=OWNER).events] == [2]
    assert operator.diff(inbox.id, 1, 2).after == banned
    assert hosted.why(inbox.id, owner_id=OWNER).reason == "complaints"
    assert operator.why(inbox.id).actor == "olga"
    assert hosted.find(owner_id=OWNER, status="banned", as_of=banned.updated_at).items == (banned,)
    assert operator.find(status="pending", as_of=inbox.updated_at - MOMENT).items == ()
    with pytest.raises(InboxNotFound):
        hosted.as_of(inbox.id, owner_id=STRANGER, version=1)
