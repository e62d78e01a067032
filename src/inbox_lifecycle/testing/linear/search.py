"""The search for an order in which one call after the other gives every answer of one inbox's history.

Theory of operation
    A configuration is what Lowe's is: the calls linearised so far, and the standing they lead to. Here the first part
    is written as the number of calls that have arrived and those among them that wait for their instant. A call
    arrives once every call that precedes it is linearised, so only as many wait as ran at the same time. A
    configuration is searched once.

    Three observations keep the search narrow; none of them loses an explanation.

    - A demand that moves nothing is met as soon as it can be: whoever meets it later may as well meet it now. So only
      moves are chosen, one for each version.
    - Versions go up by one, and answers name them. A version that an answer claims is made by that call (or another
      of its key) and by no other; and no version is left while a demand that needs it is unmet.
    - Calls without an answer take effect at any time after they were called, or never. Of those with the same effect
      the one called first is taken first; and of two ways to a configuration, the one that used fewer of each is
      enough. A key is forgotten when nothing asks for it any more.

    A run of `reconcile` concerns every inbox and says of none what it did: on each it moves nothing, or makes one move
    on behalf of an attempt. (It sees an inbox's open attempts by one snapshot, so only one of them can land. That they
    fall on two pages, between which the inbox was led back and a new attempt's lease ran out, is left out.) Here it is
    found idle only when all else waits for its return.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from heapq import heappop, heappush
from itertools import count
from math import inf
from operator import le
from typing import NamedTuple

from inbox_lifecycle.testing.linear.history import History, Waiting
from inbox_lifecycle.testing.linear.operations import Call, Initial, Operation
from inbox_lifecycle.testing.linear.sequential import Standing, effect, moves


class _Configuration(NamedTuple):
    standing: Standing
    #: How many demands have arrived.
    arrived: int
    #: Those of them that are not met yet, in order of their calls.
    open: tuple[Waiting, ...]
    #: How many unheard calls of each kind took effect on the way here.
    used: tuple[int, ...]
    #: The keys that an open call asks for.
    asked_for: frozenset[str | None] = frozenset()

    @property
    def horizon(self) -> float:
        """The first return of what is open: whatever was called later comes later."""
        return min((waiting.answered for waiting in self.open), default=inf)

    @property
    def explained(self) -> bool:
        """Whether nothing that has arrived is left to be met."""
        return all(waiting.demand is None for waiting in self.open)

    def after(self, standing: Standing, done: Waiting | None) -> _Configuration:
        """The inbox moved, which linearised an open call."""
        return self._replace(standing=standing, open=tuple(one for one in self.open if one is not done))


def standings(initial: Initial, operations: Sequence[Operation]) -> Iterator[Standing]:
    """Where the inbox may stand when every answer is explained; nothing, if the answers cannot be explained."""
    return _Search(initial, operations).run()


class _Search:
    def __init__(self, initial: Initial, operations: Sequence[Operation]) -> None:
        first = Standing.at_first(initial)
        self.history = History(first, operations, attempts=initial.attempts)
        self.first = _Configuration(first, 0, (), (0,) * len(self.history.unheard))
        #: Configurations, each with the ways to it.
        self.seen: dict[tuple[object, ...], list[tuple[int, ...]]] = defaultdict(list)

    def run(self) -> Iterator[Standing]:
        """Best first, so that a way is followed to its end: most arrived, the highest version, the fewest unheard."""
        ahead: list[tuple[tuple[int, ...], _Configuration]] = []
        tickets = count()
        following: Iterable[_Configuration] = (self.first,)
        while True:
            for here in filter(None, map(self._settled, following)):
                if not self._was_seen(here):
                    version = min(here.standing.version, self.history.beyond)
                    heappush(ahead, ((-here.arrived, -version, sum(here.used), next(tickets)), here))
            if not ahead:
                return
            _, best = heappop(ahead)
            if best.arrived == len(self.history.waiting) and best.explained:
                yield best.standing
            following = self._next(best)

    def _settled(self, here: _Configuration) -> _Configuration | None:
        """Calls arrive, and whatever demands no move is met; None where a demand can never be met any more."""
        waiting, standing, arrived = self.history.waiting, here.standing, here.arrived
        unmet = [one for one in here.open if not one.met_by(standing)]
        horizon = min((one.answered for one in unmet), default=inf)
        while arrived < len(waiting) and waiting[arrived].called <= horizon:
            one = waiting[arrived]
            arrived += 1
            if one.met_by(standing):
                continue
            if one.until is not None and one.until < standing.version:
                return None
            unmet.append(one)
            horizon = min(horizon, one.answered)
        runs = sum(one.demand is None for one in unmet)
        if self.history.wants(standing.version) > self.history.offers(arrived) + runs - sum(here.used):
            return None
        asked_for = frozenset(one.call.key for one in unmet)
        settled = _Configuration(standing, arrived, tuple(unmet), here.used, asked_for)
        keys = {key: booked for key, booked in standing.keys.items() if not self._is_spent(settled, key)}
        return settled._replace(standing=replace(standing, keys=keys))

    def _is_spent(self, here: _Configuration, key: str) -> bool:
        return self.history.is_spent(key, here.arrived, here.asked_for)

    def _was_seen(self, here: _Configuration) -> bool:
        """Whether a way to this configuration is known that left at least as much to happen unheard."""
        used: dict[object, int] = {}
        for number, alike in self._able(here):
            used[alike] = used.get(alike, 0) + here.used[number]
        mine = tuple(used.values())
        standing = here.standing
        if standing.version > self.history.beyond:
            standing = replace(standing, version=self.history.beyond)
        ways = self.seen[here.arrived, here.open, standing]
        if any(all(map(le, way, mine)) for way in ways):
            return True
        ways.append(mine)
        return False

    def _able(self, here: _Configuration) -> Iterator[tuple[int, tuple[object, str | None]]]:
        """The kinds of unheard calls that may act from here on, and what each is like: keys nobody asks for are not."""
        for number, kind in enumerate(self.history.unheard):
            if self.history.may_still_act(kind.call, here.standing.version):
                key = kind.call.key
                yield number, (kind.effect, None if key is None or self._is_spent(here, key) else key)

    def _next(self, here: _Configuration) -> Iterator[_Configuration]:
        """What may come next."""
        yield from self._answered(here)
        yield from self._reconciled(here)
        yield from self._late(here)
        yield from self._idle(here)

    def _answered(self, here: _Configuration) -> Iterator[_Configuration]:
        """A move that was answered."""
        for waiting in here.open:
            after = None if waiting.demand is None else waiting.demand.meet(here.standing)
            if after is not None and self._may_make(here, waiting.call, after, waiting):
                yield here.after(after, waiting)

    def _reconciled(self, here: _Configuration) -> Iterator[_Configuration]:
        """A move by `reconcile`: of several runs, the one that returns first has the least to offer later."""
        runs = [waiting for waiting in here.open if waiting.demand is None]
        if runs:
            run = min(runs, key=_returned)
            for after in self._effects(here, self._attempts(here), run):
                yield here.after(after, run)

    def _late(self, here: _Configuration) -> Iterator[_Configuration]:
        """A move that nobody heard of; of those that lead to the same pair, the ones that are of least use later."""
        found = list(self._unheard(here))
        least: dict[object, int] = {}
        for use, there in found:
            pair = there.standing.pair
            least[pair] = min(use, least.get(pair, use))
        yield from (there for use, there in found if use in (_BOOKS, least[there.standing.pair]))

    def _unheard(self, here: _Configuration) -> Iterator[tuple[int, _Configuration]]:
        """What each kind of unheard call may do, of those alike the one called first; and of what use it is later."""
        tried = set()
        for number, alike in self._able(here):
            call, called, _ = self.history.unheard[number]
            used = here.used[number]
            if alike in tried or used == len(called) or called[used] > here.horizon:
                continue
            tried.add(alike)
            spent = (*here.used[:number], used + 1, *here.used[number + 1 :])
            for acting in [call] if moves(call) else self._attempts(here):
                for after in self._effects(here, [acting], None):
                    use = _use(call) if alike[1] is None and (acting is call or acting.key is None) else _BOOKS
                    yield use, here.after(after, None)._replace(used=spent)

    def _idle(self, here: _Configuration) -> Iterator[_Configuration]:
        """A run of `reconcile` that moved nothing here."""
        first = min(here.open, key=_returned, default=None)
        if first is not None and first.demand is None:
            yield here.after(here.standing, first)

    def _attempts(self, here: _Configuration) -> list[Call]:
        return self.history.attempts(here.standing.version + 1, here.horizon)

    def _effects(self, here: _Configuration, calls: Sequence[Call], maker: Waiting | None) -> Iterator[Standing]:
        for call in calls:
            after = effect(here.standing, call)
            if after is not None and self._may_make(here, call, after, maker):
                yield after

    def _may_make(self, here: _Configuration, call: Call, after: Standing, maker: Waiting | None) -> bool:
        """Whether the next version may be this call's, and the one that stands may be left."""
        left = here.standing.version
        if not self.history.may_make(call, after) or self.history.still_needs(left, here.arrived):
            return False
        if call.key is not None and not self.history.may_book(call.key, here.arrived, here.asked_for):
            return False
        return not any(waiting.until == left for waiting in here.open if waiting is not maker)


#: Its use hangs on who asks for the key that it books.
_BOOKS = 9


def _use(call: Call) -> int:
    """Of what use an unheard call may still be, by comparison with others that reach the same pair.

    One for a version can be used at no other; all but corrections move from fewer pairs than corrections do, and
    `reconcile` may act by a key instead.
    """
    if call.expected_version is not None:
        return 0
    return 2 if call.kind in ("correct", "reconcile") else 1


def _returned(waiting: Waiting) -> int:
    return waiting.answered
