"""The moves that operators make: ban, correct, fail_warmup, graduate, erase. Load, decide, swap; a miss decides again.

A miss means that somebody else moved the inbox: the rules judge the new state, with a new event. That is safe without a
fence, for an event can only ever land at the one version it was made for; as long as the inbox stands at the version
before it, an earlier run may still be on its way, and only the same event is tried again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from inbox_lifecycle.codec import EVENT_NAMES, EncodedEvent, encode_event
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import (
    RULE_OF,
    Command,
    Correct,
    Inbox,
    InboxBanned,
    InboxCorrected,
    InboxEvent,
    InboxGraduated,
    InboxId,
    Pair,
    ReputationPolicy,
    Trigger,
    WarmupFailed,
    WarmupState,
    decide,
)
from inbox_lifecycle.errors import (
    ConcurrencyConflict,
    InboxNotFound,
    ProviderUnavailable,
    StoreContended,
    StoreError,
    StoreUnavailable,
    TransitionRefused,
)
from inbox_lifecycle.flow import Flow, again, done
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.lifecycle.provider_word import Asked, banning, failing, graduation
from inbox_lifecycle.lifecycle.record import OWN_SHARE, answer_by_key, look_until, mailbox_of, provider_of, until
from inbox_lifecycle.providers.port import Figures
from inbox_lifecycle.store.erasing import CommitErasure
from inbox_lifecycle.store.faults import ConstraintViolated
from inbox_lifecycle.store.looks import GetInbox, LookForEvent
from inbox_lifecycle.store.rows import Seen
from inbox_lifecycle.store.statements import CommitMove
from inbox_lifecycle.terms import Terms

_ROUNDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One operator's request."""

    inbox_id: InboxId
    context: Context
    #: The version the operator looked at; None for whichever it is.
    expected_version: int | None = None


Prepare = Callable[[Terms, Inbox], Flow[Asked]]
#: A statement that swaps the row at the version before its event's.
Swap = CommitMove | CommitErasure


def _plain_swap(terms: Terms, event: EncodedEvent, inbox: Inbox) -> Swap:
    return CommitMove(
        event=event,
        seen_version=inbox.version,
        owner_id=inbox.owner_id,
        patience=OWN_SHARE * terms.recording_budget,
    )


def ban(terms: Terms, request: Request) -> Flow[Inbox]:
    """Take an inbox out."""
    return (yield from move(terms, request, InboxBanned, lambda _terms, _inbox: done(banning())))


def correct(terms: Terms, request: Request, to: Pair) -> Flow[Inbox]:
    """Set a pair by hand."""
    asked: Asked = (Correct(to), InboxCorrected())
    return (yield from move(terms, request, InboxCorrected, lambda _terms, _inbox: done(asked)))


def fail_warmup(terms: Terms, request: Request) -> Flow[Inbox]:
    """Take back a warmup on the provider's word."""
    return (yield from move(terms, request, WarmupFailed, _ask_whether_warming))


def graduate(terms: Terms, request: Request, policy: ReputationPolicy) -> Flow[Inbox]:
    """Let an inbox send, on the provider's figures."""

    def prepare(terms: Terms, inbox: Inbox) -> Flow[Asked]:
        return _ask_for_figures(terms, inbox, policy)

    return (yield from move(terms, request, InboxGraduated, prepare))


