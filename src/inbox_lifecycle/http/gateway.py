"""The facade as the handlers see it: one set of coroutines, whether it is `AsyncInboxes` or `Inboxes`.

`Inboxes` is called in threads, in the context of the request. What asks the provider may take a minute, so it has
threads of its own: looking at inboxes never waits behind it.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import anyio
import anyio.to_thread

from inbox_lifecycle.audit.bundles import Bundle
from inbox_lifecycle.domain import Inbox
from inbox_lifecycle.errors import InvalidInput, ProviderOutcomeUnknown, StoreUnavailable
from inbox_lifecycle.facade import AsyncInboxes, Inboxes
from inbox_lifecycle.http.principal import Principal
from inbox_lifecycle.lifecycle.sending import Launch
from inbox_lifecycle.lifecycle.syncing import WarmupSync
from inbox_lifecycle.records import Attempt, Page, RecordedEvent

T = TypeVar("T")

AnyInboxes = Inboxes | AsyncInboxes

#: Calls through `Inboxes` that may ask the provider at the same time.
ASKING_AT_ONCE = 40
#: Seconds that the database has for a look.
LOOKING = 15.0
#: Seconds beyond its budget after which a call is waited for no longer.
BEYOND = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which of the caller's inboxes are wanted."""

    status: str | None = None
    warmup_status: str | None = None
    domain: str | None = None


class Gateway:
    """The facade, asked for callers: every question names the owner that the caller's token stands for."""

    def __init__(self, inboxes: AnyInboxes) -> None:
        """Stand before a facade.

        Raises:
            InvalidInput: it is none.
        """
        if not isinstance(inboxes, Inboxes | AsyncInboxes):
            raise InvalidInput("inboxes is an Inboxes or an AsyncInboxes")
        self._inboxes = inboxes
        self._asking = anyio.CapacityLimiter(ASKING_AT_ONCE)

    @property
    def signs(self) -> bool:
        """Whether the facade has a key to sign proofs with."""
        return self._inboxes._calls.signer is not None  # noqa: SLF001 - hosts need no word for what they passed in

    async def get(self, caller: Principal, inbox_id: str) -> Inbox:
        """One inbox."""
        return await self._look(lambda inboxes: inboxes.get(inbox_id, owner_id=caller.owner_id))

    async def find(self, caller: Principal, search: Search, *, after: str | None, limit: int) -> Page[Inbox]:
        """A page of inboxes, newest first."""
        return await self._look(
            lambda inboxes: inboxes.find(
                owner_id=caller.owner_id,
                status=search.status,
                warmup_status=search.warmup_status,
                domain=search.domain,
                after=after,
                limit=limit,
            )
        )

    async def history(self, caller: Principal, inbox_id: str, *, after: int, limit: int) -> Sequence[RecordedEvent]:
        """The first events after a version."""
        return await self._look(
            lambda inboxes: first(inboxes.history(inbox_id, owner_id=caller.owner_id, after=after), limit)
        )

    async def attempts(self, caller: Principal, inbox_id: str, *, after: str | None, limit: int) -> Sequence[Attempt]:
        """The first attempts after another."""
        return await self._look(
            lambda inboxes: first(inboxes.attempts(inbox_id, owner_id=caller.owner_id, after=after), limit)
        )

    async def prove(self, caller: Principal, inbox_id: str) -> Bundle:
        """The inbox's history with its proof."""
        return await self._look(lambda inboxes: inboxes.prove(inbox_id, owner_id=caller.owner_id))

    async def retry_warmup(self, caller: Principal, inbox_id: str, idempotency_key: str | None) -> Inbox:
        """The inbox, now warming."""
        return await self._ask_in_time(
            lambda inboxes: inboxes.retry_warmup(inbox_id, owner_id=caller.owner_id, idempotency_key=idempotency_key)
        )

    async def sync_warmup(self, caller: Principal) -> WarmupSync:
        """What the provider says of the caller's inboxes, and what that moved."""
        return await self._ask(
            lambda inboxes: inboxes.operator(actor=caller.actor).sync_warmup(
                owner_id=caller.owner_id, with_analytics=True
            )
        )

    async def launch_campaign(self, caller: Principal, campaign_id: str, sender_ids: Sequence[str]) -> Launch:
        """The campaign, launched."""
        return await self._ask_in_time(
            lambda inboxes: inboxes.launch_campaign(campaign_id, sender_ids, owner_id=caller.owner_id)
        )

    async def _look(self, question: Callable[[AnyInboxes], T | Awaitable[T]]) -> T:
        try:
            with anyio.fail_after(LOOKING):
                return await self._put(question, None)
        except TimeoutError:
            raise StoreUnavailable("it took too long") from None

    async def _ask(self, question: Callable[[AnyInboxes], T | Awaitable[T]]) -> T:
        return await self._put(question, self._asking)

    async def _ask_in_time(self, question: Callable[[AnyInboxes], T | Awaitable[T]]) -> T:
        """As `_ask`, of what has a time: whoever waits for a database that hangs is told that nobody knows."""
        try:
            with anyio.fail_after(self._inboxes._calls.terms.call_budget + BEYOND):  # noqa: SLF001 - as above
                return await self._ask(question)
        except TimeoutError:
            raise ProviderOutcomeUnknown("", "the call took too long") from None

    async def _put(
        self, question: Callable[[AnyInboxes], T | Awaitable[T]], limiter: anyio.CapacityLimiter | None
    ) -> T:
        if isinstance(self._inboxes, AsyncInboxes):
            answer = question(self._inboxes)
        else:
            answer = await anyio.to_thread.run_sync(question, self._inboxes, limiter=limiter, abandon_on_cancel=True)
        return await answer if inspect.isawaitable(answer) else answer


def first(stream: Iterator[T] | AsyncIterator[T], count: int) -> list[T] | Awaitable[list[T]]:
    """The first items of a stream."""
    return list(islice(stream, count)) if isinstance(stream, Iterator) else _first(stream, count)


async def _first(stream: AsyncIterator[T], count: int) -> list[T]:
    taken: list[T] = []
    async with aclosing(stream) as items:  # type: ignore[type-var]  # the facade's streams are generators
        async for item in items:
            taken.append(item)
            if len(taken) == count:
                break
    return taken
