"""A launch is cancelled: before the provider has accepted it stays open, afterwards it is recorded first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future

import pytest

from inbox_lifecycle import AsyncInboxes, Inbox, Instantly, Launch
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Operation, Sandbox
from tests.support.aftermath import ANA, OWNER, eventually, in_flight, settle
from tests.support.databases import TestDatabase
from tests.support.faces import AwaitedFace, LoopThread
from tests.support.locks import Lock, RowLock, Watched, WriteLock, waiters

CAMPAIGN = "campaign-7"


@pytest.fixture
def face(watched: Watched, provider: Instantly, loop_thread: LoopThread) -> Iterator[AwaitedFace]:
    """An async facade over an engine that tells when a connection of it is taken."""
    made = AwaitedFace(AsyncInboxes(watched.engine, provider), loop_thread)
    yield made
    made.close()


@pytest.fixture
def inbox(face: AwaitedFace) -> Inbox:
    """An inbox that may send."""
    adopted: Inbox = face.operator().adopt(
        email_address=ANA, owner_id=OWNER, status="active", warmup_status="active", provider="instantly"
    )
    return adopted


class Started:
    """A launch under way, as a task of its own."""

    def __init__(self, face: AwaitedFace, inbox: Inbox) -> None:
        self._loop = face.loop.loop
        self.task: asyncio.Task[Launch] | None = None
        self.outcome: Future[Launch] = asyncio.run_coroutine_threadsafe(self._run(face, inbox), self._loop)

    async def _run(self, face: AwaitedFace, inbox: Inbox) -> Launch:
        self.task = asyncio.current_task()
        launched: Launch = await face.target.launch_campaign(CAMPAIGN, [inbox.id], owner_id=OWNER)
        return launched

    def cancel(self) -> None:
        """Cancel the task, and wait until the loop has done so."""
        asyncio.run_coroutine_threadsafe(self._cancel(), self._loop).result(10)

    async def _cancel(self) -> None:
        assert self.task is not None
        self.task.cancel()


def outcomes(database: TestDatabase) -> list[str | None]:
    """How the attempts ended."""
    return [outcome for (outcome,) in database.execute("select outcome from {s}inbox_attempts")]


def test_cancelled_before_the_answer_leaves_the_launch_open(
    face: AwaitedFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Nobody has heard whether it runs: its claim ends with its lease."""
    provider_sandbox.fail_next("hang", on="activate", seconds=30)
    call = Started(face, inbox)
    eventually(lambda: provider_sandbox.count(Operation.ACTIVATE) == 1)
    call.cancel()
    with pytest.raises(CancelledError):
        call.outcome.result(10)
    assert outcomes(database) == [None]
    assert settle(face, database) == Reconciled(abandoned=1)
    assert outcomes(database) == ["abandoned"]


def test_cancelled_while_it_is_recorded_is_recorded_first(
    face: AwaitedFace, inbox: Inbox, database: TestDatabase, watched: Watched, provider_sandbox: Sandbox
) -> None:
    """The campaign runs, so the attempt says so, and then the task ends as cancelled."""
    held: list[Lock] = []
    taken: list[int] = []

    def hold() -> None:
        sqlite = database.kind == "sqlite"
        held.append(WriteLock(database) if sqlite else RowLock(database, "inbox_attempts", inbox.id))
        taken.append(watched.taken)

    in_flight(provider_sandbox, hold, on=Operation.ACTIVATE)
    call = Started(face, inbox)
    eventually(lambda: taken and watched.taken > taken[0])
    if database.kind == "postgresql":
        eventually(lambda: waiters(database) == 1)
    call.cancel()
    assert outcomes(database) == [None]
    assert not call.outcome.done()
    held[0].release()
    with pytest.raises(CancelledError):
        call.outcome.result(10)
    assert outcomes(database) == ["launched"]
    assert settle(face, database) == Reconciled()
