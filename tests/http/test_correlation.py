"""Request ids and W3C trace contexts: what is taken, what is made, and what stands beside events because of them."""

from __future__ import annotations

import pytest

from inbox_lifecycle.http.correlation import Correlation, correlate, read_correlation
from tests.support.contract import OWNER, born, crosswise
from tests.support.faces import AnyFace
from tests.support.hosting import Site

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"

#: What somebody may paste by mistake, and no log may keep: an address, an API key, a JWT.
PERSONAL = ("ana@mail.example.com", f"ilk_4zt9_{'a' * 52}", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmVk")


def read(*headers: tuple[str, str]) -> Correlation:
    """What these headers say."""
    return read_correlation([(name.encode(), value.encode()) for name, value in headers])


def test_a_request_id_alone_is_the_correlation() -> None:
    """And there is no cause."""
    assert read(("x-request-id", "req-1")) == Correlation("req-1", "req-1", None)


def test_a_trace_alone_is_the_correlation_and_the_cause() -> None:
    """The request itself gets an id of its own, as a trace has many requests."""
    found = read(("traceparent", TRACEPARENT))
    assert (found.correlation_id, found.causation_id) == (TRACE, TRACEPARENT)
    assert found.request_id not in {TRACE, TRACEPARENT}


def test_a_request_id_goes_before_a_trace() -> None:
    """The client has chosen it; the trace stays in the cause."""
    found = read(("x-request-id", "req-1"), ("traceparent", TRACEPARENT))
    assert found == Correlation("req-1", "req-1", TRACEPARENT)


def test_later_versions_are_read_as_the_first() -> None:
    """As far as it goes, and handed on in its form (W3C Trace Context, section 3.2.2)."""
    for later in (f"cc-{TRACE}-{PARENT}-01", f"01-{TRACE}-{PARENT}-01-what-comes-later"):
        assert read(("traceparent", later)).causation_id == TRACEPARENT


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        TRACE,
        TRACEPARENT.upper(),
        f"ff-{TRACE}-{PARENT}-01",
        f"0-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-01 ",
        f"01-{TRACE}-{PARENT}-01more",
        f"00-{TRACE[:-1]}g-{PARENT}-01",
        f"00-{TRACE}0-{PARENT}-01",
    ],
)
def test_what_is_no_traceparent_is_passed_over(value: str) -> None:
    """As if it had not been sent."""
    assert read(("x-request-id", "req-1"), ("traceparent", value)) == Correlation("req-1", "req-1", None)


@pytest.mark.parametrize("value", ["", " ", "a b", "a" * 129, "caf\u00e9", 'a"b', "a;b", "<script>", "a\tb", *PERSONAL])
def test_what_is_no_request_id_is_replaced(value: str) -> None:
    """By one that is, and is another each time."""
    one, other = read(("x-request-id", value)), read(("x-request-id", value))
    assert one.request_id != other.request_id
    assert one.request_id == one.correlation_id
    assert one == read(("x-request-id", one.request_id))


def test_headers_that_are_there_twice_are_passed_over() -> None:
    """Nobody can tell which one is meant."""
    twice = read(
        ("x-request-id", "a"), ("x-request-id", "b"), ("traceparent", TRACEPARENT), ("traceparent", TRACEPARENT)
    )
    assert twice.request_id not in {"a", "b"}
    assert twice.causation_id is None


def test_whoever_asks_about_a_request_hears_the_same() -> None:
    """The id that is made is made once a request."""
    scope: dict[str, object] = {"headers": []}
    assert correlate(scope) is correlate(scope)


@crosswise
def test_events_and_attempts_tell_which_request_led_to_them(site: Site, face: AnyFace) -> None:
    """Who, by which request, in which trace: over HTTP as in Python, and the answer names the request."""
    inbox = born(face)
    answer = site.retry(inbox, headers={"X-Request-ID": "req-1", "traceparent": TRACEPARENT})
    assert (answer.status_code, answer.headers.get_list("X-Request-ID")) == (200, ["req-1"])
    made = site.retry(inbox).headers["X-Request-ID"]
    moved = face.history(inbox.id, owner_id=OWNER)[-1].context
    assert (moved.actor, moved.correlation_id, moved.causation_id) == ("ana", "req-1", TRACEPARENT)
    attempts = [attempt.context for attempt in face.attempts(inbox.id, owner_id=OWNER)]
    assert [(one.actor, one.correlation_id) for one in attempts] == [("ana", "req-1"), ("ana", made)]


@crosswise
def test_every_answer_names_its_request_errors_and_other_methods_included(site: Site) -> None:
    """So that somebody who was refused can be found in the log."""
    said = {"X-Request-ID": "req-2"}
    answers = [
        site.get("/api/email/accounts", headers=said),
        site.get("/api/email/accounts", headers=said, token=None),
        site.get("/api/email/accounts/nope", headers=said),
        site.ask("DELETE", "/api/email/accounts", headers=said),
        site.ask("OPTIONS", "/api/email/accounts", headers=said),
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 422, 405, 204]
    assert {answer.headers["X-Request-ID"] for answer in answers} == {"req-2"}
