"""Looking without changing: `get`, `find`, `history`, `attempts`, each within its owner's bounds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest

from inbox_lifecycle import Inbox, InboxNotFound, InvalidInput, Page, ProviderError, RetryRefused
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.contract import (
    ANA,
    OWNER,
    PENDING,
    STRANGER,
    UNKEEPABLE,
    UNKNOWN_ID,
    WARMING,
    Clock,
    born,
    crosswise,
    lead_back,
    nothing_moves,
    retry,
    warming,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace, AwaitedFace, Face

pytestmark = pytest.mark.pairwise

#: For what takes hundreds of writes: the pages are cut by the same code on both databases.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def ids(page: Page[Inbox]) -> list[str]:
    """The inboxes of a page."""
    return [inbox.id for inbox in page.items]


def test_get_returns_what_the_birth_returned(face: AnyFace) -> None:
    """The value read is the value written, field by field."""
    inbox = born(face)
    assert face.get(inbox.id, owner_id=OWNER) == inbox
    assert face.operator().get(inbox.id) == inbox


@pytest.mark.parametrize("method", ["get", "history", "attempts"])
def test_reading_a_foreign_inbox_is_told_the_same_as_an_unknown_one(face: AnyFace, method: str) -> None:
    """Another owner's inbox does not exist for this caller."""
    inbox = born(face)
    told = []
    for inbox_id, owner_id in ((inbox.id, STRANGER), (UNKNOWN_ID, OWNER)):
        with pytest.raises(InboxNotFound) as missing:
            getattr(face, method)(inbox_id, owner_id=owner_id)
        told.append(str(missing.value).replace(inbox_id, "ID"))
    assert told[0] == told[1]


@pytest.mark.parametrize("method", ["get", "history", "attempts", "verify"])
def test_operator_reading_an_unknown_inbox_is_told(face: AnyFace, method: str) -> None:
    """Operators see everything there is, and nothing else."""
    with pytest.raises(InboxNotFound):
        getattr(face.operator(), method)(UNKNOWN_ID)


@pytest.mark.parametrize("method", ["get", "history", "attempts"])
def test_operator_reads_across_owners(face: AnyFace, method: str) -> None:
    """What an owner reads of the own inbox, the operator reads of everyone's."""
    inbox = warming(face)
    assert getattr(face.operator(), method)(inbox.id) == getattr(face, method)(inbox.id, owner_id=OWNER)


def test_reading_changes_nothing(face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox) -> None:
    """No reading leaves a row, an attempt or a request."""
    inbox = warming(face)
    asked = provider_sandbox.requests
    with nothing_moves(database):
        face.get(inbox.id, owner_id=OWNER)
        face.find(owner_id=OWNER)
        face.history(inbox.id, owner_id=OWNER)
        face.attempts(inbox.id, owner_id=OWNER)
        face.operator().verify()
    assert database.count("inbox_attempts") == 1
    assert provider_sandbox.requests == asked


def test_find_gives_the_newest_first(make: MakeFace) -> None:
    """The order is that of birth, the other way round."""
    clock = Clock()
    face = make(clock=clock)
    made = []
    for name in ("one", "two", "three"):
        clock.move(seconds=1)
        made.append(born(face, f"{name}@mail.example.com").id)
    assert ids(face.find(owner_id=OWNER)) == made[::-1]


def test_find_by_an_operator_gives_the_newest_of_all_page_by_page(make: MakeFace) -> None:
    """Whatever their owner and status, those of one moment too; the pages are cut where the marks say."""
    clock = Clock()
    face = make(clock=clock)
    made = []
    for number, status in enumerate(("active", "pending", "banned", "active", "warming", "pending", "pending")):
        clock.move(seconds=number % 2)
        owner = (OWNER, STRANGER)[number % 2]
        adopt = face.operator().adopt
        made.append(
            adopt(email_address=f"{number}@mail.example.com", owner_id=owner, status=status, warmup_status="active")
        )
    newest = [inbox.id for inbox in sorted(made, key=lambda inbox: (inbox.created_at, inbox.id), reverse=True)]
    for limit in range(1, len(made) + 1):
        found, after = list[str](), None
        while len(found) < len(made):
            page = face.operator().find(limit=limit, after=after, warmup_status="active")
            assert ids(page) == ids(face.operator().find(limit=limit, after=after))
            found += ids(page)
            after = page.next_after
        assert (found, after) == (newest, None)


def test_find_shows_each_owner_the_own_inboxes(face: AnyFace) -> None:
    """What one owner finds the other never does, and the operator finds both, or one of them by name."""
    mine = born(face)
    other = face.register(email_address="bo@mail.example.com", owner_id=STRANGER)
    assert ids(face.find(owner_id=OWNER)) == [mine.id]
    assert ids(face.find(owner_id=STRANGER)) == [other.id]
    assert sorted(ids(face.operator().find())) == sorted([mine.id, other.id])
    assert ids(face.operator().find(owner_id=STRANGER)) == [other.id]


