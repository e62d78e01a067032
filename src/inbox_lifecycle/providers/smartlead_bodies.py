"""The bodies that Smartlead sends, as far as we use them.

Fields that are not named here are never decoded, and this time not for leniency alone: an account's answer, and each
row of the list of accounts, holds the mailbox's password in clear.

The provider's own documents disagree with each other and with what it sends, so every shape that was seen or written
down is read: errors in four, figures in three, counters as numbers and as texts, a reputation with and without its
percent sign.
"""

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final

import httpx
import msgspec

from inbox_lifecycle.domain import WarmupState
from inbox_lifecycle.providers.http import LARGEST_COUNT, bounded_wait, instant, points, read_json, retry_after
from inbox_lifecycle.providers.port import DailyFigures, Figures, NoFigures, Rejected, Throttled, Unknown

#: Our words for the provider's codes.
_CODES: Final = {
    "ACCOUNT_NOT_FOUND": "no_such_account",
    "EMAIL_ACCOUNT_NOT_FOUND": "no_such_account",
    "PLAN_EXPIRED": "plan_expired",
}
_LIMITED: Final = "RATE_LIMIT_EXCEEDED"

_STATES: Final = {
    "ACTIVE": WarmupState.WARMING,
    "INACTIVE": WarmupState.NOT_WARMING,
    "PAUSED": WarmupState.NOT_WARMING,
}

_COUNT = re.compile(r"[0-9]{1,15}")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%?")
_INSTANT = re.compile(r"[0-9]{1,12}")


class Told(msgspec.Struct, frozen=True):
    """What an answer says of itself: a `message`, an `error` as text or with a code inside, or `ok` and `errorCode`."""

    ok: object = None
    message: object = None
    error: object = None
    error_code: object = msgspec.field(name="errorCode", default=None)

    @property
    def word(self) -> str | None:
        """Why not, in a word of ours; None where nothing is said that we know."""
        # An expired plan has no code of its own, and the status of a wrong key, which is mended elsewhere.
        if any(isinstance(text, str) and "plan expired" in text.lower() for text in (self.message, self.error)):
            return "plan_expired"
        return _CODES.get(self._code)

    @property
    def denies(self) -> bool:
        """Whether it says that it is no success; most good answers say neither."""
        return self.ok is not None and self.ok is not True

    @property
    def limited(self) -> bool:
        """Whether the rate limit is given as the reason."""
        return self._code == _LIMITED

    @property
    def wait(self) -> float | None:
        """Seconds to wait, where they stand inside."""
        seconds = self._inside.get("retry_after")
        if isinstance(seconds, str) and _COUNT.fullmatch(seconds):
            seconds = int(seconds)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            return None
        return bounded_wait(seconds)

    @property
    def _inside(self) -> dict[str, object]:
        return self.error if isinstance(self.error, dict) else {}

    @property
    def _code(self) -> str:
        return str(self.error_code or self._inside.get("code") or "")


def told(response: httpx.Response) -> Told:
    """What an answer says of itself; nothing where it is no object."""
    return read_json(response.content, Told) or Told()


def wait(response: httpx.Response) -> float | None:
    """Seconds until the limit is over: by the header, by the body, or by the instant that is named."""
    by_header = retry_after(response)
    if by_header is not None:
        return by_header
    by_body = told(response).wait
    return _until_reset(response) if by_body is None else by_body


def verdict(response: httpx.Response) -> Rejected | Throttled | Unknown | None:
    """What stands in the way of calling a success a success; None where nothing does."""
    said = told(response)
    if said.ok is True:
        return None
    if said.limited:
        return Throttled(wait(response))
    return Rejected(None, said.word or "refused") if said.ok is False else Unknown("unreadable")


@dataclass(frozen=True, slots=True)
class Seen:
    """What an account said."""

    warmup: WarmupState
    #: Points of 100.
    reputation: int | None = None
    #: As it was said: null where nothing was counted yet, `UNSET` where nothing was said.
    total_sent: object = None
    landed_spam: int | None = None


