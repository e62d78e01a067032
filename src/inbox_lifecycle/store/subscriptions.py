"""Where consumers of the feed stand: one cursor a name, held by one consumer at a time, by the database's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from inbox_lifecycle.records import ParkedEvent
from inbox_lifecycle.store.rows import EVENT_COLUMNS, read_event, read_time_column
from inbox_lifecycle.store.session import Session

# On PostgreSQL and on SQLite.
_LEASE_ENDS = (
    "statement_timestamp() + make_interval(secs => cast(:lease as double precision))",
    "strftime({clock}, 'now', :lease || ' seconds') || '000Z'",
)

_CLAIM = """
insert into {s}inbox_subscriptions (name, position, holder, lease_until)
values (cast(:subscription as text), -1, cast(:holder as {id}), {lease_end})
on conflict (name) do update set holder = excluded.holder, lease_until = excluded.lease_until
where inbox_subscriptions.holder is null or inbox_subscriptions.lease_until < {now}
   or inbox_subscriptions.holder = excluded.holder
returning position
"""
_ADVANCE = """
update {s}inbox_subscriptions set position = cast(:position as bigint), lease_until = {lease_end}
where name = cast(:subscription as text) and holder = cast(:holder as {id})
"""
RELEASE = """
update {s}inbox_subscriptions set holder = null, lease_until = null
where name = cast(:subscription as text) and holder = cast(:holder as {id})
"""
PARK = """
insert into {s}inbox_parked_events (subscription, position, error, tries, parked_at)
select s.name, cast(:position as bigint), cast(:error as text), cast(:tries as integer), cast(:now as {time})
from {s}inbox_subscriptions s
where s.name = cast(:subscription as text) and s.holder = cast(:holder as {id})
on conflict (subscription, position) do update
set error = excluded.error, tries = inbox_parked_events.tries + excluded.tries, parked_at = excluded.parked_at
"""
PARKED = f"""
select {EVENT_COLUMNS}, p.position, p.error, p.tries, p.parked_at
from {{s}}inbox_parked_events p
join {{s}}inbox_feed f on f.position = p.position
join {{s}}inbox_events e on e.inbox_id = f.inbox_id and e.version = f.version
where p.subscription = cast(:subscription as text) and p.position > cast(:after as bigint)
order by p.position
limit cast(:limit as integer)
"""  # noqa: S608 - constants and our own schema only
UNPARK = """
delete from {s}inbox_parked_events
where subscription = cast(:subscription as text) and position = cast(:position as bigint)
"""


CLAIM_POSTGRESQL, CLAIM_SQLITE = (_CLAIM.replace("{lease_end}", end) for end in _LEASE_ENDS)
ADVANCE_POSTGRESQL, ADVANCE_SQLITE = (_ADVANCE.replace("{lease_end}", end) for end in _LEASE_ENDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimSubscription:
    """Become the one consumer of a name, from where it stands; a new name begins before the first position."""

    name: ClassVar[str] = "claim_subscription"
    writes: ClassVar[bool] = True
    subscription: str
    holder: str
    #: Seconds.
    lease: float

    def run(self, session: Session) -> int | None:
        """The last position handled, -1 for none; None where somebody else holds it."""
        values = {"subscription": self.subscription, "holder": self.holder, "lease": self.lease}
        row = session.one(CLAIM_SQLITE if session.backend.is_sqlite else CLAIM_POSTGRESQL, values)
        return None if row is None else int(row[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceSubscription:
    """Everything up to a position is handled; the lease begins anew."""

    name: ClassVar[str] = "advance_subscription"
    writes: ClassVar[bool] = True
    subscription: str
    holder: str
    position: int
    lease: float

    def run(self, session: Session) -> bool:
        """Whether it was still this consumer's."""
        values = {
            "subscription": self.subscription,
            "holder": self.holder,
            "position": self.position,
            "lease": self.lease,
        }
        return session.run(ADVANCE_SQLITE if session.backend.is_sqlite else ADVANCE_POSTGRESQL, values) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseSubscription:
    """Let the next consumer have it at once."""

    name: ClassVar[str] = "release_subscription"
    writes: ClassVar[bool] = True
    subscription: str
    holder: str

    def run(self, session: Session) -> None:
        """Release it, if it is still this consumer's."""
        session.run(RELEASE, {"subscription": self.subscription, "holder": self.holder})


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkEvent:
    """Put an event aside that the handler failed on."""

    name: ClassVar[str] = "park_event"
    writes: ClassVar[bool] = True
    subscription: str
    holder: str
    position: int
    #: The error's type; never its text, which may hold anything.
    error: str
    tries: int
    now: datetime

    def run(self, session: Session) -> bool:
        """Whether the subscription is still this consumer's; tries of an event that was parked before add up."""
        values = {
            "subscription": self.subscription,
            "holder": self.holder,
            "position": self.position,
            "error": self.error,
            "tries": self.tries,
            "now": session.backend.time(self.now),
        }
        return session.run(PARK, values) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedEvents:
    """Events put aside, after a position."""

    name: ClassVar[str] = "parked_events"
    writes: ClassVar[bool] = False
    subscription: str
    after: int
    limit: int

    def run(self, session: Session) -> tuple[ParkedEvent, ...]:
        """The events, in order of position."""
        values = {"subscription": self.subscription, "after": self.after, "limit": self.limit}
        return tuple(
            ParkedEvent(
                position=int(row[-4]),
                event=read_event(row),
                error=row[-3],
                tries=row[-2],
                parked_at=read_time_column(row[-1]),
            )
            for row in session.all(PARKED, values)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnparkEvent:
    """The handler has had it after all."""

    name: ClassVar[str] = "unpark_event"
    writes: ClassVar[bool] = True
    subscription: str
    position: int

    def run(self, session: Session) -> None:
        """Take it off the list."""
        session.run(UNPARK, {"subscription": self.subscription, "position": self.position})
