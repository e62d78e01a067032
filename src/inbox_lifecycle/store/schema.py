"""The tables as the migrations leave them: what `alembic check` and the catalog test compare a database with.

Guards (triggers, their functions, row-level security) are literal SQL in the migrations, for they differ by database.
Every constraint has a name, because conflicts are recognised by it.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from inbox_lifecycle.domain import AttemptKind, Status, WarmupStatus
from inbox_lifecycle.store.schema_feed import add_feed
from inbox_lifecycle.store.schema_keys import add_api_keys
from inbox_lifecycle.store.schema_types import id_type, number_type, time_type

#: How an attempt can end; open ones have no outcome.
OUTCOMES = (
    "moved",
    "refused",
    "lost",
    "rejected",
    "throttled",
    "busy",
    "unavailable",
    "superseded",
    "abandoned",
    "launched",
)
DOMAIN_STATUSES = ("pending", "verifying", "verified", "failed")

_STUCK = "status = 'pending' and warmup_status = 'not_started' and erased_at is null"


def metadata_for(schema: str | None) -> MetaData:
    """The tables in a schema; None on SQLite."""
    metadata = MetaData(schema=schema)
    _email_domains(metadata)
    _inboxes(metadata)
    _inbox_events(metadata)
    _inbox_attempts(metadata)
    _inbox_feed_queue(metadata)
    add_feed(metadata)
    add_api_keys(metadata)
    return metadata


def _one_of(name: str, column: str, values: tuple[str, ...], *, or_null: bool = False) -> CheckConstraint:
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{f'{column} is null or ' if or_null else ''}{column} in ({allowed})", name=name)


def _id_form(metadata: MetaData, column: str, table: str) -> list[CheckConstraint]:
    """SQLite keeps anything in any column; PostgreSQL has a type for ids."""
    if metadata.schema is not None:
        return []
    form = f"typeof({column}) = 'text' and length({column}) = 36 and {column} not glob '*[^0-9a-f-]*'"
    return [CheckConstraint(form, name=f"{table}_id_form")]


def _named(metadata: MetaData, table: str) -> str:
    return f"{metadata.schema}.{table}" if metadata.schema else table


def _email_domains(metadata: MetaData) -> None:
    Table(
        "email_domains",
        metadata,
        Column("id", id_type(), nullable=False),
        Column("owner_id", Text, nullable=False),
        Column("domain", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("created_at", time_type(), nullable=False),
        PrimaryKeyConstraint("id", name="email_domains_pkey"),
        UniqueConstraint("owner_id", "domain", name="email_domains_owner_domain_key"),
        _one_of("email_domains_status_known", "status", DOMAIN_STATUSES),
        Index("email_domains_domain", "domain"),
    )


def _inboxes(metadata: MetaData) -> None:
    Table(
        "inboxes",
        metadata,
        Column("id", id_type(), nullable=False),
        Column("owner_id", Text),
        Column("email_domain_id", id_type()),
        Column("email_address", Text),
        Column("address_key", LargeBinary),
        Column("provider", Text, nullable=False),
        Column("provider_ref", Text),
        Column("status", Text, nullable=False),
        Column("warmup_status", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("head_hash", LargeBinary, nullable=False),
        Column("created_at", time_type(), nullable=False),
        Column("updated_at", time_type(), nullable=False),
        Column("erased_at", time_type()),
        PrimaryKeyConstraint("id", name="inboxes_pkey"),
        UniqueConstraint("email_address", name="inboxes_email_address_key"),
        ForeignKeyConstraint(
            ["email_domain_id"], [_named(metadata, "email_domains") + ".id"], name="inboxes_email_domain"
        ),
        ForeignKeyConstraint(
            ["id", "version", "status", "warmup_status"],
            [
                f"{_named(metadata, 'inbox_events')}.{column}"
                for column in ("inbox_id", "version", "status", "warmup_status")
            ],
            name="inboxes_explained",
            use_alter=True,
        ),
        _one_of("inboxes_status_known", "status", tuple(Status)),
        _one_of("inboxes_warmup_status_known", "warmup_status", tuple(WarmupStatus)),
        CheckConstraint("version >= 1", name="inboxes_version_positive"),
        *_id_form(metadata, "id", "inboxes"),
        CheckConstraint("length(head_hash) = 32", name="inboxes_head_hash_sha256"),
        CheckConstraint(
            "(erased_at is null and owner_id is not null and email_domain_id is not null"
            " and email_address is not null and address_key is not null)"
            " or (erased_at is not null and owner_id is null and email_domain_id is null"
            " and email_address is null and address_key is null and provider_ref is null)",
            name="inboxes_erased_blank",
        ),
        Index("inboxes_owner_created", "owner_id", "created_at", "id"),
        Index("inboxes_status_created", "status", "created_at", "id"),
        Index("inboxes_email_domain_id", "email_domain_id"),
        Index(
            "inboxes_stuck",
            "id",
            postgresql_where=text(_STUCK),
            sqlite_where=text(_STUCK),
        ),
        sqlite_with_rowid=False,
    )


def _inbox_events(metadata: MetaData) -> None:
    Table(
        "inbox_events",
        metadata,
        Column("inbox_id", id_type(), nullable=False),
        Column("version", Integer, nullable=False),
        Column("event_id", id_type(), nullable=False),
        Column("name", Text, nullable=False),
        Column("schema", Integer, nullable=False),
        Column("from_status", Text),
        Column("from_warmup_status", Text),
        Column("status", Text, nullable=False),
        Column("warmup_status", Text, nullable=False),
        Column("recorded_at", time_type(), nullable=False),
        Column("entry", LargeBinary, nullable=False),
        Column("hash", LargeBinary, nullable=False),
        Column("previous_hash", LargeBinary),
        Column("owner_id", Text),
        Column("actor", Text),
        Column("reason", Text),
        Column("correlation_id", Text),
        Column("causation_id", Text),
        Column("idempotency_key", Text),
        Column("context_key", LargeBinary),
        PrimaryKeyConstraint("inbox_id", "version", name="inbox_events_pkey"),
        UniqueConstraint("inbox_id", "version", "status", "warmup_status", name="inbox_events_reached_key"),
        ForeignKeyConstraint(
            ["inbox_id"],
            [_named(metadata, "inboxes") + ".id"],
            name="inbox_events_inbox",
            # On SQLite the first event precedes its row inside one transaction.
            deferrable=True if metadata.schema is None else None,
            initially="DEFERRED" if metadata.schema is None else None,
        ),
        _one_of("inbox_events_status_known", "status", tuple(Status)),
        _one_of("inbox_events_warmup_status_known", "warmup_status", tuple(WarmupStatus)),
        CheckConstraint(
            "(version = 1) = (from_status is null) and (version = 1) = (from_warmup_status is null)"
            " and (version = 1) = (previous_hash is null) and version >= 1",
            name="inbox_events_first",
        ),
        CheckConstraint("length(hash) = 32", name="inbox_events_hash_sha256"),
        *_id_form(metadata, "inbox_id", "inbox_events"),
        Index(
            "inbox_events_idempotency_key",
            "inbox_id",
            "idempotency_key",
            unique=True,
            postgresql_where=text("idempotency_key is not null"),
            sqlite_where=text("idempotency_key is not null"),
        ),
        sqlite_with_rowid=False,
    )


def _inbox_attempts(metadata: MetaData) -> None:
    Table(
        "inbox_attempts",
        metadata,
        Column("inbox_id", id_type(), nullable=False),
        Column("id", id_type(), nullable=False),
        Column("kind", Text, nullable=False),
        Column("seen_version", Integer, nullable=False),
        Column("seen_status", Text, nullable=False),
        Column("seen_warmup_status", Text, nullable=False),
        Column("opened_at", time_type(), nullable=False),
        Column("lease_until", time_type(), nullable=False),
        Column("outcome", Text),
        Column("closed_at", time_type()),
        Column("event_version", Integer),
        Column("to_disable", Boolean, nullable=False),
        Column("detail", Text),
        Column("owner_id", Text),
        Column("actor", Text),
        Column("reason", Text),
        Column("correlation_id", Text),
        Column("causation_id", Text),
        Column("idempotency_key", Text),
        Column("claim", Text),
        PrimaryKeyConstraint("inbox_id", "id", name="inbox_attempts_pkey"),
        _one_of("inbox_attempts_kind_known", "kind", tuple(AttemptKind)),
        _one_of("inbox_attempts_outcome_known", "outcome", OUTCOMES, or_null=True),
        CheckConstraint("(outcome is null) = (closed_at is null)", name="inbox_attempts_closed_once"),
        *_id_form(metadata, "inbox_id", "inbox_attempts"),
        CheckConstraint(
            "outcome is null or outcome <> 'moved' or event_version is not null", name="inbox_attempts_moved_event"
        ),
        Index(
            "inbox_attempts_open",
            "inbox_id",
            "id",
            postgresql_where=text("outcome is null"),
            sqlite_where=text("outcome is null"),
        ),
        Index(
            "inbox_attempts_to_disable",
            "inbox_id",
            "id",
            postgresql_where=text("to_disable"),
            sqlite_where=text("to_disable"),
        ),
        Index(
            "inbox_attempts_claimed",
            "inbox_id",
            "claim",
            unique=True,
            postgresql_where=text("outcome is null and claim is not null"),
            sqlite_where=text("outcome is null and claim is not null"),
        ),
        sqlite_with_rowid=False,
    )


def _inbox_feed_queue(metadata: MetaData) -> None:
    Table(
        "inbox_feed_queue",
        metadata,
        Column("seq", number_type(), Identity(always=False), nullable=False),
        Column("inbox_id", id_type(), nullable=False),
        Column("version", Integer, nullable=False),
        Column("hash", LargeBinary, nullable=False),
        PrimaryKeyConstraint("seq", name="inbox_feed_queue_pkey"),
        UniqueConstraint("inbox_id", "version", name="inbox_feed_queue_event_key"),
        sqlite_autoincrement=True,
    )
