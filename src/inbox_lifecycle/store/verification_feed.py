"""What `verify` reads of the feed: positions with what stands behind them, the queue, and what was signed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from inbox_lifecycle.store.session import Session

# A position with its event's hash, and the position of the inbox's event before it.
_FEED = """
select f.position, f.inbox_id, f.version, f.leaf_hash, e.hash, p.position
from {s}inbox_feed f
left join {s}inbox_events e on e.inbox_id = f.inbox_id and e.version = f.version
left join {s}inbox_feed p on p.inbox_id = f.inbox_id and p.version = f.version - 1
where f.position > cast(:after as bigint) and f.position < cast(:size as bigint)
order by f.position
limit cast(:limit as integer)
"""

# One statement, so that a sealer that moves an event from the queue to the feed is seen before it or after it.
_UNFED = """
select e.inbox_id, e.version
from {s}inbox_events e
where (e.inbox_id, e.version) > (cast(:after as {id}), cast(:after_version as integer))
  and e.inbox_id <= cast(:until as {id})
  and not exists (select 1 from {s}inbox_feed f where f.inbox_id = e.inbox_id and f.version = e.version)
  and not exists (select 1 from {s}inbox_feed_queue q where q.inbox_id = e.inbox_id and q.version = e.version)
order by e.inbox_id, e.version
limit cast(:limit as integer)
"""

_QUEUE = """
select q.seq, q.inbox_id, q.version,
       (select 1 from {s}inbox_events e where e.inbox_id = q.inbox_id and e.version = q.version and e.hash = q.hash),
       (select f.position from {s}inbox_feed f where f.inbox_id = q.inbox_id and f.version = q.version)
from {s}inbox_feed_queue q
where q.seq > cast(:after as bigint)
order by q.seq
limit cast(:limit as integer)
"""

_CHECKPOINTS = """
select c.origin, c.size, c.root, c.note
from {s}inbox_checkpoints c
where (c.size, c.origin) > (cast(:after as bigint), cast(:after_origin as text)) and c.size <= cast(:until as bigint)
order by c.size, c.origin
limit cast(:limit as integer)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPosition:
    """A position as its row says it, with what it should agree with."""

    position: int
    inbox_id: str
    version: int
    leaf_hash: bytes
    #: The hash of the event it names; None where there is no such event.
    event_hash: bytes | None
    #: The position of the inbox's event before it; None where it has none.
    previous: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWait:
    """A row of the queue."""

    seq: int
    inbox_id: str
    version: int
    #: Whether it is an event, hash and all.
    is_event: bool
    #: The position that its event has already.
    position: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCheckpoint:
    """A checkpoint as its row says it."""

    origin: str
    size: int
    root: bytes
    #: The signed note.
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedToVerify:
    """Positions after one and below the size that the walk began with."""

    name: ClassVar[str] = "feed_to_verify"
    writes: ClassVar[bool] = False
    after: int
    size: int
    limit: int

    def run(self, session: Session) -> tuple[StoredPosition, ...]:
        """The positions, in order."""
        rows = session.all(_FEED, {"after": self.after, "size": self.size, "limit": self.limit})
        return tuple(
            StoredPosition(
                position=row[0],
                inbox_id=str(row[1]),
                version=row[2],
                leaf_hash=bytes(row[3]),
                event_hash=None if row[4] is None else bytes(row[4]),
                previous=row[5],
            )
            for row in rows
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfedEvents:
    """Events that have no position and do not wait for one, after one event and up to an inbox."""

    name: ClassVar[str] = "unfed_events"
    writes: ClassVar[bool] = False
    after: str
    after_version: int
    until: str
    limit: int

    def run(self, session: Session) -> tuple[tuple[str, int], ...]:
        """Inbox and version of each."""
        values = {
            "after": self.after,
            "after_version": self.after_version,
            "until": self.until,
            "limit": self.limit,
        }
        return tuple((str(row[0]), int(row[1])) for row in session.all(_UNFED, values))


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueToVerify:
    """Rows of the queue after one."""

    name: ClassVar[str] = "queue_to_verify"
    writes: ClassVar[bool] = False
    after: int
    limit: int

    def run(self, session: Session) -> tuple[StoredWait, ...]:
        """The rows, in order."""
        rows = session.all(_QUEUE, {"after": self.after, "limit": self.limit})
        return tuple(
            StoredWait(seq=row[0], inbox_id=str(row[1]), version=row[2], is_event=row[3] is not None, position=row[4])
            for row in rows
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointsToVerify:
    """Checkpoints after one (by size and origin) and up to a size."""

    name: ClassVar[str] = "checkpoints_to_verify"
    writes: ClassVar[bool] = False
    after: int
    after_origin: str
    until: int
    limit: int

    def run(self, session: Session) -> tuple[StoredCheckpoint, ...]:
        """The checkpoints, in order of size and origin."""
        values = {
            "after": self.after,
            "after_origin": self.after_origin,
            "until": self.until,
            "limit": self.limit,
        }
        return tuple(
            StoredCheckpoint(origin=row[0], size=row[1], root=bytes(row[2]), note=row[3])
            for row in session.all(_CHECKPOINTS, values)
        )
