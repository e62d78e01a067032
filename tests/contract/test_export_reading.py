"""How it is exported: lazily, page by page, up to what there was, and with nothing held between two pieces."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event

from inbox_lifecycle import Instantly, InvalidInput
from inbox_lifecycle.audit.exporting import PAGE, Export, Span, begin, next_page
from inbox_lifecycle.audit.forms import SOURCE, Form
from inbox_lifecycle.drivers.sync import Database, SyncDriver
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.store.exporting import Filters, What
from inbox_lifecycle.store.roles import apply_grants
from inbox_lifecycle.store.session import backend_for
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.cloudevents import read_cloud_event
from tests.support.contract import OWNER, born, crosswise, nothing_moves, retry
from tests.support.databases import Postgres, TestDatabase
from tests.support.exporting import FORMS, WHATS, Scene, Tap, left_open, make_scene
from tests.support.faces import AnyFace, LoopThread
from tests.support.hosts import host_engine, hosting
from tests.support.roles import a_role, as_role
from tests.support.steps import NOW
from tests.support.store import Store

on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def scene(make: MakeFace, provider_sandbox: Sandbox) -> Scene:
    """Three inboxes with a history."""
    return make_scene(make, provider_sandbox)


@crosswise
@pytest.mark.parametrize("form", FORMS)
def test_an_empty_store_is_an_empty_export(face: AnyFace, form: str) -> None:
    """CSV still says which columns there would be."""
    for what in WHATS:
        pieces = face.operator().export(what, form=form)
        assert len(pieces) == (1 if form is Form.CSV else 0)


@pytest.fixture
def driver(database: TestDatabase) -> Iterator[SyncDriver]:
    """Runs flows on the test's database, as the sync facade does."""
    engine = make_engine(database.url)
    made = SyncDriver(Database(engine, backend_for(engine.dialect), owns_engine=True), None)
    yield made
    made.close()


def paged(driver: SyncDriver, export: Export, limit: int, meanwhile: Callable[[], object] = list) -> list[str]:
    """The pieces, read in pages of a size; something may happen once the first page is read."""
    lines = list(export.header())
    span: Span | None = driver.run(begin(export))
    while span is not None:
        records, span = driver.run(next_page(export, span, limit=limit))
        assert len(records) <= limit
        lines += [export.line(record) for record in records]
        meanwhile()
        meanwhile = list
    return lines


@pytest.mark.parametrize("make", ["sync"], indirect=True)
@pytest.mark.parametrize("what", WHATS)
def test_pages_of_any_size_make_up_the_whole(scene: Scene, driver: SyncDriver, what: What) -> None:
    """Between two records of an inbox, between two inboxes and at the very end, filtered or not."""
    ana = scene.inboxes[0]
    some: list[dict[str, Any]] = [
        {},
        {"owner_id": OWNER},
        {"inbox_id": ana.id},
        {"actor": "zoe"},
        {"until": scene.middle},
    ]
    for chosen in some:
        export = Export(what=what, form=Form.CSV, filters=Filters(**chosen), source=SOURCE)
        expected = scene.export(what, form="csv", **chosen)
        for limit in range(1, 9):
            assert paged(driver, export, limit) == expected


