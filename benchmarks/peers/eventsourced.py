"""The same life of an inbox in the library `eventsourcing`: an aggregate, its events, and an application that saves it.

Settings are its documentation's: WAL on SQLite, and on PostgreSQL a pool of connections that are kept open.
It has no row besides the events, no attempt, and no guard in the database.

On PostgreSQL it has two modes. The default one locks the table of events for each save, so that events become visible
in the order of their notification ids. With `POSTGRES_ENABLE_DB_FUNCTIONS` it saves by a function in the database that
does not lock the table: two saves at once may become visible in the other order, and who reads the log from where it
last stood misses the later one for good.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

OWNER = "the owner"


class NotAllowed(Exception):
    """The life cycle does not allow the move."""


class Moved(Aggregate.Event):
    """A move of an inbox."""

    owner_id: str
    from_status: str
    from_warmup_status: str


class WarmupStarted(Moved):
    """The provider took it."""

    attempt_id: str
    kind: str
    acceptance: str
    job_id: str
    recorder: str

    def apply(self, aggregate: MailInbox) -> None:
        """Warming."""
        aggregate.status = aggregate.warmup_status = "warming"


class WarmupFailed(Moved):
    """The provider gave it up."""

    provider_says: str

    def apply(self, aggregate: MailInbox) -> None:
        """Pending again."""
        aggregate.status, aggregate.warmup_status = "pending", "not_started"


class Banned(Moved):
    """An operator took it out."""

    actor: str
    reason: str

    def apply(self, aggregate: MailInbox) -> None:
        """Banned."""
        aggregate.status = aggregate.warmup_status = "banned"


class MailInbox(Aggregate):
    """Pending, warming, active, banned."""

    @event("Registered")
    def __init__(self, owner_id: str, email_address: str, provider: str) -> None:
        """Born pending."""
        self.owner_id = owner_id
        self.email_address = email_address
        self.provider = provider
        self.status = "pending"
        self.warmup_status = "not_started"

    def retry_warmup(self, attempt_id: str, job_id: str) -> None:
        """Warm it up."""
        if (self.status, self.warmup_status) != ("pending", "not_started"):
            raise NotAllowed
        self._move(
            WarmupStarted,
            attempt_id=attempt_id,
            kind="retry",
            acceptance="enabled",
            job_id=job_id,
            recorder="call",
        )

    def fail_warmup(self, provider_says: str) -> None:
        """Take it back."""
        if (self.status, self.warmup_status) != ("warming", "warming"):
            raise NotAllowed
        self._move(WarmupFailed, provider_says=provider_says)

    def ban(self, actor: str, reason: str) -> None:
        """Take it out."""
        if self.status == "banned":
            raise NotAllowed
        self._move(Banned, actor=actor, reason=reason)

    def _move(self, what: type[Moved], **facts: str) -> None:
        self.trigger_event(
            what,
            owner_id=self.owner_id,
            from_status=self.status,
            from_warmup_status=self.warmup_status,
            **facts,
        )


class MailInboxes(Application[UUID]):
    """The commands."""

    def make(self, count: int, *, events: int = 1) -> Sequence[MailInbox]:
        """So many, each with so many events."""
        made = [_made(events) for _ in range(count)]
        # By the hundred: on PostgreSQL, saving megabytes at once never ends.
        for first in range(0, count, 100):
            self.save(*made[first : first + 100])
        return made

    def retry_in_memory(self, inbox: MailInbox) -> None:
        """Decide and save, where the aggregate is at hand: this library's best case."""
        inbox.retry_warmup(attempt_id=str(uuid4()), job_id="job")
        self.save(inbox)

    def retry_warmup(self, inbox_id: UUID) -> None:
        """Load, decide, save."""
        inbox: MailInbox = self.repository.get(inbox_id)
        self.retry_in_memory(inbox)

    def ban(self, inbox_id: UUID) -> None:
        """Load, decide, save."""
        inbox: MailInbox = self.repository.get(inbox_id)
        inbox.ban(actor="olga", reason="a benchmark")
        self.save(inbox)


def _made(events: int) -> MailInbox:
    inbox = MailInbox(owner_id=OWNER, email_address=f"{uuid4()}@mail.example.com", provider="instantly")
    for number in range(events - 1):
        if number % 2:
            inbox.fail_warmup(provider_says="not_warming")
        else:
            inbox.retry_warmup(attempt_id=str(uuid4()), job_id="job")
    return inbox


@contextmanager
def on_postgresql(url: str, *, connections: int, functions: bool = False) -> Iterator[MailInboxes]:
    """The application on PostgreSQL, in a schema of its own; `functions` gives the order of the log up for speed."""
    schema = "es_functions" if functions else "es_default"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
    parts = conninfo_to_dict(url)
    environment = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(parts["dbname"]),
        "POSTGRES_HOST": str(parts["host"]),
        "POSTGRES_PORT": str(parts.get("port", "5432")),
        "POSTGRES_USER": str(parts["user"]),
        "POSTGRES_PASSWORD": "",
        "POSTGRES_SCHEMA": schema,
        "POSTGRES_POOL_SIZE": str(connections),
        "POSTGRES_MAX_OVERFLOW": "0",
        "POSTGRES_ENABLE_DB_FUNCTIONS": "yes" if functions else "no",
    }
    with MailInboxes(environment) as application:
        yield application


@contextmanager
def on_sqlite(path: Path) -> Iterator[MailInboxes]:
    """The application on an SQLite file."""
    environment = {
        "PERSISTENCE_MODULE": "eventsourcing.sqlite",
        "SQLITE_DBNAME": str(path),
        "SQLITE_LOCK_TIMEOUT": "10",
    }
    with MailInboxes(environment) as application:
        yield application
