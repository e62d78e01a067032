"""A race: hot inboxes, workers of any sort who call at once, and the judgement when all of them are done.

race = Race(database, sandbox, name="the first", calls=400)
...workers work on race.ids, each with a race.recorder(...) or a journal of its own...
history = race.judge(tmp_path, heard)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from inbox_lifecycle import Inbox, Inboxes, Instantly
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Sandbox
from inbox_lifecycle.testing.linear import Call, Initial, Operation, Violation, check
from tests.support.aftermath import eventually
from tests.support.databases import TestDatabase
from tests.support.evidence import sound
from tests.support.weather import brew, clear_up
from tests.support.workload import ACTOR, MIX, OWNER, SETTLING, Mark, Recorder, note, operations

#: Hot inboxes of a race.
INBOXES = 2
#: A pair of a host's, in which no gate is open and no rule but `correct` and `ban` leads on.
_ODD = ("active", "not_started")


@dataclass(frozen=True)
class Pace:
    """How a race is run."""

    #: Seconds of a lease; None is ample.
    call_budget: float | None
    #: How often each kind is called, in parts.
    mix: Mapping[str, int]


#: No call outlives its lease.
CALM = Pace(None, MIX)
#: Leases are over before the provider has answered, so that `reconcile` meets live calls.
HASTY = Pace(0.001, SETTLING)


class Race:
    """One race."""

    def __init__(self, database: TestDatabase, sandbox: Sandbox, *, name: str, calls: int) -> None:
        """Set it up.

        Args:
            database: may hold inboxes of earlier races.
            sandbox: the provider.
            name: decides what happens, as far as chance may.
            calls: how many will be made, about.
        """
        self.name = name
        self.marks: list[Mark] = []
        self._database = database
        self._sandbox = sandbox
        self._provider = Instantly(api_key=sandbox.api_key, base_url=sandbox.base_url)
        with Inboxes(database.url, provider=self._provider) as inboxes:
            self._inboxes = [_newcomer(inboxes, name, number) for number in range(INBOXES)]
        addresses = [inbox.email_address for inbox in self._inboxes if inbox.email_address]
        brew(sandbox, seed=name, requests=calls, accounts=addresses)

    @property
    def ids(self) -> list[str]:
        """The inboxes."""
        return [inbox.id for inbox in self._inboxes]

    def recorder(self, name: str) -> Recorder:
        """For a worker of this process."""
        return Recorder(name, self.marks.append)

    def judge(self, folder: Path, heard: list[Operation] | None = None) -> list[Operation]:
        """Settle what is open and judge everything: the whole history.

        Args:
            folder: where a history that does not pass is put.
            heard: what workers of other processes noted down.
        """
        clear_up(self._sandbox)
        with Inboxes(self._database.url, provider=self._provider) as inboxes:
            self._settle(inboxes)
            said = inboxes.operator(actor=ACTOR).verify()
        assert said.clean, said.as_dict()
        sound(self._database)
        history = [*(heard or []), *operations(self.marks)]
        found = check(history, self.initial)
        assert not found, _put_down(folder, self.name, history, found)
        return history

    @property
    def initial(self) -> dict[str, Initial]:
        """How the inboxes stood before."""
        pairs = {inbox.id: (inbox.status.value, inbox.warmup_status.value) for inbox in self._inboxes}
        return {
            inbox.id: Initial(pair=pairs[inbox.id], version=inbox.version, attempts=False) for inbox in self._inboxes
        }

    def _settle(self, inboxes: Inboxes) -> None:
        notes = self.recorder("the last one")
        reconcile = Call(kind="reconcile", inbox_id=None)
        self._read(inboxes, notes)
        self._database.expire_leases()

        def settled() -> bool:
            done = note(inboxes, reconcile, notes)
            assert isinstance(done, Reconciled), done
            return done.left == done.still_to_disable == 0

        # A job of the provider's may still be running, and hides for some milliseconds whether the account will warm.
        eventually(settled)
        assert note(inboxes, reconcile, notes) == Reconciled()
        self._read(inboxes, notes)

    def _read(self, inboxes: Inboxes, notes: Recorder) -> None:
        for inbox in self._inboxes:
            assert isinstance(note(inboxes, Call(kind="get", inbox_id=inbox.id), notes), Inbox)


def outcomes(history: list[Operation]) -> Counter[str]:
    """How often each outcome was heard."""
    return Counter(operation.answer.outcome.value if operation.answer else "none" for operation in history)


def _newcomer(inboxes: Inboxes, race: str, number: int) -> Inbox:
    address = f"{race}.{number}@mail.example.com".replace(" ", ".")
    if number % INBOXES:
        status, warmup_status = _ODD
        return inboxes.operator(actor=ACTOR).adopt(
            email_address=address, owner_id=OWNER, status=status, warmup_status=warmup_status
        )
    return inboxes.register(email_address=address, owner_id=OWNER)


def _put_down(folder: Path, race: str, history: list[Operation], found: list[Violation]) -> str:
    """Keep a history that does not pass, for whoever looks into it."""
    path = folder / f"{race}.jsonl"
    path.write_bytes(b"\n".join(map(msgspec.json.encode, history)))
    return "\n".join([f"the history of {race!r} is in {path}", *map(str, found)])
