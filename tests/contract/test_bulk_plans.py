"""How bulk statements are looked up on PostgreSQL: by key, whatever the planner knows of the tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from inbox_lifecycle.store import births_sql, bulk_sql
from inbox_lifecycle.store.session import DEFAULT_SCHEMA, Backend
from tests.support.databases import TestDatabase

LISTS = {
    "give up": bulk_sql.GIVE_UP_POSTGRESQL,
    "claim": bulk_sql.CLAIM_POSTGRESQL,
    "hold": bulk_sql.HOLD_POSTGRESQL,
    "prolong": bulk_sql.PROLONG_POSTGRESQL,
    "close": bulk_sql.CLOSE_POSTGRESQL,
    "commits": bulk_sql.COMMITS_POSTGRESQL,
    "commits together": bulk_sql.COMMITS_TOGETHER_POSTGRESQL,
    "births": births_sql.BIRTHS_POSTGRESQL,
    "found": births_sql.FOUND_POSTGRESQL,
}
STATEMENTS = LISTS | {
    "stuck of all": bulk_sql.STUCK_OF_ALL,
    "stuck of one": bulk_sql.STUCK_OF_ONE,
    "count stuck of all": bulk_sql.COUNT_STUCK_OF_ALL,
}

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
insert into inbox_lifecycle.inbox_events
    (inbox_id, version, event_id, name, schema, status, warmup_status, recorded_at, entry, hash)
select id, 1, gen_random_uuid(), 'inbox.registered', 1, status, warmup_status, '2026-03-01', 'x', sha256('\\x0078')
from inbox_lifecycle.inboxes;
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
    **dict.fromkeys(("attempts", "closings", "events", "births"), ROWS),
    **dict.fromkeys(("actor", "reason", "correlation_id", "causation_id", "detail")),
    "now": "2026-03-04T00:00:00.000000Z",
    "before": "2026-03-04T00:00:00.000000Z",
    "after": IDS[0],
    "limit": 100,
    "lease": 60.0,
    "patience": "1s",
    "owner_id": "owner",
}


BACKEND = Backend(PGDialect_psycopg(), DEFAULT_SCHEMA)  # type: ignore[no-untyped-call]  # theirs
#: With parameters as `prepare` takes them.
PREPARING = Backend(PGDialect(paramstyle="numeric_dollar"), DEFAULT_SCHEMA)  # type: ignore[no-untyped-call]  # theirs


@pytest.fixture
def connection(postgres_database: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    """To a database that never had a row."""
    with psycopg.connect(postgres_database.url, autocommit=True) as opened:
        yield opened


@pytest.mark.parametrize("analyzed", [False, True], ids=["unknown tables", "analyzed tables"])
def test_no_statement_reads_a_whole_table(connection: psycopg.Connection[Any], analyzed: bool) -> None:  # noqa: FBT001 - a case
    """A table that was just loaded has no statistics yet, and a list of rows has none ever."""
    connection.execute(FILL)
    if analyzed:
        connection.execute("analyze")
    for name, template in STATEMENTS.items():
        explain = f"explain {BACKEND.compiled(template).sql}"
        plan = "\n".join(line for (line,) in connection.execute(explain, VALUES))
        assert "Seq Scan on inbox" not in plan, f"{name}\n{plan}"


def test_no_statement_reads_a_whole_table_by_a_plan_of_when_it_was_empty(connection: psycopg.Connection[Any]) -> None:
    """A connection keeps its plans until the tables are analyzed, however they grow meanwhile."""
    connection.execute("set plan_cache_mode = force_generic_plan")
    plans = {}
    for name, template in LISTS.items():
        prepared = sql.Identifier(name)
        connection.execute(sql.SQL("prepare {} as {}").format(prepared, sql.SQL(PREPARING.compiled(template).sql)))
        types = "select cardinality(parameter_types) from pg_prepared_statements where name = %s"
        ((count,),) = connection.execute(types, (name,)).fetchall()
        nulls = sql.SQL(", ").join([sql.NULL] * count)
        plans[name] = sql.SQL("explain execute {}({})").format(prepared, nulls)
        connection.execute(plans[name])
    connection.execute(FILL)
    for name, explain in plans.items():
        plan = "\n".join(line for (line,) in connection.execute(explain))
        assert "Seq Scan on inbox" not in plan, f"{name}\n{plan}"


@pytest.mark.parametrize("analyzed", [False, True], ids=["unknown tables", "analyzed tables"])
def test_no_list_is_compared_row_by_row_with_another(connection: psycopg.Connection[Any], analyzed: bool) -> None:  # noqa: FBT001 - a case
    """A thousand rows beside a thousand would be a million pairs: lists are read once, or looked into by hash."""
    connection.execute(FILL)
    if analyzed:
        connection.execute("analyze")
    for name, template in LISTS.items():
        explain = f"explain (verbose, format json) {BACKEND.compiled(template).sql}"
        ((plan,),) = connection.execute(explain, VALUES).fetchall()
        told = json.dumps(plan, indent=1)
        assert list(pairings(plan[0]["Plan"])) == [], f"{name}\n{told}"
        asked = [node["Subplan Name"] for node in nodes(plan[0]["Plan"]) if is_asked(node) and reads_a_list(node)]
        assert all(f"hashed {subplan}" in told for subplan in asked), f"{name}\n{told}"


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's nodes."""
    yield node
    for child in node.get("Plans", ()):
        yield from nodes(child)


def is_asked(node: dict[str, Any]) -> bool:
    """Whether an expression asks what is in it."""
    return bool(node.get("Parent Relationship") == "SubPlan")


def reads_a_list(node: dict[str, Any]) -> bool:
    """Whether it walks through the rows of a list."""
    return bool(node["Node Type"] == "CTE Scan" and node["CTE Name"] != "patience")


def pairings(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Joins that walk through a list for each row of another."""
    for node in nodes(plan):
        if node["Node Type"] == "Nested Loop":
            outer, inner = [child for child in node["Plans"] if child["Parent Relationship"] in {"Outer", "Inner"}]
            if reads_a_list(inner) and not (outer["Node Type"] == "CTE Scan" and outer["CTE Name"] == "patience"):
                yield node
