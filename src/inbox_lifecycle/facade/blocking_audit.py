"""What auditors and consumers of the feed call, sync; its twin is `awaiting_audit.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from inbox_lifecycle.audit import replaying, signing, subscribing
from inbox_lifecycle.audit.bundles import Bundle
from inbox_lifecycle.audit.checkpoints import Checkpoint
from inbox_lifecycle.audit.exporting import Export, begin, next_page
from inbox_lifecycle.audit.notes import Verifier
from inbox_lifecycle.audit.sealing import Sealed
from inbox_lifecycle.audit.signing import SignedCheckpoint
from inbox_lifecycle.audit.subscribing import Delivered, Handler
from inbox_lifecycle.audit.travel import Diff, Why
from inbox_lifecycle.audit.verify import Verification
from inbox_lifecycle.domain import Inbox
from inbox_lifecycle.facade import auditing, exporting, points
from inbox_lifecycle.facade.blocking_base import Facade
from inbox_lifecycle.facade.calls import AnyId
from inbox_lifecycle.records import FedEvent, FeedPage, ParkedEvent
from inbox_lifecycle.store.replaying import position_of, read_fed


class AuditOperator(Facade):
    """The part of an operator's facade that reads, seals and proves the history of all inboxes."""

    def verify(
        self,
        inbox_id: AnyId | None = None,
        *,
        against: Sequence[Checkpoint] = (),
        verifier: Verifier | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Verification:
        """Check that everything is as it was written: of one inbox, or of all.

        Rows are the fold of their events, versions are dense, entries canonical, hashes and chains whole, commitments
        open, attempts accounted for. Of all inboxes also: every event has its one position or waits for it, positions
        are dense and in each inbox's order, the tree over them is the one that was signed. Nothing is changed, and
        live writers raise no alarm.

        Args:
            inbox_id: the one inbox; None for all.
            against: checkpoints that were kept elsewhere, from `open_checkpoint`: only these show that the end of the
                history was cut off, or all of it written anew.
            verifier: the log's public key, to check the signatures of stored checkpoints too.
            progress: called with the number of inboxes verified so far, after each page.

        Raises:
            InboxNotFound: no such inbox.
        """
        return self._run(auditing.verify(inbox_id, against=against, verifier=verifier, progress=progress))

    def seal(self, *, limit: int | None = None) -> Sealed:
        """Give the events that wait their positions in the feed, in an order that never shows an inbox backwards.

        Any process may call it at any time; one works at a time, and the others return at once.

        Args:
            limit: events to seal in this call, or a few more; None for all there are.
        """
        return self._run(auditing.seal(limit=limit))

    def feed(self, *, after: int | None = None, limit: int = 1000) -> FeedPage:
        """A page of all events in order of position; seals first what it can.

        A reader that passes `next_after` of one page as `after` for the next misses nothing and sees each inbox's
        events in order, whatever transactions are under way.

        Args:
            after: the last position that was read; None for the beginning.
            limit: events in the page at most, up to 10,000.

        Raises:
            UnknownEvent: a newer version of the library wrote an event.
        """
        return self._run(auditing.feed(after=after, limit=limit))

    def events(self, *, after: int | None = None) -> Iterator[FedEvent]:
        """All events in order of position, one by one: what is built from them is rebuilt from here.

        Read page by page as they are taken, up to what there is when the first one is asked for, of which it first
        seals what it can; nothing is held between two pages, and a reading may be left at any event.

        Args:
            after: the last position that was read; None for the beginning.

        Raises:
            InvalidInput: there is no such position.
            UnknownEvent: a newer version of the library wrote an event.
            HistoryBroken: an entry is not what was written.
        """
        return self._events(auditing.read_after(after))

    def subscribe(
        self,
        name: str,
        handler: Handler,
        *,
        tries: int = 3,
        lease: float = 60.0,
        limit: int | None = None,
        poll: float | None = None,
    ) -> Delivered:
        """Hand every event after the subscription's cursor to the handler: in order, each at least once.

        The cursor is kept in the database under the name, and moves on when the handler has returned; one consumer
        works under a name at a time. An event that the handler keeps failing on is parked (`parked`, `redeliver`), and
        the others go on. Nothing is held while the handler runs; a handler that may be slower than `lease` may hear
        an event twice.

        Args:
            name: letters, digits, dots, colons, hyphens and underscores.
            handler: called with a `FedEvent`; what it returns is ignored. On the async side it may be async.
            tries: how often the handler is tried before an event is parked.
            lease: seconds of silence after which another consumer may take over.
            limit: events to hand over at most; None for all there are.
            poll: seconds between two looks for more events; None to return once there are no more.

        Raises:
            SubscriptionTaken: another consumer is at work under this name.
        """
        wanted = auditing.read_subscription(name, handler, tries=tries, lease=lease, limit=limit, poll=poll)
        return self._run(subscribing.subscribe(self._calls.terms, wanted))

    def checkpoint(self, *, against: Sequence[Checkpoint] = ()) -> SignedCheckpoint:
        """Seal what waits, and sign the tree over all of it: a C2SP checkpoint.

        Keep the note where this database's owner cannot reach it: it is what shows later that the history was cut off
        or written anew. Where nothing is new it is the last one again. Checkpoints are stored too, and never change.

        Args:
            against: checkpoints kept elsewhere, from `open_checkpoint`, that the tree has to extend as well.

        Raises:
            InvalidInput: the facade has no signer, or there is no event yet.
            StepRefused: inside a host's transaction, which could be rolled back.
            TreeInconsistent: the tree does not extend what was signed before; nothing is signed.
        """
        return self._sign(auditing.checkpoint(self._calls, against=against))

    def checkpoints(self) -> Iterator[str]:
        """The notes of all stored checkpoints, from the smallest to the largest."""
        after, origin, full = -1, "", True
        while full:
            page = self._run(signing.checkpoints_page(after=after, after_origin=origin))
            for _, _, note in page:
                yield note
            full = len(page) == signing.PAGE
            origin, after, _ = page[-1] if page else (origin, after, "")

    def prove(self, inbox_id: AnyId, *, openings: bool = True) -> Bundle:
        """A bundle that proves an inbox's history to anybody who has the log's public key; erased inboxes included.

        Args:
            inbox_id: the inbox.
            openings: whether the bundle opens who, why and the address; what was opened to somebody stays known.

        Raises:
            InboxNotFound: no such inbox.
            InvalidInput: the facade has no signer.
            StepRefused: inside a host's transaction, which could be rolled back.
            TreeInconsistent: the tree does not extend what was signed before; nothing is signed.
            HistoryBroken: what is stored of the inbox does not prove it; `verify` names what was changed.
        """
        return self._sign(auditing.prove(self._calls, inbox_id, owner_id=None, openings=openings))

    def parked(self, name: str) -> Iterator[ParkedEvent]:
        """The events that a subscription's handler kept failing on, in order of position."""
        known, after, full = auditing.read_subscription_name(name), -1, True
        while full:
            page = self._run(subscribing.parked_page(name=known, after=after))
            yield from page
            full = len(page) == subscribing.PAGE
            after = page[-1].position if page else after

    def redeliver(self, name: str, handler: Handler, *, tries: int = 1, lease: float = 60.0) -> Delivered:
        """Hand the parked events to the handler once more; those it gets through with are parked no longer.

        Raises:
            SubscriptionTaken: another consumer is at work under this name.
        """
        wanted = auditing.read_subscription(name, handler, tries=tries, lease=lease)
        return self._run(subscribing.redeliver(self._calls.terms, wanted))

    def as_of(
        self,
        inbox_id: AnyId,
        *,
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
            InboxNotFound: no such inbox.
            NoSuchPoint: its history does not reach that point: before its birth, past its newest event, the future.
        """
        return self._run(
            points.as_of(
                self._calls.terms,
                inbox_id,
                owner_id=None,
                version=version,
                at=at,
                position=position,
            )
        )

    def diff(self, inbox_id: AnyId, a: int | datetime, b: int | datetime) -> Diff:
        """What happened to the inbox from one point to a later one, each a version or an aware time.

        Raises:
            InvalidInput: the first point is the later one, or a time has no zone.
            InboxNotFound: no such inbox.
            NoSuchPoint: its history does not reach one of the points.
            UnknownEvent: a newer version of the library wrote an event.
        """
        return self._run(points.diff(self._calls.terms, inbox_id, a, b, owner_id=None))

    def why(self, inbox_id: AnyId) -> Why:
        """Why the inbox is in its state: the event that put it there, who did it, the reason, and the attempt.

        Raises:
            InboxNotFound: no such inbox.
            UnknownEvent: a newer version of the library wrote the event.
        """
        return self._run(points.why(inbox_id, owner_id=None))

    def export(
        self,
        what: str,
        *,
        form: str = "jsonl",
        inbox_id: AnyId | None = None,
        owner_id: AnyId | None = None,
        name: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        actor: str | None = None,
        source: str | None = None,
    ) -> Iterator[str]:
        """All of the history, of the attempts or of the feed as text, piece by piece: a record each, with its line end.

        Read page by page as it is taken, up to what there is when the first piece is asked for; nothing is held
        between two pages, and an export may be left at any piece. Owners, actors and reasons are in it as they are in
        the history, addresses never; erasure does not reach what was exported before.

        Args:
            what: `history`, in order of inbox and version; `attempts`, in order of inbox and id; or `feed`, in order
                of position, of which it first seals what it can.
            form: `jsonl`, an object a line with all that is on record; `csv`, a line of names and then a line each,
                safe to open in a spreadsheet: a single quote stands before what would be a formula there; or
                `cloudevents`, an event of CloudEvents 1.0 a line.
            inbox_id: only this inbox.
            owner_id: only inboxes of this owner, whoever acted; erased ones have none.
            name: only events of this name, such as `inbox.banned`; of attempts, only this kind: `start`, `retry`,
                `launch`.
            since: only what was recorded, or opened, at this aware time or later.
            until: only what was recorded, or opened, before this aware time.
            actor: only what was done in this name.
            source: a URI that tells this store from others, as the `source` of CloudEvents.

        Raises:
            InvalidInput: a word is unknown, a time has no zone, `since` is not before `until`.
            UnknownEvent: a newer version of the library wrote an event.
            HistoryBroken: an entry is not what was written.
        """
        return self._export(
            exporting.read_export(
                what,
                form=form,
                inbox_id=inbox_id,
                owner_id=owner_id,
                name=name,
                since=since,
                until=until,
                actor=actor,
                source=source,
            )
        )

    def _export(self, export: Export) -> Iterator[str]:
        span = self._run(begin(export))
        yield from export.header()
        while span is not None:
            records, span = self._run(next_page(export, span))
            for record in records:
                yield export.line(record)

    def _events(self, after: int) -> Iterator[FedEvent]:
        size = self._run(replaying.feed_size())
        while after + 1 < size and (rows := self._run(replaying.rows_page(after=after, size=size))):
            after = position_of(rows[-1])
            yield from map(read_fed, rows)
