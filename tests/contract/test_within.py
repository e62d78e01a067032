"""The same methods inside a host's transaction: they commit and roll back with it, and never make it wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import create_engine

from inbox_lifecycle import (
    AdoptedInbox,
    Inbox,
    Inboxes,
    InboxExists,
    InboxNotFound,
    Instantly,
    NewInbox,
    StepRefused,
    TransitionRefused,
)
from inbox_lifecycle.errors import StoreMisconfigured
from inbox_lifecycle.testing import Sandbox
from tests.support.contract import (
    ANA,
    BANNED,
    OWNER,
    PENDING,
    STRANGER,
    born,
    nothing_moves,
    warming,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace, Face, LoopThread
from tests.support.hosts import HOSTINGS, Host, hosting

Hosting = tuple[str, str, str]


@pytest.fixture(params=HOSTINGS, ids="-".join)
def kind(request: pytest.FixtureRequest) -> Hosting:
    """Which database, sync or async, and what the host hands over."""
    chosen: Hosting = request.param
    return chosen


@pytest.fixture
def database(request: pytest.FixtureRequest, kind: Hosting) -> Iterator[TestDatabase]:
    """A migrated database with a table of the host's beside ours."""
    name = "sqlite_database" if kind[0] == "sqlite" else "emptied_postgres_database"
    chosen: TestDatabase = request.getfixturevalue(name)
    chosen.execute("create table host_orders (number integer)")
    yield chosen
    chosen.execute("drop table host_orders")


@pytest.fixture
def host(kind: Hosting, database: TestDatabase, loop_thread: LoopThread, provider: Instantly) -> Iterator[Host]:
    """A host in the middle of a transaction that has done something of its own."""
    with hosting(database, kind[1], kind[2], loop_thread, provider=provider) as opened:
        opened.execute("insert into host_orders values (1)")
        yield opened


@pytest.fixture
def outside(database: TestDatabase, provider: Instantly) -> Iterator[AnyFace]:
    """A facade that sees only what is committed."""
    with Inboxes(database.url, provider) as inboxes:
        yield Face(inboxes)


def orders(database: TestDatabase) -> list[int]:
    """What the host has committed of its own."""
    return [number for (number,) in database.execute("select number from host_orders order by number")]


def test_registration_commits_with_the_hosts_transaction(host: Host, outside: AnyFace, database: TestDatabase) -> None:
    """Before the commit nobody else sees the inbox, after it everybody does, and the host's own work with it."""
    inbox = born(host.face)
    with pytest.raises(InboxNotFound):
        outside.get(inbox.id, owner_id=OWNER)
    host.commit()
    assert outside.get(inbox.id, owner_id=OWNER) == inbox
    assert orders(database) == [1]
    assert outside.operator().verify(inbox.id).clean


def test_registration_rolls_back_with_the_hosts_transaction(host: Host, database: TestDatabase) -> None:
    """Inbox, domain, event and queue row go as they came."""
    with nothing_moves(database):
        born(host.face)
        host.rollback()
    assert orders(database) == []


def test_adoption_and_ban_commit_with_the_hosts_transaction(host: Host, outside: AnyFace) -> None:
    """An operator's work within the transaction is one with it."""
    operator = host.face.operator("olga")
    inbox = operator.adopt(email_address=ANA, owner_id=OWNER, status="active", warmup_status="active")
    banned = operator.ban(inbox.id, reason="complaints")
    host.commit()
    assert outside.get(inbox.id, owner_id=OWNER) == banned
    assert [event.context.actor for event in outside.history(inbox.id, owner_id=OWNER)] == ["olga", "olga"]


