"""Verification as flows over pages: constant memory, no connection held between pages, no alarm under live writers.

A row and the newest version of its events are read in one statement. Events up to that version can never change, so
reading them later is the same as reading them then; newer ones are somebody's work of meanwhile and are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from inbox_lifecycle.audit.checkpoints import Checkpoint
from inbox_lifecycle.audit.checks import Finding, Fold, check_attempt
from inbox_lifecycle.audit.glance import take_at_once
from inbox_lifecycle.audit.history import get
from inbox_lifecycle.audit.notes import Verifier
from inbox_lifecycle.audit.standing import check_guards
from inbox_lifecycle.audit.verify_feed import verify_feed
from inbox_lifecycle.domain import InboxId
from inbox_lifecycle.flow import Flow, again, hand
from inbox_lifecycle.store.looks import FIRST_ID, LAST_ID
from inbox_lifecycle.store.rows import LAST_VERSION
from inbox_lifecycle.store.session import Row
from inbox_lifecycle.store.verification import (
    AttemptsToVerify,
    CountEvents,
    EventsToVerify,
    InboxesToVerify,
    OrphansToVerify,
    RangeBorders,
    StoredInbox,
    UnreadableInbox,
    place_of,
    stored_event,
)
from inbox_lifecycle.store.verification_feed import OutsideIds, UnfedEvents

#: Inboxes per page.
INBOXES = 200
#: Events or attempts per page.
ROWS = 2000


@dataclass(slots=True)
class Verification:
    """What a verification looked at, and what it found."""

    inboxes: int = 0
    events: int = 0
    attempts: int = 0
    #: Attempts without an outcome: in flight, or for `reconcile` to settle.
    open_attempts: int = 0
    #: Positions of the feed.
    positions: int = 0
    #: Events that wait for their positions: nothing that was signed covers them.
    unsealed: int = 0
    #: Stored checkpoints.
    checkpoints: int = 0
    findings: list[Finding] = field(default_factory=list)
    #: Worth a look, and no damage: clocks that ran far behind.
    notices: list[Finding] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def plus(self, other: Verification) -> Verification:
        """Both reports as one."""
        return Verification(**{name: getattr(self, name) + getattr(other, name) for name in self.__slots__})

    def as_dict(self) -> dict[str, object]:
        """The report as JSON-ready values."""
        return {
            "clean": self.clean,
            "inboxes": self.inboxes,
            "events": self.events,
            "attempts": self.attempts,
            "open_attempts": self.open_attempts,
            "positions": self.positions,
            "unsealed": self.unsealed,
            "checkpoints": self.checkpoints,
            "findings": [finding.as_dict() for finding in self.findings],
            "notices": [notice.as_dict() for notice in self.notices],
        }


@dataclass(frozen=True, slots=True)
class Range:
    """The inboxes after one id and up to another."""

    after: str = FIRST_ID
    until: str = LAST_ID

    @classmethod
    def of_one(cls, inbox_id: str) -> Range:
        """The range that holds one inbox."""
        return cls(str(UUID(int=max(UUID(inbox_id).int - 1, 0))), inbox_id)


Progress = Callable[[int], None]


def verify_all(
    *, against: Sequence[Checkpoint], verifier: Verifier | None, progress: Progress | None
) -> Flow[Verification]:
    """Verify everything: inboxes with their events and attempts, and the feed with what was signed of it."""
    report = yield from verify_inboxes(Range(), progress)
    return report.plus((yield from verify_rest(against=against, verifier=verifier)))


def verify_rest(*, against: Sequence[Checkpoint], verifier: Verifier | None) -> Flow[Verification]:
    """Verify what is no single inbox's: the guards, the feed, the tree and the checkpoints."""
    findings = yield from check_guards()
    outside = yield from again(OutsideIds())
    findings += [
        Finding(kind="row", inbox_id=one, expected="an id that is a UUID, not nil", found="another") for one in outside
    ]
    feed = yield from verify_feed(against=against, verifier=verifier)
    report = Verification(
        positions=feed.positions,
        unsealed=feed.unsealed,
        checkpoints=feed.checkpoints,
        findings=findings + feed.findings,
    )
    # Every position and every wait is another event, or there is a finding: so numbers tell whether one is left out.
    counted = yield from again(CountEvents())
    if report.findings or counted.events != counted.placed:
        yield from _check_fed(report, Range())
    return report


def ranges(parts: int) -> Flow[list[Range]]:
    """The inboxes in so many ranges of about equal size, or fewer: together they hold every id there can be."""
    borders = yield from again(RangeBorders(parts=parts))
    ends = [*borders, LAST_ID]
    return [Range(after, until) for after, until in zip([FIRST_ID, *borders], ends, strict=True)]


def verify_inboxes(within: Range, progress: Progress | None) -> Flow[Verification]:
    """Verify the inboxes of a range, telling after each page how many it were so far."""
    report = Verification()
    rest: Range | None = within
    while rest is not None:
        rest = yield from verify_page(report, rest)
        if progress is not None:
            yield from hand(progress, report.inboxes)
    return report


