"""The port to a warmup provider: what we ask, and every answer there is.

All methods are flows and take batches. An adapter never raises for what a provider does: each mailbox gets one of the
typed answers, and the caller decides. What cannot be read is `Unknown`, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from inbox_lifecycle.domain import InboxId, WarmupState
from inbox_lifecycle.flow import Flow


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An inbox as a provider must know it."""

    inbox_id: InboxId
    email_address: str = field(repr=False)
    #: How the provider addresses it, where that is not the address.
    provider_ref: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Enabled:
    """The provider took the request."""

    #: The provider's job, where it named one.
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class AlreadyWarming:
    """The mailbox warms already: success."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The provider said no, for good."""

    #: HTTP status; None where the "no" stood inside a success.
    status: int | None
    #: A short word of ours, never the provider's text: `unauthorised`, `payment_required`, `no_such_account`, ...
    reason: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """The rate limit is reached."""

    #: Seconds, where the provider said so.
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Busy:
    """Another job runs and the provider takes no second one meanwhile."""

    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The provider was not reached, or said it cannot serve: no effect."""

    reason: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request may have had its effect and may not."""

    reason: str


EnableAnswer = Enabled | AlreadyWarming | Rejected | Throttled | Busy | Unavailable | Unknown


@dataclass(frozen=True, slots=True)
class Disabled:
    """The provider took the request to stop, or the mailbox did not warm."""

    job_id: str | None = None


DisableAnswer = Disabled | Rejected | Throttled | Busy | Unavailable | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyFigures:
    """One day of warmup mail."""

    #: `YYYY-MM-DD`.
    date: str
    sent: int
    received: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the provider measured for one mailbox."""

    total_sent: int
    total_received: int
    landed_spam: int
    #: Points of 100, where given.
    health_score: int | None
    health_score_label: str | None
    #: Points of 100, rounded down; None where the provider gives none yet.
    reputation: int | None
    #: The provider's word on the warmup.
    warmup: WarmupState
    daily: tuple[DailyFigures, ...] = ()


@dataclass(frozen=True, slots=True)
class NoFigures:
    """The figures of this mailbox could not be had."""

    reason: str


@dataclass(frozen=True, slots=True)
class Activated:
    """The campaign is launched."""


ActivateAnswer = Activated | Rejected | Throttled | Busy | Unavailable | Unknown


class Provider(Protocol):
    """A warmup provider.

    An adapter may also have an attribute `answers_each: bool`. True says that `enable_warmup` answers for each mailbox
    by itself, so that a `Rejected` is meant for that mailbox. Without it a batch that is refused as a whole is asked
    for in parts, until the one that spoils it is found.
    """

    @property
    def name(self) -> str:
        """The name that rows and events carry."""
        ...

    @property
    def budget(self) -> float:
        """Seconds that `enable_warmup` takes at most for one batch, its own reading of the account included."""
        ...

    def enable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, EnableAnswer]]:
        """Ask for warmup; idempotent: already warming is a success, and busy or unknown is judged by reading."""
        ...

    def read_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, WarmupState]]:
        """Ask for the truth."""
        ...

    def disable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, DisableAnswer]]:
        """Ask to stop the warmup; idempotent."""
        ...

    def read_analytics(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, Figures | NoFigures]]:
        """Ask for the figures."""
        ...

    def activate_campaign(self, campaign_id: str) -> Flow[ActivateAnswer]:
        """Launch a campaign."""
        ...
