"""Steps of several callers in one transaction of SQLite: each is told its own, and only what was committed."""

from __future__ import annotations

import itertools
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox_lifecycle import InvalidInput, StoreUnavailable
from inbox_lifecycle.drivers.combining import LONG, MOST
from inbox_lifecycle.drivers.turns import Turn
from inbox_lifecycle.flow import Once
from inbox_lifecycle.store.faults import ConstraintViolated
from tests.support.crowds import (
    PATIENCE,
    Held,
    Leader,
    Note,
    Notebook,
    Said,
    Then,
    background,
    noted,
    promise,
    refuse,
    repeat,
    slip,
    together,
    undo,
    until,
    waiting,
)
from tests.support.interrupts import Interrupts


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the notebook is."""
    return tmp_path / "notes.db"


@pytest.fixture
def book(file: Path) -> Iterator[Notebook]:
    """A notebook."""
    opened = Notebook.made(file)
    yield opened
    opened.close()


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    """Ctrl-C, pressed when the test says so."""
    pressed = Interrupts()
    before = signal.signal(signal.SIGINT, pressed.handle)
    yield pressed
    signal.signal(signal.SIGINT, before)


def test_those_who_wait_come_along_in_one_transaction(book: Notebook) -> None:
    """One commit for four callers, in the order in which they came."""
    assert together(book, *map(Note, "abcd")) == noted("abcd")
    assert book.notes == list("abcd")
    assert [said[-1] for said in book.transactions()] == ["commit"]


def test_one_alone_needs_no_savepoint(book: Notebook) -> None:
    """Nobody pays for company that is not there."""
    book.database.perform(Once(Note("a")))
    assert book.said == ["begin immediate", "insert into notes (body) values ('a')", "commit"]


@pytest.mark.parametrize(("then", "kind"), [(repeat, ConstraintViolated), (refuse, InvalidInput)])
def test_an_error_is_its_own_callers(book: Notebook, then: Then, kind: type[Exception]) -> None:
    """What the step had done is undone, what others did is not, and no other transaction was needed."""
    assert together(book, Note("a"), Note("b"), Note("c", then), Note("d")) == [*noted("ab"), kind, *noted("d")]
    assert book.notes == ["a", "b", "d"]
    assert len(book.transactions()) == 1


@pytest.mark.parametrize(
    ("then", "kind"), [(promise, ConstraintViolated), (undo, ConstraintViolated), (slip, ZeroDivisionError)]
)
@pytest.mark.parametrize("at", range(4))
def test_what_undoes_all_is_its_own_callers_too(book: Notebook, then: Then, kind: type[Exception], at: int) -> None:
    """Each performs its step again by itself, and the one that spoils everything spoils only its own."""
    steps = [Note(body, then if number == at else None) for number, body in enumerate("abcd")]
    expected: list[Any] = noted("abcd")
    expected[at] = kind
    assert together(book, *steps) == expected
    assert book.notes == [body for number, body in enumerate("abcd") if number != at]
    # Those who were in it again one by one, and together those whom it had not come to.
    undone = 4 if then is promise else at + 1
    assert len(book.transactions()) == (undone > 1) + undone + (undone < 4)


def test_errors_of_what_was_undone_are_forgotten(book: Notebook) -> None:
    """The second was refused for what the first had noted, which then was not committed: it is told that it could."""
    assert together(book, Note("x"), Note("a", promise), Note("a"), Note("a")) == [
        *noted("x"),
        ConstraintViolated,
        *noted("a"),
        ConstraintViolated,
    ]
    assert book.notes == ["x", "a"]


def test_a_leader_that_fails_takes_nobody_down(book: Notebook) -> None:
    """Its transaction ends before anybody came along; the next one leads the others."""
    assert together(book, Note("a", repeat), Note("b"), Note("c")) == [ConstraintViolated, *noted("bc")]
    assert [said[-1] for said in book.transactions()] == ["ROLLBACK", "commit"]


def test_nobody_is_told_before_the_commit(book: Notebook, file: Path) -> None:
    """The second step has its answer while the third is under way: its caller waits all the same."""
    last = Held(Note("c"))
    leader = Leader(book, Note("a"))
    told = leader.joined(Once(Note("b")))
    leader.joined(Once(last))
    leader.let_go()
    assert last.begun.wait(PATIENCE)
    with closing(sqlite3.connect(file)) as other:
        assert (other.execute("select count(*) from notes").fetchone(), told.done()) == ((0,), False)
    last.may_go_on.set()
    assert leader.heard() == noted("abc")


def test_more_than_fit_go_in_several_transactions(book: Notebook) -> None:
    """However many wait, the first one's answer waits for a bounded number of others."""
    bodies = [f"note {number}" for number in range(MOST + 5)]
    assert together(book, *map(Note, bodies)) == noted(bodies)
    assert book.notes == bodies
    sizes = [sum(words.startswith("insert") for words in said) for said in book.transactions()]
    assert max(sizes) <= MOST
    assert len(sizes) > 1


