"""Playing schedules: all of a scenario, one again, or as Hypothesis draws them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from inbox_lifecycle.testing.schedules.choices import Choices, Noted, Scripted, every
from inbox_lifecycle.testing.schedules.promises import broken
from inbox_lifecycle.testing.schedules.scenario import Played, Scenario
from inbox_lifecycle.testing.schedules.schedule import Play
from inbox_lifecycle.testing.schedules.stage import Stage


class PromiseBroken(AssertionError):
    """A schedule ended with a promise broken; `script` replays it."""

    def __init__(self, played: Played, script: Sequence[int], promises: Sequence[str]) -> None:
        answers = [f"      {each.process}: {each.call.kind} -> {each.answer}" for each in played.operations]
        told = [
            f"{played.scenario}: {len(promises)} promise(s) broken in the schedule",
            *played.trace,
            "answers:",
            *answers,
            "broken:",
            *(f"      {promise}" for promise in promises),
            f"again: replay(stage, {played.scenario!r}, {list(script)})",
        ]
        super().__init__("\n".join(told))
        self.script = list(script)
        self.promises = list(promises)


@dataclass
class Explored:
    """What was explored, to be printed, and to be held against what should have been met."""

    schedules: int = 0
    steps: int = 0
    #: How many schedules had this fault or interlude.
    wrong: Counter[str] = field(default_factory=Counter)
    #: How often which answer was given, as `kind outcome`.
    answers: Counter[str] = field(default_factory=Counter)

    def add(self, played: Played) -> None:
        """Count one more."""
        self.schedules += 1
        self.steps += len(played.trace)
        self.wrong.update(each.name for each in played.wrong)
        self.answers.update(f"{each.call.kind} {each.answer.outcome}" for each in played.operations if each.answer)


def explore(stage: Stage, scenario: Scenario) -> Explored:
    """Play every schedule of a scenario, each one once, and verify the database at the end.

    The number of schedules grows fast: a few thousand for two retries with one fault, a hundred times that for three.

    Raises:
        PromiseBroken: the first schedule that broke a promise.
    """
    explored = Explored()

    def play(choices: Scripted) -> Played:
        return _play(stage, scenario, choices, lambda: [chosen for chosen, _ in choices.made])

    for played in every(play):
        explored.add(played)
    _verify(stage)
    return explored


def replay(stage: Stage, scenario: Scenario, script: Sequence[int]) -> Played:
    """Play one schedule again.

    Raises:
        PromiseBroken: it breaks a promise.
    """
    choices = Scripted(script)
    return _play(stage, scenario, choices, lambda: script)


def play_drawn(stage: Stage, scenario: Scenario, draw: Callable[[int], int]) -> Played:
    """Play a schedule whose choices are drawn: of so many options, counted from 0.

    With Hypothesis, `lambda options: data.draw(integers(0, options - 1))`: a failure shrinks to the plainest schedule.

    Raises:
        PromiseBroken: it breaks a promise.
    """
    choices = Noted(draw)
    return _play(stage, scenario, choices, lambda: choices.script)


def _play(stage: Stage, scenario: Scenario, choices: Choices, script: Callable[[], Sequence[int]]) -> Played:
    try:
        played = Play(stage, scenario, choices).run()
        promises = broken(played)
        if promises:
            raise PromiseBroken(played, script(), promises)  # noqa: TRY301 - it is cleaned up after like any other
    except BaseException:
        # Broken, or broken off by whoever chooses: the next schedule must not meet what this one has left.
        stage.close_attempts()
        raise
    return played


def _verify(stage: Stage) -> None:
    report = stage.verify()
    if not report.clean:
        raise AssertionError(f"verification after all schedules: {report.as_dict()}")
