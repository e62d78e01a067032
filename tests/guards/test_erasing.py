"""Law 7: blanking the context of an erased inbox is the one UPDATE of events that the guards let pass."""

from __future__ import annotations

import pytest

from inbox_lifecycle import Inboxes
from tests.support.databases import TestDatabase
from tests.support.forging import BLANK_CONTEXT, Ground, erase, make_ground


@pytest.fixture
def erased(database: TestDatabase) -> Ground:
    """A ground whose first inbox is erased, but for the contexts of its events."""
    ground = make_ground(database)
    queued = "insert into {s}inbox_feed_queue (inbox_id, version, hash) select id, version, head_hash from {s}inboxes"
    ground.perform(*erase(ground, ground.ana), (f"{queued} where id = ?", (ground.ana.id,)))
    return ground


def test_contexts_of_an_erased_inbox_can_be_blanked(erased: Ground) -> None:
    """Who and why are gone from every event, and the history is still proven."""
    erased.perform((f"{BLANK_CONTEXT} where inbox_id = ?", (erased.ana.id,)))
    assert erased.database.count("inbox_events", "actor is not null or context_key is not null") == 1
    with Inboxes(erased.database.url) as inboxes:
        assert inboxes.operator(actor="vera").verify().findings == []


@pytest.mark.parametrize(
    "change",
    ["actor = null", "context_key = null", "owner_id = null, actor = 'mallory'"],
    ids=["one-column-alone", "the-key-alone", "another-actor"],
)
def test_blanking_a_part_of_a_context_is_refused(erased: Ground, change: str) -> None:
    """A context without its key, or a key without its context, would be neither kept nor erased."""
    before = erased.contents()
    update = f"update {{s}}inbox_events set {change} where inbox_id = ? and version = 2"  # noqa: S608 - written above
    assert erased.refusal((update, (erased.ana.id,))) == "inbox_events_frozen"
    assert erased.contents() == before


@pytest.mark.parametrize("column", ["entry", "hash", "previous_hash"])
def test_blanking_that_also_changes_an_entry_is_refused(erased: Ground, column: str) -> None:
    """What can never change cannot change on the way either."""
    before = erased.contents()
    blank = (f"{BLANK_CONTEXT}, {column} = ? where inbox_id = ? and version = 2", (bytes(32), erased.ana.id))
    assert erased.refusal(blank) == "inbox_events_frozen"
    assert erased.contents() == before


def test_an_erased_inbox_gets_no_second_owner(erased: Ground) -> None:
    """Once blank, the row stays blank."""
    before = erased.contents()
    row = ("update {s}inboxes set owner_id = 'mallory' where id = ?", (erased.ana.id,))
    assert erased.refusal(row) == ("inboxes_fixed" if erased.on_sqlite else "inboxes_erased_blank")
    assert erased.contents() == before


def test_an_erased_inbox_can_not_be_revived(erased: Ground) -> None:
    """Owner, address and all, under a row that says it was never erased."""
    before = erased.contents()
    sql = (
        "update {s}inboxes set erased_at = null, owner_id = 'mallory', email_domain_id = ?,"
        " email_address = 'm@mail.example.com', address_key = ? where id = ?"
    )
    assert erased.refusal((sql, (erased.bea.email_domain_id, bytes(32), erased.ana.id))) == "inboxes_fixed"
    assert erased.contents() == before
