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
    """Print the sums, with nothing found counted as such only where something was looked at."""
    sums: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                for _, (name, count) in (told for told in report.user_properties if told[0] == TALLY):
                    sums[name] += count
    if sums:
        terminalreporter.section("proof")
        for name, count in sums.items():
            terminalreporter.write_line(f"{count:>12,} {name}")
