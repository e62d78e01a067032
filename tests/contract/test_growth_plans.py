"""What must cost the same however many inboxes there are is looked up by index, on tables that nobody analysed too."""

from __future__ import annotations

import json
from collections.abc import Mapping

import psycopg
import pytest
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from inbox_lifecycle.store import exporting, feed, postgresql, proving, reads, travel
from inbox_lifecycle.store.session import DEFAULT_SCHEMA, Backend
from tests.support.databases import TestDatabase

# Four events, one attempt and four positions for each of so many inboxes; the guards have no say here.
FILL = """
set session_replication_role = replica;
alter table inbox_lifecycle.inbox_feed disable trigger all;
insert into inbox_lifecycle.email_domains
select md5('d' || n)::uuid, 'owner-' || n % 40, 'mail-' || n || '.example.com', 'pending', '2026-01-01T00:00:00Z'
from generate_series(0, 1999) n;
insert into inbox_lifecycle.inboxes
select md5('i' || n)::uuid, 'owner-' || n % 40, md5('d' || n % 2000)::uuid, 'box-' || n || '@example.com', '\\x00',
       'instantly', null, (array['pending', 'warming', 'active', 'banned'])[1 + n % 4], 'active', 4, sha256('x'),
       timestamptz '2026-03-01' + n * interval '1 minute', timestamptz '2026-03-01' + n * interval '1 minute', null
from generate_series(0, 3999) n;
insert into inbox_lifecycle.inbox_events
    (inbox_id, version, event_id, name, schema, from_status, from_warmup_status, status, warmup_status, recorded_at,
     entry, hash, previous_hash)
select i.id, v, gen_random_uuid(), 'inbox.corrected', 1, case when v > 1 then 'pending' end,
       case when v > 1 then 'active' end, 'active', 'active', i.created_at + v * interval '1 day', e.entry,
       sha256('\\x00' || e.entry), case when v > 1 then sha256('x') end
from inbox_lifecycle.inboxes i, generate_series(1, 4) v, (select convert_to(repeat('x', 300), 'utf8') as entry) e;
insert into inbox_lifecycle.inbox_attempts
    (inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable, owner_id,
     outcome, closed_at)
select id, gen_random_uuid(), 'retry', 1, status, warmup_status, created_at, created_at, false, owner_id, 'lost',
       created_at
from inbox_lifecycle.inboxes;
insert into inbox_lifecycle.inbox_feed
select row_number() over () - 1, inbox_id, version, hash from inbox_lifecycle.inbox_events;
insert into inbox_lifecycle.inbox_tree_nodes select 1, n, sha256('x') from generate_series(0, 2999) n;
insert into inbox_lifecycle.inbox_feed_queue (inbox_id, version, hash)
select id, 5, head_hash from inbox_lifecycle.inboxes;
"""

ONE = "00000000-0000-4000-8000-000000000001"
AT = "2026-03-02T00:00:00.000000Z"
BLOCKS = json.dumps(
    [{"place": 0, "level": 0, "begin": 0, "past": 256}, {"place": 1, "level": 1, "begin": 0, "past": 9}]
)
VALUES: Mapping[str, object] = {
    **dict.fromkeys(("actor", "reason", "correlation_id", "causation_id", "idempotency_key", "provider_ref", "detail")),
    **dict.fromkeys(
        ("inbox_id", "attempt_id", "event_id", "after_id", "after_inbox", "after_attempt", "domain_id"), ONE
    ),
    **dict.fromkeys(("at", "now", "recorded_at", "created_at", "after_time"), AT),
    **dict.fromkeys(("hash", "previous_hash", "entry", "context_key", "address_key"), b"x"),
    **dict.fromkeys(("status", "from_status", "warmup_status", "from_warmup_status"), "active"),
    **dict.fromkeys(("owner_id", "context_owner_id"), "owner-1"),
    **dict.fromkeys(("version", "seen_version", "schema", "after", "after_version", "event_version", "accepted"), 1),
    **dict.fromkeys(("kind", "name", "outcome", "origin", "provider", "email_address"), "retry"),
    "until_inbox": "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "until_version": 9,
    "until_attempt": ONE,
    "position": None,
    "size": 9_000,
    "bound": 4,
    "limit": 101,
    "lease": 60.0,
    "patience": "1s",
    "blocks": BLOCKS,
    "domain": "mail-7.example.com",
}


