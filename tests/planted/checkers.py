"""The checkers by name. Each is given a place and tells what is wrong there; the laws of the place come on top."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.planted.groups import late_group
from tests.planted.place import Place
from tests.planted.races import closed_at_the_lock, crowd, interrupted, intruder, queue_at_the_lock, there_and_back
from tests.planted.stories import late_commit, schedules, settled, walk
from tests.planted.tails import tail

Checker = Callable[[Place], Iterator[str]]

#: Every checker, by the name that a trial gives.
CHECKERS: dict[str, Checker] = {
    checker.__name__: checker
    for checker in (
        walk,
        crowd,
        queue_at_the_lock,
        there_and_back,
        closed_at_the_lock,
        late_commit,
        late_group,
        schedules,
        settled,
        interrupted,
        intruder,
        tail,
    )
}
