"""Statements that only look, and the small ones about attempts: one spelling serves both databases.

`{id}` and `{time}` are the types of ids and times, `{now}` is the database's own clock.
"""

from __future__ import annotations

from inbox_lifecycle.domain import Status
from inbox_lifecycle.store.rows import (
    ATTEMPT_COLUMNS,
    EVENT_COLUMNS,
    INBOX_COLUMNS,
    LANDED_COLUMNS,
    POSTGRESQL_EVENT_COLUMNS,
)

_WITH_DOMAIN = "{s}inboxes i left join {s}email_domains d on d.id = i.email_domain_id"

GET = f"""
select {INBOX_COLUMNS}, {LANDED_COLUMNS.format(e="k")}
from {_WITH_DOMAIN}
left join {{s}}inbox_events k on k.inbox_id = i.id and k.idempotency_key = cast(:idempotency_key as text)
where i.id = cast(:inbox_id as {{id}}) and {{owner}}
"""  # noqa: S608 - constants and our own schema only

GET_AS_OWNER = GET.replace("{owner}", "i.owner_id = cast(:owner_id as text) and i.erased_at is null")
GET_AS_OPERATOR = GET.replace("{owner}", "1 = 1")

# Its own attempt is the caller's proof that it may look, even once the inbox is erased and has no owner any more.
LOOK_AGAIN = f"""
select {INBOX_COLUMNS}, {LANDED_COLUMNS.format(e="k")}, a.outcome, {LANDED_COLUMNS.format(e="m")}
from {_WITH_DOMAIN}
left join {{s}}inbox_attempts a on a.inbox_id = i.id and a.id = cast(:attempt_id as {{id}})
left join {{s}}inbox_events k on k.inbox_id = i.id and k.idempotency_key = cast(:idempotency_key as text)
left join {{s}}inbox_events m on m.inbox_id = i.id and m.version = a.event_version and a.outcome = 'moved'
where i.id = cast(:inbox_id as {{id}}) and (i.owner_id = cast(:owner_id as text) or i.erased_at is not null)
"""  # noqa: S608 - constants and our own schema only

# The event that a move of ours would have made, found by the version it would have.
LOOK_FOR_EVENT = f"""
select {INBOX_COLUMNS}, {LANDED_COLUMNS.format(e="k")}, null, {LANDED_COLUMNS.format(e="m")}
from {_WITH_DOMAIN}
left join {{s}}inbox_events k on k.inbox_id = i.id and k.idempotency_key = cast(:idempotency_key as text)
left join {{s}}inbox_events m on m.inbox_id = i.id and m.version = cast(:version as integer)
    and m.event_id = cast(:event_id as {{id}})
where i.id = cast(:inbox_id as {{id}})
"""  # noqa: S608 - constants and our own schema only

# A closed attempt stays as it is, but for the mark: somebody may have closed it before its call was accepted.
CLOSE_ATTEMPT = """
update {s}inbox_attempts
set outcome = coalesce(outcome, :outcome), closed_at = coalesce(closed_at, cast(:now as {time})),
    detail = case when outcome is null then cast(:detail as text) else detail end,
    event_version = coalesce(event_version, cast(:event_version as integer)),
    to_disable = to_disable or (:accepted = 1 and exists (
        select 1 from {s}inboxes i where i.id = cast(:inbox_id as {id}) and i.status = 'banned'))
where inbox_id = cast(:inbox_id as {id}) and id = cast(:attempt_id as {id})
  and (outcome is null or (:accepted = 1 and outcome <> 'moved'))
  and (owner_id = cast(:owner_id as text) or owner_id is null)
"""

# The number of attempts closed, and the key's event.
CLOSED = f"""
select cast(:closed as integer), {LANDED_COLUMNS.format(e="k")}
from (select 1 as one) o
left join {{s}}inbox_events k on k.inbox_id = cast(:inbox_id as {{id}})
    and k.idempotency_key = cast(:idempotency_key as text)
"""  # noqa: S608 - constants and our own schema only

EXPIRED_ATTEMPTS = f"""
select {ATTEMPT_COLUMNS}, {INBOX_COLUMNS}, {LANDED_COLUMNS.format(e="k")}
from {{s}}inbox_attempts a
join {{s}}inboxes i on i.id = a.inbox_id
left join {{s}}email_domains d on d.id = i.email_domain_id
left join {{s}}inbox_events k on k.inbox_id = a.inbox_id and k.idempotency_key = a.idempotency_key
where a.outcome is null and a.lease_until < {{now}}
  and (a.inbox_id, a.id) > (cast(:after_inbox as {{id}}), cast(:after_attempt as {{id}}))
order by a.inbox_id, a.id
limit cast(:limit as integer)
"""  # noqa: S608 - constants and our own schema only

