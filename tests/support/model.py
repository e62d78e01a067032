"""A small pure model of the lifecycle: what each call must answer, and what it must leave behind.

It is written from the rules as the documentation tells them, not from the code, and holds no clever structure: an
inbox is the list of its events, and its state is the last of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from inbox_lifecycle import ConcurrencyConflict, IdempotencyKeyReused, RetryRefused, TransitionRefused
from inbox_lifecycle.errors import (
    ProviderBusy,
    ProviderOutcomeUnknown,
    ProviderRejected,
    ProviderThrottled,
    ProviderUnavailable,
)
from tests.support.evidence import Pair

PENDING, WARMING, ACTIVE, BANNED = (
    ("pending", "not_started"),
    ("warming", "warming"),
    ("active", "active"),
    ("banned", "banned"),
)

_REFUSALS: dict[str, type[Exception]] = {
    "rejected": ProviderRejected,
    "throttled": ProviderThrottled,
    "busy": ProviderBusy,
    "unavailable": ProviderUnavailable,
    "unknown": ProviderOutcomeUnknown,
}


@dataclass(frozen=True)
class Happened:
    """An event."""

    name: str
    reached: Pair
    key: str | None = None


@dataclass
class Tried:
    """An attempt."""

    kind: str
    seen_version: int
    key: str | None
    #: None while open.
    outcome: str | None = None
    event_version: int | None = None
    expired: bool = False
    to_disable: bool = False

    @property
    def waits(self) -> bool:
        """Whether `reconcile` takes it up."""
        return self.outcome is None and self.expired


#: A success is a version and the pair that it left; anything else is the error's type.
Answer = tuple[int, Pair] | type[Exception]


@dataclass
class Modelled:
    """One inbox."""

    owner: str
    address: str
    events: list[Happened]
    attempts: dict[str, Tried] = field(default_factory=dict)
    #: The attempt of the call just predicted, whose id only the database knows.
    fresh: Tried | None = None

    @property
    def version(self) -> int:
        """Number of events."""
        return len(self.events)

    @property
    def pair(self) -> Pair:
        """Where it stands."""
        return self.events[-1].reached

    def warm(self, kind: str, key: str | None, told: Callable[[], str]) -> Answer:
        """`start_warmup` or `retry_warmup`; the provider is asked only if the gate is open."""
        self.fresh = attempt = Tried(kind, self.version, key)
        keyed = self._keyed(key, "inbox.warmup_started")
        if keyed is not None or self.pair != PENDING:
            attempt.outcome = "refused"
            attempt.event_version = None if keyed is None else self._version_of(key)
            return keyed or RetryRefused
        outcome = told()
        if outcome == "accepted":
            self._write("inbox.warmup_started", WARMING, key)
            self._close_moved(attempt)
            return self.version, self.pair
        attempt.outcome = None if outcome == "unknown" else outcome
        return _REFUSALS[outcome]

    def ban(self, key: str | None, expected_version: int | None) -> Answer:
        """Out, unless it is out."""
        legal = self.pair[0] != "banned"
        return self._move("inbox.banned", BANNED, legal=legal, key=key, expected_version=expected_version)

    def correct(self, to: Pair, key: str | None, expected_version: int | None) -> Answer:
        """Anywhere else."""
        legal = to != self.pair
        return self._move("inbox.corrected", to, legal=legal, key=key, expected_version=expected_version)

    def fail_warmup(self, said: str) -> Answer:
        """Back, if the provider definitely does not warm it."""
        return self._move("inbox.warmup_failed", PENDING, legal=self.pair == WARMING and said == "not_warming")

    def graduate(self, reputation: float | None, total_sent: int | None) -> Answer:
        """On, if it earned it; without figures nobody can tell, and what does not warm is not even asked about."""
        if self.pair == WARMING and total_sent is None:
            return ProviderUnavailable
        earned = reputation is not None and reputation >= 90 and total_sent is not None and total_sent >= 200
        return self._move("inbox.graduated", ACTIVE, legal=self.pair == WARMING and earned)

    def expire(self) -> None:
        """Every open attempt's lease runs out."""
        for attempt in self.attempts.values():
            attempt.expired |= attempt.outcome is None

    def settle(self, said: str) -> Counter[str]:
        """What `reconcile` makes of the attempts past their lease, in numbers, when the provider says this."""
        version = self.version
        waiting = [attempt for _, attempt in sorted(self.attempts.items()) if attempt.waits]
        return Counter(self._settle(attempt, said, version) for attempt in waiting)

    def stop(self, *, confirmed: bool) -> Counter[str]:
        """What `reconcile` makes of the marks: a banned inbox's stays until the provider confirms."""
        marked = [attempt for attempt in self.attempts.values() if attempt.to_disable]
        cleared = confirmed or self.pair[0] != "banned"
        for attempt in marked:
            attempt.to_disable = not cleared
        return Counter({"disabled" if cleared else "still_to_disable": len(marked)})

    def _settle(self, attempt: Tried, said: str, version: int) -> str:
        if attempt.outcome is None and attempt.seen_version != version:
            attempt.outcome = "superseded"
            attempt.to_disable = self.pair[0] == "banned"
        elif attempt.outcome is None and said == "warming":
            self._write("inbox.warmup_started", WARMING, attempt.key)
            self._close_moved(attempt)
        elif attempt.outcome is None and said == "not_warming":
            attempt.outcome = "abandoned"
        return attempt.outcome or "left"

    def _close_moved(self, moved: Tried) -> None:
        moved.outcome, moved.event_version = "moved", self.version
        for attempt in self.attempts.values():
            if attempt.waits:
                attempt.outcome = "superseded"

    def _move(
        self, name: str, to: Pair, *, legal: bool, key: str | None = None, expected_version: int | None = None
    ) -> Answer:
        keyed = self._keyed(key, name)
        if keyed is not None:
            return keyed
        if expected_version not in (None, self.version):
            return ConcurrencyConflict
        if not legal:
            return TransitionRefused
        self._write(name, to, key)
        return self.version, self.pair

    def _write(self, name: str, reached: Pair, key: str | None) -> None:
        self.events.append(Happened(name, reached, key))

    def _keyed(self, key: str | None, name: str) -> Answer | None:
        """The answer that a key stands for already."""
        version = self._version_of(key)
        if version is None:
            return None
        event = self.events[version - 1]
        return (version, event.reached) if event.name == name else IdempotencyKeyReused

    def _version_of(self, key: str | None) -> int | None:
        keys = [event.key for event in self.events]
        return None if key is None or key not in keys else keys.index(key) + 1
