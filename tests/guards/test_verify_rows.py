"""What verification says of rows and attempts that were changed once the guards were off."""

from __future__ import annotations

import pytest

from tests.support.damage import Damage, Damages, Place, Plant

ROWS = Damages()


@ROWS.names(("row", None))
def _status_of_the_row_edited(damage: Damage) -> None:
    damage.change_row(damage.scene.ana, "status = 'active'")


@ROWS.names(("row", None))
def _status_of_the_row_unknown(damage: Damage) -> None:
    damage.change_row(damage.scene.ana, "status = 'frozen'")


@ROWS.names(("row", None))
def _row_set_back(damage: Damage) -> None:
    third = damage.event(damage.scene.ana, 3, "hash")
    damage.change_row(
        damage.scene.ana, "status = 'active', warmup_status = 'active', version = 3, head_hash = ?", third
    )


@ROWS.names(("row", None))
def _row_moved_on(damage: Damage) -> None:
    damage.change_row(damage.scene.ana, "version = 5")


@ROWS.names(("row", None))
def _hash_of_the_row_edited(damage: Damage) -> None:
    damage.change_row(damage.scene.ana, "head_hash = ?", bytes(32))


@ROWS.names(("row", None))
def _time_of_the_row_edited(damage: Damage) -> None:
    damage.change_row(damage.scene.ana, "updated_at = '2000-01-01T00:00:00.000000Z'")


@ROWS.names(("row", None))
def _birth_of_the_row_edited(damage: Damage) -> None:
    damage.change_row(damage.scene.ana, "created_at = '2000-01-01T00:00:00.000000Z'")


@ROWS.names(("row", None))
def _owner_of_the_row_edited(damage: Damage) -> None:
    damage.change_row(damage.scene.ana, "owner_id = 'mallory'")


@ROWS.names(("row", None))
def _provider_of_the_row_edited(damage: Damage) -> None:
    damage.change_row(damage.scene.ana, "provider = 'mallory'")


@ROWS.names(("row", None))
def _address_of_the_row_edited(damage: Damage) -> None:
    damage.change_row(damage.scene.ana, "email_address = 'mallory@mail.example.com'")


@ROWS.names(("row", None))
def _address_key_removed(damage: Damage) -> None:
    damage.change_row(damage.scene.ana, "address_key = null")


@ROWS.names(("row", None))
def _domain_of_the_row_edited(damage: Damage) -> None:
    damage.change_row(damage.scene.ana, "email_domain_id = ?", damage.scene.bea.email_domain_id)


@ROWS.names(("row", None))
def _row_said_to_be_erased(damage: Damage) -> None:
    damage.change_row(damage.scene.ana, "erased_at = updated_at")


@ROWS.names(("attempt", None), *(("row", version) for version in (1, 2, 3, 4)))
def _row_deleted(damage: Damage) -> None:
    damage.run("delete from {s}inboxes where id = ?", damage.scene.ana.id)


@ROWS.names(("attempt", None))
def _attempt_that_moved_said_to_have_lost(damage: Damage) -> None:
    damage.run("update {s}inbox_attempts set outcome = 'lost'")


@ROWS.names(("attempt", None))
def _attempt_that_moved_opened_again(damage: Damage) -> None:
    damage.run("update {s}inbox_attempts set outcome = null, closed_at = null")


@ROWS.names(("attempt", None))
def _attempt_pointed_at_another_event(damage: Damage) -> None:
    damage.run("update {s}inbox_attempts set event_version = 3")


@ROWS.names(("attempt", None))
def _attempt_closed_without_a_time(damage: Damage) -> None:
    damage.run("update {s}inbox_attempts set closed_at = null")


@ROWS.names(("attempt", None))
def _attempt_renamed(damage: Damage) -> None:
    damage.run("update {s}inbox_attempts set id = ?", damage.scene.bea.id)


@pytest.mark.parametrize(("plant", "places"), ROWS.cases)
def test_a_damaged_row_is_named_by_its_place(damage: Damage, plant: Plant, places: set[Place]) -> None:
    """Each place stands in the report, and nothing is said of the inbox that is whole."""
    plant(damage)
    assert damage.found() == {(kind, damage.scene.ana.id, version) for kind, version in places}
