"""Idempotency keys: from the moment its event is committed, a key stands for that success, for good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from inbox_lifecycle import IdempotencyKeyReused, Inbox, InboxNotFound, ProviderError, RetryRefused
from inbox_lifecycle.testing import Sandbox
from tests.support.contract import (
    ACTIVE,
    ANA,
    BANNED,
    OWNER,
    PENDING,
    STRANGER,
    WARMING,
    born,
    in_flight,
    lead_back,
    nothing_moves,
    outcomes,
    retry,
    together,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

KEY = "request-1"


def as_answered(inbox: Inbox) -> tuple[object, ...]:
    """The part of an answer that a key stands for."""
    return inbox.id, inbox.pair, inbox.version, inbox.updated_at


def test_replay_returns_the_first_answer_without_asking_again(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A caller that never heard the answer asks again and is told the same, and nothing happens twice."""
    first = retry(face, born(face), KEY)
    with nothing_moves(database):
        assert retry(face, first, KEY) == first
    assert provider_sandbox.enable_calls(ANA) == 1


def test_replay_leaves_an_attempt_that_names_the_event_it_was_answered_with(face: AnyFace) -> None:
    """Every call leaves its attempt; a replay's says which success it was given."""
    inbox = retry(face, born(face), KEY)
    retry(face, inbox, KEY)
    (replay,) = (one for one in face.attempts(inbox.id, owner_id=OWNER) if one.outcome != "moved")
    assert (replay.outcome, replay.event_version, replay.context.idempotency_key) == ("refused", 2, KEY)


def graduate(face: AnyFace, inbox: Inbox, sandbox: Sandbox) -> Inbox:
    """The inbox goes on to active."""
    sandbox.set_account(ANA, reputation=99, total_sent=500)
    moved: Inbox = face.operator().graduate(inbox.id)
    return moved


def take_back(face: AnyFace, inbox: Inbox, sandbox: Sandbox) -> Inbox:
    """The provider says that it is not warming after all."""
    sandbox.set_account(ANA, warmup_status=0)
    moved: Inbox = face.operator().fail_warmup(inbox.id)
    return moved


def ban(face: AnyFace, inbox: Inbox, _sandbox: Sandbox) -> Inbox:
    """The inbox is taken out."""
    moved: Inbox = face.operator().ban(inbox.id)
    return moved


@pytest.mark.parametrize(
    ("go_on", "reached"),
    [(take_back, PENDING), (ban, BANNED), (graduate, ACTIVE)],
    ids=["taken back", "banned", "graduated"],
)
def test_replay_after_the_inbox_moved_on_returns_the_success_as_it_was(
    face: AnyFace,
    database: TestDatabase,
    provider_sandbox: Sandbox,
    go_on: Callable[[AnyFace, Inbox, Sandbox], Inbox],
    reached: object,
) -> None:
    """Pair, version and time are those the key's event left; the inbox itself stays where it has gone."""
    first = retry(face, born(face), KEY)
    assert go_on(face, first, provider_sandbox).pair == reached
    with nothing_moves(database):
        again = retry(face, first, KEY)
    assert as_answered(again) == as_answered(first)
    assert face.get(first.id, owner_id=OWNER).pair == reached


def test_another_key_after_the_inbox_was_led_back_is_another_warmup(face: AnyFace) -> None:
    """The old key stands for the old success and the new one for the new."""
    first = retry(face, born(face), KEY)
    lead_back(face, first)
    second = retry(face, first, "request-2")
    assert (first.version, second.version) == (2, 4)
    assert as_answered(retry(face, first, KEY)) == as_answered(first)
    assert as_answered(retry(face, first, "request-2")) == as_answered(second)


@pytest.mark.parametrize(("first", "second"), [("start_warmup", "retry_warmup"), ("retry_warmup", "start_warmup")])
def test_start_and_retry_share_their_keys(face: AnyFace, first: str, second: str) -> None:
    """They are one rule under two names, so a key of one is a key of the other."""
    inbox = born(face)
    moved = getattr(face, first)(inbox.id, owner_id=OWNER, idempotency_key=KEY)
    assert getattr(face, second)(inbox.id, owner_id=OWNER, idempotency_key=KEY) == moved


def test_key_of_a_registration_with_warmup_stands_for_the_warmup(face: AnyFace) -> None:
    """The key given at birth is that of the first attempt, not of the birth itself."""
    inbox = born(face, start_warmup=True, idempotency_key=KEY)
    assert inbox.pair == WARMING
    assert retry(face, inbox, KEY) == inbox
    assert [event.context.idempotency_key for event in face.history(inbox.id, owner_id=OWNER)] == [None, KEY]


