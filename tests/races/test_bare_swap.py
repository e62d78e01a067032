"""The compare-and-swap by itself: with the guards taken away it still lets no stale call through.

With them in place a swap that compared too little would be refused by the database, and no other test would notice.
"""

from __future__ import annotations

import threading

import pytest

from inbox_lifecycle import Inboxes, Instantly, RetryRefused
from inbox_lifecycle.testing import Sandbox
from tests.support.databases import TestDatabase

UNGUARDED = {
    "postgresql": (
        "alter table {s}inboxes disable trigger user",
        "alter table {s}inbox_events disable trigger user",
    ),
    "sqlite": ("drop trigger inbox_events_head",),
}


def test_an_inbox_that_came_back_to_the_same_pair_is_not_swapped_by_a_stale_call(
    database: TestDatabase, provider: Instantly, provider_sandbox: Sandbox
) -> None:
    """Banned and corrected back while the provider was asked: the pair is the same again, the version is not."""
    for statement in UNGUARDED[database.kind]:
        database.execute(statement)
    with Inboxes(database.url, provider=provider) as inboxes:
        inbox = inboxes.register(email_address="ana@mail.example.com", owner_id="owner")
        operator = inboxes.operator(actor="olga")
        first = threading.Lock()

        def there_and_back(*_request: object) -> None:
            if first.acquire(blocking=False):
                operator.ban(inbox.id)
                operator.correct(inbox.id, status="pending", warmup_status="not_started", reason="a mistake")

        provider_sandbox.before_answer(there_and_back)
        with pytest.raises(RetryRefused) as refused:
            inboxes.retry_warmup(inbox.id, owner_id="owner")
        assert "version" in {clause.field for clause in refused.value.verdict.failed}
        assert operator.get(inbox.id).version == 3
        assert database.count("inbox_events") == 3
