"""Several processes store the tree's nodes at once: each node is stored once, and none is left out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from inbox_lifecycle.audit import merkle
from inbox_lifecycle.audit.tree import TreeReader, grow
from inbox_lifecycle.store.feed import Extent
from tests.fix_database import KINDS
from tests.support.databases import TestDatabase
from tests.support.flows import run_on
from tests.support.growing import Log, leaves, put, unguard
from tests.support.racing import together

#: Leaves: more than one stride of blocks, and some that complete no block.
COUNT = 10_000


@pytest.fixture(params=KINDS)
def leafy(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    """A feed of leaves that nothing was stored over yet, in a database of its own."""
    home = request.getfixturevalue("sqlite_files" if request.param == "sqlite" else "postgres")
    with home.fresh() as database:
        unguard(database)
        put(database, leaves(COUNT))
        yield database


def test_growers_at_once_store_each_node_once(leafy: TestDatabase) -> None:
    """Four with connections of their own: all tell the same extent, and the proofs over it are the list's."""
    extents = together([partial(run_on, leafy.url, grow()) for _ in range(4)])
    assert extents == [Extent(COUNT, (39, 0, 0, 0, 0))] * 4
    stored = leafy.execute("select level, number, hash from {s}inbox_tree_nodes")
    held = leaves(COUNT)
    assert len(stored) == 39
    assert {(level, number): bytes(node) for level, number, node in stored} == Log(held).expected()
    assert run_on(leafy.url, TreeReader(COUNT).root()) == merkle.root(held)
    assert run_on(leafy.url, TreeReader(COUNT).inclusion_proof(9_999)) == merkle.inclusion_proof(held, 9_999)
