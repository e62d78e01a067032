"""Any legal histories of a few inboxes, interleaved, under a clock that stands, jumps and goes back.

As of every version, every time and every position, the library tells what a fold of the events as they are stored
tells: the fold below reads their bytes by raw SQL, with nothing of the library in between.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox_lifecycle import Inbox, Inboxes, InboxNotFound, NoSuchPoint, Operator, Status, WarmupStatus
from inbox_lifecycle.domain import Adopt, Ban, Command, Correct, Erase, FailWarmup, Graduate, Register
from inbox_lifecycle.testing import Happened, Sandbox, WarmupCode
from inbox_lifecycle.testing.strategies import histories
from tests.support.databases import SqliteFiles, TestDatabase

MOMENT = timedelta(microseconds=1)
START = datetime(2026, 3, 4, 5, 6, 7, 891011, tzinfo=UTC)
OWNERS = ("ana", "ben", "ana")

#: An event by its bytes, as JSON.
Said = dict[str, Any]

#: What the clock does between two events; often nothing, so that times are equal.
pauses = st.sampled_from(
    (timedelta(), timedelta(), MOMENT, timedelta(seconds=1), timedelta(days=40), -timedelta(hours=1))
)


@dataclass
class Played:
    """A database in which some histories have happened."""

    database: TestDatabase
    inboxes: Inboxes
    now: datetime = START

    @property
    def operator(self) -> Operator:
        """An operator's view."""
        return self.inboxes.operator(actor="olga")


@dataclass(frozen=True)
class Then:
    """An inbox by the fold of its events."""

    pair: tuple[str, str]
    version: int
    updated_at: datetime
    erased_at: datetime | None


def fold(events: Sequence[Said]) -> Then | None:
    """What these events make of an inbox, by their bytes alone."""
    then: Then | None = None
    for event in events:
        pair = (event["to"]["status"], event["to"]["warmup_status"])
        erased_at = time_of(event) if event["name"] == "inbox.erased" else then.erased_at if then else None
        then = Then(pair, event["version"], time_of(event), erased_at)
    return then


def time_of(event: Said) -> datetime:
    """When it was recorded."""
    return datetime.fromisoformat(event["recorded_at"])


def as_then(now: Inbox, then: Then) -> Inbox:
    """The inbox as it is now, with the state of then."""
    return replace(
        now,
        status=Status(then.pair[0]),
        warmup_status=WarmupStatus(then.pair[1]),
        version=then.version,
        updated_at=then.updated_at,
        erased_at=then.erased_at,
    )


class Story:
    """One inbox, whose history is played command by command."""

    def __init__(self, number: int, history: list[Happened]) -> None:
        self.owner = OWNERS[number]
        self.address = f"box-{number}@mail.example.com"
        self.rest = [happened.command for happened in history]
        self.id = ""

    def step(self, played: Played, sandbox: Sandbox) -> None:
        """The next command, by the library's own calls."""
        command = self.rest.pop(0)
        if isinstance(command, Register | Adopt):
            self.id = self._birth(played, command).id
        else:
            self._move(played, sandbox, command)

    def _birth(self, played: Played, command: Register | Adopt) -> Inbox:
        if isinstance(command, Register):
            return played.inboxes.register(email_address=self.address, owner_id=self.owner)
        to = command.to
        return played.operator.adopt(
            email_address=self.address,
            owner_id=self.owner,
            status=to.status,
            warmup_status=to.warmup_status,
            created_at=START - timedelta(days=1),
        )

    def _move(self, played: Played, sandbox: Sandbox, command: Command) -> None:
        operator = played.operator
        match command:
            case FailWarmup():
                sandbox.set_account(self.address, warmup_status=WarmupCode.PAUSED)
                operator.fail_warmup(self.id)
            case Graduate():
                sandbox.set_account(self.address, reputation=99, total_sent=999)
                operator.graduate(self.id)
            case Ban():
                operator.ban(self.id)
            case Correct(to):
                operator.correct(self.id, status=to.status, warmup_status=to.warmup_status, reason="by hand")
            case Erase():
                operator.erase(self.id, reason="asked to")
            case _:
                operator.retry_warmup(self.id)


@contextmanager
def played(home: SqliteFiles, told: list[list[Happened]], order: st.DataObject) -> Iterator[Played]:
    """The histories, one command here and one there."""
    sandbox = Sandbox()
    transport = sandbox.transport(sleep=lambda _: None)
    with home.fresh() as database:
        scene: Played
        with Inboxes(database.url, transport.provider(), transport=transport, clock=lambda: scene.now) as inboxes:
            scene = Played(database, inboxes)
            stories = [Story(number, history) for number, history in enumerate(told)]
            while rest := [story for story in stories if story.rest]:
                order.draw(st.sampled_from(rest)).step(scene, sandbox)
                scene.now += order.draw(pauses)
            yield scene


def histories_of(scene: Played) -> dict[str, list[Said]]:
    """What is stored, by inbox."""
    stored: dict[str, list[Said]] = {}
    for inbox_id, entry in scene.database.execute(
        "select inbox_id, entry from inbox_events order by inbox_id, version"
    ):
        stored.setdefault(inbox_id, []).append(json.loads(entry))
    return stored


def times_of(stored: dict[str, list[Said]]) -> list[datetime]:
    """Every time at which something was recorded, the microseconds around it, and one before all."""
    recorded = {time_of(event) for events in stored.values() for event in events}
    around = {at + step for at in recorded for step in (-MOMENT, timedelta(), MOMENT)}
    return sorted({START - timedelta(days=999), *around})


