"""Bulk runs step by step: claims that are kept, lost and settled, whatever takes how long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from inbox_lifecycle import BulkProgress, BulkReport, Inbox
from inbox_lifecycle.errors import StoreUnavailable
from inbox_lifecycle.facade import retrying
from inbox_lifecycle.flow import Flow, Once, Send, Sleep, Step, interleaved, sleep
from inbox_lifecycle.reconcile import Cursor, reconcile_page
from inbox_lifecycle.testing import Sandbox, WarmupCode
from inbox_lifecycle.testing.schedules.stage import Stage
from tests.support.steps import (
    close_after,
    play,
)

#: Statements after which a claim's lease has begun anew.
KEPT = frozenset({"claim_inboxes", "hold_claims", "prolong_claims"})
GONE = StoreUnavailable("gone")


def undisturbed(name: str) -> None:
    """Nothing happens before this step."""
    del name


class Watched(Stage):
    """A stage that tells when claims were kept, and on which something may happen before a step."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        #: Seconds by the play's clock.
        self.kept_at: list[float] = []
        self.longest_sleep = 0.0
        #: Seconds that each request takes.
        self.slowness = 0.0
        self.before: Callable[[str], None] = undisturbed
        self._numbers = count()

    def perform(self, step: Step) -> Any:
        """Perform it, and note what it was."""
        name = step.statement.name if isinstance(step, Once) else type(step).__name__
        self.before(name)
        if name in KEPT:
            self.kept_at.append(self.now)
        if isinstance(step, Sleep):
            self.longest_sleep = max(self.longest_sleep, step.seconds)
        if isinstance(step, Send):
            self.pass_time(self.slowness)
        return super().perform(step)

    @property
    def now(self) -> float:
        """The play's clock."""
        return self.calls.terms.monotonic()

    @property
    def lease(self) -> float:
        """Seconds that a claim lasts."""
        return self.calls.terms.call_budget

    def born(self, number: int) -> list[Inbox]:
        """Stuck inboxes."""
        births = (
            self.calls.register(
                email_address=f"box{next(self._numbers)}@mail.example.com",
                owner_id="owner",
                provider=None,
                provider_ref=None,
                start_warmup=False,
            )
            for _ in range(number)
        )
        return [self.run(birth) for birth in births]

    def retry(self, inboxes: list[Inbox], *, patience: float = 1e6) -> BulkReport:
        """A run over these."""
        run = retrying.listed(self.calls, [inbox.id for inbox in inboxes], patience=patience, progress=None)
        self.run(run.next_batch())
        assert run.over
        return run.report

    def gaps(self) -> list[float]:
        """Seconds between one keeping of the claims and the next."""
        return [later - earlier for earlier, later in zip(self.kept_at, self.kept_at[1:], strict=False)]


@pytest.fixture
def stage() -> Iterator[Watched]:
    """A stage on a database in memory."""
    with Watched.in_memory() as opened:
        yield opened


def locked(stage: Watched, seconds: float) -> None:
    """Let a job run that locks the workspace."""
    stage.sandbox = Sandbox(api_key=stage.sandbox.api_key, clock=stage.calls.terms.monotonic, job_seconds=seconds)
    (first,) = stage.born(1)
    assert stage.retry([first]).counts == {"moved": 1}
    stage.kept_at.clear()


def test_claims_are_kept_while_the_run_waits_for_half_an_hour(stage: Watched) -> None:
    """No wait is longer than a third of the lease, so that none of it ends while the run lives."""
    locked(stage, 1800.0)
    inboxes = stage.born(3)
    assert stage.retry(inboxes).counts == {"moved": 3}
    assert stage.kept_at[-1] - stage.kept_at[0] > 1700
    assert max(stage.gaps()) <= 2 * stage.lease / 3
    assert stage.longest_sleep <= stage.lease / 3


def test_claims_are_kept_while_the_provider_wants_to_be_left_alone(stage: Watched) -> None:
    """One long wait is many short ones."""
    inboxes = stage.born(3)
    stage.sandbox.fail_next("throttle", retry_after=600)
    assert stage.retry(inboxes).counts == {"moved": 3}
    assert stage.kept_at[-1] - stage.kept_at[0] > 600
    assert max(stage.gaps()) <= 2 * stage.lease / 3
    assert stage.longest_sleep <= stage.lease / 3


def test_claims_are_kept_while_the_provider_takes_its_time(stage: Watched) -> None:
    """Reading a hundred accounts may take far longer than a lease, which begins anew between two requests."""
    inboxes = stage.born(100)
    stage.slowness = 15.0
    stage.sandbox.fail_next("busy", after_effect=True)
    assert stage.retry(inboxes).counts == {"moved": 100}
    assert stage.kept_at[-1] - stage.kept_at[0] > 1400
    assert max(stage.gaps()) <= stage.lease / 3 + 2 * stage.slowness


def test_time_that_calls_took_for_nothing_is_out_of_the_runs_patience(stage: Watched) -> None:
    """A provider that thinks for long before it puts us off is not asked more often for it."""
    inboxes = stage.born(3)
    stage.slowness = 40.0
    stage.sandbox.fail_next("throttle", times=100)
    assert stage.retry(inboxes, patience=100.0).counts == {"throttled": 3}
    assert stage.sandbox.count("enable") == 3


