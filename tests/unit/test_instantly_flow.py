"""The Instantly adapter step by step: what it sends, and what it makes of any answer."""

from collections.abc import Mapping
from typing import TypeVar

import httpx
import pytest

from inbox_lifecycle.domain import InboxId, WarmupState
from inbox_lifecycle.flow import Flow, Send, Step, Unanswered, Unsent
from inbox_lifecycle.providers.http import user_agent
from inbox_lifecycle.providers.instantly import BATCH, PATIENCE, Instantly
from inbox_lifecycle.providers.port import (
    ActivateAnswer,
    Activated,
    EnableAnswer,
    Enabled,
    Figures,
    Mailbox,
    NoFigures,
    Rejected,
    Throttled,
    Unavailable,
    Unknown,
)

T = TypeVar("T")

PROVIDER = Instantly(api_key="key-1", timeout=3.0)
JOB = {"id": "675266e304a8e55b17f0228b", "status": "pending", "type": "update-warmup-accounts", "surprise": [1]}


def mailboxes(count: int) -> list[Mailbox]:
    """As many mailboxes."""
    return [Mailbox(InboxId(f"id-{number}"), f"inbox{number}@example.com") for number in range(count)]


def request_of(step: Step) -> httpx.Request:
    """The request that a step sends."""
    assert isinstance(step, Send)
    return step.request


def run(flow: Flow[T], *answers: httpx.Response | Unsent | Unanswered) -> T:
    """Feed a flow its answers, and demand that it needs exactly these."""
    try:
        next(flow)
        for answer in answers:
            flow.send(answer) if isinstance(answer, httpx.Response) else flow.throw(answer)
    except StopIteration as end:
        value: T = end.value
        return value
    raise AssertionError("the flow wants more answers")


def enable_one(*answers: httpx.Response | Unsent | Unanswered) -> EnableAnswer:
    """What one enable makes of these answers."""
    return run(PROVIDER.enable_warmup(mailboxes(1)), *answers)[InboxId("id-0")]


def job(**changes: object) -> httpx.Response:
    """A success that holds a job."""
    return httpx.Response(200, json=JOB | changes)


def account(**fields: object) -> httpx.Response:
    """A success that holds an account."""
    return httpx.Response(200, json=fields)


def test_enable_sends_exactly_these_bytes() -> None:
    """The request names the addresses, the key and who we are, and nothing more."""
    step = next(PROVIDER.enable_warmup(mailboxes(2)))
    request = request_of(step)
    assert request.method == "POST"
    assert str(request.url) == "https://api.instantly.ai/api/v2/accounts/warmup/enable"
    assert request.content == b'{"emails":["inbox0@example.com","inbox1@example.com"]}'
    assert dict(request.headers) == {
        "host": "api.instantly.ai",
        "authorization": "Bearer key-1",
        "user-agent": user_agent(),
        "accept": "application/json",
        "content-type": "application/json",
        "content-length": "54",
    }


def test_step_carries_the_timeout_and_the_budget_is_two_of_them() -> None:
    """One mailbox takes at most the request and one reading of its account."""
    step = next(PROVIDER.enable_warmup(mailboxes(1)))
    assert isinstance(step, Send)
    assert step.timeout == 3.0
    assert PROVIDER.budget == 6.0


def test_workspace_is_named_in_its_header() -> None:
    """An admin's key acts in the sub-workspace it is told."""
    provider = Instantly(api_key="key-1", workspace="ws-1")
    assert request_of(next(provider.enable_warmup(mailboxes(1)))).headers["x-as-workspace"] == "ws-1"


def test_read_sends_an_empty_get_with_the_address_quoted() -> None:
    """Every character of an address that means something in a URL is quoted, and a GET has no body."""
    odd = Mailbox(InboxId("id"), "a/..%b+c?#ü@example.com")
    request = request_of(next(PROVIDER.read_warmup([odd])))
    assert request.method == "GET"
    assert request.url.raw_path == b"/api/v2/accounts/a%2F..%25b%2Bc%3F%23%C3%BC%40example.com"
    assert request.content == b""
    assert "content-type" not in request.headers


def test_job_list_is_asked_for_running_warmup_jobs_only() -> None:
    """The look at the jobs is filtered by the provider."""
    flow = PROVIDER.read_warmup(mailboxes(1))
    next(flow)
    request = request_of(flow.send(account(warmup_status=0)))
    assert request.url.path == "/api/v2/background-jobs"
    assert dict(request.url.params) == {
        "type": "update-warmup-accounts",
        "status": "pending,in-progress,draining,paused",
        "limit": "100",
    }


