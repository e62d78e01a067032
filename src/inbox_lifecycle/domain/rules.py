"""Everything that may happen to an inbox, as one table.

Rule 1: whatever decides whether an inbox may move stands in this file. The machine, the diagrams, the tests and the
answers to callers are derived from `RULES`; nothing else in the library compares a status to decide about a move.

Theory of operation
    The state of an inbox is a pair (`status`, `warmup_status`), a version that counts its events, and whether its
    personal data was erased. A command names a trigger and brings the facts its guard needs. A rule says from which
    statuses its trigger is legal, what else must hold (the guard), which pair it reaches, and which event records it.

    Judging a command gives a `Verdict`: every comparison made, with what was expected and what was found. A refusal
    carries the verdict, so the caller never has to ask again which clause failed.

    `start_warmup` and `retry_warmup` are one rule under two names: the gate is `status == pending` and
    `warmup_status == not_started`, on an inbox that is not erased. Both halves are needed: a row adopted from an old
    table can stand in any of the sixteen pairs.

    `fail_warmup` and `correct` lead back, so a pair can come again. The pair alone therefore never tells whether an
    inbox has moved meanwhile; the version does. The store compares both when it swaps.

    After erasure only `ban` and `correct` are legal: what is left of the inbox is its history.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from inbox_lifecycle.domain.commands import Adopt, Command, Correct, FailWarmup, Graduate
from inbox_lifecycle.domain.events import (
    InboxAdopted,
    InboxBanned,
    InboxCorrected,
    InboxErased,
    InboxEvent,
    InboxGraduated,
    InboxRegistered,
    WarmupFailed,
    WarmupStarted,
)
from inbox_lifecycle.domain.states import PAIRS, Pair, Status, Trigger, WarmupStatus
from inbox_lifecycle.verdict import Clause, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the rules look at: the fold of an inbox's events."""

    pair: Pair
    version: int
    erased: bool


class Target(Enum):
    """Targets that depend on the command or the state."""

    #: The pair that the command names.
    NAMED = "the named pair"
    #: The pair the inbox is in.
    SAME = "the same pair"


Guard = Callable[[State | None, Command], tuple[Clause, ...]]

PENDING_PAIR = PAIRS[Status.PENDING, WarmupStatus.NOT_STARTED]
WARMING_PAIR = PAIRS[Status.WARMING, WarmupStatus.WARMING]
ACTIVE_PAIR = PAIRS[Status.ACTIVE, WarmupStatus.ACTIVE]
BANNED_PAIR = PAIRS[Status.BANNED, WarmupStatus.BANNED]

ANY_STATUS = tuple(Status)
UNBORN: tuple[Status, ...] = ()


def free(_state: State | None, _command: Command) -> tuple[Clause, ...]:
    """No guard."""
    return ()


def warmup_not_started(state: State | None, _command: Command) -> tuple[Clause, ...]:
    """The gate's second half; its first half is the rule's source status."""
    return (_warmup_status_is(state, WarmupStatus.NOT_STARTED),)


def provider_says_not_warming(state: State | None, command: Command) -> tuple[Clause, ...]:
    """The provider's word: a definite "not warming"."""
    if not isinstance(command, FailWarmup):
        raise TypeError(command)
    said = command.provider_says
    return (
        _warmup_status_is(state, WarmupStatus.WARMING),
        Clause("provider.warmup", "definitely not warming", said.value, said.definitely_not_warming),
    )


def reputation_earned(state: State | None, command: Command) -> tuple[Clause, ...]:
    """The reputation policy."""
    if not isinstance(command, Graduate):
        raise TypeError(command)
    policy, reputation, sent = command.policy, command.reputation, command.total_sent
    earned = reputation is not None and reputation >= policy.min_reputation
    return (
        _warmup_status_is(state, WarmupStatus.WARMING),
        Clause("reputation", f"at least {policy.min_reputation}", str(reputation), earned),
        Clause("total_sent", f"at least {policy.min_total_sent}", str(sent), sent >= policy.min_total_sent),
    )


