"""Events whose row was deleted, as the statement finds them that `verify` asks."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from inbox_lifecycle.store.looks import FIRST_ID, LAST_ID
from inbox_lifecycle.store.session import Session, backend_for
from inbox_lifecycle.store.verification import OrphansToVerify
from tests.support.damage import Damage

ALL = OrphansToVerify(after=FIRST_ID, after_version=0, until=LAST_ID, limit=100)


def orphans(damage: Damage, statement: OrphansToVerify) -> tuple[tuple[str, int], ...]:
    """What the statement finds."""
    with closing(damage.connection.connection.cursor()) as cursor:
        return statement.run(Session(cursor, backend_for(damage.connection.dialect)))


def test_only_events_without_a_row_are_orphans(damage: Damage) -> None:
    """The other inbox's are none, though it has some."""
    ana = str(damage.scene.ana.id)
    assert orphans(damage, ALL) == ()
    damage.run("delete from {s}inboxes where id = ?", ana)
    assert orphans(damage, ALL) == tuple((ana, version) for version in (1, 2, 3, 4))


def test_orphans_come_in_order_and_in_pages(damage: Damage) -> None:
    """After an event, up to an inbox, and no more than were asked for."""
    for inbox in (damage.scene.ana, damage.scene.bea):
        damage.run("delete from {s}inboxes where id = ?", inbox.id)
    found = orphans(damage, ALL)
    assert found == tuple(sorted(found))
    assert len(found) == 6
    for number, (inbox_id, version) in enumerate(found):
        assert orphans(damage, replace(ALL, after=inbox_id, after_version=version)) == found[number + 1 :]
        assert orphans(damage, replace(ALL, until=inbox_id)) == tuple(one for one in found if one[0] <= inbox_id)
    assert orphans(damage, replace(ALL, limit=4)) == found[:4]
