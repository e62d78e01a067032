"""How large a proof runs: short in every test run, full in `make proof`, which sums up what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import pytest

N = TypeVar("N", int, float)

#: Name of the property by which a test tells its counts.
TALLY = "tally"


@dataclass(frozen=True)
class Scale:
    """The size of this run."""

    full: bool

    def of(self, short: N, full: N) -> N:
        """The number for this size."""
        return full if self.full else short


def pytest_addoption(parser: pytest.Parser) -> None:
    """Ask for the full size."""
    parser.addoption("--full", action="store_true", help="run the proofs in full size (make proof)")


@pytest.fixture(scope="session")
def scale(pytestconfig: pytest.Config) -> Scale:
    """The size of this run."""
    return Scale(full=bool(pytestconfig.getoption("--full")))


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Adds to the counts that stand at the end of the run: `tally(schedules=100)`."""

    def add(**counts: int) -> None:
        request.node.user_properties += [(TALLY, (name, count)) for name, count in counts.items()]

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sums; each proof that failed met a violation at least."""
    sums: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for _, (name, count) in filter(_is_tally, getattr(report, "user_properties", ())):
                sums[name] += count if report.when == "call" else 0
    if sums:
        failed = [*terminalreporter.stats.get("failed", ()), *terminalreporter.stats.get("error", ())]
        sums["violations"] = sum("tests/proof/" in report.nodeid for report in failed)
        terminalreporter.section("proof")
        for name, count in sums.items():
            terminalreporter.write_line(f"{count:>12,} {name}")


def _is_tally(told: tuple[str, object]) -> bool:
    return told[0] == TALLY
