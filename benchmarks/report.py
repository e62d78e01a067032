"""A run in words: tables as Markdown, so that they can be read as they are and put where a README wants them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from benchmarks.harness import Role
from benchmarks.results import Figure, GoalResult, GroupResult, Report, paired


def tell(report: Report) -> Iterator[str]:
    """The whole report, line by line."""
    for name, value in report.about.items():
        yield f"- {name}: {value}"
    yield f"- repeats: {report.repeats}, in random order; a ratio is the median of those taken inside a repeat"
    if report.smoke:
        yield "- a smoke run: that it runs, not how fast; no figure here means anything"
    for group in report.groups:
        yield from tell_group(group)
    yield from tell_goals(report.goals)
    yield ""
    yield f"{report.seconds:.0f} seconds in all."


def tell_group(group: GroupResult) -> Iterator[str]:
    """A group's table."""
    yield ""
    yield f"## {group.name}"
    yield ""
    yield f"{group.work} Ratios are to {group.base}."
    yield ""
    yield from _table(*_columns(group))
    remarks = [*group.remarks, *_facts(group), *_faster(group)]
    if remarks:
        yield ""
        yield from (f"- {remark}" for remark in remarks)


def tell_goals(goals: Sequence[GoalResult]) -> Iterator[str]:
    """Each goal beside its figure."""
    yield ""
    yield "## Goals"
    yield ""
    rows = [
        [
            goal.group,
            goal.contestant,
            _level(goal.level),
            goal.says,
            _wanted(goal),
            short(goal.figure),
            "met" if goal.met else "**not met**" + (f": {goal.explained}" if goal.explained else ""),
        ]
        for goal in goals
    ]
    yield from _table(["group", "what", "at", "figure", "wanted", "is", ""], rows)
    yield ""
    yield f"{sum(goal.met for goal in goals)} of {len(goals)} goals are met."


def short(value: float | None) -> str:
    """A number with the three digits that mean anything."""
    if value is None:
        return ""
    if abs(value) >= 100:  # noqa: PLR2004 - whole numbers from here on
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"  # noqa: PLR2004 - as above


def _wanted(goal: GoalResult) -> str:
    least = "" if goal.at_least is None else f"at least {short(goal.at_least)}"
    return least or ("" if goal.at_most is None else f"at most {short(goal.at_most)}")


def _level(level: int | None) -> str:
    return "" if level is None else str(level)


_COLUMNS: dict[str, Callable[[Figure], str]] = {
    "at": lambda figure: _level(figure.level),
    "a second": lambda figure: short(figure.rate),
    "ratio": lambda figure: short(figure.ratio),
    "p50 ms": lambda figure: short(figure.p50),
    "p99 ms": lambda figure: short(figure.p99),
    "CPU us": lambda figure: short(figure.cpu),
    "trips": lambda figure: "" if figure.trips is None else f"{figure.trips:g}",
    "loop lag p95 ms": lambda figure: short(figure.lag_p95),
    "peak MiB": lambda figure: short(figure.peak),
}


def _columns(group: GroupResult) -> tuple[list[str], list[list[str]]]:
    """Those columns in which anything stands."""
    texts = {head: [said(figure) for figure in group.figures] for head, said in _COLUMNS.items()}
    kept = [head for head, cells in texts.items() if any(cells)]
    rows = [[figure.contestant, *(texts[head][number] for head in kept)] for number, figure in enumerate(group.figures)]
    return [group.unit, *kept], rows


def _facts(group: GroupResult) -> Iterator[str]:
    for figure in group.figures:
        if figure.facts:
            yield f"{figure.contestant}: {', '.join(f'{name} {short(value)}' for name, value in figure.facts.items())}"


def _faster(group: GroupResult) -> Iterator[str]:
    """Where a peer is ahead of us: said without being asked."""
    for peer in (figure for figure in group.figures if figure.role is Role.PEER):
        ours = [one for one in group.figures if one.role is Role.OURS and one.level == peer.level]
        for one in ours:
            ratio = paired(peer.rates, one.rates)
            if ratio > 1:
                at = "" if peer.level is None else f" at {peer.level}"
                yield f"**{peer.contestant}{at} is ahead of {one.contestant}: {short(ratio)} times as many.**"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    # Words to the left, numbers to the right.
    right = [all(_is_number(row[column]) for row in rows) for column in range(len(heads))]
    yield _row(heads, widths, right)
    yield (
        "|" + "|".join("-" * (width + 1) + (":" if to else "-") for width, to in zip(widths, right, strict=True)) + "|"
    )
    yield from (_row(row, widths, right) for row in rows)


def _row(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [
        cell.rjust(width) if to else cell.ljust(width) for cell, width, to in zip(cells, widths, right, strict=True)
    ]
    return f"| {' | '.join(padded)} |"


def _is_number(cell: str) -> bool:
    return not cell.strip("0123456789.,-")
