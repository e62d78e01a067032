"""The event log: domains, inboxes, events, attempts and the feed's queue, and the guards that hold them together."""

import re

import sqlalchemy as sa
from alembic import context, op

revision = "1.0001"
down_revision = None
branch_labels = None
depends_on = None

STATUSES = "('pending', 'warming', 'active', 'banned')"
WARMUP_STATUSES = "('not_started', 'warming', 'active', 'banned')"
OUTCOMES = (
    "('moved', 'refused', 'lost', 'rejected', 'throttled', 'busy', 'unavailable',"
    " 'superseded', 'abandoned', 'launched')"
)

# Columns of an event that can never change, and those that erasure blanks.
KEPT = (
    "inbox_id",
    "version",
    "event_id",
    "name",
    "schema",
    "from_status",
    "from_warmup_status",
    "status",
    "warmup_status",
    "recorded_at",
    "entry",
    "hash",
    "previous_hash",
)
ERASABLE = ("owner_id", "actor", "reason", "correlation_id", "causation_id", "idempotency_key", "context_key")

# Columns of an inbox that only erasure may change.
FIXED = ("owner_id", "email_domain_id", "email_address", "address_key", "provider", "created_at", "erased_at")

# The RFC 6962 leaf hash of the entry, checked where the database has SHA-256.
POSTGRESQL_ONLY_CHECKS = """
alter table {s}inbox_events add constraint inbox_events_hash_of_entry
    check (hash = sha256('\\x00'::bytea || entry));
"""

# No search path: a role that may create operators anywhere could give the guards an equality of its own.
POSTGRESQL_GUARDS = """
create function {s}inboxes_stepped() returns trigger language plpgsql set search_path = '' as $$
begin
    if new.id <> old.id or new.version <> old.version + 1 then
        raise exception 'inbox %: version % cannot follow version %', old.id, new.version, old.version
            using errcode = 'integrity_constraint_violation', constraint = 'inboxes_stepped';
    end if;
    return new;
end $$;
create trigger inboxes_stepped
    before update of id, version, status, warmup_status, head_hash, updated_at on {s}inboxes
    for each row execute function {s}inboxes_stepped();

create function {s}inboxes_fixed() returns trigger language plpgsql set search_path = '' as $$
begin
    if old.erased_at is null and new.erased_at is not null
      and (new.provider, new.created_at) is not distinct from (old.provider, old.created_at) and exists (
        select from {s}inbox_events e
        where e.inbox_id = new.id and e.version = new.version and e.name = 'inbox.erased'
    ) then
        return null;
    end if;
    raise exception 'inbox %: owner, address, provider and birth are fixed', old.id
        using errcode = 'integrity_constraint_violation', constraint = 'inboxes_fixed';
end $$;
create trigger inboxes_fixed after update of {fixed} on {s}inboxes
    for each row execute function {s}inboxes_fixed();

create function {s}inbox_events_head() returns trigger language plpgsql set search_path = '' as $$
begin
    if not exists (
        select from {s}inboxes i
        where i.id = new.inbox_id and i.version = new.version and i.status = new.status
          and i.warmup_status = new.warmup_status and i.head_hash = new.hash
    ) then
        raise exception 'inbox %: event % is not what the row stands on', new.inbox_id, new.version
            using errcode = 'integrity_constraint_violation', constraint = 'inbox_events_head';
    end if;
    if new.version > 1 and not exists (
        select from {s}inbox_events p
        where p.inbox_id = new.inbox_id and p.version = new.version - 1 and p.status = new.from_status
          and p.warmup_status = new.from_warmup_status and p.hash = new.previous_hash
    ) then
        raise exception 'inbox %: event % does not follow event %', new.inbox_id, new.version, new.version - 1
            using errcode = 'integrity_constraint_violation', constraint = 'inbox_events_chain';
    end if;
    return null;
end $$;
create trigger inbox_events_head after insert on {s}inbox_events
    for each row execute function {s}inbox_events_head();

create function {s}inbox_events_frozen() returns trigger language plpgsql set search_path = '' as $$
begin
    if tg_op = 'UPDATE' then
        if ({new_kept}) is not distinct from ({old_kept}) and ({new_erasable}) is null and exists (
            select from {s}inboxes i where i.id = old.inbox_id and i.erased_at is not null
        ) then
            return new;
        end if;
    end if;
    raise exception 'events are facts: % refused', tg_op
        using errcode = 'integrity_constraint_violation', constraint = 'inbox_events_frozen';
end $$;
create trigger inbox_events_frozen before update or delete on {s}inbox_events
    for each row execute function {s}inbox_events_frozen();
create trigger inbox_events_kept before truncate on {s}inbox_events
    for each statement execute function {s}inbox_events_frozen();
alter table {s}inbox_events enable always trigger inbox_events_frozen;
alter table {s}inbox_events enable always trigger inbox_events_kept;

revoke all on function {s}inboxes_stepped() from public;
revoke all on function {s}inboxes_fixed() from public;
revoke all on function {s}inbox_events_head() from public;
revoke all on function {s}inbox_events_frozen() from public;
"""

