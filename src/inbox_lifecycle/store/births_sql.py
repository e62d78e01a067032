"""What the birth of many inboxes says to each database; the warnings at the top of `bulk_sql` hold here too."""

from __future__ import annotations

from inbox_lifecycle.store.bulk_rows import EACH as _EACH

# As REGISTER of `postgresql`, for many. Domains first, then rows, each in an order of their own: of two lists that hold
# the same ones one waits for the other at the first. Left out are those whose address or id is there, and those of a
# domain that somebody else made meanwhile, which is not seen yet. An address or id that somebody else took meanwhile
# fails the whole statement, so that no domain stays of an inbox that never was.
BIRTHS_POSTGRESQL = f"""
with wanted as materialized (
    select * from json_to_recordset(cast(:births as json)) as w(
        inbox_id uuid, owner_id text, domain_id uuid, domain text, email_address text, address_key bytea,
        provider text, provider_ref text, created_at timestamptz, event_id uuid, name text, schema integer,
        status text, warmup_status text, recorded_at timestamptz, entry bytea, hash bytea, context_owner_id text,
        actor text, reason text, correlation_id text, causation_id text, idempotency_key text, context_key bytea){_EACH}
), free as materialized (
    select w.* from wanted w
    where not exists (select from {{s}}inboxes i where i.email_address = w.email_address)
      and not exists (select from {{s}}inboxes i where i.id = w.inbox_id)
), made as (
    insert into {{s}}email_domains (id, owner_id, domain, status, created_at)
    select distinct on (owner_id, domain) domain_id, owner_id, domain, 'pending', recorded_at
    from free
    order by owner_id, domain
    on conflict (owner_id, domain) do nothing
    returning id
), settled as materialized (
    select f.*, case
        when f.domain_id in (select id from made) then f.domain_id
        else (select d.id from {{s}}email_domains d where d.owner_id = f.owner_id and d.domain = f.domain)
    end as email_domain_id
    from free f
), born as (
    insert into {{s}}inboxes
        (id, owner_id, email_domain_id, email_address, address_key, provider, provider_ref, status, warmup_status,
         version, head_hash, created_at, updated_at)
    select inbox_id, owner_id, email_domain_id, email_address, address_key, provider, provider_ref, status,
           warmup_status, 1, hash, created_at, recorded_at
    from settled
    where email_domain_id is not null
    order by email_address
    returning id, head_hash
), event as (
    insert into {{s}}inbox_events
        (inbox_id, version, event_id, name, schema, status, warmup_status, recorded_at, entry, hash, owner_id, actor,
         reason, correlation_id, causation_id, idempotency_key, context_key)
    select inbox_id, 1, event_id, name, schema, status, warmup_status, recorded_at, entry, hash, context_owner_id,
           actor, reason, correlation_id, causation_id, idempotency_key, context_key
    from settled
    where email_domain_id is not null
), queued as (
    insert into {{s}}inbox_feed_queue (inbox_id, version, hash) select id, 1, head_hash from born
)
select id from born
"""  # noqa: S608 - constants and our own schema only

FOUND_POSTGRESQL = f"""
with wanted as materialized (
    select * from json_to_recordset(cast(:births as json)) as w(inbox_id uuid, email_address text){_EACH}
)
select w.inbox_id, i.id, i.owner_id, i.email_address, e.event_id
from wanted w
join {{s}}inboxes i on i.id = w.inbox_id
left join {{s}}inbox_events e on e.inbox_id = i.id and e.version = 1
union all
select w.inbox_id, i.id, i.owner_id, i.email_address, e.event_id
from wanted w
join {{s}}inboxes i on i.email_address = w.email_address and i.id <> w.inbox_id
left join {{s}}inbox_events e on e.inbox_id = i.id and e.version = 1
"""  # noqa: S608 - constants and our own schema only

FOUND_SQLITE = """
select :inbox_id, i.id, i.owner_id, i.email_address, e.event_id
from inboxes i left join inbox_events e on e.inbox_id = i.id and e.version = 1
where i.id = :inbox_id or i.email_address = :email_address
"""
