"""The Merkle tree over the feed: roots, and proofs that an entry is in it and that it only ever grew.

A log of n entries has one root. The hash of a leaf is SHA-256 over 0x00 and the entry, that of a node SHA-256 over 0x01
and its two children, so that nobody can pass a node off as an entry. The left child covers the largest power of two
that is smaller than n: subtrees on the left are full and never change, and only the right edge moves as the log grows.
An inclusion proof lists the siblings on the way from a leaf to the root; with the leaf they give the root again. A
consistency proof from size m to size n lists the subtrees from which both roots follow: the first m leaves of the
larger log are then those of the smaller one, and nothing was removed, changed or put in between. Both have about
log2(n) hashes. Size and root, once signed, therefore commit to every entry before them, and to their order.

Sources: RFC 6962, section 2.1 (the tree); RFC 9162, section 2.1 (the same tree, and how proofs are verified). Here a
proof is first told as ranges of leaves, in its own order: makers hash the ranges, verifiers only need where they lie.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from inbox_lifecycle.codec import leaf_hash
from inbox_lifecycle.errors import InvalidInput, ProofInvalid

__all__ = [
    "EMPTY_ROOT",
    "HASH_LENGTH",
    "SIZE_BOUND",
    "CompactRange",
    "consistency_proof",
    "consistency_ranges",
    "inclusion_proof",
    "inclusion_ranges",
    "is_hash",
    "is_size",
    "leaf_hash",
    "node_hash",
    "root",
    "verify_consistency",
    "verify_inclusion",
]

#: Bytes of a hash.
HASH_LENGTH = 32
#: The root of a tree without leaves: SHA-256 of nothing.
EMPTY_ROOT = hashlib.sha256().digest()
#: Sizes stay below this, as in the databases' integers.
SIZE_BOUND = 2**63

_NODE = b"\x01"


def node_hash(left: bytes, right: bytes) -> bytes:
    """The RFC 6962 hash of a node: SHA-256 over 0x01 and the hashes of its two children."""
    return hashlib.sha256(_NODE + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """The root of the tree over these leaves, in this order (RFC 6962, section 2.1: the Merkle Tree Hash).

    Args:
        leaf_hashes: the hashes of the leaves, of 32 bytes each; without any, the root is SHA-256 of nothing.

    Raises:
        InvalidInput: one of them is not a hash.
    """
    level = list(leaf_hashes)
    if not all(map(is_hash, level)):
        raise InvalidInput("a leaf hash is not 32 bytes: pass what leaf_hash gives")
    # A last one without a sibling goes up as it is, which is where the RFC's recursion puts it too.
    # As `node_hash` has it; a tree is built anew of millions of them.
    sha256 = hashlib.sha256
    while len(level) > 1:
        alone = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(_NODE + left + right).digest() for left, right in pairs] + alone
    return level[0] if level else EMPTY_ROOT


def inclusion_ranges(index: int, tree_size: int) -> list[tuple[int, int]]:
    """The leaf ranges [begin, end) whose roots are the inclusion proof of a leaf, in the proof's order.

    Each is a full aligned subtree, or reaches to the right edge of the tree.

    Raises:
        InvalidInput: the tree has no leaf of this index.
    """
    if not (is_size(tree_size) and is_size(index) and index < tree_size):
        raise InvalidInput("the tree has no leaf of this index: pass one from 0 to the tree's size, less one")
    siblings = []
    begin, end = 0, tree_size
    while end - begin > 1:
        middle = _middle(begin, end)
        if index < middle:
            siblings.append((middle, end))
            end = middle
        else:
            siblings.append((begin, middle))
            begin = middle
    siblings.reverse()
    return siblings


def consistency_ranges(size1: int, size2: int) -> list[tuple[int, int]]:
    """The leaf ranges [begin, end) whose roots are the consistency proof between two sizes, in the proof's order.

    Each is a full aligned subtree, or reaches to the right edge of the larger tree or of the smaller one. Where the
    smaller tree is itself a subtree of the larger, its root is left out, as the verifier has it; otherwise the first
    range is the one that ends where the smaller tree ends.

    Raises:
        InvalidInput: size1 is not from 1 to size2.
    """
    if not (is_size(size1) and is_size(size2) and 0 < size1 <= size2):
        raise InvalidInput("there is no proof between these sizes: pass a size from 1 to that of the larger tree")
    ranges = []
    begin, end = 0, size2
    while end != size1:
        middle = _middle(begin, end)
        if size1 <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((begin, middle))
            begin = middle
    if begin:
        ranges.append((begin, end))
    ranges.reverse()
    return ranges


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The proof that a leaf is in the tree over these leaves (RFC 6962, section 2.1.1), from its sibling upwards.

    Raises:
        InvalidInput: there is no leaf of this index, or one of them is not a hash.
    """
    return [root(leaf_hashes[begin:end]) for begin, end in inclusion_ranges(index, len(leaf_hashes))]


def consistency_proof(leaf_hashes: Sequence[bytes], size1: int) -> list[bytes]:
    """The proof that the tree over all these leaves extends the one over the first `size1` (RFC 6962, section 2.1.2).

    Raises:
        InvalidInput: size1 is not from 1 to the number of leaves, or one of them is not a hash.
    """
    return [root(leaf_hashes[begin:end]) for begin, end in consistency_ranges(size1, len(leaf_hashes))]


