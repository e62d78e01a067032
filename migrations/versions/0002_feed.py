"""The feed: global positions, the Merkle tree over them, signed checkpoints, and where consumers stand."""

import re

import sqlalchemy as sa
from alembic import context, op

revision = "1.0002"
down_revision = "1.0001"
branch_labels = None
depends_on = None

# "expand" if code that is running does not notice, or "contract"; one step a file.
PHASE = "expand"

# What is written once: positions, nodes of the tree, and what was signed.
APPEND_ONLY = ("inbox_feed", "inbox_tree_nodes", "inbox_checkpoints")
FUNCTIONS = (
    "inbox_feed_follows",
    "inbox_feed_head_true",
    "inbox_feed_queue_true",
    "inbox_tree_nodes_true",
    "inbox_append_only",
)
TABLES = (*APPEND_ONLY, "inbox_feed_head", "inbox_subscriptions", "inbox_parked_events")

# What waits in the queue is an event, so that no row of it can stop the sealing of the others or the next move of an
# inbox. A node follows from what is below it (SQLite has no SHA-256: there it only has to be complete below).
# A batch is checked as a whole. Never by a sequential scan: a plan made while the tables were small would be kept.
POSTGRESQL_GUARDS = """
create function {s}inbox_feed_follows() returns trigger language plpgsql
    set search_path = '' set enable_seqscan = off as $$
declare
    first bigint;
    last bigint;
    many bigint;
    before bigint;
begin
    select min(a.position), max(a.position), count(*) into first, last, many from added a;
    select max(f.position) into before from {s}inbox_feed f where f.position < first;
    if many > 0 and (first <> coalesce(before + 1, 0) or last - first + 1 <> many) then
        raise exception 'positions % to % do not follow position %', first, last, before
            using errcode = 'integrity_constraint_violation', constraint = 'inbox_feed_follows';
    end if;
    if exists (
        select from added a where not exists (
            select 1 from {s}inbox_events e
            where e.inbox_id = a.inbox_id and e.version = a.version and e.hash = a.leaf_hash offset 0
        )
    ) then
        raise exception 'a position holds what is no event'
            using errcode = 'integrity_constraint_violation', constraint = 'inbox_feed_holds_events';
    end if;
    return null;
end $$;
create trigger inbox_feed_follows after insert on {s}inbox_feed referencing new table as added
    for each statement execute function {s}inbox_feed_follows();

create function {s}inbox_feed_head_true() returns trigger language plpgsql
    set search_path = '' set enable_seqscan = off as $$
begin
    if new.next_position <> coalesce((select max(f.position) + 1 from {s}inbox_feed f), 0) then
        raise exception 'the next position is not %', new.next_position
            using errcode = 'integrity_constraint_violation', constraint = 'inbox_feed_head_true';
    end if;
    return null;
end $$;
create trigger inbox_feed_head_true after insert or update on {s}inbox_feed_head
    for each row execute function {s}inbox_feed_head_true();

create function {s}inbox_feed_queue_true() returns trigger language plpgsql
    set search_path = '' set enable_seqscan = off as $$
begin
    if exists (
        select from {s}inbox_feed f where f.inbox_id = new.inbox_id and f.version = new.version
    ) or not exists (
        select from {s}inbox_events e
        where e.inbox_id = new.inbox_id and e.version = new.version and e.hash = new.hash
    ) then
        raise exception 'inbox %: version % is no event that waits for its position', new.inbox_id, new.version
            using errcode = 'integrity_constraint_violation', constraint = 'inbox_feed_queue_true';
    end if;
    return null;
end $$;
create trigger inbox_feed_queue_true after insert on {s}inbox_feed_queue
    for each row execute function {s}inbox_feed_queue_true();

create function {s}inbox_tree_nodes_true() returns trigger language plpgsql
    set search_path = '' set enable_seqscan = off as $$
declare
    hashes bytea[];
begin
    if new.level = 1 then
        select array_agg(f.leaf_hash order by f.position) into hashes from {s}inbox_feed f
        where f.position >= new.number * 256 and f.position < (new.number + 1) * 256;
    else
        select array_agg(n.hash order by n.number) into hashes from {s}inbox_tree_nodes n
        where n.level = new.level - 1 and n.number >= new.number * 256 and n.number < (new.number + 1) * 256;
    end if;
    if coalesce(cardinality(hashes), 0) = 256 and (new.number = 0 or exists (
        select from {s}inbox_tree_nodes n where n.level = new.level and n.number = new.number - 1
    )) then
        while cardinality(hashes) > 1 loop
            select array_agg(sha256('\x01'::bytea || hashes[i] || hashes[i + 1]) order by i) into hashes
            from generate_series(1, cardinality(hashes), 2) i;
        end loop;
        if hashes[1] = new.hash then
            return null;
        end if;
    end if;
    raise exception 'node % of level % is not over what is below it', new.number, new.level
        using errcode = 'integrity_constraint_violation', constraint = 'inbox_tree_nodes_true';
end $$;
create trigger inbox_tree_nodes_true after insert on {s}inbox_tree_nodes
    for each row execute function {s}inbox_tree_nodes_true();

create function {s}inbox_append_only() returns trigger language plpgsql set search_path = '' as $$
begin
    raise exception '% is append-only: % refused', tg_table_name, tg_op
        using errcode = 'integrity_constraint_violation', constraint = tg_table_name || '_append_only';
end $$;

revoke all on function {s}inbox_feed_follows() from public;
revoke all on function {s}inbox_feed_head_true() from public;
revoke all on function {s}inbox_feed_queue_true() from public;
revoke all on function {s}inbox_tree_nodes_true() from public;
revoke all on function {s}inbox_append_only() from public;
"""

