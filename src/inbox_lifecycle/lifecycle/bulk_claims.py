"""The claims of one batch: taken at once, seen before every call, kept for as long as the batch takes.

A claim is an open attempt. The lease is as long as a single call's; it begins anew whenever a third of it is over, so
that a claim never expires while its run lives, and soon after the run is gone. Claims are prolonged between the steps
of whatever is under way, with no connection held in between.

A claim past its lease that `reconcile` could not settle is taken over: its attempt is closed, and the provider is asked
again, which is idempotent.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, InboxId, Move, RetryWarmup, State, decide, judge
from inbox_lifecycle.errors import RetryRefused, StoreError
from inbox_lifecycle.flow import Flow, again, interleaved, sleep
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.lifecycle.bulk_tally import Tally
from inbox_lifecycle.lifecycle.warmup import Failure
from inbox_lifecycle.store.bulk import (
    ClaimInboxes,
    CloseClaims,
    Closing,
    GiveUpExpired,
    HoldClaims,
    ProlongClaims,
)
from inbox_lifecycle.store.looks import LookAgain
from inbox_lifecycle.store.rows import Looked, Seen
from inbox_lifecycle.terms import Terms

logger = logging.getLogger("inbox_lifecycle")

#: Parts of a lease after the first of which it is prolonged; each step of a provider must be done within the others.
_PARTS: Final = 3


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt closes."""

    outcome: str
    #: JSON-ready.
    detail: object
    #: What the provider said, where it said no.
    reason: str | None = None


@lru_cache(maxsize=256)
def gate(state: State) -> Move:
    """The move of an inbox in this state, decided once for all of a batch that are in it.

    Raises:
        RetryRefused: the rules forbid it.
    """
    return decide(state, RetryWarmup())


def ending_of(failure: Failure) -> Ending:
    """How an attempt closes by which a single call would have failed so."""
    said = failure.detail
    reason = said.get("reason") if failure.outcome == "rejected" and isinstance(said, dict) else None
    return Ending(failure.outcome, said, reason)


