"""What verification says once the guards were off: every damage is named by what is wrong, and where."""

from __future__ import annotations

import pytest

from inbox_lifecycle.codec import leaf_hash
from tests.support.damage import Damage, Damages, Place, Plant, place
from tests.support.forging import ACTIVE, WARMING, event_of, insert

#: What else two swapped events bring out: the chain behind them, the time that runs back, the attempt that moved.
SWAPPED: tuple[Place, ...] = (("chain", 4), ("rule", 4), ("time", 3), ("attempt", None))

EVENTS = Damages()


def _lying(damage: Damage) -> bytes:
    """The entry of the third event, but for the status it reached."""
    entry: bytes = damage.event(damage.scene.ana, 3, "entry")
    lie = entry.replace(b'"to":{"status":"active"', b'"to":{"status":"banned"')
    assert lie != entry
    return lie


@EVENTS.names(("entry", 3), ("hash", 3), ("rule", 4))
def _entry_made_unreadable(damage: Damage) -> None:
    damage.change_event(damage.scene.ana, 3, "entry = ?", b"{}")


@EVENTS.names(("columns", 3), ("hash", 3), ("rule", 4))
def _entry_edited(damage: Damage) -> None:
    damage.change_event(damage.scene.ana, 3, "entry = ?", _lying(damage))


@EVENTS.names(("columns", 3), ("chain", 4), ("rule", 4))
def _entry_and_its_hash_edited(damage: Damage) -> None:
    lie = _lying(damage)
    damage.change_event(damage.scene.ana, 3, "entry = ?, hash = ?", lie, leaf_hash(lie))


@EVENTS.names(("chain", 4), ("rule", 4))
def _entry_hash_and_columns_edited(damage: Damage) -> None:
    lie = _lying(damage)
    damage.change_event(damage.scene.ana, 3, "entry = ?, hash = ?, status = 'banned'", lie, leaf_hash(lie))


@EVENTS.names(("entry", 3), ("chain", 4), ("rule", 4))
def _entry_written_with_spaces(damage: Damage) -> None:
    entry = damage.event(damage.scene.ana, 3, "entry").replace(b'":', b'": ')
    damage.change_event(damage.scene.ana, 3, "entry = ?, hash = ?", entry, leaf_hash(entry))


@EVENTS.names(("hash", 3), ("chain", 4))
def _hash_edited(damage: Damage) -> None:
    damage.change_event(damage.scene.ana, 3, "hash = ?", bytes(32))


@EVENTS.names(("chain", 3))
def _previous_hash_edited(damage: Damage) -> None:
    damage.change_event(damage.scene.ana, 3, "previous_hash = ?", bytes(32))


@EVENTS.names(("columns", 3))
def _status_column_edited(damage: Damage) -> None:
    damage.change_event(damage.scene.ana, 3, "status = 'banned'")


@EVENTS.names(("columns", 3))
def _status_column_unknown(damage: Damage) -> None:
    damage.change_event(damage.scene.ana, 3, "status = 'frozen'")


@EVENTS.names(("columns", 3))
def _from_column_edited(damage: Damage) -> None:
    damage.change_event(damage.scene.ana, 3, "from_status = 'pending'")


@EVENTS.names(("columns", 3))
def _name_column_edited(damage: Damage) -> None:
    damage.change_event(damage.scene.ana, 3, "name = 'inbox.banned'")


@EVENTS.names(("columns", 3))
def _schema_column_edited(damage: Damage) -> None:
    damage.change_event(damage.scene.ana, 3, "schema = 2")


@EVENTS.names(("columns", 3))
def _time_column_edited(damage: Damage) -> None:
    damage.change_event(damage.scene.ana, 3, "recorded_at = '2000-01-01T00:00:00.000000Z'")


@EVENTS.names(("columns", 3))
def _event_id_edited(damage: Damage) -> None:
    damage.change_event(damage.scene.ana, 3, "event_id = ?", damage.scene.bea.id)


@EVENTS.names(("commitment", 3))
def _actor_edited(damage: Damage) -> None:
    damage.change_event(damage.scene.ana, 3, "actor = 'mallory'")


@EVENTS.names(("commitment", 3))
def _reason_removed(damage: Damage) -> None:
    damage.change_event(damage.scene.ana, 3, "reason = null")


@EVENTS.names(("commitment", 2))
def _owner_of_an_event_edited(damage: Damage) -> None:
    damage.change_event(damage.scene.ana, 2, "owner_id = 'mallory'")


@EVENTS.names(("commitment", 2))
def _idempotency_key_added(damage: Damage) -> None:
    damage.change_event(damage.scene.ana, 2, "idempotency_key = 'forged'")


@EVENTS.names(("commitment", 3))
def _context_key_removed(damage: Damage) -> None:
    damage.change_event(damage.scene.ana, 3, "context_key = null")


@EVENTS.names(("commitment", 3))
def _context_key_edited(damage: Damage) -> None:
    damage.change_event(damage.scene.ana, 3, "context_key = ?", bytes(32))


@EVENTS.names(("commitment", 3))
def _context_blanked_without_erasure(damage: Damage) -> None:
    damage.change_event(damage.scene.ana, 3, "context_key = null, actor = null, reason = null")


@EVENTS.names(("version", 4), ("chain", 4), ("rule", 4))
def _event_in_the_middle_deleted(damage: Damage) -> None:
    damage.run("delete from {s}inbox_events where inbox_id = ? and version = 3", damage.scene.ana.id)


