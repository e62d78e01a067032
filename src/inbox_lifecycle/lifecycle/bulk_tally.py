"""What a bulk run keeps count of: what became of each inbox, and how much longer it will wait for a provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from inbox_lifecycle.domain import InboxId
from inbox_lifecycle.flow import Flow, hand
from inbox_lifecycle.lifecycle.bulk import BulkProgress, BulkReport


@dataclass(slots=True)
class Tally:
    """What became of each inbox so far."""

    progress: Callable[[BulkProgress], None] | None = None
    #: Inboxes to come by in all, as far as is known.
    total: int = 0
    #: Seconds that the run will still wait for a provider, over all its batches.
    patience: float = 0.0
    outcomes: dict[InboxId, str] = field(default_factory=dict)
    reasons: dict[InboxId, str] = field(default_factory=dict)
    #: Inboxes by outcome; kept, as a run tells them after every batch.
    counts: Counter[str] = field(default_factory=Counter)

    def count(self, inbox_id: InboxId, outcome: str, *, reason: str | None = None) -> None:
        """Account for an inbox; the first account stands."""
        if inbox_id in self.outcomes:
            return
        self.outcomes[inbox_id] = outcome
        self.counts[outcome] += 1
        if reason is not None:
            self.reasons[inbox_id] = reason

    def spend(self, seconds: float) -> None:
        """Count seconds in which the provider gave no answer."""
        self.patience = max(self.patience - seconds, 0.0)

    def tell(self, waiting_for: str | None = None) -> Flow[None]:
        """Tell how far the run has come."""
        if self.progress is not None:
            done = len(self.outcomes)
            said = BulkProgress(
                done=done, total=max(self.total, done), counts=dict(self.counts), waiting_for=waiting_for
            )
            yield from hand(self.progress, said)

    @property
    def report(self) -> BulkReport:
        """The whole account."""
        return BulkReport(outcomes=dict(self.outcomes), reasons=dict(self.reasons))