def until(events: list[Said], at: datetime) -> list[Said]:
    """The events recorded by then."""
    return [event for event in events if time_of(event) <= at]


def check(scene: Played, inbox_id: str, events: Sequence[Said], **point: Any) -> None:
    """As of a point up to which these events had happened: for operators, and for the owner if there still is one."""
    now = scene.operator.get(inbox_id)
    then = fold(events)
    if then is None:
        with pytest.raises(NoSuchPoint):
            scene.operator.as_of(inbox_id, **point)
    else:
        assert scene.operator.as_of(inbox_id, **point) == as_then(now, then)
    if now.owner_id is None:
        with pytest.raises(InboxNotFound):
            scene.inboxes.as_of(inbox_id, owner_id="ana", **point)
    elif then is not None:
        assert scene.inboxes.as_of(inbox_id, owner_id=now.owner_id, **point) == as_then(now, then)


STEADY = settings(derandomize=True, deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
few = st.lists(histories(max_size=6), min_size=1, max_size=3)


@STEADY
@given(told=few, order=st.data())
def test_as_of_every_point_is_the_fold_of_the_events_up_to_it(
    sqlite_files: SqliteFiles, told: list[list[Happened]], order: st.DataObject
) -> None:
    """Versions, times to the microsecond, and positions of the feed; none before the birth, none past the end."""
    with played(sqlite_files, told, order) as scene:
        stored = histories_of(scene)
        scene.now = max(scene.now, *times_of(stored))
        scene.operator.seal()
        fed = scene.database.execute("select inbox_id, version from inbox_feed order by position")
        for inbox_id, events in stored.items():
            for version in range(len(events) + 1):
                check(scene, inbox_id, events[:version], version=version)
            for at in times_of(stored):
                check(scene, inbox_id, until(events, at), at=at)
            for position in range(len(fed)):
                seen = [version for fed_id, version in fed[: position + 1] if fed_id == inbox_id]
                check(scene, inbox_id, events[: max(seen, default=0)], position=position)
            for beyond in ({"version": len(events) + 1}, {"position": len(fed)}):
                check(scene, inbox_id, [], **beyond)


@STEADY
@given(told=few, order=st.data())
def test_inboxes_found_as_of_a_time_are_those_that_the_folds_tell(
    sqlite_files: SqliteFiles, told: list[list[Happened]], order: st.DataObject
) -> None:
    """By every pair and by either column, newest first, in pages of one and as a whole."""
    with played(sqlite_files, told, order) as scene:
        stored = histories_of(scene)
        scene.now = max(scene.now, *times_of(stored))
        for at in times_of(stored):
            folds = {inbox_id: fold(until(events, at)) for inbox_id, events in stored.items()}
            then = [as_then(scene.operator.get(inbox_id), state) for inbox_id, state in folds.items() if state]
            then.sort(key=lambda inbox: (inbox.created_at, inbox.id), reverse=True)
            assert everything(scene, at) == then
            pairs = {(None, None), *((inbox.status, inbox.warmup_status) for inbox in then)}
            columns = {(one[0], other[1]) for one, other in product(pairs, pairs)}
            for status, warmup_status in columns:
                expected = [
                    inbox
                    for inbox in then
                    if status in (None, inbox.status) and warmup_status in (None, inbox.warmup_status)
                ]
                found = scene.operator.find(as_of=at, status=status, warmup_status=warmup_status)
                assert list(found.items) == expected
                owned = scene.inboxes.find(owner_id="ana", as_of=at, status=status, warmup_status=warmup_status)
                assert list(owned.items) == [inbox for inbox in expected if inbox.owner_id == "ana"]


def everything(scene: Played, at: datetime) -> list[Inbox]:
    """All inboxes as of a time, a page for each."""
    found: list[Inbox] = []
    page = scene.operator.find(as_of=at, limit=1)
    while True:
        found += page.items
        if page.next_after is None:
            return found
        page = scene.operator.find(as_of=at, limit=1, after=page.next_after)


@STEADY
@given(told=few, order=st.data())
def test_reason_and_differences_are_those_that_the_events_tell(
    sqlite_files: SqliteFiles, told: list[list[Happened]], order: st.DataObject
) -> None:
    """Why is the newest event that left another pair; a difference has what lies between, and only what differs."""
    with played(sqlite_files, told, order) as scene:
        for inbox_id, events in histories_of(scene).items():
            moving = [event for event in events if event["from"] != event["to"]]
            found = scene.operator.why(inbox_id)
            assert found.event.version == moving[-1]["version"]
            assert (found.attempt and found.attempt.id) == moving[-1]["payload"].get("attempt_id")
            for after in range(1, len(events) + 1):
                for before in range(1, after + 1):
                    check_difference(scene, inbox_id, events, before, after)


def check_difference(scene: Played, inbox_id: str, events: list[Said], before: int, after: int) -> None:
    """Between two versions."""
    diff = scene.operator.diff(inbox_id, before, after)
    assert [json.loads(event.entry) for event in diff.events] == events[before:after]
    old, new = fold(events[:before]), fold(events[:after])
    assert old is not None
    assert new is not None
    told = {
        "status": (old.pair[0], new.pair[0]),
        "warmup_status": (old.pair[1], new.pair[1]),
        "version": (old.version, new.version),
        "updated_at": (old.updated_at, new.updated_at),
        "erased_at": (old.erased_at, new.erased_at),
    }
    assert diff.changed == {name: pair for name, pair in told.items() if pair[0] != pair[1]}
