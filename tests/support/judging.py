"""What must hold when all is over: nothing acknowledged is missing, and nothing is left open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from inbox_lifecycle import Inboxes
from inbox_lifecycle.testing import Sandbox
from inbox_lifecycle.testing.linear import Operation
from tests.support.databases import TestDatabase
from tests.support.evidence import gather
from tests.support.races import Race, outcomes
from tests.support.workload import ACTOR

#: Outcomes by which a caller knows for sure what became of the inbox.
DEFINITE = frozenset({"moved", "seen", "refused", "conflict", "key_reused"})

_OPEN = "outcome is null"
#: Calls in a race, about, for the provider's weather.
_CALLS = 1000


class Court:
    """Holds one race after another, judges each, and keeps count of what was heard."""

    def __init__(self, database: TestDatabase, sandbox: Sandbox, folder: Path) -> None:
        self.heard: Counter[str] = Counter()
        #: Attempts that were open when a race was over.
        self.left_open = 0
        self.database = database
        self._sandbox = sandbox
        self._folder = folder

    def race(self, name: str) -> Race:
        """A race to break things in."""
        return Race(self.database, self._sandbox, name=name, calls=_CALLS)

    def judge(self, race: Race, heard: list[Operation] | None = None) -> None:
        """Judge a race whose workers are gone: before `reconcile` settled what they left, and after."""
        self._verify()
        self.left_open += self.database.count("inbox_attempts", _OPEN)
        history = race.judge(self._folder, heard)
        assert self.database.count("inbox_attempts", _OPEN) == 0
        self._verify()
        assert_recorded(self.database, history)
        self.heard += outcomes(history)

    def assert_worthwhile(self) -> None:
        """Demand that many callers knew for sure, and some did not."""
        assert self.heard["moved"] > 0
        assert self.heard["refused"] > 0
        assert self.heard["none"] + self.heard["indeterminate"] > 0

    def _verify(self) -> None:
        with Inboxes(self.database.url) as inboxes:
            said = inboxes.operator(actor=ACTOR).verify()
        assert said.clean, said.as_dict()


def assert_recorded(database: TestDatabase, history: Iterable[Operation]) -> None:
    """Demand that every pair that somebody was told of, at a version, stands in the history at that version."""
    reached = {
        (inbox_id, event.version): event.reached
        for inbox_id, events in gather(database).events.items()
        for event in events
    }
    for operation in history:
        answer = operation.answer
        if answer is not None and answer.outcome in {"moved", "seen"}:
            assert operation.call.inbox_id is not None
            assert answer.version is not None
            assert reached.get((operation.call.inbox_id, answer.version)) == answer.pair, operation
