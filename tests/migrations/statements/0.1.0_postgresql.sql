-- What inbox-lifecycle 0.1.0 says to postgresql; it needs revision 1.0001.

-- attempts_as_operator
select a.id, a.inbox_id, a.kind, a.seen_version, a.seen_status, a.seen_warmup_status, a.opened_at, a.lease_until, a.outcome, a.closed_at, a.event_version, a.to_disable, a.detail, a.owner_id, a.actor, a.reason, a.correlation_id, a.causation_id, a.idempotency_key
from "inbox_lifecycle".inbox_attempts a join "inbox_lifecycle".inboxes i on i.id = a.inbox_id
where a.inbox_id = cast($1 as uuid) and a.id > cast($2 as uuid)
order by a.id
limit cast($3 as integer);

-- attempts_as_owner
select a.id, a.inbox_id, a.kind, a.seen_version, a.seen_status, a.seen_warmup_status, a.opened_at, a.lease_until, a.outcome, a.closed_at, a.event_version, a.to_disable, a.detail, a.owner_id, a.actor, a.reason, a.correlation_id, a.causation_id, a.idempotency_key
from "inbox_lifecycle".inbox_attempts a join "inbox_lifecycle".inboxes i on i.id = a.inbox_id
where i.owner_id = cast($1 as text) and i.erased_at is null and a.inbox_id = cast($2 as uuid) and a.id > cast($3 as uuid)
order by a.id
limit cast($4 as integer);

-- clear_mark
update "inbox_lifecycle".inbox_attempts set to_disable = false
where inbox_id = cast($1 as uuid) and id = cast($2 as uuid) and to_disable;

-- close_and_look
with closed as (update "inbox_lifecycle".inbox_attempts
set outcome = coalesce(outcome, $1), closed_at = coalesce(closed_at, cast($2 as timestamptz)),
    detail = case when outcome is null then cast($3 as text) else detail end,
    event_version = coalesce(event_version, cast($4 as integer)),
    to_disable = to_disable or ($5 = 1 and exists (
        select 1 from "inbox_lifecycle".inboxes i where i.id = cast($6 as uuid) and i.status = 'banned'))
where inbox_id = cast($6 as uuid) and id = cast($7 as uuid)
  and (outcome is null or ($5 = 1 and outcome <> 'moved'))
  and (owner_id = cast($8 as text) or owner_id is null) returning 1)
select (select count(*) from closed), k.version, k.name, k.status, k.warmup_status, k.recorded_at
from (select 1 as one) o
left join "inbox_lifecycle".inbox_events k on k.inbox_id = cast($6 as uuid)
    and k.idempotency_key = cast($9 as text);

-- close_attempt
update "inbox_lifecycle".inbox_attempts
set outcome = coalesce(outcome, $1), closed_at = coalesce(closed_at, cast($2 as timestamptz)),
    detail = case when outcome is null then cast($3 as text) else detail end,
    event_version = coalesce(event_version, cast($4 as integer)),
    to_disable = to_disable or ($5 = 1 and exists (
        select 1 from "inbox_lifecycle".inboxes i where i.id = cast($6 as uuid) and i.status = 'banned'))
where inbox_id = cast($6 as uuid) and id = cast($7 as uuid)
  and (outcome is null or ($5 = 1 and outcome <> 'moved'))
  and (owner_id = cast($8 as text) or owner_id is null);

-- closed
select cast($1 as integer), k.version, k.name, k.status, k.warmup_status, k.recorded_at
from (select 1 as one) o
left join "inbox_lifecycle".inbox_events k on k.inbox_id = cast($2 as uuid)
    and k.idempotency_key = cast($3 as text);

