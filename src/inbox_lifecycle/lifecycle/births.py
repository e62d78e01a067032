"""How inboxes come to be: registered anew, or adopted from a host's old table."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

from inbox_lifecycle.address import Address
from inbox_lifecycle.codec import KEY_LENGTH, address_commitment, encode_event
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import (
    Adopt,
    AttemptKind,
    Inbox,
    InboxAdopted,
    InboxId,
    InboxRegistered,
    Move,
    Pair,
    Register,
    decide,
)
from inbox_lifecycle.errors import InboxExists, InboxLifecycleError, StoreContended, StoreUnavailable
from inbox_lifecycle.flow import Flow, again, once
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.lifecycle.warmup import request_warmup
from inbox_lifecycle.store.faults import DOMAIN_KEPT, ConstraintViolated
from inbox_lifecycle.store.looks import GetInbox, LookForEvent
from inbox_lifecycle.store.statements import RegisterInbox
from inbox_lifecycle.terms import Terms

logger = logging.getLogger("inbox_lifecycle")

# The domain's row may be made, or dropped by an erasure, at the same moment; a stricter isolation may undo ours for it.
_TRIES = 5

_EXISTS = {
    "inboxes_email_address_key": "address",
    "inboxes_pkey": "id",
    "inbox_events_pkey": "id",
    # SQLite's guards fire in no certain order: for a birth this one says that the row is there.
    "inbox_events_head": "id",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """What is known of an inbox before it is one."""

    address: Address = field(repr=False)
    owner_id: str
    provider: str
    provider_ref: str | None = field(default=None, repr=False)
    context: Context
    #: Adopted inboxes keep their id; None for a fresh one.
    inbox_id: InboxId | None = None
    #: The pair of an adopted inbox; None registers a new one.
    adopted_in: Pair | None = None
    #: When an adopted inbox was made; None for now.
    created_at: datetime | None = None


def register(terms: Terms, birth: Birth) -> Flow[Inbox]:
    """Put an inbox on record.

    Raises:
        InboxExists: another inbox that is not erased has this address, or one has this id.
        StoreUnavailable: the database did not answer; if `maybe_applied`, the inbox may be there.
    """
    statement = statement_of(terms, birth)
    maybe_applied = False
    for _ in range(_TRIES):
        try:
            inbox = yield from once(statement)
        except StoreContended:
            continue
        except (StoreUnavailable, ConstraintViolated) as failure:
            maybe_applied = maybe_applied or isinstance(failure, StoreUnavailable)
            inbox = yield from _explain_failure(statement, failure)
        if inbox is not None:
            return inbox
    raise StoreUnavailable("the registration stayed contended", maybe_applied=maybe_applied)


def register_and_start(terms: Terms, birth: Birth) -> Flow[Inbox]:
    """Register, and make the first attempt; whatever becomes of that, the inbox is returned.

    Raises:
        InboxExists: as `register`.
    """
    # The key stands for the warmup, not for the birth: a birth is unique by its address.
    inbox = yield from register(terms, replace(birth, context=replace(birth.context, idempotency_key=None)))
    try:
        return (
            yield from request_warmup(
                terms, inbox_id=inbox.id, owner_id=birth.owner_id, kind=AttemptKind.START, context=birth.context
            )
        )
    except Exception as failure:  # noqa: BLE001 - a host's own callable may raise what it likes
        # The attempt is on record with its outcome, and the inbox is there to be retried.
        logger.info("inbox %s is registered and does not warm yet: %s", inbox.id, type(failure).__name__)
        return (yield from _as_it_is(inbox))


def _as_it_is(inbox: Inbox) -> Flow[Inbox]:
    try:
        seen = yield from again(GetInbox(inbox_id=inbox.id, owner_id=inbox.owner_id))
    except InboxLifecycleError:
        return inbox
    return inbox if seen is None else seen.inbox


@lru_cache(maxsize=32)
def _first_move(adopted_in: Pair | None) -> Move:
    return decide(None, Register() if adopted_in is None else Adopt(adopted_in))


def statement_of(terms: Terms, birth: Birth, *, domain_id: str | None = None) -> RegisterInbox:
    """The statement that puts an inbox on record, its event encoded for good.

    Args:
        domain_id: the id that its domain gets if it is not there yet; None for a fresh one.
    """
    now = terms.recorded_at(None)
    inbox_id = birth.inbox_id or InboxId(new_id(now))
    key = secrets.token_bytes(KEY_LENGTH)
    committed = address_commitment(key, birth.address.text)
    event_type = InboxRegistered if birth.adopted_in is None else InboxAdopted
    event = encode_event(
        event_type(provider=birth.provider, address_commitment=committed),
        _first_move(birth.adopted_in),
        event_id=new_id(now),
        inbox_id=inbox_id,
        version=1,
        previous=None,
        recorded_at=now,
        context=birth.context,
    )
    return RegisterInbox(
        event=event,
        owner_id=birth.owner_id,
        domain_id=domain_id or new_id(now),
        domain=birth.address.domain,
        email_address=birth.address.text,
        address_key=key,
        provider=birth.provider,
        provider_ref=birth.provider_ref,
        created_at=birth.created_at or now,
    )


def _explain_failure(statement: RegisterInbox, failure: StoreUnavailable | ConstraintViolated) -> Flow[Inbox | None]:
    """The inbox if the statement took effect after all; None if it is to be run again."""
    event = statement.event
    look = LookForEvent(inbox_id=InboxId(event.inbox_id), version=1, event_id=event.event_id)
    try:
        looked = yield from again(look)
    except StoreUnavailable as unseen:
        raise StoreUnavailable(unseen.why, maybe_applied=True) from None
    if looked is not None and looked.moved is not None:
        return looked.moved.as_left(looked.seen.inbox)
    if isinstance(failure, StoreUnavailable) or failure.constraint == DOMAIN_KEPT:
        return None
    exists = _EXISTS.get(failure.constraint)
    if exists is None:
        raise failure
    raise InboxExists(exists)