def test_a_long_transaction_takes_nobody_else(book: Notebook) -> None:
    """Who comes behind a step that took long is served by the next transaction."""
    slow = Note("b", lambda _session: time.sleep(2 * LONG))
    assert together(book, Note("a"), slow, Note("c")) == noted("abc")
    assert [said[-2] for said in book.transactions()] == ["release follower", "insert into notes (body) values ('c')"]


def test_steps_of_another_engine_are_not_taken_along(book: Notebook, file: Path) -> None:
    """Its connections may be set up otherwise; it is served in its turn all the same."""
    other = Notebook(file)
    leader = Leader(book, Note("a"))
    leader.joined(Once(Note("b")), other)
    leader.joined(Once(Note("c")))
    assert leader.heard() == noted("abc")
    assert (len(book.transactions()), len(other.transactions())) == (2, 1)
    assert book.notes == ["a", "b", "c"]
    other.close()


def test_on_a_hosts_engine_each_step_is_a_transaction(book: Notebook, file: Path) -> None:
    """They are the host's to see, one for each call; they take turns all the same."""
    hosted = Notebook(file, hosted=True)
    assert together(hosted, *map(Note, "abc")) == noted("abc")
    assert len(hosted.transactions()) == 3
    assert book.notes == ["a", "b", "c"]
    hosted.close()


def test_step_after_a_commit_is_no_part_of_any(book: Notebook) -> None:
    """SQLite refuses to rewrite the file inside a transaction: here it does not have to."""
    leader = Leader(book, Note("a"))
    rewritten = leader.joined(Once(Said("vacuum"), after_commit=True))
    leader.joined(Once(Note("b")))
    assert leader.heard() == ["a noted", None, "b noted"]
    assert rewritten.exception() is None
    assert [said for said in book.said if said in ("vacuum", "commit")] == ["commit", "vacuum", "commit"]


def test_a_locked_file_is_the_error_of_who_waited_for_it(file: Path, book: Notebook) -> None:
    """One behind it in line has not waited for it yet, and does, with patience of its own."""
    turn = Turn()
    book.line.take(turn)
    hasty = background(lambda: book.database.perform(Once(Note("a"), patience=0.05)))
    until(lambda: waiting(book.line) == 1)
    patient = background(lambda: book.database.perform(Once(Note("b"))))
    until(lambda: waiting(book.line) == 2)
    with closing(sqlite3.connect(file, isolation_level=None)) as somebody:
        somebody.execute("begin immediate")
        book.line.give_back(turn)
        with pytest.raises(StoreUnavailable, match="SQLITE_BUSY"):
            hasty.result(PATIENCE)
        assert not patient.done()
    assert patient.result(PATIENCE) == "b noted"
    assert book.notes == ["b"]


def test_the_main_thread_takes_nobody_along(book: Notebook) -> None:
    """A signal may strike it anywhere: what is lost then is its own."""
    joining = []

    def join(_session: object) -> None:
        joining.append(background(partial(book.database.perform, Once(Note("b")))))
        until(lambda: waiting(book.line) == 1)

    assert book.database.perform(Once(Note("a", join))) == "a noted"
    assert joining[0].result(PATIENCE) == "b noted"
    assert len(book.transactions()) == 2


@pytest.mark.parametrize("kind", [KeyboardInterrupt, RuntimeError])
def test_who_is_interrupted_while_it_is_taken_along_waits_for_the_end(
    book: Notebook, interrupts: Interrupts, kind: type[BaseException]
) -> None:
    """Nothing lands behind its caller's back, and nobody else is struck."""
    held = Held(Note("b"))

    def press() -> list[Any]:
        until(lambda: waiting(book.line) == 1)
        leader.joined(Once(Note("c")))
        leader.let_go()
        assert held.begun.wait(PATIENCE)
        interrupts.send()
        until(lambda: interrupts.has_struck(1))
        held.may_go_on.set()
        return leader.heard()

    leader = Leader(book, Note("a"))
    pressed = background(press)
    with pytest.raises(kind), interrupts.raising(kind):
        book.database.perform(Once(held))
    assert pressed.result(PATIENCE) == noted("ac")
    assert book.notes == ["a", "b", "c"]
    assert together(book, *map(Note, "de")) == noted("de")


