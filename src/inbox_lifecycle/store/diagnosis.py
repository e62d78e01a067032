"""Looks at a database's set-up and at what has piled up in it, for `doctor` and `db check`.

None reads a table from end to end: what is counted is counted by an index that holds nothing else, and no further than
`COUNTED`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from inbox_lifecycle.errors import StoreUnavailable
from inbox_lifecycle.store.rows import read_time_column
from inbox_lifecycle.store.session import Row, Session

#: How many of anything are counted; of more it is only known that they are more.
COUNTED: Final = 1000

NOW = "select {now}"

STANDING_POSTGRESQL = """
select pg_catalog.pg_backend_pid(), r.rolsuper, coalesce((
        select pg_catalog.pg_has_role(c.relowner, 'usage')
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = :schema and c.relname = 'inbox_events'
    ), false), pg_catalog.current_setting('transaction_read_only') = 'on', pg_catalog.pg_is_in_recovery()
from pg_catalog.pg_roles r where r.rolname = current_user
"""

SETTINGS_POSTGRESQL = """
select s.name, s.setting from pg_catalog.pg_settings s
where s.name in ('fsync', 'full_page_writes', 'synchronous_commit', 'server_version_num')
"""

# By numbers of the catalog and never by a table's name, which a role without a right on the schema could not even say.
MISSING_RIGHTS_POSTGRESQL = """
with ours as (
    select c.oid, c.relname
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = :schema
), wanted as (
    select o.oid, o.relname, w.column_name, w.privilege
    from unnest(cast(:tables as text[]), cast(:columns as text[]), cast(:privileges as text[]))
        as w (table_name, column_name, privilege)
    join ours o on o.relname = w.table_name
)
select relname, column_name, privilege from wanted
where not case when column_name is null then pg_catalog.has_table_privilege(oid, privilege)
               else pg_catalog.has_column_privilege(oid, column_name, privilege) end
union all
select nspname, null, 'usage' from pg_catalog.pg_namespace
where nspname = :schema and not pg_catalog.has_schema_privilege(oid, 'usage')
union all
select o.relname, null, 'policy' from ours o
where o.relname = any (cast(:tables as text[])) and pg_catalog.row_security_active(o.oid) and not exists (
    select from pg_catalog.pg_policy p where p.polrelid = o.oid and p.polpermissive and exists (
        select from unnest(p.polroles) member (role)
        where member.role = 0 or pg_catalog.pg_has_role(member.role, 'usage')
    )
)
order by 1, 3, 2
"""

SETTINGS_SQLITE = (
    "select 'sqlite_version', sqlite_version()",
    "select 'journal_mode', journal_mode from pragma_journal_mode",
    "select 'synchronous', synchronous from pragma_synchronous",
)

OPEN_ATTEMPTS = """
select count(*), coalesce(sum(case when o.lease_until < {now} then 1 else 0 end), 0), min(o.lease_until)
from (
    select a.lease_until from {s}inbox_attempts a
    where a.outcome is null order by a.inbox_id, a.id limit cast(:limit as integer)
) o
"""
ATTEMPTS_TO_DISABLE = """
select count(*) from (
    select 1 from {s}inbox_attempts a where a.to_disable order by a.inbox_id, a.id limit cast(:limit as integer)
) m
"""
PENDING_INBOXES = """
select count(*), coalesce(sum(case when p.updated_at < cast(:before as {time}) then 1 else 0 end), 0),
       min(p.updated_at)
from (
    select i.updated_at from {s}inboxes i
    where i.status = 'pending' and i.warmup_status = 'not_started' and i.erased_at is null
    limit cast(:limit as integer)
) p
"""
HELD_INBOXES = """
select count(*), count(distinct case when o.lease_until >= {now} then i.id end)
from (
    select a.inbox_id, a.lease_until from {s}inbox_attempts a
    where a.outcome is null order by a.inbox_id, a.id limit cast(:limit as integer)
) o
left join {s}inboxes i on i.id = o.inbox_id and i.status = 'pending' and i.warmup_status = 'not_started'
    and i.erased_at is null and i.updated_at < cast(:before as {time})
    and (cast(:owner_id as text) is null or i.owner_id = cast(:owner_id as text))
"""
UNSEALED_TAIL = """
select count(*), (
    select e.recorded_at from {s}inbox_feed_queue q
    join {s}inbox_events e on e.inbox_id = q.inbox_id and e.version = q.version
    order by q.seq limit 1
)
from (select 1 from {s}inbox_feed_queue q order by q.seq limit cast(:limit as integer)) u
"""
PARKED_EVENTS = """
select count(*) from (select 1 from {s}inbox_parked_events p limit cast(:limit as integer)) p
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many there are, as far as they were counted."""

    number: int
    #: Whether there may be more than that.
    or_more: bool
    #: Since when the oldest of those counted is there; None where there is none, or where it was not asked for.
    oldest: datetime | None = None

    def __str__(self) -> str:
        return f"{self.number} or more" if self.or_more else str(self.number)


@dataclass(frozen=True, slots=True)
class Standing:
    """As whom, and how, a PostgreSQL connection works."""

    #: Whether a pooler in transaction mode stands between.
    pooled: bool
    superuser: bool
    #: Whether the role owns the tables.
    owner: bool
    read_only: bool
    #: Whether the server follows another one.
    standby: bool


@dataclass(frozen=True, slots=True)
class Right:
    """A right that a role lacks."""

    #: The table, or the schema for `usage`.
    on: str
    column: str | None
    #: As SQL calls it; `policy` for the row-level security that lets a role see a table's rows.
    privilege: str

    @property
    def is_every_kinds(self) -> bool:
        """Whether every kind of role has it: the right on the schema, and a policy for each table."""
        return self.privilege in ("usage", "policy")

    def __str__(self) -> str:
        return f"{self.privilege} on {self.on}{f' ({self.column})' if self.column else ''}"


@dataclass(frozen=True, slots=True)
class DatabaseNow:
    """The time by the database's clock."""

    name: ClassVar[str] = "database_now"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> datetime:
        """The time."""
        return read_time_column(_row(session, NOW)[0])