class _Details(msgspec.Struct, frozen=True):
    status: object = None
    is_warmup_blocked: object = None
    blocked_reason: object = None
    warmup_reputation: object = None
    total_sent_count: object = msgspec.UNSET
    total_spam_count: object = None

    @property
    def warmup(self) -> WarmupState:
        # A ban is for good, so only the plain word is one. A reason without it may be an old one.
        if self.is_warmup_blocked is True:
            return WarmupState.BANNED
        if self.is_warmup_blocked or self.blocked_reason:
            return WarmupState.UNKNOWN
        return _STATES.get(str(self.status).upper(), WarmupState.UNKNOWN)


class Account(msgspec.Struct, frozen=True):
    """An account, in the provider's words; it has no details before its first warmup."""

    warmup_details: _Details | None

    @property
    def seen(self) -> Seen:
        """The account in ours."""
        details = self.warmup_details
        if details is None:
            return Seen(WarmupState.NOT_WARMING)
        return Seen(
            details.warmup,
            reputation=_percent(details.warmup_reputation),
            total_sent=details.total_sent_count,
            landed_spam=_count(details.total_spam_count),
        )


class Row(msgspec.Struct, frozen=True):
    """An account in the list of them."""

    id: Annotated[int, msgspec.Meta(ge=1, lt=10**18)]
    from_email: object = None


class _Day(msgspec.Struct, frozen=True):
    date: dt.date
    sent_count: object = None
    sent: object = None
    reply_count: object = None
    replied: object = None


class Stats(msgspec.Struct, frozen=True):
    """The figures of one account: as they are sent, as the reference has them, as the specification has them."""

    sent_count: object = msgspec.UNSET
    total_sent: object = msgspec.UNSET
    spam_count: object = None
    total_spam: object = None
    warmup_email_received_count: object = None
    reputation_score: object = None
    warmup_reputation: object = None
    stats_by_date: list[_Day] | None = None
    daily_stats: list[_Day] | None = None


def figures(stats: Stats, seen: Seen) -> Figures | NoFigures:
    """The figures of one account.

    The account counts from the beginning of its warmup, the figures of some shapes only the last seven days, so the
    largest count is the nearest to the whole. It is always one of the provider's: a mailbox graduates by it.
    """
    said = [count for count in (stats.total_sent, stats.sent_count) if count is not msgspec.UNSET]
    sent = _most(*map(_count, [seen.total_sent, *said]))
    if sent is None:
        # Only nulls among the figures say that nothing was counted yet; no word at all, or no number, says nothing.
        unmeasured = said and all(count is None for count in said) and seen.total_sent in (None, msgspec.UNSET)
        return NoFigures("not_measured_yet" if unmeasured else "unreadable")
    spam = _most(seen.landed_spam, _count(stats.total_spam), _count(stats.spam_count))
    return Figures(
        total_sent=sent,
        total_received=_count(stats.warmup_email_received_count) or 0,
        landed_spam=spam or 0,
        health_score=None,
        health_score_label=None,
        reputation=_first(seen.reputation, _percent(stats.reputation_score), _percent(stats.warmup_reputation)),
        warmup=seen.warmup,
        daily=_daily(stats.stats_by_date or stats.daily_stats or ()),
    )


def _daily(days: Iterable[_Day]) -> tuple[DailyFigures, ...]:
    return tuple(
        DailyFigures(
            date=day.date.isoformat(),
            sent=_first(_count(day.sent_count), _count(day.sent)) or 0,
            # No shape has what was received on a day; replies are what is known to have come in.
            received=_first(_count(day.reply_count), _count(day.replied)) or 0,
        )
        for day in sorted(days, key=lambda day: day.date)
    )


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def _most(*values: int | None) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _count(value: object) -> int | None:
    if isinstance(value, str) and _COUNT.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNT else None


def _percent(value: object) -> int | None:
    if isinstance(value, str):
        number = _PERCENT.fullmatch(value.strip())
        value = float(number[1]) if number else None
    return points(value)


def _until_reset(response: httpx.Response) -> float | None:
    # Both instants are the provider's, so its clock may be as wrong as it likes, and ours is not asked.
    reset = response.headers.get("x-ratelimit-reset", "").strip()
    if not _INSTANT.fullmatch(reset):
        return None
    now = instant(response.headers.get("date", ""))
    return None if now is None else bounded_wait(int(reset) - now.timestamp())
