"""Consumers that end before their time: interrupted, cancelled, with a handler that does not fit, or by broken history.

What only one side can meet stands here: signals on the sync side, cancelled tasks on the async one.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from inbox_lifecycle import AsyncInboxes, Inboxes, SubscriptionTaken
from inbox_lifecycle.audit.subscribing import Delivered
from inbox_lifecycle.errors import InvalidInput, UnknownEvent
from inbox_lifecycle.records import FedEvent
from tests.support.aftermath import background, eventually
from tests.support.commands import tamper
from tests.support.contract import crosswise
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace, Face
from tests.support.feeding import led
from tests.support.hosts import host_engine
from tests.support.interrupts import Interrupts
from tests.support.listening import Ear, Pause

NAME = "mail"


@pytest.fixture
def inboxes(database: TestDatabase) -> Iterator[Inboxes]:
    """A sync facade over three events."""
    with Inboxes(database.url) as opened:
        led(Face(opened), "ana", 3)
        yield opened


@pytest.fixture
def pressed() -> Iterator[Interrupts]:
    """Ctrl-C."""
    before = signal.getsignal(signal.SIGINT)
    interrupts = Interrupts()
    signal.signal(signal.SIGINT, interrupts.handle)
    yield interrupts
    signal.signal(signal.SIGINT, before)


def standing(database: TestDatabase) -> list[tuple[int, bool]]:
    """Where the subscription stands, and whether it is held."""
    return [
        (position, bool(held))
        for position, held in database.execute("select position, holder is not null from {s}inbox_subscriptions")
    ]


def test_ctrl_c_ends_a_polling_consumer_that_has_nothing_to_do(
    inboxes: Inboxes, database: TestDatabase, pressed: Interrupts
) -> None:
    """Its cursor stands at what it has heard; its claim stands until the lease is over."""
    heard: list[FedEvent] = []

    def press() -> None:
        eventually(lambda: standing(database) == [(2, True)])
        pressed.send()

    pressing = background(press)
    with pytest.raises(KeyboardInterrupt), pressed.raising():
        inboxes.operator(actor="olga").subscribe(NAME, heard.append, poll=0.01)
    pressing.result(30)
    assert (len(heard), standing(database)) == (3, [(2, True)])


def test_ctrl_c_in_a_handler_loses_no_event(inboxes: Inboxes, database: TestDatabase, pressed: Interrupts) -> None:
    """The event it struck at was not handled, and comes again."""
    heard: list[int] = []

    def hear(fed: FedEvent) -> None:
        heard.append(fed.position)
        if fed.position == 1:
            pressed.send()
            eventually(lambda: False)

    with pytest.raises(KeyboardInterrupt), pressed.raising():
        inboxes.operator(actor="olga").subscribe(NAME, hear)
    assert (heard, standing(database)) == ([0, 1], [(-1, True)])


@pytest.mark.usefixtures("inboxes")
def test_cancelling_ends_a_polling_consumer_that_has_nothing_to_do(database: TestDatabase) -> None:
    """Its cursor stands at what it has heard."""
    heard: list[FedEvent] = []

    async def consume() -> None:
        async with AsyncInboxes(database.url) as opened:
            consuming = asyncio.ensure_future(opened.operator(actor="olga").subscribe(NAME, heard.append, poll=0.01))
            await asyncio.to_thread(eventually, lambda: standing(database) == [(2, True)])
            consuming.cancel()
            with pytest.raises(asyncio.CancelledError):
                await consuming

    asyncio.run(consume())
    assert (len(heard), standing(database)) == (3, [(2, True)])


@pytest.mark.usefixtures("inboxes")
def test_cancelling_in_a_handler_loses_no_event(database: TestDatabase) -> None:
    """The handler is cancelled where it waits, and its event comes again."""
    heard: list[int] = []

    async def consume() -> None:
        stuck = asyncio.Event()

        async def hear(fed: FedEvent) -> None:
            heard.append(fed.position)
            if fed.position == 1:
                stuck.set()
                await asyncio.Event().wait()

        async with AsyncInboxes(database.url) as opened:
            consuming = asyncio.ensure_future(opened.operator(actor="olga").subscribe(NAME, hear))
            await stuck.wait()
            consuming.cancel()
            with pytest.raises(asyncio.CancelledError):
                await consuming

    asyncio.run(consume())
    assert (heard, standing(database)) == ([0, 1], [(-1, True)])


def test_an_async_handler_on_the_sync_side_is_refused_and_nothing_is_parked(
    inboxes: Inboxes, database: TestDatabase
) -> None:
    """It never ran, which is no fault of the event's; the name is free at once for one that fits."""
    heard: list[FedEvent] = []

    async def hear(fed: FedEvent) -> None:
        heard.append(fed)

    operator = inboxes.operator(actor="olga")
    with pytest.raises(InvalidInput, match="the handler is async"):
        operator.subscribe(NAME, hear)
    assert (heard, list(operator.parked(NAME)), standing(database)) == ([], [], [(-1, False)])
    assert operator.subscribe(NAME, heard.append) == Delivered(handled=3, position=2)


