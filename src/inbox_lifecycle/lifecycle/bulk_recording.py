"""Recording what a provider accepted for many inboxes: all in one statement, and what that missed one by one.

An inbox that somebody else moved, banned, erased or holds a lock on is missed; the others move. Whatever a miss means
is found out by the single recording (`lifecycle.record`), which the fence lets run beside a straggler of ours. All of
it happens within one budget. So that an inbox whose row somebody keeps locked costs the others little, it is given a
small share at first, and what is left in the end.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from inbox_lifecycle.domain import InboxId
from inbox_lifecycle.errors import InboxNotFound, RetryRefused, StoreContended, StoreError, WarmupNotRecorded
from inbox_lifecycle.flow import Flow, shield
from inbox_lifecycle.lifecycle.record import Acceptor, commit_of, record_warmup_started, until
from inbox_lifecycle.store.bulk import CommitWarmups
from inbox_lifecycle.store.faults import ConstraintViolated
from inbox_lifecycle.store.rows import Seen
from inbox_lifecycle.terms import Terms

logger = logging.getLogger("inbox_lifecycle")

#: How often the one statement is tried before the inboxes are recorded one by one.
_TRIES: Final = 2
#: Parts of the budget, one of which the one statement may wait for a lock, and each inbox at first.
_PARTS: Final = 10

#: Outcome of an inbox whose recording did not succeed within the budget.
_LATE: Final = "not_recorded"


@dataclass(frozen=True, slots=True)
class Accepted:
    """An inbox as its gate saw it, and the attempt that the provider accepted it for."""

    seen: Seen
    acceptor: Acceptor


def record_all(terms: Terms, accepted: Sequence[Accepted]) -> Flow[dict[InboxId, str]]:
    """Move these inboxes to warming: what became of each, in a word of `OUTCOMES`."""
    yield from shield(terms.recording_budget)
    deadline = terms.monotonic() + terms.recording_budget
    moved = yield from _record_together(terms, accepted, deadline)
    outcomes = {one.seen.inbox.id: "moved" for one in accepted}
    missed = [one for one in accepted if one.seen.inbox.id not in moved]
    outcomes |= yield from _record_each(terms, missed, deadline, share=terms.recording_budget / _PARTS)
    late = [one for one in missed if outcomes[one.seen.inbox.id] == _LATE]
    outcomes |= yield from _record_each(terms, late, deadline, share=terms.recording_budget)
    return outcomes


def _record_together(terms: Terms, accepted: Sequence[Accepted], deadline: float) -> Flow[frozenset[InboxId]]:
    """The inboxes that one statement moved; none where it could not be run."""
    statement = CommitWarmups(
        commits=tuple(commit_of(terms, one.seen, one.acceptor) for one in accepted),
        patience=terms.recording_budget / _PARTS,
    )
    for run in range(_TRIES):
        try:
            return (yield from until(terms, deadline, statement, first=run == 0))
        except (StoreContended, ConstraintViolated) as undone:
            logger.info("%d inboxes are recorded one by one if this goes on: %s", len(accepted), undone)
        except StoreError as failure:
            logger.warning("%d inboxes were accepted and not recorded: %s", len(accepted), failure)
            return frozenset()
    return frozenset()


def _record_each(
    terms: Terms, accepted: Sequence[Accepted], deadline: float, *, share: float
) -> Flow[dict[InboxId, str]]:
    outcomes: dict[InboxId, str] = {}
    for one in accepted:
        left = deadline - terms.monotonic()
        outcomes[one.seen.inbox.id] = (
            (yield from _record_one(replace(terms, recording_budget=min(share, left)), one)) if left > 0 else _LATE
        )
    return outcomes


def _record_one(terms: Terms, one: Accepted) -> Flow[str]:
    try:
        yield from record_warmup_started(terms, one.seen, one.acceptor)
    except RetryRefused:
        return "lost"
    except InboxNotFound:
        return "not_found"
    except WarmupNotRecorded:
        return _LATE
    return "moved"
