"""The checker of linearizability on histories small enough to judge by hand: what was answered."""

from __future__ import annotations

import msgspec
import pytest

from inbox_lifecycle.testing.linear import Answer, Booked, Initial, Operation, Outcome, check
from tests.support.linear_brute import ACTIVE, BANNED, PENDING, WARMING
from tests.support.linear_words import (
    BOTH,
    CONFLICT,
    FRESH,
    KEY_REUSED,
    NOT_ACCEPTED,
    NOT_FOUND,
    ONE,
    OTHER,
    RETRIED,
    SETTLED,
    did,
    moved,
    refused,
    seen,
    stands,
)


def test_one_retry_that_moved_is_explained() -> None:
    """The shortest history of all."""
    assert stands(RETRIED)


def test_two_retries_that_both_moved_are_not_explained() -> None:
    """At most one of any number of retries moves the inbox, whichever version the other claims."""
    assert not stands(RETRIED, did("retry", 1, 6, moved(2, WARMING)))
    assert not stands(RETRIED, did("start", 1, 6, moved(3, WARMING)))


def test_a_retry_that_moved_and_one_refused_are_explained_if_they_ran_together() -> None:
    """The loser finds what the winner left; had it returned before the winner was called, it could not."""
    assert stands(RETRIED, did("retry", 1, 6, refused(WARMING, *BOTH)))
    assert not stands(did("retry", 1, 2, refused(WARMING, *BOTH)), did("retry", 3, 4, moved(2, WARMING)))


def test_a_lost_race_is_explained_by_a_gate_that_was_open_and_an_inbox_that_moved() -> None:
    """The found words, version included, belong to the second look, the open gate to the first."""
    lost = refused(WARMING, *BOTH, "version", version="2")
    assert stands(RETRIED, did("retry", 1, 6, lost))
    assert not stands(RETRIED, did("retry", 6, 7, lost)), "called after the inbox had moved, it found no open gate"
    assert not stands(did("retry", 0, 4, lost), did("retry", 5, 6, moved(2, WARMING))), "nothing had moved yet"


def test_a_lost_race_that_found_the_gate_shut_is_not_explained() -> None:
    """Nobody would have asked the provider; and what it found afterwards must have stood there."""
    on = did("correct", 1, 2, moved(3, ACTIVE), to=ACTIVE)
    assert not stands(
        on, did("retry", 0, 4, refused(ACTIVE, *BOTH, "version", version="3")), initial=Initial(WARMING, 2)
    )
    assert stands(on, did("retry", 0, 4, refused(ACTIVE, *BOTH, "version", version="3")), initial=Initial(PENDING, 2))
    assert not stands(
        on, did("retry", 0, 4, refused(BANNED, *BOTH, "version", version="3")), initial=Initial(PENDING, 2)
    )


def test_a_lost_race_in_which_the_pair_came_again_is_explained() -> None:
    """Only the version fails: between the looks the gate was shut."""
    back = did("correct", 6, 7, moved(3, PENDING), to=PENDING)
    assert stands(RETRIED, back, did("retry", 1, 9, refused(PENDING, "version", version="3")))
    assert not stands(RETRIED, back, did("retry", 8, 9, refused(PENDING, "version", version="3")))


@pytest.mark.parametrize("version", [{}, {"version": "2.0"}, {"version": "two"}])
def test_a_lost_race_that_does_not_say_where_the_inbox_went_is_not_explained(version: dict[str, str]) -> None:
    """The verdict of a lost race always tells the version found."""
    assert not stands(RETRIED, did("retry", 1, 6, refused(WARMING, *BOTH, "version", **version)))


def test_a_stale_success_after_the_pair_came_again_is_not_explained() -> None:
    """Retry, correction back, and a retry from before that claims the version which the first one made."""
    back = did("correct", 6, 7, moved(3, PENDING), to=PENDING)
    assert not stands(RETRIED, back, did("retry", 1, 9, moved(2, WARMING)))


def test_a_stale_acceptance_that_moves_the_inbox_on_passes_for_a_later_retry() -> None:
    """At the instant after the correction a one-at-a-time run would answer just so: callers cannot tell.

    What tells is the attempt, which saw another version; that is for other checks than this one.
    """
    back = did("correct", 6, 7, moved(3, PENDING), to=PENDING)
    assert stands(RETRIED, back, did("retry", 1, 9, moved(4, WARMING)))
    assert not stands(RETRIED, back, did("retry", 1, 5, moved(4, WARMING))), "it returned before the correction"


def test_a_stale_read_is_not_explained() -> None:
    """A read called after the answer must see what was answered, one that ran beside it may not."""
    assert not stands(RETRIED, did("get", 6, 7, seen(1, PENDING)))
    assert stands(RETRIED, did("get", 5, 7, seen(1, PENDING)))


def test_reads_that_go_back_in_time_are_not_explained() -> None:
    """Both ran beside the retry, but the second was called after the first had seen it."""
    assert not stands(RETRIED, did("get", 1, 2, seen(2, WARMING)), did("get", 3, 4, seen(1, PENDING)))
    assert stands(RETRIED, did("get", 1, 2, seen(1, PENDING)), did("get", 3, 4, seen(2, WARMING)))


