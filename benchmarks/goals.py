"""What the figures are held against: one table of goals, each printed beside its figure.

A line names the figure (group, level, contestant), what it is compared with, and how much is wanted. A ratio is the
median of the ratios that were taken inside one repeat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from benchmarks import asynchronous, bulk_moves, commands, commit, replay, sequencing, sqlite, startup, writers


class Statistic(StrEnum):
    """What a goal looks at."""

    #: Operations a second, over those of `base` (or of the same contestant at `base_level`).
    RATE_RATIO = "rate, ratio"
    #: Median latency, over that of `base`.
    P50_RATIO = "p50, ratio"
    #: Operations or units a second.
    RATE = "a second"
    #: Latencies in milliseconds, all repeats together.
    P50 = "p50, ms"
    P99 = "p99, ms"
    #: How late the event loop was, in milliseconds.
    LAG_P95 = "p95 loop lag, ms"
    #: Peak of memory above what the process took before, in MiB.
    PEAK = "peak, MiB"
    #: One of the contestant's own facts, named in `fact`.
    FACT = "fact"


@dataclass(frozen=True, kw_only=True)
class Goal:
    """One line of the table."""

    group: str
    contestant: str
    #: Threads or tasks; None where the whole was measured.
    level: int | None = None
    statistic: Statistic = Statistic.RATE_RATIO
    #: The contestant that a ratio is taken against; None for an absolute figure.
    base: str | None = None
    #: The level of the base, where it is another one than the contestant's.
    base_level: int | None = None
    #: Which fact is meant, where the statistic is one.
    fact: str | None = None
    #: The figure should be at least this ...
    at_least: float | None = None
    #: ... or at most this.
    at_most: float | None = None
    #: Why it cannot be reached, if it cannot: the limit, and the nearest figure.
    explained: str = ""


def _at(levels: Mapping[int, float], **same: Any) -> list[Goal]:
    """The same goal at several levels, with how much is wanted at each."""
    return [Goal(level=level, at_least=wanted, **same) for level, wanted in levels.items()]


GOALS: tuple[Goal, ...] = (
    *_at(
        {1: 0.9, 8: 0.9, 32: 0.85},
        group="commit",
        contestant=commit.STATEMENT,
        base=commit.RAW,
        explained="calls at the same time share a statement instead, which is ahead of it",
    ),
    *_at(
        {1: 0.8, 8: 0.75, 32: 0.65},
        group="commit",
        contestant=commit.RAW,
        base=commit.UNGUARDED,
        explained="guards take 110 of 235 us of the server: half are checks, set up anew by each statement",
    ),
    *_at(
        {1: 0.9, 8: 0.9, 32: 0.85},
        group="commit",
        contestant=commit.RECORDING,
        base=commit.RAW,
        explained="making, encoding and hashing the event takes some 40 us of the client",
    ),
    *_at(
        {1: 0.9, 8: 0.9, 32: 0.9},
        group="commit",
        contestant=commit.RECORDING,
        base=commit.BY_HAND,
        explained="235 us of the server against 56: three rows more, and the guards",
    ),
    *_at({1: 1.0, 8: 1.0}, group="commit, 1 ms away", contestant=commit.RECORDING, base=commit.BY_HAND),
    Goal(
        group="retry",
        contestant=commit.RETRY,
        level=1,
        statistic=Statistic.P50_RATIO,
        base=commit.TWO,
        at_most=1.5,
    ),
    Goal(group="async", contestant=asynchronous.OURS, level=32, base=asynchronous.RAW_ASYNC, at_least=0.9),
    Goal(group="async", contestant=asynchronous.OURS, level=32, statistic=Statistic.LAG_P95, at_most=10.0),
    *_at(
        {1: 2.5, 8: 3.0, 32: 4.0},
        group="writers",
        contestant=writers.OURS,
        base=writers.ES,
        explained="over a Unix socket its five trips cost little; the bare statement alone is 1.4 times as fast",
    ),
    Goal(group="writers", contestant=writers.OURS, level=32, base_level=8, at_least=1.0),
    *_at(
        {1: 2.5, 8: 4.0},
        group="commands",
        contestant=commands.BAN,
        base=writers.ES,
        explained="over a Unix socket its six trips cost little; guards and row are half of our time",
    ),
    Goal(group="sequencer", contestant=sequencing.OURS, statistic=Statistic.RATE, at_least=40_000),
    Goal(group="sequencer", contestant=sequencing.OURS_SQLITE, statistic=Statistic.RATE, at_least=40_000),
    *_at({1: 0.9, 8: 0.9}, group="appends beside the sequencer", contestant=sequencing.BESIDE, base=sequencing.ALONE),
    *_at(
        {1: 0.7, 8: 1.3},
        group="sqlite",
        contestant=sqlite.OURS,
        base=sqlite.RAW,
        explained="the bare threads starve each other (p99) and lose nothing; our share of a commit is Python",
    ),
    Goal(group="sqlite", contestant=sqlite.OURS, level=8, statistic=Statistic.P99, at_most=40.0),
    Goal(
        group="bulk",
        contestant=bulk_moves.TOGETHER,
        base=bulk_moves.ALONE,
        at_least=12.0,
        explained="guards are 35 of 75 us a row, and single commits became faster",
    ),
    Goal(
        group="bulk, never analysed",
        contestant=bulk_moves.TOGETHER,
        base=bulk_moves.ALONE,
        at_least=12.0,
        explained="guards are 35 of 75 us a row, and single commits became faster",
    ),
    # Within 1.5 times as long.
    *_at(
        {1: 1 / 1.5, 8: 1 / 1.5},
        group="sqlite",
        contestant=sqlite.OURS_ASYNC,
        base=sqlite.OURS,
        explained="one call alone pays for its hop to a thread and back",
    ),
    Goal(group=replay.POSTGRESQL, contestant=replay.FOLDED, base=replay.CURSOR, at_least=0.45),
    Goal(group=replay.POSTGRESQL, contestant=replay.VERIFIED, base=replay.CURSOR, at_least=0.25),
    Goal(group=replay.SQLITE, contestant=replay.FOLDED, base=replay.FETCHMANY, at_least=0.35),
    Goal(group=replay.SQLITE, contestant=replay.VERIFIED, base=replay.FETCHMANY, at_least=0.25),
    *(
        Goal(group=startup.IMPORTING, contestant=each, statistic=Statistic.FACT, fact=startup.FOREIGN, at_most=few)
        for each, few in startup.IMPORTS.items()
    ),
    *(
        Goal(
            group=startup.COMMANDING,
            contestant=startup.command(typed),
            statistic=Statistic.FACT,
            fact=startup.MS,
            at_most=300,
        )
        for typed in startup.COMMANDS
    ),
)
