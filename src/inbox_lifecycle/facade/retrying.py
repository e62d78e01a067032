"""Arguments of the bulk methods, checked once for both facades."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import timedelta
from secrets import SystemRandom

from inbox_lifecycle.context import current_context
from inbox_lifecycle.domain import InboxId
from inbox_lifecycle.errors import InvalidInput
from inbox_lifecycle.facade.calls import AnyId, Calls, read_owner
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.ids import read_id
from inbox_lifecycle.lifecycle.bulk import BulkProgress
from inbox_lifecycle.lifecycle.bulk_planning import Pauses
from inbox_lifecycle.lifecycle.bulk_running import ListedRun, Run, StuckRun
from inbox_lifecycle.lifecycle.bulk_tally import Tally
from inbox_lifecycle.reconcile import Cursor, reconcile_page

Progress = Callable[[BulkProgress], None]


def stuck(
    calls: Calls,
    *,
    older_than: timedelta,
    limit: int | None,
    owner_id: AnyId | None,
    patience: float,
    progress: Progress | None,
) -> StuckRun:
    """A run over all inboxes that are stuck."""
    if not _is_span(older_than):
        raise InvalidInput("older_than is a time span, none or longer, such as timedelta(minutes=5)")
    if limit is not None and not _is_count(limit):
        raise InvalidInput("limit is a whole number, at least 1, or None for all there are")
    try:
        before = calls.terms.clock() - older_than
    except OverflowError:
        raise InvalidInput("older_than reaches back before the first year: pass a shorter time span") from None
    return StuckRun(
        run=_run(calls, patience=patience, progress=progress),
        before=before,
        owner_id=None if owner_id is None else read_owner(owner_id),
        limit=limit,
    )


def listed(calls: Calls, inbox_ids: Iterable[AnyId], *, patience: float, progress: Progress | None) -> ListedRun:
    """A run over a list of inboxes."""
    if isinstance(inbox_ids, str | bytes) or not isinstance(inbox_ids, Iterable):
        raise InvalidInput("inbox_ids is a list of ids: put a single one into a list")
    known = tuple(dict.fromkeys(InboxId(read_id("inbox_ids", one)) for one in inbox_ids))
    run = _run(calls, patience=patience, progress=progress, names_all=True)
    run.tally.total = len(known)
    return ListedRun(run=run, inbox_ids=known)


def reconcile_first(run: Run, after: Cursor) -> Flow[Cursor | None]:
    """Settle a page of what was left open: where the next begins; None at the end, or once patience is spent."""
    tally, began = run.tally, run.terms.monotonic()
    done, following = yield from reconcile_page(run.terms, marked=False, after=after)
    if done.left:
        tally.spend(run.terms.monotonic() - began)
        following = following if tally.patience > 0 else None
    if done.seen:
        yield from tally.tell(waiting_for="unknown" if following else None)
    return following


def _run(calls: Calls, *, patience: float, progress: Progress | None, names_all: bool = False) -> Run:
    if not _is_seconds(patience):
        raise InvalidInput("patience is a number of seconds, from 0 on")
    if progress is not None and not callable(progress):
        raise InvalidInput("progress is a function that takes a BulkProgress, or None")
    return Run(
        terms=calls.terms,
        context=current_context(actor=calls.actor, require_actor=calls.require_actor),
        pauses=Pauses(SystemRandom()),
        tally=Tally(progress=progress, patience=patience),
        names_all=names_all,
    )


def _is_span(given: object) -> bool:
    return isinstance(given, timedelta) and given >= timedelta()


def _is_count(given: object) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and given >= 1


def _is_seconds(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given < math.inf
