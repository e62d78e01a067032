"""The inbox as a value, and the two pure functions that all of its history goes through: `decide` and `evolve`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType

from inbox_lifecycle.domain.commands import Command
from inbox_lifecycle.domain.events import InboxAdopted, InboxErased, InboxEvent, InboxRegistered
from inbox_lifecycle.domain.machine import move
from inbox_lifecycle.domain.rules import RULES, State
from inbox_lifecycle.domain.states import Pair, Status, Trigger, WarmupStatus

InboxId = NewType("InboxId", str)
AttemptId = NewType("AttemptId", str)
EventId = NewType("EventId", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """An inbox's row as it stood when it was read."""

    id: InboxId
    #: None once erased; not in a repr, as what may identify a person does not belong in logs.
    owner_id: str | None = field(repr=False)
    #: None once erased; not in a repr either.
    email_address: str | None = field(repr=False)
    #: The domain of the address, lower-cased, in its ASCII (IDNA) form; None once erased.
    email_domain: str | None
    #: Id of the owner's domain row; None once erased.
    email_domain_id: str | None
    #: What the host knows of the domain: pending, verifying, verified or failed; None once erased.
    email_domain_status: str | None
    #: Name of the warmup provider.
    provider: str
    #: How the provider addresses the mailbox, where that is not the address.
    provider_ref: str | None = field(repr=False)
    status: Status
    warmup_status: WarmupStatus
    #: Number of events so far; the version of the newest one.
    version: int
    created_at: datetime
    updated_at: datetime
    erased_at: datetime | None

    @property
    def pair(self) -> Pair:
        """Both state columns."""
        return Pair(self.status, self.warmup_status)

    @property
    def state(self) -> State:
        """What the rules look at."""
        return State(pair=self.pair, version=self.version, erased=self.erased_at is not None)


@dataclass(frozen=True, slots=True)
class Move:
    """What the rules made of a command: the pair left (None for a birth) and the pair reached."""

    trigger: Trigger
    left: Pair | None
    reached: Pair


def decide(state: State | None, command: Command, *, inbox_id: str = "") -> Move:
    """The move that a command makes here.

    Raises:
        TransitionRefused: the rules forbid it (`RetryRefused` for the gate of start and retry).
    """
    reached = move(state, command, inbox_id=inbox_id)
    return Move(command.trigger, state.pair if state else None, reached)


def evolve(state: State | None, event: InboxEvent, reached: Pair) -> State | None:
    """The state after one more event; None where the event cannot follow (a second birth, or no birth at all)."""
    birth = isinstance(event, _BIRTHS)
    if birth != (state is None):
        return None
    if state is None:
        return State(pair=reached, version=1, erased=False)
    return State(pair=reached, version=state.version + 1, erased=state.erased or isinstance(event, InboxErased))


def explains(state: State | None, event: InboxEvent, reached: Pair) -> bool:
    """Whether some rule leads from this state by this event to this pair, whatever its guard knew then."""
    for rule in _RECORDED_AS.get(type(event), ()):  # noqa: SIM110 - a million events are verified at a time
        if rule.admits(state) and rule.may_reach(state, reached):
            return True
    return False


_BIRTHS = (InboxRegistered, InboxAdopted)
#: The rules that an event may stand for.
_RECORDED_AS = {event: tuple(rule for rule in RULES if rule.event is event) for event in {rule.event for rule in RULES}}
