"""The benchmarks, tiny: that they run, compare what they should and tell it. How fast anything is, no test asks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from benchmarks.goals import GOALS
from benchmarks.groups import all_groups
from benchmarks.harness import AnyGroup, Group, Role
from benchmarks.plot import draw
from benchmarks.results import Report

pytestmark = pytest.mark.slow

TOP = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"
GROUPS = all_groups()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a smoke run leaves."""
    out = tmp_path_factory.mktemp("bench")
    command = [sys.executable, "-m", "benchmarks", "--smoke", "--out", str(out)]
    ran = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert all(f"## {group.name}" in ran.stdout for group in GROUPS)
    return out


@pytest.fixture(scope="module")
def report(folder: Path) -> Report:
    """Its data."""
    return msgspec.json.decode((folder / "bench.json").read_bytes(), type=Report)


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_a_smoke_run_gives_each_contestant_of_a_group_a_figure_at_each_level(report: Report, group: AnyGroup) -> None:
    """Ours and what it is compared with are there, at every level, and each has done something."""
    (result,) = [result for result in report.groups if result.name == group.name]
    levels: list[int | None] = [*sorted(group.levels)] if isinstance(group, Group) else [None]
    for name in dict.fromkeys(figure.contestant for figure in result.figures):
        assert [figure.level for figure in result.figures if figure.contestant == name] == levels
    assert all(figure.rate > 0 and figure.ratio is not None for figure in result.figures)
    assert group.base in {figure.contestant for figure in result.figures}
    assert Role.OURS in {figure.role for figure in result.figures}


def test_a_smoke_run_has_a_figure_for_every_goal(report: Report) -> None:
    """No goal is left out, none names what is not there, and each is asked for something."""
    assert [(goal.group, goal.contestant, goal.level) for goal in report.goals] == [
        (goal.group, goal.contestant, goal.level) for goal in GOALS
    ]
    assert all((goal.at_least is None) != (goal.at_most is None) for goal in report.goals)


def test_round_trips_are_counted(report: Report) -> None:
    """A transaction by hand takes four, the library's commit takes one."""
    (commit,) = [group for group in report.groups if group.name == "commit"]
    assert commit.figure("psycopg, four trips by hand", 1).trips == 4
    assert {figure.trips for figure in commit.figures if figure.role is Role.OURS and figure.level == 1} == {1}


def test_the_plot_names_every_ratio_that_has_a_goal(folder: Path, report: Report) -> None:
    """It is well-formed SVG whose text is text."""
    texts = [text.text or "" for text in ET.parse(folder / "bench.svg").iter(f"{SVG}text")]  # noqa: S314 - our own
    ratios = [goal for goal in report.goals if goal.base_role in (Role.LIMIT, Role.PEER)]
    assert ratios
    for goal in ratios:
        assert any(text.startswith(goal.group) and f" to {goal.base}" in text for text in texts), goal


def test_the_same_figures_give_the_same_plot(folder: Path, report: Report, tmp_path: Path) -> None:
    """It can be kept in a repository: drawn again it has the same bytes."""
    draw(report, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == (folder / "bench.svg").read_bytes()
