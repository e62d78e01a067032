"""A thief who owns the database: the guards are off while he is at work, and stand again once he has gone.

What he does is committed, and nobody can tell from the catalog that he was there. He has no key to sign with.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from inbox_lifecycle import Inbox
from inbox_lifecycle.audit import merkle
from inbox_lifecycle.canonical import canonical
from inbox_lifecycle.codec import KEY_LENGTH, commitment, leaf_hash
from inbox_lifecycle.context import Context
from inbox_lifecycle.store.feed import FAN_OUT
from tests.support.databases import TestDatabase

_TABLES = "select oid::regclass::text from pg_class where relkind = 'r' and relnamespace = ?::regnamespace"
_CHECKS = (
    "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint"
    " where contype = 'c' and connamespace = ?::regnamespace"
)
# Triggers that fire even where replication turns the others off; disabling forgets that.
_ALWAYS = (
    "select c.oid::regclass::text, t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid"
    " where c.relnamespace = ?::regnamespace and t.tgenabled = 'A'"
)
# That it was never validated again is written in the catalog alone.
_WRITABLE = "set local allow_system_table_mods = on"
_VALIDATED = (
    "update pg_constraint set convalidated = true"
    " where contype = 'c' and connamespace = 'inbox_lifecycle'::regnamespace"
)

#: Changes an entry's fields.
Edit = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Thief:
    """A connection that nothing holds back."""

    database: TestDatabase
    _cursor: Any

    def run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run SQL with parameters written `?` and tables written `{s}table`."""
        sql = statement.replace("{s}", self.database.prefix)
        self._cursor.execute(sql if self.database.kind == "sqlite" else sql.replace("?", "%s"), values)
        return [tuple(row) for row in self._cursor.fetchall()] if self._cursor.description else []

    def change_event(self, inbox: Inbox, version: int, change: str, *values: object) -> None:
        """Change columns of an event."""
        where = "where inbox_id = ? and version = ?"
        self.run(f"update {{s}}inbox_events set {change} {where}", *values, inbox.id, version)  # noqa: S608 - tests'

    def change_row(self, inbox: Inbox, change: str, *values: object) -> None:
        """Change columns of a row."""
        self.run(f"update {{s}}inboxes set {change} where id = ?", *values, inbox.id)  # noqa: S608 - written in tests

    def change_position(self, position: int, change: str, *values: object) -> None:
        """Change columns of a position."""
        self.run(f"update {{s}}inbox_feed set {change} where position = ?", *values, position)  # noqa: S608 - tests'

    def event(self, inbox: Inbox, version: int, column: str) -> Any:
        """A column of an event."""
        ((value,),) = self.run(
            f"select {column} from {{s}}inbox_events where inbox_id = ? and version = ?",  # noqa: S608 - tests'
            inbox.id,
            version,
        )
        return value

    def swap_positions(self, first: int, second: int) -> None:
        """Put what stands at either position at the other one."""
        aside = 10**9
        for position, becomes in ((first, aside), (second, first), (aside, second)):
            self.change_position(position, "position = ?", becomes)

    def give_context(self, inbox: Inbox, version: int, *, actor: str, reason: str) -> None:
        """Have somebody else have done it, for another reason, and write anew everything that follows from it."""
        context = Context(owner_id=inbox.owner_id, actor=actor, reason=reason)
        key = secrets.token_bytes(KEY_LENGTH)
        self.change_event(
            inbox,
            version,
            "owner_id = ?, actor = ?, reason = ?, correlation_id = null, causation_id = null, idempotency_key = null,"
            " context_key = ?",
            *(context.owner_id, actor, reason, key),
        )
        committed = commitment(key, context.canonical())
        self._rechain(inbox, version, lambda entry: entry.update(commitment=committed))
        self.replant()

    def forget(self, inbox: Inbox, version: int) -> None:
        """Take an event out of the middle as if it had never been: later ones and all later positions move up."""
        left = json.loads(self.event(inbox, version, "entry"))["from"]
        ((position,),) = self.run(
            "select position from {s}inbox_feed where inbox_id = ? and version = ?", inbox.id, version
        )
        self.run("delete from {s}inbox_feed where position = ?", position)
        self.run("delete from {s}inbox_events where inbox_id = ? and version = ?", inbox.id, version)
        for later in range(version + 1, inbox.version + 1):
            self.change_event(inbox, later, "version = ?", later - 1)
            self.run(
                "update {s}inbox_feed set version = ? where inbox_id = ? and version = ?", later - 1, inbox.id, later
            )
        self.change_event(inbox, version, "from_status = ?, from_warmup_status = ?", *left.values())
        self._rechain(inbox, version, lambda entry: entry.update({"from": left}))
        for (later,) in self.run("select position from {s}inbox_feed where position > ? order by 1", position):
            self.change_position(later, "position = ?", later - 1)
        self.set_head()
        self.replant()

    def cut_off(self, size: int) -> None:
        """Leave so many positions: no later event, position, queue row or node, and rows as they were then."""
        self.run("delete from {s}inbox_feed_queue")
        self.run("delete from {s}inbox_feed where position >= ?", size)
        gone = (
            " where not exists (select 1 from {s}inbox_feed f where f.inbox_id = e.inbox_id and f.version = e.version)"
        )
        moved = [inbox_id for (inbox_id,) in self.run(f"select distinct e.inbox_id from {{s}}inbox_events e{gone}")]  # noqa: S608 - ours
        self.run(f"delete from {{s}}inbox_events as e{gone}")  # noqa: S608 - ours
        for inbox_id in moved:
            self._set_back(inbox_id)
        self.set_head()
        self.replant()

    def replant(self) -> None:
        """Make the tree over the feed as it stands now."""
        self.run("delete from {s}inbox_tree_nodes")
        hashes = [bytes(one) for (one,) in self.run("select leaf_hash from {s}inbox_feed order by position")]
        level = 0
        while len(hashes) >= FAN_OUT:
            level += 1
            whole = len(hashes) // FAN_OUT * FAN_OUT
            hashes = [merkle.root(hashes[first : first + FAN_OUT]) for first in range(0, whole, FAN_OUT)]
            for number, one in enumerate(hashes):
                self.run("insert into {s}inbox_tree_nodes (level, number, hash) values (?, ?, ?)", level, number, one)

    def set_head(self) -> None:
        """Have the next position follow the last one; on SQLite no row says which it is."""
        if self.database.kind == "postgresql":
            following = "select coalesce(max(position) + 1, 0) from {s}inbox_feed"
            self.run(f"update {{s}}inbox_feed_head set next_position = ({following})")  # noqa: S608 - ours

    def forget_checkpoints(self, *, after: int = 0) -> None:
        """Remove stored checkpoints above a size."""
        self.run("delete from {s}inbox_checkpoints where size > ?", after)

    def _rechain(self, inbox: Inbox, first: int, edit: Edit) -> None:
        previous = None if first == 1 else bytes(self.event(inbox, first - 1, "hash"))
        ((last,),) = self.run("select max(version) from {s}inbox_events where inbox_id = ?", inbox.id)
        for version in range(first, last + 1):
            said = json.loads(self.event(inbox, version, "entry"))
            said |= {"version": version, "previous": previous and previous.hex()}
            if version == first:
                edit(said)
            entry = canonical(said)
            self.change_event(
                inbox, version, "entry = ?, hash = ?, previous_hash = ?", entry, leaf_hash(entry), previous
            )
            previous = leaf_hash(entry)
            for table, column in (("inbox_feed", "leaf_hash"), ("inbox_feed_queue", "hash")):
                where = "where inbox_id = ? and version = ?"
                self.run(f"update {{s}}{table} set {column} = ? {where}", previous, inbox.id, version)  # noqa: S608 - ours
        self._set_back(inbox.id)

    def _set_back(self, inbox_id: object) -> None:
        """The row as its last event that is left has it; no row, and no attempts, where none is."""
        self.run(
            "delete from {s}inbox_attempts where inbox_id = ? and event_version is not null and not exists (select 1"
            " from {s}inbox_events e where e.inbox_id = {s}inbox_attempts.inbox_id and e.version = event_version)",
            inbox_id,
        )
        last = self.run(
            "select status, warmup_status, version, hash, recorded_at from {s}inbox_events"
            " where inbox_id = ? order by version desc limit 1",
            inbox_id,
        )
        if not last:
            self.run("delete from {s}inbox_attempts where inbox_id = ?", inbox_id)
            self.run("delete from {s}inboxes where id = ?", inbox_id)
            return
        columns = "status = ?, warmup_status = ?, version = ?, head_hash = ?, updated_at = ?"
        self.run(f"update {{s}}inboxes set {columns} where id = ?", *last[0], inbox_id)  # noqa: S608 - ours


