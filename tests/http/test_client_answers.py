"""The shipped client against servers that say what they were told to: every problem, and everything that is none."""

from __future__ import annotations

import gzip
import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from fastapi.responses import Response

from inbox_lifecycle import (
    ApiAnswerUnreadable,
    ApiRefused,
    ApiUnreachable,
    Clause,
    InvalidInput,
    Unauthorised,
    Verdict,
    errors,
)
from inbox_lifecycle.client import AsyncClient, Client
from inbox_lifecycle.http import CampaignNotLaunchable
from inbox_lifecycle.http.answering import answer_to, answer_with_status, row_for
from inbox_lifecycle.http.parameters import read_campaign_id
from inbox_lifecycle.http.problems import ROWS, BodyTooLarge, LaunchPostponed, NoSuchCampaign, NotAuthenticated
from tests.support.canned import Canned, canned, head, saying, trickling, whole
from tests.support.contract import UNKNOWN_ID
from tests.support.faces import AnyFace, AwaitedFace, Face, LoopThread

TOKEN = "pk_live_of_nobody"
REFUSED = Verdict((Clause("status", "pending", "warming", held=False), Clause("x", "y", "y", held=True)))
ACCOUNT = {
    "id": UNKNOWN_ID,
    "user_id": "acme",
    "type": "email",
    "domain_id": UNKNOWN_ID,
    "email_address": "ana@example.com",
    "instantly_account_id": "ana@example.com",
    "provider": "instantly",
    "status": "hibernating",
    "warmup_status": "warming",
    "version": 2,
    "created_at": "2026-05-01T09:00:00.000000Z",
    "updated_at": "2026-05-01T09:00:00.000000Z",
    "email_domains": {"id": UNKNOWN_ID, "domain": "example.com", "status": "verified", "new": [1]},
    "daily_limit": 30,
}

#: An error of the server's, and the one that the client makes of its answer.
TOLD: list[tuple[Exception, type[Exception]]] = [
    (NotAuthenticated(), Unauthorised),
    (errors.AuthenticationUnavailable(7.0), errors.AuthenticationUnavailable),
    (BodyTooLarge(), ApiRefused),
    (errors.InvalidInput("mend it"), errors.InvalidInput),
    (errors.IdempotencyKeyReused(UNKNOWN_ID, "inbox.banned"), errors.IdempotencyKeyReused),
    (errors.InboxNotFound(UNKNOWN_ID), errors.InboxNotFound),
    (NoSuchCampaign(), ApiRefused),
    (errors.TransitionRefused(UNKNOWN_ID, "retry_warmup", REFUSED), errors.RetryRefused),
    (errors.RetryRefused(UNKNOWN_ID, "retry_warmup", REFUSED), errors.RetryRefused),
    (CampaignNotLaunchable("Campaign is not a draft"), ApiRefused),
    (errors.SendersRefused({UNKNOWN_ID: REFUSED}), errors.SendersRefused),
    (errors.LaunchInProgress("c1", 12.0), errors.LaunchInProgress),
    (LaunchPostponed("instantly", 30.0), errors.ProviderOutcomeUnknown),
    (errors.ProviderError("instantly"), errors.ProviderOutcomeUnknown),
    (errors.ProviderRejected("instantly", "payment_required", status=402), errors.ProviderRejected),
    (errors.ProviderThrottled("instantly", retry_after=2.5), errors.ProviderThrottled),
    (errors.ProviderBusy("instantly"), errors.ProviderBusy),
    (errors.ProviderUnavailable("instantly", "not_reached"), errors.ProviderUnavailable),
    (errors.ProviderOutcomeUnknown("instantly", "unanswered"), errors.ProviderOutcomeUnknown),
    (errors.WarmupNotRecorded(UNKNOWN_ID), errors.WarmupNotRecorded),
    (errors.StoreUnavailable("gone"), errors.StoreUnavailable),
    (errors.HistoryBroken(UNKNOWN_ID, 2, "it was changed"), errors.HistoryError),
    (KeyError("a bug"), ApiUnreachable),
]
Dial = Callable[..., AnyFace]


@pytest.fixture(params=["sync", "async"])
def dial(request: pytest.FixtureRequest, loop_thread: LoopThread) -> Iterator[Dial]:
    """Makes clients, sync and again async."""
    made: list[AnyFace] = []

    def dial_one(server: Canned | str, **options: Any) -> AnyFace:
        url = server if isinstance(server, str) else server.url
        options = {"token": TOKEN, "timeout": 5.0, **options}
        sync = request.param == "sync"
        client = Face(Client(url, **options)) if sync else AwaitedFace(AsyncClient(url, **options), loop_thread)
        made.append(client)
        return client

    yield dial_one
    for client in made:
        client.close()


