"""What is exported: everything that is on record, in three forms, narrowed down by the database."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from inbox_lifecycle.audit import forms
from inbox_lifecycle.audit.forms import SOURCE, Form
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.cloudevents import read_cloud_event
from tests.support.contract import ANA, OWNER, crosswise
from tests.support.databases import TestDatabase
from tests.support.exporting import FORMS, TRAP, WHATS, Scene, left_open, make_scene
from tests.support.feeding import whole
from tests.support.store import Store

pytestmark = pytest.mark.pairwise


@pytest.fixture
def scene(make: MakeFace, provider_sandbox: Sandbox) -> Scene:
    """Three inboxes with a history."""
    return make_scene(make, provider_sandbox)


def in_order(scene: Scene, read: Callable[[str], list[Any]]) -> list[Any]:
    """What is read of each inbox, in order of their ids."""
    return [one for inbox_id in sorted(inbox.id for inbox in scene.inboxes) for one in read(inbox_id)]


def test_history_is_that_of_every_inbox(scene: Scene) -> None:
    """Event by event what `history` gives, by inbox and version."""
    events = in_order(scene, scene.operator.history)
    assert scene.records("history") == [forms.event_record(event) for event in events]
    assert len(events) == 7


def test_attempts_are_those_on_every_inbox(scene: Scene, store: Store) -> None:
    """Open ones too, and attempt by attempt what `attempts` gives, by inbox and id."""
    left_open(store, scene.inboxes[2])
    attempts = in_order(scene, scene.operator.attempts)
    assert scene.records("attempts") == [forms.attempt_record(attempt) for attempt in attempts]
    assert sorted(str(attempt.outcome) for attempt in attempts) == ["None", "moved", "moved", "throttled"]


def test_the_feed_is_the_whole_of_it(scene: Scene) -> None:
    """Sealed first without being told, and event by event what `feed` gives, by position."""
    records = scene.records("feed")
    assert records == [forms.fed_record(fed) for fed in whole(scene.operator)]
    assert [record["position"] for record in records] == list(range(7))


@pytest.mark.parametrize("what", WHATS)
def test_a_piece_is_a_record_and_ends_its_line(scene: Scene, what: str) -> None:
    """Whoever writes pieces one after another has a file; that of CSV begins with the names."""
    records = scene.export(what)
    for form, before in zip(FORMS, (0, 1, 0), strict=True):
        pieces = scene.export(what, form=form)
        assert len(pieces) == len(records) + before
        assert all(piece.endswith("\n") and not piece.endswith("\r\n") for piece in pieces)


def read_csv(pieces: list[str]) -> tuple[list[str], list[dict[str, str]]]:
    """The names, and the records by name."""
    names, *rows = csv.reader(io.StringIO("".join(pieces), newline=""), strict=True)
    return names, [dict(zip(names, row, strict=True)) for row in rows]


def as_json(cells: dict[str, str]) -> dict[str, Any]:
    """A record of CSV as the JSON line that says the same, by the rules that are documented."""
    record: dict[str, Any] = {}
    for name, cell in cells.items():
        text = re.sub(r"(^|[;\t\r\n])'", r"\1", cell) if cell else None
        pair = re.fullmatch("(from|to|seen)_((?:warmup_)?status)", name)
        if pair:
            record.setdefault(pair[1], {})[pair[2]] = text
        elif name in ("payload", "detail", "to_disable"):
            record[name] = None if text is None else json.loads(text)
        else:
            number = name in ("position", "version", "schema", "seen_version", "event_version")
            record[name] = int(text) if number and text is not None else text
    if "from" in record and record["from"]["status"] is None:
        record["from"] = None
    return record


@pytest.mark.parametrize("what", WHATS)
def test_csv_says_what_the_json_lines_say(scene: Scene, what: str) -> None:
    """Read back by any reader of CSV, traps for spreadsheets included."""
    names, rows = read_csv(scene.export(what, form="csv"))
    records = scene.records(what)
    assert [as_json(row) for row in rows] == records
    assert any(record["reason"] == TRAP for record in records)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for row in rows for cell in row.values())
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("what", WHATS)
def test_cloudevents_keep_to_the_specification(scene: Scene, what: str) -> None:
    """Each line is one event, of the inbox and the time that the JSON lines say."""
    told = [read_cloud_event(piece) for piece in scene.export(what, form="cloudevents")]
    records = scene.records(what)
    assert [event["subject"] for event in told] == [record["inbox_id"] for record in records]
    when = "closed_at" if what == "attempts" else "recorded_at"
    assert [event["time"] for event in told] == [record[when] for record in records]
    assert len({(event["source"], event["id"]) for event in told}) == len(told) > 2
    assert {event["source"] for event in told} == {SOURCE}
    elsewhere = scene.export(what, form="cloudevents", source="https://inboxes.example.com/eu")
    assert {json.loads(piece)["source"] for piece in elsewhere} == {"https://inboxes.example.com/eu"}


def wanted(record: dict[str, Any], chosen: dict[str, Any], owners: dict[str, str]) -> bool:
    """Whether a record is one of those asked for, told without the database."""
    at = datetime.fromisoformat(record.get("recorded_at") or record["opened_at"])
    tests: dict[str, Callable[[Any], bool]] = {
        "inbox_id": lambda wish: bool(record["inbox_id"] == wish),
        "owner_id": lambda wish: owners[record["inbox_id"]] == wish,
        "name": lambda wish: bool(record.get("name", record.get("kind")) == wish),
        "since": lambda wish: bool(at >= wish),
        "until": lambda wish: bool(at < wish),
        "actor": lambda wish: bool(record["actor"] == wish),
    }
    return all(tests[name](wish) for name, wish in chosen.items())


@pytest.mark.parametrize("what", WHATS)
def test_filters_alone_and_together_leave_what_fits_all_of_them(scene: Scene, what: str) -> None:
    """Every set of them; each alone takes something away and leaves something."""
    owners = {str(inbox.id): inbox.owner_id or "" for inbox in scene.inboxes}
    wishes = {
        "inbox_id": scene.inboxes[0].id,
        "owner_id": OWNER,
        "name": "retry" if what == "attempts" else "inbox.warmup_started",
        "since": scene.middle - timedelta(hours=1),
        "until": scene.middle,
        "actor": "zoe",
    }
    everything = scene.records(what)
    for names in (names for count in range(7) for names in itertools.combinations(wishes, count)):
        chosen = {name: wishes[name] for name in names}
        expected = [record for record in everything if wanted(record, chosen, owners)]
        assert scene.records(what, **chosen) == expected, names
        assert len(names) != 1 or 0 < len(expected) < len(everything), names
    assert scene.records(what, **wishes) != []


@crosswise
@pytest.mark.parametrize("what", WHATS)
def test_times_are_from_the_first_to_before_the_second(scene: Scene, what: str) -> None:
    """To the microsecond, whatever zone they are said in."""
    records = scene.records(what)
    field = "opened_at" if what == "attempts" else "recorded_at"
    times = sorted({datetime.fromisoformat(record[field]) for record in records})
    step = timedelta(microseconds=1)
    for at in times:
        there = [record for record in records if datetime.fromisoformat(record[field]) == at]
        elsewhere = at.astimezone(timezone(timedelta(hours=-9, minutes=-30)))
        assert scene.records(what, since=elsewhere, until=elsewhere + step) == there
    assert scene.records(what, until=times[0]) == []
    assert scene.records(what, since=times[-1] + step) == []
    assert scene.records(what, since=datetime(1, 1, 1, tzinfo=UTC), until=datetime.max.replace(tzinfo=UTC)) == records


@crosswise
@pytest.mark.parametrize("what", WHATS)
def test_the_owner_is_the_inboxs_whoever_acted(scene: Scene, what: str) -> None:
    """What operators did is in it; nothing of an inbox that is erased, which has no owner."""
    ana, _, cy = scene.inboxes
    mine = scene.records(what, owner_id=OWNER)
    assert mine == [record for record in scene.records(what) if record["inbox_id"] in (ana.id, cy.id)]
    assert what == "attempts" or any(record["owner_id"] is None for record in mine)
    scene.operator.erase(ana.id, reason="asked to")
    assert scene.records(what, owner_id=OWNER) == [record for record in mine if record["inbox_id"] == cy.id]


@crosswise
def test_a_filter_that_fits_nothing_leaves_nothing_but_the_names(scene: Scene) -> None:
    """It is no error."""
    for what, form in itertools.product(WHATS, FORMS):
        pieces = scene.export(what, form=form, actor="nobody")
        assert len(pieces) == (1 if form is Form.CSV else 0)


@pytest.mark.parametrize("what", WHATS)
def test_an_export_after_an_erasure_holds_nothing_of_it(
    scene: Scene, database: TestDatabase, store: Store, what: str
) -> None:
    """Not even of a call that had looked before and opened its attempt afterwards; who erased and why stays."""
    ana = scene.inboxes[0]
    attempt_id = left_open(store, ana)
    assert any("request 1" in piece for piece in scene.export(what))
    scene.operator.erase(ana.id, reason="asked to")
    # What PostgreSQL lets happen to a call that is slow: it looked before, and writes afterwards.
    database.execute(
        "update {s}inbox_attempts set owner_id = ?, actor = ?, reason = ?, correlation_id = ? where id = ?",
        (OWNER, "zoe", TRAP, "request 1", attempt_id),
    )
    for form in FORMS:
        mine = [piece for piece in scene.export(what, form=form) if ana.id in piece]
        assert mine
        for erased in (OWNER, "zoe", "calc", "request 1", "message 1", "key 1", ANA):
            assert not any(erased in piece for piece in mine), (form, erased)
    records = [record for record in scene.records(what) if record["inbox_id"] == ana.id]
    assert {record["owner_id"] for record in records} == {None}
    assert what == "attempts" or (records[-1]["actor"], records[-1]["reason"]) == ("olga", "asked to")


@pytest.mark.parametrize("what", WHATS)
def test_addresses_are_in_no_export(scene: Scene, what: str) -> None:
    """Nor are the keys of commitments."""
    for form in FORMS:
        text = "".join(scene.export(what, form=form))
        assert "@mail.example.com" not in text
        assert "context_key" not in text
