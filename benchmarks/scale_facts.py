"""What PostgreSQL tells of a large database: sizes, uses of indexes, WAL, and how its queue lives."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from benchmarks.scale_operations import World

#: Tables that no operation may read from one end to the other.
WATCHED = ("email_domains", "inboxes", "inbox_events", "inbox_attempts", "inbox_feed", "inbox_tree_nodes")

_TABLES = """
select s.relname, pg_table_size(s.relid) as bytes, s.seq_scan, s.n_tup_upd, s.n_tup_hot_upd, s.n_dead_tup,
       s.vacuum_count + s.autovacuum_count as vacuums, s.analyze_count + s.autoanalyze_count as analyzes
from pg_stat_user_tables s where s.schemaname = 'inbox_lifecycle' and pg_total_relation_size(s.relid) > 65536
order by bytes desc
"""
_INDEXES = """
select s.relname, s.indexrelname, pg_relation_size(s.indexrelid) as bytes, s.idx_scan
from pg_stat_user_indexes s where s.schemaname = 'inbox_lifecycle' order by bytes desc
"""
_LSN = "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
_QUEUE = """
select pg_table_size(s.relid) as bytes, pg_indexes_size(s.relid) as index_bytes, s.n_dead_tup,
       s.autovacuum_count
from pg_stat_user_tables s where s.relname = 'inbox_feed_queue' and s.schemaname = 'inbox_lifecycle'
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """Of each table and index, what is known of it."""

    tables: Mapping[str, Mapping[str, int]]
    indexes: Mapping[str, Mapping[str, Mapping[str, int]]]

    @property
    def bytes(self) -> int:
        """All of them together."""
        indexes = sum(index["bytes"] for table in self.tables for index in self.indexes[table].values())
        return indexes + sum(table["bytes"] for table in self.tables.values())

    def of(self, table: str, fact: str) -> int:
        """One fact; 0 of a table that was too small to be told of."""
        return self.tables.get(table, {}).get(fact, 0)

    def of_index(self, table: str, index: str) -> int:
        """How often it was used."""
        return self.indexes.get(table, {}).get(index, {}).get("idx_scan", 0)


def read_whole(before: Facts, after: Facts) -> list[str]:
    """The watched tables that were read from one end to the other meanwhile, each with how often."""
    scans = {table: after.of(table, "seq_scan") - before.of(table, "seq_scan") for table in WATCHED}
    return [f"{table} was read whole {times} times" for table, times in scans.items() if times]


def read_facts(world: World) -> Facts:
    """What the statistics say once every connection has told its own."""
    time.sleep(world.effort.settling)
    with psycopg.connect(world.url, autocommit=True, row_factory=dict_row) as connection:
        tables = {row.pop("relname"): row for row in connection.execute(_TABLES)}
        indexes: dict[str, dict[str, Mapping[str, Any]]] = {table: {} for table in tables}
        for row in connection.execute(_INDEXES):
            table, index = row.pop("relname"), row.pop("indexrelname")
            if table in indexes:
                indexes[table][index] = row
    return Facts(tables, indexes)


@dataclass(frozen=True, slots=True)
class WalOfRetries:
    """Bytes of the log that a retry writes."""

    plain: float
    #: Right after a checkpoint, with an image of each page that it is the first to change.
    after_checkpoint: float


def wal_of_retries(world: World) -> WalOfRetries:
    """Of inboxes from all over the table, first with their pages fresh from a checkpoint, then again."""
    with psycopg.connect(world.url, autocommit=True) as connection:
        connection.execute("checkpoint")
        after_checkpoint = _retries(world, connection)
        return WalOfRetries(_retries(world, connection), after_checkpoint)


def _retries(world: World, connection: psycopg.Connection[Any]) -> float:
    before = connection.execute(_LSN).fetchone() or (0,)
    retried = [world.retried() for _ in range(world.effort.stuck)]
    after = connection.execute(_LSN).fetchone() or (0,)
    for one in retried:
        world.put_back(one)
    return float(after[0] - before[0]) / world.effort.stuck


def empty_queue(url: str) -> str:
    """Vacuum the queue by hand after the one seal that emptied it all; what that took and left."""
    with psycopg.connect(url, autocommit=True) as connection:
        size = "select pg_total_relation_size('inbox_lifecycle.inbox_feed_queue')"
        (before,) = connection.execute(size).fetchone() or (0,)
        began = time.perf_counter()
        connection.execute("vacuum inbox_lifecycle.inbox_feed_queue")
        seconds = time.perf_counter() - began
        (after,) = connection.execute(size).fetchone() or (0,)
    return f"queue vacuumed in {seconds:,.1f} s, {before:,} to {after:,} bytes"


def churn(world: World, *, seconds: float, threads: int = 4) -> str:
    """Retry and put back with several threads, seal every 50 ms, and look at the queue meanwhile."""
    stop, lock, done = threading.Event(), threading.Lock(), [0] * threads
    stuck = [world.retried() for _ in range(world.effort.stuck)]
    for one in stuck:
        world.put_back(one)

    def retry(number: int) -> None:
        mine = stuck[number::threads]
        while not stop.is_set():
            for one in mine:
                world.inboxes.retry_warmup(one.id, owner_id=one.owner_id)
                world.put_back(one)
                done[number] += 2

    workers = [threading.Thread(target=retry, args=(number,)) for number in range(threads)]
    before, sealing = _queue(world), []
    for worker in workers:
        worker.start()
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        began = time.perf_counter()
        with lock:
            world.operator.seal()
        sealing.append(time.perf_counter() - began)
        time.sleep(0.05)
    stop.set()
    for worker in workers:
        worker.join()
    time.sleep(world.effort.settling)
    after = _queue(world)
    sealing.sort()
    return (
        f"\nchurning for {seconds:.0f} s             {sum(done) / seconds:>16,.0f} events a second, {threads} threads\n"
        f"  a seal meanwhile                 {1000 * sealing[len(sealing) // 2]:>16.1f} ms (p50), "
        f"{1000 * sealing[int(len(sealing) * 0.99)]:.1f} ms (p99)\n"
        f"  queue                            {after['bytes'] + after['index_bytes']:>16,} bytes, "
        f"{after['n_dead_tup']:,} dead rows, {after['autovacuum_count'] - before['autovacuum_count']} autovacuums"
    )


def _queue(world: World) -> dict[str, int]:
    with psycopg.connect(world.url, autocommit=True, row_factory=dict_row) as connection:
        row = connection.execute(_QUEUE).fetchone()
    return row or {}
