"""Engines that a host hands over: they serve whole calls, and stay the host's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, StaticPool, create_engine, event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from inbox_lifecycle import (
    AsyncInboxes,
    Inbox,
    Inboxes,
    InboxExists,
    Instantly,
    RetryRefused,
    prepare_sqlite,
    upgrade_schema,
)
from inbox_lifecycle.errors import ProviderThrottled, StoreMisconfigured
from inbox_lifecycle.testing import Sandbox
from tests.support.contract import (
    ACTIVE,
    ANA,
    OWNER,
    PENDING,
    WARMING,
    attempt_on,
    born,
    in_flight,
    outcomes,
    retry,
    together,
)
from tests.support.databases import TestDatabase
from tests.support.emptied import Emptied
from tests.support.faces import AnyFace, AwaitedFace, Face, LoopThread
from tests.support.hosts import host_async_engine, host_url


def plain_engine(database: TestDatabase) -> Engine:
    """An engine as a host makes it without a thought for us."""
    return create_engine(host_url(database))


@pytest.fixture(params=["plain", "prepared", "autocommit"])
def engine(request: pytest.FixtureRequest, database: TestDatabase) -> Iterator[Engine]:
    """An engine of the host's, in the ways that hosts make them."""
    if request.param == "autocommit":
        made = create_engine(host_url(database), isolation_level="AUTOCOMMIT")
    else:
        made = prepare_sqlite(plain_engine(database)) if request.param == "prepared" else plain_engine(database)
    yield made
    made.dispose()


@pytest.fixture
def face(engine: Engine, provider: Instantly) -> Iterator[AnyFace]:
    """The sync facade over the host's engine."""
    with Inboxes(engine, provider) as inboxes:
        yield Face(inboxes)


def walk(face: AnyFace, sandbox: Sandbox) -> Inbox:
    """An inbox from birth to active, by way of a failure and a retry."""
    sandbox.fail_next("throttle", retry_after=2)
    inbox = born(face)
    with pytest.raises(ProviderThrottled):
        retry(face, inbox)
    retry(face, inbox, "k-1")
    sandbox.set_account(ANA, reputation=99, total_sent=500)
    active: Inbox = face.operator().graduate(inbox.id)
    return active


def test_engine_of_the_hosts_serves_the_whole_life(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Births, failures, retries, moves and readings run on it as on one of ours."""
    active = walk(face, provider_sandbox)
    assert (active.pair, active.version) == (ACTIVE, 3)
    assert outcomes(face, active) == ["moved", "throttled"]
    with pytest.raises(RetryRefused):
        retry(face, active)
    with pytest.raises(InboxExists):
        born(face)
    assert face.operator().verify().clean


def test_race_on_an_engine_of_the_hosts_has_one_winner(face: AnyFace, database: TestDatabase) -> None:
    """Eight threads on the host's own pool: one event, seven refusals."""
    inbox = born(face)
    results = together(*[lambda: retry(face, inbox)] * 8)
    assert sum(isinstance(result, RetryRefused) for result in results) == 7
    assert database.count("inbox_events") == 2


@pytest.mark.parametrize("engine", ["plain", "prepared"], indirect=True)
def test_hosts_own_transactions_roll_back_after_our_calls(engine: Engine, face: AnyFace) -> None:
    """Connections go back to the host's pool as they came: no autocommit is left on them."""
    born(face)
    with engine.connect() as connection:
        connection.execute(text("create temporary table host_orders (number integer)"))
        connection.commit()
        connection.execute(text("insert into host_orders values (1)"))
        connection.rollback()
        assert connection.execute(text("select count(*) from host_orders")).scalar() == 0


def test_hosts_engine_keeps_its_options_and_listeners(database: TestDatabase, provider: Instantly) -> None:
    """Nothing is set on an engine that is not ours, not even on SQLite, where an engine of ours stands beside it."""
    engine = plain_engine(database)
    before = (dict(engine.get_execution_options()), engine.get_execution_options().get("isolation_level"))
    with Inboxes(engine, provider) as inboxes:
        retry(Face(inboxes), born(Face(inboxes)))
    assert before == (dict(engine.get_execution_options()), engine.get_execution_options().get("isolation_level"))
    with engine.connect() as connection:
        assert connection.get_isolation_level() == connection.default_isolation_level
    engine.dispose()


def test_closing_the_facade_leaves_the_hosts_engine_open(database: TestDatabase, provider: Instantly) -> None:
    """Its pool is not disposed of, and it works on."""
    engine = prepare_sqlite(plain_engine(database))
    disposed: list[Any] = []
    event.listen(engine, "engine_disposed", disposed.append)
    with Inboxes(engine, provider) as inboxes:
        born(Face(inboxes))
    assert disposed == []
    with engine.connect() as connection:
        assert connection.execute(text("select 1")).scalar() == 1
    engine.dispose()


def test_memory_database_of_a_prepared_engine_serves_the_whole_life(
    provider: Instantly, provider_sandbox: Sandbox
) -> None:
    """A host's tests may live in memory, where the database is its engine."""
    engine = prepare_sqlite(create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}))
    upgrade_schema(engine)
    with Inboxes(engine, provider) as inboxes:
        assert walk(Face(inboxes), provider_sandbox).pair == ACTIVE
    engine.dispose()


