"""The Smartlead adapter step by step: exact requests, odd answers, no network."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from inbox_lifecycle import InvalidInput, Smartlead
from inbox_lifecycle.domain import InboxId, WarmupState
from inbox_lifecycle.flow import Send, Unanswered, Unsent
from inbox_lifecycle.providers.http import user_agent
from inbox_lifecycle.providers.one_by_one import PATIENCE
from inbox_lifecycle.providers.port import (
    Activated,
    AlreadyWarming,
    Disabled,
    Enabled,
    Mailbox,
    NoFigures,
    Rejected,
    Throttled,
    Unavailable,
    Unknown,
)
from inbox_lifecycle.providers.smartlead import API
from tests.support.steps import Played, play

KEY = "zx key+/&?".replace(" ", "_")
PROVIDER = Smartlead(api_key=KEY, timeout=3.0)
DONE = httpx.Response(200, json={"ok": True, "message": "Email warmup details updated successfully!"})
NOW = {"Date": "Wed, 21 Oct 2026 07:28:00 GMT"}


def numbered(count: int = 1) -> list[Mailbox]:
    """Mailboxes whose numbers are known, from 101 on."""
    return [Mailbox(InboxId(f"id-{one}"), f"inbox{one}@example.com", str(101 + one)) for one in range(count)]


def addressed(count: int = 1) -> list[Mailbox]:
    """Mailboxes known by their addresses."""
    return [Mailbox(InboxId(f"id-{one}"), f"inbox{one}@example.com") for one in range(count)]


def detail(**details: object) -> httpx.Response:
    """An account in detail, with what must not be kept."""
    return httpx.Response(200, json={"id": 101, "password": "zx-password", "warmup_details": details})


def rows(*addresses: str, first: int = 101) -> httpx.Response:
    """A page of the list of accounts."""
    return httpx.Response(200, json=[{"id": first + n, "from_email": one} for n, one in enumerate(addresses)])


def urls(played: Played) -> list[str]:
    """What was asked, without the host and the key."""
    requests = [played.request(position) for position in range(len(played.steps))]
    assert {request.url.params["api_key"] for request in requests} <= {KEY}
    asked = [request.url.copy_remove_param("api_key") for request in requests]
    return [str(url).removeprefix(f"{API}/api/v1/").rstrip("?") for url in asked]


def only(played: Played) -> Any:
    """The one answer."""
    (answer,) = played.value.values()
    return answer


def test_enable_sends_exactly_these_bytes() -> None:
    """The switch and nothing else: no volume is sent, as the ones that are set cannot be read."""
    played = play(PROVIDER.enable_warmup(numbered()), DONE)
    request = played.request(0)
    assert only(played) == Enabled()
    assert (request.method, request.content) == ("POST", b'{"warmup_enabled":true}')
    assert str(request.url) == f"{API}/api/v1/email-accounts/101/warmup?api_key=zx_key%2B%2F%26%3F"
    assert dict(request.headers) == {
        "host": "server.smartlead.ai",
        "user-agent": user_agent(),
        "accept": "application/json",
        "content-type": "application/json",
        "content-length": "23",
    }


def test_disable_and_launch_say_what_they_mean() -> None:
    """One route switches both ways, and a campaign is started by a word."""
    assert play(PROVIDER.disable_warmup(numbered()), DONE).request(0).content == b'{"warmup_enabled":false}'
    played = play(PROVIDER.activate_campaign("7"), DONE)
    assert (played.value, urls(played)) == (Activated(), ["campaigns/7/status"])
    assert (played.request(0).method, played.request(0).content) == ("POST", b'{"status":"START"}')


def test_step_carries_the_timeout_and_the_budget_counts_every_request_there_can_be() -> None:
    """One that asks by name, the pages, the switch and one reading; without looking up, the last two."""
    step = next(PROVIDER.enable_warmup(numbered()))
    assert isinstance(step, Send)
    assert (step.timeout, PROVIDER.budget) == (3.0, (1 + 5 + 2) * 3.0)
    pages = [rows(f"{n}@example.com", first=n + 1) for n in range(6)]
    played = play(PROVIDER.enable_warmup(addressed()), *pages[:5], rows("inbox0@example.com"), Unanswered(), detail())
    assert sum(one.timeout for one in played.steps if isinstance(one, Send)) == PROVIDER.budget
    assert Smartlead(api_key="k", timeout=3.0, look_up_pages=0).budget == 6.0


def test_mailbox_without_a_number_is_asked_for_by_name_first() -> None:
    """One request finds most of them; its answer is held against the address, as the name may fit others too."""
    found = rows("not-inbox0@example.com", "INBOX0@example.com", "inbox0@example.com", first=7)
    played = play(PROVIDER.enable_warmup(addressed()), found, DONE)
    assert only(played) == Enabled()
    assert urls(played) == [
        "email-accounts/?offset=0&limit=100&username=inbox0%40example.com",
        "email-accounts/9/warmup",
    ]


def test_name_that_cannot_be_asked_for_now_ends_the_look_up() -> None:
    """A limit that is reached, and a provider that is not there, are not tried again page by page."""
    assert only(play(PROVIDER.enable_warmup(addressed()), httpx.Response(429))) == Throttled(None)
    assert only(play(PROVIDER.enable_warmup(addressed()), Unsent())) == Unavailable("not_reached")


@pytest.mark.parametrize("named", [rows(), httpx.Response(400)], ids=["none", "refused"])
def test_mailbox_that_logs_in_under_another_name_is_found_in_the_list(named: object) -> None:
    """The short cut may lead nowhere; the list goes on from the rows that came, until an empty page."""
    played = play(
        PROVIDER.read_warmup(addressed()), named, rows("a@example.com", "b@example.com"), rows("c@x.io"), rows()
    )
    assert only(played) is WarmupState.ABSENT
    assert urls(played)[1:] == [f"email-accounts/?offset={offset}&limit=100" for offset in (0, 2, 3)]


def test_many_mailboxes_share_the_pages_and_stop_at_the_last_one_found() -> None:
    """No page is asked for twice, none by name, and none after the last was found."""
    pages = rows("inbox1@example.com", first=1), rows("x@example.com", "Inbox0@Example.com", first=2)
    played = play(PROVIDER.enable_warmup(addressed(2)), *pages, DONE, DONE)
    assert urls(played) == [
        "email-accounts/?offset=0&limit=100",
        "email-accounts/?offset=1&limit=100",
        "email-accounts/3/warmup",
        "email-accounts/1/warmup",
    ]
    assert list(played.value) == ["id-0", "id-1"]


def test_list_that_is_longer_than_the_look_up_is_told_and_is_no_absence() -> None:
    """The mailbox may stand further down: no definite "no", and nothing is switched."""
    provider = Smartlead(api_key="k", look_up_pages=2)
    pages = [rows(), rows("a@example.com"), rows("b@example.com")]
    assert only(play(provider.enable_warmup(addressed()), *pages)) == Rejected(None, "look_up_gave_out")
    assert only(play(provider.read_warmup(addressed()), *pages)) is WarmupState.UNKNOWN


def test_without_a_look_up_a_mailbox_needs_its_number() -> None:
    """Nothing is sent for one that has none."""
    provider = Smartlead(api_key="k", look_up_pages=0)
    assert only(play(provider.enable_warmup(addressed()))) == Rejected(None, "no_provider_ref")


@pytest.mark.parametrize(
    ("page", "answer"),
    [
        (Unsent(), Unavailable("not_reached")),
        (Unanswered(), Unavailable("account_not_looked_up")),
        (httpx.Response(500), Unavailable("account_not_looked_up")),
        (httpx.Response(200, json={"ok": False}), Unavailable("account_not_looked_up")),
        (
            httpx.Response(200, json=[{"id": "7", "from_email": "inbox0@example.com"}]),
            Unavailable("account_not_looked_up"),
        ),
        (httpx.Response(429, headers={"Retry-After": "5"}), Throttled(5.0)),
        (httpx.Response(401, json={"message": "Invalid API Key"}), Rejected(401, "unauthorised")),
        (httpx.Response(404), Rejected(404, "no_account_list")),
    ],
)
def test_look_up_that_fails_had_no_effect_and_is_never_an_absence(page: object, answer: object) -> None:
    """Nothing was switched, so nothing is in doubt; and nothing is known of the mailbox."""
    assert only(play(PROVIDER.enable_warmup(addressed()), rows(), page)) == answer
    assert only(play(PROVIDER.read_warmup(addressed()), rows(), page)) is WarmupState.UNKNOWN


@pytest.mark.parametrize(
    "ref", ["", "0", "-1", "+7", "1.0", "007", "7 ", "7\n", "\uff17", "ana@example.com", "1/../2", "9" * 19]
)
def test_reference_that_is_no_number_is_rejected_without_a_request(ref: str) -> None:
    """Nothing but a positive whole number goes into the URL."""
    mailbox = Mailbox(InboxId("id"), "ana@example.com", ref)
    assert only(play(PROVIDER.enable_warmup([mailbox]))) == Rejected(None, "malformed_provider_ref")
    assert only(play(PROVIDER.disable_warmup([mailbox]))) == Rejected(None, "malformed_provider_ref")
    assert only(play(PROVIDER.read_warmup([mailbox]))) is WarmupState.UNKNOWN
    assert only(play(PROVIDER.read_analytics([mailbox]))) == NoFigures("malformed_provider_ref")


ERRORS: list[tuple[httpx.Response, object]] = [
    (httpx.Response(200, json={"ok": False, "message": "zx-text"}), Rejected(None, "refused")),
    (httpx.Response(200, json={"ok": False, "errorCode": "ACCOUNT_NOT_FOUND"}), Rejected(None, "no_such_account")),
    (httpx.Response(200, json={"ok": False, "error": {"code": "RATE_LIMIT_EXCEEDED"}}), Throttled(None)),
    (httpx.Response(401, json={"message": "Invalid API Key"}), Rejected(401, "unauthorised")),
    (httpx.Response(401, json={"message": "Plan expired!"}), Rejected(401, "plan_expired")),
    (httpx.Response(401, json={"error": "Your plan expired"}), Rejected(401, "plan_expired")),
    (httpx.Response(400, json={"error": "zx-text"}), Rejected(400, "bad_request")),
    (httpx.Response(400, json={"error": {"code": "ACCOUNT_NOT_FOUND"}}), Rejected(400, "no_such_account")),
    (httpx.Response(400, json={"error": {"code": "RATE_LIMIT_EXCEEDED", "retry_after": 4}}), Throttled(4.0)),
    (httpx.Response(404, json={"ok": False, "errorCode": "ACCOUNT_NOT_FOUND"}), Rejected(404, "no_such_account")),
    (httpx.Response(409, json={"error": {"code": ["zx"], "message": {}}}), Rejected(409, "refused")),
    (httpx.Response(422, json=["zx"]), Rejected(422, "unprocessable")),
    (httpx.Response(422, content=b"\xff"), Rejected(422, "unprocessable")),
    (httpx.Response(302, headers={"Location": "https://x.invalid/?api_key=zx"}), Rejected(302, "redirected")),
    (httpx.Response(503, headers={"Retry-After": "9"}), Unavailable("service_unavailable", 9.0)),
]


@pytest.mark.parametrize(("response", "answer"), ERRORS)
def test_errors_of_every_shape_are_told_in_our_words(response: httpx.Response, answer: object) -> None:
    """A no inside a success has no status; the provider's own words stay where they are."""
    assert only(play(PROVIDER.enable_warmup(numbered()), response)) == answer
    assert "zx" not in repr(answer)


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"Retry-After": "7", "X-RateLimit-Reset": "1"}, {"error": {"retry_after": 30}}, 7.0),
        ({}, {"error": {"code": "RATE_LIMIT_EXCEEDED", "retry_after": 30}}, 30.0),
        ({}, {"error": {"retry_after": "30"}}, 30.0),
        ({}, {"error": {"retry_after": 1e300}}, 86_400.0),
        ({}, {"error": {"retry_after": 10**400}}, 86_400.0),
        ({"Retry-After": "Wed, 21 Oct " + "9" * 20 + " 07:28:00 GMT", **NOW}, {}, None),
        ({"X-RateLimit-Reset": "5", "Date": "Wed, 21 Oct 2026 07:28:00 +" + "9" * 14}, {}, None),
        ({}, {"error": {"retry_after": -5}}, 0.0),
        ({"X-RateLimit-Reset": "1792567710", **NOW}, {"error": {"retry_after": "soon"}}, 30.0),
        ({"X-RateLimit-Reset": "1792567680", **NOW}, {}, 0.0),
        ({"X-RateLimit-Reset": "1792567710"}, {"error": {"retry_after": True}}, None),
        ({"X-RateLimit-Reset": "soon", **NOW}, {"error": "slow down"}, None),
    ],
)
def test_wait_is_read_from_header_body_and_instant(
    headers: dict[str, str], body: dict[str, Any], seconds: float | None
) -> None:
    """Whichever there is, the plainest first; an instant counts from the provider's own clock, never from ours."""
    limited = httpx.Response(429, headers=headers, json=body)
    assert only(play(PROVIDER.enable_warmup(numbered()), limited)) == Throttled(seconds)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'{"ok": 1}', b'{"ok": "true"}', b'{"message": "done"}', b'{"ok": tr', b"<html>"],
)
def test_success_that_does_not_say_so_is_judged_by_the_account(body: bytes) -> None:
    """Only `ok: true` is a yes."""
    said = httpx.Response(200, content=body)
    assert only(play(PROVIDER.enable_warmup(numbered()), said, detail(status="ACTIVE"))) == AlreadyWarming()
    assert only(play(PROVIDER.enable_warmup(numbered()), said, detail(status="INACTIVE"))) == Unknown("unreadable")


