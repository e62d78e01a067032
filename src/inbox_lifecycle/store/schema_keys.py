"""The table of API keys."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from inbox_lifecycle.store.schema_types import id_type, time_type


def add_api_keys(metadata: MetaData) -> None:
    """Add the table of API keys."""
    Table(
        "inbox_api_keys",
        metadata,
        Column("id", id_type(), nullable=False),
        Column("prefix", Text, nullable=False),
        Column("hash", LargeBinary, nullable=False),
        Column("owner_id", Text, nullable=False),
        Column("label", Text, nullable=False),
        Column("created_by", Text, nullable=False),
        Column("created_at", time_type(), nullable=False),
        Column("expires_at", time_type()),
        Column("revoked_at", time_type()),
        Column("revoked_by", Text),
        PrimaryKeyConstraint("id", name="inbox_api_keys_pkey"),
        UniqueConstraint("prefix", name="inbox_api_keys_prefix_key"),
        CheckConstraint("length(hash) = 32", name="inbox_api_keys_hash_sha256"),
        CheckConstraint("(revoked_at is null) = (revoked_by is null)", name="inbox_api_keys_revoked_by_somebody"),
        Index("inbox_api_keys_owner", "owner_id", "id"),
        sqlite_with_rowid=False,
    )