@pytest.mark.parametrize("make", ["sync"], indirect=True)
@pytest.mark.parametrize("alone", [False, True], ids=["all", "one"])
@pytest.mark.parametrize("what", WHATS)
def test_what_comes_after_the_first_page_is_in_the_next_export(
    scene: Scene, driver: SyncDriver, what: What, *, alone: bool
) -> None:
    """However fast others write: an export ends where it would have ended when it began."""
    ana, bo, _ = scene.inboxes
    filters = Filters(inbox_id=ana.id) if alone else Filters()
    export = Export(what=what, form=Form.JSON_LINES, filters=filters, source=SOURCE)

    def write_on() -> None:
        retry(scene.face, ana)
        retry(scene.face, born(scene.face, "dora@mail.example.com"))
        scene.operator.correct(bo.id, status="pending", warmup_status="not_started", reason="led back")
        scene.operator.seal()

    before = paged(driver, export, 1000)
    meanwhile = paged(driver, export, 1, write_on)
    after = paged(driver, export, 1000)
    old = [json.loads(line) for line in before]
    new = [json.loads(line) for line in after if line not in before]
    last = old[-1]["inbox_id"]
    # Of all inboxes: those that come before the last one of then are read as they are when their turn comes.
    allowed = [] if alone or what == "feed" else [line for line in new if line["inbox_id"] < last]
    assert [json.loads(line) for line in meanwhile if line not in before] == allowed
    assert [line for line in meanwhile if line in before] == before
    assert len(new) > len(allowed)


@pytest.mark.parametrize("make", ["sync"], indirect=True)
def test_late_attempts_on_an_erased_inbox_are_blank_on_every_page(
    scene: Scene, driver: SyncDriver, database: TestDatabase
) -> None:
    """Wherever a page begins."""
    ana = scene.inboxes[0]
    scene.operator.erase(ana.id, reason="asked to")
    database.execute("update {s}inbox_attempts set actor = 'zoe' where inbox_id = ?", (ana.id,))
    export = Export(what=What.ATTEMPTS, form=Form.JSON_LINES, filters=Filters(inbox_id=ana.id), source=SOURCE)
    actors = [json.loads(line)["actor"] for line in paged(driver, export, 1)]
    assert actors == [None, None]


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_about_a_page_is_exported_whole(face: AnyFace, store: Store, database: TestDatabase, beyond: int) -> None:
    """Each record once, at both sides of the border."""
    attempt_id = left_open(store, born(face))
    ids = [attempt_id, *(new_id(NOW) for _ in range(PAGE + beyond - 1))]
    columns = "kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable"
    with database.connect() as connection:
        mark = "?" if database.kind == "sqlite" else "%s"
        connection.cursor().executemany(
            f"insert into {database.prefix}inbox_attempts (inbox_id, id, {columns})"  # noqa: S608 - written here
            f" select inbox_id, {mark}, {columns} from {database.prefix}inbox_attempts where id = {mark}",
            [(one, attempt_id) for one in ids[1:]],
        )
    assert [json.loads(piece)["id"] for piece in face.operator().export("attempts")] == sorted(ids)


@pytest.mark.parametrize("what", WHATS)
def test_an_export_ends_with_what_there_was_when_it_began(scene: Scene, what: str) -> None:
    """However fast others write meanwhile; the next one has it."""
    before = scene.records(what)
    tap = Tap(scene.operator, what)
    pieces = [tap.next()]
    dora = born(scene.face, "dora@mail.example.com")
    retry(scene.face, dora)
    scene.operator.seal()
    pieces += tap.rest()
    assert [json.loads(piece) for piece in pieces] == before
    assert dora.id in {record["inbox_id"] for record in scene.records(what)}


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    """An engine whose pool can be looked at."""
    with host_engine(database) as made:
        yield made


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", WHATS)
def test_nothing_is_read_before_the_first_piece_and_nothing_held_after_it(
    scene: Scene, make: MakeFace, engine: Engine, what: str, form: str
) -> None:
    """No connection is out when an export is made, between two pieces, or when it is left half-way."""
    operator = make(engine).operator()
    operator.seal()
    out: list[object] = []
    event.listen(engine, "checkout", lambda *about: out.append(about[0]))
    event.listen(engine, "checkin", lambda *_about: out.append(None))
    tap = Tap(operator, what, form=form)
    assert out == []
    pieces = [tap.next(), tap.next()]
    held = [one for one in out if one is not None]
    assert held
    assert len(out) == 2 * len(held)
    tap.close()
    assert len(out) == 2 * len(held)
    assert pieces == scene.export(what, form=form)[:2]


