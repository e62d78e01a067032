"""The checker bites on real histories: take one that passes, forge a single answer of it, and it is refused.

Each forgery is what some bug would look like to callers: two winners, a move that is forgotten, a read of old times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import pytest
from msgspec.structs import replace

from inbox_lifecycle import Inboxes, Instantly
from inbox_lifecycle.testing import Sandbox
from inbox_lifecycle.testing.linear import Answer, Initial, Operation, Outcome, check
from tests.fix_scale import Scale
from tests.support.databases import SqliteFiles
from tests.support.races import Race
from tests.support.workload import OPEN, Workload, at_once, work

WORKERS = 8
#: Calls of each.
COUNT = 50


@dataclass(frozen=True)
class Real:
    """What was called and heard in a race, and found linearizable."""

    history: list[Operation]
    initial: dict[str, Initial]


Forgery = Callable[[Real], Iterator[list[Operation]]]


@pytest.fixture(scope="module")
def real(sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory) -> Real:
    """A race of eight threads."""
    with sqlite_files.fresh() as database, Sandbox() as sandbox:
        race = Race(database, sandbox, name="to be forged", calls=WORKERS * COUNT)
        with Inboxes(database.url, Instantly(api_key=sandbox.api_key, base_url=sandbox.base_url)) as inboxes:
            at_once([partial(_thread, inboxes, race, number) for number in range(WORKERS)])
        return Real(race.judge(tmp_path_factory.mktemp("forged")), race.initial)


def two_winners(real: Real) -> Iterator[list[Operation]]:
    """A retry that was refused says that it made the move which another call made."""
    for won, lost in _pairs(real, _won_warming, _refused_retry):
        yield _with_answer(real, lost, won.answer)


def forgotten_move(real: Real) -> Iterator[list[Operation]]:
    """Nobody called what moved the inbox."""
    for moved in _irreplaceable(real):
        yield [operation for operation in real.history if operation is not moved]


def lost_update(real: Real) -> Iterator[list[Operation]]:
    """A move says that it made the version which another one made."""
    for moved in _irreplaceable(real):
        assert moved.answer is not None
        yield _with_answer(real, moved, replace(moved.answer, version=_version(moved) + 1))


def wrong_pair(real: Real) -> Iterator[list[Operation]]:
    """A move says that it led where its rule does not lead."""
    for moved in filter(_won_warming, real.history):
        assert moved.answer is not None
        yield _with_answer(real, moved, replace(moved.answer, pair=("active", "active")))


def stale_read(real: Real) -> Iterator[list[Operation]]:
    """The last of all reads says what stood there at first."""
    for inbox_id, first in real.initial.items():
        reads = [operation for operation in real.history if operation.call.inbox_id == inbox_id and _is_read(operation)]
        yield _with_answer(real, reads[-1], Answer(outcome=Outcome.SEEN, version=first.version, pair=first.pair))


def answer_out_of_time(real: Real) -> Iterator[list[Operation]]:
    """A move was over before anything had been called."""
    for moved in _irreplaceable(real):
        assert moved.call.inbox_id is not None
        if _version(moved) > real.initial[moved.call.inbox_id].version + 1:
            yield _with(real, moved, replace(moved, called=0, answered=1))


def made_up_refusal(real: Real) -> Iterator[list[Operation]]:
    """A retry was refused for a state that the inbox was never in."""
    for refused in filter(_refused_retry, real.history):
        found = {"status": "banned", "warmup_status": "not_started"}
        yield _with_answer(real, refused, Answer(outcome=Outcome.REFUSED, found=found, failed=("status",)))


def forgotten_key(real: Real) -> Iterator[list[Operation]]:
    """A call whose key has its success already is refused like any other."""
    last = max(operation.called for operation in real.history)
    for refused, won in _pairs(real, _refused_retry, _won_with_key):
        yield [*real.history, replace(won, called=last + 1, answered=last + 2, answer=refused.answer)]


def needless_conflict(real: Real) -> Iterator[list[Operation]]:
    """A call was turned down for a version that is the one it expected."""
    for turned_down in filter(_conflicted, real.history):
        assert turned_down.answer is not None
        expected = turned_down.call.expected_version
        yield _with_answer(real, turned_down, replace(turned_down.answer, version=expected))


@pytest.mark.parametrize(
    "forgery",
    [
        two_winners,
        forgotten_move,
        lost_update,
        wrong_pair,
        stale_read,
        answer_out_of_time,
        made_up_refusal,
        forgotten_key,
        needless_conflict,
    ],
)
def test_a_forged_answer_in_a_real_history_is_refused(real: Real, forgery: Forgery, scale: Scale) -> None:
    """Some of the places where each could be forged."""
    forged = list(islice(forgery(real), scale.of(3, 40)))
    assert forged
    for history in forged:
        assert check(history, real.initial), forgery.__doc__


def _thread(inboxes: Inboxes, race: Race, number: int) -> None:
    work(inboxes, Workload(f"forged {number}", race.ids), race.recorder(f"thread {number}"), COUNT)


def _pairs(
    real: Real, first: Callable[[Operation], bool], second: Callable[[Operation], bool]
) -> Iterator[tuple[Operation, Operation]]:
    """Two operations on one inbox, another second one each time."""
    for one in filter(second, real.history):
        same_inbox = [other for other in filter(first, real.history) if other.call.inbox_id == one.call.inbox_id]
        yield from ((other, one) for other in same_inbox[:1])


def _with_answer(real: Real, operation: Operation, answer: Answer | None) -> list[Operation]:
    return _with(real, operation, replace(operation, answer=answer))


def _with(real: Real, operation: Operation, forged: Operation) -> list[Operation]:
    return [forged if other is operation else other for other in real.history]


def _outcome(operation: Operation) -> Outcome | None:
    return operation.answer.outcome if operation.answer else None


def _version(operation: Operation) -> int:
    assert operation.answer is not None
    assert operation.answer.version is not None
    return operation.answer.version


def _won_warming(operation: Operation) -> bool:
    return _outcome(operation) is Outcome.MOVED and operation.call.kind in {"start", "retry"} and not operation.call.key


def _won_with_key(operation: Operation) -> bool:
    return _outcome(operation) is Outcome.MOVED and operation.call.kind == "retry" and operation.call.key is not None


def _refused_retry(operation: Operation) -> bool:
    """Refused by the gate or in the race, without a key."""
    return _outcome(operation) is Outcome.REFUSED and operation.call.kind == "retry" and not operation.call.key


def _irreplaceable(real: Real) -> Iterator[Operation]:
    """Moves that nobody else can have made: `reconcile`, and a call without an answer, leave an open gate only."""
    reached = {(inbox_id, first.version): first.pair for inbox_id, first in real.initial.items()}
    moves = [operation for operation in real.history if _outcome(operation) is Outcome.MOVED]
    for moved in moves:
        assert moved.call.inbox_id is not None
        assert moved.answer is not None
        assert moved.answer.pair is not None
        reached[moved.call.inbox_id, _version(moved)] = moved.answer.pair
    for moved in moves:
        assert moved.call.inbox_id is not None
        left = reached.get((moved.call.inbox_id, _version(moved) - 1), OPEN)
        if left != OPEN and not moved.call.key:
            yield moved


def _conflicted(operation: Operation) -> bool:
    return _outcome(operation) is Outcome.CONFLICT and operation.call.expected_version is not None


def _is_read(operation: Operation) -> bool:
    return _outcome(operation) is Outcome.SEEN
