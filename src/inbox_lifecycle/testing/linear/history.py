"""One inbox's history as the search reads it: what must be met, what may happen unheard, what the answers rule out."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from msgspec.structs import replace

from inbox_lifecycle.testing.linear.operations import Answer, Call, Operation, Outcome, definite
from inbox_lifecycle.testing.linear.sequential import (
    EVENTS,
    Demand,
    Standing,
    Words,
    demands,
    leads_on,
    moves,
    on_behalf,
    version_found,
    warms,
)


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A demand between its call and its return; `None` is a run of `reconcile`, which demands nothing."""

    called: int
    answered: int
    call: Call
    demand: Demand | None

    @property
    def until(self) -> int | None:
        """The last version at which it can be met."""
        return None if self.demand is None else self.demand.until

    def met_by(self, standing: Standing) -> bool:
        """Whether it is met here without moving anything."""
        return self.demand is not None and self.demand.meet(standing) is standing


class Unheard(NamedTuple):
    """Calls without an answer that would have the same effect."""

    call: Call
    #: When they were called, in order; a key books once, so there is one call of it.
    called: tuple[int, ...]
    #: What the effect is, the key aside.
    effect: tuple[object, ...]


class History:
    """Everything the search asks of a history, looked up once."""

    def __init__(self, first: Standing, operations: Sequence[Operation], *, attempts: bool) -> None:
        told = _with_telling_keys(operations, first)
        #: Every definite answer's demands, in order of their calls.
        self.waiting = _waiting(told)
        self.unheard = _unheard(told)
        #: Beyond every number in the history, versions are all alike.
        self.beyond = _largest_number(told) + 1
        # Who must make a version and which pair it has, by the answers that name it; and which version a key books.
        self._claims = _claims(told)
        self._pairs = _pairs(told)
        self._homes = {call.key: version for version, call in self._claims.items() if call.key is not None}
        self._attempts = _keys_of_attempts(told)
        called = [operation.called for operation in operations if warms(operation.call)]
        # Since when there may be an attempt that `reconcile` can act for.
        self._first_attempt = -inf if attempts else min(called, default=inf)
        self._reused = {call.key for call, answer in _answers(told) if answer.outcome is Outcome.KEY_REUSED}
        # The places of the last demands of their kind: by the last version that may meet them, and by key.
        self._last_until = {waiting.until: place for place, waiting in enumerate(self.waiting)}
        self._last_key = {waiting.call.key: place for place, waiting in enumerate(self.waiting)}
        self._highest = max([*(waiting.until or 0 for waiting in self.waiting), *self._claims], default=0)
        self._claimed = sorted(self._claims)
        self._unheard_calls = sum(len(kind.called) for kind in self.unheard)
        self._runs = [place for place, waiting in enumerate(self.waiting) if waiting.demand is None]
        kinds = Counter(call.key for call, *_ in self.unheard)
        self._bookable = self._reused | {key for key, number in kinds.items() if number > 1}

    def may_make(self, call: Call, after: Standing) -> bool:
        """Whether the answers leave room for this call's event: its version and its key, its pair, and what comes next.

        A version that an answer claims is made by that call or another of its key, and its claimant must be able to
        move the inbox from where the version before it left it.
        """
        version = after.version
        claim, following = self._claims.get(version, call), self._claims.get(version + 1)
        return (
            (EVENTS[claim.kind], claim.key) == (EVENTS[call.kind], call.key)
            and self._homes.get(call.key or "", version) == version
            and self._pairs.get(version, after.pair) == after.pair
            and (following is None or leads_on(after.pair, following))
        )

    def may_still_act(self, call: Call, version: int) -> bool:
        """Whether an unheard call may take effect from this version on."""
        needed = call.expected_version if call.expected_version is not None else version
        return needed >= version and self._homes.get(call.key or "", version + 1) > version

    def still_needs(self, version: int, arrived: int) -> bool:
        """Whether a demand that has not arrived can be met at this version at the latest."""
        return self._last_until.get(version, -1) >= arrived

    def wants(self, version: int) -> int:
        """How many versions above this one must be made by calls that were not heard of."""
        return self._highest - version - len(self._claimed) + bisect_right(self._claimed, version)

    def offers(self, arrived: int) -> int:
        """How many unheard calls there are, and runs of `reconcile` that have not arrived."""
        return self._unheard_calls + len(self._runs) - bisect_left(self._runs, arrived)

    def attempts(self, version: int, horizon: float) -> list[Call]:
        """What `reconcile` may do to make a version, once an attempt was opened: act for it, with a key or without.

        A key that no answer speaks of as booked is left out: booking it could only forbid what is possible without.
        """
        keys = [
            key
            for key, called in self._attempts.items()
            if called <= horizon and self._homes.get(key, version if key in self._reused else None) == version
        ]
        return [on_behalf(None), *map(on_behalf, keys)] if self._first_attempt <= horizon else []

    def may_book(self, key: str, arrived: int, asked_for: Collection[str | None]) -> bool:
        """Whether a key may be booked without ruling out an answer that was given because it was free.

        Only those that tell of it as booked can come after; all others of the key must have been met before.
        """
        return key in self._homes or key in self._reused or not self._is_asked_for(key, arrived, asked_for)

    def is_spent(self, key: str, arrived: int, asked_for: Collection[str | None]) -> bool:
        """Whether it makes no difference any more what a key stands for: no demand of it is left.

        Nor may anything book it again then: its version is claimed, or the one call that may book it is taken once.
        """
        known = key in self._homes or key not in self._bookable
        return known and not self._is_asked_for(key, arrived, asked_for)

    def _is_asked_for(self, key: str, arrived: int, asked_for: Collection[str | None]) -> bool:
        return self._last_key.get(key, -1) >= arrived or key in asked_for


