"""A process of its own that works on a workload: `python -m tests.support.workload_worker`.

Reads an order as one line of JSON, opens its facade, says `ready`, waits for another line, works, and says `done`; then
it reads the next order, until there is none. What it called and heard stands in the order's journal, killed or not.

    with worker() as process:
        begin(process, order)      # to `ready`
        go(process)
        finish(process)            # to `done`, or kill it
    read_records(order.journal)
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from subprocess import Popen

import msgspec

from inbox_lifecycle import Inboxes, Instantly
from tests.support.children import child
from tests.support.racing import PATIENCE
from tests.support.workload import Mark, Recorder, Workload, at_once, journal, open_journal, work


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is to do."""

    #: The database.
    url: str
    #: The provider.
    base_url: str
    api_key: str
    #: Ids of the inboxes.
    inboxes: list[str]
    #: Begins the names of its workers; no two orders of a history have the same.
    process: str
    seed: str
    #: Workers, each in a thread, on one facade.
    threads: int
    #: Calls of each.
    count: int
    #: How often each kind is called, in parts.
    mix: dict[str, int]
    #: A file of its own.
    journal: str
    #: Seconds of a lease; None is ample.
    call_budget: float | None = None


def worker() -> AbstractContextManager[Popen[str]]:
    """A process that takes orders."""
    return child(__name__)


def begin(process: Popen[str], order: Order) -> None:
    """Give an order; the process is ready for it."""
    _tell(process, msgspec.json.encode(order).decode())
    assert _hear(process) == "ready"


def go(process: Popen[str]) -> None:
    """Let it work."""
    _tell(process, "go")


def finish(process: Popen[str]) -> None:
    """Wait until it has done its work; if something went wrong in it, say what."""
    said = _hear(process)
    assert said == "done", process.communicate(timeout=PATIENCE)[1]


def main() -> None:
    """Work."""
    for line in sys.stdin:
        order = msgspec.json.decode(line, type=Order)
        provider = Instantly(api_key=order.api_key, base_url=order.base_url, timeout=PATIENCE)
        descriptor = open_journal(order.journal)
        with Inboxes(order.url, provider=provider, call_budget=order.call_budget) as inboxes:
            _say("ready")
            sys.stdin.readline()
            fulfil(inboxes, order, journal(descriptor))
        os.close(descriptor)
        _say("done")


def fulfil(inboxes: Inboxes, order: Order, write: Callable[[Mark], object]) -> None:
    """Work in so many threads at once."""
    at_once([partial(_work, inboxes, order, write, number) for number in range(order.threads)])


def _work(inboxes: Inboxes, order: Order, write: Callable[[Mark], object], number: int) -> None:
    calls = Workload(f"{order.seed} {number}", order.inboxes, mix=order.mix)
    work(inboxes, calls, Recorder(f"{order.process} {number}", write), order.count)


def _say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def _tell(process: Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _hear(process: Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


if __name__ == "__main__":
    main()
