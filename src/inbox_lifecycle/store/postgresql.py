"""PostgreSQL's spelling: everything a call changes is one statement with common table expressions, run in autocommit.

What was learnt the hard way and must stay:
    - The pair and version that the gate saw stand, as parameters, in the UPDATE's own WHERE. A waiting UPDATE checks
      its own WHERE again when the winner commits; a condition in a CTE is not checked again, and several callers win.
    - The fence locks the attempt. A condition that only looks at it lets a straggler past.
    - Lock order is attempt before inbox, everywhere; older attempts are taken with SKIP LOCKED, so they never wait.
    - A miss cannot be explained by the same statement, whose snapshot is older than the winner.
"""

from __future__ import annotations

from inbox_lifecycle.store.reads import BLANKED_ATTEMPT_COLUMNS, BLANKED_COLUMNS, CLOSE_ATTEMPT, CLOSED
from inbox_lifecycle.store.rows import INBOX_COLUMNS, LANDED_COLUMNS
from inbox_lifecycle.store.session import Row, Session, Values

_OPEN = f"""
with seen as materialized (
    select {INBOX_COLUMNS}
    from {{s}}inboxes i
    join {{s}}email_domains d on d.id = i.email_domain_id and d.owner_id = i.owner_id
    where i.id = cast(:inbox_id as uuid) and {{owner}} and i.erased_at is null
), attempt as (
    insert into {{s}}inbox_attempts
        (inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable,
         owner_id, actor, reason, correlation_id, causation_id, idempotency_key)
    select id, cast(:attempt_id as uuid), :kind, version, status, warmup_status, cast(:now as timestamptz),
           statement_timestamp() + make_interval(secs => cast(:lease as double precision)), false,
           owner_id, cast(:actor as text), cast(:reason as text), cast(:correlation_id as text),
           cast(:causation_id as text), cast(:idempotency_key as text)
    from seen
    on conflict (inbox_id, id) do update
    set lease_until = excluded.lease_until, seen_version = excluded.seen_version, seen_status = excluded.seen_status,
        seen_warmup_status = excluded.seen_warmup_status
    where inbox_attempts.outcome is null
)
select seen.*, {LANDED_COLUMNS.format(e="k")}
from seen left join {{s}}inbox_events k
    on k.inbox_id = seen.id and k.idempotency_key = cast(:idempotency_key as text)
"""  # noqa: S608 - constants and our own schema only

OPEN_AS_OWNER = _OPEN.replace("{owner}", "i.owner_id = cast(:owner_id as text)")
OPEN_AS_OPERATOR = _OPEN.replace("{owner}", "true")

# The commit bounds its own waiting for locks: a setting for this one transaction, which costs no trip of its own.
_FENCE = """
patience as materialized (
    select set_config('lock_timeout', :patience, true) as lock_timeout
), fence as materialized (
    select a.id from {s}inbox_attempts a, patience
    where patience.lock_timeout is not null and a.inbox_id = cast(:inbox_id as uuid)
      and a.id = cast(:attempt_id as uuid) and a.outcome is null
    for update of a
), older as materialized (
    select a.id from {s}inbox_attempts a
    where a.inbox_id = cast(:inbox_id as uuid) and a.id <> cast(:attempt_id as uuid) and a.outcome is null
      and a.kind <> 'launch' and a.lease_until < statement_timestamp()
    for update skip locked
), """

_SWAP = """
swap as (
    update {s}inboxes i
    set status = :status, warmup_status = :warmup_status, version = i.version + 1, head_hash = :hash,
        updated_at = cast(:recorded_at as timestamptz)
    {fenced}where i.id = cast(:inbox_id as uuid) and i.version = cast(:seen_version as integer)
      and i.status = :from_status and i.warmup_status = :from_warmup_status
      and i.owner_id is not distinct from cast(:owner_id as text)
    returning i.*
), event as (
    insert into {s}inbox_events
        (inbox_id, version, event_id, name, schema, from_status, from_warmup_status, status, warmup_status,
         recorded_at, entry, hash, previous_hash, owner_id, actor, reason, correlation_id, causation_id,
         idempotency_key, context_key)
    select id, version, cast(:event_id as uuid), :name, cast(:schema as integer), :from_status, :from_warmup_status,
           status, warmup_status, updated_at, :entry, head_hash, cast(:previous_hash as bytea),
           cast(:context_owner_id as text), cast(:actor as text), cast(:reason as text),
           cast(:correlation_id as text), cast(:causation_id as text), cast(:idempotency_key as text),
           cast(:context_key as bytea)
    from swap
), queued as (
    insert into {s}inbox_feed_queue (inbox_id, version, hash) select id, version, head_hash from swap
)"""

_CLOSED = """, closed as (
    update {s}inbox_attempts a
    set outcome = 'moved', closed_at = cast(:now as timestamptz), event_version = swap.version
    from swap where a.inbox_id = swap.id and a.id = cast(:attempt_id as uuid)
), superseded as (
    update {s}inbox_attempts a
    set outcome = 'superseded', closed_at = cast(:now as timestamptz)
    from swap, older where a.inbox_id = swap.id and a.id = older.id
)"""

_MOVED_ROW = f"""
select {INBOX_COLUMNS} from swap i left join {{s}}email_domains d on d.id = i.email_domain_id
"""  # noqa: S608 - constants and our own schema only

