"""What bulk runs say to each database: many rows as one JSON parameter on PostgreSQL, one by one on SQLite.

On PostgreSQL a list of rows is one text, which costs a driver next to nothing; an array of texts it would write item by
item. The warnings at the top of `postgresql` hold here too. Two more:
    - The planner takes a JSON list for a hundred rows whatever its length, and may read a whole table to match it. Told
      by `_EACH` that one row is left, it looks each of them up by its key, whatever it knows of the tables.
    - A common table expression has no index: joined with another, each row of one is compared with all of the other. So
      what a statement needs later, it carries along, and its UPDATE returns.
"""

from __future__ import annotations

from inbox_lifecycle.store.bulk_rows import EACH as _EACH
from inbox_lifecycle.store.rows import INBOX_COLUMNS

_STUCK = """{s}inboxes i
where i.status = 'pending' and i.warmup_status = 'not_started' and i.erased_at is null
  and i.updated_at < cast(:before as {time}) and i.id > cast(:after as {id}) and {owner}
  and not exists (
      select 1 from {s}inbox_attempts a
      where a.inbox_id = i.id and a.claim = 'bulk' and a.outcome is null and a.lease_until >= {now})
  and not exists (
      select 1 from {s}inbox_attempts r
      where r.inbox_id = i.id and r.outcome = 'rejected' and r.closed_at >= cast(:before as {time}))"""

_STUCK_PAGE = f"""
select i.id from {_STUCK}
order by i.id
limit cast(:limit as integer)
"""  # noqa: S608 - constants and our own schema only

_COUNT_STUCK = f"""
select count(*) from {_STUCK}
"""  # noqa: S608 - constants and our own schema only

STUCK_OF_ALL = _STUCK_PAGE.replace("{owner}", "1 = 1")
STUCK_OF_ONE = _STUCK_PAGE.replace("{owner}", "i.owner_id = cast(:owner_id as text)")
COUNT_STUCK_OF_ALL = _COUNT_STUCK.replace("{owner}", "1 = 1")
COUNT_STUCK_OF_ONE = _COUNT_STUCK.replace("{owner}", "i.owner_id = cast(:owner_id as text)")

_WANTED = f"""
with wanted as materialized (
    select * from json_to_recordset(cast(:attempts as json)) as w(inbox_id uuid, attempt_id uuid){_EACH}
)"""  # noqa: S608 - constants only
_LEASE = "statement_timestamp() + make_interval(secs => cast(:lease as double precision))"

# A claim past its lease that `reconcile` left, as nobody can say what became of it. Only of an inbox that stands where
# the claim saw it: of one that moved on, `reconcile` decides whether the provider is to be told to stop.
GIVE_UP_POSTGRESQL = f"""{_WANTED}, expired as materialized (
    select a.inbox_id, a.id
    from wanted w
    join {{s}}inbox_attempts a on a.inbox_id = w.inbox_id and a.id <> w.attempt_id
    join {{s}}inboxes i on i.id = w.inbox_id
    where a.claim = 'bulk' and a.outcome is null and a.lease_until < statement_timestamp()
      and i.version = a.seen_version and i.erased_at is null
    order by a.inbox_id
    for update of a skip locked
)
update {{s}}inbox_attempts a
set outcome = 'abandoned', closed_at = cast(:now as timestamptz), detail = cast(:detail as text)
from expired e
where a.inbox_id = e.inbox_id and a.id = e.id and a.outcome is null
"""  # noqa: S608 - constants and our own schema only

GIVE_UP_SQLITE = """
update inbox_attempts as a
set outcome = 'abandoned', closed_at = :now, detail = :detail
where a.inbox_id = :inbox_id and a.id <> :attempt_id and a.claim = 'bulk' and a.outcome is null
  and a.lease_until < {now}
  and exists (
      select 1 from inboxes i where i.id = a.inbox_id and i.version = a.seen_version and i.erased_at is null)
"""

