"""The database role that a service runs as: it can append, and nothing else.

Migrate as the tables' owner and run as such a role. The guards hold against ordinary SQL of both, but an owner can take
them off first. Rights stand column by column, so that a later migration's columns are closed until they are granted.
Row-level security is on for every table, and its policies name the role.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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

# A row moves, and an attempt opens and closes, by these columns alone. A queue row's number is drawn by the database.
_RIGHTS: dict[str, tuple[str, ...]] = {
    "email_domains": ("select", "insert"),
    "inboxes": ("select", "insert", "update (status, warmup_status, version, head_hash, updated_at)"),
    "inbox_events": ("select", "insert"),
    "inbox_attempts": (
        "select",
        "insert",
        "update (outcome, closed_at, event_version, detail, to_disable)",
        "update (lease_until, seen_version, seen_status, seen_warmup_status)",
    ),
    "inbox_feed_queue": ("select", "insert (inbox_id, version, hash)"),
    VERSION_TABLE: ("select",),
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


def writer_grants(role: str, schema: str = DEFAULT_SCHEMA) -> tuple[str, ...]:
    """The statements that let a role append and nothing else; running them again changes nothing.

    Raises:
        InvalidInput: the name of the role or the schema cannot be one.
    """
    _refuse_no_role(role)
    grantee, home = _quoted("role", role), _quoted("schema", schema)
    return (
        f"grant usage on schema {home} to {grantee}",
        *(f"grant {', '.join(rights)} on {home}.{table} to {grantee}" for table, rights in _RIGHTS.items()),
        *(statement for table in _RIGHTS for statement in _policy(f"{home}.{table}", grantee)),
    )


def apply_grants(database: str | URL | Engine | Connection, role: str, schema: str | None = None) -> None:
    """Let an existing role append to our tables and do nothing else; run it as their owner, after each upgrade.

    On a Connection it is part of the caller's transaction, and committing is the caller's.

    Args:
        database: a URL, an Engine, or a Connection of the tables' owner.
        role: the role as it is called, unquoted.
        schema: PostgreSQL schema of our tables, `inbox_lifecycle` unless said.

    Raises:
        InvalidInput: the name of the role or the schema cannot be one.
        StoreMisconfigured: there is no such role, no grant could limit it, or the database has no roles.
        SchemaMismatch: our tables are not there.
        StoreUnavailable: the database did not answer.
    """
    with _granting(database, schema) as (connection, backend):
        home = backend.schema
        if home is None:
            raise StoreMisconfigured("SQLite has no roles: limit who may write the file instead")
        statements = writer_grants(role, home)
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


def _policy(table: str, grantee: str) -> tuple[str, str]:
    # Policies are named table by table, so the role's own name does, and cannot be cut off.
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
