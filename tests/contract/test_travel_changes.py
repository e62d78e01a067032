"""What happened between two points of a history, and which event is the reason for where an inbox stands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbox_lifecycle import Diff, Inboxes, InboxNotFound, InvalidInput, NoSuchPoint, audit_context
from inbox_lifecycle.context import NOBODY
from inbox_lifecycle.domain import WarmupStarted
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.contract import (
    ANA,
    BANNED,
    OWNER,
    STRANGER,
    UNKNOWN_ID,
    WARMING,
    Clock,
    adopted,
    attempt_on,
    born,
    crosswise,
    lead_back,
    retry,
    warming,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

pytestmark = pytest.mark.pairwise

MOMENT = timedelta(microseconds=1)


def versions(found: Diff) -> list[int]:
    """Of the events in it."""
    return [event.version for event in found.events]


def test_diff_of_two_versions_tells_what_changed_and_by_which_events(face: AnyFace) -> None:
    """Each field that differs with its old and new value, and the events in between, the first point's left out."""
    first = born(face)
    moved = retry(face, first)
    last = face.operator().ban(first.id, reason="complaints")
    found = face.diff(first.id, 1, 3, owner_id=OWNER)
    assert (found.before, found.after) == (first, last)
    assert found.changed == {
        "status": ("pending", "banned"),
        "warmup_status": ("not_started", "banned"),
        "version": (1, 3),
        "updated_at": (first.updated_at, last.updated_at),
    }
    assert list(found.events) == face.history(first.id, owner_id=OWNER)[1:]
    assert face.operator().diff(first.id, 1, 3) == found
    assert versions(face.diff(first.id, 2, 3, owner_id=OWNER)) == [3]
    assert face.diff(first.id, 2, 3, owner_id=OWNER).before == moved


def test_diff_leaves_out_what_came_back_as_it_was(face: AnyFace) -> None:
    """The pair is the same again; the version and the events tell that it was not all the time."""
    inbox = warming(face)
    lead_back(face, inbox)
    found = face.diff(inbox.id, 1, 3, owner_id=OWNER)
    assert set(found.changed) == {"version", "updated_at"}
    assert [event.name for event in found.events] == ["inbox.warmup_started", "inbox.corrected"]


def test_diff_of_two_times_takes_the_events_recorded_between_them(make: MakeFace) -> None:
    """After the first time, up to and at the second; a version on one side and a time on the other will do as well."""
    clock = Clock()
    face = make(clock=clock)
    start = clock.now
    inbox = born(face)
    clock.move(days=1)
    retry(face, inbox)
    lead_back(face, inbox)
    clock.move(days=1)
    face.operator().ban(inbox.id)
    day = timedelta(days=1)
    for a, b, expected in (
        (start, start + day - MOMENT, []),
        (start, start + day, [2, 3]),
        (start + day, start + 2 * day, [4]),
        (start + day - MOMENT, clock.now + timedelta(minutes=5), [2, 3, 4]),
        (1, start + day, [2, 3]),
        (start + day, 4, [4]),
        (3, start + day, []),
    ):
        assert versions(face.diff(inbox.id, a, b, owner_id=OWNER)) == expected


def test_diff_of_a_point_with_itself_is_empty(face: AnyFace) -> None:
    """Nothing happens in no time."""
    inbox = warming(face)
    for point in (1, 2, inbox.updated_at):
        found = face.diff(inbox.id, point, point, owner_id=OWNER)
        assert (found.before, found.changed, found.events) == (found.after, {}, ())


def test_diff_backwards_is_refused_with_the_cure(face: AnyFace) -> None:
    """Two versions, two times, and one of either; even where no event lies between the times."""
    inbox = lead_back(face, warming(face))
    now = inbox.updated_at
    for a, b in ((3, 1), (9, 8), (now, now - MOMENT), (now + MOMENT, now), (3, now - MOMENT), (now, 1)):
        with pytest.raises(InvalidInput, match="swap them"):
            face.diff(inbox.id, a, b, owner_id=OWNER)
        with pytest.raises(InvalidInput, match="swap them"):
            face.operator().diff(inbox.id, a, b)


