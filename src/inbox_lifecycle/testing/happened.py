"""One move by the rules, whole: the command, the event that records it, and the state it leads to; no database.

Where a command does not say what its event would hold, the event here holds something made up and always the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from inbox_lifecycle.domain import (
    RULE_OF,
    RULES,
    Acceptance,
    AttemptKind,
    Command,
    FailWarmup,
    Graduate,
    InboxAdopted,
    InboxBanned,
    InboxCorrected,
    InboxErased,
    InboxEvent,
    InboxGraduated,
    InboxRegistered,
    Move,
    Pair,
    Recorder,
    RetryWarmup,
    Rule,
    State,
    Target,
    WarmupFailed,
    WarmupStarted,
    WarmupState,
    decide,
    evolve,
)

_PROVIDER: Final = "instantly"
_COMMITMENT: Final = "0" * 64
_STARTED: Final = WarmupStarted(
    attempt_id="018f3b5e-0000-7000-8000-000000000001",
    kind=AttemptKind.START,
    acceptance=Acceptance.ENABLED,
    job_id=None,
    recorder=Recorder.CALL,
)

_SAMPLES: Final[dict[type[InboxEvent], InboxEvent]] = {
    InboxRegistered: InboxRegistered(provider=_PROVIDER, address_commitment=_COMMITMENT),
    InboxAdopted: InboxAdopted(provider=_PROVIDER, address_commitment=_COMMITMENT),
    WarmupStarted: _STARTED,
    WarmupFailed: WarmupFailed(provider_says=WarmupState.NOT_WARMING.value),
    InboxGraduated: InboxGraduated(reputation=100, total_sent=1000),
    InboxBanned: InboxBanned(),
    InboxCorrected: InboxCorrected(),
    InboxErased: InboxErased(),
}


@dataclass(frozen=True, slots=True)
class Happened:
    """One move of a history."""

    command: Command
    event: InboxEvent
    #: The pair left and the pair reached.
    move: Move
    #: The state after it.
    state: State


def follow(state: State | None, command: Command) -> Happened:
    """What a command makes of a state; None is an inbox that is not born yet.

    Raises:
        TransitionRefused: the rules forbid it.
    """
    move = decide(state, command)
    event = event_of(command)
    after = evolve(state, event, move.reached)
    if after is None:
        raise AssertionError(f"the rules allow {command.trigger} where its event cannot follow")
    return Happened(command, event, move, after)


def event_of(command: Command) -> InboxEvent:
    """The event that records a command."""
    match command:
        case RetryWarmup():
            return replace(_STARTED, kind=AttemptKind.RETRY)
        case FailWarmup(provider_says):
            return WarmupFailed(provider_says=provider_says.value)
        case Graduate(reputation=reputation, total_sent=total_sent):
            return InboxGraduated(reputation=reputation or 0, total_sent=total_sent)
        case _:
            return _SAMPLES[RULE_OF[command.trigger].event]


def sample(event: type[InboxEvent]) -> InboxEvent:
    """An event of this type."""
    return _SAMPLES[event]


def rule_for(event: type[InboxEvent]) -> Rule:
    """The rule whose moves this type of event records."""
    return next(rule for rule in RULES if rule.event is event)


def reached_by(state: State | None, event: type[InboxEvent]) -> Pair | None:
    """The pair that such an event leads to from here; None where only the event's row can tell."""
    target = rule_for(event).to
    if isinstance(target, Pair):
        return target
    return state.pair if state is not None and target is Target.SAME else None
