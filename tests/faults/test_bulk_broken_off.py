"""A bulk run that is broken off: killed, interrupted, cancelled, or cut off from its database."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count

import pytest

from inbox_lifecycle import AsyncInboxes, BulkReport, Inbox, Inboxes, Instantly
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Failure, Kind, Operation, Sandbox, SandboxRequest
from tests.fix_face import MakeFace
from tests.support.aftermath import RECORDING, background, eventually, in_flight, settle
from tests.support.children import child
from tests.support.databases import TestDatabase
from tests.support.faces import Face
from tests.support.interrupts import CancelledAt, Interrupts
from tests.support.locks import Held, RowLock, Watched, recording_held
from tests.support.proxy import Fate, Proxy
from tests.support.stuck import assert_asked_once, assert_moved_once, closings, retry_many, retry_stuck, stuck

COUNT = 20


@pytest.fixture
def face(watched: Watched, provider: Instantly) -> Iterator[Face]:
    """A sync facade, whose calls a signal can strike."""
    with Inboxes(watched.engine, provider) as inboxes:
        yield Face(inboxes)


def killed_run(database: TestDatabase, sandbox: Sandbox, kill_it: Callable[[subprocess.Popen[str]], None]) -> None:
    """A run of another process that did not live to hear the provider's answer."""
    with child("tests.support.bulk_child", database.url, sandbox.base_url, sandbox.api_key) as process:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        kill_it(process)
        assert process.wait(30) == -signal.SIGKILL
    sandbox.before_answer(None)


