"""Settling what calls left open: for each attempt past its lease, ask the provider for the truth and act on its behalf.

    the inbox has moved on since the attempt saw it     superseded (and marked, if the inbox is banned by now)
    the rules refuse it where it still stands           refused, as the call itself would have closed it
    the provider says it warms                          the inbox is moved, as the call itself would have done
    a definite no                                       abandoned
    a job is still running, or no usable answer         left open for the next run

Marked attempts stand for a warmup that goes on for a banned inbox: the provider is told to stop, and the mark is
cleared once it confirms. Any number of runs may work at once: the commit is fenced by the attempt, and an attempt is
closed once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from inbox_lifecycle.domain import AttemptKind, InboxId, Recorder, Status, WarmupState, judge
from inbox_lifecycle.errors import InboxLifecycleError, InboxNotFound, RetryRefused
from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.lifecycle.record import COMMANDS, Acceptor, mailbox_of, record_warmup_started, spent
from inbox_lifecycle.lifecycle.sending import Served, by_provider
from inbox_lifecycle.providers.port import AlreadyWarming, Disabled
from inbox_lifecycle.store.looks import FIRST_ID, UnsettledAttempts
from inbox_lifecycle.store.rows import Closed, OpenAttempt
from inbox_lifecycle.store.statements import ClearMark, CloseAttempt
from inbox_lifecycle.terms import Terms
from inbox_lifecycle.verdict import Verdict

logger = logging.getLogger("inbox_lifecycle")

#: Attempts per page: the provider's largest batch.
PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What a run of `reconcile` did, in numbers of attempts."""

    #: Inboxes moved to warming on behalf of their attempt.
    moved: int = 0
    #: Closed on a definite no, the provider's or the gate's, and expired launches.
    abandoned: int = 0
    #: Closed because the inbox had moved on.
    superseded: int = 0
    #: Left open: a job is still running, the provider gave no usable answer, or a write failed.
    left: int = 0
    #: Marks cleared: the provider confirmed that a banned inbox does not warm.
    disabled: int = 0
    #: Marks kept for the next run.
    still_to_disable: int = 0

    @property
    def settled(self) -> int:
        """Attempts that need no further run."""
        return self.moved + self.abandoned + self.superseded + self.disabled

    @property
    def seen(self) -> int:
        """Attempts looked at."""
        return self.settled + self.left + self.still_to_disable

    def __add__(self, other: Reconciled) -> Reconciled:
        return self.plus(**{name: getattr(other, name) for name in self.__slots__})

    def plus(self, **counts: int) -> Reconciled:
        """These numbers and some more."""
        return replace(self, **{name: getattr(self, name) + count for name, count in counts.items()})


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a run has come."""

    inbox_id: str = FIRST_ID
    attempt_id: str = FIRST_ID


def reconcile_page(
    terms: Terms, *, marked: bool, after: Cursor, limit: int = PAGE
) -> Flow[tuple[Reconciled, Cursor | None]]:
    """Settle a page of attempts: what was done, and where the next page begins (None at the end)."""
    statement = UnsettledAttempts(
        marked=marked, after_inbox=after.inbox_id, after_attempt=after.attempt_id, limit=limit
    )
    attempts = yield from again(statement)
    settle = _disable_marked if marked else _settle_expired
    done = yield from settle(terms, attempts)
    if len(attempts) < limit:
        return done, None
    last = attempts[-1].attempt
    return done, Cursor(last.inbox_id, last.id)


def page_size(limit: int | None, seen: int) -> int:
    """How many attempts the next page takes."""
    return PAGE if limit is None else min(PAGE, limit - seen)


def _settle_expired(terms: Terms, attempts: Sequence[OpenAttempt]) -> Flow[Reconciled]:
    done = Reconciled()
    current = [entry for entry in attempts if _asks_provider(entry)]
    said = yield from _read_warmup(terms, current)
    for entry in attempts:
        count = yield from _settle(terms, entry, said.get(entry.seen.inbox.id, WarmupState.UNKNOWN))
        if count is not None:
            done = done.plus(**{count: 1})
    return done


@dataclass(frozen=True, slots=True)
class _Ending:
    """How an attempt closes."""

    outcome: str
    #: JSON-ready.
    detail: object
    #: The name of the count that grows.
    count: str


def _settle(terms: Terms, entry: OpenAttempt, said: WarmupState) -> Flow[str | None]:
    """The name of the count that grows; None where somebody else settled it meanwhile."""
    try:
        ending = _ending(entry, said)
        if ending is not None:
            closed = yield from _close(terms, entry, ending)
            return ending.count if closed.was_open else None
        if said is WarmupState.WARMING:
            yield from _roll_forward(terms, entry)
            return "moved"
    except (RetryRefused, InboxNotFound):
        # It moved on, or was erased, between our look and our commit; the attempt is closed.
        return "superseded"
    except InboxLifecycleError as failure:
        logger.warning("attempt %s is left for the next run: %s", entry.attempt.id, failure)
    return "left"


def _ending(entry: OpenAttempt, said: WarmupState) -> _Ending | None:
    if entry.attempt.kind is AttemptKind.LAUNCH:
        return _Ending("abandoned", {"outcome": "unknown"}, "abandoned")
    if _moved_on(entry):
        return _Ending("superseded", {"version": entry.seen.inbox.version}, "superseded")
    if not _gate(entry).holds:
        return _Ending("refused", _gate(entry).as_list(), "abandoned")
    if said.definitely_not_warming:
        return _Ending("abandoned", {"provider": said.value}, "abandoned")
    return None


def _roll_forward(terms: Terms, entry: OpenAttempt) -> Flow[None]:
    attempt = entry.attempt
    acceptor = Acceptor(
        attempt_id=attempt.id,
        kind=attempt.kind,
        answer=AlreadyWarming(),
        context=attempt.context,
        recorder=Recorder.RECONCILE,
        overtaken="superseded",
    )
    yield from record_warmup_started(terms, entry.seen, acceptor)


def _close(terms: Terms, entry: OpenAttempt, ending: _Ending) -> Flow[Closed]:
    statement = CloseAttempt(
        inbox_id=entry.attempt.inbox_id,
        owner_id=entry.attempt.context.owner_id,
        attempt_id=entry.attempt.id,
        outcome=ending.outcome,
        now=terms.clock(),
        detail=ending.detail,
        # Nobody knows whether the provider accepted; if the inbox is banned by now, it is to be told to stop.
        accepted=ending.outcome == "superseded",
    )
    return (yield from again(statement))


def _asks_provider(entry: OpenAttempt) -> bool:
    return entry.attempt.kind is not AttemptKind.LAUNCH and not _moved_on(entry) and _gate(entry).holds


def _moved_on(entry: OpenAttempt) -> bool:
    return entry.seen.inbox.version != entry.attempt.seen_version


def _gate(entry: OpenAttempt) -> Verdict:
    """A call may have died between opening its attempt and having it refused."""
    # An event by a key that has one already could never be written.
    if entry.seen.keyed is not None:
        return spent(entry.seen.keyed)
    return judge(entry.seen.inbox.state, COMMANDS[entry.attempt.kind])


def _disable_marked(terms: Terms, attempts: Sequence[OpenAttempt]) -> Flow[Reconciled]:
    done = Reconciled()
    # An operator may have corrected the inbox since, and its warmup may be wanted again: then nothing is disabled.
    banned = [entry for entry in attempts if entry.seen.inbox.status is Status.BANNED]
    stopped = yield from _stop_warmup(terms, banned)
    for entry in attempts:
        inbox = entry.seen.inbox
        if inbox.status is not Status.BANNED or inbox.id in stopped or inbox.erased_at is not None:
            yield from again(ClearMark(inbox_id=inbox.id, attempt_id=entry.attempt.id))
            done = done.plus(disabled=1)
        else:
            done = done.plus(still_to_disable=1)
    return done


def _stop_warmup(terms: Terms, attempts: Sequence[OpenAttempt]) -> Flow[set[InboxId]]:
    """The inboxes that the provider confirms not to warm."""
    asked: set[InboxId] = set()
    for served in _by_provider(terms, attempts):
        answers = yield from served.provider.disable_warmup([mailbox_of(inbox) for inbox in served.inboxes])
        asked |= {inbox_id for inbox_id, answer in answers.items() if isinstance(answer, Disabled)}
    confirmable = [entry for entry in attempts if entry.seen.inbox.id in asked]
    said = yield from _read_warmup(terms, confirmable)
    return {inbox_id for inbox_id, state in said.items() if state.definitely_not_warming}


def _read_warmup(terms: Terms, attempts: Sequence[OpenAttempt]) -> Flow[Mapping[InboxId, WarmupState]]:
    said: dict[InboxId, WarmupState] = {}
    for served in _by_provider(terms, attempts):
        said |= yield from served.provider.read_warmup([mailbox_of(inbox) for inbox in served.inboxes])
    return said


def _by_provider(terms: Terms, attempts: Sequence[OpenAttempt]) -> Sequence[Served]:
    """The inboxes of these attempts that still have an address, each once, by the provider that serves it."""
    inboxes = {entry.seen.inbox.id: entry.seen.inbox for entry in attempts if entry.seen.inbox.erased_at is None}
    served, _ = by_provider(terms, list(inboxes.values()))
    return served
