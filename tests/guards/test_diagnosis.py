"""What `doctor` finds: a set-up that is right, each thing that can be wrong with it, and what has piled up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import create_engine, event

from inbox_lifecycle import Inboxes, Instantly, StoreMisconfigured, downgrade_schema
from inbox_lifecycle.cli.diagnosis import look_around
from inbox_lifecycle.cli.findings import Finding, Level, Look, span_text
from inbox_lifecycle.facade.assembly import open_database
from inbox_lifecycle.store import diagnosis
from inbox_lifecycle.store.engine import make_engine, prepare_sqlite
from inbox_lifecycle.store.roles import Kind, apply_grants
from inbox_lifecycle.store.session import backend_for
from inbox_lifecycle.store.version import HEAD
from inbox_lifecycle.terms import utc_now
from inbox_lifecycle.testing import Sandbox
from tests.support.databases import Postgres, TestDatabase
from tests.support.roles import a_role, as_role

OWNER = "owner"
#: What the tests' own PostgreSQL is not made for: it works as a superuser, and saves itself the disk.
OF_THE_TESTS = {"role", "durability"}

COUNTING = {
    "open attempts": diagnosis.OPEN_ATTEMPTS,
    "attempts to disable": diagnosis.ATTEMPTS_TO_DISABLE,
    "stuck inboxes": diagnosis.PENDING_INBOXES,
    "unsealed tail": diagnosis.UNSEALED_TAIL,
    "parked events": diagnosis.PARKED_EVENTS,
}


@contextmanager
def looking(database: Any, **options: Any) -> Iterator[Look]:
    """A look at a database, by its URL or an engine on it."""
    opened = open_database(database, None)
    yield Look(opened, **options)
    opened.close()


def findings(database: Any, **options: Any) -> dict[str, Finding]:
    """What there is to say about a database, by what it is about."""
    with looking(database, **options) as look:
        found = look_around(look)
    assert all(finding.cure for finding in found if finding.level is not Level.OK)
    by_name = {finding.about: finding for finding in found}
    assert len(by_name) == len(found)
    return by_name


def park(database: TestDatabase, count: int) -> None:
    """Events that a handler failed on."""
    rows = ", ".join(f"('mailer', {position}, 'ValueError', 3, ?)" for position in range(count))
    at = "2026-03-04T00:00:00.000000Z"
    database.execute(f"insert into {{s}}inbox_parked_events values {rows}", (at,) * count)  # noqa: S608 - the tests' own


def levels(found: dict[str, Finding], level: Level) -> set[str]:
    """What is of that level."""
    return {about for about, finding in found.items() if finding.level is level}


def test_a_database_that_is_right_has_nothing_to_cure(database: TestDatabase) -> None:
    """A migrated database without a history; on PostgreSQL the tests' own server is warned of what it is."""
    found = findings(database.url)
    assert levels(found, Level.OK) | (OF_THE_TESTS if database.kind == "postgresql" else set()) == set(found)
    assert levels(found, Level.ERROR) == set()
    assert set(COUNTING) < set(found)
    assert HEAD in found["schema"].what


def test_what_has_piled_up_is_counted_and_has_its_cure(
    database: TestDatabase, provider: Instantly, provider_sandbox: Sandbox
) -> None:
    """An attempt left open, one to disable, inboxes that wait, a tail nobody sealed, and an event nobody could read."""
    provider_sandbox.fail_next("cut")
    provider_sandbox.fail_next("cut", on="account", times=9)
    with Inboxes(database.url, provider, clock=lambda: utc_now() - timedelta(hours=3)) as inboxes:
        inboxes.register(email_address="ana@mail.example.com", owner_id=OWNER, start_warmup=True)
        inboxes.register(email_address="bea@mail.example.com", owner_id=OWNER)
    database.expire_leases()
    database.execute("update {s}inbox_attempts set to_disable = (1 = 1)")
    park(database, 1)
    found = findings(database.url)
    assert levels(found, Level.WARNING) - OF_THE_TESTS == set(COUNTING)
    assert {about: found[about].what.split()[0] for about in COUNTING} == {
        "open attempts": "1",
        "attempts to disable": "1",
        "stuck inboxes": "2",
        "unsealed tail": "2",
        "parked events": "1",
    }
    assert "the oldest for 3 hours" in found["stuck inboxes"].what
    assert "the oldest for 3 hours" in found["unsealed tail"].what
    cures = [str(found[about].cure).split("`")[1].split()[1] for about in COUNTING]
    assert cures == ["reconcile", "reconcile", "retry-stuck", "seal", "parked"]


def test_what_is_young_is_no_backlog(database: TestDatabase) -> None:
    """An inbox that was registered just now is not stuck, and its event may wait for its position."""
    with Inboxes(database.url) as inboxes:
        inboxes.register(email_address="ana@mail.example.com", owner_id=OWNER, provider="instantly")
    found = findings(database.url)
    assert levels(found, Level.WARNING) <= OF_THE_TESTS
    assert found["stuck inboxes"].what == "none"
    assert found["unsealed tail"].what.startswith("1 event")


