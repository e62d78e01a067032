"""`inbox-lifecycle db check` on a database whose guards do not all stand."""

from __future__ import annotations

from pathlib import Path

from inbox_lifecycle import downgrade_schema
from tests.support.commands import Terminal
from tests.support.databases import TestDatabase


def _warnings(terminal: Terminal) -> list[str]:
    warnings: list[str] = terminal.run("db", "check").document["warnings"]
    return [warning for warning in warnings if "guard" in warning and "superuser" not in warning]


def test_checking_warns_of_a_guard_that_does_not_stand(database: TestDatabase, tmp_path: Path) -> None:
    """By its name, with what is expected and found; and says nothing as long as all stand."""
    terminal = Terminal(tmp_path, database)
    before = _warnings(terminal)
    table = "" if database.kind == "sqlite" else " on {s}inbox_events"
    database.execute(f"drop trigger inbox_events_kept{table}")
    (warning,) = _warnings(terminal)
    assert before == []
    assert warning.startswith("a guard does not stand")
    assert ": trigger inbox_events_kept on inbox_events, " in warning
    assert warning.endswith(": missing")


def test_checking_a_schema_that_this_version_does_not_work_on_warns_of_no_guards(
    database: TestDatabase, tmp_path: Path
) -> None:
    """Those that its upgrade will bring are not missed before."""
    downgrade_schema(database.url, "1.0001")
    terminal = Terminal(tmp_path, database)
    assert _warnings(terminal) == []
    assert terminal.run("db", "check").document["works"] is False