def move(
    terms: Terms,
    request: Request,
    event_type: type[InboxEvent],
    prepare: Prepare,
    swap: Callable[[Terms, EncodedEvent, Inbox], Swap] = _plain_swap,
) -> Flow[Inbox]:
    """Load, decide and swap, until it is done or refused.

    Args:
        event_type: the event that the move is recorded by.
        prepare: the command and the event, from the inbox as it stands.
        swap: the statement, from the event and the inbox as it stands.

    Raises:
        InboxNotFound: no such inbox.
        TransitionRefused: the rules forbid it.
        ConcurrencyConflict: it is not at the version expected, or never stood still.
    """
    key = request.context.idempotency_key
    actual = 0
    for _ in range(_ROUNDS):
        seen = yield from again(GetInbox(inbox_id=request.inbox_id, owner_id=None, idempotency_key=key))
        if seen is None:
            raise InboxNotFound(request.inbox_id)
        if seen.keyed is not None:
            return answer_by_key(seen.inbox, seen.keyed, name=EVENT_NAMES[event_type][0])
        actual = seen.inbox.version
        if request.expected_version not in (None, actual):
            raise ConcurrencyConflict(request.inbox_id, request.expected_version, actual)
        command, event = yield from prepare(terms, seen.inbox)
        encoded = _encode(terms, seen, command, event, request.context)
        inbox = yield from _swap(terms, swap(terms, encoded, seen.inbox))
        if inbox is not None:
            return inbox
    raise ConcurrencyConflict(request.inbox_id, request.expected_version, actual)


def _encode(terms: Terms, seen: Seen, command: Command, event: InboxEvent, context: Context) -> EncodedEvent:
    inbox = seen.inbox
    return encode_event(
        event,
        decide(inbox.state, command, inbox_id=inbox.id),
        # By the unclamped clock, so that verification can tell how far it ran behind.
        event_id=new_id(terms.clock()),
        inbox_id=inbox.id,
        version=inbox.version + 1,
        previous=seen.head_hash,
        recorded_at=terms.recorded_at(inbox),
        context=context,
    )


def _swap(terms: Terms, statement: Swap) -> Flow[Inbox | None]:
    """The moved inbox, or None once it is sure that this event can never land: its version belongs to another."""
    deadline = terms.monotonic() + terms.recording_budget
    # One that bounds its own waiting needs no trips for that, the first time.
    first = isinstance(statement, CommitMove)
    while True:
        failure: StoreError = StoreUnavailable("the inbox stayed contended", maybe_applied=True)
        try:
            moved = yield from until(terms, deadline, statement, first=first)
        except (StoreContended, ConstraintViolated) as undone:
            moved, failure = None, undone if isinstance(undone, ConstraintViolated) else failure
        if moved is not None:
            return moved
        first = False
        event = statement.event
        look = LookForEvent(inbox_id=InboxId(event.inbox_id), version=event.version, event_id=event.event_id)
        try:
            looked = yield from look_until(terms, deadline, look)
        except StoreUnavailable as unseen:
            # The miss itself may be the trace of an earlier run that took effect.
            raise StoreUnavailable(unseen.why, maybe_applied=True) from None
        if looked is None:
            return None
        if looked.moved is not None:
            return looked.moved.as_left(looked.seen.inbox)
        if looked.seen.inbox.version != statement.seen_version:
            return None
        # Nothing moved: an earlier run may still be on its way, so only the same event may be tried again.
        if isinstance(failure, ConstraintViolated) or terms.monotonic() >= deadline:
            raise failure


def _require_state(inbox: Inbox, trigger: Trigger) -> None:
    """Nothing, if only the provider's word is missing: an inbox that may not move is not asked about."""
    verdict = RULE_OF[trigger].judge_state(inbox.state)
    if not verdict.holds:
        raise TransitionRefused(inbox.id, trigger.value, verdict)


def _ask_whether_warming(terms: Terms, inbox: Inbox) -> Flow[Asked]:
    _require_state(inbox, Trigger.FAIL_WARMUP)
    said: WarmupState = (yield from provider_of(terms, inbox).read_warmup([mailbox_of(inbox)]))[inbox.id]
    return failing(said)


def _ask_for_figures(terms: Terms, inbox: Inbox, policy: ReputationPolicy) -> Flow[Asked]:
    _require_state(inbox, Trigger.GRADUATE)
    figures = (yield from provider_of(terms, inbox).read_analytics([mailbox_of(inbox)]))[inbox.id]
    if not isinstance(figures, Figures):
        raise ProviderUnavailable(inbox.provider, figures.reason)
    return graduation(figures, policy)