@pytest.mark.parametrize(
    ("details", "state"),
    [
        ({"status": "ACTIVE"}, WarmupState.WARMING),
        ({"status": "active", "is_warmup_blocked": False, "blocked_reason": None}, WarmupState.WARMING),
        ({"status": "INACTIVE"}, WarmupState.NOT_WARMING),
        ({"status": "PAUSED", "blocked_reason": ""}, WarmupState.NOT_WARMING),
        ({"status": "BLOCKED"}, WarmupState.UNKNOWN),
        ({"status": "BLOCKED", "is_warmup_blocked": False}, WarmupState.UNKNOWN),
        ({"status": "BLOCKED", "is_warmup_blocked": True}, WarmupState.BANNED),
        ({"status": "ACTIVE", "is_warmup_blocked": True}, WarmupState.BANNED),
        ({"status": "ACTIVE", "blocked_reason": "spam"}, WarmupState.UNKNOWN),
        ({"status": "ACTIVE", "warmup_reputation": 10**400}, WarmupState.WARMING),
        ({"status": "ACTIVE", "is_warmup_blocked": False, "blocked_reason": "spam"}, WarmupState.UNKNOWN),
        ({"status": "ACTIVE", "is_warmup_blocked": "yes"}, WarmupState.UNKNOWN),
        ({"status": "A NEW WORD"}, WarmupState.UNKNOWN),
        ({"status": None}, WarmupState.UNKNOWN),
        ({}, WarmupState.UNKNOWN),
    ],
)
def test_account_is_read_in_our_words(details: dict[str, object], state: WarmupState) -> None:
    """Only the plain flag is a ban; half a ban, and a word that nobody has heard of, are nobody's guess."""
    played = play(PROVIDER.read_warmup(numbered()), detail(**details))
    assert (only(played), urls(played)) == (state, ["email-accounts/101/"])


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"warmup_details": None}, WarmupState.NOT_WARMING),
        ({"id": 101}, WarmupState.UNKNOWN),
        ({"warmup_details": "none"}, WarmupState.UNKNOWN),
        ({"ok": False, "errorCode": "ACCOUNT_NOT_FOUND"}, WarmupState.ABSENT),
        ({"ok": False, "message": "try later"}, WarmupState.UNKNOWN),
        ({"ok": False, "message": "try later", "warmup_details": None}, WarmupState.UNKNOWN),
        ({"ok": "no", "warmup_details": {"status": "INACTIVE"}}, WarmupState.UNKNOWN),
    ],
)
def test_account_without_details_never_warmed_and_one_without_a_word_of_them_is_unknown(
    body: dict[str, object], state: WarmupState
) -> None:
    """Details that are null are a definite no; details that are missing are no answer."""
    assert only(play(PROVIDER.read_warmup(numbered()), httpx.Response(200, json=body))) is state


