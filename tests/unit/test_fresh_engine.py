"""A database for each example: at head, empty, and nobody else's."""

from __future__ import annotations

import threading

import pytest

from inbox_lifecycle import Inboxes, upgrade_schema
from inbox_lifecycle.errors import InboxNotFound
from inbox_lifecycle.store.version import HEAD
from inbox_lifecycle.testing import Sandbox
from inbox_lifecycle.testing.databases import fresh_engine


def test_each_engine_has_a_database_of_its_own_at_head() -> None:
    """What is registered in one is not in the next, made before or after."""
    first, second = fresh_engine(), fresh_engine()
    assert upgrade_schema(first) == HEAD
    with Inboxes(first) as here, Inboxes(second) as there:
        inbox = here.register(email_address="ana@example.com", owner_id="owner-1", provider="instantly")
        third = fresh_engine()
        with Inboxes(third) as later:
            for other in (there, later):
                with pytest.raises(InboxNotFound):
                    other.get(inbox.id, owner_id="owner-1")
                other.register(email_address="ana@example.com", owner_id="owner-1", provider="instantly")
    for engine in (first, second, third):
        engine.dispose()


def test_many_threads_make_and_use_them_at_once() -> None:
    """Also one and the same, whose inbox only one of them moves."""
    shared = fresh_engine()
    transport = Sandbox().transport()
    answers: list[str] = []
    with Inboxes(shared, provider=transport.provider(), transport=transport) as inboxes:
        inbox = inboxes.register(email_address="ana@example.com", owner_id="owner-1")

        def work() -> None:
            own = fresh_engine()
            with Inboxes(own, provider=transport.provider(), transport=transport) as alone:
                born = alone.register(email_address="ben@example.com", owner_id="owner-1", start_warmup=True)
                answers.append(born.status)
            own.dispose()
            inboxes.retry_warmup(inbox.id, owner_id="owner-1", idempotency_key="the same")

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == ["warming"] * 6
        assert [event.version for event in inboxes.history(inbox.id, owner_id="owner-1")] == [1, 2]
    shared.dispose()
