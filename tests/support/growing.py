"""Trees to grow and to read by themselves: a log in memory that answers their statements, and leaves put in raw."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, TypeVar

from inbox_lifecycle.audit import merkle
from inbox_lifecycle.flow import Flow, Once
from inbox_lifecycle.store.feed import FAN_OUT, LEVELS, Extent, FeedExtent, PlantNodes, TreeBlocks, TreeHashes
from tests.support.databases import TestDatabase

T = TypeVar("T")

_PUT = """
insert into {s}inbox_feed (position, inbox_id, version, leaf_hash)
values (?, '00000000-0000-7000-8000-000000000000', ?, ?)
"""


def leaves(count: int) -> list[bytes]:
    """That many leaf hashes, no two alike."""
    return [hashlib.sha256(number.to_bytes(8)).digest() for number in range(count)]


class Log:
    """A log in memory, asked as the database is: statement by statement."""

    def __init__(self, leaf_hashes: list[bytes]) -> None:
        self.leaves = leaf_hashes
        #: Stored nodes by level and number.
        self.nodes: dict[tuple[int, int], bytes] = {}
        #: Reads of hashes.
        self.reads = 0

    def run(self, flow: Flow[T], *, steps: int | None = None) -> T | None:
        """What the flow gives; None where it died after so many statements."""
        answer: Any = None
        try:
            while steps is None or steps > 0:
                answer = self.perform(flow.send(answer))
                steps = None if steps is None else steps - 1
        except StopIteration as end:
            value: T = end.value
            return value
        flow.close()
        return None

    def perform(self, step: Any) -> Any:
        """The answer to a step."""
        assert isinstance(step, Once)
        match step.statement:
            case FeedExtent():
                return self._extent()
            case TreeHashes(level=level, begin=begin, end=end):
                self.reads += 1
                assert end - begin <= 32 * FAN_OUT
                return self.hashes(level, begin, end)
            case TreeBlocks(blocks=blocks):
                self.reads += len(blocks)
                return [self.hashes(block.level, block.begin, block.end) for block in blocks]
            case PlantNodes(level=level, first=first, hashes=hashes):
                for number, one in enumerate(hashes, first):
                    self.nodes.setdefault((level, number), one)
                return None
        raise AssertionError(step)

    def hashes(self, level: int, begin: int, end: int) -> list[bytes]:
        """Those that are there of a level."""
        if level == 0:
            return self.leaves[begin:end]
        return [self.nodes[level, number] for number in range(begin, end) if (level, number) in self.nodes]

    def _extent(self) -> Extent:
        reached = [max((number + 1 for at, number in self.nodes if at == level), default=0) for level in LEVELS]
        return Extent(len(self.leaves), tuple(reached))

    def complete(self) -> set[tuple[int, int]]:
        """The nodes that are complete, by level and number."""
        sizes = ((level, len(self.leaves) // FAN_OUT**level) for level in LEVELS)
        return {(level, number) for level, count in sizes for number in range(count)}

    def expected(self) -> dict[tuple[int, int], bytes]:
        """The nodes that are complete, each as the root over all leaves below it."""
        return {
            (level, number): merkle.root(self.leaves[number * FAN_OUT**level : (number + 1) * FAN_OUT**level])
            for level, number in self.complete()
        }


class EvenLog(Log):
    """A log of any size whose leaves are all alike, so that each level has one hash."""

    def __init__(self, leaf_hash: bytes) -> None:
        super().__init__([])
        #: The root over 2^n such leaves, by n.
        self.full = [leaf_hash]
        while len(self.full) < 64:
            self.full.append(merkle.node_hash(self.full[-1], self.full[-1]))

    def hashes(self, level: int, begin: int, end: int) -> list[bytes]:
        """The one hash, as often as asked for."""
        return [self.full[8 * level]] * (end - begin)

    def root(self, size: int) -> bytes:
        """The root over that many."""
        if size & (size - 1) == 0:
            return self.full[size.bit_length() - 1]
        left = 1 << (size.bit_length() - 1)
        return merkle.node_hash(self.root(left), self.root(size - left))


def put(database: TestDatabase, leaf_hashes: list[bytes], *, first: int = 0) -> None:
    """Put leaves into a feed whose guards were taken off, as nothing about them is true."""
    with database.connect() as connection:
        sql = _PUT.replace("{s}", database.prefix)
        cursor = connection.cursor()
        rows: Iterator[tuple[int, int, bytes]] = (
            (first + number, first + number + 1, one) for number, one in enumerate(leaf_hashes)
        )
        cursor.executemany(sql if database.kind == "sqlite" else sql.replace("?", "%s"), rows)
        cursor.close()


def unguard(database: TestDatabase) -> None:
    """Take the feed's guards off."""
    if database.kind == "postgresql":
        database.execute("alter table {s}inbox_feed disable trigger all")
        return
    for trigger in ("inbox_feed_follows", "inbox_feed_once", "inbox_feed_holds_events"):
        database.execute(f"drop trigger {trigger}")
