"""The Merkle tree against the RFCs' own words written as code: every small tree wholly, larger ones by example."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inbox_lifecycle.audit.merkle import (
    SIZE_BOUND,
    CompactRange,
    consistency_proof,
    consistency_ranges,
    inclusion_proof,
    inclusion_ranges,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from inbox_lifecycle.errors import ProofInvalid
from tests.support import rfc_merkle

#: Trees up to this size are tried wholly.
LARGEST = 40
#: And up to this one with every proof spoiled in every way.
SPOILED = 13

STEADY = settings(derandomize=True, database=None, deadline=None, max_examples=300)

ENTRIES = [f"entry {number}".encode() for number in range(LARGEST)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
SIZES = range(LARGEST + 1)

HASHES = st.binary(min_size=32, max_size=32)
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63, 2**64, -(2**63), 10**400]),
    st.floats(),
    st.text(max_size=40),
    st.binary(max_size=40),
    st.lists(HASHES | st.none() | st.integers(), max_size=6),
    st.dictionaries(st.integers(), HASHES, max_size=3),
)


@cache
def expected_root(size: int) -> bytes:
    """The root of the first entries, by the RFC's recursion."""
    return rfc_merkle.mth(ENTRIES[:size])


def accepts(verify: Any, *args: Any) -> bool:
    """Whether the library takes the proof; any other error than its own comes through."""
    try:
        verify(*args)
    except ProofInvalid:
        return False
    return True


def well_formed(value: Any, like: Any) -> bool:
    """Whether the value is what a parameter like this one wants."""
    if isinstance(like, int):
        return type(value) is int and 0 <= value < SIZE_BOUND
    if isinstance(like, bytes):
        return type(value) is bytes and len(value) == 32
    return isinstance(value, list | tuple) and all(well_formed(one, b"") for one in value)


