"""All events one by one: the feed from any position to where it reached as the reading began, whatever lies between."""

from __future__ import annotations

import pytest

from benchmarks.making import load_postgresql, load_sqlite
from inbox_lifecycle import HistoryBroken, Inboxes, UnknownEvent
from inbox_lifecycle.codec import leaf_hash
from inbox_lifecycle.errors import InvalidInput
from inbox_lifecycle.records import FedEvent
from tests.fix_face import MakeFace
from tests.support.commands import frozen_off
from tests.support.databases import Postgres, TestDatabase
from tests.support.faces import AnyFace
from tests.support.feeding import an_auditor, lead_on, led, places, sealed, whole

#: Four events each: more than a page has on either database.
INBOXES = {"sqlite": 60, "postgresql": 260}


@pytest.fixture
def operator(face: AnyFace) -> AnyFace:
    """An operator."""
    return face.operator()


def test_events_are_those_of_the_feed(face: AnyFace, operator: AnyFace, database: TestDatabase) -> None:
    """What waits is sealed first; positions, contexts, hashes and all are as its pages have them."""
    ana, _ = led(face, "ana", 3), led(face, "bea", 2)
    lead_on(face, ana)
    found = operator.events()
    assert places(found) == sealed(database)
    assert found == whole(operator)


def test_a_reading_goes_on_where_another_was_left(face: AnyFace, operator: AnyFace) -> None:
    """By the position of its last event; at the end there are none."""
    led(face, "ana", 3)
    found = operator.events()
    for number in range(len(found)):
        assert operator.events(after=found[number].position) == found[number + 1 :]
    assert operator.events(after=-1) == found
    assert operator.events(after=2**63 - 1) == []


def test_an_empty_feed_has_no_events(operator: AnyFace) -> None:
    """Not one."""
    assert operator.events() == []


@pytest.mark.parametrize("after", [-2, 2**63])
def test_a_position_that_cannot_be_is_refused_at_once(operator: AnyFace, after: int) -> None:
    """As of a page."""
    with pytest.raises(InvalidInput, match=r"^after is"):
        operator.events(after=after)


def test_a_history_of_several_pages_is_read_whole(database: TestDatabase, make: MakeFace) -> None:
    """Each event once, in order."""
    count = INBOXES[database.kind]
    if database.kind == "sqlite":
        load_sqlite(database.path, count)
    else:
        load_postgresql(database.url, count)
    found = make().operator().events()
    assert [fed.position for fed in found] == list(range(4 * count))
    assert places(found) == sealed(database)


def test_what_is_written_meanwhile_is_left_for_another_reading(database: TestDatabase) -> None:
    """The end is where the feed reached when the first event was asked for."""
    with Inboxes(database.url) as inboxes:
        operator = inboxes.operator(actor="olga")

        def register(name: str) -> None:
            inboxes.register(email_address=f"{name}@mail.example.com", owner_id="owner", provider="instantly")

        register("ana")
        reading = operator.events()
        register("bea")
        first = next(reading)
        register("cleo")
        operator.seal()
        assert [first.position, *(fed.position for fed in reading)] == [0, 1]
        assert [fed.position for fed in operator.events(after=1)] == [2]


def _break(database: TestDatabase, change: str, *values: object) -> None:
    with frozen_off(database, database.prefix):
        database.execute(f"update {{s}}inbox_events set {change} where inbox_id = ?", values)  # noqa: S608 - our own


def test_a_reading_goes_up_to_what_cannot_be_read(face: AnyFace, operator: AnyFace, database: TestDatabase) -> None:
    """And says which event it is: one that is junk, or one of a newer version."""
    ids = [led(face, name).id for name in ("ana", "bea", "cleo")]
    operator.seal()
    heard: list[FedEvent] = []
    _break(database, "name = ?", "inbox.polished", ids[2])
    with Inboxes(database.url) as inboxes:
        with pytest.raises(UnknownEvent, match=r"inbox\.polished"):
            heard.extend(inboxes.operator(actor="olga").events())
        assert [fed.position for fed in heard] == [0, 1]
        _break(database, "entry = ?, hash = ?", b"junk", leaf_hash(b"junk"), ids[1])
        with pytest.raises(HistoryBroken, match="version 1"):
            list(inboxes.operator(actor="olga").events())
    with pytest.raises(HistoryBroken, match="version 1"):
        operator.events()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_role_that_only_reads_has_the_events_that_others_sealed(
    face: AnyFace, make: MakeFace, postgres: Postgres, database: TestDatabase
) -> None:
    """It gives no positions."""
    ana = led(face, "ana", 2)
    face.operator().seal(limit=1)
    with an_auditor(postgres, database) as url:
        assert places(make(url).operator().events()) == [(ana.id, 1)]
