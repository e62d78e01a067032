-- What inbox-lifecycle 0.1.0 says to sqlite; it needs revision 1.0001.

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

-- find_any
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from inboxes i left join email_domains d on d.id = i.email_domain_id
where 1 = 1
order by i.created_at desc, i.id desc
limit cast(:limit as integer);

-- find_by_after_time
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from inboxes i left join email_domains d on d.id = i.email_domain_id
where (i.created_at, i.id) < (cast(:after_time as text), cast(:after_id as text))
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
from inboxes i left join email_domains d on d.id = i.email_domain_id
where i.owner_id = cast(:owner_id as text)
order by i.created_at desc, i.id desc
limit cast(:limit as integer);

-- find_by_status
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from inboxes i left join email_domains d on d.id = i.email_domain_id
where i.status = cast(:status as text)
order by i.created_at desc, i.id desc
limit cast(:limit as integer);

-- find_by_warmup_status
select i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status, i.provider, i.provider_ref, i.status, i.warmup_status, i.version, i.created_at, i.updated_at, i.erased_at, i.head_hash
from inboxes i left join email_domains d on d.id = i.email_domain_id
where i.warmup_status = cast(:warmup_status as text)
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

-- queue
insert into inbox_feed_queue (inbox_id, version, hash)
select i.id, i.version, i.head_hash from inboxes i where i.id = :inbox_id;

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

-- supersede
update inbox_attempts set outcome = 'superseded', closed_at = :now
where inbox_id = :inbox_id and id <> :attempt_id and outcome is null and kind <> 'launch' and lease_until < strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z';

-- verify_attempts
select a.id, a.inbox_id, a.kind, a.seen_version, a.seen_status, a.seen_warmup_status, a.opened_at, a.lease_until, a.outcome, a.closed_at, a.event_version, a.to_disable, a.detail, a.owner_id, a.actor, a.reason, a.correlation_id, a.causation_id, a.idempotency_key, m.name, m.entry,
       (select 1 from inboxes i where i.id = a.inbox_id) as has_inbox
from inbox_attempts a
left join inbox_events m on m.inbox_id = a.inbox_id and m.version = a.event_version and a.outcome = 'moved'
where (a.inbox_id, a.id) > (cast(:after as text), cast(:after_attempt as text))
  and a.inbox_id <= cast(:until as text)
order by a.inbox_id, a.id
limit cast(:limit as integer);

-- verify_events
select e.inbox_id, e.version, e.event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status, e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id, e.idempotency_key, e.context_key
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
