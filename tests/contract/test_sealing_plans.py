"""What sealing costs PostgreSQL: nothing where nothing waits, and the same for each event however many came at once."""

from __future__ import annotations

import psycopg

from inbox_lifecycle import Inboxes
from tests.support.databases import TestDatabase

#: Calls after which psycopg has prepared what it may prepare, and PostgreSQL has made the plan that it keeps.
OFTEN = 12
#: Events that `FILL` lets wait.
BACKLOG = 2_000

# As many inboxes with a first event that has its position and a second one that waits, past the guards, which look at
# single rows and have no say here.
FILL = """
set session_replication_role = replica;
insert into inbox_lifecycle.inbox_events
    (inbox_id, version, event_id, name, schema, from_status, from_warmup_status, status, warmup_status, recorded_at,
     entry, hash, previous_hash)
select md5('i' || n)::uuid, v, gen_random_uuid(), 'inbox.corrected', 1, case v when 2 then 'active' end,
       case v when 2 then 'active' end, 'pending', 'not_started', now(), e.entry, sha256('\\x00' || e.entry),
       case v when 2 then sha256('x') end
from generate_series(1, 2000) n, generate_series(1, 2) v, (select convert_to('x', 'utf8') as entry) e;
insert into inbox_lifecycle.inbox_feed (position, inbox_id, version, leaf_hash)
select h.next_position + row_number() over () - 1, e.inbox_id, e.version, e.hash
from inbox_lifecycle.inbox_events e, inbox_lifecycle.inbox_feed_head h where e.entry = 'x' and e.version = 1;
update inbox_lifecycle.inbox_feed_head set next_position = next_position + 2000;
insert into inbox_lifecycle.inbox_feed_queue (inbox_id, version, hash)
select inbox_id, version, hash from inbox_lifecycle.inbox_events where entry = 'x' and version = 2;
"""
# The next transaction id, which only transactions that write take, and how far the log reaches.
COST = "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint, pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
READ = "select sum(seq_tup_read) from pg_stat_user_tables where relname in ('inbox_feed', 'inbox_feed_queue')"


def test_sealing_writes_nothing_where_nothing_waits(postgres_database: TestDatabase) -> None:
    """A sequencer that asks all day takes no transaction id and no byte of the log."""
    with Inboxes(postgres_database.url) as inboxes, psycopg.connect(postgres_database.url, autocommit=True) as looks:
        operator = inboxes.operator(actor="a sequencer")
        operator.seal()
        # Whatever the server itself may write at this moment, it does not write at each of three.
        costs = []
        for _ in range(3):
            before = looks.execute(COST).fetchone()
            assert operator.seal().unsealed == 0
            costs.append(looks.execute(COST).fetchone() == before)
    assert any(costs)


def test_a_backlog_is_looked_up_by_index_after_an_idle_time(postgres_database: TestDatabase) -> None:
    """The plan that suits an empty queue and a short feed would read all of both once for each event."""
    url = postgres_database.url
    with Inboxes(url) as inboxes, psycopg.connect(url, autocommit=True) as connection:
        operator = inboxes.operator(actor="a sequencer")
        connection.execute("vacuum analyze inbox_lifecycle.inbox_feed, inbox_lifecycle.inbox_feed_queue")
        for number in range(OFTEN):
            inboxes.register(email_address=f"box-{number}@mail.example.com", owner_id="owner", provider="instantly")
            operator.seal()
        connection.execute(FILL)
        assert operator.seal().events == BACKLOG
    with psycopg.connect(url, autocommit=True) as connection:
        (rows,) = connection.execute(READ).fetchone() or (0,)
    assert rows < 10 * BACKLOG
