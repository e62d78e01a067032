"""The feed: every event has its place from 0 on, pages skip none, and what has no place yet is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest

from inbox_lifecycle import Inboxes
from inbox_lifecycle.audit.sealing import Sealed
from inbox_lifecycle.errors import InvalidInput, StoreMisconfigured
from inbox_lifecycle.records import FeedPage
from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.store.migrate import migrations_path, upgrade_by_one, upgrade_schema
from inbox_lifecycle.store.session import backend_for
from tests.fix_face import MakeFace
from tests.support.contract import together
from tests.support.databases import Postgres, TestDatabase
from tests.support.faces import AnyFace, Face
from tests.support.feeding import an_auditor, lead_on, led, places, sealed, whole
from tests.support.store import Store

pytestmark = pytest.mark.pairwise

on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def operator(face: AnyFace) -> AnyFace:
    """An operator."""
    return face.operator()


@contextmanager
def turn_taken(database: TestDatabase) -> Iterator[None]:
    """Somebody else is giving positions at this moment."""
    with psycopg.connect(database.url) as connection:
        connection.execute("select from inbox_lifecycle.inbox_feed_head for update")
        yield


def test_sealed_events_have_positions_from_zero_without_gaps(
    face: AnyFace, operator: AnyFace, database: TestDatabase
) -> None:
    """Sealing tells how many it gave and how far the feed reaches, and a second run has nothing to do."""
    for name in ("ana", "bea"):
        led(face, name, 2)
    assert operator.seal() == Sealed(events=4, size=4, unsealed=0)
    assert len(sealed(database)) == 4
    assert operator.seal() == Sealed(events=0, size=4, unsealed=0)
    led(face, "cleo")
    assert operator.seal() == Sealed(events=1, size=5, unsealed=0)
    assert len(sealed(database)) == 5


def test_events_are_fed_as_they_were_committed(face: AnyFace, operator: AnyFace, database: TestDatabase) -> None:
    """Those of one inbox by version, and those of several one after another as their calls ended."""
    ana, bea = led(face, "ana"), led(face, "bea")
    lead_on(face, lead_on(face, ana))
    lead_on(face, bea)
    lead_on(face, operator.get(ana.id))
    expected = [(ana.id, 1), (bea.id, 1), (ana.id, 2), (ana.id, 3), (bea.id, 2), (ana.id, 4)]
    assert places(whole(operator)) == expected == sealed(database)


def test_a_fed_event_is_the_one_in_the_inboxs_history(face: AnyFace, operator: AnyFace) -> None:
    """With its entry, its hash and its context."""
    inbox = led(face, "ana", 3)
    assert [fed.event for fed in whole(operator)] == operator.history(inbox.id)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1000])
def test_pages_of_any_size_make_up_the_whole_feed(face: AnyFace, operator: AnyFace, limit: int) -> None:
    """Each page goes on where the one before it ended."""
    for name in ("ana", "bea", "cleo"):
        led(face, name, 2)
    items = whole(operator, limit=limit)
    assert [fed.position for fed in items] == [0, 1, 2, 3, 4, 5]
    assert places(items) == places(whole(operator))


def test_an_empty_feed_is_an_empty_page(operator: AnyFace) -> None:
    """Its mark is the one that was asked with."""
    assert operator.feed() == FeedPage((), None, 0)
    assert operator.feed(after=-1) == FeedPage((), -1, 0)
    assert operator.feed(after=2**63 - 1, limit=10_000) == FeedPage((), 2**63 - 1, 0)
    assert operator.seal() == Sealed(events=0, size=0, unsealed=0)


def test_a_reader_at_the_end_finds_what_comes_later(face: AnyFace, operator: AnyFace) -> None:
    """The mark of an empty page goes on being good."""
    led(face, "ana")
    first = operator.feed()
    end = operator.feed(after=first.next_after)
    assert (end.items, end.next_after) == ((), 0)
    bea = led(face, "bea")
    assert places(operator.feed(after=end.next_after).items) == [(bea.id, 1)]


@pytest.mark.parametrize(
    "wrong", [{"after": -2}, {"after": 2**63}, {"limit": 0}, {"limit": -1}, {"limit": 10_001}], ids=str
)
def test_a_page_that_cannot_be_is_refused(operator: AnyFace, wrong: dict[str, int]) -> None:
    """The error names what is wrong, and nothing was asked of the database."""
    with pytest.raises(InvalidInput, match=f"^{next(iter(wrong))} is"):
        operator.feed(**wrong)


@pytest.mark.parametrize("limit", [0, -5])
def test_sealing_less_than_one_event_is_refused(operator: AnyFace, limit: int) -> None:
    """None is the word for all there are."""
    with pytest.raises(InvalidInput, match="at least 1"):
        operator.seal(limit=limit)


def test_sealing_stops_at_its_limit_and_tells_what_waits(
    face: AnyFace, operator: AnyFace, database: TestDatabase
) -> None:
    """The oldest come first; the next run goes on."""
    led(face, "ana", 3)
    led(face, "bea", 2)
    assert operator.seal(limit=2) == Sealed(events=2, size=2, unsealed=3)
    assert len(sealed(database)) == 2
    assert operator.seal(limit=1) == Sealed(events=1, size=3, unsealed=2)
    assert operator.seal(limit=10**20) == Sealed(events=2, size=5, unsealed=0)


@on_postgresql
def test_events_whose_numbers_were_drawn_early_are_fed_by_version(
    face: AnyFace, operator: AnyFace, database: TestDatabase
) -> None:
    """The queue's numbers may stand in any order: an event takes those before it along, beyond the limit even."""
    ana, bea = led(face, "ana", 3), led(face, "bea")
    database.execute("update {s}inbox_feed_queue set seq = -seq")
    assert operator.seal(limit=1) == Sealed(events=1, size=1, unsealed=3)
    assert operator.seal(limit=1) == Sealed(events=3, size=4, unsealed=0)
    assert sealed(database) == [(bea.id, 1), (ana.id, 1), (ana.id, 2), (ana.id, 3)]


