"""Goals beside their figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.goals import Goal, Statistic
from benchmarks.results import Figure, GoalResult, GroupResult, paired


def judge(goals: Iterable[Goal], groups: Sequence[GroupResult]) -> list[GoalResult]:
    """Each goal whose group was run, with its figure.

    Raises:
        KeyError: a goal names a contestant or a level that its group does not have.
    """
    by_name = {group.name: group for group in groups}
    return [_judge(goal, by_name[goal.group]) for goal in goals if goal.group in by_name]


def _judge(goal: Goal, group: GroupResult) -> GoalResult:
    figure, base = group.figure(goal.contestant, goal.level), _base(goal, group)
    value = _value(goal, figure, base)
    enough = goal.at_least is None or value >= goal.at_least
    return GoalResult(
        group=goal.group,
        contestant=goal.contestant,
        level=goal.level,
        says=_says(goal),
        base=None if goal.base is None else goal.base,
        base_role=None if base is None or goal.base is None else base.role,
        at_least=goal.at_least,
        at_most=goal.at_most,
        figure=value,
        met=enough and (goal.at_most is None or value <= goal.at_most),
        explained=goal.explained,
    )


def _base(goal: Goal, group: GroupResult) -> Figure | None:
    if goal.base is None and goal.base_level is None:
        return None
    return group.figure(goal.base or goal.contestant, goal.base_level or goal.level)


def _value(goal: Goal, figure: Figure, base: Figure | None) -> float:
    if goal.statistic is Statistic.FACT:
        return figure.facts[goal.fact or ""]
    if base is not None:
        by_rate = goal.statistic is Statistic.RATE_RATIO
        return paired(figure.rates, base.rates) if by_rate else paired(figure.p50s, base.p50s)
    value = {
        Statistic.RATE: figure.rate,
        Statistic.P50: figure.p50,
        Statistic.P99: figure.p99,
        Statistic.LAG_P95: figure.lag_p95,
        Statistic.PEAK: figure.peak,
    }.get(goal.statistic)
    if value is None:
        raise KeyError(f"{goal.group}: {goal.contestant} has no {goal.statistic}")
    return value


def _says(goal: Goal) -> str:
    if goal.statistic is Statistic.FACT:
        return goal.fact or ""
    if goal.base is None and goal.base_level is not None:
        return f"{goal.statistic} to itself at {goal.base_level}"
    return str(goal.statistic) if goal.base is None else f"{goal.statistic} to {goal.base}"