@contextmanager
def thieving(database: TestDatabase) -> Iterator[Thief]:
    """Every guard off until he has gone."""
    with closing(_connect(database)) as connection:
        thief = Thief(database, connection.cursor())
        if database.kind == "sqlite":
            for settings in ("foreign_keys = off", "ignore_check_constraints = on", "synchronous = off"):
                thief.run(f"pragma {settings}")
        thief.run("begin")
        restoring = list(_take_off(thief))
        yield thief
        for statement in restoring:
            thief.run(statement)
        thief.run("commit")


def _connect(database: TestDatabase) -> Any:
    if database.kind == "sqlite":
        return sqlite3.connect(database.path, isolation_level=None)
    return psycopg.connect(database.url, autocommit=True)


def _take_off(thief: Thief) -> Iterator[str]:
    """Take the guards off; the statements that put them on again."""
    if thief.database.kind == "sqlite":
        for name, text in thief.run("select name, sql from sqlite_schema where type = 'trigger'"):
            thief.run(f"drop trigger {name}")
            yield text
        return
    schema = thief.database.prefix.rstrip(".")
    tables, always = thief.run(_TABLES, schema), thief.run(_ALWAYS, schema)
    for table, name, definition in thief.run(_CHECKS, schema):
        thief.run(f"alter table {table} drop constraint {name}")
        yield f"alter table {table} add constraint {name} {definition} not valid"
    yield _WRITABLE
    yield _VALIDATED
    for (table,) in tables:
        thief.run(f"alter table {table} disable trigger all")
        yield f"alter table {table} enable trigger all"
    for table, name in always:
        yield f"alter table {table} enable always trigger {name}"
