"""How `retry_stuck` and `retry_many` are called: progress, arguments, actors, and where they are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from inbox_lifecycle import (
    BulkProgress,
    BulkReport,
    Inbox,
    Inboxes,
    Instantly,
    InvalidInput,
    StepRefused,
    audit_context,
)
from inbox_lifecycle.errors import ActorRequired, MalformedId
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.contract import crosswise
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace, LoopThread
from tests.support.hosts import hosting
from tests.support.stuck import (
    OWNER,
    addresses,
    assert_asked_once,
    closings,
    retry_many,
    retry_stuck,
    stuck,
)

pytestmark = pytest.mark.pairwise

#: More than one batch, and less than two.
SOME = 103


def test_progress_tells_the_counts_after_each_batch(face: AnyFace) -> None:
    """Of all that were stuck when the run began, how many are accounted for."""
    stuck(face, SOME)
    seen: list[BulkProgress] = []
    assert retry_stuck(face, progress=seen.append).counts == {"moved": SOME}
    assert {(one.done, one.total, one.waiting_for) for one in seen} == {(100, SOME, None), (SOME, SOME, None)}
    assert [one.done for one in seen] == sorted(one.done for one in seen)
    assert seen[-1].counts == {"moved": SOME}


def test_an_error_of_the_progress_handler_ends_the_run_between_two_batches(
    face: AnyFace, provider_sandbox: Sandbox
) -> None:
    """What was moved stays moved, and another run does the rest."""
    inboxes = stuck(face, SOME)

    def fail(_progress: BulkProgress) -> None:
        raise RuntimeError("the terminal is gone")

    with pytest.raises(RuntimeError, match="the terminal is gone"):
        retry_stuck(face, progress=fail)
    assert retry_stuck(face).counts == {"moved": SOME - 100}
    assert_asked_once(provider_sandbox, inboxes)


REFUSED: dict[str, Callable[[Any], object]] = {
    "a negative age": lambda operator: operator.retry_stuck(older_than=-timedelta(seconds=1)),
    "an age before the first year": lambda operator: operator.retry_stuck(older_than=timedelta.max),
    "a limit of none": lambda operator: operator.retry_stuck(limit=0),
    "a limit with a fraction": lambda operator: operator.retry_stuck(limit=1.5),
    "a limit in words": lambda operator: operator.retry_stuck(limit="3"),
    "an age that is no time span": lambda operator: operator.retry_stuck(older_than=5),
    "an empty owner": lambda operator: operator.retry_stuck(owner_id=""),
    "no number for patience": lambda operator: operator.retry_stuck(patience=float("nan")),
    "patience in words": lambda operator: operator.retry_stuck(patience="5"),
    "no patience": lambda operator: operator.retry_many([], patience=None),
    "progress that cannot be called": lambda operator: operator.retry_stuck(progress=5),
    "no list": lambda operator: operator.retry_many(None),
    "a number for a list": lambda operator: operator.retry_many(5),
    "an id for a list": lambda operator: operator.retry_many("5"),
    "patience without end": lambda operator: operator.retry_many([], patience=float("inf")),
    "negative patience": lambda operator: operator.retry_many([], patience=-1.0),
}


@crosswise
@pytest.mark.parametrize("name", REFUSED)
def test_an_argument_out_of_its_range_is_refused(face: AnyFace, provider_sandbox: Sandbox, name: str) -> None:
    """Before anything is looked at."""
    stuck(face, 1)
    with pytest.raises(InvalidInput):
        REFUSED[name](face.operator())
    assert provider_sandbox.requests == ()


@crosswise
def test_one_malformed_id_stops_the_whole_list(face: AnyFace, database: TestDatabase) -> None:
    """Nothing was done: the list is mended and passed again."""
    (inbox,) = stuck(face, 1)
    with pytest.raises(MalformedId):
        face.operator().retry_many([inbox.id, "not an id"])
    assert closings(database) == {}


@crosswise
def test_nobody_is_asked_for_an_empty_list(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """The report is empty too."""
    assert face.operator().retry_many([]) == BulkReport()
    assert provider_sandbox.requests == ()


@crosswise
def test_a_run_needs_an_actor_where_every_call_does(make: MakeFace) -> None:
    """An operator always has a name, so it is there."""
    face = make(require_actor=True)
    inboxes = stuck_by(face)
    assert retry_many(face, inboxes).counts == {"moved": 1}
    with pytest.raises(ActorRequired):
        stuck(face, 1)


def stuck_by(face: AnyFace) -> list[Inbox]:
    """A stuck inbox, registered by somebody."""
    with audit_context(actor="ana"):
        return stuck(face, 1, name="named")


def test_a_run_inside_a_hosts_transaction_is_refused_and_leaves_nothing(
    database: TestDatabase, provider: Instantly, loop_thread: LoopThread
) -> None:
    """A transaction never waits for the network."""
    with Inboxes(database.url, provider) as inboxes:
        inbox = inboxes.register(email_address="ana@mail.example.com", owner_id=OWNER)
    with hosting(database, "sync", "connection", loop_thread, provider=provider) as host:
        with pytest.raises(StepRefused):
            host.face.operator().retry_many([inbox.id])
        host.commit()
    assert closings(database) == {}


def test_a_report_and_its_progress_are_told_in_json(face: AnyFace) -> None:
    """Words and ids alone: no address is in them."""
    inboxes = stuck(face, 1)
    report = retry_stuck(face)
    assert json.loads(json.dumps([dict(report.outcomes), dict(report.counts)])) == [
        {inboxes[0].id: "moved"},
        {"moved": 1},
    ]
    assert addresses(inboxes)[0] not in repr(report)
