"""The bodies that Instantly sends, as far as we use them.

Fields that are not named here are ignored: the provider adds some without notice. Fields that are named are checked,
each where it is used, so that one odd field in one account spoils neither the account nor its neighbours.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from inbox_lifecycle.domain import WarmupState
from inbox_lifecycle.providers.http import LARGEST_COUNT, points, read_json
from inbox_lifecycle.providers.port import DailyFigures, Figures, NoFigures

#: The type of the jobs that switch warmup on and off.
WARMUP_JOB: Final = "update-warmup-accounts"

# A job's id is written into history for good, so it must be an id and nothing that a provider might put in its place.
_JobId = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z")]

_Count = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_COUNT)]

# The specification and the provider's own client disagree about the words for an ended job; these are both of theirs.
_ENDED_WELL = frozenset({"success", "completed"})
_ENDED_BADLY = frozenset({"failed", "error", "cancelled"})
#: The words for a job that has not ended, as far as there are any; the list is filtered by them.
NOT_ENDED: Final = ("pending", "in-progress", "draining", "paused")

#: Active, and running its subsequences.
_RUNS: Final = frozenset({1, 4})

_WARMUP: Final = {
    1: WarmupState.WARMING,
    0: WarmupState.NOT_WARMING,
    -1: WarmupState.BANNED,
    -2: WarmupState.SPAM_FOLDER_UNKNOWN,
    -3: WarmupState.SUSPENDED,
}


class Job(msgspec.Struct, frozen=True):
    """A background job."""

    id: _JobId
    status: str
    type: str = WARMUP_JOB

    @property
    def failed(self) -> bool:
        """Whether it ended badly."""
        return self.status in _ENDED_BADLY

    @property
    def running(self) -> bool:
        """Whether it may still switch a warmup; a status we do not know counts as running."""
        return self.type == WARMUP_JOB and self.status not in _ENDED_WELL | _ENDED_BADLY


class Jobs(msgspec.Struct, frozen=True):
    """One page of background jobs."""

    items: list[Job]


class Campaign(msgspec.Struct, frozen=True):
    """A campaign."""

    id: str
    status: int

    @property
    def runs(self) -> bool:
        """Whether it sends."""
        return self.status in _RUNS

    def is_of(self, campaign_id: str) -> bool:
        """Whether it is the campaign of that id."""
        return self.id.casefold() == campaign_id.casefold()


@dataclass(frozen=True, slots=True)
class Seen:
    """What an account said."""

    warmup: WarmupState
    #: Points of 100.
    reputation: int | None = None


class Account(msgspec.Struct, frozen=True):
    """An account, in the provider's words."""

    warmup_status: int
    stat_warmup_score: object = None

    @property
    def seen(self) -> Seen:
        """The account in ours."""
        return Seen(_WARMUP.get(self.warmup_status, WarmupState.UNKNOWN), points(self.stat_warmup_score))


class Analytics(msgspec.Struct, frozen=True):
    """The figures of many accounts, by address; each is read on its own.

    Without its totals an answer is none: an error in a success's clothes would read as nothing having been measured.
    """

    aggregate_data: dict[str, msgspec.Raw]
    email_date_data: dict[str, msgspec.Raw] = {}


class _Totals(msgspec.Struct, frozen=True):
    sent: _Count | None = None
    received: _Count | None = None
    landed_spam: _Count | None = None
    health_score: object = None
    health_score_label: str | None = None


class _Day(msgspec.Struct, frozen=True):
    sent: _Count | None = None
    received: _Count | None = None


def has_figures(analytics: Analytics, address: str) -> bool:
    """Whether anything was measured for an address."""
    return _of(analytics.aggregate_data, address) is not None


def figures(analytics: Analytics, address: str, seen: Seen | None) -> Figures | NoFigures:
    """The figures of one address, with what its account said."""
    measured = _of(analytics.aggregate_data, address)
    if measured is None:
        return NoFigures("not_measured_yet")
    if seen is None:
        return NoFigures("account_unreadable")
    if seen.warmup is WarmupState.ABSENT:
        return NoFigures("no_such_account")
    totals = read_json(measured, _Totals)
    days = read_json(_of(analytics.email_date_data, address) or b"{}", dict[dt.date, _Day])
    # A mailbox graduates by what it sent, so that is never made up. The other counts are often left out while zero.
    if totals is None or totals.sent is None or days is None:
        return NoFigures("unreadable")
    return Figures(
        total_sent=totals.sent,
        total_received=totals.received or 0,
        landed_spam=totals.landed_spam or 0,
        health_score=points(totals.health_score),
        health_score_label=totals.health_score_label,
        reputation=seen.reputation,
        warmup=seen.warmup,
        daily=_daily(days),
    )


def _daily(days: dict[dt.date, _Day]) -> tuple[DailyFigures, ...]:
    return tuple(
        DailyFigures(date=date.isoformat(), sent=day.sent or 0, received=day.received or 0)
        for date, day in sorted(days.items())
    )


def _of(by_address: dict[str, msgspec.Raw], address: str) -> msgspec.Raw | None:
    # We keep the local part as its owner writes it; the provider may answer in small letters.
    if address in by_address:
        return by_address[address]
    folded = {name.casefold(): raw for name, raw in by_address.items()}
    return folded.get(address.casefold())