-- commit_move
with 
swap as (
    update "inbox_lifecycle".inboxes i
    set status = $1, warmup_status = $2, version = i.version + 1, head_hash = $3,
        updated_at = cast($4 as timestamptz)
    where i.id = cast($5 as uuid) and i.version = cast($6 as integer)
      and i.status = $7 and i.warmup_status = $8
      and i.owner_id is not distinct from cast($9 as text)
    returning i.*
), event as (
    insert into "inbox_lifecycle".inbox_events
        (inbox_id, version, event_id, name, schema, from_status, from_warmup_status, status, warmup_status,
         recorded_at, entry, hash, previous_hash, owner_id, actor, reason, correlation_id, causation_id,
         idempotency_key, context_key)
    select id, version, cast($10 as uuid), $11, cast($12 as integer), $7, $8,
           status, warmup_status, updated_at, $13, head_hash, cast($14 as bytea),
           cast($15 as text), cast($16 as text), cast($17 as text),
           cast($18 as text), cast($19 as text), cast($20 as text),
           cast($21 as bytea)
    from swap
), queued as (
    insert into "inbox_lifecycle".inbox_feed_queue (inbox_id, version, hash) select id, version, head_hash from swap
)
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash from swap i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id;

-- commit_warmup
with 
patience as materialized (
    select set_config('lock_timeout', $1, true) as lock_timeout
), fence as materialized (
    select a.id from "inbox_lifecycle".inbox_attempts a, patience
    where patience.lock_timeout is not null and a.inbox_id = cast($2 as uuid)
      and a.id = cast($3 as uuid) and a.outcome is null
    for update of a
), older as materialized (
    select a.id from "inbox_lifecycle".inbox_attempts a
    where a.inbox_id = cast($2 as uuid) and a.id <> cast($3 as uuid) and a.outcome is null
      and a.kind <> 'launch' and a.lease_until < statement_timestamp()
    for update skip locked
), 
swap as (
    update "inbox_lifecycle".inboxes i
    set status = $4, warmup_status = $5, version = i.version + 1, head_hash = $6,
        updated_at = cast($7 as timestamptz)
    from fence where i.id = cast($2 as uuid) and i.version = cast($8 as integer)
      and i.status = $9 and i.warmup_status = $10
      and i.owner_id is not distinct from cast($11 as text)
    returning i.*
), event as (
    insert into "inbox_lifecycle".inbox_events
        (inbox_id, version, event_id, name, schema, from_status, from_warmup_status, status, warmup_status,
         recorded_at, entry, hash, previous_hash, owner_id, actor, reason, correlation_id, causation_id,
         idempotency_key, context_key)
    select id, version, cast($12 as uuid), $13, cast($14 as integer), $9, $10,
           status, warmup_status, updated_at, $15, head_hash, cast($16 as bytea),
           cast($17 as text), cast($18 as text), cast($19 as text),
           cast($20 as text), cast($21 as text), cast($22 as text),
           cast($23 as bytea)
    from swap
), queued as (
    insert into "inbox_lifecycle".inbox_feed_queue (inbox_id, version, hash) select id, version, head_hash from swap
), closed as (
    update "inbox_lifecycle".inbox_attempts a
    set outcome = 'moved', closed_at = cast($24 as timestamptz), event_version = swap.version
    from swap where a.inbox_id = swap.id and a.id = cast($3 as uuid)
), superseded as (
    update "inbox_lifecycle".inbox_attempts a
    set outcome = 'superseded', closed_at = cast($24 as timestamptz)
    from swap, older where a.inbox_id = swap.id and a.id = older.id
)
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash from swap i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id;

-- expired_attempts
select a.id, a.inbox_id, a.kind, a.seen_version, a.seen_status, a.seen_warmup_status, a.opened_at, a.lease_until, a.outcome, a.closed_at, a.event_version, a.to_disable, a.detail, a.owner_id, a.actor, a.reason, a.correlation_id, a.causation_id, a.idempotency_key, i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, k.version, k.name, k.status, k.warmup_status, k.recorded_at
from "inbox_lifecycle".inbox_attempts a
join "inbox_lifecycle".inboxes i on i.id = a.inbox_id
left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
left join "inbox_lifecycle".inbox_events k on k.inbox_id = a.inbox_id and k.idempotency_key = a.idempotency_key
where a.outcome is null and a.lease_until < statement_timestamp()
  and (a.inbox_id, a.id) > (cast($1 as uuid), cast($2 as uuid))
