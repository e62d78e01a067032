"""A caller and `reconcile` in every order on SQLite; in a file of its own, as it takes long."""

from __future__ import annotations

import pytest

from inbox_lifecycle.testing.schedules import Stage
from tests.fix_scale import Scale
from tests.proof.conftest import Explore
from tests.support.scenarios import SETTLING, SETTLING_SHORT

pytestmark = pytest.mark.timeout(1800)


def test_settling_what_a_call_left_keeps_every_promise_in_every_schedule_on_sqlite(
    in_memory: Stage, explore_and_count: Explore, scale: Scale
) -> None:
    """Each order of their steps, with each death of a caller and each loss of a commit."""
    explore_and_count(in_memory, SETTLING if scale.full else SETTLING_SHORT)
