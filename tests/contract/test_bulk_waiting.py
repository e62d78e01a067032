"""Bulk runs and a provider that is busy, throttles, fails or says nothing: waited for within a budget."""

from __future__ import annotations

from typing import Any

import pytest

from inbox_lifecycle import BulkProgress, Instantly
from inbox_lifecycle.codec import decode_entry
from inbox_lifecycle.testing import Sandbox, SmartleadSandbox, WarmupCode
from tests.fix_face import MakeFace
from tests.support.contract import UNKNOWN_ID, attempt_on, crosswise, outcomes
from tests.support.databases import TestDatabase
from tests.support.evidence import gather
from tests.support.faces import AnyFace
from tests.support.steps import Clock
from tests.support.stuck import (
    OWNER,
    addresses,
    assert_asked_once,
    assert_moved_once,
    closings,
    retry_many,
    retry_stuck,
    stuck,
)

pytestmark = crosswise


@pytest.mark.parametrize("kind", ["throttle", "busy", "error", "not_json", "cut", "job_failed"])
def test_a_call_that_brought_nothing_is_made_again(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, kind: str
) -> None:
    """After a while, or at once where the provider said no to all: everybody is moved, with one call more."""
    inboxes = stuck(face, 5)
    provider_sandbox.fail_next(kind, after_effect=False)
    assert retry_stuck(face).counts == {"moved": 5}
    assert provider_sandbox.count("enable") == 2
    assert_moved_once(database, inboxes)
    assert closings(database) == {"moved": 5}


@pytest.mark.parametrize("kind", ["cut", "not_json", "truncated", "error", "busy"])
def test_a_call_whose_effect_was_had_and_not_told_is_not_made_again(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, kind: str
) -> None:
    """The accounts are read: they warm, which is how it is recorded."""
    inboxes = stuck(face, 5)
    provider_sandbox.fail_next(kind, after_effect=True)
    assert retry_stuck(face).counts == {"moved": 5}
    assert_asked_once(provider_sandbox, inboxes)
    accepted = [decode_entry(events[1].entry).payload["acceptance"] for events in gather(database).events.values()]
    assert accepted == ["already_warming"] * 5


def test_a_lost_answer_is_settled_by_what_each_account_says(
    make: MakeFace, provider: Instantly, provider_sandbox: Sandbox
) -> None:
    """Some warm, one is banned, one is gone, and of one nothing can be read: that one alone is left open."""
    face = make(provider=provider)
    warm, banned, gone, unread, paused = stuck(face, 5)
    provider_sandbox.set_account(str(warm.email_address), warmup_status=WarmupCode.ACTIVE)
    provider_sandbox.set_account(str(banned.email_address), warmup_status=WarmupCode.BANNED)
    provider_sandbox.fail_next("cut", after_effect=False)
    provider_sandbox.fail_next("reject", on="account", status=404, email=gone.email_address, times=100)
    provider_sandbox.fail_next("error", on="account", email=unread.email_address, times=100)
    report = retry_many(face, [paused, warm, banned, gone, unread], patience=1.0)
    assert report.outcomes == {
        paused.id: "unavailable",
        warm.id: "moved",
        banned.id: "rejected",
        gone.id: "rejected",
        unread.id: "unknown",
    }
    assert report.reasons == {banned.id: "banned", gone.id: "no_such_account"}
    assert attempt_on(face, unread).outcome is None
    assert attempt_on(face, banned).detail == {"status": None, "reason": "banned"}


SPENT = {
    "throttle": ("throttled", {"retry_after": 5.0}),
    "busy": ("busy", {"retry_after": 5.0}),
    "error": ("unavailable", {"reason": "service_unavailable", "retry_after": 5.0}),
}


@pytest.mark.parametrize("kind", SPENT)
def test_what_is_left_when_patience_is_spent_is_closed_unasked(
    face: AnyFace, provider_sandbox: Sandbox, kind: str
) -> None:
    """The provider told how long to wait, and the run has less time than that: all of the batch end as one call did."""
    outcome, detail = SPENT[kind]
    inboxes = stuck(face, 3)
    provider_sandbox.fail_next(kind, retry_after=5, status=503, times=100)
    report = retry_stuck(face, patience=4.0)
    assert report.outcomes == {inbox.id: outcome for inbox in inboxes}
    assert provider_sandbox.count("enable") == 1
    assert {attempt_on(face, inbox).outcome for inbox in inboxes} == {outcome}
    assert attempt_on(face, inboxes[0]).detail == detail


