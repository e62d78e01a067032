"""The feed's guards: positions follow each other and hold events, and what stands there stands for good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from inbox_lifecycle import Inboxes
from inbox_lifecycle.store.roles import KINDS
from tests.support.databases import TestDatabase
from tests.support.forging import (
    Cheat,
    Cheats,
    Ground,
    Statement,
    insert,
    make_ground,
    refused_and_nothing_moved,
)

POSITIONS = Cheats()
CHANGES = Cheats()
NODES = Cheats()
QUEUE = Cheats()
CHECKPOINTS = Cheats()
HEAD = Cheats()

on_sqlite = pytest.mark.parametrize("ground", ["sqlite", "sqlite-without-foreign-keys"], indirect=True)
on_postgresql = pytest.mark.parametrize("ground", [f"postgresql-{who}" for who in ("owner", *KINDS)], indirect=True)

TABLES = ("inbox_feed", "inbox_tree_nodes", "inbox_checkpoints")
NO_INBOX = "00000000-0000-7000-8000-000000000000"
ORIGIN = "log.example.com"
AT = "2030-01-01T00:00:00.000000Z"

ANOTHER = b"another hash".ljust(32)

NODE: dict[str, object] = {"level": 1, "number": 0, "hash": bytes(32)}
CHECKPOINT: dict[str, object] = {"origin": ORIGIN, "size": 2, "root": bytes(32), "note": "signed", "signed_at": AT}


@pytest.fixture(scope="module")
def fed(ground: Ground) -> Ground:
    """A ground with a feed."""
    fill(ground)
    return ground


def fill(ground: Ground) -> None:
    """Of four events, the two first get positions; there is a node, and a checkpoint."""
    with Inboxes(ground.database.url) as inboxes:
        assert inboxes.operator(actor="sealer").seal(limit=2).unsealed == 2
    with without_guards(ground.database):
        ground.database.execute(*insert("inbox_tree_nodes", NODE))
    ground.database.execute(*insert("inbox_checkpoints", CHECKPOINT))


@contextmanager
def without_guards(database: TestDatabase) -> Iterator[None]:
    """A node that follows from what is below it would take 256 events: the guard that asks for it is off."""
    guard = "inbox_tree_nodes_true"
    if database.kind == "sqlite":
        ((text,),) = database.execute("select sql from sqlite_schema where name = ?", (guard,))
        database.execute(f"drop trigger {guard}")
        yield
        database.execute(text)
        return
    database.execute("alter table {s}inbox_tree_nodes disable trigger " + guard)
    yield
    database.execute("alter table {s}inbox_tree_nodes enable trigger " + guard)


def contents(ground: Ground) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the feed's tables."""
    tables = TABLES if ground.on_sqlite else (*TABLES, "inbox_feed_head")
    return {table: sorted(ground.database.execute(f"select * from {{s}}{table}"), key=repr) for table in tables}  # noqa: S608 - named above


def position(ground: Ground, number: int | None, version: int = 2, **other: object) -> Statement:
    """A row of the feed: ana's event at a version, unless said otherwise."""
    told = ground.hash_at(ground.ana, version)
    return insert(
        "inbox_feed", {"position": number, "inbox_id": ground.ana.id, "version": version, "leaf_hash": told} | other
    )


def wait(ground: Ground, version: int, told: bytes) -> Statement:
    """A row of the queue, of ana's."""
    return insert("inbox_feed_queue", {"inbox_id": ground.ana.id, "version": version, "hash": told})


@POSITIONS.refused_by("inbox_feed_follows")
def _leaving_a_hole(ground: Ground) -> tuple[Statement, ...]:
    return (position(ground, 3),)


@POSITIONS.refused_by("inbox_feed_follows", "inbox_feed_from_0")
def _before_the_first(ground: Ground) -> tuple[Statement, ...]:
    return (position(ground, -1),)


@POSITIONS.refused_by("inbox_feed_follows", "inbox_feed_pkey")
def _taken_already(ground: Ground) -> tuple[Statement, ...]:
    return (position(ground, 1),)


@POSITIONS.refused_by("inbox_feed_follows")
def _two_at_once_with_a_hole_between_them(ground: Ground) -> tuple[Statement, ...]:
    sql, first = position(ground, 2)
    _, second = position(ground, 4, 3)
    return ((f"{sql}, (?, ?, ?, ?)", (*first, *second)),)


