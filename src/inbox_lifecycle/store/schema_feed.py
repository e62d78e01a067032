"""The tables of the feed: positions, the tree over them, checkpoints, and where consumers stand."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from inbox_lifecycle.store.schema_types import id_type, number_type, time_type


def add_feed(metadata: MetaData) -> None:
    """Add the tables of the feed."""
    _positions(metadata)
    _tree(metadata)
    _consumers(metadata)


def _positions(metadata: MetaData) -> None:
    Table(
        "inbox_feed",
        metadata,
        Column("position", number_type(), nullable=False, autoincrement=False),
        Column("inbox_id", id_type(), nullable=False),
        Column("version", Integer, nullable=False),
        Column("leaf_hash", LargeBinary, nullable=False),
        PrimaryKeyConstraint("position", name="inbox_feed_pkey"),
        UniqueConstraint("inbox_id", "version", name="inbox_feed_event_key"),
        CheckConstraint("position >= 0", name="inbox_feed_from_0"),
    )
    if metadata.schema is None:
        return
    Table(
        "inbox_feed_head",
        metadata,
        Column("one", SmallInteger, nullable=False, autoincrement=False),
        Column("next_position", number_type(), nullable=False),
        PrimaryKeyConstraint("one", name="inbox_feed_head_pkey"),
        CheckConstraint("one = 1", name="inbox_feed_head_one"),
    )


def _tree(metadata: MetaData) -> None:
    Table(
        "inbox_tree_nodes",
        metadata,
        Column("level", SmallInteger, nullable=False, autoincrement=False),
        Column("number", number_type(), nullable=False, autoincrement=False),
        Column("hash", LargeBinary, nullable=False),
        PrimaryKeyConstraint("level", "number", name="inbox_tree_nodes_pkey"),
        CheckConstraint("length(hash) = 32", name="inbox_tree_nodes_hash_sha256"),
        CheckConstraint("level >= 1 and number >= 0", name="inbox_tree_nodes_in_the_tree"),
        *_numbers(metadata, "inbox_tree_nodes", "level", "number"),
        sqlite_with_rowid=False,
    )
    Table(
        "inbox_checkpoints",
        metadata,
        Column("origin", Text, nullable=False),
        Column("size", number_type(), nullable=False),
        Column("root", LargeBinary, nullable=False),
        Column("note", Text, nullable=False),
        Column("signed_at", time_type(), nullable=False),
        PrimaryKeyConstraint("origin", "size", name="inbox_checkpoints_pkey"),
        CheckConstraint("length(root) = 32", name="inbox_checkpoints_root_sha256"),
        CheckConstraint("size >= 1", name="inbox_checkpoints_of_something"),
        *_numbers(metadata, "inbox_checkpoints", "size"),
        sqlite_with_rowid=False,
    )


def _consumers(metadata: MetaData) -> None:
    Table(
        "inbox_subscriptions",
        metadata,
        Column("name", Text, nullable=False),
        Column("position", number_type(), nullable=False),
        Column("holder", id_type()),
        Column("lease_until", time_type()),
        PrimaryKeyConstraint("name", name="inbox_subscriptions_pkey"),
        CheckConstraint("position >= -1", name="inbox_subscriptions_position"),
        CheckConstraint("(holder is null) = (lease_until is null)", name="inbox_subscriptions_held"),
        sqlite_with_rowid=False,
    )
    Table(
        "inbox_parked_events",
        metadata,
        Column("subscription", Text, nullable=False),
        Column("position", number_type(), nullable=False, autoincrement=False),
        Column("error", Text, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("parked_at", time_type(), nullable=False),
        PrimaryKeyConstraint("subscription", "position", name="inbox_parked_events_pkey"),
        sqlite_with_rowid=False,
    )


def _numbers(metadata: MetaData, table: str, *columns: str) -> list[CheckConstraint]:
    """SQLite keeps anything in any column, and a text is larger than every number."""
    if metadata.schema is not None:
        return []
    form = " and ".join(f"typeof({column}) = 'integer'" for column in columns)
    return [CheckConstraint(form, name=f"{table}_numbers")]
