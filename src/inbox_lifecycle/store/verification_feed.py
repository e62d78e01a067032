"""What `verify` reads of the feed: positions with what stands behind them, the queue, and what was signed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from inbox_lifecycle.store.feed import LEVELS
from inbox_lifecycle.store.looks import FIRST_ID, LAST_ID
from inbox_lifecycle.store.rows import stored_bytes, stored_version
from inbox_lifecycle.store.session import Row, Session

# A position with its event's hash, and the position of the inbox's event before it. Not by joins: on tables that were
# never analysed they would read all of both for every page.
_FEED = """
select f.position, {inbox_id}, f.version, f.leaf_hash,
       (select e.hash from {s}inbox_events e where e.inbox_id = f.inbox_id and e.version = f.version),
       (select p.position from {s}inbox_feed p where p.inbox_id = f.inbox_id and p.version = f.version - 1)
from {s}inbox_feed f
where f.position >= cast(:begin as bigint) and f.position < cast(:size as bigint)
order by f.position
limit cast(:limit as integer)
"""

FEED_POSTGRESQL = _FEED.replace("{inbox_id}", "cast(f.inbox_id as text)")
FEED_SQLITE = _FEED.replace("{inbox_id}", "f.inbox_id")

# One statement, so that a sealer that moves an event from the queue to the feed is seen before it or after it.
UNFED = """
select e.inbox_id, e.version
from {s}inbox_events e
where (e.inbox_id, e.version) > (cast(:after as {id}), cast(:after_version as integer))
  and e.inbox_id <= cast(:until as {id})
  and not exists (select 1 from {s}inbox_feed f where f.inbox_id = e.inbox_id and f.version = e.version)
  and not exists (select 1 from {s}inbox_feed_queue q where q.inbox_id = e.inbox_id and q.version = e.version)
order by e.inbox_id, e.version
limit cast(:limit as integer)
"""

QUEUE = """
select q.seq, q.inbox_id, q.version,
       (select 1 from {s}inbox_events e where e.inbox_id = q.inbox_id and e.version = q.version and e.hash = q.hash),
       (select f.position from {s}inbox_feed f where f.inbox_id = q.inbox_id and f.version = q.version)
from {s}inbox_feed_queue q
where q.seq >= cast(:begin as bigint)
order by q.seq
limit cast(:limit as integer)
"""

# Both in one statement: a sealer moves them together.
HEAD_POSTGRESQL = """
select (select h.next_position from {s}inbox_feed_head h where h.one = 1),
       (select coalesce(max(f.position) + 1, 0) from {s}inbox_feed f)
"""

STRAY = f"""
select count(*) from {{s}}inbox_tree_nodes n
where n.number < 0 or n.level < {LEVELS.start} or n.level >= {LEVELS.stop}
"""  # noqa: S608 - constants

# Of one size there may be several, by origin. No origin is a bound: what comes last is the collation's affair.
CHECKPOINTS = """
select c.origin, c.size, c.root, c.note
from {s}inbox_checkpoints c
where c.size > cast(:begin as bigint) and c.size <= cast(:until as bigint)
  and (c.size, c.origin) > (cast(:after as bigint), cast(:after_origin as text))
order by c.size, c.origin
limit cast(:limit as integer)
"""


# Ids that no walk over ids comes by: they begin behind the nil UUID.
OUTSIDE = """
select i.id from {s}inboxes i where i.id <= cast(:first as {id}) or i.id > cast(:last as {id})
union
select e.inbox_id from {s}inbox_events e where e.inbox_id <= cast(:first as {id}) or e.inbox_id > cast(:last as {id})
"""


_HASH_LENGTH = 32


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
class StoredHead:
    """What the sequencers' row says, with what it should agree with."""

    #: None where it is gone.
    next_position: int | None
    #: One more than the last position.
    size: int


@dataclass(frozen=True, slots=True)
class FeedHead:
    """The row that sequencers lock, which knows the next position."""

    name: ClassVar[str] = "feed_head"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> StoredHead | None:
        """What it says; None on SQLite, which has none."""
        row = None if session.backend.is_sqlite else session.one(HEAD_POSTGRESQL)
        return None if row is None else StoredHead(next_position=row[0], size=row[1])


@dataclass(frozen=True, slots=True)
class StrayNodes:
    """Nodes where none can be."""

    name: ClassVar[str] = "stray_nodes"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> int:
        """How many there are."""
        row = session.one(STRAY)
        return 0 if row is None else int(row[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedToVerify:
    """Positions from one on and below the size that the walk began with."""

    name: ClassVar[str] = "feed_to_verify"
    writes: ClassVar[bool] = False
    begin: int
    size: int
    limit: int

    def run(self, session: Session) -> list[Row]:
        """The positions' rows, in order, for `leaf_of` and `stored_position`."""
        template = FEED_SQLITE if session.backend.is_sqlite else FEED_POSTGRESQL
        values = {"begin": self.begin, "size": self.size, "limit": self.limit}
        return session.page(template, values)


def sound_leaf(row: Row, expected: int) -> bytes | None:
    """The leaf hash of a row of `FeedToVerify` with which nothing is wrong, standing at the expected position."""
    position, _, version, leaf_hash, event_hash, previous = row
    if (
        position == expected
        and isinstance(leaf_hash, bytes)
        and len(leaf_hash) == _HASH_LENGTH
        and event_hash == leaf_hash
        and isinstance(version, int)
        and (version <= 1 or (previous is not None and previous <= position))
    ):
        return leaf_hash
    return None


def stored_position(row: Row) -> StoredPosition:
    """A row of `FeedToVerify`."""
    return StoredPosition(
        position=row[0],
        inbox_id=str(row[1]),
        version=stored_version(row[2]),
        leaf_hash=stored_bytes(row[3]),
        event_hash=None if row[4] is None else stored_bytes(row[4]),
        previous=row[5],
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
        return tuple((str(row[0]), stored_version(row[1])) for row in session.all(UNFED, values))


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueToVerify:
    """Rows of the queue from one on."""

    name: ClassVar[str] = "queue_to_verify"
    writes: ClassVar[bool] = False
    begin: int
    limit: int

    def run(self, session: Session) -> tuple[StoredWait, ...]:
        """The rows, in order."""
        rows = session.all(QUEUE, {"begin": self.begin, "limit": self.limit})
        return tuple(
            StoredWait(seq=row[0], inbox_id=str(row[1]), version=row[2], is_event=row[3] is not None, position=row[4])
            for row in rows
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointsToVerify:
    """Checkpoints of sizes after one and up to another, after one checkpoint."""

    name: ClassVar[str] = "checkpoints_to_verify"
    writes: ClassVar[bool] = False
    begin: int
    after: int
    after_origin: str
    until: int
    limit: int

    def run(self, session: Session) -> tuple[StoredCheckpoint, ...]:
        """The checkpoints, in order of size and origin."""
        values = {
            "begin": self.begin,
            "after": self.after,
            "after_origin": self.after_origin,
            "until": self.until,
            "limit": self.limit,
        }
        return tuple(
            StoredCheckpoint(origin=row[0], size=row[1], root=stored_bytes(row[2]), note=str(row[3]))
            for row in session.all(CHECKPOINTS, values)
        )


@dataclass(frozen=True, slots=True)
class OutsideIds:
    """Ids of inboxes and events that no walk over ids comes by."""

    name: ClassVar[str] = "outside_ids"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> list[str]:
        """The ids."""
        return [str(row[0]) for row in session.all(OUTSIDE, {"first": FIRST_ID, "last": LAST_ID})]
