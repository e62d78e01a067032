"""Given, when, then: it passes what the rules do, and tells clause by clause what they did instead."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from inbox_lifecycle import Clause, Inboxes
from inbox_lifecycle.domain import (
    RULES,
    Adopt,
    Ban,
    Command,
    Correct,
    Erase,
    FailWarmup,
    Graduate,
    InboxAdopted,
    InboxBanned,
    InboxCorrected,
    InboxErased,
    InboxEvent,
    InboxGraduated,
    InboxRegistered,
    Pair,
    Register,
    RetryWarmup,
    StartWarmup,
    State,
    Status,
    WarmupFailed,
    WarmupStarted,
    WarmupState,
    WarmupStatus,
)
from inbox_lifecycle.testing import Sandbox, follow, given_inbox
from inbox_lifecycle.testing.given import Past
from tests.support.databases import TestDatabase
from tests.support.steps import BACK, ERASED

PENDING = Pair(Status.PENDING, WarmupStatus.NOT_STARTED)

#: A command for each rule with where it is legal, the event it makes and the pair it reaches.
STORIES: list[tuple[list[Past], Command, type[InboxEvent], str]] = [
    ([], Register(), InboxRegistered, "pending / not_started"),
    ([], Adopt(PENDING), InboxAdopted, "pending / not_started"),
    ([Register()], StartWarmup(), WarmupStarted, "warming / warming"),
    ([Register()], RetryWarmup(), WarmupStarted, "warming / warming"),
    ([Register(), StartWarmup()], FailWarmup(WarmupState.ABSENT), WarmupFailed, "pending / not_started"),
    ([Register(), RetryWarmup()], Graduate(reputation=90, total_sent=200), InboxGraduated, "active / active"),
    ([Register()], Ban(), InboxBanned, "banned / banned"),
    ([Register(), Ban()], Correct(PENDING), InboxCorrected, "pending / not_started"),
    ([Register(), Ban()], Erase(), InboxErased, "banned / banned"),
]


def message(failing: object) -> str:
    """What is told when an expectation fails."""
    assert callable(failing)
    with pytest.raises(AssertionError) as failed:
        failing()
    assert failed.type is AssertionError
    assert failed.value.__cause__ is None
    assert failed.value.__context__ is None
    return str(failed.value)


@pytest.mark.parametrize(("past", "command", "event", "reached"), STORIES)
def test_a_legal_command_makes_its_event(
    past: list[Past], command: Command, event: type[InboxEvent], reached: str
) -> None:
    """Each rule has a story, told by the event alone, or with the pair in either form."""
    decided = given_inbox(*past).when(command)
    status, warmup_status = reached.split(" / ")
    pair = Pair(Status(status), WarmupStatus(warmup_status))
    assert decided.then(event) == decided.then(event, reached) == decided.then(event, pair)
    assert decided.then(event).state == follow(given_inbox(*past).state, command).state


def test_stories_leave_no_rule_out() -> None:
    """Every rule's event is among them."""
    assert {event for _, _, event, _ in STORIES} == {rule.event for rule in RULES}


def test_a_story_goes_on_from_where_it_stands() -> None:
    """What was demanded has happened, and a refusal has moved nothing; versions count."""
    inbox = (
        given_inbox()
        .when(Register())
        .then(InboxRegistered)
        .when(StartWarmup())
        .then(WarmupStarted)
        .when(RetryWarmup())
        .then_refused("status", "warmup_status")
        .when(FailWarmup(WarmupState.NOT_WARMING))
        .then(WarmupFailed, "pending / not_started")
    )
    assert inbox.state == State(pair=PENDING, version=3, erased=False)


@pytest.mark.parametrize(
    "past",
    [
        [Register(), StartWarmup(), FailWarmup(WarmupState.ABSENT)],
        [InboxRegistered, WarmupStarted, WarmupFailed],
        [InboxRegistered(provider="instantly", address_commitment="f" * 64), WarmupStarted, Correct(PENDING)],
        [InboxRegistered, WarmupStarted, (InboxCorrected, "pending / not_started")],
        [(InboxAdopted, PENDING), StartWarmup(), (InboxCorrected(), PENDING)],
        [Pair(Status.WARMING, WarmupStatus.WARMING), Ban(), Correct(PENDING)],
        ["active/active", Ban(), Correct(PENDING)],
        [State(pair=PENDING, version=3, erased=False)],
        [BACK],
    ],
)
def test_a_past_can_be_told_in_many_ways(past: list[Past]) -> None:
    """Commands, events, their types, with and without the pair, or simply where the inbox stands."""
    inbox = given_inbox(*past)
    assert inbox.state == State(pair=PENDING, version=3, erased=False)
    inbox.when(RetryWarmup()).then(WarmupStarted, "warming / warming")


def test_an_erased_inbox_is_as_the_rules_see_it() -> None:
    """By its past or by its row."""
    for inbox in (given_inbox(Register(), Erase()), given_inbox(InboxRegistered, InboxErased), given_inbox(ERASED)):
        inbox.when(RetryWarmup()).then_refused("erased")
        inbox.when(Ban()).then(InboxBanned)


def test_a_recorded_history_is_a_past(sqlite_database: TestDatabase) -> None:
    """What the library has written down can be gone on with in thought."""
    transport = Sandbox().transport()
    with Inboxes(
        sqlite_database.url, provider=transport.provider(), transport=transport, clock=lambda: datetime.now(UTC)
    ) as inboxes:
        inbox = inboxes.register(email_address="ana@example.com", owner_id="owner-1", start_warmup=True)
        past = given_inbox(*inboxes.history(inbox.id, owner_id="owner-1"))
    assert past.state == inbox.state
    past.when(Graduate(reputation=95, total_sent=300)).then(InboxGraduated, "active / active")


