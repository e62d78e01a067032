"""SQLite's own ways of failing: a file that others lock, that cannot be written, or that is none of its files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from inbox_lifecycle import Inbox, StoreMisconfigured, StoreUnavailable, WarmupNotRecorded, upgrade_schema
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.aftermath import ANA, OWNER, background, eventually, in_flight, settle, standing, unmoved, warming
from tests.support.children import child
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

#: Seconds that a hasty facade waits for others to finish writing.
PATIENCE = 0.2


@pytest.fixture
def database(sqlite_database: TestDatabase) -> TestDatabase:
    """These tests are about SQLite's files."""
    return sqlite_database


@pytest.fixture
def inbox(face: AnyFace) -> Inbox:
    """A registered inbox."""
    registered: Inbox = face.register(email_address=ANA, owner_id=OWNER)
    return registered


@pytest.fixture
def hasty(make: MakeFace, database: TestDatabase) -> AnyFace:
    """A facade that does not wait long, neither for the lock nor for its recording."""
    return make(f"{database.url}?timeout={PATIENCE}", recording_budget=2 * PATIENCE)


@contextmanager
def locked(database: TestDatabase) -> Iterator[Callable[[], None]]:
    """The file, locked by another process; gives what ends that."""
    with child("tests.support.locking_child", database.path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"

        def unlock() -> None:
            process.communicate("go\n", timeout=10)

        yield unlock


def retry(face: AnyFace, inbox: Inbox) -> Inbox:
    """The call that all of this is about."""
    moved: Inbox = face.retry_warmup(inbox.id, owner_id=OWNER)
    return moved


def test_locked_before_the_load_is_unavailable(
    hasty: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Another process writes for longer than the URL's timeout: nothing is sent, and nothing is left."""
    with locked(database) as unlock:
        with pytest.raises(StoreUnavailable, match="SQLITE_BUSY"):
            retry(hasty, inbox)
        assert provider_sandbox.requests == ()
        unlock()
    assert standing(database, inbox.id) == unmoved()
    assert retry(hasty, inbox).version == 2


def test_locked_database_can_still_be_read(hasty: AnyFace, inbox: Inbox, database: TestDatabase) -> None:
    """Readers never wait for a writer."""
    with locked(database):
        assert hasty.get(inbox.id, owner_id=OWNER) == inbox
        assert len(hasty.history(inbox.id, owner_id=OWNER)) == 1


def test_locked_past_the_recording_budget_is_not_recorded(
    hasty: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The provider accepted and the file stayed locked: a plain retry succeeds once it is free."""
    with ExitStack() as stack:
        unlocks: list[Callable[[], None]] = []
        in_flight(provider_sandbox, lambda: unlocks.append(stack.enter_context(locked(database))))
        with pytest.raises(WarmupNotRecorded):
            retry(hasty, inbox)
        assert standing(database, inbox.id) == unmoved(None)
        unlocks[0]()
    assert retry(hasty, inbox).version == 2
    assert standing(database, inbox.id) == warming(None, "moved")
    assert settle(hasty, database) == Reconciled(superseded=1)


def test_unlocked_within_the_recording_budget_is_a_success(
    make: MakeFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A recording that found the file locked more than once is run again until it is free."""
    patient = make(f"{database.url}?timeout={PATIENCE}")
    with ExitStack() as stack:
        unlocks: list[Callable[[], None]] = []
        in_flight(provider_sandbox, lambda: unlocks.append(stack.enter_context(locked(database))))
        call = background(lambda: retry(patient, inbox))
        eventually(lambda: unlocks)
        # The first run gives up after its patience; by then the call has not ended, as its budget goes on.
        with pytest.raises(TimeoutError):
            call.result(2 * PATIENCE)
        unlocks[0]()
        assert call.result(30).version == 2
    assert standing(database, inbox.id) == warming("moved")
    assert provider_sandbox.enable_calls(ANA) == 1


def test_file_that_cannot_be_written_names_the_cure(
    make: MakeFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Reading goes on; what would write says that permissions are missing, before anything is sent."""
    readonly = make(f"sqlite:///file:{database.path}?mode=ro&uri=true")
    assert readonly.get(inbox.id, owner_id=OWNER) == inbox
    with pytest.raises(StoreMisconfigured, match="cannot be written: check its permissions"):
        retry(readonly, inbox)
    assert provider_sandbox.requests == ()
    assert standing(database, inbox.id) == unmoved()


@pytest.mark.parametrize("content", [b"To whom it may concern:\n" * 100, b"\0" * 4096], ids=["text", "zeros"])
def test_file_that_is_no_database_names_the_cure(make: MakeFace, tmp_path: Path, content: bytes) -> None:
    """Trying again later would not help, so nothing says so; the file stays as it was."""
    file = tmp_path / "letter.txt"
    file.write_bytes(content)
    with pytest.raises(StoreMisconfigured, match="is not an SQLite database: check the path"):
        make(f"sqlite:///{file}").register(email_address=ANA, owner_id=OWNER)
    with pytest.raises(StoreMisconfigured, match="is not an SQLite database: check the path"):
        upgrade_schema(f"sqlite:///{file}")
    assert file.read_bytes() == content


def test_damaged_file_names_the_cure(make: MakeFace, inbox: Inbox, database: TestDatabase) -> None:
    """Pages that hold something else are damage, which no waiting mends."""
    database.execute("pragma wal_checkpoint(truncate)")
    file = Path(database.path)
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    with pytest.raises(StoreMisconfigured, match="is damaged: restore it from a backup"):
        make().get(inbox.id, owner_id=OWNER)


def test_file_in_a_missing_folder_names_the_cure(make: MakeFace, tmp_path: Path) -> None:
    """SQLite makes files and no folders."""
    with pytest.raises(StoreMisconfigured, match="cannot be opened: check its folder"):
        make(f"sqlite:///{tmp_path}/missing/inboxes.db").register(email_address=ANA, owner_id=OWNER)


def test_two_processes_that_write_at_once_both_succeed(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Each waits for the other's writing, as long as it takes; every inbox moves once."""
    lists = [
        [face.register(email_address=f"{half}{n}@mail.example.com", owner_id=OWNER).id for n in range(10)]
        for half in ("ana", "bo")
    ]
    with ExitStack() as stack:
        workers = [stack.enter_context(child("tests.support.retry_worker")) for _ in lists]
        for worker, ids in zip(workers, lists, strict=True):
            assert worker.stdin is not None
            assert worker.stdout is not None
            order = {"url": database.url, "base_url": provider_sandbox.base_url, "api_key": provider_sandbox.api_key}
            worker.stdin.write(json.dumps({**order, "owner_id": OWNER, "inbox_ids": ids}) + "\n")
            worker.stdin.flush()
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        for worker in workers:
            assert worker.stdout is not None
            assert json.loads(worker.stdout.readline()) == [2] * 10
    assert {standing(database, inbox_id) for ids in lists for inbox_id in ids} == {warming("moved")}
    assert settle(face, database) == Reconciled()
