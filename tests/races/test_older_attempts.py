"""Older attempts are closed along with a commit, but never waited for: whoever holds one may wait for the inbox."""

from __future__ import annotations

import pytest

from inbox_lifecycle import Inboxes, Instantly, ProviderOutcomeUnknown
from inbox_lifecycle.testing import Sandbox
from tests.support.databases import TestDatabase
from tests.support.locks import RowLock


def test_an_older_attempt_that_somebody_holds_does_not_hold_up_the_commit(
    postgres_database: TestDatabase, provider: Instantly, provider_sandbox: Sandbox
) -> None:
    """It is left as it is, for `reconcile` to settle; waiting for it would use up the recording's budget."""
    with Inboxes(postgres_database.url, provider, recording_budget=2) as inboxes:
        inbox = inboxes.register(email_address="ana@mail.example.com", owner_id="owner")
        provider_sandbox.fail_next("cut")
        provider_sandbox.fail_next("error", on="account")
        with pytest.raises(ProviderOutcomeUnknown):
            inboxes.retry_warmup(inbox.id, owner_id="owner")
        postgres_database.expire_leases()
        older = RowLock(postgres_database, "inbox_attempts", inbox.id)
        try:
            moved = inboxes.retry_warmup(inbox.id, owner_id="owner")
        finally:
            older.release()
        assert moved.status == "warming"
        assert [attempt.outcome for attempt in inboxes.attempts(inbox.id, owner_id="owner")] == [None, "moved"]
