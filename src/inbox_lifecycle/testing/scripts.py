"""Failures to order: what goes wrong, on which requests, how often.

A failure is ordered in advance and spent by the next requests it fits. Whether the request has its effect before it
fails is part of the order (`after_effect`), since that is the difference between "no" and "nobody knows".
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import msgspec

from inbox_lifecycle.testing.reply import Cut, Refuse, Reply, error


class Operation(StrEnum):
    """What a request asks of the provider."""

    ENABLE = "enable"
    DISABLE = "disable"
    ACCOUNT = "account"
    #: A page of all accounts, of providers whose mailboxes have numbers.
    ACCOUNTS = "accounts"
    JOBS = "jobs"
    JOB = "job"
    ANALYTICS = "analytics"
    ACTIVATE = "activate"


class Kind(StrEnum):
    """What goes wrong."""

    #: Nothing: lets one request pass in the middle of a script.
    SERVE = "serve"
    #: The provider says no, with `status`.
    REJECT = "reject"
    #: 429, with `retry_after` where given.
    THROTTLE = "throttle"
    #: 409: a warmup job of the workspace is running.
    BUSY = "busy"
    #: A server error, with `status`.
    ERROR = "error"
    #: Nothing happens for `seconds`; then the answer comes.
    HANG = "hang"
    #: The connection breaks off without an answer, or in the middle of the body (`mid_body`).
    CUT = "cut"
    #: 200 with a page for humans.
    NOT_JSON = "not_json"
    #: 200 with half a body, and a length that fits the half.
    TRUNCATED = "truncated"
    #: The job stays pending for `seconds`.
    JOB_PENDING = "job_pending"
    #: The job is taken and fails after `seconds`: nothing is switched.
    JOB_FAILS = "job_fails"
    #: The job is answered as failed.
    JOB_FAILED = "job_failed"
    #: The accounts named were warming already.
    ALREADY_WARMING = "already_warming"
    #: The accounts named are banned.
    BANNED = "banned"


#: What goes wrong between any client and any provider, whatever the provider's own ways.
ON_THE_WIRE: Final = frozenset(
    {Kind.SERVE, Kind.REJECT, Kind.THROTTLE, Kind.ERROR, Kind.HANG, Kind.CUT, Kind.NOT_JSON, Kind.TRUNCATED}
)

_SECONDS: Final = {Kind.HANG: 1.0, Kind.JOB_PENDING: 60.0}
_SPOILT: Final = frozenset({Kind.CUT, Kind.NOT_JSON, Kind.TRUNCATED})
_REFUSED: Final = frozenset({Kind.REJECT, Kind.THROTTLE, Kind.BUSY, Kind.ERROR})

_PAGE: Final = b"<!doctype html><title>Just a moment...</title>"


class Failure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One failure, as ordered."""

    kind: Kind
    on: Operation = Operation.ENABLE
    #: Only requests that name this address; all where None.
    email: str | None = None
    #: How many requests it spoils.
    times: int = 1
    #: For `reject` (400 unless told) and `error` (500 unless told).
    status: int | None = None
    #: For `hang` (one unless told), `job_pending` (sixty unless told) and `job_fails` (none unless told).
    seconds: float | None = None
    #: For `throttle`, `busy` and `error`: seconds, or a text to send as it is.
    retry_after: float | str | None = None
    #: Whether the request has its effect first; spoilt answers do unless told, refusals and hangs do not.
    after_effect: bool | None = None
    #: For `cut`: break off in the middle of the body, not before the answer.
    mid_body: bool = False

    @property
    def lasts(self) -> float:
        """Seconds, with the default of the kind."""
        return _SECONDS.get(self.kind, 0.0) if self.seconds is None else self.seconds

    @property
    def late(self) -> bool:
        """Whether it strikes after the effect."""
        return self.kind in _SPOILT if self.after_effect is None else self.after_effect

    @property
    def prevents(self) -> bool:
        """Whether the request has no effect at all."""
        return self.kind in _SPOILT | _REFUSED and not self.late

    def spoil(self, reply: Reply, refuse: Refuse = error) -> Reply:
        """What goes over the wire in place of the good answer; `refuse` makes refusals as the provider words them."""
        if self.kind in _REFUSED:
            return self._refusal(refuse)
        if self.kind is Kind.CUT:
            return replace(reply, cut=Cut.MID_BODY if self.mid_body else Cut.BEFORE_ANSWER)
        if self.kind is Kind.NOT_JSON:
            return Reply(200, _PAGE, {"Content-Type": "text/html"})
        if self.kind is Kind.TRUNCATED:
            return replace(reply, body=reply.body[: len(reply.body) // 2])
        return reply

    def _refusal(self, refuse: Refuse) -> Reply:
        if self.kind is Kind.THROTTLE:
            return refuse(429, "Rate limit exceeded", retry_after=self.retry_after)
        if self.kind is Kind.BUSY:
            return refuse(409, "update-warmup-accounts job in progress", retry_after=self.retry_after)
        default = 400 if self.kind is Kind.REJECT else 500
        return refuse(self.status or default, "ordered failure", retry_after=self.retry_after)


#: No failure.
SERVE: Final = Failure(kind=Kind.SERVE)


@dataclass(slots=True)
class _Order:
    failure: Failure
    left: int


class Script:
    """The failures ordered and not spent yet, oldest first."""

    def __init__(self) -> None:
        self._orders: list[_Order] = []

    def __len__(self) -> int:
        return sum(order.left for order in self._orders)

    def add(self, failure: Failure) -> None:
        """Order a failure."""
        self._orders.append(_Order(failure, failure.times))

    def clear(self) -> None:
        """Forget what is not spent."""
        self._orders.clear()

    def take(self, operation: Operation, emails: Collection[str]) -> Failure:
        """Spend the oldest failure that fits; `SERVE` where none does."""
        for order in self._orders:
            if order.left > 0 and _fits(order.failure, operation, emails):
                order.left -= 1
                return order.failure
        return SERVE


def _fits(failure: Failure, operation: Operation, emails: Collection[str]) -> bool:
    named = failure.email is None or failure.email.lower() in {email.lower() for email in emails}
    return named and failure.on is operation
