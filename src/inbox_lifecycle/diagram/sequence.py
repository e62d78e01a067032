"""One `retry_warmup` as data: its steps in order, and what can go wrong at each of them.

Rule 1: every way a retry can end stands in `FAILURES`, with the answer that the caller gets and what becomes of the
attempt. An attempt that is left open is no accident: whoever cannot know the truth leaves it to `reconcile`, which
asks the provider.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from inbox_lifecycle.diagram.lifecycle import NotDrawable, guard_name
from inbox_lifecycle.domain.rules import RULE_OF
from inbox_lifecycle.domain.states import Trigger


class Party(StrEnum):
    """Who takes part, from left to right."""

    CALLER = "caller"
    LIBRARY = "library"
    DATABASE = "database"
    PROVIDER = "provider"


class Step(NamedTuple):
    """One message on the winning path."""

    key: str
    source: Party
    dest: Party
    what: str
    more: str = ""
    #: What becomes of the attempt by this step.
    beside: str = ""
    #: Whether it answers an earlier message.
    answers: bool = False


class Failure(NamedTuple):
    """One way in which the call ends early."""

    #: Key of the step it happens at.
    step: str
    what: str
    #: HTTP status and error; empty where nobody is left to answer.
    answer: str
    #: What becomes of the attempt.
    attempt: str


_RULE = RULE_OF[Trigger.RETRY_WARMUP]
_ALIVE = "" if _RULE.after_erasure else "not erased, "
_GATE = f"{_ALIVE}{' or '.join(_RULE.sources)} [{guard_name(_RULE)}]"

_CALLER, _LIBRARY, _DATABASE, _PROVIDER = Party

STEPS: tuple[Step, ...] = (
    Step("call", _CALLER, _LIBRARY, f"{Trigger.RETRY_WARMUP}(id, owner_id)"),
    Step("open", _LIBRARY, _DATABASE, "open the attempt", "one statement: load, own, open"),
    Step("seen", _DATABASE, _LIBRARY, "pair and version", beside="the attempt is open", answers=True),
    Step("gate", _LIBRARY, _LIBRARY, "judge by the gate", _GATE),
    Step("enable", _LIBRARY, _PROVIDER, "enable warmup", "no connection is held meanwhile"),
    Step("accepted", _PROVIDER, _LIBRARY, "accepted", "warming already counts too", answers=True),
    Step("shield", _LIBRARY, _LIBRARY, "record it", "shielded from cancellation"),
    Step("commit", _LIBRARY, _DATABASE, "commit", "one statement: fence, swap, event, attempt, queue row"),
    Step("moved", _DATABASE, _LIBRARY, f"now {_RULE.to}", beside="the attempt closes as moved", answers=True),
    Step("answer", _LIBRARY, _CALLER, "200 the refreshed inbox", answers=True),
)

FAILURES: tuple[Failure, ...] = (
    Failure(
        "open",
        "The database cannot be asked, or its schema is another",
        "503 StoreUnavailable, SchemaMismatch",
        "none, or open until reconcile closes it",
    ),
    Failure(
        "seen",
        "No such inbox, another owner's, or erased",
        "404 InboxNotFound",
        "none, as one would tell the three apart",
    ),
    Failure(
        "gate",
        "The gate refuses",
        "409 RetryRefused, clause by clause",
        "closed as refused, with the verdict",
    ),
    Failure(
        "accepted",
        "The provider rejects, throttles, is busy, or is unavailable",
        "502 ProviderRejected, ProviderThrottled, ProviderBusy or ProviderUnavailable",
        "closed as rejected, throttled, busy or unavailable",
    ),
    Failure(
        "accepted",
        "No usable answer: the outcome is unknown",
        "502 ProviderOutcomeUnknown",
        "open, until reconcile asks the provider",
    ),
    Failure(
        "shield",
        "The process dies, here or anywhere while the attempt is open",
        "",
        "open, until reconcile finds it past its lease and rolls the inbox forward, or on a definite no closes it as "
        "abandoned",
    ),
    Failure(
        "commit",
        "Another call moved the inbox first",
        "409 RetryRefused, with a version clause",
        "closed as lost",
    ),
    Failure(
        "commit",
        "Banned while the provider accepted",
        "409 RetryRefused, with a version clause",
        "closed as lost and marked to disable: reconcile disables the warmup",
    ),
    Failure(
        "commit",
        "Erased while the provider accepted",
        "404 InboxNotFound",
        "closed as lost, and the call itself disables the warmup, as it still holds the address",
    ),
    Failure(
        "moved",
        "The acknowledgement is lost, or the database is gone: the same statement is run again",
        "200 the refreshed inbox, or past its budget 500 WarmupNotRecorded",
        "closed as moved, or open until reconcile takes it",
    ),
)


def told(steps: tuple[Step, ...] = STEPS, failures: tuple[Failure, ...] = FAILURES) -> tuple[Step, ...]:
    """The steps, after checking that the numbers of the failures rise along them."""
    keys = [step.key for step in steps]
    unplaced = [failure.what for failure in failures if failure.step not in keys]
    if unplaced:
        raise NotDrawable(f"no step for: {', '.join(unplaced)}")
    order = [keys.index(failure.step) for failure in failures]
    if order != sorted(order):
        raise NotDrawable("the failures are not in the order of the steps")
    return steps


def failures_at(step: Step) -> Iterator[tuple[int, Failure]]:
    """The failures at a step, with their numbers."""
    return ((number, failure) for number, failure in enumerate(FAILURES, 1) if failure.step == step.key)
