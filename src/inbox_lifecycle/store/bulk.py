"""The statements of bulk runs, by name: many inboxes claimed, looked at, closed and moved at once.

A claim is an open attempt whose `claim` says 'bulk': an index lets each inbox have one. It is inserted first, and what
it is worth is seen by a second statement, which every later look repeats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, Inbox, InboxId
from inbox_lifecycle.store import bulk_sql as sql
from inbox_lifecycle.store.bulk_rows import MoveRow, bytea, event_row, json_text
from inbox_lifecycle.store.rows import INBOX_WIDTH, Seen, read_inbox
from inbox_lifecycle.store.session import Row, Session, Values
from inbox_lifecycle.store.sqlite import CLOSE_MOVED, INSERT_WARMUP, QUEUE, ROW, SUPERSEDE
from inbox_lifecycle.store.statements import CommitWarmup, context_values, milliseconds

#: Attempts of ours by inbox.
Attempts = Mapping[InboxId, AttemptId]


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckInboxes:
    """Inboxes that stood in `pending` / `not_started` before some time and that no run has claimed, in order of id.

    Those that the provider has rejected since then are left out, so that they keep nobody else from their turn.
    """

    name: ClassVar[str] = "stuck_inboxes"
    writes: ClassVar[bool] = False
    before: datetime
    #: Whose inboxes; None for all.
    owner_id: str | None
    after: InboxId
    limit: int

    def run(self, session: Session) -> tuple[InboxId, ...]:
        """Their ids."""
        values = {
            "before": session.backend.time(self.before),
            "owner_id": self.owner_id,
            "after": self.after,
            "limit": self.limit,
        }
        rows = session.all(sql.STUCK_OF_ALL if self.owner_id is None else sql.STUCK_OF_ONE, values)
        return tuple(InboxId(str(row[0])) for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountStuck:
    """How many `StuckInboxes` there are."""

    name: ClassVar[str] = "count_stuck"
    writes: ClassVar[bool] = False
    before: datetime
    owner_id: str | None
    after: InboxId

    def run(self, session: Session) -> int:
        """Their number."""
        values = {"before": session.backend.time(self.before), "owner_id": self.owner_id, "after": self.after}
        row = session.one(sql.COUNT_STUCK_OF_ALL if self.owner_id is None else sql.COUNT_STUCK_OF_ONE, values)
        return 0 if row is None else int(row[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUpExpired:
    """Close other runs' claims on these inboxes that are past their lease, where the inbox stands as they saw it."""

    name: ClassVar[str] = "give_up_expired"
    writes: ClassVar[bool] = True
    #: What is to be opened instead.
    attempts: Attempts
    now: datetime

    def run(self, session: Session) -> None:
        """What became of them is not known, and will not be: the closed attempt keeps its run from recording."""
        values = {"now": session.backend.time(self.now), "detail": json_text({"outcome": "unknown"})}
        if session.backend.is_sqlite:
            session.many(sql.GIVE_UP_SQLITE, [values | one for one in _each(self.attempts)])
        else:
            session.run(sql.GIVE_UP_POSTGRESQL, {**values, "attempts": json_text(_each(self.attempts))})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimInboxes:
    """Open an attempt on each inbox that nobody has claimed; run twice it takes effect once."""

    name: ClassVar[str] = "claim_inboxes"
    writes: ClassVar[bool] = True
    attempts: Attempts
    now: datetime
    #: Seconds that the claims are the caller's alone.
    lease: float
    context: Context

    def run(self, session: Session) -> None:
        """What it was worth is seen by `HoldClaims`."""
        values = {**context_values(self.context), "now": session.backend.time(self.now), "lease": self.lease}
        if session.backend.is_sqlite:
            session.many(sql.CLAIM_SQLITE, [values | one for one in _each(self.attempts)])
        else:
            session.run(sql.CLAIM_POSTGRESQL, {**values, "attempts": json_text(_each(self.attempts))})


@dataclass(frozen=True, slots=True)
class Claimed:
    """An inbox as it is now, and whether our claim on it stands."""

    seen: Seen
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldClaims:
    """See what we hold: our open attempts see the inboxes as they are now, and their lease begins anew."""

    name: ClassVar[str] = "hold_claims"
    writes: ClassVar[bool] = True
    attempts: Attempts
    #: Seconds from now.
    lease: float

    def run(self, session: Session) -> dict[InboxId, Claimed]:
        """Every one of these inboxes that there is."""
        if session.backend.is_sqlite:
            rows = [row for one in _each(self.attempts) if (row := self._held_on_sqlite(session, one)) is not None]
        else:
            rows = session.all(sql.HOLD_POSTGRESQL, {"attempts": json_text(_each(self.attempts)), "lease": self.lease})
        claimed = (
            Claimed(Seen(read_inbox(row), bytes(row[INBOX_WIDTH - 1]), None), bool(row[INBOX_WIDTH])) for row in rows
        )
        return {one.seen.inbox.id: one for one in claimed}

    def _held_on_sqlite(self, session: Session, one: Values) -> Row | None:
        held = session.run(sql.HOLD_SQLITE, {**one, "lease": self.lease})
        row = session.one(ROW, one)
        return None if row is None else (*row, held)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProlongClaims:
    """Our open attempts' lease begins anew; what they have seen stays."""

    name: ClassVar[str] = "prolong_claims"
    writes: ClassVar[bool] = True
    attempts: Attempts
    #: Seconds from now.
    lease: float

    def run(self, session: Session) -> None:
        """Those that were closed meanwhile stay closed."""
        if session.backend.is_sqlite:
            session.many(sql.PROLONG_SQLITE, [one | {"lease": self.lease} for one in _each(self.attempts)])
        else:
            session.run(sql.PROLONG_POSTGRESQL, {"attempts": json_text(_each(self.attempts)), "lease": self.lease})