def test_provider_ref_stands_in_for_the_address() -> None:
    """Where the provider knows the mailbox by another name, that name is sent."""
    mailbox = Mailbox(InboxId("id"), "ana@example.com", provider_ref="ref@example.com")
    assert request_of(next(PROVIDER.enable_warmup([mailbox]))).content == b'{"emails":["ref@example.com"]}'


def test_base_url_may_end_in_a_slash() -> None:
    """A base URL with a slash at its end is the same base URL."""
    provider = Instantly(api_key="key-1", base_url="http://localhost:1/")
    assert (
        str(request_of(next(provider.activate_campaign("c"))).url) == "http://localhost:1/api/v2/campaigns/c/activate"
    )


@pytest.mark.parametrize("method", ["enable_warmup", "disable_warmup", "read_warmup", "read_analytics"])
def test_no_mailboxes_send_nothing(method: str) -> None:
    """A request that names no address might mean all of them, so there is none."""
    flow: Flow[Mapping[InboxId, object]] = getattr(PROVIDER, method)([])
    with pytest.raises(StopIteration) as end:
        next(flow)
    assert end.value.value == {}


def test_many_mailboxes_go_in_batches_and_each_batch_has_its_own_answer() -> None:
    """The provider's limit a request is kept, and one batch's no is not another's."""
    flow = PROVIDER.enable_warmup(mailboxes(2 * BATCH + 1))
    sizes = [request_of(next(flow)).content.count(b"@")]
    sizes.append(request_of(flow.send(job(id="first"))).content.count(b"@"))
    sizes.append(request_of(flow.send(httpx.Response(402))).content.count(b"@"))
    with pytest.raises(StopIteration) as end:
        flow.send(job(id="third"))
    assert sizes == [BATCH, BATCH, 1]
    answers = list(end.value.value.values())
    assert answers[:BATCH] == [Enabled("first")] * BATCH
    assert answers[BATCH:-1] == [Rejected(402, "payment_required")] * BATCH
    assert answers[-1] == Enabled("third")


def test_request_that_never_left_is_not_followed_by_a_look() -> None:
    """Nothing was sent, so nothing is in doubt."""
    assert enable_one(Unsent()) == Unavailable("not_reached")


def test_request_without_an_answer_is_followed_by_one_look() -> None:
    """Whatever the account says but warming, the outcome stays unknown."""
    assert enable_one(Unanswered(), account(warmup_status=0)) == Unknown("unanswered")


@pytest.mark.parametrize("status", ["pending", "in-progress", "success", "completed", "draining", "a new word"])
def test_job_that_did_not_end_badly_is_taken(status: str) -> None:
    """Only the words for a bad end are a no; a word we do not know is not."""
    assert enable_one(job(status=status)) == Enabled("675266e304a8e55b17f0228b")


@pytest.mark.parametrize("status", ["failed", "error", "cancelled"])
def test_job_that_ended_badly_is_a_no(status: str) -> None:
    """Both vocabularies of the provider are understood."""
    assert enable_one(job(status=status)) == Rejected(None, "job_failed")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"ok"',
        b"{}",
        b'{"id": 7, "status": "pending"}',
        b'{"id": "j"}',
        b'{"id": "ana@example.com", "status": "pending"}',
        b'{"id": "j", "status": "pend',
        b'{"id": "\\u0000", "status": "pending"}',
        b"\xff\xfe",
        b"<html></html>",
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_success_with_a_wrong_body_is_unknown(body: bytes) -> None:
    """A 200 is worth what its body says, and nothing that is no job id gets into history."""
    looked = account(warmup_status=0)
    assert enable_one(httpx.Response(200, content=body), looked) == Unknown("unreadable")


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"warmup_status": 1, "email": 7, "unheard_of": {}}, WarmupState.WARMING),
        ({"warmup_status": 1, "stat_warmup_score": "high"}, WarmupState.WARMING),
        ({"warmup_status": "1"}, WarmupState.UNKNOWN),
        ({"warmup_status": True}, WarmupState.UNKNOWN),
        ({"warmup_status": None}, WarmupState.UNKNOWN),
        ({}, WarmupState.UNKNOWN),
    ],
)
def test_account_is_read_leniently_but_never_guessed(fields: dict[str, object], state: WarmupState) -> None:
    """Odd fields that nobody uses do no harm; an odd status is no status."""
    assert run(PROVIDER.read_warmup(mailboxes(1)), account(**fields)) == {"id-0": state}


