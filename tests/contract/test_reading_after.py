"""Histories and attempts are read on from where a reader stopped."""

from __future__ import annotations

import pytest

from inbox_lifecycle import InboxNotFound, InvalidInput
from tests.support.contract import OWNER, STRANGER, born, lead_back, retry
from tests.support.faces import AnyFace


def test_reading_begins_after_what_was_read(face: AnyFace) -> None:
    """By version and by attempt, for owners and operators; past the end there is nothing, and a stranger sees none."""
    inbox = born(face)
    for _ in range(2):
        retry(face, inbox)
        lead_back(face, inbox)
    events, attempts = face.history(inbox.id, owner_id=OWNER), face.attempts(inbox.id, owner_id=OWNER)
    assert face.history(inbox.id, owner_id=OWNER, after=3) == events[3:]
    assert face.operator().history(inbox.id, after=3) == events[3:]
    assert face.history(inbox.id, owner_id=OWNER, after=5) == face.history(inbox.id, owner_id=OWNER, after=99) == []
    assert face.attempts(inbox.id, owner_id=OWNER, after=attempts[0].id) == attempts[1:]
    assert face.operator().attempts(inbox.id, after=attempts[0].id) == attempts[1:]
    assert face.attempts(inbox.id, owner_id=OWNER, after=attempts[1].id.upper()) == []
    with pytest.raises(InboxNotFound):
        face.history(inbox.id, owner_id=STRANGER, after=99)
    with pytest.raises(InvalidInput):
        face.attempts(inbox.id, owner_id=OWNER, after="nope")
