"""Smartlead's sandbox itself, as its users meet it: over HTTP and through its Python face."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from inbox_lifecycle import Inboxes, ProviderThrottled, upgrade_schema
from inbox_lifecycle.testing import Failure, Kind, Operation, SandboxRequest, SmartleadSandbox
from inbox_lifecycle.testing.databases import fresh_engine

ANA = "ana@example.com"

pytest_plugins = ["inbox_lifecycle.testing.plugin"]


@pytest.fixture
def client(smartlead_sandbox: SmartleadSandbox) -> Iterator[httpx.Client]:
    """A client with the right key, of a sandbox that has one account."""
    smartlead_sandbox.set_account(ANA)
    with httpx.Client(
        base_url=f"{smartlead_sandbox.base_url}/api/v1", params={"api_key": smartlead_sandbox.api_key}
    ) as opened:
        yield opened


def path_of(sandbox: SmartleadSandbox, tail: str = "") -> str:
    """The path of the account."""
    return f"/email-accounts/{sandbox.provider_ref(ANA)}/{tail}"


def switch(client: httpx.Client, sandbox: SmartleadSandbox, *, on: object = True) -> httpx.Response:
    """Ask the sandbox to switch the warmup of the account."""
    return client.post(path_of(sandbox, "warmup"), json={"warmup_enabled": on})


def test_warmup_is_a_setting_and_its_details_come_with_the_first_one(
    client: httpx.Client, smartlead_sandbox: SmartleadSandbox
) -> None:
    """Null before it was ever switched on; then its status, and the password in clear beside it."""
    assert client.get(path_of(smartlead_sandbox)).json()["warmup_details"] is None
    assert switch(client, smartlead_sandbox).json()["ok"] is True
    assert smartlead_sandbox.warming(ANA)
    switch(client, smartlead_sandbox, on=False)
    said = client.get(path_of(smartlead_sandbox)).json()
    assert (said["warmup_details"]["status"], said["warmup_details"]["is_warmup_blocked"]) == ("INACTIVE", False)
    assert said["password"] in smartlead_sandbox.secrets


def test_requests_are_told_by_route_and_address(client: httpx.Client, smartlead_sandbox: SmartleadSandbox) -> None:
    """On and off are two operations of one route; the address is known from the number, and the key is not kept."""
    switch(client, smartlead_sandbox)
    switch(client, smartlead_sandbox, on=False)
    route = "/api/v1/email-accounts/{id}/warmup"
    assert smartlead_sandbox.requests == (
        SandboxRequest("POST", route, Operation.ENABLE, (ANA,)),
        SandboxRequest("POST", route, Operation.DISABLE, (ANA,)),
    )
    assert smartlead_sandbox.api_key not in repr(smartlead_sandbox.requests)


def test_list_has_pages_a_filter_and_a_limit_that_fails_silently(
    client: httpx.Client, smartlead_sandbox: SmartleadSandbox
) -> None:
    """More than a hundred rows asked for is no row at all; reputation is a text here, and a block is not told."""
    smartlead_sandbox.set_account("bo@example.com", username="smtp-user", reputation=93, warmup_status="ACTIVE")

    def listed(**query: object) -> list[str]:
        return [row["from_email"] for row in client.get("/email-accounts/", params=query).json()]  # type: ignore[arg-type]  # httpx takes them all

    assert listed() == listed(limit=100) == [ANA, "bo@example.com"]
    assert (listed(limit=101), listed(offset=1), listed(offset=2)) == ([], ["bo@example.com"], [])
    assert (listed(username="SMTP"), listed(username="bo@")) == (["bo@example.com"], [])
    (row,) = client.get("/email-accounts/", params={"offset": 1}).json()
    assert row["warmup_details"]["warmup_reputation"] == "93%"
    assert "is_warmup_blocked" not in row["warmup_details"]


@pytest.mark.parametrize(
    ("order", "status", "body"),
    [
        ({"kind": "reject", "status": 200}, 200, {"ok": False, "message": "ordered failure"}),
        ({"kind": "reject", "status": 401}, 401, {"message": "ordered failure"}),
        ({"kind": "reject"}, 400, {"error": "ordered failure"}),
        (
            {"kind": "reject", "status": 404},
            404,
            {"ok": False, "message": "ordered failure", "errorCode": "ACCOUNT_NOT_FOUND"},
        ),
        (
            {"kind": "throttle", "retry_after": 30},
            429,
            {"error": {"code": "RATE_LIMIT_EXCEEDED", "message": "Rate limit exceeded", "retry_after": 30}},
        ),
    ],
)
def test_errors_come_in_the_shapes_of_the_provider(
    client: httpx.Client, smartlead_sandbox: SmartleadSandbox, order: dict[str, Any], status: int, body: object
) -> None:
    """Four of them, one inside a success; nothing is switched."""
    smartlead_sandbox.fail_next(**order)
    answer = switch(client, smartlead_sandbox)
    assert (answer.status_code, answer.json()) == (status, body)
    assert answer.headers.get("retry-after") == ("30" if status == HTTPStatus.TOO_MANY_REQUESTS else None)
    assert not smartlead_sandbox.warming(ANA)


def test_wrong_requests_are_refused(client: httpx.Client, smartlead_sandbox: SmartleadSandbox) -> None:
    """A wrong key, no key, a body without the switch, an unknown number, campaign, word and route."""
    wrong = httpx.get(f"{smartlead_sandbox.base_url}/api/v1/email-accounts/", params={"api_key": "wrong"})
    assert (wrong.status_code, wrong.json()) == (401, {"message": "Invalid API key"})
    assert httpx.get(f"{smartlead_sandbox.base_url}/api/v1/email-accounts/").status_code == HTTPStatus.UNAUTHORIZED
    assert smartlead_sandbox.requests == ()
    assert switch(client, smartlead_sandbox, on="yes").status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert client.get("/email-accounts/1/").status_code == HTTPStatus.NOT_FOUND
    assert client.get("/email-accounts/1/x").status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert client.post("/campaigns/7/status", json={"status": "START"}).status_code == HTTPStatus.NOT_FOUND
    smartlead_sandbox.add_campaign("7")
    assert client.post("/campaigns/7/status", json={"status": "ACTIVE"}).status_code == HTTPStatus.BAD_REQUEST
    assert not smartlead_sandbox.activated("7")


@pytest.mark.parametrize(
    ("shape", "counted"),
    [
        ("live", {"sent_count": "70"}),
        ("documented", {"total_sent": 70}),
        ("spec", {"total_sent": 70, "total_inbox": 67}),
    ],
)
def test_figures_come_in_three_shapes(shape: str, counted: dict[str, object]) -> None:
    """Texts in one, numbers in the others, under names of their own; the adapter reads the same from all."""
    sandbox = SmartleadSandbox(shape=shape)
    sandbox.set_account(ANA, total_sent=70, landed_spam=3, daily={"2026-03-01": (30, 9)}, warmup_status="ACTIVE")
    with httpx.Client(transport=sandbox.transport(), params={"api_key": sandbox.api_key}) as asking:
        said = asking.get(f"http://any.invalid/api/v1{path_of(sandbox, 'warmup-stats')}").json()
    assert {name: said[name] for name in counted} == counted
    with pytest.raises(ValueError, match="live, documented, spec"):
        SmartleadSandbox(shape="another")


def test_failure_that_this_provider_does_not_know_cannot_be_ordered(
    client: httpx.Client, smartlead_sandbox: SmartleadSandbox
) -> None:
    """It has no jobs and no lock: ordering one is a mistake of the test, in Python and over HTTP."""
    with pytest.raises(ValueError, match="never does busy"):
        smartlead_sandbox.fail_next("busy")
    with pytest.raises(ValueError, match="never does job_fails"):
        smartlead_sandbox.script(Failure(kind=Kind.SERVE), Failure(kind=Kind.JOB_FAILS))
    orders = f"{smartlead_sandbox.base_url}/sandbox/failures"
    assert client.post(orders, json={"kind": "busy"}).status_code == HTTPStatus.BAD_REQUEST
    assert client.post(orders, json={"kind": "reject", "times": 2}).json() == {"ordered": 2}
    assert client.delete(orders).json() == {"ordered": 0}


def test_account_is_told_of_before_it_has_a_number(smartlead_sandbox: SmartleadSandbox) -> None:
    """An address never comes to this provider, so none is made at first sight."""
    with pytest.raises(LookupError, match="set_account"):
        smartlead_sandbox.provider_ref(ANA)
    assert (smartlead_sandbox.account(ANA), smartlead_sandbox.warming(ANA)) == (None, False)
    smartlead_sandbox.set_account(ANA)
    smartlead_sandbox.set_account("bo@example.com")
    assert smartlead_sandbox.provider_ref("ANA@example.com") != smartlead_sandbox.provider_ref("bo@example.com")


def test_facades_ask_it_without_a_socket() -> None:
    """The transport gives the adapter that fits."""
    sandbox = SmartleadSandbox()
    sandbox.set_account(ANA)
    transport = sandbox.transport()
    engine = fresh_engine()
    upgrade_schema(engine)
    with Inboxes(engine, provider=transport.provider(), transport=transport) as inboxes:
        inbox = inboxes.register(email_address=ANA, owner_id="o", provider_ref=sandbox.provider_ref(ANA))
        sandbox.fail_next("throttle", retry_after=30)
        with pytest.raises(ProviderThrottled):
            inboxes.retry_warmup(inbox.id, owner_id="o")
        assert inboxes.retry_warmup(inbox.id, owner_id="o").status == "warming"
    engine.dispose()
    assert sandbox.warming(ANA)
