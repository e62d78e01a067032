"""What all moves of operators share, `ban` and `correct`, and every line of the table of rules."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from inbox_lifecycle import (
    ConcurrencyConflict,
    Inbox,
    InboxNotFound,
    InvalidInput,
    Pair,
    RetryRefused,
    Status,
    TransitionRefused,
    WarmupStatus,
)
from inbox_lifecycle.domain import RULES
from inbox_lifecycle.errors import MalformedText
from inbox_lifecycle.testing import Sandbox, WarmupCode
from tests.support.contract import (
    ACTIVE,
    ANA,
    BANNED,
    OWNER,
    PENDING,
    UNKNOWN_ID,
    WARMING,
    adopted,
    born,
    crosswise,
    nothing_moves,
    together,
    warming,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

pytestmark = pytest.mark.pairwise

BY_HAND: dict[str, Any] = {"status": "active", "warmup_status": "active", "reason": "by hand"}

#: Every move of an operator, with what it needs.
MOVES: dict[str, dict[str, Any]] = {"ban": {}, "correct": BY_HAND, "fail_warmup": {}, "graduate": {}}


def move(face: AnyFace, name: str, inbox: Inbox, **options: Any) -> Inbox:
    """One of them."""
    moved: Inbox = getattr(face.operator(), name)(inbox.id, **MOVES[name], **options)
    return moved


@pytest.mark.parametrize("pair", [PENDING, WARMING, ACTIVE], ids=str)
def test_ban_takes_an_inbox_out_from_anywhere_else(face: AnyFace, pair: Pair) -> None:
    """Whatever it was doing, it is out, and the event tells from where."""
    banned = move(face, "ban", adopted(face, pair), reason="complaints")
    assert (banned.pair, banned.version) == (BANNED, 2)
    assert face.get(banned.id, owner_id=OWNER) == banned
    event = face.history(banned.id, owner_id=OWNER)[-1]
    assert (event.name, event.left, event.context.reason) == ("inbox.banned", pair, "complaints")


def test_ban_of_a_banned_inbox_is_refused(face: AnyFace, database: TestDatabase) -> None:
    """Twice is once, and the verdict says from where a ban is legal."""
    inbox = move(face, "ban", born(face))
    with nothing_moves(database), pytest.raises(TransitionRefused) as refused:
        move(face, "ban", inbox)
    assert not isinstance(refused.value, RetryRefused)
    assert refused.value.verdict.as_list() == [
        {"field": "status", "expected": "pending or warming or active", "found": "banned", "held": False}
    ]


PAIRS = [Pair(*words) for words in itertools.product(Status, WarmupStatus)]


def by_hand(face: AnyFace, inbox: Inbox, pair: Pair) -> Inbox:
    """The inbox, corrected to a pair."""
    corrected: Inbox = face.operator().correct(
        inbox.id, status=pair.status, warmup_status=pair.warmup_status.value, reason="by hand"
    )
    return corrected


def test_correction_reaches_every_pair(face: AnyFace) -> None:
    """Sixteen pairs can be named, one after the other, and each is one event."""
    inbox = adopted(face, PAIRS[-1])
    for version, pair in enumerate(PAIRS, start=2):
        corrected = by_hand(face, inbox, pair)
        assert (corrected.pair, corrected.version) == (pair, version)
    assert [event.reached for event in face.operator().history(inbox.id)] == [PAIRS[-1], *PAIRS]


def test_correction_to_the_pair_it_stands_in_is_refused(face: AnyFace, database: TestDatabase) -> None:
    """A correction corrects something."""
    inbox = adopted(face, WARMING)
    with nothing_moves(database), pytest.raises(TransitionRefused) as refused:
        by_hand(face, inbox, WARMING)
    (clause,) = refused.value.verdict.failed
    assert (clause.field, clause.expected, clause.found) == (
        "pair",
        "other than warming / warming",
        "warming / warming",
    )


def test_banned_inbox_is_corrected_back(face: AnyFace) -> None:
    """A ban is for good unless an operator says otherwise."""
    inbox = adopted(face, BANNED)
    assert move(face, "correct", inbox).pair == ACTIVE


@pytest.mark.parametrize("reason", ["", "a\x00b", "a\ud83db"])
def test_correction_without_a_reason_that_can_be_kept_is_refused(
    face: AnyFace, database: TestDatabase, reason: str
) -> None:
    """Who changes history's course by hand says why."""
    inbox = born(face)
    with nothing_moves(database), pytest.raises(InvalidInput, match="reason"):
        face.operator().correct(inbox.id, status="active", warmup_status="active", reason=reason)


