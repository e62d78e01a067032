"""The tree as it is stored: roots of every 256 below, so that any proof reads a few short ranges.

Level 0 is the feed itself. A node of level n stands for 256 of the level below and is stored once these are complete,
so nothing stored ever changes. What reaches to the right edge is put together from complete nodes, from large to small.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

from inbox_lifecycle.audit import merkle
from inbox_lifecycle.errors import TreeInconsistent
from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.store.feed import FAN_OUT, LEVELS, Block, Extent, FeedExtent, PlantNodes, TreeBlocks, TreeHashes

#: Height of a stored level over the one below it: 2^8 is 256.
HEIGHT = 8
#: Nodes planted by one statement, from as many blocks below.
_STRIDE = 32
#: Blocks kept in memory at most, some 40 KiB each with all that is above them.
_KEPT = 256
#: Blocks read by one statement.
_AT_ONCE = 64


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
        #: By level and number: the block's hashes, and above them, row by row, those of the complete subtrees over two,
        #: four, eight of them, which every root and every proof is put together from.
        self._blocks: dict[tuple[int, int], list[list[bytes]]] = {}

    def root(self) -> Flow[bytes]:
        """The root."""
        return (yield from self.root_of(0, self.size)) if self.size else merkle.EMPTY_ROOT

    def inclusion_proof(self, index: int) -> Flow[list[bytes]]:
        """The proof that the leaf is in the tree.

        Raises:
            InvalidInput: there is no such leaf.
        """
        return (yield from self._roots_of(merkle.inclusion_ranges(index, self.size)))

    def inclusion_proofs(self, indexes: Sequence[int]) -> Flow[list[list[bytes]]]:
        """The proofs of several leaves, whose ways are read at once.

        Raises:
            InvalidInput: one of them is not there.
        """
        ways = [merkle.inclusion_ranges(index, self.size) for index in indexes]
        yield from self._read([leaves for way in ways for leaves in way])
        return [[self._made(*leaves) for leaves in way] for way in ways]

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
        yield from self._read([(begin, end)])
        return self._made(begin, end)

    def _roots_of(self, ranges: Sequence[tuple[int, int]]) -> Flow[list[bytes]]:
        yield from self._read(ranges)
        return [self._made(*leaves) for leaves in ranges]

    def _made(self, begin: int, end: int) -> bytes:
        """The root of leaves whose blocks were read."""
        return joined(top for level, first, past in _pieces(begin, end) for top in self._tops(level, first, past))

    def _tops(self, level: int, first: int, past: int) -> Iterator[tuple[int, bytes]]:
        """Height and root of the largest complete subtrees over these nodes, from left to right."""
        for number in _numbers(first, past):
            start, rows = number * FAN_OUT, self._blocks[level, number]
            at, end = max(first - start, 0), min(past - start, FAN_OUT)
            while at < end:
                height = (end - at).bit_length() - 1
                if at:
                    height = min(height, (at & -at).bit_length() - 1)
                yield level * HEIGHT + height, rows[height][at >> height]
                at += 1 << height

    def _read(self, ranges: Sequence[tuple[int, int]]) -> Flow[None]:
        """Read the blocks by which the roots of these leaves are made, those that are not there yet."""
        missing = self._missing(ranges)
        if len(self._blocks) + len(missing) > _KEPT:
            self._blocks.clear()
            missing = self._missing(ranges)
        for start in range(0, len(missing), _AT_ONCE):
            some = [self._block(*key) for key in missing[start : start + _AT_ONCE]]
            for block, hashes in zip(some, (yield from again(TreeBlocks(blocks=tuple(some)))), strict=True):
                if len(hashes) != block.end - block.begin:
                    raise TreeInconsistent(self.size, f"nodes of level {block.level} are missing")
                self._blocks[block.level, block.begin // FAN_OUT] = _rows(hashes)

    def _missing(self, ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        wanted = {
            (level, number)
            for leaves in ranges
            for level, first, past in _pieces(*leaves)
            for number in _numbers(first, past)
        }
        return sorted(wanted - self._blocks.keys())

    def _block(self, level: int, number: int) -> Block:
        return Block(level, number * FAN_OUT, min((number + 1) * FAN_OUT, self.size // FAN_OUT**level))


def _pieces(begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """What the leaves from `begin` to before `end` are made of: of each level, from which node to before which."""
    for level in reversed(range(LEVELS.stop)):
        width = FAN_OUT**level
        if width <= end - begin:
            yield level, begin // width, end // width
            begin = end // width * width


def _numbers(first: int, past: int) -> range:
    """The blocks that hold these nodes."""
    return range(first // FAN_OUT, -(-past // FAN_OUT))


def _rows(hashes: list[bytes]) -> list[list[bytes]]:
    """The hashes, and above them those of all complete subtrees: of two, of four, and so on."""
    rows = [hashes]
    # Most of a proof's time goes here: `merkle.node_hash`, written out.
    while len(hashes) > 1:
        hashes = [
            sha256(b"\x01" + left + right).digest() for left, right in zip(hashes[::2], hashes[1::2], strict=False)
        ]
        rows.append(hashes)
    return rows


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