def test_a_lost_write_is_not_explained() -> None:
    """An acknowledged move is gone at a later read, at its version too."""
    assert not stands(RETRIED, did("get", 6, 7, seen(1, PENDING)))
    assert not stands(RETRIED, did("get", 6, 7, seen(2, PENDING)))
    assert not stands(RETRIED, did("get", 6, 7, seen(3, WARMING))), "nobody made version 3"


def test_a_key_is_answered_by_the_success_it_stands_for() -> None:
    """By start and retry alike, at any later time, whatever became of the inbox since."""
    first = did("retry", 0, 5, moved(2, WARMING), key="k")
    banned = did("ban", 6, 7, moved(3, BANNED))
    assert stands(first, banned, did("start", 8, 9, moved(2, WARMING), key="k"))
    assert not stands(first, banned, did("start", 8, 9, refused(BANNED, *BOTH), key="k"))
    assert not stands(
        first, did("correct", 6, 7, moved(3, PENDING), to=PENDING), did("retry", 8, 9, moved(4, WARMING), key="k")
    )


def test_a_key_of_another_operation_is_told_as_reused() -> None:
    """And only then."""
    banned = did("ban", 0, 5, moved(2, BANNED), key="k")
    assert stands(banned, did("retry", 6, 7, KEY_REUSED, key="k"))
    assert not stands(banned, did("retry", 6, 7, KEY_REUSED, key="other"))
    assert not stands(banned, did("ban", 6, 7, KEY_REUSED, key="k"))
    assert not stands(banned, did("retry", 6, 7, moved(2, BANNED), key="k"))


def test_a_key_that_was_booked_before_the_history_counts() -> None:
    """What `Initial` says of keys is where the run begins."""
    initial = Initial(PENDING, 3, {"k": Booked("inbox.warmup_started", 2, WARMING)})
    assert stands(did("retry", 0, 1, moved(2, WARMING), key="k"), initial=initial)
    assert stands(did("ban", 0, 1, KEY_REUSED, key="k"), initial=initial)
    assert not stands(did("retry", 0, 1, moved(4, WARMING), key="k"), initial=initial)
    assert not stands(did("retry", 0, key="k"), did("get", 2, 3, seen(4, WARMING)), initial=initial)


def test_a_correction_by_a_key_may_be_answered_by_another_one() -> None:
    """Both are one operation to a key, wherever each would have led."""
    first = did("correct", 0, 1, moved(2, ACTIVE), key="k", to=ACTIVE)
    second = did("correct", 2, 3, moved(2, ACTIVE), key="k", to=BANNED)
    assert stands(first, second, did("correct", 4, 5, moved(3, BANNED), to=BANNED))


def test_a_definite_refusal_where_the_inbox_never_refused_is_not_explained() -> None:
    """The gate held from beginning to end."""
    assert not stands(did("retry", 0, 1, refused(WARMING, *BOTH)))
    assert not stands(did("retry", 0, 1, refused(PENDING)))
    assert not stands(did("ban", 0, 1, Answer(outcome=Outcome.REFUSED, found={"status": "banned"}, failed=("status",))))


def test_a_refusal_tells_what_stands_there_and_every_clause_of_it() -> None:
    """A wrong word, a clause too few, a clause too many or one judged wrongly: none of them is a verdict of ours."""
    initial = Initial(("active", "not_started"), 4)
    assert stands(did("retry", 0, 1, refused(("active", "not_started"), "status")), initial=initial)
    for wrong in (
        refused(("warming", "not_started"), "status"),
        refused(("active", "not_started"), "status", "warmup_status"),
        refused(("active", "not_started"), "status", pair="active / not_started"),
        refused(("active", "not_started"), "status", "erased"),
        Answer(outcome=Outcome.REFUSED, found={"status": "active"}, failed=("status",)),
    ):
        assert not stands(did("retry", 0, 1, wrong), initial=initial)


def test_the_provider_may_refuse_only_what_the_rules_leave_to_it() -> None:
    """Its word alone is free; the inbox's own clauses are not, and the provider decides about no ban."""
    word = {"provider.warmup": "warming"}
    figures = {"reputation": "12", "total_sent": "3"}
    initial = Initial(WARMING, 2)
    assert stands(did("fail_warmup", 0, 1, refused(WARMING, *word, **word)), initial=initial)
    assert stands(did("graduate", 0, 1, refused(WARMING, "reputation", **figures)), initial=initial)
    assert not stands(did("fail_warmup", 0, 1, refused(WARMING, **word)), initial=initial)
    assert not stands(did("fail_warmup", 0, 1, refused(WARMING, *word)), initial=initial)
    assert not stands(did("fail_warmup", 0, 1, refused(WARMING, *word, **word)))
    assert stands(did("fail_warmup", 0, 1, refused(PENDING, *BOTH)))
    assert not stands(did("retry", 0, 1, refused(PENDING, *word, **word)))


