"""One frozen value for each thing a caller can ask, with the facts its guard looks at."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from inbox_lifecycle.domain.states import Pair, Trigger, WarmupState
from inbox_lifecycle.errors import InvalidInput

_ALL_POINTS = 100


def _is_whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


class SpamFolderPolicy(StrEnum):
    """What `sync_warmup` does with an inbox whose spam folder the provider cannot find."""

    #: It stays where it is, and the report names it.
    REPORT = "report"
    #: It is banned.
    BAN = "ban"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReputationPolicy:
    """When a warming inbox has earned its way to `active`, and when it has lost it.

    Raises:
        InvalidInput: a number is out of its range, or a word is unknown.
    """

    #: Least reputation, in points of 100.
    min_reputation: int = 90
    #: Least number of warmup mails sent since the beginning.
    min_total_sent: int = 200
    #: What becomes of an inbox whose spam folder the provider cannot find; its word will do.
    spam_folder_unknown: SpamFolderPolicy = SpamFolderPolicy.REPORT

    def __post_init__(self) -> None:
        if not _is_whole(self.min_reputation) or not 0 <= self.min_reputation <= _ALL_POINTS:
            raise InvalidInput(f"min_reputation is a whole number of points, from 0 to {_ALL_POINTS}")
        if not _is_whole(self.min_total_sent) or self.min_total_sent < 0:
            raise InvalidInput("min_total_sent is a whole number of mails, from 0 on")
        if self.spam_folder_unknown not in tuple(SpamFolderPolicy):
            raise InvalidInput(f"spam_folder_unknown is one of {', '.join(SpamFolderPolicy)}")
        object.__setattr__(self, "spam_folder_unknown", SpamFolderPolicy(self.spam_folder_unknown))


@dataclass(frozen=True, slots=True)
class Register:
    """Put a new inbox on record."""

    trigger: ClassVar[Trigger] = Trigger.REGISTER


@dataclass(frozen=True, slots=True)
class Adopt:
    """Take over an inbox from a host's old table, in the pair it has there."""

    trigger: ClassVar[Trigger] = Trigger.ADOPT
    to: Pair


@dataclass(frozen=True, slots=True)
class StartWarmup:
    """Ask the provider for warmup, for the first time."""

    trigger: ClassVar[Trigger] = Trigger.START_WARMUP


@dataclass(frozen=True, slots=True)
class RetryWarmup:
    """Ask the provider for warmup again, because the first call failed."""

    trigger: ClassVar[Trigger] = Trigger.RETRY_WARMUP


@dataclass(frozen=True, slots=True)
class FailWarmup:
    """Take back a warmup whose job failed after the provider had accepted it."""

    trigger: ClassVar[Trigger] = Trigger.FAIL_WARMUP
    #: The provider's word on this inbox now.
    provider_says: WarmupState


@dataclass(frozen=True, slots=True, kw_only=True)
class Graduate:
    """Let a warmed inbox send."""

    trigger: ClassVar[Trigger] = Trigger.GRADUATE
    #: Points of 100; None where the provider gave none.
    reputation: int | None
    #: Warmup mails sent since the beginning.
    total_sent: int
    policy: ReputationPolicy = ReputationPolicy()


@dataclass(frozen=True, slots=True)
class Ban:
    """Take an inbox out."""

    trigger: ClassVar[Trigger] = Trigger.BAN


@dataclass(frozen=True, slots=True)
class Correct:
    """Set a pair by hand, with a reason."""

    trigger: ClassVar[Trigger] = Trigger.CORRECT
    to: Pair


@dataclass(frozen=True, slots=True)
class Erase:
    """Blank the personal data for good."""

    trigger: ClassVar[Trigger] = Trigger.ERASE


Command = Register | Adopt | StartWarmup | RetryWarmup | FailWarmup | Graduate | Ban | Correct | Erase