@POSITIONS.refused_by("inbox_feed_follows")
def _one_after_another_with_a_hole_between_them(ground: Ground) -> tuple[Statement, ...]:
    return (position(ground, 2), position(ground, 4, 3))


@POSITIONS.refused_by("inbox_feed_holds_events")
def _of_an_inbox_that_is_none(ground: Ground) -> tuple[Statement, ...]:
    return (position(ground, 2, inbox_id=NO_INBOX),)


@POSITIONS.refused_by("inbox_feed_holds_events")
def _of_an_event_to_come(ground: Ground) -> tuple[Statement, ...]:
    assert ground.bea.version == 1
    return (position(ground, 2, inbox_id=ground.bea.id),)


@POSITIONS.refused_by("inbox_feed_holds_events")
def _with_another_hash(ground: Ground) -> tuple[Statement, ...]:
    return (position(ground, 2, leaf_hash=bytes(32)),)


@POSITIONS.refused_by("inbox_feed_holds_events")
def _with_the_hash_of_another_event(ground: Ground) -> tuple[Statement, ...]:
    return (position(ground, 2, leaf_hash=ground.head(ground.bea)),)


@POSITIONS.refused_by("inbox_feed_event_key")
def _of_an_event_that_has_one(ground: Ground) -> tuple[Statement, ...]:
    return (position(ground, 2, 1),)


@POSITIONS.refused_by("inbox_feed_event_key")
def _of_an_event_given_twice(ground: Ground) -> tuple[Statement, ...]:
    return (position(ground, 2), position(ground, 3))


@CHANGES.refused_by("inbox_feed_append_only")
def _moved(_ground: Ground) -> tuple[Statement, ...]:
    return (("update {s}inbox_feed set position = position + 10", ()),)


@CHANGES.refused_by("inbox_feed_append_only")
def _rewritten(_ground: Ground) -> tuple[Statement, ...]:
    return (("update {s}inbox_feed set leaf_hash = ? where position = 1", (bytes(32),)),)


@CHANGES.refused_by("inbox_feed_append_only")
def _written_as_it_is(_ground: Ground) -> tuple[Statement, ...]:
    return (("update {s}inbox_feed set version = version", ()),)


@CHANGES.refused_by("inbox_feed_append_only")
def _cut_off(_ground: Ground) -> tuple[Statement, ...]:
    return (("delete from {s}inbox_feed where position = 1", ()),)


@CHANGES.refused_by("inbox_feed_append_only")
def _taken_away_and_given_anew(ground: Ground) -> tuple[Statement, ...]:
    return (("delete from {s}inbox_feed", ()), position(ground, 0))


def _upserted(row: Statement, key: str, change: str) -> tuple[Statement, ...]:
    sql, values = row
    return ((f"{sql} on conflict ({key}) do update set {change}", values),)


@CHANGES.refused_by("inbox_feed_follows", "inbox_feed_append_only")
def _upserted_by_position(ground: Ground) -> tuple[Statement, ...]:
    return _upserted(position(ground, 1), "position", "leaf_hash = excluded.leaf_hash")


@CHANGES.refused_by("inbox_feed_event_key", "inbox_feed_append_only")
def _upserted_by_event(ground: Ground) -> tuple[Statement, ...]:
    return _upserted(position(ground, 2, 1), "inbox_id, version", "position = excluded.position")


@NODES.refused_by("inbox_tree_nodes_append_only")
def _node_rewritten(_ground: Ground) -> tuple[Statement, ...]:
    return (("update {s}inbox_tree_nodes set hash = ?", (ANOTHER,)),)


@NODES.refused_by("inbox_tree_nodes_append_only")
def _node_taken_away(_ground: Ground) -> tuple[Statement, ...]:
    return (("delete from {s}inbox_tree_nodes", ()),)


@NODES.refused_by("inbox_tree_nodes_true or inbox_tree_nodes_pkey", "inbox_tree_nodes_pkey")
def _second_node_at_its_place(_ground: Ground) -> tuple[Statement, ...]:
    return (insert("inbox_tree_nodes", NODE | {"hash": ANOTHER}),)


