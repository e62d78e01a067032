"""What a call holds while the provider thinks: no connection, only a lease by the database's clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, QueuePool
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from inbox_lifecycle import Inbox, Instantly, StoreUnavailable
from inbox_lifecycle.testing import Sandbox, WarmupCode
from tests.fix_face import MakeFace
from tests.support.contract import ANA, OWNER, WARMING, attempt_on, born, in_flight, retry, warming
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace, LoopThread, make_face
from tests.support.hosts import host_engine, host_url

#: A pool of one connection, whose second taker fails soon.
SINGLE: dict[str, Any] = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.5, "poolclass": QueuePool}


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    """An engine of the host's with a single connection."""
    with host_engine(database, **SINGLE) as made:
        yield made


@pytest.fixture
def face(make: MakeFace, engine: Engine) -> AnyFace:
    """A facade that has nothing but that connection."""
    return make(engine)


def taken(engine: Engine) -> int:
    """How many connections are out of the pool."""
    assert isinstance(engine.pool, QueuePool)
    return engine.pool.checkedout()


def test_facade_has_a_single_connection(face: AnyFace, engine: Engine) -> None:
    """While somebody else holds it, nothing can be read: the tests below would notice."""
    inbox = born(face)
    with engine.connect(), pytest.raises(StoreUnavailable):
        face.get(inbox.id, owner_id=OWNER)
    assert face.get(inbox.id, owner_id=OWNER) == inbox


def test_inbox_can_be_read_while_the_provider_is_asked_to_warm_it(
    face: AnyFace, engine: Engine, provider_sandbox: Sandbox
) -> None:
    """The one connection is free for another thread, which still sees the inbox where it was."""
    inbox = born(face)
    seen: list[tuple[Inbox, int]] = []
    in_flight(provider_sandbox, lambda: seen.append((face.get(inbox.id, owner_id=OWNER), taken(engine))))
    assert retry(face, inbox).pair == WARMING
    assert seen == [(inbox, 0)]


def graduate(face: AnyFace, inbox: Inbox) -> Inbox:
    """By the provider's figures."""
    moved: Inbox = face.operator().graduate(inbox.id)
    return moved


def fail_warmup(face: AnyFace, inbox: Inbox) -> Inbox:
    """By the provider's word."""
    moved: Inbox = face.operator().fail_warmup(inbox.id)
    return moved


@pytest.mark.parametrize(("move", "code"), [(graduate, WarmupCode.ACTIVE), (fail_warmup, WarmupCode.PAUSED)])
def test_inbox_can_be_read_while_the_provider_is_asked_about_it(
    face: AnyFace,
    engine: Engine,
    provider_sandbox: Sandbox,
    move: Callable[[AnyFace, Inbox], Inbox],
    code: WarmupCode,
) -> None:
    """Operators' moves hold nothing either while they wait for figures or for a word."""
    inbox = warming(face)
    provider_sandbox.set_account(ANA, warmup_status=code, reputation=99, total_sent=500)
    seen: list[tuple[Inbox, int]] = []
    in_flight(provider_sandbox, lambda: seen.append((face.get(inbox.id, owner_id=OWNER), taken(engine))))
    assert move(face, inbox).version == 3
    assert seen == [(inbox, 0)]


@pytest.fixture
def async_engine(emptied_postgres_database: TestDatabase, loop_thread: LoopThread) -> Iterator[AsyncEngine]:
    """An AsyncEngine of the host's with a single connection."""
    options = {name: value for name, value in SINGLE.items() if name != "poolclass"}
    made = create_async_engine(host_url(emptied_postgres_database), **options)
    yield made
    loop_thread.wait(made.dispose())


def test_inbox_can_be_read_on_an_async_engine_while_the_provider_is_asked(
    async_engine: AsyncEngine, provider: Instantly, provider_sandbox: Sandbox, loop_thread: LoopThread
) -> None:
    """Over the host's async driver too the connection is back in its pool before the request is sent."""
    face = make_face("async", loop_thread, async_engine, provider)
    inbox = born(face)
    seen: list[Inbox] = []
    in_flight(provider_sandbox, lambda: seen.append(face.get(inbox.id, owner_id=OWNER)))
    assert retry(face, inbox).pair == WARMING
    assert seen == [inbox]
    face.close()


def now_in(database: TestDatabase) -> datetime:
    """The time by the database's clock."""
    clocks = {"sqlite": "strftime('%Y-%m-%dT%H:%M:%f', 'now')", "postgresql": "clock_timestamp()"}
    ((now,),) = database.execute(f"select {clocks[database.kind]}")
    return now if isinstance(now, datetime) else datetime.fromisoformat(now).replace(tzinfo=UTC)


def leased(face: AnyFace, database: TestDatabase) -> tuple[float, float]:
    """The least and the most seconds, by the database's clock, for which a retry's attempt was leased."""
    inbox = born(face)
    before = now_in(database)
    retry(face, inbox)
    after = now_in(database)
    until = attempt_on(face, inbox).lease_until
    return (until - after) / timedelta(seconds=1), (until - before) / timedelta(seconds=1)


@pytest.mark.parametrize("budget", [0.5, 90.0, 3600.0])
def test_attempt_is_leased_for_the_calls_budget(make: MakeFace, database: TestDatabase, budget: float) -> None:
    """The host says how long a call may take; until then nobody settles it over its head."""
    least, most = leased(make(call_budget=budget), database)
    assert least <= budget <= most + 0.001


def test_attempt_is_leased_for_the_provider_and_the_recording_by_default(
    make: MakeFace, database: TestDatabase, provider: Instantly
) -> None:
    """What asking may take and what recording may take are one call's time together."""
    least, most = leased(make(recording_budget=700.0), database)
    assert least <= provider.budget + 700.0 <= most + 0.001


def test_attempt_is_leased_by_the_databases_clock(make: MakeFace, database: TestDatabase) -> None:
    """A host whose clock is years off does not hold an attempt for years, nor let it run out at once."""
    least, most = leased(make(call_budget=90.0, clock=lambda: datetime(2031, 5, 6, tzinfo=UTC)), database)
    assert least <= 90.0 <= most + 0.001
