"""The sequencer: how fast it gives positions, and what it costs those who append meanwhile."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Self

import psycopg

from benchmarks.child import measure
from benchmarks.harness import AnyContestant, Contestant, Group, Measured, Role, Setting, Stage, WholeGroup
from benchmarks.ours import recording, shared, url_of
from benchmarks.stock import Claimed, Stock, analyze, open_stock
from inbox_lifecycle import Inboxes

OURS = "inbox-lifecycle, seal"
OURS_SQLITE = "inbox-lifecycle, seal, SQLite"
BARE = "psycopg, one numbered insert"
ALONE = "appends, nobody seals"
BESIDE = "appends beside a sealer"

#: Events in a measurement, and in the smallest one.
_EVENTS, _FEW = 10_000, 100
#: Seconds between two looks of a sealer that goes along.
PAUSE = 0.05

# The least that numbering can be: no closure over what is not visible yet, no tree, no guards.
_NUMBERED = """
create table if not exists numbered (position bigint primary key, inbox_id uuid, version integer, hash bytea);
truncate numbered;
"""
_NUMBER = """
insert into numbered select row_number() over (order by seq), inbox_id, version, hash
from inbox_lifecycle.inbox_feed_queue
"""


@contextmanager
def open_stages(setting: Setting) -> Iterator[list[Stage]]:
    """The same number of events waits in each; PostgreSQL and SQLite by the facade, and one bare statement."""
    url, bare, file = setting.postgresql(), setting.postgresql(), setting.sqlite()
    count = _FEW if setting.smoke else _EVENTS
    with ExitStack() as exits:
        stages = []
        for name, database in ((OURS, url), (OURS_SQLITE, file)):
            stock = exits.enter_context(open_stock(database))
            inboxes = exits.enter_context(Inboxes(url_of(database)))
            work = partial(_seal, inboxes, stock, count)
            stages.append(Stage(name=name, role=Role.OURS, measure=work))
        stock = exits.enter_context(open_stock(bare))
        stock.inboxes(count)
        stages.append(Stage(name=BARE, role=Role.LIMIT, measure=partial(_number, bare, count)))
        yield stages


def _seal(inboxes: Inboxes, stock: Stock, count: int) -> Measured:
    operator = inboxes.operator(actor="bench")
    operator.seal()
    stock.inboxes(count)
    return measure(lambda: operator.seal().events)


def _number(url: str, count: int) -> Measured:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_NUMBERED)

        def work() -> int:
            connection.execute(_NUMBER)
            return count

        return measure(work)


class Sealer:
    """A process that seals what waits, again and again, or rests."""

    def __init__(self, database: str | Path) -> None:
        """Start one, resting."""
        self._command = [sys.executable, "-m", "benchmarks.sequencing", url_of(database)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603 - this very module
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def say(self, word: str) -> None:
        """Have it `work` or `rest`; it has done so, and nothing waits when it begins to work, once this returns."""
        assert self._process.stdin is not None  # noqa: S101 - both are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        self._process.stdout.readline()


@contextmanager
def open_contestants(setting: Setting) -> Iterator[list[AnyContestant]]:
    """The same appends, with a sealer that rests and with one that works."""
    url = setting.postgresql()
    with open_stock(url) as stock, recording(url) as record, Sealer(url) as sealer:

        def told(word: str) -> Callable[[int], Sequence[Claimed]]:
            def make(count: int) -> Sequence[Claimed]:
                sealer.say("rest")
                claimed = stock.claimed(count)
                # Either way nothing waits when the appends begin.
                sealer.say("work")
                sealer.say(word)
                return claimed

            return make

        stock.claimed(_FEW if setting.smoke else _EVENTS // 2)
        analyze(url)
        yield [
            Contestant(name=name, role=Role.OURS, stock=told(word), worker=shared(record))
            for name, word in ((ALONE, "rest"), (BESIDE, "work"))
        ]


def _main() -> None:
    """Obey: a line `work` or `rest` is answered as soon as it holds."""
    works = threading.Event()
    idle = threading.Lock()
    with Inboxes(sys.argv[1]) as inboxes:
        operator = inboxes.operator(actor="bench")

        def seal() -> None:
            while works.wait():
                with idle:
                    operator.seal()
                threading.Event().wait(PAUSE)

        threading.Thread(target=seal, daemon=True).start()
        for line in sys.stdin:
            works.clear()
            with idle:
                if line.strip() == "work":
                    operator.seal()
                    works.set()
            print("so be it", flush=True)


GROUPS = (
    WholeGroup(
        name="sequencer",
        work=f"{_EVENTS:,} events that wait get their positions, and the tree their leaves, durably.",
        unit="events",
        open=open_stages,
        base=BARE,
        budget=20.0,
        remarks=(f"{BARE}: the same rows numbered and copied, with no tree, no guard, no closing of gaps.",),
    ),
    Group(
        name="appends beside the sequencer",
        work="One accepted retry recorded and durable, while another process seals twenty times a second, or rests.",
        open=open_contestants,
        base=ALONE,
        levels=(1, 8),
        budget=10.0,
    ),
)

if __name__ == "__main__":
    _main()
