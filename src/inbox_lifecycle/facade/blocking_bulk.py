"""Retrying many, on the sync operator's facade; its twin is `awaiting_bulk.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from inbox_lifecycle.facade import retrying
from inbox_lifecycle.facade.blocking_base import Facade
from inbox_lifecycle.facade.calls import AnyId
from inbox_lifecycle.lifecycle.bulk import BulkProgress, BulkReport
from inbox_lifecycle.lifecycle.bulk_running import ListedRun, StuckRun
from inbox_lifecycle.reconcile import Cursor, reconcile_page

#: Seconds that a bulk run waits, in all, for a provider that is busy, throttles, or cannot be reached.
DEFAULT_PATIENCE = 1800.0


class BulkOperator(Facade):
    """For operators."""

    def retry_stuck(
        self,
        *,
        older_than: timedelta = timedelta(minutes=5),
        limit: int | None = None,
        owner_id: AnyId | None = None,
        patience: float = DEFAULT_PATIENCE,
        progress: Callable[[BulkProgress], None] | None = None,
    ) -> BulkReport:
        """Retry the warmup of every inbox that has stood in `pending` / `not_started` for longer than this.

        What earlier calls and runs left open past its lease is reconciled first. The provider is asked for up to a
        hundred inboxes at once, and any number of runs may work at once, on any hosts: an inbox is claimed by one of
        them. A run that was broken off is simply started again.

        Args:
            older_than: how long an inbox must have stood there.
            limit: inboxes at most; None for all there are.
            owner_id: whose inboxes; None for all.
            patience: seconds to wait, in all, for a provider that is busy, throttles, or cannot be reached.
            progress: called after each batch, and whenever the run begins to wait.

        Raises:
            InvalidInput: an argument is out of its range.
            StepRefused: inside a host's transaction.
            StoreUnavailable, SchemaMismatch: the database could not be asked; start the run again later.
        """
        run = retrying.stuck(
            self._calls,
            older_than=older_than,
            limit=limit,
            owner_id=owner_id,
            patience=patience,
            progress=progress,
        )
        return self._retry(run)

    def retry_many(
        self,
        inbox_ids: Iterable[AnyId],
        *,
        patience: float = DEFAULT_PATIENCE,
        progress: Callable[[BulkProgress], None] | None = None,
    ) -> BulkReport:
        """Retry the warmup of these inboxes, as `retry_stuck` does; each is accounted for in the report, once.

        Raises:
            InvalidInput: an id is malformed (nothing was done), or an argument is out of its range.
            StepRefused: inside a host's transaction.
            StoreUnavailable, SchemaMismatch: the database could not be asked; start the run again later.
        """
        return self._retry(retrying.listed(self._calls, inbox_ids, patience=patience, progress=progress))

    def _retry(self, run: StuckRun | ListedRun) -> BulkReport:
        cursor: Cursor | None = Cursor()
        while cursor is not None:
            _, cursor = self._run(reconcile_page(self._calls.terms, marked=False, after=cursor))
        while not run.over:
            self._run(run.next_batch())
        return run.report
