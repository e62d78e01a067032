"""Connections that are kept ready: given back after errors, thrown away when broken, closed at the end.

PostgreSQL alone: what is kept there is a session, which its server knows by number.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import psycopg
import pytest
from sqlalchemy import Engine, create_engine

from inbox_lifecycle import StoreError, StoreUnavailable
from inbox_lifecycle.drivers import checkout
from inbox_lifecycle.drivers.checkout import Held, Supply
from inbox_lifecycle.drivers.sync import Database
from inbox_lifecycle.flow import Once
from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.store.session import Session, backend_for
from tests.support.aftermath import background, eventually
from tests.support.children import run_child
from tests.support.databases import TestDatabase
from tests.support.hosts import host_url

NAME = f"supply of {os.getpid()}"


@dataclass(frozen=True)
class Asks:
    """A statement, said as it is; its one answer."""

    words: str
    name: ClassVar[str] = "asks"
    writes: ClassVar[bool] = True

    def run(self, session: Session) -> Any:
        """Ask."""
        row = session.one(self.words)
        return None if row is None else row[0]


WHO = Once(Asks("select pg_backend_pid()"))
WHO_PATIENTLY = Once(Asks("select pg_backend_pid()"), patience=5.0)


@pytest.fixture
def url(postgres_database: TestDatabase) -> str:
    """The test's database, whose list of sessions then tells which are ours."""
    return f"{postgres_database.url}&application_name={NAME}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """A database of an engine of our own."""
    engine = make_engine(url)
    opened = Database(engine, backend_for(engine.dialect), owns_engine=True)
    yield opened
    opened.close()


def sessions(database: TestDatabase) -> set[int]:
    """The sessions there are of ours, by number."""
    rows = database.execute(
        "select pid from pg_stat_activity where datname = current_database() and application_name = ?", (NAME,)
    )
    return {int(pid) for (pid,) in rows}


def supply_of(database: TestDatabase, **options: Any) -> tuple[Supply, Engine]:
    """A supply of few connections."""
    engine = create_engine(
        f"{host_url(database)}&application_name={NAME}",
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
        **options,
    )
    return Supply(engine, backend_for(engine.dialect), owns_engine=True), engine


def session_of(held: Held) -> int:
    """Its number."""
    return int(held.raw.info.backend_pid)


@pytest.mark.parametrize("patience", [None, 5.0])
@pytest.mark.parametrize("words", ["select 1 / 0", "select from nowhere"])
def test_a_connection_is_given_back_after_an_error(database: Database, patience: float | None, words: str) -> None:
    """The statement failed and the session did not: the next step has the same, and is in no transaction."""
    session = database.perform(WHO)
    with pytest.raises(StoreError):
        database.perform(Once(Asks(words), patience=patience))
    assert database.perform(WHO_PATIENTLY) == database.perform(WHO) == session


def test_a_broken_connection_is_thrown_away(database: Database, postgres_database: TestDatabase) -> None:
    """Its caller hears that nobody knows; the next step has another."""
    session = database.perform(WHO)
    with pytest.raises(StoreUnavailable) as caught:
        database.perform(Once(Asks("select pg_terminate_backend(pg_backend_pid())")))
    assert caught.value.maybe_applied
    assert database.perform(WHO) != session
    eventually(lambda: sessions(postgres_database) == {database.perform(WHO)})


def test_connections_as_old_as_a_broken_one_are_thrown_away(postgres_database: TestDatabase) -> None:
    """A restart breaks all of them: one step hears of it, and no other."""
    supply, _ = supply_of(postgres_database)
    held = [supply.check_out() for _ in range(3)]
    old = {session_of(one) for one in held}
    for one in held:
        one.close()
    broken = supply.check_out()
    checkout.give_up(broken)
    broken.close()
    fresh = [supply.check_out() for _ in range(3)]
    assert not {session_of(one) for one in fresh} & old
    for one in fresh:
        one.close()
    supply.close()
    eventually(lambda: not sessions(postgres_database))


def test_closing_closes_all_of_them(postgres_database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are kept ready, and those that went back to SQLAlchemy's pool."""
    monkeypatch.setattr(checkout, "KEPT", 2)
    supply, _ = supply_of(postgres_database)
    held = [supply.check_out() for _ in range(4)]
    for one in held:
        one.close()
    assert len(sessions(postgres_database)) == 4
    supply.close()
    eventually(lambda: not sessions(postgres_database))


def test_a_connection_given_back_after_the_end_is_not_kept(postgres_database: TestDatabase) -> None:
    """A call that was under way when its facade was closed."""
    supply, _ = supply_of(postgres_database)
    supply.check_out().close()
    late = supply.check_out()
    supply.close()
    late.close()
    del late
    eventually(lambda: not sessions(postgres_database))


def test_no_more_than_so_many_are_kept(postgres_database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is over goes back to SQLAlchemy's pool, which has a bound of its own."""
    monkeypatch.setattr(checkout, "KEPT", 2)
    supply, engine = supply_of(postgres_database, pool_size=1)
    held = [supply.check_out() for _ in range(4)]
    for one in held:
        one.close()
    # Two kept, one in the pool, and the one that was too many is closed.
    assert engine.pool.checkedin() == 1  # type: ignore[attr-defined]  # a pool with a queue
    eventually(lambda: len(sessions(postgres_database)) == 3)
    supply.close()


def test_who_waits_for_a_connection_has_the_next_that_comes_free(postgres_database: TestDatabase) -> None:
    """All that there may be are in use, and somebody waits at SQLAlchemy's pool: it is not passed over."""
    supply, engine = supply_of(postgres_database, pool_size=1, max_overflow=1, pool_timeout=5)
    held = [supply.check_out(), supply.check_out()]
    waiting = background(supply.check_out)
    queue = engine.pool._pool  # type: ignore[attr-defined]  # noqa: SLF001 - nothing else tells that somebody waits
    eventually(lambda: queue.not_empty._waiters)  # noqa: SLF001 - as above
    held[0].close()
    waiting.result(30).close()
    held[1].close()
    supply.close()


def test_a_transaction_whose_end_was_struck_is_handed_to_nobody(postgres_database: TestDatabase) -> None:
    """Its session is thrown away, and it is the interruption that is told, not what a session says in that state."""
    strikes: list[type[BaseException]] = []

    class Struck(psycopg.Connection[Any]):
        def rollback(self) -> None:
            if strikes:
                raise strikes.pop()
            super().rollback()

    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: Struck.connect(postgres_database.url, application_name=NAME),
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
        skip_autocommit_rollback=True,
    )
    database = Database(engine, backend_for(engine.dialect), owns_engine=True)
    session = database.perform(WHO)
    strikes.append(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        database.perform(Once(Asks("select 1 / 0"), patience=5.0))
    assert database.perform(WHO) != session
    database.close()
    eventually(lambda: not sessions(postgres_database))


def test_a_forked_child_has_everything_of_its_own(url: str) -> None:
    """Connections, threads and places in line: it uses none of its parent's, and the parent goes on with them."""
    assert json.loads(run_child("tests.support.forked_parts", url)) == {
        "sessions of the parent": 0,
        "shielded by the parent's thread": False,
        "committed": True,
        "parent goes on": True,
    }
