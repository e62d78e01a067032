"""What can go wrong at a step, as one table: which steps it fits, what becomes of the step, and what it excuses.

A fault excuses an answer where its caller cannot be told better. What is not excused is a broken promise: an
acknowledgement that got lost, for one, must not change the answer at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from inbox_lifecycle.errors import StoreContended, StoreUnavailable
from inbox_lifecycle.flow import Once, Send, Step, Unanswered, Unsent
from inbox_lifecycle.store.statements import CommitMove, CommitWarmup
from inbox_lifecycle.testing.api import understand
from inbox_lifecycle.testing.linear import Outcome
from inbox_lifecycle.testing.scripts import Failure, Kind, Operation


class Effect(Enum):
    """What becomes of the step itself."""

    NONE = "it has no effect"
    NOW = "it takes effect"
    #: The step goes on by itself: it may take effect at any later moment, or never.
    LATER = "it may take effect later, or never"


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the table."""

    name: str
    fits: Callable[[Step], bool]
    effect: Effect
    #: What is thrown into the flow; None where its caller dies, or the provider says something else.
    thrown: Callable[[], Exception] | None = None
    dies: bool = False
    #: How many of the caller's next statements find no database either.
    gone: int = 0
    #: What the provider does with this one request, and whether only after its effect.
    said: Kind | None = None
    after_effect: bool | None = None
    #: Answers that the call may be given because of it.
    excuses: frozenset[Outcome] = frozenset()
    #: Answers that everybody may be given from now on.
    excuses_all: frozenset[Outcome] = frozenset()
    #: Whether the provider may end up other than the history says.
    drifts: bool = False


def operation_of(step: Send) -> Operation | None:
    """What a request asks of the provider."""
    request = step.request
    call = understand(request.method, request.url.raw_path.decode(), request.content)
    return getattr(call, "operation", None)


def order(fault: Fault, step: Send) -> Failure | None:
    """The fault as the sandbox takes it."""
    operation = operation_of(step)
    if fault.said is None or operation is None:
        return None
    return Failure(kind=fault.said, on=operation, after_effect=fault.after_effect)


def _any(step: Step) -> bool:
    return isinstance(step, Once | Send)


def _statement(step: Step) -> bool:
    return isinstance(step, Once)


def _writing(step: Step) -> bool:
    return isinstance(step, Once) and step.statement.writes


def _recording(step: Step) -> bool:
    return isinstance(step, Once) and step.statement.name in (CommitWarmup.name, CommitMove.name)


def _request(step: Step) -> bool:
    return isinstance(step, Send)


def _switching(step: Step) -> bool:
    return isinstance(step, Send) and operation_of(step) in (Operation.ENABLE, Operation.DISABLE)


def _enabling(step: Step) -> bool:
    return isinstance(step, Send) and operation_of(step) is Operation.ENABLE


def _unreached() -> Exception:
    return StoreUnavailable("the connection could not be had")


def _unacknowledged() -> Exception:
    return StoreUnavailable("the connection broke off", maybe_applied=True)


def _contended() -> Exception:
    return StoreContended("40001")


def _timed_out() -> Exception:
    return Unanswered("timeout")


def _unsent() -> Exception:
    return Unsent("connect")


_UNSURE = frozenset({Outcome.INDETERMINATE})
_REFUSED = frozenset({Outcome.NOT_ACCEPTED})
_FOR_GOOD = 1_000_000

FAULTS: tuple[Fault, ...] = (
    Fault("its caller dies before it", _any, Effect.NONE, dies=True),
    Fault("its caller dies after it", _any, Effect.NOW, dies=True),
    # The database.
    Fault("no connection", _statement, Effect.NONE, _unreached),
    Fault("undone as contended", _statement, Effect.NONE, _contended),
    Fault("its acknowledgement is lost", _writing, Effect.NOW, _unacknowledged),
    Fault("its acknowledgement is lost, and it is late", _writing, Effect.LATER, _unacknowledged),
    Fault("its acknowledgement is lost, and the next two tries fail", _recording, Effect.NOW, _unacknowledged, gone=2),
    Fault("the database is gone from here on", _statement, Effect.NONE, _unreached, gone=_FOR_GOOD, excuses=_UNSURE),
    Fault("the database is gone after it", _writing, Effect.NOW, _unacknowledged, gone=_FOR_GOOD, excuses=_UNSURE),
    Fault(
        "it is late, and the database is gone", _writing, Effect.LATER, _unacknowledged, gone=_FOR_GOOD, excuses=_UNSURE
    ),
    # The provider.
    Fault("it is never sent", _request, Effect.NONE, _unsent, excuses=_REFUSED),
    Fault("it times out without effect", _request, Effect.NONE, _timed_out, excuses=_REFUSED | _UNSURE),
    Fault("it times out after its effect", _switching, Effect.NOW, _timed_out),
    Fault("it times out, and has its effect late", _switching, Effect.LATER, _timed_out, excuses=_UNSURE, drifts=True),
    Fault("answered busy", _switching, Effect.NOW, said=Kind.BUSY, excuses=_REFUSED),
    Fault("answered throttled", _request, Effect.NOW, said=Kind.THROTTLE, excuses=_REFUSED),
    Fault("answered no", _switching, Effect.NOW, said=Kind.REJECT, excuses=_REFUSED),
    Fault("answered with an error", _request, Effect.NOW, said=Kind.ERROR, excuses=_REFUSED | _UNSURE),
    Fault("answered with an error after its effect", _switching, Effect.NOW, said=Kind.ERROR, after_effect=True),
    # Its job is taken in any case; the workspace takes no other one meanwhile.
    Fault("its job runs on for a minute", _enabling, Effect.NOW, said=Kind.JOB_PENDING, excuses_all=_REFUSED),
    Fault("its job fails", _enabling, Effect.NOW, said=Kind.JOB_FAILS, drifts=True),
)


def faults_at(step: Step) -> list[Fault]:
    """The faults that fit a step."""
    return [fault for fault in FAULTS if fault.fits(step)]
