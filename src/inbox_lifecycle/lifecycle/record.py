"""Recording an acceptance: the commit that can be run twice, and what a miss means.

The provider has accepted; what is left is one fenced statement. Its acknowledgement may get lost, so it is run again on
a fresh connection: it commits, or waits for the first one and then finds its attempt closed as `moved`, which is
success. It never suffices to look for the event: the first commit may land after the look. A miss is explained by a new
statement, never by asking the provider again:

    own attempt moved                         success
    version unchanged, attempt open           the same statement again, a few times
    version moved on                          `lost`: the acceptance is stale, even if the pair came again
    erased                                    not found; the warmup is disabled, as only this call still has the address
    attempt closed, version unchanged         not recorded
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from inbox_lifecycle.codec import EVENT_NAMES, encode_event
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import (
    Acceptance,
    AttemptId,
    AttemptKind,
    Command,
    Inbox,
    Move,
    Recorder,
    RetryWarmup,
    StartWarmup,
    WarmupStarted,
    decide,
    judge,
)
from inbox_lifecycle.errors import (
    IdempotencyKeyReused,
    InboxNotFound,
    ProviderRejected,
    RetryRefused,
    StoreContended,
    StoreError,
    StoreUnavailable,
    WarmupNotRecorded,
)
from inbox_lifecycle.flow import Flow, Statement, T, again, once, shield, sleep
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.providers.port import AlreadyWarming, Disabled, Enabled, Mailbox, Provider, Rejected
from inbox_lifecycle.store.faults import ConstraintViolated
from inbox_lifecycle.store.looks import LookAgain
from inbox_lifecycle.store.rows import Landed, Looked, Seen
from inbox_lifecycle.store.statements import CloseAttempt, CommitWarmup
from inbox_lifecycle.terms import Terms
from inbox_lifecycle.verdict import Clause, Verdict

logger = logging.getLogger("inbox_lifecycle")

#: The stored name of the event that a recorded acceptance is.
WARMUP_STARTED = EVENT_NAMES[WarmupStarted][0]

#: How often a miss with nothing moved is met by the same statement before the write counts as failed.
_MISSES = 5
#: Seconds between runs of a statement whose connection broke; the last one repeats.
_PAUSES = (0.0, 0.05, 0.2, 0.5, 1.0)
#: Seconds between two tries to stop a warmup; the last one repeats.
_STOPPING = (0.2, 0.5, 1.0, 2.0)
#: Seconds that the last run before a deadline may still take.
_LEAST_PATIENCE = 0.1

#: How much of the budget a first run may wait, which its caller may not hear of any more.
OWN_SHARE = 0.9

#: What each kind of attempt asks of the rules.
COMMANDS: dict[AttemptKind, Command] = {AttemptKind.START: StartWarmup(), AttemptKind.RETRY: RetryWarmup()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptor:
    """The attempt on whose behalf an acceptance is recorded."""

    attempt_id: AttemptId
    kind: AttemptKind
    answer: Enabled | AlreadyWarming
    context: Context
    recorder: Recorder
    #: What the gate decided; None where nobody stood at the gate before, so that the rules are asked as it is recorded.
    move: Move | None = None
    #: How the attempt closes if the inbox has moved on.
    overtaken: str = "lost"


def record_warmup_started(terms: Terms, seen: Seen, acceptor: Acceptor) -> Flow[Inbox]:
    """Move the inbox from what the gate saw to warming; the moved inbox.

    Raises:
        RetryRefused: somebody else moved it.
        InboxNotFound: it was erased meanwhile.
        WarmupNotRecorded: the write failed within its budget; it may take effect later, or never.
    """
    yield from shield(terms.recording_budget)
    deadline = terms.monotonic() + terms.recording_budget
    statement = commit_of(terms, seen, acceptor)
    try:
        for misses in range(_MISSES):
            # A caller's first run is the hot path; `reconcile` must not wait for a lock in front of all the others.
            first = misses == 0 and acceptor.recorder is Recorder.CALL
            inbox = yield from _commit_once(terms, statement, deadline, first=first)
            if inbox is None:
                inbox = yield from _explain_miss(terms, seen, acceptor, deadline)
            if inbox is not None:
                return inbox
    except StoreError as failure:
        logger.warning("attempt %s accepted but not recorded: %s", acceptor.attempt_id, failure)
        raise WarmupNotRecorded(seen.inbox.id) from failure
    raise WarmupNotRecorded(seen.inbox.id)


def commit_of(terms: Terms, seen: Seen, acceptor: Acceptor) -> CommitWarmup:
    """The statement that records an acceptance, its event encoded for good."""
    inbox = seen.inbox
    now = terms.recorded_at(inbox)
    event = encode_event(
        WarmupStarted(
            attempt_id=acceptor.attempt_id,
            kind=acceptor.kind,
            acceptance=Acceptance.ENABLED if isinstance(acceptor.answer, Enabled) else Acceptance.ALREADY_WARMING,
            job_id=acceptor.answer.job_id if isinstance(acceptor.answer, Enabled) else None,
            recorder=acceptor.recorder,
        ),
        acceptor.move or decide(inbox.state, COMMANDS[acceptor.kind], inbox_id=inbox.id),
        # By the unclamped clock, so that verification can tell how far it ran behind.
        event_id=new_id(terms.clock()),
        inbox_id=inbox.id,
        version=inbox.version + 1,
        previous=seen.head_hash,
        recorded_at=now,
        context=acceptor.context,
    )
    return CommitWarmup(
        event=event,
        seen_version=inbox.version,
        owner_id=inbox.owner_id,
        attempt_id=acceptor.attempt_id,
        now=now,
        # Over before the call gives up, so that nothing lands behind its caller's back.
        patience=OWN_SHARE * terms.recording_budget,
    )


def answer_by_key(inbox: Inbox, landed: Landed, *, name: str = WARMUP_STARTED) -> Inbox:
    """The success that an idempotency key stands for.

    Raises:
        IdempotencyKeyReused: it stands for another operation's.
    """
    if landed.name != name:
        raise IdempotencyKeyReused(inbox.id, landed.name)
    return landed.as_left(inbox)


def spent(landed: Landed) -> Verdict:
    """The verdict on a call whose idempotency key stands for something already."""
    return Verdict((Clause("idempotency_key", "unused", f"{landed.name} at version {landed.version}", held=False),))


def mailbox_of(inbox: Inbox) -> Mailbox:
    """The inbox as its provider must know it.

    Raises:
        InboxNotFound: it is erased; nobody knows its address any more.
    """
    if inbox.email_address is None:
        raise InboxNotFound(inbox.id)
    return Mailbox(inbox.id, inbox.email_address, inbox.provider_ref)


def provider_of(terms: Terms, inbox: Inbox) -> Provider:
    """The provider that serves an inbox.

    Raises:
        ProviderRejected: the one that is configured has another name; the inbox is none of its business.
    """
    provider: Provider = terms.provider_for(inbox)
    if provider.name != inbox.provider:
        raise ProviderRejected(inbox.provider, "another_provider_is_configured")
    return provider


def until(terms: Terms, deadline: float, statement: Statement[T], *, first: bool = False) -> Flow[T]:
    """Run a statement that may be run twice, again and again on fresh connections until a deadline.

    Args:
        first: whether it was not run before. A first run costs one trip and bounds its own waiting; later ones are
            bounded by the deadline, whatever they wait for, at the price of two trips more.

    Raises:
        StoreUnavailable: the deadline passed.
    """
    tries, maybe_applied = 0, False
    while True:
        left = max(deadline - terms.monotonic(), _LEAST_PATIENCE)
        try:
            return (yield from once(statement, patience=None if first and not tries else left))
        except StoreUnavailable as failure:
            # Any of the runs may have taken effect, whatever becomes of the last one.
            maybe_applied = maybe_applied or failure.maybe_applied
            pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
            if terms.monotonic() + pause >= deadline:
                raise StoreUnavailable(failure.why, maybe_applied=maybe_applied) from None
        tries += 1
        if pause:
            yield from sleep(pause)


def look_until(terms: Terms, deadline: float, statement: Statement[T]) -> Flow[T]:
    """Look, until a deadline; a look waits for no lock, and one that a stricter isolation undid is made again.

    Raises:
        StoreUnavailable: the deadline passed.
    """
    while True:
        try:
            return (yield from until(terms, deadline, statement, first=True))
        except StoreContended:
            if terms.monotonic() >= deadline:
                raise StoreUnavailable(f"{statement.name} stayed contended") from None


def _commit_once(terms: Terms, statement: CommitWarmup, deadline: float, *, first: bool) -> Flow[Inbox | None]:
    """The moved inbox, or None for a miss: contention and a refusing constraint are misses in other words."""
    try:
        return (yield from until(terms, deadline, statement, first=first))
    except (StoreContended, ConstraintViolated):
        return None


def _explain_miss(terms: Terms, seen: Seen, acceptor: Acceptor, deadline: float) -> Flow[Inbox | None]:
    """The inbox if this call succeeded after all; None if the same statement is to be run again."""
    look = LookAgain(
        inbox_id=seen.inbox.id,
        owner_id=seen.inbox.owner_id,
        attempt_id=acceptor.attempt_id,
        idempotency_key=acceptor.context.idempotency_key,
    )
    looked = yield from look_until(terms, deadline, look)
    if looked is None:
        raise WarmupNotRecorded(seen.inbox.id)
    now = looked.seen.inbox
    if looked.moved is not None:
        return looked.moved.as_left(now)
    if now.erased_at is not None:
        return (yield from _disable_erased(terms, seen, acceptor, deadline))
    if now.version != seen.inbox.version:
        return (yield from _lose(terms, seen, looked, acceptor))
    if looked.outcome is not None:
        raise WarmupNotRecorded(seen.inbox.id)
    return None


def _lose(terms: Terms, seen: Seen, looked: Looked, acceptor: Acceptor) -> Flow[Inbox]:
    now = looked.seen.inbox
    verdict = _stale(seen, now, acceptor.kind)
    landed = (yield from _close_lost(terms, seen, acceptor, verdict, looked.seen.keyed)) or looked.seen.keyed
    # A key's success is an answer to its caller; `reconcile` only asks what became of the attempt.
    if landed is not None and acceptor.recorder is Recorder.CALL:
        return answer_by_key(now, landed)
    raise RetryRefused(now.id, f"{acceptor.kind}_warmup", verdict)


def _stale(seen: Seen, now: Inbox, kind: AttemptKind) -> Verdict:
    version = Clause("version", str(seen.inbox.version), str(now.version), held=False)
    return Verdict((*judge(now.state, COMMANDS[kind]).clauses, version))


def _close_lost(
    terms: Terms, seen: Seen, acceptor: Acceptor, verdict: Verdict, keyed: Landed | None = None
) -> Flow[Landed | None]:
    statement = CloseAttempt(
        inbox_id=seen.inbox.id,
        owner_id=seen.inbox.owner_id,
        attempt_id=acceptor.attempt_id,
        outcome=acceptor.overtaken,
        now=terms.clock(),
        detail=verdict.as_list(),
        event_version=None if keyed is None else keyed.version,
        accepted=True,
        idempotency_key=acceptor.context.idempotency_key,
    )
    try:
        return (yield from again(statement)).keyed
    except StoreError as failure:
        logger.warning("attempt %s stays open: %s", acceptor.attempt_id, failure)
        return None


def _disable_erased(terms: Terms, seen: Seen, acceptor: Acceptor, deadline: float) -> Flow[Inbox]:
    erased = Verdict((Clause("erased", "no", "yes", held=False),))
    yield from _close_lost(terms, seen, acceptor, erased)
    try:
        said = yield from _stop_warmup(terms, seen.inbox, deadline)
    except Exception as failure:  # noqa: BLE001 - the answer is known; only this call could have stopped the warmup
        said = type(failure).__name__
    if said is not None:
        logger.warning("inbox %s is erased and may still warm, so stop it at the provider: %s", seen.inbox.id, said)
    raise InboxNotFound(seen.inbox.id)


def _stop_warmup(terms: Terms, inbox: Inbox, deadline: float) -> Flow[str | None]:
    """Tell the provider to stop, again while its own job of enabling is in the way; what it said if it did not."""
    provider, tries = provider_of(terms, inbox), 0
    while True:
        answer = (yield from provider.disable_warmup([mailbox_of(inbox)]))[inbox.id]
        if isinstance(answer, Disabled):
            return None
        pause = _STOPPING[min(tries, len(_STOPPING) - 1)]
        if isinstance(answer, Rejected) or terms.monotonic() + pause >= deadline:
            return type(answer).__name__
        yield from sleep(pause)
        tries += 1
