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

from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, AttemptKind, Inbox, InboxId, RetryWarmup, StartWarmup, decide
from inbox_lifecycle.domain.events import Recorder
from inbox_lifecycle.errors import (
    InboxLifecycleError,
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
from inbox_lifecycle.lifecycle.record import Acceptor, answer_by_key, mailbox_of, record_warmup_started
from inbox_lifecycle.providers.port import (
    AlreadyWarming,
    Busy,
    EnableAnswer,
    Enabled,
    Rejected,
    Throttled,
    Unavailable,
    Unknown,
)
from inbox_lifecycle.store.rows import Landed, Seen
from inbox_lifecycle.store.statements import CloseAttempt, OpenTheAttempt
from inbox_lifecycle.terms import Terms
from inbox_lifecycle.verdict import Clause, Verdict

logger = logging.getLogger("inbox_lifecycle")

_COMMANDS = {AttemptKind.START: StartWarmup(), AttemptKind.RETRY: RetryWarmup()}


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
    if seen.keyed is not None:
        return (yield from _replay(terms, call, seen, seen.keyed))
    try:
        decide(seen.inbox.state, _COMMANDS[kind], inbox_id=inbox_id)
    except RetryRefused as refusal:
        return (yield from _fail(terms, call, seen, "refused", refusal.verdict.as_list(), refusal))
    answer = yield from _ask(terms, seen.inbox)
    if not isinstance(answer, Enabled | AlreadyWarming):
        return (yield from _fail_by_answer(terms, call, seen, answer))
    acceptor = Acceptor(attempt_id=call.attempt_id, kind=kind, answer=answer, context=context, recorder=Recorder.CALL)
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


def _ask(terms: Terms, inbox: Inbox) -> Flow[EnableAnswer]:
    provider = terms.provider_for(inbox)
    if provider.name != inbox.provider:
        return Rejected(None, "another_provider_is_configured")
    answers = yield from provider.enable_warmup([mailbox_of(inbox)])
    answer: EnableAnswer = answers[inbox.id]
    return answer


def _replay(terms: Terms, call: Call, seen: Seen, landed: Landed) -> Flow[Inbox]:
    clause = Clause("idempotency_key", "unused", f"{landed.name} at version {landed.version}", held=False)
    verdict = Verdict((clause,))
    refusal = RetryRefused(call.inbox_id, f"{call.kind}_warmup", verdict)
    return (yield from _fail(terms, call, seen, "refused", verdict.as_list(), refusal))


def _fail_by_answer(terms: Terms, call: Call, seen: Seen, answer: EnableAnswer) -> Flow[Inbox]:
    provider = seen.inbox.provider
    match answer:
        case Rejected(status, reason):
            error: ProviderError = ProviderRejected(provider, reason, status=status)
            return (yield from _fail(terms, call, seen, "rejected", {"status": status, "reason": reason}, error))
        case Throttled(after):
            error = ProviderThrottled(provider, retry_after=after)
            return (yield from _fail(terms, call, seen, "throttled", {"retry_after": after}, error))
        case Busy(after):
            error = ProviderBusy(provider, retry_after=after)
            return (yield from _fail(terms, call, seen, "busy", {"retry_after": after}, error))
        case Unavailable(reason, after):
            error = ProviderUnavailable(provider, reason, retry_after=after)
            return (yield from _fail(terms, call, seen, "unavailable", {"reason": reason}, error))
        case Unknown(reason):
            # Not a closing: the attempt stays open until the truth is known.
            raise ProviderOutcomeUnknown(provider, reason)
        case _:
            raise TypeError(answer)


def _fail(
    terms: Terms, call: Call, seen: Seen, outcome: str, detail: object, error: InboxLifecycleError
) -> Flow[Inbox]:
    """Close the attempt and raise, unless the call's idempotency key has its success meanwhile."""
    statement = CloseAttempt(
        inbox_id=call.inbox_id,
        attempt_id=call.attempt_id,
        outcome=outcome,
        now=terms.clock(),
        detail=detail,
        idempotency_key=call.context.idempotency_key,
    )
    landed = seen.keyed
    try:
        landed = (yield from again(statement)).keyed or landed
    except StoreError as failure:
        # The answer is known; only its record is late, and `reconcile` will close it.
        logger.warning("attempt %s stays open: %s", call.attempt_id, failure)
    if landed is None:
        raise error
    return answer_by_key(seen.inbox, landed)
