"""The terms on which use-cases work: clocks, budgets, and which provider serves which inbox."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from inbox_lifecycle.domain import Inbox
from inbox_lifecycle.errors import InvalidInput


class NoProvider(InvalidInput):
    """The facade was made without a provider, so that no inbox has one."""

    def __init__(self) -> None:
        super().__init__("this facade has no provider: pass provider=... where it is made")


def utc_now() -> datetime:
    """The time, aware and in UTC."""
    return datetime.now(UTC)


def aware(clock: Callable[[], datetime]) -> Callable[[], datetime]:
    """The clock, which is an error as soon as it gives a time without a zone."""

    def checked() -> datetime:
        now = clock()
        if now.tzinfo is None:
            raise InvalidInput("the clock gives times without a time zone: it must give aware ones")
        return now

    return checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What every use-case is given."""

    #: The provider of an inbox, a `providers.port.Provider`.
    provider_for: Callable[[Inbox], Any] = field(repr=False)
    #: Seconds that a whole call may take: asking the provider and recording its answer. It is the attempt's lease.
    call_budget: float
    #: Seconds within which an accepted warmup must be recorded.
    recording_budget: float
    #: The time that events carry; aware.
    clock: Callable[[], datetime] = field(default=utc_now, repr=False)
    #: Seconds for measuring budgets.
    monotonic: Callable[[], float] = field(default=time.monotonic, repr=False)

    def recorded_at(self, inbox: Inbox | None) -> datetime:
        """The time of an event that happens now: never before the inbox's previous one, however clocks differ."""
        now = self.clock()
        return now if inbox is None else max(now, inbox.updated_at)
