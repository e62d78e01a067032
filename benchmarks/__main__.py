"""Runs the benchmarks side by side, and prints tables, goals and where the plot is.

make bench                                                  everything, some minutes
.venv/bin/python -m benchmarks --only commit writers        these groups
.venv/bin/python -m benchmarks --scale 0.3 --repeats 5      quicker and rougher
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import msgspec

from benchmarks.goals import GOALS
from benchmarks.groups import all_groups
from benchmarks.harness import REPEATS, AnyGroup
from benchmarks.judging import judge
from benchmarks.plot import draw
from benchmarks.report import tell
from benchmarks.results import Report
from benchmarks.running import SMOKE, Effort, run
from benchmarks.servers import Server, file_system, server

OUT = Path("build/bench")
_LIBRARIES = ("psycopg", "sqlalchemy", "eventsourcing", "transitions", "python-statemachine")


def main() -> None:
    """Run what was asked for."""
    groups = all_groups()
    arguments = _arguments([group.name for group in groups])
    chosen = [group for group in groups if not arguments.only or group.name in arguments.only]
    effort = SMOKE if arguments.smoke else Effort(repeats=arguments.repeats, scale=arguments.scale)
    _announce(chosen, effort)
    with server(smoke=arguments.smoke) as running:
        report = _run(chosen, running, effort)
    _write(report, arguments.out, arguments.json)


def _announce(groups: list[AnyGroup], effort: Effort) -> None:
    if not effort.smoke:
        budget = sum(group.budget for group in groups) * effort.scale
        print(
            f"{len(groups)} groups, some {budget:.0f} seconds of measuring and half as much again around it", flush=True
        )


def _run(groups: list[AnyGroup], running: Server, effort: Effort) -> Report:
    began, results = time.perf_counter(), []
    for group in groups:
        result = run(group, running, effort)
        results.append(result)
        print(f"  {result.seconds:5.1f} s  {result.name}", file=sys.stderr, flush=True)
    return Report(
        about=_about(running),
        repeats=effort.repeats,
        smoke=effort.smoke,
        seconds=time.perf_counter() - began,
        groups=results,
        goals=judge(GOALS, results),
    )


def _about(running: Server) -> dict[str, str]:
    told = running.told()
    settings = ", ".join(f"{name} {value}" for name, value in told.items() if name != "version")
    return {
        "date": time.strftime("%F"),
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, {platform.machine()}",
        "Python": f"{platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in _LIBRARIES)}",
        "PostgreSQL": f"{told['version']} over its Unix socket: {settings}",
        "SQLite": f"{sqlite3.sqlite_version}: WAL, synchronous FULL, on {file_system(Path(tempfile.gettempdir()))}",
    }


def _write(report: Report, out: Path, json: Path | None) -> None:
    out.mkdir(parents=True, exist_ok=True)
    text = "\n".join(tell(report))
    print(text)
    (out / "bench.md").write_text(text + "\n", encoding="utf-8")
    data = msgspec.json.format(msgspec.json.encode(report))
    (json or out / "bench.json").write_bytes(data)
    draw(report, out / "bench.svg")
    print(f"Tables, data and plot are in {out}.")


def _arguments(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="GROUP", choices=names, help=f"of {', '.join(names)}")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="interleaved repeats, %(default)s unless said")
    parser.add_argument("--scale", type=float, default=1.0, help="stretches each group's budget of seconds")
    parser.add_argument("--smoke", action="store_true", help="only whether it runs: tiny sizes, one repeat")
    parser.add_argument("--json", type=Path, help="file for the data, bench.json in the folder unless said")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for all three, %(default)s unless said")
    return parser.parse_args()


if __name__ == "__main__":
    main()
