"""The mutation run, `make mutants`: makes the mutants, learns which tests reach each, runs those, and writes the page.

Stages, each of which `--stage` runs by itself: `make` the mutants, `record` what the tests reach, `run` every mutant
against the cheapest of its tests, `again` the survivors against all of them, and `report`. `--only` takes a pattern of
mutants ("lifecycle/", "store/reads.py LOOK_AGAIN") and leaves the results of all others as they are.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import msgspec

from tests.mutation import code, planning, report, sql

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build" / "mutants"
TREE = WORK / "tree"
PAGE = ROOT / "docs" / "mutants.md"

#: What is mutated.
PATTERNS = (
    "domain/*.py",
    "store/*.py",
    "lifecycle/*.py",
    "providers/*.py",
    "reconcile.py",
    "codec.py",
    "canonical.py",
)
STAGES = ("make", "record", "run", "again", "report")


def main() -> int:
    """Run the stages; fails where too few mutants were noticed."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--stage", choices=STAGES, action="append", help="one stage by itself")
    parser.add_argument("--only", default="", help="a pattern of mutants, as the page names them")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2, help="mutants at a time")
    parser.add_argument("--budget", type=float, help="seconds of tests for each mutant, at most")
    chosen = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    for stage in chosen.stage or STAGES:
        if stage == "make":
            _make()
        elif stage == "record":
            planning.record(ROOT, WORK)
        elif stage in ("run", "again"):
            planning.run(
                ROOT, WORK, again=stage == "again", only=chosen.only, workers=chosen.workers, budget=chosen.budget
            )
        elif stage == "report":
            return _report((time.monotonic() - begun) / 60)
    return 0


def _make() -> None:
    mutants, words = code.make_tree(ROOT, TREE, PATTERNS)
    mutants += sql.make()
    (WORK / "mutants.json").write_bytes(msgspec.json.encode(mutants))
    (WORK / "words").write_text(str(words), encoding="utf-8")
    (WORK / "results.jsonl").unlink(missing_ok=True)
    sys.stdout.write(f"{len(mutants)} mutants, and {words} of mere words, which are left out\n")


def _report(minutes: float) -> int:
    run = report.Run(
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        minutes=round(minutes),
        machine=f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        tool=f"mutmut {version('mutmut')}",
        words=int((WORK / "words").read_text(encoding="utf-8")),
        results=planning.latest(WORK),
    )
    PAGE.write_text(report.page(run), encoding="utf-8")
    reached = report.score(run.results)
    sys.stdout.write(report.table(run))
    for mutant in report.unexplained(run):
        sys.stdout.write(f"no reason stands for {mutant.file} {mutant.place}: {mutant.before} => {mutant.after}\n")
    sys.stdout.write(f"{reached:.1f} % of the mutants were noticed, wanted are {report.WANTED:.0f} %\n")
    return 0 if reached >= report.WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
