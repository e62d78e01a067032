"""What the HTTP API answers with, as values: its names where they are clear, and the library's where they are not.

States and outcomes are texts, so that an older client reads the words of a newer server.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec

T = TypeVar("T")

#: A time with its zone; without one nobody knows which it is.
Moment = Annotated[datetime, msgspec.Meta(tz=True)]

#: What may identify a person does not belong in logs, so no repr has it.
_PRIVATE = frozenset(
    {
        *("user_id", "email_address", "instantly_account_id", "email"),
        *("owner_id", "actor", "reason", "correlation_id", "causation_id", "idempotency_key", "entry"),
    }
)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What all answers share."""

    def __repr__(self) -> str:
        shown = [name for name in self.__struct_fields__ if name not in _PRIVATE]
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


class Pair(Answer, frozen=True, kw_only=True):
    """Both state columns of an inbox."""

    status: str
    warmup_status: str

    def __str__(self) -> str:
        return f"{self.status} / {self.warmup_status}"


class EmailDomain(Answer, frozen=True, kw_only=True):
    """The domain of an inbox's address, as far as the service knows it."""

    id: str
    domain: str
    #: pending, verifying, verified or failed.
    status: str


class Account(Answer, frozen=True, kw_only=True):
    """An inbox, as the API calls its row."""

    id: str
    #: The owner.
    user_id: str
    email_address: str
    #: How the provider knows the mailbox.
    instantly_account_id: str
    #: Name of the warmup provider.
    provider: str
    status: str
    warmup_status: str
    #: Number of events so far.
    version: int
    created_at: Moment
    updated_at: Moment
    domain_id: str
    email_domains: EmailDomain

    @property
    def pair(self) -> Pair:
        """Both state columns."""
        return Pair(status=self.status, warmup_status=self.warmup_status)


class Page(Answer, Generic[T], frozen=True, kw_only=True):
    """Some of many."""

    items: tuple[T, ...]
    #: Pass it as `after` for the next page; None when there is none.
    next_after: str | None = None


class Event(Answer, frozen=True, kw_only=True, rename={"left": "from", "reached": "to"}):
    """An event of an inbox's history, with who did it, why, and from which request; those are None once erased."""

    inbox_id: str
    #: 1 for the birth, one more for each event.
    version: int
    event_id: str
    #: Such as `inbox.warmup_started`.
    name: str
    #: The stored form of the payload.
    schema: int
    payload: dict[str, Any]
    #: The pair left; None for a birth.
    left: Pair | None
    reached: Pair
    recorded_at: Moment
    owner_id: str | None
    actor: str | None
    reason: str | None
    correlation_id: str | None
    causation_id: str | None
    idempotency_key: str | None
    #: RFC 6962 leaf hash of the entry, in hexadecimal.
    hash: str
    #: Hash of the inbox's previous event; None for a birth.
    previous_hash: str | None
    #: The canonical text, as it was written.
    entry: str


class Attempt(Answer, frozen=True, kw_only=True):
    """One call that asked the provider for something, and how it ended."""

    id: str
    inbox_id: str
    #: start, retry or launch.
    kind: str
    #: The inbox as the call saw it.
    seen_version: int
    opened_at: Moment
    #: Until then the call may still be alive.
    lease_until: Moment
    #: None while open: in flight, outcome unknown, or accepted and not recorded.
    outcome: str | None
    closed_at: Moment | None
    #: The event it made, or with whose success it was answered.
    event_version: int | None
    to_disable: bool
    #: The verdict of a refusal, or the provider's answer.
    detail: Any
    seen: Pair
    owner_id: str | None
    actor: str | None
    reason: str | None
    correlation_id: str | None
    causation_id: str | None
    idempotency_key: str | None


class Day(Answer, frozen=True, kw_only=True):
    """One day of warmup mail."""

    #: `YYYY-MM-DD`.
    date: str
    sent: int
    received: int


class Figures(Answer, frozen=True, kw_only=True):
    """What the provider measured for an inbox."""

    email: str
    total_sent: int
    total_received: int
    landed_spam: int
    #: Points of 100, where given.
    health_score: int | None
    health_score_label: str | None
    #: Points of 100; None where the provider gives none yet.
    warmup_reputation: int | None
    #: 1 warming, 0 not warming, -1 banned, -2 spam folder unknown, -3 suspended for good; None if unknown.
    instantly_warmup_status: int | None
    daily_data: tuple[Day, ...]


class Unavailable(Answer, frozen=True, kw_only=True):
    """Why there are no figures of an inbox."""

    #: A short word, such as `not_measured_yet`.
    reason: str


class WarmupAnalytics(Answer, frozen=True, kw_only=True):
    """The figures, and what they moved; all by inbox id."""

    analytics: dict[str, Figures]
    #: Where the inboxes that moved stand now.
    transitions: dict[str, Pair]
    #: The inboxes without figures.
    unavailable: dict[str, Unavailable] = {}


class Launch(Answer, frozen=True, kw_only=True, rename="camel"):
    """A campaign that was launched."""

    success: bool
    message: str
    #: The correlation id under which the senders have this launch on record.
    run_id: str
    warning: str | None = None