@dataclass(frozen=True, slots=True)
class Closing:
    """How the attempt on one inbox closes."""

    inbox_id: InboxId
    attempt_id: AttemptId
    #: The inbox's owner when the attempt was opened.
    owner_id: str | None
    outcome: str
    #: JSON-ready: a verdict, or the provider's answer in our words.
    detail: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseClaims:
    """Close attempts that are open; those that are closed stay as they are."""

    name: ClassVar[str] = "close_claims"
    writes: ClassVar[bool] = True
    closings: tuple[Closing, ...]
    now: datetime

    def run(self, session: Session) -> None:
        """Failing to close never changes an answer, so nobody asks how many were open."""
        rows = [
            {
                "inbox_id": one.inbox_id,
                "attempt_id": one.attempt_id,
                "owner_id": one.owner_id,
                "outcome": one.outcome,
                # As text within the JSON, so that it is stored as it was written.
                "detail": json_text(one.detail),
            }
            for one in self.closings
        ]
        now = session.backend.time(self.now)
        if session.backend.is_sqlite:
            session.many(sql.CLOSE_SQLITE, [row | {"now": now} for row in rows])
        else:
            session.run(sql.CLOSE_POSTGRESQL, {"closings": json_text(rows), "now": now})


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitWarmups:
    """Fence, swap, event, attempt and queue row of many inboxes, those that miss left out; run twice it acts once."""

    name: ClassVar[str] = "commit_warmups"
    writes: ClassVar[bool] = True
    commits: tuple[CommitWarmup, ...]
    #: Seconds to wait for somebody else's lock, at most; SQLite has its busy timeout.
    patience: float

    def run(self, session: Session) -> frozenset[InboxId]:
        """The inboxes that it moved."""
        if session.backend.is_sqlite:
            return self._run_on_sqlite(session)
        rows = session.all(sql.COMMITS_POSTGRESQL, moves_values(self.commits, self.patience))
        return frozenset(InboxId(str(row[0])) for row in rows)

    def _run_on_sqlite(self, session: Session) -> frozenset[InboxId]:
        rows = [commit.values(session) for commit in self.commits]
        # Who was missed is looked for only if somebody was.
        if rows and session.many(INSERT_WARMUP, rows) < len(rows):
            rows = [row for row in rows if session.one(sql.JUST_MOVED_SQLITE, row) is not None]
        for statement in (CLOSE_MOVED, SUPERSEDE, QUEUE) if rows else ():
            session.many(statement, rows)
        return frozenset(InboxId(str(row["inbox_id"])) for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitTogether:
    """What several callers want to commit at the same time, in one statement on PostgreSQL; of no inbox twice."""

    name: ClassVar[str] = "commit_together"
    writes: ClassVar[bool] = True
    commits: tuple[CommitWarmup, ...]
    #: Seconds to wait for whatever is locked besides inboxes and attempts, at most.
    patience: float

    def run(self, session: Session) -> dict[str, Inbox]:
        """The moved inboxes by id; those that miss, or that somebody else has locked, are left out."""
        rows = session.all(sql.COMMITS_TOGETHER_POSTGRESQL, moves_values(self.commits, self.patience))
        return {inbox.id: inbox for inbox in map(read_inbox, rows)}


def moves_values(commits: Sequence[CommitWarmup], patience: float) -> Values:
    """The parameters that commit these."""
    return {
        "events": json_text([_move_row(commit) for commit in commits]),
        "patience": milliseconds(patience),
    }


def _move_row(commit: CommitWarmup) -> MoveRow:
    event = commit.event
    # No warmup begins with a birth.
    assert event.left is not None  # noqa: S101
    assert event.previous is not None  # noqa: S101
    return event_row(
        MoveRow,
        event,
        attempt_id=commit.attempt_id,
        owner_id=commit.owner_id,
        seen_version=commit.seen_version,
        from_status=event.left.status,
        from_warmup_status=event.left.warmup_status,
        previous_hash=bytea(event.previous),
    )


def _each(attempts: Attempts) -> list[dict[str, object]]:
    return [{"inbox_id": inbox_id, "attempt_id": attempt_id} for inbox_id, attempt_id in attempts.items()]
