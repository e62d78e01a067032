"""The facts that a warmup passes on: how its attempt closes, what its event holds, and what each error names."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from inbox_lifecycle import (
    Inbox,
    InboxNotFound,
)
from inbox_lifecycle.codec import decode_entry
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptKind
from inbox_lifecycle.errors import (
    ProviderRejected,
    RetryRefused,
)
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.lifecycle.warmup import request_warmup
from inbox_lifecycle.store.rows import Closed
from inbox_lifecycle.store.statements import CloseAttempt
from inbox_lifecycle.terms import Terms
from tests.support.steps import (
    BACK,
    ERASED,
    NOW,
    PENDING,
    STARTED,
    WARMING,
    account,
    job,
    looked,
    play,
    seen,
    terms,
)

CONTEXT = Context(owner_id="owner", actor="ana", idempotency_key="key-1")


LATER = NOW + timedelta(seconds=9)


CLOSED = Closed(was_open=True, keyed=None)


def retry(given: Terms | None = None) -> Flow[Inbox]:
    """A retry under a key."""
    return request_warmup(
        given or terms(), inbox_id=PENDING.id, owner_id="owner", kind=AttemptKind.RETRY, context=CONTEXT
    )


def test_a_loser_whose_key_won_closes_with_the_winners_event() -> None:
    """As the look or the closing itself saw it; either is the caller's success."""
    lost = (seen(PENDING), job(), None, None)
    played = play(retry(), *lost, looked(BACK, keyed=STARTED), CLOSED)
    assert (played.statement(5).event_version, played.value) == (2, replace(WARMING, version=2))
    played = play(retry(), *lost, looked(BACK), Closed(was_open=True, keyed=STARTED))
    assert (played.statement(5).event_version, played.value) == (None, replace(WARMING, version=2))


CLOSING: dict[str, tuple[object, str, object]] = {
    "refused": (httpx.Response(402), "rejected", {"status": 402, "reason": "payment_required"}),
    "throttled": (httpx.Response(429, headers={"retry-after": "7"}), "throttled", {"retry_after": 7.0}),
    "down": (
        httpx.Response(503, headers={"retry-after": "7"}),
        "unavailable",
        {"reason": "service_unavailable", "retry_after": 7.0},
    ),
}


@pytest.mark.parametrize("name", CLOSING)
def test_an_attempt_closes_with_the_providers_answer_in_our_words(name: str) -> None:
    """Its outcome, the status, the reason and the wait, and the same stand in the error."""
    answer, outcome, detail = CLOSING[name]
    played = play(retry(), seen(PENDING), answer, CLOSED)
    opened = played.statement(0)
    assert played.statement(2) == CloseAttempt(
        inbox_id=PENDING.id,
        owner_id="owner",
        attempt_id=opened.attempt_id,
        outcome=outcome,
        now=NOW,
        detail=detail,
        idempotency_key="key-1",
    )
    assert (opened.inbox_id, opened.owner_id, opened.lease) == (PENDING.id, "owner", 25.0)
    error: Any = played.error
    told = detail if isinstance(detail, dict) else {}
    assert (error.provider, error.detail) == ("instantly", told.get("reason", ""))
    assert (error.retry_after, getattr(error, "status", None)) == (told.get("retry_after"), told.get("status"))


def test_an_attempt_on_a_busy_workspace_closes_with_the_wait() -> None:
    """After the account was found not to warm."""
    busy = httpx.Response(409, headers={"retry-after": "7"})
    played = play(retry(), seen(PENDING), busy, account(0), CLOSED)
    statement = played.statement(3)
    assert (statement.outcome, statement.detail) == ("busy", {"retry_after": 7.0})
    assert getattr(played.error, "retry_after", None) == 7.0
    assert getattr(played.error, "provider", None) == "instantly"


def test_an_unknown_outcome_names_the_provider_and_the_reason() -> None:
    """Nobody closes the attempt."""
    played = play(retry(), seen(PENDING), httpx.Response(500), account(0))
    assert getattr(played.error, "provider", None) == "instantly"
    assert getattr(played.error, "detail", None) == "server_error"


def test_a_refusal_closes_with_its_verdict_and_raises_it() -> None:
    """All clauses, and the inbox's name."""
    played = play(retry(), seen(WARMING), CLOSED)
    error = played.error
    assert isinstance(error, RetryRefused)
    assert (error.inbox_id, error.trigger) == (PENDING.id, "retry_warmup")
    assert (played.statement(1).outcome, played.statement(1).detail) == ("refused", error.verdict.as_list())


