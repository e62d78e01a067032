"""A process of its own in a tailing race: `python -m tests.support.tailing_worker URL write SEED INBOX...`.

With `seal LIMIT` for the rest it seals. It says `ready`, and works until its input ends.
"""

from __future__ import annotations

import sys
import threading

from inbox_lifecycle import Inboxes
from tests.support.aftermath import background
from tests.support.databases import TestDatabase
from tests.support.hosts import host_engine
from tests.support.tailing import Sealer, Work, Writer, sealing


def main() -> None:
    """Work."""
    url, role, number, *hot = sys.argv[1:]
    database = TestDatabase("sqlite" if url.startswith("sqlite") else "postgresql", url, "")
    with host_engine(database) as engine, Inboxes(engine) as inboxes:
        if role == "write":
            # SQLite has one writer: who holds its lock for long holds up everybody.
            work: Work = Writer(engine, hot, number, wait=0.01).write
        else:
            work = sealing(inboxes, Sealer(int(number), 0.05))
        over = threading.Event()
        working = background(lambda: work(over))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()
        over.set()
        working.result(60)


if __name__ == "__main__":
    main()
