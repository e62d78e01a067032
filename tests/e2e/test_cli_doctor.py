"""`inbox-lifecycle doctor`: what it prints, and what it ends with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import Terminal
from tests.support.databases import TestDatabase

KEPT = 0o600


def test_a_file_that_nobody_else_may_read_has_nothing_to_cure(sqlite_database: TestDatabase, tmp_path: Path) -> None:
    """It ends with 0, and every finding is there with its level, as JSON where no person is looking."""
    Path(sqlite_database.path).chmod(KEPT)
    ran = Terminal(tmp_path, sqlite_database).run("doctor")
    assert (ran.code, ran.document["errors"], ran.document["warnings"]) == (0, 0, 0)
    assert {finding["level"] for finding in ran.document["findings"]} == {"ok"}
    assert {finding["about"] for finding in ran.document["findings"]} >= {"schema", "guards", "file", "open attempts"}


@pytest.mark.parametrize(("mode", "code", "level"), [(0o644, 0, "warning"), (0o666, 1, "error")])
def test_a_file_that_is_open_to_everybody_is_found(
    sqlite_database: TestDatabase, tmp_path: Path, mode: int, code: int, level: str
) -> None:
    """Reading it is a warning, for it holds addresses; writing it is an error, for then no guard holds."""
    Path(sqlite_database.path).chmod(mode)
    ran = Terminal(tmp_path, sqlite_database).run("doctor")
    (finding,) = (finding for finding in ran.document["findings"] if finding["about"] == "file")
    assert (ran.code, finding["level"]) == (code, level)
    assert finding["cure"].startswith("chmod o-rwx")


def test_an_error_ends_with_1_and_a_person_reads_a_table(empty_database: TestDatabase, tmp_path: Path) -> None:
    """One line a finding, with the cure at its end; standard error has nothing, for the finding is the result."""
    ran = Terminal(tmp_path, empty_database).run("doctor", "--format", "table")
    (line,) = (line for line in ran.out.splitlines() if line.split()[:1] == ["error"])
    assert ran.code == 1
    assert "`inbox-lifecycle db upgrade`" in line


def test_a_database_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    """And looking for it does not make it."""
    ran = Terminal(tmp_path).run("doctor")
    assert (ran.code, [finding["about"] for finding in ran.document["findings"]]) == (1, ["database"])
    assert list(tmp_path.iterdir()) == []