def test_counting_ends_at_a_thousand(database: TestDatabase) -> None:
    """However much there is, the look stays small, and says that there is more."""
    park(database, 1001)
    with looking(database.url) as look:
        assert str(look.at(diagnosis.CountParked())) == "1000 or more"
    assert findings(database.url)["parked events"].level is Level.WARNING


def test_a_guard_that_does_not_stand_is_an_error(database: TestDatabase) -> None:
    """By its name."""
    database.execute(f"drop trigger inbox_events_kept{'' if database.kind == 'sqlite' else ' on {s}inbox_events'}")
    found = findings(database.url)
    assert levels(found, Level.ERROR) == {"guards"}
    assert "trigger inbox_events_kept on inbox_events" in found["guards"].what


def test_a_schema_that_this_version_does_not_work_on_is_an_error(database: TestDatabase) -> None:
    """And what would be looked for in its tables is not asked for."""
    downgrade_schema(database.url, "1.0001")
    found = findings(database.url)
    assert levels(found, Level.ERROR) == {"schema"}
    assert "1.0001" in found["schema"].what
    assert found.keys().isdisjoint({"guards", *COUNTING})


def test_a_database_without_our_schema_says_how_to_make_it(empty_database: TestDatabase) -> None:
    """As `db upgrade` does."""
    found = findings(empty_database.url)
    assert levels(found, Level.ERROR) == {"schema"}
    assert "db upgrade" in str(found["schema"].cure)


def test_a_database_that_does_not_answer_is_the_only_finding(postgres: Postgres) -> None:
    """Nothing else is asked for, and nothing of the URL is repeated."""
    found = findings(postgres.url("nowhere").replace(quote(postgres.socket_folder, safe=""), "/nonexistent"))
    assert set(found) == levels(found, Level.ERROR) == {"database"}
    assert "nonexistent" not in str(found["database"])


@pytest.mark.parametrize(
    ("kind", "level", "word"),
    [("writer", Level.OK, "a writer"), ("keeper", Level.OK, "a keeper"), ("auditor", Level.WARNING, "an auditor")],
)
def test_a_role_is_known_by_its_rights(
    postgres: Postgres, postgres_database: TestDatabase, kind: Kind, level: Level, word: str
) -> None:
    """What `db grant` made of it, whatever its name; and all that is looked at can be seen by any of them."""
    with a_role(postgres, "some") as role:
        apply_grants(postgres_database.url, role, kind=kind)
        found = findings(as_role(postgres_database.url, role))
        postgres_database.execute(f'drop owned by "{role}"')
    assert (found["role"].level, found["role"].what[: len(word)]) == (level, word)
    assert levels(found, Level.ERROR) == set()


@pytest.mark.parametrize(
    ("taken", "lacking"),
    [
        ("revoke update (status) on {s}inboxes from {role}", "update on inboxes (status)"),
        ("revoke delete on {s}inbox_feed_queue from {role}", "delete on inbox_feed_queue"),
        ("drop policy {role} on {s}inbox_events", "policy on inbox_events"),
    ],
)
def test_a_right_that_a_writer_lacks_is_named(
    postgres: Postgres, postgres_database: TestDatabase, taken: str, lacking: str
) -> None:
    """A column's, a table's, or the policy without which it would see no rows."""
    with a_role(postgres, "some") as role:
        apply_grants(postgres_database.url, role)
        postgres_database.execute(taken.replace("{role}", f'"{role}"'))
        found = findings(as_role(postgres_database.url, role))
        postgres_database.execute(f'drop owned by "{role}"')
    assert found["role"].what == f"less than a writer, it lacks {lacking}"
    assert found["role"].level is Level.ERROR


def test_a_role_without_a_right_on_the_schema_is_told_so(postgres: Postgres, postgres_database: TestDatabase) -> None:
    """It cannot even ask for the revision, which is a finding with the cure, and no failure of the command."""
    with a_role(postgres, "some") as role:
        found = findings(as_role(postgres_database.url, role))
    assert levels(found, Level.ERROR) == {"schema"}
    assert "db grant" in str(found["schema"].cure)


@pytest.mark.parametrize(
    ("ahead", "level"),
    [
        (timedelta(seconds=-1), Level.OK),
        (timedelta(seconds=10), Level.WARNING),
        (timedelta(seconds=-10), Level.WARNING),
        (timedelta(minutes=6), Level.ERROR),
    ],
)
def test_clocks_that_differ_are_said_to_by_how_much(
    postgres_database: TestDatabase, ahead: timedelta, level: Level
) -> None:
    """A second is nothing, some seconds make times of events misleading, and past five minutes is another's future."""
    found = findings(postgres_database.url, clock=lambda: utc_now() + ahead)
    assert found["clock"].level is level
    assert ("behind" if ahead < timedelta() else "ahead of") in found["clock"].what


