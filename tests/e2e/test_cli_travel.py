"""The commands that look back, run as a user runs them: as-of, diff, why, and find --as-of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inbox_lifecycle import Inbox
from inbox_lifecycle.canonical import time_text
from inbox_lifecycle.testing import Sandbox
from tests.support.commands import Terminal
from tests.support.databases import TestDatabase

AS_OWNER = ("--owner", "acme")
AS_OPERATOR = ("--as-operator", "olga")
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def terminal(tmp_path: Path, database: TestDatabase, provider_sandbox: Sandbox) -> Terminal:
    """A shell with a migrated database, SQLite and again PostgreSQL, and a provider."""
    return Terminal(tmp_path, database, provider_sandbox)


@pytest.fixture
def small_terminal(tmp_path: Path, sqlite_database: TestDatabase, provider_sandbox: Sandbox) -> Terminal:
    """A shell with an SQLite database and a provider, for what no database can change."""
    return Terminal(tmp_path, sqlite_database, provider_sandbox)


def banned(terminal: Terminal) -> tuple[Inbox, Inbox, Inbox]:
    """An inbox as registered, as it warmed, and as it is."""
    first = terminal.register()
    with terminal.inboxes() as inboxes:
        moved = inboxes.retry_warmup(first.id, owner_id="acme")
        last = inboxes.operator(actor="olga").ban(first.id, reason="complaints")
    return first, moved, last


def test_showing_an_inbox_as_of_a_version_a_time_and_a_position(terminal: Terminal) -> None:
    """`as-of` prints the row of then under `account`, for the owner and for an operator."""
    first, moved, last = banned(terminal)
    with terminal.inboxes() as inboxes:
        assert inboxes.operator(actor="olga").seal().size == 3
    for point, expected in (
        (("--version", "1"), first),
        (("--at", time_text(last.updated_at - MOMENT)), moved),
        (("--at", last.updated_at.isoformat()), last),
        (("--position", "1"), moved),
    ):
        ran = terminal.run("as-of", first.id, *AS_OWNER, *point)
        row = ran.document["account"]
        assert (ran.code, set(row)) == (0, set(first.__slots__))
        assert (row["status"], row["version"], row["updated_at"]) == (
            expected.status,
            expected.version,
            time_text(expected.updated_at),
        )
    as_operator = terminal.run("as-of", "--id", first.id, *AS_OPERATOR, "--version", "3")
    assert as_operator.document["account"]["version"] == 3


def test_differences_come_with_the_fields_and_the_events_that_changed_them(terminal: Terminal) -> None:
    """`diff` takes versions and times, and prints one document."""
    first, moved, last = banned(terminal)
    ran = terminal.run("diff", first.id, "1", "3", *AS_OWNER)
    found = ran.document
    assert (ran.code, list(found)) == (0, ["before", "after", "changed", "events"])
    assert (found["before"]["version"], found["after"]["version"]) == (1, 3)
    assert found["changed"] == {
        "status": {"old": "pending", "new": "banned"},
        "warmup_status": {"old": "not_started", "new": "banned"},
        "version": {"old": 1, "new": 3},
        "updated_at": {"old": time_text(first.updated_at), "new": time_text(last.updated_at)},
    }
    assert [event["name"] for event in found["events"]] == ["inbox.warmup_started", "inbox.banned"]
    times = (time_text(moved.updated_at), time_text(last.updated_at))
    later = terminal.run("diff", first.id, *times, *AS_OPERATOR).document
    assert [event["version"] for event in later["events"]] == [3]


def test_the_reason_of_a_state_is_the_event_with_actor_and_reason(terminal: Terminal) -> None:
    """`why` prints the ban, made by hand, without an attempt."""
    first, _, last = banned(terminal)
    ran = terminal.run("why", first.id, *AS_OWNER)
    found = ran.document
    assert (ran.code, list(found)) == (0, ["account", "event", "actor", "reason", "attempt"])
    assert (found["account"]["version"], found["event"]["version"]) == (last.version, 3)
    assert (found["event"]["name"], found["actor"], found["reason"]) == ("inbox.banned", "olga", "complaints")
    assert found["attempt"] is None


def test_the_reason_of_a_warming_inbox_is_the_attempt_that_was_accepted(small_terminal: Terminal) -> None:
    """`why` prints it whole."""
    inbox = small_terminal.warm()
    found = small_terminal.run("why", inbox.id, *AS_OPERATOR).document
    assert (found["attempt"]["outcome"], found["attempt"]["event_version"]) == ("moved", 2)
    assert found["attempt"]["id"] == found["event"]["payload"]["attempt_id"]


def test_finding_as_of_a_time_goes_by_where_the_inboxes_were(terminal: Terminal) -> None:
    """`find --as-of` gives those of that state then, as they were."""
    first, moved, last = banned(terminal)
    terminal.register("bo@mail.example.com", owner="another")
    query = ("find", *AS_OPERATOR, "--status", "warming", "--as-of")
    ran = terminal.run(*query, time_text(moved.updated_at))
    assert ran.code == 0
    assert [(row["id"], row["version"]) for row in ran.document["accounts"]] == [(first.id, 2)]
    assert terminal.run(*query, time_text(last.updated_at)).document == {"accounts": [], "next_after": None}
    before = time_text(first.updated_at - MOMENT)
    assert terminal.run("find", *AS_OWNER, "--as-of", before).document["accounts"] == []


def test_tables_name_what_people_look_for(small_terminal: Terminal) -> None:
    """`--format table` of each: fields line by line, or a table of changes and one of events."""
    first, _, _ = banned(small_terminal)
    table = ("--format", "table")
    then = small_terminal.run("as-of", first.id, *AS_OWNER, "--version", "2", *table)
    assert dict(line.split("  ", 1) for line in then.out.splitlines())["status"].strip() == "warming"
    why = small_terminal.run("why", first.id, *AS_OWNER, *table)
    fields = {name: value.strip() for name, value in (line.split("  ", 1) for line in why.out.splitlines())}
    assert (fields["because of"], fields["actor"], fields["reason"]) == ("inbox.banned", "olga", "complaints")
    diff = small_terminal.run("diff", first.id, "1", "3", *AS_OWNER, *table)
    assert [line.split() for line in diff.out.splitlines() if line.split()[:1] == ["status"]] == [
        ["status", "pending", "banned"]
    ]
    assert "inbox.warmup_started" in diff.out
    same = small_terminal.run("diff", first.id, "2", "2", *AS_OWNER, *table)
    assert (same.code, same.out) == (0, "nothing changed\n")


def test_points_that_the_history_does_not_reach_have_an_exit_code_of_their_own(small_terminal: Terminal) -> None:
    """Before the birth, past the newest event, unsealed, and the future, by any of the commands."""
    inbox = small_terminal.register()
    ahead = time_text(datetime.now(UTC) + timedelta(hours=1))
    early = time_text(inbox.updated_at - MOMENT)
    for arguments in (
        ("as-of", inbox.id, *AS_OWNER, "--version", "2"),
        ("as-of", inbox.id, *AS_OWNER, "--position", "0"),
        ("diff", inbox.id, early, "1", *AS_OWNER),
        ("find", *AS_OWNER, "--as-of", ahead),
    ):
        assert small_terminal.run(*arguments).code == 16, arguments


def test_foreign_inboxes_are_not_found_by_any_of_them(small_terminal: Terminal) -> None:
    """As by `show`."""
    inbox = small_terminal.register()
    stranger = ("--owner", "another")
    for arguments in (("as-of", inbox.id, "--version", "1"), ("diff", inbox.id, "1", "1"), ("why", inbox.id)):
        assert small_terminal.run(*arguments, *stranger).code == 12
    found = small_terminal.run("find", *stranger, "--as-of", time_text(inbox.updated_at))
    assert found.document["accounts"] == []


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (("as-of", "ID", *AS_OWNER), "say one point"),
        (("as-of", "ID", *AS_OWNER, "--version", "1", "--position", "1"), "say one point"),
        (("as-of", "ID", *AS_OWNER, "--at", "2026-05-01"), "a time with its zone"),
        (("diff", "ID", "1", *AS_OWNER), "Missing argument 'B'"),
        (("diff", "ID", "1", "two", *AS_OWNER), "B, unless it is a version, is a time with its zone"),
        (("find", *AS_OWNER, "--as-of", "2026-05-01T00:00:00"), "a time with its zone"),
        (("why", "ID"), "say in whose name"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_is_told_with_its_cure(small_terminal: Terminal, arguments: tuple[str, ...], cure: str) -> None:
    """Before any database is asked."""
    ran = small_terminal.run(*arguments)
    assert ran.code == 2
    assert cure in ran.err


def test_differences_backwards_are_refused_with_the_cure(small_terminal: Terminal) -> None:
    """The order is the user's to put right."""
    inbox = small_terminal.warm()
    ran = small_terminal.run("diff", inbox.id, "2", "1", *AS_OWNER)
    assert ran.code == 10
    assert "swap them" in ran.err