@NODES.refused_by("inbox_tree_nodes_true or inbox_tree_nodes_pkey", "inbox_tree_nodes_append_only")
def _node_upserted(_ground: Ground) -> tuple[Statement, ...]:
    return _upserted(insert("inbox_tree_nodes", NODE), "level, number", "hash = excluded.hash")


@NODES.refused_by("inbox_tree_nodes_true", "inbox_tree_nodes_hash_sha256")
def _node_without_a_hash(_ground: Ground) -> tuple[Statement, ...]:
    return (insert("inbox_tree_nodes", NODE | {"number": 1, "hash": b"short"}),)


@NODES.refused_by("inbox_tree_nodes_true", "inbox_tree_nodes_in_the_tree")
def _node_among_the_leaves(_ground: Ground) -> tuple[Statement, ...]:
    return (insert("inbox_tree_nodes", NODE | {"level": 0}),)


@NODES.refused_by("inbox_tree_nodes_true", "inbox_tree_nodes_in_the_tree")
def _node_before_the_first(_ground: Ground) -> tuple[Statement, ...]:
    return (insert("inbox_tree_nodes", NODE | {"number": -1}),)


@NODES.refused_by("inbox_tree_nodes_true")
def _node_over_leaves_to_come(_ground: Ground) -> tuple[Statement, ...]:
    return (insert("inbox_tree_nodes", NODE | {"number": 1}),)


@NODES.refused_by("inbox_tree_nodes_true")
def _node_far_ahead(_ground: Ground) -> tuple[Statement, ...]:
    return (insert("inbox_tree_nodes", NODE | {"number": 1_000_000}),)


@NODES.refused_by("inbox_tree_nodes_true")
def _node_over_nodes_to_come(_ground: Ground) -> tuple[Statement, ...]:
    return (insert("inbox_tree_nodes", NODE | {"level": 2}),)


@QUEUE.refused_by("inbox_feed_queue_true")
def _waiting_for_an_event_to_come(ground: Ground) -> tuple[Statement, ...]:
    return (wait(ground, ground.ana.version + 1, ANOTHER),)


@QUEUE.refused_by("inbox_feed_queue_true")
def _waiting_with_another_hash(ground: Ground) -> tuple[Statement, ...]:
    return (("delete from {s}inbox_feed_queue where version = 3", ()), wait(ground, 3, ANOTHER))


@QUEUE.refused_by("inbox_feed_queue_true")
def _waiting_with_a_position(ground: Ground) -> tuple[Statement, ...]:
    return (wait(ground, 1, ground.hash_at(ground.ana, 1)),)


@CHECKPOINTS.refused_by("inbox_checkpoints_append_only")
def _checkpoint_rewritten(_ground: Ground) -> tuple[Statement, ...]:
    return (("update {s}inbox_checkpoints set root = ?", (ANOTHER,)),)


@CHECKPOINTS.refused_by("inbox_checkpoints_append_only")
def _checkpoint_signed_anew(_ground: Ground) -> tuple[Statement, ...]:
    return (("update {s}inbox_checkpoints set note = 'signed by another'", ()),)


@CHECKPOINTS.refused_by("inbox_checkpoints_append_only")
def _checkpoint_taken_away(_ground: Ground) -> tuple[Statement, ...]:
    return (("delete from {s}inbox_checkpoints", ()),)


@CHECKPOINTS.refused_by("inbox_checkpoints_pkey")
def _second_checkpoint_of_a_size(_ground: Ground) -> tuple[Statement, ...]:
    return (insert("inbox_checkpoints", CHECKPOINT | {"root": ANOTHER}),)


@CHECKPOINTS.refused_by("inbox_checkpoints_pkey", "inbox_checkpoints_append_only")
def _checkpoint_upserted(_ground: Ground) -> tuple[Statement, ...]:
    return _upserted(insert("inbox_checkpoints", CHECKPOINT), "origin, size", "root = excluded.root")


@CHECKPOINTS.refused_by("inbox_checkpoints_root_sha256")
def _checkpoint_without_a_root(_ground: Ground) -> tuple[Statement, ...]:
    return (insert("inbox_checkpoints", CHECKPOINT | {"size": 3, "root": b"short"}),)


@HEAD.refused_by("inbox_feed_head_true")
def _set_back(_ground: Ground) -> tuple[Statement, ...]:
    return (("update {s}inbox_feed_head set next_position = 0", ()),)


