"""Every interleaving of two and of three callers, with everything that can go wrong at every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox_lifecycle.testing.schedules import (
    FAULTS,
    INTERLUDES,
    Explored,
    Scenario,
    Stage,
    explore,
    play_drawn,
)
from tests.fix_scale import Scale
from tests.support.databases import Postgres
from tests.support.scenarios import HEART, LARGER, TWO, drawn_scenarios

pytestmark = pytest.mark.timeout(1800)

Tally = Callable[..., None]


@pytest.fixture
def in_memory() -> Iterator[Stage]:
    """A stage on SQLite."""
    with Stage.in_memory() as stage:
        yield stage


@pytest.fixture
def on_postgresql(postgres: Postgres) -> Iterator[Stage]:
    """A stage on PostgreSQL."""
    with postgres.fresh() as database, Stage(database.url) as stage:
        yield stage


@pytest.mark.parametrize("scenario", TWO, ids=str)
def test_two_callers_keep_every_promise_in_every_schedule_on_sqlite(
    in_memory: Stage, scenario: Scenario, tally: Tally
) -> None:
    """Each order of their steps, with each thing that can go wrong at each of them."""
    explore_and_count(in_memory, scenario, tally)


def test_two_retries_keep_every_promise_in_every_schedule_on_postgresql(on_postgresql: Stage, tally: Tally) -> None:
    """The heart, in the other spelling; a fault that fitted no step would prove nothing."""
    explored = explore_and_count(on_postgresql, HEART, tally)
    assert explored.wrong.keys() == {fault.name for fault in FAULTS} | {interlude.name for interlude in INTERLUDES}
    assert explored.answers.keys() >= {f"retry {outcome}" for outcome in ("moved", "refused", "indeterminate")}


def test_drawn_schedules_of_more_callers_keep_every_promise(in_memory: Stage, scale: Scale, tally: Tally) -> None:
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


@pytest.mark.proof
@pytest.mark.parametrize("scenario", LARGER, ids=str)
def test_three_callers_keep_every_promise_in_every_schedule_on_sqlite(
    in_memory: Stage, scenario: Scenario, tally: Tally
) -> None:
    """Each order of their steps, with what reaches further than its own caller."""
    explore_and_count(in_memory, scenario, tally)


@pytest.mark.proof
@pytest.mark.parametrize("scenario", TWO[1:], ids=str)
def test_two_callers_keep_every_promise_in_every_schedule_on_postgresql(
    on_postgresql: Stage, scenario: Scenario, tally: Tally
) -> None:
    """The same schedules, in the other spelling."""
    explore_and_count(on_postgresql, scenario, tally)


def explore_and_count(stage: Stage, scenario: Scenario, tally: Tally) -> Explored:
    """Play every schedule, and count them."""
    explored = explore(stage, scenario)
    tally(schedules=explored.schedules, steps=explored.steps)
    return explored
