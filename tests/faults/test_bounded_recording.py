"""Recording an accepted warmup ends in time, and goes on where a caller's world ends first."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import httpx
import pytest
from sqlalchemy import Engine, create_engine

from inbox_lifecycle import AsyncInboxes, Inbox, Inboxes, Instantly, WarmupNotRecorded, prepare_sqlite
from inbox_lifecycle.testing import Sandbox
from tests.support.aftermath import eventually
from tests.support.databases import TestDatabase
from tests.support.hosts import host_url
from tests.support.locks import RowLock, WriteLock


def test_a_commit_waits_for_a_lock_no_longer_than_its_budget(
    postgres_database: TestDatabase, provider: Instantly
) -> None:
    """Somebody holds the row: the call says so within its budget, nothing has moved, and the next one succeeds."""
    with Inboxes(postgres_database.url, provider=provider, recording_budget=0.5) as inboxes:
        inbox = inboxes.register(email_address="ana@mail.example.com", owner_id="owner")
        lock = RowLock(postgres_database, "inboxes", inbox.id)
        with pytest.raises(WarmupNotRecorded):
            inboxes.retry_warmup(inbox.id, owner_id="owner")
        lock.release()
        assert inboxes.get(inbox.id, owner_id="owner").version == 1
        assert inboxes.retry_warmup(inbox.id, owner_id="owner").version == 2
        assert inboxes.operator(actor="olga").verify().clean


def test_a_loop_that_shuts_down_still_records(
    database: TestDatabase, provider: Instantly, provider_sandbox: Sandbox
) -> None:
    """The program ends while the commit waits for a lock: the loop cancels every task, the inbox moves all the same."""
    with Inboxes(database.url, provider=provider) as inboxes:
        inbox = inboxes.register(email_address="ana@mail.example.com", owner_id="owner")
        locked = threading.Event()
        locks: list[RowLock | WriteLock] = []

        def lock() -> None:
            locks.append(hold(database, inbox))
            locked.set()

        provider_sandbox.before_answer(_once(lock))
        engine = prepare_sqlite(create_engine(host_url(database)))
        asyncio.run(_leave_while_it_waits(engine, provider, inbox, locked, locks))
        engine.dispose()
        assert inboxes.get(inbox.id, owner_id="owner").version == 2
        assert inboxes.operator(actor="olga").verify().open_attempts == 0


def hold(database: TestDatabase, inbox: Inbox) -> RowLock | WriteLock:
    """A lock that the commit must wait for."""
    return WriteLock(database) if database.kind == "sqlite" else RowLock(database, "inboxes", inbox.id)


async def _leave_while_it_waits(
    engine: Engine,
    provider: Instantly,
    inbox: Inbox,
    locked: threading.Event,
    locks: list[RowLock | WriteLock],
) -> None:
    # Nothing is closed by a program that just ends; here the engine is the test's, and no connection is kept alive.
    transport = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))
    inboxes = AsyncInboxes(engine, provider=provider, transport=transport)
    calling = asyncio.create_task(inboxes.retry_warmup(inbox.id, owner_id="owner"))
    await asyncio.to_thread(locked.wait, 30)
    # The recording has begun once the sandbox has answered and the call is no longer with the provider.
    while not inboxes._driver._late:  # type: ignore[union-attr]  # noqa: SLF001, ASYNC110 - no public word tells it
        await asyncio.sleep(0.01)

    def release_once_cancelled() -> None:
        eventually(lambda: calling.cancelling() > 0)
        locks[0].release()

    threading.Thread(target=release_once_cancelled, daemon=True).start()


def _once(callback: Callable[[], None]) -> Callable[..., None]:
    called = threading.Lock()

    def call(*_request: object) -> None:
        if called.acquire(blocking=False):
            callback()

    return call
