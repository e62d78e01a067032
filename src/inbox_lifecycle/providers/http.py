"""What every provider over HTTP shares: hearing a request out, and reading what came back.

The rule of this file: nothing that came over the wire is repeated. Answers carry words of ours, so no address, key or
text of a provider can reach a log or an exception through them.
"""

import math
import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final, TypeVar

import httpx
import msgspec

from inbox_lifecycle.flow import Flow, Unanswered, Unsent, send
from inbox_lifecycle.providers.port import Busy, Rejected, Throttled, Unavailable, Unknown

T = TypeVar("T")

Failure = Rejected | Throttled | Busy | Unavailable | Unknown

#: A provider that asks for more than a day is wrong or broken; whoever sleeps on its word must wake up.
LONGEST_WAIT: Final = 86_400.0

#: The largest count that is one: what JSON numbers hold exactly, and more mails than anybody sends.
LARGEST_COUNT: Final = 2**53 - 1
_FULL_MARKS: Final = 100

#: Our words for an exchange that brought no answer at all.
_SILENCE: Final = frozenset({"not_reached", "unanswered"})

_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")

_REASONS: Final = {
    # Never followed, since a key is for one host; the cure is the right base URL.
    **dict.fromkeys(range(300, 400), "redirected"),
    400: "bad_request",
    401: "unauthorised",
    402: "payment_required",
    403: "forbidden",
    422: "unprocessable",
}


@cache
def user_agent() -> str:
    """Who we are; the edges of some providers refuse the names of bare HTTP libraries."""
    try:
        return f"inbox-lifecycle/{version('inbox-lifecycle')}"
    except PackageNotFoundError:
        return "inbox-lifecycle/unreleased"


def exchange(request: httpx.Request, *, timeout: float) -> Flow[httpx.Response | Unavailable | Unknown]:
    """Any answer at all, or what its absence means."""
    try:
        return (yield from send(request, timeout=timeout))
    except Unsent:
        return Unavailable("not_reached")
    except Unanswered:
        return Unknown("unanswered")


def refusal(response: httpx.Response, *, missing: str) -> Rejected | Throttled | Unavailable | Unknown | None:
    """Why a status is no success, None where it is one; `missing` is our word for what a 404 did not find."""
    status = response.status_code
    if response.is_success:
        return None
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Throttled(retry_after(response))
    if status == httpx.codes.SERVICE_UNAVAILABLE:
        return Unavailable("service_unavailable", retry_after(response))
    if status == httpx.codes.REQUEST_TIMEOUT or not (response.is_client_error or response.is_redirect):
        return Unknown("request_timeout" if response.is_client_error else "server_error")
    return Rejected(status, missing if status == httpx.codes.NOT_FOUND else _REASONS.get(status, "refused"))


def retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait, where the answer says so as a number or as a date."""
    told = response.headers.get("retry-after", "").strip()
    seconds = float(told) if _SECONDS.fullmatch(told) else _until(told, response.headers.get("date", ""))
    return None if seconds is None else bounded_wait(seconds)


def bounded_wait(seconds: float) -> float:
    """Seconds as they may be passed on: what is past is now, and nobody waits longer than a day."""
    return float(min(max(seconds, 0.0), LONGEST_WAIT))


def speaks_for_all(answer: object) -> bool:
    """Whether an answer is about the key or the limit, so that the next mailbox would be told the same."""
    unauthorised = isinstance(answer, Rejected) and answer.status == httpx.codes.UNAUTHORIZED
    return unauthorised or isinstance(answer, Throttled)


def silent(answer: object) -> bool:
    """Whether nothing came back; an error that came promptly is an answer, and costs nobody a wait."""
    return isinstance(answer, Unavailable | Unknown) and answer.reason in _SILENCE


def reason_of(failure: Failure) -> str:
    """A failure in one short word of ours."""
    if isinstance(failure, Rejected | Unavailable | Unknown):
        return failure.reason
    return "busy" if isinstance(failure, Busy) else "throttled"


def _until(then: str, now: str) -> float | None:
    # Both dates are the provider's, so its clock may be as wrong as it likes, and ours is not asked.
    told, asked = instant(then), instant(now)
    return None if told is None or asked is None else (told - asked).total_seconds()


def instant(date: str) -> datetime | None:
    """The instant of an HTTP date (RFC 9110, section 5.6.7); None where it names none, or none with a zone."""
    try:
        read = parsedate_to_datetime(date)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if read.tzinfo is None else read


def read_json(body: bytes | msgspec.Raw, shape: type[T]) -> T | None:
    """The body as `shape`, unknown fields ignored; None where it is anything else."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


def points(value: object) -> int | None:
    """A score of 100, rounded down so that it never earns a graduation early; None where it is no such score."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _FULL_MARKS:
        return None
    return math.floor(value)
