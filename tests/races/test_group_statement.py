"""The statement that commits for many, hammered by two processes on the same inboxes: its gates hold for each of them.

What it reads is older than what it locks, whenever somebody has moved or closed meanwhile: PostgreSQL then looks at the
rows once more, and what it compares must be what stands in the statement's own conditions.
"""

from __future__ import annotations

import msgspec

from inbox_lifecycle import Inboxes, Instantly
from tests.support.aftermath import background
from tests.support.children import child
from tests.support.databases import TestDatabase
from tests.support.evidence import sound
from tests.support.faces import Face
from tests.support.gathering import born
from tests.support.group_hammer import Done, Hammer
from tests.support.racing import PATIENCE

#: Inboxes in each statement.
COUNT = 4


def test_no_event_twice_and_no_closed_attempt_moves(postgres_database: TestDatabase, provider: Instantly) -> None:
    """Every answer is an event and every event an answer; who was closed or superseded in time never moves."""
    with Inboxes(postgres_database.url, provider) as inboxes:
        ids = [inbox.id for inbox in born(Face(inboxes), COUNT)]
        with child("tests.support.group_hammer", postgres_database.url, "there", *ids) as process:
            assert process.stdout is not None
            hammer = Hammer(postgres_database.url, ids)
            assert process.stdout.readline() == "ready\n"
            there = background(lambda: process.communicate("go\n", timeout=PATIENCE))
            done = [hammer.work("here"), msgspec.json.decode(there.result(PATIENCE)[0], type=Done)]
        assert inboxes.operator(actor="olga").verify().clean
    evidence = sound(postgres_database)
    assert [one.errors for one in done] == [[], []]
    moved = [attempt for one in done for attempt in one.moved]
    closed = [attempt for one in done for attempt in one.closed]
    outcomes = {attempt.id: attempt.outcome for attempt in evidence.attempts}
    assert sorted(moved) == sorted(attempt for attempt, outcome in outcomes.items() if outcome == "moved")
    assert {outcomes[attempt] for attempt in closed} == {"abandoned"}
    assert all(
        attempt.event_version == attempt.seen_version + 1 for attempt in evidence.attempts if attempt.id in moved
    )
    started = [name for inbox_id in ids for name in evidence.names(inbox_id) if name == "inbox.warmup_started"]
    assert len(started) == len(moved)
    # It was worth it: they got in each other's way.
    assert moved
    assert any(one.partial for one in done)
    assert "superseded" in outcomes.values()
