"""A task is cancelled at every step of a retry: by `cancel`, by a timeout, by closing the facade."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest

from inbox_lifecycle import AsyncInboxes, Inbox, Inboxes, Instantly
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Sandbox
from tests.support.aftermath import (
    ANA,
    OWNER,
    Standing,
    eventually,
    in_flight,
    settle,
    standing,
    unmoved,
    warming,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AwaitedFace, LoopThread
from tests.support.hosts import host_async_engine
from tests.support.interrupts import CancelledAt
from tests.support.locks import Held, Watched, recording_held


@pytest.fixture
def open_facade(watched: Watched, provider: Instantly, loop_thread: LoopThread) -> Iterator[Callable[..., AwaitedFace]]:
    """Makes async facades; they are closed at the end."""
    made: list[AwaitedFace] = []

    def make_one(**options: Any) -> AwaitedFace:
        face = AwaitedFace(AsyncInboxes(watched.engine, provider, **options), loop_thread)
        made.append(face)
        return face

    yield make_one
    for face in made:
        face.close()


@pytest.fixture
def held(provider_sandbox: Sandbox, watched: Watched, database: TestDatabase, inbox: Inbox) -> Iterator[Held]:
    """The recording of the retry, which waits until it is released."""
    with recording_held(provider_sandbox, watched, database, inbox.id) as recording:
        yield recording


@pytest.fixture
def face(open_facade: Callable[..., AwaitedFace]) -> AwaitedFace:
    """An async facade."""
    return open_facade()


@pytest.fixture
def inbox(database: TestDatabase, provider: Instantly) -> Inbox:
    """A registered inbox."""
    with Inboxes(database.url, provider) as inboxes:
        return inboxes.register(email_address=ANA, owner_id=OWNER)


class Started:
    """A retry under way, as a task of its own."""

    def __init__(self, face: AwaitedFace, inbox: Inbox, *, within: float | None = None) -> None:
        self._loop = face.loop.loop
        self._task: asyncio.Task[Inbox] | None = None
        self.outcome: Future[Inbox] = asyncio.run_coroutine_threadsafe(self._run(face, inbox, within), self._loop)

    async def _run(self, face: AwaitedFace, inbox: Inbox, within: float | None) -> Inbox:
        self._task = asyncio.current_task()
        async with asyncio.timeout(within):
            moved: Inbox = await face.target.retry_warmup(inbox.id, owner_id=OWNER)
            return moved

    def cancel(self) -> None:
        """Cancel the task, and wait until the loop has done so."""
        asyncio.run_coroutine_threadsafe(self._cancel(), self._loop).result(10)

    def cancelling(self) -> bool:
        """Whether somebody has asked the task to end."""
        return self._task is not None and self._task.cancelling() > 0

    async def _cancel(self) -> None:
        assert self._task is not None
        self._task.cancel()


async def retry_cancelled_at(face: AwaitedFace, inbox: Inbox, wait: int) -> Inbox | None:
    """The retry's answer, or None if it was cancelled at that wait."""
    retry = CancelledAt(face.target.retry_warmup(inbox.id, owner_id=OWNER), wait)

    async def call() -> Inbox:
        moved: Inbox = await retry
        return moved

    task = asyncio.get_running_loop().create_task(call())
    await asyncio.wait({task})
    return None if task.cancelled() else task.result()


def cancel_at_every_wait(face: AwaitedFace, database: TestDatabase, sandbox: Sandbox) -> list[Standing]:
    """How one inbox after another stood, when its retry was cancelled at one wait after another until none was left."""
    seen: list[Standing] = []
    answer: Inbox | None = None
    while answer is None:
        email = f"ana{len(seen)}@mail.example.com"
        inbox = face.register(email_address=email, owner_id=OWNER)
        answer = face.loop.wait(retry_cancelled_at(face, inbox, len(seen)))
        seen.append(standing(database, inbox.id))
        assert settle(face, database).left == 0
        assert (standing(database, inbox.id).status == "warming") is sandbox.warming(email)
    return seen


def assert_all_or_nothing(seen: list[Standing]) -> None:
    """Up to some wait nothing moved, and from there on everything was recorded, cancelled or not."""
    before, recorded = ([stood for stood in seen if stood.version == version] for version in (1, 2))
    # A step that was under way in a thread may be over, or not yet, when the cancellation is.
    assert set(before) <= {unmoved(), unmoved(None)}
    assert set(recorded) == {warming("moved")}
    assert seen == [*before, *recorded]
    # The last one was not cancelled at all.
    assert len(recorded) > 1