def found_by(*names: str, template: str = reads.FIND_INBOXES) -> str:
    """A list of inboxes narrowed down by these conditions."""
    return template.replace("{conditions}", " and ".join(reads.FIND_CONDITIONS[name] for name in names))


STATEMENTS = {
    "get": reads.GET_AS_OWNER,
    "open an attempt": postgresql.OPEN_AS_OWNER,
    "commit a warmup": postgresql.COMMIT_WARMUP,
    "commit a move": postgresql.COMMIT_MOVE,
    "close an attempt": postgresql.CLOSE_AND_LOOK,
    "look again": reads.LOOK_AGAIN,
    "register": postgresql.REGISTER,
    "history": reads.HISTORY_AS_OWNER,
    "attempts": reads.ATTEMPTS_AS_OWNER.replace("cast(:after as", "cast(:after_id as"),
    "attempts past their lease": reads.EXPIRED_ATTEMPTS,
    "as of": travel.AS_OF_AS_OWNER,
    "find by status": found_by("status"),
    "find by status, a later page": found_by("status", "after_time"),
    "find of an owner": found_by("owner_id"),
    "find of an owner by status": found_by("owner_id", "status"),
    "find all": reads.FIND_ALL.replace("{conditions}", "1 = 1"),
    "find all, a later page": found_by("after_time", template=reads.FIND_ALL),
    "feed page": feed.PAGE,
    "seal": feed.SEAL_POSTGRESQL,
    "extent of the feed": feed.EXTENT,
    "blocks of the tree": feed.BLOCKS_POSTGRESQL,
    "newest event's position": proving.NEWEST_AS_OWNER,
    "newest event in a tree": proving.HEAD_IN_TREE,
    "entries to prove": proving.ENTRIES_AS_OWNER,
    "an owner's history": exporting.EVENTS_PAGE_OF_OWNER_POSTGRESQL.replace("{conditions}", "1 = 1"),
    "an owner's attempts": exporting.ATTEMPTS_PAGE_OF_OWNER_POSTGRESQL.replace("{conditions}", "1 = 1"),
}


@pytest.mark.parametrize("analyzed", [True], ids=["analyzed tables"])
def test_no_statement_reads_a_whole_table(emptied_postgres_database: TestDatabase, analyzed: bool) -> None:  # noqa: FBT001 - a case
    """Of those that a request, a sequencer or a prover waits for."""
    backend = Backend(PGDialect_psycopg(), DEFAULT_SCHEMA)  # type: ignore[no-untyped-call]  # theirs
    with psycopg.connect(emptied_postgres_database.url, autocommit=True) as connection:
        connection.execute(FILL)
        if analyzed:
            connection.execute("analyze")
        for name, template in STATEMENTS.items():
            rows = connection.execute(f"explain {backend.compiled(template).sql}", VALUES)
            # Of the feed's head there is one row.
            plan = "\n".join(line for (line,) in rows if "Seq Scan on inbox_feed_head" not in line)
            assert "Seq Scan on inbox" not in plan, f"{name}\n{plan}"


def test_a_domain_is_found_by_its_name(emptied_postgres_database: TestDatabase) -> None:
    """Without its owner, whom an operator need not know; a table that nobody analysed may seem too small for it."""
    backend = Backend(PGDialect_psycopg(), DEFAULT_SCHEMA)  # type: ignore[no-untyped-call]  # theirs
    with psycopg.connect(emptied_postgres_database.url, autocommit=True) as connection:
        connection.execute(FILL + "analyze;")
        rows = connection.execute(f"explain {backend.compiled(found_by('domain', template=reads.FIND)).sql}", VALUES)
        plan = "\n".join(line for (line,) in rows)
    assert "Seq Scan" not in plan, plan