order by a.inbox_id, a.id
limit cast($3 as integer);

-- find_any
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from "inbox_lifecycle".inboxes i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
where 1 = 1
order by i.created_at desc, i.id desc
limit cast($1 as integer);

-- find_by_after_time
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from "inbox_lifecycle".inboxes i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
where (i.created_at, i.id) < (cast($1 as timestamptz), cast($2 as uuid))
order by i.created_at desc, i.id desc
limit cast($3 as integer);

-- find_by_all
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from "inbox_lifecycle".inboxes i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
where i.owner_id = cast($1 as text) and i.status = cast($2 as text) and i.warmup_status = cast($3 as text) and d.domain = cast($4 as text) and (i.created_at, i.id) < (cast($5 as timestamptz), cast($6 as uuid))
order by i.created_at desc, i.id desc
limit cast($7 as integer);

-- find_by_domain
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from "inbox_lifecycle".inboxes i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
where d.domain = cast($1 as text)
order by i.created_at desc, i.id desc
limit cast($2 as integer);

-- find_by_owner_id
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from "inbox_lifecycle".inboxes i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
where i.owner_id = cast($1 as text)
order by i.created_at desc, i.id desc
limit cast($2 as integer);

-- find_by_status
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from "inbox_lifecycle".inboxes i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
where i.status = cast($1 as text)
order by i.created_at desc, i.id desc
limit cast($2 as integer);

-- find_by_warmup_status
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from "inbox_lifecycle".inboxes i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
where i.warmup_status = cast($1 as text)
order by i.created_at desc, i.id desc
limit cast($2 as integer);

-- get_as_operator
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, k.version, k.name, k.status, k.warmup_status, k.recorded_at
from "inbox_lifecycle".inboxes i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
left join "inbox_lifecycle".inbox_events k on k.inbox_id = i.id and k.idempotency_key = cast($1 as text)
where i.id = cast($2 as uuid) and 1 = 1;

-- get_as_owner
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, k.version, k.name, k.status, k.warmup_status, k.recorded_at
from "inbox_lifecycle".inboxes i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
left join "inbox_lifecycle".inbox_events k on k.inbox_id = i.id and k.idempotency_key = cast($1 as text)
where i.id = cast($2 as uuid) and i.owner_id = cast($3 as text) and i.erased_at is null;

-- history_as_operator
select e.inbox_id, e.version, e.event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status, e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id, e.idempotency_key, e.context_key
from "inbox_lifecycle".inbox_events e join "inbox_lifecycle".inboxes i on i.id = e.inbox_id
where e.inbox_id = cast($1 as uuid) and e.version > cast($2 as integer)
  and e.version <= cast($3 as integer)
order by e.version
limit cast($4 as integer);

-- history_as_owner
select e.inbox_id, e.version, e.event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status, e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id, e.idempotency_key, e.context_key
from "inbox_lifecycle".inbox_events e join "inbox_lifecycle".inboxes i on i.id = e.inbox_id
where i.owner_id = cast($1 as text) and i.erased_at is null and e.inbox_id = cast($2 as uuid) and e.version > cast($3 as integer)
  and e.version <= cast($4 as integer)
order by e.version
limit cast($5 as integer);

-- history_bound_as_operator
select i.version from "inbox_lifecycle".inboxes i where i.id = cast($1 as uuid);

-- history_bound_as_owner
select i.version from "inbox_lifecycle".inboxes i
where i.id = cast($1 as uuid) and i.owner_id = cast($2 as text) and i.erased_at is null;

-- look_again
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, k.version, k.name, k.status, k.warmup_status, k.recorded_at, a.outcome, m.version, m.name, m.status, m.warmup_status, m.recorded_at
from "inbox_lifecycle".inboxes i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
left join "inbox_lifecycle".inbox_attempts a on a.inbox_id = i.id and a.id = cast($1 as uuid)
left join "inbox_lifecycle".inbox_events k on k.inbox_id = i.id and k.idempotency_key = cast($2 as text)
left join "inbox_lifecycle".inbox_events m on m.inbox_id = i.id and m.version = a.event_version and a.outcome = 'moved'
where i.id = cast($3 as uuid) and (i.owner_id = cast($4 as text) or i.erased_at is not null);