MARKED_ATTEMPTS = f"""
select {ATTEMPT_COLUMNS}, {INBOX_COLUMNS}, {LANDED_COLUMNS.format(e="k")}
from {{s}}inbox_attempts a
join {{s}}inboxes i on i.id = a.inbox_id
left join {{s}}email_domains d on d.id = i.email_domain_id
left join {{s}}inbox_events k on k.inbox_id = a.inbox_id and k.idempotency_key = a.idempotency_key
where a.to_disable
  and (a.inbox_id, a.id) > (cast(:after_inbox as {{id}}), cast(:after_attempt as {{id}}))
order by a.inbox_id, a.id
limit cast(:limit as integer)
"""  # noqa: S608 - constants and our own schema only

CLEAR_MARK = """
update {s}inbox_attempts set to_disable = {false}
where inbox_id = cast(:inbox_id as {id}) and id = cast(:attempt_id as {id}) and to_disable
"""

# Who, why and from where, as erasure leaves it beside events and attempts.
BLANKED_COLUMNS = (
    "owner_id = null, actor = null, reason = null, correlation_id = null, causation_id = null, idempotency_key = null"
)

# Of an attempt also what the provider said, in the words of a host's own adapter maybe; a verdict has none.
BLANKED_ATTEMPT_COLUMNS = (
    BLANKED_COLUMNS
    + ", detail = case when outcome in ('rejected', 'throttled', 'busy', 'unavailable') then null else detail end"
)

# Attempts opened by calls that had looked before the erasure was there to be seen.
_BLANK_LATE = f"""
update {{s}}inbox_attempts set {BLANKED_ATTEMPT_COLUMNS}
where (owner_id is not null or actor is not null or reason is not null or correlation_id is not null
       or causation_id is not null or idempotency_key is not null)
  and exists (select 1 from {{s}}inboxes i where i.id = inbox_id and i.erased_at is not null)
  and {{which}}
"""  # noqa: S608 - constants and our own schema only

BLANK_LATE_ATTEMPTS_OF_ALL = _BLANK_LATE.replace("{which}", "1 = 1")
BLANK_LATE_ATTEMPTS_OF_ONE = _BLANK_LATE.replace("{which}", "inbox_id = cast(:inbox_id as {id})")

# Domains that nobody has any more, as two erasures at once leave them: neither sees that the other's inbox goes too.
_DROP_ORPHANS = """
delete from {s}email_domains as d
where not exists (select 1 from {s}inboxes o where o.email_domain_id = d.id) and {which}
"""

DROP_ORPHANED_DOMAINS = _DROP_ORPHANS.replace("{which}", "1 = 1")
DROP_ORPHANED_DOMAIN = _DROP_ORPHANS.replace("{which}", "d.id = cast(:email_domain_id as {id})")

# Only what is over: closed long ago, marked for nothing, and past the lease of its call.
_PRUNABLE = """outcome is not null and not to_disable and closed_at < cast(:before as {time}) and lease_until < {now}
  and (inbox_id, id) > (cast(:after_inbox as {id}), cast(:after_attempt as {id}))"""

# Where the next so many end.
PRUNABLE_UNTIL = f"""
select p.inbox_id, p.id
from (
    select inbox_id, id from {{s}}inbox_attempts where {_PRUNABLE}
    order by inbox_id, id
    limit cast(:limit as integer)
) p
order by p.inbox_id desc, p.id desc
limit 1
"""  # noqa: S608 - constants and our own schema only

PRUNE_ATTEMPTS = f"""
delete from {{s}}inbox_attempts
where {_PRUNABLE} and (inbox_id, id) <= (cast(:until_inbox as {{id}}), cast(:until_attempt as {{id}}))
"""  # noqa: S608 - constants and our own schema only

FIND = f"""
select {INBOX_COLUMNS}
from {_WITH_DOMAIN}
where {{conditions}}
order by i.created_at desc, i.id desc
limit cast(:limit as integer)
"""  # noqa: S608 - the conditions are our own constants

# Inboxes first, and no more of them than a page can have, as a number: of a limit that comes as a parameter PostgreSQL
# assumes that it lets a tenth of a table through, and plans such a list anew each time, which takes as long as to run.
FIND_INBOXES = FIND.replace(
    _WITH_DOMAIN + "\nwhere {conditions}",
    """(
    select i.* from {s}inboxes i where {conditions}
    order by i.created_at desc, i.id desc
    limit 1001
) i left join {s}email_domains d on d.id = i.email_domain_id""",
)

# Whatever the owner and the status: the newest of each status by its index, and of those the newest. An index of its
# own would be written at every move.
_NEWEST_OF_A_STATUS = """select * from (
    select i.* from {s}inboxes i where i.status = '{status}' and {conditions}
    order by i.created_at desc, i.id desc
    limit cast(:limit as integer)
) {status}"""

FIND_ALL = FIND.replace(
    _WITH_DOMAIN + "\nwhere {conditions}",
    "(\n"
    + "\nunion all\n".join(_NEWEST_OF_A_STATUS.replace("{status}", status) for status in Status)
    + "\n) i left join {s}email_domains d on d.id = i.email_domain_id",
)

