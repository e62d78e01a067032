"""Law 2: the ways to write over what is there that only one of the databases has."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from inbox_lifecycle.domain import InboxId, InboxRegistered
from inbox_lifecycle.ids import new_id
from tests.support.forging import (
    KEY,
    PENDING,
    Cheat,
    Cheats,
    Ground,
    Statement,
    event_of,
    insert,
    move,
    refused_and_nothing_moved,
)

ON_SQLITE = Cheats()
ON_POSTGRESQL = Cheats()


def _copy_of_bea(ground: Ground, **columns: object) -> Statement:
    kept = ("email_domain_id", "email_address", "address_key", "provider", "status", "warmup_status", "version")
    names = (*dict.fromkeys([*columns, *kept, "head_hash", "created_at", "updated_at"]),)
    values = ", ".join("?" if name in columns else name for name in names)
    sql = f"replace into inboxes ({', '.join(names)}) select {values} from inboxes where id = ?"  # noqa: S608 - ours
    return sql, (*columns.values(), ground.bea.id)


@ON_SQLITE.refused_by("inbox_events_pkey or inbox_events_head")
def _replace_an_event(ground: Ground) -> tuple[Statement, ...]:
    event = event_of(ground.ana, previous=ground.hash_at(ground.ana, 2), version=3)
    return (insert("inbox_events", event, verb="replace"),)


@ON_SQLITE.refused_by("table inbox_events has no column named rowid")
def _replace_an_event_by_rowid(ground: Ground) -> tuple[Statement, ...]:
    event = event_of(ground.ana, previous=ground.head(ground.ana), version=9)
    return (insert("inbox_events", {"rowid": 1, **event}, verb="replace"),)


@ON_SQLITE.refused_by("inbox_events_idempotency_key")
def _replace_an_event_by_its_idempotency_key(ground: Ground) -> tuple[Statement, ...]:
    # An event that follows as it should, but for a key that stands beside an older one already.
    event = event_of(ground.ana, previous=ground.head(ground.ana))
    return (insert("inbox_events", event | {"idempotency_key": KEY}, verb="replace"),)


@ON_SQLITE.refused_by("inbox_events_frozen")
def _replace_an_event_by_update(ground: Ground) -> tuple[Statement, ...]:
    sql = "update or replace {s}inbox_events set version = 2 where inbox_id = ? and version = 3"
    return ((sql, (ground.ana.id,)),)


@ON_SQLITE.refused_by("inbox_events_head")
def _ignore_what_refuses(ground: Ground) -> tuple[Statement, ...]:
    event = event_of(ground.ana, previous=bytes(32))
    return (insert("inbox_events", event, verb="insert or ignore"),)


@ON_SQLITE.refused_by("inboxes_pkey or inboxes_email_address_key")
def _replace_an_inbox(ground: Ground) -> tuple[Statement, ...]:
    # At version 1, so that the new row is explained as well as the old one was.
    return (_copy_of_bea(ground, id=ground.bea.id, owner_id="mallory"),)


@ON_SQLITE.refused_by("table inboxes has no column named rowid")
def _replace_an_inbox_by_rowid(ground: Ground) -> tuple[Statement, ...]:
    return (insert("inboxes", {"rowid": 1, "id": ground.ana.id}, verb="replace"),)


@ON_SQLITE.refused_by("inboxes_email_address_key")
def _replace_an_inbox_by_address(ground: Ground) -> tuple[Statement, ...]:
    thief = InboxId(new_id(ground.bea.created_at))
    registered = InboxRegistered(provider="instantly", address_commitment="0" * 64)
    event = event_of(ground.bea, previous=None, event=registered, reached=PENDING, version=1, born_as=thief)
    event |= {"from_status": None, "from_warmup_status": None}
    row = _copy_of_bea(ground, id=thief, owner_id="mallory", head_hash=event["hash"])
    return insert("inbox_events", event), row


@ON_SQLITE.refused_by("inboxes_stepped")
def _replace_an_inbox_by_update_of_its_id(ground: Ground) -> tuple[Statement, ...]:
    return (("update or replace inboxes set id = ? where id = ?", (ground.bea.id, ground.ana.id)),)


@ON_SQLITE.refused_by("inboxes_fixed")
def _replace_an_inbox_by_update_of_its_address(ground: Ground) -> tuple[Statement, ...]:
    sql = "update or replace inboxes set email_address = ? where id = ?"
    return ((sql, (ground.bea.email_address, ground.ana.id)),)


@ON_POSTGRESQL.refused_by("", "inbox_events_frozen")
def _events_truncated_with_all_that_refer(_ground: Ground) -> tuple[Statement, ...]:
    return (("truncate {s}inbox_events cascade", ()),)


@ON_POSTGRESQL.refused_by("", "inbox_events_frozen")
def _inboxes_truncated_with_their_events(_ground: Ground) -> tuple[Statement, ...]:
    return (("truncate {s}inboxes cascade", ()),)


@ON_POSTGRESQL.refused_by("", "inbox_events_frozen")
def _both_truncated(_ground: Ground) -> tuple[Statement, ...]:
    return (("truncate {s}inboxes, {s}inbox_events", ()),)


@ON_POSTGRESQL.refused_by("", "SQLSTATE 0A000")
def _events_truncated(_ground: Ground) -> tuple[Statement, ...]:
    return (("truncate {s}inbox_events", ()),)


@ON_POSTGRESQL.refused_by("", "inbox_events_frozen")
def _merge_that_updates_events(ground: Ground) -> tuple[Statement, ...]:
    sql = (
        "merge into {s}inbox_events e using (select ?::uuid as id) s on e.inbox_id = s.id"
        " when matched then update set actor = 'mallory'"
    )
    return ((sql, (ground.ana.id,)),)


@ON_POSTGRESQL.refused_by("", "inbox_events_frozen")
def _merge_that_deletes_events(ground: Ground) -> tuple[Statement, ...]:
    sql = (
        "merge into {s}inbox_events e using (select ?::uuid as id) s on e.inbox_id = s.id and e.version = 3"
        " when matched then delete"
    )
    return ((sql, (ground.ana.id,)),)


@ON_POSTGRESQL.refused_by("", "inboxes_stepped")
def _merge_that_moves_a_row(ground: Ground) -> tuple[Statement, ...]:
    sql = (
        "merge into {s}inboxes i using (select ?::uuid as id) s on i.id = s.id"
        " when matched then update set status = 'pending'"
    )
    return ((sql, (ground.ana.id,)),)


@ON_POSTGRESQL.refused_by("", "inbox_events_hash_of_entry")
def _hash_of_another_entry(ground: Ground) -> tuple[Statement, ...]:
    event = event_of(ground.ana, previous=ground.head(ground.ana))
    other = event_of(ground.ana, previous=ground.head(ground.ana), reached=PENDING)
    return (move(ground, event | {"hash": other["hash"]}),)


@pytest.mark.parametrize(("cheat", "refusers"), ON_SQLITE.cases)
def test_sqlites_replacing_is_refused(sqlite_ground: Ground, cheat: Cheat, refusers: Mapping[str, str]) -> None:
    """REPLACE, which fires no DELETE trigger, meets a guard by whatever key it comes."""
    refused_and_nothing_moved(sqlite_ground, cheat, refusers)


@pytest.mark.parametrize(("cheat", "refusers"), ON_POSTGRESQL.cases)
def test_postgresqls_own_ways_are_refused(postgres_ground: Ground, cheat: Cheat, refusers: Mapping[str, str]) -> None:
    """TRUNCATE, MERGE and a hash of something else meet a guard too."""
    refused_and_nothing_moved(postgres_ground, cheat, refusers)
