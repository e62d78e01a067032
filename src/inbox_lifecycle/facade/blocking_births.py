"""Births of many, on the sync facades; their twins are in `awaiting_births.py`."""

from __future__ import annotations

from collections.abc import Iterable

from inbox_lifecycle.facade import bearing
from inbox_lifecycle.facade.blocking_base import Facade
from inbox_lifecycle.facade.calls import AnyId
from inbox_lifecycle.lifecycle.bulk_births import AdoptedInbox, BirthReport, NewInbox


class Bearing(Facade):
    """For owners and operators."""

    def register_many(self, inboxes: Iterable[NewInbox], *, owner_id: AnyId) -> BirthReport:
        """Put many new inboxes on record, `pending` / `not_started`, and account for each.

        All rows are checked before anything is written. They are written a thousand at a time, each thousand all or
        nothing; what is on record already is left as it is, so that a call that was broken off is simply made again.
        No warmup is started: `retry_stuck` or `retry_many` of an operator does that afterwards.

        Args:
            inboxes: a `NewInbox` for each.
            owner_id: whose they are.

        Raises:
            MalformedRows: some rows are malformed; they are named by their place in the list, and nothing was written.
            StoreUnavailable, SchemaMismatch: the database could not be asked; what was written stays.
        """
        return self._run(bearing.registered(self._calls, bearing.listed(inboxes), owner_id=owner_id))


class BearingOperator(Bearing):
    """For operators."""

    def adopt_many(
        self, inboxes: Iterable[AdoptedInbox], *, owner_id: AnyId | None = None, reason: str | None = None
    ) -> BirthReport:
        """Take over many inboxes from a host's old table, in the pairs they have there, and account for each.

        Ids are kept where they are given. All rows are checked before anything is written. They are written a thousand
        at a time, each thousand all or nothing; what is on record already is left as it is, so that a call that was
        broken off is simply made again. No warmup is started: `retry_stuck` does that afterwards.

        Args:
            inboxes: an `AdoptedInbox` for each.
            owner_id: whose those are that do not say so themselves.
            reason: why, on record beside each birth.

        Raises:
            MalformedRows: some rows are malformed; they are named by their place in the list, and nothing was written.
            StoreUnavailable, SchemaMismatch: the database could not be asked; what was written stays.
        """
        return self._run(bearing.adopted(self._calls, bearing.listed(inboxes), owner_id=owner_id, reason=reason))
