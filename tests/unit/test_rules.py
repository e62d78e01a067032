"""The rule table, held against a table written down apart from it: every state, every trigger."""

from __future__ import annotations

import itertools

import pytest

from inbox_lifecycle.domain import (
    RULES,
    Adopt,
    Ban,
    Command,
    Correct,
    Erase,
    FailWarmup,
    Graduate,
    Pair,
    Register,
    ReputationPolicy,
    RetryWarmup,
    StartWarmup,
    State,
    Status,
    Trigger,
    WarmupState,
    WarmupStatus,
    decide,
    judge,
)
from inbox_lifecycle.errors import RetryRefused, TransitionRefused

PAIRS = tuple(Pair(*both) for both in itertools.product(Status, WarmupStatus))
PENDING = Pair(Status.PENDING, WarmupStatus.NOT_STARTED)
WARMING = Pair(Status.WARMING, WarmupStatus.WARMING)
ACTIVE = Pair(Status.ACTIVE, WarmupStatus.ACTIVE)
BANNED = Pair(Status.BANNED, WarmupStatus.BANNED)

STATES: tuple[State | None, ...] = (
    None,
    *(State(pair=pair, version=3, erased=erased) for erased in (False, True) for pair in PAIRS),
)
COMMANDS: tuple[Command, ...] = (
    Register(),
    Adopt(ACTIVE),
    StartWarmup(),
    RetryWarmup(),
    FailWarmup(WarmupState.NOT_WARMING),
    Graduate(reputation=95, total_sent=500),
    Ban(),
    Correct(PENDING),
    Erase(),
)


def should_reach(state: State | None, command: Command) -> Pair | None:
    """The lifecycle's table once more, in other words: where a command leads, None where it is illegal."""
    if state is None:
        return {Register: PENDING, Adopt: ACTIVE}.get(type(command))
    pair = state.pair
    table: dict[type[Command], Pair | None] = {
        Ban: None if pair.status == "banned" else BANNED,
        Correct: None if pair == PENDING else PENDING,
    }
    if not state.erased:
        table |= {
            StartWarmup: WARMING if pair == PENDING else None,
            RetryWarmup: WARMING if pair == PENDING else None,
            FailWarmup: PENDING if pair == WARMING else None,
            Graduate: ACTIVE if pair == WARMING else None,
            Erase: pair,
        }
    return table.get(type(command))


def name(value: object) -> str:
    """A short name for a case."""
    if isinstance(value, State):
        return f"{value.pair.status}-{value.pair.warmup_status}{'-erased' if value.erased else ''}"
    return "unborn" if value is None else type(value).__name__


CASES = tuple(itertools.product(STATES, COMMANDS))
LEGAL = [case for case in CASES if should_reach(*case) is not None]
ILLEGAL = [case for case in CASES if should_reach(*case) is None]


def test_every_state_meets_every_trigger() -> None:
    """Sixteen pairs, erased or not, and unborn; no trigger is left out."""
    assert len(CASES) == (16 * 2 + 1) * len(Trigger) == len(LEGAL) + len(ILLEGAL)
    assert {command.trigger for command in COMMANDS} == set(Trigger)


@pytest.mark.parametrize(("state", "command"), LEGAL, ids=name)
def test_a_legal_command_leads_where_the_table_says(state: State | None, command: Command) -> None:
    """The move says what was left and what is reached."""
    move = decide(state, command)
    assert (move.trigger, move.left) == (command.trigger, state.pair if state else None)
    assert move.reached == should_reach(state, command)
    assert judge(state, command).holds


@pytest.mark.parametrize(("state", "command"), ILLEGAL, ids=name)
def test_an_illegal_command_is_refused_clause_by_clause(state: State | None, command: Command) -> None:
    """The refusal names the inbox, the trigger, and at least one clause that did not hold."""
    gated = isinstance(command, StartWarmup | RetryWarmup)
    with pytest.raises(RetryRefused if gated else TransitionRefused) as refused:
        decide(state, command, inbox_id="the inbox")
    assert isinstance(refused.value, RetryRefused) == gated
    assert (refused.value.inbox_id, refused.value.trigger) == ("the inbox", command.trigger.value)
    assert refused.value.verdict == judge(state, command)
    assert refused.value.verdict.failed
    assert not refused.value.verdict.holds