def spoiled(proof: list[bytes]) -> Iterator[list[bytes]]:
    """The proof with a bit turned, with a part left out, doubled or put elsewhere, and with something added."""
    for place in range(len(proof)):
        for bit in (0, 7, 128, 255):
            turned = bytearray(proof[place])
            turned[bit // 8] ^= 1 << bit % 8
            yield [*proof[:place], bytes(turned), *proof[place + 1 :]]
        yield proof[:place] + proof[place + 1 :]
        yield [*proof[:place], proof[place], *proof[place:]]
        for other in range(place):
            swapped = list(proof)
            swapped[place], swapped[other] = proof[other], proof[place]
            yield swapped
    yield [*proof, bytes(32)]
    yield [bytes(32), *proof]


@pytest.mark.parametrize("size", SIZES)
def test_the_root_is_that_of_the_rfc(size: int) -> None:
    """At once and leaf by leaf, with as little state as was promised."""
    growing = CompactRange()
    for leaf in LEAVES[:size]:
        growing.append(leaf)
    assert root(LEAVES[:size]) == expected_root(size)
    assert growing.root() == expected_root(size)
    assert len(growing.hashes) == size.bit_count()


@pytest.mark.parametrize("size", SIZES)
def test_every_inclusion_proof_is_that_of_the_rfc(size: int) -> None:
    """Made as RFC 6962 says, and taken by our verifier as by the steps of RFC 9162."""
    for index in range(size):
        proof = inclusion_proof(LEAVES[:size], index)
        assert proof == rfc_merkle.path(index, ENTRIES[:size])
        assert rfc_merkle.includes(index, size, LEAVES[index], proof, expected_root(size))
        verify_inclusion(index, size, LEAVES[index], proof, expected_root(size))


@pytest.mark.parametrize("size2", SIZES)
def test_every_consistency_proof_is_that_of_the_rfc(size2: int) -> None:
    """Made as RFC 6962 says, and taken by our verifier as by the steps of RFC 9162."""
    for size1 in range(1, size2 + 1):
        proof = consistency_proof(LEAVES[:size2], size1)
        assert proof == rfc_merkle.proof(size1, ENTRIES[:size2])
        assert rfc_merkle.extends(size1, size2, expected_root(size1), expected_root(size2), proof)
        verify_consistency(size1, size2, expected_root(size1), expected_root(size2), proof)


@pytest.mark.parametrize("size", range(1, SPOILED + 1))
def test_no_spoiled_inclusion_proof_is_taken(size: int) -> None:
    """Nor the right one for another leaf, another index or another root."""
    whole = expected_root(size)
    for index in range(size):
        leaf, proof = LEAVES[index], inclusion_proof(LEAVES[:size], index)
        assert [one for one in spoiled(proof) if accepts(verify_inclusion, index, size, leaf, one, whole)] == []
        others = [other for other in range(-1, size + 2) if other != index]
        assert [one for one in others if accepts(verify_inclusion, one, size, leaf, proof, whole)] == []
        assert [
            one for one in LEAVES if one != leaf and accepts(verify_inclusion, index, size, one, proof, whole)
        ] == []
        roots = [expected_root(other) for other in SIZES if other != size]
        assert [one for one in roots if accepts(verify_inclusion, index, size, leaf, proof, one)] == []


@pytest.mark.parametrize("size2", range(1, SPOILED + 1))
def test_no_spoiled_consistency_proof_is_taken(size2: int) -> None:
    """Nor the right one for other roots."""
    for size1 in range(1, size2 + 1):
        root1, root2, proof = expected_root(size1), expected_root(size2), consistency_proof(LEAVES[:size2], size1)
        assert [one for one in spoiled(proof) if accepts(verify_consistency, size1, size2, root1, root2, one)] == []
        for size in SIZES:
            other = expected_root(size)
            assert other == root1 or not accepts(verify_consistency, size1, size2, other, root2, proof)
            assert other == root2 or not accepts(verify_consistency, size1, size2, root1, other, proof)


@pytest.mark.parametrize("size", range(1, SPOILED + 1))
def test_rewritten_log_does_not_extend_what_was_signed(size: int) -> None:
    """An entry changed, left out, put in or moved before the signed size leaves no proof that is taken."""
    signed, entries = expected_root(size), LEAVES[: 2 * SPOILED]
    other = leaf_hash(b"another entry")
    for place in range(size):
        rewritings = [
            [*entries[:place], other, *entries[place + 1 :]],
            entries[:place] + entries[place + 1 :],
            [*entries[:place], other, *entries[place:]],
            [*entries[:place], entries[place + 1], entries[place], *entries[place + 2 :]],
        ]
        # The last swaps with the entry behind the signed ones, or within them: either way the first ones change.
        for rewritten in rewritings:
            proof = consistency_proof(rewritten, size)
            assert not accepts(verify_consistency, size, len(rewritten), signed, root(rewritten), proof)


@STEADY
@given(st.data())
def test_inclusion_is_judged_as_by_the_steps_of_the_rfc(data: st.DataObject) -> None:
    """Other sizes with the same way to the root are the only strangers, and the same ones as there."""
    size = data.draw(st.integers(1, LARGEST))
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(LEAVES[:size], index)
    told_size = data.draw(st.integers(0, 2 * LARGEST))
    told_index = data.draw(st.just(index) | st.integers(0, 2 * LARGEST))
    told = data.draw(st.sampled_from([proof, *spoiled(proof)]))
    args = (told_index, told_size, LEAVES[index], told, expected_root(size))
    assert accepts(verify_inclusion, *args) == rfc_merkle.includes(*args)


@STEADY
@given(st.data())
def test_consistency_is_judged_as_by_the_steps_of_the_rfc(data: st.DataObject) -> None:
    """Other sizes with the same way to the roots are the only strangers, and the same ones as there."""
    size2 = data.draw(st.integers(1, LARGEST))
    size1 = data.draw(st.integers(1, size2))
    proof = consistency_proof(LEAVES[:size2], size1)
    told1, told2 = data.draw(st.just(size1) | st.integers(0, LARGEST)), data.draw(st.integers(0, 2 * LARGEST))
    told = data.draw(st.sampled_from([proof, *spoiled(proof)]))
    args = (told1, told2, expected_root(size1), expected_root(size2), told)
    assert accepts(verify_consistency, *args) == rfc_merkle.extends(*args)


@STEADY
@given(st.integers(0, 4), JUNK)
@example(0, 10**400)
@example(1, 10**400)
@example(1, float("nan"))
def test_malformed_inclusion_is_invalid_and_no_other_error(place: int, junk: Any) -> None:
    """Any one thing of another kind, at any place."""
    good: tuple[Any, ...] = (5, 7, LEAVES[5], inclusion_proof(LEAVES[:7], 5), expected_root(7))
    args = (*good[:place], junk, *good[place + 1 :])
    expected = well_formed(junk, good[place]) and rfc_merkle.includes(*args)
    assert accepts(verify_inclusion, *args) == expected


@STEADY
@given(st.integers(0, 4), JUNK)
@example(0, 10**400)
@example(1, 10**400)
@example(1, float("nan"))
def test_malformed_consistency_is_invalid_and_no_other_error(place: int, junk: Any) -> None:
    """Any one thing of another kind, at any place."""
    good: tuple[Any, ...] = (3, 7, expected_root(3), expected_root(7), consistency_proof(LEAVES[:7], 3))
    args = (*good[:place], junk, *good[place + 1 :])
    expected = well_formed(junk, good[place]) and rfc_merkle.extends(*args)
    assert accepts(verify_consistency, *args) == expected


@STEADY
@given(st.tuples(JUNK, JUNK, JUNK, JUNK, JUNK))
def test_nothing_but_junk_is_invalid_and_no_other_error(junk: tuple[Any, ...]) -> None:
    """No argument is looked at before it is known to be of its kind."""
    assert not accepts(verify_inclusion, *junk)
    assert not accepts(verify_consistency, *junk)


@STEADY
@given(st.lists(HASHES, min_size=1, max_size=300), st.data())
def test_larger_trees_hold_together(leaves: list[bytes], data: st.DataObject) -> None:
    """Proofs of any leaf and any earlier size are taken, and the streaming root is the one made at once."""
    size, growing = len(leaves), CompactRange()
    earlier, index = data.draw(st.integers(1, size)), data.draw(st.integers(0, size - 1))
    for leaf in leaves[:earlier]:
        growing.append(leaf)
    first = growing.root()
    for leaf in leaves[earlier:]:
        growing.append(leaf)
    assert growing.root() == root(leaves)
    verify_inclusion(index, size, leaves[index], inclusion_proof(leaves, index), growing.root())
    verify_consistency(earlier, size, first, growing.root(), consistency_proof(leaves, earlier))


def _covered(ranges: Sequence[tuple[int, int]]) -> list[int]:
    return sorted(place for begin, end in ranges for place in range(begin, end))


@STEADY
@given(st.integers(1, SIZE_BOUND - 1), st.data())
def test_ranges_are_full_aligned_subtrees_or_reach_an_edge(size: int, data: st.DataObject) -> None:
    """Whoever keeps the roots of full subtrees can answer every proof from them."""
    index, earlier = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    for begin, end in inclusion_ranges(index, size):
        assert _is_full(begin, end) or end == size
    for begin, end in consistency_ranges(earlier, size):
        assert _is_full(begin, end) or end in (size, earlier)


@pytest.mark.parametrize("size", range(1, LARGEST + 1))
def test_ranges_cover_all_that_the_verifier_does_not_know(size: int) -> None:
    """Each leaf but the one that is proven; each of the larger tree, or all past a smaller one that is its subtree."""
    for index in range(size):
        assert _covered([*inclusion_ranges(index, size), (index, index + 1)]) == list(range(size))
    for earlier in range(1, size + 1):
        known = [] if earlier & (earlier - 1) and earlier != size else [(0, earlier)]
        assert _covered([*consistency_ranges(earlier, size), *known]) == list(range(size))


def _is_full(begin: int, end: int) -> bool:
    width = end - begin
    return width.bit_count() == 1 and begin % width == 0
