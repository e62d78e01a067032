"""Threads that do shielded work and wait for more: none is started in vain, and no work is lost or done twice."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from functools import partial
from itertools import count
from queue import SimpleQueue

import pytest

from inbox_lifecycle.drivers import shielded
from inbox_lifecycle.drivers.shielded import Shielded, hand_over
from inbox_lifecycle.testing.schedules.choices import Scripted, every
from tests.support.committing import PATIENCE, until
from tests.support.interleaving import Interleaving, Strike

#: What the caller has set, as the workers see it.
SPEAKER: contextvars.ContextVar[str] = contextvars.ContextVar("speaker", default="nobody")


@pytest.fixture
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of earlier tests have ended."""
    with monkeypatch.context() as hasty:
        hasty.setattr(shielded, "_IDLE", 0.001)
        while idle():
            work_in_another_thread().join(PATIENCE)


def idle() -> int:
    """How many threads wait for work."""
    return len(shielded._IDLE_WORKERS.workers)  # noqa: SLF001 - nothing else tells that one waits by now


def work_in_another_thread() -> threading.Thread:
    """The thread that did a piece of work."""
    seen: SimpleQueue[threading.Thread] = SimpleQueue()
    hand_over(lambda: seen.put(threading.current_thread()))
    return seen.get(timeout=PATIENCE)


@pytest.mark.usefixtures("_nobody_waits")
def test_a_waiting_thread_is_used_again() -> None:
    """A hundred calls one after another take one thread."""
    threads = set()
    for _ in range(100):
        threads.add(work_in_another_thread())
        until(lambda: idle() == 1)
    assert len(threads) == 1


@pytest.mark.usefixtures("_nobody_waits")
def test_work_that_comes_at_once_waits_for_no_other() -> None:
    """Each has a thread of its own, and all of them wait for more."""
    line = threading.Barrier(4)
    calls = [Shielded(lambda: line.wait(PATIENCE), PATIENCE) for _ in range(4)]
    threads = [threading.Thread(target=call.result) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    until(lambda: idle() == 4)


@pytest.mark.usefixtures("_nobody_waits")
def test_a_thread_that_waits_in_vain_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that was busy for a while keeps none of them for ever, and gets a new one when it needs one."""
    monkeypatch.setattr(shielded, "_IDLE", 0.001)
    thread = work_in_another_thread()
    thread.join(PATIENCE)
    assert (thread.is_alive(), idle()) == (False, 0)
    assert work_in_another_thread() is not thread


@pytest.mark.usefixtures("_nobody_waits")
def test_a_thread_that_waits_keeps_nothing_of_its_work_alive() -> None:
    """What a call has held is gone when it is over."""
    held = threading.Event()
    gone = []

    class Work:
        def __call__(self) -> None:
            held.set()

        def __del__(self) -> None:
            gone.append(True)

    hand_over(Work())
    assert held.wait(PATIENCE)
    until(lambda: gone == [True])
    assert idle() == 1


def test_work_sees_what_its_caller_has_set() -> None:
    """Who works for several callers sees each one's own, and leaves nothing behind for the next."""
    said = []

    def speak() -> None:
        said.append(SPEAKER.get())
        SPEAKER.set("the worker")

    for speaker in ("ana", "bea"):
        contextvars.copy_context().run(partial(call_as, speaker, speak))
    Shielded(speak, PATIENCE).result()
    assert said == ["ana", "bea", "nobody"]


def call_as(speaker: str, work: Callable[[], None]) -> None:
    """Call with this one as the speaker."""
    SPEAKER.set(speaker)
    Shielded(work, PATIENCE).result()
    assert SPEAKER.get() == speaker


class Stage:
    """A world in which calls are shielded."""

    def __init__(self, choices: Scripted, patch: pytest.MonkeyPatch) -> None:
        # To be told that it has waited in vain may happen to a thread at any moment.
        self.world = Interleaving(choices, short=shielded._IDLE, changes=1)  # noqa: SLF001 - that long it waits
        self.done: list[str] = []
        patch.setattr(shielded, "threading", self.world)
        patch.setattr(shielded, "_IDLE_WORKERS", shielded._Idle())  # noqa: SLF001 - of this world alone

    def call(self, *names: str) -> list[str]:
        """Call, one after another."""
        return [self.shielded(name).result() for name in names]

    def shielded(self, name: str) -> Shielded[str]:
        """A call that has not begun."""
        return Shielded(partial(self._work, name), PATIENCE)

    def _work(self, name: str) -> str:
        self.world.give_way()
        self.done.append(name)
        return f"{name} is done"


def test_no_work_is_lost_or_done_twice_in_any_order() -> None:
    """Two callers; a thread may have waited in vain at any moment, also just as it is called."""

    def play(choices: Scripted) -> int:
        with pytest.MonkeyPatch.context() as patch:
            stage = Stage(choices, patch)
            told = stage.world.run(partial(stage.call, "a", "b"), partial(stage.call, "c"))
            assert [call.result() for call in told] == [["a is done", "b is done"], ["c is done"]]
            assert sorted(stage.done) == ["a", "b", "c"]
            return stage.world.left

    # Every thread has come to its end.
    assert set(every(play)) == {0}


def test_a_signal_at_any_line_loses_no_work_and_is_raised_when_it_is_over() -> None:
    """Before it is handed over to a thread that waits, in the middle of that, and while its end is waited for."""

    def play(at: int, choices: Scripted) -> bool:
        with pytest.MonkeyPatch.context() as patch:
            stage = Stage(choices, patch)
            strike = Strike(stage.shielded("struck").result, shielded, at)

            def caller() -> None:
                stage.call("before")
                try:
                    strike()
                except KeyboardInterrupt:
                    stage.done.append("interrupted")
                stage.call("after")

            (told,) = stage.world.run(caller)
            assert told.exception() is None
            assert stage.done == ["before", "struck", *["interrupted"] * strike.struck, "after"]
            return strike.struck

    lines = next(at for at in count() if not any(every(partial(play, at))))
    assert lines > 10
