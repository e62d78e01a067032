"""Every order in which callers of a `GroupCommit` may meet, and what may go wrong: nobody is lost, nothing done twice.

Callers change places at locks only, so each order can be played again; the database is a model that a statement finds
and leaves at one moment, as a real one does.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

import pytest

from inbox_lifecycle import Inbox, StoreError, StoreUnavailable
from inbox_lifecycle.drivers import group_commit
from inbox_lifecycle.drivers.group_commit import CHANCE, MOST, GroupCommit
from inbox_lifecycle.errors import StoreContended
from inbox_lifecycle.flow import Once
from inbox_lifecycle.store.statements import CommitWarmup
from inbox_lifecycle.testing.schedules.choices import Choices, Noted, Scripted, every
from tests.support.committing import commit_on, commits_of, moved
from tests.support.interleaving import Interleaving, Strike

#: What may become of a statement; each comes about before or after it took effect.
FATES: tuple[Callable[[], BaseException] | None, ...] = (
    None,
    lambda: StoreContended("55P03"),
    lambda: StoreUnavailable("08006", maybe_applied=True),
    KeyboardInterrupt,
)


class Model:
    """A database of inboxes that wait for their warmup to be recorded, and a group of callers who commit."""

    def __init__(self, choices: Choices, *, changes: int | None = None, faults: int = 0) -> None:
        self.world = Interleaving(choices, short=CHANCE, changes=changes)
        self.group = GroupCommit(self.perform)
        self._choices = choices
        self._faults = faults
        #: The commits that took effect, by inbox.
        self.done: dict[str, CommitWarmup] = {}
        #: Statements in the order in which they were sent.
        self.sent: list[tuple[CommitWarmup, ...]] = []
        self._under_way: list[CommitWarmup] = []
        #: Whether somebody was struck, so that nobody knows what a statement of its came to.
        self.struck = False

    def run(self, *commits: CommitWarmup) -> list[Future[Inbox | None]]:
        """Have each committed by a caller of its own: what they were told, which is judged already."""
        told = self.world.run(*(partial(self.group.commit, Once(commit), commit) for commit in commits))
        for commit, answer in zip(commits, told, strict=True):
            self.judge(commit, answer)
        assert self.struck or self.world.outwaited == 0
        return told

    def perform(self, step: Once) -> Any:
        """Perform a statement."""
        commits = commits_of(step)
        assert len({commit.event.inbox_id for commit in commits}) == len(commits) <= MOST
        # Who was given up may come to its end after all.
        assert self.struck or not set(commits) & set(self._under_way)
        self.sent.append(commits)
        self._under_way += commits
        self.world.give_way()
        error, late = self._fate()
        answer = self._take_effect(commits) if error is None or late else {}
        self.world.give_way()
        for commit in commits:
            self._under_way.remove(commit)
        if error is not None:
            self.struck = self.struck or isinstance(error, KeyboardInterrupt)
            raise error
        return next(iter(answer.values()), None) if isinstance(step.statement, CommitWarmup) else answer

    def _fate(self) -> tuple[BaseException | None, bool]:
        if not self._faults:
            return None, False
        make = FATES[self._choices.choose(len(FATES))]
        if make is None:
            return None, False
        self._faults -= 1
        error = make()
        # A statement that was undone did not take effect.
        return error, not isinstance(error, StoreContended) and bool(self._choices.choose(2))

    def _take_effect(self, commits: Iterable[CommitWarmup]) -> dict[str, Inbox]:
        took = [commit for commit in commits if commit.event.inbox_id not in self.done]
        self.done |= {commit.event.inbox_id: commit for commit in took}
        return {commit.event.inbox_id: moved(commit) for commit in took}

    def judge(self, commit: CommitWarmup, told: Future[Inbox | None]) -> None:
        """Demand that a caller was told the truth."""
        done = self.done.get(commit.event.inbox_id)
        match told.exception():
            case None if told.result() is None:
                # A miss: another one's, or its own where a struck leader was given up.
                assert done is not None
                assert done is not commit or self.struck
            case None:
                assert (told.result(), done) == (moved(commit), commit)
            case StoreUnavailable() as error:
                assert error.maybe_applied or done is not commit
            case StoreError():
                assert done is not commit
            case error:
                assert isinstance(error, KeyboardInterrupt)


@pytest.fixture(autouse=True)
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One statement under way is enough for the others to go together, and makes for fewer orders."""
    monkeypatch.setattr(group_commit, "AT_ONCE", 1)


@contextmanager
def model(choices: Choices, *, changes: int | None = None, faults: int = 0) -> Iterator[Model]:
    """A model whose locks are the world's."""
    with pytest.MonkeyPatch.context() as patch:
        made = Model(choices, changes=changes, faults=faults)
        patch.setattr(group_commit, "threading", made.world)
        made.group.renew()
        yield made


def test_nobody_is_lost_in_any_order() -> None:
    """With two changes of places anywhere: each of three has its own inbox, which one statement moved."""
    commits = [commit_on(number) for number in range(3)]

    def play(choices: Scripted) -> int:
        with model(choices, changes=2) as played:
            told = played.run(*commits)
            assert [answer.result() for answer in told] == [moved(commit) for commit in commits]
            sent = [commit for statement in played.sent for commit in statement]
            assert sorted(map(id, sent)) == sorted(map(id, commits))
            return max(map(len, played.sent))

    assert set(every(play)) == {1, 2}


def test_nobody_is_lost_in_any_order_when_a_statement_fails() -> None:
    """Each statement in turn is undone, broken off or struck, before and after it took effect: each hears the truth."""
    commits = [commit_on(number) for number in range(3)]

    def play(choices: Scripted) -> int:
        with model(choices, changes=1, faults=1) as played:
            played.run(*commits)
            return max(map(len, played.sent))

    assert set(every(play)) == {1, 2}


@pytest.mark.parametrize("at_once", [1, 2])
def test_nobody_is_lost_in_orders_drawn_at_random(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    """Seven callers on five inboxes, any changes of places, and two statements that fail."""
    monkeypatch.setattr(group_commit, "AT_ONCE", at_once)
    commits = [commit_on(number % 5, attempt=number) for number in range(7)]
    sizes = set()
    for seed in range(300):
        with model(Noted(random.Random(seed).randrange), faults=2) as played:
            played.run(*commits)
            sizes.add(max(map(len, played.sent)))
    assert sizes >= {1, 2, 3, 4}


@pytest.mark.parametrize("victim", range(3))
def test_whoever_is_struck_wherever_it_is_leaves_nobody_waiting(victim: int) -> None:
    """At each of its lines, in every order: the others end, and so does one who comes later.

    Some hosts raise a time limit in a thread of theirs, wherever it may be.
    """
    commits = [commit_on(number) for number in range(3)]

    def play(at: int, choices: Scripted) -> bool:
        with model(choices, changes=1) as played:
            calls = [partial(played.group.commit, Once(commit), commit) for commit in commits]
            strike = Strike(calls[victim], group_commit, at)
            told = played.world.run(*calls[:victim], strike, *calls[victim + 1 :])
            played.struck = strike.struck
            for commit, answer in zip(commits, told, strict=True):
                played.judge(commit, answer)
                assert strike.struck or answer.result() == moved(commit)
            assert played.run(commit_on(11))[0].result() == moved(commit_on(11))
            return strike.struck

    lines = next(at for at in count() if not any(every(partial(play, at))))
    assert lines > 20
