"""The machine and the two pure functions: shared, without a model, without a back door; and what history may say."""

from __future__ import annotations

import itertools
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox_lifecycle.domain import (
    RULES,
    Adopt,
    Ban,
    Correct,
    InboxAdopted,
    InboxBanned,
    InboxCorrected,
    InboxErased,
    InboxEvent,
    InboxGraduated,
    InboxRegistered,
    Pair,
    RetryWarmup,
    State,
    Status,
    WarmupFailed,
    WarmupStarted,
    WarmupStatus,
    decide,
    evolve,
    explains,
)
from inbox_lifecycle.domain.events import Acceptance, AttemptKind, Recorder
from inbox_lifecycle.domain.machine import UNBORN_STATE, edges
from inbox_lifecycle.errors import RetryRefused, TransitionRefused

PAIRS = tuple(Pair(*both) for both in itertools.product(Status, WarmupStatus))
PENDING = Pair(Status.PENDING, WarmupStatus.NOT_STARTED)
WARMING = Pair(Status.WARMING, WarmupStatus.WARMING)
ACTIVE = Pair(Status.ACTIVE, WarmupStatus.ACTIVE)
BANNED = Pair(Status.BANNED, WarmupStatus.BANNED)

REGISTERED = InboxRegistered(provider="instantly", address_commitment="00")
ADOPTED = InboxAdopted(provider="instantly", address_commitment="00")
STARTED = WarmupStarted(
    attempt_id="a", kind=AttemptKind.RETRY, acceptance=Acceptance.ENABLED, job_id=None, recorder=Recorder.CALL
)
FAILED = WarmupFailed(provider_says="not_warming")
GRADUATED = InboxGraduated(reputation=95, total_sent=300)
EVENTS: tuple[InboxEvent, ...] = (
    REGISTERED,
    ADOPTED,
    STARTED,
    FAILED,
    GRADUATED,
    InboxBanned(),
    InboxCorrected(),
    InboxErased(),
)
STATES = [State(pair=pair, version=3, erased=erased) for pair in PAIRS for erased in (False, True)]


def should_reach(state: State | None, event: InboxEvent) -> set[Pair]:
    """The pairs that a history may say an event reached, written down apart from the rules."""
    if state is None:
        return {InboxRegistered: {PENDING}, InboxAdopted: set(PAIRS)}.get(type(event), set())
    pair = state.pair
    table: dict[type[InboxEvent], set[Pair]] = {
        InboxBanned: set() if pair.status == "banned" else {BANNED},
        InboxCorrected: set(PAIRS) - {pair},
    }
    if not state.erased:
        table |= {
            WarmupStarted: {WARMING} if pair == PENDING else set(),
            WarmupFailed: {PENDING} if pair == WARMING else set(),
            InboxGraduated: {ACTIVE} if pair == WARMING else set(),
            InboxErased: {pair},
        }
    return table.get(type(event), set())


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_history_may_hold_exactly_what_the_rules_allow(event: InboxEvent) -> None:
    """Of all states and all pairs reached, those and no others."""
    states = [None, *STATES]
    explained = {state: {pair for pair in PAIRS if explains(state, event, pair)} for state in states}
    assert explained == {state: should_reach(state, event) for state in states}
    assert any(explained.values())


def test_the_machine_has_no_back_door() -> None:
    """Its triggers are those of the rules: no `to_<state>` from everywhere."""
    triggers = {trigger.value for rule in RULES for trigger in rule.triggers}
    assert {edge.trigger for edge in edges()} == triggers
    assert {edge.source for edge in edges()} | {edge.dest for edge in edges()} == {UNBORN_STATE, *Status}


def test_the_machine_has_the_arrows_of_the_lifecycle() -> None:
    """Corrections and adoptions aside, which lead anywhere, there are these."""
    fixed = {
        (edge.source, edge.trigger, edge.dest) for edge in edges() if edge.trigger not in {"correct", "adopt", "erase"}
    }
    assert fixed == {
        ("unborn", "register", "pending"),
        ("pending", "start_warmup", "warming"),
        ("pending", "retry_warmup", "warming"),
        ("warming", "fail_warmup", "pending"),
        ("warming", "graduate", "active"),
        ("pending", "ban", "banned"),
        ("warming", "ban", "banned"),
        ("active", "ban", "banned"),
    }


def test_nothing_leads_back_to_unborn() -> None:
    """An inbox is born once."""
    assert UNBORN_STATE not in {edge.dest for edge in edges()}


def test_a_refusal_leaves_the_state_as_it_was() -> None:
    """A state is a value, and the machine keeps none."""
    state = State(pair=ACTIVE, version=3, erased=False)
    with pytest.raises(RetryRefused):
        decide(state, RetryWarmup())
    assert state == State(pair=ACTIVE, version=3, erased=False)
    assert decide(state, Ban()).reached == BANNED


def test_threads_share_the_machine_without_a_wrong_move() -> None:
    """Each carries its own cursor; eight at once never see another's."""
    wrong: list[object] = []

    def work(left: Pair, to: Pair) -> None:
        state = State(pair=left, version=1, erased=False)
        for _ in range(200):
            move = decide(state, Correct(to))
            if (move.left, move.reached) != (left, to):
                wrong.append(move)

    pairs = list(itertools.permutations((PENDING, WARMING, ACTIVE, BANNED), 2))[:8]
    threads = [threading.Thread(target=work, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("birth", [REGISTERED, ADOPTED], ids=["registered", "adopted"])
def test_a_birth_begins_at_version_one(birth: InboxEvent) -> None:
    """From nothing, and not erased."""
    assert evolve(None, birth, PENDING) == State(pair=PENDING, version=1, erased=False)


@pytest.mark.parametrize("birth", [REGISTERED, ADOPTED], ids=["registered", "adopted"])
def test_a_second_birth_follows_nothing(birth: InboxEvent) -> None:
    """There is no state after it."""
    assert evolve(STATES[0], birth, PENDING) is None


@pytest.mark.parametrize("event", EVENTS[2:], ids=lambda event: type(event).__name__)
def test_an_event_before_the_birth_follows_nothing(event: InboxEvent) -> None:
    """There is no state after it either."""
    assert evolve(None, event, PENDING) is None


@pytest.mark.parametrize("event", EVENTS[2:], ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("erased", [False, True])
def test_an_event_moves_the_version_one_on(event: InboxEvent, *, erased: bool) -> None:
    """Once erased, always erased."""
    after = evolve(State(pair=WARMING, version=7, erased=erased), event, BANNED)
    assert after == State(pair=BANNED, version=8, erased=erased or isinstance(event, InboxErased))


@settings(deadline=None)
@given(st.lists(st.sampled_from(PAIRS), max_size=20))
def test_a_history_that_was_decided_is_explained(wished: list[Pair]) -> None:
    """Whatever corrections and bans are asked, what is accepted folds to what was reached, event by event."""
    state = evolve(None, ADOPTED, decide(None, Adopt(PENDING)).reached)
    for pair in wished:
        command, event = (Ban(), InboxBanned()) if pair == BANNED else (Correct(pair), InboxCorrected())
        try:
            move = decide(state, command)
        except TransitionRefused:
            continue
        assert explains(state, event, move.reached)
        before, state = state, evolve(state, event, move.reached)
        assert before is not None
        assert state == State(pair=move.reached, version=before.version + 1, erased=False)