def failing(client: AnyFace, method: str, *arguments: Any, **options: Any) -> Any:
    """The error that a call ends in."""
    with pytest.raises(errors.InboxLifecycleError) as raised:
        getattr(client, method)(*arguments, **options)
    assert TOKEN not in f"{raised.value!r} {raised.value} {vars(raised.value)} {client.target!r}"
    return raised.value


def test_every_problem_of_the_server_becomes_its_error(dial: Dial) -> None:
    """With its message and its facts: the whole of the server's table."""
    told = iter([answer_to(error) for error, _ in TOLD])
    with canned(lambda connection: connection.sendall(_bytes_of(next(told)))) as server:
        client = dial(server)
        for error, kind in TOLD:
            launching = "ampaign" in f"{type(error).__name__} {error}"
            asked = ("launch_campaign", "c1") if launching else ("retry_warmup", UNKNOWN_ID)
            made = failing(client, *asked)
            assert type(made) is kind, error
            if kind is type(error) and kind is not errors.StoreUnavailable:
                assert (str(made), _facts(made)) == (str(error), _facts(error))
        client.close()
    # By its status alone: parameters that the server's framework found malformed.
    assert {row.word for row in ROWS.values()} - {row_for(error).word for error, _ in TOLD} == {"malformed-parameters"}


def _bytes_of(answer: Response) -> bytes:
    headers = [f"{name}: {value}" for name, value in answer.headers.items() if name != "content-length"]
    return whole(bytes(answer.body), *headers, status=f"{answer.status_code} Told")


def _facts(error: Exception) -> dict[str, object]:
    told = ("inbox_id", "campaign_id", "provider", "trigger", "verdict", "verdicts")
    return {name: getattr(error, name) for name in told if hasattr(error, name)}