def _waiting(history: Sequence[Operation]) -> list[Waiting]:
    found = [
        Waiting(operation.called, answered, operation.call, demand)
        for operation in history
        for answered, answer in definite(operation)
        for demand in _demands(operation.call, answer)
    ]
    return sorted(found, key=lambda waiting: waiting.called)


def _demands(call: Call, answer: Answer) -> tuple[Demand | None, ...]:
    settled = call.kind == "reconcile" and answer.outcome is Outcome.SETTLED
    return (None,) if settled else demands(call, answer)


def _unheard(history: Sequence[Operation]) -> tuple[Unheard, ...]:
    alike: dict[tuple[object, ...], list[Operation]] = defaultdict(list)
    for operation in history:
        if not definite(operation) and (moves(operation.call) or operation.call.kind == "reconcile"):
            alike[(*_effect_of(operation.call), operation.call.key)].append(operation)
    kinds = []
    for operations in alike.values():
        call, called = operations[0].call, sorted(operation.called for operation in operations)
        kinds.append(Unheard(call, tuple(called[:1] if call.key else called), _effect_of(call)))
    return tuple(sorted(kinds, key=lambda kind: kind.called))


def _effect_of(call: Call) -> tuple[object, ...]:
    return (EVENTS.get(call.kind), call.to, call.expected_version)


def _answers(history: Sequence[Operation]) -> list[tuple[Call, Answer]]:
    return [(operation.call, answer) for operation in history for _, answer in definite(operation)]


def _claims(history: Sequence[Operation]) -> dict[int, Call]:
    """By version, a call that makes what the answer says: a correction by key may be answered by an earlier one."""
    return {
        answer.version: replace(call, to=answer.pair if call.kind == "correct" else None)
        for call, answer in _answers(history)
        if answer.outcome is Outcome.MOVED and answer.version is not None and moves(call)
    }


def _pairs(history: Sequence[Operation]) -> dict[int, Words]:
    return {
        answer.version: answer.pair
        for _, answer in _answers(history)
        if answer.version is not None and answer.pair is not None
    }


def _keys_of_attempts(history: Sequence[Operation]) -> dict[str, int]:
    """Keys of `start` and `retry`, with the time of their first call."""
    first: dict[str, int] = {}
    for operation in history:
        key = operation.call.key
        if key is not None and warms(operation.call):
            first[key] = min(operation.called, first.get(key, operation.called))
    return first


def _with_telling_keys(history: Sequence[Operation], first: Standing) -> list[Operation]:
    """The history without the keys that can make no difference, which leaves more calls that are alike."""
    by_key: dict[str | None, list[Operation]] = defaultdict(list)
    for operation in history:
        by_key[operation.call.key if moves(operation.call) else None].append(operation)
    told = [_without_key(operation) for operation in by_key.pop(None, [])]
    for key, operations in by_key.items():
        # What is booked already cannot be booked by a call without an answer.
        told += [*filter(definite, operations)] if key in first.keys else _telling(operations)
    return told


def _telling(operations: list[Operation]) -> list[Operation]:
    """What calls of one key come to: one call needs no key, and of several unheard ones alike only one takes effect."""
    unheard = not any(map(definite, operations)) and len({_effect_of(operation.call) for operation in operations}) == 1
    if len(operations) > 1 and not unheard:
        return operations
    return [_without_key(min(operations, key=lambda operation: operation.called))]


def _without_key(operation: Operation) -> Operation:
    return replace(operation, call=replace(operation.call, key=None)) if operation.call.key else operation


def _largest_number(history: Sequence[Operation]) -> int:
    """The largest version that anybody in the history speaks of."""
    expected = [operation.call.expected_version or 0 for operation in history]
    found = [number or 0 for _, answer in _answers(history) for number in (answer.version, version_found(answer))]
    return max([*expected, *found], default=0)
