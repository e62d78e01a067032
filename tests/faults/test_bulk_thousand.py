"""A thousand stuck inboxes, ten of them unknown to the provider, and a provider at which everything goes wrong once."""

from __future__ import annotations

from typing import Any

import pytest

from inbox_lifecycle import Inboxes
from inbox_lifecycle.drivers.network import send
from inbox_lifecycle.facade import retrying
from inbox_lifecycle.flow import Send, Step
from inbox_lifecycle.lifecycle.bulk import BulkReport
from inbox_lifecycle.testing import Operation, Sandbox
from inbox_lifecycle.testing.schedules.stage import Stage
from tests.support.databases import TestDatabase
from tests.support.stuck import AT_ONCE, OWNER, assert_moved_once, closings
from tests.support.thousand import BELIEVED, COUNT, addresses, stormy

#: Seconds that each warmup job locks the workspace for, by the play's clock.
JOB = 90.0
#: Seconds that the run would wait in all.
PATIENCE = 100_000.0


class Patient(Stage):
    """Plays with broken connections too, and never really waits."""

    def perform(self, step: Step) -> Any:
        """As the drivers do, a broken connection told in the flow's own words."""
        return send(self.sandbox.transport(), step) if isinstance(step, Send) else super().perform(step)


def play(stage: Stage) -> BulkReport:
    """A run over all that is stuck, with every wait on the play's clock alone."""
    run = retrying.stuck(stage.calls, older_than=AT_ONCE, limit=None, owner_id=None, patience=PATIENCE, progress=None)
    while not run.over:
        stage.run(run.next_batch())
    return run.report


@pytest.mark.slow
def test_a_thousand_stuck_inboxes_take_the_promised_calls_and_move_once(database: TestDatabase) -> None:
    """Each job locks the workspace, every failure strikes once; every inbox is accounted for, and no call is wasted."""
    with Inboxes(database.url) as inboxes, Patient(database.url) as stage:
        registered = [
            inboxes.register(email_address=address, owner_id=OWNER, provider="instantly") for address in addresses()
        ]
        stage.sandbox = Sandbox(
            api_key=stage.sandbox.api_key,
            clock=stage.calls.terms.monotonic,
            accept_unknown=False,
            job_seconds=JOB,
        )
        weather = stormy(stage.sandbox, seed=database.kind)
        outcomes = play(stage).outcomes
        assert set(outcomes) == {inbox.id for inbox in registered}
        assert set(outcomes.values()) == {"moved", "rejected"}
        rejected = {inbox for inbox in registered if outcomes[inbox.id] == "rejected"}
        assert weather.bad <= {inbox.email_address for inbox in rejected}
        assert len(rejected) <= len(weather.bad) + BELIEVED
        assert weather.scripted <= stage.sandbox.count(Operation.ENABLE) <= weather.most_calls
        assert_moved_once(database, set(registered) - rejected)
        assert closings(database) == {"moved": COUNT - len(rejected), "rejected": len(rejected)}
        assert inboxes.operator(actor="olga").verify().clean
