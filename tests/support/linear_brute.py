"""Linearizability by brute force: every order, every choice of unheard calls, and the sequential rules once more.

Nothing is shared with the checker but the form of histories. It is written from the definition: calls get instants, one
at a time, in an order that keeps every call between its return and the next one's start.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from inbox_lifecycle.testing.linear import Answer, Booked, Call, Initial, Operation, Outcome

Words = tuple[str, str]

PENDING: Words = ("pending", "not_started")
WARMING: Words = ("warming", "warming")
ACTIVE: Words = ("active", "active")
BANNED: Words = ("banned", "banned")

EVENTS = {
    "start": "inbox.warmup_started",
    "retry": "inbox.warmup_started",
    "ban": "inbox.banned",
    "correct": "inbox.corrected",
    "fail_warmup": "inbox.warmup_failed",
    "graduate": "inbox.graduated",
}
#: Fields of the verdicts that only the provider can fill.
PROVIDERS = {"fail_warmup": {"provider.warmup"}, "graduate": {"reputation", "total_sent"}}


@dataclass(frozen=True)
class Model:
    """One inbox."""

    pair: Words
    version: int
    keys: tuple[tuple[str, Booked], ...] = ()
    #: Calls that may have found an open gate, with the version they found it at.
    armed: frozenset[tuple[int, int]] = frozenset()

    @classmethod
    def of(cls, initial: Initial) -> Model:
        """At first."""
        return cls(initial.pair, initial.version, tuple(initial.keys.items()))

    def booked(self, call: Call) -> Booked | None:
        """What the call's key stands for."""
        return dict(self.keys).get(call.key or "")

    def verdict(self, call: Call) -> dict[str, tuple[str, bool]]:
        """What the rules find about the inbox itself, and whether it is as they want it."""
        status, warmup_status = self.pair
        wanted = {
            "ban": status != "banned",
            "correct": True,
            "start": status == "pending",
            "retry": status == "pending",
        }
        clauses = {"status": (status, wanted.get(call.kind, status == "warming"))}
        if call.kind == "correct":
            clauses["pair"] = (" / ".join(self.pair), self.pair != call.to)
        elif call.kind != "ban":
            awaited = "not_started" if call.kind in ("start", "retry") else "warming"
            clauses["warmup_status"] = (warmup_status, warmup_status == awaited)
        return clauses

    def holds(self, call: Call) -> bool:
        """Whether the rules would let the call pass, if the provider does."""
        return all(held for _, held in self.verdict(call).values())

    def moved(self, call: Call) -> Model | None:
        """After the call's event."""
        if self.booked(call) or not self.holds(call) or call.expected_version not in (None, self.version):
            return None
        reached = {"start": WARMING, "retry": WARMING, "ban": BANNED, "fail_warmup": PENDING, "graduate": ACTIVE}
        pair = reached.get(call.kind) or call.to
        assert pair is not None
        version = self.version + 1
        keys = self.keys if call.key is None else (*self.keys, (call.key, Booked(EVENTS[call.kind], version, pair)))
        return Model(pair, version, keys, self.armed)


def endings(initial: Initial, operations: Sequence[Operation]) -> set[tuple[int, Words]]:
    """Where the inbox may stand in the end, by every order there is; empty if none gives the answers."""
    return {(model.version, model.pair) for model in _orders(Model.of(initial), tuple(operations), operations)}


def _orders(model: Model, left: tuple[Operation, ...], history: Sequence[Operation]) -> Iterator[Model]:
    model = _arm(model, left, history)
    if not any(map(heard, left)):
        yield model
    for operation in left:
        if not any(_precedes(other, operation) for other in left if heard(other)):
            rest = tuple(other for other in left if other is not operation)
            for after in _steps(model, operation, left, history):
                yield from _orders(after, rest, history)


def heard(operation: Operation) -> bool:
    """Whether its caller knows what became of it."""
    return operation.answer is not None and operation.answer.outcome is not Outcome.INDETERMINATE


def _precedes(one: Operation, other: Operation) -> bool:
    return one.answered is not None and one.answered < other.called


