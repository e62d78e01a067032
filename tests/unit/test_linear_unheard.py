"""The checker of linearizability on histories small enough to judge by hand: what nobody heard of, and reconcile."""

from __future__ import annotations

import pytest

from inbox_lifecycle.testing.linear import Initial
from tests.support.linear_brute import ACTIVE, BANNED, PENDING, WARMING, Words
from tests.support.linear_words import (
    BOTH,
    KEY_REUSED,
    NOT_ACCEPTED,
    SETTLED,
    UNKNOWN,
    did,
    moved,
    refused,
    seen,
    stands,
)


def test_an_unknown_outcome_may_take_effect_long_after_its_return() -> None:
    """Reads see nothing of it for a while, then they do; then they must go on to."""
    unknown = did("retry", 0, 1, UNKNOWN)
    before, after = did("get", 2, 3, seen(1, PENDING)), did("get", 4, 5, seen(2, WARMING))
    assert stands(unknown, before)
    assert stands(unknown, before, after)
    assert not stands(unknown, before, after, did("get", 6, 7, seen(1, PENDING)))


def test_an_unknown_outcome_takes_effect_once_and_not_before_it_was_called() -> None:
    """One call is one event."""
    after = did("get", 4, 5, seen(2, WARMING))
    back = did("correct", 6, 7, moved(3, PENDING), to=PENDING)
    assert not stands(did("retry", 6), after)
    assert not stands(did("retry", 0), after, back, did("get", 8, 9, seen(4, WARMING)))
    assert stands(did("retry", 0), did("start", 1, 2, UNKNOWN), after, back, did("get", 8, 9, seen(4, WARMING)))


def test_an_unknown_outcome_has_only_the_effect_that_its_call_could_have() -> None:
    """No retry bans, and none moves what is banned."""
    assert not stands(did("retry", 0), did("get", 2, 3, seen(2, BANNED)))
    assert not stands(did("retry", 0), did("get", 2, 3, seen(4, WARMING)), initial=Initial(BANNED, 3))
    assert not stands(did("ban", 0, expected_version=7), did("get", 2, 3, seen(2, BANNED)))
    assert stands(did("ban", 0, expected_version=1), did("get", 2, 3, seen(2, BANNED)))


def test_an_unknown_outcome_leaves_its_key_behind() -> None:
    """The retry of an unheard call by its key is answered by its success, and makes no second one."""
    history = (did("retry", 0, key="k"), did("get", 2, 3, seen(2, WARMING)))
    assert stands(*history, did("retry", 4, 5, moved(2, WARMING), key="k"))
    assert not stands(*history, did("retry", 4, 5, refused(WARMING, *BOTH), key="k"))
    assert stands(*history, did("retry", 4, 5, refused(WARMING, *BOTH)))


def test_an_unheard_call_is_not_mistaken_for_another_whose_key_is_gone() -> None:
    """Both would correct alike, but the first one's key stands for a ban by now."""
    spent = did("correct", 0, key="k", to=PENDING)
    banned = did("ban", 1, 2, moved(2, BANNED), key="k")
    after = did("get", 5, 6, seen(3, PENDING))
    assert not stands(spent, banned, after)
    assert stands(spent, banned, did("correct", 3, to=PENDING), after)


def test_unheard_calls_of_one_key_take_effect_once() -> None:
    """Whichever of them does, and although nobody ever asks for the key."""
    twice = (did("get", 2, 3, seen(2, BANNED)), did("correct", 4, 5, moved(3, PENDING), to=PENDING))
    again = did("get", 6, 7, seen(4, BANNED))
    bans = [did("ban", 0, key="k"), did("ban", 1, key="k")]
    assert stands(*bans, *twice)
    assert not stands(*bans, *twice, again)
    assert not stands(did("ban", 0, key="k"), did("correct", 0, key="k", to=BANNED), *twice, again)
    assert stands(did("ban", 0, key="k"), did("ban", 1, key="other"), *twice, again)


def test_the_first_of_unheard_calls_of_one_key_counts() -> None:
    """The second one came too late for what was seen, the first did not."""
    bans = [did("ban", 5, key="k"), did("ban", 0, key="k")]
    assert stands(*bans, did("get", 1, 2, seen(2, BANNED)))
    assert not stands(bans[0], did("get", 1, 2, seen(2, BANNED)))


def test_unheard_calls_of_a_key_that_was_asked_for_take_effect_once() -> None:
    """The answers about the key are all given; it is still one key."""
    asked = did("retry", 1, 2, NOT_ACCEPTED, key="k")
    unheard = [did("retry", 0, key="k"), did("retry", 0, key="k")]
    once = (did("get", 3, 4, seen(2, WARMING)), did("correct", 5, 6, moved(3, PENDING), to=PENDING))
    assert stands(asked, *unheard, *once)
    assert not stands(asked, *unheard, *once, did("get", 7, 8, seen(4, WARMING)))


def test_the_unheard_call_that_is_of_use_later_is_kept_for_later() -> None:
    """A retry warms only what is pending, a correction warms a banned inbox too: the retry has gone first."""
    unheard = (did("correct", 0, to=WARMING), did("retry", 0))
    history = (
        did("get", 1, 2, seen(2, WARMING)),
        did("ban", 4, 5, moved(3, BANNED)),
        did("get", 6, 7, seen(4, WARMING)),
    )
    assert stands(*unheard, *history)
    assert not stands(did("start", 0), did("retry", 0), *history)


