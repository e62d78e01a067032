"""Engines before they connect: which driver, which settings, which pool; and templates in each driver's words."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import StaticPool

from inbox_lifecycle.errors import StoreMisconfigured
from inbox_lifecycle.store.engine import is_memory, is_prepared, make_engine, prepare_sqlite, read_url
from inbox_lifecycle.store.session import backend_for

NOW = datetime(2030, 1, 2, tzinfo=UTC)


class _Stopped(Exception):
    """As far as a test lets an engine come."""


def settings_of(engine: Engine) -> dict[str, Any]:
    """What the engine would hand to its driver."""
    given: dict[str, Any] = {}

    def stop(_dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]) -> None:
        given.update(parameters)
        raise _Stopped

    event.listen(engine, "do_connect", stop)
    with pytest.raises(_Stopped):
        engine.connect()
    return given


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("postgres://a:b@h/d", "postgresql+psycopg://a:b@h/d"),
        ("postgresql://a:b@h/d", "postgresql+psycopg://a:b@h/d"),
        ("postgres://a:b@h/postgres://d", "postgresql+psycopg://a:b@h/postgres%3A//d"),
        ("postgresql+psycopg2://a:b@h/d", "postgresql+psycopg2://a:b@h/d"),
        ("sqlite:///file.db", "sqlite:///file.db"),
        ("sqlite://", "sqlite://"),
    ],
)
def test_a_url_is_read_with_its_driver_named(said: str, read: str) -> None:
    """Hosting providers write it short."""
    assert read_url(said).render_as_string(hide_password=False) == read
    assert read_url(make_url(said.replace("postgres://a", "postgresql://a"))) == read_url(said)


@pytest.mark.parametrize("said", ["somewhere.db", "mysql://a@h/d", "", "postgresql://h:port/d"])
def test_what_is_no_url_of_ours_is_refused(said: str) -> None:
    """Without repeating it: it may hold a password."""
    with pytest.raises(StoreMisconfigured) as raised:
        read_url(said)
    assert said not in str(raised.value) or said == ""


def test_a_postgresql_engine_notices_a_server_that_vanished() -> None:
    """Within the time in which an accepted warmup must be recorded."""
    given = settings_of(make_engine("postgresql://a@h/d"))
    assert {name: given[name] for name in given if name not in ("user", "host", "dbname", "context")} == {
        "connect_timeout": "5",
        "keepalives_idle": "5",
        "keepalives_interval": "2",
        "keepalives_count": "2",
        "tcp_user_timeout": "8000",
    }


def test_what_a_postgresql_url_says_goes_before_what_we_would_choose() -> None:
    """Only what it leaves out is ours."""
    given = settings_of(make_engine("postgresql://a@h/d?connect_timeout=77"))
    assert (given["connect_timeout"], given["keepalives_idle"]) == ("77", "5")


def test_a_sqlite_engine_waits_for_its_turn_and_serves_every_thread() -> None:
    """Its connections go from thread to thread."""
    given = settings_of(make_engine("sqlite:///file.db"))
    assert (given["timeout"], given["check_same_thread"]) == (10, False)
    given = settings_of(make_engine("sqlite://"))
    assert (given["timeout"], given["check_same_thread"]) == (10, False)


def test_what_a_sqlite_url_says_goes_before_what_we_would_choose() -> None:
    """A test's wish for less patience, say."""
    assert settings_of(make_engine("sqlite:///file.db?timeout=3"))["timeout"] == 3


@pytest.mark.parametrize("url", ["postgresql://a@h/d", "sqlite:///file.db"])
def test_a_pool_gives_sixty_four_and_keeps_one(url: str) -> None:
    """Those that nobody uses are kept elsewhere; were they kept here too, twice as many would stay open."""
    pool: Any = make_engine(url).pool
    assert (pool.size(), pool._max_overflow) == (1, 63)  # noqa: SLF001 - the pool tells it nowhere else


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_database_in_memory_lives_in_one_connection(url: str) -> None:
    """However it is spelt."""
    engine = make_engine(url)
    assert is_memory(engine)
    assert isinstance(engine.pool, StaticPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("create table t (n integer)")
    with engine.begin() as connection:
        assert connection.exec_driver_sql("select count(*) from t").scalar() == 0
    engine.dispose()


def test_a_file_and_a_server_are_no_memory() -> None:
    """Nor is a server whose URL names no database."""
    assert not is_memory(make_engine("sqlite:///file.db"))
    assert not is_memory(make_engine("postgresql://a@h"))


def test_an_engine_is_prepared_once(tmp_path: Any) -> None:
    """A host may do it and so may we: transactions begin as IMMEDIATE, once."""
    engine = create_engine(f"sqlite:///{tmp_path}/file.db")
    assert not is_prepared(engine)
    assert prepare_sqlite(prepare_sqlite(engine)) is engine
    assert is_prepared(engine)
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    with engine.begin() as connection:
        connection.exec_driver_sql("select 1")
        assert connection.exec_driver_sql("pragma journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("pragma foreign_keys").scalar() == 1
    assert asked[0] == "begin immediate"
    assert asked.count("begin immediate") == 1
    engine.dispose()


def test_an_engine_of_postgresql_needs_no_preparing() -> None:
    """It is returned as it is."""
    engine = create_engine("postgresql+psycopg://a@h/d")
    assert prepare_sqlite(engine) is engine
    assert not is_prepared(engine)


def test_a_statement_begins_no_transaction_of_the_drivers_own(tmp_path: Any) -> None:
    """Or ours could not begin: the driver's isolation is off."""
    engine = make_engine(f"sqlite:///{tmp_path}/file.db")
    with engine.begin() as connection:
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)
        assert raw.isolation_level is None
    engine.dispose()


ODD = "a%b"


@pytest.mark.parametrize("style", ["pyformat", "format"])
def test_a_percent_sign_in_a_schemas_name_is_doubled_where_drivers_read_it(style: Any) -> None:
    """Their parameters begin with one."""
    backend = backend_for(create_engine("postgresql+psycopg://h", paramstyle=style).dialect, ODD)
    assert backend.compiled("select 1 from {s}t where n = :n").sql.startswith('select 1 from "a%%b".t where n = %')


def test_a_percent_sign_stays_single_where_drivers_do_not_read_it() -> None:
    """SQLite's own clock is spelt with some."""
    compiled = backend_for(create_engine("sqlite://").dialect).compiled("select {now} where :n = 1 and :m = 2")
    assert compiled.sql == "select strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' where ? = 1 and ? = 2"
    assert compiled.order == ("n", "m")


def test_a_template_is_compiled_once() -> None:
    """Compiling costs more than running it."""
    backend = backend_for(create_engine("sqlite://").dialect)
    assert backend.compiled("select :n") is backend.compiled("select :n")
    assert backend.compiled("select :n") is not backend.compiled("select :m")


def test_a_time_is_handed_over_as_the_database_takes_it() -> None:
    """A value on PostgreSQL, a text on SQLite."""
    assert backend_for(create_engine("postgresql+psycopg://h").dialect).time(NOW) is NOW
    assert backend_for(create_engine("sqlite://").dialect).time(NOW) == "2030-01-02T00:00:00.000000Z"