@crosswise
@pytest.mark.parametrize("name", MOVES)
def test_move_of_an_unknown_inbox_is_not_found(face: AnyFace, provider_sandbox: Sandbox, name: str) -> None:
    """There is nothing to move, and nobody is asked about it."""
    with pytest.raises(InboxNotFound):
        getattr(face.operator(), name)(UNKNOWN_ID, **MOVES[name])
    assert provider_sandbox.requests == ()


@pytest.mark.parametrize("name", MOVES)
def test_move_at_another_version_than_expected_conflicts(face: AnyFace, database: TestDatabase, name: str) -> None:
    """The operator looked at an older inbox, so the decision is to be made anew."""
    inbox = warming(face)
    with nothing_moves(database), pytest.raises(ConcurrencyConflict) as conflict:
        move(face, name, inbox, expected_version=1)
    assert (conflict.value.inbox_id, conflict.value.expected, conflict.value.actual) == (inbox.id, 1, 2)


@pytest.mark.parametrize("name", ["ban", "correct"])
def test_move_at_the_expected_version_moves(face: AnyFace, name: str) -> None:
    """What the operator looked at is what stands."""
    assert move(face, name, warming(face), expected_version=2).version == 3


def test_racing_bans_leave_one_event(face: AnyFace, database: TestDatabase) -> None:
    """Of eight at the same moment one bans, and the others are refused by what it left."""
    inbox = born(face)
    results = together(*[lambda: move(face, "ban", inbox)] * 8)
    assert sum(isinstance(result, TransitionRefused) for result in results) == 7
    assert database.count("inbox_events") == 2


def test_racing_corrections_all_land_one_after_the_other(face: AnyFace) -> None:
    """Each decides on what the one before left, so none is lost and versions stay dense."""
    inbox = born(face)
    results: list[Any] = together(*[lambda to=to: by_hand(face, inbox, to) for to in PAIRS[1:7]])
    assert sorted(result.version for result in results) == [2, 3, 4, 5, 6, 7]
    assert [event.version for event in face.history(inbox.id, owner_id=OWNER)] == list(range(1, 8))


@crosswise
@pytest.mark.parametrize("name", MOVES)
def test_text_that_cannot_be_kept_is_refused(face: AnyFace, database: TestDatabase, name: str) -> None:
    """NUL and half a surrogate pair are refused in the reason, which every move takes."""
    inbox = warming(face)
    for wrong in ("a\x00b", "a\ude00b"):
        with nothing_moves(database), pytest.raises(MalformedText):
            getattr(face.operator(), name)(inbox.id, **MOVES[name] | {"reason": wrong})


def test_every_rule_of_the_table_leaves_its_event(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Walking all triggers reaches each line, and each line's event tells the pair it reached."""
    inbox = warming(face)
    provider_sandbox.set_account(ANA, warmup_status=WarmupCode.PAUSED)
    move(face, "fail_warmup", inbox)
    face.start_warmup(inbox.id, owner_id=OWNER)
    provider_sandbox.set_account(ANA, reputation=99, total_sent=500)
    move(face, "graduate", inbox)
    move(face, "ban", inbox)
    move(face, "correct", inbox)
    other = adopted(face, ACTIVE, "bo@mail.example.com")
    face.operator().erase(other.id, reason="asked to")
    events = [*face.operator().history(inbox.id), *face.operator().history(other.id)]
    assert {type(event.event) for event in events} == {rule.event for rule in RULES}
    for rule in RULES:
        for event in events:
            if isinstance(event.event, rule.event) and isinstance(rule.to, Pair):
                assert event.reached == rule.to
