"""An entry that cannot be read: the feed goes up to it, and says which one it is."""

from __future__ import annotations

import pytest

from inbox_lifecycle import HistoryBroken, Inboxes
from inbox_lifecycle.codec import leaf_hash
from inbox_lifecycle.records import FedEvent
from tests.support.commands import frozen_off
from tests.support.databases import TestDatabase


@pytest.fixture
def broken(database: TestDatabase) -> TestDatabase:
    """Three inboxes; the entry of the third is junk."""
    with Inboxes(database.url) as inboxes:
        ids = [
            inboxes.register(email_address=f"ana{number}@mail.example.com", owner_id="acme", provider="instantly").id
            for number in range(3)
        ]
        assert inboxes.operator(actor="olga").seal().events == 3
    with frozen_off(database, database.prefix):
        change = "update {s}inbox_events set entry = ?, hash = ? where inbox_id = ?"
        database.execute(change, (b"junk", leaf_hash(b"junk"), ids[2]))
    return database


def test_a_page_ends_before_an_entry_that_cannot_be_read(broken: TestDatabase) -> None:
    """The page that would begin with it names the inbox and the version."""
    with Inboxes(broken.url) as inboxes:
        operator = inboxes.operator(actor="olga")
        page = operator.feed()
        assert [fed.position for fed in page.items] == [0, 1]
        with pytest.raises(HistoryBroken, match="version 1"):
            operator.feed(after=page.next_after)


def test_a_consumer_hears_everything_before_it(broken: TestDatabase) -> None:
    """And its cursor stands before the entry, for when somebody has mended it."""
    heard: list[FedEvent] = []
    with Inboxes(broken.url) as inboxes:
        operator = inboxes.operator(actor="olga")
        with pytest.raises(HistoryBroken):
            operator.subscribe("billing", heard.append)
        with pytest.raises(HistoryBroken):
            operator.subscribe("billing", heard.append)
    assert [fed.position for fed in heard] == [0, 1]
