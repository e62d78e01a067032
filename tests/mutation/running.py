"""Runs mutants: tests are collected once, and each mutant gets a fork of the process that has them; a pytest plugin.

That saves each of thousands of mutants the start of Python, the imports and the collection, which cost many times what
a test does. The first job of all changes nothing: it must survive, or forks are not fit to tell anything.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from _pytest.runner import runtestprotocol
from hypothesis import settings
from mutmut.mutation.trampoline import set_mutant_under_test

from tests.mutation import databases, sql
from tests.mutation.mutants import NOTHING, Mutant, Result

#: Name the files with the jobs and for the results, and how many mutants run at a time.
JOBS = "MUTATION_JOBS"
RESULTS = "MUTATION_RESULTS"
WORKERS = "MUTATION_WORKERS"


class Job(msgspec.Struct, frozen=True):
    """A mutant with the tests that reach it, the most promising first, and the seconds they may take."""

    mutant: Mutant
    tests: list[str]
    limit: float


@dataclass
class _Running:
    job: Job
    slot: int
    #: Where the fork notes each test it begins.
    notes: Path
    until: float

    def begun(self) -> list[str]:
        """The tests it has begun."""
        return self.notes.read_text(encoding="utf-8").splitlines()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the databases and let them stand for the fixtures of the same names."""
    settings.register_profile("mutants", database=None, derandomize=True)
    settings.load_profile("mutants")
    databases.shared.append(databases.Shared(int(os.environ[WORKERS])))
    session.config.pluginmanager.register(databases, "mutation-databases")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Run the mutants instead of the tests."""
    jobs = msgspec.json.decode(Path(os.environ[JOBS]).read_bytes(), type=list[Job])
    runner = _Runner({item.nodeid: item for item in session.items})
    # Forks share what nobody collects.
    gc.collect()
    gc.freeze()
    begun = time.monotonic()
    with Path(os.environ[RESULTS]).open("ab", buffering=0) as out:
        for done, result in enumerate(runner.results(jobs), start=1):
            if result.mutant.place == NOTHING and result.end != "survived":
                raise RuntimeError(f"nothing was changed, and {result.killer} failed in a fork: mend that first")
            out.write(msgspec.json.encode(result) + b"\n")
            if done % 100 == 0 or done == len(jobs):
                sys.stderr.write(f"{done} of {len(jobs)} mutants, {time.monotonic() - begun:.0f} s\n")
    databases.shared[0].stop()
    return True


class _Runner:
    def __init__(self, items: dict[str, pytest.Item]) -> None:
        (self._shared,) = databases.shared
        self._items = items
        self._free = list(range(len(self._shared.slots)))
        self._running: dict[int, _Running] = {}
        self._killers: dict[str, Counter[str]] = defaultdict(Counter)

    def results(self, jobs: list[Job]) -> Iterator[Result]:
        """Every mutant's end, in the order of their ends."""
        waiting = iter(jobs)
        job = next(waiting, None)
        while job is not None or self._running:
            while job is not None and self._free:
                self._start(job)
                job = next(waiting, None)
            for child, status in self._ended():
                yield self._end(child, status)

    def _start(self, job: Job) -> None:
        # What noticed another mutant of the same function is the likeliest to notice this one.
        killers = self._killers[job.mutant.reached_as]
        tests = sorted(job.tests, key=lambda test: -killers[test])
        slot = self._free.pop()
        notes = self._shared.folder / f"notes_{slot}"
        notes.write_text("", encoding="utf-8")
        child = os.fork()
        if child == 0:
            self._shared.slot = slot
            _be_the_mutant(job.mutant, [self._items[test] for test in tests if test in self._items], notes)
        self._running[child] = _Running(job, slot, notes, time.monotonic() + job.limit)

    def _ended(self) -> Iterator[tuple[int, int | None]]:
        """Forks that have ended, or whose time is up (their status is None)."""
        time.sleep(0.005)
        for child, entry in list(self._running.items()):
            found, status = os.waitpid(child, os.WNOHANG)
            if found:
                yield child, status
            elif time.monotonic() > entry.until:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                yield child, None

    def _end(self, child: int, status: int | None) -> Result:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        entry = self._running.pop(child)
        begun = entry.begun()
        self._shared.tidy(child, entry.slot, served=any("postgresql" in test or "[" not in test for test in begun))
        self._free.append(entry.slot)
        mutant = entry.job.mutant
        if status is not None and os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
            return Result(mutant=mutant, end="survived", tests=len(begun))
        killer = begun[-1] if begun else None
        if killer is None and status is not None:
            raise RuntimeError(f"the fork broke before its first test: {mutant}")
        if status is not None and killer:
            self._killers[mutant.reached_as][killer] += 1
        return Result(mutant=mutant, end="timeout" if status is None else "killed", killer=killer, tests=len(begun))


def _be_the_mutant(mutant: Mutant, items: Sequence[pytest.Item], notes: Path) -> None:
    """In the fork: run its tests until one fails."""
    code = 2
    try:
        os.setpgid(0, 0)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        if mutant.kind == "sql":
            sql.switch_on(mutant.place, mutant.switch)
        else:
            set_mutant_under_test(mutant.switch)
        code = _run(items, notes)
    finally:
        os._exit(code)


def _run(items: Sequence[pytest.Item], notes: Path) -> int:
    with notes.open("a", encoding="utf-8", buffering=1) as note:
        for item, following in zip(items, [*items[1:], None], strict=False):
            note.write(item.nodeid + "\n")
            if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
                with contextlib.suppress(BaseException):
                    item.session._setupstate.teardown_exact(None)  # noqa: SLF001 - gives the databases back
                return 1
    return 0
