"""Schedules that are too many to be enumerated, as Hypothesis draws them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox_lifecycle.testing.schedules import Scenario, Stage, play_drawn
from tests.fix_scale import Scale
from tests.support.scenarios import drawn_scenarios

pytestmark = pytest.mark.timeout(1800)


def test_drawn_schedules_of_more_callers_keep_every_promise(
    in_memory: Stage, scale: Scale, tally: Callable[..., None]
) -> None:
    """Up to four callers with three calls each, and three things going wrong, as Hypothesis draws them."""
    drawn: Counter[str] = Counter()

    @settings(
        derandomize=not scale.full,
        database=None,
        deadline=None,
        max_examples=scale.of(150, 3000),
        suppress_health_check=list(HealthCheck),
    )
    @given(scenario=drawn_scenarios(), data=st.data())
    def play(scenario: Scenario, data: st.DataObject) -> None:
        played = play_drawn(in_memory, scenario, lambda options: data.draw(st.integers(0, options - 1)))
        drawn.update(schedules=1, steps=len(played.trace))

    play()
    tally(**drawn)
    assert in_memory.verify().clean
