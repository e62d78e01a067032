"""Histories to check: concurrent runs of a small library that is right, the same with an answer spoilt, and nonsense.

The small library works as ours does, in steps between which others get their turn: look, ask the provider, swap by
version, look again. Its callers crash, its writes land late, and `reconcile` acts for whoever left an attempt open.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from random import Random

from msgspec.structs import replace

from inbox_lifecycle.testing.linear import Answer, Booked, Call, Initial, Operation, Outcome
from tests.support.linear_brute import ACTIVE, BANNED, EVENTS, PENDING, PROVIDERS, WARMING, Model, Words

INBOX = "0197e9a4-8f4a-7c3e-9d6b-2f1c5a7e4b10"
#: The pairs of the lifecycle, and one that only an adopted row or a correction has.
ODD: Words = ("pending", "active")
PAIRS = (PENDING, WARMING, ACTIVE, BANNED, ODD)
KINDS = ("retry", "retry", "retry", "start", "ban", "correct", "correct", "fail_warmup", "graduate", "get", "reconcile")
KEYS = (None, None, None, None, "k1", "k2", "k3")
_ROUNDS = 2

Steps = Generator[None, None, Answer]


@dataclass
class Attempt:
    """Left by `start` and `retry`."""

    call: Call
    seen: int
    outcome: str | None = None
    moved: Answer | None = None
    #: Whether its call is over, in one way or another.
    expired: bool = False


@dataclass
class Library:
    """One inbox, and what its callers do to it."""

    random: Random
    model: Model
    attempts: list[Attempt] = field(default_factory=list)

    def steps(self, call: Call) -> Steps:
        """A call, to be run step by step."""
        if call.kind == "get":
            return self._get()
        if call.kind == "reconcile":
            return self._reconcile()
        return self._warm(call) if call.kind in ("start", "retry") else self._move(call)

    def _get(self) -> Steps:
        yield
        return Answer(outcome=Outcome.SEEN, version=self.model.version, pair=self.model.pair)

    def _warm(self, call: Call) -> Steps:
        yield
        told = self._told(call)
        if told:
            return told
        attempt = Attempt(call, self.model.version)
        self.attempts.append(attempt)
        word = self.random.choice(("yes", "yes", "yes", "no", "unknown"))
        yield
        if word == "unknown":
            attempt.expired = True
            return Answer(outcome=Outcome.INDETERMINATE)
        if word == "no":
            attempt.outcome = "rejected"
            return self._by_key(call) or Answer(outcome=Outcome.NOT_ACCEPTED)
        self._commit(attempt)
        yield
        # The second look.
        attempt.outcome = attempt.outcome or "lost"
        return attempt.moved or self._by_key(call) or self._refusal(call, version=str(self.model.version))

    def _commit(self, attempt: Attempt) -> None:
        if attempt.outcome is None and self.model.version == attempt.seen and not self.model.booked(attempt.call):
            attempt.outcome, attempt.moved = "moved", self._moved(attempt.call)

    def _move(self, call: Call) -> Steps:
        seen = 0
        for _ in range(_ROUNDS):
            yield
            told = self._by_key(call)
            if told is None and call.expected_version not in (None, self.model.version):
                return Answer(outcome=Outcome.CONFLICT, version=self.model.version)
            told = told or self._told(call)
            if told:
                return told
            seen, word = self.model.version, self._provider(call)
            yield
            if word is not None:
                return word
            if self.model.version == seen:
                return self._moved(call)
        return Answer(outcome=Outcome.CONFLICT, version=seen)

    def _provider(self, call: Call) -> Answer | None:
        """What the provider says against the call, of the inbox as it stands."""
        if call.kind not in PROVIDERS or self.random.random() < 0.6:
            return None
        if self.random.random() < 0.5:
            return Answer(outcome=Outcome.NOT_ACCEPTED)
        fields = sorted(PROVIDERS[call.kind])
        return self._refusal(call, **dict.fromkeys(fields, "nothing of use"))

    def _reconcile(self) -> Steps:
        yield
        open_now = [one for one in self.attempts if one.expired and one.outcome is None]
        version = self.model.version
        for attempt in open_now:
            warms = attempt.seen == version and self.random.random() < 0.7
            yield
            if warms:
                self._commit(attempt)
            if self.random.random() < 0.7:
                attempt.outcome = attempt.outcome or "superseded"
        return Answer(outcome=Outcome.SETTLED)

    def _told(self, call: Call) -> Answer | None:
        """What a look says against the call."""
        return self._by_key(call) or (None if self.model.holds(call) else self._refusal(call))

    def _by_key(self, call: Call) -> Answer | None:
        booked = self.model.booked(call)
        if booked is None:
            return None
        if booked.event != EVENTS[call.kind]:
            return Answer(outcome=Outcome.KEY_REUSED)
        return Answer(outcome=Outcome.MOVED, version=booked.version, pair=booked.pair)

    def _refusal(self, call: Call, **failed: str) -> Answer:
        clauses = self.model.verdict(call)
        found = {name: text for name, (text, _) in clauses.items()} | failed
        names = [name for name, (_, held) in clauses.items() if not held]
        return Answer(outcome=Outcome.REFUSED, found=found, failed=(*names, *failed))

    def _moved(self, call: Call) -> Answer:
        after = self.model.moved(replace(call, expected_version=None))
        assert after is not None
        self.model = after
        return Answer(outcome=Outcome.MOVED, version=after.version, pair=after.pair)


@dataclass
class Running:
    """A call on its way."""

    operation: Operation
    steps: Steps
    #: Its caller is dead; what it does, it does unheard.
    orphan: bool = False


def a_call(random: Random, version: int) -> Call:
    """Any call."""
    kind = random.choice(KINDS)
    if kind == "reconcile":
        return Call(kind=kind, inbox_id=None)
    return Call(
        kind=kind,
        inbox_id=INBOX,
        key=None if kind == "get" else random.choice(KEYS),
        to=random.choice((*PAIRS, PENDING, PENDING, PENDING)) if kind == "correct" else None,
        expected_version=random.choice((None, None, version)) if kind not in ("get", "start", "retry") else None,
    )


def a_beginning(random: Random) -> Initial:
    """An inbox, fresh or with something behind it."""
    if random.random() < 0.6:
        return Initial(PENDING, 1)
    event, pair = random.choice((("inbox.warmup_started", WARMING), ("inbox.banned", BANNED)))
    return Initial(random.choice(PAIRS), 3, {"k1": Booked(event, 2, pair)})


def legal(random: Random, initial: Initial, *, calls: int, at_once: int, crashes: float = 0.1) -> list[Operation]:
    """The history of a run in which nothing goes wrong but what may."""
    library = Library(random, Model.of(initial))
    running: list[Running] = []
    history: list[Operation] = []
    now = 0
    while calls or running:
        # Two things may happen at one reading of the clock.
        now += random.random() < 0.8
        if calls and (not running or (len(running) < at_once and random.random() < 0.5)):
            calls -= 1
            call = a_call(random, library.model.version)
            begun = Running(Operation(call=call, called=now, process=f"p{len(running)}"), library.steps(call))
            next(begun.steps)
            running.append(begun)
            continue
        chosen = random.choice(running)
        if random.random() < crashes:
            _crash(library, chosen, running, history, lands=random.random() < 0.5)
        else:
            _advance(chosen, running, history, now)
    return sorted(history, key=lambda operation: operation.called)


def _advance(chosen: Running, running: list[Running], history: list[Operation], now: int) -> None:
    try:
        next(chosen.steps)
    except StopIteration as stopped:
        running.remove(chosen)
        if not chosen.orphan:
            history.append(replace(chosen.operation, answered=now, answer=stopped.value))


def _crash(library: Library, chosen: Running, running: list[Running], history: list[Operation], *, lands: bool) -> None:
    if not chosen.orphan:
        history.append(chosen.operation)
    chosen.orphan = True
    for attempt in library.attempts:
        attempt.expired |= attempt.call is chosen.operation.call
    if not lands:
        running.remove(chosen)


def spoilt(random: Random, history: list[Operation]) -> list[Operation]:
    """The same, with an answer that may be wrong."""
    place = random.randrange(len(history))
    operation = history[place]
    wrong = random.choice((_other_answer, _other_answer, _other_time, _other_call))(random, operation)
    return [*history[:place], wrong, *history[place + 1 :]]


def _other_answer(random: Random, operation: Operation) -> Operation:
    answered = operation.called + random.randrange(4) if operation.answered is None else operation.answered
    answer = operation.answer or Answer(outcome=Outcome.INDETERMINATE)
    if answer.version is not None and random.random() < 0.6:
        answer = replace(answer, version=max(1, answer.version + random.choice((-1, 1))))
    elif answer.found and random.random() < 0.6:
        name = random.choice(sorted(answer.found))
        answer = replace(answer, found={**answer.found, name: random.choice(("1", "2", "3", "4", *PENDING, *WARMING))})
    else:
        answer = any_answer(random, operation.call)
    return replace(operation, answered=answered, answer=answer)


def _other_time(random: Random, operation: Operation) -> Operation:
    if operation.answered is None:
        return replace(operation, called=operation.called + random.randrange(4))
    called = random.randint(operation.called, operation.answered)
    return replace(operation, called=called, answered=random.randint(called, operation.answered))


def _other_call(random: Random, operation: Operation) -> Operation:
    call = operation.call
    if call.kind == "reconcile":
        return replace(operation, call=Call(kind="get", inbox_id=INBOX))
    if call.kind != "get" and random.random() < 0.5:
        return replace(operation, call=replace(call, key=random.choice(KEYS)))
    return replace(operation, call=a_call(random, random.randint(1, 4)))


def any_answer(random: Random, call: Call) -> Answer:
    """An answer of a form that such a call may have."""
    version, pair = random.randint(1, 4), random.choice(PAIRS)
    if call.kind == "reconcile":
        return Answer(outcome=random.choice((Outcome.SETTLED, Outcome.INDETERMINATE)))
    if call.kind == "get":
        return Answer(outcome=Outcome.SEEN, version=version, pair=pair)
    outcome = random.choice([one for one in Outcome if one not in (Outcome.SEEN, Outcome.SETTLED)])
    if outcome is Outcome.MOVED:
        reached = {"ban": BANNED, "correct": call.to, "fail_warmup": PENDING, "graduate": ACTIVE}
        return Answer(outcome=outcome, version=version, pair=reached.get(call.kind, WARMING))
    if outcome is Outcome.REFUSED:
        words = Library(random, Model(pair, version))
        extra = {"version": str(version)} if call.kind in ("start", "retry") and random.random() < 0.5 else {}
        return words._refusal(call, **extra)  # noqa: SLF001 - its own kind of answer
    return Answer(outcome=outcome, version=version if outcome is Outcome.CONFLICT else None)


def nonsense(random: Random, calls: int) -> list[Operation]:
    """Calls and answers thrown together."""
    history = []
    for _ in range(calls):
        call, called = a_call(random, random.randint(1, 3)), random.randrange(8)
        operation = Operation(call=call, called=called)
        if random.random() < 0.8:
            answered = called + random.randrange(6)
            operation = replace(operation, answered=answered, answer=any_answer(random, call))
        history.append(operation)
    return history


def without_answer(history: Sequence[Operation], unanswered: Operation) -> list[Operation]:
    """The history as it was before one of its answers came."""
    return [
        replace(operation, answered=None, answer=None) if operation is unanswered else operation
        for operation in history
    ]
