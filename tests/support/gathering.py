"""Callers of a real facade who stand in line to commit together, by the time the test wants it.

    line = Line(face, database, sandbox, monkeypatch)
    calls = line.gather([...])  # accepted by the provider, and each stands in line
    line.let_go()  # one statement takes all of them along

As many commits as go at once are under way and wait for rows that the test has locked; nobody's chance is ever over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest

from inbox_lifecycle import Inbox
from inbox_lifecycle.drivers import group_commit
from inbox_lifecycle.drivers.group_commit import AT_ONCE, GroupCommit
from inbox_lifecycle.drivers.sync import Database
from inbox_lifecycle.testing import Sandbox
from tests.support.aftermath import OWNER, background, eventually, in_flight
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace
from tests.support.locks import RowLock, waiters
from tests.support.racing import PATIENCE


def born(face: AnyFace, count: int, name: str = "inbox") -> list[Inbox]:
    """Inboxes of the owner's."""
    return [face.register(email_address=f"{name}{number}@mail.example.com", owner_id=OWNER) for number in range(count)]


def retries(face: AnyFace, inboxes: Sequence[Inbox], **options: Any) -> list[Callable[[], Inbox]]:
    """A retry of each."""
    return [partial(face.retry_warmup, inbox.id, owner_id=OWNER, **options) for inbox in inboxes]


def group_of(face: AnyFace) -> GroupCommit:
    """Where the callers of a facade meet."""
    database = face.target._driver._database  # noqa: SLF001 - nothing else tells who stands in line
    group = (database if isinstance(database, Database) else database._database)._group  # noqa: SLF001 - as above
    assert isinstance(group, GroupCommit)
    return group


def together_as(database: TestDatabase) -> list[int]:
    """How many warmups each transaction has recorded, of those that recorded any: the most first."""
    rows = database.execute(
        "select count(*) from {s}inbox_events where name = 'inbox.warmup_started' group by xmin order by 1 desc"
    )
    return [int(count) for (count,) in rows]


class Line:
    """The line at a facade's commits; its first callers are held up until the test lets them go."""

    def __init__(self, face: AnyFace, database: TestDatabase, sandbox: Sandbox, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(group_commit, "CHANCE", PATIENCE)
        self.database = database
        self._group = group_of(face)
        self._locks: list[RowLock] = []
        self._slow: list[Future[Inbox]] = []
        for call, inbox in zip(*self._under_way(face), strict=True):
            # Not before it has passed the gate, which would wait for the row as well.
            in_flight(sandbox, partial(self._lock, database, inbox))
            self._slow.append(background(call))
            eventually(lambda: waiters(database) == len(self._slow))

    def gather(self, calls: Sequence[Callable[[], Any]]) -> list[Future[Any]]:
        """Make these calls, all of which stand in line by now."""
        made = [background(call) for call in calls]
        eventually(lambda: len(self._group._line) == len(made))  # noqa: SLF001 - only looked at
        return made

    def let_go(self) -> None:
        """Let the slow ones go on, one after another."""
        for lock, slow in zip(self._locks, self._slow, strict=True):
            lock.release()
            assert slow.result(PATIENCE).version == 2

    def _under_way(self, face: AnyFace) -> tuple[list[Callable[[], Inbox]], list[Inbox]]:
        inboxes = born(face, AT_ONCE, "slow")
        return retries(face, inboxes), inboxes

    def _lock(self, database: TestDatabase, inbox: Inbox) -> None:
        self._locks.append(RowLock(database, "inboxes", inbox.id))