def _arm(model: Model, left: tuple[Operation, ...], history: Sequence[Operation]) -> Model:
    """Whoever may have his instant now may have looked now, and have found the gate open."""
    looking = {
        (place, model.version)
        for place, operation in enumerate(history)
        if any(operation is other for other in left)
        and not any(_precedes(other, operation) for other in left if heard(other))
        and operation.call.kind in ("start", "retry")
        and model.holds(operation.call)
        and not model.booked(operation.call)
    }
    return replace(model, armed=model.armed | looking)


def _steps(
    model: Model, operation: Operation, left: tuple[Operation, ...], history: Sequence[Operation]
) -> Iterator[Model]:
    call = operation.call
    if call.kind == "reconcile":
        if operation.answer is not None and operation.answer.outcome not in (Outcome.SETTLED, Outcome.INDETERMINATE):
            return
        if heard(operation):
            yield model
        yield from _acted_for(model, left, history)
    elif not heard(operation):
        after = None if call.kind == "get" else model.moved(call)
        if after is not None:
            yield after
    else:
        assert operation.answer is not None
        # Its own look found the gate open, at a version that is gone.
        armed = any(history[place] is operation and version < model.version for place, version in model.armed)
        after = _answered(model, call, operation.answer, armed=armed)
        if after is not None:
            yield after


def _acted_for(model: Model, left: tuple[Operation, ...], history: Sequence[Operation]) -> Iterator[Model]:
    """By an attempt of no key, or of a key that was called with before whatever is still to come has returned."""
    returns = [other.answered for other in left if heard(other) and other.answered is not None]
    keys = {
        operation.call.key
        for operation in history
        if operation.call.kind in ("start", "retry") and all(operation.called <= answered for answered in returns)
    }
    for key in {None, *keys}:
        after = model.moved(Call(kind="retry", inbox_id=None, key=key))
        if after is not None:
            yield after


def _answered(model: Model, call: Call, answer: Answer, *, armed: bool) -> Model | None:
    """After the call got this answer; None if it could not."""
    if call.kind == "get":
        seen = answer.outcome is Outcome.SEEN and (answer.version, answer.pair) == (model.version, model.pair)
        return model if seen else None
    booked = model.booked(call)
    if booked is not None:
        mine = booked.event == EVENTS[call.kind]
        told = Outcome.MOVED if mine else Outcome.KEY_REUSED
        same = not mine or (booked.version, booked.pair) == (answer.version, answer.pair)
        return model if answer.outcome is told and same else None
    if answer.outcome is Outcome.MOVED:
        after = model.moved(call)
        return after if after and (after.version, after.pair) == (answer.version, answer.pair) else None
    return model if _told(model, call, answer, armed=armed) else None


def _told(model: Model, call: Call, answer: Answer, *, armed: bool) -> bool:
    """Whether an answer that moves nothing is right, the key being free."""
    warming = call.kind in ("start", "retry")
    if answer.outcome is Outcome.CONFLICT:
        return not warming and call.expected_version != model.version and answer.version in (None, model.version)
    if call.expected_version not in (None, model.version):
        return False
    if answer.outcome is Outcome.NOT_ACCEPTED:
        return call.kind not in ("ban", "correct") and model.holds(call)
    if answer.outcome is not Outcome.REFUSED or not answer.failed:
        return False
    if warming and "version" in answer.failed:
        lost = armed and answer.found.get("version") == str(model.version)
        return lost and _words(model, call, answer, {"version"})
    return _words(model, call, answer, PROVIDERS.get(call.kind, set()))


def _words(model: Model, call: Call, answer: Answer, free: set[str]) -> bool:
    """Whether the verdict tells what stands here, but for the fields that are free."""
    verdict = model.verdict(call)
    found = {name: text for name, (text, _) in verdict.items()}
    failed = {name for name, (_, held) in verdict.items() if not held}
    return (
        {name: text for name, text in answer.found.items() if name not in free} == found
        and set(answer.failed) - free == failed
        and set(answer.failed) <= set(answer.found)
    )
