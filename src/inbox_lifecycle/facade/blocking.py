"""The sync facade. Every method stands in `awaiting.py` too, with the same name and parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import httpx
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL

from inbox_lifecycle.audit import history
from inbox_lifecycle.audit.verify import Range, Verification, verify_page
from inbox_lifecycle.domain import AttemptKind, Inbox, InboxId, ReputationPolicy, Status, WarmupStatus
from inbox_lifecycle.drivers.bound import BoundDriver
from inbox_lifecycle.drivers.sync import SyncDriver
from inbox_lifecycle.facade.assembly import AnyProvider, make_calls, open_database
from inbox_lifecycle.facade.calls import AnyId, Calls, SchemaLook, read_owner
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.ids import read_id
from inbox_lifecycle.reconcile import Cursor, Reconciled, page_size, reconcile_page
from inbox_lifecycle.records import Attempt, Page, RecordedEvent
from inbox_lifecycle.store.looks import FIRST_ID
from inbox_lifecycle.store.session import Backend

if TYPE_CHECKING:
    # The ORM is the host's; nothing here makes anybody load it.
    from sqlalchemy.orm import Session

T = TypeVar("T")


class _Facade:
    """What `Inboxes` and `Operator` share: a driver, and the one look at the schema before the first use."""

    _calls: Calls
    _driver: SyncDriver | BoundDriver
    _schema: SchemaLook

    def _run(self, flow: Flow[T]) -> T:
        if not self._schema.passed:
            self._driver.run(self._calls.check_schema())
            self._schema.passed = True
        return self._driver.run(flow)

    def _history(self, inbox_id: InboxId, owner_id: str | None, bound: int) -> Iterator[RecordedEvent]:
        after = 0
        while after < bound:
            for event in self._run(
                history.history_page(inbox_id=inbox_id, owner_id=owner_id, after=after, bound=bound)
            ):
                yield event
                after = event.version

    def _attempts(self, inbox_id: InboxId, owner_id: str | None) -> Iterator[Attempt]:
        after, full = FIRST_ID, True
        while full:
            page = self._run(history.attempts_page(inbox_id=inbox_id, owner_id=owner_id, after=after))
            yield from page
            full = len(page) == history.PAGE
            after = page[-1].id if page else after


class Inboxes(_Facade):
    """The inboxes of one database, for callers who own them; `operator(actor=...)` works across owners.

    Safe to share between threads. What each error means to a caller is drawn in `inbox_lifecycle.errors`.
    """

    def __init__(
        self,
        database: str | URL | Engine,
        provider: AnyProvider = None,
        *,
        schema: str | None = None,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], datetime] | None = None,
        policy: ReputationPolicy | None = None,
        require_actor: bool = False,
        call_budget: float | None = None,
        recording_budget: float | None = None,
    ) -> None:
        """Open a database that `upgrade_schema` has prepared.

        Args:
            database: a URL, or an Engine of the host's.
            provider: the warmup provider, or a callable from inbox to provider.
            schema: PostgreSQL schema of our tables, `inbox_lifecycle` unless said.
            transport: an httpx transport of the host's, for a proxy or certificates of its own.
            clock: gives the time of events, aware; the system's clock unless said.
            policy: when a warming inbox graduates.
            require_actor: whether a call without an actor is an error.
            call_budget: seconds that a whole call may take, which is the lease of its attempt.
            recording_budget: seconds within which an accepted warmup is recorded.

        Raises:
            StoreMisconfigured: the database or its driver is not usable.
        """
        opened = open_database(database, schema)
        self._backend: Backend = opened.backend
        self._driver = SyncDriver(opened, transport)
        self._calls = make_calls(
            provider,
            clock=clock,
            policy=policy,
            require_actor=require_actor,
            call_budget=call_budget,
            recording_budget=recording_budget,
        )
        self._schema = SchemaLook()

    def operator(self, *, actor: str) -> Operator:
        """The same inboxes across owners, for an operator of that name."""
        return Operator(self._driver, self._calls.acting_as(actor), self._schema)

    def within(self, connection: Connection | Session) -> Self:
        """The same methods inside the host's transaction, each in a savepoint; committing is the host's.

        Methods that ask the provider refuse with `StepRefused`: a transaction never waits for the network. On SQLite
        the engine must have been prepared by `prepare_sqlite`.

        Raises:
            StoreMisconfigured: the SQLite engine is not prepared.
        """
        bound = copy(self)
        bound._driver = BoundDriver(connection, self._backend)  # noqa: SLF001 - its own twin
        return bound

    def close(self) -> None:
        """Close what was opened here; an Engine of the host's stays open."""
        if isinstance(self._driver, SyncDriver):
            self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def register(
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
        return self._run(
            self._calls.register(
                email_address=email_address,
                owner_id=owner_id,
                provider=provider,
                provider_ref=provider_ref,
                start_warmup=start_warmup,
                idempotency_key=idempotency_key,
            )
        )

    def get(self, inbox_id: AnyId, *, owner_id: AnyId) -> Inbox:
        """The inbox.

        Raises:
            InboxNotFound: no such inbox, not the caller's, or erased.
        """
        return self._run(self._calls.get(inbox_id, owner_id=owner_id))

    def find(
        self,
        *,
        owner_id: AnyId,
        status: Status | str | None = None,
        warmup_status: WarmupStatus | str | None = None,
        domain: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Page[Inbox]:
        """A page of the owner's inboxes, newest first; pass `next_after` of one page as `after` for the next."""
        return self._run(
            self._calls.find(
                owner_id=owner_id,
                status=status,
                warmup_status=warmup_status,
                domain=domain,
                after=after,
                limit=limit,
            )
        )

    def start_warmup(self, inbox_id: AnyId, *, owner_id: AnyId, idempotency_key: str | None = None) -> Inbox:
        """Ask the provider for warmup, for the first time; the inbox, now `warming` / `warming`.

        Raises:
            InboxNotFound: no such inbox, not the caller's, or erased.
            RetryRefused: it is not `pending` / `not_started`, or another call won the race; the verdict says why.
            ProviderError: the provider did not accept, or its outcome is unknown; again after a short backoff.
            WarmupNotRecorded: it accepted and our write failed; again at once.
            IdempotencyKeyReused: the key stands for another operation on this inbox.
            StoreUnavailable, SchemaMismatch: the database could not be asked; nothing was sent.
        """
        return self._run(
            self._calls.warm(inbox_id, owner_id=owner_id, kind=AttemptKind.START, idempotency_key=idempotency_key)
        )

    def retry_warmup(self, inbox_id: AnyId, *, owner_id: AnyId, idempotency_key: str | None = None) -> Inbox:
        """Ask the provider for warmup again, because the first call failed; the inbox, now `warming` / `warming`.

        Raises:
            InboxNotFound: no such inbox, not the caller's, or erased.
            RetryRefused: it is not `pending` / `not_started`, or another call won the race; the verdict says why.
            ProviderError: the provider did not accept, or its outcome is unknown; again after a short backoff.
            WarmupNotRecorded: it accepted and our write failed; again at once.
            IdempotencyKeyReused: the key stands for another operation on this inbox.
            StoreUnavailable, SchemaMismatch: the database could not be asked; nothing was sent.
        """
        return self._run(
            self._calls.warm(inbox_id, owner_id=owner_id, kind=AttemptKind.RETRY, idempotency_key=idempotency_key)
        )

    def history(self, inbox_id: AnyId, *, owner_id: AnyId) -> Iterator[RecordedEvent]:
        """The inbox's events in order of version, up to the newest one there is when the reading begins.

        Raises:
            InboxNotFound: no such inbox, not the caller's, or erased.
            UnknownEvent: a newer version of the library wrote an event.
        """
        known = InboxId(read_id("inbox_id", inbox_id))
        owner = read_owner(owner_id)
        bound = self._run(history.history_bound(inbox_id=known, owner_id=owner))
        return self._history(known, owner, bound)

    def attempts(self, inbox_id: AnyId, *, owner_id: AnyId) -> Iterator[Attempt]:
        """The attempts on the inbox, in the order they were opened.

        Raises:
            InboxNotFound: no such inbox, not the caller's, or erased.
        """
        known = InboxId(read_id("inbox_id", inbox_id))
        owner = read_owner(owner_id)
        self._run(history.get(inbox_id=known, owner_id=owner))
        return self._attempts(known, owner)


class Operator(_Facade):
    """The inboxes across owners, erased ones included; made by `Inboxes.operator`."""

    def __init__(self, driver: SyncDriver | BoundDriver, calls: Calls, schema: SchemaLook) -> None:
        self._driver = driver
        self._calls = calls
        self._schema = schema

    def get(self, inbox_id: AnyId) -> Inbox:
        """The inbox.

        Raises:
            InboxNotFound: no such inbox.
        """
        return self._run(self._calls.get(inbox_id, owner_id=None))

    def find(
        self,
        *,
        owner_id: AnyId | None = None,
        status: Status | str | None = None,
        warmup_status: WarmupStatus | str | None = None,
        domain: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Page[Inbox]:
        """A page of inboxes, newest first; pass `next_after` of one page as `after` for the next."""
        return self._run(
            self._calls.find(
                owner_id=owner_id,
                status=status,
                warmup_status=warmup_status,
                domain=domain,
                after=after,
                limit=limit,
            )
        )

    def register(
        self,
        *,
        email_address: str,
        owner_id: AnyId,
        provider: str | None = None,
        provider_ref: str | None = None,
        start_warmup: bool = False,
        idempotency_key: str | None = None,
    ) -> Inbox:
        """As `Inboxes.register`, on behalf of an owner."""
        return self._run(
            self._calls.register(
                email_address=email_address,
                owner_id=owner_id,
                provider=provider,
                provider_ref=provider_ref,
                start_warmup=start_warmup,
                idempotency_key=idempotency_key,
            )
        )

    def adopt(
        self,
        *,
        email_address: str,
        owner_id: AnyId,
        status: Status | str,
        warmup_status: WarmupStatus | str,
        inbox_id: AnyId | None = None,
        provider: str | None = None,
        provider_ref: str | None = None,
        created_at: datetime | None = None,
        reason: str | None = None,
    ) -> Inbox:
        """Take over an inbox from a host's old table, in the pair it has there, keeping its id where one is given.

        Raises:
            InvalidInput: a word, the address or the id is malformed.
            InboxExists: an inbox has this address or this id.
        """
        return self._run(
            self._calls.adopt(
                email_address=email_address,
                owner_id=owner_id,
                status=status,
                warmup_status=warmup_status,
                inbox_id=inbox_id,
                provider=provider,
                provider_ref=provider_ref,
                created_at=created_at,
                reason=reason,
            )
        )

    def start_warmup(self, inbox_id: AnyId, *, idempotency_key: str | None = None) -> Inbox:
        """As `Inboxes.start_warmup`, whoever the owner is."""
        return self._run(
            self._calls.warm(inbox_id, owner_id=None, kind=AttemptKind.START, idempotency_key=idempotency_key)
        )

    def retry_warmup(self, inbox_id: AnyId, *, idempotency_key: str | None = None) -> Inbox:
        """As `Inboxes.retry_warmup`, whoever the owner is."""
        return self._run(
            self._calls.warm(inbox_id, owner_id=None, kind=AttemptKind.RETRY, idempotency_key=idempotency_key)
        )

    def ban(
        self,
        inbox_id: AnyId,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
        expected_version: int | None = None,
    ) -> Inbox:
        """Take the inbox out: `banned` / `banned`.

        Raises:
            InboxNotFound: no such inbox.
            TransitionRefused: it is banned already.
            ConcurrencyConflict: it is not at `expected_version`.
            IdempotencyKeyReused: the key stands for another operation on this inbox.
        """
        return self._run(
            self._calls.ban(inbox_id, reason=reason, idempotency_key=idempotency_key, expected_version=expected_version)
        )

    def correct(
        self,
        inbox_id: AnyId,
        *,
        status: Status | str,
        warmup_status: WarmupStatus | str,
        reason: str,
        idempotency_key: str | None = None,
        expected_version: int | None = None,
    ) -> Inbox:
        """Set a pair by hand, with a reason.

        Raises:
            InboxNotFound: no such inbox.
            TransitionRefused: it is in that pair already.
            ConcurrencyConflict: it is not at `expected_version`.
            IdempotencyKeyReused: the key stands for another operation on this inbox.
        """
        return self._run(
            self._calls.correct(
                inbox_id,
                status=status,
                warmup_status=warmup_status,
                reason=reason,
                idempotency_key=idempotency_key,
                expected_version=expected_version,
            )
        )

    def fail_warmup(
        self,
        inbox_id: AnyId,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
        expected_version: int | None = None,
    ) -> Inbox:
        """Take back a warmup whose job failed, on the provider's word: `pending` / `not_started`.

        Raises:
            InboxNotFound: no such inbox.
            TransitionRefused: it is not warming here, or the provider does not say so.
            ConcurrencyConflict: it is not at `expected_version`.
            IdempotencyKeyReused: the key stands for another operation on this inbox.
        """
        return self._run(
            self._calls.fail_warmup(
                inbox_id, reason=reason, idempotency_key=idempotency_key, expected_version=expected_version
            )
        )

    def graduate(
        self,
        inbox_id: AnyId,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
        expected_version: int | None = None,
    ) -> Inbox:
        """Let a warmed inbox send, on the provider's figures and the policy: `active` / `active`.

        Raises:
            InboxNotFound: no such inbox.
            TransitionRefused: it is not warming, or the policy does not hold; the verdict says by how much.
            ConcurrencyConflict: it is not at `expected_version`.
            IdempotencyKeyReused: the key stands for another operation on this inbox.
            ProviderError: the figures could not be had.
        """
        return self._run(
            self._calls.graduate(
                inbox_id, reason=reason, idempotency_key=idempotency_key, expected_version=expected_version
            )
        )

    def history(self, inbox_id: AnyId) -> Iterator[RecordedEvent]:
        """The inbox's events in order of version, up to the newest one there is when the reading begins.

        Raises:
            InboxNotFound: no such inbox.
            UnknownEvent: a newer version of the library wrote an event.
        """
        known = InboxId(read_id("inbox_id", inbox_id))
        bound = self._run(history.history_bound(inbox_id=known, owner_id=None))
        return self._history(known, None, bound)

    def attempts(self, inbox_id: AnyId) -> Iterator[Attempt]:
        """The attempts on the inbox, in the order they were opened.

        Raises:
            InboxNotFound: no such inbox.
        """
        known = InboxId(read_id("inbox_id", inbox_id))
        self._run(history.get(inbox_id=known, owner_id=None))
        return self._attempts(known, None)

    def verify(self, inbox_id: AnyId | None = None, *, progress: Callable[[int], None] | None = None) -> Verification:
        """Check that everything is as it was written: of one inbox, or of all.

        Rows are the fold of their events, versions are dense, entries canonical, hashes and chains whole, commitments
        open, attempts accounted for. Nothing is changed, and live writers raise no alarm.

        Args:
            inbox_id: the one inbox; None for all.
            progress: called with the number of inboxes verified so far, after each page.

        Raises:
            InboxNotFound: no such inbox.
        """
        report, rest = Verification(), Range()
        if inbox_id is not None:
            known = InboxId(read_id("inbox_id", inbox_id))
            self._run(history.get(inbox_id=known, owner_id=None))
            rest = Range.of_one(known)
        remaining: Range | None = rest
        while remaining is not None:
            remaining = self._run(verify_page(report, remaining))
            if progress is not None:
                progress(report.inboxes)
        return report

    def reconcile(self, *, limit: int | None = None) -> Reconciled:
        """Settle what calls left open: ask the provider about every attempt past its lease, and act on its behalf.

        Args:
            limit: attempts to look at, at most; None for all there are.
        """
        done = Reconciled()
        for marked in (False, True):
            cursor: Cursor | None = Cursor()
            while cursor is not None and (limit is None or done.seen < limit):
                size = page_size(limit, done.seen)
                page, cursor = self._run(reconcile_page(self._calls.terms, marked=marked, after=cursor, limit=size))
                done = done + page
        return done
