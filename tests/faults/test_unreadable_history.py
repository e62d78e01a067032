"""Events that this version of the library does not know, or that are not what was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from inbox_lifecycle import HistoryBroken, Inbox, UnknownEvent
from tests.support.aftermath import ANA, OWNER
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

TABLES = ("inboxes", "inbox_events")
#: Triggers of PostgreSQL that fire even where replication turns the others off; disabling forgets that.
ALWAYS = ("inbox_events_frozen", "inbox_events_kept")

Said = dict[str, Any]


@pytest.fixture
def inbox(face: AnyFace) -> Inbox:
    """An inbox with two events."""
    registered: Inbox = face.register(email_address=ANA, owner_id=OWNER)
    banned: Inbox = face.operator().ban(registered.id)
    return banned


@contextmanager
def guards_off(database: TestDatabase) -> Iterator[None]:
    """No trigger and no foreign key, until the end."""
    if database.kind == "sqlite":
        triggers = database.execute("select name, sql from sqlite_schema where type = 'trigger'")
        off, on = [f"drop trigger {name}" for name, _ in triggers], [text for _, text in triggers]
    else:
        off = [f"alter table {{s}}{table} disable trigger all" for table in TABLES]
        on = [f"alter table {{s}}{table} enable trigger all" for table in TABLES]
        on += [f"alter table {{s}}inbox_events enable always trigger {name}" for name in ALWAYS]
    for statement in off:
        database.execute(statement)
    try:
        yield
    finally:
        for statement in on:
            database.execute(statement)


def rewrite_newest(
    database: TestDatabase, inbox: Inbox, rewrite: Callable[[bytes], bytes], *, name: str, schema: int
) -> None:
    """Put another entry in place of the newest one, with its hash wherever that stands."""
    newest = "where inbox_id = ? and version = 2"
    ((entry,),) = database.execute(f"select entry from {{s}}inbox_events {newest}", (inbox.id,))  # noqa: S608 - ours
    forged = rewrite(bytes(entry))
    digest = hashlib.sha256(b"\0" + forged).digest()
    change = f"update {{s}}inbox_events set entry = ?, hash = ?, name = ?, schema = ? {newest}"  # noqa: S608 - ours
    with guards_off(database):
        database.execute(change, (forged, digest, name, schema, inbox.id))
        database.execute("update {s}inboxes set head_hash = ? where id = ?", (digest, inbox.id))


def say(**instead: object) -> Callable[[bytes], bytes]:
    """Rewrites an entry in its one canonical form, saying something else."""

    def rewrite(entry: bytes) -> bytes:
        said: Said = json.loads(entry) | instead
        return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()

    return rewrite


def spaced(entry: bytes) -> bytes:
    """The same words in a form that is not the canonical one."""
    return json.dumps(json.loads(entry)).encode()


@pytest.mark.parametrize(("name", "schema"), [("inbox.frozen", 1), ("inbox.banned", 2)], ids=["name", "schema"])
def test_unknown_event_says_what_it_takes_to_read_it(
    face: AnyFace, inbox: Inbox, database: TestDatabase, name: str, schema: int
) -> None:
    """A newer version of the library wrote it; guessing would be worse than stopping."""
    rewrite_newest(database, inbox, say(name=name, schema=schema), name=name, schema=schema)
    with pytest.raises(UnknownEvent, match="install the version of inbox-lifecycle that wrote it") as unknown:
        face.history(inbox.id, owner_id=OWNER)
    assert (unknown.value.version, unknown.value.name, unknown.value.schema) == (2, name, schema)


def test_unknown_event_is_a_finding_of_verification_and_not_its_end(
    face: AnyFace, inbox: Inbox, database: TestDatabase
) -> None:
    """Verification names the place and goes on with the next inbox."""
    other = face.register(email_address="bo@mail.example.com", owner_id=OWNER)
    rewrite_newest(database, inbox, say(name="inbox.frozen"), name="inbox.frozen", schema=1)
    report = face.operator().verify()
    found = {(finding.kind, finding.inbox_id, finding.version) for finding in report.findings}
    assert ("event", inbox.id, 2) in found
    assert other.id not in {finding.inbox_id for finding in report.findings}
    assert report.inboxes == 2


def test_inbox_with_an_unknown_event_can_still_be_moved(face: AnyFace, inbox: Inbox, database: TestDatabase) -> None:
    """Its row tells where it stands, and the chain goes on from there."""
    rewrite_newest(database, inbox, say(name="inbox.frozen"), name="inbox.frozen", schema=1)
    moved = face.operator().correct(inbox.id, status="pending", warmup_status="not_started", reason="taken back")
    assert moved.version == 3
    assert face.retry_warmup(inbox.id, owner_id=OWNER).version == 4


@pytest.mark.parametrize(
    ("rewrite", "why"),
    [
        (lambda _entry: b"\xff\0", "it is not an entry"),
        (lambda entry: entry[:-1], "it is not an entry"),
        (spaced, "it is not in canonical form"),
        (say(format="inbox-lifecycle/2"), "its format is unknown"),
        (say(payload={"reason": "none"}), "its payload has fields its event does not have"),
    ],
    ids=["noise", "half", "spaced", "format", "payload"],
)
def test_entry_that_is_not_what_was_written_is_said_to_be_broken(
    face: AnyFace, inbox: Inbox, database: TestDatabase, rewrite: Callable[[bytes], bytes], why: str
) -> None:
    """The history names the version and the cure, and repeats nothing of what it found."""
    rewrite_newest(database, inbox, rewrite, name="inbox.banned", schema=1)
    with pytest.raises(HistoryBroken, match="run `inbox-lifecycle verify`") as broken:
        face.history(inbox.id, owner_id=OWNER)
    assert (broken.value.version, broken.value.why) == (2, why)
