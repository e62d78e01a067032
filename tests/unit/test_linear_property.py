"""The checker of linearizability against runs that are right, and against brute force.

Brute force shares nothing with it: another sequential model, every order, every choice of unheard calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from inbox_lifecycle.testing.linear import Answer, Initial, Operation, Outcome, Violation, check
from tests.support.linear_brute import endings
from tests.support.linear_runs import INBOX, a_beginning, legal, nonsense, spoilt, without_answer

STEADY = settings(derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
#: Chance at any step of a call that its caller dies.
CRASHES = (0.0, 0.1, 0.4)

randoms = st.randoms(use_true_random=False)


def judged(history: list[Operation], initial: Initial) -> Violation | None:
    """The one violation, or none."""
    violations = check(history, {INBOX: initial})
    assert len(violations) <= 1
    return violations[0] if violations else None


def said(operation: Operation) -> str:
    """What was answered, in a word."""
    if operation.answer is None:
        return "unheard"
    return "lost" if "version" in operation.answer.failed else operation.answer.outcome


def small(random: Random, initial: Initial) -> list[Operation]:
    """A run of at most six calls."""
    return legal(
        random, initial, calls=random.randint(1, 6), at_once=random.randint(1, 6), crashes=random.choice(CRASHES)
    )


def once(random: Random, initial: Initial) -> list[Operation]:
    """A run with one thing changed."""
    return spoilt(random, small(random, initial))


def twice(random: Random, initial: Initial) -> list[Operation]:
    """A run with two things changed."""
    return spoilt(random, once(random, initial))


def thrown_together(random: Random, _initial: Initial) -> list[Operation]:
    """No run at all."""
    return nonsense(random, random.randint(1, 6))


@pytest.mark.parametrize(
    ("make", "least"),
    [
        (small, {True: 300}),
        (once, {True: 80, False: 80}),
        (twice, {True: 50, False: 100}),
        (thrown_together, {True: 15, False: 100}),
    ],
)
def test_the_checker_says_what_brute_force_says(
    make: Callable[[Random, Initial], list[Operation]], least: dict[bool, int]
) -> None:
    """On every small history, legal or not; and both verdicts come up often."""
    verdicts: Counter[bool] = Counter()

    @settings(STEADY, max_examples=300)
    @given(random=randoms)
    def agree(random: Random) -> None:
        initial = a_beginning(random)
        history = make(random, initial)
        explained = bool(endings(initial, history))
        verdicts[explained] += 1
        assert (judged(history, initial) is None) == explained

    agree()
    assert {verdict: min(verdicts[verdict], number) for verdict, number in least.items()} == least


def test_a_violation_tells_the_shortest_prefix_and_what_stood_before_it() -> None:
    """The prefix cannot be explained, without its last answer it can, and brute force ends in the same places."""
    found: Counter[str] = Counter()

    @settings(STEADY, max_examples=300)
    @given(random=randoms)
    def tell(random: Random) -> None:
        initial = a_beginning(random)
        violation = judged(twice(random, initial), initial)
        if violation is None:
            return
        found["violations"] += 1
        assert endings(initial, violation.operations) == set()
        before = endings(initial, without_answer(violation.operations, violation.unexplained))
        found["several places"] += len(violation.before) > 1
        assert set(violation.before) <= before
        assert {pair for _, pair in violation.before} == {pair for _, pair in before}

    tell()
    assert found["violations"] > 80
    assert found["several places"] > 20


def test_long_runs_in_which_nothing_goes_wrong_are_explained() -> None:
    """Hundreds of calls, sixteen at once, with crashes, late writes and runs of `reconcile` between them."""
    answers: Counter[str] = Counter()

    @settings(STEADY, max_examples=30)
    @given(seed=st.integers(0, 2**32))
    def explained(seed: int) -> None:
        random = Random(seed)
        initial = a_beginning(random)
        history = legal(random, initial, calls=300, at_once=16, crashes=random.choice(CRASHES))
        answers.update(map(said, history))
        assert judged(history, initial) is None

    explained()
    assert min(answers.values()) > 50, "every kind of answer comes up, and none hardly ever"
    assert answers.keys() == {*Outcome, "unheard", "lost"} - {Outcome.NOT_FOUND}


def test_one_wrong_answer_among_thousands_is_found() -> None:
    """No recursion that such a history exhausts; without the wrong answer it can be explained."""
    random = Random(1)
    initial = a_beginning(random)
    history = legal(random, initial, calls=4000, at_once=16, crashes=0.02)
    assert judged(history, initial) is None
    place, read = next(
        (place, operation)
        for place, operation in enumerate(history)
        if place > 2000 and operation.answer and operation.answer.outcome is Outcome.SEEN
    )
    stale = replace(read, answer=Answer(outcome=Outcome.SEEN, version=initial.version, pair=initial.pair))
    violation = judged([*history[:place], stale, *history[place + 1 :]], initial)
    assert violation is not None
    assert violation.unexplained == stale
