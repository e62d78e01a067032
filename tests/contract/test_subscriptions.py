"""Consumers of the feed: each event at least once and in order, one consumer a name, and a cursor that lasts."""

from __future__ import annotations

from typing import Any

import pytest

from inbox_lifecycle import SubscriptionTaken
from inbox_lifecycle.audit.subscribing import PAGE, Delivered
from inbox_lifecycle.errors import InvalidInput
from tests.fix_face import MakeFace
from tests.support.aftermath import background, eventually
from tests.support.children import child
from tests.support.contract import crosswise
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace
from tests.support.feeding import led, places, sealed
from tests.support.listening import Ear, Killed, Pause, failing

NAME = "mail"


@pytest.fixture
def operator(face: AnyFace) -> AnyFace:
    """An operator over six events of two inboxes."""
    for name in ("ana", "bea"):
        led(face, name, 3)
    return face.operator()


def expire(database: TestDatabase) -> None:
    """Let the lease of whoever holds a subscription run out."""
    past = "2000-01-01T00:00:00.000000Z"
    database.execute("update {s}inbox_subscriptions set lease_until = ? where holder is not null", (past,))


def cursor(database: TestDatabase, name: str = NAME) -> int:
    """Where a subscription stands."""
    ((position,),) = database.execute("select position from {s}inbox_subscriptions where name = ?", (name,))
    return int(position)


def test_a_consumer_hears_every_event_once_and_in_order(
    face: AnyFace, operator: AnyFace, database: TestDatabase
) -> None:
    """A new name begins at the first position, and what was not sealed yet is sealed for it."""
    ear = Ear(face)
    assert operator.subscribe(NAME, ear.handler) == Delivered(handled=6, position=5)
    assert ear.positions == [0, 1, 2, 3, 4, 5]
    assert places(ear.heard) == sealed(database)


def test_a_consumer_of_another_facade_goes_on_where_the_last_one_ended(
    face: AnyFace, operator: AnyFace, make: MakeFace
) -> None:
    """The cursor is in the database."""
    operator.subscribe(NAME, Ear(face).handler)
    new = led(face, "cleo")
    ear = Ear(face)
    assert make().operator().subscribe(NAME, ear.handler) == Delivered(handled=1, position=6)
    assert places(ear.heard) == [(new.id, 1)]


def test_a_consumer_with_nothing_to_hear_returns_at_once(face: AnyFace, operator: AnyFace) -> None:
    """It says where it stands."""
    operator.subscribe(NAME, Ear(face).handler)
    ear = Ear(face)
    assert operator.subscribe(NAME, ear.handler) == Delivered(position=5)
    assert ear.heard == []


def test_a_consumer_of_an_empty_feed_stands_nowhere(face: AnyFace) -> None:
    """There is no position yet."""
    assert face.operator().subscribe(NAME, Ear(face).handler) == Delivered(position=None)


def test_each_name_has_a_cursor_of_its_own(face: AnyFace, operator: AnyFace) -> None:
    """What one has heard, another has still to hear."""
    operator.subscribe("a:b.c-D_9", Ear(face).handler)
    ear = Ear(face)
    operator.subscribe("a:b.c-D_8", ear.handler)
    assert ear.positions == [0, 1, 2, 3, 4, 5]


def test_a_limit_stops_the_consumer_and_the_next_one_goes_on(face: AnyFace, operator: AnyFace) -> None:
    """Parked events count, as they were handed over too."""
    ear = Ear(face, at_1=failing(ValueError("no")))
    assert operator.subscribe(NAME, ear.handler, limit=2, tries=1) == Delivered(handled=1, parked=(1,), position=1)
    assert operator.subscribe(NAME, ear.handler, limit=3) == Delivered(handled=3, position=4)
    assert operator.subscribe(NAME, ear.handler, limit=3) == Delivered(handled=1, position=5)
    assert ear.positions == [0, 1, 2, 3, 4, 5]


