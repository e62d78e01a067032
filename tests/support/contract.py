"""What the contract suite says over and over: an inbox to begin with, something in flight, nothing having moved."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbox_lifecycle import Attempt, Inbox, Pair, Status, WarmupStatus
from inbox_lifecycle.testing import ProviderSandbox
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

ANA = "ana@mail.example.com"
OWNER = "owner-of-ana"
STRANGER = "somebody-else"
UNKNOWN_ID = "0197e9a4-8f4a-7c3e-9d6b-2f1c5a7e4b10"

PENDING = Pair(Status.PENDING, WarmupStatus.NOT_STARTED)
WARMING = Pair(Status.WARMING, WarmupStatus.WARMING)
ACTIVE = Pair(Status.ACTIVE, WarmupStatus.ACTIVE)
BANNED = Pair(Status.BANNED, WarmupStatus.BANNED)

#: Each face once and each database once: for claims that many examples hold up and neither decides alone.
crosswise = pytest.mark.parametrize(("make", "database"), [("sync", "postgresql"), ("async", "sqlite")], indirect=True)

#: Texts that not every database can keep, or that have no bytes to prove: NUL, and either half of a surrogate pair.
UNKEEPABLE = ("a\x00b", "a\ud83db", "a\ude00b")


def born(face: AnyFace, email_address: str = ANA, **options: Any) -> Inbox:
    """A fresh inbox, pending / not_started."""
    inbox: Inbox = face.register(email_address=email_address, owner_id=OWNER, **options)
    return inbox


def warming(face: AnyFace, email_address: str = ANA) -> Inbox:
    """An inbox that was retried with success, at version 2."""
    inbox: Inbox = face.retry_warmup(born(face, email_address).id, owner_id=OWNER)
    return inbox


def adopted(face: AnyFace, pair: Pair, email_address: str = ANA) -> Inbox:
    """An inbox in any pair."""
    inbox: Inbox = face.operator().adopt(
        email_address=email_address, owner_id=OWNER, status=pair.status, warmup_status=pair.warmup_status
    )
    return inbox


def retry(face: AnyFace, inbox: Inbox, key: str | None = None) -> Inbox:
    """The owner's retry."""
    moved: Inbox = face.retry_warmup(inbox.id, owner_id=OWNER, idempotency_key=key)
    return moved


def lead_back(face: AnyFace, inbox: Inbox) -> Inbox:
    """An operator's correction to pending / not_started: the pair comes again, the version does not."""
    corrected: Inbox = face.operator().correct(
        inbox.id, status="pending", warmup_status="not_started", reason="led back"
    )
    return corrected


def attempt_on(face: AnyFace, inbox: Inbox) -> Attempt:
    """The only attempt there is."""
    attempts: list[Attempt] = face.operator().attempts(inbox.id)
    (attempt,) = attempts
    return attempt


def outcomes(face: AnyFace, inbox: Inbox) -> list[str | None]:
    """How its attempts ended, sorted, open ones (None) first."""
    attempts: list[Attempt] = face.operator().attempts(inbox.id)
    return sorted((attempt.outcome for attempt in attempts), key=str)


def standing(database: TestDatabase) -> list[list[tuple[Any, ...]]]:
    """Every row of domains, inboxes and events, as the database holds them."""
    tables = {"email_domains": "id", "inboxes": "id", "inbox_events": "inbox_id, version", "inbox_feed_queue": "seq"}
    return [
        database.execute(f"select * from {{s}}{table} order by {order}")  # noqa: S608 - named two lines above
        for table, order in tables.items()
    ]


@contextmanager
def nothing_moves(database: TestDatabase) -> Iterator[None]:
    """What stands after the block is what stood before it: rows, versions, events."""
    before = standing(database)
    yield
    assert standing(database) == before


def in_flight(sandbox: ProviderSandbox, act: Callable[[], object]) -> None:
    """Have something happen once, while the provider has heard the next request and has not answered it."""

    def once(_request: object) -> None:
        sandbox.before_answer(None)
        act()

    sandbox.before_answer(once)


def together(*calls: Callable[[], object]) -> list[object]:
    """Run calls at the same moment, each in a thread; what each gave, or its error."""
    line = threading.Barrier(len(calls))
    results: list[object] = [None] * len(calls)

    def run(number: int, call: Callable[[], object]) -> None:
        line.wait()
        try:
            results[number] = call()
        except Exception as error:  # noqa: BLE001 - an error is a result here
            results[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 4, 5, 6, 7, 891011, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def move(self, **delta: float) -> None:
        """Go on, or back."""
        self.now += timedelta(**delta)