COMMIT_WARMUP = "with " + _FENCE + _SWAP.replace("{fenced}", "from fence ") + _CLOSED + _MOVED_ROW
COMMIT_MOVE = "with " + _SWAP.replace("{fenced}", "") + _MOVED_ROW
_PATIENCE = _FENCE.partition(", fence as")[0] + ","
_PATIENTLY = "from patience\n    where patience.lock_timeout is not null and "
COMMIT_MOVE_PATIENTLY = "with " + _PATIENCE + _SWAP.replace("{fenced}where ", _PATIENTLY) + _MOVED_ROW

REGISTER = f"""
with found as (
    select id, domain, status from {{s}}email_domains
    where owner_id = cast(:owner_id as text) and domain = cast(:domain as text)
), made as (
    insert into {{s}}email_domains (id, owner_id, domain, status, created_at)
    select cast(:domain_id as uuid), cast(:owner_id as text), cast(:domain as text), 'pending',
           cast(:recorded_at as timestamptz)
    where not exists (select from found)
    on conflict (owner_id, domain) do nothing
    returning id, domain, status
), d as (
    select * from found union all select * from made
), born as (
    insert into {{s}}inboxes
        (id, owner_id, email_domain_id, email_address, address_key, provider, provider_ref, status, warmup_status,
         version, head_hash, created_at, updated_at)
    select cast(:inbox_id as uuid), cast(:owner_id as text), d.id, cast(:email_address as text),
           cast(:address_key as bytea), cast(:provider as text), cast(:provider_ref as text), :status,
           :warmup_status, 1, cast(:hash as bytea), cast(:created_at as timestamptz),
           cast(:recorded_at as timestamptz)
    from d
    returning *
), event as (
    insert into {{s}}inbox_events
        (inbox_id, version, event_id, name, schema, status, warmup_status, recorded_at, entry, hash, owner_id, actor,
         reason, correlation_id, causation_id, idempotency_key, context_key)
    select id, version, cast(:event_id as uuid), :name, cast(:schema as integer), status, warmup_status, updated_at,
           :entry, head_hash, cast(:context_owner_id as text), cast(:actor as text), cast(:reason as text),
           cast(:correlation_id as text), cast(:causation_id as text), cast(:idempotency_key as text),
           cast(:context_key as bytea)
    from born
), queued as (
    insert into {{s}}inbox_feed_queue (inbox_id, version, hash) select id, version, head_hash from born
)
select {INBOX_COLUMNS} from born i join d on d.id = i.email_domain_id
"""  # noqa: S608 - constants and our own schema only


CLOSE_AND_LOOK = f"""
with closed as ({CLOSE_ATTEMPT.strip()} returning 1)
{CLOSED.replace("cast(:closed as integer)", "(select count(*) from closed)").strip()}
"""  # noqa: S608 - constants only

# An erasure holds all attempts before the inbox. The row is blanked as it is swapped, for a statement updates a row
# once; the erasure's own event is not in the statement's snapshot, so that only the earlier ones are blanked.
_HELD = """
held as materialized (
    select a.id from {s}inbox_attempts a where a.inbox_id = cast(:inbox_id as uuid) order by a.id for update
), """

_BLANK_ROW = """, erased_at = cast(:recorded_at as timestamptz), owner_id = null, email_domain_id = null,
        email_address = null, address_key = null, provider_ref = null
    from (select count(*) as attempts from held) h
    """

_BLANKED = f""", blanked as (
    update {{s}}inbox_events e set {BLANKED_COLUMNS}, context_key = null
    from swap where e.inbox_id = swap.id and e.version < swap.version
), forgotten as (
    update {{s}}inbox_attempts a set {BLANKED_ATTEMPT_COLUMNS} from swap where a.inbox_id = swap.id
), orphaned as (
    delete from {{s}}email_domains d using swap
    where d.id = cast(:email_domain_id as uuid) and not exists (
        select from {{s}}inboxes o where o.email_domain_id = d.id and o.id <> swap.id)
)"""  # noqa: S608 - constants and our own schema only

COMMIT_ERASURE = "with " + _HELD + _SWAP.replace("{fenced}", _BLANK_ROW) + _BLANKED + _MOVED_ROW


def open_attempt(session: Session, values: Values, *, as_operator: bool) -> Row | None:
    """Load, own and open in one statement."""
    return session.one(OPEN_AS_OPERATOR if as_operator else OPEN_AS_OWNER, values)


def commit_warmup(session: Session, values: Values) -> Row | None:
    """Fence, swap, event, attempt, superseded attempts and queue row in one statement."""
    return session.one(COMMIT_WARMUP, values)


def commit_move(session: Session, values: Values) -> Row | None:
    """Swap, event and queue row in one statement."""
    return session.one(COMMIT_MOVE if session.hosted else COMMIT_MOVE_PATIENTLY, values)


def commit_erasure(session: Session, values: Values) -> Row | None:
    """Swap, event, queue row, and everything personal blanked, in one statement."""
    return session.one(COMMIT_ERASURE, values)


def close_attempt(session: Session, values: Values) -> Row:
    """Close it and look for the key's event in one statement."""
    row = session.one(CLOSE_AND_LOOK, values)
    return (0, None) if row is None else row


def register(session: Session, values: Values) -> Row | None:
    """Domain, row, first event and queue row in one statement; None where another call made the domain meanwhile."""
    return session.one(REGISTER, values)
