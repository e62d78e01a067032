"""Arguments of the auditor's methods, checked once for both facades."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from inbox_lifecycle.audit import proving, sealing, signing
from inbox_lifecycle.audit import verify as checking
from inbox_lifecycle.audit.bundles import Bundle
from inbox_lifecycle.audit.checkpoints import Checkpoint
from inbox_lifecycle.audit.merkle import SIZE_BOUND
from inbox_lifecycle.audit.notes import Signer, Verifier
from inbox_lifecycle.audit.signing import SignedCheckpoint
from inbox_lifecycle.audit.subscribing import Handler, Subscription
from inbox_lifecycle.audit.verify import Verification
from inbox_lifecycle.canonical import check_text
from inbox_lifecycle.domain import InboxId
from inbox_lifecycle.errors import InvalidInput
from inbox_lifecycle.facade.calls import AnyId, Calls
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.ids import read_id
from inbox_lifecycle.records import FeedPage

#: Events per page of the feed at most.
LARGEST_PAGE = 10_000

#: Seconds that a lease lasts at most.
_DAY = 86_400

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}")


def seal(*, limit: int | None) -> Flow[sealing.Sealed]:
    """Sealing, at most so many."""
    if limit is not None and limit < 1:
        raise InvalidInput("limit is at least 1, or None for all there are")
    return sealing.seal(limit=limit)


def feed(*, after: int | None, limit: int) -> Flow[FeedPage]:
    """A page of the feed."""
    read_after(after)
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidInput(f"limit is from 1 to {LARGEST_PAGE}")
    return sealing.feed_page(after=after, limit=limit)


def read_after(after: int | None) -> int:
    """The position after which a reading begins; before the first one for None.

    Raises:
        InvalidInput: there is no such position.
    """
    if after is not None and not -1 <= after < SIZE_BOUND:
        raise InvalidInput("after is a position, from 0 on, or None for the beginning")
    return -1 if after is None else after


def checkpoint(calls: Calls, *, against: Sequence[Checkpoint]) -> Flow[SignedCheckpoint]:
    """A checkpoint of everything there is."""
    return signing.sign(calls.terms, _signer(calls), against=against)


def prove(calls: Calls, inbox_id: AnyId, *, owner_id: str | None, openings: bool) -> Flow[Bundle]:
    """An inbox's bundle."""
    known = InboxId(read_id("inbox_id", inbox_id))
    return proving.prove(calls.terms, _signer(calls), inbox_id=known, owner_id=owner_id, openings=openings)


def _signer(calls: Calls) -> Signer:
    if calls.signer is None:
        raise InvalidInput("there is no key to sign with: pass signer=Signer.from_file(...) where the facade is made")
    return calls.signer


def verify(
    inbox_id: AnyId | None,
    *,
    against: Sequence[Checkpoint],
    verifier: Verifier | None,
    progress: Callable[[int], None] | None,
) -> Flow[Verification]:
    """Verification of one inbox, or of everything."""
    if inbox_id is None:
        return checking.verify_all(against=against, verifier=verifier, progress=progress)
    if against or verifier is not None:
        raise InvalidInput("checkpoints are of all inboxes: leave the inbox out, or leave out `against` and `verifier`")
    return checking.verify_one(read_id("inbox_id", inbox_id))


def read_subscription(
    name: str,
    handler: Handler | None,
    *,
    tries: int = 1,
    lease: float = 60.0,
    limit: int | None = None,
    poll: float | None = None,
) -> Subscription:
    """A subscription that makes sense.

    Raises:
        InvalidInput: it does not.
    """
    if not _NAME.fullmatch(check_text("name", name)):
        raise InvalidInput("a subscription's name has letters, digits, dots, colons, hyphens, underscores, up to 200")
    if not callable(handler):
        raise InvalidInput("handler is called with each event: pass a function")
    if tries < 1 or (limit is not None and limit < 1):
        raise InvalidInput("tries and limit are at least 1")
    if not (0 < lease <= _DAY and (poll is None or 0 < poll <= _DAY)):
        raise InvalidInput(f"lease and poll are seconds, more than 0 and at most {_DAY}")
    return Subscription(name=name, handler=handler, tries=tries, lease=lease, limit=limit, poll=poll)


def read_subscription_name(name: str) -> str:
    """The name alone.

    Raises:
        InvalidInput: no subscription can have it.
    """
    return read_subscription(name, print).name
