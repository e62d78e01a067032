"""The statements of exports: keyset pages of all events, all attempts or the feed, narrowed down by the database.

A walk goes from one mark to another, both taken from the key that it is ordered by, so that it stays right whatever is
written meanwhile. Where inboxes are looked up, `id >= :after_inbox` says nothing new: without it a join by merging
would read the inboxes from the first one on, for each page again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from inbox_lifecycle.context import NOBODY
from inbox_lifecycle.domain import InboxId
from inbox_lifecycle.records import Attempt, FedEvent, RecordedEvent
from inbox_lifecycle.store.looks import FIRST_ID
from inbox_lifecycle.store.rows import ATTEMPT_COLUMNS, ATTEMPT_WIDTH, EVENT_COLUMNS, read_attempt, read_event
from inbox_lifecycle.store.session import Row, Session

#: Where a walk has come to: the key of a row.
Mark = tuple[str | int, ...]
Exported = RecordedEvent | Attempt | FedEvent


class What(StrEnum):
    """What can be exported."""

    #: The events of all inboxes, in order of inbox and version.
    HISTORY = "history"
    #: The attempts on all inboxes, in order of inbox and id.
    ATTEMPTS = "attempts"
    #: The events that have a position, in order of it.
    FEED = "feed"


EVENTS_END = """
select e.inbox_id, e.version from {s}inbox_events e
where {conditions}
order by e.inbox_id desc, e.version desc
limit 1
"""

# PostgreSQL begins with the owner's inboxes, and reads of each only what the page still needs: left to itself it may
# sort all that is left of the owner for each page, and does so on tables that were never analysed. Each subquery keeps
# its order, which is why neither is taken apart.
_OF_OWNER = """(
    select o.id from {s}inboxes o
    where o.owner_id = cast(:owner_id as text)
      and o.id >= cast(:after_inbox as {id}) and o.id <= cast(:until_inbox as {id})
    order by o.id
) o cross join lateral (
    select * from {of_it} where x.inbox_id = o.id order by x.{key}
)"""

_EVENTS_PAGE = f"""
select {EVENT_COLUMNS}
from {{source}} e
where (e.inbox_id, e.version) > (cast(:after_inbox as {{id}}), cast(:after_version as integer))
  and (e.inbox_id, e.version) <= (cast(:until_inbox as {{id}}), cast(:until_version as integer))
  and {{conditions}}
order by {{inbox}}, e.version
limit cast(:limit as integer)
"""  # noqa: S608 - constants and our own schema only

EVENTS_PAGE = _EVENTS_PAGE.replace("{source}", "{s}inbox_events").replace("{inbox}", "e.inbox_id")
EVENTS_PAGE_OF_OWNER_POSTGRESQL = _EVENTS_PAGE.replace(
    "{source}", _OF_OWNER.replace("{of_it}", "{s}inbox_events x").replace("{key}", "version")
).replace("{inbox}", "o.id")

ATTEMPTS_END = """
select a.inbox_id, a.id from {s}inbox_attempts a
where {conditions}
order by a.inbox_id desc, a.id desc
limit 1
"""

_ATTEMPTS_PAGE = f"""
select {ATTEMPT_COLUMNS}, {{erased_at}}
from {{source}} a{{inboxes}}
where (a.inbox_id, a.id) > (cast(:after_inbox as {{id}}), cast(:after_attempt as {{id}}))
  and (a.inbox_id, a.id) <= (cast(:until_inbox as {{id}}), cast(:until_attempt as {{id}}))
  and {{conditions}}
order by {{inbox}}, a.id
limit cast(:limit as integer)
"""  # noqa: S608 - constants and our own schema only

# With the inbox, where there is one: a call may have opened an attempt on an inbox that was erased as it did.
ATTEMPTS_PAGE = (
    _ATTEMPTS_PAGE.replace("{source}", "{s}inbox_attempts")
    .replace("{inboxes}", "\nleft join {s}inboxes i on i.id = a.inbox_id and i.id >= cast(:after_inbox as {id})")
    .replace("{erased_at}", "i.erased_at")
    .replace("{inbox}", "a.inbox_id")
)
# What has an owner is not erased.
ATTEMPTS_PAGE_OF_OWNER_POSTGRESQL = (
    _ATTEMPTS_PAGE.replace("{source}", _OF_OWNER.replace("{of_it}", "{s}inbox_attempts x").replace("{key}", "id"))
    .replace("{inboxes}", "")
    .replace("{erased_at}", "null")
    .replace("{inbox}", "o.id")
)

FEED_PAGE = f"""
select {EVENT_COLUMNS}, f.position
from {{s}}inbox_feed f join {{s}}inbox_events e on e.inbox_id = f.inbox_id and e.version = f.version
where f.position > cast(:after_position as bigint) and f.position <= cast(:until_position as bigint)
  and {{conditions}}
