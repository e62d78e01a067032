"""Commits of several threads in one statement, for PostgreSQL: together they cost a fraction of what they cost alone.

Recording a warmup is one statement, whose price is mostly its own and hardly its row's. While one of them is under way,
those that come meanwhile gather, and the next to go takes all of them along.

Theory of operation
    1. Who finds nobody under way goes alone, at once: a caller without company never waits for any.
    2. Others stand in line. When whoever is under way comes back, the first of them leads: it takes those behind it
       along, in one statement that answers for each inbox.
    3. That statement waits for nobody: an inbox that is locked, or that misses its fence or its swap, is left out, and
       its caller goes alone, by the statement that explains itself. So it is, too, when all of it was undone by an
       error. Only where the connection broke nobody knows what took effect: everybody is told just that, and each
       commit is made so that it can be run again.
    4. Standing in line is a chance and no duty: who was not taken along within a short time goes alone. One caller that
       waits for a lock holds up nobody for longer than that, and no place can be lost.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from inbox_lifecycle.domain import Inbox
from inbox_lifecycle.drivers.forks import renew_after_fork
from inbox_lifecycle.errors import StoreError, StoreUnavailable
from inbox_lifecycle.flow import Once
from inbox_lifecycle.store.bulk import CommitTogether
from inbox_lifecycle.store.statements import CommitWarmup

logger = logging.getLogger("inbox_lifecycle")

#: Statements under way at most before others stand in line.
AT_ONCE = 2
#: Commits in one statement at most.
MOST = 64
#: Seconds that somebody stands in line at most.
CHANCE = 0.1
#: How much of a commit's own patience may go into one that is made together, so that both fit into its budget.
_SHARE = 0.1


class _Place:
    """One caller's place in line."""

    __slots__ = ("commit", "company", "failure", "inbox", "ready")

    def __init__(self, commit: CommitWarmup) -> None:
        self.commit = commit
        #: Whom it leads, itself first; empty where somebody else leads it.
        self.company: Sequence[_Place] = ()
        #: What became of it: the moved inbox, or a failure that is its own; neither if it is to go alone.
        self.inbox: Inbox | None = None
        self.failure: StoreUnavailable | None = None
        #: Open as soon as it leads, or somebody who led it has come back.
        self.ready = threading.Lock()
        self.ready.acquire()


class GroupCommit:
    """Performs commits, those that wait at the same time together; for any number of threads."""

    def __init__(self, perform: Callable[[Once], Any]) -> None:
        """Make one.

        Args:
            perform: performs a step by itself.
        """
        self._perform = perform
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """In a forked child nobody is under way."""
        self._mutex = threading.Lock()
        self._line: deque[_Place] = deque()
        self._under_way: set[_Place] = set()

    def commit(self, step: Once, commit: CommitWarmup) -> Inbox | None:
        """The moved inbox, or None for a miss.

        Raises:
            StoreError: the database's answer was an error, or there was none.
        """
        place = _Place(commit)
        if not self._comes(place):
            if self._leave(place):
                return self._alone(step)
            # Taken along just now: whoever leads comes back with an answer, unless it was struck down on its way.
            if not place.ready.acquire(timeout=commit.patience):
                raise StoreUnavailable("the commit was broken off", maybe_applied=True)
        if len(place.company) == 1:
            try:
                return self._alone(step)
            finally:
                self._pass_on(place)
        if place.company:
            try:
                self._together(place.company)
            finally:
                self._pass_on(place)
        if place.failure is not None:
            raise place.failure
        return place.inbox or self._alone(step)

    def _alone(self, step: Once) -> Inbox | None:
        inbox: Inbox | None = self._perform(step)
        return inbox

    def _comes(self, place: _Place) -> bool:
        """Whether its chance has come; who is struck while it waits leaves no place that others would wait for."""
        try:
            return self._enter(place) or place.ready.acquire(timeout=CHANCE)
        except BaseException:
            self._leave(place)
            raise

    def _enter(self, place: _Place) -> bool:
        """Whether it may go at once; it stands in line if not."""
        with self._mutex:
            goes = len(self._under_way) < AT_ONCE
            if goes:
                self._under_way.add(place)
                place.company = (place,)
            else:
                self._line.append(place)
            return goes

    def _leave(self, place: _Place) -> bool:
        """Whether it could leave the line; those who are so slow hold up no newcomer either."""
        with self._mutex:
            try:
                self._line.remove(place)
            except ValueError:
                return False
            self._under_way.clear()
            return True

    def _pass_on(self, place: _Place) -> None:
        with self._mutex:
            if place not in self._under_way:
                return
            self._under_way.remove(place)
            company = self._take()
            if company:
                self._under_way.add(company[0])
        if company:
            company[0].company = company
            company[0].ready.release()

    def _take(self) -> Sequence[_Place]:
        """The first in line, each of another inbox."""
        taken: dict[str, _Place] = {}
        for place in list(self._line):
            if len(taken) < MOST and place.commit.event.inbox_id not in taken:
                taken[place.commit.event.inbox_id] = place
                self._line.remove(place)
        return tuple(taken.values())

    def _together(self, company: Sequence[_Place]) -> None:
        """Give everybody who was moved its inbox; whoever is left without anything goes alone."""
        patience = _SHARE * min(place.commit.patience for place in company)
        statement = CommitTogether(commits=tuple(place.commit for place in company), patience=patience)
        failure: StoreUnavailable | None = StoreUnavailable("the commit was broken off", maybe_applied=True)
        moved: dict[str, Inbox] = {}
        try:
            moved, failure = self._perform(Once(statement)), None
        except StoreUnavailable as error:
            failure = error
        except StoreError as undone:
            failure = None
            logger.debug("%d commits go alone: %s", len(company), undone)
        finally:
            for place in company:
                place.inbox = moved.get(place.commit.event.inbox_id)
                place.failure = failure and StoreUnavailable(failure.why, maybe_applied=failure.maybe_applied)
            for place in company[1:]:
                place.ready.release()
