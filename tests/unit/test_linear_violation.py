"""A violation tells where to look: the shortest prefix, the standings before it, one line for each operation."""

from __future__ import annotations

from itertools import product

from inbox_lifecycle import Status, WarmupStatus
from inbox_lifecycle.testing.linear import Answer, Call, Initial, Operation, Outcome, Violation, check
from tests.support.linear_brute import PENDING, WARMING

INBOX = "0197e9a4-8f4a-7c3e-9d6b-2f1c5a7e4b10"


def retried(called: int, answered: int, *, key: str | None = None) -> Operation:
    """A retry that claims version 2."""
    return Operation(
        call=Call(kind="retry", inbox_id=INBOX, key=key),
        called=called,
        answered=answered,
        answer=Answer(outcome=Outcome.MOVED, version=2, pair=WARMING),
        process="w1",
    )


def read(called: int, version: int) -> Operation:
    """A read at once."""
    return Operation(
        call=Call(kind="get", inbox_id=INBOX),
        called=called,
        answered=called + 1,
        answer=Answer(outcome=Outcome.SEEN, version=version, pair=PENDING if version == 1 else WARMING),
    )


def violation_of(*history: Operation) -> Violation:
    """The one violation."""
    (violation,) = check(history, {INBOX: Initial(PENDING, 1)})
    return violation


FIRST = retried(1000, 1040, key="ana@mail.example.com")
SECOND = retried(1010, 1030)
LATER = read(1050, 1)


def test_the_prefix_ends_with_the_first_answer_that_is_one_too_many() -> None:
    """What was answered later is left out, and what was called later is not there at all."""
    violation = violation_of(FIRST, SECOND, LATER)
    assert violation.unexplained == FIRST
    assert violation.operations == (FIRST, SECOND)


def test_answers_that_came_after_the_prefix_are_left_out_of_it() -> None:
    """A call that was still running is told as running."""
    running = retried(1005, 2000)
    violation = violation_of(FIRST, SECOND, running)
    assert violation.operations == (FIRST, Operation(call=running.call, called=1005, process="w1"), SECOND)


def test_the_standings_before_a_violation_are_all_there_may_be() -> None:
    """With the answer left out, its call may have taken effect or not."""
    unheard = Operation(call=Call(kind="retry", inbox_id=INBOX), called=1)
    violation = violation_of(unheard, read(10, 1), read(20, 3))
    assert violation.unexplained == read(20, 3)
    assert violation.before == ((1, PENDING), (2, WARMING))


def test_a_violation_is_printed_line_by_line() -> None:
    """Times count from the first call; the answer that does not fit is marked; keys have numbers."""
    assert str(violation_of(FIRST, SECOND, LATER)).splitlines() == [
        f"inbox {INBOX}: no one-at-a-time run gives the answer marked with >",
        "  before it, the inbox may stand at version 2, warming / warming",
        "> [     0 -     40] w1: retry key 1: moved, version 2, warming / warming",
        "  [    10 -     30] w1: retry: moved, version 2, warming / warming",
    ]


def test_every_kind_of_word_is_printed() -> None:
    """Corrections tell where to, refusals what failed, unheard calls that nothing was heard."""
    corrected = Operation(
        call=Call(kind="correct", inbox_id=INBOX, to=("pending", "active"), expected_version=2),
        called=5,
        answered=9,
        answer=Answer(
            outcome=Outcome.REFUSED,
            found={"status": "pending", "pair": "odd"},
            failed=("pair",),
        ),
    )
    lines = str(violation_of(Operation(call=Call(kind="ban", inbox_id=INBOX), called=0), corrected)).splitlines()
    assert lines[2:] == [
        "  [     0 -    ...] ban: no answer",
        "> [     5 -      9] correct to pending / active at version 2: refused, status pending, pair odd (!)",
    ]


def test_neither_addresses_nor_keys_are_printed() -> None:
    """A key may be anything that a caller took for one."""
    assert "ana" not in str(violation_of(FIRST, SECOND))


def test_a_long_prefix_is_cut_to_its_end() -> None:
    """The last operations are shown, and how many are not."""
    reads = [read(10 * number, 1) for number in range(100)]
    violation = violation_of(*reads, read(5000, 2))
    lines = str(violation).splitlines()
    assert len(violation.operations) == 101
    assert lines[2] == "  61 earlier operations are not shown"
    assert lines[-1].startswith("> ")
    assert len(lines) == 43


def test_of_many_standings_some_are_printed() -> None:
    """A line stays a line."""
    calls = [
        Operation(call=Call(kind="correct", inbox_id=INBOX, to=to), called=number)
        for number, to in enumerate(product(Status, WarmupStatus))
    ]
    violation = violation_of(*calls, read(5000, 1000))
    assert len(violation.before) == 16
    assert str(violation).splitlines()[1].count(";") == 8
    assert str(violation).splitlines()[1].endswith("; and more")