def test_when_to_come_again_is_told_where_the_server_says_so(dial: Dial) -> None:
    """In whole seconds, never more than a day; what is no number of seconds is as if it were not said."""
    said = ["7", "999999", "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "", "9" * 4000]
    answers = iter([whole(b"", f"Retry-After: {text}", status="503 Busy") for text in said])
    with canned(lambda connection: connection.sendall(next(answers))) as server:
        client = dial(server)
        waits = [failing(client, "get", UNKNOWN_ID).retry_after for _ in said]
        client.close()
    assert waits == [7.0, 86_400.0, None, None, None, None]


def test_fields_and_words_that_are_not_known_are_no_harm(dial: Dial) -> None:
    """A newer server adds some; an answer's repr holds nobody's name."""
    with canned(saying(whole(msgspec.json.encode({"account": ACCOUNT, "more": 1})))) as server:
        account = dial(server).get(UNKNOWN_ID)
    assert (account.status, account.email_domains.status, account.version) == ("hibernating", "verified", 2)
    assert "ana@" not in repr(account)
    assert "acme" not in repr(account)


#: Bodies of a 200 that are none of the API's.
NO_ANSWERS = {
    "no JSON": b"<html>Welcome</html>",
    "another form": b'{"account": 7}',
    "a field is missing": b'{"account": {}}',
    "nothing": b"",
    "no text": b"\xff\xfe",
    "too deep": b'{"account": ' + b"[" * 100_000,
}


def test_what_is_no_answer_of_the_api_is_unreadable(dial: Dial) -> None:
    """The cure is another base URL or another version; of a retry it is said that it may have taken effect."""
    bodies = iter([body for body in NO_ANSWERS.values() for _ in range(2)])
    with canned(lambda connection: connection.sendall(whole(next(bodies)))) as server:
        client = dial(server)
        for _ in NO_ANSWERS:
            looked, retried = failing(client, "get", UNKNOWN_ID), failing(client, "retry_warmup", UNKNOWN_ID)
            assert {type(looked), type(retried)} == {ApiAnswerUnreadable}
            assert (looked.maybe_applied, retried.maybe_applied) == (False, True)
        client.close()


def test_a_status_without_a_problem_of_ours_is_judged_by_its_number(dial: Dial) -> None:
    """A gateway's 5xx is no answer, a 4xx a refusal, a redirect is not followed: the token is for one host."""
    with canned(saying(whole(b"{}"))) as elsewhere:
        there = f"Location: {elsewhere.url}"
        answers = iter(
            [
                whole(b"<h1>Bad gateway</h1>", status="502 Bad"),
                whole(b'{"type": "urn:inbox-lifecycle:problem:dance", "title": "\x1b[2J no"}', status="418 Teapot"),
                _bytes_of(answer_with_status(404)),
                whole(b"", there, status="307 There"),
                whole(b"", status="204 Nothing"),
            ]
        )
        with canned(lambda connection: connection.sendall(next(answers))) as server:
            client = dial(server)
            told = [failing(client, "retry_warmup", UNKNOWN_ID) for _ in range(5)]
            client.close()
        assert elsewhere.connections == 0
    assert [type(each) for each in told] == [
        ApiUnreachable,
        ApiRefused,
        ApiRefused,
        ApiAnswerUnreadable,
        ApiAnswerUnreadable,
    ]
    assert (told[0].maybe_applied, told[1].status, told[2].said, told[3].status) == (True, 418, "Not Found", 307)
    assert "\x1b" not in str(told[1])


def test_nothing_is_sent_twice_and_a_lost_answer_is_told_from_an_unsent_call(dial: Dial) -> None:
    """A retry whose answer was lost may have taken effect; a look has none; what never left has none either."""
    with canned(saying(head("Content-Length: 9"), b"{", close=True)) as server:
        lost = [failing(dial(server), method, UNKNOWN_ID) for method in ("retry_warmup", "get")]
        assert [line.split(b" ")[0] for line in server.heads] == [b"PATCH", b"GET"]
        nowhere = server.url
    unsent = failing(dial(nowhere), "retry_warmup", UNKNOWN_ID)
    assert {type(each) for each in (*lost, unsent)} == {ApiUnreachable}
    assert [each.maybe_applied for each in (*lost, unsent)] == [True, False, False]


def test_an_answer_is_bounded_in_time_and_size(dial: Dial) -> None:
    """One that comes drop by drop ends at the call's deadline, and one that never ends at its bound."""
    slow = trickling(head("Content-Length: 1000"), b" ", b"", every=0.05, times=100)
    with canned(slow) as server:
        assert isinstance(failing(dial(server, timeout=0.4), "get", UNKNOWN_ID), ApiUnreachable)
        assert server.hung_up.acquire(timeout=5)
    flood = [head("Content-Length: 90000000"), *[b" " * 1_000_000] * 90]
    with canned(saying(*flood)) as server:
        client = dial(server)
        large = failing(client, "find")
        assert (type(large), "larger than 8 MiB" in str(large)) == (ApiAnswerUnreadable, True)
        client.close()
        assert server.hung_up.acquire(timeout=5)


def test_what_a_verdict_says_reaches_no_terminal_as_an_order(dial: Dial) -> None:
    """Neither what stands in a clause, nor whose verdict it is."""
    clause = {"field": "sta\x1b[31mtus", "expected": "pending\r", "found": "\x9b2Jwarming", "held": False}
    refused = {"type": "urn:inbox-lifecycle:problem:retry-refused", "verdict": [clause]}
    senders = {"type": "urn:inbox-lifecycle:problem:senders-refused", "verdicts": {"\x1b[2J": [clause]}}
    for problem, call in ((refused, ("retry_warmup", UNKNOWN_ID)), (senders, ("launch_campaign", "c1"))):
        with canned(saying(whole(msgspec.json.encode(problem), status="409 Conflict"))) as server:
            error = failing(dial(server), *call)
        assert str(error).isprintable(), repr(str(error))
        assert "found 2Jwarming" in str(error)


def test_a_time_without_its_zone_is_no_answer_of_the_api(dial: Dial) -> None:
    """Nobody knows which time it is."""
    account = {**ACCOUNT, "created_at": "2026-05-01T09:00:00"}
    with canned(saying(whole(msgspec.json.encode({"account": account})))) as server:
        assert isinstance(failing(dial(server), "get", UNKNOWN_ID), ApiAnswerUnreadable)


@pytest.mark.parametrize("campaign", ["c1", "_c1", "-c1", "c.1", "c:1", "c_-1", "", "c" * 128, "c" * 129, "c\n"])
def test_a_campaigns_id_is_one_to_the_client_if_it_is_one_to_the_server(dial: Dial, campaign: str) -> None:
    """What the server would refuse is not sent."""
    try:
        read_campaign_id(campaign)
    except InvalidInput:
        assert isinstance(failing(dial("http://127.0.0.1:9"), "launch_campaign", campaign), InvalidInput)
    else:
        assert isinstance(failing(dial("http://127.0.0.1:9"), "launch_campaign", campaign), ApiUnreachable)


def test_a_packed_answer_is_not_unpacked(dial: Dial) -> None:
    """It was not asked for, and a small one could be a flood: it is no answer of the API, however good inside."""
    packed = gzip.compress(msgspec.json.encode({"account": ACCOUNT}))
    with canned(saying(whole(packed, "Content-Encoding: gzip"))) as server:
        assert isinstance(failing(dial(server), "get", UNKNOWN_ID), ApiAnswerUnreadable)
        assert b"Accept-Encoding: identity" in server.heads[0]


def test_pages_that_do_not_advance_end(dial: Dial) -> None:
    """A server that hands out the same mark for ever is not read for ever."""
    page = {"history": [], "next_after": 7}
    with canned(saying(whole(msgspec.json.encode(page)))) as server:
        client = dial(server)
        assert isinstance(failing(client, "history", UNKNOWN_ID), ApiAnswerUnreadable)
        assert isinstance(failing(client, "attempts", UNKNOWN_ID), ApiAnswerUnreadable)
        client.close()


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("ftp://127.0.0.1/api", {}),
        ("127.0.0.1/api", {}),
        ("https://", {}),
        ("https://ana:secret@host.example.com/api", {}),
        ("https://host.example.com/api?x=1", {}),
        ("https://host.example.com:port/api", {}),
        ("http://host.example.com/api", {}),
        ("http://localhost.example.com/api", {}),
        ("https://host.example.com/api", {"token": ""}),
        ("https://host.example.com/api", {"token": "se cret"}),
        ("https://host.example.com/api", {"token": "secret\r\nX-Admin: 1"}),
        ("https://host.example.com/api", {"timeout": 0}),
        ("https://host.example.com/api", {"timeout": float("nan")}),
    ],
)
def test_settings_that_cannot_be_used_are_refused_at_once(url: str, options: dict[str, Any]) -> None:
    """Without repeating them; plain http is for this host, unless it is told to be good enough."""
    for kind in (Client, AsyncClient):
        with pytest.raises(InvalidInput) as refused:
            kind(url, **{"token": TOKEN, **options})
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://localhost:8025/api/", "http://[::1]/api", "http://127.0.0.9/api"])
def test_plain_http_is_for_this_host_and_for_who_says_so(url: str) -> None:
    """The token is then seen by nobody, or by whom it may be."""
    with Client(url, token=TOKEN) as client:
        assert repr(client) == f"Client({url.rstrip('/')!r})"
    Client("http://api.internal/api", token=TOKEN, insecure=True).close()


