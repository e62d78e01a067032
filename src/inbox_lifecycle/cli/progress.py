"""How far a long run has come, on standard error: a bar where somebody watches, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from inbox_lifecycle.cli.render import make_console

if TYPE_CHECKING:
    from inbox_lifecycle.lifecycle.bulk import BulkProgress

#: Seconds between two plain lines: a log of half an hour's run stays readable.
EVERY: Final = 5.0

_WAITING: Final = {
    "busy": "the provider is busy",
    "throttled": "the provider's rate limit is reached",
    "unavailable": "the provider cannot be reached",
}

Tell = Callable[["BulkProgress"], None]


@dataclass(slots=True)
class Last:
    """The newest report, for whoever breaks the run off."""

    done: int = 0
    total: int = 0


@contextmanager
def retrying(lease: float) -> Iterator[Tell]:
    """Tells how far a bulk run has come; broken off, the run says how to go on.

    Args:
        lease: seconds for which the run's claims stand once it is gone.
    """
    last = Last()
    with _bar("retrying") if sys.stderr.isatty() else _lines() as tell:

        def telling(progress: BulkProgress) -> None:
            last.done, last.total = progress.done, progress.total
            tell(progress)

        with _resumable(last, lease):
            yield telling


@contextmanager
def looking() -> Iterator[Callable[[int], None] | None]:
    """Tells how many inboxes were looked at, where somebody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("looking"), BarColumn(), TextColumn("{task.completed} inboxes"), _Rate())
    with Progress(*columns, console=make_console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking", total=None)
        yield lambda count: bar.update(task, completed=count)


def line_of(progress: BulkProgress, seconds: float) -> str:
    """A report on one line, after so many seconds."""
    rate = progress.done / seconds if seconds > 0 else 0.0
    left = f", {(progress.total - progress.done) / rate:.0f} s left" if rate and progress.total > progress.done else ""
    speed = f", {rate:.1f}/s" if rate else ""
    return f"{progress.done} of {progress.total} inboxes{speed}{left}{_told(progress)}"


def outcomes_of(counts: Mapping[str, int]) -> str:
    """Numbers by outcome, as `297 moved, 3 rejected`."""
    return ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in counts.items() if count)


class Lines:
    """Says a line every few seconds, and whenever the run begins to wait."""

    def __init__(self, say: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin to count the seconds."""
        self._say = say
        self._clock = clock
        self._began = self._said = clock()
        self._waiting: str | None = None

    def __call__(self, progress: BulkProgress) -> None:
        """Say it, or leave it."""
        now = self._clock()
        begins_to_wait = progress.waiting_for is not None and progress.waiting_for != self._waiting
        self._waiting = progress.waiting_for
        if begins_to_wait or now - self._said >= EVERY:
            self._said = now
            self._say(line_of(progress, now - self._began))


@contextmanager
def _lines() -> Iterator[Tell]:
    yield Lines(lambda line: print(f"inbox-lifecycle: {line}", file=sys.stderr, flush=True))


@contextmanager
def _bar(what: str) -> Iterator[Tell]:
    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[told]}"),
    )
    with Progress(*columns, console=make_console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, told="")
        yield lambda progress: bar.update(
            task, total=progress.total, completed=progress.done, told=_told(progress).removeprefix(": ")
        )


class _Rate(ProgressColumn):
    """Inboxes a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "")


def _told(progress: BulkProgress) -> str:
    waits = progress.waiting_for and f"waits, {_WAITING.get(progress.waiting_for, progress.waiting_for)}"
    said = "; ".join(filter(None, (outcomes_of(progress.counts), waits)))
    return f": {said}" if said else ""


@contextmanager
def _resumable(last: Last, lease: float) -> Iterator[None]:
    try:
        yield
    except SystemExit as stopped:
        so_far = f"{last.done} of {last.total} inboxes are accounted for, and " if last.total else ""
        stopped.add_note(f"{so_far}what it had claimed is free again in about {ceil(lease)} s: run it again then")
        raise
