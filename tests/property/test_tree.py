"""The stored tree against the list functions: roots and proofs of any size from a few short reads.

Growing it can die between any two statements, be done by several at once, and be begun again: the nodes are the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inbox_lifecycle.audit import merkle
from inbox_lifecycle.audit.tree import TreeReader, grow
from inbox_lifecycle.errors import InvalidInput, TreeInconsistent
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.store.feed import Extent
from tests.support.databases import SqliteFiles, TestDatabase
from tests.support.flows import run_on
from tests.support.growing import EvenLog, Log, leaves, put, unguard

#: Leaves of the largest tree that is compared as a whole; two stored levels and some.
LARGEST = 70_000
#: Where something begins anew: around a block, a stride of blocks, and a block of blocks.
EDGES = [0, 1, 2, 255, 256, 257, 511, 512, 8191, 8192, 8193, 65_535, 65_536, 65_537, 65_792, LARGEST]
#: Reads of hashes that no proof exceeds, however large the tree: at five stored levels and the leaves, two blocks each.
READS = 12

STEADY = settings(derandomize=True, database=None, deadline=None, max_examples=20)
MORE = settings(STEADY, max_examples=200)

ALL = leaves(LARGEST)
#: Every node there is to be, each computed from all its leaves.
EXPECTED = Log(ALL).expected()

SIZES = st.sampled_from(EDGES) | st.integers(0, LARGEST)
SMALL = st.integers(0, 1100)


@pytest.fixture(scope="module")
def log() -> Log:
    """The largest log, grown."""
    made = Log(ALL)
    made.run(grow())
    return made


@pytest.fixture(scope="module")
def stored(sqlite_files: SqliteFiles) -> Iterator[TestDatabase]:
    """The same in a database."""
    with sqlite_files.fresh() as database:
        unguard(database)
        put(database, ALL)
        run_on(database.url, grow())
        yield database


@pytest.mark.parametrize("size", EDGES)
def test_roots_are_those_of_the_list(log: Log, size: int) -> None:
    """At every edge."""
    assert log.run(TreeReader(size).root()) == merkle.root(ALL[:size])


@STEADY
@given(sizes=st.tuples(SIZES, SIZES), share=st.floats(0, 1, exclude_max=True))
@example(sizes=(65_536, 65_537), share=0.999999)
def test_proofs_are_those_of_the_list_and_read_little(log: Log, sizes: tuple[int, int], share: float) -> None:
    """Of both kinds, for two sizes and any leaf."""
    smaller, size = sorted(sizes)
    _compare(log, size, int(share * size), smaller)


@MORE
@given(sizes=st.tuples(SMALL, SMALL), share=st.floats(0, 1, exclude_max=True))
def test_proofs_of_small_trees_are_those_of_the_list(log: Log, sizes: tuple[int, int], share: float) -> None:
    """The same, where many more can be tried."""
    smaller, size = sorted(sizes)
    _compare(log, size, int(share * size), smaller)


def _compare(log: Log, size: int, index: int, smaller: int) -> None:
    held = ALL[:size]
    if size:
        log.reads = 0
        assert log.run(TreeReader(size).inclusion_proof(index)) == merkle.inclusion_proof(held, index)
        assert log.reads <= READS
    if smaller:
        log.reads = 0
        assert log.run(TreeReader(size).consistency_proof(smaller)) == merkle.consistency_proof(held, smaller)
        assert log.reads <= READS


@STEADY
@given(size=SIZES, share=st.floats(0, 1, exclude_max=True))
def test_a_database_gives_the_same_proofs(stored: TestDatabase, log: Log, size: int, share: float) -> None:
    """By real statements."""

    def flows() -> list[Flow[object]]:
        if not size:
            return [TreeReader(0).root()]
        reader = TreeReader(size)
        index = int(share * size)
        return [reader.root(), reader.inclusion_proof(index), reader.consistency_proof(index or 1)]

    assert [run_on(stored.url, flow) for flow in flows()] == [log.run(flow) for flow in flows()]


@MORE
@given(
    size=st.integers(1, 256**5 + 10**9) | st.sampled_from([256**5 - 1, 256**5, 256**5 + 1, 256**4 + 255]),
    share=st.floats(0, 1, exclude_max=True),
)
def test_proofs_of_trees_of_any_size_hold_and_read_no_more(size: int, share: float) -> None:
    """Up to a million million leaves, which are all alike here so that they need not be there."""
    log = EvenLog(ALL[0])
    index, smaller = int(share * size), int(share * size) or 1
    reader = TreeReader(size)
    root, inclusion = log.run(reader.root()), log.run(TreeReader(size).inclusion_proof(index))
    log.reads = 0
    consistency = log.run(TreeReader(size).consistency_proof(smaller))
    assert log.reads <= READS
    assert root == log.root(size)
    assert inclusion is not None
    assert consistency is not None
    merkle.verify_inclusion(index, size, ALL[0], inclusion, log.root(size))
    merkle.verify_consistency(smaller, size, log.root(smaller), log.root(size), consistency)


def test_a_reader_of_many_proofs_reads_each_block_once(log: Log) -> None:
    """Proofs of neighbours share nearly all of their way."""
    reader, log.reads = TreeReader(LARGEST), 0
    for index in range(1000):
        log.run(reader.inclusion_proof(index))
    assert log.reads <= READS + 4


@pytest.mark.parametrize(("size", "index"), [(0, 0), (5, 5), (5, -1), (5, 2**63)])
def test_a_proof_of_a_leaf_that_is_not_there_is_refused(log: Log, size: int, index: int) -> None:
    """Before anything is read."""
    log.reads = 0
    with pytest.raises(InvalidInput):
        log.run(TreeReader(size).inclusion_proof(index))
    with pytest.raises(InvalidInput):
        log.run(TreeReader(size).consistency_proof(size + 1))
    assert log.reads == 0


@pytest.mark.parametrize(("missing", "size"), [((1, 0), 65_535), ((1, 200), 65_535), ((2, 0), LARGEST)])
def test_a_node_that_is_missing_is_told(missing: tuple[int, int], size: int) -> None:
    """Whichever of its neighbours is asked for: never a wrong root."""
    log = Log(ALL)
    log.run(grow())
    del log.nodes[missing]
    told = f"nodes of level {missing[0]} are missing"
    with pytest.raises(TreeInconsistent, match=told):
        log.run(TreeReader(size).root())
    for begin in (0, 65_280):
        with pytest.raises(TreeInconsistent, match=told):
            log.run(TreeReader(size).root_of(begin, begin + 256 ** missing[0]))


def test_growing_again_stores_nothing_new() -> None:
    """One look tells that nothing is to be done."""
    log = Log(ALL)
    assert log.run(grow()) == Extent(LARGEST, (273, 1, 0, 0, 0))
    assert log.nodes == log.expected()
    log.reads = 0
    assert log.run(grow()) == Extent(LARGEST, (273, 1, 0, 0, 0))
    assert log.reads == 0


@STEADY
@given(deaths=st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 8)), max_size=6))
def test_growers_that_die_between_statements_are_followed_by_one_that_finishes(deaths: list[tuple[int, int]]) -> None:
    """While the feed goes on growing."""
    log, size = Log([]), 0
    for more, steps in deaths:
        size = min(size + more, LARGEST)
        log.leaves = ALL[:size]
        log.run(grow(), steps=steps)
        assert log.nodes.items() <= EXPECTED.items()
    log.run(grow())
    assert log.nodes == {key: EXPECTED[key] for key in log.complete()}


@STEADY
@given(turns=st.lists(st.integers(0, 2), max_size=60), more=st.integers(0, 20_000))
def test_growers_at_once_store_the_same_nodes(turns: list[int], more: int) -> None:
    """Three of them, statement by statement in any order, and leaves that come in the middle."""
    log = Log(ALL[:50_000])
    growers = [grow() for _ in range(3)]
    answers: list[object] = [None] * 3
    for number, turn in enumerate([*turns, *[0, 1, 2] * 40]):
        if number == len(turns) // 2:
            log.leaves = ALL[: 50_000 + more]
        try:
            answers[turn] = log.perform(growers[turn].send(answers[turn]))
        except StopIteration:
            continue
    log.run(grow())
    assert log.nodes == {key: EXPECTED[key] for key in log.complete()}