@EVENTS.names(("row", None))
def _newest_event_deleted(damage: Damage) -> None:
    damage.run("delete from {s}inbox_events where inbox_id = ? and version = 4", damage.scene.ana.id)


@EVENTS.names(("row", None), ("attempt", None))
def _every_event_deleted(damage: Damage) -> None:
    damage.run("delete from {s}inbox_events where inbox_id = ?", damage.scene.ana.id)


@EVENTS.names(("version", 2), ("chain", 2), ("rule", 2))
def _birth_deleted(damage: Damage) -> None:
    damage.run("delete from {s}inbox_events where inbox_id = ? and version = 1", damage.scene.ana.id)


@EVENTS.names(("row", None))
def _event_added_beyond_the_row(damage: Damage) -> None:
    event = event_of(damage.scene.ana, previous=damage.event(damage.scene.ana, 4, "hash"), reached=ACTIVE)
    statement, values = insert("inbox_events", event)
    damage.run(statement, *values)


@EVENTS.names(("columns", 5), ("chain", 5), ("rule", 5), ("time", 5), ("row", None))
def _event_put_in_between(damage: Damage) -> None:
    ana = damage.scene.ana
    damage.change_event(ana, 4, "version = 5")
    third = damage.event(ana, 3, "hash")
    statement, values = insert("inbox_events", event_of(ana, previous=third, left=ACTIVE, reached=WARMING, version=4))
    damage.run(statement, *values)


@EVENTS.names(*((kind, version) for kind in ("columns", "chain", "rule") for version in (2, 3)), *SWAPPED)
def _two_events_swapped(damage: Damage) -> None:
    for version, becomes in ((2, 99), (3, 2), (99, 3)):
        damage.change_event(damage.scene.ana, version, "version = ?", becomes)


@EVENTS.names(("time", 4))
def _newest_event_dated_back_consistently(damage: Damage) -> None:
    ana = damage.scene.ana
    recorded = damage.event(ana, 4, "entry").split(b'"recorded_at":"')[1][:27]
    damage.rewrite_newest(ana, lambda entry: entry.replace(recorded, b"2000-01-01T00:00:00.000000Z"))
    damage.change_event(ana, 4, "recorded_at = '2000-01-01T00:00:00.000000Z'")
    damage.change_row(ana, "updated_at = '2000-01-01T00:00:00.000000Z'")


@EVENTS.names(("rule", 4), ("row", None))
def _newest_event_made_an_illegal_move_consistently(damage: Damage) -> None:
    damage.rewrite_newest(damage.scene.ana, lambda entry: entry.replace(b'"inbox.banned"', b'"inbox.erased"'))
    damage.change_event(damage.scene.ana, 4, "name = 'inbox.erased'")


@EVENTS.names(("event", 4), ("row", None))
def _newest_event_given_an_unknown_name_consistently(damage: Damage) -> None:
    damage.rewrite_newest(damage.scene.ana, lambda entry: entry.replace(b'"inbox.banned"', b'"inbox.frozen"'))
    damage.change_event(damage.scene.ana, 4, "name = 'inbox.frozen'")


@pytest.mark.parametrize(("plant", "places"), EVENTS.cases)
def test_a_damaged_event_is_named_by_its_place(damage: Damage, plant: Plant, places: set[Place]) -> None:
    """Each place stands in the report, and nothing is said of the inbox that is whole."""
    plant(damage)
    assert damage.found() == {(kind, damage.scene.ana.id, version) for kind, version in places}


def test_events_swapped_between_two_inboxes_are_named_in_both(damage: Damage) -> None:
    """Neither history can take the other's event."""
    ana, bea = damage.scene.ana, damage.scene.bea
    damage.change_event(ana, 2, "version = 99")
    damage.change_event(bea, 2, "inbox_id = ?", ana.id)
    damage.change_event(ana, 99, "inbox_id = ?, version = 2", bea.id)
    assert {
        ("columns", ana.id, 2),
        ("columns", bea.id, 2),
        ("chain", ana.id, 2),
        ("chain", bea.id, 2),
    } <= damage.found()


def test_a_damage_elsewhere_is_not_said_of_a_whole_inbox(damage: Damage) -> None:
    """Verifying one inbox reports that one alone."""
    damage.change_row(damage.scene.ana, "status = 'active'")
    assert damage.verify(damage.scene.bea).findings == []
    assert [place(finding) for finding in damage.verify(damage.scene.ana).findings] == [
        ("row", damage.scene.ana.id, None)
    ]


def test_a_report_repeats_no_address_and_no_context(damage: Damage) -> None:
    """What is found is said without what is personal, the forged values included."""
    damage.change_event(damage.scene.ana, 3, "actor = 'mallory'")
    damage.change_row(damage.scene.ana, "owner_id = 'mallory', email_address = 'mallory@mail.example.com'")
    said = repr(damage.verify().as_dict())
    assert not [word for word in ("mallory", "olga", "mail.example.com", "'owner'") if word in said]


def test_a_clean_history_gives_no_finding(damage: Damage) -> None:
    """With the guards off and nothing damaged, nothing is found."""
    report = damage.verify()
    assert (report.findings, report.notices) == ([], [])
    assert (report.inboxes, report.events, report.attempts, report.open_attempts) == (2, 6, 1, 0)
