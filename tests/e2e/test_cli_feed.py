"""`seal`, `feed` and `parked`, run as a user runs them, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from inbox_lifecycle.testing import Sandbox
from tests.support.commands import PATIENCE, Ran, Terminal
from tests.support.databases import TestDatabase

WHO = ("--as-operator", "olga")


@pytest.fixture
def terminal(tmp_path: Path, database: TestDatabase, provider_sandbox: Sandbox) -> Terminal:
    """A shell with a migrated database, SQLite and again PostgreSQL, and a provider."""
    return Terminal(tmp_path, database, provider_sandbox)


@pytest.fixture
def small_terminal(tmp_path: Path, sqlite_database: TestDatabase, provider_sandbox: Sandbox) -> Terminal:
    """A shell with an SQLite database and a provider, for what no database can change."""
    return Terminal(tmp_path, sqlite_database, provider_sandbox)


def three_events(terminal: Terminal) -> list[tuple[str, int]]:
    """Their inboxes and versions, in order."""
    ana, bea = terminal.warm("ana@mail.example.com"), terminal.register("bea@mail.example.com")
    return [(ana.id, 1), (ana.id, 2), (bea.id, 1)]


def park(terminal: Terminal, name: str) -> None:
    """Have a subscription's handler fail on every event."""

    def fail(_event: object) -> None:
        raise ValueError("a secret")

    with terminal.inboxes() as inboxes:
        inboxes.operator(actor="tess").subscribe(name, fail, tries=1)


def test_sealing_tells_what_it_did_and_what_waits(terminal: Terminal) -> None:
    """`seal` prints its numbers, and stops at --limit."""
    three_events(terminal)
    first, second = terminal.run("seal", *WHO, "--limit", "2"), terminal.run("seal", *WHO)
    assert (first.code, first.document) == (0, {"events": 2, "size": 2, "unsealed": 1})
    assert (second.code, second.document) == (0, {"events": 1, "size": 3, "unsealed": 0})


def test_the_feed_comes_as_one_event_a_line_with_its_position(terminal: Terminal) -> None:
    """`feed` gives positions to what waits, and shows each event as `history` does."""
    expected = three_events(terminal)
    ran = terminal.run("feed", *WHO)
    assert (ran.code, [line["position"] for line in ran.lines]) == (0, [0, 1, 2])
    assert [(line["inbox_id"], line["version"]) for line in ran.lines] == expected
    history = terminal.run("history", expected[0][0], *WHO).lines
    assert [{name: line[name] for name in history[0]} for line in ran.lines[:2]] == history


def test_the_feed_goes_on_after_a_position_and_stops_at_its_limit(terminal: Terminal) -> None:
    """`feed --after --limit` is a page."""
    three_events(terminal)
    shown = {
        options: [line["position"] for line in terminal.run("feed", *WHO, *options).lines]
        for options in (("--after", "0"), ("--limit", "2"), ("--after", "0", "--limit", "1"), ("--after", "2"))
    }
    assert list(shown.values()) == [[1, 2], [0, 1], [1], []]


def test_the_feed_as_a_table_has_an_event_a_line(small_terminal: Terminal) -> None:
    """`feed --format table` names position, inbox and event."""
    (inbox_id, _), *_ = three_events(small_terminal)
    ran = small_terminal.run("feed", *WHO, "--format", "table")
    head, _, first, second, *_ = (line.split() for line in ran.out.splitlines() if line.strip())
    assert (ran.code, head[:4]) == (0, ["position", "inbox", "id", "version"])
    assert (first[:3], second[:3]) == (["0", inbox_id, "1"], ["1", inbox_id, "2"])
    assert ("inbox.registered" in first, "inbox.warmup_started" in second) == (True, True)


def test_following_shows_what_is_written_meanwhile_until_it_is_interrupted(terminal: Terminal) -> None:
    """`feed --follow` through a pipe: each event as it comes, and Ctrl-C ends it as it ends any command."""
    three_events(terminal)
    with terminal.start("feed", *WHO, "--follow") as process:
        assert process.stdout is not None
        assert [json.loads(process.stdout.readline())["position"] for _ in range(3)] == [0, 1, 2]
        new = terminal.register("cleo@mail.example.com")
        line = json.loads(process.stdout.readline())
        assert (line["position"], line["inbox_id"]) == (3, new.id)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    terminal.check(Ran(process.returncode, out, err))
    assert (process.returncode, out, err) == (130, "", "inbox-lifecycle: interrupted\n")


def test_following_ends_at_its_limit(small_terminal: Terminal) -> None:
    """`feed --follow --limit` needs nobody to end it."""
    three_events(small_terminal)
    ran = small_terminal.run("feed", *WHO, "--follow", "--limit", "3")
    assert (ran.code, len(ran.lines)) == (0, 3)


def test_parked_events_come_with_the_errors_type_alone(terminal: Terminal) -> None:
    """`parked` tells where, what and how often, and nothing of what the error said."""
    expected = three_events(terminal)
    park(terminal, "mailer")
    ran = terminal.run("parked", "mailer")
    assert (ran.code, [(line["inbox_id"], line["version"]) for line in ran.lines]) == (0, expected)
    assert {(line["error"], line["tries"]) for line in ran.lines} == {("ValueError", 1)}
    assert [line["position"] for line in ran.lines] == [0, 1, 2]
    assert "a secret" not in ran.out
    assert terminal.run("parked", "another").out == ""


def test_parked_events_as_a_table_name_event_and_error(small_terminal: Terminal) -> None:
    """`parked --format table` is for whoever has to look into it."""
    three_events(small_terminal)
    park(small_terminal, "mailer")
    ran = small_terminal.run("parked", "mailer", "--format", "table")
    assert ran.code == 0
    assert ran.out.count("ValueError") == ran.out.count("inbox.") == 3


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("seal",), 2, "--as-operator"),
        (("feed",), 2, "--as-operator"),
        (("parked",), 2, "NAME"),
        (("seal", *WHO, "--limit", "0"), 2, "--limit"),
        (("feed", *WHO, "--limit", "0"), 2, "--limit"),
        (("feed", *WHO, "--after", "-2"), 2, "--after"),
        (("feed", *WHO, "--after", str(2**63)), 10, "after is a position"),
        (("parked", "mail box"), 10, "a subscription's name"),
    ],
)
def test_wrong_usage_is_told_on_one_line(
    small_terminal: Terminal, arguments: tuple[str, ...], code: int, says: str
) -> None:
    """Each with the option it is about, or the cure."""
    ran = small_terminal.run(*arguments)
    assert (ran.code, ran.out) == (code, "")
    assert says in ran.err
