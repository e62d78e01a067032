"""A run as a picture: how far from the limit, how far ahead of the peers, and where the goals are.

As the other pictures it brings its own light card, so that it reads the same on a white and on a dark page. The same
figures give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Role
from benchmarks.report import short
from benchmarks.results import Figure, GoalResult, Report, paired

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

_CARD, _TEXT, _QUIET, _LINE = "#fbfcfe", "#1c2733", "#5a6776", "#d8dfe8"
_MET, _MISSED, _FREE, _GOAL = "#2f7d5b", "#b4552d", "#5b7fa6", "#6b3fa0"
_TITLE = "inbox-lifecycle beside the bare drivers and other libraries"
_SETTINGS: dict[Any, Any] = {
    # Text stays text: small, and to be found, read aloud and set in the reader's own font.
    "svg.fonttype": "none",
    "svg.hashsalt": "inbox-lifecycle",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": _TEXT,
    "axes.labelcolor": _TEXT,
    "xtick.color": _QUIET,
    "ytick.color": _TEXT,
}
#: Inches: of a bar's row, of what stands around the bars of a panel and below all, and of the whole width.
_ROW, _AROUND, _BELOW, _WIDTH = 0.23, 0.75, 0.3, 9.2


@dataclass(frozen=True)
class _Bar:
    label: str
    ratio: float
    goal: float | None = None
    #: Whether less is better.
    less: bool = False

    @property
    def colour(self) -> str:
        """By whether its goal is reached, if it has one."""
        if self.goal is None:
            return _FREE
        return _MET if (self.ratio <= self.goal if self.less else self.ratio >= self.goal) else _MISSED


def draw(report: Report, path: Path) -> None:
    """Draw it as SVG."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Picture

    panels = [
        ("How close to the limit: ratio to hand-written code on the bare driver", _to_limits(report.goals)),
        ("How far ahead: operations a second, ratio to other libraries", _to_peers(report)),
    ]
    panels = [(title, bars) for title, bars in panels if bars]
    heights = [_ROW * len(bars) + _AROUND for _, bars in panels] or [_AROUND]
    with rc_context(_SETTINGS):
        picture = Picture(figsize=(_WIDTH, sum(heights) + _BELOW), layout="constrained", facecolor=_CARD)
        parts = picture.subfigures(len(heights), 1, height_ratios=heights, squeeze=False, facecolor=_CARD)
        for part, (title, bars) in zip(parts[:, 0], panels, strict=False):
            part.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
            _panel(part.subplots(), bars)
        picture.supxlabel(_about(report), x=0.01, ha="left", fontsize=7, color=_QUIET)
        # Without the date, and so the same bytes for the same figures.
        picture.savefig(path, format="svg", metadata={"Date": None, "Creator": None, "Title": _TITLE})


def _about(report: Report) -> str:
    version = report.about["PostgreSQL"].partition(" ")[0]
    return f"{report.about['date']} · {report.about['machine']} · PostgreSQL {version} · medians of {report.repeats}"


def _panel(axes: Axes, bars: Sequence[_Bar]) -> None:
    end = max(max(bar.ratio, bar.goal or 0.0) for bar in bars)
    axes.set_facecolor(_CARD)
    axes.axvline(1, color=_TEXT, linewidth=1, zorder=1)
    for row, bar in enumerate(bars):
        axes.barh(row, bar.ratio, height=0.62, color=bar.colour, zorder=2)
        if bar.goal is not None:
            axes.vlines(bar.goal, row - 0.42, row + 0.42, color=_GOAL, linewidth=2.2, zorder=3)
        place = max(bar.ratio, bar.goal or 0.0) + end * 0.012
        box = {"facecolor": _CARD, "edgecolor": "none", "pad": 0.6}
        axes.text(place, row, short(bar.ratio), va="center", fontsize=8, bbox=box, zorder=4)
    axes.set_yticks(range(len(bars)), [bar.label for bar in bars])
    axes.set_xlim(0, end * 1.08)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.grid(axis="x", color=_LINE, linewidth=0.8, zorder=0)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_axisbelow(True)
    axes.legend(handles=_legend(), loc="lower right", bbox_to_anchor=(1, 1), ncols=4, frameon=False, fontsize=8)


def _legend() -> list[Artist]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    colours = {"met": _MET, "not met": _MISSED, "no goal set": _FREE}
    mark = Line2D([], [], color=_GOAL, linewidth=0, marker="|", markersize=9, markeredgewidth=2.2, label="goal")
    return [*(Patch(color=colour, label=name) for name, colour in colours.items()), mark]


def _to_limits(goals: Sequence[GoalResult]) -> list[_Bar]:
    """A bar for each goal that is a ratio to the limit."""
    return [
        _Bar(
            label=f"{goal.group}{_at(goal.level)}: {_what(goal)}",
            ratio=goal.figure,
            goal=goal.at_most if goal.at_least is None else goal.at_least,
            less=goal.at_least is None,
        )
        for goal in goals
        if goal.base_role is Role.LIMIT
    ]


def _what(goal: GoalResult) -> str:
    less = " (less is better)" if goal.at_least is None else ""
    return f"{goal.contestant.removeprefix('inbox-lifecycle, ')} to {goal.base}{less}"


def _to_peers(report: Report) -> list[_Bar]:
    """A bar for each peer, at each level, against those of ours that have goals; all of ours where none has."""
    wanted = {
        (goal.group, goal.contestant, goal.level, goal.base): goal.at_least
        for goal in report.goals
        if goal.base_role is Role.PEER
    }
    bars = []
    for group in report.groups:
        peers = [figure for figure in group.figures if figure.role is Role.PEER]
        with_goals = {goal.contestant for goal in report.goals if goal.group == group.name}
        all_ours = [figure for figure in group.figures if figure.role is Role.OURS]
        for ours in [figure for figure in all_ours if figure.contestant in with_goals] or all_ours:
            bars += [
                _Bar(
                    label=f"{_named(group.name, ours)} to {peer.contestant}",
                    ratio=paired(ours.rates, peer.rates),
                    goal=wanted.get((group.name, ours.contestant, ours.level, peer.contestant)),
                )
                for peer in peers
                if peer.level == ours.level
            ]
    return bars


def _named(group: str, figure: Figure) -> str:
    what = figure.contestant.removeprefix("inbox-lifecycle").removeprefix(", ")
    return f"{group}{_at(figure.level)}{': ' if what else ''}{what}"


def _at(level: int | None) -> str:
    return "" if level is None else f" at {level}"
