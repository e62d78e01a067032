"""Histories: what was called, what was answered, and when.

All of it can be sent between processes as JSON by msgspec. Nothing here holds an address.
"""

from __future__ import annotations

from asyncio import CancelledError
from enum import StrEnum
from typing import NamedTuple

import msgspec

from inbox_lifecycle.domain import Inbox
from inbox_lifecycle.errors import (
    ConcurrencyConflict,
    IdempotencyKeyReused,
    InboxNotFound,
    ProviderError,
    ProviderOutcomeUnknown,
    StoreContended,
    StoreUnavailable,
    TransitionRefused,
    WarmupNotRecorded,
)
from inbox_lifecycle.reconcile import Reconciled


class Outcome(StrEnum):
    """What an answer says became of a call."""

    #: The inbox moved, by this call or by the one that its idempotency key stands for.
    MOVED = "moved"
    #: The inbox was read.
    SEEN = "seen"
    #: A run of `reconcile` is over.
    SETTLED = "settled"
    #: The rules refused, or another call won the race.
    REFUSED = "refused"
    #: The inbox was not at the expected version, or others were always faster.
    CONFLICT = "conflict"
    #: The idempotency key stands for another operation.
    KEY_REUSED = "key_reused"
    #: There is no such inbox.
    NOT_FOUND = "not_found"
    #: The provider did not accept: a definite no.
    NOT_ACCEPTED = "not_accepted"
    #: Nobody knows: it may take effect at any later time, or never.
    INDETERMINATE = "indeterminate"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call of the library."""

    #: start, retry, ban, correct, fail_warmup, graduate, get or reconcile.
    kind: str
    #: None for `reconcile`, which concerns every inbox.
    inbox_id: str | None
    #: The idempotency key.
    key: str | None = None
    #: For `correct`: status and warmup_status.
    to: tuple[str, str] | None = None
    expected_version: int | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What its caller was told."""

    outcome: Outcome
    #: Of the inbox as it was returned, or as a conflict found it.
    version: int | None = None
    #: status and warmup_status of the inbox as it was returned.
    pair: tuple[str, str] | None = None
    #: If refused: what each clause of the verdict found, by field; those that held as well.
    found: dict[str, str] = {}
    #: If refused: the fields of the clauses that did not hold.
    failed: tuple[str, ...] = ()


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A call and its answer; times are integers of one clock, or step numbers."""

    call: Call
    called: int
    #: None where nobody heard an answer: a crash, or the call is still running.
    answered: int | None = None
    answer: Answer | None = None
    #: Who called, for whoever reads a violation.
    process: str = ""


class Booked(NamedTuple):
    """What an idempotency key stands for."""

    #: The event's stored name.
    event: str
    version: int
    #: status and warmup_status that the event reached.
    pair: tuple[str, str]


class Initial(msgspec.Struct, frozen=True):
    """How an inbox stood before the first call of a history."""

    #: status and warmup_status.
    pair: tuple[str, str]
    version: int
    #: The idempotency keys that were booked already.
    keys: dict[str, Booked] = {}
    #: Whether an attempt of before may be open, on whose behalf `reconcile` may act.
    attempts: bool = True


def definite(operation: Operation) -> tuple[tuple[int, Answer], ...]:
    """The time of the answer and the answer itself; nothing, where it is unknown what became of the call."""
    answered, answer = operation.answered, operation.answer
    if answered is None or answer is None or answer.outcome is Outcome.INDETERMINATE:
        return ()
    return ((answered, answer),)


def answer_of(call: Call, result: object) -> Answer:
    """What a facade told its caller.

    Args:
        call: what was asked.
        result: what the facade returned, or the exception that it raised.

    Raises:
        TypeError: no facade gives such a result, or the error is none that a caller should ever meet.
    """
    if isinstance(result, BaseException):
        return _told(result)
    if isinstance(result, Reconciled):
        return Answer(outcome=Outcome.SETTLED)
    if isinstance(result, Inbox):
        outcome = Outcome.SEEN if call.kind == "get" else Outcome.MOVED
        pair = (result.status.value, result.warmup_status.value)
        return Answer(outcome=outcome, version=result.version, pair=pair)
    raise TypeError(f"{call.kind} cannot have given a {type(result).__name__}")


def _told(error: BaseException) -> Answer:
    match error:
        case TransitionRefused(verdict=verdict):
            found = {clause.field: clause.found for clause in verdict.clauses}
            failed = tuple(clause.field for clause in verdict.failed)
            return Answer(outcome=Outcome.REFUSED, found=found, failed=failed)
        case ConcurrencyConflict(actual=actual):
            return Answer(outcome=Outcome.CONFLICT, version=actual)
        case IdempotencyKeyReused():
            return Answer(outcome=Outcome.KEY_REUSED)
        case InboxNotFound():
            return Answer(outcome=Outcome.NOT_FOUND)
        case ProviderError() if not isinstance(error, ProviderOutcomeUnknown):
            return Answer(outcome=Outcome.NOT_ACCEPTED)
        case StoreUnavailable() | StoreContended() | WarmupNotRecorded() | ProviderOutcomeUnknown() | CancelledError():
            return Answer(outcome=Outcome.INDETERMINATE)
        case _:
            # A guard that had to refuse, a schema that does not fit: no answer of a call, and no outage either.
            raise TypeError(f"{type(error).__name__} is no answer that a history can hold") from error
