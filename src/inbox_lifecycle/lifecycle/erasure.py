"""Erasure: one more move, that of `inbox.erased`, whose statement blanks everything personal as it swaps.

    the row                  owner, domain, address and its key, the provider's reference
    its earlier events       who, why and from where, and the keys of their commitments
    its attempts             who, why and from where; open ones stay open, closed ones closed
    the domain's row         deleted where no other inbox has it

The erasure's own event keeps who erased and why, and names no owner. A call that is with the provider meanwhile still
knows the address and finds its attempt without an owner: it tells the provider to stop. The provider is not told
anything else here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from inbox_lifecycle.codec import EncodedEvent
from inbox_lifecycle.domain import Erase, Inbox, InboxErased
from inbox_lifecycle.errors import StoreError
from inbox_lifecycle.flow import Flow, Statement, done, once_committed
from inbox_lifecycle.lifecycle.moves import Request, move
from inbox_lifecycle.lifecycle.provider_word import Asked
from inbox_lifecycle.store.erasing import BlankLateAttempts, CommitErasure, DropOrphanedDomains, RewriteFile
from inbox_lifecycle.store.faults import DOMAIN_KEPT, ConstraintViolated
from inbox_lifecycle.terms import Terms

logger = logging.getLogger("inbox_lifecycle")

#: How often registrations may keep the domain from going before that is an error.
_TRIES = 10


def erase(terms: Terms, request: Request) -> Flow[Inbox]:
    """Blank an inbox for good; the inbox as it is then.

    Raises:
        InboxNotFound: no such inbox.
        TransitionRefused: it is erased already.
        ConcurrencyConflict: it is not at the version expected.
    """
    domains: set[str] = set()

    def swap(_terms: Terms, event: EncodedEvent, inbox: Inbox) -> CommitErasure:
        domains.update({inbox.email_domain_id} if inbox.email_domain_id else ())
        return CommitErasure(
            event=event,
            seen_version=inbox.version,
            owner_id=inbox.owner_id,
            email_domain_id=inbox.email_domain_id,
        )

    inbox = yield from _erase(terms, request, swap)
    yield from _tidy(BlankLateAttempts(inbox_id=inbox.id))
    for domain in domains:
        yield from _tidy(DropOrphanedDomains(email_domain_id=domain))
    yield from _tidy(RewriteFile())
    return inbox


def _erase(terms: Terms, request: Request, swap: Callable[[Terms, EncodedEvent, Inbox], CommitErasure]) -> Flow[Inbox]:
    tries = 0
    while True:
        try:
            return (yield from move(terms, request, InboxErased, _ask, swap))
        except ConstraintViolated as refused:
            tries += 1
            # Somebody has registered another inbox of the domain since the statement looked for one.
            if refused.constraint != DOMAIN_KEPT or tries == _TRIES:
                raise


def _ask(_terms: Terms, _inbox: Inbox) -> Flow[Asked]:
    return done((Erase(), InboxErased()))


def _tidy(statement: Statement[object]) -> Flow[None]:
    """Do what is left to do; the inbox is erased, whatever becomes of that."""
    try:
        yield from once_committed(statement)
    except ConstraintViolated:
        # The domain has another inbox by now.
        return
    except StoreError as failure:
        logger.warning("an inbox is erased, and %s is left to do: %s", statement.name, failure)
