"""Whatever the provider does: a typed error, nothing moved, the right attempt, and a plain retry that works later."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Any

import pytest

from inbox_lifecycle import Inbox, Instantly, ProviderError
from inbox_lifecycle.domain import Acceptance, WarmupStarted
from inbox_lifecycle.errors import (
    ProviderBusy,
    ProviderOutcomeUnknown,
    ProviderRejected,
    ProviderThrottled,
    ProviderUnavailable,
)
from inbox_lifecycle.testing import Sandbox, WarmupCode
from tests.fix_face import MakeFace
from tests.support.contract import ANA, OWNER, WARMING, attempt_on, born, crosswise, nothing_moves, outcomes, retry
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

pytestmark = pytest.mark.pairwise

#: Longer than any adapter here waits.
FOREVER = 60.0


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and what comes of it."""

    #: As `Sandbox.fail_next` takes it.
    order: dict[str, Any]
    error: type[ProviderError]
    #: None: the attempt stays open.
    outcome: str | None
    detail: object = None
    #: What is ordered besides: for the reading by which the adapter makes sure.
    also: dict[str, Any] = field(default_factory=dict)


def _rejected(status: int, reason: str) -> Fault:
    order = {"kind": "reject", "status": status}
    return Fault(order, ProviderRejected, "rejected", {"status": status, "reason": reason})


def _unknown(order: dict[str, Any], **also: Any) -> Fault:
    return Fault(order, ProviderOutcomeUnknown, None, also=also)


BLIND: dict[str, Any] = {"kind": "error", "on": "account"}

FAULTS = {
    "400": _rejected(400, "bad_request"),
    "401": _rejected(401, "unauthorised"),
    "402": _rejected(402, "payment_required"),
    "403": _rejected(403, "forbidden"),
    "404": _rejected(404, "no_such_account"),
    "422": _rejected(422, "unprocessable"),
    "409": Fault({"kind": "busy"}, ProviderBusy, "busy", {"retry_after": None}),
    "409, account unreadable": Fault({"kind": "busy"}, ProviderBusy, "busy", {"retry_after": None}, also=BLIND),
    "429": Fault({"kind": "throttle", "retry_after": 2}, ProviderThrottled, "throttled", {"retry_after": 2.0}),
    "500": _unknown({"kind": "error", "status": 500}),
    "502": _unknown({"kind": "error", "status": 502}),
    "503": Fault(
        {"kind": "error", "status": 503},
        ProviderUnavailable,
        "unavailable",
        {"reason": "service_unavailable", "retry_after": None},
    ),
    "504": _unknown({"kind": "error", "status": 504}),
    "500 after the effect, account unreadable": _unknown({"kind": "error", "after_effect": True}, **BLIND),
    "a page for humans": _unknown({"kind": "not_json", "after_effect": False}),
    "half a body": _unknown({"kind": "truncated", "after_effect": False}),
    "half a body after the effect, account unreadable": _unknown({"kind": "truncated"}, **BLIND),
    "cut before the effect": _unknown({"kind": "cut", "after_effect": False}),
    "cut in the body": _unknown({"kind": "cut", "mid_body": True, "after_effect": False}),
    "cut after the effect, account unreadable": _unknown({"kind": "cut"}, **BLIND),
    "job fails at once": Fault(
        {"kind": "job_failed"}, ProviderRejected, "rejected", {"status": None, "reason": "job_failed"}
    ),
}

every_fault = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())


def order(sandbox: Sandbox, fault: Fault) -> None:
    """Have it go wrong, once."""
    sandbox.fail_next(**fault.order)
    if fault.also:
        sandbox.fail_next(**fault.also)


@every_fault
def test_fault_gives_its_error_moves_nothing_and_leaves_its_attempt(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, fault: Fault
) -> None:
    """A clear answer closes the attempt with our word for it; an unclear one leaves it open, and nothing moves."""
    inbox = born(face)
    order(provider_sandbox, fault)
    with nothing_moves(database), pytest.raises(ProviderError) as failed:
        retry(face, inbox)
    assert type(failed.value) is fault.error
    attempt = attempt_on(face, inbox)
    assert (attempt.outcome, attempt.detail) == (fault.outcome, fault.detail)
    assert (attempt.seen_version, attempt.event_version, attempt.to_disable) == (1, None, False)


@crosswise
@every_fault
def test_plain_retry_after_a_fault_succeeds(face: AnyFace, provider_sandbox: Sandbox, fault: Fault) -> None:
    """Whatever happened before, the next call stands for itself; an older open attempt does not stand in its way."""
    inbox = born(face)
    order(provider_sandbox, fault)
    with pytest.raises(ProviderError):
        retry(face, inbox)
    moved = retry(face, inbox)
    assert (moved.pair, moved.version) == (WARMING, 2)
    assert outcomes(face, inbox) == sorted([fault.outcome, "moved"], key=str)
    assert provider_sandbox.warming(ANA)


DOUBTS: dict[str, dict[str, Any]] = {
    "500": {"kind": "error", "after_effect": True},
    "a page for humans": {"kind": "not_json"},
    "half a body": {"kind": "truncated"},
    "connection cut": {"kind": "cut"},
    "connection cut in the body": {"kind": "cut", "mid_body": True},
}


def acceptance_of(face: AnyFace, inbox: Inbox) -> Acceptance:
    """How the provider said yes, by the newest event."""
    event = face.history(inbox.id, owner_id=OWNER)[-1].event
    assert isinstance(event, WarmupStarted)
    return event.acceptance


