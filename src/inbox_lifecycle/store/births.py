"""The statements by which many inboxes are born at once, and what is there of those that were not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from inbox_lifecycle.canonical import time_text
from inbox_lifecycle.domain import InboxId
from inbox_lifecycle.store import births_sql as sql
from inbox_lifecycle.store.bulk_rows import EventRow, bytea, event_row, json_text
from inbox_lifecycle.store.session import Session
from inbox_lifecycle.store.sqlite import FIRST_EVENT, FIRST_ROW, MAKE_DOMAIN, QUEUE
from inbox_lifecycle.store.statements import RegisterInbox

#: The births of a batch: no two of the same address or id, and one domain's id for each domain of an owner. Encoding
#: them is work: it is done once, by the thread that runs the statement, and not by an event loop.
Births = Callable[[], Sequence[RegisterInbox]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterMany:
    """Domain, row, first event and queue row of many inboxes, those left out whose address or id is there.

    Run twice it takes effect once.
    """

    name: ClassVar[str] = "register_many"
    writes: ClassVar[bool] = True
    births: Births = field(repr=False)

    def run(self, session: Session) -> frozenset[InboxId]:
        """Those that were born now."""
        births = self.births()
        if session.backend.is_sqlite:
            return _born_on_sqlite(session, births)
        rows = session.all(sql.BIRTHS_POSTGRESQL, {"births": json_text([_birth_row(one) for one in births])})
        return frozenset(InboxId(str(row[0])) for row in rows)


@dataclass(frozen=True, slots=True)
class Found:
    """An inbox that has the id or the address of one that was not born."""

    inbox_id: InboxId
    owner_id: str | None = field(repr=False)
    email_address: str | None = field(repr=False)
    #: Its first event.
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindUnborn:
    """Find the inboxes that have the id or the address of some that were not born."""

    name: ClassVar[str] = "find_unborn"
    writes: ClassVar[bool] = False
    births: Births = field(repr=False)
    #: Those that were.
    born: frozenset[InboxId]

    def run(self, session: Session) -> dict[InboxId, list[Found]]:
        """What was found for each, one or two; nothing where neither is there."""
        unborn: list[dict[str, object]] = [
            {"inbox_id": one.event.inbox_id, "email_address": one.email_address}
            for one in self.births()
            if one.event.inbox_id not in self.born
        ]
        if session.backend.is_sqlite:
            rows = [row for one in unborn for row in session.all(sql.FOUND_SQLITE, one)]
        else:
            rows = session.all(sql.FOUND_POSTGRESQL, {"births": json_text(unborn)})
        found: dict[InboxId, list[Found]] = {}
        for row in rows:
            one = Found(InboxId(str(row[1])), row[2], row[3], str(row[4]))
            found.setdefault(InboxId(str(row[0])), []).append(one)
        return found


class _BirthRow(EventRow, omit_defaults=True, gc=False, kw_only=True):
    """A row of BIRTHS_POSTGRESQL."""

    owner_id: str
    domain_id: str
    domain: str
    email_address: str
    address_key: str
    provider: str
    provider_ref: str | None
    created_at: str


def _birth_row(birth: RegisterInbox) -> _BirthRow:
    return event_row(
        _BirthRow,
        birth.event,
        owner_id=birth.owner_id,
        domain_id=birth.domain_id,
        domain=birth.domain,
        email_address=birth.email_address,
        address_key=bytea(birth.address_key),
        provider=birth.provider,
        provider_ref=birth.provider_ref,
        created_at=time_text(birth.created_at),
    )


def _born_on_sqlite(session: Session, births: Sequence[RegisterInbox]) -> frozenset[InboxId]:
    rows = [values for one in births if session.one(sql.FOUND_SQLITE, values := one.values(session)) is None]
    domains = {row["domain_id"]: row for row in rows}
    session.many(MAKE_DOMAIN, list(domains.values()))
    for statement in (FIRST_EVENT, FIRST_ROW, QUEUE):
        session.many(statement, rows)
    return frozenset(InboxId(str(row["inbox_id"])) for row in rows)
