"""Fixtures, by subject, and the order in which tests begin."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent

pytest_plugins = [
    "inbox_lifecycle.testing.plugin",
    "tests.fix_database",
    "tests.fix_face",
    "tests.fix_scale",
    "tests.fix_trust",
]

#: Directories by how long their longest file takes: none of those may be the last to begin, with all others at an end.
LONGEST_FIRST = ("proof", "property", "planted", "e2e", "guards", "races", "faults", "migrations", "house", "http")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them in that order, and leave that of each directory as it is."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    directory = item.path.relative_to(TESTS).parts[0]
    return LONGEST_FIRST.index(directory) if directory in LONGEST_FIRST else len(LONGEST_FIRST)
