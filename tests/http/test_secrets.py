"""No token, address, key or payload in the answer to a failure, nor in any log of ours, whatever goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable

import httpx
import pytest

from inbox_lifecycle import Inbox
from inbox_lifecycle.http import Principal
from inbox_lifecycle.testing import Sandbox
from tests.support.contract import crosswise
from tests.support.faces import AnyFace
from tests.support.hosting import BROKEN, DRAFT, Host, Site

OWNER = "zx-owner"
ADDRESS = "zx-local-part@mail.example.com"
TOKEN = "zx-token-0123456789"
#: Loggers of the test's own client, and of its server's requests.
OF_THE_TEST = ("httpx", "httpcore", "uvicorn.access")
SECRETS = ("zx-owner", "zx-local", "zx-token", "zx-ref", "zx-key", "zx-actor", "zx-body", "zx-query", "zx-host")

Provoke = Callable[[Site, Inbox, Host, Sandbox], httpx.Response]


def retry(site: Site, inbox_id: str, **options: object) -> httpx.Response:
    """A retry with something to hide in every part."""
    said = {"Idempotency-Key": "zx-key"}
    return site.retry(inbox_id, token=TOKEN, headers=said, params={"q": "zx-query"}, content=b"zx-body", **options)


def refused(site: Site, inbox: Inbox, _host: Host, _sandbox: Sandbox) -> httpx.Response:
    """The inbox warms already."""
    assert site.retry(inbox, token=TOKEN).status_code == 200
    return retry(site, inbox.id)


def failing(kind: str, **order: object) -> Provoke:
    """The provider fails."""

    def provoke(site: Site, inbox: Inbox, _host: Host, sandbox: Sandbox) -> httpx.Response:
        sandbox.fail_next(kind, **order)  # type: ignore[arg-type]  # each order is of its kind
        sandbox.fail_next("error", on="account")
        return retry(site, inbox.id)

    return provoke


def unforeseen(site: Site, inbox: Inbox, host: Host, _sandbox: Sandbox) -> httpx.Response:
    """Looking up the token fails, with a text that holds it."""
    host.failure = LookupError(f"zx-host has no row of {TOKEN}")
    return retry(site, inbox.id)


FAILURES: dict[str, tuple[int, Provoke]] = {
    "no such token": (401, lambda site, inbox, _host, _sandbox: site.retry(inbox, token="zx-token-other")),
    "no such inbox": (404, lambda site, _inbox, _host, _sandbox: retry(site, "0197e9a4-8f4a-7c3e-9d6b-2f1c5a7e4b10")),
    "no id": (422, lambda site, _inbox, _host, _sandbox: retry(site, "zx-local-part%40mail.example.com")),
    "refused": (409, refused),
    "rejected": (502, failing("reject", status=422)),
    "busy": (502, failing("busy")),
    "cut": (502, failing("cut", mid_body=True)),
    "not JSON": (502, failing("not_json")),
    "unforeseen": (500, unforeseen),
    "the host fails": (500, lambda site, _inbox, _host, _sandbox: site.launch(BROKEN, token=TOKEN)),
    "not the caller's": (400, lambda site, _inbox, _host, _sandbox: site.launch(DRAFT, token=TOKEN)),
    "no parameter": (
        422,
        lambda site, _inbox, _host, _sandbox: site.get(
            "/api/email/accounts", token=TOKEN, params={"limit": "zx-query", "status": "zx-query", "after": "zx-query"}
        ),
    ),
}


@pytest.fixture
def provoked(
    request: pytest.FixtureRequest, site: Site, face: AnyFace, host: Host, provider_sandbox: Sandbox
) -> Callable[[], httpx.Response]:
    """The failure, ready to be brought about, with something to hide in every field of the inbox."""
    host.callers[TOKEN] = Principal(owner_id=OWNER, actor="zx-actor")
    host.all_campaigns_of = OWNER
    host.senders = ["0197e9a4-8f4a-7c3e-9d6b-2f1c5a7e4b10"]
    inbox = face.register(email_address=ADDRESS, owner_id=OWNER, provider_ref="zx-ref")
    _, provoke = FAILURES[request.param]
    return lambda: provoke(site, inbox, host, provider_sandbox)


@crosswise
@pytest.mark.parametrize(("failure", "provoked"), [(name, name) for name in FAILURES], indirect=["provoked"])
def test_failure_gives_nothing_away(
    failure: str,
    provoked: Callable[[], httpx.Response],
    provider_sandbox: Sandbox,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither the answer's headers and body, nor any record down to DEBUG, nor a stack anywhere."""
    with caplog.at_level(logging.DEBUG):
        answer = provoked()
    assert answer.status_code == FAILURES[failure][0]
    secrets = (*SECRETS, provider_sandbox.api_key)
    said = f"{answer.headers} {answer.text}"
    assert [secret for secret in (*secrets, "Traceback") if secret in said] == []
    records = [record for record in caplog.records if not record.name.startswith(OF_THE_TEST)]
    spoken = [f"{record.getMessage()} {vars(record)}" for record in records]
    assert [text for text in spoken if any(secret in text for secret in secrets)] == []
    assert [record.exc_info for record in records if record.exc_info] == []
