"""What a user of a state-machine library keeps in a database: a row with a version, and a log of what happened to it.

Both in one transaction of SQLAlchemy's ORM, which itself compares the version (`version_id_col`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, DateTime, ForeignKey, Index, create_engine, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

OWNER = "the owner"


class Base(DeclarativeBase):
    """The models."""


class MailInbox(Base):
    """An inbox as it stands."""

    __tablename__ = "orm_inboxes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[str]
    email_address: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str]
    version: Mapped[int] = mapped_column()
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - as SQLAlchemy documents it


class LogEntry(Base):
    """What happened."""

    __tablename__ = "orm_inbox_log"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    inbox_id: Mapped[UUID] = mapped_column(ForeignKey(MailInbox.id))
    version: Mapped[int]
    trigger: Mapped[str]
    from_status: Mapped[str]
    to_status: Mapped[str]
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)

    __table_args__ = (Index("orm_inbox_log_version", "inbox_id", "version", unique=True),)


#: Decides and moves: what each state-machine library does in its own way.
Trigger = Callable[[MailInbox, str], None]


class Store:
    """The rows and their log."""

    def __init__(self, url: str, connections: int) -> None:
        """Make the tables."""
        self.engine = create_engine(
            url.replace("postgresql://", "postgresql+psycopg://", 1), pool_size=connections, max_overflow=0
        )
        # Stock is made on connections of its own: what rolls back has psycopg forget what it prepared.
        self.stock_engine = create_engine(self.engine.url, pool_size=1)
        Base.metadata.create_all(self.stock_engine)
        self._session = sessionmaker(self.engine, expire_on_commit=False)
        self._stock_session = sessionmaker(self.stock_engine, expire_on_commit=False)

    def make(self, count: int) -> Sequence[MailInbox]:
        """So many that are pending, loaded and no session's any more."""
        now = datetime.now(UTC)
        made = [
            {
                "id": uuid4(), "owner_id": OWNER, "email_address": f"{uuid4()}@mail.example.com", "status": "pending",
                "version": 1, "updated_at": now,
            }
            for _ in range(count)
        ]  # fmt: skip
        with self._stock_session.begin() as session:
            session.execute(insert(MailInbox), made)
        with self._stock_session() as session:
            wanted = MailInbox.id.in_([row["id"] for row in made])
            loaded = list(session.scalars(select(MailInbox).where(wanted)))
            session.expunge_all()
        return loaded

    def move_in_memory(self, inbox: MailInbox, trigger: Trigger, name: str) -> None:
        """Decide, and write row and log; the row is at hand."""
        with self._session.begin() as session:
            session.add(inbox)
            _move(session, inbox, trigger, name)

    def move(self, inbox_id: UUID, trigger: Trigger, name: str) -> None:
        """Load, decide, and write row and log."""
        with self._session.begin() as session:
            _move(session, session.get_one(MailInbox, inbox_id), trigger, name)


def _move(session: Session, inbox: MailInbox, trigger: Trigger, name: str) -> None:
    before, now = inbox.status, datetime.now(UTC)
    trigger(inbox, name)
    inbox.updated_at = now
    session.add(
        LogEntry(
            inbox_id=inbox.id,
            version=inbox.version + 1,
            trigger=name,
            from_status=before,
            to_status=inbox.status,
            recorded_at=now,
            data={
                "attempt_id": str(uuid4()),
                "kind": "retry",
                "acceptance": "enabled",
                "job_id": "job",
                "recorder": "call",
                "owner_id": inbox.owner_id,
            },
        )
    )


@contextmanager
def open_store(url: str, connections: int) -> Iterator[Store]:
    """The store of a database."""
    store = Store(url, connections)
    try:
        yield store
    finally:
        store.engine.dispose()
        store.stock_engine.dispose()
