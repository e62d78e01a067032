"""`verify` with checkpoints kept elsewhere, and shared among processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from inbox_lifecycle import Inboxes, Signer
from tests.support.commands import Terminal
from tests.support.databases import TestDatabase

ADDRESSES = tuple(f"ana{number}@mail.example.com" for number in range(40))


@pytest.fixture
def terminal(tmp_path: Path, database: TestDatabase) -> Terminal:
    """A shell with forty inboxes in its database, SQLite and again PostgreSQL."""
    terminal = Terminal(tmp_path, database)
    with terminal.inboxes() as inboxes:
        for address in ADDRESSES:
            inboxes.register(email_address=address, owner_id="acme", provider="instantly")
    return terminal


@pytest.fixture
def signer() -> Signer:
    """The log's key."""
    return Signer.generate("example.com/inboxes")


def keep_checkpoint(terminal: Terminal, signer: Signer) -> tuple[str, str]:
    """A checkpoint and the public key, each in a file; their names."""
    assert terminal.database is not None
    with Inboxes(terminal.database.url, signer=signer) as inboxes:
        note = inboxes.operator(actor="olga").checkpoint().note
    (terminal.folder / "kept.note").write_text(note, newline="")
    (terminal.folder / "log.pub").write_text(f"{signer.verifier.text}\n")
    return "kept.note", "log.pub"


def test_several_processes_find_what_one_finds(terminal: Terminal) -> None:
    """Every inbox is looked at once, and a damage in one range stands in the report of all."""
    assert terminal.database is not None
    with terminal.inboxes() as inboxes:
        damaged = inboxes.find(owner_id="acme", limit=1).items[0]
    clean = terminal.run("verify", "--jobs", "3").document
    assert (clean["clean"], clean["inboxes"], clean["events"], clean["unsealed"]) == (True, 40, 40, 40)
    _forge_reason(terminal.database, damaged.id)
    alone, shared = terminal.run("verify"), terminal.run("verify", "--jobs", "0")
    assert (alone.code, shared.code) == (1, 1)
    assert shared.document == alone.document
    assert [finding["inbox_id"] for finding in shared.document["findings"]] == [damaged.id]


def test_a_kept_checkpoint_shows_that_the_end_was_cut_off(terminal: Terminal, signer: Signer) -> None:
    """Clean by itself; with the checkpoint the report says the size that was signed and the size there is."""
    assert terminal.database is not None
    note, key = keep_checkpoint(terminal, signer)
    assert terminal.run("verify", "--checkpoint", note, "--key", key).document["clean"] is True
    _cut_off_feed(terminal.database)
    assert [
        finding["kind"] for finding in terminal.run("verify", "--checkpoint", note, "--key", key).document["findings"]
    ] == ["checkpoint"]


def test_a_checkpoint_of_another_log_is_refused(terminal: Terminal, signer: Signer) -> None:
    """It is not by the key given, so nothing is verified against it."""
    note, _ = keep_checkpoint(terminal, signer)
    other = Signer.generate("example.com/inboxes").verifier.text
    ran = terminal.run("verify", "--checkpoint", note, "--key", other)
    assert (ran.code != 0, ran.out) == (True, "")
    assert "not signed" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--checkpoint", "kept.note"), "--key"),
        (("--checkpoint", "none.note", "--key", "log.pub"), "none.note"),
        (("--key", "none.pub"), "--key"),
        (("01a20000-0000-7000-8000-000000000000", "--key", "log.pub"), "leave out"),
    ],
)
def test_options_that_make_no_sense_are_named(
    terminal: Terminal, signer: Signer, arguments: tuple[str, ...], said: str
) -> None:
    """Wrong usage ends with 2 and says the cure."""
    keep_checkpoint(terminal, signer)
    ran = terminal.run("verify", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def _forge_reason(database: TestDatabase, inbox_id: str) -> None:
    if database.kind == "postgresql":
        database.execute("alter table {s}inbox_events disable trigger all")
        database.execute("update {s}inbox_events set reason = 'forged' where inbox_id = %s", (inbox_id,))
        database.execute("alter table {s}inbox_events enable trigger all")
        for name in ("inbox_events_frozen", "inbox_events_kept"):
            database.execute("alter table {s}inbox_events enable always trigger " + name)
        return
    _without_triggers(database, "update inbox_events set reason = 'forged' where inbox_id = ?", (inbox_id,))


def _cut_off_feed(database: TestDatabase) -> None:
    """Take back the last position, and forget every checkpoint that covers it: a clean truncation of the feed."""
    away = "delete from {s}inbox_feed where position = 39"
    back = (
        "insert into {s}inbox_feed_queue (inbox_id, version, hash) select e.inbox_id, e.version, e.hash"
        " from {s}inbox_events e where not exists (select 1 from {s}inbox_feed f where f.inbox_id = e.inbox_id)"
    )
    if database.kind == "postgresql":
        for table in ("inbox_feed", "inbox_checkpoints"):
            database.execute("alter table {s}" + table + " disable trigger all")
        database.execute(away)
        database.execute(back)
        database.execute("delete from {s}inbox_checkpoints")
        database.execute("update {s}inbox_feed_head set next_position = 39")
        for table in ("inbox_feed", "inbox_checkpoints"):
            database.execute("alter table {s}" + table + " enable trigger all")
            for kind in ("append_only", "not_emptied"):
                database.execute("alter table {s}" + table + " enable always trigger " + f"{table}_{kind}")
        return
    for statement in (away, back, "delete from inbox_checkpoints"):
        _without_triggers(database, statement.replace("{s}", ""))


def _without_triggers(database: TestDatabase, statement: str, parameters: tuple[object, ...] = ()) -> None:
    triggers = database.execute("select name, sql from sqlite_schema where type = 'trigger'")
    for name, _ in triggers:
        database.execute(f"drop trigger {name}")
    database.execute(statement, parameters)
    for _, text in triggers:
        database.execute(text)
