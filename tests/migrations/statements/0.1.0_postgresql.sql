-- What inbox-lifecycle 0.1.0 says to postgresql; it needs revision 1.0008.

-- api_keys_api_keys
select id, prefix, owner_id, label, created_at, created_by, expires_at, revoked_at, revoked_by from "inbox_lifecycle".inbox_api_keys where id > cast($1 as uuid)
order by id limit cast($2 as integer);

-- api_keys_api_keys_of_owner
select id, prefix, owner_id, label, created_at, created_by, expires_at, revoked_at, revoked_by from "inbox_lifecycle".inbox_api_keys where owner_id = cast($1 as text) and id > cast($2 as uuid)
order by id limit cast($3 as integer);

-- api_keys_find_api_key
select id, prefix, owner_id, label, created_at, created_by, expires_at, revoked_at, revoked_by, hash, (revoked_at is null and (expires_at is null or expires_at > statement_timestamp())) as holds
from "inbox_lifecycle".inbox_api_keys where prefix = cast($1 as text);

-- api_keys_insert_api_key_postgresql
insert into "inbox_lifecycle".inbox_api_keys (id, prefix, hash, owner_id, label, created_by, created_at, expires_at)
values (cast($1 as uuid), cast($2 as text), cast($3 as bytea), cast($4 as text),
        cast($5 as text), cast($6 as text), statement_timestamp(), statement_timestamp() + make_interval(secs => cast($7 as double precision)))
on conflict (id) do update set revoked_at = inbox_api_keys.revoked_at
returning id, prefix, owner_id, label, created_at, created_by, expires_at, revoked_at, revoked_by;

-- api_keys_revoke_api_key_by_id
update "inbox_lifecycle".inbox_api_keys
set revoked_at = coalesce(revoked_at, statement_timestamp()), revoked_by = coalesce(revoked_by, cast($1 as text))
where id = cast($2 as uuid)
returning id, prefix, owner_id, label, created_at, created_by, expires_at, revoked_at, revoked_by;

-- api_keys_revoke_api_key_by_prefix
update "inbox_lifecycle".inbox_api_keys
set revoked_at = coalesce(revoked_at, statement_timestamp()), revoked_by = coalesce(revoked_by, cast($1 as text))
where prefix = cast($2 as text)
returning id, prefix, owner_id, label, created_at, created_by, expires_at, revoked_at, revoked_by;

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

-- births_sql_births_postgresql
with wanted as materialized (
    select * from json_to_recordset(cast($1 as json)) as w(
        inbox_id uuid, owner_id text, domain_id uuid, domain text, email_address text, address_key bytea,
        provider text, provider_ref text, created_at timestamptz, event_id uuid, name text, schema integer,
        status text, warmup_status text, recorded_at timestamptz, entry bytea, hash bytea, context_owner_id text,
        actor text, reason text, correlation_id text, causation_id text, idempotency_key text, context_key bytea)
    where w.inbox_id between '00000000-0000-0000-0000-000000000000' and 'ffffffff-ffff-ffff-ffff-ffffffffffff'
), free as materialized (
    select w.* from wanted w
    where not exists (select from "inbox_lifecycle".inboxes i where i.email_address = w.email_address)
      and not exists (select from "inbox_lifecycle".inboxes i where i.id = w.inbox_id)
), made as (
    insert into "inbox_lifecycle".email_domains (id, owner_id, domain, status, created_at)
    select distinct on (owner_id, domain) domain_id, owner_id, domain, 'pending', recorded_at
    from free
    order by owner_id, domain
    on conflict (owner_id, domain) do nothing
    returning id
), settled as materialized (
    select f.*, case
        when f.domain_id in (select id from made) then f.domain_id
        else (select d.id from "inbox_lifecycle".email_domains d where d.owner_id = f.owner_id and d.domain = f.domain)
    end as email_domain_id
    from free f
), born as (
    insert into "inbox_lifecycle".inboxes
        (id, owner_id, email_domain_id, email_address, address_key, provider, provider_ref, status, warmup_status,
         version, head_hash, created_at, updated_at)
    select inbox_id, owner_id, email_domain_id, email_address, address_key, provider, provider_ref, status,
           warmup_status, 1, hash, created_at, recorded_at
    from settled
    where email_domain_id is not null
    order by email_address
    returning id, head_hash
), event as (
    insert into "inbox_lifecycle".inbox_events
        (inbox_id, version, event_id, name, schema, status, warmup_status, recorded_at, entry, hash, owner_id, actor,
         reason, correlation_id, causation_id, idempotency_key, context_key)
    select inbox_id, 1, event_id, name, schema, status, warmup_status, recorded_at, entry, hash, context_owner_id,
           actor, reason, correlation_id, causation_id, idempotency_key, context_key
    from settled
    where email_domain_id is not null
), queued as (
    insert into "inbox_lifecycle".inbox_feed_queue (inbox_id, version, hash) select id, 1, head_hash from born
)
select id from born;

-- births_sql_found_postgresql
with wanted as materialized (
    select * from json_to_recordset(cast($1 as json)) as w(inbox_id uuid, email_address text)
    where w.inbox_id between '00000000-0000-0000-0000-000000000000' and 'ffffffff-ffff-ffff-ffff-ffffffffffff'
)
select w.inbox_id, i.id, i.owner_id, i.email_address, e.event_id
from wanted w
join "inbox_lifecycle".inboxes i on i.id = w.inbox_id
left join "inbox_lifecycle".inbox_events e on e.inbox_id = i.id and e.version = 1
union all
select w.inbox_id, i.id, i.owner_id, i.email_address, e.event_id
from wanted w
join "inbox_lifecycle".inboxes i on i.email_address = w.email_address and i.id <> w.inbox_id
left join "inbox_lifecycle".inbox_events e on e.inbox_id = i.id and e.version = 1;

-- blank_late_attempts_of_all
update "inbox_lifecycle".inbox_attempts set owner_id = null, actor = null, reason = null, correlation_id = null, causation_id = null, idempotency_key = null, detail = case when outcome in ('rejected', 'throttled', 'busy', 'unavailable') then null else detail end
where (owner_id is not null or actor is not null or reason is not null or correlation_id is not null
       or causation_id is not null or idempotency_key is not null)
  and exists (select 1 from "inbox_lifecycle".inboxes i where i.id = inbox_id and i.erased_at is not null)
  and 1 = 1;

-- blank_late_attempts_of_one
update "inbox_lifecycle".inbox_attempts set owner_id = null, actor = null, reason = null, correlation_id = null, causation_id = null, idempotency_key = null, detail = case when outcome in ('rejected', 'throttled', 'busy', 'unavailable') then null else detail end
where (owner_id is not null or actor is not null or reason is not null or correlation_id is not null
       or causation_id is not null or idempotency_key is not null)
  and exists (select 1 from "inbox_lifecycle".inboxes i where i.id = inbox_id and i.erased_at is not null)
  and inbox_id = cast($1 as uuid);

-- bulk_sql_claim_postgresql
with wanted as materialized (
    select * from json_to_recordset(cast($1 as json)) as w(inbox_id uuid, attempt_id uuid)
    where w.inbox_id between '00000000-0000-0000-0000-000000000000' and 'ffffffff-ffff-ffff-ffff-ffffffffffff'
)
insert into "inbox_lifecycle".inbox_attempts
    (inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable,
     owner_id, actor, reason, correlation_id, causation_id, claim)
