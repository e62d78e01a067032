"""Smartlead end to end: the facades, a real database, and its sandbox over real HTTP."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from inbox_lifecycle import (
    Inbox,
    InboxLifecycleError,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderRejected,
    ProviderThrottled,
    ProviderUnavailable,
    Smartlead,
    Status,
)
from inbox_lifecycle.domain import Acceptance, WarmupStarted
from inbox_lifecycle.testing import Failure, Kind, Operation, SmartleadSandbox
from tests.fix_face import MakeFace
from tests.support.contract import ANA, OWNER, WARMING, attempt_on, born, crosswise, in_flight, nothing_moves, retry
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

pytestmark = pytest.mark.pairwise

KEY = "zx-key/in+the+URL"


@pytest.fixture
def sandbox() -> Iterator[SmartleadSandbox]:
    """A sandbox that has the mailbox."""
    with SmartleadSandbox(api_key=KEY) as running:
        running.set_account(ANA)
        yield running


@pytest.fixture
def face(make: MakeFace, sandbox: SmartleadSandbox) -> AnyFace:
    """A facade that asks Smartlead."""
    return make(provider=sandbox.provider(timeout=5.0))


def test_retry_moves_the_inbox_once_and_the_mailbox_warms(
    face: AnyFace, database: TestDatabase, sandbox: SmartleadSandbox
) -> None:
    """By number where it is kept, the provider is asked once; a second retry is refused without asking."""
    inbox = born(face, provider_ref=sandbox.provider_ref(ANA))
    assert (inbox.provider, inbox.pair == WARMING) == ("smartlead", False)
    moved = retry(face, inbox, "k-1")
    assert (moved.pair, moved.version) == (WARMING, 2)
    assert sandbox.warming(ANA)
    with nothing_moves(database):
        assert retry(face, inbox, "k-1") == moved
    assert [request.operation for request in sandbox.requests] == [Operation.ENABLE]
    event = face.history(inbox.id, owner_id=OWNER)[-1].event
    assert isinstance(event, WarmupStarted)
    assert (event.acceptance, event.job_id) == (Acceptance.ENABLED, None)


def test_mailbox_without_a_number_is_looked_up_by_its_address(face: AnyFace, sandbox: SmartleadSandbox) -> None:
    """The host need not know the number; it costs a request."""
    assert retry(face, born(face)).pair == WARMING
    assert [request.operation for request in sandbox.requests] == [Operation.ACCOUNTS, Operation.ENABLE]


@pytest.mark.parametrize("order", [{}, {"kind": "cut"}, {"kind": "error", "after_effect": True}])
def test_mailbox_that_warms_already_is_success(face: AnyFace, sandbox: SmartleadSandbox, order: dict[str, Any]) -> None:
    """The setting is written once more; where the answer to that is lost, the account says that it warms."""
    sandbox.set_account(ANA, warmup_status="ACTIVE")
    if order:
        sandbox.fail_next(**order)
    assert retry(face, born(face)).pair == WARMING


def test_success_that_says_it_is_none_is_a_rejection(
    face: AnyFace, database: TestDatabase, sandbox: SmartleadSandbox
) -> None:
    """A 200 with `ok: false` moves nothing and closes the attempt, and the next retry works."""
    inbox = born(face)
    sandbox.fail_next("reject", status=200)
    with nothing_moves(database), pytest.raises(ProviderRejected) as rejected:
        retry(face, inbox)
    assert (rejected.value.status, rejected.value.detail) == (None, "refused")
    attempt = attempt_on(face, inbox)
    assert (attempt.outcome, attempt.detail) == ("rejected", {"status": None, "reason": "refused"})
    assert not sandbox.warming(ANA)
    assert retry(face, inbox).pair == WARMING


FAILURES: dict[str, tuple[Failure, type[ProviderError], str | None, float | None]] = {
    "401": (Failure(kind=Kind.REJECT, status=401), ProviderRejected, "rejected", None),
    "404": (Failure(kind=Kind.REJECT, status=404), ProviderRejected, "rejected", None),
    "429": (Failure(kind=Kind.THROTTLE, retry_after=30), ProviderThrottled, "throttled", 30.0),
    "503": (Failure(kind=Kind.ERROR, status=503), ProviderUnavailable, "unavailable", None),
    "500": (Failure(kind=Kind.ERROR), ProviderOutcomeUnknown, None, None),
    "half a body": (Failure(kind=Kind.TRUNCATED, after_effect=False), ProviderOutcomeUnknown, None, None),
    "no list": (Failure(kind=Kind.CUT, on=Operation.ACCOUNTS), ProviderUnavailable, "unavailable", None),
}


@crosswise
@pytest.mark.parametrize("failing", FAILURES.values(), ids=FAILURES.keys())
def test_failure_has_its_error_and_its_attempt_and_a_plain_retry_works(
    face: AnyFace, database: TestDatabase, sandbox: SmartleadSandbox, failing: tuple[Any, ...]
) -> None:
    """As with the other provider: a clear answer closes the attempt, an unclear one leaves it open."""
    failure, error, outcome, retry_after = failing
    inbox = born(face)
    sandbox.script(failure)
    with nothing_moves(database), pytest.raises(ProviderError) as failed:
        retry(face, inbox)
    assert type(failed.value) is error
    assert (failed.value.provider, failed.value.retry_after) == ("smartlead", retry_after)
    assert attempt_on(face, inbox).outcome == outcome
    assert retry(face, inbox).pair == WARMING


@crosswise
def test_number_that_is_none_is_rejected_without_asking(face: AnyFace, sandbox: SmartleadSandbox) -> None:
    """An address kept where the number belongs is told as such."""
    inbox = born(face, provider_ref=ANA)
    with pytest.raises(ProviderRejected, match="malformed_provider_ref"):
        retry(face, inbox)
    assert sandbox.requests == ()


@crosswise
def test_operators_moves_follow_what_the_account_says(face: AnyFace, sandbox: SmartleadSandbox) -> None:
    """A warmup that is off is taken back, and one whose figures suffice graduates."""
    inbox = retry(face, born(face))
    sandbox.set_account(ANA, warmup_status="PAUSED")
    assert face.operator().fail_warmup(inbox.id).pair.status is Status.PENDING
    retry(face, inbox)
    sandbox.set_account(ANA, reputation=95, total_sent=200)
    assert face.operator().graduate(inbox.id).status is Status.ACTIVE


@crosswise
def test_warmup_of_an_inbox_banned_in_flight_is_switched_off(face: AnyFace, sandbox: SmartleadSandbox) -> None:
    """The provider warms what we have banned, until `reconcile` tells it to stop and it says that it has."""
    inbox = born(face)
    in_flight(sandbox, lambda: face.operator().ban(inbox.id))
    with pytest.raises(InboxLifecycleError):
        retry(face, inbox)
    assert sandbox.warming(ANA)
    assert face.operator().reconcile().disabled == 1
    assert not sandbox.warming(ANA)


def told_by(error: BaseException | None) -> list[str]:
    """All that an error and what stands behind it say."""
    told = []
    while error is not None:
        told += [str(error), repr(error), repr(error.args), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return told


@crosswise
@pytest.mark.parametrize("known", [True, False], ids=["numbered", "looked up"])
def test_key_in_the_url_and_the_password_in_the_answer_are_told_to_nobody(
    make: MakeFace, sandbox: SmartleadSandbox, caplog: pytest.LogCaptureFixture, *, known: bool
) -> None:
    """Whatever goes wrong, on whichever request: no error, row, attempt, repr or log record down to DEBUG has them."""
    provider = sandbox.provider(timeout=5.0)
    nowhere = Smartlead(api_key=KEY, base_url="http://127.0.0.1:9", timeout=1.0)
    told = [repr(provider), str(provider), repr(sandbox.account(ANA))]
    faces = {"there": make(provider=provider), "not there": make(provider=nowhere)}
    inbox: Inbox = born(faces["there"], provider_ref=sandbox.provider_ref(ANA) if known else None)
    with caplog.at_level(logging.DEBUG):
        for kind in sorted(sandbox.kinds):
            for status in (200, 302, 401) if kind is Kind.REJECT else (None,):
                orders = [Failure(kind=kind, on=operation, status=status, seconds=0) for operation in Operation]
                sandbox.script(*orders)
                told += told_by(failure_of(faces["there"], inbox))
                sandbox.clear_failures()
        told += told_by(failure_of(faces["not there"], inbox))
    told += [repr(value) for value in (*faces["there"].operator().attempts(inbox.id), faces["there"].target)]
    told += [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    secrets = (KEY, "zx-key", *sandbox.secrets)
    assert len(secrets) == 4
    assert any(record.name.startswith("httpcore") for record in caplog.records)
    assert [line for line in told if any(secret in line for secret in secrets)] == []


def failure_of(face: AnyFace, inbox: Inbox) -> InboxLifecycleError | None:
    """The error of a retry, or of going on once it succeeded; the inbox is pending afterwards."""
    try:
        retry(face, inbox)
        face.operator().graduate(inbox.id)
    except InboxLifecycleError as error:
        return error
    finally:
        if face.get(inbox.id, owner_id=OWNER).pair == WARMING:
            face.operator().correct(inbox.id, status="pending", warmup_status="not_started", reason="once more")
    return None