def test_killed_after_the_provider_accepted_everybody_is_moved_once(
    face: Face, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Until the lease is over the inboxes are the dead run's; then another run records what it was promised."""
    inboxes = stuck(face, COUNT)

    def kill_it(process: subprocess.Popen[str]) -> None:
        in_flight(provider_sandbox, process.kill)

    killed_run(database, provider_sandbox, kill_it)
    assert closings(database) == {None: COUNT}
    assert retry_stuck(face) == BulkReport()
    assert retry_many(face, inboxes).counts == {"taken": COUNT}
    database.expire_leases()
    assert retry_stuck(face) == BulkReport()
    assert_moved_once(database, inboxes)
    assert_asked_once(provider_sandbox, inboxes)
    assert closings(database) == {"moved": COUNT}
    assert face.operator().verify().clean


def test_killed_before_the_provider_acted_everybody_is_asked_for_again(
    face: Face, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The provider says no, so the dead run's attempts are given up, and the next run finishes the job."""
    inboxes = stuck(face, COUNT)
    provider_sandbox.fail_next("hang", seconds=60)

    def kill_it(process: subprocess.Popen[str]) -> None:
        eventually(lambda: provider_sandbox.count("enable") == 1)
        process.kill()

    killed_run(database, provider_sandbox, kill_it)
    database.expire_leases()
    assert retry_stuck(face).counts == {"moved": COUNT}
    assert_moved_once(database, inboxes)
    assert closings(database) == {"abandoned": COUNT, "moved": COUNT}
    assert face.operator().verify().clean


def test_killed_in_the_middle_of_a_search_the_rest_is_done_by_the_next_run(
    face: Face, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """What was accepted in one half is moved already; nobody is moved twice, and the bad address is found again."""
    inboxes = stuck(face, COUNT)
    bad = inboxes[-1]
    provider_sandbox.fail_next("reject", status=404, email=bad.email_address, times=1000)

    def kill_it(process: subprocess.Popen[str]) -> None:
        calls = count(1)

        def act(request: SandboxRequest) -> None:
            # Refused, refused again, one half accepted, and a quarter accepted.
            if request.operation is Operation.ENABLE and next(calls) == 4:
                process.kill()

        provider_sandbox.before_answer(act)

    killed_run(database, provider_sandbox, kill_it)
    assert closings(database)["moved"] == COUNT // 2
    database.expire_leases()
    assert retry_stuck(face).outcomes[bad.id] == "rejected"
    assert_moved_once(database, inboxes[:-1])
    assert closings(database)[None] == 0
    assert face.operator().verify().clean


def interrupted(interrupts: Interrupts, call: Callable[[], object]) -> None:
    """A call that ends with Ctrl-C."""
    with pytest.raises(KeyboardInterrupt), interrupts.raising():
        call()


def test_interrupted_while_it_records_a_run_records_all_and_then_ends(
    face: Face, watched: Watched, database: TestDatabase, interrupts: Interrupts, provider_sandbox: Sandbox
) -> None:
    """The whole batch was accepted, so all of it is moved before Ctrl-C is felt."""
    inboxes = stuck(face, COUNT)

    def press(held: Held) -> None:
        held.wait_until_it_waits()
        interrupts.send()
        eventually(lambda: interrupts.has_struck(1))
        held.release()

    with recording_held(provider_sandbox, watched, database, inboxes[7].id) as held:
        pressed = background(lambda: press(held))
        interrupted(interrupts, lambda: retry_stuck(face))
        pressed.result(10)
    assert_moved_once(database, inboxes)
    assert settle(face, database) == Reconciled()


def test_interrupted_after_it_has_recorded_some_a_run_ends_at_once(
    face: Face, database: TestDatabase, interrupts: Interrupts, provider_sandbox: Sandbox
) -> None:
    """What shields a recording ends with it: the next call of the same batch is broken off like any other."""
    inboxes = stuck(face, 2)
    refusal = Failure(kind=Kind.REJECT, status=404)
    provider_sandbox.script(refusal, refusal, Failure(kind=Kind.SERVE), Failure(kind=Kind.HANG, seconds=60))

    def press() -> None:
        eventually(lambda: provider_sandbox.count("enable") == 4)
        interrupts.send()

    pressed = background(press)
    interrupted(interrupts, lambda: retry_stuck(face))
    pressed.result(10)
    assert "inbox-lifecycle-shield" not in {thread.name for thread in threading.enumerate()}
    assert closings(database) == {"moved": 1, None: 1}
    provider_sandbox.clear_failures()
    assert settle(face, database) == Reconciled(abandoned=1)
    assert retry_stuck(face).counts == {"moved": 1}
    assert_moved_once(database, inboxes)


def test_a_run_cancelled_at_any_wait_leaves_nothing_half_done(
    face: Face, database: TestDatabase, provider: Instantly, provider_sandbox: Sandbox
) -> None:
    """Each batch is moved whole or not at all, once accepted for certain; what is open is settled afterwards."""
    ended: list[tuple[str, ...]] = []

    async def run_all() -> None:
        async with AsyncInboxes(database.url, provider) as inboxes:
            # The first run loads what is loaded once, and would have more waits than the others.
            await inboxes.operator(actor="olga").retry_many([inbox.id for inbox in stuck(face, 1, name="first")])
            for wait in count():
                some = stuck(face, 2, name=f"at{wait}-")
                if await cancelled_at(inboxes, some, wait):
                    return
                ended.append(tuple(face.get(inbox.id, owner_id="owner").status for inbox in some))

    asyncio.run(run_all())
    assert set(ended) == {("pending", "pending"), ("warming", "warming")}
    assert face.operator().verify().clean
    settle(face, database)
    provider_sandbox.clear_failures()
    retry_stuck(face)
    assert database.count("inboxes", "status <> 'warming'") == 0
    assert database.count("inboxes", "version <> 2") == 0


async def cancelled_at(inboxes: AsyncInboxes, some: Sequence[Inbox], wait: int) -> bool:
    """Whether a run over these ended by itself, before it could be cancelled at that wait."""
    run = CancelledAt(inboxes.operator(actor="olga").retry_many([inbox.id for inbox in some]), wait)

    async def call() -> object:
        return await run

    task = asyncio.get_running_loop().create_task(call())
    await asyncio.wait({task})
    return not task.cancelled()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("fate", [Fate.UNSENT, Fate.UNHEARD, Fate.LATE])
def test_a_batch_whose_commit_is_cut_off_is_moved_once(
    make: MakeFace, database: TestDatabase, proxied_url: str, proxy: Proxy, fate: Fate
) -> None:
    """It is run again; what the first run did, or still does, is neither done twice nor lost."""
    face = make(proxied_url)
    inboxes = stuck(face, COUNT)
    trap = proxy.set_trap(RECORDING, fate)
    assert retry_stuck(face).counts == {"moved": COUNT}
    trap.release()
    assert trap.sprung.is_set()
    assert fate is Fate.UNSENT or trap.answered.wait(10)
    assert_moved_once(database, inboxes)
    assert closings(database) == {"moved": COUNT}
    assert face.operator().verify().clean


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_batch_that_could_not_be_recorded_says_so_and_is_rolled_forward(
    make: MakeFace, database: TestDatabase, proxied_url: str, proxy: Proxy, provider_sandbox: Sandbox
) -> None:
    """The database is gone for longer than the budget: the run ends, and the next one after the lease finishes it."""
    face = make(proxied_url, recording_budget=0.5)
    inboxes = stuck(face, COUNT)
    proxy.set_trap(RECORDING, Fate.UNSENT, refuse=True)
    assert retry_stuck(face).counts == {"not_recorded": COUNT}
    proxy.resume()
    assert closings(database) == {None: COUNT}
    assert settle(face, database) == Reconciled(moved=COUNT)
    assert_asked_once(provider_sandbox, inboxes)
    assert_moved_once(database, inboxes)


@pytest.mark.parametrize(("make", "database"), [("sync", "postgresql")], indirect=True)
def test_an_inbox_whose_row_is_kept_locked_holds_up_nobody_else(
    make: MakeFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The others move within the same budget; the one is told as not recorded, and is rolled forward later."""
    face = make(recording_budget=1.0)
    inboxes = stuck(face, COUNT)
    locks: list[RowLock] = []
    in_flight(provider_sandbox, lambda: locks.append(RowLock(database, "inboxes", inboxes[3].id)))
    report = retry_stuck(face)
    locks[0].release()
    assert report.counts == {"moved": COUNT - 1, "not_recorded": 1}
    assert report.outcomes[inboxes[3].id] == "not_recorded"
    assert settle(face, database) == Reconciled(moved=1)
    assert_moved_once(database, inboxes)