select i.id, w.attempt_id, 'retry', i.version, i.status, i.warmup_status, cast($2 as timestamptz), statement_timestamp() + make_interval(secs => cast($3 as double precision)), false,
       i.owner_id, cast($4 as text), cast($5 as text), cast($6 as text),
       cast($7 as text), 'bulk'
from wanted w join "inbox_lifecycle".inboxes i on i.id = w.inbox_id
where i.erased_at is null
order by i.id
on conflict do nothing;

-- bulk_sql_close_postgresql
with wanted as materialized (
    select * from json_to_recordset(cast($1 as json)) as w(
        inbox_id uuid, attempt_id uuid, owner_id text, outcome text, detail text)
    where w.inbox_id between '00000000-0000-0000-0000-000000000000' and 'ffffffff-ffff-ffff-ffff-ffffffffffff'
)
update "inbox_lifecycle".inbox_attempts a
set outcome = w.outcome, closed_at = cast($2 as timestamptz), detail = w.detail
from wanted w
where a.inbox_id = w.inbox_id and a.id = w.attempt_id and a.outcome is null
  and (a.owner_id = w.owner_id or a.owner_id is null);

-- bulk_sql_commits_postgresql
with wanted as materialized (
    select * from json_to_recordset(cast($1 as json)) as w(
        inbox_id uuid, attempt_id uuid, seen_version integer, owner_id text, event_id uuid, name text, schema integer,
        from_status text, from_warmup_status text, status text, warmup_status text, recorded_at timestamptz,
        entry bytea, hash bytea, previous_hash bytea, context_owner_id text, actor text, reason text,
        correlation_id text, causation_id text, idempotency_key text, context_key bytea)
    where w.inbox_id between '00000000-0000-0000-0000-000000000000' and 'ffffffff-ffff-ffff-ffff-ffffffffffff'
), patience as materialized (
    select set_config('lock_timeout', $2, true) as lock_timeout
), fence as materialized (
    select w.*
    from patience
    cross join wanted w
    join "inbox_lifecycle".inbox_attempts a on a.inbox_id = w.inbox_id and a.id = w.attempt_id
    join "inbox_lifecycle".inboxes i on i.id = w.inbox_id
    where patience.lock_timeout is not null and a.outcome is null
    order by a.inbox_id
    for no key update of a, i skip locked
), swap as (
    update "inbox_lifecycle".inboxes i
    set status = f.status, warmup_status = f.warmup_status, version = i.version + 1, head_hash = f.hash,
        updated_at = f.recorded_at
    from fence f
    where i.id = f.inbox_id and i.version = f.seen_version
      and i.status = f.from_status and i.warmup_status = f.from_warmup_status
      and i.owner_id is not distinct from f.owner_id
    returning i as inbox, i.version, f.*
), event as (
    insert into "inbox_lifecycle".inbox_events
        (inbox_id, version, event_id, name, schema, from_status, from_warmup_status, status, warmup_status,
         recorded_at, entry, hash, previous_hash, owner_id, actor, reason, correlation_id, causation_id,
         idempotency_key, context_key)
    select inbox_id, version, event_id, name, schema, from_status, from_warmup_status, status, warmup_status,
           recorded_at, entry, hash, previous_hash, context_owner_id, actor, reason, correlation_id, causation_id,
           idempotency_key, context_key
    from swap
), queued as (
    insert into "inbox_lifecycle".inbox_feed_queue (inbox_id, version, hash) select inbox_id, version, hash from swap
), closed as (
    update "inbox_lifecycle".inbox_attempts a
    set outcome = 'moved', closed_at = swap.recorded_at, event_version = swap.version
    from swap where a.inbox_id = swap.inbox_id and a.id = swap.attempt_id
), superseded as (
    update "inbox_lifecycle".inbox_attempts a
    set outcome = 'superseded', closed_at = swap.recorded_at
    from swap cross join lateral (
        select o.id from "inbox_lifecycle".inbox_attempts o
        where o.inbox_id = swap.inbox_id and o.id <> swap.attempt_id and o.outcome is null
          and o.kind <> 'launch' and o.lease_until < statement_timestamp()
        for update skip locked
    ) older
    where a.inbox_id = swap.inbox_id and a.id = older.id
)
select inbox_id from swap;

-- bulk_sql_commits_together_postgresql
with wanted as materialized (
    select * from json_to_recordset(cast($1 as json)) as w(
        inbox_id uuid, attempt_id uuid, seen_version integer, owner_id text, event_id uuid, name text, schema integer,
        from_status text, from_warmup_status text, status text, warmup_status text, recorded_at timestamptz,
        entry bytea, hash bytea, previous_hash bytea, context_owner_id text, actor text, reason text,
        correlation_id text, causation_id text, idempotency_key text, context_key bytea)
    where w.inbox_id between '00000000-0000-0000-0000-000000000000' and 'ffffffff-ffff-ffff-ffff-ffffffffffff'
), patience as materialized (
    select set_config('lock_timeout', $2, true) as lock_timeout
), fence as materialized (
    select w.*
    from patience
    cross join wanted w
    join "inbox_lifecycle".inbox_attempts a on a.inbox_id = w.inbox_id and a.id = w.attempt_id
    join "inbox_lifecycle".inboxes i on i.id = w.inbox_id
    where patience.lock_timeout is not null and a.outcome is null
    order by a.inbox_id
    for no key update of a, i skip locked
), swap as (
    update "inbox_lifecycle".inboxes i
    set status = f.status, warmup_status = f.warmup_status, version = i.version + 1, head_hash = f.hash,
        updated_at = f.recorded_at
    from fence f
    where i.id = f.inbox_id and i.version = f.seen_version
      and i.status = f.from_status and i.warmup_status = f.from_warmup_status
      and i.owner_id is not distinct from f.owner_id
    returning i as inbox, i.version, f.*
), event as (
    insert into "inbox_lifecycle".inbox_events
        (inbox_id, version, event_id, name, schema, from_status, from_warmup_status, status, warmup_status,
         recorded_at, entry, hash, previous_hash, owner_id, actor, reason, correlation_id, causation_id,
         idempotency_key, context_key)
    select inbox_id, version, event_id, name, schema, from_status, from_warmup_status, status, warmup_status,
           recorded_at, entry, hash, previous_hash, context_owner_id, actor, reason, correlation_id, causation_id,
           idempotency_key, context_key
    from swap
), queued as (
    insert into "inbox_lifecycle".inbox_feed_queue (inbox_id, version, hash) select inbox_id, version, hash from swap
), closed as (
    update "inbox_lifecycle".inbox_attempts a
    set outcome = 'moved', closed_at = swap.recorded_at, event_version = swap.version
    from swap where a.inbox_id = swap.inbox_id and a.id = swap.attempt_id
), superseded as (
    update "inbox_lifecycle".inbox_attempts a
    set outcome = 'superseded', closed_at = swap.recorded_at
    from swap cross join lateral (
        select o.id from "inbox_lifecycle".inbox_attempts o
        where o.inbox_id = swap.inbox_id and o.id <> swap.attempt_id and o.outcome is null
          and o.kind <> 'launch' and o.lease_until < statement_timestamp()
        for update skip locked
    ) older
    where a.inbox_id = swap.inbox_id and a.id = older.id
)
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from swap
cross join lateral (select (swap.inbox).*) i
left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id;

