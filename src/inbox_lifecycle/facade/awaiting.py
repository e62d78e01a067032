"""The async facade. Every method stands in `blocking.py` too, with the same name and parameters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from copy import copy
from datetime import datetime
from types import TracebackType
from typing import Self

import httpx
from sqlalchemy import Engine
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from inbox_lifecycle.audit.bundles import Bundle
from inbox_lifecycle.audit.notes import Signer
from inbox_lifecycle.audit.travel import Diff, Why
from inbox_lifecycle.domain import AttemptKind, Inbox, InboxId, ReputationPolicy, Status, WarmupStatus
from inbox_lifecycle.drivers.bound_async import AsyncBoundDriver
from inbox_lifecycle.drivers.threaded import AsyncDriver
from inbox_lifecycle.facade import auditing, points
from inbox_lifecycle.facade.assembly import AnyProvider, make_calls
from inbox_lifecycle.facade.assembly_async import make_async_driver
from inbox_lifecycle.facade.awaiting_births import Bearing
from inbox_lifecycle.facade.awaiting_keys import KeyReader
from inbox_lifecycle.facade.awaiting_operator import AsyncOperator
from inbox_lifecycle.facade.awaiting_sending import Sending
from inbox_lifecycle.facade.calls import AnyId, SchemaLook, read_owner
from inbox_lifecycle.ids import read_id
from inbox_lifecycle.records import Attempt, Page, RecordedEvent


class AsyncInboxes(Bearing, KeyReader, Sending):
    """The inboxes of one database, for callers who own them; `operator(actor=...)` works across owners.

    Safe to share between tasks. What each error means to a caller is drawn in `inbox_lifecycle.errors`.
    """

    def __init__(
        self,
        database: str | URL | Engine | AsyncEngine,
        provider: AnyProvider = None,
        *,
        schema: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], datetime] | None = None,
        policy: ReputationPolicy | None = None,
        require_actor: bool = False,
        call_budget: float | None = None,
        recording_budget: float | None = None,
        signer: Signer | None = None,
    ) -> None:
        """Open a database that `upgrade_schema` has prepared.

        Args:
            database: a URL, an Engine, or an AsyncEngine of the host's.
            provider: the warmup provider, or a callable from inbox to provider.
            schema: PostgreSQL schema of our tables, `inbox_lifecycle` unless said.
            transport: an httpx transport of the host's, for a proxy or certificates of its own.
            clock: gives the time of events, aware; the system's clock unless said.
            policy: when a warming inbox graduates.
            require_actor: whether a call without an actor is an error.
            call_budget: seconds that a whole call may take, which is the lease of its attempt.
            recording_budget: seconds within which an accepted warmup is recorded.
            signer: the log's private key, for checkpoints and proofs.

        Raises:
            StoreMisconfigured: the database or its driver is not usable.
        """
        self._driver, self._backend = make_async_driver(database, schema, transport)
        self._calls = make_calls(
            provider,
            clock=clock,
            policy=policy,
            require_actor=require_actor,
            call_budget=call_budget,
            recording_budget=recording_budget,
            signer=signer,
        )
        self._schema = SchemaLook()

    def operator(self, *, actor: str) -> AsyncOperator:
        """The same inboxes across owners, for an operator of that name."""
        return AsyncOperator(self._driver, self._calls.acting_as(actor), self._schema)

    def within(self, connection: AsyncConnection | AsyncSession) -> Self:
        """The same methods inside the host's transaction, each in a savepoint; committing is the host's.

        Methods that ask the provider refuse with `StepRefused`: a transaction never waits for the network.
        """
        bound = copy(self)
        bound._driver = AsyncBoundDriver(connection, self._backend)  # noqa: SLF001 - its own twin
        return bound

    async def aclose(self) -> None:
        """Close what was opened here; an engine of the host's stays open."""
        if isinstance(self._driver, AsyncDriver):
            await self._driver.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def register(
        self,
        *,
        email_address: str,
        owner_id: AnyId,
        provider: str | None = None,
        provider_ref: str | None = None,
        start_warmup: bool = False,
        idempotency_key: str | None = None,
    ) -> Inbox:
        """Put a new inbox on record: `pending` / `not_started`.

        With `start_warmup` the first attempt is made too. It never raises for the provider: the inbox is returned as it
        then stands, and a failed attempt is on record.

        Raises:
            MalformedAddress: the address is not one.
            InboxExists: an inbox that is not erased has this address.
            StoreUnavailable, SchemaMismatch: the database could not be asked.
        """
        return await self._run(
            self._calls.register(
                email_address=email_address,
                owner_id=owner_id,
                provider=provider,
                provider_ref=provider_ref,
                start_warmup=start_warmup,
                idempotency_key=idempotency_key,
            )
        )

    async def get(self, inbox_id: AnyId, *, owner_id: AnyId) -> Inbox:
        """The inbox.

        Raises:
            InboxNotFound: no such inbox, not the caller's, or erased.
        """
        return await self._run(self._calls.get(inbox_id, owner_id=owner_id))

    async def find(
        self,
        *,
        owner_id: AnyId,
        status: Status | str | None = None,
        warmup_status: WarmupStatus | str | None = None,
        domain: str | None = None,
        after: str | None = None,
        limit: int = 100,
        as_of: datetime | None = None,
    ) -> Page[Inbox]:
        """A page of the owner's inboxes, newest first; pass `next_after` of one page as `after` for the next.

        With `as_of`, an aware time, they are found and given as they were then, those that were not on record left out.

        Raises:
            InvalidInput: a word, a mark or a time is malformed.
            NoSuchPoint: the time lies in the future, more than five minutes ahead.
        """
        return await self._run(
            self._calls.find(
                owner_id=owner_id,
                status=status,
                warmup_status=warmup_status,
                domain=domain,
                after=after,
                limit=limit,
                as_of=as_of,
            )
        )

    async def start_warmup(self, inbox_id: AnyId, *, owner_id: AnyId, idempotency_key: str | None = None) -> Inbox:
        """Ask the provider for warmup, for the first time; the inbox, now `warming` / `warming`.

        Raises:
            InboxNotFound: no such inbox, not the caller's, or erased.
            RetryRefused: it is not `pending` / `not_started`, or another call won the race; the verdict says why.
            ProviderError: the provider did not accept, or its outcome is unknown; again after a short backoff.
            WarmupNotRecorded: it accepted and our write failed; again at once.
            IdempotencyKeyReused: the key stands for another operation on this inbox.
            StoreUnavailable, SchemaMismatch: the database could not be asked; nothing was sent.
        """
        return await self._run(
            self._calls.warm(inbox_id, owner_id=owner_id, kind=AttemptKind.START, idempotency_key=idempotency_key)
        )

    async def retry_warmup(self, inbox_id: AnyId, *, owner_id: AnyId, idempotency_key: str | None = None) -> Inbox:
        """Ask the provider for warmup again, because the first call failed; the inbox, now `warming` / `warming`.

        Raises:
            InboxNotFound: no such inbox, not the caller's, or erased.
            RetryRefused: it is not `pending` / `not_started`, or another call won the race; the verdict says why.
            ProviderError: the provider did not accept, or its outcome is unknown; again after a short backoff.
            WarmupNotRecorded: it accepted and our write failed; again at once.
            IdempotencyKeyReused: the key stands for another operation on this inbox.
            StoreUnavailable, SchemaMismatch: the database could not be asked; nothing was sent.
        """
        return await self._run(
            self._calls.warm(inbox_id, owner_id=owner_id, kind=AttemptKind.RETRY, idempotency_key=idempotency_key)
        )

    def history(self, inbox_id: AnyId, *, owner_id: AnyId, after: int = 0) -> AsyncIterator[RecordedEvent]:
        """The inbox's events in order of version, up to the newest one there is when the reading begins.

        Args:
            inbox_id: the inbox.
            owner_id: whose it is.
            after: the version after which the reading begins; 0 for the birth.

        Raises:
            InboxNotFound: no such inbox, not the caller's, or erased.
            UnknownEvent: a newer version of the library wrote an event.
        """
        return self._history(InboxId(read_id("inbox_id", inbox_id)), read_owner(owner_id), after)

    def attempts(self, inbox_id: AnyId, *, owner_id: AnyId, after: AnyId | None = None) -> AsyncIterator[Attempt]:
        """The attempts on the inbox, in the order they were opened.

        Args:
            inbox_id: the inbox.
            owner_id: whose it is.
            after: the id of the attempt after which the reading begins; None for the first one.

        Raises:
            InboxNotFound: no such inbox, not the caller's, or erased.
        """
        known, mark = InboxId(read_id("inbox_id", inbox_id)), None if after is None else read_id("after", after)
        return self._attempts(known, read_owner(owner_id), mark)

    async def as_of(
        self,
        inbox_id: AnyId,
        *,
        owner_id: AnyId,
        version: int | None = None,
        at: datetime | None = None,
        position: int | None = None,
    ) -> Inbox:
        """The inbox as it was at one point: a version, a time, or a position of the feed.

        Status, warmup status, version, `updated_at` and `erased_at` are those of then; what never changes is as it is
        now, which is blank once erased.

        Args:
            inbox_id: the inbox.
            version: the number of an event, from 1 on: the inbox as this event left it.
            at: an aware time: the inbox as the newest event recorded by then left it. Up to five minutes ahead of the
                clock are taken for clocks that differ.
            position: the inbox as the feed tells it up to and including this position.

        Raises:
            InvalidInput: not exactly one point was given, or the time has no zone.
            InboxNotFound: no such inbox, not the caller's, or erased.
            NoSuchPoint: its history does not reach that point: before its birth, past its newest event, the future.
        """
        return await self._run(
            points.as_of(
                self._calls.terms,
                inbox_id,
                owner_id=read_owner(owner_id),
                version=version,
                at=at,
                position=position,
            )
        )

    async def diff(self, inbox_id: AnyId, a: int | datetime, b: int | datetime, *, owner_id: AnyId) -> Diff:
        """What happened to the inbox from one point to a later one, each a version or an aware time.

        Raises:
            InvalidInput: the first point is the later one, or a time has no zone.
            InboxNotFound: no such inbox, not the caller's, or erased.
            NoSuchPoint: its history does not reach one of the points.
            UnknownEvent: a newer version of the library wrote an event.
        """
        return await self._run(points.diff(self._calls.terms, inbox_id, a, b, owner_id=read_owner(owner_id)))

    async def why(self, inbox_id: AnyId, *, owner_id: AnyId) -> Why:
        """Why the inbox is in its state: the event that put it there, who did it, the reason, and the attempt.

        Raises:
            InboxNotFound: no such inbox, not the caller's, or erased.
            UnknownEvent: a newer version of the library wrote the event.
        """
        return await self._run(points.why(inbox_id, owner_id=read_owner(owner_id)))

    async def prove(self, inbox_id: AnyId, *, owner_id: AnyId, openings: bool = True) -> Bundle:
        """A bundle that proves the inbox's history to anybody who has the log's public key.

        Args:
            inbox_id: the inbox.
            owner_id: whose it is.
            openings: whether the bundle opens who, why and the address; what was opened to somebody stays known.

        Raises:
            InboxNotFound: no such inbox, not the caller's, or erased.
            InvalidInput: the facade has no signer.
            StepRefused: inside a host's transaction, which could be rolled back.
            TreeInconsistent: the tree does not extend what was signed before; nothing is signed.
            HistoryBroken: what is stored of the inbox does not prove it; `verify` names what was changed.
        """
        return await self._sign(auditing.prove(self._calls, inbox_id, owner_id=read_owner(owner_id), openings=openings))