@HEAD.refused_by("inbox_feed_head_true")
def _set_on(_ground: Ground) -> tuple[Statement, ...]:
    return (("update {s}inbox_feed_head set next_position = next_position + 1", ()),)


@HEAD.refused_by("inbox_feed_head_one")
def _made_two(_ground: Ground) -> tuple[Statement, ...]:
    return (insert("inbox_feed_head", {"one": 2, "next_position": 2}),)


@HEAD.refused_by("inbox_feed_head_true")
def _made_anew(_ground: Ground) -> tuple[Statement, ...]:
    return (("delete from {s}inbox_feed_head", ()), insert("inbox_feed_head", {"one": 1, "next_position": 0}))


#: What would put a row in another's place, and what refuses it.
REPLACED: dict[str, tuple[Cheat, str]] = {
    "by-position": (lambda ground: (position(ground, 1),), "inbox_feed_follows"),
    "by-event": (lambda ground: (position(ground, 2, 1),), "inbox_feed_event_key"),
    "by-rowid": (lambda ground: (position(ground, None),), "inbox_feed_follows"),
    "node": (lambda _: (insert("inbox_tree_nodes", NODE | {"hash": ANOTHER}),), "inbox_tree_nodes_pkey"),
    "checkpoint": (lambda _: (insert("inbox_checkpoints", CHECKPOINT | {"root": ANOTHER}),), "inbox_checkpoints_pkey"),
}


@pytest.mark.parametrize(
    ("cheat", "refusers"), [*POSITIONS.cases, *CHANGES.cases, *NODES.cases, *QUEUE.cases, *CHECKPOINTS.cases]
)
def test_cheat_on_the_feed_is_refused_and_nothing_moves(fed: Ground, cheat: Cheat, refusers: Mapping[str, str]) -> None:
    """By the guard that is there for it, or because the role lacks the right."""
    before = contents(fed)
    refused_and_nothing_moved(fed, cheat, refusers)
    assert contents(fed) == before


@on_postgresql
@pytest.mark.parametrize(("cheat", "refusers"), HEAD.cases)
def test_head_that_lies_about_the_next_position_is_refused(
    fed: Ground, cheat: Cheat, refusers: Mapping[str, str]
) -> None:
    """Whoever seals next would leave a hole, or fail."""
    before = contents(fed)
    refused_and_nothing_moved(fed, cheat, refusers)
    assert contents(fed) == before


@on_postgresql
@pytest.mark.parametrize("table", TABLES)
def test_emptying_a_table_of_the_feed_is_refused(fed: Ground, table: str) -> None:
    """Truncating passes by the guards of rows, and meets one of its own."""
    before = contents(fed)
    refused_and_nothing_moved(fed, lambda _: ((f"truncate {{s}}{table}", ()),), {"postgresql": f"{table}_append_only"})
    assert contents(fed) == before


@on_sqlite
@pytest.mark.parametrize("verb", ["replace", "insert or replace", "insert or ignore"])
@pytest.mark.parametrize(("cheat", "refuser"), REPLACED.values(), ids=REPLACED.keys())
def test_replacing_is_refused_on_sqlite(fed: Ground, verb: str, cheat: Cheat, refuser: str) -> None:
    """There REPLACE deletes whatever stands in the way, and fires no trigger of deletion unless it was told to."""
    before = contents(fed)
    ((sql, values),) = cheat(fed)
    with without_guards(fed.database):
        assert fed.refusal((sql.replace("insert", verb, 1), values)) == refuser
    assert contents(fed) == before


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement", ["update {s}{table} set {column} = {column}", "delete from {s}{table}", "truncate {s}{table}"]
)
def test_a_session_that_plays_a_replica_changes_nothing(
    postgres_database: TestDatabase, table: str, statement: str
) -> None:
    """Even a superuser who switches ordinary triggers off for a session meets the ones that always fire."""
    ground = make_ground(postgres_database)
    fill(ground)
    column = {"inbox_feed": "position", "inbox_tree_nodes": "hash", "inbox_checkpoints": "note"}[table]
    replica = ("set local session_replication_role = replica", ())
    cheat = statement.replace("{table}", table).replace("{column}", column)
    before = contents(ground)
    assert ground.refusal(replica, (cheat, ())) == f"{table}_append_only"
    assert contents(ground) == before