def another_pair_named(state: State | None, command: Command) -> tuple[Clause, ...]:
    """A correction corrects something."""
    if not isinstance(command, Correct):
        raise TypeError(command)
    found = state.pair if state else None
    return (Clause("pair", f"other than {command.to}", str(found), found != command.to),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the table."""

    triggers: tuple[Trigger, ...]
    #: Statuses the trigger is legal from; `UNBORN` for a birth.
    sources: tuple[Status, ...]
    guard: Guard = free
    to: Pair | Target
    event: type[InboxEvent]
    #: Whether it is legal after erasure.
    after_erasure: bool = False

    def judge(self, state: State | None, command: Command) -> Verdict:
        """Every clause of this rule, held against a state and a command."""
        if state is None or not self.sources:
            born = Clause("inbox", "unborn" if not self.sources else "registered", _born(state), self.admits(state))
            return Verdict((born,))
        return Verdict((self._status(state), *self.guard(state, command), *self._erasure(state)))

    def judge_state(self, state: State) -> Verdict:
        """The clauses that can be held against a state before the facts are known that a guard may ask for."""
        wanted = _WARMUP_STATUS_LEFT.get(self.event)
        warmup_status = () if wanted is None else (_warmup_status_is(state, wanted),)
        return Verdict((self._status(state), *warmup_status, *self._erasure(state)))

    def admits(self, state: State | None) -> bool:
        """Whether the rule may be tried from this state, guards aside."""
        if state is None or not self.sources:
            return state is None and not self.sources
        return state.pair.status in self.sources and (self.after_erasure or not state.erased)

    def reaches(self, state: State | None, command: Command) -> Pair:
        """The pair that the rule leads to."""
        if isinstance(self.to, Pair):
            return self.to
        if isinstance(command, Adopt | Correct):
            return command.to
        if state is None:
            raise TypeError(command)
        return state.pair

    def may_reach(self, state: State | None, reached: Pair) -> bool:
        """Whether some command leads from here to that pair by this rule."""
        if isinstance(self.to, Pair):
            # Nearly always it is the very same object.
            return (reached is self.to or reached == self.to) and self._left_fits(state)
        if self.to is Target.SAME:
            return state is not None and reached == state.pair
        return state is None or reached != state.pair

    def _status(self, state: State) -> Clause:
        return Clause("status", _one_of(self.sources), state.pair.status.value, state.pair.status in self.sources)

    def _erasure(self, state: State) -> tuple[Clause, ...]:
        if self.after_erasure or not state.erased:
            return ()
        return (Clause("erased", "no", "yes", held=False),)

    def _left_fits(self, state: State | None) -> bool:
        wanted = _WARMUP_STATUS_LEFT.get(self.event)
        return wanted is None or (state is not None and state.pair.warmup_status is wanted)


RULES: tuple[Rule, ...] = (
    Rule(
        triggers=(Trigger.REGISTER,),
        sources=UNBORN,
        to=PENDING_PAIR,
        event=InboxRegistered,
    ),
    Rule(
        triggers=(Trigger.ADOPT,),
        sources=UNBORN,
        to=Target.NAMED,
        event=InboxAdopted,
    ),
    Rule(
        triggers=(Trigger.START_WARMUP, Trigger.RETRY_WARMUP),
        sources=(Status.PENDING,),
        guard=warmup_not_started,
        to=WARMING_PAIR,
        event=WarmupStarted,
    ),
    Rule(
        triggers=(Trigger.FAIL_WARMUP,),
        sources=(Status.WARMING,),
        guard=provider_says_not_warming,
        to=PENDING_PAIR,
        event=WarmupFailed,
    ),
    Rule(
        triggers=(Trigger.GRADUATE,),
        sources=(Status.WARMING,),
        guard=reputation_earned,
        to=ACTIVE_PAIR,
        event=InboxGraduated,
    ),
    Rule(
        triggers=(Trigger.BAN,),
        sources=(Status.PENDING, Status.WARMING, Status.ACTIVE),
        to=BANNED_PAIR,
        event=InboxBanned,
        after_erasure=True,
    ),
    Rule(
        triggers=(Trigger.CORRECT,),
        sources=ANY_STATUS,
        guard=another_pair_named,
        to=Target.NAMED,
        event=InboxCorrected,
        after_erasure=True,
    ),
    Rule(
        triggers=(Trigger.ERASE,),
        sources=ANY_STATUS,
        to=Target.SAME,
        event=InboxErased,
    ),
)

RULE_OF: dict[Trigger, Rule] = {trigger: rule for rule in RULES for trigger in rule.triggers}


def judge(state: State | None, command: Command) -> Verdict:
    """The verdict on a command, clause by clause."""
    return RULE_OF[command.trigger].judge(state, command)


# What a guard demanded of the warmup status it left: the only clause that history alone can be checked against.
_WARMUP_STATUS_LEFT: dict[type[InboxEvent], WarmupStatus] = {
    WarmupStarted: WarmupStatus.NOT_STARTED,
    WarmupFailed: WarmupStatus.WARMING,
    InboxGraduated: WarmupStatus.WARMING,
}


def _warmup_status_is(state: State | None, wanted: WarmupStatus) -> Clause:
    found = state.pair.warmup_status if state else None
    return Clause("warmup_status", wanted.value, str(found), found is wanted)


def _one_of(statuses: tuple[Status, ...]) -> str:
    return " or ".join(status.value for status in statuses)


def _born(state: State | None) -> str:
    return "unborn" if state is None else "registered"
