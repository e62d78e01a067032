"""Recording a batch: one statement for all, and what it misses one by one, within one budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from inbox_lifecycle import Inbox, InboxId
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, AttemptKind, Recorder
from inbox_lifecycle.errors import StoreContended, StoreUnavailable
from inbox_lifecycle.flow import Flow, Once
from inbox_lifecycle.lifecycle.bulk_recording import Accepted, record_all
from inbox_lifecycle.lifecycle.record import Acceptor
from inbox_lifecycle.providers.port import Enabled
from inbox_lifecycle.store.faults import ConstraintViolated
from inbox_lifecycle.store.rows import Closed
from tests.support.steps import ERASED, PENDING, STARTED, WARMING, Clock, Played, looked, play, seen, terms


def accepted(inbox: Inbox, number: int) -> Accepted:
    """An inbox that the provider accepted."""
    acceptor = Acceptor(
        attempt_id=AttemptId(f"018f3b5e-0000-7000-8000-00000000010{number}"),
        kind=AttemptKind.RETRY,
        answer=Enabled("job-1"),
        context=Context(actor="olga"),
        recorder=Recorder.CALL,
    )
    return Accepted(seen(inbox), acceptor)


ONE, TWO, THREE = (replace(PENDING, id=InboxId(f"018f3b5e-0000-7000-8000-00000000002{number}")) for number in range(3))
ACCEPTED = [accepted(inbox, number) for number, inbox in enumerate((ONE, TWO, THREE))]
CONTENDED = StoreContended("40P01")
GONE = StoreUnavailable("gone", maybe_applied=True)


def record(*answers: object, clock: Callable[[], float] | None = None) -> Any:
    """A recording, played."""
    return play(record_all(terms(clock), ACCEPTED), *answers)


def ids(*inboxes: Inbox) -> frozenset[InboxId]:
    """Their ids."""
    return frozenset(inbox.id for inbox in inboxes)


def test_a_batch_is_recorded_in_one_statement_within_the_recordings_budget() -> None:
    """A tenth of which it may wait for a lock."""
    played = record(None, ids(ONE, TWO, THREE))
    assert played.names == ["Shield", "commit_warmups"]
    statement = played.statement(1)
    assert [one.event.inbox_id for one in statement.commits] == [ONE.id, TWO.id, THREE.id]
    assert (statement.patience, played.steps[0].budget, played.steps[1].patience) == (1.5, 15.0, None)
    assert played.value == dict.fromkeys((ONE.id, TWO.id, THREE.id), "moved")


def test_what_the_batch_missed_is_explained_one_by_one() -> None:
    """One had moved after all, one is lost, one moves at the second look."""
    moved_on = replace(WARMING, id=ONE.id)
    overtaken = replace(PENDING, id=TWO.id, version=4)
    played = record(
        *(None, ids(THREE)),
        *(None, None, looked(moved_on, outcome="moved", moved=STARTED)),
        *(None, None, looked(overtaken), Closed(was_open=True, keyed=None)),
    )
    assert played.names == [
        *("Shield", "commit_warmups"),
        *("Shield", "commit_warmup", "look_again"),
        *("Shield", "commit_warmup", "look_again", "close_attempt"),
    ]
    assert played.value == {ONE.id: "moved", TWO.id: "lost", THREE.id: "moved"}
    assert played.statement(3).patience == 1.35


@pytest.mark.parametrize("undone", [CONTENDED, ConstraintViolated("inbox_events_chain")])
def test_a_batch_that_is_undone_twice_is_recorded_one_by_one(undone: Exception) -> None:
    """The second time with as much time as is left."""
    rows = [replace(WARMING, id=inbox.id) for inbox in (ONE, TWO, THREE)]
    singles = [answer for row in rows for answer in (None, row)]
    played = record(None, undone, undone, *singles)
    assert played.names == ["Shield", "commit_warmups", "commit_warmups", *["Shield", "commit_warmup"] * 3]
    assert played.steps[2].patience == 15.0
    assert set(played.value.values()) == {"moved"}


def test_an_inbox_that_is_late_has_what_is_left_after_all_the_others() -> None:
    """Somebody keeps its row locked: it is given a tenth of the budget at first, and the rest in the end."""
    row = replace(WARMING, id=THREE.id)
    misses = [CONTENDED, looked(TWO)] * 5
    played = record(
        *(None, ids(ONE)),
        *(None, *misses),
        *(None, row),
        *(None, replace(WARMING, id=TWO.id)),
    )
    assert played.value == dict.fromkeys((ONE.id, TWO.id, THREE.id), "moved")
    shields = [step.budget for step in played.steps if type(step).__name__ == "Shield"]
    assert shields == [15.0, 1.5, 1.5, 15.0]


def test_a_database_that_is_gone_for_the_whole_budget_is_not_asked_for_each() -> None:
    """All of them are told as not recorded, and stay open."""
    clock = Clock()

    def gone_after_five_seconds() -> StoreUnavailable:
        clock.seconds += 5
        return GONE

    played = play_all(record_all(terms(clock), ACCEPTED), gone_after_five_seconds)
    assert played.value == dict.fromkeys((ONE.id, TWO.id, THREE.id), "not_recorded")
    assert set(played.names) == {"Shield", "commit_warmups", "Sleep"}
    assert clock.seconds == 15


def play_all(flow: Flow[Any], fail: Callable[[], Exception]) -> Played:
    """A flow, played with every statement failing."""
    played = Played()
    try:
        played.steps.append(next(flow))
        while True:
            failed = isinstance(played.steps[-1], Once)
            played.steps.append(flow.throw(fail()) if failed else flow.send(None))
    except StopIteration as end:
        played.value = end.value
    return played


def test_an_inbox_erased_meanwhile_is_told_as_not_found() -> None:
    """And its warmup is stopped, as only this run still has its address."""
    gone = replace(ERASED, id=TWO.id)
    played = record(
        *(None, ids(ONE, THREE)),
        *(None, None, looked(gone), Closed(was_open=True, keyed=None)),
        StoreUnavailable("the provider is not reached"),
    )
    assert played.names[-1] == "Send"
    assert played.value[TWO.id] == "not_found"