@pytest.mark.parametrize(
    ("method", "arguments", "options"),
    [
        ("launch_campaign", ["../accounts"], {}),
        ("launch_campaign", [""], {}),
        ("retry_warmup", [UNKNOWN_ID], {"idempotency_key": "k\r\nX-Admin: 1"}),
        ("retry_warmup", [UNKNOWN_ID], {"idempotency_key": ""}),
        ("retry_warmup", [UNKNOWN_ID], {"correlation_id": "ticket 7"}),
        ("history", ["seven"], {}),
    ],
)
def test_what_no_request_can_carry_is_refused_before_it_is_sent(
    dial: Dial, method: str, arguments: list[str], options: dict[str, str]
) -> None:
    """Paths and headers have nothing in them that was not looked at."""
    with canned(saying(whole(b"{}"))) as server:
        assert isinstance(failing(dial(server), method, *arguments, **options), InvalidInput)
        assert server.connections == 0


_FORKING = """
import os, sys
from inbox_lifecycle.client import Client
client = Client(sys.argv[1], token="t")
print(client.get(sys.argv[2]).version, flush=True)
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
    print(client.get(sys.argv[2]).version)
else:
    print(client.get(sys.argv[2]).version, flush=True)
    os._exit(0)
"""


def test_a_forked_child_has_connections_of_its_own() -> None:
    """A prefork server makes its client before it forks: two processes on one connection would read each other's."""
    with canned(saying(whole(msgspec.json.encode({"account": ACCOUNT})))) as server:
        ran = subprocess.run(
            [sys.executable, "-c", _FORKING, server.url, UNKNOWN_ID], capture_output=True, text=True, check=True
        )
        assert (ran.stdout.split(), server.connections, len(server.heads)) == (["2", "2", "2"], 2, 3)


def test_the_two_clients_are_twins() -> None:
    """The same names and parameters, and docstrings that say the same."""
    names = {name for name in vars(Client) if not name.startswith("_")} - {"close", "renew"}
    assert {name for name in vars(AsyncClient) if not name.startswith("_")} - {"aclose"} == names
    for name in sorted(names):
        sync, awaited = getattr(Client, name), getattr(AsyncClient, name)
        assert inspect.getdoc(sync) == inspect.getdoc(awaited)
        plain = re.sub(r"Async(?=Iterator)", "", str(inspect.signature(awaited)))
        assert plain == str(inspect.signature(sync))