FIND_CONDITIONS = {
    "owner_id": "i.owner_id = cast(:owner_id as text)",
    "status": "i.status = cast(:status as text)",
    "warmup_status": "i.warmup_status = cast(:warmup_status as text)",
    "domain": "d.domain = cast(:domain as text)",
    "after_time": "(i.created_at, i.id) < (cast(:after_time as {time}), cast(:after_id as {id}))",
}

HISTORY_BOUND_AS_OWNER = """
select i.version from {s}inboxes i
where i.id = cast(:inbox_id as {id}) and i.owner_id = cast(:owner_id as text) and i.erased_at is null
"""
HISTORY_BOUND_AS_OPERATOR = "select i.version from {s}inboxes i where i.id = cast(:inbox_id as {id})"

_OWNED = "i.owner_id = cast(:owner_id as text) and i.erased_at is null and "

_HISTORY = f"""
select {EVENT_COLUMNS}
from {{s}}inbox_events e join {{s}}inboxes i on i.id = e.inbox_id
where {{owner}}e.inbox_id = cast(:inbox_id as {{id}}) and e.version > cast(:after as integer)
  and e.version <= cast(:bound as integer)
order by e.version
limit cast(:limit as integer)
"""  # noqa: S608 - constants and our own schema only

HISTORY_AS_OWNER = _HISTORY.replace("{owner}", _OWNED)
HISTORY_AS_OPERATOR = _HISTORY.replace("{owner}", "")

_ATTEMPTS = f"""
select {ATTEMPT_COLUMNS}
from {{s}}inbox_attempts a join {{s}}inboxes i on i.id = a.inbox_id
where {{owner}}a.inbox_id = cast(:inbox_id as {{id}}) and a.id > cast(:after as {{id}})
order by a.id
limit cast(:limit as integer)
"""  # noqa: S608 - constants and our own schema only

ATTEMPTS_AS_OWNER = _ATTEMPTS.replace("{owner}", _OWNED)
ATTEMPTS_AS_OPERATOR = _ATTEMPTS.replace("{owner}", "")

REVISION = "select version_num from {s}inbox_lifecycle_alembic_version"

COUNT_INBOXES = "select count(*) from {s}inboxes"
COUNT_EVENTS = """
select (select count(*) from {s}inbox_events),
       (select count(*) from {s}inbox_feed) + (select count(*) from {s}inbox_feed_queue)
"""
ID_AT = "select i.id from {s}inboxes i order by i.id limit 1 offset cast(:offset as integer)"

# Verification: rows with their newest event, events of a range of inboxes, and attempts of the same range.
VERIFY_ROWS = f"""
select {INBOX_COLUMNS}, i.address_key, d.owner_id as domain_owner_id,
       (select max(e.version) from {{s}}inbox_events e where e.inbox_id = i.id) as newest
from {_WITH_DOMAIN}
where i.id > cast(:after as {{id}}) and i.id <= cast(:until as {{id}})
order by i.id
limit cast(:limit as integer)
"""  # noqa: S608 - constants and our own schema only

# Whether a context without a key is an erased inbox's is read with it: the row was read before.
_VERIFY_EVENTS = """
select {columns},
       case when e.context_key is null then
           (select 1 from {s}inboxes i where i.id = e.inbox_id and i.erased_at is not null)
       end as erased
from {s}inbox_events e
where (e.inbox_id, e.version) > (cast(:after as {id}), cast(:after_version as integer))
  and e.inbox_id <= cast(:until as {id})
order by e.inbox_id, e.version
limit cast(:limit as integer)
"""
VERIFY_EVENTS_POSTGRESQL = _VERIFY_EVENTS.replace("{columns}", POSTGRESQL_EVENT_COLUMNS)
VERIFY_EVENTS_SQLITE = _VERIFY_EVENTS.replace("{columns}", EVENT_COLUMNS)

VERIFY_ATTEMPTS = f"""
select {ATTEMPT_COLUMNS}, m.name, m.entry,
       (select 1 from {{s}}inboxes i where i.id = a.inbox_id) as has_inbox
from {{s}}inbox_attempts a
left join {{s}}inbox_events m on m.inbox_id = a.inbox_id and m.version = a.event_version and a.outcome = 'moved'
where (a.inbox_id, a.id) > (cast(:after as {{id}}), cast(:after_attempt as {{id}}))
  and a.inbox_id <= cast(:until as {{id}})
order by a.inbox_id, a.id
limit cast(:limit as integer)
"""  # noqa: S608 - constants and our own schema only

ORPHANS = """
select e.inbox_id, e.version
from {s}inbox_events e
where not exists (select 1 from {s}inboxes i where i.id = e.inbox_id)
  and (e.inbox_id, e.version) > (cast(:after as {id}), cast(:after_version as integer))
  and e.inbox_id <= cast(:until as {id})
order by e.inbox_id, e.version
limit cast(:limit as integer)
"""
