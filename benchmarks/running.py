"""Running groups: interleaved repeats in random order, and the figures that come of them."""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass

from benchmarks.crews import Crew, Slice, crew_of
from benchmarks.harness import REPEATS, AnyContestant, AnyGroup, Group, Measured, Stage, WholeGroup
from benchmarks.results import Figure, GroupResult, percentile
from benchmarks.servers import Place, Server

#: Operations by which a worker warms up: after five of a kind psycopg prepares a statement.
_WARM = 10
#: Operations at least for each worker of a slice.
_LEAST = 3
#: Operations over which round trips are counted.
_COUNTED = 10
_MILLI, _MICRO = 1e3, 1e6


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    repeats: int = REPEATS
    #: By how much the groups' budgets are stretched.
    scale: float = 1.0
    #: Whether only a sign of life is wanted.
    smoke: bool = False


SMOKE = Effort(repeats=1, scale=0.0, smoke=True)


def run(group: AnyGroup, server: Server, effort: Effort) -> GroupResult:
    """A group's figures."""
    began = time.perf_counter()
    figures = _run_whole(group, server, effort) if isinstance(group, WholeGroup) else _run_group(group, server, effort)
    result = GroupResult(
        name=group.name,
        work=group.work,
        unit=group.unit if isinstance(group, WholeGroup) else "operations",
        base=group.base,
        remarks=list(group.remarks),
        seconds=time.perf_counter() - began,
        figures=figures,
    )
    result.set_ratios()
    return result


@dataclass
class _Course:
    """A contestant at a level, with what its slices gave."""

    contestant: AnyContestant
    crew: Crew
    level: int
    operations: int
    slices: list[Slice]

    def run(self) -> None:
        items = self.contestant.stock(self.operations)
        if gc.get_freeze_count():
            gc.collect()
        self.slices.append(self.crew.run(items, self.level))


def _run_group(group: Group, server: Server, effort: Effort) -> list[Figure]:
    # A sign of life needs no pass of its own for counting.
    with Place.taken(server, smoke=effort.smoke, counts=effort.smoke) as place, _opened(group, place) as courses:
        seconds = group.budget * effort.scale / (effort.repeats * len(courses))
        for course in courses:
            course.operations = _warm_up(course, group, seconds, effort)
        for _ in range(effort.repeats):
            for course in random.sample(courses, len(courses)):
                course.run()
        trips = _trips(courses, place) if effort.smoke else {}
    if not effort.smoke:
        with Place.taken(server, smoke=True, counts=True) as place, _opened(group, place) as counted:
            trips = _trips(counted, place)
    names = list(dict.fromkeys(course.contestant.name for course in courses))
    # Counted with one at a time, and true of that alone: several at once may share a trip.
    figures = [_figure(course, trips[course.contestant.name] if course.level == 1 else None) for course in courses]
    return sorted(figures, key=lambda figure: (names.index(figure.contestant), figure.level))


@contextmanager
def _opened(group: Group, place: Place) -> Iterator[list[_Course]]:
    with group.open(place) as contestants, ExitStack() as crews:
        courses: list[_Course] = []
        for contestant in contestants:
            crew = crews.enter_context(crew_of(contestant))
            # The highest first: it opens everything.
            levels = sorted(group.levels if contestant.levels is None else contestant.levels, reverse=True)
            courses += [_Course(contestant, crew, level, 0, []) for level in levels]
        with nullcontext() if place.smoke else _settled():
            yield courses


@contextmanager
def _settled() -> Iterator[None]:
    """Each slice begins with the garbage of others cleared away, for which what stays need not be looked through."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _warm_up(course: _Course, group: Group, seconds: float, effort: Effort) -> int:
    """Open and prepare everything; how many operations then take so many seconds."""
    if effort.smoke:
        return course.level
    least = _LEAST * course.level
    few = _WARM * course.level
    course.crew.run(course.contestant.stock(few), course.level)
    warm = course.crew.run(course.contestant.stock(few), course.level)
    return max(least, min(group.most, round(seconds * warm.rate)))


def _trips(courses: Sequence[_Course], place: Place) -> dict[str, float | None]:
    """Round trips per operation, by contestant."""
    # Of several that share a name, the one for the lowest level.
    first = {course.contestant.name: course for course in reversed(courses)}
    return {name: _count(course, place) for name, course in first.items()}


def _count(course: _Course, place: Place) -> float | None:
    contestant, crew = course.contestant, course.crew
    if contestant.trips is not None or place.relay is None:
        return contestant.trips
    crew.run(contestant.stock(_WARM), 1)
    items = contestant.stock(_COUNTED)
    before = place.relay.trips
    crew.run(items, 1)
    return (place.relay.trips - before) / len(items)


def _figure(course: _Course, trips: float | None) -> Figure:
    done = course.slices
    latencies = [seconds * _MILLI for part in done for seconds in part.latencies]
    rates = [part.rate for part in done]
    lags = [seconds * _MILLI for part in done for seconds in part.lags]
    return Figure(
        contestant=course.contestant.name,
        role=course.contestant.role,
        level=course.level,
        rates=rates,
        rate=statistics.median(rates),
        p50s=[statistics.median(part.latencies) * _MILLI for part in done],
        p50=statistics.median(latencies),
        p99=percentile(latencies, 0.99),
        cpu=statistics.median(part.cpu / len(part.latencies) for part in done) * _MICRO,
        trips=trips,
        lag_p95=percentile(lags, 0.95) if lags else None,
    )


def _run_whole(group: WholeGroup, server: Server, effort: Effort) -> list[Figure]:
    with Place.taken(server, smoke=effort.smoke) as place, group.open(place) as stages:
        given: dict[str, list[Measured]] = {stage.name: [] for stage in stages}
        for _ in range(min(effort.repeats, group.repeats)):
            for stage in random.sample(stages, len(stages)):
                given[stage.name].append(stage.measure())
    return [_whole_figure(stage, given[stage.name]) for stage in stages]


def _whole_figure(stage: Stage, given: Sequence[Measured]) -> Figure:
    rates = [one.units / one.seconds for one in given]
    cpus = [one.cpu / one.units for one in given if one.cpu is not None]
    peaks = [one.peak for one in given if one.peak is not None]
    return Figure(
        contestant=stage.name,
        role=stage.role,
        level=None,
        rates=rates,
        rate=statistics.median(rates),
        cpu=statistics.median(cpus) * _MICRO if cpus else None,
        peak=max(peaks, default=None),
        facts={name: statistics.median(one.facts[name] for one in given) for name in given[0].facts},
    )