def test_births_of_many_commit_with_the_hosts_transaction(host: Host, outside: AnyFace, database: TestDatabase) -> None:
    """Those that exist and those that are new, and nothing of it is seen before."""
    host.commit()
    known = born(outside)
    rows = [NewInbox(email_address=address) for address in (ANA, "bo@mail.example.com", "cleo@other.example.com")]
    with nothing_moves(database):
        report = host.face.register_many(rows, owner_id=OWNER)
        old = AdoptedInbox(email_address="dan@mail.example.com", status="active", warmup_status="active")
        adopted = host.face.operator().adopt_many([old], owner_id=OWNER)
    host.commit()
    assert (report.outcomes, adopted.outcomes) == (("exists", "born", "born"), ("born",))
    found = [outside.get(inbox_id, owner_id=OWNER) for inbox_id in (*report.inbox_ids, *adopted.inbox_ids)]
    assert found[0] == known
    assert outside.operator().verify().clean


def test_births_of_many_roll_back_with_the_hosts_transaction(host: Host, database: TestDatabase) -> None:
    """All of them, whatever batch they were in."""
    with nothing_moves(database):
        report = host.face.register_many([NewInbox(email_address=ANA)], owner_id=OWNER)
        host.rollback()
    assert report.outcomes == ("born",)


def test_ban_rolls_back_with_the_hosts_transaction(host: Host, outside: AnyFace, database: TestDatabase) -> None:
    """The inbox stays as it was, as does its history."""
    host.commit()
    inbox = born(outside)
    with nothing_moves(database):
        assert host.face.operator().ban(inbox.id).pair == BANNED
        host.rollback()


def test_correction_commits_with_the_hosts_transaction(host: Host, outside: AnyFace) -> None:
    """Whatever asks no provider can be done within."""
    inbox = born(host.face)
    host.face.operator().correct(inbox.id, status="banned", warmup_status="banned", reason="by hand")
    host.commit()
    assert outside.get(inbox.id, owner_id=OWNER).pair == BANNED


def test_reading_within_sees_what_the_transaction_has_done(host: Host) -> None:
    """`get`, `find`, `history` and `attempts` look through the host's own eyes, the operator's too."""
    inbox = born(host.face)
    assert host.face.get(inbox.id, owner_id=OWNER) == inbox
    assert host.face.find(owner_id=OWNER).items == (inbox,)
    assert host.face.operator().find().items == (inbox,)
    assert [event.version for event in host.face.history(inbox.id, owner_id=OWNER)] == [1]
    assert host.face.attempts(inbox.id, owner_id=OWNER) == []
    with pytest.raises(InboxNotFound):
        host.face.get(inbox.id, owner_id=STRANGER)


def test_refused_registration_leaves_the_hosts_transaction_usable(
    host: Host, outside: AnyFace, database: TestDatabase
) -> None:
    """A duplicate is undone to its savepoint: what the host did before and does after it commits."""
    host.commit()
    born(outside)
    host.execute("insert into host_orders values (2)")
    with nothing_moves(database):
        with pytest.raises(InboxExists):
            born(host.face)
        host.execute("insert into host_orders values (3)")
        host.commit()
    assert orders(database) == [1, 2, 3]


def test_refused_move_leaves_the_hosts_transaction_usable(host: Host, outside: AnyFace, database: TestDatabase) -> None:
    """What the rules refuse never reaches the database."""
    inbox = host.face.operator().ban(born(host.face).id)
    with pytest.raises(TransitionRefused):
        host.face.operator().ban(inbox.id)
    host.execute("insert into host_orders values (2)")
    host.commit()
    assert (outside.get(inbox.id, owner_id=OWNER), orders(database)) == (inbox, [1, 2])


WAITING: dict[str, Callable[[AnyFace, Inbox], object]] = {
    "start_warmup": lambda face, inbox: face.start_warmup(inbox.id, owner_id=OWNER),
    "retry_warmup": lambda face, inbox: face.retry_warmup(inbox.id, owner_id=OWNER),
    "operator's retry_warmup": lambda face, inbox: face.operator().retry_warmup(inbox.id),
    "register and start": lambda face, _: born(face, "bo@mail.example.com", start_warmup=True),
}


