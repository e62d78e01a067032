"""The table from errors to answers, by itself."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError

from inbox_lifecycle import errors
from inbox_lifecycle.http.answering import answer_to, answer_with_status
from inbox_lifecycle.http.problems import LaunchPostponed
from inbox_lifecycle.terms import NoProvider

ID = "0197e9a4-8f4a-7c3e-9d6b-2f1c5a7e4b10"


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (errors.ProviderThrottled("instantly", retry_after=2.1), 502, "3"),
        (errors.ProviderThrottled("instantly", retry_after=0.0), 502, "1"),
        (errors.ProviderThrottled("instantly"), 502, "30"),
        (errors.ProviderBusy("instantly", retry_after=1e9), 502, "86400"),
        (errors.ProviderRejected("instantly", "payment_required", status=402), 502, "10"),
        (errors.ProviderOutcomeUnknown("instantly"), 502, "10"),
        (LaunchPostponed("instantly"), 503, "30"),
        (LaunchPostponed("instantly", 7), 503, "7"),
        (errors.LaunchInProgress("c", 12.5), 409, "13"),
        (errors.LaunchInProgress("c"), 409, "120"),
        (errors.StoreContended("40001"), 503, "30"),
        (errors.SchemaMismatch(None, "0003"), 503, "30"),
        (errors.AuthenticationUnavailable(4), 503, "4"),
        (errors.WarmupNotRecorded(ID), 500, None),
        (errors.InboxNotFound(ID), 404, None),
        (errors.MalformedText("domain", "it has a NUL"), 422, None),
        (NoProvider(), 500, None),
        (ZeroDivisionError(), 500, None),
    ],
)
def test_status_and_wait_are_those_of_the_table(error: Exception, status: int, retry_after: str | None) -> None:
    """Whole seconds, rounded up, at least one and at most a day; the provider's where it said some."""
    answer = answer_to(error)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, retry_after)
    assert answer.media_type == "application/problem+json"
    document = json.loads(bytes(answer.body))
    assert document["status"] == status
    assert {"type", "title", "detail", "error"} <= set(document)


def test_what_fails_inside_is_told_to_the_operators_alone(caplog: pytest.LogCaptureFixture) -> None:
    """The cure is in the log, where it is one of ours; of what nobody foresaw only the type is."""
    with caplog.at_level(logging.ERROR, "inbox_lifecycle.http"):
        bodies = [bytes(answer_to(error).body) for error in (errors.SchemaMismatch("0001", "0003"), OSError("zx"))]
    assert b"0003" not in b"".join(bodies)
    assert "run `inbox-lifecycle db upgrade`" in caplog.text
    assert "OSError" in caplog.text
    assert "zx" not in caplog.text
    assert b"zx" not in b"".join(bodies)


def test_parameters_are_named_without_what_they_held() -> None:
    """Neither `input` nor `ctx` of what FastAPI found comes along."""
    found: dict[str, Any] = {
        "loc": ("query", "limit"),
        "msg": "too much",
        "input": "zx",
        "ctx": {"le": "zx"},
        "type": "x",
    }
    document = json.loads(bytes(answer_to(RequestValidationError([found])).body))
    assert document["errors"] == [{"in": "query", "name": "limit", "why": "too much"}]
    assert "zx" not in json.dumps(document)


def test_a_bare_status_is_a_document_too() -> None:
    """By the registered phrase, with the headers that came with it."""
    answer = answer_with_status(405, {"Allow": "GET"})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    assert json.loads(bytes(answer.body))["type"] == "about:blank"