@pytest.mark.parametrize(
    ("listed", "state"),
    [
        ({"items": []}, WarmupState.NOT_WARMING),
        ({"items": [JOB | {"status": "success"}]}, WarmupState.NOT_WARMING),
        ({"items": [JOB | {"type": "move-leads"}]}, WarmupState.NOT_WARMING),
        ({"items": [JOB | {"status": "in-progress"}]}, WarmupState.JOB_PENDING),
        ({"items": [JOB | {"status": "draining"}]}, WarmupState.JOB_PENDING),
        ({"items": [JOB | {"status": "a new word"}]}, WarmupState.JOB_PENDING),
        ({"items": {}}, WarmupState.UNKNOWN),
        ({}, WarmupState.UNKNOWN),
    ],
)
def test_paused_account_means_what_the_job_list_says(listed: dict[str, object], state: WarmupState) -> None:
    """The list is read as it should be even if the provider ignored the filter."""
    paused = account(warmup_status=0)
    assert run(PROVIDER.read_warmup(mailboxes(1)), paused, httpx.Response(200, json=listed), paused) == {"id-0": state}


def test_provider_that_answers_nothing_is_not_asked_a_hundred_times() -> None:
    """After a few accounts in a row without an answer, the rest are unknown unasked."""
    states = run(PROVIDER.read_warmup(mailboxes(BATCH)), *[Unanswered()] * PATIENCE)
    assert set(states.values()) == {WarmupState.UNKNOWN}
    assert len(states) == BATCH


def test_single_account_that_breaks_the_provider_hides_no_other() -> None:
    """An answer in between starts the count of silent accounts again."""
    good = account(warmup_status=1)
    silent = [Unanswered()] * (PATIENCE - 1)
    states = run(PROVIDER.read_warmup(mailboxes(2 * PATIENCE)), *silent, good, *silent, good)
    assert list(states.values()).count(WarmupState.WARMING) == 2


@pytest.mark.parametrize("error", [httpx.Response(500), httpx.Response(200, content=b"<html>")])
def test_accounts_that_answer_with_an_error_hide_no_other(error: httpx.Response) -> None:
    """Only silence ends the asking: an error that comes promptly keeps nobody waiting."""
    errors = [error] * (PATIENCE + 1)
    states = run(PROVIDER.read_warmup(mailboxes(PATIENCE + 2)), *errors, account(warmup_status=1))
    assert list(states.values())[-1] is WarmupState.WARMING


@pytest.mark.parametrize("answer", [httpx.Response(429), httpx.Response(401)])
def test_answer_about_the_key_or_the_limit_ends_the_looking(answer: httpx.Response) -> None:
    """The other accounts would be told the same."""
    states = run(PROVIDER.read_warmup(mailboxes(BATCH)), account(warmup_status=1), answer)
    assert [states[InboxId(f"id-{number}")] for number in (0, 1, BATCH - 1)] == ["warming", "unknown", "unknown"]


def figures_of(analytics: dict[str, object], **fields: object) -> Figures | NoFigures:
    """The figures of one mailbox, from its analytics and its account."""
    answers = [httpx.Response(200, json=analytics)]
    answers += [account(**fields)] if fields else []
    return run(PROVIDER.read_analytics(mailboxes(1)), *answers)[InboxId("id-0")]


def test_figures_left_out_are_zero_or_missing() -> None:
    """The provider's own example leaves out what is zero."""
    found = figures_of({"aggregate_data": {"inbox0@example.com": {"sent": 5}}}, warmup_status=1)
    assert found == Figures(
        total_sent=5,
        total_received=0,
        landed_spam=0,
        health_score=None,
        health_score_label=None,
        reputation=None,
        warmup=WarmupState.WARMING,
    )


def test_figures_are_found_in_small_letters_too() -> None:
    """The provider may write an address in its own way."""
    mailbox = Mailbox(InboxId("id"), "Inbox0@example.com")
    flow = PROVIDER.read_analytics([mailbox])
    analytics = httpx.Response(200, json={"aggregate_data": {"inbox0@example.com": {"sent": 5}}})
    assert isinstance(run(flow, analytics, account(warmup_status=1))[InboxId("id")], Figures)


@pytest.mark.parametrize(
    "odd",
    [
        {"aggregate_data": {"inbox0@example.com": {}}},
        {"aggregate_data": {"inbox0@example.com": {"sent": "5"}}},
        {"aggregate_data": {"inbox0@example.com": {"sent": -5}}},
        {"aggregate_data": {"inbox0@example.com": {"sent": 2**53}}},
        {"aggregate_data": {"inbox0@example.com": {"sent": 5, "received": 2**60}}},
        {"aggregate_data": {"inbox0@example.com": []}},
        {"aggregate_data": {"inbox0@example.com": {"sent": 5}}, "email_date_data": {"inbox0@example.com": {"x": {}}}},
    ],
)
def test_odd_figures_are_missing(odd: dict[str, object]) -> None:
    """What a mailbox sent is never made up, since it graduates by it."""
    assert figures_of(odd, warmup_status=1) == NoFigures("unreadable")


