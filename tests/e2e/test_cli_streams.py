"""Standard streams that came closed, that nobody reads, or that cannot be written; and what reaches a terminal."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from inbox_lifecycle import errors
from inbox_lifecycle.cli.exits import message_for
from inbox_lifecycle.cli.findings import Finding, Look, checked
from inbox_lifecycle.facade.assembly import open_database
from inbox_lifecycle.store.session import Session
from tests.support.commands import PATIENCE, Terminal
from tests.support.databases import TestDatabase


@dataclass(frozen=True)
class Slow:
    """A look that takes its time."""

    name: ClassVar[str] = "slow"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> None:
        """Sleep."""
        session.one("select pg_catalog.pg_sleep(20)")


def shell(terminal: Terminal, rest: str) -> subprocess.CompletedProcess[str]:
    """Run the command with what a shell does to its streams."""
    return subprocess.run(
        ["/bin/bash", "-c", f"set -o pipefail; {sys.executable} -m inbox_lifecycle {rest}"],
        cwd=terminal.folder,
        env=terminal.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize(
    ("rest", "code", "err"),
    [
        ("doctor >&-", 0, ""),
        ("doctor 2>&- >&- <&-", 0, ""),
        ("show seven --owner acme 2>&-", 10, ""),
        ("show seven --owner acme 2>/dev/full", 10, ""),
        ("doctor > /dev/full", 74, "inbox-lifecycle: cannot write the output: No space left on device\n"),
        (
            "doctor --format table > /dev/full",
            74,
            "inbox-lifecycle: cannot write the output: No space left on device\n",
        ),
        ("--help > /dev/full", 74, "inbox-lifecycle: cannot write the output: No space left on device\n"),
        ("--help | (exec <&-)", 141, ""),
        ("doctor --format table | (exec <&-)", 141, ""),
    ],
)
def test_streams_that_are_closed_or_full_end_with_a_code_and_at_most_a_line(
    tmp_path: Path, sqlite_database: TestDatabase, rest: str, code: int, err: str
) -> None:
    """Never with a traceback, and never as a bug."""
    ran = shell(Terminal(tmp_path, sqlite_database), rest)
    assert (ran.returncode, ran.stderr) == (code, err)


def test_what_the_library_says_to_python_is_said_in_options() -> None:
    """Nobody on a command line can pass a uuid.UUID."""
    said = {
        errors.MalformedId("ID"): "ID is not a UUID: pass the 36-character text form",
        errors.ActorRequired(): "nobody said who acts: say --actor NAME",
        errors.InvalidInput("an operator has a name: pass actor=..."): "an operator has a name: say --as-operator NAME",
        errors.InvalidInput("older_than is a time span, such as timedelta(days=90)"): (
            "--older-than is a time span, such as 90d"
        ),
    }
    assert {error: message_for(error) for error in said} == said


def test_examples_keep_their_indent_where_they_are_the_second_paragraph(tmp_path: Path) -> None:
    """They look the same in the help of every command."""
    out = Terminal(tmp_path).run("completion", "--help").out
    assert "\n   source <(inbox-lifecycle completion bash)" in out
    assert "[bold]" not in out


def test_a_look_that_was_cancelled_is_told_as_that(postgres_database: TestDatabase) -> None:
    """A statement_timeout is nobody else's transaction."""
    joint = "&" if "?" in postgres_database.url else "?"
    database = open_database(f"{postgres_database.url}{joint}options=-cstatement_timeout%3D50", None)

    def slow(look: Look) -> list[Finding]:
        look.at(Slow())
        return []

    (finding,) = checked(Look(database), "guards", slow)
    database.close()
    assert "statement_timeout" in finding.what
    assert "concurrent" not in finding.what
