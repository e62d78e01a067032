"""Time travel: an inbox as it was at any version, time or position of the feed, and nothing beyond its history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from inbox_lifecycle import Inbox, InboxNotFound, InvalidInput, NoSuchPoint
from tests.fix_face import MakeFace
from tests.support.contract import (
    ACTIVE,
    ANA,
    OWNER,
    STRANGER,
    UNKNOWN_ID,
    WARMING,
    Clock,
    born,
    crosswise,
    lead_back,
    nothing_moves,
    retry,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

pytestmark = pytest.mark.pairwise

MOMENT = timedelta(microseconds=1)
GRACE = timedelta(minutes=5)


def blank(inbox: Inbox) -> Inbox:
    """What erasure leaves of the fields that never change."""
    return replace(
        inbox,
        owner_id=None,
        email_address=None,
        email_domain=None,
        email_domain_id=None,
        email_domain_status=None,
        provider_ref=None,
    )


def live(face: AnyFace, pause: Callable[[], object] = lambda: None, email_address: str = ANA) -> list[Inbox]:
    """A life of five events, and the inbox as each call gave it."""
    inbox = born(face, email_address)
    steps: list[Callable[[], Inbox]] = [
        lambda: retry(face, inbox),
        lambda: lead_back(face, inbox),
        lambda: retry(face, inbox),
        lambda: face.operator().ban(inbox.id, reason="complaints"),
    ]
    states = [inbox]
    for step in steps:
        pause()
        states.append(step())
    return states


def test_inbox_as_of_a_version_is_what_the_call_returned_then(face: AnyFace) -> None:
    """Field by field, for the owner and for an operator, the newest version being the inbox as it is."""
    states = live(face)
    for state in states:
        assert face.as_of(state.id, owner_id=OWNER, version=state.version) == state
        assert face.operator().as_of(state.id, version=state.version) == state
    assert states[-1] == face.get(states[0].id, owner_id=OWNER)


def test_inbox_as_of_a_time_is_what_the_newest_event_by_then_made_of_it(make: MakeFace) -> None:
    """From the microsecond of an event up to the one before the next, in whatever zone the time is given."""
    clock = Clock()
    face = make(clock=clock)
    states = live(face, lambda: clock.move(seconds=1))
    zone = timezone(timedelta(hours=-7))
    for state, following in zip(states, [*states[1:], None], strict=True):
        until = clock.now if following is None else following.updated_at - MOMENT
        for at in (state.updated_at, until, until.astimezone(zone)):
            assert face.as_of(state.id, owner_id=OWNER, at=at) == state
            assert face.operator().as_of(state.id, at=at) == state


def test_events_of_the_same_time_count_together(make: MakeFace) -> None:
    """At that time the inbox is what the last of them made of it; the microsecond before, what was before all."""
    clock = Clock()
    face = make(clock=clock)
    first = born(face)
    clock.move(hours=1)
    retry(face, first)
    lead_back(face, first)
    last = retry(face, first)
    assert last.version == 4
    assert face.as_of(first.id, owner_id=OWNER, at=clock.now) == last
    assert face.as_of(first.id, owner_id=OWNER, at=clock.now - MOMENT) == first


def test_clock_that_went_back_leaves_no_state_out_of_order(make: MakeFace) -> None:
    """The event is recorded no earlier than the one before it, and that is where it is found."""
    clock = Clock()
    face = make(clock=clock)
    first = born(face)
    recorded = clock.now
    clock.move(minutes=-3)
    moved = retry(face, first)
    assert face.as_of(first.id, owner_id=OWNER, at=recorded) == moved
    with pytest.raises(NoSuchPoint):
        face.as_of(first.id, owner_id=OWNER, at=recorded - MOMENT)


@pytest.mark.parametrize("version", [0, -1, 6, 2**31, 10**30])
def test_version_that_never_was_is_no_such_point(face: AnyFace, version: int) -> None:
    """Below the birth and above the newest; the message tells which versions there are."""
    inbox = live(face)[0]
    with pytest.raises(NoSuchPoint, match=r"versions are 1 to 5") as missed:
        face.as_of(inbox.id, owner_id=OWNER, version=version)
    assert missed.value.inbox_id == inbox.id


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), datetime(2026, 3, 4, 5, 6, 7, 891010, tzinfo=UTC)])
def test_time_before_the_birth_is_no_such_point(make: MakeFace, at: datetime) -> None:
    """However close."""
    inbox = born(make(clock=Clock()))
    with pytest.raises(NoSuchPoint, match="not on record yet"):
        make(clock=Clock()).as_of(inbox.id, owner_id=OWNER, at=at)


def test_adopted_inbox_is_on_record_from_its_adoption_only(make: MakeFace) -> None:
    """Before that the host knew it; what it was then, nobody here has recorded."""
    clock = Clock()
    face = make(clock=clock)
    created = clock.now - timedelta(days=400)
    inbox = face.operator().adopt(
        email_address=ANA, owner_id=OWNER, status="active", warmup_status="active", created_at=created
    )
    assert (inbox.pair, inbox.created_at) == (ACTIVE, created)
    assert face.as_of(inbox.id, owner_id=OWNER, at=clock.now) == inbox
    for at in (created, clock.now - MOMENT):
        with pytest.raises(NoSuchPoint):
            face.as_of(inbox.id, owner_id=OWNER, at=at)


def test_future_is_known_five_minutes_ahead_and_no_more(make: MakeFace) -> None:
    """Within the grace it is the newest state, for clocks differ; beyond it nothing can be known."""
    clock = Clock()
    face = make(clock=clock)
    newest = retry(face, born(face))
    for ahead in (timedelta(), MOMENT, GRACE):
        assert face.as_of(newest.id, owner_id=OWNER, at=clock.now + ahead) == newest
    for at in (clock.now + GRACE + MOMENT, datetime.max.replace(tzinfo=UTC)):
        with pytest.raises(NoSuchPoint, match=r"in the future, more than 5 minutes ahead"):
            face.as_of(newest.id, owner_id=OWNER, at=at)


def test_inbox_as_of_a_position_is_what_the_feed_tells_up_to_there(face: AnyFace, database: TestDatabase) -> None:
    """Events of others move no inbox; before its first event there is none, and none before it is sealed."""
    ana, bea = born(face), born(face, "bea@mail.example.com")
    states = {0: ana, 2: retry(face, ana), 3: face.operator().ban(ana.id)}
    assert face.operator().seal().size == 4
    fed = database.execute("select position, inbox_id, version from {s}inbox_feed order by position")
    assert [(str(inbox_id), version) for _, inbox_id, version in fed] == [
        (ana.id, 1),
        (bea.id, 1),
        (ana.id, 2),
        (ana.id, 3),
    ]
    for position, state in {**states, 1: ana}.items():
        assert face.as_of(ana.id, owner_id=OWNER, position=position) == state
        assert face.operator().as_of(ana.id, position=position) == state
    assert face.as_of(bea.id, owner_id=OWNER, position=3) == bea
    with pytest.raises(NoSuchPoint, match="none of its events"):
        face.as_of(bea.id, owner_id=OWNER, position=0)


def test_position_that_is_not_sealed_yet_is_no_such_point(face: AnyFace) -> None:
    """Not in an empty feed, and not past its end, although the inbox has moved on; sealing mends it."""
    inbox = born(face)
    with pytest.raises(NoSuchPoint, match="not sealed yet"):
        face.as_of(inbox.id, owner_id=OWNER, position=0)
    face.operator().seal()
    moved = retry(face, inbox)
    assert face.as_of(inbox.id, owner_id=OWNER, position=0) == inbox
    for position in (1, 2**63, 10**30):
        with pytest.raises(NoSuchPoint, match="not sealed yet"):
            face.as_of(inbox.id, owner_id=OWNER, position=position)
    face.operator().seal()
    assert face.as_of(inbox.id, owner_id=OWNER, position=1) == moved


def test_erased_inbox_is_told_to_operators_as_it_was_but_blank(make: MakeFace) -> None:
    """Not erased before the erasure, erased from it on, and without what was personal at any point."""
    clock = Clock()
    face = make(clock=clock)
    operator = face.operator()
    first = born(face)
    clock.move(seconds=1)
    moved = retry(face, first)
    clock.move(seconds=1)
    gone = operator.erase(first.id, reason="asked to")
    clock.move(seconds=1)
    banned = operator.ban(first.id)
    assert (gone.erased_at, banned.erased_at) == (gone.updated_at, gone.updated_at)
    for state in (blank(first), blank(moved), gone, banned):
        assert operator.as_of(first.id, version=state.version) == state
        assert operator.as_of(first.id, at=state.updated_at) == state
    assert operator.as_of(first.id, at=gone.updated_at - MOMENT) == blank(moved)


@crosswise
def test_erased_inbox_is_gone_for_its_owner_at_every_point(face: AnyFace) -> None:
    """Also at those before its erasure."""
    inbox = born(face)
    face.operator().seal()
    face.operator().erase(inbox.id, reason="asked to")
    for point in ({"version": 1}, {"version": 2}, {"at": inbox.updated_at}, {"position": 0}):
        with pytest.raises(InboxNotFound):
            face.as_of(inbox.id, owner_id=OWNER, **point)


POINTS: list[dict[str, Any]] = [
    {"version": 1},
    {"version": 99},
    {"at": datetime(2026, 3, 4, 6, tzinfo=UTC)},
    {"at": datetime(2126, 1, 1, tzinfo=UTC)},
    {"position": 0},
    {"position": 99},
]


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_foreign_inbox_is_told_the_same_as_an_unknown_one_at_every_point(make: MakeFace, point: dict[str, Any]) -> None:
    """Whether its history reaches the point or not."""
    face = make(clock=Clock())
    inbox = born(face)
    face.operator().seal()
    told = []
    for inbox_id, owner_id in ((inbox.id, STRANGER), (UNKNOWN_ID, OWNER)):
        with pytest.raises(InboxNotFound) as missing:
            face.as_of(inbox_id, owner_id=owner_id, **point)
        told.append(str(missing.value).replace(inbox_id, "ID"))
    assert told[0] == told[1]
    with pytest.raises(InboxNotFound):
        face.operator().as_of(UNKNOWN_ID, **point)


NAIVE = datetime(2026, 3, 4, 5, 6, 7)  # noqa: DTZ001 - it is what must be refused
MALFORMED: list[tuple[dict[str, Any], str]] = [
    ({}, "say one point"),
    ({"version": 1, "at": NAIVE.replace(tzinfo=UTC)}, "say one point"),
    ({"version": 1, "position": 0}, "say one point"),
    ({"at": NAIVE}, "aware datetime"),
    ({"at": "2026-03-04T05:06:07Z"}, "aware datetime"),
    ({"at": NAIVE.date()}, "aware datetime"),
    ({"at": datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))}, "outside the years"),
    ({"version": "1"}, "version is a whole number"),
    ({"version": 1.0}, "version is a whole number"),
    ({"version": True}, "version is a whole number"),
    ({"position": "0"}, "position is a whole number"),
    ({"position": -1}, "begins at 0"),
]


@crosswise
@pytest.mark.parametrize(("point", "cure"), MALFORMED, ids=str)
def test_point_that_is_none_is_invalid_input(face: AnyFace, point: dict[str, Any], cure: str) -> None:
    """Exactly one is given, and it is what it is called; the message tells the cure."""
    inbox = born(face)
    with pytest.raises(InvalidInput, match=cure):
        face.as_of(inbox.id, owner_id=OWNER, **point)
    with pytest.raises(InvalidInput, match=cure):
        face.operator().as_of(inbox.id, **point)


@crosswise
def test_owner_who_is_nobody_is_refused_at_every_point(face: AnyFace) -> None:
    """A host that has lost its user's id must not see what an operator sees."""
    inbox = born(face)
    calls: list[Callable[[], object]] = [
        lambda: face.as_of(inbox.id, owner_id=None, version=1),
        lambda: face.diff(inbox.id, 1, 1, owner_id=None),
        lambda: face.why(inbox.id, owner_id=None),
        lambda: face.find(owner_id=None, as_of=inbox.updated_at),
    ]
    for call in calls:
        with pytest.raises(InvalidInput, match="owner_id"):
            call()


def test_travelling_changes_nothing(face: AnyFace, database: TestDatabase) -> None:
    """Neither rows nor attempts."""
    inbox = retry(face, born(face))
    assert inbox.pair == WARMING
    with nothing_moves(database):
        face.as_of(inbox.id, owner_id=OWNER, version=1)
        face.diff(inbox.id, 1, 2, owner_id=OWNER)
        face.why(inbox.id, owner_id=OWNER)
        face.find(owner_id=OWNER, as_of=inbox.updated_at)
    assert database.count("inbox_attempts") == 1