@dataclass(slots=True)
class Claims:
    """The inboxes that a batch has to itself."""

    terms: Terms
    tally: Tally
    context: Context
    #: Our open attempts.
    held: dict[InboxId, AttemptId]
    #: When all of them were last prolonged.
    kept_at: float

    @classmethod
    def on(cls, terms: Terms, tally: Tally, context: Context, inbox_ids: Iterable[InboxId]) -> Self:
        """The claims to take on these inboxes."""
        attempts = {inbox_id: AttemptId(new_id(terms.clock())) for inbox_id in inbox_ids}
        return cls(terms, tally, context, attempts, terms.monotonic())

    def look(self) -> Flow[dict[InboxId, Seen]]:
        """Look before anything is claimed: the inboxes that the gate would let pass."""
        found = yield from again(HoldClaims(attempts=dict(self.held), lease=self.terms.call_budget))
        return {
            inbox_id: one.seen
            for inbox_id, one in found.items()
            if one.seen.inbox.erased_at is None and judge(one.seen.inbox.state, RetryWarmup()).holds
        }

    def take(self) -> Flow[dict[InboxId, Seen]]:
        """Claim what is free, and close what the gate refuses: the inboxes to ask for."""
        if not self.held:
            return {}
        yield from again(GiveUpExpired(attempts=dict(self.held), now=self.terms.clock()))
        statement = ClaimInboxes(
            attempts=dict(self.held), now=self.terms.clock(), lease=self.terms.call_budget, context=self.context
        )
        yield from again(statement)
        claimed = yield from again(HoldClaims(attempts=dict(self.held), lease=self.terms.call_budget))
        for inbox_id in tuple(self.held):
            one = claimed.get(inbox_id)
            if one is None or not one.held:
                there = one is not None and one.seen.inbox.erased_at is None
                self.tally.count(inbox_id, "taken" if there else "not_found")
                del self.held[inbox_id]
        return (yield from self._passed({inbox_id: claimed[inbox_id].seen for inbox_id in self.held}))

    def see(self, seen: Mapping[InboxId, Seen]) -> Flow[dict[InboxId, Seen]]:
        """Look again at some of the inboxes, given as they were last seen: those that may still be asked for."""
        attempts = {inbox_id: self.held[inbox_id] for inbox_id in seen}
        claimed = yield from again(HoldClaims(attempts=attempts, lease=self.terms.call_budget))
        fresh: dict[InboxId, Seen] = {}
        for inbox_id, before in seen.items():
            if inbox_id in claimed and claimed[inbox_id].held:
                fresh[inbox_id] = claimed[inbox_id].seen
            else:
                yield from self._account_for(before)
        return (yield from self._passed(fresh))

    def close(self, endings: Mapping[InboxId, Ending], seen: Mapping[InboxId, Seen]) -> Flow[None]:
        """Close the attempts on these inboxes, and account for those that are not accounted for yet."""
        if not endings:
            return
        closings = tuple(
            Closing(inbox_id, self.held[inbox_id], seen[inbox_id].inbox.owner_id, ending.outcome, ending.detail)
            for inbox_id, ending in endings.items()
        )
        for inbox_id, ending in endings.items():
            self.tally.count(inbox_id, ending.outcome, reason=ending.reason)
        self.let_go(endings)
        try:
            yield from again(CloseClaims(closings=closings, now=self.terms.clock()))
        except StoreError as late:
            # The answers are known; only their record is late, and `reconcile` will close the attempts.
            logger.warning("%d attempts stay open: %s", len(closings), late)

    def let_go(self, inbox_ids: Iterable[InboxId]) -> None:
        """Prolong these no more: they are closed, or `reconcile` is to find them."""
        for inbox_id in inbox_ids:
            del self.held[inbox_id]

    def keep(self) -> Flow[None]:
        """Prolong every claim, if it is time."""
        now = self.terms.monotonic()
        if not self.held or now - self.kept_at < self.terms.call_budget / _PARTS:
            return
        try:
            yield from again(ProlongClaims(attempts=dict(self.held), lease=self.terms.call_budget))
        except StoreError as failure:
            # What came of it is seen before the next call.
            logger.warning("%d claims were not prolonged: %s", len(self.held), failure)
        else:
            self.kept_at = now

    def wait(self, seconds: float) -> Flow[None]:
        """Wait, and keep the claims meanwhile."""
        left = seconds
        while left > 0:
            part = min(left, self.terms.call_budget / _PARTS)
            yield from interleaved(sleep(part), self.keep)
            left -= part

    def _passed(self, seen: Mapping[InboxId, Seen]) -> Flow[dict[InboxId, Seen]]:
        """Those that the gate lets pass; the others are closed with its verdict."""
        passed: dict[InboxId, Seen] = {}
        refused: dict[InboxId, Ending] = {}
        for inbox_id, one in seen.items():
            try:
                gate(one.inbox.state)
            except RetryRefused as refusal:
                refused[inbox_id] = Ending("refused", refusal.verdict.as_list())
                if one.inbox.erased_at is not None:
                    # Erased since it was claimed; to the caller that is all the same.
                    self.tally.count(inbox_id, "not_found")
            else:
                passed[inbox_id] = one
        yield from self.close(refused, seen)
        return passed

    def _account_for(self, before: Seen) -> Flow[None]:
        """Say what became of an inbox whose claim we lost: our lease was over, and somebody settled it."""
        inbox = before.inbox
        look = LookAgain(inbox_id=inbox.id, owner_id=inbox.owner_id, attempt_id=self.held[inbox.id])
        looked = yield from again(look)
        self.let_go([inbox.id])
        self.tally.count(inbox.id, _became(before, looked))


def _became(before: Seen, looked: Looked | None) -> str:
    if looked is None or looked.seen.inbox.erased_at is not None:
        return "not_found"
    if looked.moved is not None:
        return "moved"
    return "taken" if looked.seen.inbox.version == before.inbox.version else "lost"
