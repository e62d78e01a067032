"""Retrying many, on the sync operator's facade; its twin is `awaiting_bulk.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from inbox_lifecycle.facade import retrying
from inbox_lifecycle.facade.blocking_base import Facade
from inbox_lifecycle.facade.calls import AnyId
from inbox_lifecycle.lifecycle.bulk import BulkProgress, BulkReport
from inbox_lifecycle.lifecycle.bulk_running import ListedRun, StuckRun
from inbox_lifecycle.reconcile import Cursor

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

        What earlier calls and runs left open past its lease is reconciled first; a run's claim that stays unsettled is
        given up, and the provider asked again. The provider is asked for up to a
        hundred inboxes at once, and any number of runs may work at once, on any hosts: an inbox is claimed by one of
        them. A run that was broken off is simply started again.

        Inboxes that the provider has rejected within `older_than` are left out, so that they keep nobody else from a
        limited run. A provider that says no to the caller (401, 402, 403), or has worn out `patience`, is not asked for
        anybody else: the run ends for it, and the inboxes stay as they are.

        Args:
            older_than: how long an inbox must have stood there, and how long one that was rejected is left alone.
            limit: inboxes at most; None for all there are.
            owner_id: whose inboxes; None for all.
            patience: seconds to wait, in all, for a provider that is busy, throttles, or cannot be reached. Reconciling
                that settles nothing counts, and stops when they are spent; the batches begin all the same, so that
                each provider is asked once whatever `patience` is, and answers are waited for as long as it lets them.
            progress: called after each batch, after each page of reconciling, and whenever the run begins to wait.

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

        Where the run has ended for a provider, the others whom it serves are told with the same outcome, unasked.

        Raises:
            InvalidInput: an id is malformed (nothing was done), or an argument is out of its range.
            StepRefused: inside a host's transaction.
            StoreUnavailable, SchemaMismatch: the database could not be asked; start the run again later.
        """
        return self._retry(retrying.listed(self._calls, inbox_ids, patience=patience, progress=progress))

    def _retry(self, run: StuckRun | ListedRun) -> BulkReport:
        cursor: Cursor | None = Cursor()
        while cursor is not None:
            cursor = self._run(retrying.reconcile_first(run.run, cursor))
        while not run.over:
            self._run(run.next_batch())
        return run.report
