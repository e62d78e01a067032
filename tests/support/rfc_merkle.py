"""The Merkle tree written a second time, as the RFCs' own recursion and steps: slow, and plainly what they say.

Making is RFC 6962, section 2.1; verifying is RFC 9162, sections 2.1.3.2 and 2.1.4.2, step by step. Nothing here comes
from the library.
"""

from __future__ import annotations

from hashlib import sha256


def leaf(entry: bytes) -> bytes:
    """MTH({d(0)})."""
    return sha256(b"\x00" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def split(n: int) -> int:
    """The k of the RFC: the largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(entries: list[bytes]) -> bytes:
    """The Merkle Tree Hash of entries."""
    n = len(entries)
    if n == 0:
        return sha256(b"").digest()
    if n == 1:
        return leaf(entries[0])
    k = split(n)
    return node(mth(entries[:k]), mth(entries[k:]))


def path(m: int, entries: list[bytes]) -> list[bytes]:
    """PATH(m, D[n])."""
    n = len(entries)
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def proof(m: int, entries: list[bytes]) -> list[bytes]:
    """PROOF(m, D[n])."""
    return _subproof(m, entries, complete=True)


def _subproof(m: int, entries: list[bytes], *, complete: bool) -> list[bytes]:
    n = len(entries)
    if m == n:
        return [] if complete else [mth(entries)]
    k = split(n)
    if m <= k:
        return [*_subproof(m, entries[:k], complete=complete), mth(entries[k:])]
    return [*_subproof(m - k, entries[k:], complete=False), mth(entries[:k])]


def includes(index: int, size: int, leaf_hash: bytes, proof: list[bytes], root: bytes) -> bool:
    """Whether the steps of RFC 9162, section 2.1.3.2, end well."""
    if index >= size:
        return False
    fn, sn, reached = index, size - 1, leaf_hash
    for sibling in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            reached = node(sibling, reached)
            fn, sn = _shifted(fn, sn)
        else:
            reached = node(reached, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and reached == root


def extends(size1: int, size2: int, root1: bytes, root2: bytes, proof: list[bytes]) -> bool:
    """Whether the steps of RFC 9162, section 2.1.4.2, end well; equal trees need no steps, and empty ones have none."""
    if size1 == size2:
        return size1 > 0 and not proof and root1 == root2
    if not 0 < size1 < size2 or not proof:
        return False
    steps = [root1, *proof] if size1 & (size1 - 1) == 0 else list(proof)
    fn, sn = size1 - 1, size2 - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    reached1 = reached2 = steps[0]
    for step in steps[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            reached1, reached2 = node(step, reached1), node(step, reached2)
            fn, sn = _shifted(fn, sn)
        else:
            reached2 = node(reached2, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and reached1 == root1 and reached2 == root2


def _shifted(fn: int, sn: int) -> tuple[int, int]:
    """Both shifted until the lowest bit of fn is set, or fn is 0."""
    while not fn & 1 and fn:
        fn, sn = fn >> 1, sn >> 1
    return fn, sn