@on_postgresql
def test_who_finds_another_at_sealing_returns_at_once_and_tells_what_waits(
    face: AnyFace, operator: AnyFace, database: TestDatabase
) -> None:
    """Nothing sealed is not the same as nothing left, and a page says so as well."""
    led(face, "ana", 2)
    operator.seal(limit=1)
    with turn_taken(database):
        assert operator.seal() == Sealed(events=0, size=1, unsealed=1)
        page = operator.feed()
        assert (len(page.items), page.next_after, page.unsealed) == (1, 0, 1)
    assert operator.feed(after=page.next_after).unsealed == 0
    assert len(sealed(database)) == 2


def test_sealers_at_once_give_each_event_one_position(make: MakeFace, face: AnyFace, database: TestDatabase) -> None:
    """Four facades with connections of their own, in small steps: no position twice, and none left out."""
    for number in range(12):
        led(face, f"inbox{number}", 3)

    operators = [make().operator() for _ in range(4)]

    def seal_on(sealer: AnyFace) -> None:
        while sealer.seal(limit=2).unsealed:
            pass

    assert together(*(partial(seal_on, sealer) for sealer in operators)) == [None] * 4
    assert len(sealed(database)) == 36


def test_events_from_before_there_was_a_feed_get_their_positions(empty_database: TestDatabase) -> None:
    """They had been queued all along, and come before those that were written after the upgrade."""
    engine = make_engine(empty_database.url)
    assert upgrade_by_one(engine, backend_for(engine.dialect), migrations_path()) == ("1.0001", True)
    engine.dispose()
    store = Store(empty_database)
    old = store.born("ana@mail.example.com")
    store.born("bea@mail.example.com")
    store.move(old)
    store.close()
    assert empty_database.count("inbox_feed_queue") == 3
    upgrade_schema(empty_database.url)
    with Inboxes(empty_database.url) as inboxes:
        new = led(Face(inboxes), "cleo")
        assert inboxes.operator(actor="olga").feed(limit=1).items[0].event.inbox_id == old.id
    fed = sealed(empty_database)
    assert (fed[0], fed[2:]) == ((old.id, 1), [(old.id, 2), (new.id, 1)])


@on_postgresql
def test_a_role_that_only_reads_has_the_feed_as_others_sealed_it(
    face: AnyFace, make: MakeFace, postgres: Postgres, database: TestDatabase
) -> None:
    """It gives no positions, and each page tells what waits for them."""
    ana = led(face, "ana", 2)
    face.operator().seal(limit=1)
    with an_auditor(postgres, database) as url:
        auditor = make(url).operator()
        page = auditor.feed()
        assert (places(page.items), page.unsealed) == ([(ana.id, 1)], 1)
        with pytest.raises(StoreMisconfigured, match="lacks a right"):
            auditor.seal()
        face.operator().seal()
        assert places(auditor.feed(after=page.next_after).items) == [(ana.id, 2)]


@on_postgresql
def test_a_server_that_only_reads_has_the_feed_as_others_sealed_it(
    face: AnyFace, make: MakeFace, database: TestDatabase
) -> None:
    """A standby, or one that was turned read-only."""
    ana = led(face, "ana", 2)
    face.operator().seal(limit=1)
    reader = make(f"{database.url}&options=-c%20default_transaction_read_only%3Don").operator()
    page = reader.feed()
    assert (places(page.items), page.unsealed) == ([(ana.id, 1)], 1)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_file_that_may_only_be_read_has_the_feed_as_others_sealed_it(
    face: AnyFace, make: MakeFace, database: TestDatabase
) -> None:
    """As an auditor opens it who must not change it."""
    ana = led(face, "ana", 2)
    face.operator().seal(limit=1)
    reader = make(f"sqlite:///file:{database.path}?mode=ro&uri=true").operator()
    page = reader.feed()
    assert (places(page.items), page.unsealed) == ([(ana.id, 1)], 1)
