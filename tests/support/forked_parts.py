"""A process that forks while everything of its drivers is in use; what its child found, as a line of JSON.

    python -m tests.support.forked_parts DATABASE_URL

Two connections are kept ready, a shielding thread waits for work, and as many commits are under way as go at once. The
child uses its own of each, closes its connections, drops all that it has inherited, and ends.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
from dataclasses import dataclass
from typing import ClassVar

from inbox_lifecycle.drivers import shielded
from inbox_lifecycle.drivers.group_commit import AT_ONCE
from inbox_lifecycle.drivers.shielded import Shielded
from inbox_lifecycle.drivers.sync import Database
from inbox_lifecycle.flow import Once
from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.store.session import Session, backend_for
from tests.support.committing import PATIENCE, Company, commit_on, moved, until


def main(url: str) -> None:
    """Have everything in use, and fork."""
    engine = make_engine(url)
    database = Database(engine, backend_for(engine.dialect), owns_engine=True)
    before = sessions(database)
    worker = Shielded(threading.current_thread, PATIENCE).result()
    until(lambda: bool(shielded._IDLE_WORKERS.workers))  # noqa: SLF001 - nothing else tells that one waits by now
    company = Company()
    begun = [company.begin(commit_on(number)) for number in range(AT_ONCE)]
    read, write = os.pipe()
    if os.fork() == 0:
        found = {
            "sessions of the parent": len(sessions(database) & before),
            "shielded by the parent's thread": Shielded(threading.current_thread, PATIENCE).result() is worker,
            "committed": commits(company),
        }
        database.close()
        del database, engine
        gc.collect()
        os.write(write, json.dumps(found).encode())
        # Nothing of the parent's is to be tidied up here.
        os._exit(0)
    os.wait()
    for _, sent in begun:
        sent.succeed()
    told = json.loads(os.read(read, 1 << 16)) | {"parent goes on": sessions(database) == before}
    database.close()
    sys.stdout.write(json.dumps(told))


@dataclass(frozen=True)
class Sessions:
    """The numbers of two sessions, or of so many, that are in use at once, by their own word."""

    database: Database
    count: int = 2
    name: ClassVar[str] = "sessions"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> set[int]:
        """Ask, and have others ask meanwhile."""
        row = session.one("select pg_backend_pid()")
        assert row is not None
        others = sessions(self.database, self.count - 1) if self.count > 1 else set()
        return {int(row[0])} | others


def sessions(database: Database, count: int = 2) -> set[int]:
    """The numbers of sessions that are in use at once."""
    found: set[int] = database.perform(Once(Sessions(database, count)))
    return found


def commits(company: Company) -> bool:
    """Whether somebody who comes now goes at once."""
    call, sent = company.begin(commit_on(11))
    sent.succeed()
    return call.result(PATIENCE) == moved(commit_on(11))


if __name__ == "__main__":
    main(*sys.argv[1:])