order by f.position
limit cast(:limit as integer)
"""  # noqa: S608 - constants and our own schema only

# The owner is the inbox's, whoever acted; erased inboxes have none.
_OWNED = "exists (select 1 from {s}inboxes o where o.owner_id = cast(:owner_id as text) and o.id = "

_EVENT_CONDITIONS = {
    "inbox_id": "e.inbox_id = cast(:inbox_id as {id})",
    "owner_id": _OWNED + "e.inbox_id and o.id >= cast(:after_inbox as {id}))",
    "name": "e.name = cast(:name as text)",
    "since": "e.recorded_at >= cast(:since as {time})",
    "until": "e.recorded_at < cast(:until as {time})",
    "actor": "e.actor = cast(:actor as text)",
}
_FEED_CONDITIONS = {**_EVENT_CONDITIONS, "owner_id": _OWNED + "e.inbox_id)"}
_ATTEMPT_CONDITIONS = {
    "inbox_id": "a.inbox_id = cast(:inbox_id as {id})",
    "owner_id": _OWNED + "a.inbox_id and o.id >= cast(:after_inbox as {id}))",
    "name": "a.kind = cast(:name as text)",
    "since": "a.opened_at >= cast(:since as {time})",
    "until": "a.opened_at < cast(:until as {time})",
    "actor": "a.actor = cast(:actor as text)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What an export is narrowed down to; None where it is not."""

    inbox_id: InboxId | None = None
    #: Owner of the inbox.
    owner_id: str | None = field(default=None, repr=False)
    #: Name of the event, or kind of the attempt.
    name: str | None = None
    #: Recorded or opened then or later.
    since: datetime | None = None
    #: Recorded or opened before.
    until: datetime | None = None
    actor: str | None = field(default=None, repr=False)

    def values(self, session: Session) -> dict[str, object]:
        """What was asked for, as parameters."""
        wanted = {
            "inbox_id": self.inbox_id,
            "owner_id": self.owner_id,
            "name": self.name,
            "since": None if self.since is None else session.backend.time(self.since),
            "until": None if self.until is None else session.backend.time(self.until),
            "actor": self.actor,
        }
        return {name: value for name, value in wanted.items() if value is not None}


@dataclass(frozen=True, slots=True)
class _Walk:
    """How one kind of record is walked."""

    page: str
    conditions: Mapping[str, str]
    #: The parts of a mark.
    key: tuple[str, ...]
    #: Smaller than every mark.
    beginning: Mark
    read: Callable[[Row], Exported]
    #: The page of one owner, where PostgreSQL is told how to come by it.
    of_owner: str | None = None

    def spelled(self, session: Session, names: Collection[str]) -> str:
        """The page narrowed down by these conditions."""
        if self.of_owner is None or session.backend.is_sqlite or "owner_id" not in names or "inbox_id" in names:
            return self.page.replace("{conditions}", _conditions(self.conditions, names))
        return self.of_owner.replace("{conditions}", _conditions(self.conditions, set(names) - {"owner_id"}))


def _read_attempt(row: Row) -> Attempt:
    attempt = read_attempt(row)
    return attempt if row[ATTEMPT_WIDTH] is None else replace(attempt, context=NOBODY)


def _read_fed(row: Row) -> FedEvent:
    return FedEvent(int(row[-1]), read_event(row))


_WALKS = {
    What.HISTORY: _Walk(
        EVENTS_PAGE,
        _EVENT_CONDITIONS,
        ("inbox", "version"),
        (FIRST_ID, 0),
        read_event,
        EVENTS_PAGE_OF_OWNER_POSTGRESQL,
    ),
    What.ATTEMPTS: _Walk(
        ATTEMPTS_PAGE,
        _ATTEMPT_CONDITIONS,
        ("inbox", "attempt"),
        (FIRST_ID, FIRST_ID),
        _read_attempt,
        ATTEMPTS_PAGE_OF_OWNER_POSTGRESQL,
    ),
    What.FEED: _Walk(FEED_PAGE, _FEED_CONDITIONS, ("position",), (-1,), _read_fed),
}


def beginning(what: What) -> Mark:
    """The mark before all rows."""
    return _WALKS[what].beginning


def mark_of(record: Exported) -> Mark:
    """The mark of a row."""
    if isinstance(record, FedEvent):
        return (record.position,)
    return (record.inbox_id, record.id if isinstance(record, Attempt) else record.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportEnd:
    """The last of all events, or of all attempts, as a walk over them begins."""

    name: ClassVar[str] = "export_end"
    writes: ClassVar[bool] = False
    attempts: bool
    #: None for all inboxes.
    inbox_id: InboxId | None

    def run(self, session: Session) -> Mark | None:
        """Its mark; None where there are none."""
        template = ATTEMPTS_END if self.attempts else EVENTS_END
        known = _ATTEMPT_CONDITIONS if self.attempts else _EVENT_CONDITIONS
        values = Filters(inbox_id=self.inbox_id).values(session)
        row = session.one(template.replace("{conditions}", _conditions(known, values)), values)
        if row is None:
            return None
        return (str(row[0]), str(row[1]) if self.attempts else int(row[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPage:
    """The next records after one mark and up to another, of those that are wanted."""

    name: ClassVar[str] = "export_page"
    writes: ClassVar[bool] = False
    what: What
    filters: Filters
    after: Mark
    until: Mark
    limit: int

    def run(self, session: Session) -> tuple[Exported, ...]:
        """The records, in order."""
        walk = _WALKS[self.what]
        values = self.filters.values(session)
        between = {
            f"{side}_{part}": value
            for side, mark in (("after", self.after), ("until", self.until))
            for part, value in zip(walk.key, mark, strict=True)
        }
        page = walk.spelled(session, values)
        return tuple(walk.read(row) for row in session.all(page, {**values, **between, "limit": self.limit}))


def _conditions(known: Mapping[str, str], names: Collection[str]) -> str:
    return " and ".join(condition for name, condition in known.items() if name in names) or "1 = 1"
