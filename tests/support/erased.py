"""An erasure by statements alone: no facade, no flow."""

from __future__ import annotations

from inbox_lifecycle import Inbox
from tests.support.databases import TestDatabase
from tests.support.forging import BLANK_CONTEXT, Ground, erase


def erased(database: TestDatabase, inbox: Inbox) -> Inbox:
    """The inbox, erased as the guards allow: its event, a blank row, and blank contexts."""
    ground = Ground(database, database.url, foreign_keys=True, ana=inbox, bea=inbox)
    ground.perform(*erase(ground, inbox))
    ground.perform((f"{BLANK_CONTEXT} where inbox_id = ?", (inbox.id,)))
    return inbox
