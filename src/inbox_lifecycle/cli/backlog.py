"""What has piled up in a database, each heap with the command that clears it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from inbox_lifecycle.cli.findings import Check, Finding, Level, Look, span_text
from inbox_lifecycle.store.diagnosis import (
    AttemptsToDisable,
    Counted,
    CountParked,
    ExpiredAttempts,
    StuckInboxes,
    UnsealedTail,
)

#: How long an inbox stands in `pending` / `not_started` until it counts as stuck, as `retry-stuck` counts.
_STUCK_FOR: Final = timedelta(minutes=5)
#: How long an event may be without a position until somebody should look.
_UNSEALED_FOR: Final = timedelta(hours=1)

_RECONCILE: Final = "`inbox-lifecycle reconcile`, from a scheduler"
_RETRY_STUCK: Final = "`inbox-lifecycle retry-stuck`"
_SEAL: Final = "`inbox-lifecycle seal`, from a scheduler"
_PARKED: Final = "`inbox-lifecycle parked NAME` shows them; the service redelivers them once its handler is mended"


def _open_attempts(look: Look) -> Iterator[Finding]:
    what = "past their lease, the oldest for {age}"
    yield _heap(look, "open attempts", look.at(ExpiredAttempts()), what, _RECONCILE)


def _to_disable(look: Look) -> Iterator[Finding]:
    what = "of banned inboxes whose warmup the provider may still run"
    yield _heap(look, "attempts to disable", look.at(AttemptsToDisable()), what, _RECONCILE)


def _stuck(look: Look) -> Iterator[Finding]:
    found = look.at(StuckInboxes(look.clock() - _STUCK_FOR))
    yield _heap(look, "stuck inboxes", found, "pending and not started, the oldest for {age}", _RETRY_STUCK)


def _unsealed(look: Look) -> Iterator[Finding]:
    tail = look.at(UnsealedTail())
    what = "events without a position, the oldest for {age}"
    if not tail.or_more and (tail.oldest is None or look.clock() - tail.oldest < _UNSEALED_FOR):
        # A tail that is young and short is what every busy service has.
        yield Finding(Level.OK, "unsealed tail", _said(look, tail, what) if tail.number else "none")
    else:
        yield _heap(look, "unsealed tail", tail, what, _SEAL)


def _parked(look: Look) -> Iterator[Finding]:
    what = "that a subscription's handler kept failing on"
    yield _heap(look, "parked events", look.at(CountParked()), what, _PARKED)


def _heap(look: Look, about: str, found: Counted, what: str, cure: str) -> Finding:
    if not found.number and not found.or_more:
        return Finding(Level.OK, about, "none")
    return Finding(Level.WARNING, about, _said(look, found, what), cure)


def _said(look: Look, found: Counted, what: str) -> str:
    # The clock that wrote it may be ahead of this one.
    age = timedelta() if found.oldest is None else max(timedelta(), look.clock() - found.oldest)
    return f"{found} {what.format(age=span_text(age))}"


#: By what each looks at, in the order in which they are told.
BACKLOG: Final[Mapping[str, Check]] = {
    "open attempts": _open_attempts,
    "attempts to disable": _to_disable,
    "stuck inboxes": _stuck,
    "unsealed tail": _unsealed,
    "parked events": _parked,
}
