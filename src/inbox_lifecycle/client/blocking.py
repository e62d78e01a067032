"""The sync client. Every method stands in `awaiting.py` too, with the same name and parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self, TypeVar

import httpx

from inbox_lifecycle.client.answers import Account, Attempt, Event, Launch, Page, WarmupAnalytics
from inbox_lifecycle.client.bounds import Bounded, TooLarge
from inbox_lifecycle.client.exchanges import DEFAULT_TIMEOUT, AnyId, Exchange, Exchanges, Part
from inbox_lifecycle.drivers.forks import renew_after_fork
from inbox_lifecycle.drivers.network import send
from inbox_lifecycle.drivers.transport import BoundedTransport
from inbox_lifecycle.flow import Unanswered, Unsent
from inbox_lifecycle.ids import read_id

T = TypeVar("T")


class Client:
    """The inboxes of whom a token stands for, over the HTTP API.

    Safe to share between threads. Besides what each method names, all of them raise `Unauthorised`, `ApiRefused`,
    `ApiUnreachable` and `ApiAnswerUnreadable`, and `StoreUnavailable` where the server's database did not answer.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str,
        timeout: float = DEFAULT_TIMEOUT,
        insecure: bool = False,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Nothing is connected before the first call.

        Args:
            base_url: where the API is, its prefix included: `https://host/api`.
            token: the bearer token.
            timeout: seconds that a whole call may take.
            insecure: whether the token may go over plain http to another host than this one.
            transport: an httpx transport of the host's, for a proxy or certificates of its own.

        Raises:
            InvalidInput: the URL or the token cannot be used.
        """
        self._exchanges = Exchanges(base_url, token=token, timeout=timeout, insecure=insecure)
        self._owns_transport = transport is None
        self._transport = self._own_transport() if transport is None else transport
        renew_after_fork(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._exchanges.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that were opened here; a transport of the host's stays open."""
        if self._owns_transport:
            self._transport.close()

    def renew(self) -> None:
        """Leave the parent's connections to the parent, in a forked child."""
        if self._owns_transport:
            self._transport = self._own_transport()

    def get(self, inbox_id: AnyId) -> Account:
        """The inbox.

        Raises:
            InboxNotFound: no such inbox, not the caller's, or erased.
        """
        return self._do(self._exchanges.get(inbox_id))

    def find(
        self,
        *,
        status: str | None = None,
        warmup_status: str | None = None,
        domain: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Page[Account]:
        """A page of the caller's inboxes, newest first; pass `next_after` of one page as `after` for the next.

        Raises:
            InvalidInput: a word or a mark is malformed.
        """
        return self._do(
            self._exchanges.find(status=status, warmup_status=warmup_status, domain=domain, after=after, limit=limit)
        )

    def retry_warmup(
        self, inbox_id: AnyId, *, idempotency_key: str | None = None, correlation_id: str | None = None
    ) -> Account:
        """Ask the provider for warmup again, because the first call failed; the inbox, now `warming` / `warming`.

        Args:
            inbox_id: the inbox.
            idempotency_key: a call repeated with the same key gives the first one's success.
            correlation_id: the request or ticket this belongs to; kept with the event.

        Raises:
            InboxNotFound: no such inbox, not the caller's, or erased.
            RetryRefused: it is not `pending` / `not_started`, or another call won the race; the verdict says why.
            ProviderError: the provider did not accept, or its outcome is unknown; again after `retry_after` seconds.
            WarmupNotRecorded: it accepted and the server's write failed; again at once.
            IdempotencyKeyReused: the key stands for another operation on this inbox.
        """
        return self._do(
            self._exchanges.retry_warmup(inbox_id, idempotency_key=idempotency_key, correlation_id=correlation_id)
        )

    def history(self, inbox_id: AnyId, *, after: int = 0) -> Iterator[Event]:
        """The inbox's events in order of version, read a page at a time.

        Args:
            inbox_id: the inbox.
            after: the version after which the reading begins; 0 for the birth.

        Raises:
            InboxNotFound: no such inbox, not the caller's, or erased.
        """
        return self._stream(lambda mark: self._exchanges.history(inbox_id, after=mark), str(after) if after else None)

    def attempts(self, inbox_id: AnyId, *, after: AnyId | None = None) -> Iterator[Attempt]:
        """The attempts on the inbox, in the order they were opened, read a page at a time.

        Args:
            inbox_id: the inbox.
            after: the id of the attempt after which the reading begins; None for the first one.

        Raises:
            InboxNotFound: no such inbox, not the caller's, or erased.
        """
        return self._stream(
            lambda mark: self._exchanges.attempts(inbox_id, after=mark),
            None if after is None else read_id("after", after),
        )

    def prove(self, inbox_id: AnyId) -> str:
        """The text of a bundle that proves the inbox's history to anybody who has the log's public key.

        `inbox_lifecycle.verify_bundle` checks it.

        Raises:
            InboxNotFound: no such inbox, not the caller's, or erased.
            ApiRefused: the server has no key to sign with, and so serves no proofs.
        """
        return self._do(self._exchanges.prove(inbox_id))

    def warmup_analytics(self) -> WarmupAnalytics:
        """What the provider measured for each of the caller's inboxes that warms or has warmed, by inbox id.

        The server moves inboxes by what it reads, as the original API does: `transitions` says which.
        """
        return self._do(self._exchanges.warmup_analytics())

    def launch_campaign(self, campaign_id: str, *, correlation_id: str | None = None) -> Launch:
        """Launch a campaign at the provider, if every sender may send; who its senders are the server's host knows.

        Args:
            campaign_id: the provider's id.
            correlation_id: the request or ticket this belongs to; kept with the attempts.

        Raises:
            SendersRefused: a sender is not the caller's or not `active`; nothing was sent.
            LaunchInProgress: another launch of this campaign has not ended yet.
            ProviderError: the provider did not accept, or its outcome is unknown; launching it again is safe.
            ApiRefused: the caller has no such campaign, it cannot be launched as it is, or launches are not served.
        """
        return self._do(self._exchanges.launch_campaign(campaign_id, correlation_id=correlation_id))

    def _stream(self, page_after: Callable[[str | None], Exchange[Part[T]]], after: str | None) -> Iterator[T]:
        # The first page at once, so that an inbox that is not there is told at the call.
        part = self._do(page_after(after))
        return self._rest(page_after, part)

    def _rest(self, page_after: Callable[[str | None], Exchange[Part[T]]], part: Part[T]) -> Iterator[T]:
        yield from part.items
        while part.next_after is not None:
            part = self._do(page_after(part.next_after))
            yield from part.items

    def _own_transport(self) -> BoundedTransport:
        return BoundedTransport(certificates=self._exchanges.certificates())

    def _do(self, exchange: Exchange[T]) -> T:
        try:
            response = send(Bounded(self._transport), exchange.step)
        except (Unsent, Unanswered, TooLarge) as failure:
            exchange.fail(failure)
        return exchange.read(response)
