"""Bulk runs step by step: claims that are kept, lost and settled, and recordings that fall back to one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from inbox_lifecycle import BulkReport, Inbox, InboxId
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, AttemptKind, Recorder
from inbox_lifecycle.errors import StoreContended, StoreUnavailable
from inbox_lifecycle.facade import retrying
from inbox_lifecycle.flow import Flow, Once, Send, Sleep, Step, interleaved, sleep
from inbox_lifecycle.lifecycle.bulk_recording import Accepted, record_all
from inbox_lifecycle.lifecycle.record import Acceptor
from inbox_lifecycle.providers.port import Enabled
from inbox_lifecycle.reconcile import Cursor, reconcile_page
from inbox_lifecycle.store.faults import ConstraintViolated
from inbox_lifecycle.store.rows import Closed
from inbox_lifecycle.testing import Sandbox, WarmupCode
from inbox_lifecycle.testing.schedules.stage import Stage
from tests.support.steps import (
    ERASED,
    PENDING,
    STARTED,
    WARMING,
    Clock,
    Played,
    close_after,
    looked,
    play,
    seen,
    terms,
)

#: Statements after which a claim's lease has begun anew.
KEPT = frozenset({"claim_inboxes", "hold_claims", "prolong_claims"})


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
        return run.run.tally.report

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


def test_claims_that_could_not_be_prolonged_do_not_end_the_run(stage: Watched) -> None:
    """Whether they were lost is seen before the next call."""
    locked(stage, 600.0)
    inboxes = stage.born(2)

    def fail(name: str) -> None:
        if name == "prolong_claims":
            raise StoreUnavailable("gone")

    stage.before = fail
    assert stage.retry(inboxes).counts == {"moved": 2}


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


def accepted(inbox: Inbox, number: int) -> Accepted:
    """An inbox that the provider accepted."""
    acceptor = Acceptor(
        attempt_id=AttemptId(f"018f3b5e-0000-7000-8000-00000000010{number}"),
        kind=AttemptKind.RETRY,
        answer=Enabled("job-1"),
        context=Context(actor="olga"),
        recorder=Recorder.CALL,
    )
    return Accepted(seen(inbox), acceptor)


ONE, TWO, THREE = (replace(PENDING, id=InboxId(f"018f3b5e-0000-7000-8000-00000000002{number}")) for number in range(3))
ACCEPTED = [accepted(inbox, number) for number, inbox in enumerate((ONE, TWO, THREE))]
CONTENDED = StoreContended("40P01")
GONE = StoreUnavailable("gone", maybe_applied=True)


def record(*answers: object, clock: Callable[[], float] | None = None) -> Any:
    """A recording, played."""
    return play(record_all(terms(clock), ACCEPTED), *answers)


def ids(*inboxes: Inbox) -> frozenset[InboxId]:
    """Their ids."""
    return frozenset(inbox.id for inbox in inboxes)


def test_a_batch_is_recorded_in_one_statement_within_the_recordings_budget() -> None:
    """A tenth of which it may wait for a lock."""
    played = record(None, ids(ONE, TWO, THREE))
    assert played.names == ["Shield", "commit_warmups"]
    statement = played.statement(1)
    assert [one.event.inbox_id for one in statement.commits] == [ONE.id, TWO.id, THREE.id]
    assert (statement.patience, played.steps[0].budget, played.steps[1].patience) == (1.5, 15.0, None)
    assert played.value == dict.fromkeys((ONE.id, TWO.id, THREE.id), "moved")


def test_what_the_batch_missed_is_explained_one_by_one() -> None:
    """One had moved after all, one is lost, one moves at the second look."""
    moved_on = replace(WARMING, id=ONE.id)
    overtaken = replace(PENDING, id=TWO.id, version=4)
    played = record(
        *(None, ids(THREE)),
        *(None, None, looked(moved_on, outcome="moved", moved=STARTED)),
        *(None, None, looked(overtaken), Closed(was_open=True, keyed=None)),
    )
    assert played.names == [
        *("Shield", "commit_warmups"),
        *("Shield", "commit_warmup", "look_again"),
        *("Shield", "commit_warmup", "look_again", "close_attempt"),
    ]
    assert played.value == {ONE.id: "moved", TWO.id: "lost", THREE.id: "moved"}
    assert played.statement(3).patience == 1.5


@pytest.mark.parametrize("undone", [CONTENDED, ConstraintViolated("inbox_events_chain")])
def test_a_batch_that_is_undone_twice_is_recorded_one_by_one(undone: Exception) -> None:
    """The second time with as much time as is left."""
    rows = [replace(WARMING, id=inbox.id) for inbox in (ONE, TWO, THREE)]
    singles = [answer for row in rows for answer in (None, row)]
    played = record(None, undone, undone, *singles)
    assert played.names == ["Shield", "commit_warmups", "commit_warmups", *["Shield", "commit_warmup"] * 3]
    assert played.steps[2].patience == 15.0
    assert set(played.value.values()) == {"moved"}


def test_an_inbox_that_is_late_has_what_is_left_after_all_the_others() -> None:
    """Somebody keeps its row locked: it is given a tenth of the budget at first, and the rest in the end."""
    row = replace(WARMING, id=THREE.id)
    misses = [CONTENDED, looked(TWO)] * 5
    played = record(
        *(None, ids(ONE)),
        *(None, *misses),
        *(None, row),
        *(None, replace(WARMING, id=TWO.id)),
    )
    assert played.value == dict.fromkeys((ONE.id, TWO.id, THREE.id), "moved")
    shields = [step.budget for step in played.steps if type(step).__name__ == "Shield"]
    assert shields == [15.0, 1.5, 1.5, 15.0]


def test_a_database_that_is_gone_for_the_whole_budget_is_not_asked_for_each() -> None:
    """All of them are told as not recorded, and stay open."""
    clock = Clock()

    def gone_after_five_seconds() -> StoreUnavailable:
        clock.seconds += 5
        return GONE

    played = play_all(record_all(terms(clock), ACCEPTED), gone_after_five_seconds)
    assert played.value == dict.fromkeys((ONE.id, TWO.id, THREE.id), "not_recorded")
    assert set(played.names) == {"Shield", "commit_warmups", "Sleep"}
    assert clock.seconds == 15


def play_all(flow: Flow[Any], fail: Callable[[], Exception]) -> Played:
    """A flow, played with every statement failing."""
    played = Played()
    try:
        played.steps.append(next(flow))
        while True:
            failed = isinstance(played.steps[-1], Once)
            played.steps.append(flow.throw(fail()) if failed else flow.send(None))
    except StopIteration as end:
        played.value = end.value
    return played


def test_an_inbox_erased_meanwhile_is_told_as_not_found() -> None:
    """And its warmup is stopped, as only this run still has its address."""
    gone = replace(ERASED, id=TWO.id)
    played = record(
        *(None, ids(ONE, THREE)),
        *(None, None, looked(gone), Closed(was_open=True, keyed=None)),
        StoreUnavailable("the provider is not reached"),
    )
    assert played.names[-1] == "Send"
    assert played.value[TWO.id] == "not_found"


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
