"""How a bulk run plans its calls: every inbox gets its answer, within the promised number of calls."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox_lifecycle.lifecycle.bulk_planning import BATCH, Pauses, is_about_an_address, separate
from inbox_lifecycle.providers.port import Busy, EnableAnswer, Enabled, Rejected, Unknown

#: Calls for each bad address, as promised.
EACH = 2 * math.log2(BATCH)


class Asked:
    """A plan, carried out with a provider that refuses every call naming a bad address."""

    def __init__(
        self, size: int, bad: Collection[int], mistaken: Callable[[int], bool] = lambda call: call < 0
    ) -> None:
        #: Items of the calls that were taken.
        self.taken: list[int] = []
        self.refused_alone: set[int] = set()
        self.calls = 0
        plan = separate(range(size))
        asked = next(plan)
        while asked:
            assert len(set(asked)) == len(asked)
            self.calls += 1
            refused = not set(asked).isdisjoint(bad) or mistaken(self.calls)
            if not refused:
                self.taken.extend(asked)
            elif len(asked) == 1:
                self.refused_alone.update(asked)
            asked = plan.send(asked if refused else ())


def assert_separated(asked: Asked, size: int, bad: Collection[int]) -> None:
    """Demand that the bad ones were refused alone, and all the others taken once."""
    assert asked.refused_alone == set(bad)
    assert sorted(asked.taken) == [item for item in range(size) if item not in bad]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_bad_addresses_anywhere_in_a_batch_cost_the_promised_calls(count: int) -> None:
    """Every place of one, and of every two: one call for the batch, and twice the logarithm for each of them."""
    for bad in combinations(range(BATCH), count):
        asked = Asked(BATCH, bad)
        assert_separated(asked, BATCH, bad)
        assert asked.calls <= 1 + EACH * count, bad


@given(size=st.integers(1, BATCH), data=st.data())
@settings(max_examples=300, deadline=None)
def test_any_bad_addresses_of_any_batch_cost_the_promised_calls(size: int, data: st.DataObject) -> None:
    """Three to five of them and more, in smaller batches too."""
    bad = data.draw(st.sets(st.integers(0, size - 1), max_size=min(size, data.draw(st.sampled_from([3, 5, size])))))
    asked = Asked(size, bad)
    assert_separated(asked, size, bad)
    assert asked.calls <= 1 + EACH * len(bad)


def test_a_batch_of_bad_addresses_alone_costs_little_more_than_one_call_each() -> None:
    """A key for the wrong workspace must not be paid for with a search for each address."""
    asked = Asked(BATCH, range(BATCH))
    assert_separated(asked, BATCH, range(BATCH))
    assert asked.calls < 1.3 * BATCH


def test_a_batch_refused_by_mistake_is_asked_for_once_more() -> None:
    """Nothing is searched for where nothing is wrong."""
    asked = Asked(BATCH, (), mistaken=lambda call: call == 1)
    assert (asked.calls, len(asked.taken)) == (2, BATCH)


@given(bad=st.sets(st.integers(0, BATCH - 1), max_size=3), mistakes=st.sets(st.integers(1, 30), max_size=3))
@settings(max_examples=200, deadline=None)
def test_refusals_by_mistake_lose_no_item_and_cost_a_search_at_most(bad: set[int], mistakes: set[int]) -> None:
    """Who is refused alone was told so; all the others are taken, whatever the provider got wrong on the way."""
    asked = Asked(BATCH, bad, mistaken=lambda call: call in mistakes)
    assert bad <= asked.refused_alone
    assert sorted([*asked.taken, *asked.refused_alone]) == list(range(BATCH))
    assert asked.calls <= 1 + EACH * (len(bad) + len(mistakes))


@pytest.mark.parametrize(
    ("answer", "one_of_many"),
    [
        (Rejected(400, "bad_request"), True),
        (Rejected(404, "no_such_account"), True),
        (Rejected(422, "unprocessable"), True),
        (Rejected(None, "job_failed"), True),
        (Rejected(401, "unauthorised"), False),
        (Rejected(402, "payment_required"), False),
        (Rejected(403, "forbidden"), False),
        (Rejected(None, "banned"), False),
        (Busy(), False),
        (Unknown("unanswered"), False),
        (Enabled(), False),
    ],
)
def test_only_a_no_that_may_be_meant_for_one_address_is_searched(answer: EnableAnswer, one_of_many: bool) -> None:  # noqa: FBT001 - a case
    """What is about the key or the plan holds for all."""
    assert is_about_an_address(answer) is one_of_many


@given(
    tries=st.integers(0, 10_000),
    told=st.none() | st.floats(0, 86_400),
    chance=st.integers().map(random.Random),
)
def test_a_pause_is_what_the_provider_told_or_lies_within_its_bound(
    tries: int, told: float | None, chance: random.Random
) -> None:
    """Never sooner than told, never a quarter later than that or than a minute."""
    seconds = Pauses(chance).backoff(tries, told)
    assert (told or 0.0) <= seconds <= max(1.25 * (told or 0.0), 60.0)
    assert Pauses(chance).backoff(0, None) <= 0.5
    assert 0.025 <= Pauses(chance).poll(tries) <= 15.0


def test_pauses_grow_and_differ() -> None:
    """Callers that began together do not come back together, and come back ever more seldom."""
    pauses = Pauses(random.Random(1))
    seconds = [[pauses.backoff(tries, None) for _ in range(50)] for tries in range(8)]
    assert all(len(set(some)) == 50 for some in seconds)
    largest = [max(some) for some in seconds]
    assert largest == sorted(largest)