def test_claims_that_could_not_be_prolonged_do_not_end_the_run(stage: Watched) -> None:
    """Whether they were lost is seen before the next call."""
    locked(stage, 600.0)
    inboxes = stage.born(2)

    def fail(name: str) -> None:
        if name == "prolong_claims":
            raise GONE

    stage.before = fail
    assert stage.retry(inboxes).counts == {"moved": 2}


def test_accounts_that_never_answer_do_not_hide_those_behind_them(stage: Watched) -> None:
    """An adapter stops at the first that is throttled: the next reading begins with the one behind it."""
    inboxes = stage.born(6)
    for inbox in inboxes[:5]:
        stage.sandbox.fail_next("throttle", on="account", email=inbox.email_address, times=1000)
    stage.sandbox.fail_next("not_json", after_effect=True)
    report = stage.retry(inboxes)
    assert report.outcomes == {**{inbox.id: "unknown" for inbox in inboxes[:5]}, inboxes[5].id: "moved"}


@pytest.mark.parametrize(("patience", "goes_on"), [(1e6, True), (30.0, False), (0.0, False)])
def test_reconciling_in_front_is_out_of_the_runs_patience(stage: Watched, patience: float, goes_on: bool) -> None:  # noqa: FBT001 - a case
    """A page that settled nothing counts; where it took all there was, the batches begin without the next."""
    inboxes = stage.born(100)
    stage.sandbox.fail_next("not_json", after_effect=False)
    stage.sandbox.fail_next("error", on="account", times=1000)
    assert stage.retry(inboxes, patience=0.0).counts == {"unknown": 100}
    stage.expire_leases()
    stage.slowness = 40.0
    told: list[BulkProgress] = []
    run = retrying.listed(stage.calls, [inboxes[0].id], patience=patience, progress=told.append)
    following = stage.run(retrying.reconcile_first(run.run, Cursor()))
    assert (following is not None) is goes_on
    assert run.run.tally.patience <= max(patience - 40.0, 0.0)
    assert [one.waiting_for for one in told] == ["unknown" if goes_on else None]


def nothing(stage: Watched, inbox: Inbox) -> None:
    """It was given up, and stands where it stood."""
    del stage, inbox


def ban(stage: Watched, inbox: Inbox) -> None:
    """It moved on besides."""
    stage.run(stage.calls.ban(inbox.id, reason=None, idempotency_key=None, expected_version=None))


def erase(stage: Watched, inbox: Inbox) -> None:
    """It was erased besides."""
    stage.run(stage.calls.erase(inbox.id, reason="asked to be forgotten", expected_version=None))


def warm(stage: Watched, inbox: Inbox) -> None:
    """The provider warms it, so that it was moved on the run's behalf."""
    stage.sandbox.set_account(str(inbox.email_address), warmup_status=WarmupCode.ACTIVE)


@pytest.mark.parametrize(
    ("meddle", "outcome"), [(nothing, "taken"), (ban, "lost"), (erase, "not_found"), (warm, "moved")]
)
def test_an_inbox_whose_claim_was_lost_is_not_asked_for(
    stage: Watched, meddle: Callable[[Watched, Inbox], None], outcome: str
) -> None:
    """The run was stopped for longer than its lease, and `reconcile` settled its attempts: the other one goes on."""
    lost, kept = stage.born(2)
    stage.sandbox.set_account(str(lost.email_address))

    def stop(name: str) -> None:
        if name == "Send":
            stage.before = undisturbed
            stage.expire_leases()
            meddle(stage, lost)
            stage.run(reconcile_page(stage.calls.terms, marked=False, after=Cursor(), limit=1))

    stage.before = stop
    report = stage.retry([lost, kept])
    assert report.outcomes == {lost.id: outcome, kept.id: "moved"}
    assert stage.sandbox.enable_calls(str(lost.email_address)) == 0


def test_interleaving_runs_another_flow_before_each_step_and_changes_nothing_else() -> None:
    """Answers, errors and the value pass through."""
    calls: list[str] = []

    def between() -> Flow[None]:
        calls.append("between")
        yield from sleep(1)

    def flow() -> Flow[str]:
        yield from sleep(2)
        try:
            yield from sleep(3)
        except StoreUnavailable as failure:
            yield from sleep(4)
            return failure.why
        return "nothing failed"

    played = play(interleaved(flow(), between), None, None, None, GONE, None, None)
    assert played.steps == [Sleep(1), Sleep(2), Sleep(1), Sleep(3), Sleep(1), Sleep(4)]
    assert (played.value, calls) == ("gone", ["between"] * 3)


def test_interleaving_that_is_broken_off_breaks_off_both() -> None:
    """Silently, as every flow must."""
    close_after(interleaved(sleep(1), lambda: sleep(2)), None)
    failed = play(interleaved(sleep(1), lambda: sleep(2)), GONE)
    assert failed.error is GONE