def test_an_attempt_whose_key_is_done_closes_with_the_event_that_did_it() -> None:
    """A clause of its own says which, and the answer is that success."""
    played = play(retry(), seen(BACK, STARTED), CLOSED)
    statement = played.statement(1)
    assert (statement.outcome, statement.event_version) == ("refused", 2)
    assert statement.detail == [
        {
            "field": "idempotency_key",
            "expected": "unused",
            "found": "inbox.warmup_started at version 2",
            "held": False,
        }
    ]
    assert played.value == replace(WARMING, version=2)


def test_a_retry_of_nothing_names_the_inbox() -> None:
    """As it was asked for."""
    error = play(retry(), None).error
    assert isinstance(error, InboxNotFound)
    assert error.inbox_id == PENDING.id


def test_an_inbox_without_a_provider_closes_the_attempt_and_raises_the_hosts_error() -> None:
    """It is the host's own, as it is."""
    missing = LookupError("no provider")

    def serve(_inbox: Inbox) -> Any:
        raise missing

    played = play(retry(replace(terms(), provider_for=serve)), seen(PENDING), CLOSED)
    assert (played.statement(1).outcome, played.statement(1).detail) == ("unavailable", {"reason": "no_provider"})
    assert played.error is missing


def test_an_inbox_of_another_provider_closes_the_attempt_as_rejected() -> None:
    """No status, as nobody was asked."""
    played = play(retry(), seen(replace(PENDING, provider="another")), CLOSED)
    detail = {"status": None, "reason": "another_provider_is_configured"}
    assert (played.statement(1).outcome, played.statement(1).detail) == ("rejected", detail)
    assert isinstance(played.error, ProviderRejected)


def test_a_lost_acceptance_closes_with_what_was_seen_and_what_stands() -> None:
    """The rule's clauses and the version; it may have been accepted for nothing."""
    played = play(retry(), seen(PENDING), job(), None, None, looked(BACK), CLOSED)
    statement = played.statement(5)
    assert (statement.outcome, statement.accepted, statement.event_version) == ("lost", True, None)
    assert statement.detail[-1] == {"field": "version", "expected": "1", "found": "3", "held": False}
    assert [clause["field"] for clause in statement.detail] == ["status", "warmup_status", "version"]
    error = played.error
    assert isinstance(error, RetryRefused)
    assert (error.inbox_id, error.trigger, error.verdict.as_list()) == (PENDING.id, "retry_warmup", statement.detail)


def test_an_acceptance_for_an_erased_inbox_is_closed_and_taken_back() -> None:
    """Only this call still has the address."""
    erased = looked(replace(ERASED, version=2))
    played = play(retry(), seen(PENDING), job(), None, None, erased, CLOSED, job())
    statement = played.statement(5)
    assert (statement.inbox_id, statement.owner_id, statement.outcome) == (PENDING.id, "owner", "lost")
    assert statement.detail == [{"field": "erased", "expected": "no", "found": "yes", "held": False}]
    assert played.request(6).url.path.endswith("/disable")
    assert played.request(6).content == b'{"emails":["ana@mail.example.com"]}'
    assert isinstance(played.error, InboxNotFound)
    assert played.error.inbox_id == PENDING.id


def test_the_event_of_a_warmup_says_how_it_was_accepted() -> None:
    """The attempt, its kind, the job and who recorded it."""
    played = play(retry(), seen(PENDING), job(id="job-9"), None, WARMING)
    commit = played.statement(3)
    payload = decode_entry(commit.event.entry).payload
    assert (payload["acceptance"], payload["job_id"]) == ("enabled", "job-9")
    assert (payload["attempt_id"], payload["kind"], payload["recorder"]) == (
        played.statement(0).attempt_id,
        "retry",
        "call",
    )
    assert (commit.seen_version, commit.owner_id, commit.now, commit.patience) == (1, "owner", NOW, 13.5)
    assert (commit.event.version, commit.event.previous, commit.event.inbox_id) == (2, b"\x01" * 32, PENDING.id)


def test_a_warmup_is_recorded_after_what_it_follows_though_the_clock_is_behind() -> None:
    """The row's time, if it is later."""
    played = play(retry(), seen(replace(PENDING, updated_at=LATER)), job(), None, WARMING)
    assert (played.statement(3).now, played.statement(3).event.recorded_at) == (LATER, LATER)


def test_a_second_look_asks_for_its_own_attempt_and_key() -> None:
    """By the owner the inbox had."""
    played = play(retry(), seen(PENDING), job(), None, None, looked(PENDING), WARMING)
    look = played.statement(4)
    assert (look.inbox_id, look.owner_id, look.idempotency_key) == (PENDING.id, "owner", "key-1")
    assert look.attempt_id == played.statement(0).attempt_id
