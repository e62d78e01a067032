"""The warmup call and its record, driven by hand: which steps, in which order, and what each answer leads to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from inbox_lifecycle import Inbox, InboxNotFound, RetryRefused, WarmupNotRecorded
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptKind
from inbox_lifecycle.errors import (
    IdempotencyKeyReused,
    ProviderBusy,
    ProviderOutcomeUnknown,
    ProviderRejected,
    ProviderThrottled,
    ProviderUnavailable,
    StoreContended,
    StoreUnavailable,
)
from inbox_lifecycle.flow import Flow, Once, Shield, Unanswered, Unsent
from inbox_lifecycle.lifecycle.warmup import request_warmup
from inbox_lifecycle.store.faults import ConstraintViolated
from inbox_lifecycle.store.rows import Closed
from tests.support.steps import (
    BACK,
    ERASED,
    PENDING,
    STARTED,
    WARMING,
    Clock,
    account,
    close_after,
    job,
    looked,
    play,
    seen,
    terms,
)

OPEN = seen(PENDING)
CLOSED = Closed(was_open=True, keyed=None)
GONE = StoreUnavailable("gone", maybe_applied=True)
CONTENDED = StoreContended("40001")
#: An inbox that moved on, as the event of version 2 left it.
AS_STARTED = replace(BACK, status=STARTED.reached.status, warmup_status=STARTED.reached.warmup_status, version=2)


def retry(clock: Callable[[], float] | None = None, key: str | None = None) -> Flow[Inbox]:
    """A retry by the owner."""
    return request_warmup(
        terms(clock),
        inbox_id=PENDING.id,
        owner_id="owner",
        kind=AttemptKind.RETRY,
        context=Context(owner_id="owner", idempotency_key=key),
    )


def test_the_winning_path_is_two_statements_around_one_request() -> None:
    """Open, ask, shield, commit: nothing else, and nothing is held while the provider is asked."""
    played = play(retry(), OPEN, job(), None, WARMING)
    assert played.names == ["open_attempt", "Send", "Shield", "commit_warmup"]
    assert played.value == WARMING


def test_the_winning_path_is_shielded_for_as_long_as_recording_may_take() -> None:
    """The shield's budget is the recording budget, and it stands right after the acceptance."""
    assert play(retry(), OPEN, job(), None, WARMING).steps[2] == Shield(15.0)


def test_the_commit_is_fenced_by_the_attempt_that_was_opened_at_the_version_it_saw() -> None:
    """What was opened and what is committed are the same attempt, and the swap is at the version the gate saw."""
    played = play(retry(), OPEN, job(), None, WARMING)
    opened, commit = played.statement(0), played.statement(3)
    assert commit.attempt_id == opened.attempt_id
    assert (commit.seen_version, commit.event.version, commit.event.previous) == (1, 2, OPEN.head_hash)


def test_an_inbox_that_is_not_the_callers_ends_after_the_first_statement() -> None:
    """Nothing is closed, for nothing was opened, and nobody is asked."""
    played = play(retry(), None)
    assert played.names == ["open_attempt"]
    assert isinstance(played.error, InboxNotFound)


def test_a_refusal_is_one_statement_more_and_no_request() -> None:
    """The gate refuses what was loaded; its verdict closes the attempt."""
    played = play(retry(), seen(WARMING), CLOSED)
    assert played.names == ["open_attempt", "close_attempt"]
    assert isinstance(played.error, RetryRefused)
    assert (played.statement(1).outcome, played.statement(1).detail) == ("refused", played.error.verdict.as_list())


def test_a_key_that_has_its_success_is_answered_without_a_request() -> None:
    """The inbox is returned as the key's event left it, though it moved on since."""
    played = play(retry(key="once"), seen(BACK, STARTED), CLOSED)
    assert played.names == ["open_attempt", "close_attempt"]
    assert played.value == AS_STARTED


def test_a_key_of_another_operation_is_refused_without_a_request() -> None:
    """The key stands for a ban; nothing is sent in its name."""
    banned = replace(STARTED, name="inbox.banned")
    played = play(retry(key="once"), seen(BACK, banned), CLOSED)
    assert played.names == ["open_attempt", "close_attempt"]
    assert isinstance(played.error, IdempotencyKeyReused)


