"""A checker of linearizability: whether every answer is what a one-at-a-time run would give between call and return.

A history is linearizable if each call can be given one instant between its call and its return, such that the calls,
taken one at a time in the order of their instants, get just the answers that they got (Herlihy & Wing 1990). Calls
whose answer nobody heard may have their instant at any time after they were called, or none.

The method is the search of Wing & Gong ("Testing and Verifying Concurrent Objects", JPDC 17, 1993) as improved by Lowe
("Testing for linearizability", Concurrency and Computation 29(4), 2017): only calls that nothing unlinearised precedes
are tried next, and no configuration of calls linearised and state reached is searched twice. Each inbox is checked by
itself, as linearizability is local (Horn & Kroening, "Faster linearizability checking via P-compositionality", FORTE
2015, call it P-compositionality). The search itself stands in `search.py`, the state and its rules in `sequential.py`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec

from inbox_lifecycle.testing.linear.operations import Answer, Initial, Operation, Outcome, definite
from inbox_lifecycle.testing.linear.search import standings
from inbox_lifecycle.testing.linear.sequential import Words, moves

#: Ways to explain the answers before a violation that are looked at, to tell where the inbox may have stood.
_WAYS = 1000
#: Lines of a printed violation: operations, and standings.
_LINES = 40
_PLACES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """An answer that no one-at-a-time run gives."""

    inbox_id: str
    #: The shortest prefix of the inbox's history, by the time of answers, that cannot be explained, in order of calls.
    #: Answers that came later are left out of it.
    operations: tuple[Operation, ...]
    #: The operation of the prefix that was answered last; with its answer left out, the prefix can be explained.
    unexplained: Operation
    #: Where the inbox may have stood when that answer came, by all that was answered before: version and pair, sorted.
    #: Of versions higher than any the history speaks of, the lowest for each pair stands for all. Nothing, if no such
    #: inbox was there.
    before: tuple[tuple[int, Words], ...]

    def __str__(self) -> str:
        start = self.operations[0].called
        names = _names_of_keys(self.operations)
        shown = self.operations[-_LINES:]
        lines = [f"inbox {self.inbox_id}: no one-at-a-time run gives the answer marked with >"]
        lines += [f"  before it, the inbox may stand at {self._places()}"]
        lines += [f"  {len(self.operations) - len(shown)} earlier operations are not shown"] * (
            shown != self.operations
        )
        for operation in shown:
            mark = ">" if operation is self.unexplained else " "
            lines.append(f"{mark} {_line(operation, start, names)}")
        return "\n".join(lines)

    def _places(self) -> str:
        if not self.before:
            return "nothing: it is not there"
        places = [f"version {version}, {' / '.join(pair)}" for version, pair in self.before[:_PLACES]]
        return "; ".join(places) + ("; and more" if len(self.before) > _PLACES else "")


def check(operations: Iterable[Operation], initial: Mapping[str, Initial]) -> list[Violation]:
    """Whether a history is linearizable: what cannot be explained, inbox by inbox; nothing if all can.

    Args:
        operations: calls with their answers, in any order. `called` and `answered` come from one clock; an operation
            precedes another if it was answered before the other was called. One without an answer, or with the answer
            `indeterminate`, may take effect at any time after it was called, or never.
        initial: how each inbox stood before the first call; one that is not named was not there.

    Raises:
        ValueError: an operation was answered before it was called, or its call is none of the library's.
    """
    found = []
    for inbox_id, history in _by_inbox(operations, initial).items():
        violation = _violation(inbox_id, history, initial.get(inbox_id))
        found += [] if violation is None else [violation]
    return found


def _by_inbox(operations: Iterable[Operation], initial: Mapping[str, Initial]) -> dict[str, list[Operation]]:
    history = sorted(operations, key=lambda operation: operation.called)
    for operation in history:
        _check_sense(operation)
    everywhere = [operation for operation in history if operation.call.inbox_id is None]
    parts: dict[str, list[Operation]] = {inbox_id: [] for inbox_id in initial}
    for operation in history:
        if operation.call.inbox_id is not None:
            parts.setdefault(operation.call.inbox_id, []).append(operation)
    return {
        inbox_id: sorted([*own, *everywhere], key=lambda operation: operation.called) for inbox_id, own in parts.items()
    }


def _check_sense(operation: Operation) -> None:
    call = operation.call
    if operation.answered is not None and operation.answered < operation.called:
        raise ValueError(f"{call.kind} was answered at {operation.answered}, before it was called")
    if (call.inbox_id is None) != (call.kind == "reconcile"):
        raise ValueError(f"{call.kind} concerns one inbox, and reconcile all of them")
    if not moves(call) and call.kind not in ("get", "reconcile"):
        raise ValueError(f"there is no call of the name {call.kind}")
    if call.kind == "correct" and call.to is None:
        raise ValueError("a correction names the pair it leads to")


def _violation(inbox_id: str, history: Sequence[Operation], initial: Initial | None) -> Violation | None:
    if _explained(history, initial):
        return None
    answers = sorted(_answers(history))
    # With fewer answers a history is only easier to explain, so the first one too many is found by halving.
    first = bisect_left(
        range(len(answers)), 1, key=lambda last: not _explained(_until(history, answers, last), initial)
    )
    prefix = _until(history, answers, first)
    unexplained = history[answers[first][1]]
    before = [_unanswered(operation) if operation is unexplained else operation for operation in prefix]
    return Violation(
        inbox_id=inbox_id,
        operations=tuple(prefix),
        unexplained=unexplained,
        before=_places(before, initial),
    )


def _explained(history: Sequence[Operation], initial: Initial | None) -> bool:
    if initial is None:
        return all(
            answer.outcome in (Outcome.NOT_FOUND, Outcome.SETTLED)
            for operation in history
            for _, answer in definite(operation)
        )
    return next(standings(initial, history), None) is not None


def _places(history: Sequence[Operation], initial: Initial | None) -> tuple[tuple[int, Words], ...]:
    if initial is None:
        return ()
    ways = islice(standings(initial, history), _WAYS)
    return tuple(sorted({(standing.version, standing.pair) for standing in ways}))


def _answers(history: Sequence[Operation]) -> list[tuple[int, int]]:
    """The time of each definite answer, and the place of its operation."""
    return [(answered, place) for place, operation in enumerate(history) for answered, _ in definite(operation)]


def _until(history: Sequence[Operation], answers: Sequence[tuple[int, int]], last: int) -> list[Operation]:
    """What was called until an answer came, with the answers up to that one."""
    heard = {place for _, place in answers[: last + 1]}
    return [
        operation if place in heard else _unanswered(operation)
        for place, operation in enumerate(history)
        if operation.called <= answers[last][0]
    ]


def _unanswered(operation: Operation) -> Operation:
    return msgspec.structs.replace(operation, answered=None, answer=None)


def _names_of_keys(operations: Iterable[Operation]) -> dict[str | None, str]:
    """A number for each key: what callers choose may be anything, so it is not shown."""
    keys = dict.fromkeys(operation.call.key for operation in operations if operation.call.key is not None)
    return {None: ""} | {key: f"key {number}" for number, key in enumerate(keys, 1)}


def _line(operation: Operation, start: int, names: Mapping[str | None, str]) -> str:
    call = operation.call
    until = "..." if operation.answered is None else f"{operation.answered - start}"
    asked = [
        call.kind,
        "" if call.to is None else f"to {' / '.join(call.to)}",
        "" if call.expected_version is None else f"at version {call.expected_version}",
        names[call.key],
    ]
    told = "no answer" if operation.answer is None else _told(operation.answer)
    who = operation.process and f"{operation.process}: "
    return f"[{operation.called - start:>6} - {until:>6}] {who}{' '.join(filter(None, asked))}: {told}"


def _told(answer: Answer) -> str:
    words = [str(answer.outcome)]
    words += [] if answer.version is None else [f"version {answer.version}"]
    words += [] if answer.pair is None else [" / ".join(answer.pair)]
    words += [f"{name} {text}{' (!)' * (name in answer.failed)}" for name, text in answer.found.items()]
    return ", ".join(words)