@pytest.mark.parametrize("doubt", DOUBTS.values(), ids=DOUBTS.keys())
def test_answer_lost_after_the_effect_is_success_by_reading_the_account(
    face: AnyFace, provider_sandbox: Sandbox, doubt: dict[str, Any]
) -> None:
    """The account warms, so the call has succeeded, although its own answer says nothing."""
    inbox = born(face)
    provider_sandbox.fail_next(**doubt)
    assert retry(face, inbox).pair == WARMING
    assert acceptance_of(face, inbox) is Acceptance.ALREADY_WARMING
    assert attempt_on(face, inbox).outcome == "moved"
    assert provider_sandbox.enable_calls(ANA) == 1


def test_account_that_warms_already_counts_as_success(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Enabling is idempotent at the provider: the job it answers with stands in the event."""
    inbox = born(face)
    provider_sandbox.fail_next("already_warming")
    assert retry(face, inbox).pair == WARMING
    assert acceptance_of(face, inbox) is Acceptance.ENABLED


def test_busy_provider_with_a_warming_account_is_success(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """A provider that is busy says nothing about the account; the account says that it warms."""
    inbox = born(face)
    provider_sandbox.set_account(ANA, warmup_status=WarmupCode.ACTIVE)
    provider_sandbox.fail_next("busy")
    assert retry(face, inbox).pair == WARMING
    assert acceptance_of(face, inbox) is Acceptance.ALREADY_WARMING
    assert attempt_on(face, inbox).outcome == "moved"


def test_retry_behind_the_lock_of_the_first_calls_own_job_is_success(make: MakeFace, database: TestDatabase) -> None:
    """The first call's answer was lost and its job still locks the workspace: the retry ends well all the same."""
    with Sandbox(busy_for=FOREVER) as locked:
        face = make(provider=Instantly(api_key=locked.api_key, base_url=locked.base_url))
        inbox = born(face)
        locked.fail_next("cut")
        locked.fail_next(**BLIND)
        with nothing_moves(database), pytest.raises(ProviderOutcomeUnknown):
            retry(face, inbox)
        assert retry(face, inbox).pair == WARMING
        assert acceptance_of(face, inbox) is Acceptance.ALREADY_WARMING


def hasty(make: MakeFace, sandbox: Sandbox) -> AnyFace:
    """A facade whose adapter does not wait long."""
    return make(provider=Instantly(api_key=sandbox.api_key, base_url=sandbox.base_url, timeout=0.4))


def test_timeout_before_the_effect_leaves_the_outcome_unknown(
    make: MakeFace, face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Nobody can tell a slow provider from one that will still do it: the attempt stays open."""
    inbox = born(face)
    provider_sandbox.fail_next("hang", seconds=FOREVER)
    with nothing_moves(database), pytest.raises(ProviderOutcomeUnknown):
        retry(hasty(make, provider_sandbox), inbox)
    assert attempt_on(face, inbox).outcome is None
    assert not provider_sandbox.warming(ANA)
    assert retry(face, inbox).version == 2


def test_timeout_after_the_effect_is_unknown_where_the_account_cannot_be_read(
    make: MakeFace, face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The provider did it and stays silent on both questions; the next retry finds it done."""
    inbox = born(face)
    provider_sandbox.fail_next("hang", seconds=FOREVER, after_effect=True)
    provider_sandbox.fail_next("hang", seconds=FOREVER, on="account")
    with nothing_moves(database), pytest.raises(ProviderOutcomeUnknown):
        retry(hasty(make, provider_sandbox), inbox)
    assert attempt_on(face, inbox).outcome is None
    assert provider_sandbox.warming(ANA)
    assert retry(face, inbox).version == 2


def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_provider_at_an_unreachable_port_is_unavailable(make: MakeFace, face: AnyFace, database: TestDatabase) -> None:
    """The request never left, which is a clear answer: the attempt closes, and the next retry works."""
    astray = make(provider=Instantly(api_key="key", base_url=f"http://127.0.0.1:{closed_port()}"))
    inbox = born(astray)
    with nothing_moves(database), pytest.raises(ProviderUnavailable):
        retry(astray, inbox)
    attempt = attempt_on(face, inbox)
    assert (attempt.outcome, attempt.detail) == ("unavailable", {"reason": "not_reached", "retry_after": None})
    assert retry(face, inbox).version == 2


def test_wrong_key_is_rejected_and_the_right_one_works_later(
    make: MakeFace, face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A key that the provider does not know is told by its status, and mending it is all it takes."""
    stranger = make(provider=Instantly(api_key="not-the-key", base_url=provider_sandbox.base_url))
    inbox = born(stranger)
    with nothing_moves(database), pytest.raises(ProviderRejected) as rejected:
        retry(stranger, inbox)
    assert rejected.value.status == 401
    assert retry(face, inbox).version == 2


def test_job_that_fails_later_is_taken_back_and_retried(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """The provider took the job and failed at it: fail_warmup leads back, and the retry makes the inbox warm."""
    inbox = born(face)
    provider_sandbox.fail_next("job_fails")
    assert retry(face, inbox).pair == WARMING
    assert not provider_sandbox.warming(ANA)
    assert face.operator().fail_warmup(inbox.id).version == 3
    assert retry(face, inbox).version == 4
    assert provider_sandbox.warming(ANA)
