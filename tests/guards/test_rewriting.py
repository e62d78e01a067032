"""Law 2: what ordinary SQL tries with what is written already, as owner and as a mere writer."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from inbox_lifecycle.ids import new_id
from tests.support.forging import (
    BLANK_CONTEXT,
    Cheat,
    Cheats,
    Ground,
    Statement,
    erase,
    event_of,
    insert,
    refused_and_nothing_moved,
    row_of,
)

EVENTS = Cheats()
THEFTS = Cheats()
ATTEMPTS = Cheats()


def _event_changed(ground: Ground, change: str, *values: object) -> tuple[Statement, ...]:
    sql = f"update {{s}}inbox_events set {change} where inbox_id = ? and version = 3"  # noqa: S608 - written here
    return ((sql, (*values, ground.ana.id)),)


@EVENTS.refused_by("inbox_events_frozen")
def _entry_rewritten(ground: Ground) -> tuple[Statement, ...]:
    return _event_changed(ground, "entry = ?", b"{}")


@EVENTS.refused_by("inbox_events_frozen")
def _entry_and_hash_rewritten(ground: Ground) -> tuple[Statement, ...]:
    event = event_of(ground.ana, previous=ground.hash_at(ground.ana, 2), version=3)
    return _event_changed(ground, "entry = ?, hash = ?", event["entry"], event["hash"])


@EVENTS.refused_by("inbox_events_frozen")
def _actor_rewritten(ground: Ground) -> tuple[Statement, ...]:
    return _event_changed(ground, "actor = 'mallory'")


@EVENTS.refused_by("inbox_events_frozen")
def _context_key_rewritten(ground: Ground) -> tuple[Statement, ...]:
    return _event_changed(ground, "context_key = ?", bytes(32))


@EVENTS.refused_by("inbox_events_frozen")
def _time_rewritten(ground: Ground) -> tuple[Statement, ...]:
    return _event_changed(ground, "recorded_at = '2000-01-01T00:00:00.000000Z'")


@EVENTS.refused_by("inbox_events_frozen")
def _version_rewritten(ground: Ground) -> tuple[Statement, ...]:
    return _event_changed(ground, "version = 9")


@EVENTS.refused_by("inbox_events_frozen")
def _given_to_another_inbox(ground: Ground) -> tuple[Statement, ...]:
    return _event_changed(ground, "inbox_id = ?", ground.bea.id)


@EVENTS.refused_by("inbox_events_frozen")
def _rewritten_as_it_is(ground: Ground) -> tuple[Statement, ...]:
    return _event_changed(ground, "status = status")


@EVENTS.refused_by("inbox_events_frozen")
def _context_of_a_living_inbox_blanked(ground: Ground) -> tuple[Statement, ...]:
    return ((f"{BLANK_CONTEXT} where inbox_id = ?", (ground.ana.id,)),)


@EVENTS.refused_by("inbox_events_frozen")
def _newest_event_deleted(ground: Ground) -> tuple[Statement, ...]:
    return (("delete from {s}inbox_events where inbox_id = ? and version = 3", (ground.ana.id,)),)


@EVENTS.refused_by("inbox_events_frozen")
def _every_event_deleted(_ground: Ground) -> tuple[Statement, ...]:
    return (("delete from {s}inbox_events", ()),)


@EVENTS.refused_by("inbox_events_frozen", "inboxes_stepped or inbox_events_frozen")
def _newest_event_deleted_and_row_set_back(ground: Ground) -> tuple[Statement, ...]:
    back = "status = 'warming', warmup_status = 'warming', version = 2, head_hash = ?"
    return (*_newest_event_deleted(ground), *row_of(ground.ana, back, ground.hash_at(ground.ana, 2)))


@EVENTS.refused_by("inbox_events_pkey or inbox_events_head", "inbox_events_frozen")
def _upsert_over_an_event(ground: Ground) -> tuple[Statement, ...]:
    sql, parameters = insert("inbox_events", event_of(ground.ana, previous=ground.hash_at(ground.ana, 2), version=3))
    return ((f"{sql} on conflict (inbox_id, version) do update set actor = 'mallory'", parameters),)


@THEFTS.refused_by("inboxes_fixed")
def _owner_changed(ground: Ground) -> tuple[Statement, ...]:
    return row_of(ground.ana, "owner_id = 'another'")


@THEFTS.refused_by("inboxes_fixed")
def _address_changed(ground: Ground) -> tuple[Statement, ...]:
    return row_of(ground.ana, "email_address = 'mallory@mail.example.com'")


@THEFTS.refused_by("inboxes_fixed")
def _address_key_changed(ground: Ground) -> tuple[Statement, ...]:
    return row_of(ground.ana, "address_key = ?", bytes(32))


@THEFTS.refused_by("inboxes_fixed")
def _domain_changed(ground: Ground) -> tuple[Statement, ...]:
    return row_of(ground.ana, "email_domain_id = ?", ground.bea.email_domain_id)


@THEFTS.refused_by("inboxes_fixed")
def _provider_changed(ground: Ground) -> tuple[Statement, ...]:
    return row_of(ground.ana, "provider = 'another'")


@THEFTS.refused_by("inboxes_fixed")
def _birth_changed(ground: Ground) -> tuple[Statement, ...]:
    return row_of(ground.ana, "created_at = '2000-01-01T00:00:00.000000Z'")


@THEFTS.refused_by("inboxes_stepped")
def _id_changed(ground: Ground) -> tuple[Statement, ...]:
    return row_of(ground.ana, "id = ?", new_id(ground.ana.created_at))


@THEFTS.refused_by("inboxes_fixed")
def _erased_without_its_event(ground: Ground) -> tuple[Statement, ...]:
    return erase(ground, ground.ana)[1:]


@THEFTS.refused_by("inboxes_fixed")
def _provider_changed_while_erasing(ground: Ground) -> tuple[Statement, ...]:
    return erase(ground, ground.ana, provider="another")


@THEFTS.refused_by("inboxes_fixed")
def _birth_changed_while_erasing(ground: Ground) -> tuple[Statement, ...]:
    return erase(ground, ground.ana, created_at="2000-01-01T00:00:00.000000Z")


@THEFTS.refused_by("inboxes_erased_blank")
def _address_kept_while_erasing(ground: Ground) -> tuple[Statement, ...]:
    return erase(ground, ground.ana, email_address=ground.ana.email_address)


@THEFTS.refused_by("inboxes_kept", "inbox_events_inbox")
def _inbox_deleted(ground: Ground) -> tuple[Statement, ...]:
    return (("delete from {s}inboxes where id = ?", (ground.ana.id,)),)


@THEFTS.refused_by("inboxes_pkey or inboxes_email_address_key", "inboxes_fixed")
def _upsert_over_an_inbox(ground: Ground) -> tuple[Statement, ...]:
    sql = (
        "insert into {s}inboxes select * from {s}inboxes where id = ?"
        " on conflict (id) do update set owner_id = 'mallory'"
    )
    # At version 1, so that the row put in is explained and only the conflict is left to refuse it.
    return ((sql, (ground.bea.id,)),)


def _attempt(ground: Ground, **columns: object) -> tuple[Statement, ...]:
    opened = {
        "inbox_id": ground.ana.id,
        "id": new_id(ground.ana.created_at),
        "kind": "retry",
        "seen_version": 3,
        "seen_status": "active",
        "seen_warmup_status": "active",
        "opened_at": "2030-01-01T00:00:00.000000Z",
        "lease_until": "2030-01-01T00:00:00.000000Z",
        "to_disable": False,
    }
    return (insert("inbox_attempts", opened | columns),)


@ATTEMPTS.refused_by("inbox_attempts_closed_once")
def _outcome_without_a_time(ground: Ground) -> tuple[Statement, ...]:
    return _attempt(ground, outcome="lost")


@ATTEMPTS.refused_by("inbox_attempts_closed_once")
def _time_without_an_outcome(ground: Ground) -> tuple[Statement, ...]:
    return _attempt(ground, closed_at="2030-01-01T00:00:00.000000Z")


@ATTEMPTS.refused_by("inbox_attempts_moved_event")
def _moved_without_an_event(ground: Ground) -> tuple[Statement, ...]:
    return _attempt(ground, outcome="moved", closed_at="2030-01-01T00:00:00.000000Z")


@ATTEMPTS.refused_by("inbox_attempts_outcome_known")
def _outcome_unknown(ground: Ground) -> tuple[Statement, ...]:
    return _attempt(ground, outcome="won", closed_at="2030-01-01T00:00:00.000000Z")


@ATTEMPTS.refused_by("inbox_attempts_kind_known")
def _kind_unknown(ground: Ground) -> tuple[Statement, ...]:
    return _attempt(ground, kind="stop")


@pytest.mark.parametrize(("cheat", "refusers"), EVENTS.cases)
def test_rewriting_an_event_is_refused(ground: Ground, cheat: Cheat, refusers: Mapping[str, str]) -> None:
    """No UPDATE, DELETE or upsert touches an event."""
    refused_and_nothing_moved(ground, cheat, refusers)


@pytest.mark.parametrize(("cheat", "refusers"), THEFTS.cases)
def test_stealing_or_removing_an_inbox_is_refused(ground: Ground, cheat: Cheat, refusers: Mapping[str, str]) -> None:
    """Who owns an inbox, what its address is and where it comes from stay; and so does the inbox."""
    refused_and_nothing_moved(ground, cheat, refusers)


@pytest.mark.parametrize(("cheat", "refusers"), ATTEMPTS.cases)
def test_an_attempt_that_cannot_be_is_refused(ground: Ground, cheat: Cheat, refusers: Mapping[str, str]) -> None:
    """An attempt is open or closed with an outcome we know, and one that moved names its event."""
    refused_and_nothing_moved(ground, cheat, refusers)
