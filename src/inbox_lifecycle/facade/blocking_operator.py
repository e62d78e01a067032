"""The sync operator's facade, and what it shares with the owner's; its twin is `awaiting_operator.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeVar

from inbox_lifecycle.audit import history
from inbox_lifecycle.audit.verify import Range, Verification, verify_page
from inbox_lifecycle.domain import AttemptKind, Inbox, InboxId, Status, WarmupStatus
from inbox_lifecycle.drivers.bound import BoundDriver
from inbox_lifecycle.drivers.sync import SyncDriver
from inbox_lifecycle.facade.calls import AnyId, Calls, SchemaLook
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.ids import read_id
from inbox_lifecycle.reconcile import Cursor, Reconciled, page_size, reconcile_page
from inbox_lifecycle.records import Attempt, Page, RecordedEvent
from inbox_lifecycle.store.looks import FIRST_ID

T = TypeVar("T")


class Facade:
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


class Operator(Facade):
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
