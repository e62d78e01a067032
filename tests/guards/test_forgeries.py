"""Law 2, "no event, no state": what ordinary SQL tries with states, events and births, as owner and as a mere writer."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from inbox_lifecycle import Pair
from inbox_lifecycle.domain import InboxRegistered
from tests.support.forging import (
    ACTIVE,
    PENDING,
    WARMING,
    Cheat,
    Cheats,
    Columns,
    Ground,
    Statement,
    event_of,
    insert,
    move,
    refused_and_nothing_moved,
    row_of,
)

ROWS = Cheats()
EVENTS = Cheats()
BIRTHS = Cheats()

NEW_ID = "01a206cc-023e-7931-abea-000000000000"


@pytest.mark.parametrize(("cheat", "refusers"), ROWS.cases)
def test_a_row_that_moves_without_an_event_is_refused(ground: Ground, cheat: Cheat, refusers: Mapping[str, str]) -> None:
    """No ordinary UPDATE gives a row a status, version or hash that no new event explains."""
    refused_and_nothing_moved(ground, cheat, refusers)