# On SQLite the event goes first and moves the row itself: triggers fire at once, so a row cannot wait for its event.
# The guards do not rest on foreign keys (off by default there), and both tables are WITHOUT ROWID (REPLACE by rowid
# slips past every trigger).
SQLITE_GUARDS = """
create trigger inbox_events_no_replace before insert on inbox_events
when exists (select 1 from inbox_events e where e.inbox_id = new.inbox_id and e.version = new.version)
begin select raise(abort, 'inbox_events_pkey'); end;

create trigger inbox_events_no_replace_by_key before insert on inbox_events
when new.idempotency_key is not null and exists (
    select 1 from inbox_events e where e.inbox_id = new.inbox_id and e.idempotency_key = new.idempotency_key
)
begin select raise(abort, 'inbox_events_idempotency_key'); end;

create trigger inbox_events_born before insert on inbox_events
when new.version = 1 and exists (select 1 from inboxes i where i.id = new.inbox_id)
begin select raise(abort, 'inbox_events_head'); end;

create trigger inbox_events_head before insert on inbox_events
when new.version > 1 and not exists (
    select 1 from inboxes i
    where i.id = new.inbox_id and i.version = new.version - 1 and i.status = new.from_status
      and i.warmup_status = new.from_warmup_status and i.head_hash = new.previous_hash
)
begin select raise(abort, 'inbox_events_head'); end;

create trigger inbox_events_move after insert on inbox_events when new.version > 1
begin
    update inboxes
    set status = new.status, warmup_status = new.warmup_status, version = new.version, head_hash = new.hash,
        updated_at = new.recorded_at
    where id = new.inbox_id and version = new.version - 1;
end;

create trigger inbox_events_frozen before update on inbox_events
when not ({same_kept} and {new_erasable_null} and exists (
    select 1 from inboxes i where i.id = old.inbox_id and i.erased_at is not null
))
begin select raise(abort, 'inbox_events_frozen'); end;

create trigger inbox_events_kept before delete on inbox_events
begin select raise(abort, 'inbox_events_frozen'); end;

create trigger inboxes_no_replace before insert on inboxes
when exists (select 1 from inboxes i where i.id = new.id)
begin select raise(abort, 'inboxes_pkey'); end;

create trigger inboxes_address_free before insert on inboxes
when exists (select 1 from inboxes i where i.email_address = new.email_address)
begin select raise(abort, 'inboxes_email_address_key'); end;

create trigger inboxes_explained before insert on inboxes
when new.version <> 1 or not exists (
    select 1 from inbox_events e
    where e.inbox_id = new.id and e.version = 1 and e.status = new.status
      and e.warmup_status = new.warmup_status and e.hash = new.head_hash
)
begin select raise(abort, 'inboxes_explained'); end;

create trigger inboxes_stepped
before update of id, version, status, warmup_status, head_hash, updated_at on inboxes
when new.id <> old.id or new.version <> old.version + 1 or not exists (
    select 1 from inbox_events e
    where e.inbox_id = new.id and e.version = new.version and e.status = new.status
      and e.warmup_status = new.warmup_status and e.hash = new.head_hash
)
begin select raise(abort, 'inboxes_stepped'); end;

create trigger inboxes_fixed before update of {fixed} on inboxes
when not (old.erased_at is null and new.erased_at is not null
  and new.provider = old.provider and new.created_at = old.created_at and exists (
    select 1 from inbox_events e
    where e.inbox_id = new.id and e.version = new.version and e.name = 'inbox.erased'
))
begin select raise(abort, 'inboxes_fixed'); end;

create trigger inboxes_kept before delete on inboxes
begin select raise(abort, 'inboxes_kept'); end;
"""


