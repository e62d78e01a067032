"""The sync operator's facade; its twin is `awaiting_operator.py`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TypeVar

from inbox_lifecycle.audit import history
from inbox_lifecycle.domain import AttemptKind, Inbox, InboxId, Status, WarmupStatus
from inbox_lifecycle.drivers.bound import BoundDriver
from inbox_lifecycle.drivers.sync import SyncDriver
from inbox_lifecycle.facade.blocking_audit import AuditOperator
from inbox_lifecycle.facade.blocking_births import BearingOperator
from inbox_lifecycle.facade.blocking_bulk import BulkOperator
from inbox_lifecycle.facade.blocking_keys import KeyOperator
from inbox_lifecycle.facade.blocking_sending import SendingOperator
from inbox_lifecycle.facade.calls import AnyId, Calls, SchemaLook
from inbox_lifecycle.ids import read_id
from inbox_lifecycle.lifecycle.pruning import BEGINNING, prune_page
from inbox_lifecycle.reconcile import Cursor, Reconciled, page_size, reconcile_page
from inbox_lifecycle.records import Attempt, Page, RecordedEvent
from inbox_lifecycle.store.erasing import Mark

T = TypeVar("T")


class Operator(AuditOperator, BearingOperator, BulkOperator, KeyOperator, SendingOperator):
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
        as_of: datetime | None = None,
    ) -> Page[Inbox]:
        """A page of inboxes, newest first; pass `next_after` of one page as `after` for the next.

        With `as_of`, an aware time, they are found and given as they were then, those that were not on record left out.

        Raises:
            InvalidInput: a word, a mark or a time is malformed.
            NoSuchPoint: the time lies in the future, more than five minutes ahead.
        """
        return self._run(
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

    def erase(self, inbox_id: AnyId, *, reason: str, expected_version: int | None = None) -> Inbox:
        """Blank everything personal about the inbox, for good; the inbox, blank.

        Address, owner, domain, the provider's reference, the context of every earlier event and of every attempt, and
        the keys of their commitments are gone; the history stays and verifies. Who erases and why stays on record: put
        nothing personal into the reason. The address may be registered again. The provider is told nothing: stop the
        warmup or delete the account there. Copies in backups, exports, replicas and logs are out of reach; so are, on
        PostgreSQL, dead rows until they are vacuumed.

        Raises:
            InvalidInput: the reason is empty.
            InboxNotFound: no such inbox.
            TransitionRefused: it is erased already.
            ConcurrencyConflict: it is not at `expected_version`.
            StoreMisconfigured: the database role is no keeper.
        """
        return self._run(self._calls.erase(inbox_id, reason=reason, expected_version=expected_version))

    def prune_attempts(self, older_than: timedelta) -> int:
        """Delete attempts that were closed longer ago than this; how many were deleted.

        Attempts that are open, marked to disable, or whose call may be alive stay. What an erasure could not see (an
        attempt whose call began before it, the domain of two inboxes erased at once) is taken away on the way.

        Raises:
            InvalidInput: the time span is not longer than none.
            StoreMisconfigured: the database role is no keeper.
        """
        before, pruned = self._calls.prune_before(older_than), 0
        after: Mark | None = BEGINNING
        while after is not None:
            count, after = self._run(prune_page(before=before, after=after))
            pruned += count
        return pruned

    def history(self, inbox_id: AnyId, *, after: int = 0) -> Iterator[RecordedEvent]:
        """The inbox's events in order of version, up to the newest one there is when the reading begins.

        Args:
            inbox_id: the inbox.
            after: the version after which the reading begins; 0 for the birth.

        Raises:
            InboxNotFound: no such inbox.
            UnknownEvent: a newer version of the library wrote an event.
        """
        known = InboxId(read_id("inbox_id", inbox_id))
        bound = self._run(history.history_bound(inbox_id=known, owner_id=None))
        return self._history(known, None, bound, after)

    def attempts(self, inbox_id: AnyId, *, after: AnyId | None = None) -> Iterator[Attempt]:
        """The attempts on the inbox, in the order they were opened.

        Args:
            inbox_id: the inbox.
            after: the id of the attempt after which the reading begins; None for the first one.

        Raises:
            InboxNotFound: no such inbox.
        """
        known, mark = InboxId(read_id("inbox_id", inbox_id)), None if after is None else read_id("after", after)
        self._run(history.get(inbox_id=known, owner_id=None))
        return self._attempts(known, None, mark)

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