def test_a_provider_that_does_not_accept_was_asked() -> None:
    """So the gate held, the key was free, and nothing moved."""
    assert stands(did("retry", 0, 1, NOT_ACCEPTED), did("get", 2, 3, seen(1, PENDING)))
    assert not stands(did("retry", 0, 1, NOT_ACCEPTED), did("get", 2, 3, seen(2, WARMING)))
    assert not stands(RETRIED, did("retry", 6, 7, NOT_ACCEPTED))
    assert stands(RETRIED, did("graduate", 6, 7, NOT_ACCEPTED))
    assert not stands(RETRIED, did("ban", 6, 7, NOT_ACCEPTED))


def test_a_conflict_means_another_version() -> None:
    """Than the expected one; with none expected, others were faster every time, which nobody can deny."""
    assert stands(RETRIED, did("ban", 6, 7, CONFLICT, expected_version=1))
    assert not stands(RETRIED, did("ban", 6, 7, CONFLICT, expected_version=2))
    assert stands(RETRIED, did("ban", 6, 7, CONFLICT))
    actual = msgspec.structs.replace(CONFLICT, version=2)
    assert stands(RETRIED, did("ban", 1, 7, actual, expected_version=1))
    assert not stands(RETRIED, did("ban", 6, 7, msgspec.structs.replace(CONFLICT, version=3), expected_version=1))
    assert not stands(RETRIED, did("retry", 6, 7, actual))
    assert not stands(RETRIED, did("ban", 6, 7, msgspec.structs.replace(CONFLICT, version=3)), did("ban", 8))
    banned = did("ban", 6, 7, moved(3, BANNED), key="k")
    assert not stands(RETRIED, banned, did("ban", 8, 9, CONFLICT, key="k", expected_version=2))


def test_an_expected_version_binds_moves_and_refusals() -> None:
    """Neither is an answer at another version."""
    assert stands(did("ban", 0, 1, moved(2, BANNED), expected_version=1))
    assert not stands(did("ban", 0, 1, moved(2, BANNED), expected_version=2))
    again = Answer(outcome=Outcome.REFUSED, found={"status": "banned"}, failed=("status",))
    assert stands(did("ban", 0, 1, again, expected_version=3), initial=Initial(BANNED, 3))
    assert not stands(did("ban", 0, 1, again, expected_version=2), initial=Initial(BANNED, 3))


def test_an_inbox_that_is_not_there_is_not_found() -> None:
    """And one that is there is; an inbox that the beginning does not name is not there."""
    assert check([did("retry", 0, 1, NOT_FOUND), did("ban", 2), did("reconcile", 3, 4, SETTLED)], {}) == []
    assert not stands(did("retry", 0, 1, NOT_FOUND))
    (violation,) = check([did("retry", 0, 1, moved(2, WARMING))], {})
    assert violation.before == ()
    assert "it is not there" in str(violation)


def test_inboxes_are_judged_each_by_itself() -> None:
    """The violation names the one inbox whose answers do not fit, and `reconcile` may move both."""
    history = [
        did("reconcile", 0, 1, SETTLED),
        did("get", 2, 3, seen(2, WARMING)),
        did("get", 2, 3, seen(2, WARMING), inbox_id=OTHER),
        did("get", 4, 5, seen(1, PENDING), inbox_id=OTHER),
    ]
    (violation,) = check(history, {ONE: FRESH, OTHER: FRESH})
    assert violation.inbox_id == OTHER
    assert all(operation.call.inbox_id in (OTHER, None) for operation in violation.operations)


def test_the_order_in_which_a_history_is_given_makes_no_difference() -> None:
    """Workers' files are read one after the other."""
    history = [RETRIED, did("get", 6, 7, seen(2, WARMING)), did("ban", 8, 9, moved(3, BANNED))]
    assert stands(*reversed(history))
    assert not stands(*reversed([*history, did("get", 10, 11, seen(2, WARMING))]))


@pytest.mark.parametrize(
    "nonsense",
    [
        did("get", 5, 4, seen(1, PENDING)),
        did("get", 0, 1, seen(1, PENDING), inbox_id=None),
        did("register", 0, 1, seen(1, PENDING)),
        did("correct", 0),
    ],
    ids=["answered before called", "no inbox", "no such call", "nowhere to"],
)
def test_a_history_that_makes_no_sense_is_an_error(nonsense: Operation) -> None:
    """A recorder that is wrong must not pass for a library that is right."""
    with pytest.raises(ValueError, match=r"answered at|concerns|no call|names the pair"):
        check([nonsense], {ONE: FRESH})


@pytest.mark.parametrize(
    ("kind", "answer"),
    [("get", moved(2, WARMING)), ("retry", seen(1, PENDING)), ("reconcile", seen(1, PENDING)), ("ban", SETTLED)],
)
def test_an_answer_that_such_a_call_never_has_is_not_explained(kind: str, answer: Answer) -> None:
    """A get moves nothing, a retry is no read."""
    assert not stands(did(kind, 0, 1, answer))