def upgrade(schema: str | None = None) -> None:
    """Create the tables and their guards."""
    if schema is None:
        _create_tables(None)
        for statement in _sqlite_guards():
            _run(statement)
        return
    _create_tables(schema)
    prefix = _prefix(schema)
    _explain_rows(schema)
    _run(_fill(POSTGRESQL_ONLY_CHECKS, prefix))
    _run(_fill(POSTGRESQL_GUARDS, prefix))
    _close_to_strangers(prefix)


def downgrade(schema: str | None = None) -> None:
    """Drop everything; refused while there are events, unless told to drop the history."""
    prefix = _prefix(schema) if schema else ""
    count = f"select count(*) from {prefix}inbox_events"  # noqa: S608 - the prefix is the quoted schema
    events = op.get_bind().exec_driver_sql(count, execution_options={"no_parameters": True}).scalar_one()
    if events and not _told_to_drop_history():
        message = f"{events} events would be lost for good: export them, then say -x drop_history=yes"
        raise RuntimeError(message)
    if schema is None:
        _drop_sqlite()
        return
    op.drop_constraint("inboxes_explained", "inboxes", schema=schema)
    for table in ("inbox_feed_queue", "inbox_attempts", "inbox_events", "inboxes", "email_domains"):
        op.drop_table(table, schema=schema)
    for function in ("inboxes_stepped", "inboxes_fixed", "inbox_events_head", "inbox_events_frozen"):
        _run(f"drop function {prefix}{function}()")


