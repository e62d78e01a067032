"""The facts that recording passes on: how long each run waits, and what each error names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from inbox_lifecycle import (
    Inbox,
    InboxNotFound,
)
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, AttemptKind, Recorder
from inbox_lifecycle.errors import (
    IdempotencyKeyReused,
    ProviderRejected,
    StoreUnavailable,
    WarmupNotRecorded,
)
from inbox_lifecycle.flow import Flow, Once, Sleep
from inbox_lifecycle.lifecycle import moves
from inbox_lifecycle.lifecycle.record import (
    Acceptor,
    answer_by_key,
    mailbox_of,
    provider_of,
    record_warmup_started,
    until,
)
from inbox_lifecycle.providers.port import AlreadyWarming, Mailbox
from inbox_lifecycle.terms import Terms
from tests.support.steps import (
    ERASED,
    PENDING,
    STARTED,
    WARMING,
    Clock,
    looked,
    play,
    seen,
    terms,
)

CONTEXT = Context(owner_id="owner", actor="ana", idempotency_key="key-1")


ATTEMPT = AttemptId("018f3b5e-0000-7000-8000-000000000101")


GONE = StoreUnavailable("gone", maybe_applied=True)


def request(*, expected_version: int | None = None) -> moves.Request:
    """An operator's request under a key."""
    return moves.Request(inbox_id=PENDING.id, context=CONTEXT, expected_version=expected_version)


def ban(given: Terms | None = None) -> Flow[Inbox]:
    """A ban under a key."""
    return moves.ban(given or terms(), request())


def record(given: Terms, *, recorder: Recorder = Recorder.CALL) -> Flow[Inbox]:
    """Recording an acceptance."""
    acceptor = Acceptor(
        attempt_id=ATTEMPT, kind=AttemptKind.RETRY, answer=AlreadyWarming(), context=CONTEXT, recorder=recorder
    )
    return record_warmup_started(given, seen(PENDING), acceptor)


def test_a_first_run_waits_as_long_as_it_is_let_and_later_ones_for_what_is_left() -> None:
    """Each pause is longer than the one before, up to a second, and what is left shrinks with the clock."""
    clock = Clock()
    flow = record(terms(clock))
    steps = [next(flow), flow.send(None)]
    for _ in range(12):
        steps.append(flow.throw(GONE) if isinstance(steps[-1], Once) else flow.send(None))
        clock.seconds += 1.0 if isinstance(steps[-1], Sleep) else 0.0
    assert [step.seconds for step in steps if isinstance(step, Sleep)] == [0.05, 0.2, 0.5, 1.0, 1.0, 1.0]
    assert [step.patience for step in steps if isinstance(step, Once)] == [None, 15.0, 14.0, 13.0, 12.0, 11.0, 10.0]


def test_reconcile_does_not_wait_for_a_lock_without_bound() -> None:
    """All the other attempts stand behind this one."""
    played = play(record(terms(), recorder=Recorder.RECONCILE), None, WARMING)
    step = played.steps[1]
    assert isinstance(step, Once)
    assert step.patience == 15.0


def test_only_the_first_of_a_callers_runs_waits_without_bound() -> None:
    """After a miss the budget bounds them."""
    played = play(record(terms()), None, None, looked(PENDING), WARMING)
    commits = [step.patience for step in played.steps if isinstance(step, Once) and step.statement.name != "look_again"]
    assert commits == [None, 15.0]


def test_a_last_run_has_some_patience_though_the_budget_is_all_but_over() -> None:
    """A statement that may not wait at all would always fail."""
    clock = Clock(14.99)
    flow = until(terms(clock), 15.0, play(ban(), seen(PENDING), PENDING).statement(1))
    step = next(flow)
    assert isinstance(step, Once)
    assert step.patience == 0.1


@pytest.mark.parametrize(
    "answers",
    [(None, None), (None, looked(PENDING, outcome="abandoned")), (GONE, GONE, GONE)],
    ids=["no row", "closed by others", "gone"],
)
def test_an_acceptance_that_is_not_recorded_names_the_inbox(answers: tuple[Any, ...]) -> None:
    """Whatever kept it from being recorded."""
    clock = Clock()
    flow = record(terms(clock))
    next(flow)
    flow.send(None)
    *earlier, last = answers
    for answer in earlier:
        clock.seconds += 5.0
        flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
    clock.seconds += 5.0
    with pytest.raises(WarmupNotRecorded) as raised:
        flow.throw(last) if isinstance(last, Exception) else flow.send(last)
    assert raised.value.inbox_id == PENDING.id


def test_a_key_of_another_operation_names_the_inbox_and_the_event() -> None:
    """So that its owner can find it."""
    with pytest.raises(IdempotencyKeyReused) as raised:
        answer_by_key(PENDING, replace(STARTED, name="inbox.banned"))
    assert (raised.value.inbox_id, raised.value.event) == (PENDING.id, "inbox.banned")


def test_misses_without_end_name_the_inbox() -> None:
    """Nothing moved, five times over."""
    error = play(record(terms()), None, *(None, looked(PENDING)) * 5).error
    assert isinstance(error, WarmupNotRecorded)
    assert error.inbox_id == PENDING.id


def test_a_look_waits_for_nothing_and_costs_one_trip() -> None:
    """It asks for no lock, so no bound is set around it."""
    played = play(record(terms()), None, None, looked(PENDING), WARMING)
    (look,) = (step for step in played.steps if isinstance(step, Once) and step.statement.name == "look_again")
    assert look.patience is None


def test_a_pause_that_would_outlast_the_budget_is_not_made() -> None:
    """The caller is told at once."""
    clock = Clock()
    flow = until(terms(clock), 15.0, play(ban(), seen(PENDING), PENDING).statement(1), first=True)
    next(flow)
    flow.throw(GONE)
    clock.seconds = 14.96
    with pytest.raises(StoreUnavailable):
        flow.throw(GONE)


def test_a_mailbox_is_what_the_provider_must_know() -> None:
    """The address, and the provider's own name for it; an erased inbox has none."""
    named = replace(PENDING, provider_ref="ref")
    assert mailbox_of(named) == Mailbox(PENDING.id, "ana@mail.example.com", "ref")
    with pytest.raises(InboxNotFound) as raised:
        mailbox_of(ERASED)
    assert raised.value.inbox_id == ERASED.id


def test_an_inbox_of_another_provider_is_none_of_this_ones_business() -> None:
    """The error names the inbox's own provider, and why."""
    asked: list[Inbox] = []
    serving = terms().provider_for(PENDING)

    def serve(inbox: Inbox) -> Any:
        asked.append(inbox)
        return serving

    other = replace(PENDING, provider="another")
    with pytest.raises(ProviderRejected) as raised:
        provider_of(replace(terms(), provider_for=serve), other)
    assert (raised.value.provider, raised.value.detail) == ("another", "another_provider_is_configured")
    assert asked == [other]


@pytest.mark.parametrize(("first", "last", "maybe"), [(True, False, True), (False, True, True), (False, False, False)])
def test_any_run_may_have_taken_effect_whatever_the_last_was_told(*, first: bool, last: bool, maybe: bool) -> None:
    """The error is the last one's, the doubt is everyone's."""
    clock = Clock()
    flow = until(terms(clock), 15.0, play(ban(), seen(PENDING), PENDING).statement(1))
    next(flow)
    flow.throw(StoreUnavailable("first", maybe_applied=first))
    clock.seconds = 15.0
    with pytest.raises(StoreUnavailable) as raised:
        flow.throw(StoreUnavailable("last", maybe_applied=last))
    assert (raised.value.why, raised.value.maybe_applied) == ("last", maybe)
