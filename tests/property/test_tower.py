"""The tree that verification builds anew: leaves taken one by one or in any portions give the same nodes and root."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from inbox_lifecycle.audit import merkle
from inbox_lifecycle.audit.verify_feed import Tower
from tests.support.growing import leaves

ALL = leaves(70_000)
EDGES = [0, 1, 2, 254, 255, 256, 257, 511, 512, 513, 2048]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(EDGES) | st.integers(0, 1500), max_size=6))
@example([65_535, 1, 1])
@example([65_536])
@example([255, 1, 256, 0, 1])
def test_leaves_in_portions_are_those_one_by_one(portions: list[int]) -> None:
    """Each node as it is completed, and the root over all."""
    one_by_one, at_once = Tower(), Tower()
    begin = 0
    for portion in portions:
        taken = ALL[begin : begin + portion]
        nodes = [node for leaf in taken for node in one_by_one.append(leaf)]
        assert list(at_once.extend(taken)) == nodes
        begin += portion
    assert (at_once.size, at_once.root()) == (len(ALL[:begin]), merkle.root(ALL[:begin]))
    assert one_by_one.root() == at_once.root()