def _create_tables(schema: str | None) -> None:
    sqlite = schema is None
    key, time = (sa.Text(), sa.Text()) if sqlite else (sa.Uuid(as_uuid=False), sa.DateTime(timezone=True))
    ours = f"{schema}." if schema else ""
    op.create_table(
        "email_domains",
        sa.Column("id", key, nullable=False),
        sa.Column("owner_id", sa.Text, nullable=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="email_domains_pkey"),
        sa.UniqueConstraint("owner_id", "domain", name="email_domains_owner_domain_key"),
        sa.CheckConstraint(
            "status in ('pending', 'verifying', 'verified', 'failed')", name="email_domains_status_known"
        ),
        schema=schema,
    )
    explained = sa.ForeignKeyConstraint(
        ["id", "version", "status", "warmup_status"],
        [f"{ours}inbox_events.{column}" for column in ("inbox_id", "version", "status", "warmup_status")],
        name="inboxes_explained",
    )
    op.create_table(
        "inboxes",
        sa.Column("id", key, nullable=False),
        sa.Column("owner_id", sa.Text),
        sa.Column("email_domain_id", key),
        sa.Column("email_address", sa.Text),
        sa.Column("address_key", sa.LargeBinary),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("provider_ref", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("warmup_status", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("head_hash", sa.LargeBinary, nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("updated_at", time, nullable=False),
        sa.Column("erased_at", time),
        sa.PrimaryKeyConstraint("id", name="inboxes_pkey"),
        sa.UniqueConstraint("email_address", name="inboxes_email_address_key"),
        sa.ForeignKeyConstraint(["email_domain_id"], [f"{ours}email_domains.id"], name="inboxes_email_domain"),
        # SQLite takes the circle inline (a key may name a table to come); PostgreSQL gets it once both are there.
        *([explained] if sqlite else []),
        sa.CheckConstraint(f"status in {STATUSES}", name="inboxes_status_known"),
        sa.CheckConstraint(f"warmup_status in {WARMUP_STATUSES}", name="inboxes_warmup_status_known"),
        sa.CheckConstraint("version >= 1", name="inboxes_version_positive"),
        *([_an_id("id", "inboxes")] if sqlite else []),
        sa.CheckConstraint("length(head_hash) = 32", name="inboxes_head_hash_sha256"),
        sa.CheckConstraint(
            "(erased_at is null and owner_id is not null and email_domain_id is not null"
            " and email_address is not null and address_key is not null)"
            " or (erased_at is not null and owner_id is null and email_domain_id is null"
            " and email_address is null and address_key is null and provider_ref is null)",
            name="inboxes_erased_blank",
        ),
        schema=schema,
        sqlite_with_rowid=False,
    )
    op.create_index("inboxes_owner_created", "inboxes", ["owner_id", "created_at", "id"], schema=schema)
    op.create_index("inboxes_status_created", "inboxes", ["status", "created_at", "id"], schema=schema)
    op.create_index("inboxes_email_domain_id", "inboxes", ["email_domain_id"], schema=schema)
    op.create_table(
        "inbox_events",
        sa.Column("inbox_id", key, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("event_id", key, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("schema", sa.Integer, nullable=False),
        sa.Column("from_status", sa.Text),
        sa.Column("from_warmup_status", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("warmup_status", sa.Text, nullable=False),
        sa.Column("recorded_at", time, nullable=False),
        sa.Column("entry", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("previous_hash", sa.LargeBinary),
        sa.Column("owner_id", sa.Text),
        sa.Column("actor", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("correlation_id", sa.Text),
        sa.Column("causation_id", sa.Text),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("context_key", sa.LargeBinary),
        sa.PrimaryKeyConstraint("inbox_id", "version", name="inbox_events_pkey"),
        sa.UniqueConstraint("inbox_id", "version", "status", "warmup_status", name="inbox_events_reached_key"),
        sa.ForeignKeyConstraint(
            ["inbox_id"],
            [f"{ours}inboxes.id"],
            name="inbox_events_inbox",
            deferrable=True if sqlite else None,
            initially="DEFERRED" if sqlite else None,
        ),
        sa.CheckConstraint(f"status in {STATUSES}", name="inbox_events_status_known"),
        sa.CheckConstraint(f"warmup_status in {WARMUP_STATUSES}", name="inbox_events_warmup_status_known"),
        sa.CheckConstraint(
            "(version = 1) = (from_status is null) and (version = 1) = (from_warmup_status is null)"
            " and (version = 1) = (previous_hash is null) and version >= 1",
            name="inbox_events_first",
        ),
        sa.CheckConstraint("length(hash) = 32", name="inbox_events_hash_sha256"),
        *([_an_id("inbox_id", "inbox_events")] if sqlite else []),
        schema=schema,
        sqlite_with_rowid=False,
    )
    keyed = sa.text("idempotency_key is not null")
    op.create_index(
        "inbox_events_idempotency_key",
        "inbox_events",
        ["inbox_id", "idempotency_key"],
        unique=True,
        schema=schema,
        postgresql_where=keyed,
        sqlite_where=keyed,
    )
    op.create_table(
        "inbox_attempts",
        sa.Column("inbox_id", key, nullable=False),
        sa.Column("id", key, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("seen_version", sa.Integer, nullable=False),
        sa.Column("seen_status", sa.Text, nullable=False),
        sa.Column("seen_warmup_status", sa.Text, nullable=False),
        sa.Column("opened_at", time, nullable=False),
        sa.Column("lease_until", time, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("closed_at", time),
        sa.Column("event_version", sa.Integer),
        sa.Column("to_disable", sa.Boolean, nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("owner_id", sa.Text),
        sa.Column("actor", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("correlation_id", sa.Text),
        sa.Column("causation_id", sa.Text),
        sa.Column("idempotency_key", sa.Text),
        sa.PrimaryKeyConstraint("inbox_id", "id", name="inbox_attempts_pkey"),
        sa.CheckConstraint("kind in ('start', 'retry', 'launch')", name="inbox_attempts_kind_known"),
        sa.CheckConstraint(f"outcome is null or outcome in {OUTCOMES}", name="inbox_attempts_outcome_known"),
        sa.CheckConstraint("(outcome is null) = (closed_at is null)", name="inbox_attempts_closed_once"),
        *([_an_id("inbox_id", "inbox_attempts")] if sqlite else []),
        sa.CheckConstraint(
            "outcome is null or outcome <> 'moved' or event_version is not null", name="inbox_attempts_moved_event"
        ),
        schema=schema,
        sqlite_with_rowid=False,
    )
    for name, condition in (("open", "outcome is null"), ("to_disable", "to_disable")):
        op.create_index(
            f"inbox_attempts_{name}",
            "inbox_attempts",
            ["inbox_id", "id"],
            schema=schema,
            postgresql_where=sa.text(condition),
            sqlite_where=sa.text(condition),
        )
    op.create_table(
        "inbox_feed_queue",
        # Never CACHE this identity: numbers drawn ahead would put an inbox's events out of order in the feed.
        sa.Column("seq", sa.Integer() if sqlite else sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("inbox_id", key, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="inbox_feed_queue_pkey"),
        sa.UniqueConstraint("inbox_id", "version", name="inbox_feed_queue_event_key"),
        schema=schema,
        sqlite_autoincrement=True,
    )


def _an_id(column: str, table: str) -> sa.CheckConstraint:
    # SQLite keeps anything in any column; an id in another form would stand outside every walk over the ids.
    form = f"typeof({column}) = 'text' and length({column}) = 36 and {column} not glob '*[^0-9a-f-]*'"
    return sa.CheckConstraint(form, name=f"{table}_id_form")


def _explain_rows(schema: str) -> None:
    op.create_foreign_key(
        "inboxes_explained",
        "inboxes",
        "inbox_events",
        ["id", "version", "status", "warmup_status"],
        ["inbox_id", "version", "status", "warmup_status"],
        source_schema=schema,
        referent_schema=schema,
    )


def _close_to_strangers(prefix: str) -> None:
    # A hosted project may serve every table it can see: nothing is granted, and row-level security lets nobody in
    # but the owner and the roles that `db grant` names.
    tables = ("email_domains", "inboxes", "inbox_events", "inbox_attempts", "inbox_feed_queue")
    for table in (*tables, "inbox_lifecycle_alembic_version"):
        _run(f"alter table {prefix}{table} enable row level security")
        _run(f"revoke all on {prefix}{table} from public")


def _fill(template: str, prefix: str) -> str:
    def row(side: str, columns: tuple[str, ...]) -> str:
        return ", ".join(f"{side}.{column}" for column in columns)

    return (
        template.replace("{new_kept}", row("new", KEPT))
        .replace("{old_kept}", row("old", KEPT))
        .replace("{new_erasable}", row("new", ERASABLE))
        .replace("{same_kept}", " and ".join(f"new.{column} is old.{column}" for column in KEPT))
        .replace("{new_erasable_null}", " and ".join(f"new.{column} is null" for column in ERASABLE))
        .replace("{fixed}", ", ".join(FIXED))
        .replace("{s}", prefix)
    )


def _sqlite_guards() -> list[str]:
    return [part for part in re.split(r"\n\n(?=create trigger)", _fill(SQLITE_GUARDS, "").strip()) if part]


def _drop_sqlite() -> None:
    # The tables go with their triggers. Rows and events refer to each other: whole is only what is left at the end.
    _run("pragma defer_foreign_keys = on")
    for trigger in ("inbox_events_kept", "inboxes_kept"):
        _run(f"drop trigger {trigger}")
    for table in ("inbox_feed_queue", "inbox_attempts", "inbox_events", "inboxes", "email_domains"):
        op.drop_table(table)


def _told_to_drop_history() -> bool:
    if context.config.attributes.get("drop_history"):
        return True
    return context.get_x_argument(as_dictionary=True).get("drop_history") == "yes"


def _prefix(schema: str) -> str:
    # Not by the dialect, which doubles percent signs as if every statement had parameters.
    return '"' + schema.replace('"', '""') + '".'


def _run(sql: str) -> None:
    # Without parameters the driver takes the text as it is: percent signs, colons, several statements.
    op.get_bind().exec_driver_sql(sql, execution_options={"no_parameters": True})