POSTGRESQL_APPEND_ONLY = """
create trigger {table}_append_only before update or delete on {s}{table}
    for each row execute function {s}inbox_append_only();
create trigger {table}_not_emptied before truncate on {s}{table}
    for each statement execute function {s}inbox_append_only();
alter table {s}{table} enable always trigger {table}_append_only;
alter table {s}{table} enable always trigger {table}_not_emptied;
"""

# Rows come and go all day: dead ones are cleared away by their number, not by their share of a table of nothing else.
POSTGRESQL_QUEUE = """
alter table {s}inbox_feed_queue set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
"""
POSTGRESQL_QUEUE_AS_BEFORE = """
alter table {s}inbox_feed_queue reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
"""

SQLITE_GUARDS = """
create trigger inbox_feed_follows before insert on inbox_feed
when new.position is not coalesce((select max(f.position) + 1 from inbox_feed f), 0)
begin select raise(abort, 'inbox_feed_follows'); end;

create trigger inbox_feed_once before insert on inbox_feed
when exists (select 1 from inbox_feed f where f.inbox_id = new.inbox_id and f.version = new.version)
begin select raise(abort, 'inbox_feed_event_key'); end;

create trigger inbox_feed_holds_events before insert on inbox_feed
when not exists (
    select 1 from inbox_events e
    where e.inbox_id = new.inbox_id and e.version = new.version and e.hash = new.leaf_hash
)
begin select raise(abort, 'inbox_feed_holds_events'); end;

create trigger inbox_feed_queue_true before insert on inbox_feed_queue
when exists (
    select 1 from inbox_feed f where f.inbox_id = new.inbox_id and f.version = new.version
) or not exists (
    select 1 from inbox_events e
    where e.inbox_id = new.inbox_id and e.version = new.version and e.hash = new.hash
)
begin select raise(abort, 'inbox_feed_queue_true'); end;

create trigger inbox_tree_nodes_true before insert on inbox_tree_nodes
when not (
    (new.number = 0 or exists (
        select 1 from inbox_tree_nodes n where n.level = new.level and n.number = new.number - 1
    )) and case when new.level = 1
        then exists (select 1 from inbox_feed f where f.position = new.number * 256 + 255)
        else exists (
            select 1 from inbox_tree_nodes n where n.level = new.level - 1 and n.number = new.number * 256 + 255
        )
    end
)
begin select raise(abort, 'inbox_tree_nodes_true'); end;

create trigger inbox_tree_nodes_no_replace before insert on inbox_tree_nodes
when exists (select 1 from inbox_tree_nodes n where n.level = new.level and n.number = new.number)
begin select raise(abort, 'inbox_tree_nodes_pkey'); end;

create trigger inbox_checkpoints_no_replace before insert on inbox_checkpoints
when exists (select 1 from inbox_checkpoints c where c.origin = new.origin and c.size = new.size)
begin select raise(abort, 'inbox_checkpoints_pkey'); end;
"""

SQLITE_APPEND_ONLY = """
create trigger {table}_append_only before update on {table}
begin select raise(abort, '{table}_append_only'); end;

create trigger {table}_kept before delete on {table}
begin select raise(abort, '{table}_append_only'); end;
"""


def upgrade(schema: str | None = None) -> None:
    """Create the tables and their guards; events that are there already wait in the queue for their positions."""
    _create_feed(schema)
    _create_consumers(schema)
    if schema is None:
        for statement in _sqlite_guards():
            _run(statement)
        return
    prefix = _prefix(schema)
    _run(POSTGRESQL_GUARDS.replace("{s}", prefix))
    for table in APPEND_ONLY:
        _run(POSTGRESQL_APPEND_ONLY.replace("{s}", prefix).replace("{table}", table))
    _run("insert into {s}inbox_feed_head (one, next_position) values (1, 0)".replace("{s}", prefix))
    _run(POSTGRESQL_QUEUE.replace("{s}", prefix))
    for table in TABLES:
        _run(f"alter table {prefix}{table} enable row level security")
        _run(f"revoke all on {prefix}{table} from public")