def test_key_of_a_registration_whose_warmup_failed_is_free(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """The birth does not use the key up, so the retry of the failed attempt may carry it."""
    provider_sandbox.fail_next("reject")
    inbox = born(face, start_warmup=True, idempotency_key=KEY)
    assert inbox.pair == PENDING
    assert retry(face, inbox, KEY).pair == WARMING


def test_one_key_on_two_inboxes_stands_for_two_successes(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Keys are scoped to the inbox: a caller's loop may use one for a whole batch."""
    one, two = born(face), born(face, "bo@mail.example.com")
    assert retry(face, one, KEY).id == one.id
    assert retry(face, two, KEY).id == two.id
    assert (provider_sandbox.enable_calls(ANA), provider_sandbox.enable_calls("bo@mail.example.com")) == (1, 1)


def test_anothers_key_opens_no_door(face: AnyFace, database: TestDatabase) -> None:
    """Who guesses the id and the key of another owner's inbox is told what everybody is told: not found."""
    first = retry(face, born(face), KEY)
    with nothing_moves(database), pytest.raises(InboxNotFound):
        face.retry_warmup(first.id, owner_id=STRANGER, idempotency_key=KEY)
    assert outcomes(face, first) == ["moved"]


def test_operator_may_replay_an_owners_key(face: AnyFace) -> None:
    """The key belongs to the inbox and its one owner, on whose behalf the operator asks."""
    first = retry(face, born(face), KEY)
    assert face.operator().retry_warmup(first.id, idempotency_key=KEY) == first


@pytest.mark.parametrize("kind", ["reject", "throttle", "busy", "error"])
def test_failed_call_does_not_use_its_key_up(face: AnyFace, provider_sandbox: Sandbox, kind: str) -> None:
    """A key stands for a success; until there is one, the same key tries again."""
    inbox = born(face)
    provider_sandbox.fail_next(kind)
    with pytest.raises(ProviderError):
        retry(face, inbox, KEY)
    assert retry(face, inbox, KEY).version == 2


def test_refused_call_does_not_use_its_key_up(face: AnyFace) -> None:
    """A refusal is an answer of its own, and once the inbox is led back the same key moves it."""
    inbox = retry(face, born(face))
    with pytest.raises(RetryRefused):
        retry(face, inbox, KEY)
    lead_back(face, inbox)
    assert retry(face, inbox, KEY).version == 4


def test_call_that_lost_to_its_own_key_returns_that_success(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """The twin won while ours was with the provider: both callers hold the same answer."""
    inbox = born(face)
    twin: list[Inbox] = []
    in_flight(provider_sandbox, lambda: twin.append(retry(face, inbox, KEY)))
    assert [retry(face, inbox, KEY)] == twin
    assert outcomes(face, inbox) == ["lost", "moved"]


def test_call_that_lost_to_its_own_key_returns_that_success_even_after_a_ban(
    face: AnyFace, provider_sandbox: Sandbox
) -> None:
    """What came after the key's event does not change what the key stands for."""
    inbox = born(face)
    twin: list[Inbox] = []

    def win_and_be_banned() -> None:
        twin.append(retry(face, inbox, KEY))
        face.operator().ban(inbox.id)

    in_flight(provider_sandbox, win_and_be_banned)
    assert as_answered(retry(face, inbox, KEY)) == as_answered(twin[0])
    assert face.get(inbox.id, owner_id=OWNER).pair == BANNED


@pytest.mark.parametrize("kind", ["reject", "throttle", "busy"])
def test_call_that_failed_while_its_twin_succeeded_returns_that_success(
    face: AnyFace, provider_sandbox: Sandbox, kind: str
) -> None:
    """The provider's no closes the attempt, and the caller still gets the success that its key has by then."""
    inbox = born(face)
    twin: list[Inbox] = []
    provider_sandbox.fail_next(kind)
    provider_sandbox.fail_next("error", on="account")
    in_flight(provider_sandbox, lambda: twin.append(retry(face, inbox, KEY)))
    assert [retry(face, inbox, KEY)] == twin
    assert outcomes(face, inbox) == sorted(["moved", {"reject": "rejected", "throttle": "throttled"}.get(kind, kind)])


def test_call_that_lost_to_another_key_is_refused(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Another caller's success is not ours."""
    inbox = born(face)
    in_flight(provider_sandbox, lambda: retry(face, inbox, "request-2"))
    with pytest.raises(RetryRefused):
        retry(face, inbox, KEY)
    assert face.get(inbox.id, owner_id=OWNER).version == 2


def test_racing_twins_all_return_the_one_success(face: AnyFace, database: TestDatabase) -> None:
    """Eight calls with one key make one event, and every one that reached the end of it has the same answer."""
    inbox = born(face)
    answers: list[Any] = together(*[lambda: retry(face, inbox, KEY)] * 8)
    assert {as_answered(answer) for answer in answers} == {as_answered(face.get(inbox.id, owner_id=OWNER))}
    assert database.count("inbox_events") == 2


OPERATIONS: dict[str, dict[str, Any]] = {
    "ban": {},
    "correct": {"status": "active", "warmup_status": "active", "reason": "by hand"},
    "fail_warmup": {},
    "graduate": {},
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_key_of_a_warmup_is_refused_to_every_other_operation(
    face: AnyFace, database: TestDatabase, operation: str
) -> None:
    """The key has its meaning on this inbox already, whoever comes with it, and nothing moves."""
    inbox = retry(face, born(face), KEY)
    with nothing_moves(database), pytest.raises(IdempotencyKeyReused) as reused:
        getattr(face.operator(), operation)(inbox.id, idempotency_key=KEY, **OPERATIONS[operation])
    assert reused.value.event == "inbox.warmup_started"


def test_key_of_a_ban_is_refused_to_a_retry_and_its_attempt_says_so(face: AnyFace, database: TestDatabase) -> None:
    """The caller gets the misuse told, and the attempt is closed, not left to hang."""
    inbox = face.operator().ban(born(face).id, idempotency_key=KEY)
    with nothing_moves(database), pytest.raises(IdempotencyKeyReused):
        retry(face, inbox, KEY)
    assert outcomes(face, inbox) == ["refused"]


@pytest.mark.parametrize("operation", ["ban", "correct"])
def test_replay_of_an_operators_move_returns_its_first_answer(
    face: AnyFace, database: TestDatabase, operation: str
) -> None:
    """An operator's script that is run twice moves once, wherever the inbox is by then."""
    inbox = born(face)
    first = getattr(face.operator(), operation)(inbox.id, idempotency_key=KEY, **OPERATIONS[operation])
    lead_back(face, inbox)
    with nothing_moves(database):
        again = getattr(face.operator(), operation)(inbox.id, idempotency_key=KEY, **OPERATIONS[operation])
    assert as_answered(again) == as_answered(first)
