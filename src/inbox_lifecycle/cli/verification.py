"""Running a verification: in this process, or shared among several, with a bar where somebody watches."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from inbox_lifecycle.audit.checkpoints import Checkpoint
from inbox_lifecycle.audit.notes import Verifier
from inbox_lifecycle.audit.verify import Range, Verification, ranges, verify_inboxes, verify_rest
from inbox_lifecycle.cli.opening import inboxes
from inbox_lifecycle.cli.options import Place
from inbox_lifecycle.cli.render import make_console
from inbox_lifecycle.drivers.sync import SyncDriver
from inbox_lifecycle.facade.assembly import open_database
from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.store.verification import CountInboxes

#: Who looks, where nothing that is recorded names it.
_NOBODY = "inbox-lifecycle"
#: Ranges for each process: the slowest one is then not far behind the others.
_SHARES = 8

T = TypeVar("T")
Told = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to verify, and how."""

    inbox_id: str | None
    against: tuple[Checkpoint, ...]
    verifier: Verifier | None
    #: Processes; 0 for as many as there are cores.
    jobs: int


def run(place: Place, wanted: Wanted) -> Verification:
    """The report.

    Raises:
        InboxNotFound: there is no such inbox.
        StoreError: the database could not be asked.
    """
    jobs = wanted.jobs or os.cpu_count() or 1
    if jobs > 1 and wanted.inbox_id is None:
        return _run_in_processes(place, wanted, jobs)
    with inboxes(place) as opened:
        operator = opened.operator(actor=_NOBODY)
        if wanted.inbox_id is not None:
            return operator.verify(wanted.inbox_id)
        with _bar(_count(place)) as progress:
            return operator.verify(against=wanted.against, verifier=wanted.verifier, progress=progress)


def _run_in_processes(place: Place, wanted: Wanted, jobs: int) -> Verification:
    # The look at the schema, once and before any process is begun.
    with inboxes(place) as opened:
        opened.operator(actor=_NOBODY).find(limit=1)
    parts = _driven(place, ranges(jobs * _SHARES))
    report = Verification()
    # Begun afresh: a copy of this process would hold its connections.
    context = multiprocessing.get_context("spawn")
    with _bar(_count(place)) as progress, ProcessPoolExecutor(jobs, mp_context=context) as pool:
        # The feed is one walk from its beginning, so it begins first.
        shares = [pool.submit(_verify_rest, place, wanted)]
        shares += [pool.submit(_verify_range, place, part) for part in parts]
        for share in as_completed(shares):
            report = report.plus(share.result())
            if progress is not None:
                progress(report.inboxes)
    return report


def _verify_range(place: Place, part: Range) -> Verification:
    return _driven(place, verify_inboxes(part, None))


def _verify_rest(place: Place, wanted: Wanted) -> Verification:
    return _driven(place, verify_rest(against=wanted.against, verifier=wanted.verifier))


def _count(place: Place) -> int:
    return _driven(place, again(CountInboxes())) if sys.stderr.isatty() else 0


def _driven(place: Place, flow: Flow[T]) -> T:
    driver = SyncDriver(open_database(place.database_url, place.schema), None)
    try:
        return driver.run(flow)
    finally:
        driver.close()


@contextmanager
def _bar(total: int) -> Iterator[Told | None]:
    """Says how far it is, where somebody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TextColumn("inboxes"), TimeRemainingColumn())
    with Progress(*columns, console=make_console(stderr=True), transient=True) as progress:
        task = progress.add_task("verifying", total=total)
        yield lambda count: progress.update(task, completed=count)
