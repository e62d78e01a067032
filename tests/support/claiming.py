"""Claims as a bulk run takes them, statement by statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from inbox_lifecycle import Inbox, InboxId
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, AttemptKind, Recorder
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.lifecycle.record import Acceptor, commit_of
from inbox_lifecycle.providers.port import Enabled
from inbox_lifecycle.store.bulk import Claimed, ClaimInboxes, CommitWarmups, HoldClaims
from inbox_lifecycle.store.rows import Seen
from inbox_lifecycle.store.statements import CommitWarmup
from tests.support.steps import NOW, terms
from tests.support.store import Store

CONTEXT = Context(actor="a", reason="r", correlation_id="co", causation_id="ca")


def attempts_for(inboxes: Sequence[Inbox]) -> dict[InboxId, AttemptId]:
    """Ids of attempts to open."""
    return {inbox.id: AttemptId(new_id(NOW)) for inbox in inboxes}


def claiming(attempts: Mapping[InboxId, AttemptId], *, lease: float = 60.0, now: datetime = NOW) -> ClaimInboxes:
    """The statement that opens them."""
    return ClaimInboxes(attempts=attempts, now=now, lease=lease, context=CONTEXT)


def claim(store: Store, inboxes: Sequence[Inbox], *, lease: float = 60.0) -> dict[InboxId, AttemptId]:
    """Claims on these."""
    attempts = attempts_for(inboxes)
    store.run(claiming(attempts, lease=lease))
    return attempts


def held(store: Store, attempts: Mapping[InboxId, AttemptId]) -> dict[InboxId, Claimed]:
    """What they are worth."""
    return store.run(HoldClaims(attempts=attempts, lease=60.0))


def commit(found: Seen, attempt_id: AttemptId) -> CommitWarmup:
    """The statement that moves one inbox from what was seen to warming."""
    acceptor = Acceptor(
        attempt_id=attempt_id,
        kind=AttemptKind.RETRY,
        answer=Enabled("job"),
        context=CONTEXT,
        recorder=Recorder.CALL,
    )
    return commit_of(terms(), found, acceptor)


def commits(store: Store, attempts: Mapping[InboxId, AttemptId]) -> CommitWarmups:
    """The statement that moves all of them, as they are now."""
    found = held(store, attempts)
    return CommitWarmups(
        commits=tuple(commit(found[inbox_id].seen, attempt_id) for inbox_id, attempt_id in attempts.items()),
        patience=30.0,
    )