def test_memory_database_of_a_plain_engine_is_refused(provider: Instantly) -> None:
    """No engine can stand beside it, so the cure is named."""
    engine = create_engine("sqlite://")
    with pytest.raises(StoreMisconfigured, match=r"prepare_sqlite\(engine\)"):
        Inboxes(engine, provider)
    engine.dispose()


def test_sync_engine_serves_the_async_facade(
    engine: Engine, provider: Instantly, provider_sandbox: Sandbox, loop_thread: LoopThread
) -> None:
    """A host that is async with a sync engine at hand gets threads for it."""
    face = AwaitedFace(AsyncInboxes(engine, provider), loop_thread)
    assert walk(face, provider_sandbox).pair == ACTIVE
    face.close()


@pytest.fixture
def async_engine(shared_postgres: Emptied, loop_thread: LoopThread) -> Iterator[AsyncEngine]:
    """An AsyncEngine of the host's."""
    with host_async_engine(shared_postgres.database, loop_thread) as engine:
        yield engine


@pytest.fixture
def async_face(
    async_engine: AsyncEngine, emptied_postgres_database: TestDatabase, provider: Instantly, loop_thread: LoopThread
) -> Iterator[AwaitedFace]:
    """The async facade over it."""
    assert emptied_postgres_database.kind == "postgresql"
    face = AwaitedFace(AsyncInboxes(async_engine, provider), loop_thread)
    yield face
    face.close()


def test_async_engine_serves_the_whole_life(async_face: AwaitedFace, provider_sandbox: Sandbox) -> None:
    """Every step runs over the host's async driver, and history proves it whole."""
    active = walk(async_face, provider_sandbox)
    assert (active.pair, outcomes(async_face, active)) == (ACTIVE, ["moved", "throttled"])
    with pytest.raises(InboxExists):
        born(async_face)
    assert async_face.operator().verify().clean


def test_race_on_an_async_engine_has_one_winner(
    async_face: AwaitedFace, emptied_postgres_database: TestDatabase
) -> None:
    """Eight tasks, one event, seven refusals."""
    inbox = born(async_face)
    results = together(*[lambda: retry(async_face, inbox)] * 8)
    assert sum(isinstance(result, RetryRefused) for result in results) == 7
    assert emptied_postgres_database.count("inbox_events") == 2


def test_loser_on_an_async_engine_is_told_why(async_face: AwaitedFace, provider_sandbox: Sandbox) -> None:
    """A miss is explained over the host's driver too."""
    inbox = born(async_face)
    in_flight(provider_sandbox, lambda: async_face.operator().ban(inbox.id))
    with pytest.raises(RetryRefused) as refused:
        retry(async_face, inbox)
    assert "version" in {clause.field for clause in refused.value.verdict.failed}
    assert attempt_on(async_face, inbox).to_disable


def test_closing_the_async_facade_leaves_the_hosts_engine_open(
    async_engine: AsyncEngine, emptied_postgres_database: TestDatabase, provider: Instantly, loop_thread: LoopThread
) -> None:
    """The host's AsyncEngine works on, in transactions as before."""
    face = AwaitedFace(AsyncInboxes(async_engine, provider), loop_thread)
    inbox = born(face)
    face.close()

    async def story() -> object:
        async with async_engine.connect() as connection:
            await connection.execute(text("create table host_orders (number integer)"))
            await connection.rollback()
            found = await connection.execute(text("select to_regclass('host_orders')"))
            return found.scalar()

    assert loop_thread.wait(story()) is None
    assert inbox.pair == PENDING != WARMING
    assert emptied_postgres_database.count("inboxes", f"owner_id = '{OWNER}'") == 1


def test_async_engine_is_no_engine_for_the_sync_facade(async_engine: AsyncEngine) -> None:
    """The message says where it belongs."""
    with pytest.raises(StoreMisconfigured, match="AsyncInboxes"):
        Inboxes(async_engine)  # type: ignore[arg-type]  # the mistake is the point
