"""The sequential specification: one inbox, one call at a time, and what an answer demands of such a run.

Rule 1: whether a call may move an inbox, and where to, is asked of `domain.rules` and never written here again. What
stands here is only what the rules do not know: versions, idempotency keys, and which answer means what.

An answer becomes demands. A demand is met in one standing of the inbox, by leaving it as it is or by moving it once;
a call is linearised at the instant at which its demand is met. One answer makes two demands: see `_lost`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from inbox_lifecycle.codec import EVENT_NAMES
from inbox_lifecycle.domain import (
    RULE_OF,
    Ban,
    Command,
    Correct,
    FailWarmup,
    Graduate,
    Pair,
    ReputationPolicy,
    RetryWarmup,
    StartWarmup,
    State,
    Status,
    Trigger,
    WarmupState,
    WarmupStatus,
    decide,
    judge,
)
from inbox_lifecycle.testing.linear.operations import Answer, Booked, Call, Initial, Outcome
from inbox_lifecycle.verdict import Clause

#: The two state columns as histories hold them.
Words = tuple[str, str]

_TRIGGERS = {
    "start": Trigger.START_WARMUP,
    "retry": Trigger.RETRY_WARMUP,
    "ban": Trigger.BAN,
    "correct": Trigger.CORRECT,
    "fail_warmup": Trigger.FAIL_WARMUP,
    "graduate": Trigger.GRADUATE,
}

#: The stored name of the event that each kind of call makes; kinds of one event are one operation to a key.
EVENTS = {kind: EVENT_NAMES[RULE_OF[trigger].event][0] for kind, trigger in _TRIGGERS.items()}

_POLICY = ReputationPolicy()
#: The commands behind the calls, with the provider's word in their favour.
_COMMANDS: dict[str, Command] = {
    "start": StartWarmup(),
    "retry": RetryWarmup(),
    "ban": Ban(),
    "fail_warmup": FailWarmup(WarmupState.NOT_WARMING),
    "graduate": Graduate(reputation=_POLICY.min_reputation, total_sent=_POLICY.min_total_sent, policy=_POLICY),
}

_MOVES = frozenset(_TRIGGERS)
_WARMS = frozenset({"start", "retry"})
#: Kinds whose guard asks the provider; what it says is not in the history, so it is free.
_ASKS = frozenset({"fail_warmup", "graduate"})

#: Which answers each kind of call has.
_ANSWERS: dict[Outcome, frozenset[str]] = {
    Outcome.MOVED: _MOVES,
    Outcome.SEEN: frozenset({"get"}),
    Outcome.REFUSED: _MOVES,
    Outcome.CONFLICT: _MOVES - _WARMS,
    Outcome.KEY_REUSED: _MOVES,
    Outcome.NOT_ACCEPTED: _WARMS | _ASKS,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How an inbox stands between two calls."""

    pair: Words
    version: int
    #: Left out of the hash, which stays cheap; equality looks at them.
    keys: Mapping[str, Booked] = field(default_factory=dict, hash=False)

    @classmethod
    def at_first(cls, initial: Initial) -> Standing:
        """Before the first call."""
        return cls(initial.pair, initial.version, initial.keys)


@dataclass(frozen=True, slots=True)
class Demand:
    """What an answer demands of the run at some instant between call and return."""

    #: The standing afterwards, the very same where nothing moves; None where the demand is not met here.
    meet: Callable[[Standing], Standing | None]
    #: The last version at which it can be met; None where any may do.
    until: int | None = None


def warms(call: Call) -> bool:
    """Whether the call leaves an attempt on whose behalf `reconcile` may act."""
    return call.kind in _WARMS


def moves(call: Call) -> bool:
    """Whether the call may move an inbox at all."""
    return call.kind in _MOVES


def leads_on(pair: Words, call: Call) -> bool:
    """Whether the rules let the call move an inbox from this pair, if the provider's word allows it."""
    return _judged(pair, call.kind, call.to).holds


def effect(standing: Standing, call: Call) -> Standing | None:
    """What the call makes of the inbox if it takes effect here; None where it cannot."""
    reached = _judged(standing.pair, call.kind, call.to).reached
    if reached is None or not _open_to(standing, call):
        return None
    version = standing.version + 1
    if call.key is None:
        return Standing(reached, version, standing.keys)
    booked = Booked(EVENTS[call.kind], version, reached)
    return Standing(reached, version, {**standing.keys, call.key: booked})


def on_behalf(key: str | None) -> Call:
    """The call whose effect a run of `reconcile` has: that of an open attempt, by its key."""
    return Call(kind="retry", inbox_id=None, key=key)


def version_found(answer: Answer) -> int | None:
    """The version in the verdict of a call that lost a race."""
    found = answer.found.get("version", "")
    return int(found) if found.isdecimal() else None


def demands(call: Call, answer: Answer) -> tuple[Demand, ...]:
    """What a definite answer demands of an inbox that is there; `settled` demands nothing and is not asked about."""
    if call.kind not in _ANSWERS.get(answer.outcome, ()):
        return (_NEVER,)
    return _DEMANDS[answer.outcome](call, answer)


_NEVER = Demand(lambda _standing: None)


def _moved(call: Call, answer: Answer) -> tuple[Demand, ...]:
    """Its own event, or the one that its key stands for already."""

    def meet(standing: Standing) -> Standing | None:
        booked = None if call.key is None else standing.keys.get(call.key)
        if booked is not None:
            return standing if booked == (EVENTS[call.kind], answer.version, answer.pair) else None
        after = effect(standing, call)
        return after if after is not None and (after.version, after.pair) == (answer.version, answer.pair) else None

    return (Demand(meet, answer.version - 1 if answer.version and call.key is None else None),)