def test_cancelled_at_every_wait_leaves_all_or_nothing(
    face: AwaitedFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Wait by wait: an attempt that can be settled, or everything recorded; never anything between."""
    assert_all_or_nothing(cancel_at_every_wait(face, database, provider_sandbox))


def test_cancelled_at_every_wait_of_an_async_engine_leaves_all_or_nothing(
    postgres_database: TestDatabase, provider: Instantly, loop_thread: LoopThread, provider_sandbox: Sandbox
) -> None:
    """The same over an engine of the host's whose every statement is a wait."""
    with host_async_engine(postgres_database, loop_thread) as engine:
        face = AwaitedFace(AsyncInboxes(engine, provider), loop_thread)
        seen = cancel_at_every_wait(face, postgres_database, provider_sandbox)
        face.close()
        assert_all_or_nothing(seen)


def test_cancelled_while_the_provider_is_asked_leaves_the_attempt_open(
    face: AwaitedFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Nobody has heard whether the provider accepted, so only reconciling can tell: it did."""
    provider_sandbox.fail_next("hang", seconds=30, after_effect=True)
    call = Started(face, inbox)
    eventually(lambda: provider_sandbox.warming(ANA))
    call.cancel()
    with pytest.raises(CancelledError):
        call.outcome.result(10)
    assert standing(database, inbox.id) == unmoved(None)
    assert settle(face, database) == Reconciled(moved=1)
    assert standing(database, inbox.id) == warming("moved")


def test_timeout_while_the_provider_is_asked_leaves_the_attempt_open(
    face: AwaitedFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A host's own timeout is a cancellation too; the request never had its effect, so the attempt is abandoned."""
    provider_sandbox.fail_next("hang", seconds=30)
    call = Started(face, inbox, within=0.3)
    with pytest.raises(TimeoutError):
        call.outcome.result(10)
    assert standing(database, inbox.id) == unmoved(None)
    assert settle(face, database) == Reconciled(abandoned=1)


@pytest.mark.parametrize("times", [1, 3])
def test_cancelled_while_recording_is_recorded_first(
    face: AwaitedFace, inbox: Inbox, database: TestDatabase, held: Held, times: int
) -> None:
    """However often the task is cancelled, it ends only when the acceptance is recorded, and then as cancelled."""
    call = Started(face, inbox)
    held.wait_until_it_waits()
    for _ in range(times):
        call.cancel()
    assert standing(database, inbox.id) == unmoved(None)
    assert not call.outcome.done()
    held.release()
    with pytest.raises(CancelledError):
        call.outcome.result(10)
    assert standing(database, inbox.id) == warming("moved")
    assert settle(face, database) == Reconciled()


def test_timeout_while_recording_is_recorded_first(
    face: AwaitedFace, inbox: Inbox, database: TestDatabase, held: Held
) -> None:
    """A host's timeout that strikes in the middle of recording is raised once the row is warming."""
    call = Started(face, inbox, within=0.5)
    held.wait_until_it_waits()
    eventually(call.cancelling)
    held.release()
    with pytest.raises(TimeoutError):
        call.outcome.result(10)
    assert standing(database, inbox.id) == warming("moved")
    assert settle(face, database) == Reconciled()


def test_budget_over_while_recording_is_cancelled_and_recorded_later(
    open_facade: Callable[..., AwaitedFace], inbox: Inbox, database: TestDatabase, held: Held
) -> None:
    """A cancelled task waits for its recording no longer than the budget; the commit lands when it can."""
    face = open_facade(recording_budget=0.3)
    call = Started(face, inbox)
    held.wait_until_it_waits()
    call.cancel()
    with pytest.raises(CancelledError):
        call.outcome.result(10)
    assert standing(database, inbox.id) == unmoved(None)
    held.release()
    eventually(lambda: standing(database, inbox.id) == warming("moved"))
    assert settle(face, database) == Reconciled()


def test_closing_the_facade_while_the_provider_is_asked_lets_the_call_end(
    face: AwaitedFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A facade that is closed under a call answers it first, as if nobody had closed anything."""
    closing: list[Future[None]] = []
    in_flight(provider_sandbox, lambda: closing.append(close(face)))
    assert face.retry_warmup(inbox.id, owner_id=OWNER).version == 2
    closing[0].result(10)
    assert standing(database, inbox.id) == warming("moved")


def test_closing_the_facade_while_recording_waits_for_the_record(
    open_facade: Callable[..., AwaitedFace], inbox: Inbox, database: TestDatabase, held: Held
) -> None:
    """Closing does not end before what was accepted is recorded, even if the call itself was cancelled."""
    face = open_facade(recording_budget=0.3)
    call = Started(face, inbox)
    held.wait_until_it_waits()
    call.cancel()
    with pytest.raises(CancelledError):
        call.outcome.result(10)
    closing = close(face)
    held.release()
    closing.result(10)
    assert standing(database, inbox.id) == warming("moved")


def close(face: AwaitedFace) -> Future[None]:
    """Begin to close the facade."""
    return asyncio.run_coroutine_threadsafe(face.target.aclose(), face.loop.loop)
