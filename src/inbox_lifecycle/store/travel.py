"""Inboxes as they were: the statements that read a row's state from the event it stood on at some point.

The event is found from the inbox by the key (inbox_id, version): one look by index for each inbox, however many events
there are of others. Times within an inbox never go backwards, so the newest version recorded by a time is the state
at that time. What an event does not hold (owner, address, domain, provider, birth) never changes but by erasure, and
comes from the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from inbox_lifecycle.domain import Inbox, InboxId
from inbox_lifecycle.records import Attempt, Page, RecordedEvent
from inbox_lifecycle.store.looks import FindInboxes
from inbox_lifecycle.store.reads import FIND_CONDITIONS
from inbox_lifecycle.store.rows import (
    ATTEMPT_COLUMNS,
    ATTEMPT_WIDTH,
    EVENT_COLUMNS,
    INBOX_COLUMNS,
    INBOX_WIDTH,
    read_attempt,
    read_event,
    read_inbox,
)
from inbox_lifecycle.store.session import Session

#: What the columns of versions and positions can hold; beyond it nothing was ever recorded.
_LARGEST_VERSION = 2**31 - 1
_LARGEST_POSITION = 2**63 - 1

# Where `read_inbox` has the version: null where the point was missed.
_STOOD_AT = 10

# Columns of an inbox as `read_inbox` takes them, the changing ones of the event `e` that it stood on.
THEN_COLUMNS = (
    "i.id, i.owner_id, i.email_address, d.domain as email_domain, i.email_domain_id, d.status as email_domain_status,"
    " i.provider, i.provider_ref, e.status, e.warmup_status, e.version, i.created_at, e.recorded_at,"
    " case when i.erased_at is not null then ("
    "select max(x.recorded_at) from {s}inbox_events x"
    " where x.inbox_id = i.id and x.name = 'inbox.erased' and x.version <= e.version"
    ") end as erased_at, e.hash"
)

_NEWEST_BY_TIME = (
    "select max(x.version) from {s}inbox_events x where x.inbox_id = i.id and x.recorded_at <= cast(:at as {time})"
)
_NEWEST_BY_POSITION = (
    "select max(f.version) from {s}inbox_feed f where f.inbox_id = i.id and f.position <= cast(:position as bigint)"
)

# One of the three parameters is given; the others are null, and so is what they look up.
_AS_OF = f"""
select {THEN_COLUMNS}, i.version as newest,
       case when cast(:position as bigint) is not null then (select max(f.position) from {{s}}inbox_feed f) end
           as sealed
from {{s}}inboxes i
left join {{s}}email_domains d on d.id = i.email_domain_id
left join {{s}}inbox_events e on e.inbox_id = i.id
    and e.version = coalesce(cast(:version as integer), ({_NEWEST_BY_TIME}), ({_NEWEST_BY_POSITION}))
where i.id = cast(:inbox_id as {{id}}) and {{owner}}
"""  # noqa: S608 - constants and our own schema only

_OWNED = "i.owner_id = cast(:owner_id as text) and i.erased_at is null"

AS_OF_AS_OWNER = _AS_OF.replace("{owner}", _OWNED)
AS_OF_AS_OPERATOR = _AS_OF.replace("{owner}", "1 = 1")

# The event that a candidate stood on, found from the candidate. Left to themselves, both planners may begin with all
# events of all inboxes; on SQLite `cross` says not to.
_STOOD_ON_POSTGRESQL = """cross join lateral (
    select x.* from {s}inbox_events x
    where x.inbox_id = i.id and x.recorded_at <= cast(:at as {time}) order by x.version desc limit 1
) e"""
_STOOD_ON_SQLITE = f"cross join inbox_events e on e.inbox_id = i.id and e.version = ({_NEWEST_BY_TIME})"

# Candidates come in the order of the pages, so that a page that is full early looks at no more of them.
_FIND_AS_OF = f"""
select {THEN_COLUMNS}
from (
    select * from {{s}}inboxes order by created_at desc, id desc
) i
left join {{s}}email_domains d on d.id = i.email_domain_id
{{stood_on}}
where {{conditions}}
order by i.created_at desc, i.id desc
limit cast(:limit as integer)
"""  # noqa: S608 - the conditions are our own constants

FIND_AS_OF_ON_POSTGRESQL = _FIND_AS_OF.replace("{stood_on}", _STOOD_ON_POSTGRESQL)
FIND_AS_OF_ON_SQLITE = _FIND_AS_OF.replace("{stood_on}", _STOOD_ON_SQLITE)

FIND_AS_OF_CONDITIONS = FIND_CONDITIONS | {
    "status": "e.status = cast(:status as text)",
    "warmup_status": "e.warmup_status = cast(:warmup_status as text)",
}

# The newest event that led to another pair, which an erasure does not, with the attempts that count it as theirs.
_WHY = f"""
select {INBOX_COLUMNS}, {EVENT_COLUMNS}, {ATTEMPT_COLUMNS}
from {{s}}inboxes i
left join {{s}}email_domains d on d.id = i.email_domain_id
join {{s}}inbox_events e on e.inbox_id = i.id and e.version = (
    select max(x.version) from {{s}}inbox_events x
    where x.inbox_id = i.id
      and (x.version = 1 or x.status <> x.from_status or x.warmup_status <> x.from_warmup_status))