@pytest.mark.parametrize("answer", [{}, {"statusCode": 500, "error": "x", "message": "y"}, {"aggregate_data": None}])
def test_analytics_without_totals_are_unreadable(answer: dict[str, object]) -> None:
    """An error in a success's clothes is no word that nothing was ever sent."""
    assert figures_of(answer) == NoFigures("unreadable")


@pytest.mark.parametrize("empty", [{"aggregate_data": {}}, {"aggregate_data": {}, "email_date_data": {}}])
def test_empty_analytics_ask_for_no_account(empty: dict[str, object]) -> None:
    """A mailbox without figures costs no further exchange."""
    assert figures_of(empty) == NoFigures("not_measured_yet")


def test_odd_figures_of_one_mailbox_spoil_no_other() -> None:
    """Each mailbox is read on its own."""
    totals = {"inbox0@example.com": {"sent": "many"}, "inbox1@example.com": {"sent": 5}}
    good = account(warmup_status=1)
    found = run(PROVIDER.read_analytics(mailboxes(2)), httpx.Response(200, json={"aggregate_data": totals}), good, good)
    assert isinstance(found[InboxId("id-0")], NoFigures)
    assert isinstance(found[InboxId("id-1")], Figures)


@pytest.mark.parametrize("score", ["90", True, None, -1, 101, 100_000, 2**70, 10**400])
def test_score_that_is_none_of_a_hundred_is_no_reputation(score: object) -> None:
    """Nothing but a score can earn a graduation, and no number stops the reading."""
    totals: dict[str, object] = {"aggregate_data": {"inbox0@example.com": {"sent": 5}}}
    found = figures_of(totals, warmup_status=1, stat_warmup_score=score)
    assert isinstance(found, Figures)
    assert found.reputation is None


def test_paused_account_among_figures_is_made_sure_of() -> None:
    """Figures say "not warming" only after the job list was seen."""
    analytics = httpx.Response(200, json={"aggregate_data": {"inbox0@example.com": {"sent": 5}}})
    paused = account(warmup_status=0)
    jobs = httpx.Response(200, json={"items": [JOB]})
    found = run(PROVIDER.read_analytics(mailboxes(1)), analytics, paused, jobs, paused)[InboxId("id-0")]
    assert isinstance(found, Figures)
    assert found.warmup is WarmupState.JOB_PENDING


@pytest.mark.parametrize(
    ("told", "answer"),
    [
        ({"id": "C-1", "status": 1}, Activated()),
        ({"id": "c-1", "status": 4}, Activated()),
        ({"id": "c-1", "status": 0}, Unknown("campaign_not_running")),
        ({"id": "c-1", "status": -99}, Unknown("campaign_not_running")),
        ({"id": "c-2", "status": 1}, Unknown("unreadable")),
        ({"id": "c-1"}, Unknown("unreadable")),
        ({"id": "c-1", "status": "1"}, Unknown("unreadable")),
        ({"statusCode": 500, "error": "x", "message": "y"}, Unknown("unreadable")),
    ],
)
def test_launch_is_one_only_of_our_campaign_that_runs(told: dict[str, object], answer: ActivateAnswer) -> None:
    """A success that speaks of another campaign, or of one that stands still, launched nothing that we know of."""
    assert run(PROVIDER.activate_campaign("c-1"), httpx.Response(200, json=told)) == answer


@pytest.mark.parametrize("campaign_id", ["", ".", "..", "a/b", "a?b", "a b"])
def test_campaign_id_that_would_change_the_url_is_not_sent(campaign_id: str) -> None:
    """Nothing but an id goes into the path."""
    with pytest.raises(StopIteration) as end:
        next(PROVIDER.activate_campaign(campaign_id))
    assert end.value.value == Rejected(None, "malformed_campaign_id")


def test_throttled_answer_in_a_batch_is_everybodys() -> None:
    """The limit is the workspace's."""
    answers = run(PROVIDER.enable_warmup(mailboxes(2)), httpx.Response(429, headers={"Retry-After": "2"}))
    assert list(answers.values()) == [Throttled(2.0)] * 2


def test_representation_hides_the_key() -> None:
    """A provider in a log or a traceback does not give its key away."""
    assert "key-1" not in repr(PROVIDER) + str(PROVIDER)


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_key": ""},
        {"api_key": "secret\n"},
        {"api_key": "sécret"},
        {"api_key": "key", "workspace": "secret "},
        {"api_key": "key", "base_url": "api.instantly.ai"},
    ],
)
def test_settings_that_cannot_work_are_refused_without_repeating_them(wrong: dict[str, str]) -> None:
    """A key copied with its line end is caught where it is set, not in the HTTP library's message."""
    with pytest.raises(ValueError, match=r"api_key|workspace|base_url") as refused:
        Instantly(**wrong)  # type: ignore[arg-type]  # one of them is a float
    assert "cret" not in str(refused.value)
