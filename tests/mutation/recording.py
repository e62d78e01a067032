"""Records, test by test, which functions and statements it reaches and how long it takes; a plugin for pytest.

A test that fails without any mutant, as the trampolines stand in its way, is not recorded: it can tell nothing.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mutmut.state import state
from sqlalchemy import Connection, event

from inbox_lifecycle.store.session import Session
from tests.mutation import sql

#: Names the file that the record is written to.
RECORD = "MUTATION_RECORD"

_seconds: dict[str, float] = defaultdict(float)
_reached: dict[str, list[str]] = {}
_statements: set[str] = set()
_failed: set[str] = set()
_imported: set[str] = set()


def pytest_configure() -> None:
    """Watch the two places through which statements go."""
    names: dict[str, list[str]] = defaultdict(list)
    for _, name, text in sql.statements():
        names[text].append(f"sql:{name}")
    execute = Session._execute  # noqa: SLF001 - where statements meet the driver

    def watched(self: Session, template: str, values: Any) -> None:
        _statements.update(names.get(template) or _found(template))
        execute(self, template, values)

    Session._execute = watched  # type: ignore[method-assign] # noqa: SLF001 - as above

    def others(_connection: Connection, clause: Any, *_: Any) -> None:
        _statements.update(names.get(getattr(clause, "text", ""), ()))

    from sqlalchemy import Engine

    event.listen(Engine, "before_execute", others)


def _found(template: str) -> Iterator[str]:
    """A search, with the conditions it was completed with."""
    yield "sql:FIND"
    for _, name, text in sql.statements():
        if name.startswith("FIND_CONDITIONS") and text in template:
            yield f"sql:{name}"


def pytest_collection_finish() -> None:
    """Note what ran by being imported: in a fork of a process that has imported it, a mutant of it changes nothing."""
    _imported.update(_taken())


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Add up what a test takes, its fixtures included."""
    _seconds[item.nodeid] += call.duration
    if call.excinfo is not None:
        _failed.add(item.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Note what the test has reached."""
    _reached[item.nodeid] = sorted(_taken())


def _taken() -> set[str]:
    reached = state()._stats | _statements  # noqa: SLF001 - mutmut fills it and offers no other way to it
    state()._stats.clear()  # noqa: SLF001 - as above
    _statements.clear()
    return reached


def pytest_sessionfinish() -> None:
    """Write the record."""
    tests = {
        test: {"seconds": round(_seconds[test], 3), "reaches": reached}
        for test, reached in _reached.items()
        if test not in _failed
    }
    told = {"tests": tests, "imported": sorted(_imported), "failed": sorted(_failed)}
    Path(os.environ[RECORD]).write_text(json.dumps(told), encoding="utf-8")
