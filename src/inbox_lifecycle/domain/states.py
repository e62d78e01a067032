"""The words of the lifecycle: the two state columns, their pair, and the triggers."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Whether an inbox may send."""

    #: Registered; warmup has not been accepted by the provider yet.
    PENDING = "pending"
    #: The provider builds its reputation.
    WARMING = "warming"
    #: May send.
    ACTIVE = "active"
    #: Out for good, unless an operator corrects it.
    BANNED = "banned"


class WarmupStatus(StrEnum):
    """What the provider's warmup does for an inbox."""

    NOT_STARTED = "not_started"
    WARMING = "warming"
    ACTIVE = "active"
    BANNED = "banned"


@dataclass(frozen=True, slots=True)
class Pair:
    """The two state columns together: the state of the machine."""

    status: Status
    warmup_status: WarmupStatus

    def __str__(self) -> str:
        return f"{self.status} / {self.warmup_status}"


#: Every pair there is, by its words: looked up, as a million events that are read bring two each.
PAIRS: dict[tuple[str, str], Pair] = {
    (status, warmup_status): Pair(status, warmup_status) for status in Status for warmup_status in WarmupStatus
}


class Trigger(StrEnum):
    """What can be asked of an inbox."""

    REGISTER = "register"
    ADOPT = "adopt"
    START_WARMUP = "start_warmup"
    RETRY_WARMUP = "retry_warmup"
    FAIL_WARMUP = "fail_warmup"
    GRADUATE = "graduate"
    BAN = "ban"
    CORRECT = "correct"
    ERASE = "erase"


class WarmupState(StrEnum):
    """What a provider says of an inbox's warmup when asked."""

    WARMING = "warming"
    #: A definite no: the account is known, does not warm, and no job of ours is running.
    NOT_WARMING = "not_warming"
    #: A job is still running; ask again later.
    JOB_PENDING = "job_pending"
    BANNED = "banned"
    SUSPENDED = "suspended"
    SPAM_FOLDER_UNKNOWN = "spam_folder_unknown"
    #: The provider has no such account: a definite no as well.
    ABSENT = "absent"
    #: No usable answer.
    UNKNOWN = "unknown"

    @property
    def definitely_not_warming(self) -> bool:
        """Whether this is a definite "no"."""
        return self in _DEFINITE_NO


_DEFINITE_NO = frozenset(
    {WarmupState.NOT_WARMING, WarmupState.BANNED, WarmupState.SUSPENDED, WarmupState.ABSENT},
)