def verify_one(inbox_id: str) -> Flow[Verification]:
    """Verify one inbox.

    Raises:
        InboxNotFound: no such inbox.
    """
    yield from get(inbox_id=InboxId(inbox_id), owner_id=None)
    within = Range.of_one(inbox_id)
    report = yield from verify_inboxes(within, None)
    yield from _check_fed(report, within)
    return report


def verify_page(report: Verification, within: Range) -> Flow[Range | None]:
    """Verify the next inboxes of a range, adding to the report; the rest of the range, None at its end."""
    rows = yield from again(InboxesToVerify(after=within.after, until=within.until, limit=INBOXES))
    # The page covers the range up to its last inbox; the last page covers all of it, rows or none.
    page = Range(within.after, rows[-1].inbox_id if len(rows) == INBOXES else within.until)
    report.inboxes += len(rows)
    report.findings += [_unreadable(row) for row in rows if isinstance(row, UnreadableInbox)]
    folding = _Folding(report, {row.inbox_id: row for row in rows if isinstance(row, StoredInbox)})
    yield from _fold_events(folding, page)
    folding.finish()
    if folding.strangers:
        yield from _check_orphans(report, page)
    yield from _check_attempts(report, folding.attempts, page)
    return Range(page.until, within.until) if len(rows) == INBOXES else None


def _unreadable(row: UnreadableInbox) -> Finding:
    return Finding(kind="row", inbox_id=row.inbox_id, expected="a row as we write them", found="a value none can have")


class _Folding:
    """The fold of a page's events, which come inbox by inbox: of one at a time, however many the page has."""

    def __init__(self, report: Verification, rows: dict[str, StoredInbox]) -> None:
        self._report = report
        self._rows = rows
        self._inbox_id: str | None = None
        self._fold: Fold | None = None
        #: Whether there were events of inboxes whose row was not read: born since, or gone.
        self.strangers = False
        #: By inbox, the attempts that its events say made them.
        self.attempts: dict[str, dict[str, int]] = {}

    def take(self, row: Row) -> None:
        """Fold the next event."""
        inbox_id, version = place_of(row)
        if inbox_id != self._inbox_id:
            self._open(inbox_id)
        fold = self._fold
        if fold is None:
            self.strangers = True
        elif version <= (fold.row.newest or 0):
            if not take_at_once(fold, row):
                fold.take(stored_event(row))
            self._report.events += 1

    def _open(self, inbox_id: str) -> None:
        self._close()
        row = self._rows.pop(inbox_id, None)
        self._inbox_id, self._fold = inbox_id, None if row is None else Fold(row)

    def finish(self) -> None:
        """Close what is open, and hold the rows that have no event against that."""
        self._close()
        for row in self._rows.values():
            self._fold = Fold(row)
            self._close()

    def _close(self) -> None:
        fold, self._fold = self._fold, None
        if fold is None:
            return
        fold.close()
        self._report.findings += fold.findings
        self._report.notices += fold.notices
        if fold.attempts:
            self.attempts[fold.row.inbox_id] = fold.attempts


def _fold_events(folding: _Folding, page: Range) -> Flow[None]:
    after, version = page.after, LAST_VERSION
    while True:
        statement = EventsToVerify(after=after, after_version=version, until=page.until, limit=ROWS)
        rows = yield from again(statement)
        for row in rows:
            folding.take(row)
        if len(rows) < ROWS:
            return
        after, version = place_of(rows[-1])


def _check_orphans(report: Verification, page: Range) -> Flow[None]:
    after, version = page.after, LAST_VERSION
    while True:
        orphans = yield from again(OrphansToVerify(after=after, after_version=version, until=page.until, limit=ROWS))
        for inbox_id, found in orphans:
            finding = Finding(kind="row", inbox_id=inbox_id, version=found, expected="the inbox's row", found="no row")
            report.findings.append(finding)
        if len(orphans) < ROWS:
            return
        after, version = orphans[-1]


def _check_fed(report: Verification, page: Range) -> Flow[None]:
    """Every event has a position, or waits for one."""
    after, version = page.after, LAST_VERSION
    while True:
        unfed = yield from again(UnfedEvents(after=after, after_version=version, until=page.until, limit=ROWS))
        for inbox_id, found in unfed:
            finding = Finding(
                kind="feed",
                inbox_id=inbox_id,
                version=found,
                expected="a position, or a place in the queue",
                found="neither",
            )
            report.findings.append(finding)
        if len(unfed) < ROWS:
            return
        after, version = unfed[-1]


def _check_attempts(report: Verification, made: dict[str, dict[str, int]], page: Range) -> Flow[None]:
    after, attempt_id = page.after, LAST_ID
    while True:
        statement = AttemptsToVerify(after=after, after_attempt=attempt_id, until=page.until, limit=ROWS)
        attempts = yield from again(statement)
        for attempt in attempts:
            report.attempts += 1
            report.open_attempts += attempt.outcome is None
            report.findings += check_attempt(attempt, made.get(attempt.inbox_id, {}))
        if len(attempts) < ROWS:
            return
        after, attempt_id = attempts[-1].inbox_id, attempts[-1].attempt_id
