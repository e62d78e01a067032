"""Rows as they were first released: today's code opens them, reads what was written down, and goes on from them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import rfc8785

from inbox_lifecycle import Inboxes, InboxExists, Instantly, Status, upgrade_schema
from inbox_lifecycle.canonical import time_text
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.store.version import HEAD
from inbox_lifecycle.testing import Sandbox, WarmupCode
from inbox_lifecycle.upcasting import UPCASTERS
from tests.archive.__main__ import make
from tests.archive.history import OTHER, OWNER
from tests.archive.reading import as_far_as, read_as_owner, read_everything
from tests.archive.rows import ARCHIVES, FOLDER, SUMS, Archive, Row, load, upgrade_to
from tests.support.databases import TestDatabase

CONTEXT = ("owner_id", "actor", "reason", "correlation_id", "causation_id", "idempotency_key")
OUTCOMES = {
    *("moved", "refused", "lost", "rejected", "throttled", "busy", "unavailable", "superseded", "abandoned"),
    *("launched", None),
}
EVENTS = {
    *("inbox.registered", "inbox.adopted", "inbox.warmup_started", "inbox.warmup_failed", "inbox.graduated"),
    *("inbox.banned", "inbox.corrected", "inbox.erased"),
}
RECORDS = ("inboxes", "events", "attempts")

Said = dict[str, Any]


@pytest.fixture(params=ARCHIVES, ids=lambda archive: archive.name)
def archive(request: pytest.FixtureRequest) -> Archive:
    """An archive of a release."""
    kept: Archive = request.param
    return kept


@pytest.fixture
def restored(archive: Archive, empty_database: TestDatabase) -> TestDatabase:
    """A database of that release, with its rows, upgraded to today's schema."""
    return _restore(archive, empty_database)


@pytest.fixture
def inboxes(restored: TestDatabase, provider: Instantly) -> Iterator[Inboxes]:
    """Today's code on it."""
    with Inboxes(restored.url, provider) as opened:
        yield opened


def _restore(archive: Archive, database: TestDatabase) -> TestDatabase:
    upgrade_to(archive.name, database)
    load(archive, database)
    assert upgrade_schema(database.url) == HEAD
    return database


def _address(archive: Archive, address: str) -> str:
    (found,) = (row["id"] for row in archive.rows("inboxes") if row["email_address"] == address)
    return str(found)


def test_archives_are_as_they_were_released() -> None:
    """By the sums that were committed with them; `sha256sum --check SHA256SUMS` says the same."""
    lines = SUMS.read_text(encoding="ascii").splitlines()
    assert lines == [f"{digest}  {path}" for archive in ARCHIVES for path, digest in archive.sums().items()]


