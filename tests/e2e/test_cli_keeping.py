"""`erase` and `prune-attempts`: what they take away, what they ask first, and what they refuse."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from inbox_lifecycle.cli.options import WrongUsage, read_span
from inbox_lifecycle.testing import Sandbox
from tests.support.commands import ANA, COMMAND, PATIENCE, Ran, Terminal
from tests.support.databases import TestDatabase

WHO = ("--as-operator", "olga")
WHY = ("--reason", "ticket 4711")


@pytest.fixture
def terminal(tmp_path: Path, database: TestDatabase, provider_sandbox: Sandbox) -> Terminal:
    """A shell with a migrated database, SQLite and again PostgreSQL, and a provider."""
    return Terminal(tmp_path, database, provider_sandbox)


@pytest.fixture
def small_terminal(tmp_path: Path, sqlite_database: TestDatabase, provider_sandbox: Sandbox) -> Terminal:
    """A shell with an SQLite database and a provider, for what no database can change."""
    return Terminal(tmp_path, sqlite_database, provider_sandbox)


def asked(terminal: Terminal, answer: str, *arguments: str) -> Ran:
    """A run by somebody who sits at a terminal and types an answer; standard output and error are pipes."""
    keyboard, its_other_end = pty.openpty()
    try:
        os.write(keyboard, answer.encode())
        ran = subprocess.run(
            [*COMMAND, *arguments],
            cwd=terminal.folder,
            env=terminal.environment,
            stdin=its_other_end,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    finally:
        os.close(its_other_end)
        os.close(keyboard)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def test_erasing_prints_the_blank_row_and_keeps_who_and_why(terminal: Terminal) -> None:
    """`erase --yes` blanks the inbox for everybody, and its last event names operator, reason and request."""
    inbox = terminal.warm()
    ran = terminal.run("erase", inbox.id, *WHO, *WHY, "--correlation-id", "r-9", "--yes")
    row = ran.document["account"]
    assert (ran.code, row["id"], row["version"]) == (0, inbox.id, 3)
    assert (row["email_address"], row["owner_id"], row["email_domain"]) == (None, None, None)
    assert row["erased_at"] == row["updated_at"]
    with terminal.inboxes() as inboxes:
        *before, last = inboxes.operator(actor="tess").history(inbox.id)
    assert (last.name, last.context.actor, last.context.reason, last.context.correlation_id) == (
        "inbox.erased",
        "olga",
        "ticket 4711",
        "r-9",
    )
    assert [event.context.as_dict() for event in before] == [{}, {}]
    assert (terminal.run("verify").code, terminal.run("show", inbox.id, "--owner", "acme").code) == (0, 12)


def test_erasing_twice_is_refused(small_terminal: Terminal) -> None:
    """The second ends with 13, and says that it is erased."""
    inbox = small_terminal.register()
    assert small_terminal.run("erase", inbox.id, *WHO, *WHY, "--yes").code == 0
    again = small_terminal.run("erase", inbox.id, *WHO, *WHY, "--yes")
    assert (again.code, "erased should be no" in again.err) == (13, True)


def test_erasing_at_another_version_conflicts(small_terminal: Terminal) -> None:
    """`--expected-version` guards what was decided on what was read before."""
    inbox = small_terminal.warm()
    ran = small_terminal.run("erase", inbox.id, *WHO, *WHY, "--yes", "--expected-version", "1")
    assert (ran.code, small_terminal.standing(inbox)) == (15, ("warming / warming", 2, 2))


def test_erasing_where_nobody_can_be_asked_needs_a_yes(small_terminal: Terminal) -> None:
    """A script says `--yes`; without it nothing is erased."""
    inbox = small_terminal.register()
    ran = small_terminal.run("erase", inbox.id, *WHO, *WHY)
    assert (ran.code, "--yes" in ran.err, small_terminal.standing(inbox)[1]) == (2, True, 1)


@pytest.mark.parametrize("options", [(), ("--reason", "")], ids=["none", "empty"])
def test_erasing_without_a_reason_is_wrong_usage(small_terminal: Terminal, options: tuple[str, ...]) -> None:
    """Nobody is asked, and nothing is erased."""
    inbox = small_terminal.register()
    ran = small_terminal.run("erase", inbox.id, *WHO, *options, "--yes")
    assert (ran.code, "--reason" in ran.err, small_terminal.standing(inbox)[1]) == (2, True, 1)


@pytest.mark.parametrize("answer", ["y\n", "YES\n"], ids=str.strip)
def test_erasing_on_a_terminal_asks_and_does_so(small_terminal: Terminal, answer: str) -> None:
    """The question names the inbox, on standard error, and no address; what is piped on is the row alone."""
    inbox = small_terminal.register()
    ran = asked(small_terminal, answer, "erase", inbox.id, *WHO, *WHY)
    assert (ran.code, ran.document["account"]["email_address"]) == (0, None)
    assert (inbox.id in ran.err, ANA in ran.err) == (True, False)


@pytest.mark.parametrize("answer", ["n\n", "\n", "perhaps\n", "\x04"], ids=["no", "nothing", "perhaps", "Ctrl-D"])
def test_erasing_on_a_terminal_without_a_yes_erases_nothing(small_terminal: Terminal, answer: str) -> None:
    """Anything else is a no."""
    inbox = small_terminal.register()
    ran = asked(small_terminal, answer, "erase", inbox.id, *WHO, *WHY)
    assert (ran.code, ran.out, small_terminal.standing(inbox)[1]) == (2, "", 1)
    assert "nothing was erased" in ran.err


def test_pruning_prints_how_many_went(terminal: Terminal) -> None:
    """`prune-attempts` deletes what is older and leaves what is not, and the history verifies."""
    inbox = terminal.warm()
    assert terminal.database is not None
    terminal.database.execute("update {s}inbox_attempts set lease_until = opened_at")
    young = terminal.run("prune-attempts", "--older-than", "12h", *WHO)
    terminal.database.execute("update {s}inbox_attempts set closed_at = ?", ("2020-01-01T00:00:00.000000Z",))
    old = terminal.run("prune-attempts", "--older-than", "90d", *WHO)
    assert [(ran.code, ran.document) for ran in (young, old)] == [(0, {"pruned": 0}), (0, {"pruned": 1})]
    assert (terminal.outcomes(inbox), terminal.run("verify").code) == ([], 0)


@pytest.mark.parametrize("span", ["90", "d", "90 d", "-1d", "1.5d", "90D", "1w", "9999999999d", "\u0661d"])
def test_a_span_of_another_form_is_wrong_usage(span: str) -> None:
    """The line says which forms there are."""
    with pytest.raises(WrongUsage, match=r"--older-than is a number of .*: 90s, 5m, 2h, 1d"):
        read_span("--older-than", span)


def test_spans_are_seconds_minutes_hours_and_days() -> None:
    """Whole ones."""
    spans = [read_span("--older-than", text).total_seconds() for text in ("90s", "5m", "12h", "90d")]
    assert spans == [90, 300, 12 * 3600, 90 * 86_400]


@pytest.mark.parametrize(("span", "code"), [("0d", 10), ("999999999d", 10), ("soon", 2)])
def test_a_span_that_reaches_nowhere_is_refused(small_terminal: Terminal, span: str, code: int) -> None:
    """Nothing is deleted by a slip."""
    inbox = small_terminal.warm()
    assert small_terminal.run("prune-attempts", "--older-than", span, *WHO).code == code
    assert small_terminal.outcomes(inbox) == ["moved"]