-- look_for_event
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, k.version, k.name, k.status, k.warmup_status, k.recorded_at, null, m.version, m.name, m.status, m.warmup_status, m.recorded_at
from "inbox_lifecycle".inboxes i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
left join "inbox_lifecycle".inbox_events k on k.inbox_id = i.id and k.idempotency_key = cast($1 as text)
left join "inbox_lifecycle".inbox_events m on m.inbox_id = i.id and m.version = cast($2 as integer)
    and m.event_id = cast($3 as uuid)
where i.id = cast($4 as uuid);

-- marked_attempts
select a.id, a.inbox_id, a.kind, a.seen_version, a.seen_status, a.seen_warmup_status, a.opened_at, a.lease_until, a.outcome, a.closed_at, a.event_version, a.to_disable, a.detail, a.owner_id, a.actor, a.reason, a.correlation_id, a.causation_id, a.idempotency_key, i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, k.version, k.name, k.status, k.warmup_status, k.recorded_at
from "inbox_lifecycle".inbox_attempts a
join "inbox_lifecycle".inboxes i on i.id = a.inbox_id
left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
left join "inbox_lifecycle".inbox_events k on k.inbox_id = a.inbox_id and k.idempotency_key = a.idempotency_key
where a.to_disable
  and (a.inbox_id, a.id) > (cast($1 as uuid), cast($2 as uuid))
order by a.inbox_id, a.id
limit cast($3 as integer);

-- open_as_operator
with seen as materialized (
    select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
    from "inbox_lifecycle".inboxes i
    join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id and d.owner_id = i.owner_id
    where i.id = cast($1 as uuid) and true and i.erased_at is null
), attempt as (
    insert into "inbox_lifecycle".inbox_attempts
        (inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable,
         owner_id, actor, reason, correlation_id, causation_id, idempotency_key)
    select id, cast($2 as uuid), $3, version, status, warmup_status, cast($4 as timestamptz),
           statement_timestamp() + make_interval(secs => cast($5 as double precision)), false,
           owner_id, cast($6 as text), cast($7 as text), cast($8 as text),
           cast($9 as text), cast($10 as text)
    from seen
    on conflict (inbox_id, id) do update
    set lease_until = excluded.lease_until, seen_version = excluded.seen_version, seen_status = excluded.seen_status,
        seen_warmup_status = excluded.seen_warmup_status
    where inbox_attempts.outcome is null
)
select seen.*, k.version, k.name, k.status, k.warmup_status, k.recorded_at
from seen left join "inbox_lifecycle".inbox_events k
    on k.inbox_id = seen.id and k.idempotency_key = cast($10 as text);

-- open_as_owner
with seen as materialized (
    select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
    from "inbox_lifecycle".inboxes i
    join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id and d.owner_id = i.owner_id
    where i.id = cast($1 as uuid) and i.owner_id = cast($2 as text) and i.erased_at is null
), attempt as (
    insert into "inbox_lifecycle".inbox_attempts
        (inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable,
         owner_id, actor, reason, correlation_id, causation_id, idempotency_key)
    select id, cast($3 as uuid), $4, version, status, warmup_status, cast($5 as timestamptz),
           statement_timestamp() + make_interval(secs => cast($6 as double precision)), false,
           owner_id, cast($7 as text), cast($8 as text), cast($9 as text),
           cast($10 as text), cast($11 as text)
    from seen
    on conflict (inbox_id, id) do update
    set lease_until = excluded.lease_until, seen_version = excluded.seen_version, seen_status = excluded.seen_status,
        seen_warmup_status = excluded.seen_warmup_status
    where inbox_attempts.outcome is null
)
select seen.*, k.version, k.name, k.status, k.warmup_status, k.recorded_at
from seen left join "inbox_lifecycle".inbox_events k
    on k.inbox_id = seen.id and k.idempotency_key = cast($11 as text);

