"""The statements that read who may send: inboxes that warm or have warmed, and senders by their ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import msgspec

from inbox_lifecycle.domain import Inbox, InboxId
from inbox_lifecycle.store.rows import INBOX_COLUMNS, read_inbox
from inbox_lifecycle.store.session import Session

_WITH_DOMAIN = "{s}inboxes i left join {s}email_domains d on d.id = i.email_domain_id"
_OWNED = "i.owner_id = cast(:owner_id as text) and "

_WARMED = f"""
select {INBOX_COLUMNS}
from {_WITH_DOMAIN}
where {{owner}}i.warmup_status in ('warming', 'active') and i.erased_at is null and i.id > cast(:after as {{id}})
order by i.id
limit cast(:limit as integer)
"""  # noqa: S608 - constants and our own schema only

WARMED_AS_OWNER = _WARMED.replace("{owner}", _OWNED)
WARMED_AS_OPERATOR = _WARMED.replace("{owner}", "")

# Ids go over in one parameter of JSON, the one list that both databases and all their drivers understand.
# `cross` tells SQLite to begin with the list: left to itself it begins with all inboxes of the owner.
_NAMED_SQLITE = "json_each(:inbox_ids) e cross join inboxes i on i.id = e.value"
_NAMED_POSTGRESQL = (
    "jsonb_array_elements_text(cast(:inbox_ids as jsonb)) e (value) join {s}inboxes i on i.id = cast(e.value as uuid)"
)

_SENDERS = f"""
select {INBOX_COLUMNS}
from {{named}} left join {{s}}email_domains d on d.id = i.email_domain_id
where {{owner}}i.erased_at is null
"""  # noqa: S608 - constants and our own schema only

SENDERS_AS_OWNER_SQLITE = _SENDERS.replace("{owner}", _OWNED).replace("{named}", _NAMED_SQLITE)
SENDERS_AS_OWNER_POSTGRESQL = _SENDERS.replace("{owner}", _OWNED).replace("{named}", _NAMED_POSTGRESQL)
SENDERS_AS_OPERATOR_SQLITE = _SENDERS.replace("{owner}", "").replace("{named}", _NAMED_SQLITE)
SENDERS_AS_OPERATOR_POSTGRESQL = _SENDERS.replace("{owner}", "").replace("{named}", _NAMED_POSTGRESQL)


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmedInboxes:
    """A page of inboxes whose warmup goes on or is over, in order of id; erased ones are left out."""

    name: ClassVar[str] = "warmed_inboxes"
    writes: ClassVar[bool] = False
    #: None for all owners'.
    owner_id: str | None
    after: InboxId
    limit: int

    def run(self, session: Session) -> tuple[Inbox, ...]:
        """The inboxes."""
        values = {"owner_id": self.owner_id, "after": self.after, "limit": self.limit}
        template = WARMED_AS_OPERATOR if self.owner_id is None else WARMED_AS_OWNER
        return tuple(read_inbox(row) for row in session.all(template, values))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSenders:
    """The inboxes of these ids that a caller may see, in no order; erased ones are left out."""

    name: ClassVar[str] = "load_senders"
    writes: ClassVar[bool] = False
    #: None for an operator.
    owner_id: str | None
    inbox_ids: tuple[InboxId, ...]

    def run(self, session: Session) -> tuple[Inbox, ...]:
        """The inboxes."""
        as_owner = (SENDERS_AS_OWNER_POSTGRESQL, SENDERS_AS_OWNER_SQLITE)
        as_operator = (SENDERS_AS_OPERATOR_POSTGRESQL, SENDERS_AS_OPERATOR_SQLITE)
        template = (as_operator if self.owner_id is None else as_owner)[session.backend.is_sqlite]
        values = {"owner_id": self.owner_id, "inbox_ids": msgspec.json.encode(self.inbox_ids).decode()}
        return tuple(read_inbox(row) for row in session.all(template, values))