def test_a_handler_that_is_refused_a_step_in_its_own_transaction_counts_as_failing(
    inboxes: Inboxes, database: TestDatabase
) -> None:
    """That a call of its own cannot work there says nothing about this consumer."""
    operator = inboxes.operator(actor="olga")
    with host_engine(database) as engine:

        def consume_within(fed: FedEvent) -> None:
            with engine.connect() as connection:
                inboxes.within(connection).operator(actor="olga").subscribe("another", print)
                raise AssertionError(fed)

        assert operator.subscribe(NAME, consume_within, tries=1) == Delivered(parked=(0, 1, 2), position=2)
    assert {one.error for one in operator.parked(NAME)} == {"StepRefused"}


@crosswise
def test_an_event_of_a_newer_version_stops_the_consumer_and_leaves_the_name_free(
    face: AnyFace, database: TestDatabase
) -> None:
    """Nothing is parked that a newer library can read; after an upgrade it goes on at once."""
    inbox = led(face, "ana", 3)
    ear, operator = Ear(face), face.operator()
    assert operator.subscribe(NAME, ear.handler, limit=1).position == 0
    tamper(database, "schema = 99", inbox, 2)
    for _ in range(2):
        with pytest.raises(UnknownEvent):
            operator.subscribe(NAME, ear.handler)
    assert (ear.positions, operator.parked(NAME), standing(database)) == ([0], [], [(0, False)])


def test_a_name_is_taken_by_a_consumer_that_polls(inboxes: Inboxes, database: TestDatabase) -> None:
    """Its claim is renewed each time it looks, whether or not there was something."""
    operator = inboxes.operator(actor="olga")
    heard: list[FedEvent] = []
    working = background(lambda: operator.subscribe(NAME, heard.append, poll=0.01, limit=4))
    eventually(lambda: standing(database) == [(2, True)])
    select = "select lease_until from {s}inbox_subscriptions"
    before = database.execute(select)
    eventually(lambda: database.execute(select) != before)
    with pytest.raises(SubscriptionTaken):
        operator.subscribe(NAME, heard.append)
    led(Face(inboxes), "bea")
    assert working.result(30) == Delivered(handled=4, position=3)


def test_a_consumer_that_was_too_slow_does_not_move_the_cursor_of_the_one_at_work(
    inboxes: Inboxes, database: TestDatabase
) -> None:
    """It is told so, and has released nothing that is not its own."""
    operator = inboxes.operator(actor="olga")
    too_late, at_work = Pause(), Pause()
    slow = background(lambda: operator.subscribe(NAME, too_late))
    too_late.wait_until_reached()
    database.execute("update {s}inbox_subscriptions set lease_until = ?", ("2000-01-01T00:00:00.000000Z",))
    follower = background(lambda: operator.subscribe(NAME, at_work))
    at_work.wait_until_reached()
    too_late.release()
    with pytest.raises(SubscriptionTaken):
        slow.result(30)
    assert standing(database) == [(-1, True)]
    at_work.release()
    assert follower.result(30) == Delivered(handled=3, position=2)


def test_a_consumer_that_was_overtaken_parks_nothing(inboxes: Inboxes, database: TestDatabase) -> None:
    """The one at work may be through with the event: it is no business of the other's any more."""
    operator = inboxes.operator(actor="olga")
    too_late, heard = Pause(), list[int]()

    def fail(fed: FedEvent) -> None:
        too_late(fed)
        raise RuntimeError

    slow = background(lambda: operator.subscribe(NAME, fail, tries=1))
    too_late.wait_until_reached()
    database.execute("update {s}inbox_subscriptions set lease_until = ?", ("2000-01-01T00:00:00.000000Z",))
    operator.subscribe(NAME, lambda fed: heard.append(fed.position))
    too_late.release()
    with pytest.raises(SubscriptionTaken):
        slow.result(30)
    assert (heard, list(operator.parked(NAME))) == ([0, 1, 2], [])
