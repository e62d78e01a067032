"""Sending: who may send, and what the provider measured. Launching a campaign from its senders is `launching`.

Figures are asked for in batches, a page of inboxes at a time, and an inbox whose figures cannot be had stands in the
answer with the reason: one provider that fails must not hide what the others measured.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar, cast

from inbox_lifecycle.domain import Inbox, InboxId, Status
from inbox_lifecycle.errors import SendersRefused
from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.lifecycle.record import mailbox_of
from inbox_lifecycle.providers.port import Figures, Mailbox, NoFigures, Provider
from inbox_lifecycle.store.sending import LoadSenders, WarmedInboxes
from inbox_lifecycle.terms import NoProvider, Terms
from inbox_lifecycle.verdict import Clause, Verdict

T = TypeVar("T")

logger = logging.getLogger("inbox_lifecycle")

#: Inboxes per page: the provider's largest batch.
PAGE = 100

#: Steps of this part of a circle come evenly to all of it, whatever the time between two runs.
_GOLDEN: Final = (5**0.5 - 1) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmupAnalytics:
    """An inbox and what the provider measured for it."""

    inbox: Inbox
    #: The figures, or why there are none.
    figures: Figures | NoFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A campaign that was launched."""

    campaign_id: str
    #: In the order they were named.
    senders: tuple[Inbox, ...]


@dataclass(slots=True)
class Served:
    """Inboxes that one provider serves."""

    provider: Provider
    inboxes: list[Inbox] = field(default_factory=list)

    @property
    def mailboxes(self) -> list[Mailbox]:
        """The inboxes as their provider must know them."""
        return [mailbox_of(inbox) for inbox in self.inboxes]


def analytics_page(
    terms: Terms, *, owner_id: str | None, after: InboxId
) -> Flow[tuple[tuple[WarmupAnalytics, ...], InboxId | None]]:
    """The figures of a page of inboxes that warm or have warmed; and where the next page begins (None at the end)."""
    inboxes, following = yield from warmed_page(owner_id=owner_id, after=after)
    figures = yield from read_figures(terms, inboxes)
    return tuple(WarmupAnalytics(inbox=inbox, figures=figures[inbox.id]) for inbox in inboxes), following


def warmed_page(*, owner_id: str | None, after: InboxId) -> Flow[tuple[tuple[Inbox, ...], InboxId | None]]:
    """A page of inboxes that warm or have warmed; and where the next page begins (None at the end)."""
    inboxes = yield from again(WarmedInboxes(owner_id=owner_id, after=after, limit=PAGE))
    return inboxes, inboxes[-1].id if len(inboxes) == PAGE else None


def read_figures(terms: Terms, inboxes: Sequence[Inbox]) -> Flow[Mapping[InboxId, Figures | NoFigures]]:
    """The figures of each inbox, or why there are none; one batch for each provider."""
    served, unserved = by_provider(terms, inboxes)
    figures: dict[InboxId, Figures | NoFigures] = {one: NoFigures(reason) for one, reason in unserved.items()}
    for group in served:
        answers = yield from group.provider.read_analytics(group.mailboxes)
        # Whatever an adapter leaves out stands in the answer all the same.
        figures |= {inbox.id: answers.get(inbox.id, NoFigures("unanswered")) for inbox in group.inboxes}
    return figures


def by_provider(terms: Terms, inboxes: Sequence[Inbox]) -> tuple[list[Served], Mapping[InboxId, str]]:
    """The inboxes by the provider that serves them; and those that none serves, each with a short word why.

    An adapter stops asking after a few mailboxes without an answer, so the order is another each second: else the same
    few would hide those behind them for good.

    Raises:
        NoProvider: the facade was made without any.
    """
    served: dict[Hashable, Served] = {}
    unserved: dict[InboxId, str] = {}
    for inbox in rotated(inboxes, int(terms.monotonic())):
        try:
            provider: Provider = terms.provider_for(inbox)
        except NoProvider:
            raise
        except Exception as error:  # noqa: BLE001 - the host's own callable: one inbox must not stop all the others
            logger.warning("inbox %s has no provider for now: %s", inbox.id, type(error).__name__)
            unserved[inbox.id] = "no_provider"
            continue
        if provider.name != inbox.provider:
            unserved[inbox.id] = "another_provider_is_configured"
            continue
        served.setdefault(key_of(provider), Served(provider)).inboxes.append(inbox)
    return list(served.values()), unserved


def rotated(items: Sequence[T], by: int) -> Sequence[T]:
    """The items in their order, begun at another place for another `by`; as they are for 0."""
    start = int(by * _GOLDEN % 1 * len(items))
    return [*items[start:], *items[:start]]


def key_of(provider: Provider) -> Hashable:
    """By what providers are told apart whose inboxes may share a call."""
    # A host's callable may make a provider for each inbox: equal ones share a batch. Of what has no hash, the group
    # keeps the provider alive, so that no other can take its identity.
    key = cast("Hashable", provider)
    try:
        hash(key)
    except TypeError:
        return id(provider)
    return key


def require_active(*, owner_id: str | None, inbox_ids: Sequence[InboxId]) -> Flow[tuple[Inbox, ...]]:
    """The inboxes in the order they were named.

    Raises:
        SendersRefused: some are not there for this caller, or not active.
    """
    inboxes = yield from again(LoadSenders(owner_id=owner_id, inbox_ids=tuple(inbox_ids)))
    found = {inbox.id: inbox for inbox in inboxes}
    verdicts: dict[str, Verdict] = dict(judge_senders(inbox_ids, found, owner_id=owner_id))
    if not all(verdict.holds for verdict in verdicts.values()):
        raise SendersRefused(verdicts)
    return tuple(found[inbox_id] for inbox_id in inbox_ids)


def judge_senders(
    inbox_ids: Sequence[InboxId], found: Mapping[InboxId, Inbox], *, owner_id: str | None
) -> Iterator[tuple[InboxId, Verdict]]:
    """A verdict on each inbox asked for; unknown, foreign and erased ones are told by the same words."""
    expected = "on record" if owner_id is None else "yours"
    for inbox_id in inbox_ids:
        inbox = found.get(inbox_id)
        if inbox is None:
            yield inbox_id, Verdict((Clause("inbox", expected, "not found", held=False),))
        else:
            status = inbox.status
            yield inbox_id, Verdict((Clause("status", Status.ACTIVE, status, held=status is Status.ACTIVE),))
