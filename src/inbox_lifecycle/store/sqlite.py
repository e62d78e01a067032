"""SQLite's spelling: a few statements inside one IMMEDIATE transaction, which the driver begins and ends.

The event goes first, by `insert ... select ... from inboxes where <compare-and-swap>`, and a trigger moves the row: a
row cannot wait here for its event, as triggers fire at once. The one writer at a time needs no locks of ours.
"""

from __future__ import annotations

from inbox_lifecycle.store.reads import (
    BLANKED_ATTEMPT_COLUMNS,
    BLANKED_COLUMNS,
    CLOSE_ATTEMPT,
    CLOSED,
    DROP_ORPHANED_DOMAIN,
)
from inbox_lifecycle.store.rows import INBOX_COLUMNS, LANDED_COLUMNS
from inbox_lifecycle.store.session import Row, Session, Values

_SEEN = f"""
select {INBOX_COLUMNS}, {LANDED_COLUMNS.format(e="k")}
from inboxes i
join email_domains d on d.id = i.email_domain_id and d.owner_id = i.owner_id
left join inbox_events k on k.inbox_id = i.id and k.idempotency_key = :idempotency_key
where i.id = :inbox_id and {{owner}} and i.erased_at is null
"""  # noqa: S608 - constants only

SEEN_AS_OWNER = _SEEN.replace("{owner}", "i.owner_id = :owner_id")
SEEN_AS_OPERATOR = _SEEN.replace("{owner}", "1")

INSERT_ATTEMPT = """
insert into inbox_attempts
    (inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable,
     owner_id, actor, reason, correlation_id, causation_id, idempotency_key)
select i.id, :attempt_id, :kind, i.version, i.status, i.warmup_status, :now,
       strftime({clock}, 'now', :lease || ' seconds') || '000Z', 0,
       i.owner_id, :actor, :reason, :correlation_id, :causation_id, :idempotency_key
from inboxes i where i.id = :inbox_id
on conflict (inbox_id, id) do update
    set lease_until = excluded.lease_until, seen_version = excluded.seen_version, seen_status = excluded.seen_status,
        seen_warmup_status = excluded.seen_warmup_status
    where inbox_attempts.outcome is null
"""

_INSERT_EVENT = """
insert into inbox_events
    (inbox_id, version, event_id, name, schema, from_status, from_warmup_status, status, warmup_status,
     recorded_at, entry, hash, previous_hash, owner_id, actor, reason, correlation_id, causation_id,
     idempotency_key, context_key)
select i.id, i.version + 1, :event_id, :name, :schema, i.status, i.warmup_status, :status, :warmup_status,
       :recorded_at, :entry, :hash, :previous_hash, :context_owner_id, :actor, :reason, :correlation_id, :causation_id,
       :idempotency_key, :context_key
from inboxes i
where i.id = :inbox_id and i.version = :seen_version and i.status = :from_status
  and i.warmup_status = :from_warmup_status and i.owner_id is :owner_id
"""

_FENCE = """  and exists (
      select 1 from inbox_attempts a where a.inbox_id = i.id and a.id = :attempt_id and a.outcome is null)
"""

INSERT_MOVE = _INSERT_EVENT
INSERT_WARMUP = _INSERT_EVENT + _FENCE

CLOSE_MOVED = """
update inbox_attempts set outcome = 'moved', closed_at = :now, event_version = :seen_version + 1
where inbox_id = :inbox_id and id = :attempt_id
"""

SUPERSEDE = """
update inbox_attempts set outcome = 'superseded', closed_at = :now
where inbox_id = :inbox_id and id <> :attempt_id and outcome is null and kind <> 'launch' and lease_until < {now}
"""

QUEUE = """
insert into inbox_feed_queue (inbox_id, version, hash)
select i.id, i.version, i.head_hash from inboxes i where i.id = :inbox_id
"""