def test_a_refusal_is_compared_clause_by_clause() -> None:
    """By field, in any order, or as the whole clause."""
    decided = given_inbox("active / warming").when(RetryWarmup())
    decided.then_refused()
    decided.then_refused("warmup_status", "status")
    decided.then_refused("status", Clause("warmup_status", "not_started", "warming", held=False))
    assert [clause.field for clause in decided.verdict.failed] == ["status", "warmup_status"]
    for wrong in (
        ("status",),
        ("status", "warmup_status", "erased"),
        ("status", Clause("warmup_status", "not_started", "active", held=False)),
    ):
        with pytest.raises(AssertionError):
            decided.then_refused(*wrong)


def test_an_unexpected_refusal_is_told_clause_by_clause() -> None:
    """What was given, asked, expected, and everything that the rules looked at."""
    told = message(lambda: given_inbox(Register(), Ban()).when(RetryWarmup()).then(WarmupStarted, "warming / warming"))
    assert told == (
        "given  banned / banned, version 2\n"
        "         register\n"
        "         ban\n"
        "when   retry_warmup\n"
        "then   expected  WarmupStarted, reaching warming / warming\n"
        "       found     refused, failing status and warmup_status\n"
        "         failed status (expected pending, found banned)\n"
        "         failed warmup_status (expected not_started, found banned)"
    )


def test_an_unexpected_move_is_told_with_the_clauses_that_held() -> None:
    """So that a reader sees why the rules let it pass."""
    warmed = given_inbox("warming / warming")
    told = message(lambda: warmed.when(Graduate(reputation=91, total_sent=200)).then_refused("reputation"))
    assert told == (
        "given  warming / warming, version 1\n"
        "when   graduate, with reputation 91 and 200 sent\n"
        "then   expected  refused, failing reputation\n"
        "       found     InboxGraduated, reaching active / active\n"
        "         held   status (expected warming, found warming)\n"
        "         held   warmup_status (expected warming, found warming)\n"
        "         held   reputation (expected at least 90, found 91)\n"
        "         held   total_sent (expected at least 200, found 200)"
    )


def test_another_pair_another_event_and_other_clauses_are_told() -> None:
    """Each difference stands in the two lines in the middle."""
    inbox = given_inbox("pending / not_started", Erase())
    clause = Clause("erased", "no", "maybe", held=False)
    cases = {
        "expected  InboxBanned, reaching active / active\n       found     InboxBanned, reaching banned / banned": (
            lambda: inbox.when(Ban()).then(InboxBanned, "active / active")
        ),
        "expected  InboxErased\n       found     InboxBanned, reaching banned / banned": (
            lambda: inbox.when(Ban()).then(InboxErased)
        ),
        "expected  refused\n       found     InboxBanned": lambda: inbox.when(Ban()).then_refused(),
        "expected  refused, failing erased (expected no, found maybe)\n       found     refused, failing erased\n": (
            lambda: inbox.when(StartWarmup()).then_refused(clause)
        ),
    }
    for told, failing in cases.items():
        assert told in message(failing)


def test_commands_with_facts_are_told_with_them() -> None:
    """The facts are what a guard looks at."""
    inbox = given_inbox()
    for command, words in (
        (Correct(PENDING), "correct to pending / not_started"),
        (FailWarmup(WarmupState.JOB_PENDING), "fail_warmup, the provider says job_pending"),
        (Graduate(reputation=None, total_sent=3), "graduate, with reputation None and 3 sent"),
    ):
        assert f"given  no inbox yet\nwhen   {words}\n" in message(lambda: inbox.when(command).then(InboxErased))  # noqa: B023 - called at once
    told = message(lambda: given_inbox(Adopt(PENDING)).when(Register()).then(InboxRegistered))
    assert "version 1\n         adopt as pending / not_started\nwhen   register\n" in told


def test_a_past_that_cannot_have_been_is_told() -> None:
    """A test with a wrong premise proves nothing, so it fails before it asks."""
    assert message(lambda: given_inbox("pending / not_started", StartWarmup(), RetryWarmup())) == (
        "given  warming / warming, version 2\n"
        "         from pending / not_started, version 1\n"
        "         start_warmup\n"
        "but    retry_warmup cannot follow, as it is refused\n"
        "         failed status (expected pending, found warming)\n"
        "         failed warmup_status (expected not_started, found warming)"
    )
    assert message(lambda: given_inbox(InboxRegistered, WarmupFailed)) == (
        "given  pending / not_started, version 1\n"
        "         InboxRegistered, reaching pending / not_started\n"
        "but    WarmupFailed, reaching pending / not_started, cannot follow, as no rule leads there from here"
    )
    assert "no inbox yet" in message(lambda: given_inbox(InboxErased))


def test_what_is_no_past_is_an_error_of_the_test() -> None:
    """Not an assertion that failed, but a test that is written wrong; the cure stands in the message."""
    with pytest.raises(TypeError, match="said first"):
        given_inbox(Register(), "active / active")
    with pytest.raises(TypeError, match=re.escape("(InboxCorrected, pair)")):
        given_inbox(Register(), InboxCorrected)
    with pytest.raises(TypeError, match="neither a command nor an event: 7"):
        given_inbox(7)  # type: ignore[arg-type] # that is the point
    with pytest.raises(TypeError, match="neither a command nor an event"):
        given_inbox(int)  # type: ignore[arg-type] # as above
    with pytest.raises(ValueError, match="'warm' is not a valid Status"):
        given_inbox("warm / warming")
    with pytest.raises(ValueError, match="'' is not a valid WarmupStatus"):
        given_inbox(Register()).when(Ban()).then(InboxBanned, "banned")
