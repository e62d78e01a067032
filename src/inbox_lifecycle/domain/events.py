"""What can have happened to an inbox: one frozen value per event, a closed union.

Payloads hold enums, numbers, our own ids, commitments and the provider's job id. Who, why and from where stands
beside an event in its context, never in here: what is in an event can never change, so nothing personal may be.
"""

from dataclasses import dataclass
from enum import StrEnum


class AttemptKind(StrEnum):
    """Which operation opened an attempt."""

    START = "start"
    RETRY = "retry"
    LAUNCH = "launch"


class Acceptance(StrEnum):
    """How the provider said yes."""

    ENABLED = "enabled"
    ALREADY_WARMING = "already_warming"


class Recorder(StrEnum):
    """Who wrote an acceptance down."""

    CALL = "call"
    RECONCILE = "reconcile"


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxRegistered:
    """A new inbox was put on record."""

    #: The provider's name.
    provider: str
    #: HMAC-SHA256 of the address under the inbox's own key, 64 hexadecimal digits.
    address_commitment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxAdopted:
    """An inbox was taken over from a host's old table."""

    provider: str
    address_commitment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmupStarted:
    """The provider accepted the inbox for warmup."""

    #: The attempt that asked.
    attempt_id: str
    #: Which operation asked.
    kind: AttemptKind
    acceptance: Acceptance
    #: The provider's job, where it named one.
    job_id: str | None
    recorder: Recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmupFailed:
    """The provider's job failed after it had been accepted: the inbox is not warming."""

    #: The provider's word, a value of `WarmupState`.
    provider_says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxGraduated:
    """The inbox earned its reputation and may send."""

    reputation: int
    total_sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxBanned:
    """The inbox was taken out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxCorrected:
    """An operator set the pair by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxErased:
    """The personal data of the inbox was blanked for good."""


InboxEvent = (
    InboxRegistered
    | InboxAdopted
    | WarmupStarted
    | WarmupFailed
    | InboxGraduated
    | InboxBanned
    | InboxCorrected
    | InboxErased
)