def test_first_release_is_archived_and_every_archive_says_what_it_is() -> None:
    """No folder is there without its values and its words."""
    folders = {path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == {archive.name for archive in ARCHIVES}
    assert "1.0001" in folders
    assert all((archive.folder / "README.md").is_file() for archive in ARCHIVES)


def test_archive_holds_everything_that_can_be_written(archive: Archive) -> None:
    """Every event, every ending of an attempt, what is open and what is marked, blanks, keys, and the outer figures."""
    events = [*archive.rows("inbox_events")]
    attempts = [*archive.rows("inbox_attempts")]
    payloads = [json.loads(event["entry"])["payload"] for event in events]
    assert {event["name"] for event in events} == EVENTS
    assert {attempt["outcome"] for attempt in attempts} == OUTCOMES
    assert {attempt["kind"] for attempt in attempts} == {"start", "retry", "launch"}
    assert any(attempt["to_disable"] for attempt in attempts)
    started = {(said["kind"], said["recorder"], said["acceptance"]) for said in payloads if "recorder" in said}
    assert started >= {
        ("start", "call", "enabled"),
        ("retry", "call", "already_warming"),
        ("retry", "reconcile", "already_warming"),
    }
    assert {said["total_sent"] for said in payloads if "total_sent" in said} >= {0, 2**53 - 1}
    assert any(event["context_key"] is None for event in events)
    assert any(len(event["idempotency_key"] or "") == 255 for event in events)
    assert any("\u2028" in (event["reason"] or "") for event in events)
    rows = [*archive.rows("inboxes")]
    assert any((row["email_address"] or "").endswith("@xn--bcher-kva.example") for row in rows)
    assert sum(row["erased_at"] is not None for row in rows) > 1


def test_archived_entries_are_whole(archive: Archive) -> None:
    """Canonical form, hash, chain and commitment, computed by the standards alone and by nothing of ours."""
    heads: dict[str, bytes | None] = defaultdict(lambda: None)
    for row in archive.rows("inbox_events"):
        said = json.loads(row["entry"])
        assert rfc8785.dumps(said) == row["entry"]
        assert hashlib.sha256(b"\x00" + row["entry"]).digest() == row["hash"]
        head = heads[row["inbox_id"]]
        assert row["previous_hash"] == head
        assert said["previous"] == (None if head is None else head.hex())
        if row["context_key"] is not None:
            known = {name: row[name] for name in CONTEXT if row[name] is not None}
            assert said["commitment"] == hmac.digest(row["context_key"], rfc8785.dumps(known), "sha256").hex()
        heads[row["inbox_id"]] = row["hash"]
    assert heads == {row["id"]: row["head_hash"] for row in archive.rows("inboxes")}


def test_values_written_down_are_those_of_the_rows(archive: Archive) -> None:
    """What is expected of the library was not made up by it: the rows say the same, read by hand."""
    expected = archive.expected()
    for row in archive.rows("inbox_events"):
        event = expected["events"][row["inbox_id"]][row["version"] - 1]
        assert _by_hand(row, event) == event
    for row in archive.rows("inbox_attempts"):
        (attempt,) = (one for one in expected["attempts"][row["inbox_id"]] if one["id"] == row["id"])
        assert {name: row[name] for name in row.keys() & attempt.keys() - {"detail"}}.items() <= attempt.items()
        assert attempt["detail"] == (None if row["detail"] is None else json.loads(row["detail"]))
        assert attempt["context"] == _context(row)
    for row in archive.rows("inboxes"):
        inbox = expected["inboxes"][row["id"]]
        assert {name: row[name] for name in row.keys() & inbox.keys()}.items() <= inbox.items()


def _by_hand(row: Row, event: Said) -> Said:
    said = json.loads(row["entry"])
    upcast = (row["name"], row["schema"]) in UPCASTERS
    payload = event["event"]["payload"] if upcast else said["payload"]
    left = said["from"]
    return {name: row[name] for name in ("inbox_id", "version", "event_id", "name", "schema", "recorded_at")} | {
        "event": {"type": event["event"]["type"], "payload": payload},
        "left": None if left is None else [left["status"], left["warmup_status"]],
        "reached": [said["to"]["status"], said["to"]["warmup_status"]],
        "context": _context(row),
        "hash": row["hash"].hex(),
        "previous_hash": None if row["previous_hash"] is None else row["previous_hash"].hex(),
        "entry": row["entry"].hex(),
    }


def _context(row: Row) -> Said:
    return {name: row[name] for name in CONTEXT if row[name] is not None}


def test_values_of_upcast_events_are_written_down_and_of_no_others(archive: Archive) -> None:
    """Whoever ends a schema says what its events read as from then on."""
    ended = {
        f"{row['inbox_id']}/{row['version']}"
        for row in archive.rows("inbox_events")
        if (row["name"], row["schema"]) in UPCASTERS
    }
    assert set(archive.upcast()) == ended


def test_restored_rows_are_left_as_they_are_by_every_migration(archive: Archive, restored: TestDatabase) -> None:
    """Columns may come; what stood in those that were there stands in them still."""
    for table in archive.tables:
        rows = [*archive.rows(table)]
        columns = ", ".join(rows[0])
        found = restored.execute(f"select {columns} from {{s}}{table}")  # noqa: S608 - the archive's own names
        assert sorted((_plain(row) for row in found), key=repr) == sorted(
            (tuple(row.values()) for row in rows), key=repr
        )


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row of either database as the archive has it."""
    return tuple(_plain_value(value) for value in row)


def _plain_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, memoryview):
        return bytes(value)
    return str(value) if isinstance(value, UUID) else value


def test_restored_history_verifies(archive: Archive, inboxes: Inboxes) -> None:
    """Nothing is found, and nothing is worth a look."""
    report = inboxes.operator(actor="vera").verify()
    assert report.findings == []
    assert report.notices == []
    counted = (report.inboxes, report.events, report.attempts)
    assert counted == tuple(len([*archive.rows(table)]) for table in ("inboxes", "inbox_events", "inbox_attempts"))


def test_restored_rows_read_as_it_was_written_down(archive: Archive, inboxes: Inboxes) -> None:
    """Every inbox, event and attempt, field by field, to an operator."""
    expected = archive.expected()
    found = read_everything(inboxes, expected["inboxes"])
    assert _as_written(expected, found) == expected


def _as_written(expected: Said, found: Said) -> Said:
    """What was found, without the fields that records have had since."""
    inbox = next(iter(expected["inboxes"].values()))
    event = next(iter(expected["events"].values()))[0]
    attempt = next(filter(None, expected["attempts"].values()))[0]
    return found | {
        "inboxes": {known: as_far_as(inbox, one) for known, one in found["inboxes"].items()},
        "events": {known: [as_far_as(event, one) for one in many] for known, many in found["events"].items()},
        "attempts": {known: [as_far_as(attempt, one) for one in many] for known, many in found["attempts"].items()},
    }


def test_restored_inboxes_read_the_same_to_their_owners(archive: Archive, inboxes: Inboxes) -> None:
    """The owner sees what the operator sees."""
    expected = archive.expected()
    for inbox in expected["inboxes"].values():
        if inbox["owner_id"] is None:
            continue
        found = {name: {inbox["id"]: said} for name, said in read_as_owner(inboxes, inbox).items()}
        written = {name: {inbox["id"]: expected[name][inbox["id"]]} for name in RECORDS}
        assert {name: _as_written(expected, expected | found)[name] for name in RECORDS} == written


def test_restored_queue_is_sealed(archive: Archive, inboxes: Inboxes) -> None:
    """Every event gets its position, none is left over, and each inbox's events stand in their order."""
    operator = inboxes.operator(actor="sequencer")
    events = {(row["inbox_id"], row["version"]): row["hash"] for row in archive.rows("inbox_events")}
    waiting = [(row["inbox_id"], row["version"]) for row in archive.rows("inbox_feed_queue")]
    sealed = operator.seal()
    assert (sealed.events, sealed.size, sealed.unsealed) == (len(waiting), len(events), 0)
    fed = operator.feed(limit=10_000).items
    assert [one.position for one in fed] == list(range(len(events)))
    assert {(one.event.inbox_id, one.event.version): one.event.hash for one in fed} == events
    assert [(one.event.inbox_id, one.event.version) for one in fed[-len(waiting) :]] == waiting
    assert operator.verify().findings == []


def test_moves_go_on_from_restored_rows(archive: Archive, inboxes: Inboxes, provider_sandbox: Sandbox) -> None:
    """A retry, its replay and what follows it: the new events stand on the hash of the archived one."""
    inbox_id = _address(archive, "wanda1@wait.example.com")
    (born,) = (row for row in archive.rows("inbox_events") if row["inbox_id"] == inbox_id)
    moved = inboxes.retry_warmup(inbox_id, owner_id=OWNER, idempotency_key="years later")
    assert (moved.status, moved.version) == (Status.WARMING, 2)
    assert inboxes.retry_warmup(inbox_id, owner_id=OWNER, idempotency_key="years later") == moved
    assert provider_sandbox.enable_calls("wanda1@wait.example.com") == 1
    provider_sandbox.set_account("wanda1@wait.example.com", reputation=95, total_sent=300)
    operator = inboxes.operator(actor="olga")
    assert operator.graduate(inbox_id).status is Status.ACTIVE
    history = [*inboxes.history(inbox_id, owner_id=OWNER)]
    assert [event.previous_hash for event in history] == [None, born["hash"], history[1].hash]
    assert operator.verify().findings == []


def test_archived_idempotency_key_still_stands_for_its_success(
    archive: Archive, inboxes: Inboxes, provider_sandbox: Sandbox
) -> None:
    """The call that it belongs to is answered as it was then, and the provider is not asked."""
    rita = _address(archive, "rita@mail.example.com")
    answer = inboxes.retry_warmup(rita, owner_id=OWNER, idempotency_key="retry of rita")
    assert (answer.status, answer.version) == (Status.WARMING, 2)
    assert provider_sandbox.requests == ()


def test_archived_attempts_are_settled(archive: Archive, inboxes: Inboxes, provider_sandbox: Sandbox) -> None:
    """What was open is rolled forward or abandoned, what was marked is disabled, and a second run finds nothing."""
    provider_sandbox.set_account("olaf@open.example.com", warmup_status=WarmupCode.ACTIVE)
    operator = inboxes.operator(actor="olga")
    assert operator.reconcile() == Reconciled(moved=1, abandoned=3, disabled=1)
    assert operator.reconcile() == Reconciled()
    olaf = inboxes.get(_address(archive, "olaf@open.example.com"), owner_id=OWNER)
    assert (olaf.status, olaf.version) == (Status.WARMING, 2)
    assert operator.verify().findings == []


def test_archived_addresses_stay_taken_and_erased_ones_are_free(inboxes: Inboxes) -> None:
    """By their normal form."""
    with pytest.raises(InboxExists):
        inboxes.register(email_address="Jürgen.Müller@BÜCHER.example", owner_id=OWNER)
    again = inboxes.register(email_address="emil@gone.example.net", owner_id=OTHER)
    assert again.version == 1
    assert inboxes.operator(actor="vera").verify().findings == []


@pytest.fixture(scope="module")
def made_today(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """The archive that the next release would leave."""
    return make(HEAD, tmp_path_factory.mktemp("archives"))


def test_archive_of_today_is_read_as_it_was_written(
    made_today: Archive, empty_database: TestDatabase, provider: Instantly
) -> None:
    """Whoever releases can archive: rows and values are written, and open again on both databases."""
    restored = _restore(made_today, empty_database)
    expected = made_today.expected()
    with Inboxes(restored.url, provider) as inboxes:
        operator = inboxes.operator(actor="vera")
        assert read_everything(inboxes, expected["inboxes"]) == expected
        assert operator.verify().findings == []
        assert operator.seal().unsealed == 0
        assert operator.verify().findings == []


def test_archive_of_today_adds_its_sums(made_today: Archive) -> None:
    """Each file that is never to be edited has its line."""
    lines = (made_today.folder.parent / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    assert lines == [f"{digest}  {path}" for path, digest in made_today.sums().items()]


def test_archive_that_is_there_is_never_written_again(made_today: Archive) -> None:
    """The command ends, and not a byte is another."""
    before = made_today.sums()
    with pytest.raises(SystemExit, match="is archived already"):
        make(HEAD, made_today.folder.parent)
    assert made_today.sums() == before


def test_archive_of_another_revision_is_refused(tmp_path: Path) -> None:
    """An archive's name says of which schema its rows are."""
    with pytest.raises(SystemExit, match=f"rows of revision {HEAD}"):
        make("0.9999", tmp_path)
    assert [*tmp_path.iterdir()] == []
