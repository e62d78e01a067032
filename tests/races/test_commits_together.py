"""Many callers of one process commit in one statement: each inbox moves once, and each caller hears its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from inbox_lifecycle import (
    IdempotencyKeyReused,
    Inbox,
    Inboxes,
    InboxNotFound,
    Instantly,
    RetryRefused,
    WarmupNotRecorded,
)
from inbox_lifecycle.drivers.group_commit import AT_ONCE
from inbox_lifecycle.testing import Operation, Sandbox, SandboxRequest
from tests.fix_face import MakeFace
from tests.support.aftermath import OWNER, background, standing, warming
from tests.support.databases import TestDatabase
from tests.support.evidence import sound
from tests.support.faces import AnyFace, Face
from tests.support.gathering import Line, born, retries, together_as
from tests.support.locks import RowLock
from tests.support.racing import PATIENCE, Crowd, together, winners
from tests.support.rush_worker import LOST, heard_elsewhere, rush

COUNT = 32
#: As many as stand in line beside those under way: an async facade has no more threads.
IN_LINE = 6


@pytest.fixture
def database(postgres_database: TestDatabase) -> TestDatabase:
    """SQLite's callers go together by another way."""
    return postgres_database


@pytest.fixture
def line(face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Line:
    """A line whose first callers are held up."""
    return Line(face, database, provider_sandbox, monkeypatch)


def assert_moved_once(database: TestDatabase, face: AnyFace, inboxes: Sequence[Inbox]) -> None:
    """By one event each, of a history that is whole."""
    assert {standing(database, inbox.id) for inbox in inboxes} == {warming("moved")}
    sound(database)
    assert face.operator().verify().clean


def at_enable(act: Callable[[], Any]) -> Callable[[SandboxRequest], None]:
    """Acts whenever an enable was accepted and is not answered yet."""

    def hold(request: SandboxRequest) -> None:
        if request.operation is Operation.ENABLE:
            act()

    return hold


def test_calls_accepted_at_the_same_time_all_move_their_inboxes(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Nobody has recorded before all are accepted; then everybody does."""
    inboxes = born(face, COUNT)
    Crowd(provider_sandbox, COUNT)
    answers = together(retries(face, inboxes))
    assert [(answer.id, answer.version) for answer in winners(answers)] == [(inbox.id, 2) for inbox in inboxes]
    assert_moved_once(database, face, inboxes)


def test_callers_in_line_share_one_statement(face: AnyFace, database: TestDatabase, line: Line) -> None:
    """One transaction has recorded all of them, and each has the inbox that its own look would show."""
    inboxes = born(face, IN_LINE)
    calls = line.gather(retries(face, inboxes))
    line.let_go()
    answers = [call.result(PATIENCE) for call in calls]
    assert answers == [face.get(inbox.id, owner_id=OWNER) for inbox in inboxes]
    assert together_as(database) == [IN_LINE] + [1] * AT_ONCE
    assert_moved_once(database, face, inboxes)


def test_a_locked_inbox_holds_up_nobody_else(face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox) -> None:
    """A host keeps its row: all others end meanwhile, and it moves as soon as it is let go."""
    inboxes = born(face, COUNT)
    locks: list[RowLock] = []
    crowd = threading.Barrier(COUNT, lambda: locks.append(RowLock(database, "inboxes", inboxes[0].id)))
    provider_sandbox.before_answer(at_enable(lambda: crowd.wait(PATIENCE)))
    locked, *others = [background(call) for call in retries(face, inboxes)]
    assert [call.result(PATIENCE).version for call in others] == [2] * (COUNT - 1)
    assert not locked.done()
    locks[0].release()
    assert locked.result(PATIENCE).version == 2
    assert_moved_once(database, face, inboxes)


@pytest.mark.parametrize("table", ["inboxes", "inbox_attempts"])
def test_a_locked_inbox_in_line_is_left_out(face: AnyFace, database: TestDatabase, line: Line, table: str) -> None:
    """The statement that takes the others along does not wait for it; it goes alone, and waits by itself."""
    inboxes = born(face, IN_LINE)
    locked, *others = line.gather(retries(face, inboxes))
    lock = RowLock(database, table, inboxes[0].id)
    line.let_go()
    assert [call.result(PATIENCE).version for call in others] == [2] * (IN_LINE - 1)
    assert not locked.done()
    lock.release()
    assert locked.result(PATIENCE).version == 2
    assert together_as(database) == [IN_LINE - 1] + [1] * (AT_ONCE + 1)
    assert_moved_once(database, face, inboxes)


def test_two_processes_on_the_same_inboxes_move_each_once(
    database: TestDatabase, provider: Instantly, provider_sandbox: Sandbox
) -> None:
    """All calls of both have passed the gate before any of them records: of two on an inbox one wins."""
    with Inboxes(database.url, provider) as inboxes:
        ids = [inbox.id for inbox in born(Face(inboxes), COUNT // 2)]
        Crowd(provider_sandbox, COUNT)
        elsewhere = background(lambda: heard_elsewhere(database.url, provider_sandbox, ids))
        answers = zip(rush(inboxes, ids), elsewhere.result(PATIENCE), strict=True)
        assert {tuple(sorted(map(str, answer))) for answer in answers} == {("2", LOST)}
        ended = {standing(database, inbox_id) for inbox_id in ids}
        assert ended <= {warming("moved", "lost"), warming("lost", "moved")}
        sound(database)
        assert inboxes.operator(actor="olga").verify().clean


def test_each_in_line_hears_what_became_of_its_own(
    face: AnyFace, make: MakeFace, database: TestDatabase, line: Line
) -> None:
    """Banned by the same key, erased, closed by somebody, overtaken: the others know nothing of that, and move."""
    inboxes = born(face, IN_LINE)
    banned, erased, closed, overtaken, *untouched = inboxes
    calls = line.gather(
        [*retries(face, [banned], idempotency_key="once"), *retries(face, [erased, closed, overtaken, *untouched])]
    )
    other = make()
    operator = other.operator()
    operator.ban(banned.id, idempotency_key="once")
    operator.erase(erased.id, reason="asked to")
    close = "update {s}inbox_attempts set outcome = 'abandoned', closed_at = now() where inbox_id = ?"
    database.execute(close, (closed.id,))
    assert other.retry_warmup(overtaken.id, owner_id=OWNER).version == 2
    line.let_go()
    kinds = [type(call.exception(PATIENCE)) for call in calls]
    assert kinds == [IdempotencyKeyReused, InboxNotFound, WarmupNotRecorded, RetryRefused, type(None), type(None)]
    assert together_as(database)[0] == len(untouched)
    assert [standing(database, inbox.id) for inbox in untouched] == [warming("moved")] * len(untouched)
    assert standing(database, closed.id).attempts == ("abandoned",)
    assert operator.verify().clean


def test_a_key_that_has_its_success_by_now_is_answered_by_it(face: AnyFace, make: MakeFace, line: Line) -> None:
    """Another process was faster with the same key: that is success, and there is one event."""
    inboxes = born(face, 2)
    calls = line.gather(retries(face, inboxes, idempotency_key="once"))
    moved = make().retry_warmup(inboxes[0].id, owner_id=OWNER, idempotency_key="once")
    line.let_go()
    assert [call.result(PATIENCE) for call in calls] == [moved, face.get(inboxes[1].id, owner_id=OWNER)]
