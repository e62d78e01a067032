"""The sync driver's shield: from the step on, a flow is finished though a signal strikes the main thread.

The flows here are written by hand of real steps, and their middle is in the test's hands: a statement that waits.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from inbox_lifecycle.drivers.sync import Database, SyncDriver
from inbox_lifecycle.flow import Flow, Once, Shield, Sleep
from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.store.session import backend_for
from tests.support.interrupts import Interrupts, SoftTimeLimit

PATIENCE = 30.0


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    """Ctrl-C, pressed when the test says so."""
    pressed = Interrupts()
    before = signal.signal(signal.SIGINT, pressed.handle)
    yield pressed
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def driver() -> Iterator[SyncDriver]:
    """A driver over a database in memory."""
    engine = make_engine("sqlite://")
    opened = SyncDriver(Database(engine, backend_for(engine.dialect), owns_engine=True), None)
    yield opened
    opened.close()


@dataclass
class Waits:
    """A statement that is under way until the test lets it end."""

    name: ClassVar[str] = "waits"
    writes: ClassVar[bool] = False
    begun: threading.Event = field(default_factory=threading.Event)
    may_end: threading.Event = field(default_factory=threading.Event)

    def run(self, _session: Any) -> str:
        """Wait."""
        self.begun.set()
        assert self.may_end.wait(PATIENCE)
        return threading.current_thread().name


@dataclass
class Recording:
    """A flow with a shield before its one statement; it notes how far it came."""

    statement: Waits = field(default_factory=Waits)
    budget: float = PATIENCE
    reached: list[str] = field(default_factory=list)

    def flow(self) -> Flow[str]:
        """The flow."""
        self.reached.append("begun")
        yield Shield(self.budget)
        self.reached.append("shielded")
        thread: str = yield Once(self.statement)
        self.reached.append("done")
        return thread


def background(work: Callable[[], object]) -> threading.Thread:
    """Do it in a thread of its own."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def press(interrupts: Interrupts) -> None:
    """Strike the main thread while it waits."""
    # Nothing tells when it waits (again), and on its way there it is as defenceless as any Python code.
    time.sleep(0.05)
    interrupts.send()


def strike(interrupts: Interrupts, recording: Recording, times: int = 1) -> Callable[[], None]:
    """Strike when the statement is under way, and let it end after that."""

    def work() -> None:
        assert recording.statement.begun.wait(PATIENCE)
        for number in range(times):
            press(interrupts)
            until(lambda: interrupts.has_struck(number + 1))  # noqa: B023 - done with before the next turn of the loop
        recording.statement.may_end.set()

    return work


def test_a_shielded_flow_gives_its_value(driver: SyncDriver) -> None:
    """Nothing strikes: the shield is not noticed."""
    recording = Recording()
    recording.statement.may_end.set()
    driver.run(recording.flow())
    assert recording.reached == ["begun", "shielded", "done"]


def test_a_shielded_flow_raises_its_own_error(driver: SyncDriver) -> None:
    """An error behind the shield goes up to the caller."""

    def fails() -> Flow[None]:
        yield Shield(PATIENCE)
        raise LookupError

    with pytest.raises(LookupError):
        driver.run(fails())


def test_what_stands_behind_the_shield_leaves_the_main_thread(driver: SyncDriver) -> None:
    """Signals strike the main thread alone, so the work goes on elsewhere."""
    recording = Recording()
    recording.statement.may_end.set()
    assert driver.run(recording.flow()) == "inbox-lifecycle-shield"


def test_what_runs_in_another_thread_stays_there(driver: SyncDriver) -> None:
    """No signal strikes there, and a thread more would be for nothing."""
    recording, told = Recording(), list[str]()
    recording.statement.may_end.set()
    thread = background(lambda: told.append(driver.run(recording.flow())))
    thread.join(PATIENCE)
    assert told == [thread.name]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SoftTimeLimit])
def test_an_interruption_behind_the_shield_is_raised_once_the_flow_is_done(
    driver: SyncDriver, interrupts: Interrupts, kind: type[BaseException]
) -> None:
    """The statement was under way: it is finished first, and what follows it too."""
    recording = Recording()
    striking = background(strike(interrupts, recording))
    with pytest.raises(kind), interrupts.raising(kind):
        driver.run(recording.flow())
    striking.join(PATIENCE)
    assert recording.reached == ["begun", "shielded", "done"]


def test_impatient_interruptions_cut_nothing_short(driver: SyncDriver, interrupts: Interrupts) -> None:
    """Ctrl-C again and again: still the flow is finished first."""
    recording = Recording()
    striking = background(strike(interrupts, recording, times=5))
    with pytest.raises(KeyboardInterrupt), interrupts.raising():
        driver.run(recording.flow())
    striking.join(PATIENCE)
    assert recording.reached == ["begun", "shielded", "done"]


def test_an_interruption_hides_the_flows_own_error(driver: SyncDriver, interrupts: Interrupts) -> None:
    """Whoever pressed Ctrl-C hears of that: the call is over for them either way."""

    def fails(statement: Waits) -> Flow[None]:
        yield Shield(PATIENCE)
        yield Once(statement)
        raise LookupError

    recording = Recording()
    striking = background(strike(interrupts, recording))
    with pytest.raises(KeyboardInterrupt), interrupts.raising():
        driver.run(fails(recording.statement))
    striking.join(PATIENCE)


def test_an_interruption_waits_for_the_flow_no_longer_than_its_budget(
    driver: SyncDriver, interrupts: Interrupts
) -> None:
    """The statement hangs: the caller is let go, and the flow ends on its own once it can."""
    recording = Recording(budget=0.1)

    def strike_once() -> None:
        assert recording.statement.begun.wait(PATIENCE)
        press(interrupts)

    striking = background(strike_once)
    with pytest.raises(KeyboardInterrupt), interrupts.raising():
        driver.run(recording.flow())
    striking.join(PATIENCE)
    assert recording.reached == ["begun", "shielded"]
    recording.statement.may_end.set()
    until(lambda: recording.reached == ["begun", "shielded", "done"])


def test_an_interruption_before_the_shield_ends_the_flow_at_once(driver: SyncDriver, interrupts: Interrupts) -> None:
    """Nothing was accepted yet: the flow is closed where it stands, and asks for nothing more."""
    reached = []

    def sleeps() -> Flow[None]:
        try:
            reached.append("begun")
            yield Sleep(PATIENCE)
            reached.append("woken")
        finally:
            reached.append("closed")

    def strike_once() -> None:
        until(lambda: reached == ["begun"])
        press(interrupts)

    striking = background(strike_once)
    with pytest.raises(KeyboardInterrupt), interrupts.raising():
        driver.run(sleeps())
    striking.join(PATIENCE)
    assert reached == ["begun", "closed"]


def test_a_second_shield_changes_nothing(driver: SyncDriver) -> None:
    """Behind the first one everything is shielded already."""

    def twice() -> Flow[str]:
        yield Shield(PATIENCE)
        yield Shield(0.0)
        yield Sleep(0.0)
        return threading.current_thread().name

    assert driver.run(twice()) == "inbox-lifecycle-shield"


def test_a_driver_is_of_use_after_an_interruption(driver: SyncDriver, interrupts: Interrupts) -> None:
    """Its database serves the next flow."""
    recording = Recording()
    striking = background(strike(interrupts, recording))
    with pytest.raises(KeyboardInterrupt), interrupts.raising():
        driver.run(recording.flow())
    striking.join(PATIENCE)
    following = Recording()
    following.statement.may_end.set()
    driver.run(following.flow())
    assert following.reached[-1] == "done"
