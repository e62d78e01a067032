"""Stages for schedules, and how what was explored is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from inbox_lifecycle.testing.schedules import Explored, Scenario, Stage, explore
from tests.support.databases import Postgres

#: Plays every schedule of a scenario, and counts them.
Explore = Callable[[Stage, Scenario], Explored]


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


@pytest.fixture
def explore_and_count(tally: Callable[..., None]) -> Explore:
    """Play every schedule, and count them."""

    def run(stage: Stage, scenario: Scenario) -> Explored:
        explored = explore(stage, scenario)
        tally(schedules=explored.schedules, steps=explored.steps)
        return explored

    return run
