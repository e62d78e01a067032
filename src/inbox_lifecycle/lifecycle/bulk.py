"""Retrying many inboxes: one call to the provider for up to a hundred, and each moved by its own compare-and-swap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from inbox_lifecycle.domain import InboxId

#: Everything that can become of an inbox in a bulk run, and what it means.
OUTCOMES: Mapping[str, str] = {
    "moved": "moved to warming",
    "refused": "not pending / not_started when its turn came; nothing was sent",
    "not_found": "no such inbox, or erased",
    "taken": "another run or call is at it",
    "lost": "moved by somebody else while the provider was asked",
    "rejected": "the provider said no to this inbox",
    "throttled": "the provider throttled us until the budget was spent",
    "busy": "the provider was busy until the budget was spent",
    "unavailable": "the provider could not be reached until the budget was spent",
    "unknown": "the provider's answer was lost and it gave no other; `reconcile` settles it",
    "not_recorded": "the provider accepted and our write failed; `reconcile` settles it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkProgress:
    """How far a bulk run has come."""

    #: Inboxes accounted for.
    done: int
    #: Inboxes to come by in all, as far as is known.
    total: int
    #: Numbers of inboxes by outcome.
    counts: Mapping[str, int]
    #: Why the run waits just now: `busy`, `throttled`, `unavailable`, or `unknown` while it reads what became of a call
    #: whose answer was lost; None while it works.
    waiting_for: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkReport:
    """What became of every inbox of a bulk run."""

    #: A key of `OUTCOMES` for each.
    outcomes: Mapping[InboxId, str] = field(default_factory=dict)
    #: What the provider said, in a short word of ours, of those it rejected.
    reasons: Mapping[InboxId, str] = field(default_factory=dict)

    @property
    def counts(self) -> Mapping[str, int]:
        """Numbers of inboxes by outcome."""
        return Counter(self.outcomes.values())