@pytest.mark.parametrize(
    ("answer", "outcome", "error"),
    [
        (httpx.Response(401), "rejected", ProviderRejected),
        (httpx.Response(429, headers={"Retry-After": "7"}), "throttled", ProviderThrottled),
        (httpx.Response(503, headers={"Retry-After": "7"}), "unavailable", ProviderUnavailable),
        (Unsent("refused"), "unavailable", ProviderUnavailable),
    ],
    ids=["rejected", "throttled", "unavailable", "unsent"],
)
def test_a_definite_no_closes_the_attempt(answer: object, outcome: str, error: type[Exception]) -> None:
    """One request, one closing statement; the inbox is not touched."""
    played = play(retry(), OPEN, answer, CLOSED)
    assert played.names == ["open_attempt", "Send", "close_attempt"]
    assert played.statement(2).outcome == outcome
    assert isinstance(played.error, error)


def test_busy_is_judged_by_the_account() -> None:
    """The provider is busy and the account does not warm: closed as busy after one look at the account."""
    played = play(retry(), OPEN, httpx.Response(409), account(0), CLOSED)
    assert played.names == ["open_attempt", "Send", "Send", "close_attempt"]
    assert played.request(2).method == "GET"
    assert isinstance(played.error, ProviderBusy)


def test_an_unknown_outcome_leaves_the_attempt_open() -> None:
    """No answer, and the account says nothing yet: no closing statement at all."""
    played = play(retry(), OPEN, Unanswered("cut"), account(0))
    assert played.names == ["open_attempt", "Send", "Send"]
    assert isinstance(played.error, ProviderOutcomeUnknown)


@pytest.mark.parametrize("answer", [Unanswered("cut"), httpx.Response(409)], ids=["unknown", "busy"])
def test_an_account_that_warms_already_is_a_success(answer: object) -> None:
    """Whatever the enable was answered, the account warms: it is recorded as already warming."""
    played = play(retry(), OPEN, answer, account(1), None, WARMING)
    assert played.names == ["open_attempt", "Send", "Send", "Shield", "commit_warmup"]
    assert b'"acceptance":"already_warming"' in played.statement(4).event.entry


def test_a_stale_connection_at_the_first_statement_is_met_by_the_same_statement() -> None:
    """The same attempt id goes again, so that a first run that did take effect opens nothing twice."""
    played = play(retry(), GONE, OPEN, job(), None, WARMING)
    assert played.names == ["open_attempt", "open_attempt", "Send", "Shield", "commit_warmup"]
    assert played.statement(0) is played.statement(1)


def test_a_database_that_is_gone_at_the_first_statement_keeps_the_provider_from_being_asked() -> None:
    """Two connections in a row failed: nothing was sent."""
    played = play(retry(), GONE, GONE)
    assert played.names == ["open_attempt", "open_attempt"]
    assert isinstance(played.error, StoreUnavailable)


def test_failing_to_close_an_attempt_never_changes_the_answer() -> None:
    """The provider said no; that the attempt stays open is for `reconcile`."""
    played = play(retry(), OPEN, httpx.Response(401), GONE, GONE)
    assert isinstance(played.error, ProviderRejected)


def test_a_lost_acknowledgement_is_met_by_the_same_statement_until_it_is_answered() -> None:
    """The very same commit runs again, from the second run on with a bound to its waiting, pausing in between."""
    played = play(retry(), OPEN, job(), None, GONE, GONE, None, WARMING)
    assert played.names[3:] == ["commit_warmup", "commit_warmup", "Sleep", "commit_warmup"]
    assert played.statement(3) is played.statement(4) is played.statement(6)
    assert [step.patience for step in played.steps if isinstance(step, Once)] == [None, None, 15.0, 15.0]


def test_an_acknowledgement_that_never_comes_is_not_recorded_once_the_budget_is_over() -> None:
    """The clock runs out in the middle: the error says exactly what is known."""
    clock = Clock()
    flow = retry(clock)
    next(flow)
    for answer in (OPEN, job(), None):
        flow.send(answer)
    clock.seconds = 15.0
    with pytest.raises(WarmupNotRecorded, match=r"^Warmup was enabled but failed to update account status$"):
        flow.throw(GONE)


@pytest.mark.parametrize("miss", [None, CONTENDED, ConstraintViolated("inbox_events_pkey")], ids=str)
def test_a_miss_with_nothing_moved_is_met_by_the_same_statement(miss: object) -> None:
    """Contended, constrained or just missed: one new look, then the same commit; the provider is not asked again."""
    played = play(retry(), OPEN, job(), None, miss, looked(PENDING), WARMING)
    assert played.names[3:] == ["commit_warmup", "look_again", "commit_warmup"]
    assert played.statement(3) is played.statement(5)
    assert played.value == WARMING


