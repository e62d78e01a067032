"""The facts that operators' moves pass on: what each statement is given, and what each error names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from inbox_lifecycle import (
    ConcurrencyConflict,
    Inbox,
    InboxNotFound,
    Pair,
    ReputationPolicy,
    Status,
    TransitionRefused,
    WarmupStatus,
)
from inbox_lifecycle.codec import decode_entry
from inbox_lifecycle.context import Context
from inbox_lifecycle.errors import (
    IdempotencyKeyReused,
    ProviderUnavailable,
    StoreContended,
    StoreUnavailable,
)
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.lifecycle import moves
from inbox_lifecycle.store.faults import ConstraintViolated
from inbox_lifecycle.store.rows import Landed
from inbox_lifecycle.terms import Terms
from tests.support.steps import (
    BACK,
    NOW,
    PENDING,
    WARMING,
    Clock,
    account,
    looked,
    play,
    seen,
    terms,
)

CONTEXT = Context(owner_id="owner", actor="ana", idempotency_key="key-1")


CONTENDED = StoreContended("40P01")


LATER = NOW + timedelta(seconds=9)


Move = Callable[[Terms, moves.Request], Flow[Inbox]]


MOVES: dict[str, Move] = {
    "inbox.banned": moves.ban,
    "inbox.corrected": lambda given, request: moves.correct(given, request, WARMING.pair),
    "inbox.warmup_failed": moves.fail_warmup,
    "inbox.graduated": lambda given, request: moves.graduate(given, request, ReputationPolicy()),
}


def request(*, expected_version: int | None = None) -> moves.Request:
    """An operator's request under a key."""
    return moves.Request(inbox_id=PENDING.id, context=CONTEXT, expected_version=expected_version)


def ban(given: Terms | None = None) -> Flow[Inbox]:
    """A ban under a key."""
    return moves.ban(given or terms(), request())


def graduate(policy: ReputationPolicy | None = None) -> Flow[Inbox]:
    """A graduation."""
    return moves.graduate(terms(), request(), policy or ReputationPolicy())


def figures(**measured: object) -> httpx.Response:
    """Analytics of the inbox."""
    return httpx.Response(200, json={"aggregate_data": {str(PENDING.email_address): measured}, "email_date_data": {}})


@pytest.mark.parametrize("name", MOVES)
def test_a_move_asks_for_its_keys_event_and_takes_only_its_own(name: str) -> None:
    """A key that stands for the same operation is its success; for any other it is an error that names the event."""
    landed = Landed(2, name, BACK.pair, NOW)
    played = play(MOVES[name](terms(), request()), seen(BACK, landed))
    look = played.statement(0)
    assert (look.inbox_id, look.owner_id, look.idempotency_key) == (PENDING.id, None, "key-1")
    assert played.value == replace(BACK, version=2)
    error = play(MOVES[name](terms(), request()), seen(BACK, replace(landed, name="inbox.erased"))).error
    assert isinstance(error, IdempotencyKeyReused)
    assert (error.inbox_id, error.event) == (PENDING.id, "inbox.erased")


def test_a_move_on_nothing_names_the_inbox() -> None:
    """As it was asked for."""
    error = play(ban(), None).error
    assert isinstance(error, InboxNotFound)
    assert error.inbox_id == PENDING.id


def test_a_conflict_names_what_was_expected_and_what_stands() -> None:
    """Of which inbox."""
    error = play(moves.ban(terms(), request(expected_version=7)), seen(PENDING)).error
    assert isinstance(error, ConcurrencyConflict)
    assert (error.inbox_id, error.expected, error.actual) == (PENDING.id, 7, 1)


def test_a_move_that_is_overtaken_without_end_names_the_last_version_it_saw() -> None:
    """Ten rounds, each judged anew."""
    rounds = [
        answer
        for version in range(1, 11)
        for answer in (
            seen(replace(PENDING, version=version)),
            None,
            looked(replace(PENDING, version=version + 1)),
        )
    ]
    error = play(ban(), *rounds).error
    assert isinstance(error, ConcurrencyConflict)
    assert (error.inbox_id, error.expected, error.actual) == (PENDING.id, None, 10)


def test_a_move_is_recorded_after_what_it_follows_though_the_clock_is_behind() -> None:
    """The history's times never run backwards."""
    played = play(ban(), seen(replace(PENDING, updated_at=LATER)), PENDING)
    event = played.statement(1).event
    assert event.recorded_at == LATER
    assert (event.inbox_id, event.version, event.previous) == (PENDING.id, 2, b"\x01" * 32)
    assert event.context == CONTEXT
    assert (played.statement(1).seen_version, played.statement(1).owner_id) == (1, "owner")


def test_a_refused_move_names_the_inbox_and_the_trigger() -> None:
    """With the verdict."""
    error = play(ban(), seen(replace(PENDING, status=Status.BANNED, warmup_status=WarmupStatus.BANNED))).error
    assert isinstance(error, TransitionRefused)
    assert (error.inbox_id, error.trigger, len(error.verdict.failed)) == (PENDING.id, "ban", 1)


