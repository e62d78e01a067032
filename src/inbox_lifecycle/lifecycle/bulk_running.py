"""A bulk run, batch by batch: claim, gate, ask each provider, record. Nothing is held while anybody is asked.

A run that dies leaves its attempts open; once their lease is over `reconcile`, with which every run begins, settles
them by the provider's word. So a run is resumed by starting another one.

A provider that says no to the caller, or has worn out the run's patience, is done with: nobody else whom it serves is
claimed or asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import InboxId
from inbox_lifecycle.errors import InvalidInput
from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.lifecycle.bulk import BulkReport
from inbox_lifecycle.lifecycle.bulk_asking import Asking
from inbox_lifecycle.lifecycle.bulk_claims import Claims, Ending, ending_of
from inbox_lifecycle.lifecycle.bulk_contact import Contact
from inbox_lifecycle.lifecycle.bulk_planning import BATCH, Pauses
from inbox_lifecycle.lifecycle.bulk_tally import Tally
from inbox_lifecycle.lifecycle.sending import key_of
from inbox_lifecycle.lifecycle.warmup import Failure, provider_or_failure
from inbox_lifecycle.providers.port import Provider
from inbox_lifecycle.store.bulk import CountStuck, StuckInboxes
from inbox_lifecycle.store.looks import FIRST_ID
from inbox_lifecycle.store.rows import Seen
from inbox_lifecycle.terms import Terms

logger = logging.getLogger("inbox_lifecycle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What all batches of a run share."""

    terms: Terms
    context: Context
    pauses: Pauses
    tally: Tally
    #: Whether those are accounted for whose provider is done with.
    names_all: bool = False
    #: The providers that are done with, and how everybody ends whom they serve.
    done_with: dict[Hashable, tuple[Provider, Ending]] = field(default_factory=dict)

    def retry(self, inbox_ids: Sequence[InboxId]) -> Flow[None]:
        """Retry a batch of inboxes, and account for each.

        Raises:
            InvalidInput: none of them has a provider, as the facade was given none.
            StoreUnavailable, SchemaMismatch: the database could not be asked; what was claimed is settled later.
        """
        if inbox_ids:
            claims = Claims.on(self.terms, self.tally, self.context, inbox_ids)
            if self.done_with:
                yield from self._pass_over(claims)
            seen = yield from claims.take()
            groups, failures = _by_provider(self.terms, seen)
            yield from claims.close({one: ending_of(failure) for one, failure in failures.items()}, seen)
            _demand_provider(groups, failures)
            for provider, group in groups:
                asking = Asking(claims, Contact(claims, provider, self.pauses), group)
                yield from asking.ask_all()
                if asking.for_everybody and asking.verdict is not None:
                    self.done_with[key_of(provider)] = (provider, asking.verdict)
        yield from self.tally.tell()

    def _pass_over(self, claims: Claims) -> Flow[None]:
        """Leave those unclaimed whose provider is done with."""
        groups, _ = _by_provider(self.terms, (yield from claims.look()))
        for provider, group in groups:
            if key_of(provider) not in self.done_with:
                continue
            claims.let_go(group)
            _, ending = self.done_with[key_of(provider)]
            for inbox_id in group if self.names_all else ():
                self.tally.count(inbox_id, ending.outcome, reason=ending.reason)


@dataclass(slots=True, kw_only=True)
class StuckRun:
    """A run over all inboxes that are stuck."""

    run: Run
    #: Inboxes that stood there before this time.
    before: datetime
    #: Whose inboxes; None for all.
    owner_id: str | None
    #: Inboxes at most, those that others are at left out; None for all.
    limit: int | None
    #: Whether there is no further batch.
    over: bool = False
    after: InboxId | None = None

    @property
    def report(self) -> BulkReport:
        """What became of the inboxes so far."""
        return self.run.tally.report

    def next_batch(self) -> Flow[None]:
        """Retry the next inboxes."""
        if self.after is None:
            self.after = InboxId(FIRST_ID)
            count = CountStuck(before=self.before, owner_id=self.owner_id, after=self.after)
            found = yield from again(count)
            self.run.tally.total = found if self.limit is None else min(found, self.limit)
        size = self._left()
        page = StuckInboxes(before=self.before, owner_id=self.owner_id, after=self.after, limit=size)
        inbox_ids = yield from again(page)
        yield from self.run.retry(inbox_ids)
        self.after = inbox_ids[-1] if inbox_ids else self.after
        self.over = len(inbox_ids) < size or self._left() == 0

    def _left(self) -> int:
        tally = self.run.tally
        tried = len(tally.outcomes) - tally.counts["taken"]
        return BATCH if self.limit is None else min(BATCH, self.limit - tried)


@dataclass(slots=True, kw_only=True)
class ListedRun:
    """A run over a list of inboxes, each named once."""

    run: Run
    inbox_ids: Sequence[InboxId]
    done: int = 0

    @property
    def over(self) -> bool:
        """Whether there is no further batch."""
        return self.done >= len(self.inbox_ids)

    @property
    def report(self) -> BulkReport:
        """What became of the inboxes so far."""
        return self.run.tally.report

    def next_batch(self) -> Flow[None]:
        """Retry the next inboxes."""
        batch = self.inbox_ids[self.done : self.done + BATCH]
        yield from self.run.retry(batch)
        self.done += len(batch)


def _by_provider(
    terms: Terms, seen: Mapping[InboxId, Seen]
) -> tuple[list[tuple[Provider, dict[InboxId, Seen]]], dict[InboxId, Failure]]:
    """The inboxes by the provider that serves them, and those that have none."""
    groups: dict[Hashable, tuple[Provider, dict[InboxId, Seen]]] = {}
    failures: dict[InboxId, Failure] = {}
    for inbox_id, one in seen.items():
        provider = provider_or_failure(terms, one.inbox)
        if isinstance(provider, Failure):
            failures[inbox_id] = provider
            logger.warning("inbox %s has no provider for now: %s", inbox_id, type(provider.error).__name__)
        else:
            groups.setdefault(key_of(provider), (provider, {}))[1][inbox_id] = one
    return list(groups.values()), failures


def _demand_provider(groups: Sequence[object], failures: Mapping[InboxId, Failure]) -> None:
    for failure in failures.values():
        if not groups and isinstance(failure.error, InvalidInput):
            raise failure.error