def test_account_that_is_gone_is_absent_and_as_stopped_as_can_be() -> None:
    """A 404 speaks of one mailbox here, so no further look is needed."""
    assert only(play(PROVIDER.read_warmup(numbered()), httpx.Response(404))) is WarmupState.ABSENT
    assert only(play(PROVIDER.disable_warmup(numbered()), httpx.Response(404))) == Disabled()


@pytest.mark.parametrize(
    ("answer", "rest"),
    [
        (httpx.Response(429, headers={"Retry-After": "5"}), Throttled(5.0)),
        (httpx.Response(401), Rejected(401, "unauthorised")),
    ],
)
def test_answer_about_the_key_or_the_limit_is_everybodys(answer: httpx.Response, rest: object) -> None:
    """The others are told the same without being asked for; those before it keep what they were told."""
    played = play(PROVIDER.enable_warmup(numbered(4)), DONE, answer)
    assert list(played.value.values()) == [Enabled(), rest, rest, rest]


def test_mailboxes_that_were_not_asked_for_are_not_in_doubt() -> None:
    """After a few in a row without an answer the rest had no effect; the few are looked at, and no more than that."""
    played = play(PROVIDER.enable_warmup(numbered(10)), *[Unanswered()] * PATIENCE, *[Unanswered()] * PATIENCE)
    answers = list(played.value.values())
    assert answers == [Unknown("unanswered")] * PATIENCE + [Unavailable("not_asked")] * (10 - PATIENCE)