def test_find_by_either_status_gives_only_these(face: AnyFace) -> None:
    """Both columns filter, alone and together."""
    pending = born(face)
    mixed = face.operator().adopt(
        email_address="bo@mail.example.com", owner_id=OWNER, status="pending", warmup_status="active"
    )
    moved = warming(face, "cy@mail.example.com")
    assert ids(face.find(owner_id=OWNER, status="warming")) == [moved.id]
    assert sorted(ids(face.find(owner_id=OWNER, status="pending"))) == sorted([pending.id, mixed.id])
    assert ids(face.find(owner_id=OWNER, warmup_status="active")) == [mixed.id]
    assert ids(face.find(owner_id=OWNER, status="pending", warmup_status="not_started")) == [pending.id]
    assert ids(face.find(owner_id=OWNER, status="banned")) == []


@crosswise
@pytest.mark.parametrize(
    "domain", ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example", "XN--BCHER-KVA.example"]
)
def test_find_by_domain_takes_it_in_any_spelling(face: AnyFace, domain: str) -> None:
    """A domain is looked for in the form in which it is kept."""
    wanted = born(face, "ana@bücher.example")
    born(face)
    assert ids(face.find(owner_id=OWNER, domain=domain)) == [wanted.id]


def pages(face: AnyFace, limit: int, **conditions: Any) -> list[list[str]]:
    """Every page there is."""
    found, after, first = [], None, True
    while first or after is not None:
        page = face.find(owner_id=OWNER, limit=limit, after=after, **conditions)
        found.append(ids(page))
        after, first = page.next_after, False
    return found


@crosswise
@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
def test_pages_have_no_gap_and_no_repeat_where_all_are_born_at_once(make: MakeFace, limit: int) -> None:
    """Seven inboxes of the same microsecond come each once, in pages as full as they can be."""
    face = make(clock=Clock())
    made = [born(face, f"box-{number}@mail.example.com").id for number in range(7)]
    found = pages(face, limit)
    assert sorted(inbox_id for page in found for inbox_id in page) == sorted(made)
    assert [len(page) for page in found] == [limit] * (7 // limit) + ([7 % limit] if 7 % limit else [])


def test_pages_of_a_filter_keep_to_it(make: MakeFace) -> None:
    """The mark goes on within the same conditions."""
    face = make(clock=Clock())
    made = [warming(face, f"box-{number}@mail.example.com").id for number in range(3)]
    born(face)
    found = pages(face, 2, status="warming", domain="mail.example.com")
    assert sorted(found[0] + found[1]) == sorted(made)


def test_birth_between_two_pages_shifts_nothing(make: MakeFace) -> None:
    """Newer inboxes come before the first page, so the pages that follow are those that followed before."""
    clock = Clock()
    face = make(clock=clock)
    made = []
    for number in range(4):
        clock.move(seconds=1)
        made.append(born(face, f"box-{number}@mail.example.com").id)
    first = face.find(owner_id=OWNER, limit=2)
    clock.move(seconds=1)
    born(face)
    second = face.find(owner_id=OWNER, limit=2, after=first.next_after)
    assert ids(first) + ids(second) == made[::-1]


MARKS = (
    "",
    "7",
    UNKNOWN_ID,
    "2026-03-04T05:06:07.891011Z",
    "2026-03-04T05:06:07.891011Z~",
    "2026-03-04T05:06:07.891011Z~7",
    f"2026-03-04~{UNKNOWN_ID}",
    f"2026-03-04T05:06:07.891011+00:00~{UNKNOWN_ID}",
    f"2026-13-04T05:06:07.891011Z~{UNKNOWN_ID}",
    f"2026-03-04T05:06:07.891011Z~{UNKNOWN_ID}'--",
    f"0000-03-04T05:06:07.891011Z~{UNKNOWN_ID}",
    *UNKEEPABLE,
)


def test_malformed_mark_is_told(face: AnyFace) -> None:
    """Only what an earlier page gave is a mark."""
    born(face)
    for wrong in MARKS:
        with pytest.raises(InvalidInput, match="next_after"):
            face.find(owner_id=OWNER, after=wrong)


@crosswise
@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({"limit": 0}, "limit is from 1 to 1000"),
        ({"limit": -1}, "limit is from 1 to 1000"),
        ({"limit": 1001}, "limit is from 1 to 1000"),
        ({"status": "asleep"}, "status is one of"),
        ({"warmup_status": "pending"}, "warmup_status is one of"),
        ({"domain": ""}, "domain"),
        ({"domain": "a\x00b"}, "domain"),
        ({"domain": "a\ud83db"}, "domain"),
        ({"owner_id": ""}, "owner_id"),
    ],
)
def test_malformed_condition_is_told(face: AnyFace, condition: dict[str, Any], told: str) -> None:
    """Each mistake is named."""
    with pytest.raises(InvalidInput, match=told):
        face.find(**{"owner_id": OWNER} | condition)


@crosswise
@pytest.mark.parametrize("at", ["0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"])
def test_mark_at_either_end_of_time_is_taken(face: AnyFace, at: str) -> None:
    """A mark is compared and never shown, so any time that can be written will do."""
    inbox = born(face)
    found = [inbox.id] if at.startswith("9") else []
    assert ids(face.find(owner_id=OWNER, after=f"{at}~{UNKNOWN_ID}")) == found


