"""What a verdict says, word for word: callers, closed attempts and operators' screens show these clauses."""

from __future__ import annotations

import pytest

from inbox_lifecycle.domain import (
    RULE_OF,
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
    judge,
)
from inbox_lifecycle.domain.machine import edges
from inbox_lifecycle.domain.rules import Guard, another_pair_named, warmup_not_started

PENDING = Pair(Status.PENDING, WarmupStatus.NOT_STARTED)
WARMING = Pair(Status.WARMING, WarmupStatus.WARMING)
ACTIVE = Pair(Status.ACTIVE, WarmupStatus.ACTIVE)

#: Field, expected, found, held.
Row = tuple[str, str, str, bool]

UNBORN: Row = ("inbox", "registered", "unborn", False)
BORN: Row = ("inbox", "unborn", "registered", False)
ERASED: Row = ("erased", "no", "yes", False)


def _state(pair: Pair, *, erased: bool = False) -> State:
    return State(pair=pair, version=3, erased=erased)


JUDGED: dict[str, tuple[State | None, Command, tuple[Row, ...]]] = {
    "a birth": (None, Register(), (("inbox", "unborn", "unborn", True),)),
    "an adoption": (None, Adopt(ACTIVE), (("inbox", "unborn", "unborn", True),)),
    "a second birth": (_state(PENDING), Register(), (BORN,)),
    "a second adoption": (_state(PENDING), Adopt(ACTIVE), (BORN,)),
    "a retry of nothing": (None, RetryWarmup(), (UNBORN,)),
    "a correction of nothing": (None, Correct(PENDING), (UNBORN,)),
    "an erasure of nothing": (None, Erase(), (UNBORN,)),
    "a start": (
        _state(PENDING),
        StartWarmup(),
        (("status", "pending", "pending", True), ("warmup_status", "not_started", "not_started", True)),
    ),
    "a retry while warming": (
        _state(WARMING),
        RetryWarmup(),
        (("status", "pending", "warming", False), ("warmup_status", "not_started", "warming", False)),
    ),
    "a retry after erasure": (
        _state(PENDING, erased=True),
        RetryWarmup(),
        (("status", "pending", "pending", True), ("warmup_status", "not_started", "not_started", True), ERASED),
    ),
    "a failed warmup that goes on": (
        _state(WARMING),
        FailWarmup(WarmupState.JOB_PENDING),
        (
            ("status", "warming", "warming", True),
            ("warmup_status", "warming", "warming", True),
            ("provider.warmup", "definitely not warming", "job_pending", False),
        ),
    ),
    "a failed warmup": (
        _state(WARMING),
        FailWarmup(WarmupState.ABSENT),
        (
            ("status", "warming", "warming", True),
            ("warmup_status", "warming", "warming", True),
            ("provider.warmup", "definitely not warming", "absent", True),
        ),
    ),
    "a graduation on the point": (
        _state(WARMING),
        Graduate(reputation=90, total_sent=200),
        (
            ("status", "warming", "warming", True),
            ("warmup_status", "warming", "warming", True),
            ("reputation", "at least 90", "90", True),
            ("total_sent", "at least 200", "200", True),
        ),
    ),
    "a graduation without figures": (
        _state(PENDING),
        Graduate(reputation=None, total_sent=6, policy=ReputationPolicy(min_reputation=5, min_total_sent=7)),
        (
            ("status", "warming", "pending", False),
            ("warmup_status", "warming", "not_started", False),
            ("reputation", "at least 5", "None", False),
            ("total_sent", "at least 7", "6", False),
        ),
    ),
    "a ban after erasure": (
        _state(WARMING, erased=True),
        Ban(),
        (("status", "pending or warming or active", "warming", True),),
    ),
    "a correction to where it stands": (
        _state(WARMING),
        Correct(WARMING),
        (
            ("status", "pending or warming or active or banned", "warming", True),
            ("pair", "other than warming / warming", "warming / warming", False),
        ),
    ),
    "a correction": (
        _state(WARMING),
        Correct(PENDING),
        (
            ("status", "pending or warming or active or banned", "warming", True),
            ("pair", "other than pending / not_started", "warming / warming", True),
        ),
    ),
    "a second erasure": (
        _state(WARMING, erased=True),
        Erase(),
        (("status", "pending or warming or active or banned", "warming", True), ERASED),
    ),
}


@pytest.mark.parametrize("name", JUDGED)
def test_every_clause_of_a_verdict_says_what_was_wanted_and_what_was_found(name: str) -> None:
    """In the rule's order, those that held included."""
    state, command, expected = JUDGED[name]
    clauses = judge(state, command).clauses
    assert tuple((clause.field, clause.expected, clause.found, clause.held) for clause in clauses) == expected


ASKED_BEFORE: dict[str, tuple[Trigger, State, tuple[Row, ...]]] = {
    "the provider's word is missing": (
        Trigger.FAIL_WARMUP,
        _state(WARMING),
        (("status", "warming", "warming", True), ("warmup_status", "warming", "warming", True)),
    ),
    "half a pair": (
        Trigger.GRADUATE,
        _state(Pair(Status.WARMING, WarmupStatus.NOT_STARTED)),
        (("status", "warming", "warming", True), ("warmup_status", "warming", "not_started", False)),
    ),
    "a trigger without a guard of its own": (
        Trigger.BAN,
        _state(PENDING),
        (("status", "pending or warming or active", "pending", True),),
    ),
    "an erased inbox": (
        Trigger.FAIL_WARMUP,
        _state(WARMING, erased=True),
        (("status", "warming", "warming", True), ("warmup_status", "warming", "warming", True), ERASED),
    ),
}


@pytest.mark.parametrize("name", ASKED_BEFORE)
def test_a_state_is_judged_before_the_facts_are_known(name: str) -> None:
    """A provider is not asked about an inbox that may not move whatever it says."""
    trigger, state, expected = ASKED_BEFORE[name]
    clauses = RULE_OF[trigger].judge_state(state).clauses
    assert tuple((clause.field, clause.expected, clause.found, clause.held) for clause in clauses) == expected


@pytest.mark.parametrize(
    ("guard", "command", "expected"),
    [
        (warmup_not_started, RetryWarmup(), ("warmup_status", "not_started", "None", False)),
        (another_pair_named, Correct(PENDING), ("pair", "other than pending / not_started", "None", True)),
    ],
    ids=["warmup status", "pair"],
)
def test_a_guard_finds_nothing_where_there_is_nothing(guard: Guard, command: Command, expected: Row) -> None:
    """It is a finding, and no error."""
    (clause,) = guard(None, command)
    assert (clause.field, clause.expected, clause.found, clause.held) == expected


def test_every_edge_names_its_guard() -> None:
    """The diagrams show it."""
    guards = {edge.trigger: edge.guard for edge in edges()}
    assert guards["retry_warmup"] == "warmup_not_started"
    assert guards["ban"] == "free"