class Workspace:
    """A provider whose jobs run for a minute of a clock that the test moves on."""

    def __init__(self, make: MakeFace) -> None:
        self.clock = Clock()
        self.sandbox = Sandbox(clock=self.clock, job_seconds=60)
        transport = self.sandbox.transport()
        self.face = make(provider=transport.provider(), transport=transport)
        self.waited_for: list[str | None] = []

    def pass_a_minute(self, progress: BulkProgress) -> None:
        """Let the job end as soon as somebody waits for it."""
        self.waited_for.append(progress.waiting_for)
        self.clock.seconds += 60 if progress.waiting_for else 0


def test_no_call_is_made_while_a_job_runs(make: MakeFace) -> None:
    """It would be refused: it is waited for, and where patience ends first, what is left ends as busy, unasked."""
    workspace = Workspace(make)
    first, second = stuck(workspace.face, 2)
    assert retry_many(workspace.face, [first]).counts == {"moved": 1}
    assert retry_many(workspace.face, [second], patience=0.1).outcomes == {second.id: "busy"}
    assert workspace.sandbox.enable_calls(str(second.email_address)) == 0
    report = retry_many(workspace.face, [second], progress=workspace.pass_a_minute)
    assert report.outcomes == {second.id: "moved"}
    assert workspace.waited_for == ["busy", None, None]
    assert workspace.sandbox.count("enable") == 2


def test_a_mailbox_that_says_nothing_of_jobs_is_passed_over_for_one_that_does(make: MakeFace) -> None:
    """Of a mailbox that the provider does not have, or that warms, nobody can tell whether a job runs."""
    workspace = Workspace(make)
    first, gone, warm, *others = stuck(workspace.face, 6)
    sandbox = workspace.sandbox
    sandbox.fail_next("reject", on="account", status=404, email=gone.email_address, times=100)
    sandbox.set_account(str(warm.email_address), warmup_status=WarmupCode.ACTIVE)
    assert retry_many(workspace.face, [first]).counts == {"moved": 1}
    report = retry_many(workspace.face, [gone, warm, *others], progress=workspace.pass_a_minute)
    assert report.counts == {"moved": 5}
    assert workspace.waited_for[0] == "busy"
    assert_asked_once(sandbox, [first, gone, warm, *others])


@pytest.mark.parametrize(
    ("kind", "outcome"), [({"kind": "throttle"}, "throttled"), ({"kind": "reject", "status": 401}, "rejected")]
)
def test_a_provider_that_is_done_with_is_not_asked_for_later_batches(
    face: AnyFace, provider_sandbox: Sandbox, kind: dict[str, Any], outcome: str
) -> None:
    """Patience is spent, or the key is wrong: who is on a list hears the same, and the rest are left as they are."""
    inboxes = sorted(stuck(face, 102), key=lambda inbox: inbox.id)
    provider_sandbox.fail_next(**kind, times=1000)
    assert retry_many(face, inboxes, patience=0.2).counts == {outcome: 102}
    assert retry_stuck(face, patience=0.2).counts == {outcome: 100}
    named = [provider_sandbox.enable_calls(address) for address in addresses(inboxes)]
    assert named[0] == named[99] >= 2
    assert named[100:] == [0, 0]
    assert outcomes(face, inboxes[100]) == outcomes(face, inboxes[101]) == []


def test_a_list_is_told_what_else_is_true_of_those_whose_provider_is_done_with(
    face: AnyFace, provider_sandbox: Sandbox
) -> None:
    """One that warms is refused, and one that is not there is not found, whatever the provider said to the others."""
    warm, *inboxes = stuck(face, 101)
    assert retry_many(face, [warm]).counts == {"moved": 1}
    provider_sandbox.fail_next("reject", status=401, times=1000)
    report = face.operator().retry_many([*(inbox.id for inbox in inboxes), warm.id, UNKNOWN_ID])
    assert report.counts == {"rejected": 100, "refused": 1, "not_found": 1}


@pytest.mark.parametrize(("status", "calls"), [(404, 5), (403, 5), (401, 1)])
def test_a_provider_that_answers_for_each_mailbox_is_not_asked_by_halves(
    make: MakeFace, smartlead_sandbox: SmartleadSandbox, status: int, calls: int
) -> None:
    """Each no closes its own inbox, with one call for each; a wrong key is told by the first."""
    face = make(provider=smartlead_sandbox.provider())
    inboxes = [
        face.register(email_address=f"box{number}@mail.example.com", owner_id=OWNER, provider_ref=f"90{number}")
        for number in range(5)
    ]
    smartlead_sandbox.fail_next("reject", status=status, times=1000)
    assert retry_many(face, inboxes).counts == {"rejected": 5}
    assert smartlead_sandbox.count("enable") == calls
