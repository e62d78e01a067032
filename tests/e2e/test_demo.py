"""The demo, run as a user runs it."""

from __future__ import annotations

from pathlib import Path

from inbox_lifecycle import Inboxes, upgrade_schema
from inbox_lifecycle.cli.demo import STUCK
from inbox_lifecycle.cli.stage import SCHEMA
from tests.support.commands import Terminal, tamper
from tests.support.databases import TestDatabase

STEPS = 12


def test_on_sqlite_it_plays_to_the_end_and_leaves_nothing(tmp_path: Path) -> None:
    """Every step is told, every promise kept, no file stays behind, and one that DATABASE_URL names is not made."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    settings = {"TMPDIR": str(scratch), "DATABASE_URL": f"sqlite:///{tmp_path}/mine.db"}
    ran = Terminal(tmp_path, settings=settings).run("demo")
    assert (ran.code, _heads(ran.out)) == (0, list(range(1, STEPS + 1)))
    assert "1 moved, 7 refused" in ran.out
    assert "exit status -9" in ran.out
    assert ": 0 findings" in ran.out
    assert (list(tmp_path.iterdir()), list(scratch.iterdir())) == ([scratch], [])


def test_on_postgresql_it_keeps_to_a_schema_of_its_own(postgres_database: TestDatabase, tmp_path: Path) -> None:
    """An inbox with an open attempt past its lease, in the service's own schema, is as it was afterwards."""
    terminal = Terminal(tmp_path, postgres_database)
    inbox = terminal.register()
    before = terminal.standing(inbox)
    ran = terminal.run("demo")
    assert (ran.code, _heads(ran.out)) == (0, list(range(1, STEPS + 1)))
    assert (terminal.standing(inbox), postgres_database.count("inboxes")) == (before, 1)
    (played,) = postgres_database.execute(f"select count(*) from {SCHEMA}.inboxes")  # noqa: S608 - our own schema
    assert played == (6 + STUCK,)


def test_a_history_that_is_not_as_written_fails_it(postgres_database: TestDatabase, tmp_path: Path) -> None:
    """The demo ends with 1 at its first broken promise: an earlier inbox of its schema was tampered with."""
    upgrade_schema(postgres_database.url, schema=SCHEMA)
    with Inboxes(postgres_database.url, schema=SCHEMA) as inboxes:
        inbox = inboxes.register(email_address="old@mail.example.com", owner_id="acme", provider="instantly")
    tamper(postgres_database, "actor = 'mallory'", inbox, prefix=f"{SCHEMA}.")
    ran = Terminal(tmp_path, postgres_database).run("demo")
    assert (ran.code, ran.out.splitlines()[-1].strip()) == (1, "NOT AS PROMISED: verify is clean")


def _heads(out: str) -> list[int]:
    return [int(line.partition(".")[0]) for line in out.splitlines() if line[:1].isdecimal()]