def test_single_mailbox_that_breaks_the_provider_hides_no_other() -> None:
    """An answer in between starts the count again, and a no of one mailbox is not its neighbours'."""
    silent = [Unanswered()] * (PATIENCE - 1)
    warm = detail(status="ACTIVE")
    played = play(PROVIDER.read_warmup(numbered(7)), *silent, warm, httpx.Response(404), *silent, warm)
    read = [state.value for state in played.value.values()]
    assert read == ["unknown", "unknown", "warming", "absent", "unknown", "unknown", "warming"]


@pytest.mark.parametrize("error", [httpx.Response(500), httpx.Response(200, content=b"<html>")])
def test_mailboxes_that_answer_with_an_error_hide_no_other(error: httpx.Response) -> None:
    """Only silence ends the asking: an error that comes promptly keeps nobody waiting."""
    errors = [error] * (PATIENCE + 1)
    played = play(PROVIDER.read_warmup(numbered(PATIENCE + 2)), *errors, detail(status="ACTIVE"))
    assert list(played.value.values())[-1] is WarmupState.WARMING


@pytest.mark.parametrize("campaign", ["", "0", "a", "7/..", "7?x", " 7", "7\n", "-7"])
def test_campaign_id_that_is_no_number_is_not_sent(campaign: str) -> None:
    """Nothing but a number goes into the path."""
    assert play(PROVIDER.activate_campaign(campaign)).value == Rejected(None, "malformed_campaign_id")


