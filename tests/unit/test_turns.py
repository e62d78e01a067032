"""The fair lock at SQLite's one write lock: first come, first served, and nobody who left is waited for."""

from __future__ import annotations

import gc
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from inbox_lifecycle.drivers.turns import Outcome, Turn, Turns, in_turn, turns_for
from tests.support.interrupts import Interrupts

PATIENCE = 30.0


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    """Ctrl-C, pressed when the test says so."""
    pressed = Interrupts()
    before = signal.signal(signal.SIGINT, pressed.handle)
    yield pressed
    signal.signal(signal.SIGINT, before)


class Holder:
    """A thread that has its turn until it is told to give it back."""

    def __init__(self, turns: Turns) -> None:
        self._has_it = threading.Event()
        self._done = threading.Event()
        self._thread = background(lambda: in_turn(turns, Turn(), self._hold))
        assert self._has_it.wait(PATIENCE)

    def give_back(self) -> None:
        """Give it back, and wait until that is done."""
        self._done.set()
        self._thread.join(PATIENCE)

    def _hold(self) -> None:
        self._has_it.set()
        assert self._done.wait(PATIENCE)


class Line:
    """Threads that stand in line one behind the other, and note when their turn has come."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._threads: list[threading.Thread] = []
        #: Names in the order in which turns came.
        self.served: list[str] = []

    def join(self, *names: str) -> None:
        """Let threads of these names come, each when the one before it stands in line."""
        for name in names:
            before = waiting(self._turns)
            self._threads.append(background(partial(self._wait, name)))
            until(lambda: waiting(self._turns) == before + 1)  # noqa: B023 - done with before the next turn of the loop

    def wait(self) -> list[str]:
        """Wait until all were served; in which order."""
        for thread in self._threads:
            thread.join(PATIENCE)
        return self.served

    def _wait(self, name: str) -> None:
        in_turn(self._turns, Turn(), lambda: self.served.append(name))


def background(work: Callable[[], object]) -> threading.Thread:
    """Do it in a thread of its own."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def waiting(turns: Turns) -> int:
    """How many stand in line."""
    return len(turns._waiting)  # noqa: SLF001 - only looked at: nothing else tells that a thread waits by now


def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_free_turn_is_had_at_once() -> None:
    """One after another, in one thread."""
    turns = Turns()
    assert [in_turn(turns, Turn(), lambda: "work") for _ in range(3)] == ["work"] * 3


def test_turns_come_in_the_order_of_arrival() -> None:
    """Eight wait behind one; each is served after the one before it."""
    turns, names = Turns(), tuple("abcdefgh")
    holder, line = Holder(turns), Line(turns)
    line.join(*names)
    holder.give_back()
    assert line.wait() == list(names)


def test_nobody_overtakes_those_who_wait() -> None:
    """One who gives back and comes again stands at the end, though it was faster than any that had to wake up."""
    turns = Turns()
    holder, line = Holder(turns), Line(turns)
    line.join("first", "second")
    holder.give_back()
    in_turn(turns, Turn(), lambda: line.served.append("again"))
    assert line.wait() == ["first", "second", "again"]


def test_a_turn_is_had_by_one_at_a_time() -> None:
    """Eight threads, two hundred turns each, and never two at once."""
    turns, inside, met = Turns(), threading.Lock(), []

    def work() -> None:
        met.append(inside.acquire(blocking=False))
        inside.release()

    def turn_after_turn() -> None:
        for _ in range(200):
            in_turn(turns, Turn(), work)

    for thread in [background(turn_after_turn) for _ in range(8)]:
        thread.join(PATIENCE)
    assert met == [True] * 1600


def test_work_that_fails_gives_its_turn_back() -> None:
    """Its error goes up, and the next one is served."""
    turns = Turns()
    with pytest.raises(ZeroDivisionError):
        in_turn(turns, Turn(), lambda: 1 / 0)
    assert in_turn(turns, Turn(), lambda: "work") == "work"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, RuntimeError])
def test_who_is_interrupted_in_line_leaves_it(interrupts: Interrupts, kind: type[BaseException]) -> None:
    """The main thread waits between two others when a signal strikes: the one behind it is served next."""
    turns = Turns()
    holder, line = Holder(turns), Line(turns)

    def strike() -> None:
        until(lambda: waiting(turns) == 1)
        line.join("behind")
        interrupts.send()

    striking = background(strike)
    with pytest.raises(kind), interrupts.raising(kind):
        in_turn(turns, Turn(), lambda: line.served.append("main"))
    striking.join(PATIENCE)
    assert waiting(turns) == 1
    holder.give_back()
    assert line.wait() == ["behind"]


def test_who_is_interrupted_as_the_turn_comes_passes_it_on() -> None:
    """The signal's handler raises when the turn is the main thread's already: it is not lost."""
    turns = Turns()
    holder, line = Holder(turns), Line(turns)

    def strike() -> None:
        until(lambda: waiting(turns) == 1)
        line.join("behind")
        signal.pthread_kill(main, signal.SIGUSR1)

    def hand_over_and_raise(_number: int, _frame: object) -> None:
        holder.give_back()
        raise KeyboardInterrupt

    main = threading.get_ident()
    before = signal.signal(signal.SIGUSR1, hand_over_and_raise)
    striking = background(strike)
    with pytest.raises(KeyboardInterrupt):
        in_turn(turns, Turn(), lambda: line.served.append("main"))
    signal.signal(signal.SIGUSR1, before)
    striking.join(PATIENCE)
    assert line.wait() == ["behind"]
    assert in_turn(turns, Turn(), lambda: "work") == "work"


