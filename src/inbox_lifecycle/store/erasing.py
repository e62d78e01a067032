"""The statements that take away for good: erasure, what it leaves to tidy up, and the pruning of old attempts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from inbox_lifecycle.codec import EncodedEvent
from inbox_lifecycle.domain import Inbox, InboxId
from inbox_lifecycle.store import reads
from inbox_lifecycle.store.rows import read_inbox
from inbox_lifecycle.store.session import Session
from inbox_lifecycle.store.statements import event_values, spelling

#: An attempt by inbox and id: where a walk over attempts has come to.
Mark = tuple[str, str]

# Milliseconds that emptying SQLite's log waits for readers; writers wait for it meanwhile.
_LOG_PATIENCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitErasure:
    """Swap, event and queue row, and everything personal blanked, all or nothing."""

    name: ClassVar[str] = "commit_erasure"
    writes: ClassVar[bool] = True
    event: EncodedEvent
    seen_version: int
    owner_id: str | None = field(repr=False)
    #: The inbox's domain, whose row goes if no other inbox has it.
    email_domain_id: str | None

    def run(self, session: Session) -> Inbox | None:
        """The erased inbox; None where the swap missed."""
        values = {
            **event_values(session, self.event),
            "seen_version": self.seen_version,
            "owner_id": self.owner_id,
            "email_domain_id": self.email_domain_id,
        }
        row = spelling(session).commit_erasure(session, values)
        return None if row is None else read_inbox(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlankLateAttempts:
    """Blank the attempts of erased inboxes whose calls had looked before the erasure was there to be seen."""

    name: ClassVar[str] = "blank_late_attempts"
    writes: ClassVar[bool] = True
    #: None for all erased inboxes.
    inbox_id: InboxId | None = None

    def run(self, session: Session) -> int:
        """How many there were."""
        if self.inbox_id is None:
            return session.run(reads.BLANK_LATE_ATTEMPTS_OF_ALL)
        return session.run(reads.BLANK_LATE_ATTEMPTS_OF_ONE, {"inbox_id": self.inbox_id})


@dataclass(frozen=True, slots=True, kw_only=True)
class DropOrphanedDomains:
    """Delete domains that nobody has: of two erasures at once neither sees that the other's inbox goes too."""

    name: ClassVar[str] = "drop_orphaned_domains"
    writes: ClassVar[bool] = True
    #: None for all there are.
    email_domain_id: str | None = None

    def run(self, session: Session) -> int:
        """How many there were; refused by the foreign key where somebody takes one at this moment."""
        if self.email_domain_id is None:
            return session.run(reads.DROP_ORPHANED_DOMAINS)
        return session.run(reads.DROP_ORPHANED_DOMAIN, {"email_domain_id": self.email_domain_id})


@dataclass(frozen=True, slots=True)
class RewriteFile:
    """Rewrite SQLite's file without what was taken away, and cut off its log; outside any transaction.

    Overwriting on deletion reaches a row where it stands, and not the copies that it left behind when pages were
    divided and it came to stand elsewhere: tried, and they were there. The log holds pages as they were. PostgreSQL's
    files are its server's affair.
    """

    name: ClassVar[str] = "rewrite_file"
    writes: ClassVar[bool] = True

    def run(self, session: Session) -> bool:
        """Whether the log is empty; somebody who reads keeps it from that for as long as they do."""
        if not session.backend.is_sqlite:
            return True
        session.run("vacuum")
        usual = session.one("pragma busy_timeout")
        session.one(f"pragma busy_timeout = {_LOG_PATIENCE}")
        try:
            row = session.one("pragma wal_checkpoint(truncate)")
        finally:
            session.one(f"pragma busy_timeout = {usual[0] if usual else 0}")
        return row is not None and not row[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunableUntil:
    """Where the next so many attempts end that may be pruned."""

    name: ClassVar[str] = "prunable_until"
    writes: ClassVar[bool] = False
    #: Closed before this time.
    before: datetime
    after: Mark
    limit: int

    def run(self, session: Session) -> Mark | None:
        """The last of them; None where there are none."""
        row = session.one(reads.PRUNABLE_UNTIL, {**_range(session, self.before, self.after), "limit": self.limit})
        return None if row is None else (str(row[0]), str(row[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneAttempts:
    """Delete attempts that were closed before a time, after one attempt and up to another."""

    name: ClassVar[str] = "prune_attempts"
    writes: ClassVar[bool] = True
    before: datetime
    after: Mark
    until: Mark

    def run(self, session: Session) -> int:
        """How many were deleted."""
        inbox_id, attempt_id = self.until
        values = {
            **_range(session, self.before, self.after),
            "until_inbox": inbox_id,
            "until_attempt": attempt_id,
        }
        return session.run(reads.PRUNE_ATTEMPTS, values)


def _range(session: Session, before: datetime, after: Mark) -> dict[str, object]:
    return {"before": session.backend.time(before), "after_inbox": after[0], "after_attempt": after[1]}
