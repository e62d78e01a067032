"""What a run gave, as plain data: for the tables, the plot, and machines (JSON)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from msgspec import Struct

from benchmarks.harness import Role


class Figure(Struct, kw_only=True):
    """One contestant at one level."""

    contestant: str
    role: Role
    #: Threads or tasks; None for a whole measurement.
    level: int | None
    #: Units a second in each repeat, in the order of the repeats.
    rates: list[float]
    #: Median of the rates.
    rate: float
    #: Median of the ratios to the group's base, each taken inside one repeat.
    ratio: float | None = None
    #: Latencies in milliseconds: the median of each repeat, and over all repeats together.
    p50s: list[float] = []
    p50: float | None = None
    p99: float | None = None
    #: Microseconds of this process's CPU time per unit, the median of the repeats.
    cpu: float | None = None
    #: Round trips to the database per operation.
    trips: float | None = None
    #: How late the event loop was, in milliseconds, over all repeats together.
    lag_p95: float | None = None
    #: Peak of memory above what the process took before, in MiB: the largest of the repeats.
    peak: float | None = None
    #: Other facts by name, the medians of the repeats.
    facts: dict[str, float] = {}


class GroupResult(Struct, kw_only=True):
    """All contestants of a group."""

    name: str
    work: str
    unit: str
    base: str
    remarks: list[str]
    #: Seconds that the group took with everything.
    seconds: float
    figures: list[Figure]

    def figure(self, contestant: str, level: int | None) -> Figure:
        """One contestant at one level.

        Raises:
            KeyError: there is none of the name there.
        """
        for figure in self.figures:
            if (figure.contestant, figure.level) == (contestant, level):
                return figure
        raise KeyError(f"{self.name} has no {contestant} at {level}")

    def set_ratios(self) -> None:
        """Fill in each figure's ratio to the base at its level."""
        for figure in self.figures:
            figure.ratio = paired(figure.rates, self.figure(self.base, figure.level).rates)


class GoalResult(Struct, kw_only=True):
    """A goal beside its figure."""

    group: str
    contestant: str
    level: int | None
    #: What is looked at, in words.
    says: str
    #: What a ratio is taken against.
    base: str | None
    base_role: Role | None
    at_least: float | None
    at_most: float | None
    figure: float
    met: bool
    explained: str


class Report(Struct, kw_only=True):
    """A whole run."""

    #: Date, machine, versions and settings, in words.
    about: dict[str, str]
    repeats: int
    smoke: bool
    seconds: float
    groups: list[GroupResult]
    goals: list[GoalResult]


def paired(values: Sequence[float], bases: Sequence[float]) -> float:
    """The median of the ratios taken repeat by repeat."""
    return statistics.median(value / base for value, base in zip(values, bases, strict=True))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that the share of all values is not above (nearest rank)."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, round(share * len(ranked) + 0.5) - 1))]
