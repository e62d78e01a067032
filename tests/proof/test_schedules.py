"""Every interleaving of two and of three callers, with everything that can go wrong at every step, on SQLite."""

from __future__ import annotations

import pytest

from inbox_lifecycle.testing.schedules import Scenario, Stage
from tests.fix_scale import Scale
from tests.proof.conftest import Explore
from tests.support.scenarios import LARGER, LONG, TWO, prompt

pytestmark = pytest.mark.timeout(1800)


@pytest.mark.parametrize("scenario", TWO, ids=str)
def test_two_callers_keep_every_promise_in_every_schedule_on_sqlite(
    in_memory: Stage, scenario: Scenario, explore_and_count: Explore, scale: Scale
) -> None:
    """Each order of their steps, with each thing that can go wrong at each of them; see `LONG`."""
    explore_and_count(in_memory, scenario if scale.full or scenario.name not in LONG else prompt(scenario))


@pytest.mark.proof
@pytest.mark.parametrize("scenario", LARGER, ids=str)
def test_three_callers_keep_every_promise_in_every_schedule_on_sqlite(
    in_memory: Stage, scenario: Scenario, explore_and_count: Explore
) -> None:
    """Each order of their steps, with what reaches further than its own caller."""
    explore_and_count(in_memory, scenario)
