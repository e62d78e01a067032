"""Sending, on the sync facades; its twin is `awaiting_sending.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inbox_lifecycle.domain import Inbox, InboxId
from inbox_lifecycle.facade import sending
from inbox_lifecycle.facade.blocking_base import Facade
from inbox_lifecycle.facade.calls import AnyId, read_owner
from inbox_lifecycle.flow import hand
from inbox_lifecycle.lifecycle.sending import Launch, WarmupAnalytics, analytics_page
from inbox_lifecycle.lifecycle.syncing import WarmupSync, sync_page
from inbox_lifecycle.store.looks import FIRST_ID


class _Measuring(Facade):
    """What the two below share."""

    def _analytics(self, owner_id: str | None) -> Mapping[InboxId, WarmupAnalytics]:
        measured: dict[InboxId, WarmupAnalytics] = {}
        after: InboxId | None = InboxId(FIRST_ID)
        while after is not None:
            page, after = self._run(analytics_page(self._calls.terms, owner_id=owner_id, after=after))
            measured |= {one.inbox.id: one for one in page}
        return measured


class Sending(_Measuring):
    """For owners."""

    def warmup_analytics(self, *, owner_id: AnyId) -> Mapping[InboxId, WarmupAnalytics]:
        """What the provider measured for each of the owner's inboxes that warms or has warmed, by inbox id.

        An inbox whose figures could not be had is there too, with the reason. Nothing moves; `Operator.sync_warmup`
        moves.

        Raises:
            StoreUnavailable, SchemaMismatch: the database could not be asked.
        """
        return self._analytics(read_owner(owner_id))

    def require_active(self, inbox_ids: Sequence[AnyId], *, owner_id: AnyId) -> tuple[Inbox, ...]:
        """The inboxes, every one of them the owner's and `active`, in the order they were named.

        Raises:
            InvalidInput: no inbox was named, or more than a thousand.
            SendersRefused: some are not; the verdicts say which.
        """
        return self._run(sending.require_active(inbox_ids, owner_id=read_owner(owner_id)))

    def launch_campaign(self, campaign_id: str, sender_ids: Sequence[AnyId], *, owner_id: AnyId) -> Launch:
        """Launch a campaign at the provider, if every sender may send.

        Each sender has the launch on record as an attempt. Launching one that runs already is a success. The campaign
        id is the provider's; whether the campaign is the owner's is the host's to know.

        Raises:
            InvalidInput: no sender was named or more than a thousand, or they are with different providers.
            SendersRefused: a sender is not the owner's or not `active`; nothing was sent.
            LaunchInProgress: another launch of this campaign has not ended yet.
            ProviderError: the provider did not accept, or its outcome is unknown; again after a short backoff.
            StoreUnavailable, SchemaMismatch: the database could not be asked; nothing was sent.
        """
        return self._run(sending.launch(self._calls, campaign_id, sender_ids, owner_id=read_owner(owner_id)))


class SendingOperator(_Measuring):
    """For operators, across owners."""

    def warmup_analytics(self, *, owner_id: AnyId | None = None) -> Mapping[InboxId, WarmupAnalytics]:
        """As `Inboxes.warmup_analytics`, of one owner's inboxes or of all."""
        return self._analytics(sending.read_any_owner(owner_id))

    def require_active(self, inbox_ids: Sequence[AnyId]) -> tuple[Inbox, ...]:
        """As `Inboxes.require_active`, whoever the owners are."""
        return self._run(sending.require_active(inbox_ids, owner_id=None))

    def launch_campaign(self, campaign_id: str, sender_ids: Sequence[AnyId]) -> Launch:
        """As `Inboxes.launch_campaign`, whoever the owners are."""
        return self._run(sending.launch(self._calls, campaign_id, sender_ids, owner_id=None))

    def sync_warmup(
        self,
        *,
        owner_id: AnyId | None = None,
        with_analytics: bool = False,
        progress: Callable[[int], Any] | None = None,
    ) -> WarmupSync:
        """Read the provider, and move the inboxes that warm or have warmed as its word and the policy say.

        `graduate` when the policy holds, `ban` when the provider says banned or suspended for good, `fail_warmup` when
        the accepted job failed and nothing was ever sent. What is different there and may not move is reported.
        Each move is an event of its own; an inbox that somebody else moves meanwhile is left to the next run.

        Args:
            owner_id: whose inboxes; None for all.
            with_analytics: whether the report carries the figures read, which takes memory for each inbox.
            progress: called with the number of inboxes looked at so far, after each batch. On the async side it may be
                async.

        Raises:
            StoreUnavailable, SchemaMismatch: the database could not be asked; what was moved until then stays moved.
        """
        wish = sending.wish(self._calls, owner_id=owner_id, with_analytics=with_analytics)
        pages: list[WarmupSync] = []
        after: InboxId | None = InboxId(FIRST_ID)
        while after is not None:
            page, after = self._run(sync_page(self._calls.terms, wish, after=after))
            pages.append(page)
            if progress is not None:
                self._run(hand(progress, sum(one.looked for one in pages)))
        return WarmupSync.of_pages(pages)
