"""What the facade tells, as answers of a history: each outcome once, from real calls on SQLite with the sandbox."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.json import decode, encode
from msgspec.structs import replace

from inbox_lifecycle import Inboxes, Instantly, SchemaMismatch, StoreUnavailable, WarmupNotRecorded
from inbox_lifecycle.errors import StoreContended
from inbox_lifecycle.store.faults import ConstraintViolated
from inbox_lifecycle.testing import Sandbox
from inbox_lifecycle.testing.linear import Answer, Call, Initial, Operation, Outcome, answer_of, check
from tests.support.contract import ANA, OWNER, STRANGER, UNKNOWN_ID, in_flight
from tests.support.databases import TestDatabase
from tests.support.linear_brute import ACTIVE, BANNED, PENDING, WARMING


class Recorder:
    """Calls of one inbox's owner and operator, written down with their answers."""

    def __init__(self, inboxes: Inboxes) -> None:
        self.inboxes = inboxes
        self.operator = inboxes.operator(actor="olga")
        self.inbox = inboxes.register(email_address=ANA, owner_id=OWNER)
        self.history: list[Operation] = []
        self.steps = 0

    def call(self, kind: str, key: str | None = None, **how: Any) -> Answer:
        """Make a call; what its caller was told."""
        call = Call(kind=kind, inbox_id=None if kind == "reconcile" else self.inbox.id, key=key, **how)
        called = self.step()
        try:
            result = self.method(call)()
        except Exception as error:  # noqa: BLE001 - an error is an answer here
            result = error
        answer = answer_of(call, result)
        self.history.append(Operation(call=call, called=called, answered=self.step(), answer=answer))
        return answer

    def step(self) -> int:
        """A reading of the clock, which counts."""
        self.steps += 1
        return self.steps

    def method(self, call: Call) -> Callable[[], object]:
        """The facade's method for a call."""
        mine: dict[str, Any] = {"idempotency_key": call.key}
        if call.kind == "correct" and call.to is not None:
            mine |= {"status": call.to[0], "warmup_status": call.to[1], "reason": "to be tried"}
        if call.kind in ("start", "retry"):
            warm = self.inboxes.start_warmup if call.kind == "start" else self.inboxes.retry_warmup
            return lambda: warm(self.inbox.id, owner_id=OWNER, **mine)
        if call.kind == "get":
            return lambda: self.inboxes.get(self.inbox.id, owner_id=OWNER)
        if call.kind == "reconcile":
            return self.operator.reconcile
        asked = getattr(self.operator, call.kind)
        return lambda: asked(self.inbox.id, expected_version=call.expected_version, **mine)


@pytest.fixture
def recorder(sqlite_database: TestDatabase, provider: Instantly) -> Iterator[Recorder]:
    """A recorder on a fresh inbox; at the end of each test its history must be one that the checker explains."""
    with Inboxes(sqlite_database.url, provider=provider) as inboxes:
        recorder = Recorder(inboxes)
        yield recorder
        assert check(recorder.history, {str(recorder.inbox.id): Initial(PENDING, 1)}) == []
        lines = [encode(operation) for operation in recorder.history]
        assert [decode(line, type=Operation) for line in lines] == recorder.history


def test_every_command_that_moves_is_moved_at_a_version_to_a_pair(
    recorder: Recorder, provider_sandbox: Sandbox
) -> None:
    """The answer is the row as the call returned it."""

    def moved(version: int, pair: tuple[str, str]) -> Answer:
        return Answer(outcome=Outcome.MOVED, version=version, pair=pair)

    assert recorder.call("retry", key="first") == moved(2, WARMING)
    provider_sandbox.set_account(ANA, reputation=100, total_sent=900)
    assert recorder.call("graduate") == moved(3, ACTIVE)
    assert recorder.call("ban", key="k") == moved(4, BANNED)
    assert recorder.call("correct", to=PENDING) == moved(5, PENDING)
    assert recorder.call("start") == moved(6, WARMING)
    assert recorder.call("retry", key="first") == moved(2, WARMING)
    swapped = [replace(one, called=-one.called, answered=1 - one.called) for one in recorder.history]
    assert check(swapped, {str(recorder.inbox.id): Initial(PENDING, 1)}), "backwards it makes no sense"


def test_a_warmup_that_failed_is_moved_back(recorder: Recorder, provider_sandbox: Sandbox) -> None:
    """On the provider's word."""
    recorder.call("retry")
    provider_sandbox.set_account(ANA, warmup_status=0)
    assert recorder.call("fail_warmup") == Answer(outcome=Outcome.MOVED, version=3, pair=PENDING)


def test_a_read_is_seen(recorder: Recorder) -> None:
    """With version and pair, and it is no move."""
    recorder.call("retry")
    assert recorder.call("get") == Answer(outcome=Outcome.SEEN, version=2, pair=WARMING)