def test_diff_from_or_to_beyond_the_history_is_no_such_point(make: MakeFace) -> None:
    """Before the birth, past the newest event, and in the future, on either side."""
    clock = Clock()
    face = make(clock=clock)
    inbox = born(face)
    for a, b in ((0, 1), (1, 2), (clock.now - MOMENT, 1), (1, clock.now + timedelta(minutes=5) + MOMENT)):
        with pytest.raises(NoSuchPoint):
            face.diff(inbox.id, a, b, owner_id=OWNER)


@crosswise
@pytest.mark.parametrize("point", ["1", 1.0, None, True, datetime(2026, 1, 1)], ids=repr)  # noqa: DTZ001 - refused
def test_diff_of_what_is_no_point_is_invalid_input(face: AnyFace, point: Any) -> None:
    """On either side."""
    inbox = born(face)
    for a, b in ((point, 1), (1, point)):
        with pytest.raises(InvalidInput, match="aware datetime"):
            face.diff(inbox.id, a, b, owner_id=OWNER)


def test_diff_across_an_erasure_tells_when_it_was_erased(face: AnyFace) -> None:
    """The pair is kept; owners are told nothing any more."""
    inbox = warming(face)
    gone = face.operator().erase(inbox.id, reason="asked to")
    found = face.operator().diff(inbox.id, 2, 3)
    assert set(found.changed) == {"version", "updated_at", "erased_at"}
    assert found.changed["erased_at"] == (None, gone.erased_at)
    with pytest.raises(InboxNotFound):
        face.diff(inbox.id, 1, 2, owner_id=OWNER)


def test_diff_of_many_events_has_them_all_in_order(sqlite_database: TestDatabase) -> None:
    """They are read in pages of five hundred, of which nobody notices anything."""
    with Inboxes(sqlite_database.url) as inboxes:
        operator = inboxes.operator(actor="olga")
        inbox = inboxes.register(email_address=ANA, owner_id=OWNER, provider="instantly")
        for number in range(502):
            pair = ("active", "active") if number % 2 else ("banned", "active")
            operator.correct(inbox.id, status=pair[0], warmup_status=pair[1], reason="back and forth")
        for a, b in ((1, 503), (2, 502), (3, 503)):
            assert versions(operator.diff(inbox.id, a, b)) == list(range(a + 1, b + 1))


def test_why_of_a_new_inbox_is_its_birth(face: AnyFace) -> None:
    """With whoever made it, and no attempt."""
    with audit_context(actor="zoe", reason="a new mailbox"):
        inbox = born(face)
    found = face.why(inbox.id, owner_id=OWNER)
    assert (found.inbox, found.event.name, found.attempt) == (inbox, "inbox.registered", None)
    assert (found.actor, found.reason) == ("zoe", "a new mailbox")