def test_largest_page_is_given(face: AnyFace) -> None:
    """The limit itself is allowed, and the last page has no mark."""
    inbox = born(face)
    page = face.find(owner_id=OWNER, limit=1000)
    assert (ids(page), page.next_after) == ([inbox.id], None)


def test_history_tells_every_event_in_order(face: AnyFace) -> None:
    """Versions are dense, pairs follow each other, and each event holds the hash of the one before."""
    inbox = warming(face)
    lead_back(face, inbox)
    retry(face, inbox)
    events = face.history(inbox.id, owner_id=OWNER)
    assert [event.version for event in events] == [1, 2, 3, 4]
    assert [event.name.removeprefix("inbox.") for event in events] == [
        "registered",
        "warmup_started",
        "corrected",
        "warmup_started",
    ]
    assert [event.left for event in events] == [None, PENDING, WARMING, PENDING]
    assert [event.previous_hash for event in events] == [None, *(event.hash for event in events[:-1])]


@on_sqlite
def test_history_longer_than_a_page_comes_whole(face: AnyFace, database: TestDatabase) -> None:
    """More than a page of 500 events come each once and in order."""
    inbox = grown(face, 503)
    assert [event.version for event in face.history(inbox.id, owner_id=OWNER)] == list(range(1, 504))
    assert database.count("inbox_events") == 503


def grown(face: AnyFace, version: int) -> Inbox:
    """An inbox that was corrected to and fro until that version."""
    inbox = born(face)
    operator = face.operator()
    for step in range(version - 1):
        status = ("active", "pending")[step % 2]
        inbox = operator.correct(inbox.id, status=status, warmup_status="active", reason="to and fro")
    return inbox


def begun(face: AnyFace, inbox: Inbox) -> tuple[Any, Any]:
    """A reading of the history that has given its first event: that event, and what gives the rest."""
    stream = face.target.history(inbox.id, owner_id=OWNER)
    if isinstance(face, Face):
        assert isinstance(stream, Iterator)
        return next(stream), lambda: list(stream)
    assert isinstance(face, AwaitedFace)
    assert isinstance(stream, AsyncIterator)

    async def rest() -> list[Any]:
        return [event async for event in stream]

    return face.loop.wait(anext(stream)), lambda: face.loop.wait(rest())


def test_history_ends_where_it_stood_when_the_reading_began(face: AnyFace) -> None:
    """An event that comes while a reader is at it belongs to the next reading."""
    inbox = warming(face)
    first, rest = begun(face, inbox)
    face.operator().ban(inbox.id)
    assert [event.version for event in (first, *rest())] == [1, 2]
    assert len(face.history(inbox.id, owner_id=OWNER)) == 3


def test_attempts_come_in_the_order_they_were_opened(make: MakeFace, provider_sandbox: Sandbox) -> None:
    """Who asked first stands first."""
    clock = Clock()
    face = make(clock=clock)
    inbox = born(face)
    for kind in ("reject", "throttle", "busy"):
        clock.move(seconds=1)
        provider_sandbox.fail_next(kind)
        with pytest.raises(ProviderError):
            retry(face, inbox)
    clock.move(seconds=1)
    retry(face, inbox)
    attempts = face.attempts(inbox.id, owner_id=OWNER)
    assert [attempt.outcome for attempt in attempts] == ["rejected", "throttled", "busy", "moved"]
    assert [attempt.opened_at for attempt in attempts] == sorted(attempt.opened_at for attempt in attempts)


def test_attempts_of_one_instant_come_in_the_order_they_were_opened(make: MakeFace, provider_sandbox: Sandbox) -> None:
    """A clock that stands still, as a millisecond does for a fast caller, does not shuffle them."""
    face = make(clock=Clock())
    inbox = born(face)
    kinds = {"reject": "rejected", "throttle": "throttled", "busy": "busy"}
    for kind in [*kinds] * 3:
        provider_sandbox.fail_next(kind)
        with pytest.raises(ProviderError):
            retry(face, inbox)
    outcomes = [attempt.outcome for attempt in face.attempts(inbox.id, owner_id=OWNER)]
    assert outcomes == [*kinds.values()] * 3


@on_sqlite
def test_attempts_more_than_a_page_come_whole(face: AnyFace) -> None:
    """More than a page of 500 attempts come each once."""
    inbox = warming(face)
    for _ in range(502):
        with pytest.raises(RetryRefused):
            retry(face, inbox)
    attempts = face.attempts(inbox.id, owner_id=OWNER)
    assert (len(attempts), len({attempt.id for attempt in attempts})) == (503, 503)


def test_owner_may_be_a_uuid_and_is_the_same_as_its_text(face: AnyFace) -> None:
    """Hosts keep their users' ids either way."""
    owner = uuid4()
    inbox = face.register(email_address=ANA, owner_id=owner)
    assert ids(face.find(owner_id=str(owner))) == [inbox.id]
    assert face.get(inbox.id, owner_id=owner).owner_id == str(owner)