_CLAIMING = """
insert into {s}inbox_attempts
    (inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable,
     owner_id, actor, reason, correlation_id, causation_id, claim)"""

# In order of id: of two runs that want the same inboxes one waits for the other at the first, and neither deadlocks.
CLAIM_POSTGRESQL = f"""{_WANTED}{_CLAIMING}
select i.id, w.attempt_id, 'retry', i.version, i.status, i.warmup_status, cast(:now as timestamptz), {_LEASE}, false,
       i.owner_id, cast(:actor as text), cast(:reason as text), cast(:correlation_id as text),
       cast(:causation_id as text), 'bulk'
from wanted w join {{s}}inboxes i on i.id = w.inbox_id
where i.erased_at is null
order by i.id
on conflict do nothing
"""  # noqa: S608 - constants and our own schema only

CLAIM_SQLITE = f"""{_CLAIMING}
select i.id, :attempt_id, 'retry', i.version, i.status, i.warmup_status, :now,
       strftime({{clock}}, 'now', :lease || ' seconds') || '000Z', 0,
       i.owner_id, :actor, :reason, :correlation_id, :causation_id, 'bulk'
from inboxes i where i.id = :inbox_id and i.erased_at is null
on conflict do nothing
"""  # noqa: S608 - constants only

# The insert's own look is older than the moves of a run that it had to wait for; this one is newer than the insert.
HOLD_POSTGRESQL = f"""{_WANTED}, held as (
    update {{s}}inbox_attempts a
    set seen_version = i.version, seen_status = i.status, seen_warmup_status = i.warmup_status, lease_until = {_LEASE}
    from wanted w join {{s}}inboxes i on i.id = w.inbox_id
    where a.inbox_id = w.inbox_id and a.id = w.attempt_id and a.outcome is null
    returning a.inbox_id
)
select {INBOX_COLUMNS}, i.id in (select inbox_id from held)
from wanted w
join {{s}}inboxes i on i.id = w.inbox_id
left join {{s}}email_domains d on d.id = i.email_domain_id
"""  # noqa: S608 - constants and our own schema only

HOLD_SQLITE = """
update inbox_attempts as a
set seen_version = i.version, seen_status = i.status, seen_warmup_status = i.warmup_status,
    lease_until = strftime({clock}, 'now', :lease || ' seconds') || '000Z'
from inboxes i
where i.id = :inbox_id and a.inbox_id = :inbox_id and a.id = :attempt_id and a.outcome is null
"""

PROLONG_POSTGRESQL = f"""{_WANTED}
update {{s}}inbox_attempts a set lease_until = {_LEASE}
from wanted w
where a.inbox_id = w.inbox_id and a.id = w.attempt_id and a.outcome is null
"""  # noqa: S608 - constants and our own schema only

PROLONG_SQLITE = """
update inbox_attempts set lease_until = strftime({clock}, 'now', :lease || ' seconds') || '000Z'
where inbox_id = :inbox_id and id = :attempt_id and outcome is null
"""

CLOSE_POSTGRESQL = f"""
with wanted as materialized (
    select * from json_to_recordset(cast(:closings as json)) as w(
        inbox_id uuid, attempt_id uuid, owner_id text, outcome text, detail text){_EACH}
)
update {{s}}inbox_attempts a
set outcome = w.outcome, closed_at = cast(:now as timestamptz), detail = w.detail
from wanted w
where a.inbox_id = w.inbox_id and a.id = w.attempt_id and a.outcome is null
  and (a.owner_id = w.owner_id or a.owner_id is null)
"""  # noqa: S608 - constants and our own schema only

CLOSE_SQLITE = """
update inbox_attempts set outcome = :outcome, closed_at = :now, detail = :detail
where inbox_id = :inbox_id and id = :attempt_id and outcome is null
  and (owner_id = :owner_id or owner_id is null)
"""

