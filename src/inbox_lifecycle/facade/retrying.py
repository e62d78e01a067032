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
from inbox_lifecycle.ids import read_id
from inbox_lifecycle.lifecycle.bulk import BulkProgress
from inbox_lifecycle.lifecycle.bulk_planning import Pauses
from inbox_lifecycle.lifecycle.bulk_running import ListedRun, Run, StuckRun
from inbox_lifecycle.lifecycle.bulk_tally import Tally

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
    if older_than < timedelta():
        raise InvalidInput("older_than is a time span, none or longer, such as timedelta(minutes=5)")
    if limit is not None and limit < 1:
        raise InvalidInput("limit is at least 1, or None for all there are")
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
    known = tuple(dict.fromkeys(InboxId(read_id("inbox_ids", one)) for one in inbox_ids))
    run = _run(calls, patience=patience, progress=progress)
    run.tally.total = len(known)
    return ListedRun(run=run, inbox_ids=known)


def _run(calls: Calls, *, patience: float, progress: Progress | None) -> Run:
    if not 0 <= patience < math.inf:
        raise InvalidInput("patience is a number of seconds, from 0 on")
    return Run(
        terms=calls.terms,
        context=current_context(actor=calls.actor, require_actor=calls.require_actor),
        pauses=Pauses(SystemRandom()),
        tally=Tally(progress=progress, patience=patience),
    )
