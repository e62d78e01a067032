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
def unguarded(database: TestDatabase) -> Iterator[Any]:
    """A raw connection with the guards off, which are on again at the end."""
    with database.connect() as connection:
        if database.kind == "sqlite":
            triggers = connection.execute("select name, sql from sqlite_schema where type = 'trigger'").fetchall()
            off, on = [f"drop trigger {name}" for name, _ in triggers], [text for _, text in triggers]
        else:
            tables = [f"{database.prefix}{table}" for table in TABLES]
            off = [f"alter table {table} disable trigger all" for table in tables]
            on = [f"alter table {table} enable trigger all" for table in tables]
            on += [f"alter table {database.prefix}inbox_events enable always trigger {name}" for name in ALWAYS]
        for statement in off:
            connection.execute(statement)
        yield connection
        for statement in on:
            connection.execute(statement)


def rewrite_newest(database: TestDatabase, inbox: Inbox, rewrite: Callable[[bytes], bytes]) -> None:
    """Put another entry in place of the newest one, its hash wherever it stands, and its name and schema if it has any."""
    mark = "?" if database.kind == "sqlite" else "%s"
    with unguarded(database) as connection:
        ((entry,),) = connection.execute(
            f"select entry from {database.prefix}inbox_events where inbox_id = {mark} and version = 2", (inbox.id,)
        ).fetchall()
        forged = rewrite(bytes(entry))
        digest = hashlib.sha256(b"\x00" + forged).digest()
        connection.execute(
            f"update {database.prefix}inbox_events set entry = {mark}, hash = {mark}"
            f" where inbox_id = {mark} and version = 2",
            (forged, digest, inbox.id),
        )
        connection.execute(
            f"update {database.prefix}inboxes set head_hash = {mark} where id = {mark}", (digest, inbox.id)
        )


def write_as(database: TestDatabase, inbox: Inbox, *, name: str, schema: int) -> None:
    """Have the newest event be of that name and schema, as a newer version of the library would write it."""

    def rewrite(entry: bytes) -> bytes:
        said: Said = json.loads(entry)
        return canonical(said | {"name": name, "schema": schema})

    rewrite_newest(database, inbox, rewrite)
    mark = "?" if database.kind == "sqlite" else "%s"
    with unguarded(database) as connection:
        connection.execute(
            f"update {database.prefix}inbox_events set name = {mark}, schema = {mark}"
            f" where inbox_id = {mark} and version = 2",
            (name, schema, inbox.id),
        )


def canonical(said: Said) -> bytes:
    """An entry's one form; ours are ASCII throughout but for nothing."""
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
