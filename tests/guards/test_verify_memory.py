"""Verification streams: what it holds at once does not grow with the history."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.making import load_sqlite
from inbox_lifecycle import Inboxes
from inbox_lifecycle.audit.verify import Verification
from tests.support.databases import SqliteFiles

#: Inboxes of four events each: more than a page holds of inboxes, events and positions.
FEW = 600
TIMES = 4


@contextmanager
def filled(sqlite_files: SqliteFiles, inboxes: int) -> Iterator[Inboxes]:
    """A facade over a sealed history of so many inboxes."""
    with sqlite_files.fresh() as database:
        load_sqlite(database.path, inboxes)
        with Inboxes(database.url) as opened:
            assert opened.operator(actor="vera").seal().events == 4 * inboxes
            yield opened


def peak(inboxes: Inboxes) -> tuple[int, Verification]:
    """Bytes held at most while all of it is verified, and the report."""
    operator = inboxes.operator(actor="vera")
    # What is made once and kept, such as compiled statements, is made before.
    operator.verify()
    tracemalloc.start()
    try:
        report = operator.verify()
        return tracemalloc.get_traced_memory()[1], report
    finally:
        tracemalloc.stop()


def test_four_times_the_history_takes_no_more_memory(sqlite_files: SqliteFiles) -> None:
    """A page of inboxes and a page of positions are all there is at any time."""
    with filled(sqlite_files, FEW) as few, filled(sqlite_files, TIMES * FEW) as many:
        held_for_few, report = peak(few)
        assert (report.findings, report.inboxes, report.events, report.positions) == ([], FEW, 4 * FEW, 4 * FEW)
        held_for_many, report = peak(many)
        assert (report.findings, report.inboxes) == ([], TIMES * FEW)
    assert held_for_many < 1.1 * held_for_few
