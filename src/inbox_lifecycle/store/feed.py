"""The feed's statements: events into positions, positions into pages, and the nodes of the tree over them.

How positions are given (PostgreSQL):
    - One sequencer at a time: it locks the head row, and who finds it locked does nothing. The row is read again once
      it is locked, which no advisory lock would do: a statement's snapshot is older than its lock.
    - Never by transaction id, and not by queue number alone. A host's transaction may have drawn either long before it
      appended. An event that is picked takes all queued ones of its inbox before it along, and an inbox's events are
      placed by the largest number among those up to them.
    - Whoever sees an inbox's event sees the one before it as well, for that one had been committed before.
    - Those before it are looked for where they are not picked themselves and have no position yet, which is next to
      never. Looked up each time, they would be so by reading the whole queue, as soon as PostgreSQL takes it for empty.
    - Where nothing waits, nothing is locked, for a lock takes a transaction id.
On SQLite there is one writer: the queue's order is the order of commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import msgspec

from inbox_lifecycle.errors import HistoryError
from inbox_lifecycle.records import FedEvent
from inbox_lifecycle.store.rows import EVENT_COLUMNS, read_event, stored_bytes
from inbox_lifecycle.store.session import Session

#: Leaves, or nodes of the level below, under one stored node.
FAN_OUT = 256
#: Stored levels: enough for 256^5 events.
LEVELS = range(1, 6)
_HASH_LENGTH = 32

SEAL_POSTGRESQL = """
with head as materialized (
    select next_position from {s}inbox_feed_head
    where one = 1 and (select min(q.seq) from {s}inbox_feed_queue q) is not null for update skip locked
), picked as materialized (
    select q.ctid as at, q.inbox_id, q.version from {s}inbox_feed_queue q
    where exists (select from head) order by q.seq limit cast(:limit as integer)
), reached as materialized (
    select p.inbox_id, min(p.version) as first, max(p.version) as version, count(*) as many from picked p
    group by p.inbox_id
), earlier as (
    select low.at from reached r cross join lateral (
        select q.ctid as at from {s}inbox_feed_queue q
        where q.inbox_id = r.inbox_id and q.version <= r.version offset 0
    ) low
    where r.many <= r.version - r.first or (r.first > 1 and not exists (
        select 1 from {s}inbox_feed f where f.inbox_id = r.inbox_id and f.version = r.first - 1 offset 0))
), taken as (
    delete from {s}inbox_feed_queue where ctid = any(array(
        select p.at from picked p union all select e.at from earlier e
    ))
    returning seq, inbox_id, version, hash
), ranked as (
    select t.inbox_id, t.version, t.hash, max(t.seq) over (partition by t.inbox_id order by t.version) as rank
    from taken t
), fed as (
    insert into {s}inbox_feed (position, inbox_id, version, leaf_hash)
    select h.next_position + row_number() over (order by r.rank, r.version) - 1, r.inbox_id, r.version, r.hash
    from ranked r cross join head h
    order by 1
    returning 1
), moved as (
    update {s}inbox_feed_head set next_position = next_position + (select count(*) from taken)
    where one = 1 and exists (select from taken)
)
select (select count(*) from fed),
       exists (select from head) or (select min(q.seq) from {s}inbox_feed_queue q) is null
"""

SEAL_SQLITE_BOUND = """
select max(seq), count(*) from (select seq from inbox_feed_queue order by seq limit :limit)
"""
SEAL_SQLITE_FEED = """
insert into inbox_feed (position, inbox_id, version, leaf_hash)
select (select coalesce(max(position) + 1, 0) from inbox_feed) + row_number() over (order by q.seq) - 1,
       q.inbox_id, q.version, q.hash
from inbox_feed_queue q where q.seq <= :bound order by q.seq
"""
SEAL_SQLITE_TAKE = "delete from inbox_feed_queue where seq <= :bound"

# Every number by the end of an index, however long the feed is.
_EXTENT_OF_LEVEL = "coalesce((select max(n.number) + 1 from {s}inbox_tree_nodes n where n.level = {level}), 0)"
_EXTENTS = [_EXTENT_OF_LEVEL.replace("{level}", str(level)) for level in LEVELS]
EXTENT = ", ".join(["select coalesce((select max(f.position) + 1 from {s}inbox_feed f), 0)", *_EXTENTS])

UNSEALED = "select count(*) from {s}inbox_feed_queue"

LEAVES = """
select f.leaf_hash from {s}inbox_feed f
where f.position >= cast(:begin as bigint) and f.position < cast(:end as bigint) order by f.position
"""
NODES = """
select n.hash from {s}inbox_tree_nodes n
where n.level = cast(:level as smallint) and n.number >= cast(:begin as bigint) and n.number < cast(:end as bigint)
order by n.number
"""

# A row for each block, its hashes end to end: all that some proofs need in one trip, and one value a block to decode.
BLOCKS_POSTGRESQL = """
select case when b.level = 0 then (
    select string_agg(f.leaf_hash, cast('' as bytea) order by f.position) from {s}inbox_feed f
    where f.position >= b.begin and f.position < b.past
) else (
    select string_agg(n.hash, cast('' as bytea) order by n.number) from {s}inbox_tree_nodes n
    where n.level = b.level and n.number >= b.begin and n.number < b.past
) end
from jsonb_to_recordset(cast(cast(:blocks as text) as jsonb))
    as b(place integer, level smallint, begin bigint, past bigint)