def test_giving_back_what_was_never_had_takes_nothing_from_others() -> None:
    """A signal may strike before the line was reached: the one who has its turn keeps it."""
    turns = Turns()
    holder, line = Holder(turns), Line(turns)
    line.join("next")
    turns.give_back(Turn())
    assert (waiting(turns), line.served) == (1, [])
    holder.give_back()
    assert line.wait() == ["next"]


def test_giving_back_twice_takes_nothing_from_others() -> None:
    """The second time it is somebody else's turn."""
    turns, turn = Turns(), Turn()
    turns.take(turn)
    turns.give_back(turn)
    holder, line = Holder(turns), Line(turns)
    line.join("next")
    turns.give_back(turn)
    assert (waiting(turns), line.served) == (1, [])
    holder.give_back()
    assert line.wait() == ["next"]


def test_who_waited_past_all_patience_goes_ahead() -> None:
    """A turn that was lost is missed by nobody for ever; what its holder does later spoils nothing."""
    turns, lost = Turns(patience=0.01), Turn()
    turns.take(lost)
    assert in_turn(turns, Turn(), lambda: "work") == "work"
    turns.give_back(lost)
    assert in_turn(turns, Turn(), lambda: "work") == "work"


def test_a_turn_that_has_come_is_not_gone_ahead_with() -> None:
    """Its patience ended just then: it is called all the same, and must not go twice."""
    turns, first, second = Turns(), Turn(), Turn()
    assert (turns.join(first), turns.join(second)) == (True, False)
    turns.give_back(first)
    assert not turns.go_ahead(second)
    assert second.wait(0)


@pytest.fixture
def pair() -> tuple[Turns, Turn, Turn]:
    """A line, one who has the turn, and one behind it who may be taken along."""
    turns, company = Turns(), object()
    leader, follower = Turn("lead", company), Turn("follow", company)
    assert (turns.join(leader), turns.join(follower)) == (True, False)
    return turns, leader, follower


def test_who_was_told_and_goes_ahead_takes_no_turn(pair: tuple[Turns, Turn, Turn]) -> None:
    """Its patience ended just when it was told: the leader goes on leading."""
    turns, leader, follower = pair
    later = Turn("later", leader.company)
    assert turns.take_next(leader) is follower
    turns.join(later)
    turns.tell(follower, Outcome("done"))
    assert turns.go_ahead(follower)
    assert turns.take_next(leader) is later


def test_a_leader_whose_turn_is_over_takes_nobody(pair: tuple[Turns, Turn, Turn]) -> None:
    """Somebody lost patience and went ahead: those who wait are not the first one's any more."""
    turns, leader, follower = pair
    hasty = Turn("hasty", leader.company)
    turns.join(hasty)
    assert turns.go_ahead(hasty)
    assert turns.take_next(leader) is None
    assert turns.take_next(hasty) is follower


def test_who_is_put_back_where_nobody_has_the_turn_has_it(pair: tuple[Turns, Turn, Turn]) -> None:
    """The one that had it went ahead of the leader and is done: nobody else would call."""
    turns, leader, follower = pair
    hasty = Turn("hasty")
    assert turns.take_next(leader) is follower
    turns.join(hasty)
    assert turns.go_ahead(hasty)
    turns.give_back(hasty)
    turns.put_back([follower])
    assert follower.wait(0)


@pytest.mark.parametrize("company", [None, "others"])
def test_who_is_of_no_company_is_not_taken_along(company: object) -> None:
    """Two that must be alone are no company for each other either."""
    turns, leader, follower = Turns(), Turn("lead", None if company is None else "ours"), Turn("follow", company)
    turns.join(leader)
    turns.join(follower)
    assert turns.take_next(leader) is None


def test_one_file_has_one_line(tmp_path: Path) -> None:
    """Whichever way its path is written, a link included."""
    file, link = tmp_path / "inboxes.db", tmp_path / "link.db"
    link.symlink_to(file)
    turns = turns_for(str(file))
    assert turns_for(str(tmp_path / "." / "inboxes.db")) is turns
    assert turns_for(str(link)) is turns


def test_two_files_have_two_lines(tmp_path: Path) -> None:
    """Their writers never wait for each other."""
    turns = turns_for(str(tmp_path / "one.db"))
    assert turns_for(str(tmp_path / "two.db")) is not turns


def test_databases_in_memory_share_no_line() -> None:
    """Each is one of its own."""
    turns = turns_for(None)
    assert turns_for(None) is not turns


def test_a_line_that_nobody_uses_is_forgotten(tmp_path: Path) -> None:
    """A process that opens many files keeps none of their lines."""
    line = weakref.ref(turns_for(str(tmp_path / "inboxes.db")))
    gc.collect()
    assert line() is None
