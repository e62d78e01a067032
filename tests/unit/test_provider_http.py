"""What every provider over HTTP shares."""

import re

import httpx
import pytest

from inbox_lifecycle.providers.http import Failure, refusal, retry_after, user_agent
from inbox_lifecycle.providers.port import Rejected, Throttled, Unavailable, Unknown


def test_user_agent_names_the_library_and_its_version() -> None:
    """The provider's edge sees a real name."""
    assert re.fullmatch(r"inbox-lifecycle/[\w.+-]+", user_agent())


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, None),
        (202, None),
        (307, Rejected(307, "redirected")),
        (401, Rejected(401, "unauthorised")),
        (404, Rejected(404, "no_such_thing")),
        (408, Unknown("request_timeout")),
        (451, Rejected(451, "refused")),
        (429, Throttled(None)),
        (500, Unknown("server_error")),
        (503, Unavailable("service_unavailable")),
        (599, Unknown("server_error")),
        (999, Unknown("server_error")),
    ],
)
def test_status_is_sorted_by_what_it_says_about_the_effect(status: int, answer: Failure | None) -> None:
    """A refusal is definite, a broken answer is not, and a status nobody has heard of is no refusal."""
    assert refusal(httpx.Response(status), missing="no_such_thing") == answer


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("1.5", 1.5),
        ("999999999999", 86_400.0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
        ("", None),
        ("-1", None),
        ("soon", None),
        ("nan", None),
        ("1e3", None),
    ],
)
def test_retry_after_is_read_as_number_and_as_date(told: str, seconds: float | None) -> None:
    """Dates count from the provider's own clock, the past is now, and nobody waits longer than a day."""
    headers = {"Retry-After": told, "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}
    assert retry_after(httpx.Response(429, headers=headers)) == seconds


def test_retry_after_as_a_date_without_the_providers_clock_tells_nothing() -> None:
    """Without the answer's own date there is nothing to count from."""
    headers = {"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT"}
    assert retry_after(httpx.Response(429, headers=headers)) is None