-- bulk_sql_count_stuck_of_all
select count(*) from "inbox_lifecycle".inboxes i
where i.status = 'pending' and i.warmup_status = 'not_started' and i.erased_at is null
  and i.updated_at < cast($1 as timestamptz) and i.id > cast($2 as uuid) and 1 = 1
  and not exists (
      select 1 from "inbox_lifecycle".inbox_attempts a
      where a.inbox_id = i.id and a.claim = 'bulk' and a.outcome is null and a.lease_until >= statement_timestamp())
  and not exists (
      select 1 from "inbox_lifecycle".inbox_attempts r
      where r.inbox_id = i.id and r.outcome = 'rejected' and r.closed_at >= cast($1 as timestamptz));

-- bulk_sql_count_stuck_of_one
select count(*) from "inbox_lifecycle".inboxes i
where i.status = 'pending' and i.warmup_status = 'not_started' and i.erased_at is null
  and i.updated_at < cast($1 as timestamptz) and i.id > cast($2 as uuid) and i.owner_id = cast($3 as text)
  and not exists (
      select 1 from "inbox_lifecycle".inbox_attempts a
      where a.inbox_id = i.id and a.claim = 'bulk' and a.outcome is null and a.lease_until >= statement_timestamp())
  and not exists (
      select 1 from "inbox_lifecycle".inbox_attempts r
      where r.inbox_id = i.id and r.outcome = 'rejected' and r.closed_at >= cast($1 as timestamptz));

-- bulk_sql_give_up_postgresql
with wanted as materialized (
    select * from json_to_recordset(cast($1 as json)) as w(inbox_id uuid, attempt_id uuid)
    where w.inbox_id between '00000000-0000-0000-0000-000000000000' and 'ffffffff-ffff-ffff-ffff-ffffffffffff'
), expired as materialized (
    select a.inbox_id, a.id
    from wanted w
    join "inbox_lifecycle".inbox_attempts a on a.inbox_id = w.inbox_id and a.id <> w.attempt_id
    join "inbox_lifecycle".inboxes i on i.id = w.inbox_id
    where a.claim = 'bulk' and a.outcome is null and a.lease_until < statement_timestamp()
      and i.version = a.seen_version and i.erased_at is null
    order by a.inbox_id
    for update of a skip locked
)
update "inbox_lifecycle".inbox_attempts a
set outcome = 'abandoned', closed_at = cast($2 as timestamptz), detail = cast($3 as text)
from expired e
where a.inbox_id = e.inbox_id and a.id = e.id and a.outcome is null;

-- bulk_sql_hold_postgresql
with wanted as materialized (
    select * from json_to_recordset(cast($1 as json)) as w(inbox_id uuid, attempt_id uuid)
    where w.inbox_id between '00000000-0000-0000-0000-000000000000' and 'ffffffff-ffff-ffff-ffff-ffffffffffff'
), held as (
    update "inbox_lifecycle".inbox_attempts a
    set seen_version = i.version, seen_status = i.status, seen_warmup_status = i.warmup_status, lease_until = statement_timestamp() + make_interval(secs => cast($2 as double precision))
    from wanted w join "inbox_lifecycle".inboxes i on i.id = w.inbox_id
    where a.inbox_id = w.inbox_id and a.id = w.attempt_id and a.outcome is null
    returning a.inbox_id
)
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, i.id in (select inbox_id from held)
from wanted w
join "inbox_lifecycle".inboxes i on i.id = w.inbox_id
left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id;

-- bulk_sql_prolong_postgresql
with wanted as materialized (
    select * from json_to_recordset(cast($1 as json)) as w(inbox_id uuid, attempt_id uuid)
    where w.inbox_id between '00000000-0000-0000-0000-000000000000' and 'ffffffff-ffff-ffff-ffff-ffffffffffff'
)
update "inbox_lifecycle".inbox_attempts a set lease_until = statement_timestamp() + make_interval(secs => cast($2 as double precision))
from wanted w
where a.inbox_id = w.inbox_id and a.id = w.attempt_id and a.outcome is null;

-- bulk_sql_stuck_of_all
select i.id from "inbox_lifecycle".inboxes i
where i.status = 'pending' and i.warmup_status = 'not_started' and i.erased_at is null
  and i.updated_at < cast($1 as timestamptz) and i.id > cast($2 as uuid) and 1 = 1
  and not exists (
      select 1 from "inbox_lifecycle".inbox_attempts a
      where a.inbox_id = i.id and a.claim = 'bulk' and a.outcome is null and a.lease_until >= statement_timestamp())
  and not exists (
      select 1 from "inbox_lifecycle".inbox_attempts r
      where r.inbox_id = i.id and r.outcome = 'rejected' and r.closed_at >= cast($1 as timestamptz))
order by i.id
limit cast($3 as integer);

-- bulk_sql_stuck_of_one
select i.id from "inbox_lifecycle".inboxes i
where i.status = 'pending' and i.warmup_status = 'not_started' and i.erased_at is null
  and i.updated_at < cast($1 as timestamptz) and i.id > cast($2 as uuid) and i.owner_id = cast($3 as text)
  and not exists (
      select 1 from "inbox_lifecycle".inbox_attempts a
      where a.inbox_id = i.id and a.claim = 'bulk' and a.outcome is null and a.lease_until >= statement_timestamp())
  and not exists (
      select 1 from "inbox_lifecycle".inbox_attempts r
      where r.inbox_id = i.id and r.outcome = 'rejected' and r.closed_at >= cast($1 as timestamptz))
order by i.id
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

-- commit_erasure
with 
held as materialized (
    select a.id from "inbox_lifecycle".inbox_attempts a where a.inbox_id = cast($1 as uuid) order by a.id for update
), 
swap as (
    update "inbox_lifecycle".inboxes i
    set status = $2, warmup_status = $3, version = i.version + 1, head_hash = $4,
        updated_at = cast($5 as timestamptz)
    , erased_at = cast($5 as timestamptz), owner_id = null, email_domain_id = null,
        email_address = null, address_key = null, provider_ref = null
    from (select count(*) as attempts from held) h
    where i.id = cast($1 as uuid) and i.version = cast($6 as integer)
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
), blanked as (
    update "inbox_lifecycle".inbox_events e set owner_id = null, actor = null, reason = null, correlation_id = null, causation_id = null, idempotency_key = null, context_key = null
    from swap where e.inbox_id = swap.id and e.version < swap.version
), forgotten as (
    update "inbox_lifecycle".inbox_attempts a set owner_id = null, actor = null, reason = null, correlation_id = null, causation_id = null, idempotency_key = null, detail = case when outcome in ('rejected', 'throttled', 'busy', 'unavailable') then null else detail end from swap where a.inbox_id = swap.id
), orphaned as (
    delete from "inbox_lifecycle".email_domains d using swap
    where d.id = cast($22 as uuid) and not exists (
        select from "inbox_lifecycle".inboxes o where o.email_domain_id = d.id and o.id <> swap.id)
)
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash from swap i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id;

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

