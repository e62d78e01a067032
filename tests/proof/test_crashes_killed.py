"""Worker processes are killed by SIGKILL, anywhere in their calls: what anybody heard still holds, nothing stays open.

Four workers make calls on two hot inboxes, and are killed and replaced. Half of the kills come at random; the others
come when the provider has been asked, when it has accepted and has not said so, and when the commit is under way. The
leases are short, so that survivors settle what the dead left while others are still at work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from inbox_lifecycle.testing import Sandbox
from tests.fix_scale import Scale
from tests.support.crew import Crew, Point
from tests.support.databases import TestDatabase
from tests.support.judging import Court
from tests.support.killer import Killer

CREW = 4
#: Seconds of a lease: calls take some hundredths.
LEASE = 0.5


@pytest.mark.timeout(600)
def test_workers_killed_anywhere_contradict_no_answer_and_leave_nothing_unsettled(
    database: TestDatabase,
    provider_sandbox: Sandbox,
    tmp_path: Path,
    scale: Scale,
    tally: Callable[..., None],
) -> None:
    """In every round the whole history is judged, those of the dead included."""
    court = Court(database, provider_sandbox, tmp_path)
    points: Counter[Point] = Counter()
    for number in range(scale.of(1, 6)):
        race = court.race(f"kills {number}")
        with Crew(race, database, provider_sandbox, folder=tmp_path, size=CREW, call_budget=LEASE) as crew:
            killer = Killer(crew, database, provider_sandbox, seed=race.name)
            killer.meet(Point.UNACCEPTED, killer.while_asked)
            killer.meet(Point.UNRECORDED, killer.when_accepted)
            killer.meet(Point.UNHEARD, killer.while_recording)
            killer.strike(scale.of(5, 26))
            killer.finish()
        court.judge(race, crew.heard())
        points += killer.points
    tally(kills=points.total(), operations=court.heard.total())
    court.assert_worthwhile()
