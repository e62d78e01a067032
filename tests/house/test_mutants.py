"""The survivors of the mutation run: each that is excused names code that still stands, and the page is of this run."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.mutation import report, sql

TOP = Path(__file__).parents[2]
PAGE = TOP / "docs" / "mutants.md"

SURVIVORS = [survivor for group in report.groups() for survivor in group.mutants]
PLACES = sorted({(survivor.file, survivor.place) for survivor in SURVIVORS})


def _words(text: str) -> str:
    return " ".join(text.split())


def _function(file: str, place: str) -> str:
    """The text of a function or a method, decorators and all."""
    source = (TOP / "src" / "inbox_lifecycle" / file).read_text()
    scope: list[ast.stmt] = ast.parse(source).body
    *owners, name = place.split(".")
    for owner in owners:
        (found,) = (node for node in scope if isinstance(node, ast.ClassDef) and node.name == owner)
        scope = found.body
    (function,) = (
        node for node in scope if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    )
    return ast.get_source_segment(source, function) or ""


@pytest.mark.parametrize(("file", "place"), PLACES)
def test_every_excused_survivor_changes_code_that_still_stands(file: str, place: str) -> None:
    """An excuse for a line that is gone would excuse nothing, and hide that nobody looked at the new one."""
    statements = {name: text for _, name, text in sql.statements()}
    code = _words(statements.get(place) or _function(file, place))
    here = [survivor for survivor in SURVIVORS if (survivor.file, survivor.place) == (file, place)]
    assert [survivor.before for survivor in here if _words(survivor.before) not in code] == []
    assert [survivor for survivor in here if survivor.before == survivor.after] == []


def test_no_survivor_is_excused_twice() -> None:
    """One mutant, one reason."""
    assert len(SURVIVORS) == len(set(SURVIVORS))


def test_every_excuse_says_why() -> None:
    """A sentence, by which a reader can judge."""
    assert [group.because for group in report.groups() if len(group.because.split()) < 4 or not group.mutants] == []


def test_the_page_has_a_date_a_command_and_a_score_that_is_high_enough() -> None:
    """What stands in the docs is a run, and one that passed."""
    text = PAGE.read_text()
    assert re.search(r"^Last run: \d{4}-\d\d-\d\d, `make mutants`", text, re.MULTILINE)
    score = re.search(r"^\| \*\*all\*\* .*\| ([\d.]+) % \|$", text, re.MULTILINE)
    assert score
    assert float(score[1]) >= report.WANTED
    assert "Not looked into" not in text