def downgrade(schema: str | None = None) -> None:
    """Drop the feed; refused while it holds positions, unless told to drop the history."""
    prefix = _prefix(schema) if schema else ""
    count = f"select count(*) from {prefix}inbox_feed"  # noqa: S608 - the prefix is the quoted schema
    fed = op.get_bind().exec_driver_sql(count, execution_options={"no_parameters": True}).scalar_one()
    if fed and not _told_to_drop_history():
        message = f"{fed} positions would be lost for good, and what was signed with them: say -x drop_history=yes"
        raise RuntimeError(message)
    if schema is None:
        _run("drop trigger inbox_feed_queue_true")
        for table in APPEND_ONLY:
            _run(f"drop trigger {table}_kept")
    else:
        _run(f"drop trigger inbox_feed_queue_true on {prefix}inbox_feed_queue")
    for table in TABLES:
        if schema is not None or table != "inbox_feed_head":
            op.drop_table(table, schema=schema)
    if schema is not None:
        for function in FUNCTIONS:
            _run(f"drop function {prefix}{function}()")
        _run(
            f"alter table {prefix}inbox_feed_queue reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)"
        )


def _create_feed(schema: str | None) -> None:
    sqlite = schema is None
    key, time = _types(schema)
    number = sa.Integer() if sqlite else sa.BigInteger()
    op.create_table(
        "inbox_feed",
        sa.Column("position", number, nullable=False, autoincrement=False),
        sa.Column("inbox_id", key, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("position", name="inbox_feed_pkey"),
        sa.UniqueConstraint("inbox_id", "version", name="inbox_feed_event_key"),
        sa.CheckConstraint("position >= 0", name="inbox_feed_from_0"),
        schema=schema,
    )
    if not sqlite:
        # The one row that a sequencer locks. SQLite has one writer, whose lock does.
        op.create_table(
            "inbox_feed_head",
            sa.Column("one", sa.SmallInteger, nullable=False, autoincrement=False),
            sa.Column("next_position", number, nullable=False),
            sa.PrimaryKeyConstraint("one", name="inbox_feed_head_pkey"),
            sa.CheckConstraint("one = 1", name="inbox_feed_head_one"),
            schema=schema,
        )
    op.create_table(
        "inbox_tree_nodes",
        sa.Column("level", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("number", number, nullable=False, autoincrement=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("level", "number", name="inbox_tree_nodes_pkey"),
        sa.CheckConstraint("length(hash) = 32", name="inbox_tree_nodes_hash_sha256"),
        sa.CheckConstraint("level >= 1 and number >= 0", name="inbox_tree_nodes_in_the_tree"),
        *_numbers(schema, "inbox_tree_nodes", "level", "number"),
        schema=schema,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "inbox_checkpoints",
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("size", number, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("signed_at", time, nullable=False),
        sa.PrimaryKeyConstraint("origin", "size", name="inbox_checkpoints_pkey"),
        sa.CheckConstraint("length(root) = 32", name="inbox_checkpoints_root_sha256"),
        sa.CheckConstraint("size >= 1", name="inbox_checkpoints_of_something"),
        *_numbers(schema, "inbox_checkpoints", "size"),
        schema=schema,
        sqlite_with_rowid=False,
    )


def _create_consumers(schema: str | None) -> None:
    key, time = _types(schema)
    number = sa.Integer() if schema is None else sa.BigInteger()
    op.create_table(
        "inbox_subscriptions",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("position", number, nullable=False),
        sa.Column("holder", key),
        sa.Column("lease_until", time),
        sa.PrimaryKeyConstraint("name", name="inbox_subscriptions_pkey"),
        sa.CheckConstraint("position >= -1", name="inbox_subscriptions_position"),
        sa.CheckConstraint("(holder is null) = (lease_until is null)", name="inbox_subscriptions_held"),
        schema=schema,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "inbox_parked_events",
        sa.Column("subscription", sa.Text, nullable=False),
        sa.Column("position", number, nullable=False, autoincrement=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("parked_at", time, nullable=False),
        sa.PrimaryKeyConstraint("subscription", "position", name="inbox_parked_events_pkey"),
        schema=schema,
        sqlite_with_rowid=False,
    )


def _numbers(schema: str | None, table: str, *columns: str) -> list[sa.CheckConstraint]:
    # SQLite keeps anything in any column, and a text is larger than every number.
    if schema is not None:
        return []
    form = " and ".join(f"typeof({column}) = 'integer'" for column in columns)
    return [sa.CheckConstraint(form, name=f"{table}_numbers")]


def _types(schema: str | None) -> tuple[sa.types.TypeEngine[str], sa.types.TypeEngine[object]]:
    if schema is None:
        return sa.Text(), sa.Text()
    return sa.Uuid(as_uuid=False), sa.DateTime(timezone=True)


def _sqlite_guards() -> list[str]:
    append_only = "\n\n".join(SQLITE_APPEND_ONLY.replace("{table}", table).strip() for table in APPEND_ONLY)
    script = f"{SQLITE_GUARDS.strip()}\n\n{append_only}"
    return re.split(r"\n\n(?=create trigger)", script)


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