@pytest.mark.parametrize(
    ("setting", "about", "level"),
    [
        ("synchronous_commit=off", "durability", Level.WARNING),
        ("default_transaction_read_only=on", "connection", Level.ERROR),
    ],
)
def test_a_setting_that_promises_less_is_found(
    postgres_database: TestDatabase, setting: str, about: str, level: Level
) -> None:
    """Of the server or of the connection, wherever it was set."""
    found = findings(f"{postgres_database.url}&options=-c%20{setting}")
    assert found[about].level is level
    assert about == "connection" or "synchronous_commit" in found[about].what


def test_an_sqlite_engine_that_forgoes_the_disk_is_found(sqlite_database: TestDatabase) -> None:
    """A host's own engine, which may have set what it likes."""
    engine = prepare_sqlite(create_engine(sqlite_database.url))
    event.listen(engine, "connect", lambda raw, _record: raw.execute("pragma synchronous = normal"))
    found = findings(engine)
    engine.dispose()
    assert levels(found, Level.WARNING) == {"durability"}


def test_an_sqlite_file_without_a_write_ahead_log_is_found(sqlite_database: TestDatabase) -> None:
    """As on a network's disk, where SQLite cannot have one."""
    sqlite_database.execute("pragma journal_mode = delete")
    found = findings(f"sqlite:///file:{sqlite_database.path}?vfs=unix-none&uri=true")
    assert levels(found, Level.WARNING) == {"journal"}


def test_what_cannot_be_looked_at_is_a_finding_and_the_rest_is_looked_at(
    postgres: Postgres, postgres_database: TestDatabase
) -> None:
    """A right is missing for one of the looks."""
    with a_role(postgres, "some") as role:
        apply_grants(postgres_database.url, role)
        postgres_database.execute('revoke select on {s}inbox_parked_events from "{role}"'.replace("{role}", role))
        found = findings(as_role(postgres_database.url, role))
        postgres_database.execute(f'drop owned by "{role}"')
    assert levels(found, Level.ERROR) == {"role", "parked events"}
    assert found["parked events"].what.startswith("could not be looked at: ")


@pytest.mark.parametrize(
    ("span", "text"),
    [(timedelta(seconds=119), "119 s"), (timedelta(minutes=3), "3 minutes"), (timedelta(days=400), "400 days")],
)
def test_a_time_span_is_told_in_its_largest_unit(span: timedelta, text: str) -> None:
    """Rounded down, and never as one of anything."""
    assert span_text(span) == text


def test_a_url_that_is_none_is_no_diagnosis() -> None:
    """There is nothing to look at."""
    with pytest.raises(StoreMisconfigured):
        findings("postgres-but-not-really")


# Enough rows that reading all of a table would be told by the plan; the guards have no say here.
FILL = """
set session_replication_role = replica;
alter table inbox_lifecycle.inbox_attempts disable trigger all;
insert into inbox_lifecycle.inboxes
select md5('i' || n)::uuid, 'owner', md5('d')::uuid, 'box-' || n || '@example.com', '\\x00', 'instantly', null,
       'active', 'active', 4, sha256('x'), '2026-03-01', '2026-03-01', null
from generate_series(1, 20000) n;
insert into inbox_lifecycle.inbox_attempts
    (inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, outcome, closed_at,
     event_version, to_disable)
select md5('i' || n)::uuid, gen_random_uuid(), 'retry', 1, 'pending', 'not_started', '2026-03-01', '2026-03-01',
       'moved', '2026-03-01', 2, false
from generate_series(1, 20000) n;
analyze;
"""
INDEXED = {
    "open attempts": {"inbox_attempts_open"},
    "attempts to disable": {"inbox_attempts_to_disable"},
    # With either of them, the reading ends with the last row that is counted.
    "stuck inboxes": {"inboxes_stuck", "inboxes_status_created"},
}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_no_look_reads_a_large_table_from_end_to_end(kind: str, request: pytest.FixtureRequest) -> None:
    """What is counted is found by an index that holds nothing else."""
    database: TestDatabase = request.getfixturevalue("sqlite_database" if kind == "sqlite" else "postgres_database")
    engine = make_engine(database.url)
    backend = backend_for(engine.dialect)
    engine.dispose()
    values = {"limit": 1001, "before": "2026-03-04T00:00:00.000000Z"}
    plans = {about: backend.compiled(template) for about, template in COUNTING.items()}
    with database.connect() as connection:
        if kind == "postgresql":
            assert isinstance(connection, psycopg.Connection)
            connection.execute(FILL.encode())
        for about, indexes in INDEXED.items():
            sql, order = plans[about].sql, plans[about].order
            asked = values if order is None else [values[name] for name in order]
            rows = connection.execute(f"explain {'query plan ' if order is not None else ''}{sql}", asked)
            plan = "\n".join(str(row[-1]) for row in rows)
            assert any(index in plan for index in indexes)
            assert "Seq Scan" not in plan
            assert "Sort" not in plan
            assert "ORDER BY" not in plan