def test_why_of_a_warming_inbox_is_the_attempt_that_was_accepted(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Among those that failed before it; the owner and an operator are told the same."""
    inbox = born(face)
    provider_sandbox.fail_next("throttle", retry_after=1)
    with pytest.raises(Exception, match="throttling"):
        retry(face, inbox)
    with audit_context(actor="zoe"):
        moved = retry(face, inbox)
    found = face.why(inbox.id, owner_id=OWNER)
    assert face.operator().why(inbox.id) == found
    assert (found.inbox, found.event.version, found.actor, found.reason) == (moved, 2, "zoe", None)
    assert isinstance(found.event.event, WarmupStarted)
    assert found.attempt is not None
    assert (found.attempt.id, found.attempt.outcome) == (found.event.event.attempt_id, "moved")
    assert found.attempt in face.attempts(inbox.id, owner_id=OWNER)


def test_why_trusts_the_event_and_not_the_attempt(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """An attempt that only says that the event is its own, as the event does not, is not taken for it."""
    inbox = born(face)
    provider_sandbox.fail_next("throttle", retry_after=1)
    with pytest.raises(Exception, match="throttling"):
        retry(face, inbox)
    retry(face, inbox)
    database.execute("update {s}inbox_attempts set outcome = 'moved', event_version = 2 where outcome = 'throttled'")
    found = face.why(inbox.id, owner_id=OWNER)
    assert found.attempt is not None
    assert found.attempt.id == found.event.event.attempt_id


def test_why_of_a_settled_inbox_is_the_call_whose_outcome_was_unknown(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """`reconcile` wrote the event on behalf of that call."""
    inbox = born(face)
    provider_sandbox.fail_next("cut", email=ANA)
    provider_sandbox.fail_next("error", on="account", email=ANA)
    with pytest.raises(Exception, match="unknown"):
        retry(face, inbox)
    database.expire_leases()
    assert face.operator().reconcile().moved == 1
    found = face.why(inbox.id, owner_id=OWNER)
    assert (found.inbox.pair, found.attempt) == (WARMING, attempt_on(face, inbox))


def test_why_is_the_newest_event_that_led_to_another_pair(face: AnyFace) -> None:
    """A correction by hand has an actor and a reason, and no attempt though there were some before."""
    inbox = lead_back(face, warming(face))
    found = face.why(inbox.id, owner_id=OWNER)
    assert (found.event.version, found.actor, found.reason) == (3, "olga", "led back")
    assert found.attempt is None


def test_why_of_a_change_in_one_column_is_that_change(face: AnyFace) -> None:
    """Either column tells that it is another pair."""
    inbox = adopted(face, WARMING)
    for status, warmup_status in (("active", "warming"), ("active", "active")):
        moved = face.operator().correct(inbox.id, status=status, warmup_status=warmup_status, reason=warmup_status)
        assert (face.why(inbox.id, owner_id=OWNER).event.version, moved.version) == (moved.version, moved.version)


def test_why_of_an_erased_inbox_is_not_its_erasure(face: AnyFace) -> None:
    """An erasure keeps the pair; who led to it and why is blanked, the attempt that did is named still."""
    inbox = warming(face)
    gone = face.operator().erase(inbox.id, reason="asked to")
    found = face.operator().why(inbox.id)
    assert (found.inbox, found.event.version, found.event.context) == (gone, 2, NOBODY)
    assert (found.actor, found.reason) == (None, None)
    assert found.attempt == attempt_on(face, inbox)
    with pytest.raises(InboxNotFound):
        face.why(inbox.id, owner_id=OWNER)
    face.operator().ban(inbox.id, reason="for good")
    later = face.operator().why(inbox.id)
    assert (later.inbox.pair, later.event.version, later.actor, later.reason) == (BANNED, 4, "olga", "for good")


def test_why_without_the_attempt_that_was_pruned_still_has_the_event(face: AnyFace, database: TestDatabase) -> None:
    """What was pruned is none."""
    inbox = warming(face)
    past = "2000-01-01T00:00:00.000000Z"
    database.execute("update {s}inbox_attempts set lease_until = ?, closed_at = ?", (past, past))
    assert face.operator().prune_attempts(timedelta(days=1)) == 1
    found = face.why(inbox.id, owner_id=OWNER)
    assert (found.event.name, found.attempt) == ("inbox.warmup_started", None)


CALLS: dict[str, Callable[[AnyFace, str, str | None], object]] = {
    "diff of versions": lambda face, inbox_id, owner_id: face.diff(inbox_id, 1, 1, **owned(owner_id)),
    "diff beyond": lambda face, inbox_id, owner_id: face.diff(inbox_id, 1, 99, **owned(owner_id)),
    "diff of times": lambda face, inbox_id, owner_id: face.diff(
        inbox_id, datetime(2001, 1, 1, tzinfo=UTC), datetime(2126, 1, 1, tzinfo=UTC), **owned(owner_id)
    ),
    "why": lambda face, inbox_id, owner_id: face.why(inbox_id, **owned(owner_id)),
}


def owned(owner_id: str | None) -> dict[str, str]:
    """The owner, where there is one."""
    return {} if owner_id is None else {"owner_id": owner_id}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_foreign_inbox_is_told_the_same_as_an_unknown_one(
    face: AnyFace, call: Callable[[AnyFace, str, str | None], object]
) -> None:
    """Nobody learns that it exists, or how far its history reaches."""
    inbox = warming(face)
    told = []
    for inbox_id, owner_id in ((inbox.id, STRANGER), (UNKNOWN_ID, OWNER)):
        with pytest.raises(InboxNotFound) as missing:
            call(face, inbox_id, owner_id)
        told.append(str(missing.value).replace(inbox_id, "ID"))
    assert told[0] == told[1]
    with pytest.raises(InboxNotFound):
        call(face.operator(), UNKNOWN_ID, None)
