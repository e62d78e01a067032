"""Arguments of the methods about sending, checked once for both facades."""

from __future__ import annotations

import re
from collections.abc import Iterable

from inbox_lifecycle.domain import AttemptId, Inbox, InboxId
from inbox_lifecycle.errors import InvalidInput
from inbox_lifecycle.facade.calls import AnyId, Calls, read_owner
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.ids import new_id, read_id
from inbox_lifecycle.lifecycle import launching, sending
from inbox_lifecycle.lifecycle.sending import Launch
from inbox_lifecycle.lifecycle.syncing import Wish

#: Senders that one call may name at most.
MOST_SENDERS = 1000

_CAMPAIGN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")


def require_active(inbox_ids: Iterable[AnyId], *, owner_id: str | None) -> Flow[tuple[Inbox, ...]]:
    """The inboxes, every one of them active."""
    return sending.require_active(owner_id=owner_id, inbox_ids=read_ids("inbox_ids", inbox_ids))


def launch(calls: Calls, campaign_id: str, sender_ids: Iterable[AnyId], *, owner_id: str | None) -> Flow[Launch]:
    """A launch, with an attempt of its own on each sender."""
    call = launching.LaunchCall(
        campaign_id=read_campaign(campaign_id),
        owner_id=owner_id,
        attempts={one: AttemptId(new_id(calls.terms.clock())) for one in read_ids("sender_ids", sender_ids)},
        context=calls.context(owner_id=owner_id),
    )
    return launching.launch_campaign(calls.terms, call)


def wish(calls: Calls, *, owner_id: AnyId | None, with_analytics: bool) -> Wish:
    """What a sync is to do."""
    return Wish(
        owner_id=read_any_owner(owner_id),
        policy=calls.policy,
        with_analytics=with_analytics,
        context=calls.context(),
    )


def read_any_owner(owner_id: AnyId | None) -> str | None:
    """An owner's id, as text; None, which only an operator may say, for all of them.

    Raises:
        InvalidInput: it is empty or not text.
    """
    return None if owner_id is None else read_owner(owner_id)


def read_campaign(campaign_id: object) -> str:
    """A campaign's id at its provider.

    Raises:
        InvalidInput: it is not one.
    """
    # It goes into a path at the provider, and into log lines.
    if not isinstance(campaign_id, str) or not _CAMPAIGN.fullmatch(campaign_id):
        raise InvalidInput(
            "a campaign's id has letters, digits, dots, colons, hyphens and underscores, up to 128, and begins with"
            " a letter or a digit: pass it as the provider shows it"
        )
    return campaign_id


def read_ids(name: str, inbox_ids: object) -> tuple[InboxId, ...]:
    """Ids in their one form, in the order they were named, each once.

    Raises:
        InvalidInput: there is none, or there are too many, or one is malformed.
    """
    if isinstance(inbox_ids, str) or not isinstance(inbox_ids, Iterable):
        raise InvalidInput(f"{name} is a list of ids: pass one, even for a single inbox")
    known: dict[InboxId, None] = {}
    for inbox_id in inbox_ids:
        known[InboxId(read_id(name, inbox_id))] = None
        if len(known) > MOST_SENDERS:
            raise InvalidInput(f"{name} names more than {MOST_SENDERS} inboxes: ask for them in parts")
    if not known:
        raise InvalidInput(f"{name} names no inbox: pass one at least")
    return tuple(known)