ROW = f"""
select {INBOX_COLUMNS} from inboxes i left join email_domains d on d.id = i.email_domain_id where i.id = :inbox_id
"""  # noqa: S608 - constants only

BLANK_ROW = """
update inboxes
set erased_at = :recorded_at, owner_id = null, email_domain_id = null, email_address = null, address_key = null,
    provider_ref = null
where id = :inbox_id
"""

BLANK_EVENTS = f"""
update inbox_events set {BLANKED_COLUMNS}, context_key = null
where inbox_id = :inbox_id and version <= :seen_version
"""  # noqa: S608 - constants only

BLANK_ATTEMPTS = f"""
update inbox_attempts set {BLANKED_ATTEMPT_COLUMNS} where inbox_id = :inbox_id
"""  # noqa: S608 - constants only

MAKE_DOMAIN = """
insert into email_domains (id, owner_id, domain, status, created_at)
values (:domain_id, :owner_id, :domain, 'pending', :recorded_at)
on conflict (owner_id, domain) do nothing
"""

FIRST_EVENT = """
insert into inbox_events
    (inbox_id, version, event_id, name, schema, status, warmup_status, recorded_at, entry, hash, owner_id, actor,
     reason, correlation_id, causation_id, idempotency_key, context_key)
values (:inbox_id, 1, :event_id, :name, :schema, :status, :warmup_status, :recorded_at, :entry, :hash,
        :context_owner_id, :actor, :reason, :correlation_id, :causation_id, :idempotency_key, :context_key)
"""

FIRST_ROW = """
insert into inboxes
    (id, owner_id, email_domain_id, email_address, address_key, provider, provider_ref, status, warmup_status,
     version, head_hash, created_at, updated_at)
select :inbox_id, :owner_id, d.id, :email_address, :address_key, :provider, :provider_ref, :status, :warmup_status,
       1, :hash, :created_at, :recorded_at
from email_domains d where d.owner_id = :owner_id and d.domain = :domain
"""


def open_attempt(session: Session, values: Values, *, as_operator: bool) -> Row | None:
    """Load, own and open."""
    row = session.one(SEEN_AS_OPERATOR if as_operator else SEEN_AS_OWNER, values)
    if row is not None:
        session.run(INSERT_ATTEMPT, values)
    return row


def commit_warmup(session: Session, values: Values) -> Row | None:
    """Event (which moves the row), attempt, superseded attempts and queue row."""
    if session.run(INSERT_WARMUP, values) != 1:
        return None
    session.run(CLOSE_MOVED, values)
    session.run(SUPERSEDE, values)
    return _queue_and_read(session, values)


def commit_move(session: Session, values: Values) -> Row | None:
    """Event (which moves the row) and queue row."""
    if session.run(INSERT_MOVE, values) != 1:
        return None
    return _queue_and_read(session, values)


def commit_erasure(session: Session, values: Values) -> Row | None:
    """Event (which moves the row), everything personal blanked, and queue row."""
    if session.run(INSERT_MOVE, values) != 1:
        return None
    for blanking in (BLANK_ROW, BLANK_EVENTS, BLANK_ATTEMPTS, DROP_ORPHANED_DOMAIN):
        session.run(blanking, values)
    return _queue_and_read(session, values)


def close_attempt(session: Session, values: Values) -> Row:
    """Close it and look for the key's event."""
    closed = session.run(CLOSE_ATTEMPT, values)
    row = session.one(CLOSED, {**values, "closed": closed})
    return (0, None) if row is None else row


def register(session: Session, values: Values) -> Row | None:
    """Domain, first event, row and queue row."""
    session.run(MAKE_DOMAIN, values)
    session.run(FIRST_EVENT, values)
    session.run(FIRST_ROW, values)
    return _queue_and_read(session, values)


def _queue_and_read(session: Session, values: Values) -> Row | None:
    session.run(QUEUE, values)
    return session.one(ROW, values)