def test_base_url_may_be_written_as_the_provider_writes_it() -> None:
    """With and without the version, with and without a slash at the end."""
    for base_url in (
        "http://localhost:1",
        "http://localhost:1/",
        "http://localhost:1/api/v1",
        "http://localhost:1/api/v1/",
    ):
        request = play(Smartlead(api_key="k", base_url=base_url).activate_campaign("7"), DONE).request(0)
        assert str(request.url) == "http://localhost:1/api/v1/campaigns/7/status?api_key=k"


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_key": ""},
        {"api_key": "secret\n"},
        {"api_key": "sécret"},
        {"api_key": "k", "base_url": "server.smartlead.ai"},
        {"api_key": "k", "look_up_pages": -1},
    ],
)
def test_settings_that_cannot_work_are_refused_without_repeating_them(wrong: dict[str, Any]) -> None:
    """A key copied with its line end is caught where it is set."""
    with pytest.raises(ValueError, match=r"api_key|base_url|look_up_pages") as refused:
        Smartlead(**wrong)
    assert "cret" not in str(refused.value)


def test_the_environment_names_the_key_and_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two variables, of which the second is for sandboxes; without the first there is no adapter."""
    monkeypatch.setenv("SMARTLEAD_API_KEY", "key-2")
    monkeypatch.setenv("SMARTLEAD_BASE_URL", "http://localhost:1")
    assert Smartlead.from_environment() == Smartlead(api_key="key-2", base_url="http://localhost:1")
    monkeypatch.setenv("SMARTLEAD_BASE_URL", "")
    assert Smartlead.from_environment() == Smartlead(api_key="key-2", base_url=API)
    monkeypatch.setenv("SMARTLEAD_API_KEY", "")
    with pytest.raises(InvalidInput, match="SMARTLEAD_API_KEY"):
        Smartlead.from_environment()
