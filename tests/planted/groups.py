"""Checkers of the statement that commits for many callers at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from inbox_lifecycle import Inbox, InboxLifecycleError
from inbox_lifecycle.domain import AttemptKind
from inbox_lifecycle.flow import Once
from inbox_lifecycle.reconcile import Cursor, reconcile_page
from inbox_lifecycle.store.bulk import CommitTogether
from inbox_lifecycle.store.statements import CommitWarmup
from inbox_lifecycle.testing import WarmupCode
from inbox_lifecycle.testing.schedules import PENDING, Stage, ban, correct
from tests.planted.place import Place, closed_twice
from tests.support.aftermath import OWNER, standing


def late_group(place: Place) -> Iterator[str]:
    """One statement commits for three: of one `reconcile` has closed the attempt, one has been there and back."""
    with place.engine() as engine, Stage(engine) as stage:
        closed, moved_on, fine = (_born(stage, name) for name in ("ana", "eve", "bob"))
        commits = [_commit(stage, closed)]
        stage.sandbox.set_account("ana@mail.example.com", warmup_status=WarmupCode.PAUSED)
        stage.expire_leases()
        stage.run(reconcile_page(stage.calls.terms, marked=False, after=Cursor()))
        before = standing(place.database, closed.id).attempts
        commits += [_commit(stage, moved_on), _commit(stage, fine)]
        for deed in (ban(), correct(to=PENDING)):
            stage.run(deed.flow(stage.calls, moved_on))
        with suppress(InboxLifecycleError):
            stage.perform(Once(CommitTogether(commits=tuple(commits), patience=5.0)))
    yield from closed_twice(place, closed, before)
    for inbox, version in ((moved_on, 3), (fine, 2)):
        found = standing(place.database, inbox.id).version
        if found != version:
            yield f"committed with others: at version {found}, which should be {version}"


def _born(stage: Stage, name: str) -> Inbox:
    birth = stage.calls.register(
        email_address=f"{name}@mail.example.com", owner_id=OWNER, provider=None, provider_ref=None, start_warmup=False
    )
    inbox: Inbox = stage.run(birth)
    return inbox


def _commit(stage: Stage, inbox: Inbox) -> CommitWarmup:
    """What a retry would commit, which has come so far."""
    flow = stage.calls.warm(inbox.id, owner_id=OWNER, kind=AttemptKind.RETRY, idempotency_key=None)
    step = next(flow)
    while not (isinstance(step, Once) and isinstance(step.statement, CommitWarmup)):
        step = flow.send(stage.perform(step))
    flow.close()
    return step.statement
