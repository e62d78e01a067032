"""The statements of a launch: senders claimed, loaded and let go again, many in one statement.

A launch holds a claim on each sender for as long as its attempt is open: a unique index over open attempts lets one
attempt at a time have it. The claim names the campaign, which is the host's word and about no person: it stays when
erasure blanks an attempt's context.

Senders go over in one parameter of JSON, the one list that both databases and all their drivers understand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, Inbox, InboxId
from inbox_lifecycle.store.rows import INBOX_COLUMNS, read_inbox
from inbox_lifecycle.store.session import Session
from inbox_lifecycle.store.statements import context_values

_OWNED = "i.owner_id = cast(:owner_id as text) and "

_LAUNCH_COLUMNS = (
    "inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable,"
    " owner_id, actor, reason, correlation_id, causation_id, claim"
)

# In order of id, so that two launches of the same senders never wait for each other crosswise.
_OPEN_POSTGRESQL = f"""
with asked as (
    select cast(e ->> 'inbox' as uuid) as inbox_id, cast(e ->> 'attempt' as uuid) as attempt_id
    from jsonb_array_elements(cast(:senders as jsonb)) e
), seen as materialized (
    select {INBOX_COLUMNS}, asked.attempt_id
    from asked
    join {{s}}inboxes i on i.id = asked.inbox_id
    join {{s}}email_domains d on d.id = i.email_domain_id and d.owner_id = i.owner_id
    where {{owner}}i.erased_at is null
), opened as (
    insert into {{s}}inbox_attempts ({_LAUNCH_COLUMNS})
    select id, attempt_id, 'launch', version, status, warmup_status, cast(:now as timestamptz),
           statement_timestamp() + make_interval(secs => cast(:lease as double precision)), false,
           owner_id, cast(:actor as text), cast(:reason as text), cast(:correlation_id as text),
           cast(:causation_id as text), cast(:claim as text)
    from seen
    order by id
    on conflict do nothing
    returning inbox_id
)
select seen.*, (o.inbox_id is not null or a.id is not null) as held
from seen
left join opened o on o.inbox_id = seen.id
left join {{s}}inbox_attempts a on a.inbox_id = seen.id and a.id = seen.attempt_id and a.outcome is null
"""  # noqa: S608 - constants and our own schema only

OPEN_LAUNCH_AS_OWNER_POSTGRESQL = _OPEN_POSTGRESQL.replace("{owner}", _OWNED)
OPEN_LAUNCH_AS_OPERATOR_POSTGRESQL = _OPEN_POSTGRESQL.replace("{owner}", "")

# `cross` tells SQLite to begin with the list: left to itself it begins with all inboxes of the owner.
_ASKED_SQLITE = """json_each(:senders) e
cross join inboxes i on i.id = json_extract(e.value, '$.inbox')
join email_domains d on d.id = i.email_domain_id and d.owner_id = i.owner_id"""

_OPEN_SQLITE = f"""
insert into inbox_attempts ({_LAUNCH_COLUMNS})
select i.id, json_extract(e.value, '$.attempt'), 'launch', i.version, i.status, i.warmup_status, :now,
       strftime({{clock}}, 'now', :lease || ' seconds') || '000Z', 0,
       i.owner_id, :actor, :reason, :correlation_id, :causation_id, :claim
from {_ASKED_SQLITE}
where {{owner}}i.erased_at is null
on conflict do nothing
"""  # noqa: S608 - constants only

_OPENED_SQLITE = f"""
select {INBOX_COLUMNS}, exists (
    select 1 from inbox_attempts a
    where a.inbox_id = i.id and a.id = json_extract(e.value, '$.attempt') and a.outcome is null) as held
