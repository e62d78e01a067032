-- What inbox-lifecycle 0.1.0 says to sqlite; it needs revision 1.0008.

-- api_keys_api_keys
select id, prefix, owner_id, label, created_at, created_by, expires_at, revoked_at, revoked_by from inbox_api_keys where id > cast(:after as text)
order by id limit cast(:limit as integer);

-- api_keys_api_keys_of_owner
select id, prefix, owner_id, label, created_at, created_by, expires_at, revoked_at, revoked_by from inbox_api_keys where owner_id = cast(:owner_id as text) and id > cast(:after as text)
order by id limit cast(:limit as integer);

-- api_keys_find_api_key
select id, prefix, owner_id, label, created_at, created_by, expires_at, revoked_at, revoked_by, hash, (revoked_at is null and (expires_at is null or expires_at > strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z')) as holds
from inbox_api_keys where prefix = cast(:prefix as text);

-- api_keys_insert_api_key_sqlite
insert into inbox_api_keys (id, prefix, hash, owner_id, label, created_by, created_at, expires_at)
values (cast(:id as text), cast(:prefix as text), cast(:hash as blob), cast(:owner_id as text),
        cast(:label as text), cast(:created_by as text), strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', strftime('%Y-%m-%dT%H:%M:%f', 'now', :lifetime || ' seconds') || '000Z')
on conflict (id) do update set revoked_at = inbox_api_keys.revoked_at
returning id, prefix, owner_id, label, created_at, created_by, expires_at, revoked_at, revoked_by;

-- api_keys_revoke_api_key_by_id
update inbox_api_keys
set revoked_at = coalesce(revoked_at, strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'), revoked_by = coalesce(revoked_by, cast(:revoked_by as text))
where id = cast(:key as text)
returning id, prefix, owner_id, label, created_at, created_by, expires_at, revoked_at, revoked_by;

-- api_keys_revoke_api_key_by_prefix
update inbox_api_keys
set revoked_at = coalesce(revoked_at, strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'), revoked_by = coalesce(revoked_by, cast(:revoked_by as text))
where prefix = cast(:key as text)
returning id, prefix, owner_id, label, created_at, created_by, expires_at, revoked_at, revoked_by;

-- attempts_as_operator
select a.id, a.inbox_id, a.kind, a.seen_version, a.seen_status, a.seen_warmup_status, a.opened_at, a.lease_until, a.outcome, a.closed_at, a.event_version, a.to_disable, a.detail, a.owner_id, a.actor, a.reason, a.correlation_id, a.causation_id, a.idempotency_key
from inbox_attempts a join inboxes i on i.id = a.inbox_id
where a.inbox_id = cast(:inbox_id as text) and a.id > cast(:after as text)
order by a.id
limit cast(:limit as integer);

-- attempts_as_owner
select a.id, a.inbox_id, a.kind, a.seen_version, a.seen_status, a.seen_warmup_status, a.opened_at, a.lease_until, a.outcome, a.closed_at, a.event_version, a.to_disable, a.detail, a.owner_id, a.actor, a.reason, a.correlation_id, a.causation_id, a.idempotency_key
from inbox_attempts a join inboxes i on i.id = a.inbox_id
where i.owner_id = cast(:owner_id as text) and i.erased_at is null and a.inbox_id = cast(:inbox_id as text) and a.id > cast(:after as text)
order by a.id
limit cast(:limit as integer);

-- births_sql_found_sqlite
select :inbox_id, i.id, i.owner_id, i.email_address, e.event_id
from inboxes i left join inbox_events e on e.inbox_id = i.id and e.version = 1
where i.id = :inbox_id or i.email_address = :email_address;

-- blank_attempts
update inbox_attempts set owner_id = null, actor = null, reason = null, correlation_id = null, causation_id = null, idempotency_key = null, detail = case when outcome in ('rejected', 'throttled', 'busy', 'unavailable') then null else detail end where inbox_id = :inbox_id;

-- blank_events
update inbox_events set owner_id = null, actor = null, reason = null, correlation_id = null, causation_id = null, idempotency_key = null, context_key = null
where inbox_id = :inbox_id and version <= :seen_version;

-- blank_late_attempts_of_all
update inbox_attempts set owner_id = null, actor = null, reason = null, correlation_id = null, causation_id = null, idempotency_key = null, detail = case when outcome in ('rejected', 'throttled', 'busy', 'unavailable') then null else detail end
where (owner_id is not null or actor is not null or reason is not null or correlation_id is not null
       or causation_id is not null or idempotency_key is not null)
  and exists (select 1 from inboxes i where i.id = inbox_id and i.erased_at is not null)
  and 1 = 1;

-- blank_late_attempts_of_one
update inbox_attempts set owner_id = null, actor = null, reason = null, correlation_id = null, causation_id = null, idempotency_key = null, detail = case when outcome in ('rejected', 'throttled', 'busy', 'unavailable') then null else detail end
where (owner_id is not null or actor is not null or reason is not null or correlation_id is not null
       or causation_id is not null or idempotency_key is not null)
  and exists (select 1 from inboxes i where i.id = inbox_id and i.erased_at is not null)
  and inbox_id = cast(:inbox_id as text);

-- blank_row
update inboxes
set erased_at = :recorded_at, owner_id = null, email_domain_id = null, email_address = null, address_key = null,
    provider_ref = null
where id = :inbox_id;

-- bulk_sql_claim_sqlite
insert into inbox_attempts
    (inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable,
     owner_id, actor, reason, correlation_id, causation_id, claim)
select i.id, :attempt_id, 'retry', i.version, i.status, i.warmup_status, :now,
       strftime('%Y-%m-%dT%H:%M:%f', 'now', :lease || ' seconds') || '000Z', 0,
       i.owner_id, :actor, :reason, :correlation_id, :causation_id, 'bulk'
from inboxes i where i.id = :inbox_id and i.erased_at is null
on conflict do nothing;

-- bulk_sql_close_sqlite
update inbox_attempts set outcome = :outcome, closed_at = :now, detail = :detail
where inbox_id = :inbox_id and id = :attempt_id and outcome is null
  and (owner_id = :owner_id or owner_id is null);

-- bulk_sql_count_stuck_of_all
select count(*) from inboxes i
where i.status = 'pending' and i.warmup_status = 'not_started' and i.erased_at is null
  and i.updated_at < cast(:before as text) and i.id > cast(:after as text) and 1 = 1
  and not exists (
      select 1 from inbox_attempts a
      where a.inbox_id = i.id and a.claim = 'bulk' and a.outcome is null and a.lease_until >= strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z')
  and not exists (
      select 1 from inbox_attempts r
      where r.inbox_id = i.id and r.outcome = 'rejected' and r.closed_at >= cast(:before as text));

-- bulk_sql_count_stuck_of_one
select count(*) from inboxes i
where i.status = 'pending' and i.warmup_status = 'not_started' and i.erased_at is null
  and i.updated_at < cast(:before as text) and i.id > cast(:after as text) and i.owner_id = cast(:owner_id as text)
  and not exists (
      select 1 from inbox_attempts a
      where a.inbox_id = i.id and a.claim = 'bulk' and a.outcome is null and a.lease_until >= strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z')
  and not exists (
      select 1 from inbox_attempts r
      where r.inbox_id = i.id and r.outcome = 'rejected' and r.closed_at >= cast(:before as text));

-- bulk_sql_give_up_sqlite
update inbox_attempts as a
set outcome = 'abandoned', closed_at = :now, detail = :detail
where a.inbox_id = :inbox_id and a.id <> :attempt_id and a.claim = 'bulk' and a.outcome is null
  and a.lease_until < strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'
  and exists (
      select 1 from inboxes i where i.id = a.inbox_id and i.version = a.seen_version and i.erased_at is null);

-- bulk_sql_hold_sqlite
update inbox_attempts as a
set seen_version = i.version, seen_status = i.status, seen_warmup_status = i.warmup_status,
    lease_until = strftime('%Y-%m-%dT%H:%M:%f', 'now', :lease || ' seconds') || '000Z'
from inboxes i
where i.id = :inbox_id and a.inbox_id = :inbox_id and a.id = :attempt_id and a.outcome is null;

-- bulk_sql_just_moved_sqlite
select 1 from inbox_attempts a join inbox_events e on e.inbox_id = a.inbox_id and e.version = :seen_version + 1
where a.inbox_id = :inbox_id and a.id = :attempt_id and a.outcome is null and e.event_id = :event_id;

-- bulk_sql_prolong_sqlite
update inbox_attempts set lease_until = strftime('%Y-%m-%dT%H:%M:%f', 'now', :lease || ' seconds') || '000Z'
where inbox_id = :inbox_id and id = :attempt_id and outcome is null;

-- bulk_sql_stuck_of_all
select i.id from inboxes i
where i.status = 'pending' and i.warmup_status = 'not_started' and i.erased_at is null
  and i.updated_at < cast(:before as text) and i.id > cast(:after as text) and 1 = 1
  and not exists (
      select 1 from inbox_attempts a
      where a.inbox_id = i.id and a.claim = 'bulk' and a.outcome is null and a.lease_until >= strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z')
  and not exists (
      select 1 from inbox_attempts r
      where r.inbox_id = i.id and r.outcome = 'rejected' and r.closed_at >= cast(:before as text))
order by i.id
limit cast(:limit as integer);

-- bulk_sql_stuck_of_one
select i.id from inboxes i
where i.status = 'pending' and i.warmup_status = 'not_started' and i.erased_at is null
  and i.updated_at < cast(:before as text) and i.id > cast(:after as text) and i.owner_id = cast(:owner_id as text)
  and not exists (
      select 1 from inbox_attempts a
      where a.inbox_id = i.id and a.claim = 'bulk' and a.outcome is null and a.lease_until >= strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z')
  and not exists (
      select 1 from inbox_attempts r
      where r.inbox_id = i.id and r.outcome = 'rejected' and r.closed_at >= cast(:before as text))
order by i.id
limit cast(:limit as integer);

-- clear_mark
update inbox_attempts set to_disable = 0
where inbox_id = cast(:inbox_id as text) and id = cast(:attempt_id as text) and to_disable;

-- close_attempt
update inbox_attempts
set outcome = coalesce(outcome, :outcome), closed_at = coalesce(closed_at, cast(:now as text)),
    detail = case when outcome is null then cast(:detail as text) else detail end,
    event_version = coalesce(event_version, cast(:event_version as integer)),
    to_disable = to_disable or (:accepted = 1 and exists (
        select 1 from inboxes i where i.id = cast(:inbox_id as text) and i.status = 'banned'))
where inbox_id = cast(:inbox_id as text) and id = cast(:attempt_id as text)
  and (outcome is null or (:accepted = 1 and outcome <> 'moved'))
  and (owner_id = cast(:owner_id as text) or owner_id is null);

-- close_moved
update inbox_attempts set outcome = 'moved', closed_at = :now, event_version = :seen_version + 1
where inbox_id = :inbox_id and id = :attempt_id;

-- closed
select cast(:closed as integer), k.version, k.name, k.status, k.warmup_status, k.recorded_at
from (select 1 as one) o
left join inbox_events k on k.inbox_id = cast(:inbox_id as text)
    and k.idempotency_key = cast(:idempotency_key as text);

-- count_events
select (select count(*) from inbox_events),
       (select count(*) from inbox_feed) + (select count(*) from inbox_feed_queue);

-- count_inboxes
select count(*) from inboxes;

-- diagnosis_attempts_to_disable
select count(*) from (
    select 1 from inbox_attempts a where a.to_disable order by a.inbox_id, a.id limit cast(:limit as integer)
) m;

-- diagnosis_held_inboxes
select count(*), count(distinct case when o.lease_until >= strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' then i.id end)
from (
    select a.inbox_id, a.lease_until from inbox_attempts a
    where a.outcome is null order by a.inbox_id, a.id limit cast(:limit as integer)
) o
left join inboxes i on i.id = o.inbox_id and i.status = 'pending' and i.warmup_status = 'not_started'
    and i.erased_at is null and i.updated_at < cast(:before as text)
    and (cast(:owner_id as text) is null or i.owner_id = cast(:owner_id as text));

-- diagnosis_now
select strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z';

-- diagnosis_open_attempts
select count(*), coalesce(sum(case when o.lease_until < strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' then 1 else 0 end), 0), min(o.lease_until)
from (
    select a.lease_until from inbox_attempts a
    where a.outcome is null order by a.inbox_id, a.id limit cast(:limit as integer)
) o;

-- diagnosis_parked_events
select count(*) from (select 1 from inbox_parked_events p limit cast(:limit as integer)) p;

-- diagnosis_pending_inboxes
select count(*), coalesce(sum(case when p.updated_at < cast(:before as text) then 1 else 0 end), 0),
       min(p.updated_at)
from (
    select i.updated_at from inboxes i
    where i.status = 'pending' and i.warmup_status = 'not_started' and i.erased_at is null
    limit cast(:limit as integer)
) p;

-- diagnosis_unsealed_tail
select count(*), (
    select e.recorded_at from inbox_feed_queue q
    join inbox_events e on e.inbox_id = q.inbox_id and e.version = q.version
    order by q.seq limit 1
)
from (select 1 from inbox_feed_queue q order by q.seq limit cast(:limit as integer)) u;

-- drop_orphaned_domain
delete from email_domains as d
where not exists (select 1 from inboxes o where o.email_domain_id = d.id) and d.id = cast(:email_domain_id as text);

-- drop_orphaned_domains
delete from email_domains as d
where not exists (select 1 from inboxes o where o.email_domain_id = d.id) and 1 = 1;

-- expired_attempts
select a.id, a.inbox_id, a.kind, a.seen_version, a.seen_status, a.seen_warmup_status, a.opened_at, a.lease_until, a.outcome, a.closed_at, a.event_version, a.to_disable, a.detail, a.owner_id, a.actor, a.reason, a.correlation_id, a.causation_id, a.idempotency_key, i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, k.version, k.name, k.status, k.warmup_status, k.recorded_at
from inbox_attempts a
join inboxes i on i.id = a.inbox_id
left join email_domains d on d.id = i.email_domain_id
left join inbox_events k on k.inbox_id = a.inbox_id and k.idempotency_key = a.idempotency_key
where a.outcome is null and a.lease_until < strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'
  and (a.inbox_id, a.id) > (cast(:after_inbox as text), cast(:after_attempt as text))
order by a.inbox_id, a.id
limit cast(:limit as integer);

-- feed_extent
select coalesce((select max(f.position) + 1 from inbox_feed f), 0), coalesce((select max(n.number) + 1 from inbox_tree_nodes n where n.level = 1), 0), coalesce((select max(n.number) + 1 from inbox_tree_nodes n where n.level = 2), 0), coalesce((select max(n.number) + 1 from inbox_tree_nodes n where n.level = 3), 0), coalesce((select max(n.number) + 1 from inbox_tree_nodes n where n.level = 4), 0), coalesce((select max(n.number) + 1 from inbox_tree_nodes n where n.level = 5), 0);

-- feed_leaves
select f.leaf_hash from inbox_feed f
where f.position >= cast(:begin as bigint) and f.position < cast(:end as bigint) order by f.position;

-- feed_nodes
select n.hash from inbox_tree_nodes n
where n.level = cast(:level as smallint) and n.number >= cast(:begin as bigint) and n.number < cast(:end as bigint)
order by n.number;

-- feed_page
select e.inbox_id, e.version, e.event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status, e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id, e.idempotency_key, e.context_key, f.position
from inbox_feed f join inbox_events e on e.inbox_id = f.inbox_id and e.version = f.version
where f.position > cast(:after as bigint)
order by f.position
limit cast(:limit as integer);

-- feed_plant_sqlite
insert into inbox_tree_nodes (level, number, hash)
select :level, :number, :hash
where not exists (select 1 from inbox_tree_nodes n where n.level = :level and n.number = :number);

-- feed_seal_sqlite_bound
select max(seq), count(*) from (select seq from inbox_feed_queue order by seq limit :limit);

-- feed_seal_sqlite_feed
insert into inbox_feed (position, inbox_id, version, leaf_hash)
select (select coalesce(max(position) + 1, 0) from inbox_feed) + row_number() over (order by q.seq) - 1,
       q.inbox_id, q.version, q.hash
from inbox_feed_queue q where q.seq <= :bound order by q.seq;

-- feed_seal_sqlite_take
delete from inbox_feed_queue where seq <= :bound;

-- feed_unsealed
select count(*) from inbox_feed_queue;

-- find_any
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from (
select * from (
    select i.* from inboxes i where i.status = 'pending' and 1 = 1
    order by i.created_at desc, i.id desc
    limit cast(:limit as integer)
) pending
union all
select * from (
    select i.* from inboxes i where i.status = 'warming' and 1 = 1
    order by i.created_at desc, i.id desc
    limit cast(:limit as integer)
) warming
union all
select * from (
    select i.* from inboxes i where i.status = 'active' and 1 = 1
    order by i.created_at desc, i.id desc
    limit cast(:limit as integer)
) active
union all
select * from (
    select i.* from inboxes i where i.status = 'banned' and 1 = 1
    order by i.created_at desc, i.id desc
    limit cast(:limit as integer)
) banned
) i left join email_domains d on d.id = i.email_domain_id
order by i.created_at desc, i.id desc
limit cast(:limit as integer);

-- find_any_by_all
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from (
select * from (
    select i.* from inboxes i where i.status = 'pending' and i.warmup_status = cast(:warmup_status as text) and (i.created_at, i.id) < (cast(:after_time as text), cast(:after_id as text))
    order by i.created_at desc, i.id desc
    limit cast(:limit as integer)
) pending
union all
select * from (
    select i.* from inboxes i where i.status = 'warming' and i.warmup_status = cast(:warmup_status as text) and (i.created_at, i.id) < (cast(:after_time as text), cast(:after_id as text))
    order by i.created_at desc, i.id desc
    limit cast(:limit as integer)
) warming
union all
select * from (
    select i.* from inboxes i where i.status = 'active' and i.warmup_status = cast(:warmup_status as text) and (i.created_at, i.id) < (cast(:after_time as text), cast(:after_id as text))
    order by i.created_at desc, i.id desc
    limit cast(:limit as integer)
) active
union all
select * from (
    select i.* from inboxes i where i.status = 'banned' and i.warmup_status = cast(:warmup_status as text) and (i.created_at, i.id) < (cast(:after_time as text), cast(:after_id as text))
    order by i.created_at desc, i.id desc
    limit cast(:limit as integer)
) banned
) i left join email_domains d on d.id = i.email_domain_id
order by i.created_at desc, i.id desc
limit cast(:limit as integer);

-- find_by_after_time
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from (
    select i.* from inboxes i where (i.created_at, i.id) < (cast(:after_time as text), cast(:after_id as text))
    order by i.created_at desc, i.id desc
    limit 1001
) i left join email_domains d on d.id = i.email_domain_id
order by i.created_at desc, i.id desc
limit cast(:limit as integer);

-- find_by_all
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from inboxes i left join email_domains d on d.id = i.email_domain_id
where i.owner_id = cast(:owner_id as text) and i.status = cast(:status as text) and i.warmup_status = cast(:warmup_status as text) and d.domain = cast(:domain as text) and (i.created_at, i.id) < (cast(:after_time as text), cast(:after_id as text))
order by i.created_at desc, i.id desc
limit cast(:limit as integer);

-- find_by_domain
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from inboxes i left join email_domains d on d.id = i.email_domain_id
where d.domain = cast(:domain as text)
order by i.created_at desc, i.id desc
limit cast(:limit as integer);

-- find_by_owner_id
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from (
    select i.* from inboxes i where i.owner_id = cast(:owner_id as text)
    order by i.created_at desc, i.id desc
    limit 1001
) i left join email_domains d on d.id = i.email_domain_id
order by i.created_at desc, i.id desc
limit cast(:limit as integer);

-- find_by_status
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from (
    select i.* from inboxes i where i.status = cast(:status as text)
    order by i.created_at desc, i.id desc
    limit 1001
) i left join email_domains d on d.id = i.email_domain_id
order by i.created_at desc, i.id desc
limit cast(:limit as integer);

-- find_by_warmup_status
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from (
    select i.* from inboxes i where i.warmup_status = cast(:warmup_status as text)
    order by i.created_at desc, i.id desc
    limit 1001
) i left join email_domains d on d.id = i.email_domain_id
order by i.created_at desc, i.id desc
limit cast(:limit as integer);

-- first_event
insert into inbox_events
    (inbox_id, version, event_id, name, schema, status, warmup_status, recorded_at, entry, hash, owner_id, actor,
     reason, correlation_id, causation_id, idempotency_key, context_key)
values (:inbox_id, 1, :event_id, :name, :schema, :status, :warmup_status, :recorded_at, :entry, :hash,
        :context_owner_id, :actor, :reason, :correlation_id, :causation_id, :idempotency_key, :context_key);

-- first_row
insert into inboxes
    (id, owner_id, email_domain_id, email_address, address_key, provider, provider_ref, status, warmup_status,
     version, head_hash, created_at, updated_at)
select :inbox_id, :owner_id, d.id, :email_address, :address_key, :provider, :provider_ref, :status, :warmup_status,
       1, :hash, :created_at, :recorded_at
from email_domains d where d.owner_id = :owner_id and d.domain = :domain;

-- get_as_operator
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, k.version, k.name, k.status, k.warmup_status, k.recorded_at
from inboxes i left join email_domains d on d.id = i.email_domain_id
left join inbox_events k on k.inbox_id = i.id and k.idempotency_key = cast(:idempotency_key as text)
where i.id = cast(:inbox_id as text) and 1 = 1;

-- get_as_owner
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, k.version, k.name, k.status, k.warmup_status, k.recorded_at
from inboxes i left join email_domains d on d.id = i.email_domain_id
left join inbox_events k on k.inbox_id = i.id and k.idempotency_key = cast(:idempotency_key as text)
where i.id = cast(:inbox_id as text) and i.owner_id = cast(:owner_id as text) and i.erased_at is null;

-- guards_sqlite_guards
select name, tbl_name, sql from sqlite_schema
where sql is not null and name not in ('sqlite_sequence', 'inbox_lifecycle_alembic_version');

-- history_as_operator
select e.inbox_id, e.version, e.event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status, e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id, e.idempotency_key, e.context_key
from inbox_events e join inboxes i on i.id = e.inbox_id
where e.inbox_id = cast(:inbox_id as text) and e.version > cast(:after as integer)
  and e.version <= cast(:bound as integer)
order by e.version
limit cast(:limit as integer);

-- history_as_owner
select e.inbox_id, e.version, e.event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status, e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id, e.idempotency_key, e.context_key
from inbox_events e join inboxes i on i.id = e.inbox_id
where i.owner_id = cast(:owner_id as text) and i.erased_at is null and e.inbox_id = cast(:inbox_id as text) and e.version > cast(:after as integer)
  and e.version <= cast(:bound as integer)
order by e.version
limit cast(:limit as integer);

-- history_bound_as_operator
select i.version from inboxes i where i.id = cast(:inbox_id as text);

-- history_bound_as_owner
select i.version from inboxes i
where i.id = cast(:inbox_id as text) and i.owner_id = cast(:owner_id as text) and i.erased_at is null;

-- id_at
select i.id from inboxes i order by i.id limit 1 offset cast(:offset as integer);

-- insert_attempt
insert into inbox_attempts
    (inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable,
     owner_id, actor, reason, correlation_id, causation_id, idempotency_key)
select i.id, :attempt_id, :kind, i.version, i.status, i.warmup_status, :now,
       strftime('%Y-%m-%dT%H:%M:%f', 'now', :lease || ' seconds') || '000Z', 0,
       i.owner_id, :actor, :reason, :correlation_id, :causation_id, :idempotency_key
from inboxes i where i.id = :inbox_id
on conflict (inbox_id, id) do update
    set lease_until = excluded.lease_until, seen_version = excluded.seen_version, seen_status = excluded.seen_status,
        seen_warmup_status = excluded.seen_warmup_status
    where inbox_attempts.outcome is null;

-- insert_move
insert into inbox_events
    (inbox_id, version, event_id, name, schema, from_status, from_warmup_status, status, warmup_status,
     recorded_at, entry, hash, previous_hash, owner_id, actor, reason, correlation_id, causation_id,
     idempotency_key, context_key)
select i.id, i.version + 1, :event_id, :name, :schema, i.status, i.warmup_status, :status, :warmup_status,
       :recorded_at, :entry, :hash, :previous_hash, :context_owner_id, :actor, :reason, :correlation_id, :causation_id,
       :idempotency_key, :context_key
from inboxes i
where i.id = :inbox_id and i.version = :seen_version and i.status = :from_status
  and i.warmup_status = :from_warmup_status and i.owner_id is :owner_id;

-- insert_warmup
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
  and exists (
      select 1 from inbox_attempts a where a.inbox_id = i.id and a.id = :attempt_id and a.outcome is null);

-- launching_abandon_launches_sqlite
update inbox_attempts as a
set outcome = 'abandoned', closed_at = cast(:now as text), detail = cast(:detail as text)
where a.claim = cast(:claim as text) and a.outcome is null and a.inbox_id in (select e.value from json_each(:inbox_ids) e) and (cast(:owner_id as text) is null or a.owner_id = cast(:owner_id as text) or a.owner_id is null) and a.lease_until < strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z';

-- launching_close_launch_sqlite
update inbox_attempts as a
set outcome = :outcome, closed_at = cast(:now as text), detail = c.detail
from (
    select json_extract(e.value, '$.inbox') as inbox_id, json_extract(e.value, '$.attempt') as attempt_id,
           json_extract(e.value, '$.detail') as detail
    from json_each(:closings) e
) c
where a.inbox_id = c.inbox_id and a.id = c.attempt_id and a.outcome is null and (cast(:owner_id as text) is null or a.owner_id = cast(:owner_id as text) or a.owner_id is null);

-- launching_holders_sqlite
select a.inbox_id, a.id, (julianday(a.lease_until) - julianday('now')) * 86400.0
from inbox_attempts a
where a.claim = cast(:claim as text) and a.outcome is null and a.inbox_id in (select e.value from json_each(:inbox_ids) e) and (cast(:owner_id as text) is null or a.owner_id = cast(:owner_id as text) or a.owner_id is null);

-- launching_open_launch_as_operator_sqlite
insert into inbox_attempts (inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable, owner_id, actor, reason, correlation_id, causation_id, claim)
select i.id, json_extract(e.value, '$.attempt'), 'launch', i.version, i.status, i.warmup_status, :now,
       strftime('%Y-%m-%dT%H:%M:%f', 'now', :lease || ' seconds') || '000Z', 0,
       i.owner_id, :actor, :reason, :correlation_id, :causation_id, :claim
from json_each(:senders) e
cross join inboxes i on i.id = json_extract(e.value, '$.inbox')
join email_domains d on d.id = i.email_domain_id and d.owner_id = i.owner_id
where i.erased_at is null
on conflict do nothing;

-- launching_open_launch_as_owner_sqlite
insert into inbox_attempts (inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable, owner_id, actor, reason, correlation_id, causation_id, claim)
select i.id, json_extract(e.value, '$.attempt'), 'launch', i.version, i.status, i.warmup_status, :now,
       strftime('%Y-%m-%dT%H:%M:%f', 'now', :lease || ' seconds') || '000Z', 0,
       i.owner_id, :actor, :reason, :correlation_id, :causation_id, :claim
from json_each(:senders) e
cross join inboxes i on i.id = json_extract(e.value, '$.inbox')
join email_domains d on d.id = i.email_domain_id and d.owner_id = i.owner_id
where i.owner_id = cast(:owner_id as text) and i.erased_at is null
on conflict do nothing;

-- launching_opened_launch_as_operator_sqlite
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, exists (
    select 1 from inbox_attempts a
    where a.inbox_id = i.id and a.id = json_extract(e.value, '$.attempt') and a.outcome is null) as held
from json_each(:senders) e
cross join inboxes i on i.id = json_extract(e.value, '$.inbox')
join email_domains d on d.id = i.email_domain_id and d.owner_id = i.owner_id
where i.erased_at is null;

-- launching_opened_launch_as_owner_sqlite
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, exists (
    select 1 from inbox_attempts a
    where a.inbox_id = i.id and a.id = json_extract(e.value, '$.attempt') and a.outcome is null) as held
from json_each(:senders) e
cross join inboxes i on i.id = json_extract(e.value, '$.inbox')
join email_domains d on d.id = i.email_domain_id and d.owner_id = i.owner_id
where i.owner_id = cast(:owner_id as text) and i.erased_at is null;

-- look_again
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, k.version, k.name, k.status, k.warmup_status, k.recorded_at, a.outcome, m.version, m.name, m.status, m.warmup_status, m.recorded_at
from inboxes i left join email_domains d on d.id = i.email_domain_id
left join inbox_attempts a on a.inbox_id = i.id and a.id = cast(:attempt_id as text)
left join inbox_events k on k.inbox_id = i.id and k.idempotency_key = cast(:idempotency_key as text)
left join inbox_events m on m.inbox_id = i.id and m.version = a.event_version and a.outcome = 'moved'
where i.id = cast(:inbox_id as text) and (i.owner_id = cast(:owner_id as text) or i.erased_at is not null);

-- look_for_event
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, k.version, k.name, k.status, k.warmup_status, k.recorded_at, null, m.version, m.name, m.status, m.warmup_status, m.recorded_at
from inboxes i left join email_domains d on d.id = i.email_domain_id
left join inbox_events k on k.inbox_id = i.id and k.idempotency_key = cast(:idempotency_key as text)
left join inbox_events m on m.inbox_id = i.id and m.version = cast(:version as integer)
    and m.event_id = cast(:event_id as text)
where i.id = cast(:inbox_id as text);

-- make_domain
insert into email_domains (id, owner_id, domain, status, created_at)
values (:domain_id, :owner_id, :domain, 'pending', :recorded_at)
on conflict (owner_id, domain) do nothing;

-- marked_attempts
select a.id, a.inbox_id, a.kind, a.seen_version, a.seen_status, a.seen_warmup_status, a.opened_at, a.lease_until, a.outcome, a.closed_at, a.event_version, a.to_disable, a.detail, a.owner_id, a.actor, a.reason, a.correlation_id, a.causation_id, a.idempotency_key, i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, k.version, k.name, k.status, k.warmup_status, k.recorded_at
from inbox_attempts a
join inboxes i on i.id = a.inbox_id
left join email_domains d on d.id = i.email_domain_id
left join inbox_events k on k.inbox_id = a.inbox_id and k.idempotency_key = a.idempotency_key
where a.to_disable
  and (a.inbox_id, a.id) > (cast(:after_inbox as text), cast(:after_attempt as text))
order by a.inbox_id, a.id
limit cast(:limit as integer);

-- orphans
select e.inbox_id, e.version
from inbox_events e
where not exists (select 1 from inboxes i where i.id = e.inbox_id)
  and (e.inbox_id, e.version) > (cast(:after as text), cast(:after_version as integer))
  and e.inbox_id <= cast(:until as text)
order by e.inbox_id, e.version
limit cast(:limit as integer);

-- proving_entries_as_operator
select e.version, e.entry, f.position, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id,
       e.idempotency_key, e.context_key
from inboxes i
join inbox_events e on e.inbox_id = i.id
join inbox_feed f on f.inbox_id = e.inbox_id and f.version = e.version
where i.id = cast(:inbox_id as text) and e.version > cast(:after as integer) and e.version <= cast(:bound as integer)
      
order by e.version
limit cast(:limit as integer);

-- proving_entries_as_owner
select e.version, e.entry, f.position, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id,
       e.idempotency_key, e.context_key
from inboxes i
join inbox_events e on e.inbox_id = i.id
join inbox_feed f on f.inbox_id = e.inbox_id and f.version = e.version
where i.id = cast(:inbox_id as text) and e.version > cast(:after as integer) and e.version <= cast(:bound as integer)
      and i.owner_id = cast(:owner_id as text) and i.erased_at is null
order by e.version
limit cast(:limit as integer);

-- proving_head_in_tree
select f.version, f.leaf_hash from inbox_feed f
where f.inbox_id = cast(:inbox_id as text) and f.position < cast(:size as bigint)
order by f.version desc limit 1;

-- proving_last
select c.size, c.root, c.note from inbox_checkpoints c
where c.origin = cast(:origin as text) order by c.size desc limit 100;

-- proving_newest_as_operator
select i.email_address, i.address_key,
       (select f.position from inbox_feed f where f.inbox_id = i.id and f.version = i.version)
from inboxes i where i.id = cast(:inbox_id as text);

-- proving_newest_as_owner
select i.email_address, i.address_key,
       (select f.position from inbox_feed f where f.inbox_id = i.id and f.version = i.version)
from inboxes i where i.id = cast(:inbox_id as text) and i.owner_id = cast(:owner_id as text) and i.erased_at is null;

-- proving_page
select c.origin, c.size, c.note from inbox_checkpoints c
where (c.size, c.origin) > (cast(:after as bigint), cast(:after_origin as text))
order by c.size, c.origin
limit cast(:limit as integer);

-- proving_store
insert into inbox_checkpoints (origin, size, root, note, signed_at)
select cast(:origin as text), cast(:size as bigint), cast(:root as blob), cast(:note as text), cast(:now as text)
where not exists (
    select 1 from inbox_checkpoints c where c.origin = cast(:origin as text) and c.size = cast(:size as bigint)
)
on conflict (origin, size) do nothing;

-- prunable_until
select p.inbox_id, p.id
from (
    select inbox_id, id from inbox_attempts where outcome is not null and not to_disable and closed_at < cast(:before as text) and lease_until < strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'
  and (inbox_id, id) > (cast(:after_inbox as text), cast(:after_attempt as text))
    order by inbox_id, id
    limit cast(:limit as integer)
) p
order by p.inbox_id desc, p.id desc
limit 1;

-- prune_attempts
delete from inbox_attempts
where outcome is not null and not to_disable and closed_at < cast(:before as text) and lease_until < strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'
  and (inbox_id, id) > (cast(:after_inbox as text), cast(:after_attempt as text)) and (inbox_id, id) <= (cast(:until_inbox as text), cast(:until_attempt as text));

-- queue
insert into inbox_feed_queue (inbox_id, version, hash)
select i.id, i.version, i.head_hash from inboxes i where i.id = :inbox_id;

-- replaying_feed_rows_sqlite
select e.inbox_id, e.version, e.event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status, e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id, e.idempotency_key, f.position
from inbox_feed f join inbox_events e on e.inbox_id = f.inbox_id and e.version = f.version
where f.position > cast(:after as bigint) and f.position <= cast(:until as bigint)
order by f.position
limit cast(:limit as integer);

-- revision
select version_num from inbox_lifecycle_alembic_version;

-- row
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash from inboxes i left join email_domains d on d.id = i.email_domain_id where i.id = :inbox_id;

-- seen_as_operator
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, k.version, k.name, k.status, k.warmup_status, k.recorded_at
from inboxes i
join email_domains d on d.id = i.email_domain_id and d.owner_id = i.owner_id
left join inbox_events k on k.inbox_id = i.id and k.idempotency_key = :idempotency_key
where i.id = :inbox_id and 1 and i.erased_at is null;

-- seen_as_owner
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, k.version, k.name, k.status, k.warmup_status, k.recorded_at
from inboxes i
join email_domains d on d.id = i.email_domain_id and d.owner_id = i.owner_id
left join inbox_events k on k.inbox_id = i.id and k.idempotency_key = :idempotency_key
where i.id = :inbox_id and i.owner_id = :owner_id and i.erased_at is null;

-- sending_senders_as_operator_sqlite
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from json_each(:inbox_ids) e cross join inboxes i on i.id = e.value left join email_domains d on d.id = i.email_domain_id
where i.erased_at is null;

-- sending_senders_as_owner_sqlite
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from json_each(:inbox_ids) e cross join inboxes i on i.id = e.value left join email_domains d on d.id = i.email_domain_id
where i.owner_id = cast(:owner_id as text) and i.erased_at is null;

-- sending_warmed_as_operator
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from inboxes i left join email_domains d on d.id = i.email_domain_id
where i.warmup_status in ('warming', 'active') and i.erased_at is null and i.id > cast(:after as text)
order by i.id
limit cast(:limit as integer);

-- sending_warmed_as_owner
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from inboxes i left join email_domains d on d.id = i.email_domain_id
where i.owner_id = cast(:owner_id as text) and i.warmup_status in ('warming', 'active') and i.erased_at is null and i.id > cast(:after as text)
order by i.id
limit cast(:limit as integer);

-- subscriptions_advance_sqlite
update inbox_subscriptions set position = cast(:position as bigint), lease_until = strftime('%Y-%m-%dT%H:%M:%f', 'now', :lease || ' seconds') || '000Z'
where name = cast(:subscription as text) and holder = cast(:holder as text);

-- subscriptions_claim_sqlite
insert into inbox_subscriptions (name, position, holder, lease_until)
values (cast(:subscription as text), -1, cast(:holder as text), strftime('%Y-%m-%dT%H:%M:%f', 'now', :lease || ' seconds') || '000Z')
on conflict (name) do update set holder = excluded.holder, lease_until = excluded.lease_until
where inbox_subscriptions.holder is null or inbox_subscriptions.lease_until < strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'
   or inbox_subscriptions.holder = excluded.holder
returning position;

-- subscriptions_park
insert into inbox_parked_events (subscription, position, error, tries, parked_at)
select s.name, cast(:position as bigint), cast(:error as text), cast(:tries as integer), cast(:now as text)
from inbox_subscriptions s
where s.name = cast(:subscription as text) and s.holder = cast(:holder as text)
on conflict (subscription, position) do update
set error = excluded.error, tries = inbox_parked_events.tries + excluded.tries, parked_at = excluded.parked_at;

-- subscriptions_parked
select e.inbox_id, e.version, e.event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status, e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id, e.idempotency_key, e.context_key, p.position, p.error, p.tries, p.parked_at
from inbox_parked_events p
join inbox_feed f on f.position = p.position
join inbox_events e on e.inbox_id = f.inbox_id and e.version = f.version
where p.subscription = cast(:subscription as text) and p.position > cast(:after as bigint)
order by p.position
limit cast(:limit as integer);

-- subscriptions_release
update inbox_subscriptions set holder = null, lease_until = null
where name = cast(:subscription as text) and holder = cast(:holder as text);

-- subscriptions_unpark
delete from inbox_parked_events
where subscription = cast(:subscription as text) and position = cast(:position as bigint);

-- supersede
update inbox_attempts set outcome = 'superseded', closed_at = :now
where inbox_id = :inbox_id and id <> :attempt_id and outcome is null and kind <> 'launch' and lease_until < strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z';

-- travel_as_of_as_operator
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, e.status, e.warmup_status, e.version, i.created_at, e.recorded_at, case when i.erased_at is not null then (select max(x.recorded_at) from inbox_events x where x.inbox_id = i.id and x.name = 'inbox.erased' and x.version <= e.version) end as erased_at, e.hash, i.version as newest,
       case when cast(:position as bigint) is not null then (select max(f.position) from inbox_feed f) end
           as sealed
from inboxes i
left join email_domains d on d.id = i.email_domain_id
left join inbox_events e on e.inbox_id = i.id
    and e.version = coalesce(cast(:version as integer), (select max(x.version) from inbox_events x where x.inbox_id = i.id and x.recorded_at <= cast(:at as text)), (select max(f.version) from inbox_feed f where f.inbox_id = i.id and f.position <= cast(:position as bigint)))
where i.id = cast(:inbox_id as text) and 1 = 1;

-- travel_as_of_as_owner
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, e.status, e.warmup_status, e.version, i.created_at, e.recorded_at, case when i.erased_at is not null then (select max(x.recorded_at) from inbox_events x where x.inbox_id = i.id and x.name = 'inbox.erased' and x.version <= e.version) end as erased_at, e.hash, i.version as newest,
       case when cast(:position as bigint) is not null then (select max(f.position) from inbox_feed f) end
           as sealed
from inboxes i
left join email_domains d on d.id = i.email_domain_id
left join inbox_events e on e.inbox_id = i.id
    and e.version = coalesce(cast(:version as integer), (select max(x.version) from inbox_events x where x.inbox_id = i.id and x.recorded_at <= cast(:at as text)), (select max(f.version) from inbox_feed f where f.inbox_id = i.id and f.position <= cast(:position as bigint)))
where i.id = cast(:inbox_id as text) and i.owner_id = cast(:owner_id as text) and i.erased_at is null;

-- travel_why_as_operator
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, e.inbox_id, e.version, e.event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status, e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id, e.idempotency_key, e.context_key, a.id, a.inbox_id, a.kind, a.seen_version, a.seen_status, a.seen_warmup_status, a.opened_at, a.lease_until, a.outcome, a.closed_at, a.event_version, a.to_disable, a.detail, a.owner_id, a.actor, a.reason, a.correlation_id, a.causation_id, a.idempotency_key
from inboxes i
left join email_domains d on d.id = i.email_domain_id
join inbox_events e on e.inbox_id = i.id and e.version = (
    select max(x.version) from inbox_events x
    where x.inbox_id = i.id
      and (x.version = 1 or x.status <> x.from_status or x.warmup_status <> x.from_warmup_status))
left join inbox_attempts a on a.inbox_id = i.id and a.event_version = e.version and a.outcome = 'moved'
where i.id = cast(:inbox_id as text) and 1 = 1;

-- travel_why_as_owner
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, e.inbox_id, e.version, e.event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status, e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id, e.idempotency_key, e.context_key, a.id, a.inbox_id, a.kind, a.seen_version, a.seen_status, a.seen_warmup_status, a.opened_at, a.lease_until, a.outcome, a.closed_at, a.event_version, a.to_disable, a.detail, a.owner_id, a.actor, a.reason, a.correlation_id, a.causation_id, a.idempotency_key
from inboxes i
left join email_domains d on d.id = i.email_domain_id
join inbox_events e on e.inbox_id = i.id and e.version = (
    select max(x.version) from inbox_events x
    where x.inbox_id = i.id
      and (x.version = 1 or x.status <> x.from_status or x.warmup_status <> x.from_warmup_status))
left join inbox_attempts a on a.inbox_id = i.id and a.event_version = e.version and a.outcome = 'moved'
where i.id = cast(:inbox_id as text) and i.owner_id = cast(:owner_id as text) and i.erased_at is null;

-- verification_feed_checkpoints
select c.origin, c.size, c.root, c.note
from inbox_checkpoints c
where c.size > cast(:begin as bigint) and c.size <= cast(:until as bigint)
  and (c.size, c.origin) > (cast(:after as bigint), cast(:after_origin as text))
order by c.size, c.origin
limit cast(:limit as integer);

-- verification_feed_feed_sqlite
select f.position, f.inbox_id, f.version, f.leaf_hash,
       (select e.hash from inbox_events e where e.inbox_id = f.inbox_id and e.version = f.version),
       (select p.position from inbox_feed p where p.inbox_id = f.inbox_id and p.version = f.version - 1)
from inbox_feed f
where f.position >= cast(:begin as bigint) and f.position < cast(:size as bigint)
order by f.position
limit cast(:limit as integer);

-- verification_feed_outside
select i.id from inboxes i where i.id <= cast(:first as text) or i.id > cast(:last as text)
union
select e.inbox_id from inbox_events e where e.inbox_id <= cast(:first as text) or e.inbox_id > cast(:last as text);

-- verification_feed_queue
select q.seq, q.inbox_id, q.version,
       (select 1 from inbox_events e where e.inbox_id = q.inbox_id and e.version = q.version and e.hash = q.hash),
       (select f.position from inbox_feed f where f.inbox_id = q.inbox_id and f.version = q.version)
from inbox_feed_queue q
where q.seq >= cast(:begin as bigint)
order by q.seq
limit cast(:limit as integer);

-- verification_feed_stray
select count(*) from inbox_tree_nodes n
where n.number < 0 or n.level < 1 or n.level >= 6;

-- verification_feed_unfed
select e.inbox_id, e.version
from inbox_events e
where (e.inbox_id, e.version) > (cast(:after as text), cast(:after_version as integer))
  and e.inbox_id <= cast(:until as text)
  and not exists (select 1 from inbox_feed f where f.inbox_id = e.inbox_id and f.version = e.version)
  and not exists (select 1 from inbox_feed_queue q where q.inbox_id = e.inbox_id and q.version = e.version)
order by e.inbox_id, e.version
limit cast(:limit as integer);

-- verify_attempts
select a.id, a.inbox_id, a.kind, a.seen_version, a.seen_status, a.seen_warmup_status, a.opened_at, a.lease_until, a.outcome, a.closed_at, a.event_version, a.to_disable, a.detail, a.owner_id, a.actor, a.reason, a.correlation_id, a.causation_id, a.idempotency_key, m.name, m.entry,
       (select 1 from inboxes i where i.id = a.inbox_id) as has_inbox
from inbox_attempts a
left join inbox_events m on m.inbox_id = a.inbox_id and m.version = a.event_version and a.outcome = 'moved'
where (a.inbox_id, a.id) > (cast(:after as text), cast(:after_attempt as text))
  and a.inbox_id <= cast(:until as text)
order by a.inbox_id, a.id
limit cast(:limit as integer);

-- verify_events_sqlite
select e.inbox_id, e.version, e.event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status, e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id, e.idempotency_key, e.context_key,
       case when e.context_key is null then
           (select 1 from inboxes i where i.id = e.inbox_id and i.erased_at is not null)
       end as erased
from inbox_events e
where (e.inbox_id, e.version) > (cast(:after as text), cast(:after_version as integer))
  and e.inbox_id <= cast(:until as text)
order by e.inbox_id, e.version
limit cast(:limit as integer);

-- verify_rows
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash, i.address_key, d.owner_id as domain_owner_id,
       (select max(e.version) from inbox_events e where e.inbox_id = i.id) as newest
from inboxes i left join email_domains d on d.id = i.email_domain_id
where i.id > cast(:after as text) and i.id <= cast(:until as text)
order by i.id
limit cast(:limit as integer);