def test_the_unheard_call_that_is_of_use_at_one_version_goes_first() -> None:
    """Later it can do nothing, and the other one can."""
    history = (
        did("get", 1, 2, seen(2, BANNED)),
        did("correct", 4, 5, moved(3, PENDING), to=PENDING),
        did("get", 6, 7, seen(4, BANNED)),
    )
    assert stands(did("ban", 0), did("ban", 0, expected_version=1), *history)
    assert stands(did("correct", 0, to=BANNED, expected_version=3), did("ban", 0), *history)


def test_the_unheard_call_whose_key_is_asked_for_goes_by_its_key() -> None:
    """Although another one would have warmed the inbox as well."""
    unheard = (did("retry", 0), did("retry", 0, key="k"))
    warming = did("get", 1, 2, seen(2, WARMING))
    assert stands(*unheard, warming, did("ban", 3, 4, KEY_REUSED, key="k"))
    assert stands(*unheard, warming, did("ban", 3, 4, moved(3, BANNED), key="k"))


@pytest.mark.parametrize("last", [BANNED, ACTIVE])
def test_each_way_to_the_same_place_is_tried(last: Words) -> None:
    """Whichever of two unheard calls came first, the other one came last."""
    unheard = (did("ban", 0), did("correct", 0, to=ACTIVE), did("correct", 0, to=PENDING))
    assert stands(*unheard, did("get", 1, 2, seen(3, PENDING)), did("get", 3, 4, seen(4, last)))


def test_a_run_of_reconcile_may_move_an_inbox_and_may_not() -> None:
    """From the pair of an open attempt, between its call and its return, and once."""
    run = did("reconcile", 2, 5, SETTLED)
    assert stands(run, did("get", 3, 4, seen(1, PENDING)), did("get", 6, 7, seen(1, PENDING)))
    assert stands(run, did("get", 3, 4, seen(1, PENDING)), did("get", 6, 7, seen(2, WARMING)))
    assert not stands(run, did("get", 0, 1, seen(2, WARMING)))
    assert not stands(run, did("get", 6, 7, seen(1, PENDING)), did("get", 8, 9, seen(2, WARMING)))
    assert not stands(run, did("get", 6, 7, seen(2, BANNED)))


def test_a_run_of_reconcile_moves_nothing_where_nobody_left_an_attempt() -> None:
    """If none of before is open, one of the history must have been opened first."""
    run, warming = did("reconcile", 2, 5, SETTLED), did("get", 6, 7, seen(2, WARMING))
    fresh = Initial(PENDING, 1, attempts=False)
    assert not stands(run, warming, initial=fresh)
    assert not stands(run, warming, did("retry", 8), initial=fresh)
    assert stands(did("retry", 1), run, warming, initial=fresh)


def test_a_run_of_reconcile_acts_for_no_attempt_that_came_after_the_act() -> None:
    """What warmed the inbox was seen before the key was first called with."""
    run, warming = did("reconcile", 0, 10, SETTLED), did("get", 1, 2, seen(2, WARMING))
    reused = did("ban", 7, 8, KEY_REUSED, key="k")
    assert stands(run, warming, reused, did("retry", 2, key="k"))
    assert not stands(run, warming, reused, did("retry", 5, key="k"))


def test_a_run_of_reconcile_moves_an_inbox_once() -> None:
    """Led back while the run goes on, the inbox waits for the next one."""
    run = did("reconcile", 0, 9, SETTLED)
    history = (
        did("get", 1, 2, seen(2, WARMING)),
        did("correct", 3, 4, moved(3, PENDING), to=PENDING),
        did("get", 5, 6, seen(4, WARMING)),
    )
    assert not stands(run, *history)
    assert stands(run, did("reconcile", 0, 2, SETTLED), *history)
    assert stands(did("reconcile", 0, 2, SETTLED), run, *history)
    assert not stands(run, did("reconcile", 7, 9, SETTLED), *history)


def test_a_run_of_reconcile_without_an_answer_may_act_later() -> None:
    """Its last statement may still be on its way."""
    late = (did("get", 6, 7, seen(1, PENDING)), did("get", 8, 9, seen(2, WARMING)))
    assert stands(did("reconcile", 2), *late)
    assert not stands(did("reconcile", 8), did("get", 6, 7, seen(2, WARMING)))


def test_a_run_of_reconcile_books_the_key_of_an_attempt() -> None:
    """Whoever comes with the key afterwards gets that success; a key that nobody had used by then stays free."""
    tried = did("retry", 0, 1, NOT_ACCEPTED, key="k")
    run, after = did("reconcile", 2, 5, SETTLED), did("get", 6, 7, seen(2, WARMING))
    assert stands(tried, run, after, did("retry", 8, 9, moved(2, WARMING), key="k"))
    assert stands(tried, run, after, did("ban", 8, 9, KEY_REUSED, key="k"))
    assert not stands(run, after, did("retry", 8, 9, moved(2, WARMING), key="k"))