def test_a_refusal_tells_each_clause_and_which_failed(recorder: Recorder) -> None:
    """Those of the provider's word too, those that held too."""
    recorder.call("retry")
    assert recorder.call("retry") == Answer(
        outcome=Outcome.REFUSED,
        found={"status": "warming", "warmup_status": "warming"},
        failed=("status", "warmup_status"),
    )
    assert recorder.call("fail_warmup") == Answer(
        outcome=Outcome.REFUSED,
        found={"status": "warming", "warmup_status": "warming", "provider.warmup": "warming"},
        failed=("provider.warmup",),
    )
    assert recorder.call("correct", to=WARMING) == Answer(
        outcome=Outcome.REFUSED, found={"status": "warming", "pair": "warming / warming"}, failed=("pair",)
    )


def test_a_lost_race_is_refused_with_the_version_found(recorder: Recorder, provider_sandbox: Sandbox) -> None:
    """The inbox was banned while the provider was asked."""
    in_flight(provider_sandbox, lambda: recorder.call("ban"))
    assert recorder.call("retry") == Answer(
        outcome=Outcome.REFUSED,
        found={"status": "banned", "warmup_status": "banned", "version": "2"},
        failed=("status", "warmup_status", "version"),
    )


def test_another_version_than_expected_is_a_conflict(recorder: Recorder) -> None:
    """With the version that stands there."""
    recorder.call("retry")
    assert recorder.call("ban", expected_version=1) == Answer(outcome=Outcome.CONFLICT, version=2)


def test_a_key_of_another_operation_is_reused(recorder: Recorder) -> None:
    """It stands for a retry."""
    recorder.call("retry", key="k")
    assert recorder.call("ban", key="k") == Answer(outcome=Outcome.KEY_REUSED)


@pytest.mark.parametrize(("inbox_id", "owner_id"), [(UNKNOWN_ID, OWNER), (None, STRANGER)])
def test_an_inbox_that_is_not_the_callers_is_not_found(recorder: Recorder, inbox_id: str | None, owner_id: str) -> None:
    """Whether it is there or not."""
    call = Call(kind="retry", inbox_id=inbox_id or recorder.inbox.id)
    with pytest.raises(LookupError) as missing:
        recorder.inboxes.retry_warmup(inbox_id or recorder.inbox.id, owner_id=owner_id)
    assert answer_of(call, missing.value) == Answer(outcome=Outcome.NOT_FOUND)


@pytest.mark.parametrize("failure", ["reject", "throttle", "busy"])
def test_a_provider_that_says_no_has_not_accepted(recorder: Recorder, provider_sandbox: Sandbox, failure: str) -> None:
    """However it says it."""
    provider_sandbox.fail_next(failure)
    assert recorder.call("retry") == Answer(outcome=Outcome.NOT_ACCEPTED)


def test_a_provider_of_which_nobody_knows_is_indeterminate_until_reconcile_settles_it(
    recorder: Recorder, provider_sandbox: Sandbox, sqlite_database: TestDatabase
) -> None:
    """The attempt stays open; the run of `reconcile` that moves the inbox says nothing of it."""
    provider_sandbox.fail_next("error", status=502, after_effect=True, times=1)
    provider_sandbox.fail_next("error", on="account")
    assert recorder.call("retry", key="k") == Answer(outcome=Outcome.INDETERMINATE)
    assert recorder.call("get") == Answer(outcome=Outcome.SEEN, version=1, pair=PENDING)
    sqlite_database.expire_leases()
    assert recorder.call("reconcile") == Answer(outcome=Outcome.SETTLED)
    assert recorder.call("get") == Answer(outcome=Outcome.SEEN, version=2, pair=WARMING)
    assert recorder.call("start", key="k") == Answer(outcome=Outcome.MOVED, version=2, pair=WARMING)


def test_a_database_that_cannot_be_asked_is_indeterminate(recorder: Recorder) -> None:
    """It may have taken effect, or may yet."""
    call = Call(kind="retry", inbox_id=recorder.inbox.id)
    errors = (
        StoreContended("40001"),
        WarmupNotRecorded(recorder.inbox.id),
        StoreUnavailable("gone"),
        CancelledError(),
    )
    assert {answer_of(call, error).outcome for error in errors} == {Outcome.INDETERMINATE}


@pytest.mark.parametrize("error", [ConstraintViolated("inbox_events_chain"), SchemaMismatch(None, "1.0001"), OSError()])
def test_an_error_that_no_caller_should_meet_is_no_answer(error: Exception) -> None:
    """A guard that had to refuse is no outage: whoever records it must be told."""
    with pytest.raises(TypeError, match=type(error).__name__):
        answer_of(Call(kind="retry", inbox_id="0"), error)


def test_a_result_that_no_facade_gives_is_an_error(recorder: Recorder) -> None:
    """A recorder that mixes things up must not pass."""
    with pytest.raises(TypeError, match="retry cannot have given a NoneType"):
        answer_of(Call(kind="retry", inbox_id=recorder.inbox.id), None)
