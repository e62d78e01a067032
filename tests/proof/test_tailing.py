"""Readers that tail the feed while many write, for minutes: none misses an event or sees an inbox go backwards."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, islice, product

import pytest

from tests.support.databases import Postgres
from tests.support.feeding import sealed
from tests.support.naive_tails import contest
from tests.support.tailing import BEHIND, COMPETING, RARE

#: Rounds, and seconds of each.
ROUNDS, SECONDS = 12, 10.0


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_readers_of_long_traffic_miss_nothing_and_see_nothing_backwards(
    postgres: Postgres, tally: Callable[..., None]
) -> None:
    """Both naive readers fail on the same traffic, again and again."""
    with postgres.fresh() as database, contest(database) as contested:
        for cache, sealers in islice(cycle(product((1, 10), (RARE, BEHIND, COMPETING))), ROUNDS):
            lost, turned = contested.lost_by_id, contested.turned_by_xid
            contested.run(SECONDS, sealers, cache=cache)
            assert contested.complaints() == []
            assert contested.lost_by_id > lost
            assert contested.turned_by_xid > turned
        tally(events=len(sealed(database)))