def verify_inclusion(index: int, tree_size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf stands at this index in the tree of this size and root (RFC 9162, section 2.1.3.2).

    A root alone does not fix the size: take both from one signed checkpoint, as they are signed together.

    Args:
        index: where the leaf stands, from 0.
        tree_size: how many leaves the tree has.
        leaf_hash: the leaf's hash.
        proof: a list or tuple of hashes, from the leaf's sibling upwards.
        root: the tree's root.

    Raises:
        ProofInvalid: the proof does not lead from the leaf to the root, or anything here is malformed.
    """
    _check(is_size(tree_size) and is_size(index) and index < tree_size, "the tree has no leaf of this index")
    _check(is_hash(leaf_hash) and is_hash(root), "the leaf's hash or the root is not 32 bytes")
    ranges = inclusion_ranges(index, tree_size)
    _check_length(proof, len(ranges))
    reached = leaf_hash
    for (begin, _), sibling in zip(ranges, proof, strict=True):
        reached = node_hash(reached, sibling) if index < begin else node_hash(sibling, reached)
    _check(reached == root, "it leads to another root")


def verify_consistency(size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of size2 and root2 extends the one of size1 and root1 (RFC 9162, section 2.1.4.2).

    Args:
        size1: how many leaves the smaller tree has; at least one, since nothing follows from an empty tree.
        size2: how many the larger one has. Where it is the same size, the proof is empty and the roots are equal.
        root1: the root of the smaller tree.
        root2: the root of the larger one.
        proof: a list or tuple of hashes.

    Raises:
        ProofInvalid: the proof does not lead to both roots, or anything here is malformed.
    """
    _check(is_size(size1) and is_size(size2) and 0 < size1 <= size2, "there is no proof between these sizes")
    _check(is_hash(root1) and is_hash(root2), "a root is not 32 bytes")
    ranges = consistency_ranges(size1, size2)
    _check_length(proof, len(ranges))
    steps = list(zip(ranges, proof, strict=True))
    # The subtree that ends where the smaller tree ends; left out where it is the whole smaller tree.
    given = bool(ranges) and ranges[0][1] == size1
    reached1 = reached2 = proof[0] if given else root1
    for (_, end), sibling in steps[given:]:
        if end <= size1:
            reached1, reached2 = node_hash(sibling, reached1), node_hash(sibling, reached2)
        else:
            reached2 = node_hash(reached2, sibling)
    _check(reached1 == root1, "it leads to another root of the smaller tree")
    _check(reached2 == root2, "it leads to another root of the larger tree")


class CompactRange:
    """The root of a growing tree, kept in the roots of its full subtrees: at most one for each bit of the size.

    The field calls this a compact range that begins at leaf 0. Its state (`size` and `hashes`) can be stored and taken
    up again.
    """

    __slots__ = ("_hashes", "_size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """Begin with nothing, or take up again what `size` and `hashes` said.

        Raises:
            InvalidInput: there are not as many hashes as a tree of this size has full subtrees.
        """
        kept = list(hashes)
        if not (is_size(size) and size.bit_count() == len(kept) and all(is_hash(one) for one in kept)):
            raise InvalidInput("size and hashes are not of one tree: pass both as they were kept")
        self._size = size
        self._hashes = kept

    @property
    def size(self) -> int:
        """How many leaves were taken."""
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The roots of the full subtrees, from the largest on the left to the smallest on the right."""
        return tuple(self._hashes)

    def append(self, leaf_hash: bytes) -> None:
        """Take the next leaf, given by its hash.

        Raises:
            InvalidInput: it is not a hash.
        """
        if not is_hash(leaf_hash):
            raise InvalidInput("a leaf hash is not 32 bytes: pass what leaf_hash gives")
        # A million leaves come through here: every bit that the addition carries over closes one subtree.
        carried = self._size
        hashes = self._hashes
        while carried & 1:
            leaf_hash = hashlib.sha256(_NODE + hashes.pop() + leaf_hash).digest()
            carried >>= 1
        hashes.append(leaf_hash)
        self._size += 1

    def root(self) -> bytes:
        """The root of the tree as it stands."""
        if not self._hashes:
            return EMPTY_ROOT
        *left, reached = self._hashes
        for sibling in reversed(left):
            reached = node_hash(sibling, reached)
        return reached


def is_size(value: object) -> bool:
    """Whether it can be a tree's size, or a leaf's index: an integer from 0 to below the bound."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < SIZE_BOUND


def is_hash(value: object) -> bool:
    """Whether it has the form of a hash: 32 bytes."""
    return isinstance(value, bytes) and len(value) == HASH_LENGTH


def _middle(begin: int, end: int) -> int:
    """Where a subtree of more than one leaf splits: after the largest power of two that is smaller than it."""
    return begin + (1 << (end - begin - 1).bit_length() - 1)


def _check_length(proof: object, expected: int) -> None:
    _check(isinstance(proof, list | tuple) and all(is_hash(one) for one in proof), "it is not a list of hashes")
    _check(isinstance(proof, list | tuple) and len(proof) == expected, "it has more or fewer hashes than such a proof")


def _check(holds: bool, why: str) -> None:  # noqa: FBT001 - the condition is what the sentence begins with
    if not holds:
        raise ProofInvalid(f"the proof is invalid: {why}: do not trust what came with it")