from {_ASKED_SQLITE}
where {{owner}}i.erased_at is null
"""  # noqa: S608 - constants only

OPEN_LAUNCH_AS_OWNER_SQLITE = _OPEN_SQLITE.replace("{owner}", _OWNED)
OPEN_LAUNCH_AS_OPERATOR_SQLITE = _OPEN_SQLITE.replace("{owner}", "")
OPENED_LAUNCH_AS_OWNER_SQLITE = _OPENED_SQLITE.replace("{owner}", _OWNED)
OPENED_LAUNCH_AS_OPERATOR_SQLITE = _OPENED_SQLITE.replace("{owner}", "")

# Attempts of an owner's inboxes are the owner's, or nobody's once their inbox is erased.
_ATTEMPTS_OWNED = "(cast(:owner_id as text) is null or a.owner_id = cast(:owner_id as text) or a.owner_id is null)"

_IDS_SQLITE = "select e.value from json_each(:inbox_ids) e"
_IDS_POSTGRESQL = "select cast(e as uuid) from jsonb_array_elements_text(cast(:inbox_ids as jsonb)) e"

_CLAIMED = f"""
a.claim = cast(:claim as text) and a.outcome is null and a.inbox_id in ({{ids}}) and {_ATTEMPTS_OWNED}
"""

_HOLDERS = f"""
select a.inbox_id, a.id, {{left}}
from {{s}}inbox_attempts a
where {_CLAIMED.strip()}
"""  # noqa: S608 - constants and our own schema only

_LEFT_SQLITE = "(julianday(a.lease_until) - julianday('now')) * 86400.0"
_LEFT_POSTGRESQL = "cast(extract(epoch from a.lease_until - statement_timestamp()) as double precision)"

HOLDERS_SQLITE = _HOLDERS.replace("{left}", _LEFT_SQLITE).replace("{ids}", _IDS_SQLITE)
HOLDERS_POSTGRESQL = _HOLDERS.replace("{left}", _LEFT_POSTGRESQL).replace("{ids}", _IDS_POSTGRESQL)

_ABANDON = f"""
update {{s}}inbox_attempts as a
set outcome = 'abandoned', closed_at = cast(:now as {{time}}), detail = cast(:detail as text)
where {_CLAIMED.strip()} and a.lease_until < {{now}}
"""  # noqa: S608 - constants and our own schema only

ABANDON_LAUNCHES_SQLITE = _ABANDON.replace("{ids}", _IDS_SQLITE)
ABANDON_LAUNCHES_POSTGRESQL = _ABANDON.replace("{ids}", _IDS_POSTGRESQL)

_CLOSE = f"""
update {{s}}inbox_attempts as a
set outcome = :outcome, closed_at = cast(:now as {{time}}), detail = c.detail
from ({{closings}}) c
where a.inbox_id = c.inbox_id and a.id = c.attempt_id and a.outcome is null and {_ATTEMPTS_OWNED}
"""  # noqa: S608 - constants and our own schema only

_CLOSINGS_SQLITE = """
    select json_extract(e.value, '$.inbox') as inbox_id, json_extract(e.value, '$.attempt') as attempt_id,
           json_extract(e.value, '$.detail') as detail
    from json_each(:closings) e
"""
_CLOSINGS_POSTGRESQL = """
    select cast(e ->> 'inbox' as uuid) as inbox_id, cast(e ->> 'attempt' as uuid) as attempt_id,
           e ->> 'detail' as detail
    from jsonb_array_elements(cast(:closings as jsonb)) e