@pytest.mark.parametrize("what", ["history", "attempts"])
def test_exporting_changes_nothing(scene: Scene, database: TestDatabase, what: str) -> None:
    """Only the feed is sealed first, which moves no inbox."""
    with nothing_moves(database):
        scene.export(what)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"what": "inboxes"}, "what is one of history, attempts, feed"),
        ({"form": "xml"}, "form is one of jsonl, csv, cloudevents"),
        ({"inbox_id": "one"}, "inbox_id is not a UUID"),
        ({"owner_id": ""}, "owner_id is the id"),
        ({"name": "retry"}, "name, in an export of history, is one of inbox.adopted, inbox.banned"),
        ({"what": "attempts", "name": "inbox.banned"}, "is one of start, retry, launch"),
        ({"since": datetime(2030, 1, 1)}, "since is a time with a time zone"),  # noqa: DTZ001 - that is what is wrong
        ({"until": "2030-01-01"}, "until is a time with a time zone"),
        ({"since": datetime(2030, 1, 1, tzinfo=UTC), "until": datetime(2030, 1, 1, tzinfo=UTC)}, "before until"),
        ({"actor": "a\x00"}, "actor cannot be kept"),
        ({"source": "urn:x:y"}, "only CloudEvents have a source"),
        ({"form": "cloudevents", "source": "two words"}, "source is a URI"),
        ({"form": "cloudevents", "source": ""}, "source is a URI"),
        ({"form": "cloudevents", "source": "1:2"}, "source is a URI"),
    ],
    ids=str,
)
def test_what_cannot_be_exported_is_told_at_once(face: AnyFace, wrong: dict[str, Any], told: str) -> None:
    """When it is called, and not when it is read."""
    with pytest.raises(InvalidInput, match=told):
        face.operator().target.export(**{"what": "history", **wrong})


@pytest.mark.parametrize(
    "source",
    [
        "urn:a:b",
        "https://u@[::1]:80/a//b?c=/d#e?",
        "/sensors/tn-1/alerts",
        "1-555-123-4567",
        "mailto:a@b.c",
        "?q",
        "%20",
    ],
)
def test_a_source_may_be_any_uri_or_reference_to_one(face: AnyFace, source: str) -> None:
    """As RFC 3986 has them."""
    born(face)
    (piece,) = face.operator().export("history", form="cloudevents", source=source)
    assert read_cloud_event(piece)["source"] == source


@on_postgresql
def test_a_role_that_only_reads_exports_what_others_have_sealed(
    scene: Scene, make: MakeFace, postgres: Postgres, database: TestDatabase
) -> None:
    """And the history and the attempts, all of them."""
    scene.operator.seal(limit=1)
    with a_role(postgres, "auditor") as role:
        apply_grants(database.url, role, kind="auditor")
        auditor = make(as_role(database.url, role)).operator()
        sealed = auditor.export("feed")
        assert 0 < len(sealed) < len(scene.export("feed"))
        assert sealed == scene.export("feed")[: len(sealed)]
        for what in WHATS:
            assert auditor.export(what) == scene.export(what)
        database.execute(f'drop owned by "{role}"')


@pytest.mark.parametrize("make", ["sync"], indirect=True)
@pytest.mark.parametrize("mode", ["sync", "async"])
@on_postgresql
def test_an_export_in_a_hosts_transaction_has_what_it_has_written(
    scene: Scene, database: TestDatabase, provider: Instantly, loop_thread: LoopThread, mode: str
) -> None:
    """And nobody else sees it, before the commit or after a rollback."""
    before = scene.records("history")
    with hosting(database, mode, "connection", loop_thread, provider=provider) as host:
        dora = born(host.face, "dora@mail.example.com")
        within = [json.loads(piece)["inbox_id"] for piece in host.face.operator().export("history")]
        assert within.count(dora.id) == 1
        assert len(within) == len(before) + 1
        assert scene.records("history") == before
        host.rollback()
    assert scene.records("history") == before
