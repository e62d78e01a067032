"""The tree as it is stored: roots of every 256 below, so that any proof reads a few short ranges.

Level 0 is the feed itself. A node of level n stands for 256 of the level below and is stored once these are complete,
so nothing stored ever changes. What reaches to the right edge is put together from complete nodes, from large to small.
"""

from __future__ import annotations

from collections.abc import Iterable

from inbox_lifecycle.audit import merkle
from inbox_lifecycle.errors import TreeInconsistent
from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.store.feed import FAN_OUT, LEVELS, Extent, FeedExtent, PlantNodes, TreeHashes

#: Height of a stored level over the one below it: 2^8 is 256.
HEIGHT = 8
#: Nodes planted by one statement, from as many blocks below.
_STRIDE = 32
#: Blocks kept in memory at most, 8 KiB each.
_KEPT = 512


def grow() -> Flow[Extent]:
    """Store the nodes that have become complete; how far the feed and the tree reach."""
    extent = yield from again(FeedExtent())
    nodes = list(extent.nodes)
    for level in LEVELS:
        below = extent.size if level == 1 else nodes[level - 2]
        for first in range(nodes[level - 1], below // FAN_OUT, _STRIDE):
            end = min(first + _STRIDE, below // FAN_OUT)
            yield from _plant(level, first, end)
            nodes[level - 1] = end
    return Extent(extent.size, tuple(nodes))


def _plant(level: int, first: int, end: int) -> Flow[None]:
    yield from again(PlantNodes(level=level, first=first, hashes=(yield from _follow(level, first, end))))


def _follow(level: int, first: int, end: int) -> Flow[list[bytes]]:
    """The nodes of a level from one number up to another, as they follow from what is below."""
    below = yield from again(TreeHashes(level=level - 1, begin=first * FAN_OUT, end=end * FAN_OUT))
    if len(below) != (end - first) * FAN_OUT:
        # What is stored never changes: nothing is stored that is not sure.
        raise TreeInconsistent(end * FAN_OUT**level, f"of level {level - 1} some are missing")
    return [merkle.root(below[begin : begin + FAN_OUT]) for begin in range(0, len(below), FAN_OUT)]


def require_nodes(begin: int, size: int) -> Flow[None]:
    """Nothing, if the nodes that were completed by the positions from `begin` up to `size` follow from their leaves.

    Raises:
        TreeInconsistent: one does not, or is missing.
    """
    for level in LEVELS:
        width = FAN_OUT**level
        for first in range(begin // width, size // width, _STRIDE):
            end = min(first + _STRIDE, size // width)
            stored = yield from again(TreeHashes(level=level, begin=first, end=end))
            if stored != (yield from _follow(level, first, end)):
                raise TreeInconsistent(size, f"a node of level {level} is not over what is below it")


class TreeReader:
    """The tree over the first `size` positions: what it reads it keeps, for proofs share most of their way."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._blocks: dict[tuple[int, int], list[bytes]] = {}

    def root(self) -> Flow[bytes]:
        """The root."""
        return (yield from self.root_of(0, self.size)) if self.size else merkle.EMPTY_ROOT

    def inclusion_proof(self, index: int) -> Flow[list[bytes]]:
        """The proof that the leaf is in the tree.

        Raises:
            InvalidInput: there is no such leaf.
        """
        return (yield from self._roots_of(merkle.inclusion_ranges(index, self.size)))

    def consistency_proof(self, size: int) -> Flow[list[bytes]]:
        """The proof that the tree extends the one over the first `size` positions.

        Raises:
            InvalidInput: it has none of that size.
        """
        return (yield from self._roots_of(merkle.consistency_ranges(size, self.size)))

    def root_of(self, begin: int, end: int) -> Flow[bytes]:
        """The root of the leaves from `begin` to before `end`: a complete subtree, or one that reaches the right edge.

        Raises:
            TreeInconsistent: nodes that should be there are not.
        """
        pieces: list[tuple[int, bytes]] = []
        for level in reversed(range(LEVELS.stop)):
            width = FAN_OUT**level
            if width > end - begin:
                continue
            hashes = yield from self._hashes(level, begin // width, end // width)
            pieces += [(level * HEIGHT, one) for one in hashes]
            begin = end // width * width
        return joined(pieces)

    def _roots_of(self, ranges: Iterable[tuple[int, int]]) -> Flow[list[bytes]]:
        roots = []
        for begin, end in ranges:
            roots.append((yield from self.root_of(begin, end)))
        return roots

    def _hashes(self, level: int, begin: int, end: int) -> Flow[list[bytes]]:
        hashes: list[bytes] = []
        for number in range(begin // FAN_OUT, -(-end // FAN_OUT)):
            block = yield from self._block(level, number)
            first = number * FAN_OUT
            hashes += block[max(begin - first, 0) : end - first]
        return hashes

    def _block(self, level: int, number: int) -> Flow[list[bytes]]:
        known = self._blocks.get((level, number))
        if known is not None:
            return known
        if len(self._blocks) >= _KEPT:
            self._blocks.clear()
        begin, end = number * FAN_OUT, min((number + 1) * FAN_OUT, self.size // FAN_OUT**level)
        read = yield from again(TreeHashes(level=level, begin=begin, end=end))
        if len(read) != end - begin:
            raise TreeInconsistent(self.size, f"nodes of level {level} are missing")
        self._blocks[level, number] = read
        return read


def joined(pieces: Iterable[tuple[int, bytes]]) -> bytes:
    """The root over complete subtrees side by side, given from left to right, none higher than the one before it.

    Args:
        pieces: height and hash of each.
    """
    stack: list[tuple[int, bytes]] = []
    for height, one in pieces:
        reached, above = one, height
        while stack and stack[-1][0] == above:
            reached, above = merkle.node_hash(stack.pop()[1], reached), above + 1
        stack.append((above, reached))
    if not stack:
        return merkle.EMPTY_ROOT
    reached = stack.pop()[1]
    while stack:
        reached = merkle.node_hash(stack.pop()[1], reached)
    return reached
