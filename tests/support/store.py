"""The store by itself: statements run on a database one by one, with no facade, no driver and no provider around."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from inbox_lifecycle import Inbox, InboxId, Status
from inbox_lifecycle.address import read_address
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, AttemptKind, Recorder
from inbox_lifecycle.flow import Statement
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.lifecycle import births, moves
from inbox_lifecycle.lifecycle.record import Acceptor, record_warmup_started
from inbox_lifecycle.providers.port import AlreadyWarming
from inbox_lifecycle.records import Attempt
from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.store.looks import FIRST_ID, AttemptsPage, GetInbox
from inbox_lifecycle.store.rows import Seen
from inbox_lifecycle.store.session import Session, backend_for
from inbox_lifecycle.store.statements import CloseAttempt, CommitMove, CommitWarmup, OpenTheAttempt
from tests.support.databases import TestDatabase
from tests.support.steps import NOW, PENDING, WARMING, play, seen, terms

T = TypeVar("T")


class Store:
    """A database, asked statement by statement."""

    def __init__(self, database: TestDatabase) -> None:
        self.database = database
        self._engine = make_engine(database.url)
        self._backend = backend_for(self._engine.dialect)

    def run(self, statement: Statement[T]) -> T:
        """One statement in a transaction of its own."""
        with self._engine.begin() as connection, contextlib.closing(connection.connection.cursor()) as cursor:
            return statement.run(Session(cursor, self._backend))

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def born(self, address: str, owner: str = "ana", at: datetime | None = None, key: str | None = None) -> Inbox:
        """A registered inbox."""
        birth = births.Birth(
            address=read_address(address),
            owner_id=owner,
            provider="instantly",
            provider_ref=f"ref of {address}",
            context=Context(owner_id=owner, idempotency_key=key),
            created_at=at,
        )
        inbox = self.run(play(births.register(terms(), birth), PENDING).statement(0))
        assert isinstance(inbox, Inbox)
        return inbox

    def seen(self, inbox: Inbox, key: str | None = None) -> Seen:
        """The inbox as it is now."""
        found = self.run(GetInbox(inbox_id=inbox.id, owner_id=None, idempotency_key=key))
        assert found is not None
        return found

    def open(self, inbox: Inbox, kind: AttemptKind = AttemptKind.RETRY, lease: float = 60.0) -> AttemptId:
        """An attempt on it."""
        statement = opening(inbox, kind=kind, lease=lease)
        assert self.run(statement) is not None
        return statement.attempt_id

    def move(self, inbox: Inbox, *, key: str | None = None) -> Inbox:
        """The inbox, banned."""
        moved = self.run(banning(self.seen(inbox), key=key))
        assert moved is not None
        return moved

    def attempts(self, inbox: Inbox) -> dict[str, Attempt]:
        """The attempts on it, by id."""
        page = AttemptsPage(inbox_id=inbox.id, owner_id=None, after=FIRST_ID, limit=100)
        return {attempt.id: attempt for attempt in self.run(page)}


def opening(
    inbox: Inbox,
    *,
    owner: str | None = "ana",
    kind: AttemptKind = AttemptKind.RETRY,
    lease: float = 60.0,
    key: str | None = None,
) -> OpenTheAttempt:
    """The statement that opens an attempt."""
    return OpenTheAttempt(
        inbox_id=inbox.id,
        owner_id=owner,
        attempt_id=AttemptId(new_id(NOW)),
        kind=kind,
        now=NOW,
        lease=lease,
        context=Context(
            owner_id="ana", actor="a", reason="r", correlation_id="co", causation_id="ca", idempotency_key=key
        ),
    )


def starting(found: Seen, attempt_id: AttemptId, *, key: str | None = None) -> CommitWarmup:
    """The statement that moves an inbox from what was seen to warming."""
    acceptor = Acceptor(
        attempt_id=attempt_id,
        kind=AttemptKind.RETRY,
        answer=AlreadyWarming(),
        context=Context(owner_id="ana", actor="a", idempotency_key=key),
        recorder=Recorder.CALL,
    )
    statement: CommitWarmup = play(record_warmup_started(terms(), found, acceptor), None, WARMING).statement(1)
    return statement


def banning(found: Seen, *, key: str | None = None) -> CommitMove:
    """The statement that bans an inbox as it was seen."""
    request = moves.Request(inbox_id=InboxId(found.inbox.id), context=Context(actor="op", idempotency_key=key))
    banned = replace(seen(PENDING).inbox, status=Status.BANNED)
    statement: CommitMove = play(moves.ban(terms(), request), found, banned).statement(1)
    return statement


def closing(inbox: Inbox, attempt_id: AttemptId, **changes: Any) -> CloseAttempt:
    """The statement that closes an attempt."""
    given: dict[str, Any] = {"owner_id": "ana", "outcome": "rejected", "now": NOW, "detail": {"why": "not"}} | changes
    return CloseAttempt(inbox_id=inbox.id, attempt_id=attempt_id, **given)


#: What each table holds, for comparing before and after.
TABLES = ("email_domains", "inboxes", "inbox_events", "inbox_attempts", "inbox_feed_queue")


def rows(store: Store, table: str, condition: str = "1 = 1") -> set[tuple[Any, ...]]:
    """What a table holds."""
    found = store.database.execute(f"select * from {{s}}{table} where {condition}")  # noqa: S608 - written here
    return {tuple(bytes(value) if isinstance(value, memoryview) else str(value) for value in row) for row in found}


def everything(store: Store) -> dict[str, set[tuple[Any, ...]]]:
    """What the database holds."""
    return {table: rows(store, table) for table in TABLES}


def others(store: Store, inbox: Inbox) -> list[set[tuple[Any, ...]]]:
    """What the database holds of other inboxes."""
    tables = ("inbox_events", "inbox_attempts", "inbox_feed_queue")
    kept = [rows(store, table, f"inbox_id <> '{inbox.id}'") for table in tables]
    return [*kept, rows(store, "inboxes", f"id <> '{inbox.id}'"), rows(store, "email_domains")]