@pytest.mark.parametrize(("name", "trigger"), [("inbox.warmup_failed", "fail_warmup"), ("inbox.graduated", "graduate")])
def test_a_move_refused_before_the_provider_is_asked_says_so_in_full(name: str, trigger: str) -> None:
    """Both clauses of the state, and nobody was asked."""
    played = play(MOVES[name](terms(), request()), seen(PENDING))
    assert isinstance(played.error, TransitionRefused)
    assert (played.error.inbox_id, played.error.trigger) == (PENDING.id, trigger)
    assert [clause.field for clause in played.error.verdict.failed] == ["status", "warmup_status"]


def test_a_move_that_nobody_heard_of_is_looked_for_by_its_event() -> None:
    """At the version it would have."""
    played = play(ban(), seen(PENDING), None, looked(BACK), None)
    event, look = played.statement(1).event, played.statement(2)
    assert (look.inbox_id, look.version, look.event_id) == (PENDING.id, 2, event.event_id)


@pytest.mark.parametrize("passes", [15.0, 15.5])
def test_a_move_that_stays_contended_may_have_taken_effect(passes: float) -> None:
    """The budget is over, nothing has moved yet, and an earlier run may still be on its way."""
    clock = Clock()
    flow = ban(terms(clock))
    next(flow)
    flow.send(seen(PENDING))
    clock.seconds = passes
    flow.throw(CONTENDED)
    with pytest.raises(StoreUnavailable) as raised:
        flow.send(looked(PENDING))
    assert raised.value.maybe_applied is True


def test_a_move_that_a_constraint_refuses_is_not_tried_again() -> None:
    """Nothing moved and nothing will: the constraint's name goes up at once."""
    refused = ConstraintViolated("inboxes_stepped")
    assert play(ban(), seen(PENDING), refused, looked(PENDING)).error is refused


def test_a_graduation_without_figures_names_the_provider_and_the_reason() -> None:
    """The provider has measured nothing yet."""
    empty = httpx.Response(200, json={"aggregate_data": {}, "email_date_data": {}})
    error = play(graduate(), seen(WARMING), empty).error
    assert isinstance(error, ProviderUnavailable)
    assert (error.provider, error.detail) == ("instantly", "not_measured_yet")


def test_a_graduation_is_judged_by_the_policy_it_was_given() -> None:
    """A host that asks less gets it for less, a score that is missing included in what is written."""
    policy = ReputationPolicy(min_reputation=5, min_total_sent=7)
    played = play(graduate(policy), seen(WARMING), figures(sent=7), account(1), PENDING)
    payload = decode_entry(played.statement(3).event.entry).payload
    assert (payload["reputation"], payload["total_sent"]) == (95, 7)
    error = play(graduate(), seen(WARMING), figures(sent=7), account(1)).error
    assert isinstance(error, TransitionRefused)


def test_a_look_that_stays_contended_ends_with_the_budget() -> None:
    """At its last moment, not after it."""
    clock = Clock()
    flow = ban(terms(clock))
    next(flow)
    flow.send(seen(PENDING))
    flow.send(None)
    clock.seconds = 15.0
    with pytest.raises(StoreUnavailable, match="look_for_event stayed contended"):
        flow.throw(CONTENDED)


def test_a_score_of_nothing_is_written_as_it_is() -> None:
    """A host whose policy asks for none gets what was measured."""
    policy = ReputationPolicy(min_reputation=0, min_total_sent=0)
    scored = httpx.Response(200, json={"warmup_status": 1, "stat_warmup_score": 0})
    played = play(graduate(policy), seen(WARMING), figures(sent=0), scored, PENDING)
    payload = decode_entry(played.statement(3).event.entry).payload
    assert (payload["reputation"], payload["total_sent"]) == (0, 0)


def test_a_pair_that_is_neither_is_corrected_to_what_was_named() -> None:
    """Whatever it was."""
    odd = replace(PENDING, warmup_status=WarmupStatus.BANNED)
    named = Pair(Status.ACTIVE, WarmupStatus.WARMING)
    played = play(moves.correct(terms(), request(), named), seen(odd), PENDING)
    assert (played.statement(1).event.left, played.statement(1).event.reached) == (odd.pair, named)


def test_a_move_that_cannot_be_looked_for_may_have_taken_effect() -> None:
    """The miss may be the trace of an earlier run, though the look itself did nothing."""
    clock = Clock()
    flow = ban(terms(clock))
    next(flow)
    flow.send(seen(PENDING))
    flow.send(None)
    clock.seconds = 15.0
    with pytest.raises(StoreUnavailable) as raised:
        flow.throw(StoreUnavailable("no answer to the look"))
    assert (raised.value.why, raised.value.maybe_applied) == ("no answer to the look", True)