@crosswise
def test_a_consumer_goes_on_from_page_to_page(face: AnyFace, database: TestDatabase) -> None:
    """Its cursor moves at the end of each at the latest."""
    for number in range(10):
        led(face, f"inbox{number}", PAGE // 5 + 1)
    count, cursors = 10 * (PAGE // 5 + 1), []
    ear = Ear(face, always=lambda _fed: cursors.append(cursor(database)))
    assert face.operator().subscribe(NAME, ear.handler) == Delivered(handled=count, position=count - 1)
    assert ear.positions == list(range(count))
    assert (cursors[PAGE - 1 : PAGE + 1], cursors[-1]) == ([-1, PAGE - 1], 2 * PAGE - 1)


def test_after_a_consumer_that_died_in_its_handler_another_hears_everything(
    face: AnyFace, operator: AnyFace, make: MakeFace, database: TestDatabase
) -> None:
    """The first one's claim holds until its lease is over; then the events it was given come again, in order."""
    dying, living = Ear(face, at_3=failing(Killed())), Ear(face)
    with pytest.raises(Killed):
        operator.subscribe(NAME, dying.handler)
    other = make().operator()
    with pytest.raises(SubscriptionTaken):
        other.subscribe(NAME, living.handler)
    expire(database)
    assert other.subscribe(NAME, living.handler) == Delivered(handled=6, position=5)
    assert (dying.positions, living.positions) == ([0, 1, 2, 3], [0, 1, 2, 3, 4, 5])
    assert operator.parked(NAME) == []


def test_after_a_consumer_whose_process_was_killed_another_hears_everything(
    face: AnyFace, operator: AnyFace, database: TestDatabase
) -> None:
    """Killed in the middle of a page, which nobody can catch."""
    with child("tests.support.consuming_child", database.url, NAME, "3") as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(3)] == ["0\n", "1\n", "2\n"]
        process.kill()
        process.wait()
    ear = Ear(face)
    with pytest.raises(SubscriptionTaken):
        operator.subscribe(NAME, ear.handler)
    expire(database)
    assert operator.subscribe(NAME, ear.handler).position == 5
    assert ear.positions == [0, 1, 2, 3, 4, 5]


def test_one_consumer_works_under_a_name_at_a_time(face: AnyFace, operator: AnyFace, make: MakeFace) -> None:
    """A second one is told so and given nothing, whether it would consume or redeliver."""
    pause = Pause()
    first, second = Ear(face, at_1=pause), Ear(face)
    working = background(lambda: operator.subscribe(NAME, first.handler))
    pause.wait_until_reached()
    other = make().operator()
    for call in (other.subscribe, other.redeliver):
        with pytest.raises(SubscriptionTaken, match=f"subscription {NAME} has another consumer"):
            call(NAME, second.handler)
    assert other.subscribe("another", second.handler).handled == 6
    pause.release()
    assert working.result(30) == Delivered(handled=6, position=5)
    assert (first.positions, len(second.heard)) == ([0, 1, 2, 3, 4, 5], 6)


def test_a_consumer_slower_than_its_lease_is_followed_by_another_and_stops(
    face: AnyFace, operator: AnyFace, make: MakeFace, database: TestDatabase
) -> None:
    """The one that took over decides where the cursor stands; the slow one moves it no more."""
    pause = Pause()
    slow, fast = Ear(face, at_1=pause), Ear(face)
    working = background(lambda: operator.subscribe(NAME, slow.handler, limit=3))
    pause.wait_until_reached()
    expire(database)
    assert make().operator().subscribe(NAME, fast.handler) == Delivered(handled=6, position=5)
    pause.release()
    with pytest.raises(SubscriptionTaken):
        working.result(30)
    assert (slow.positions, fast.positions, cursor(database)) == ([0, 1, 2], [0, 1, 2, 3, 4, 5], 5)


def test_a_consumer_slower_than_its_lease_goes_on_if_nobody_followed(
    face: AnyFace, operator: AnyFace, database: TestDatabase
) -> None:
    """A lease that is over takes nothing away by itself."""
    ear = Ear(face, at_1=lambda _fed: expire(database))
    assert operator.subscribe(NAME, ear.handler) == Delivered(handled=6, position=5)
    assert ear.positions == [0, 1, 2, 3, 4, 5]


def test_a_slow_consumers_cursor_moves_before_its_page_is_through(
    face: AnyFace, operator: AnyFace, database: TestDatabase
) -> None:
    """With a lease that is nothing, after each event: what comes again after a death is little."""
    cursors: list[int] = []
    ear = Ear(face, always=lambda _fed: cursors.append(cursor(database)))
    operator.subscribe(NAME, ear.handler, lease=0.000001)
    assert cursors == [-1, 0, 1, 2, 3, 4]


def test_a_handler_that_fails_is_tried_again_before_the_next_event(face: AnyFace, operator: AnyFace) -> None:
    """An event that gets through at last is handled, and nothing is parked."""
    ear = Ear(face, at_2=failing(ValueError("not yet"), times=2))
    assert operator.subscribe(NAME, ear.handler) == Delivered(handled=6, position=5)
    assert ear.positions == [0, 1, 2, 2, 2, 3, 4, 5]
    assert operator.parked(NAME) == []


def test_an_event_that_the_handler_keeps_failing_on_is_parked_and_the_others_go_on(
    face: AnyFace, operator: AnyFace, database: TestDatabase
) -> None:
    """It is reported with the error's type and how often it was tried, and it does not come again."""
    ear = Ear(face, at_2=failing(ValueError("no")), at_4=failing(KeyError("no")))
    assert operator.subscribe(NAME, ear.handler, tries=2) == Delivered(handled=4, parked=(2, 4), position=5)
    assert ear.positions == [0, 1, 2, 2, 3, 4, 4, 5]
    parked = operator.parked(NAME)
    assert [(one.position, one.error, one.tries) for one in parked] == [(2, "ValueError", 2), (4, "KeyError", 2)]
    assert [one.event for one in parked] == [fed.event for fed in (ear.heard[2], ear.heard[5])]
    assert operator.parked("another") == []
    assert operator.subscribe(NAME, ear.handler) == Delivered(position=5)
    assert database.count("inbox_parked_events") == 2


def test_what_a_handlers_error_says_is_nowhere_kept(
    face: AnyFace, operator: AnyFace, database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """It may hold an address or a key: only its type is logged and written down."""
    secret = "zx-a-key-of-the-hosts"
    ear = Ear(face, at_2=failing(ValueError(secret)))
    with caplog.at_level("DEBUG"):
        operator.subscribe(NAME, ear.handler, tries=2)
    assert "parks position 2: ValueError" in caplog.text
    assert secret not in caplog.text
    assert all(record.exc_info is None for record in caplog.records)
    assert secret not in str(database.execute("select * from {s}inbox_parked_events"))
    assert secret not in repr(operator.parked(NAME))


def test_parked_events_are_redelivered_and_parked_no_longer(face: AnyFace, operator: AnyFace) -> None:
    """Those that fail again stay, their tries add up, and the cursor stays where it was."""
    operator.subscribe(NAME, Ear(face, always=failing(ValueError("no"))).handler, tries=1)
    ear = Ear(face, at_1=failing(KeyError("still no")))
    assert operator.redeliver(NAME, ear.handler, tries=2) == Delivered(handled=5, parked=(1,), position=5)
    assert ear.positions == [0, 1, 1, 2, 3, 4, 5]
    (left,) = operator.parked(NAME)
    assert (left.position, left.error, left.tries) == (1, "KeyError", 3)
    assert operator.redeliver(NAME, Ear(face).handler) == Delivered(handled=1, position=5)
    assert operator.redeliver(NAME, Ear(face).handler) == Delivered(position=5)
    assert operator.parked(NAME) == []


@crosswise
def test_more_parked_events_than_a_page_holds_are_told_and_redelivered(face: AnyFace) -> None:
    """In order of position, each once."""
    for number in range(4):
        led(face, f"inbox{number}", PAGE // 2 + 1)
    count, operator = 4 * (PAGE // 2 + 1), face.operator()
    operator.subscribe(NAME, Ear(face, always=failing(ValueError("no"))).handler, tries=1)
    assert [one.position for one in operator.parked(NAME)] == list(range(count))
    ear = Ear(face)
    assert operator.redeliver(NAME, ear.handler).handled == count
    assert (ear.positions, operator.parked(NAME)) == (list(range(count)), [])


def test_after_a_redelivery_that_died_the_parked_events_are_there_still(
    face: AnyFace, operator: AnyFace, database: TestDatabase
) -> None:
    """Except for those that it was through with."""
    operator.subscribe(NAME, Ear(face, always=failing(ValueError("no"))).handler, tries=1)
    with pytest.raises(Killed):
        operator.redeliver(NAME, Ear(face, at_2=failing(Killed())).handler)
    assert [one.position for one in operator.parked(NAME)] == [2, 3, 4, 5]
    expire(database)
    assert operator.redeliver(NAME, Ear(face).handler).handled == 4


def test_a_handler_that_calls_the_library_and_is_refused_counts_as_failing(face: AnyFace, operator: AnyFace) -> None:
    """Our own errors are the handler's here, as any other is."""

    def retry(fed: Any) -> Any:
        return face.target.retry_warmup(fed.event.inbox_id, owner_id="somebody else")

    ear = Ear(face, at_2=retry)
    assert operator.subscribe(NAME, ear.handler, tries=1) == Delivered(handled=5, parked=(2,), position=5)
    assert [one.error for one in operator.parked(NAME)] == ["InboxNotFound"]


def test_a_handler_may_move_inboxes_whose_events_it_then_hears(face: AnyFace, operator: AnyFace) -> None:
    """Nothing is held while it runs, so that it can call the library."""

    def ban(fed: Any) -> Any:
        return face.target.operator(actor="the handler").ban(fed.event.inbox_id)

    ear = Ear(face, at_0=ban)
    assert operator.subscribe(NAME, ear.handler) == Delivered(handled=7, position=6)
    assert (ear.heard[6].event.name, ear.heard[6].event.context.actor) == ("inbox.banned", "the handler")


@pytest.mark.parametrize("call", ["subscribe", "redeliver"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "-mail"},
        {"name": "mail box"},
        {"name": "m" * 201},
        {"name": "mail\n"},
        {"name": "mail\x00"},
        {"handler": None},
        {"tries": 0},
        {"lease": 0},
        {"lease": float("nan")},
        {"lease": 86_401},
    ],
    ids=str,
)
def test_a_subscription_that_makes_no_sense_is_refused(
    face: AnyFace, database: TestDatabase, call: str, wrong: dict[str, Any]
) -> None:
    """Before anything is asked of the database."""
    given = {"name": NAME, "handler": Ear(face).handler} | wrong
    with pytest.raises(InvalidInput):
        getattr(face.operator(), call)(given.pop("name"), given.pop("handler"), **given)
    assert database.count("inbox_subscriptions") == 0


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"poll": 0}, {"poll": float("inf")}, {"poll": float("nan")}], ids=str)
def test_a_consumer_that_could_never_work_is_refused(face: AnyFace, wrong: dict[str, Any]) -> None:
    """None is the word for no limit, and for not waiting."""
    with pytest.raises(InvalidInput):
        face.operator().subscribe(NAME, Ear(face).handler, **wrong)


def test_parked_events_of_a_name_that_cannot_be_are_refused(face: AnyFace) -> None:
    """Rather than told to be none."""
    with pytest.raises(InvalidInput, match="a subscription's name"):
        face.operator().parked("mail box")


def test_a_polling_consumer_hears_what_is_written_meanwhile(
    face: AnyFace, operator: AnyFace, make: MakeFace, database: TestDatabase
) -> None:
    """It ends at its limit here; without one, only when somebody ends it."""
    ear = Ear(face)
    working = background(lambda: operator.subscribe(NAME, ear.handler, poll=0.01, limit=8))
    eventually(lambda: cursor(database) == 5 if database.count("inbox_subscriptions") else False)
    led(make(), "cleo", 2)
    assert working.result(30) == Delivered(handled=8, position=7)
    assert ear.positions == list(range(8))