-- orphans
select e.inbox_id, e.version
from "inbox_lifecycle".inbox_events e
where not exists (select 1 from "inbox_lifecycle".inboxes i where i.id = e.inbox_id)
  and (e.inbox_id, e.version) > (cast($1 as uuid), cast($2 as integer))
  and e.inbox_id <= cast($3 as uuid)
order by e.inbox_id, e.version
limit cast($4 as integer);

-- register
with found as (
    select id, domain, status from "inbox_lifecycle".email_domains
    where owner_id = cast($1 as text) and domain = cast($2 as text)
), made as (
    insert into "inbox_lifecycle".email_domains (id, owner_id, domain, status, created_at)
    select cast($3 as uuid), cast($1 as text), cast($2 as text), 'pending',
           cast($4 as timestamptz)
    where not exists (select from found)
    on conflict (owner_id, domain) do nothing
    returning id, domain, status
), d as (
    select * from found union all select * from made
), born as (
    insert into "inbox_lifecycle".inboxes
        (id, owner_id, email_domain_id, email_address, address_key, provider, provider_ref, status, warmup_status,
         version, head_hash, created_at, updated_at)
    select cast($5 as uuid), cast($1 as text), d.id, cast($6 as text),
           cast($7 as bytea), cast($8 as text), cast($9 as text), $10,
           $11, 1, cast($12 as bytea), cast($13 as timestamptz),
           cast($4 as timestamptz)
    from d
    returning *
), event as (
    insert into "inbox_lifecycle".inbox_events
        (inbox_id, version, event_id, name, schema, status, warmup_status, recorded_at, entry, hash, owner_id, actor,
         reason, correlation_id, causation_id, idempotency_key, context_key)
    select id, version, cast($14 as uuid), $15, cast($16 as integer), status, warmup_status, updated_at,
           $17, head_hash, cast($18 as text), cast($19 as text), cast($20 as text),
           cast($21 as text), cast($22 as text), cast($23 as text),
           cast($24 as bytea)
    from born
), queued as (
    insert into "inbox_lifecycle".inbox_feed_queue (inbox_id, version, hash) select id, version, head_hash from born
)
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash from born i join d on d.id = i.email_domain_id;

-- revision
select version_num from "inbox_lifecycle".inbox_lifecycle_alembic_version;

-- verify_attempts
select a.id, a.inbox_id, a.kind, a.seen_version, a.seen_status, a.seen_warmup_status, a.opened_at, a.lease_until, a.outcome, a.closed_at, a.event_version, a.to_disable, a.detail, a.owner_id, a.actor, a.reason, a.correlation_id, a.causation_id, a.idempotency_key, m.name, m.entry,
       (select 1 from "inbox_lifecycle".inboxes i where i.id = a.inbox_id) as has_inbox
from "inbox_lifecycle".inbox_attempts a
left join "inbox_lifecycle".inbox_events m on m.inbox_id = a.inbox_id and m.version = a.event_version and a.outcome = 'moved'
where (a.inbox_id, a.id) > (cast($1 as uuid), cast($2 as uuid))
  and a.inbox_id <= cast($3 as uuid)
order by a.inbox_id, a.id
limit cast($4 as integer);

-- verify_events
select e.inbox_id, e.version, e.event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status, e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id, e.idempotency_key, e.context_key
from "inbox_lifecycle".inbox_events e
where (e.inbox_id, e.version) > (cast($1 as uuid), cast($2 as integer))
  and e.inbox_id <= cast($3 as uuid)
order by e.inbox_id, e.version
limit cast($4 as integer);

-- verify_rows
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, i.address_key, d.owner_id as domain_owner_id,
       (select max(e.version) from "inbox_lifecycle".inbox_events e where e.inbox_id = i.id) as newest
from "inbox_lifecycle".inboxes i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
where i.id > cast($1 as uuid) and i.id <= cast($2 as uuid)
order by i.id
limit cast($3 as integer);
