"""The feed inside a host's transaction: positions come and go with it, and nothing is handed over there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from inbox_lifecycle import Inboxes, StepRefused
from inbox_lifecycle.audit.sealing import Sealed
from inbox_lifecycle.records import FedEvent
from tests.support.databases import Postgres, TestDatabase
from tests.support.faces import AnyFace, Face, LoopThread
from tests.support.feeding import an_auditor, lead_on, led, places, sealed, whole
from tests.support.hosts import HOSTINGS, Host, host_engine, hosting

Hosting = tuple[str, str, str]

on_postgresql = pytest.mark.parametrize(
    "kind", [hosting for hosting in HOSTINGS if hosting[0] == "postgresql"], ids="-".join
)


@pytest.fixture(params=HOSTINGS, ids="-".join)
def kind(request: pytest.FixtureRequest) -> Hosting:
    """Which database, sync or async, and what the host hands over."""
    chosen: Hosting = request.param
    return chosen


@pytest.fixture
def database(request: pytest.FixtureRequest, kind: Hosting) -> TestDatabase:
    """A migrated database."""
    name = "sqlite_database" if kind[0] == "sqlite" else "emptied_postgres_database"
    chosen: TestDatabase = request.getfixturevalue(name)
    return chosen


@pytest.fixture
def outside(database: TestDatabase) -> Iterator[AnyFace]:
    """A facade that sees only what is committed."""
    with Inboxes(database.url) as inboxes:
        yield Face(inboxes)


@pytest.fixture
def host(kind: Hosting, database: TestDatabase, loop_thread: LoopThread) -> Iterator[Host]:
    """A host that may begin a transaction."""
    with hosting(database, kind[1], kind[2], loop_thread) as opened:
        yield opened


def test_positions_given_within_are_committed_with_the_transaction(
    host: Host, outside: AnyFace, database: TestDatabase
) -> None:
    """What the transaction itself wrote has its place in it at once."""
    inbox = led(host.face, "ana", 2)
    assert host.face.operator().seal() == Sealed(events=2, size=2, unsealed=0)
    assert places(host.face.operator().feed().items) == [(inbox.id, 1), (inbox.id, 2)]
    host.commit()
    assert sealed(database) == places(whole(outside.operator())) == [(inbox.id, 1), (inbox.id, 2)]


def test_positions_given_within_are_rolled_back_with_the_transaction(
    host: Host, outside: AnyFace, database: TestDatabase
) -> None:
    """They are given to others then, and there is no gap."""
    led(host.face, "ana", 2)
    assert host.face.operator().feed().unsealed == 0
    host.rollback()
    assert sealed(database) == []
    bea = led(outside, "bea")
    assert places(whole(outside.operator())) == sealed(database) == [(bea.id, 1)]


@on_postgresql
def test_while_a_host_that_has_sealed_stays_open_others_are_told_what_waits(
    host: Host, outside: AnyFace, database: TestDatabase
) -> None:
    """Nobody waits for it, neither who writes nor who would seal."""
    ana, bea = led(outside, "ana"), led(outside, "bea")
    lead_on(host.face, ana)
    assert host.face.operator().seal() == Sealed(events=3, size=3, unsealed=0)
    lead_on(outside, bea)
    assert outside.operator().seal() == Sealed(events=0, size=0, unsealed=3)
    host.commit()
    assert outside.operator().seal() == Sealed(events=1, size=4, unsealed=0)
    assert sealed(database)[2:] == [(ana.id, 2), (bea.id, 2)]


@on_postgresql
def test_an_event_of_a_transaction_that_stays_open_comes_after_what_was_committed_meanwhile(
    host: Host, outside: AnyFace, database: TestDatabase
) -> None:
    """A reader that has gone on in the meantime does not miss it."""
    ana, bea = led(outside, "ana"), led(outside, "bea")
    early = lead_on(host.face, ana)
    lead_on(outside, bea)
    first = outside.operator().feed()
    assert (places(first.items), first.unsealed) == ([(ana.id, 1), (bea.id, 1), (bea.id, 2)], 0)
    lead_on(host.face, early)
    host.commit()
    second = outside.operator().feed(after=first.next_after)
    assert places(second.items) == [(ana.id, 2), (ana.id, 3)]
    assert len(sealed(database)) == 5


def test_nothing_is_handed_over_within_and_nothing_is_left(
    host: Host, outside: AnyFace, database: TestDatabase
) -> None:
    """A handler may wait for anything; the transaction would wait with it."""
    led(host.face, "ana")
    heard: list[FedEvent] = []
    with pytest.raises(StepRefused, match="outside the transaction"):
        host.face.operator().subscribe("mail", heard.append)
    host.commit()
    assert (heard, database.count("inbox_subscriptions")) == ([], 0)
    assert outside.operator().subscribe("mail", heard.append).handled == len(heard) == 1


def test_a_role_that_only_reads_has_the_feed_within_its_transaction(
    postgres: Postgres, emptied_postgres_database: TestDatabase
) -> None:
    """The refusal to seal is undone, and the transaction goes on."""
    database = emptied_postgres_database
    with Inboxes(database.url) as inboxes:
        inbox = led(Face(inboxes), "ana", 2)
        inboxes.operator(actor="olga").seal(limit=1)
    with (
        an_auditor(postgres, database) as url,
        host_engine(replace(database, url=url)) as engine,
        Inboxes(url) as inboxes,
        engine.connect() as connection,
    ):
        page = inboxes.within(connection).operator(actor="vera").feed()
        assert connection.exec_driver_sql("select 1").scalar() == 1
    assert (places(page.items), page.unsealed) == ([(inbox.id, 1)], 1)