def test_who_is_interrupted_and_put_back_leaves_the_line(book: Notebook, interrupts: Interrupts) -> None:
    """Its step was undone with all others and is not performed again; those behind it are served."""
    held = Held(Note("b", undo))

    def press() -> list[Any]:
        until(lambda: waiting(book.line) == 1)
        leader.joined(Once(Note("c")))
        leader.let_go()
        assert held.begun.wait(PATIENCE)
        interrupts.send()
        until(lambda: interrupts.has_struck(1))
        held.may_go_on.set()
        return leader.heard()

    leader = Leader(book, Note("a"))
    pressed = background(press)
    with pytest.raises(KeyboardInterrupt), interrupts.raising():
        book.database.perform(Once(held))
    assert pressed.result(PATIENCE) == noted("ac")
    assert book.notes == ["a", "c"]


def test_a_leader_that_is_broken_off_leaves_nobody_waiting(book: Notebook) -> None:
    """Those it had taken along are told that nobody knows; those it had not are served by the next."""

    def leave(_session: object) -> None:
        raise SystemExit

    leader = Leader(book, Note("a"))
    calls = [leader.joined(Once(step)) for step in (Note("b"), Note("c", leave), Note("d"))]
    leader.let_go()
    with pytest.raises(SystemExit):
        leader.calls[0].result(PATIENCE)
    for call in calls[:2]:
        with pytest.raises(StoreUnavailable) as caught:
            call.result(PATIENCE)
        assert caught.value.maybe_applied
    assert calls[2].result(PATIENCE) == "d noted"
    assert book.notes == ["d"]


def test_an_error_that_is_told_holds_nothing_of_the_drivers(book: Notebook) -> None:
    """The driver's own words may quote values, so they stand behind no error of ours."""
    leader = Leader(book, Note("a"))
    call = leader.joined(Once(Note("b", repeat)))
    leader.let_go()
    error = call.exception(PATIENCE)
    assert error is not None
    assert (error.__context__, error.__cause__) == (None, None)


ENDS: dict[str, tuple[Then | None, type[Exception] | None]] = {
    "well": (None, None),
    "refused": (refuse, InvalidInput),
    "repeated": (repeat, ConstraintViolated),
    "promised": (promise, ConstraintViolated),
    "undone": (undo, ConstraintViolated),
    "slipped": (slip, ZeroDivisionError),
}


def test_what_was_answered_was_committed_once_and_nothing_else(book: Notebook) -> None:
    """Whatever goes wrong, and for whom: in whichever order they stand, each is told what became of its own step."""
    crowds = itertools.count()

    @settings(max_examples=60, deadline=None)
    @given(ends=st.lists(st.sampled_from(sorted(ENDS)), min_size=1, max_size=6))
    def crowd(ends: list[str]) -> None:
        bodies = [f"{next(crowds)} {end}" for end in ends]
        before = book.notes
        told = together(book, *[Note(body, ENDS[end][0]) for body, end in zip(bodies, ends, strict=True)])
        assert told == [ENDS[end][1] or f"{body} noted" for body, end in zip(bodies, ends, strict=True)]
        assert book.notes == before + [body for body, end in zip(bodies, ends, strict=True) if end == "well"]

    crowd()


def test_many_threads_at_once_lose_nothing(book: Notebook) -> None:
    """Eight threads, fifty steps each, some of which fail in every way there is; nobody holds anybody back."""
    kinds = list(ENDS.values())

    def work(thread: int) -> list[bool]:
        right = []
        for number in range(50):
            then, kind = kinds[number % len(kinds)] if number % 3 == 0 else (None, None)
            try:
                told: object = book.database.perform(Once(Note(f"{thread} {number}", then)))
            except Exception as error:  # noqa: BLE001 - any kind may be the expected one
                told = type(error)
            right.append(told == (kind or f"{thread} {number} noted"))
        return right

    calls = [background(partial(work, thread)) for thread in range(8)]
    assert [call.result(PATIENCE) for call in calls] == [[True] * 50] * 8
    expected = {f"{t} {n}" for t in range(8) for n in range(50) if n % 3 or kinds[n % len(kinds)][1] is None}
    assert (set(book.notes), len(book.notes)) == (expected, len(expected))