-- commit_move_patiently
with 
patience as materialized (
    select set_config('lock_timeout', $1, true) as lock_timeout
),
swap as (
    update "inbox_lifecycle".inboxes i
    set status = $2, warmup_status = $3, version = i.version + 1, head_hash = $4,
        updated_at = cast($5 as timestamptz)
    from patience
    where patience.lock_timeout is not null and i.id = cast($6 as uuid) and i.version = cast($7 as integer)
      and i.status = $8 and i.warmup_status = $9
      and i.owner_id is not distinct from cast($10 as text)
    returning i.*
), event as (
    insert into "inbox_lifecycle".inbox_events
        (inbox_id, version, event_id, name, schema, from_status, from_warmup_status, status, warmup_status,
         recorded_at, entry, hash, previous_hash, owner_id, actor, reason, correlation_id, causation_id,
         idempotency_key, context_key)
    select id, version, cast($11 as uuid), $12, cast($13 as integer), $8, $9,
           status, warmup_status, updated_at, $14, head_hash, cast($15 as bytea),
           cast($16 as text), cast($17 as text), cast($18 as text),
           cast($19 as text), cast($20 as text), cast($21 as text),
           cast($22 as bytea)
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

-- count_events
select (select count(*) from "inbox_lifecycle".inbox_events),
       (select count(*) from "inbox_lifecycle".inbox_feed) + (select count(*) from "inbox_lifecycle".inbox_feed_queue);

-- count_inboxes
select count(*) from "inbox_lifecycle".inboxes;

-- diagnosis_attempts_to_disable
select count(*) from (
    select 1 from "inbox_lifecycle".inbox_attempts a where a.to_disable order by a.inbox_id, a.id limit cast($1 as integer)
) m;

-- diagnosis_held_inboxes
select count(*), count(distinct case when o.lease_until >= statement_timestamp() then i.id end)
from (
    select a.inbox_id, a.lease_until from "inbox_lifecycle".inbox_attempts a
    where a.outcome is null order by a.inbox_id, a.id limit cast($1 as integer)
) o
left join "inbox_lifecycle".inboxes i on i.id = o.inbox_id and i.status = 'pending' and i.warmup_status = 'not_started'
    and i.erased_at is null and i.updated_at < cast($2 as timestamptz)
    and (cast($3 as text) is null or i.owner_id = cast($3 as text));

-- diagnosis_missing_rights_postgresql
with ours as (
    select c.oid, c.relname
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1
), wanted as (
    select o.oid, o.relname, w.column_name, w.privilege
    from unnest(cast($2 as text[]), cast($3 as text[]), cast($4 as text[]))
        as w (table_name, column_name, privilege)
    join ours o on o.relname = w.table_name
)
select relname, column_name, privilege from wanted
where not case when column_name is null then pg_catalog.has_table_privilege(oid, privilege)
               else pg_catalog.has_column_privilege(oid, column_name, privilege) end
union all
select nspname, null, 'usage' from pg_catalog.pg_namespace
where nspname = $1 and not pg_catalog.has_schema_privilege(oid, 'usage')
union all
select o.relname, null, 'policy' from ours o
where o.relname = any (cast($2 as text[])) and pg_catalog.row_security_active(o.oid) and not exists (
    select from pg_catalog.pg_policy p where p.polrelid = o.oid and p.polpermissive and exists (
        select from unnest(p.polroles) member (role)
        where member.role = 0 or pg_catalog.pg_has_role(member.role, 'usage')
    )
)
order by 1, 3, 2;

-- diagnosis_now
select statement_timestamp();

-- diagnosis_open_attempts
select count(*), coalesce(sum(case when o.lease_until < statement_timestamp() then 1 else 0 end), 0), min(o.lease_until)
from (
    select a.lease_until from "inbox_lifecycle".inbox_attempts a
    where a.outcome is null order by a.inbox_id, a.id limit cast($1 as integer)
) o;

-- diagnosis_parked_events
select count(*) from (select 1 from "inbox_lifecycle".inbox_parked_events p limit cast($1 as integer)) p;

-- diagnosis_pending_inboxes
select count(*), coalesce(sum(case when p.updated_at < cast($1 as timestamptz) then 1 else 0 end), 0),
       min(p.updated_at)
from (
    select i.updated_at from "inbox_lifecycle".inboxes i
    where i.status = 'pending' and i.warmup_status = 'not_started' and i.erased_at is null
    limit cast($2 as integer)
) p;

-- diagnosis_settings_postgresql
select s.name, s.setting from pg_catalog.pg_settings s
where s.name in ('fsync', 'full_page_writes', 'synchronous_commit', 'server_version_num');

-- diagnosis_standing_postgresql
select pg_catalog.pg_backend_pid(), r.rolsuper, coalesce((
        select pg_catalog.pg_has_role(c.relowner, 'usage')
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1 and c.relname = 'inbox_events'
    ), false), pg_catalog.current_setting('transaction_read_only') = 'on', pg_catalog.pg_is_in_recovery()
from pg_catalog.pg_roles r where r.rolname = current_user;

-- diagnosis_unsealed_tail
select count(*), (
    select e.recorded_at from "inbox_lifecycle".inbox_feed_queue q
    join "inbox_lifecycle".inbox_events e on e.inbox_id = q.inbox_id and e.version = q.version
    order by q.seq limit 1
)
from (select 1 from "inbox_lifecycle".inbox_feed_queue q order by q.seq limit cast($1 as integer)) u;

-- drop_orphaned_domain
delete from "inbox_lifecycle".email_domains as d
where not exists (select 1 from "inbox_lifecycle".inboxes o where o.email_domain_id = d.id) and d.id = cast($1 as uuid);

-- drop_orphaned_domains
delete from "inbox_lifecycle".email_domains as d
where not exists (select 1 from "inbox_lifecycle".inboxes o where o.email_domain_id = d.id) and 1 = 1;

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

-- feed_blocks_postgresql
select case when b.level = 0 then (
    select string_agg(f.leaf_hash, cast('' as bytea) order by f.position) from "inbox_lifecycle".inbox_feed f
    where f.position >= b.begin and f.position < b.past
) else (
    select string_agg(n.hash, cast('' as bytea) order by n.number) from "inbox_lifecycle".inbox_tree_nodes n
    where n.level = b.level and n.number >= b.begin and n.number < b.past
) end
from jsonb_to_recordset(cast(cast($1 as text) as jsonb))
    as b(place integer, level smallint, begin bigint, past bigint)
order by b.place;

-- feed_extent
select coalesce((select max(f.position) + 1 from "inbox_lifecycle".inbox_feed f), 0), coalesce((select max(n.number) + 1 from "inbox_lifecycle".inbox_tree_nodes n where n.level = 1), 0), coalesce((select max(n.number) + 1 from "inbox_lifecycle".inbox_tree_nodes n where n.level = 2), 0), coalesce((select max(n.number) + 1 from "inbox_lifecycle".inbox_tree_nodes n where n.level = 3), 0), coalesce((select max(n.number) + 1 from "inbox_lifecycle".inbox_tree_nodes n where n.level = 4), 0), coalesce((select max(n.number) + 1 from "inbox_lifecycle".inbox_tree_nodes n where n.level = 5), 0);

-- feed_leaves
select f.leaf_hash from "inbox_lifecycle".inbox_feed f
where f.position >= cast($1 as bigint) and f.position < cast($2 as bigint) order by f.position;

-- feed_nodes
select n.hash from "inbox_lifecycle".inbox_tree_nodes n
where n.level = cast($1 as smallint) and n.number >= cast($2 as bigint) and n.number < cast($3 as bigint)
order by n.number;

-- feed_page
select e.inbox_id, e.version, e.event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status, e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id, e.idempotency_key, e.context_key, f.position
from "inbox_lifecycle".inbox_feed f join "inbox_lifecycle".inbox_events e on e.inbox_id = f.inbox_id and e.version = f.version
where f.position > cast($1 as bigint)
order by f.position
limit cast($2 as integer);

-- feed_plant_postgresql
insert into "inbox_lifecycle".inbox_tree_nodes (level, number, hash)
select cast($1 as smallint), cast($2 as bigint) + t.ordinality - 1, t.hash
from unnest(cast($3 as bytea[])) with ordinality as t(hash, ordinality)
on conflict (level, number) do nothing;

-- feed_seal_postgresql
with head as materialized (
    select next_position from "inbox_lifecycle".inbox_feed_head
    where one = 1 and (select min(q.seq) from "inbox_lifecycle".inbox_feed_queue q) is not null for update skip locked
), picked as materialized (
    select q.ctid as at, q.inbox_id, q.version from "inbox_lifecycle".inbox_feed_queue q
    where exists (select from head) order by q.seq limit cast($1 as integer)
), reached as materialized (
    select p.inbox_id, min(p.version) as first, max(p.version) as version, count(*) as many from picked p
    group by p.inbox_id
), earlier as (
    select low.at from reached r cross join lateral (
        select q.ctid as at from "inbox_lifecycle".inbox_feed_queue q
        where q.inbox_id = r.inbox_id and q.version <= r.version offset 0
    ) low
    where r.many <= r.version - r.first or (r.first > 1 and not exists (
        select 1 from "inbox_lifecycle".inbox_feed f where f.inbox_id = r.inbox_id and f.version = r.first - 1 offset 0))
), taken as (
    delete from "inbox_lifecycle".inbox_feed_queue where ctid = any(array(
        select p.at from picked p union all select e.at from earlier e
    ))
    returning seq, inbox_id, version, hash
), ranked as (
    select t.inbox_id, t.version, t.hash, max(t.seq) over (partition by t.inbox_id order by t.version) as rank
    from taken t
), fed as (
    insert into "inbox_lifecycle".inbox_feed (position, inbox_id, version, leaf_hash)
    select h.next_position + row_number() over (order by r.rank, r.version) - 1, r.inbox_id, r.version, r.hash
    from ranked r cross join head h
    order by 1
    returning 1
), moved as (
    update "inbox_lifecycle".inbox_feed_head set next_position = next_position + (select count(*) from taken)
    where one = 1 and exists (select from taken)
)
select (select count(*) from fed),
       exists (select from head) or (select min(q.seq) from "inbox_lifecycle".inbox_feed_queue q) is null;

-- feed_unsealed
select count(*) from "inbox_lifecycle".inbox_feed_queue;

-- find_any
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from (
select * from (
    select i.* from "inbox_lifecycle".inboxes i where i.status = 'pending' and 1 = 1
    order by i.created_at desc, i.id desc
    limit cast($1 as integer)
) pending
union all
select * from (
    select i.* from "inbox_lifecycle".inboxes i where i.status = 'warming' and 1 = 1
    order by i.created_at desc, i.id desc
    limit cast($1 as integer)
) warming
union all
select * from (
    select i.* from "inbox_lifecycle".inboxes i where i.status = 'active' and 1 = 1
    order by i.created_at desc, i.id desc
    limit cast($1 as integer)
) active
union all
select * from (
    select i.* from "inbox_lifecycle".inboxes i where i.status = 'banned' and 1 = 1
    order by i.created_at desc, i.id desc
    limit cast($1 as integer)
) banned
) i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
order by i.created_at desc, i.id desc
limit cast($1 as integer);

-- find_any_by_all
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from (
select * from (
    select i.* from "inbox_lifecycle".inboxes i where i.status = 'pending' and i.warmup_status = cast($1 as text) and (i.created_at, i.id) < (cast($2 as timestamptz), cast($3 as uuid))
    order by i.created_at desc, i.id desc
    limit cast($4 as integer)
) pending
union all
select * from (
    select i.* from "inbox_lifecycle".inboxes i where i.status = 'warming' and i.warmup_status = cast($1 as text) and (i.created_at, i.id) < (cast($2 as timestamptz), cast($3 as uuid))
    order by i.created_at desc, i.id desc
    limit cast($4 as integer)
) warming
union all
select * from (
    select i.* from "inbox_lifecycle".inboxes i where i.status = 'active' and i.warmup_status = cast($1 as text) and (i.created_at, i.id) < (cast($2 as timestamptz), cast($3 as uuid))
    order by i.created_at desc, i.id desc
    limit cast($4 as integer)
) active
union all
select * from (
    select i.* from "inbox_lifecycle".inboxes i where i.status = 'banned' and i.warmup_status = cast($1 as text) and (i.created_at, i.id) < (cast($2 as timestamptz), cast($3 as uuid))
    order by i.created_at desc, i.id desc
    limit cast($4 as integer)
) banned
) i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
order by i.created_at desc, i.id desc
limit cast($4 as integer);

-- find_by_after_time
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from (
    select i.* from "inbox_lifecycle".inboxes i where (i.created_at, i.id) < (cast($1 as timestamptz), cast($2 as uuid))
    order by i.created_at desc, i.id desc
    limit 1001
) i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
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
from (
    select i.* from "inbox_lifecycle".inboxes i where i.owner_id = cast($1 as text)
    order by i.created_at desc, i.id desc
    limit 1001
) i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
order by i.created_at desc, i.id desc
limit cast($2 as integer);

-- find_by_status
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from (
    select i.* from "inbox_lifecycle".inboxes i where i.status = cast($1 as text)
    order by i.created_at desc, i.id desc
    limit 1001
) i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
order by i.created_at desc, i.id desc
limit cast($2 as integer);

-- find_by_warmup_status
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from (
    select i.* from "inbox_lifecycle".inboxes i where i.warmup_status = cast($1 as text)
    order by i.created_at desc, i.id desc
    limit 1001
) i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
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

-- guards_postgresql_guards
with ours as (
    select c.oid, c.relname, c.relnamespace, c.relrowsecurity
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = cast($1 as text) and c.relkind in ('r', 'p')
)
select 'table ' || t.relname, array['row-level security ' || case when t.relrowsecurity then 'on' else 'off' end]
from ours t
union all
select 'column ' || a.attname || ' of ' || t.relname, array['not null']
from ours t join pg_catalog.pg_attribute a on a.attrelid = t.oid
where a.attnum > 0 and a.attnotnull
union all
select 'constraint ' || k.conname || ' on ' || t.relname, array[
    case k.contype
        when 'p' then 'primary key (' || (
        select string_agg(a.attname, ', ' order by u.place)
        from unnest(k.conkey) with ordinality u (number, place)
        join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number
    ) || ')'
        when 'u' then 'unique (' || (
        select string_agg(a.attname, ', ' order by u.place)
        from unnest(k.conkey) with ordinality u (number, place)
        join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number
    ) || ')'
        when 'f' then 'foreign key (' || (
        select string_agg(a.attname, ', ' order by u.place)
        from unnest(k.conkey) with ordinality u (number, place)
        join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number
    ) || ') references '
            || coalesce((select o.relname from ours o where o.oid = k.confrelid), 'another schema')
            || ' (' || (
        select string_agg(a.attname, ', ' order by u.place)
        from unnest(k.confkey) with ordinality u (number, place)
        join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number
    ) || ')'
            || case when k.confupdtype <> 'a' or k.confdeltype <> 'a' then ', with actions' else '' end
        else 'check ' || replace(pg_catalog.pg_get_expr(k.conbin, k.conrelid), '\000', '\x00')
    end || case when k.condeferrable then ', deferrable' else '' end,
    case when k.convalidated then 'validated' else 'not validated' end,
    case when coalesce(to_jsonb(k) ->> 'conenforced', 'true') = 'false' or exists (
        select from pg_catalog.pg_trigger g where g.tgconstraint = k.oid and g.tgenabled not in ('O', 'A')
    ) then 'not enforced' else 'enforced' end
]
from ours t join pg_catalog.pg_constraint k on k.conrelid = t.oid
where k.contype in ('p', 'u', 'f', 'c')
union all
select 'unique index ' || x.relname || ' on ' || t.relname, array[
    '(' || coalesce((
        select string_agg(a.attname, ', ' order by u.place)
        from unnest(i.indkey) with ordinality u (number, place)
        join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.number
    ), '') || ')'
        || coalesce(' where ' || replace(pg_catalog.pg_get_expr(i.indpred, i.indrelid), '\000', '\x00'), ''),
    case when i.indisvalid and i.indisready and i.indislive then 'valid' else 'invalid' end
]
from ours t join pg_catalog.pg_index i on i.indrelid = t.oid join pg_catalog.pg_class x on x.oid = i.indexrelid
where i.indisunique
union all
select 'trigger ' || g.tgname || ' on ' || t.relname, array[
    case g.tgenabled when 'A' then 'enabled always' when 'O' then 'enabled' when 'R' then 'enabled on replicas only'
        else 'disabled' end,
    concat_ws(' ',
        case when g.tgtype & 2 <> 0 then 'before' else 'after' end,
        concat_ws(' or ',
            case when g.tgtype & 4 <> 0 then 'insert' end,
            case when g.tgtype & 8 <> 0 then 'delete' end,
            case when g.tgtype & 16 <> 0 then 'update' end,
            case when g.tgtype & 32 <> 0 then 'truncate' end),
        'of ' || (
        select string_agg(a.attname, ', ' order by u.place)
        from unnest(g.tgattr) with ordinality u (number, place)
        join pg_catalog.pg_attribute a on a.attrelid = g.tgrelid and a.attnum = u.number
    ),
        case when g.tgtype & 1 <> 0 then 'for each row' else 'for each statement' end,
        case when g.tgqual is not null then 'on a condition' end),
    'runs ' || coalesce((
        select p.proname from pg_catalog.pg_proc p where p.oid = g.tgfoid and p.pronamespace = t.relnamespace
    ), 'a function of another schema')
]
from ours t join pg_catalog.pg_trigger g on g.tgrelid = t.oid
where not g.tgisinternal
union all
select 'function ' || p.proname, array[
    concat_ws(', ', l.lanname, case when p.prosecdef then 'with the rights of its owner' end,
        'set ' || array_to_string(p.proconfig, ', set ')),
    'source ' || encode(sha256(convert_to(
        replace(replace(p.prosrc, cast($2 as text), '<schema>.'), chr(13), ''), 'UTF8')), 'hex')
]
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_language l on l.oid = p.prolang
where n.nspname = cast($1 as text) and p.prorettype = cast('pg_catalog.trigger' as regtype);

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

-- id_at
select i.id from "inbox_lifecycle".inboxes i order by i.id limit 1 offset cast($1 as integer);

-- launching_abandon_launches_postgresql
update "inbox_lifecycle".inbox_attempts as a
set outcome = 'abandoned', closed_at = cast($1 as timestamptz), detail = cast($2 as text)
where a.claim = cast($3 as text) and a.outcome is null and a.inbox_id in (select cast(e as uuid) from jsonb_array_elements_text(cast($4 as jsonb)) e) and (cast($5 as text) is null or a.owner_id = cast($5 as text) or a.owner_id is null) and a.lease_until < statement_timestamp();

-- launching_close_launch_postgresql
update "inbox_lifecycle".inbox_attempts as a
set outcome = $1, closed_at = cast($2 as timestamptz), detail = c.detail
from (
    select cast(e ->> 'inbox' as uuid) as inbox_id, cast(e ->> 'attempt' as uuid) as attempt_id,
           e ->> 'detail' as detail
    from jsonb_array_elements(cast($3 as jsonb)) e
) c
where a.inbox_id = c.inbox_id and a.id = c.attempt_id and a.outcome is null and (cast($4 as text) is null or a.owner_id = cast($4 as text) or a.owner_id is null);

-- launching_holders_postgresql
select a.inbox_id, a.id, cast(extract(epoch from a.lease_until - statement_timestamp()) as double precision)
from "inbox_lifecycle".inbox_attempts a
where a.claim = cast($1 as text) and a.outcome is null and a.inbox_id in (select cast(e as uuid) from jsonb_array_elements_text(cast($2 as jsonb)) e) and (cast($3 as text) is null or a.owner_id = cast($3 as text) or a.owner_id is null);

-- launching_open_launch_as_operator_postgresql
with asked as (
    select cast(e ->> 'inbox' as uuid) as inbox_id, cast(e ->> 'attempt' as uuid) as attempt_id
    from jsonb_array_elements(cast($1 as jsonb)) e
), seen as materialized (
    select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, asked.attempt_id
    from asked
    join "inbox_lifecycle".inboxes i on i.id = asked.inbox_id
    join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id and d.owner_id = i.owner_id
    where i.erased_at is null
), opened as (
    insert into "inbox_lifecycle".inbox_attempts (inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable, owner_id, actor, reason, correlation_id, causation_id, claim)
    select id, attempt_id, 'launch', version, status, warmup_status, cast($2 as timestamptz),
           statement_timestamp() + make_interval(secs => cast($3 as double precision)), false,
           owner_id, cast($4 as text), cast($5 as text), cast($6 as text),
           cast($7 as text), cast($8 as text)
    from seen
    order by id
    on conflict do nothing
    returning inbox_id
)
select seen.*, (o.inbox_id is not null or a.id is not null) as held
from seen
left join opened o on o.inbox_id = seen.id
left join "inbox_lifecycle".inbox_attempts a on a.inbox_id = seen.id and a.id = seen.attempt_id and a.outcome is null;

-- launching_open_launch_as_owner_postgresql
with asked as (
    select cast(e ->> 'inbox' as uuid) as inbox_id, cast(e ->> 'attempt' as uuid) as attempt_id
    from jsonb_array_elements(cast($1 as jsonb)) e
), seen as materialized (
    select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, asked.attempt_id
    from asked
    join "inbox_lifecycle".inboxes i on i.id = asked.inbox_id
    join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id and d.owner_id = i.owner_id
    where i.owner_id = cast($2 as text) and i.erased_at is null
), opened as (
    insert into "inbox_lifecycle".inbox_attempts (inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable, owner_id, actor, reason, correlation_id, causation_id, claim)
    select id, attempt_id, 'launch', version, status, warmup_status, cast($3 as timestamptz),
           statement_timestamp() + make_interval(secs => cast($4 as double precision)), false,
           owner_id, cast($5 as text), cast($6 as text), cast($7 as text),
           cast($8 as text), cast($9 as text)
    from seen
    order by id
    on conflict do nothing
    returning inbox_id
)
select seen.*, (o.inbox_id is not null or a.id is not null) as held
from seen
left join opened o on o.inbox_id = seen.id
left join "inbox_lifecycle".inbox_attempts a on a.inbox_id = seen.id and a.id = seen.attempt_id and a.outcome is null;

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

-- proving_entries_as_operator
select e.version, e.entry, f.position, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id,
       e.idempotency_key, e.context_key
from "inbox_lifecycle".inboxes i
join "inbox_lifecycle".inbox_events e on e.inbox_id = i.id
join "inbox_lifecycle".inbox_feed f on f.inbox_id = e.inbox_id and f.version = e.version
where i.id = cast($1 as uuid) and e.version > cast($2 as integer) and e.version <= cast($3 as integer)
      
order by e.version
limit cast($4 as integer);

-- proving_entries_as_owner
select e.version, e.entry, f.position, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id,
       e.idempotency_key, e.context_key
from "inbox_lifecycle".inboxes i
join "inbox_lifecycle".inbox_events e on e.inbox_id = i.id
join "inbox_lifecycle".inbox_feed f on f.inbox_id = e.inbox_id and f.version = e.version
where i.id = cast($1 as uuid) and e.version > cast($2 as integer) and e.version <= cast($3 as integer)
      and i.owner_id = cast($4 as text) and i.erased_at is null
order by e.version
limit cast($5 as integer);

-- proving_head_in_tree
select f.version, f.leaf_hash from "inbox_lifecycle".inbox_feed f
where f.inbox_id = cast($1 as uuid) and f.position < cast($2 as bigint)
order by f.version desc limit 1;

-- proving_last
select c.size, c.root, c.note from "inbox_lifecycle".inbox_checkpoints c
where c.origin = cast($1 as text) order by c.size desc limit 100;

-- proving_newest_as_operator
select i.email_address, i.address_key,
       (select f.position from "inbox_lifecycle".inbox_feed f where f.inbox_id = i.id and f.version = i.version)
from "inbox_lifecycle".inboxes i where i.id = cast($1 as uuid);

-- proving_newest_as_owner
select i.email_address, i.address_key,
       (select f.position from "inbox_lifecycle".inbox_feed f where f.inbox_id = i.id and f.version = i.version)
from "inbox_lifecycle".inboxes i where i.id = cast($1 as uuid) and i.owner_id = cast($2 as text) and i.erased_at is null;

-- proving_page
select c.origin, c.size, c.note from "inbox_lifecycle".inbox_checkpoints c
where (c.size, c.origin) > (cast($1 as bigint), cast($2 as text))
order by c.size, c.origin
limit cast($3 as integer);

-- proving_store
insert into "inbox_lifecycle".inbox_checkpoints (origin, size, root, note, signed_at)
select cast($1 as text), cast($2 as bigint), cast($3 as bytea), cast($4 as text), cast($5 as timestamptz)
where not exists (
    select 1 from "inbox_lifecycle".inbox_checkpoints c where c.origin = cast($1 as text) and c.size = cast($2 as bigint)
)
on conflict (origin, size) do nothing;

-- prunable_until
select p.inbox_id, p.id
from (
    select inbox_id, id from "inbox_lifecycle".inbox_attempts where outcome is not null and not to_disable and closed_at < cast($1 as timestamptz) and lease_until < statement_timestamp()
  and (inbox_id, id) > (cast($2 as uuid), cast($3 as uuid))
    order by inbox_id, id
    limit cast($4 as integer)
) p
order by p.inbox_id desc, p.id desc
limit 1;

-- prune_attempts
delete from "inbox_lifecycle".inbox_attempts
where outcome is not null and not to_disable and closed_at < cast($1 as timestamptz) and lease_until < statement_timestamp()
  and (inbox_id, id) > (cast($2 as uuid), cast($3 as uuid)) and (inbox_id, id) <= (cast($4 as uuid), cast($5 as uuid));

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

-- replaying_feed_rows_postgresql
select cast(e.inbox_id as text) as inbox_id, e.version, cast(e.event_id as text) as event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status, e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id, e.idempotency_key, f.position
from "inbox_lifecycle".inbox_feed f join "inbox_lifecycle".inbox_events e on e.inbox_id = f.inbox_id and e.version = f.version
where f.position > cast($1 as bigint) and f.position <= cast($2 as bigint)
order by f.position
limit cast($3 as integer);

-- revision
select version_num from "inbox_lifecycle".inbox_lifecycle_alembic_version;

-- sending_senders_as_operator_postgresql
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from jsonb_array_elements_text(cast($1 as jsonb)) e (value) join "inbox_lifecycle".inboxes i on i.id = cast(e.value as uuid) left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
where i.erased_at is null;

-- sending_senders_as_owner_postgresql
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from jsonb_array_elements_text(cast($1 as jsonb)) e (value) join "inbox_lifecycle".inboxes i on i.id = cast(e.value as uuid) left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
where i.owner_id = cast($2 as text) and i.erased_at is null;

-- sending_warmed_as_operator
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from "inbox_lifecycle".inboxes i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
where i.warmup_status in ('warming', 'active') and i.erased_at is null and i.id > cast($1 as uuid)
order by i.id
limit cast($2 as integer);

-- sending_warmed_as_owner
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from "inbox_lifecycle".inboxes i left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
where i.owner_id = cast($1 as text) and i.warmup_status in ('warming', 'active') and i.erased_at is null and i.id > cast($2 as uuid)
order by i.id
limit cast($3 as integer);

-- subscriptions_advance_postgresql
update "inbox_lifecycle".inbox_subscriptions set position = cast($1 as bigint), lease_until = statement_timestamp() + make_interval(secs => cast($2 as double precision))
where name = cast($3 as text) and holder = cast($4 as uuid);

-- subscriptions_claim_postgresql
insert into "inbox_lifecycle".inbox_subscriptions (name, position, holder, lease_until)
values (cast($1 as text), -1, cast($2 as uuid), statement_timestamp() + make_interval(secs => cast($3 as double precision)))
on conflict (name) do update set holder = excluded.holder, lease_until = excluded.lease_until
where inbox_subscriptions.holder is null or inbox_subscriptions.lease_until < statement_timestamp()
   or inbox_subscriptions.holder = excluded.holder
returning position;

-- subscriptions_park
insert into "inbox_lifecycle".inbox_parked_events (subscription, position, error, tries, parked_at)
select s.name, cast($1 as bigint), cast($2 as text), cast($3 as integer), cast($4 as timestamptz)
from "inbox_lifecycle".inbox_subscriptions s
where s.name = cast($5 as text) and s.holder = cast($6 as uuid)
on conflict (subscription, position) do update
set error = excluded.error, tries = inbox_parked_events.tries + excluded.tries, parked_at = excluded.parked_at;

-- subscriptions_parked
select e.inbox_id, e.version, e.event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status, e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id, e.idempotency_key, e.context_key, p.position, p.error, p.tries, p.parked_at
from "inbox_lifecycle".inbox_parked_events p
join "inbox_lifecycle".inbox_feed f on f.position = p.position
join "inbox_lifecycle".inbox_events e on e.inbox_id = f.inbox_id and e.version = f.version
where p.subscription = cast($1 as text) and p.position > cast($2 as bigint)
order by p.position
limit cast($3 as integer);

-- subscriptions_release
update "inbox_lifecycle".inbox_subscriptions set holder = null, lease_until = null
where name = cast($1 as text) and holder = cast($2 as uuid);

-- subscriptions_unpark
delete from "inbox_lifecycle".inbox_parked_events
where subscription = cast($1 as text) and position = cast($2 as bigint);

-- travel_as_of_as_operator
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, e.status, e.warmup_status, e.version, i.created_at, e.recorded_at, case when i.erased_at is not null then (select max(x.recorded_at) from "inbox_lifecycle".inbox_events x where x.inbox_id = i.id and x.name = 'inbox.erased' and x.version <= e.version) end as erased_at, e.hash, i.version as newest,
       case when cast($1 as bigint) is not null then (select max(f.position) from "inbox_lifecycle".inbox_feed f) end
           as sealed
from "inbox_lifecycle".inboxes i
left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
left join "inbox_lifecycle".inbox_events e on e.inbox_id = i.id
    and e.version = coalesce(cast($2 as integer), (select max(x.version) from "inbox_lifecycle".inbox_events x where x.inbox_id = i.id and x.recorded_at <= cast($3 as timestamptz)), (select max(f.version) from "inbox_lifecycle".inbox_feed f where f.inbox_id = i.id and f.position <= cast($1 as bigint)))
where i.id = cast($4 as uuid) and 1 = 1;

-- travel_as_of_as_owner
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, e.status, e.warmup_status, e.version, i.created_at, e.recorded_at, case when i.erased_at is not null then (select max(x.recorded_at) from "inbox_lifecycle".inbox_events x where x.inbox_id = i.id and x.name = 'inbox.erased' and x.version <= e.version) end as erased_at, e.hash, i.version as newest,
       case when cast($1 as bigint) is not null then (select max(f.position) from "inbox_lifecycle".inbox_feed f) end
           as sealed
from "inbox_lifecycle".inboxes i
left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
left join "inbox_lifecycle".inbox_events e on e.inbox_id = i.id
    and e.version = coalesce(cast($2 as integer), (select max(x.version) from "inbox_lifecycle".inbox_events x where x.inbox_id = i.id and x.recorded_at <= cast($3 as timestamptz)), (select max(f.version) from "inbox_lifecycle".inbox_feed f where f.inbox_id = i.id and f.position <= cast($1 as bigint)))
where i.id = cast($4 as uuid) and i.owner_id = cast($5 as text) and i.erased_at is null;

-- travel_why_as_operator
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, e.inbox_id, e.version, e.event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status, e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id, e.idempotency_key, e.context_key, a.id, a.inbox_id, a.kind, a.seen_version, a.seen_status, a.seen_warmup_status, a.opened_at, a.lease_until, a.outcome, a.closed_at, a.event_version, a.to_disable, a.detail, a.owner_id, a.actor, a.reason, a.correlation_id, a.causation_id, a.idempotency_key
from "inbox_lifecycle".inboxes i
left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
join "inbox_lifecycle".inbox_events e on e.inbox_id = i.id and e.version = (
    select max(x.version) from "inbox_lifecycle".inbox_events x
    where x.inbox_id = i.id
      and (x.version = 1 or x.status <> x.from_status or x.warmup_status <> x.from_warmup_status))
left join "inbox_lifecycle".inbox_attempts a on a.inbox_id = i.id and a.event_version = e.version and a.outcome = 'moved'
where i.id = cast($1 as uuid) and 1 = 1;

-- travel_why_as_owner
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, e.inbox_id, e.version, e.event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status, e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id, e.idempotency_key, e.context_key, a.id, a.inbox_id, a.kind, a.seen_version, a.seen_status, a.seen_warmup_status, a.opened_at, a.lease_until, a.outcome, a.closed_at, a.event_version, a.to_disable, a.detail, a.owner_id, a.actor, a.reason, a.correlation_id, a.causation_id, a.idempotency_key
from "inbox_lifecycle".inboxes i
left join "inbox_lifecycle".email_domains d on d.id = i.email_domain_id
join "inbox_lifecycle".inbox_events e on e.inbox_id = i.id and e.version = (
    select max(x.version) from "inbox_lifecycle".inbox_events x
    where x.inbox_id = i.id
      and (x.version = 1 or x.status <> x.from_status or x.warmup_status <> x.from_warmup_status))
left join "inbox_lifecycle".inbox_attempts a on a.inbox_id = i.id and a.event_version = e.version and a.outcome = 'moved'
where i.id = cast($1 as uuid) and i.owner_id = cast($2 as text) and i.erased_at is null;

-- verification_feed_checkpoints
select c.origin, c.size, c.root, c.note
from "inbox_lifecycle".inbox_checkpoints c
where c.size > cast($1 as bigint) and c.size <= cast($2 as bigint)
  and (c.size, c.origin) > (cast($3 as bigint), cast($4 as text))
order by c.size, c.origin
limit cast($5 as integer);

-- verification_feed_feed_postgresql
select f.position, cast(f.inbox_id as text), f.version, f.leaf_hash,
       (select e.hash from "inbox_lifecycle".inbox_events e where e.inbox_id = f.inbox_id and e.version = f.version),
       (select p.position from "inbox_lifecycle".inbox_feed p where p.inbox_id = f.inbox_id and p.version = f.version - 1)
from "inbox_lifecycle".inbox_feed f
where f.position >= cast($1 as bigint) and f.position < cast($2 as bigint)
order by f.position
limit cast($3 as integer);

-- verification_feed_head_postgresql
select (select h.next_position from "inbox_lifecycle".inbox_feed_head h where h.one = 1),
       (select coalesce(max(f.position) + 1, 0) from "inbox_lifecycle".inbox_feed f);

-- verification_feed_outside
select i.id from "inbox_lifecycle".inboxes i where i.id <= cast($1 as uuid) or i.id > cast($2 as uuid)
union
select e.inbox_id from "inbox_lifecycle".inbox_events e where e.inbox_id <= cast($1 as uuid) or e.inbox_id > cast($2 as uuid);

-- verification_feed_queue
select q.seq, q.inbox_id, q.version,
       (select 1 from "inbox_lifecycle".inbox_events e where e.inbox_id = q.inbox_id and e.version = q.version and e.hash = q.hash),
       (select f.position from "inbox_lifecycle".inbox_feed f where f.inbox_id = q.inbox_id and f.version = q.version)
from "inbox_lifecycle".inbox_feed_queue q
where q.seq >= cast($1 as bigint)
order by q.seq
limit cast($2 as integer);

-- verification_feed_stray
select count(*) from "inbox_lifecycle".inbox_tree_nodes n
where n.number < 0 or n.level < 1 or n.level >= 6;

-- verification_feed_unfed
select e.inbox_id, e.version
from "inbox_lifecycle".inbox_events e
where (e.inbox_id, e.version) > (cast($1 as uuid), cast($2 as integer))
  and e.inbox_id <= cast($3 as uuid)
  and not exists (select 1 from "inbox_lifecycle".inbox_feed f where f.inbox_id = e.inbox_id and f.version = e.version)
  and not exists (select 1 from "inbox_lifecycle".inbox_feed_queue q where q.inbox_id = e.inbox_id and q.version = e.version)
order by e.inbox_id, e.version
limit cast($4 as integer);

-- verify_attempts
select a.id, a.inbox_id, a.kind, a.seen_version, a.seen_status, a.seen_warmup_status, a.opened_at, a.lease_until, a.outcome, a.closed_at, a.event_version, a.to_disable, a.detail, a.owner_id, a.actor, a.reason, a.correlation_id, a.causation_id, a.idempotency_key, m.name, m.entry,
       (select 1 from "inbox_lifecycle".inboxes i where i.id = a.inbox_id) as has_inbox
from "inbox_lifecycle".inbox_attempts a
left join "inbox_lifecycle".inbox_events m on m.inbox_id = a.inbox_id and m.version = a.event_version and a.outcome = 'moved'
where (a.inbox_id, a.id) > (cast($1 as uuid), cast($2 as uuid))
  and a.inbox_id <= cast($3 as uuid)
order by a.inbox_id, a.id
limit cast($4 as integer);

-- verify_events_postgresql
select cast(e.inbox_id as text) as inbox_id, e.version, cast(e.event_id as text) as event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status, e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id, e.idempotency_key, e.context_key,
       case when e.context_key is null then
           (select 1 from "inbox_lifecycle".inboxes i where i.id = e.inbox_id and i.erased_at is not null)
       end as erased
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
