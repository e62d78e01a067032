"""How bulk statements are looked up on PostgreSQL: by key, whatever the planner knows of the tables."""

from __future__ import annotations

import json

import psycopg
import pytest
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from inbox_lifecycle.store import bulk_sql
from inbox_lifecycle.store.session import DEFAULT_SCHEMA, Backend
from tests.support.databases import TestDatabase

STATEMENTS = (
    "GIVE_UP_POSTGRESQL",
    "CLAIM_POSTGRESQL",
    "HOLD_POSTGRESQL",
    "PROLONG_POSTGRESQL",
    "CLOSE_POSTGRESQL",
    "COMMITS_POSTGRESQL",
    "STUCK_OF_ALL",
    "STUCK_OF_ONE",
    "COUNT_STUCK_OF_ALL",
)

# Of five thousand inboxes every hundredth is stuck; the guards look at single rows and have no say here.
FILL = """
set session_replication_role = replica;
insert into inbox_lifecycle.email_domains
values (md5('d')::uuid, 'owner', 'mail.example.com', 'pending', '2026-01-01T00:00:00Z');
insert into inbox_lifecycle.inboxes
select md5('i' || n)::uuid, 'owner', md5('d')::uuid, 'box-' || n || '@mail.example.com', '\\x00', 'instantly', null,
       case n % 100 when 0 then 'pending' else 'active' end, case n % 100 when 0 then 'not_started' else 'active' end,
       1, sha256('x'), '2026-03-01', '2026-03-01', null
from generate_series(1, 5000) n;
insert into inbox_lifecycle.inbox_attempts
    (inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable, owner_id,
     outcome, closed_at)
select id, gen_random_uuid(), 'retry', 1, status, warmup_status, '2026-03-01', '2026-03-01', false, owner_id,
       case a when 1 then null else 'lost' end, case a when 1 then null else now() end
from inbox_lifecycle.inboxes, generate_series(1, 3) a;
"""
IDS = [f"00000000-0000-4000-8000-{number:012d}" for number in range(100)]
ROWS = json.dumps([{"inbox_id": one, "attempt_id": one} for one in IDS])
VALUES = {
    **dict.fromkeys(("attempts", "closings", "events"), ROWS),
    **dict.fromkeys(("actor", "reason", "correlation_id", "causation_id", "detail")),
    "now": "2026-03-04T00:00:00.000000Z",
    "before": "2026-03-04T00:00:00.000000Z",
    "after": IDS[0],
    "limit": 100,
    "lease": 60.0,
    "patience": "1s",
    "owner_id": "owner",
}


@pytest.mark.parametrize("analyzed", [False, True], ids=["unknown tables", "analyzed tables"])
def test_no_statement_reads_a_whole_table(emptied_postgres_database: TestDatabase, analyzed: bool) -> None:  # noqa: FBT001 - a case
    """A table that was just loaded has no statistics yet, and a list of rows has none ever."""
    backend = Backend(PGDialect_psycopg(), DEFAULT_SCHEMA)  # type: ignore[no-untyped-call]  # theirs
    with psycopg.connect(emptied_postgres_database.url, autocommit=True) as connection:
        connection.execute(FILL)
        if analyzed:
            connection.execute("analyze")
        for name in STATEMENTS:
            template = backend.compiled(getattr(bulk_sql, name)).sql
            plan = "\n".join(line for (line,) in connection.execute(f"explain {template}", VALUES))
            assert "Seq Scan on inbox" not in plan, f"{name}\n{plan}"
