"""The heart: `start_warmup` and `retry_warmup`, one rule under two names.

Theory of operation
    1. One statement loads the inbox, checks its owner and opens an attempt with a lease. A foreign, unknown or erased
       inbox gives the same empty answer, and leaves nothing.
    2. The gate judges what was loaded. A refusal closes the attempt with its verdict.
    3. The provider is asked. Nothing is held meanwhile: no connection, no lock, no transaction.
    4. One statement records the acceptance (`lifecycle.record`): it locks the attempt, swaps the row at the version the
       gate saw, and appends the event. From here on the call is finished even if its caller is cancelled.

    A crash or a cancellation before step 4 is over leaves the attempt open; `reconcile` settles it after its lease.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import assert_never

from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, AttemptKind, Inbox, InboxId, Move, decide
from inbox_lifecycle.domain.events import Recorder
from inbox_lifecycle.errors import (
    InboxNotFound,
    ProviderBusy,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderRejected,
    ProviderThrottled,
    ProviderUnavailable,
    RetryRefused,
    StoreError,
)
from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.lifecycle.record import (
    COMMANDS,
    Acceptor,
    answer_by_key,
    mailbox_of,
    provider_of,
    record_warmup_started,
    spent,
)
from inbox_lifecycle.providers.port import (
    AlreadyWarming,
    Busy,
    EnableAnswer,
    Enabled,
    Provider,
    Rejected,
    Throttled,
    Unavailable,
    Unknown,
)
from inbox_lifecycle.store.rows import Seen
from inbox_lifecycle.store.statements import CloseAttempt, OpenTheAttempt
from inbox_lifecycle.terms import Terms

logger = logging.getLogger("inbox_lifecycle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: who asks what of which inbox."""

    inbox_id: InboxId
    #: None for an operator.
    owner_id: str | None
    kind: AttemptKind
    context: Context
    attempt_id: AttemptId


def request_warmup(
    terms: Terms, *, inbox_id: InboxId, owner_id: str | None, kind: AttemptKind, context: Context
) -> Flow[Inbox]:
    """Load, own, gate, ask, record: the moved inbox.

    Raises:
        InboxNotFound: no such inbox for this caller.
        RetryRefused: the gate refused, or another call won the race.
        ProviderError: the provider did not accept, or its outcome is unknown.
        WarmupNotRecorded: it accepted, and our write failed.
        StoreUnavailable, SchemaMismatch: the database could not be asked; nothing was sent.
    """
    call = Call(
        inbox_id=inbox_id,
        owner_id=owner_id,
        kind=kind,
        context=context,
        attempt_id=AttemptId(new_id(terms.clock())),
    )
    seen = yield from _open_attempt(terms, call)
    move = _gate(call, seen)
    if isinstance(move, Failure):
        return (yield from _fail(terms, call, seen, move))
    answer = yield from _ask(terms, seen.inbox)
    if isinstance(answer, Failure):
        return (yield from _fail(terms, call, seen, answer))
    if isinstance(answer, Unknown):
        # Not a closing: the attempt stays open until the truth is known.
        raise ProviderOutcomeUnknown(seen.inbox.provider, answer.reason)
    acceptor = Acceptor(
        attempt_id=call.attempt_id, kind=kind, answer=answer, context=context, recorder=Recorder.CALL, move=move
    )
    return (yield from record_warmup_started(terms, seen, acceptor))


def _open_attempt(terms: Terms, call: Call) -> Flow[Seen]:
    statement = OpenTheAttempt(
        inbox_id=call.inbox_id,
        owner_id=call.owner_id,
        attempt_id=call.attempt_id,
        kind=call.kind,
        now=terms.clock(),
        lease=terms.call_budget,
        context=call.context,
    )
    seen = yield from again(statement)
    if seen is None:
        raise InboxNotFound(call.inbox_id)
    return seen


@dataclass(frozen=True, slots=True)
class Failure:
    """How an attempt closes, and what its caller is told."""

    outcome: str
    #: JSON-ready.
    detail: object
    error: Exception


def _gate(call: Call, seen: Seen) -> Move | Failure:
    """The move; or the refusal, if the rules refuse or the call's key has its success already."""
    if seen.keyed is not None:
        return _refused(RetryRefused(call.inbox_id, f"{call.kind}_warmup", spent(seen.keyed)))
    try:
        return decide(seen.inbox.state, COMMANDS[call.kind], inbox_id=call.inbox_id)
    except RetryRefused as refusal:
        return _refused(refusal)


def _ask(terms: Terms, inbox: Inbox) -> Flow[Enabled | AlreadyWarming | Unknown | Failure]:
    provider = provider_or_failure(terms, inbox)
    if isinstance(provider, Failure):
        return provider
    answers = yield from provider.enable_warmup([mailbox_of(inbox)])
    answer: EnableAnswer = answers[inbox.id]
    return answer if isinstance(answer, Enabled | AlreadyWarming | Unknown) else failure_of(inbox.provider, answer)


def provider_or_failure(terms: Terms, inbox: Inbox) -> Provider | Failure:
    """The provider that serves an inbox, or what it means that there is none."""
    try:
        return provider_of(terms, inbox)
    except ProviderRejected as error:
        return Failure("rejected", {"status": None, "reason": error.detail}, error)
    except Exception as error:  # noqa: BLE001 - the host's own callable: its error goes up to the host as it is
        return Failure("unavailable", {"reason": "no_provider"}, error)


def _refused(refusal: RetryRefused) -> Failure:
    return Failure("refused", refusal.verdict.as_list(), refusal)


def failure_of(provider: str, answer: Rejected | Throttled | Busy | Unavailable) -> Failure:
    """What a provider's "no" means for the attempt and for its caller."""
    match answer:
        case Rejected(status, reason):
            error: ProviderError = ProviderRejected(provider, reason, status=status)
            return Failure("rejected", {"status": status, "reason": reason}, error)
        case Throttled(after):
            return Failure("throttled", {"retry_after": after}, ProviderThrottled(provider, retry_after=after))
        case Busy(after):
            return Failure("busy", {"retry_after": after}, ProviderBusy(provider, retry_after=after))
        case Unavailable(reason, after):
            error = ProviderUnavailable(provider, reason, retry_after=after)
            return Failure("unavailable", {"reason": reason, "retry_after": after}, error)
        case _:
            assert_never(answer)


def _fail(terms: Terms, call: Call, seen: Seen, failure: Failure) -> Flow[Inbox]:
    """Close the attempt and raise, unless the call's idempotency key has its success by now."""
    statement = CloseAttempt(
        inbox_id=call.inbox_id,
        owner_id=seen.inbox.owner_id,
        attempt_id=call.attempt_id,
        outcome=failure.outcome,
        now=terms.clock(),
        detail=failure.detail,
        event_version=None if seen.keyed is None else seen.keyed.version,
        idempotency_key=call.context.idempotency_key,
    )
    landed = seen.keyed
    try:
        landed = (yield from again(statement)).keyed or landed
    except StoreError as late:
        # The answer is known; only its record is late, and `reconcile` will close it.
        logger.warning("attempt %s stays open: %s", call.attempt_id, late)
    if landed is None:
        raise failure.error
    return answer_by_key(seen.inbox, landed)
