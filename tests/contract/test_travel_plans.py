"""How `find` as of a time is looked up: from each inbox to its own events by index, never through all events of all."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from inbox_lifecycle.store.session import DEFAULT_SCHEMA, Backend
from inbox_lifecycle.store.travel import (
    FIND_AS_OF_CONDITIONS,
    FIND_AS_OF_ON_POSTGRESQL,
    FIND_AS_OF_ON_SQLITE,
)
from tests.support.databases import TestDatabase

CONDITIONS: list[tuple[str, ...]] = [
    (),
    ("status",),
    ("warmup_status",),
    ("after_time",),
    ("domain",),
    ("owner_id",),
    tuple(FIND_AS_OF_CONDITIONS),
]
VALUES = {
    "at": "2026-03-04T00:00:00.000000Z",
    "limit": 101,
    "owner_id": "owner-1",
    "status": "active",
    "warmup_status": "active",
    "domain": "mail-1.example.com",
    "after_time": "2026-03-03T00:00:00.000000Z",
    "after_id": "00000000-0000-0000-0000-000000000001",
}

# Four events for each of five thousand inboxes; the guards look at single rows and have no say here.
FILL = """
set session_replication_role = replica;
alter table inbox_lifecycle.inbox_events disable trigger all;
insert into inbox_lifecycle.email_domains
select md5('d' || n)::uuid, 'owner-' || n, 'mail-' || n || '.example.com', 'pending', '2026-01-01T00:00:00Z'
from generate_series(0, 9) n;
insert into inbox_lifecycle.inboxes
select md5('i' || n)::uuid, 'owner-' || n % 10, md5('d' || n % 10)::uuid, 'box-' || n || '@example.com', '\\x00',
       'instantly', null, 'active', 'active', 4, sha256('x'), timestamptz '2026-03-01' + n * interval '1 minute',
       timestamptz '2026-03-01' + n * interval '1 minute', null
from generate_series(1, 5000) n;
insert into inbox_lifecycle.inbox_events
    (inbox_id, version, event_id, name, schema, from_status, from_warmup_status, status, warmup_status, recorded_at,
     entry, hash, previous_hash)
select md5('i' || n)::uuid, v, gen_random_uuid(), 'inbox.corrected', 1,
       case when v > 1 then 'pending' end, case when v > 1 then 'active' end,
       (array['pending', 'warming', 'banned', 'active'])[v], 'active',
       timestamptz '2026-03-01' + n * interval '1 minute' + v * interval '1 day',
       convert_to(repeat('x', 500), 'utf8'), sha256('\\x00' || convert_to(repeat('x', 500), 'utf8')),
       case when v > 1 then sha256('x') end
from generate_series(1, 5000) n, generate_series(1, 4) v;
analyze;
"""


def question(kind: str, names: tuple[str, ...]) -> str:
    """The statement with these conditions, in the words of the database's driver."""
    template = FIND_AS_OF_ON_SQLITE if kind == "sqlite" else FIND_AS_OF_ON_POSTGRESQL
    speaks = (
        Backend(SQLiteDialect(paramstyle="named"), None)
        if kind == "sqlite"
        else Backend(PGDialect_psycopg(paramstyle="pyformat"), DEFAULT_SCHEMA)  # type: ignore[no-untyped-call]  # theirs
    )
    held = " and ".join(FIND_AS_OF_CONDITIONS[name] for name in names) or "1 = 1"
    return speaks.compiled(template.replace("{conditions}", held)).sql


@pytest.mark.parametrize("names", CONDITIONS, ids=" ".join)
def test_sqlite_looks_up_each_inboxs_events_by_its_key(sqlite_database: TestDatabase, names: tuple[str, ...]) -> None:
    """Whatever is asked for: the events are searched by the primary key, for each candidate."""
    with sqlite_database.connect() as connection:
        plan = [row[3] for row in connection.execute(f"explain query plan {question('sqlite', names)}", VALUES)]
    assert "SEARCH e USING PRIMARY KEY (inbox_id=? AND version=?)" in plan
    assert [line for line in plan if line.startswith(("SCAN e", "SCAN x"))] == []


def test_postgresql_looks_up_each_inboxs_events_by_an_index(postgres_database: TestDatabase) -> None:
    """Whatever is asked for, of twenty thousand events."""
    with psycopg.connect(postgres_database.url, autocommit=True) as connection:
        connection.execute(FILL.encode())
        for names in CONDITIONS:
            rows = connection.execute(f"explain {question('postgresql', names)}".encode(), VALUES)
            plan = "\n".join(row[0] for row in rows)
            assert "Index Cond: (inbox_id = inboxes.id)" in plan
            assert "Seq Scan on inbox_events" not in plan
