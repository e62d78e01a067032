"""Verification of databases that live: writers at work, clocks that disagree, and what SQLite lets pass."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from inbox_lifecycle import Inboxes
from inbox_lifecycle.audit.verify import Verification
from inbox_lifecycle.domain import InboxId
from tests.fix_face import MakeFace
from tests.support.damage import damaging, make_scene, place
from tests.support.databases import SqliteFiles, TestDatabase
from tests.support.forging import PENDING, Ground, event_of, insert, make_ground, move

WRITERS = 4
MOVES = 12
PAIRS = (("warming", "warming"), ("active", "active"))


def _write(url: str, number: int, errors: list[BaseException]) -> None:
    try:
        with Inboxes(url) as inboxes:
            operator = inboxes.operator(actor=f"writer {number}")
            for turn in range(MOVES):
                address = f"inbox{number}-{turn}@mail.example.com"
                inbox = operator.register(email_address=address, owner_id="owner", provider="instantly")
                for status, warmup_status in PAIRS:
                    operator.correct(inbox.id, status=status, warmup_status=warmup_status, reason="why not")
                operator.ban(inbox.id)
    except BaseException as error:
        errors.append(error)
        raise


def test_writers_at_work_raise_no_alarm(make: MakeFace, database: TestDatabase) -> None:
    """However often it is verified while rows and events come and move, nothing is found."""
    operator = make(provider=None).operator("vera")
    errors: list[BaseException] = []
    writers = [threading.Thread(target=_write, args=(database.url, number, errors)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    reports: list[Verification] = []
    while any(writer.is_alive() for writer in writers) or not reports:
        reports.append(operator.verify())
    for writer in writers:
        writer.join()
    reports.append(operator.verify())
    assert errors == []
    assert [finding for report in reports for finding in report.findings] == []
    assert (reports[-1].inboxes, reports[-1].events) == (WRITERS * MOVES, WRITERS * MOVES * 4)


class _Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.mark.parametrize(("behind", "noticed"), [(timedelta(hours=1), True), (timedelta(seconds=1), False)])
def test_a_clock_far_behind_is_noticed_and_no_damage(
    database: TestDatabase, behind: timedelta, *, noticed: bool
) -> None:
    """Time never runs back within an inbox; a large clamp is worth a look, a small one is not."""
    clock = _Clock()
    with Inboxes(database.url, clock=clock) as inboxes:
        operator = inboxes.operator(actor="olga")
        inbox = operator.register(email_address="ana@mail.example.com", owner_id="owner", provider="instantly")
        clock.now -= behind
        assert operator.ban(inbox.id).updated_at == inbox.updated_at
        report = operator.verify()
    assert report.findings == []
    assert [place(notice) for notice in report.notices] == ([("clock", inbox.id, 2)] if noticed else [])


@pytest.fixture
def unchecked(sqlite_files: SqliteFiles) -> Iterator[Ground]:
    """A forger on SQLite whose connections check no foreign keys."""
    with sqlite_files.fresh() as database:
        yield make_ground(database, foreign_keys=False)


def test_a_first_event_without_its_row_is_named(unchecked: Ground) -> None:
    """SQLite without foreign keys takes it, since the first event precedes its row there."""
    nobody = InboxId("01a206cc-023e-7931-abea-000000000000")
    event = event_of(unchecked.bea, previous=None, reached=PENDING, version=1, born_as=nobody)
    unchecked.perform(insert("inbox_events", event | {"from_status": None, "from_warmup_status": None}))
    with Inboxes(unchecked.database.url) as inboxes:
        report = inboxes.operator(actor="vera").verify()
    assert [place(finding) for finding in report.findings] == [("row", nobody, 1), ("feed", nobody, 1)]


@pytest.mark.parametrize("odd", ["00000000-0000-0000-0000-000000000000", "------------------------------------"])
def test_an_id_that_no_walk_comes_by_is_named(unchecked: Ground, odd: str) -> None:
    """Walks begin behind the nil UUID; what stands before it is looked for by itself."""
    event = event_of(unchecked.bea, previous=None, reached=PENDING, version=1, born_as=InboxId(odd))
    unchecked.perform(insert("inbox_events", event | {"from_status": None, "from_warmup_status": None}))
    with Inboxes(unchecked.database.url) as inboxes:
        report = inboxes.operator(actor="vera").verify()
    assert ("row", odd, None) in [place(finding) for finding in report.findings]


def test_a_hash_that_is_not_its_entrys_is_named(unchecked: Ground) -> None:
    """SQLite has no SHA-256 to refuse it with."""
    event = event_of(unchecked.ana, previous=unchecked.head(unchecked.ana))
    unchecked.perform(move(unchecked, event | {"hash": bytes(32)}))
    with Inboxes(unchecked.database.url) as inboxes:
        report = inboxes.operator(actor="vera").verify()
    found = [place(finding) for finding in report.findings]
    assert found == [("hash", unchecked.ana.id, 4), ("feed", unchecked.ana.id, 4)]


@pytest.mark.parametrize("column", ["entry", "hash"])
def test_text_in_a_column_of_bytes_is_named(unchecked: Ground, column: str) -> None:
    """SQLite keeps a text wherever it is put; verification reads on."""
    event = event_of(unchecked.ana, previous=unchecked.head(unchecked.ana))
    unchecked.perform(move(unchecked, event | {column: "x" * 32}))
    with Inboxes(unchecked.database.url) as inboxes:
        report = inboxes.operator(actor="vera").verify()
    assert ("hash", unchecked.ana.id, 4) in [place(finding) for finding in report.findings]


def test_a_row_that_cannot_be_read_is_named(sqlite_database: TestDatabase) -> None:
    """A time that is none stands in the report, and the other inbox is verified all the same."""
    scene = make_scene(sqlite_database)
    with damaging(scene) as damage:
        damage.change_row(scene.ana, "updated_at = 'whenever'")
        report = damage.verify()
    assert [place(finding) for finding in report.findings] == [("row", scene.ana.id, None)]
    assert report.inboxes == 2
