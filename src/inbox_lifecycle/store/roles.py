"""The database roles that services run as, by what each may do.

    writer     appends events, moves rows, opens and closes attempts, seals the feed; takes nothing away
    keeper     the same, blanks what is erasable, drops domains that nobody has, deletes attempts, and gives API keys
    auditor    looks

Migrate as the tables' owner and run as such a role. The guards hold against ordinary SQL of all, but an owner can take
them off first. Rights stand column by column, so that a later migration's columns are closed until they are granted.
Row-level security is on for every table, and its policies name the role.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Literal, get_args

from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import URL

from inbox_lifecycle.errors import InvalidInput, StoreMisconfigured
from inbox_lifecycle.store.migrate import migrating
from inbox_lifecycle.store.session import DEFAULT_SCHEMA, Backend, backend_for
from inbox_lifecycle.store.version import VERSION_TABLE

# PostgreSQL cuts longer names off without an error, and the rights would go to another role.
_LONGEST_NAME = 63

# Quoted or not, these are never roles: a grant to the first one would open the tables to everybody.
_NO_ROLES = ("public", "none")

#: What a role may do.
Kind = Literal["writer", "keeper", "auditor"]
#: All of them.
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

Rights = Mapping[str, tuple[str, ...]]

# A row moves, and an attempt opens and closes, by these columns alone. A queue row's number is drawn by the database.
_WRITER: Final[Rights] = {
    "email_domains": ("select", "insert"),
    "inboxes": ("select", "insert", "update (status, warmup_status, version, head_hash, updated_at)"),
    "inbox_events": ("select", "insert"),
    "inbox_attempts": (
        "select",
        "insert",
        "update (outcome, closed_at, event_version, detail, to_disable)",
        "update (lease_until, seen_version, seen_status, seen_warmup_status)",
    ),
    # A queue row goes when its event gets its position, and the head is the one row that a sequencer locks and moves.
    "inbox_feed_queue": ("select", "insert (inbox_id, version, hash)", "delete"),
    "inbox_feed_head": ("select", "update (next_position)"),
    "inbox_feed": ("select", "insert"),
    "inbox_tree_nodes": ("select", "insert"),
    "inbox_checkpoints": ("select", "insert"),
    # Where consumers stand is theirs to say, and no evidence.
    "inbox_subscriptions": ("select", "insert", "update", "delete"),
    "inbox_parked_events": ("select", "insert", "update", "delete"),
    # Whoever serves requests looks keys up; giving one to somebody is a keeper's.
    "inbox_api_keys": ("select",),
    VERSION_TABLE: ("select",),
}

_WHO_AND_WHY = "owner_id, actor, reason, correlation_id, causation_id, idempotency_key"

# What a keeper has on top: the guards let it blank an event only after the inbox, and the inbox only with its event.
_KEEPER_ALSO: Final[Rights] = {
    "email_domains": ("delete",),
    "inboxes": ("update (owner_id, email_domain_id, email_address, address_key, provider_ref, erased_at)",),
    "inbox_events": (f"update ({_WHO_AND_WHY}, context_key)",),
    "inbox_attempts": (f"update ({_WHO_AND_WHY})", "delete"),
    "inbox_api_keys": ("insert", "update (revoked_at, revoked_by)"),
}

# All of a key but its hash.
_ABOUT_KEYS = "id, prefix, owner_id, label, created_by, created_at, expires_at, revoked_at, revoked_by"

_RIGHTS: Final[Mapping[str, Rights]] = {
    "writer": _WRITER,
    "keeper": {table: (*rights, *_KEEPER_ALSO.get(table, ())) for table, rights in _WRITER.items()},
    "auditor": {**dict.fromkeys(_WRITER, ("select",)), "inbox_api_keys": (f"select ({_ABOUT_KEYS})",)},
}

_STANDING = text(
    """
    select r.rolsuper, exists (
        select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = :schema and c.relname = 'inboxes' and pg_catalog.pg_has_role(r.oid, c.relowner, 'usage')
    )
    from pg_catalog.pg_roles r where r.rolname = :role
    """
)

_STANDING_POLICIES = text(
    """
    select tablename from pg_catalog.pg_policies
    where schemaname = :schema and policyname = :role and roles = array[cast(:role as name)] and cmd = 'ALL'
      and permissive = 'PERMISSIVE' and qual = 'true' and with_check = 'true'
    """
)


def rights_of(kind: Kind) -> tuple[tuple[str, str | None, str], ...]:
    """What a role of a kind may do: a table, a column or None for all of it, and the right."""
    return tuple(
        (table, column, right)
        for table, rights in _RIGHTS[kind].items()
        for right, columns in map(_read_right, rights)
        for column in columns
    )


def writer_grants(role: str, schema: str = DEFAULT_SCHEMA) -> tuple[str, ...]:
    """The statements that let a role append and nothing else, whatever it could do before; run them in a transaction.

    Raises:
        InvalidInput: the name of the role or the schema cannot be one.
    """
    return grants("writer", role, schema)


def keeper_grants(role: str, schema: str = DEFAULT_SCHEMA) -> tuple[str, ...]:
    """The statements that let a role append, erase and prune, and nothing else; run them in a transaction.

    Raises:
        InvalidInput: the name of the role or the schema cannot be one.
    """
    return grants("keeper", role, schema)


def auditor_grants(role: str, schema: str = DEFAULT_SCHEMA) -> tuple[str, ...]:
    """The statements that let a role look and nothing else; run them in a transaction.

    Raises:
        InvalidInput: the name of the role or the schema cannot be one.
    """
    return grants("auditor", role, schema)


def grants(kind: str, role: str, schema: str = DEFAULT_SCHEMA) -> tuple[str, ...]:
    """The statements that make a role one of a kind; run them in a transaction, again and again if you like.

    Between taking the rights and giving them the role would have none, and between dropping a policy and making it
    again it would see no rows.

    Raises:
        InvalidInput: there is no such kind, or the name of the role or the schema cannot be one.
    """
    if kind not in _RIGHTS:
        raise InvalidInput(f"a role is one of {', '.join(KINDS)}")
    _refuse_no_role(role)
    grantee, home = _quoted("role", role), _quoted("schema", schema)
    return (
        f"grant usage on schema {home} to {grantee}",
        *(statement for table in _RIGHTS[kind] for statement in _policy(f"{home}.{table}", grantee)),
        *(f"revoke all on {home}.{table} from {grantee}" for table in _RIGHTS[kind]),
        *(f"grant {', '.join(rights)} on {home}.{table} to {grantee}" for table, rights in _RIGHTS[kind].items()),
    )


def apply_grants(
    database: str | URL | Engine | Connection, role: str, schema: str | None = None, kind: Kind = "writer"
) -> None:
    """Let an existing role do on our tables what its kind may do and nothing else.

    Run it as the tables' owner, again after each upgrade, since later tables are closed until they are granted. What
    the role could do on our tables before is taken from it in the same transaction. On a Connection it is part of
    the caller's transaction, and committing is the caller's.

    Args:
        database: a URL, an Engine, or a Connection of the tables' owner.
        role: the role as it is called, unquoted.
        schema: PostgreSQL schema of our tables, `inbox_lifecycle` unless said.
        kind: `writer`, `keeper` or `auditor`.

    Raises:
        InvalidInput: there is no such kind, or the name of the role or the schema cannot be one.
        StoreMisconfigured: there is no such role, no grant could limit it, or the database has no roles.
        SchemaMismatch: our tables are not there.
        StoreUnavailable: the database did not answer.
    """
    with _granting(database, schema) as (connection, backend):
        home = backend.schema
        if home is None:
            raise StoreMisconfigured("SQLite has no roles: limit who may write the file instead")
        statements = grants(kind, role, home)
        _refuse_unlimited(connection, role, home)
        standing = {
            statement
            for (table,) in connection.execute(_STANDING_POLICIES, {"role": role, "schema": home})
            for statement in _policy(f"{_quoted('schema', home)}.{table}", _quoted("role", role))
        }
        for statement in statements:
            # Making a policy again would lock each table against the services that run.
            if statement in standing:
                continue
            # Without parameters the driver takes the text as it is, percent signs in names included.
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _read_right(right: str) -> tuple[str, tuple[str | None, ...]]:
    """`select`, or `update (status, version)`, in its parts."""
    word, _, columns = right.partition(" (")
    return word, tuple(columns.removesuffix(")").split(", ")) if columns else (None,)


def _policy(table: str, grantee: str) -> tuple[str, str]:
    # Policies are named table by table, so the role's own name does, and cannot be cut off. They are the same for every
    # kind of role, so that it can change without locking a table; what may be done is for the grants to say.
    return (
        f"drop policy if exists {grantee} on {table}",
        f"create policy {grantee} on {table} for all to {grantee} using (true) with check (true)",
    )


def _quoted(what: str, name: str) -> str:
    if not name or "\x00" in name or len(name.encode(errors="surrogatepass")) > _LONGEST_NAME:
        raise InvalidInput(
            f"the {what}'s name has 1 to {_LONGEST_NAME} bytes and no NUL: pass it as the database has it"
        )
    return '"' + name.replace('"', '""') + '"'


def _refuse_no_role(role: str) -> None:
    if role in _NO_ROLES:
        raise InvalidInput(f"{role} is not a role, and quoting does not make it one: name the role of your service")


def _refuse_unlimited(connection: Connection, role: str, schema: str) -> None:
    standing = connection.execute(_STANDING, {"role": role, "schema": schema}).one_or_none()
    if standing is None:
        raise StoreMisconfigured("there is no such role: create it first, then grant again")
    superuser, owner = standing
    if superuser or owner:
        why = "is a superuser" if superuser else "owns the tables"
        raise StoreMisconfigured(f"the role {why}, so no grant limits it: run the service as another role")


@contextmanager
def _granting(database: str | URL | Engine | Connection, schema: str | None) -> Iterator[tuple[Connection, Backend]]:
    if isinstance(database, Connection):
        yield database, backend_for(database.dialect, schema)
        return
    # All or nothing: between dropping and making a policy the role would see no rows.
    with migrating(database, schema) as granting:
        yield granting