order by b.place
"""

PLANT_POSTGRESQL = """
insert into {s}inbox_tree_nodes (level, number, hash)
select cast(:level as smallint), cast(:first as bigint) + t.ordinality - 1, t.hash
from unnest(cast(:hashes as bytea[])) with ordinality as t(hash, ordinality)
on conflict (level, number) do nothing
"""
PLANT_SQLITE = """
insert into inbox_tree_nodes (level, number, hash)
select :level, :number, :hash
where not exists (select 1 from inbox_tree_nodes n where n.level = :level and n.number = :number)
"""

PAGE = f"""
select {EVENT_COLUMNS}, f.position
from {{s}}inbox_feed f join {{s}}inbox_events e on e.inbox_id = f.inbox_id and e.version = f.version
where f.position > cast(:after as bigint)
order by f.position
limit cast(:limit as integer)
"""  # noqa: S608 - constants and our own schema only


@dataclass(frozen=True, slots=True)
class Batch:
    """What one round of sealing did."""

    #: Events that got their positions.
    fed: int
    #: Whether this round had the turn; without it, nothing fed does not mean nothing left.
    had_turn: bool


@dataclass(frozen=True, slots=True)
class Extent:
    """How far the feed and the tree over it reach."""

    #: Positions given.
    size: int
    #: Nodes stored, by level from 1 on.
    nodes: tuple[int, ...]

    def complete(self, level: int) -> int:
        """How many nodes of a level, or leaves at level 0, there are."""
        return self.size if level == 0 else self.nodes[level - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealBatch:
    """Give positions to events that wait in the queue."""

    name: ClassVar[str] = "seal_batch"
    writes: ClassVar[bool] = True
    limit: int

    def run(self, session: Session) -> Batch:
        """What was done."""
        if session.backend.is_sqlite:
            return self._run_on_sqlite(session)
        row = session.one_planned_anew(SEAL_POSTGRESQL, {"limit": self.limit})
        return Batch(0, had_turn=False) if row is None else Batch(int(row[0]), bool(row[1]))

    def _run_on_sqlite(self, session: Session) -> Batch:
        row = session.one(SEAL_SQLITE_BOUND, {"limit": self.limit})
        if row is None or row[0] is None:
            return Batch(0, had_turn=True)
        session.run(SEAL_SQLITE_FEED, {"bound": row[0]})
        session.run(SEAL_SQLITE_TAKE, {"bound": row[0]})
        return Batch(int(row[1]), had_turn=True)


@dataclass(frozen=True, slots=True)
class FeedExtent:
    """How far feed and tree reach."""

    name: ClassVar[str] = "feed_extent"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> Extent:
        """The extent."""
        size, *nodes = session.one(EXTENT) or (0, *(0 for _ in LEVELS))
        return Extent(int(size), tuple(int(count) for count in nodes))


@dataclass(frozen=True, slots=True)
class Unsealed:
    """How many events wait for their positions."""

    name: ClassVar[str] = "unsealed"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> int:
        """The number."""
        row = session.one(UNSEALED)
        return 0 if row is None else int(row[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeHashes:
    """Hashes of a level, from one number up to another: leaves at level 0, stored nodes above."""

    name: ClassVar[str] = "tree_hashes"
    writes: ClassVar[bool] = False
    level: int
    begin: int
    end: int

    def run(self, session: Session) -> list[bytes]:
        """The hashes, in order."""
        values = {"level": self.level, "begin": self.begin, "end": self.end}
        return [stored_bytes(row[0]) for row in session.all(NODES if self.level else LEAVES, values)]


@dataclass(frozen=True, slots=True)
class Block:
    """Nodes of a level, or leaves at level 0, from one number up to another."""

    level: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeBlocks:
    """Several ranges of hashes, each of a level."""

    name: ClassVar[str] = "tree_blocks"
    writes: ClassVar[bool] = False
    blocks: tuple[Block, ...]

    def run(self, session: Session) -> list[list[bytes]]:
        """The hashes of each, in order; fewer where some are not there."""
        if session.backend.is_sqlite:
            return [
                TreeHashes(level=block.level, begin=block.begin, end=block.end).run(session) for block in self.blocks
            ]
        asked = [
            {"place": place, "level": block.level, "begin": block.begin, "past": block.end}
            for place, block in enumerate(self.blocks)
        ]
        rows = session.all(BLOCKS_POSTGRESQL, {"blocks": msgspec.json.encode(asked).decode()})
        return [_cut(bytes(row[0] or b"")) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantNodes:
    """Store nodes of a level; those that are there already stay."""

    name: ClassVar[str] = "plant_nodes"
    writes: ClassVar[bool] = True
    level: int
    first: int
    hashes: Sequence[bytes] = field(repr=False)

    def run(self, session: Session) -> None:
        """Store them."""
        if not session.backend.is_sqlite:
            session.run(PLANT_POSTGRESQL, {"level": self.level, "first": self.first, "hashes": list(self.hashes)})
            return
        for number, node in enumerate(self.hashes, self.first):
            session.run(PLANT_SQLITE, {"level": self.level, "number": number, "hash": node})


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """Events after a position, in order."""

    name: ClassVar[str] = "feed_page"
    writes: ClassVar[bool] = False
    after: int
    limit: int

    def run(self, session: Session) -> tuple[FedEvent, ...]:
        """The events."""
        events: list[FedEvent] = []
        for row in session.all(PAGE, {"after": self.after, "limit": self.limit}):
            try:
                events.append(FedEvent(int(row[-1]), read_event(row)))
            except HistoryError:
                # The page ends before an event that cannot be read; a page that begins with it says so.
                if not events:
                    raise
                break
        return tuple(events)


def _cut(hashes: bytes) -> list[bytes]:
    """Hashes that stand end to end. Where one is of another length, those behind it are others, and prove nothing."""
    return [hashes[start : start + _HASH_LENGTH] for start in range(0, len(hashes), _HASH_LENGTH)]