"""

CLOSE_LAUNCH_SQLITE = _CLOSE.replace("{closings}", _CLOSINGS_SQLITE)
CLOSE_LAUNCH_POSTGRESQL = _CLOSE.replace("{closings}", _CLOSINGS_POSTGRESQL)


@dataclass(frozen=True, slots=True)
class Sender:
    """A sender as a launch found it."""

    inbox: Inbox
    #: Whether the launch's own attempt on it is open, and so has the claim.
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLaunch:
    """Load the senders that a caller may see, and open an attempt on each whose claim is free; can be run twice."""

    name: ClassVar[str] = "open_launch"
    writes: ClassVar[bool] = True
    #: None for an operator.
    owner_id: str | None
    #: The attempt to open on each.
    attempts: Mapping[InboxId, AttemptId]
    claim: str
    now: datetime
    #: Seconds that the claims are the caller's alone.
    lease: float
    context: Context

    def run(self, session: Session) -> tuple[Sender, ...]:
        """The senders there are, in no order."""
        values = {
            **context_values(self.context),
            "owner_id": self.owner_id,
            "senders": _json([{"inbox": inbox, "attempt": attempt} for inbox, attempt in self.attempts.items()]),
            "claim": self.claim,
            "now": session.backend.time(self.now),
            "lease": self.lease,
        }
        as_operator = self.owner_id is None
        if session.backend.is_sqlite:
            session.run(OPEN_LAUNCH_AS_OPERATOR_SQLITE if as_operator else OPEN_LAUNCH_AS_OWNER_SQLITE, values)
            template = OPENED_LAUNCH_AS_OPERATOR_SQLITE if as_operator else OPENED_LAUNCH_AS_OWNER_SQLITE
        else:
            template = OPEN_LAUNCH_AS_OPERATOR_POSTGRESQL if as_operator else OPEN_LAUNCH_AS_OWNER_POSTGRESQL
        return tuple(Sender(read_inbox(row), bool(row[-1])) for row in session.all(template, values))


@dataclass(frozen=True, slots=True)
class Holder:
    """An open attempt that has a claim."""

    inbox_id: InboxId
    attempt_id: AttemptId
    #: Seconds left of its lease, by the database's clock; negative once it is over.
    left: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchHolders:
    """Who has the claims on some inboxes, in a statement newer than the one that did not get them."""

    name: ClassVar[str] = "launch_holders"
    writes: ClassVar[bool] = False
    #: None for an operator.
    owner_id: str | None
    inbox_ids: tuple[InboxId, ...]
    claim: str

    def run(self, session: Session) -> tuple[Holder, ...]:
        """The attempts that are open."""
        template = HOLDERS_SQLITE if session.backend.is_sqlite else HOLDERS_POSTGRESQL
        values = {"owner_id": self.owner_id, "inbox_ids": _json(self.inbox_ids), "claim": self.claim}
        rows = session.all(template, values)
        return tuple(Holder(InboxId(str(inbox)), AttemptId(str(attempt)), left) for inbox, attempt, left in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class AbandonLaunches:
    """Close the attempts that have a claim on some inboxes past their lease."""

    name: ClassVar[str] = "abandon_launches"
    writes: ClassVar[bool] = True
    #: None for an operator.
    owner_id: str | None
    inbox_ids: tuple[InboxId, ...]
    claim: str
    now: datetime
    #: JSON-ready.
    detail: Any

    def run(self, session: Session) -> int:
        """How many there were."""
        values = {
            "owner_id": self.owner_id,
            "inbox_ids": _json(self.inbox_ids),
            "claim": self.claim,
            "now": session.backend.time(self.now),
            "detail": _json(self.detail),
        }
        return session.run(
            ABANDON_LAUNCHES_SQLITE if session.backend.is_sqlite else ABANDON_LAUNCHES_POSTGRESQL, values
        )


@dataclass(frozen=True, slots=True)
class Closing:
    """How the attempt on one sender closes."""

    inbox_id: InboxId
    attempt_id: AttemptId
    #: JSON-ready: a verdict, or the provider's answer in our words.
    detail: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseLaunch:
    """Close the attempts of a launch that are open, all with one outcome; those that are closed stay as they are."""

    name: ClassVar[str] = "close_launch"
    writes: ClassVar[bool] = True
    #: None for an operator.
    owner_id: str | None
    outcome: str
    closings: tuple[Closing, ...]
    now: datetime

    def run(self, session: Session) -> int:
        """How many were open."""
        values = {
            "owner_id": self.owner_id,
            "outcome": self.outcome,
            "now": session.backend.time(self.now),
            "closings": _json(
                [
                    # As text within the JSON, so that it is stored as it was written.
                    {"inbox": one.inbox_id, "attempt": one.attempt_id, "detail": _json(one.detail)}
                    for one in self.closings
                ]
            ),
        }
        return session.run(CLOSE_LAUNCH_SQLITE if session.backend.is_sqlite else CLOSE_LAUNCH_POSTGRESQL, values)


def _json(value: Mapping[str, Any] | Sequence[Any]) -> str:
    return msgspec.json.encode(value).decode()
