"""Which tests each mutant runs against, and the processes that run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import msgspec

from tests.mutation.mutants import NOTHING, Mutant, Result
from tests.mutation.running import Job

#: The tests that may notice; each file of `tests/unit` costs next to nothing.
TESTS = ("tests/unit", "tests/contract", "tests/guards", "tests/faults", "tests/migrations", "tests/races")
#: Left out: they start interpreters or servers, build wheels or play for long, and would be all that is waited for.
SLOW = (
    "tests/faults/test_cancelled_tasks.py",
    "tests/faults/test_forks.py",
    "tests/faults/test_killed.py",
    "tests/faults/test_server_crash.py",
    "tests/migrations/test_developing.py",
    "tests/migrations/test_wheel.py",
    "tests/races/test_many_homes.py",
    "tests/unit/test_strategies.py",
)
#: What is imported before the forks is run anew for each mutant, against these.
FRESH = ("tests/unit", "tests/migrations/test_metadata.py")
#: Seconds of tests for a mutant, at first and where it survived those.
CHEAP = 1.0
ALL = 6.0
_NEXT_TO_NOTHING = 0.05
#: The store by itself, statement by statement: what is nearest to a mutant of the SQL.
NEAREST = (
    "tests/contract/test_closing.py",
    "tests/contract/test_looks.py",
    "tests/contract/test_statements.py",
    "tests/contract/test_verify_reads.py",
    "tests/guards/test_orphans.py",
)


class Recorded(msgspec.Struct, frozen=True):
    """A test: what it takes and what it reaches."""

    seconds: float
    reaches: list[str]


class Record(msgspec.Struct, frozen=True):
    """What the tests reach."""

    tests: dict[str, Recorded]
    imported: list[str]
    failed: list[str]


def record(root: Path, work: Path) -> None:
    """Run every test once, without a mutant."""
    path = work / "record.json"
    path.unlink(missing_ok=True)
    _pytest(root, work, "tests.mutation.recording", MUTATION_RECORD=str(path), MUTANT_UNDER_TEST="stats")
    found = _read(work)
    sys.stdout.write(f"{len(found.tests)} tests recorded; left out, as they fail on the copy: {found.failed}\n")


def run(root: Path, work: Path, *, again: bool, only: str, workers: int, budget: float | None) -> None:
    """Run the mutants that have no result yet, or those that survived so far."""
    mutants = msgspec.json.decode((work / "mutants.json").read_bytes(), type=list[Mutant])
    ends = {result.mutant: result.end for result in latest(work)}
    wanted = [
        mutant
        for mutant in mutants
        if re.search(only, f"{mutant.file} {mutant.place}")
        and (ends.get(mutant) == "survived" if again else mutant not in ends)
    ]
    found = _read(work)
    jobs = _jobs(found, wanted, budget or (ALL if again else CHEAP))
    (work / "jobs.json").write_bytes(msgspec.json.encode([_nothing(found), *jobs]))
    _pytest(
        root,
        work,
        "tests.mutation.running",
        MUTATION_JOBS=str(work / "jobs.json"),
        MUTATION_RESULTS=str(work / "results.jsonl"),
        MUTATION_WORKERS=str(workers),
    )
    if again:
        _anew(root, work, [mutant for mutant in wanted if mutant.reached_as in set(found.imported)])


def _anew(root: Path, work: Path, mutants: Iterable[Mutant]) -> None:
    """Mutants of what runs by being imported, each in a process of its own."""
    standing = {result.mutant for result in latest(work) if result.end == "survived"}
    with (work / "results.jsonl").open("ab", buffering=0) as out:
        for mutant in standing.intersection(mutants):
            code = _pytest(root, work, "no:xdist", "-x", tests=FRESH, quiet=True, MUTANT_UNDER_TEST=mutant.switch)
            if code:
                result = Result(mutant=mutant, end="killed", killer=f"one of {', '.join(FRESH)}")
                out.write(msgspec.json.encode(result) + b"\n")


def latest(work: Path) -> list[Result]:
    """What became of each mutant: one that was noticed once is noticed."""
    ends: dict[Mutant, Result] = {}
    path = work / "results.jsonl"
    for line in path.read_bytes().splitlines() if path.exists() else ():
        result = msgspec.json.decode(line, type=Result)
        if result.mutant.place != NOTHING and (result.mutant not in ends or result.end != "survived"):
            ends[result.mutant] = result
    return list(ends.values())


def _nothing(found: Record) -> Job:
    """The job that changes nothing: a test of each file."""
    first: dict[str, str] = {}
    for test in found.tests:
        first.setdefault(test.partition("::")[0], test)
    unchanged = Mutant(kind="code", file="", place=NOTHING, before="", after="", switch=NOTHING, reached_as=NOTHING)
    return Job(unchanged, list(first.values()), 600)


def _jobs(found: Record, mutants: list[Mutant], budget: float) -> list[Job]:
    reached_by: dict[str, list[str]] = defaultdict(list)
    for test, recorded in found.tests.items():
        for name in recorded.reaches:
            reached_by[name].append(test)
    seconds = {test: recorded.seconds for test, recorded in found.tests.items()}
    plans = {name: _plan(tests, seconds, budget) for name, tests in reached_by.items()}
    return [
        Job(mutant, plan, 20 + 10 * sum(map(seconds.__getitem__, plan)))
        for mutant in mutants
        for plan in [plans.get(mutant.reached_as, [])]
    ]


def _plan(tests: list[str], seconds: dict[str, float], budget: float) -> list[str]:
    """What costs next to nothing first, then the cheapest of each file, then the next of each, within the budget."""
    by_file: dict[str, list[str]] = defaultdict(list)
    for test in sorted(tests, key=lambda test: ("postgresql" in test, seconds[test])):
        by_file[test.partition("::")[0]].append(test)
    ranked = sorted(
        (_distance(test, seconds[test]), rank, seconds[test], test)
        for own in by_file.values()
        for rank, test in enumerate(own)
    )
    chosen: list[str] = []
    spent = 0.0
    for _, _, cost, test in ranked:
        if not chosen or spent + cost <= budget:
            chosen.append(test)
            spent += cost
    return chosen


def _distance(test: str, seconds: float) -> int:
    if test.startswith("tests/unit") and seconds <= _NEXT_TO_NOTHING:
        return 0
    return 1 if test.startswith(NEAREST) else 2


def _read(work: Path) -> Record:
    return msgspec.json.decode((work / "record.json").read_bytes(), type=Record)


def _pytest(
    root: Path,
    work: Path,
    plugin: str,
    *options: str,
    tests: tuple[str, ...] = TESTS,
    quiet: bool = False,
    **named: str,
) -> int:
    paths = f"{work / 'tree' / 'src'}{os.pathsep}{root}"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        plugin,
        "-p",
        "no:cacheprovider",
        "--timeout",
        "20",
        "--tb=native",
        "--assert=plain",
    ]
    ignored = [f"--ignore={path}" for path in SLOW]
    return subprocess.run(
        [*command, *options, *ignored, *tests],
        cwd=root,
        env={**os.environ, "PYTHONPATH": paths, **named},
        stdout=subprocess.DEVNULL if quiet else None,
        stderr=subprocess.DEVNULL if quiet else None,
        check=False,
    ).returncode
