"""The scheduler itself: it plays every schedule once, plays one again just as it was, and tells what broke."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox_lifecycle import Inbox
from inbox_lifecycle.testing.schedules import (
    FAULTS,
    WARMING,
    Deed,
    Fault,
    Played,
    PromiseBroken,
    Scenario,
    Stage,
    ban,
    correct,
    explore,
    get,
    play_drawn,
    replay,
    retry_warmup,
)
from inbox_lifecycle.testing.schedules.choices import Scripted, every


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A stage in memory."""
    with Stage.in_memory() as opened:
        yield opened


def quiet(*plans: tuple[Deed, ...]) -> Scenario:
    """Nothing goes wrong."""
    return Scenario(name="quiet", actors=plans, faults=(), interludes=())


def one_fault(name: str, *plans: tuple[Deed, ...]) -> Scenario:
    """This fault strikes, or nothing does."""
    return Scenario(
        name=name, actors=plans, faults=tuple(fault for fault in FAULTS if fault.name == name), interludes=()
    )


def nobody_is_refused(played: Played) -> Iterator[str]:
    """A promise that the library does not make."""
    for name, results in played.results.items():
        yield from (f"{name} was refused" for result in results if not isinstance(result, Inbox))


BREAKABLE = Scenario(
    name="breakable",
    actors=((retry_warmup(),), (ban(),)),
    faults=(),
    interludes=(),
    promises=(nobody_is_refused,),
)


@pytest.mark.parametrize("depth", [0, 1, 4])
def test_every_script_is_played_once(depth: int) -> None:
    """Three options at each of so many decisions."""
    scripts = list(every(lambda choices: tuple(choices.choose(3) for _ in range(depth))))
    assert len(scripts) == len(set(scripts)) == 3**depth
    assert scripts == sorted(scripts)


def test_decisions_that_hang_on_earlier_ones_are_all_met() -> None:
    """As many further decisions as the first one says."""
    played = list(every(lambda choices: tuple(choices.choose(2) for _ in range(choices.choose(3)))))
    assert sorted(played) == sorted([(), (0,), (1,), (0, 0), (0, 1), (1, 0), (1, 1)])


def test_a_script_that_no_longer_fits_is_refused() -> None:
    """The code has changed since it was noted down."""
    with pytest.raises(ValueError, match="the code has changed"):
        Scripted([3]).choose(2)


def test_callers_that_never_meet_are_played_in_every_order(stage: Stage) -> None:
    """A look is one step: of three and two looks in a row, the orders are those of 3 + 2 steps."""
    assert explore(stage, quiet((get(), get(), get()), (get(), get()))).schedules == comb(5, 2)


def test_callers_that_do_the_same_change_places_without_a_new_schedule(stage: Stage) -> None:
    """Which of two equal callers begins is a matter of names."""
    assert explore(stage, quiet((get(),), (get(),))).schedules == 1
    assert explore(stage, quiet((get(),), (get(), get()))).schedules == comb(3, 1)


def test_what_broke_is_told_step_by_step_and_played_again(stage: Stage) -> None:
    """The trace names the steps of both, and the script leads to the same end."""
    with pytest.raises(PromiseBroken) as first:
        explore(stage, BREAKABLE)
    told = str(first.value)
    assert "A: retry_warmup(): open_attempt" in told
    assert "B: ban(): commit_move" in told
    assert f"{first.value.script})" in told
    with pytest.raises(PromiseBroken) as again:
        replay(stage, BREAKABLE, first.value.script)
    assert again.value.promises == first.value.promises


def test_a_drawn_failure_shrinks_to_the_plainest_schedule(stage: Stage) -> None:
    """Of all that could be drawn: the ban goes first, and nothing else happens."""

    @settings(derandomize=True, database=None, deadline=None, max_examples=200)
    @given(data=st.data())
    def play(data: st.DataObject) -> None:
        play_drawn(stage, BREAKABLE, lambda options: data.draw(st.integers(0, options - 1)))

    with pytest.raises(PromiseBroken) as broken:
        play()
    assert broken.value.script == [1, 1, 0, 0]


def test_a_schedule_that_is_broken_off_leaves_nothing_for_the_next_one(stage: Stage) -> None:
    """Whoever draws the choices may stop in the middle, as Hypothesis does when it has drawn too much."""
    choices = iter([0, 0])
    with pytest.raises(StopIteration):
        play_drawn(stage, quiet((retry_warmup(),)), lambda _options: next(choices))
    report = stage.verify()
    assert (report.attempts, report.open_attempts) == (1, 0)


def test_a_late_commit_takes_effect_at_every_later_moment_or_never(stage: Stage) -> None:
    """Given up by its caller, it may land before another's step, after it, or at the end; here it is an operator's."""
    scenario = one_fault(
        "it is late, and the database is gone", (correct(WARMING, expected_version=1),), (get(), get())
    )
    explored = explore(stage, scenario)
    assert explored.wrong["it is late, and the database is gone"] > 0
    assert explored.answers["correct indeterminate"] > 0
    assert explored.answers["get seen"] > 0


def test_a_step_is_performed_for_real(stage: Stage) -> None:
    """What a schedule says was done stands in the database, and verification counts it."""
    played = replay(stage, quiet((retry_warmup(),)), [])
    report = stage.verify()
    assert (report.inboxes, report.events, report.attempts, report.open_attempts) == (1, 2, 1, 0)
    assert played.provider_warms
    (moved,) = played.results["A"]
    assert isinstance(moved, Inbox)
    assert (moved.status, moved.version) == ("warming", 2)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_each_fault_strikes_and_is_survived_by_a_lone_retry(stage: Stage, fault: Fault) -> None:
    """Every promise holds, and the fault is not there for nothing."""
    scenario = Scenario(name="alone", actors=((retry_warmup(),),), faults=(fault,), interludes=())
    assert explore(stage, scenario).wrong.total() > 0
