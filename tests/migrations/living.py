"""What services say to a database, as one run through the library: every kind of call, each with its answer checked."""

from __future__ import annotations

import itertools

import pytest

from inbox_lifecycle import Inbox, Inboxes, RetryRefused, Status
from inbox_lifecycle.errors import ProviderOutcomeUnknown
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Sandbox, WarmupCode
from tests.support.databases import TestDatabase

OWNER = "owner"

_NUMBERS = itertools.count(1)


def live(inboxes: Inboxes, sandbox: Sandbox) -> None:
    """Make two inboxes and lead them through the lifecycle; any number of these may run at once."""
    _graduates(inboxes, sandbox)
    _is_banned(inboxes, sandbox)
    found = inboxes.operator(actor="vera").verify()
    assert found.clean, found.as_dict()


def settle(inboxes: Inboxes, sandbox: Sandbox, database: TestDatabase) -> None:
    """Leave an attempt open, let its lease run out, and have `reconcile` roll the inbox forward."""
    inbox = registered(inboxes)
    assert inbox.email_address is not None
    sandbox.fail_next("cut", after_effect=True)
    sandbox.fail_next("error", on="account", times=2)
    with pytest.raises(ProviderOutcomeUnknown):
        inboxes.retry_warmup(inbox.id, owner_id=OWNER)
    sandbox.clear_failures()
    database.expire_leases()
    assert inboxes.operator(actor="olga").reconcile() == Reconciled(moved=1)
    assert inboxes.get(inbox.id, owner_id=OWNER).status is Status.WARMING


def registered(inboxes: Inboxes) -> Inbox:
    """A new inbox."""
    return inboxes.register(email_address=f"box{next(_NUMBERS)}@mail.example.com", owner_id=OWNER)


def _graduates(inboxes: Inboxes, sandbox: Sandbox) -> None:
    inbox, key = registered(inboxes), "monday"
    assert inbox.email_address is not None
    sandbox.fail_next("throttle", email=inbox.email_address)
    with pytest.raises(Exception, match="throttling"):
        inboxes.start_warmup(inbox.id, owner_id=OWNER)
    moved = inboxes.retry_warmup(inbox.id, owner_id=OWNER, idempotency_key=key)
    assert inboxes.retry_warmup(inbox.id, owner_id=OWNER, idempotency_key=key) == moved
    with pytest.raises(RetryRefused):
        inboxes.retry_warmup(inbox.id, owner_id=OWNER)
    sandbox.set_account(inbox.email_address, reputation=95, total_sent=300)
    active = inboxes.operator(actor="olga").graduate(inbox.id)
    assert (active.status, active.version) == (Status.ACTIVE, 3)
    assert [event.version for event in inboxes.history(inbox.id, owner_id=OWNER)] == [1, 2, 3]
    outcomes = [attempt.outcome for attempt in inboxes.attempts(inbox.id, owner_id=OWNER)]
    assert outcomes == ["throttled", "moved", "refused", "refused"]


def _is_banned(inboxes: Inboxes, sandbox: Sandbox) -> None:
    operator = inboxes.operator(actor="olga")
    inbox = registered(inboxes)
    assert inbox.email_address is not None
    inboxes.retry_warmup(inbox.id, owner_id=OWNER)
    sandbox.set_account(inbox.email_address, warmup_status=WarmupCode.PAUSED)
    assert operator.fail_warmup(inbox.id).status is Status.PENDING
    assert operator.ban(inbox.id, idempotency_key="ban").status is Status.BANNED
    operator.correct(inbox.id, status="pending", warmup_status="not_started", reason="a mistake", expected_version=4)
    assert inboxes.retry_warmup(inbox.id, owner_id=OWNER).version == 6
    operator.reconcile()
    assert inbox.id in {one.id for one in inboxes.find(owner_id=OWNER, limit=1000).items}
    assert [event.name for event in operator.history(inbox.id)][-2:] == ["inbox.corrected", "inbox.warmup_started"]
