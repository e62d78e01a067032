"""Worker processes to be killed: `python -m tests.support.victims` forks one for each order it is sent.

A worker made from scratch would spend a second on its imports, several times as long as it is to live. This process
has done them, has no threads and no connections, and forks. It reads one request a line and answers each with a line:
an order with the pid of its worker, and a pid with how that worker ended, once it has. Until it is asked for, a dead
worker keeps its pid, so that nobody else can be hit in its place. At the end of its input it ends all that are left.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import traceback
from typing import NoReturn

import msgspec

from inbox_lifecycle import Inboxes, Instantly, audit_context
from tests.support.workload import Recorder, Workload, journal, note, open_journal

#: What the first call would import otherwise.
_FIRST_CALL = (
    "inbox_lifecycle.drivers.transport",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is to do until it is killed."""

    #: Its name, which no other worker of the history has.
    name: str
    url: str
    base_url: str
    api_key: str
    inboxes: tuple[str, ...]
    #: Where it notes down what it calls and hears.
    journal: str
    #: Seconds after which others may settle what it left open.
    call_budget: float
    #: Seconds for each exchange with the provider.
    timeout: float


def correlation(name: str, number: int) -> str:
    """By what the attempt of a worker's call is found again; calls are counted from one."""
    return f"{name}, call {number}"


def labour(order: Order) -> NoReturn:
    """Make one call after another, until killed."""
    notes = Recorder(order.name, journal(open_journal(order.journal)))
    calls = Workload(order.name, order.inboxes)
    provider = Instantly(api_key=order.api_key, base_url=order.base_url, timeout=order.timeout)
    with Inboxes(order.url, provider, call_budget=order.call_budget) as inboxes:
        for number, call in enumerate(calls, 1):
            with audit_context(correlation_id=correlation(order.name, number)):
                calls.heard(note(inboxes, call, notes))
    raise AssertionError("the calls never end")


def main() -> None:
    """Serve."""
    for name in _FIRST_CALL:
        importlib.import_module(name)
    living: set[int] = set()
    # Line by line, so that nothing is read ahead into a buffer that the workers would share.
    while line := sys.stdin.readline():
        request = msgspec.json.decode(line, type=Order | int)
        if isinstance(request, int):
            living.discard(request)
            answer = _ended(request)
        else:
            answer = _fork(request)
            living.add(answer)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    for pid in living:
        os.kill(pid, signal.SIGKILL)
        _ended(pid)


def _ended(pid: int) -> int:
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _fork(order: Order) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        # The pipes belong to the parent.
        os.close(0)
        os.dup2(2, 1)
        labour(order)
    except BaseException:  # noqa: BLE001 - a worker that ends before it is killed has found something
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