def clauses(state: State | None, command: Command) -> list[tuple[str, str, str, bool]]:
    """A verdict as rows."""
    return [(clause.field, clause.expected, clause.found, clause.held) for clause in judge(state, command).clauses]


def standing(pair: Pair, *, erased: bool = False) -> State:
    """An inbox in a pair."""
    return State(pair=pair, version=3, erased=erased)


@pytest.mark.parametrize("command", [StartWarmup(), RetryWarmup()], ids=name)
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_the_gate_says_both_its_clauses(pair: Pair, command: Command) -> None:
    """Whichever failed, both comparisons stand in the verdict."""
    assert clauses(standing(pair), command) == [
        ("status", "pending", pair.status.value, pair.status == "pending"),
        ("warmup_status", "not_started", pair.warmup_status.value, pair.warmup_status == "not_started"),
    ]


def test_the_gate_of_an_erased_inbox_says_so() -> None:
    """The pair would do; the erasure does not."""
    assert clauses(standing(PENDING, erased=True), RetryWarmup())[-1] == ("erased", "no", "yes", False)


@pytest.mark.parametrize("said", WarmupState)
def test_a_warmup_fails_only_on_a_definite_no(said: WarmupState) -> None:
    """A job that runs, or an answer nobody understands, moves nothing."""
    definite = said in {"not_warming", "banned", "suspended", "absent"}
    assert judge(standing(WARMING), FailWarmup(said)).holds == definite
    assert clauses(standing(WARMING), FailWarmup(said))[-1] == (
        "provider.warmup",
        "definitely not warming",
        said.value,
        definite,
    )


@pytest.mark.parametrize(
    ("reputation", "sent", "earned"),
    [(90, 200, True), (89, 200, False), (90, 199, False), (100, 10_000, True), (None, 10_000, False), (0, 0, False)],
)
def test_an_inbox_graduates_by_the_policy_as_it_stands(reputation: int | None, sent: int, *, earned: bool) -> None:
    """Reputation of at least 90, at least 200 sent; no reputation is none."""
    command = Graduate(reputation=reputation, total_sent=sent)
    assert judge(standing(WARMING), command).holds == earned


def test_an_inbox_graduates_by_the_hosts_policy() -> None:
    """And the verdict says what it demands."""
    policy = ReputationPolicy(min_reputation=50, min_total_sent=10)
    assert judge(standing(WARMING), Graduate(reputation=50, total_sent=10, policy=policy)).holds
    found = clauses(standing(WARMING), Graduate(reputation=49, total_sent=9, policy=policy))
    assert found[-2:] == [("reputation", "at least 50", "49", False), ("total_sent", "at least 10", "9", False)]


@pytest.mark.parametrize("erased", [False, True])
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_a_correction_leads_from_any_pair_to_any_other(pair: Pair, *, erased: bool) -> None:
    """And to the same pair never."""
    reached = {to for to in PAIRS if judge(standing(pair, erased=erased), Correct(to)).holds}
    assert reached == set(PAIRS) - {pair}


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_an_inbox_is_adopted_in_any_pair(pair: Pair) -> None:
    """A host's old table may hold all sixteen."""
    assert decide(None, Adopt(pair)).reached == pair


def test_every_trigger_has_one_rule() -> None:
    """Two would have to agree."""
    triggers = [trigger for rule in RULES for trigger in rule.triggers]
    assert sorted(triggers) == sorted(Trigger)


def test_every_event_has_one_rule() -> None:
    """What happened tells by which rule."""
    events = [rule.event for rule in RULES]
    assert len(events) == len(set(events)) == 8


def test_a_verdict_reads_as_a_sentence() -> None:
    """What failed is said, what held is not; as data, both are."""
    verdict = judge(standing(ACTIVE), RetryWarmup())
    assert str(verdict) == ("status should be pending, found active; warmup_status should be not_started, found active")
    assert str(judge(standing(PENDING), RetryWarmup())) == "every clause held"
    assert verdict.as_list()[0] == {"field": "status", "expected": "pending", "found": "active", "held": False}