def test_misses_without_end_count_as_a_failed_write() -> None:
    """Five misses with nothing moved, and no sixth."""
    played = play(retry(), OPEN, job(), None, *(None, looked(PENDING)) * 5)
    assert played.names[3:] == ["commit_warmup", "look_again"] * 5
    assert isinstance(played.error, WarmupNotRecorded)


def test_a_miss_whose_attempt_moved_the_inbox_is_a_success() -> None:
    """An earlier run of the commit took effect; the inbox is returned as that event left it."""
    played = play(retry(), OPEN, job(), None, None, looked(BACK, outcome="moved", moved=STARTED))
    assert played.value == AS_STARTED


def test_a_miss_because_the_version_moved_on_is_lost_though_the_pair_came_again() -> None:
    """The pair that the gate saw stands there again; the version says that the acceptance is stale."""
    played = play(retry(), OPEN, job(), None, None, looked(BACK), CLOSED)
    assert played.names[3:] == ["commit_warmup", "look_again", "close_attempt"]
    assert (played.statement(5).outcome, played.statement(5).accepted) == ("lost", True)
    assert isinstance(played.error, RetryRefused)
    assert [(clause.field, clause.expected, clause.found) for clause in played.error.verdict.failed] == [
        ("version", "1", "3")
    ]


def test_a_loser_whose_key_won_returns_that_success() -> None:
    """The closing statement finds the key's event."""
    closed = Closed(was_open=True, keyed=STARTED)
    played = play(retry(key="once"), OPEN, job(), None, None, looked(WARMING, keyed=STARTED), closed)
    assert (played.value.version, played.value.status) == (2, "warming")


def test_a_miss_because_the_inbox_was_erased_stops_the_warmup() -> None:
    """Only this call still has the address: it tells the provider to stop, and says that there is no such inbox."""
    played = play(retry(), OPEN, job(), None, None, looked(ERASED), CLOSED, job())
    assert played.names[3:] == ["commit_warmup", "look_again", "close_attempt", "Send"]
    assert played.request(6).url.path.endswith("/warmup/disable")
    assert isinstance(played.error, InboxNotFound)


def test_stopping_an_erased_inbox_is_tried_again_while_the_providers_own_job_is_in_the_way() -> None:
    """It has just taken the job of enabling, and refuses a second one meanwhile."""
    busy, pending = httpx.Response(409), httpx.Response(200, json={"items": [{"id": "j", "status": "in-progress"}]})
    said = (busy, account(0), pending, account(0), None, job())
    played = play(retry(), OPEN, job(), None, None, looked(ERASED), CLOSED, *said)
    assert [played.request(at).url.path.endswith("/warmup/disable") for at in (6, len(played.steps) - 1)] == [
        True,
        True,
    ]
    assert isinstance(played.error, InboxNotFound)


def test_an_erased_inbox_that_could_not_be_stopped_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever erased it must stop it by hand, and nobody else would know."""
    played = play(retry(), OPEN, job(), None, None, looked(ERASED), CLOSED, httpx.Response(401))
    assert isinstance(played.error, InboxNotFound)
    assert f"inbox {ERASED.id} is erased and may still warm" in caplog.text


def test_a_miss_because_the_attempt_was_closed_by_others_is_not_recorded() -> None:
    """`reconcile` gave it up though the inbox did not move: the caller may try again at once."""
    played = play(retry(), OPEN, job(), None, None, looked(PENDING, outcome="abandoned"))
    assert isinstance(played.error, WarmupNotRecorded)


LONGEST_PATHS: dict[str, tuple[Any, ...]] = {
    "won": (OPEN, job(), None),
    "refused": (seen(WARMING),),
    "rejected": (OPEN, httpx.Response(401)),
    "unknown": (OPEN, Unanswered("cut")),
    "retried": (OPEN, job(), None, GONE, GONE, None),
    "lost": (OPEN, job(), None, None, looked(BACK)),
    "erased": (OPEN, job(), None, None, looked(ERASED), CLOSED),
}


@pytest.mark.parametrize("path", LONGEST_PATHS)
def test_closing_a_flow_at_any_step_does_nothing(path: str) -> None:
    """An abandoned flow asks for no further step: closing it would raise if it tried to."""
    answers = LONGEST_PATHS[path]
    for taken in range(len(answers) + 1):
        close_after(retry(), *answers[:taken])
