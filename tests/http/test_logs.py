"""The log of requests: one line each, with ids and numbers only, and how the lines of a server are written."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from inbox_lifecycle.http import create_app
from inbox_lifecycle.http.facts import FACTS
from inbox_lifecycle.http.logs import JsonLog, RequestLog, TextLog, facts_of
from inbox_lifecycle.testing import ProviderSandbox
from tests.support.contract import ANA, born, crosswise
from tests.support.faces import AnyFace
from tests.support.hosting import TOKEN, Host, Site, site_of
from tests.support.serving import Web

SECRETS = ("zx-query", "zx-path", "zx-agent", TOKEN, ANA)


@pytest.fixture
def logged(web: Web, host: Host, face: AnyFace) -> Iterator[Site]:
    """An application whose requests are logged."""
    with site_of(web, RequestLog(create_app(face.target, authenticate=host.authenticate))) as site:
        yield site


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged, requests that went well included."""
    caplog.set_level(logging.INFO, "inbox_lifecycle.http")
    return caplog


def requests(lines: pytest.LogCaptureFixture) -> list[tuple[int, dict[str, Any]]]:
    """Level and facts of each request."""
    return [(record.levelno, getattr(record, FACTS)) for record in lines.records if hasattr(record, FACTS)]


@crosswise
def test_a_request_is_one_line_of_ids_and_numbers(
    logged: Site, face: AnyFace, lines: pytest.LogCaptureFixture, provider_sandbox: ProviderSandbox
) -> None:
    """What went well, what was refused, what there is no route for, and what failed behind us, which is a warning."""
    inbox = born(face)
    provider_sandbox.fail_next("reject", status=402)
    headers = {"X-Request-ID": "r-7", "User-Agent": "zx-agent"}
    logged.retry(inbox, headers=headers, params={"q": "zx-query"})
    logged.retry(inbox, headers=headers)
    logged.retry("zx-path", token=None, headers=headers)
    logged.get(f"/zx-path/{ANA}", headers=headers)
    logged.ask("zx-path", "/livez", headers=headers)
    # A line may be written after its answer is there, but never after the next request on its connection is read.
    logged.ask("GET", "/livez")
    found = requests(lines)[:5]
    assert [level for level, _ in found] == [logging.WARNING] + [logging.INFO] * 4
    assert [facts["status"] for _, facts in found] == [502, 200, 401, 404, 405]
    assert [facts.get("inbox_id") for _, facts in found] == [inbox.id, inbox.id, None, None, None]
    assert [facts["method"] for _, facts in found] == ["PATCH", "PATCH", "PATCH", "GET", "other"]
    routes = [facts["route"] for _, facts in found]
    assert [str(route).endswith("/email/accounts/{id}/retry-warmup") for route in routes] == [True] * 3 + [False] * 2
    assert all(facts["request_id"] == "r-7" and facts["ms"] > 0 for _, facts in found)
    written = " ".join(JsonLog().format(record) + TextLog().format(record) for record in lines.records)
    assert [secret for secret in SECRETS if secret in written] == []


def test_a_request_that_nobody_waits_for_any_more_has_no_status() -> None:
    """The client was gone before there was an answer."""
    scope = {"type": "http", "method": "GET", "path": "/zx-path", "headers": [(b"x-request-id", b"r-8")]}
    facts = facts_of(scope, None, 0.0125)
    assert facts == {"method": "GET", "route": None, "status": None, "ms": 12.5, "request_id": "r-8"}


def record_of(message: str, *args: object, facts: dict[str, str] | None = None) -> logging.LogRecord:
    """A record as somebody else's code would log it, with the error that it is handling."""
    handled = sys.exc_info()
    record = logging.LogRecord(
        "theirs", logging.ERROR, __file__, 1, message, args, None if handled[0] is None else handled
    )
    if facts is not None:
        setattr(record, FACTS, facts)
    return record


def raise_it(text: str) -> logging.LogRecord:
    """The record of an error that says this."""
    try:
        return record_of(str(int(text)))
    except ValueError:
        return record_of("Exception in ASGI application\nzx-query")


def test_an_error_is_its_type_and_its_place_and_nothing_that_it_says() -> None:
    """Neither its text nor its trace: a driver quotes values, and a trace quotes lines."""
    record = raise_it("zx-path")
    line = JsonLog().format(record)
    written = json.loads(line)
    assert (written["message"], written["error"], written["level"]) == (
        "Exception in ASGI application",
        "ValueError",
        "error",
    )
    assert written["at"].partition(":")[2].startswith("raise_it:")
    assert "zx-" not in line + TextLog().format(record)


def test_an_address_in_a_message_of_others_is_left_out() -> None:
    """Whatever stands around it."""
    record = record_of("could not read '%s' of <%s>", ANA, ANA)
    assert json.loads(JsonLog().format(record))["message"] == "could not read '...' of <...>"
    assert ANA not in TextLog().format(record)


def test_a_line_is_one_line_whatever_is_in_it() -> None:
    """A message cannot forge another line."""
    facts = {"request_id": "r-9", "inbox_id": "i-1"}
    record = record_of("first\x1b[2J\rsecond\nthird", facts=facts)
    for written in (JsonLog().format(record), TextLog().format(record)):
        assert len(written.splitlines()) == 1
        assert written.isprintable()
        assert "r-9" in written
        assert "i-1" in written
