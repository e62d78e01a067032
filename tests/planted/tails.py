"""The checker that looks for a bug in the feed: a tailing race, judged by what its reader was given."""

from __future__ import annotations

from collections.abc import Iterator

from tests.planted.place import Place
from tests.support.tailing import BEHIND, RARE, draw_early, race

#: Seconds of a round.
ROUND = 1.5


def tail(place: Place) -> Iterator[str]:
    """Many write, with numbers that were drawn early, while one seals that comes seldom, and one that falls behind."""
    with race(place.database) as running:
        draw_early(place.database, 10)
        for sealers in (RARE, BEHIND):
            running.run(ROUND, sealers)
            said = list(running.complaints(running.reader))
            yield from said
            if said:
                return