@pytest.mark.parametrize("call", WAITING.values(), ids=WAITING.keys())
def test_call_that_would_wait_for_the_provider_is_refused_and_leaves_nothing(
    host: Host,
    outside: AnyFace,
    database: TestDatabase,
    provider_sandbox: Sandbox,
    call: Callable[[AnyFace, Inbox], object],
) -> None:
    """A transaction never waits for the network; the message names the cure, and the host may go on and commit."""
    host.commit()
    inbox = born(outside)
    with nothing_moves(database):
        with pytest.raises(StepRefused, match="outside the transaction"):
            call(host.face, inbox)
        host.execute("insert into host_orders values (2)")
        host.commit()
    assert orders(database) == [1, 2]
    assert database.count("inbox_attempts") == 0
    assert provider_sandbox.requests == ()


@pytest.mark.parametrize("name", ["graduate", "fail_warmup"])
def test_move_that_would_ask_the_provider_is_refused_and_leaves_nothing(
    host: Host, outside: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, name: str
) -> None:
    """An operator's move that needs the provider's word is refused as a retry is."""
    host.commit()
    inbox = warming(outside)
    asked = provider_sandbox.requests
    with nothing_moves(database):
        with pytest.raises(StepRefused):
            getattr(host.face.operator(), name)(inbox.id)
        host.commit()
    assert provider_sandbox.requests == asked


def test_facade_itself_still_retries_what_was_registered_within(host: Host, outside: AnyFace) -> None:
    """The way it is meant: register with the host's own work, commit, then ask the provider."""
    inbox = born(host.face)
    host.commit()
    assert inbox.pair == PENDING
    assert outside.retry_warmup(inbox.id, owner_id=OWNER).version == 2


def test_two_transactions_one_after_the_other_use_the_same_facade(host: Host, outside: AnyFace) -> None:
    """A bound facade lives as long as its connection or session."""
    first = born(host.face)
    host.commit()
    second = born(host.face, "bo@mail.example.com")
    host.commit()
    assert {inbox.id for inbox in outside.find(owner_id=OWNER).items} == {first.id, second.id}


def test_closing_the_bound_facade_leaves_the_hosts_connection_open(host: Host, database: TestDatabase) -> None:
    """What the host opened is the host's to close."""
    host.face.close()
    host.execute("insert into host_orders values (2)")
    host.commit()
    assert orders(database) == [1, 2]


def test_sqlite_engine_that_was_not_prepared_is_refused(sqlite_database: TestDatabase) -> None:
    """A transaction that begins late would fail at random, so the cure is demanded before anything is done."""
    engine = create_engine(sqlite_database.url)
    with (
        Inboxes(sqlite_database.url) as inboxes,
        engine.connect() as connection,
        pytest.raises(StoreMisconfigured, match=r"prepare_sqlite\(engine\)"),
    ):
        inboxes.within(connection)
    engine.dispose()


def test_serialization_failure_goes_up_to_the_host_as_it_is(
    emptied_postgres_database: TestDatabase, loop_thread: LoopThread, provider: Instantly
) -> None:
    """Only the host can run its transaction again, so it gets the driver's own error, and the second run works."""
    database = emptied_postgres_database
    with Inboxes(database.url, provider) as inboxes, hosting(database, "sync", "connection", loop_thread) as opened:
        outside = Face(inboxes)
        inbox = born(outside)
        opened.execute("set transaction isolation level repeatable read")
        assert opened.face.operator().get(inbox.id).version == 1
        warmed = outside.retry_warmup(inbox.id, owner_id=OWNER)
        with nothing_moves(database), pytest.raises(psycopg.errors.SerializationFailure):
            opened.face.operator().ban(inbox.id)
        opened.rollback()
        assert opened.face.operator().ban(inbox.id).version == warmed.version + 1
        opened.commit()
