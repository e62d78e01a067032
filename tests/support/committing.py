"""Commits without a database: callers of a `GroupCommit` whose statements are answered by the test's own hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import cache, partial
from queue import SimpleQueue
from typing import Any

from inbox_lifecycle import Inbox, InboxId
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, AttemptKind, Recorder
from inbox_lifecycle.drivers.group_commit import GroupCommit
from inbox_lifecycle.flow import Once
from inbox_lifecycle.lifecycle.record import Acceptor, commit_of
from inbox_lifecycle.providers.port import Enabled
from inbox_lifecycle.store.bulk import CommitTogether
from inbox_lifecycle.store.statements import CommitWarmup
from tests.support.aftermath import background
from tests.support.steps import PENDING, WARMING, seen, terms

#: Seconds after which something that should have happened never will.
PATIENCE = 30.0


@cache
def commit_on(inbox: int, *, attempt: int | None = None, patience: float = PATIENCE) -> CommitWarmup:
    """What a caller wants to commit on the inbox of this number: the same whenever it is asked for."""
    pending = replace(PENDING, id=InboxId(f"018f3b5e-0000-7000-8000-{inbox:012}"))
    acceptor = Acceptor(
        attempt_id=AttemptId(f"018f3b5e-0000-7000-8001-{inbox if attempt is None else attempt:012}"),
        kind=AttemptKind.RETRY,
        answer=Enabled("job-1"),
        context=Context(),
        recorder=Recorder.CALL,
    )
    return replace(commit_of(terms(), seen(pending), acceptor), patience=patience)


def moved(commit: CommitWarmup) -> Inbox:
    """The inbox that it moves, as it is then."""
    return replace(WARMING, id=InboxId(commit.event.inbox_id))


def commits_of(step: Once) -> tuple[CommitWarmup, ...]:
    """What a statement commits."""
    statement = step.statement
    if isinstance(statement, CommitTogether):
        return statement.commits
    assert isinstance(statement, CommitWarmup)
    return (statement,)


@dataclass(frozen=True)
class Sent:
    """A statement that is under way until it is answered."""

    step: Once
    answer: Future[Any] = field(default_factory=Future)

    @property
    def alone(self) -> bool:
        """Whether it is somebody's own statement."""
        return not isinstance(self.step.statement, CommitTogether)

    @property
    def commits(self) -> tuple[CommitWarmup, ...]:
        """What it commits."""
        return commits_of(self.step)

    def succeed(self, *, but: Sequence[CommitWarmup] = ()) -> None:
        """Answer that all of it took effect, or all but some."""
        done = {commit.event.inbox_id: moved(commit) for commit in self.commits if commit not in but}
        self.answer.set_result(next(iter(done.values()), None) if self.alone else done)

    def fail(self, error: BaseException) -> None:
        """Answer with an error."""
        self.answer.set_exception(error)


class Company:
    """Callers who commit, and what they send."""

    def __init__(self) -> None:
        self._sent: SimpleQueue[Sent] = SimpleQueue()
        self.group = GroupCommit(self._perform)

    def begin(self, commit: CommitWarmup) -> tuple[Future[Inbox | None], Sent]:
        """A caller who goes at once, and the statement that it has sent."""
        call = self._call(commit)
        return call, self.next()

    def stand(self, *commits: CommitWarmup) -> list[Future[Inbox | None]]:
        """Callers who stand in line one behind the other by now."""
        calls = []
        for commit in commits:
            before = self.waiting
            calls.append(self._call(commit))
            until(lambda: self.waiting == before + 1)  # noqa: B023 - done with before the next turn of the loop
        return calls

    def next(self) -> Sent:
        """The next statement that somebody sends."""
        return self._sent.get(timeout=PATIENCE)

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self.group._line)  # noqa: SLF001 - only looked at: nothing else tells that somebody waits by now

    @property
    def is_quiet(self) -> bool:
        """Whether nothing was sent that the test has not seen."""
        return self._sent.empty()

    def _call(self, commit: CommitWarmup) -> Future[Inbox | None]:
        return background(partial(self.group.commit, Once(commit), commit))

    def _perform(self, step: Once) -> Any:
        sent = Sent(step)
        self._sent.put(sent)
        return sent.answer.result(PATIENCE)


def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.0005)
