"""The same schedules on PostgreSQL: the other spelling of every statement."""

from __future__ import annotations

from collections import Counter

import pytest

from inbox_lifecycle.testing.schedules import FAULTS, INTERLUDES, Scenario, Stage
from tests.fix_scale import Scale
from tests.proof.conftest import Explore
from tests.support.scenarios import HEART, HEART_SHORT, SETTLING, TWO

pytestmark = pytest.mark.timeout(1800)


def test_two_retries_keep_every_promise_in_every_schedule_on_postgresql(
    on_postgresql: Stage, explore_and_count: Explore, scale: Scale
) -> None:
    """The heart, in the other spelling; a fault that fitted no step would prove nothing."""
    wrong: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    for scenario in (HEART,) if scale.full else HEART_SHORT:
        explored = explore_and_count(on_postgresql, scenario)
        wrong += explored.wrong
        answers += explored.answers
    assert wrong.keys() == {fault.name for fault in FAULTS} | {interlude.name for interlude in INTERLUDES}
    assert answers.keys() >= {f"retry {outcome}" for outcome in ("moved", "refused", "indeterminate")}


@pytest.mark.proof
@pytest.mark.parametrize("scenario", [*TWO[1:], SETTLING], ids=str)
def test_two_callers_keep_every_promise_in_every_schedule_on_postgresql(
    on_postgresql: Stage, scenario: Scenario, explore_and_count: Explore
) -> None:
    """The same schedules, in the other spelling."""
    explore_and_count(on_postgresql, scenario)