# Whether the same transaction has moved the inbox just now: the attempt of an earlier one is closed.
JUST_MOVED_SQLITE = """
select 1 from inbox_attempts a join inbox_events e on e.inbox_id = a.inbox_id and e.version = :seen_version + 1
where a.inbox_id = :inbox_id and a.id = :attempt_id and a.outcome is null and e.event_id = :event_id
"""

# As COMMIT_WARMUP of `postgresql`, for many. The pair and the version that each gate saw stand in the UPDATE's own
# WHERE: the version comes from a row that is not locked, whose values a waiting UPDATE keeps while it reads the inbox's
# row again. It waits for nobody: an inbox or attempt that somebody else has locked is left out, as are those that miss.
_COMMITS = f"""
with wanted as materialized (
    select * from json_to_recordset(cast(:events as json)) as w(
        inbox_id uuid, attempt_id uuid, seen_version integer, owner_id text, event_id uuid, name text, schema integer,
        from_status text, from_warmup_status text, status text, warmup_status text, recorded_at timestamptz,
        entry bytea, hash bytea, previous_hash bytea, context_owner_id text, actor text, reason text,
        correlation_id text, causation_id text, idempotency_key text, context_key bytea){_EACH}
), patience as materialized (
    select set_config('lock_timeout', :patience, true) as lock_timeout
), fence as materialized (
    select w.*
    from patience
    cross join wanted w
    join {{s}}inbox_attempts a on a.inbox_id = w.inbox_id and a.id = w.attempt_id
    join {{s}}inboxes i on i.id = w.inbox_id
    where patience.lock_timeout is not null and a.outcome is null
    order by a.inbox_id
    for no key update of a, i skip locked
), swap as (
    update {{s}}inboxes i
    set status = f.status, warmup_status = f.warmup_status, version = i.version + 1, head_hash = f.hash,
        updated_at = f.recorded_at
    from fence f
    where i.id = f.inbox_id and i.version = f.seen_version
      and i.status = f.from_status and i.warmup_status = f.from_warmup_status
      and i.owner_id is not distinct from f.owner_id
    returning i as inbox, i.version, f.*
), event as (
    insert into {{s}}inbox_events
        (inbox_id, version, event_id, name, schema, from_status, from_warmup_status, status, warmup_status,
         recorded_at, entry, hash, previous_hash, owner_id, actor, reason, correlation_id, causation_id,
         idempotency_key, context_key)
    select inbox_id, version, event_id, name, schema, from_status, from_warmup_status, status, warmup_status,
           recorded_at, entry, hash, previous_hash, context_owner_id, actor, reason, correlation_id, causation_id,
           idempotency_key, context_key
    from swap
), queued as (
    insert into {{s}}inbox_feed_queue (inbox_id, version, hash) select inbox_id, version, hash from swap
), closed as (
    update {{s}}inbox_attempts a
    set outcome = 'moved', closed_at = swap.recorded_at, event_version = swap.version
    from swap where a.inbox_id = swap.inbox_id and a.id = swap.attempt_id
), superseded as (
    update {{s}}inbox_attempts a
    set outcome = 'superseded', closed_at = swap.recorded_at
    from swap cross join lateral (
        select o.id from {{s}}inbox_attempts o
        where o.inbox_id = swap.inbox_id and o.id <> swap.attempt_id and o.outcome is null
          and o.kind <> 'launch' and o.lease_until < statement_timestamp()
        for update skip locked
    ) older
    where a.inbox_id = swap.inbox_id and a.id = older.id
)"""  # noqa: S608 - constants and our own schema only

COMMITS_POSTGRESQL = f"""{_COMMITS}
select inbox_id from swap
"""  # noqa: S608 - constants only

# A caller is answered with the inbox.
COMMITS_TOGETHER_POSTGRESQL = f"""{_COMMITS}
select {INBOX_COLUMNS}
from swap
cross join lateral (select (swap.inbox).*) i
left join {{s}}email_domains d on d.id = i.email_domain_id
"""  # noqa: S608 - constants and our own schema only
