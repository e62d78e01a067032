"""The Merkle tree on published examples: the tree drawn in the RFC, and the vectors that other logs test with."""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256
from typing import Any

import pytest

from inbox_lifecycle.audit.merkle import (
    EMPTY_ROOT,
    SIZE_BOUND,
    CompactRange,
    consistency_proof,
    consistency_ranges,
    inclusion_proof,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from inbox_lifecycle.errors import InvalidInput, ProofInvalid

#: Leaves and roots that implementations of Certificate Transparency have tested with from the beginning.
ENTRIES = [
    bytes.fromhex(text)
    for text in ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

# The happy paths of transparency-dev/merkle, testdata/inclusion/1 to 4 and testdata/consistency/1 to 3 (Apache-2.0).
#: Index, tree size, proof.
INCLUSIONS = [
    (
        0,
        8,
        [
            "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
            "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
            "a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=",
        ],
    ),
    (
        5,
        8,
        [
            "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=",
            "yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=",
            "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=",
        ],
    ),
    (2, 3, ["+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU="]),
    (
        1,
        5,
        [
            "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
            "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
            "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=",
        ],
    ),
]
#: Smaller size, larger size, proof.
CONSISTENCIES = [
    (
        1,
        8,
        [
            "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
            "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
            "a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=",
        ],
    ),
    (
        6,
        8,
        [
            "DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o=",
            "yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=",
            "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=",
        ],
    ),
    (2, 5, ["Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=", "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms="]),
]

#: What no size and no index is.
NO_SIZES: list[Any] = [-1, True, False, None, 1.0, "1", b"1", 10**40, SIZE_BOUND, float("nan"), [1]]
#: What no hash is.
NO_HASHES: list[Any] = [None, "", "x" * 32, b"", bytes(31), bytes(33), bytearray(32), 0, [0] * 32, LEAVES[0].hex()]
#: What no proof is, where one of two hashes is right.
NO_PROOFS: list[Any] = [
    None,
    2,
    "ab",
    bytes(64),
    {0: LEAVES[0], 1: LEAVES[1]},
    set(LEAVES[:2]),
    iter(LEAVES[:2]),
]


def _decoded(proof: list[str]) -> list[bytes]:
    return [b64decode(one) for one in proof]


def _pieces() -> dict[str, bytes]:
    """The tree of seven leaves that RFC 6962 draws in section 2.1.3, with its letters."""
    entries = [bytes([number]) for number in range(7)]
    a, b, c, d, e, f, j = (sha256(b"\x00" + entry).digest() for entry in entries)
    pieces = dict(zip("abcdefj", (a, b, c, d, e, f, j), strict=True))
    for parent, left, right in (("g", "a", "b"), ("h", "c", "d"), ("i", "e", "f"), ("k", "g", "h"), ("l", "i", "j")):
        pieces[parent] = sha256(b"\x01" + pieces[left] + pieces[right]).digest()
    return pieces


SEVEN = [leaf_hash(bytes([number])) for number in range(7)]


def test_a_leaf_is_hashed_apart_from_a_node() -> None:
    """The prefixes keep anybody from passing two hashes off as an entry."""
    left, right = LEAVES[:2]
    assert leaf_hash(b"entry") == sha256(b"\x00entry").digest()
    assert node_hash(left, right) == sha256(b"\x01" + left + right).digest()
    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.mark.parametrize("size", range(9))
def test_published_roots_are_reached(size: int) -> None:
    """At once, and leaf by leaf."""
    growing = CompactRange()
    for leaf in LEAVES[:size]:
        growing.append(leaf)
    assert root(LEAVES[:size]).hex() == ROOTS[size]
    assert (growing.root().hex(), growing.size) == (ROOTS[size], size)


@pytest.mark.parametrize(("index", "size", "proof"), INCLUSIONS)
def test_published_inclusion_proofs_are_made_and_verified(index: int, size: int, proof: list[str]) -> None:
    """What others made is what we make, and we take theirs."""
    assert inclusion_proof(LEAVES[:size], index) == _decoded(proof)
    verify_inclusion(index, size, LEAVES[index], _decoded(proof), bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("size1", "size2", "proof"), CONSISTENCIES)
def test_published_consistency_proofs_are_made_and_verified(size1: int, size2: int, proof: list[str]) -> None:
    """What others made is what we make, and we take theirs."""
    assert consistency_proof(LEAVES[:size2], size1) == _decoded(proof)
    verify_consistency(size1, size2, bytes.fromhex(ROOTS[size1]), bytes.fromhex(ROOTS[size2]), _decoded(proof))


@pytest.mark.parametrize(("index", "letters"), [(0, "bhl"), (3, "cgl"), (4, "fjk"), (6, "ik")])
def test_audit_paths_are_those_of_the_rfc(index: int, letters: str) -> None:
    """RFC 6962, section 2.1.3, the tree with seven leaves."""
    pieces = _pieces()
    assert inclusion_proof(SEVEN, index) == [pieces[letter] for letter in letters]
    verify_inclusion(index, 7, SEVEN[index], [pieces[letter] for letter in letters], root(SEVEN))


@pytest.mark.parametrize(("size1", "letters"), [(3, "cdgl"), (4, "l"), (6, "ijk")])
def test_consistency_proofs_are_those_of_the_rfc(size1: int, letters: str) -> None:
    """RFC 6962, section 2.1.3, the trees with three, four and six leaves against the one with seven."""
    pieces = _pieces()
    assert consistency_proof(SEVEN, size1) == [pieces[letter] for letter in letters]
    verify_consistency(size1, 7, root(SEVEN[:size1]), root(SEVEN), [pieces[letter] for letter in letters])


def test_ranges_are_where_the_subtrees_of_a_proof_lie() -> None:
    """In the order of the proof, for whoever keeps hashes of subtrees and does not read every leaf."""
    assert inclusion_ranges(4, 7) == [(5, 6), (6, 7), (0, 4)]
    assert inclusion_ranges(0, 1) == []
    assert consistency_ranges(3, 7) == [(2, 3), (3, 4), (0, 2), (4, 7)]
    assert consistency_ranges(4, 7) == [(4, 7)]
    assert consistency_ranges(7, 7) == []


def test_ranges_of_a_large_tree_are_as_few_as_it_is_high() -> None:
    """A proof over a billion leaves is thirty hashes, and nothing else is looked at."""
    assert len(inclusion_ranges(123_456_789, 10**9)) == 30
    assert len(consistency_ranges(123_456_789, 10**9)) == 31


def test_proof_between_equal_sizes_is_empty_and_needs_equal_roots() -> None:
    """A log that did not grow still is itself, and nothing else."""
    whole = root(SEVEN)
    assert consistency_proof(SEVEN, 7) == []
    verify_consistency(7, 7, whole, whole, [])
    with pytest.raises(ProofInvalid, match="another root of the larger tree"):
        verify_consistency(7, 7, whole, SEVEN[0], [])
    with pytest.raises(ProofInvalid, match="more or fewer"):
        verify_consistency(7, 7, whole, whole, [whole])


@pytest.mark.parametrize("size2", [0, 1, 7])
@pytest.mark.parametrize("root1", [EMPTY_ROOT, root(SEVEN)])
def test_nothing_is_proven_from_an_empty_tree(size2: int, root1: bytes) -> None:
    """Everything extends it, so such a proof would say nothing."""
    for proof in ([], [SEVEN[0]]):
        with pytest.raises(ProofInvalid, match="between these sizes"):
            verify_consistency(0, size2, root1, root(SEVEN[:size2]), proof)


@pytest.mark.parametrize("wrong", NO_SIZES, ids=repr)
def test_what_is_no_size_proves_nothing(wrong: Any) -> None:
    """As index, as either size; never an error of Python's."""
    leaves, whole = SEVEN[:2], root(SEVEN[:2])
    proof = inclusion_proof(leaves, 1)
    for index, size in ((wrong, 2), (1, wrong)):
        with pytest.raises(ProofInvalid):
            verify_inclusion(index, size, leaves[1], proof, whole)
    for size1, size2 in ((wrong, 2), (1, wrong), (wrong, wrong)):
        with pytest.raises(ProofInvalid):
            verify_consistency(size1, size2, leaves[0], whole, [leaves[1]])


@pytest.mark.parametrize("wrong", NO_HASHES, ids=repr)
def test_what_is_no_hash_proves_nothing(wrong: Any) -> None:
    """As leaf, as either root, as a part of the proof."""
    leaves, whole = SEVEN[:2], root(SEVEN[:2])
    for leaf, proof, reached in ((wrong, [leaves[0]], whole), (leaves[1], [wrong], whole), (leaves[1], [], wrong)):
        with pytest.raises(ProofInvalid):
            verify_inclusion(1, 2, leaf, proof, reached)
    for root1, root2, proof in (
        (wrong, whole, [leaves[1]]),
        (leaves[0], wrong, [leaves[1]]),
        (leaves[0], whole, [wrong]),
    ):
        with pytest.raises(ProofInvalid):
            verify_consistency(1, 2, root1, root2, proof)


@pytest.mark.parametrize("wrong", NO_PROOFS, ids=lambda wrong: type(wrong).__name__)
def test_what_is_no_list_of_hashes_proves_nothing(wrong: Any) -> None:
    """Two hashes that are right are wanted here."""
    with pytest.raises(ProofInvalid):
        verify_inclusion(0, 4, LEAVES[0], wrong, root(LEAVES[:4]))
    with pytest.raises(ProofInvalid):
        verify_consistency(1, 4, LEAVES[0], root(LEAVES[:4]), wrong)


def test_message_says_what_to_do_and_nothing_of_the_proof() -> None:
    """Whoever reads it learns that the thing is not to be trusted."""
    with pytest.raises(ProofInvalid) as caught:
        verify_inclusion(0, 2, LEAVES[0], [LEAVES[1]], LEAVES[2])
    assert str(caught.value) == "the proof is invalid: it leads to another root: do not trust what came with it"


@pytest.mark.parametrize(("index", "size"), [(0, 0), (7, 7), (-1, 7), (True, 7), (1.0, 7), ("1", 7), (0, SIZE_BOUND)])
def test_no_inclusion_proof_is_made_where_there_is_no_leaf(index: Any, size: Any) -> None:
    """A caller's mistake, and said as one."""
    with pytest.raises(InvalidInput, match="no leaf of this index"):
        inclusion_ranges(index, size)


@pytest.mark.parametrize("index", [-1, 7, True, None])
def test_no_inclusion_proof_is_made_of_leaves_that_are_not_there(index: Any) -> None:
    """The same over the leaves themselves."""
    with pytest.raises(InvalidInput, match="no leaf of this index"):
        inclusion_proof(SEVEN, index)


@pytest.mark.parametrize("size1", [0, -1, 8, True, None, 1.0])
def test_no_consistency_proof_is_made_from_nothing_or_backwards(size1: Any) -> None:
    """A caller's mistake, and said as one."""
    with pytest.raises(InvalidInput, match="between these sizes"):
        consistency_proof(SEVEN, size1)
    with pytest.raises(InvalidInput, match="between these sizes"):
        consistency_ranges(size1, 7)


@pytest.mark.parametrize("wrong", NO_HASHES, ids=repr)
def test_no_root_is_made_of_what_is_no_hash(wrong: Any) -> None:
    """An entry passed where its hash belongs would give a root of something else."""
    with pytest.raises(InvalidInput, match="pass what leaf_hash gives"):
        root([LEAVES[0], wrong])
    growing = CompactRange()
    with pytest.raises(InvalidInput, match="pass what leaf_hash gives"):
        growing.append(wrong)
    assert (growing.size, growing.root()) == (0, EMPTY_ROOT)


@pytest.mark.parametrize("size", range(8))
def test_kept_state_goes_on_where_it_was(size: int) -> None:
    """Size and hashes are all there is to keep."""
    growing = CompactRange()
    for leaf in SEVEN[:size]:
        growing.append(leaf)
    taken_up = CompactRange(growing.size, growing.hashes)
    for leaf in SEVEN[size:]:
        taken_up.append(leaf)
    assert taken_up.root() == root(SEVEN)
    assert (growing.size, growing.root()) == (size, root(SEVEN[:size]))


@pytest.mark.parametrize(
    ("size", "hashes"),
    [(1, []), (0, [LEAVES[0]]), (2, LEAVES[:2]), (3, LEAVES[:1]), (-1, LEAVES[:1]), (True, LEAVES[:1]), (1, [b"x"])],
)
def test_state_that_is_of_no_tree_is_refused(size: int, hashes: list[bytes]) -> None:
    """One hash for each bit of the size."""
    with pytest.raises(InvalidInput, match="pass both as they were kept"):
        CompactRange(size, hashes)


def test_other_size_that_has_the_same_way_is_told_apart_by_the_checkpoint_alone() -> None:
    """The tree's own limit: a root does not fix its size, so both are signed together (see verify_inclusion)."""
    proof, whole = inclusion_proof(SEVEN[:3], 0), root(SEVEN[:3])
    verify_inclusion(0, 3, SEVEN[0], proof, whole)
    verify_inclusion(0, 4, SEVEN[0], proof, whole)
    with pytest.raises(ProofInvalid):
        verify_inclusion(0, 5, SEVEN[0], proof, whole)
