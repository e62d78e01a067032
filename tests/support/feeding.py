"""Traffic for the feed, and the feed read back: page by page through a facade, and row by row by raw SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from inbox_lifecycle import Inbox
from inbox_lifecycle.records import FedEvent
from inbox_lifecycle.store.roles import apply_grants
from tests.support.databases import Postgres, TestDatabase
from tests.support.faces import AnyFace
from tests.support.roles import a_role, as_role

OWNER = "owner"

#: An event by its inbox and its version.
Place = tuple[str, int]

_ELSEWHERE = {False: ("active", "active"), True: ("pending", "not_started")}


def led(face: AnyFace, name: str, versions: int = 1) -> Inbox:
    """A new inbox, led there and back until it has so many events."""
    inbox: Inbox = face.register(email_address=f"{name}@mail.example.com", owner_id=OWNER, provider="instantly")
    return lead_on(face, inbox, versions - 1)


def lead_on(face: AnyFace, inbox: Inbox, events: int = 1) -> Inbox:
    """The inbox, so many corrections later."""
    for _ in range(events):
        status, warmup_status = _ELSEWHERE[inbox.status == "active"]
        inbox = face.operator().correct(inbox.id, status=status, warmup_status=warmup_status, reason="there and back")
    return inbox


def whole(operator: AnyFace, *, limit: int = 1000) -> list[FedEvent]:
    """The whole feed, page by page."""
    items: list[FedEvent] = []
    page = operator.feed(limit=limit)
    while page.items:
        assert len(page.items) <= limit
        items += page.items
        page = operator.feed(after=page.next_after, limit=limit)
    return items


def places(items: Iterable[FedEvent]) -> list[Place]:
    """Which events they are."""
    return [(fed.event.inbox_id, fed.event.version) for fed in items]


def sealed(database: TestDatabase) -> list[Place]:
    """The events in order of position, by raw SQL: demand that the feed holds each event once, and none backwards."""
    rows = database.execute("select position, inbox_id, version, leaf_hash from {s}inbox_feed order by position")
    assert [position for position, *_ in rows] == list(range(len(rows)))
    events = database.execute("select inbox_id, version, hash from {s}inbox_events")
    hashes = {(str(inbox_id), version): bytes(told) for inbox_id, version, told in events}
    fed = [(str(inbox_id), version) for _, inbox_id, version, _ in rows]
    assert [bytes(row[3]) for row in rows] == [hashes[place] for place in fed]
    queued = database.execute("select inbox_id, version from {s}inbox_feed_queue")
    waiting = [(str(inbox_id), version) for inbox_id, version in queued]
    assert sorted(fed + waiting) == sorted(hashes)
    assert inversions(fed) == []
    return fed


def inversions(fed: Sequence[Place]) -> list[Place]:
    """The events that come before or long after the one that they follow."""
    reached: defaultdict[Any, int] = defaultdict(int)
    wrong = []
    for inbox_id, version in fed:
        if version != reached[inbox_id] + 1:
            wrong.append((inbox_id, version))
        reached[inbox_id] = version
    return wrong


@contextmanager
def an_auditor(postgres: Postgres, database: TestDatabase) -> Iterator[str]:
    """A role that may look and do nothing else; the URL of the database for it."""
    with a_role(postgres, "auditor") as role:
        apply_grants(database.url, role, kind="auditor")
        try:
            yield as_role(database.url, role)
        finally:
            database.execute(f'drop owned by "{role}"')