def _seen(_call: Call, answer: Answer) -> tuple[Demand, ...]:
    told = (answer.version, answer.pair)
    return (_where(lambda standing: (standing.version, standing.pair) == told, answer.version),)


def _refused(call: Call, answer: Answer) -> tuple[Demand, ...]:
    """The rules refuse what stands here, in just these words."""
    if call.kind in _WARMS and "version" in answer.failed:
        return _lost(call, answer)

    def refuses(standing: Standing) -> bool:
        return _open_to(standing, call) and _judged(standing.pair, call.kind, call.to).refuses(answer)

    return (_where(refuses, call.expected_version),)


def _lost(call: Call, answer: Answer) -> tuple[Demand, ...]:
    """The provider accepted, and the inbox had moved on.

    Such a call looked twice, and the words it found, its version among them, are those of the second look. So they are
    the standing at some instant of the call, and the gate must have held at an earlier one, at a lower version, or
    nobody would have asked the provider. No more is needed: every event that leaves an open gate shuts it, so between
    the two looks there was an instant at which a one-at-a-time run would have refused. The versions keep the looks in
    order. A key that stood for something at either look would have been the answer.
    """
    now, clauses = version_found(answer), _without_version(answer)
    if now is None:
        return (_NEVER,)

    def first(standing: Standing) -> bool:
        return standing.version < now and _open_to(standing, call) and _judged(standing.pair, call.kind).holds

    def second(standing: Standing) -> bool:
        words = _judged(standing.pair, call.kind)
        return standing.version == now and _open_to(standing, call) and words.told_by(clauses)

    return _where(first, now - 1), _where(second, now)


def _conflict(call: Call, answer: Answer) -> tuple[Demand, ...]:
    """The version is another one; if none was expected, others were faster every time, which may happen anywhere."""

    def differs(standing: Standing) -> bool:
        expected = standing.version != call.expected_version
        return expected and answer.version in (None, standing.version) and not _booked(standing, call)

    return (_where(differs, answer.version),)


def _not_accepted(call: Call, _answer: Answer) -> tuple[Demand, ...]:
    """The provider was asked, so the gate held."""

    def asks(standing: Standing) -> bool:
        return _open_to(standing, call) and _judged(standing.pair, call.kind).holds

    return (_where(asks, call.expected_version),)


def _key_reused(call: Call, _answer: Answer) -> tuple[Demand, ...]:
    def reused(standing: Standing) -> bool:
        booked = None if call.key is None else standing.keys.get(call.key)
        return booked is not None and booked.event != EVENTS[call.kind]

    return (_where(reused),)


_DEMANDS: dict[Outcome, Callable[[Call, Answer], tuple[Demand, ...]]] = {
    Outcome.MOVED: _moved,
    Outcome.SEEN: _seen,
    Outcome.REFUSED: _refused,
    Outcome.CONFLICT: _conflict,
    Outcome.KEY_REUSED: _key_reused,
    Outcome.NOT_ACCEPTED: _not_accepted,
}


def _where(holds: Callable[[Standing], bool], until: int | None = None) -> Demand:
    return Demand(lambda standing: standing if holds(standing) else None, until)


def _open_to(standing: Standing, call: Call) -> bool:
    """Whether the rules are asked at all: an idempotency key and an expected version are looked at before."""
    return call.expected_version in (None, standing.version) and not _booked(standing, call)


def _booked(standing: Standing, call: Call) -> bool:
    return call.key is not None and call.key in standing.keys


class _Judged(NamedTuple):
    """The rules' judgement on a pair, as far as it does not hang on the provider's word."""

    #: Found by field, for the clauses about the inbox itself.
    found: Mapping[str, str]
    #: Those of them that do not hold.
    failed: frozenset[str]
    #: Fields of which only the provider knows.
    word: frozenset[str]
    #: The pair that the call leads to if the provider's word allows it.
    reached: Words | None

    @property
    def holds(self) -> bool:
        """Whether every clause about the inbox itself does."""
        return not self.failed

    def refuses(self, answer: Answer) -> bool:
        """Whether the answer is a refusal that the rules give here, the provider's word being anything."""
        return bool(answer.failed) and self.told_by(answer)

    def told_by(self, answer: Answer) -> bool:
        """Whether the answer's verdict tells what stands here, no clause more and no clause less."""
        found = {name: text for name, text in answer.found.items() if name not in self.word}
        failed = frozenset(answer.failed)
        return found == self.found and failed - self.word == self.failed and failed <= answer.found.keys()


@lru_cache(maxsize=4096)
def _judged(pair: Words, kind: str, to: Words | None = None) -> _Judged:
    state = State(pair=_pair(pair), version=1, erased=False)
    command = _command(kind, to)
    clauses = judge(state, command).clauses
    own = {clause.field for clause in RULE_OF[command.trigger].judge_state(state).clauses}
    word = frozenset(clause.field for clause in clauses) - own if kind in _ASKS else frozenset()
    about: tuple[Clause, ...] = tuple(clause for clause in clauses if clause.field not in word)
    failed = frozenset(clause.field for clause in about if not clause.held)
    reached = None if failed else decide(state, command).reached
    return _Judged(
        found={clause.field: clause.found for clause in about},
        failed=failed,
        word=word,
        reached=None if reached is None else (reached.status.value, reached.warmup_status.value),
    )


def _command(kind: str, to: Words | None) -> Command:
    return _COMMANDS[kind] if to is None else Correct(_pair(to))


def _pair(words: Words) -> Pair:
    status, warmup_status = words
    return Pair(Status(status), WarmupStatus(warmup_status))


def _without_version(answer: Answer) -> Answer:
    found = {name: text for name, text in answer.found.items() if name != "version"}
    failed = tuple(name for name in answer.failed if name != "version")
    return Answer(outcome=answer.outcome, found=found, failed=failed)