@dataclass(frozen=True, slots=True)
class ReadStanding:
    """As whom, and how, this connection works; for PostgreSQL."""

    name: ClassVar[str] = "read_standing"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> Standing:
        """The standing."""
        backend_pid, *rest = _row(session, STANDING_POSTGRESQL, {"schema": session.backend.schema})
        superuser, owner, read_only, standby = map(bool, rest)
        driver: Any = getattr(session.cursor, "connection", None)
        info = getattr(driver, "info", None)
        # A pooler answers the connection itself, with a process id of its own making.
        pooled = info is not None and info.backend_pid != backend_pid
        return Standing(pooled=pooled, superuser=superuser, owner=owner, read_only=read_only, standby=standby)


@dataclass(frozen=True, slots=True)
class MissingRights:
    """Which of some rights the role of this connection lacks; for PostgreSQL."""

    name: ClassVar[str] = "missing_rights"
    writes: ClassVar[bool] = False
    #: Table, column or None for all of it, and privilege.
    wanted: tuple[tuple[str, str | None, str], ...]

    def run(self, session: Session) -> tuple[Right, ...]:
        """The rights, in order of table."""
        tables, columns, privileges = (list(part) for part in zip(*self.wanted, strict=True))
        values = {
            "schema": session.backend.schema,
            "tables": tables,
            "columns": columns,
            "privileges": privileges,
        }
        return tuple(Right(*row) for row in session.all(MISSING_RIGHTS_POSTGRESQL, values))


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """Settings of the database that decide what a commit is worth, and its version."""

    name: ClassVar[str] = "read_settings"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> dict[str, str]:
        """The settings by their names."""
        templates = SETTINGS_SQLITE if session.backend.is_sqlite else (SETTINGS_POSTGRESQL,)
        rows = [row for template in templates for row in session.all(template)]
        return {str(name): str(setting) for name, setting in rows}


@dataclass(frozen=True, slots=True)
class ExpiredAttempts:
    """Attempts open past their lease, by the database's clock; the oldest since the end of its lease."""

    name: ClassVar[str] = "expired_attempts"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> Counted:
        """The count, and how long the oldest has waited, among the first thousand that are open."""
        opened, expired, oldest = _row(session, OPEN_ATTEMPTS, {"limit": COUNTED + 1})
        return _counted(opened, expired, oldest)


@dataclass(frozen=True, slots=True)
class AttemptsToDisable:
    """Attempts marked because the provider may still warm a banned inbox."""

    name: ClassVar[str] = "attempts_to_disable"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> Counted:
        """The count."""
        (marked,) = _row(session, ATTEMPTS_TO_DISABLE, {"limit": COUNTED + 1})
        return _counted(marked, marked)


@dataclass(frozen=True, slots=True)
class StuckInboxes:
    """Inboxes that have stood in `pending` / `not_started` since before a time."""

    name: ClassVar[str] = "stuck_inboxes"
    writes: ClassVar[bool] = False
    before: datetime

    def run(self, session: Session) -> Counted:
        """The count, and since when the oldest stands there, among the first thousand that stand there at all."""
        values = {"before": session.backend.time(self.before), "limit": COUNTED + 1}
        pending, stuck, oldest = _row(session, PENDING_INBOXES, values)
        return _counted(pending, stuck, oldest)


@dataclass(frozen=True, slots=True)
class HeldInboxes:
    """Inboxes that have stood in `pending` / `not_started` since before a time, and that a call or a run is at."""

    name: ClassVar[str] = "held_inboxes"
    writes: ClassVar[bool] = False
    before: datetime
    #: Whose; None for all.
    owner_id: str | None = None

    def run(self, session: Session) -> Counted:
        """The count, among the first thousand attempts that are open at all."""
        values = {"before": session.backend.time(self.before), "owner_id": self.owner_id, "limit": COUNTED + 1}
        opened, held = _row(session, HELD_INBOXES, values)
        return _counted(opened, held)


@dataclass(frozen=True, slots=True)
class UnsealedTail:
    """Events that have no position yet, and so are in no proof."""

    name: ClassVar[str] = "unsealed_tail"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> Counted:
        """The count, and when the first of them was recorded."""
        queued, oldest = _row(session, UNSEALED_TAIL, {"limit": COUNTED + 1})
        return _counted(queued, queued, oldest)


@dataclass(frozen=True, slots=True)
class CountParked:
    """Events that the handlers of subscriptions kept failing on."""

    name: ClassVar[str] = "count_parked"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> Counted:
        """The count."""
        (parked,) = _row(session, PARKED_EVENTS, {"limit": COUNTED + 1})
        return _counted(parked, parked)


def _counted(looked_at: int, found: int, oldest: object = None) -> Counted:
    """The answer from how many were looked at, and how many of those were meant."""
    return Counted(
        number=min(int(found), COUNTED),
        or_more=int(looked_at) > COUNTED,
        oldest=read_time_column(oldest) if oldest is not None and found else None,
    )


def _row(session: Session, template: str, values: dict[str, object] | None = None) -> Row:
    row = session.one(template, values)
    if row is None:
        raise StoreUnavailable("a statement that always has an answer had none")
    return row