left join {{s}}inbox_attempts a on a.inbox_id = i.id and a.event_version = e.version and a.outcome = 'moved'
where i.id = cast(:inbox_id as {{id}}) and {{owner}}
"""  # noqa: S608 - constants and our own schema only

WHY_AS_OWNER = _WHY.replace("{owner}", _OWNED)
WHY_AS_OPERATOR = _WHY.replace("{owner}", "1 = 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A point of an inbox's history: a version, a time or a position in the feed; one of them is given."""

    version: int | None = None
    at: datetime | None = None
    #: The state that the feed tells up to and including this position.
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Travelled:
    """An inbox at a point."""

    #: None where its history does not reach the point.
    inbox: Inbox | None
    #: The newest version there is now.
    newest: int
    #: The feed's last position, where a position was asked for; None where there is none yet.
    sealed: int | None


@dataclass(frozen=True, slots=True)
class Explained:
    """An inbox with the newest event that led to another pair."""

    inbox: Inbox
    event: RecordedEvent
    #: Attempts that count the event as theirs; in a sound history one at most.
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxAsOf:
    """An inbox as it was at a point."""

    name: ClassVar[str] = "inbox_as_of"
    writes: ClassVar[bool] = False
    inbox_id: InboxId
    #: None for an operator, who sees erased inboxes as well.
    owner_id: str | None
    point: Point

    def run(self, session: Session) -> Travelled | None:
        """The inbox then; None where there is none for this caller."""
        point = self.point
        values = {
            "inbox_id": self.inbox_id,
            "owner_id": self.owner_id,
            "version": None if point.version is None else min(max(point.version, 0), _LARGEST_VERSION),
            "at": None if point.at is None else session.backend.time(point.at),
            "position": None if point.position is None else min(point.position, _LARGEST_POSITION),
        }
        row = session.one(AS_OF_AS_OPERATOR if self.owner_id is None else AS_OF_AS_OWNER, values)
        if row is None:
            return None
        newest, sealed = row[INBOX_WIDTH:]
        return Travelled(None if row[_STOOD_AT] is None else read_inbox(row), newest, sealed)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindInboxesAsOf:
    """A page of inboxes as they were at a time; those that were not on record yet are left out."""

    name: ClassVar[str] = "find_inboxes_as_of"
    writes: ClassVar[bool] = False
    search: FindInboxes
    at: datetime

    def run(self, session: Session) -> Page[Inbox]:
        """The page."""
        template = FIND_AS_OF_ON_SQLITE if session.backend.is_sqlite else FIND_AS_OF_ON_POSTGRESQL
        return self.search.page(session, template, FIND_AS_OF_CONDITIONS, {"at": session.backend.time(self.at)})


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyInbox:
    """An inbox, the event that put it where it is, and the attempts that count this event as theirs."""

    name: ClassVar[str] = "why_inbox"
    writes: ClassVar[bool] = False
    inbox_id: InboxId
    owner_id: str | None

    def run(self, session: Session) -> Explained | None:
        """All of it; None where there is no such inbox for this caller."""
        values = {"inbox_id": self.inbox_id, "owner_id": self.owner_id}
        rows = session.all(WHY_AS_OPERATOR if self.owner_id is None else WHY_AS_OWNER, values)
        if not rows:
            return None
        event = read_event(rows[0][INBOX_WIDTH:-ATTEMPT_WIDTH])
        made = [row[-ATTEMPT_WIDTH:] for row in rows]
        return Explained(read_inbox(rows[0]), event, tuple(read_attempt(row) for row in made if row[0] is not None))
