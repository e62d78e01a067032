"""Law 2, "no event, no state": what SQL tries with states, events and births, as owner and as a mere writer."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from inbox_lifecycle import Pair
from inbox_lifecycle.domain import InboxId, InboxRegistered
from tests.support.forging import (
    ACTIVE,
    PENDING,
    WARMING,
    Cheat,
    Cheats,
    Columns,
    Ground,
    Statement,
    event_of,
    insert,
    move,
    refused_and_nothing_moved,
    row_of,
)

ROWS = Cheats()
EVENTS = Cheats()
BIRTHS = Cheats()

NEW_ID = InboxId("01a206cc-023e-7931-abea-000000000000")


@ROWS.refused_by("inboxes_stepped")
def _status_moved(ground: Ground) -> tuple[Statement, ...]:
    return row_of(ground.ana, "status = 'pending'")


@ROWS.refused_by("inboxes_stepped")
def _warmup_status_moved(ground: Ground) -> tuple[Statement, ...]:
    return row_of(ground.ana, "warmup_status = 'not_started'")


@ROWS.refused_by("inboxes_stepped", "inboxes_explained")
def _version_one_on(ground: Ground) -> tuple[Statement, ...]:
    return row_of(ground.ana, "version = version + 1")


@ROWS.refused_by("inboxes_stepped")
def _version_two_on(ground: Ground) -> tuple[Statement, ...]:
    return row_of(ground.ana, "version = version + 2")


@ROWS.refused_by("inboxes_stepped")
def _version_set_back(ground: Ground) -> tuple[Statement, ...]:
    return row_of(ground.ana, "version = version - 1")


@ROWS.refused_by("inboxes_stepped")
def _hash_changed(ground: Ground) -> tuple[Statement, ...]:
    return row_of(ground.ana, "head_hash = ?", bytes(32))


@ROWS.refused_by("inboxes_stepped")
def _rewound_to_its_own_birth(ground: Ground) -> tuple[Statement, ...]:
    change = "status = 'pending', warmup_status = 'not_started', version = 1, head_hash = ?"
    return row_of(ground.ana, change, ground.hash_at(ground.ana, 1))


@ROWS.refused_by("inboxes_stepped")
def _rewound_and_brought_forward_again(ground: Ground) -> tuple[Statement, ...]:
    first, third = (ground.hash_at(ground.ana, version) for version in (1, 3))
    back = "status = 'pending', warmup_status = 'not_started', version = 1, head_hash = ?"
    forward = "status = 'active', warmup_status = 'active', version = 3, head_hash = ?"
    return (*row_of(ground.ana, back, first), *row_of(ground.ana, forward, third))


@ROWS.refused_by("inboxes_stepped", "inboxes_explained")
def _moved_on_whole(ground: Ground) -> tuple[Statement, ...]:
    change = "status = 'banned', warmup_status = 'banned', version = version + 1, head_hash = ?"
    return row_of(ground.ana, change, bytes(32))


@EVENTS.refused_by("inbox_events_head")
def _event_ahead_of_its_row(ground: Ground) -> tuple[Statement, ...]:
    # On SQLite an event that follows moves its row itself, so that only a later one can stand ahead.
    version = ground.ana.version + (2 if ground.on_sqlite else 1)
    return (insert("inbox_events", event_of(ground.ana, previous=ground.head(ground.ana), version=version)),)


@EVENTS.refused_by("inbox_events_head", "inboxes_stepped")
def _version_jumped_with_its_row(ground: Ground) -> tuple[Statement, ...]:
    version = ground.ana.version + 2
    return (move(ground, event_of(ground.ana, previous=ground.head(ground.ana), version=version)),)


@EVENTS.refused_by("inbox_events_head")
def _event_two_on_and_row_one_on(ground: Ground) -> tuple[Statement, ...]:
    event = event_of(ground.ana, previous=ground.head(ground.ana), version=ground.ana.version + 2)
    return (move(ground, event, version=ground.ana.version + 1),)


@EVENTS.refused_by("inbox_events_pkey or inbox_events_head", "inbox_events_pkey")
def _second_event_at_a_version(ground: Ground) -> tuple[Statement, ...]:
    event = event_of(ground.ana, previous=ground.head(ground.ana), version=ground.ana.version)
    return (insert("inbox_events", event),)


@EVENTS.refused_by("inbox_events_head", "inbox_events_chain")
def _lying_about_the_status_left(ground: Ground) -> tuple[Statement, ...]:
    left = Pair(PENDING.status, ACTIVE.warmup_status)
    return (move(ground, event_of(ground.ana, previous=ground.head(ground.ana), left=left)),)


@EVENTS.refused_by("inbox_events_head", "inbox_events_chain")
def _lying_about_the_warmup_status_left(ground: Ground) -> tuple[Statement, ...]:
    left = Pair(ACTIVE.status, WARMING.warmup_status)
    return (move(ground, event_of(ground.ana, previous=ground.head(ground.ana), left=left)),)


@EVENTS.refused_by("inbox_events_head", "inbox_events_first")
def _silent_about_the_pair_left(ground: Ground) -> tuple[Statement, ...]:
    event = event_of(ground.ana, previous=ground.head(ground.ana))
    return (move(ground, event | {"from_status": None, "from_warmup_status": None}),)


@EVENTS.refused_by("inbox_events_head", "inbox_events_chain")
def _following_no_event_by_hash(ground: Ground) -> tuple[Statement, ...]:
    return (move(ground, event_of(ground.ana, previous=bytes(32))),)


@EVENTS.refused_by("inbox_events_head", "inbox_events_chain")
def _following_an_older_event(ground: Ground) -> tuple[Statement, ...]:
    return (move(ground, event_of(ground.ana, previous=ground.hash_at(ground.ana, 2))),)


@EVENTS.refused_by("inbox_events_head", "inbox_events_chain")
def _following_another_inbox(ground: Ground) -> tuple[Statement, ...]:
    return (move(ground, event_of(ground.ana, previous=ground.head(ground.bea))),)


@EVENTS.refused_by("inbox_events_head", "inbox_events_first")
def _without_a_previous_hash(ground: Ground) -> tuple[Statement, ...]:
    return (move(ground, event_of(ground.ana, previous=None)),)


@EVENTS.refused_by("inbox_events_hash_sha256", "inbox_events_hash_of_entry")
def _hash_that_is_none(ground: Ground) -> tuple[Statement, ...]:
    event = event_of(ground.ana, previous=ground.head(ground.ana))
    return (move(ground, event | {"hash": b"short"}),)


@EVENTS.refused_by("inbox_events_status_known")
def _status_unknown(ground: Ground) -> tuple[Statement, ...]:
    event = event_of(ground.ana, previous=ground.head(ground.ana))
    return (move(ground, event | {"status": "frozen"}),)


@EVENTS.refused_by("inbox_events_warmup_status_known")
def _warmup_status_unknown(ground: Ground) -> tuple[Statement, ...]:
    event = event_of(ground.ana, previous=ground.head(ground.ana))
    return (move(ground, event | {"warmup_status": "frozen"}),)


@EVENTS.refused_by("inbox_events_first")
def _event_at_version_zero(ground: Ground) -> tuple[Statement, ...]:
    event = event_of(ground.ana, previous=ground.head(ground.ana))
    return (insert("inbox_events", event | {"version": 0}),)


def _newborn(ground: Ground, **columns: object) -> Columns:
    return {
        "id": NEW_ID,
        "owner_id": "owner",
        "email_domain_id": ground.ana.email_domain_id,
        "email_address": "new@mail.example.com",
        "address_key": bytes(32),
        "provider": "instantly",
        "status": "pending",
        "warmup_status": "not_started",
        "version": 1,
        "head_hash": bytes(32),
        "created_at": "2030-01-01T00:00:00.000000Z",
        "updated_at": "2030-01-01T00:00:00.000000Z",
        **columns,
    }


def _birth_of(inbox_id: InboxId, ground: Ground) -> Columns:
    registered = InboxRegistered(provider="instantly", address_commitment="0" * 64)
    event = event_of(ground.bea, previous=None, event=registered, reached=PENDING, version=1, born_as=inbox_id)
    return event | {"from_status": None, "from_warmup_status": None}


@BIRTHS.refused_by("inboxes_explained")
def _row_without_an_event(ground: Ground) -> tuple[Statement, ...]:
    return (insert("inboxes", _newborn(ground)),)


@BIRTHS.refused_by("inbox_events_head", "inbox_events_chain")
def _born_at_version_two(ground: Ground) -> tuple[Statement, ...]:
    event = event_of(ground.bea, previous=bytes(32), version=2, born_as=NEW_ID)
    pair = {"status": event["status"], "warmup_status": event["warmup_status"]}
    row = insert("inboxes", _newborn(ground, version=2, head_hash=event["hash"], **pair))
    return _together(ground, insert("inbox_events", event), row)


@BIRTHS.refused_by("inboxes_explained", "inbox_events_head")
def _born_with_another_hash(ground: Ground) -> tuple[Statement, ...]:
    event = _birth_of(NEW_ID, ground)
    return _together(ground, insert("inbox_events", event), insert("inboxes", _newborn(ground)))


@BIRTHS.refused_by("inboxes_explained", "inbox_events_head")
def _born_in_another_pair(ground: Ground) -> tuple[Statement, ...]:
    event = _birth_of(NEW_ID, ground)
    row = _newborn(ground, status="active", warmup_status="active", head_hash=event["hash"])
    return _together(ground, insert("inbox_events", event), insert("inboxes", row))


@BIRTHS.refused_by("inbox_events_first")
def _born_from_somewhere(ground: Ground) -> tuple[Statement, ...]:
    event = _birth_of(NEW_ID, ground) | {"from_status": "banned", "from_warmup_status": "banned"}
    row = insert("inboxes", _newborn(ground, head_hash=event["hash"]))
    return _together(ground, insert("inbox_events", event), row)


@BIRTHS.refused_by("inbox_events_pkey or inbox_events_head", "inbox_events_pkey")
def _second_birth_event(ground: Ground) -> tuple[Statement, ...]:
    return (insert("inbox_events", _birth_of(ground.ana.id, ground)),)


@BIRTHS.refused_by("inboxes_pkey")
def _second_row(ground: Ground) -> tuple[Statement, ...]:
    row = _newborn(ground, id=ground.bea.id, head_hash=ground.head(ground.bea))
    return (insert("inboxes", row),)


@BIRTHS.refused_by("inboxes_email_address_key")
def _second_row_of_an_address(ground: Ground) -> tuple[Statement, ...]:
    event = _birth_of(NEW_ID, ground)
    row = _newborn(ground, email_address=ground.ana.email_address, head_hash=event["hash"])
    return _together(ground, insert("inbox_events", event), insert("inboxes", row))


def _together(ground: Ground, event: Statement, row: Statement) -> tuple[Statement, ...]:
    """Event and row as registration writes them: in one statement on PostgreSQL, the event first on SQLite."""
    if ground.on_sqlite:
        return event, row
    return ((f"with born as ({row[0]}) {event[0]}", (*row[1], *event[1])),)


@pytest.mark.parametrize(("cheat", "refusers"), ROWS.cases)
def test_a_row_moved_without_its_event_is_refused(ground: Ground, cheat: Cheat, refusers: Mapping[str, str]) -> None:
    """No UPDATE gives a row a status, version or hash that no new event explains."""
    refused_and_nothing_moved(ground, cheat, refusers)


@pytest.mark.parametrize(("cheat", "refusers"), EVENTS.cases)
def test_an_event_that_does_not_follow_is_refused(ground: Ground, cheat: Cheat, refusers: Mapping[str, str]) -> None:
    """No INSERT puts an event anywhere but right after its inbox's newest one, and truthfully."""
    refused_and_nothing_moved(ground, cheat, refusers)


@pytest.mark.parametrize(("cheat", "refusers"), BIRTHS.cases)
def test_a_birth_that_is_none_is_refused(ground: Ground, cheat: Cheat, refusers: Mapping[str, str]) -> None:
    """No inbox comes to be without its first event, twice, or in the middle of a history."""
    refused_and_nothing_moved(ground, cheat, refusers)
