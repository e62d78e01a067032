"""Different commands on one inbox at once: whatever their order was, the history tells it and explains the row.

Every success names the event it made, by version and pair; every refusal leaves none. So the answers and the history
must match one to one, which a lost update, a doubled event or an answer out of thin air would break.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from inbox_lifecycle import ConcurrencyConflict, Inbox, RetryRefused, TransitionRefused
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Sandbox
from tests.support.databases import TestDatabase
from tests.support.evidence import Evidence, sound
from tests.support.faces import AnyFace
from tests.support.racing import Crowd, losers, together, winners

ANA = "ana@mail.example.com"
ROUNDS = 8

Call = Callable[[], Any]


class Commands:
    """Calls on one inbox, to be run later."""

    def __init__(self, face: AnyFace, inbox: Inbox) -> None:
        self._face = face
        self._operator = face.operator()
        self._inbox = inbox

    def retry(self) -> Any:
        """By the owner."""
        return self._face.retry_warmup(self._inbox.id, owner_id="owner")

    def ban(self) -> Any:
        """By the operator."""
        return self._operator.ban(self._inbox.id)

    def correct(self, status: str, warmup_status: str) -> Call:
        """To that pair."""
        return lambda: self._operator.correct(
            self._inbox.id, status=status, warmup_status=warmup_status, reason="as it should be"
        )

    def fail_warmup(self) -> Any:
        """On the provider's word."""
        return self._operator.fail_warmup(self._inbox.id)

    def reconcile(self) -> Any:
        """Of everything past its lease."""
        return self._operator.reconcile()


def test_retries_bans_corrections_and_reconcile_at_once_leave_a_history_that_explains_the_row(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """With an attempt past its lease in the way, and three retries, two bans and two corrections beside it."""
    for first in range(ROUNDS):
        inbox = face.register(email_address=f"inbox{first}@mail.example.com", owner_id="owner")
        leave_an_attempt_behind(face, database, provider_sandbox, inbox)
        commands = Commands(face, inbox)
        calls = [commands.retry] * 3 + [commands.ban] * 2 + [commands.correct("pending", "not_started")]
        calls += [commands.correct("active", "warming"), commands.reconcile]
        # Another first each time: the one that starts a hair earlier.
        answers = together(calls[first:] + calls[:first])
        match(sound(database), inbox, answers)
        assert {type(loser) for loser in losers(answers)} <= {RetryRefused, TransitionRefused}
    assert face.operator().verify().clean


def test_a_crowd_accepted_while_the_inbox_is_led_around_leaves_a_history_that_explains_the_row(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Four acceptances, two ways back and a ban are all ready to write at once: the swaps decide, one after another."""
    for first in range(ROUNDS // 2):
        inbox = face.register(email_address=f"inbox{first}@mail.example.com", owner_id="owner")
        commands = Commands(face, inbox)
        crowd = Crowd(provider_sandbox, 8)
        moves = [commands.ban, commands.fail_warmup]
        moves += [commands.correct("warming", "warming"), commands.correct("active", "not_started")]
        in_line = [after(crowd, move) for move in moves[first:] + moves[:first]]
        answers = together([commands.retry] * 4 + in_line)
        evidence = sound(database)
        match(evidence, inbox, answers)
        assert Counter(evidence.outcomes(inbox.id))["lost"] >= 3
    assert face.operator().verify().clean


def test_operators_with_the_same_expected_version_are_served_once(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Eight corrections that all looked at version 1: one is written, seven are told to look again."""
    inbox = face.register(email_address=ANA, owner_id="owner")
    operator = face.operator()

    def correct() -> Any:
        return operator.correct(
            inbox.id, status="active", warmup_status="active", reason="done elsewhere", expected_version=1
        )

    answers = together([correct] * 8)
    assert [winner.version for winner in winners(answers)] == [2]
    assert [type(loser) for loser in losers(answers)] == [ConcurrencyConflict] * 7
    assert len(sound(database).events[inbox.id]) == 2
    assert provider_sandbox.requests == ()


def test_bans_at_once_are_written_once(face: AnyFace, database: TestDatabase) -> None:
    """Eight bans: one event, and seven refusals by the rule that a banned inbox cannot be banned."""
    inbox = face.register(email_address=ANA, owner_id="owner")
    answers = together([lambda: face.operator().ban(inbox.id)] * 8)
    assert [winner.version for winner in winners(answers)] == [2]
    assert [type(loser) for loser in losers(answers)] == [TransitionRefused] * 7
    assert sound(database).names(inbox.id) == ["inbox.registered", "inbox.banned"]


def test_reconciles_at_once_settle_each_attempt_once(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Four runs meet the same attempts past their lease: each inbox is moved by one of them, and stays moved."""
    addresses = [f"inbox{number}@mail.example.com" for number in range(6)]
    inboxes = [face.register(email_address=address, owner_id="owner") for address in addresses]
    for inbox in inboxes:
        leave_an_attempt_behind(face, database, provider_sandbox, inbox)
    runs = together([lambda: face.operator().reconcile()] * 4)
    evidence = sound(database)
    assert all(evidence.outcomes(inbox.id) == ["moved"] for inbox in inboxes)
    assert all(row.version == 2 for row in evidence.rows.values())
    assert sum(run.moved for run in runs if isinstance(run, Reconciled)) >= len(inboxes)
    assert face.operator().verify().clean


def after(crowd: Crowd, move: Call) -> Call:
    """The move, as soon as the crowd is complete."""

    def call() -> Any:
        crowd.join()
        return move()

    return call


def leave_an_attempt_behind(face: AnyFace, database: TestDatabase, sandbox: Sandbox, inbox: Inbox) -> None:
    """A call whose outcome stays unknown though the provider accepted it, and whose lease is over."""
    sandbox.fail_next("cut", email=inbox.email_address)
    sandbox.fail_next("error", on="account", email=inbox.email_address)
    (error,) = together([lambda: face.retry_warmup(inbox.id, owner_id="owner")])
    assert type(error).__name__ == "ProviderOutcomeUnknown"
    database.expire_leases()


def match(evidence: Evidence, inbox: Inbox, answers: Sequence[Any]) -> None:
    """Demand that the successes are exactly the events since, but for those that `reconcile` wrote."""
    claimed = Counter((won.version, won.status.value, won.warmup_status.value) for won in winners(answers))
    events = evidence.events[inbox.id][1:]
    ours = [event for event in events if event.said["payload"].get("recorder") != "reconcile"]
    assert claimed == Counter((event.version, *event.reached) for event in ours)
