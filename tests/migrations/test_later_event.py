"""An event gets a second schema: the library to come reads what was archived, and today's says what it cannot read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inbox_lifecycle import Inboxes, Instantly, Status, UnknownEvent, upgrade_schema
from inbox_lifecycle.testing import Sandbox
from tests.archive.history import OWNER
from tests.archive.rows import ARCHIVES, load, upgrade_to
from tests.migrations.tomorrow import NEW_SCHEMA, UPCASTER, Tomorrow, make_tomorrow
from tests.support.databases import TestDatabase
from tests.support.store import TABLES

FIRST = ARCHIVES[0]
#: Takes away what would refuse a forged entry.
UNGUARDED = {
    "sqlite": ("drop trigger inbox_events_frozen",),
    "postgresql": (
        "alter table {s}inbox_events disable trigger all",
        "alter table {s}inbox_events drop constraint inbox_events_hash_of_entry",
    ),
}
#: The archived graduations, by inbox and version.
GRADUATIONS = {
    f"{row['inbox_id']}/{row['version']}": row for row in FIRST.rows("inbox_events") if row["name"] == "inbox.graduated"
}
(RITA,) = (row["id"] for row in FIRST.rows("inboxes") if row["email_address"] == "rita@mail.example.com")


@pytest.fixture(scope="module")
def tomorrow(tmp_path_factory: pytest.TempPathFactory) -> Tomorrow:
    """The library to come."""
    return make_tomorrow(tmp_path_factory.mktemp("tomorrow"), *NEW_SCHEMA, UPCASTER)


@pytest.fixture
def restored(empty_database: TestDatabase) -> TestDatabase:
    """The first release's rows, in a schema that both libraries work on."""
    upgrade_to(FIRST.name, empty_database)
    load(FIRST, empty_database)
    upgrade_schema(empty_database.url)
    return empty_database


def _contents(database: TestDatabase) -> dict[str, list[tuple[Any, ...]]]:
    return {table: sorted(database.execute(f"select * from {{s}}{table}"), key=repr) for table in TABLES}  # noqa: S608 - our own tables


def test_events_of_the_schema_that_ended_are_read_in_todays_form(
    tomorrow: Tomorrow, restored: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Payloads come up to the new type; schema, hash and every row are what was written, and all of it verifies."""
    before = _contents(restored)
    seen = tomorrow.look(restored, provider_sandbox)
    assert len(GRADUATIONS) == 3
    for place, row in GRADUATIONS.items():
        payload = json.loads(row["entry"])["payload"] | {"measured_by": "unknown"}
        assert seen["events"][place] == {"schema": 1, "hash": row["hash"].hex(), "payload": payload}
    assert seen["findings"] == []
    assert _contents(restored) == before


def test_new_event_is_written_in_the_new_schema_beside_the_old_ones(
    tomorrow: Tomorrow, restored: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Both forms stand in one history, each under its number."""
    provider_sandbox.set_account("rita@mail.example.com", reputation=91, total_sent=201)
    seen = tomorrow.look(restored, provider_sandbox, graduate=RITA)
    payload = {"reputation": 91, "total_sent": 201, "measured_by": "instantly"}
    new = seen["events"][f"{RITA}/3"]
    assert (new["schema"], new["payload"]) == (2, payload)
    assert {seen["events"][place]["schema"] for place in GRADUATIONS} == {1}
    assert seen["findings"] == []


def test_stored_bytes_of_an_old_event_are_what_is_verified(
    tomorrow: Tomorrow, restored: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A figure changed in the entry is found by its hash, though the payload comes up as well as any."""
    place, row = next(iter(GRADUATIONS.items()))
    forged = row["entry"].replace(b'"reputation":100', b'"reputation":101')
    assert forged != row["entry"]
    for statement in UNGUARDED[restored.kind]:
        restored.execute(statement)
    restored.execute(
        "update {s}inbox_events set entry = ? where inbox_id = ? and version = ?",
        (forged, row["inbox_id"], row["version"]),
    )
    seen = tomorrow.look(restored, provider_sandbox)
    assert seen["events"][place]["payload"]["reputation"] == 101
    found = {(finding["kind"], f"{finding['inbox_id']}/{finding['version']}") for finding in seen["findings"]}
    assert ("hash", place) in found


def test_code_of_today_says_what_it_cannot_read_and_goes_on(
    tomorrow: Tomorrow, restored: TestDatabase, provider: Instantly, provider_sandbox: Sandbox
) -> None:
    """The one inbox is unreadable here and can still be moved; every other one reads as before."""
    provider_sandbox.set_account("rita@mail.example.com", reputation=91, total_sent=201)
    tomorrow.look(restored, provider_sandbox, graduate=RITA)
    expected = FIRST.expected()
    with Inboxes(restored.url, provider) as inboxes:
        with pytest.raises(UnknownEvent) as unknown:
            list(inboxes.history(RITA, owner_id=OWNER))
        assert (unknown.value.version, unknown.value.name, unknown.value.schema) == (3, "inbox.graduated", 2)
        operator = inboxes.operator(actor="olga")
        assert operator.ban(RITA).status is Status.BANNED
        found = {(finding.kind, finding.inbox_id, finding.version) for finding in operator.verify().findings}
        assert ("event", RITA, 3) in found
        assert {inbox_id for _, inbox_id, _ in found} == {RITA}
        for inbox_id in expected["inboxes"].keys() - {RITA}:
            assert [event.version for event in operator.history(inbox_id)]


def test_library_without_the_way_up_does_not_start(
    restored: TestDatabase, provider_sandbox: Sandbox, tmp_path: Path
) -> None:
    """Whoever raises a schema and forgets the upcaster cannot import the library, let alone release it."""
    ran = make_tomorrow(tmp_path, *NEW_SCHEMA).run(restored, provider_sandbox)
    assert ran.returncode != 0
    assert "inbox.graduated has no upcaster from schema [1]" in ran.stderr
