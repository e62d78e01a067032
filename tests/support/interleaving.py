"""Callers that run one at a time and change places only at locks, in an order that choices decide.

    world = Interleaving(choices, short=0.1)
    patch.setattr(module, "threading", world)  # the locks that it makes are the world's from now on
    told = world.run(work, more_work)

Theory of operation
    Each piece of work is a greenlet, so that just one of them runs; it gives way before it takes a lock, after it has
    released one, and wherever it says so by `give_way`. Then one of those that can go on is chosen. The same choices
    give the same run. Threads that the work starts join in; they may outlive it.

    Time is a choice as well: who waits for a lock for a short time may be told at any moment that it is over. A long
    time is over only when nobody else can go on. If nobody can at all, those who are left are lost.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable
from concurrent.futures import Future
from types import FrameType, ModuleType
from typing import Any

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]  # it comes without types

from inbox_lifecycle.testing.schedules.choices import Choices


class Lost(AssertionError):
    """Somebody waits for what never comes."""


def _always() -> bool:
    return True


class _Actor:
    """A piece of work of the run."""

    def __init__(self, work: Callable[[], Any], main: greenlet) -> None:
        self.future: Future[Any] = Future()
        self.thread = greenlet(self._live, main)
        #: Whether it could go on now.
        self.can_go_on: Callable[[], bool] = _always
        #: Seconds that it waits, if it cannot; None for ever.
        self.patience: float | None = None
        self.name = ""
        self._work = work

    def _live(self) -> None:
        try:
            self.future.set_result(self._work())
        except BaseException as error:  # noqa: BLE001 - told to who asks
            self.future.set_exception(error)


class Interleaving:
    """A run; stands in for the module `threading` where a module makes locks."""

    def __init__(self, choices: Choices, *, short: float, changes: int | None = None) -> None:
        """Make one.

        Args:
            choices: decide who goes on.
            short: seconds; whoever waits no longer than that may be told at any moment that they are over.
            changes: how often at most somebody gives way who could go on, or is told that a short time is over while
                others could go on; None for any number.
        """
        self._choices = choices
        self._short = short
        self._changes = changes
        self._main = getcurrent()
        self._running: list[_Actor] = []
        self._chosen: _Actor | None = None
        #: How often a long time was over.
        self.outwaited = 0
        #: How many threads that the work has started wait for ever.
        self.left = 0

    def Lock(self) -> Lock:  # noqa: N802 - named as in `threading`
        """A lock of this world."""
        return Lock(self)

    def Thread(self, *, target: Callable[[], Any], name: str, daemon: bool) -> Thread:  # noqa: N802 - as above
        """A thread of this world."""
        assert daemon, "nobody waits for it at the end"
        return Thread(self, target, name)

    def current_thread(self) -> _Actor:
        """Who runs."""
        assert self._chosen is not None
        return self._chosen

    def run(self, *works: Callable[[], Any]) -> list[Future[Any]]:
        """What became of each piece of work, when all are over.

        Raises:
            Lost: some are not, and never will be.
        """
        actors = [_Actor(work, self._main) for work in works]
        self._running += actors
        while not all(actor.future.done() for actor in actors):
            self._let_run(self._next())
        # Threads that were started come to their end, or to where they wait for ever.
        while any(actor.can_go_on() or actor.patience is not None for actor in self._running):
            self._let_run(self._next())
        self.left = len(self._running)
        self._running.clear()
        return [actor.future for actor in actors]

    def join(self, work: Callable[[], Any], name: str) -> None:
        """Have a thread more."""
        actor = _Actor(work, self._main)
        actor.name = name
        self._running.append(actor)
        self.give_way()

    def give_way(self, can_go_on: Callable[[], bool] = _always, *, patience: float | None = None) -> None:
        """Let others run; go on when chosen again.

        Args:
            can_go_on: tells whether it makes sense to choose it.
            patience: seconds after which it goes on even if it makes none.
        """
        # Before and after the run it is the test itself that asks.
        if self._chosen is not None:
            self._chosen.can_go_on, self._chosen.patience = can_go_on, patience
            self._main.switch()

    def _let_run(self, actor: _Actor) -> None:
        # Who ran last stands first.
        self._running.remove(actor)
        self._chosen = actor
        actor.thread.switch()
        self._chosen = None
        if not actor.thread.dead:
            self._running.insert(0, actor)

    def _next(self) -> _Actor:
        able = [actor for actor in self._running if actor.can_go_on()]
        waiting = [actor for actor in self._running if actor not in able and actor.patience is not None]
        hasty = [actor for actor in waiting if (actor.patience or 0.0) <= self._short]
        if not able:
            if not hasty:
                self.outwaited += 1
            able, hasty = hasty or waiting, []
        if not able:
            raise Lost(f"{len(self._running)} wait for ever")
        # Whoever can go on does, unless there is a change.
        free = 1 if able[0] is self._running[0] else len(able)
        options = [*able, *hasty] if self._changes != 0 else able[:free]
        chosen = self._choices.choose(len(options))
        if self._changes and chosen >= free:
            self._changes -= 1
        return options[chosen]


class Lock:
    """As a bare lock of `threading`."""

    def __init__(self, world: Interleaving) -> None:
        self._world = world
        self._locked = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002 - as in `threading`
        """Take it."""
        if blocking:
            self._world.give_way(lambda: not self._locked, patience=None if timeout < 0 else timeout)
        taken, self._locked = not self._locked, True
        return taken

    def release(self) -> None:
        """Give it back."""
        if not self._locked:
            raise RuntimeError("release unlocked lock")
        self._locked = False
        self._world.give_way()

    def locked(self) -> bool:
        """Whether somebody has it."""
        return self._locked

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class Thread:
    """As a thread of `threading`."""

    def __init__(self, world: Interleaving, work: Callable[[], Any], name: str) -> None:
        self._world = world
        self._work = work
        self._name = name

    def start(self) -> None:
        """Let it join in."""
        self._world.join(self._work, self._name)


class Strike:
    """A call that is struck by KeyboardInterrupt as it comes to its n-th line of a module, counted from 0."""

    def __init__(self, call: Callable[[], Any], module: ModuleType, at: int) -> None:
        self._call = call
        self._file = module.__file__
        self._left = at
        self._thread: object = None
        #: Whether it came so far.
        self.struck = False

    def __call__(self) -> Any:
        """Call."""
        self._thread = getcurrent()
        sys.settrace(self._trace)
        try:
            return self._call()
        finally:
            sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _value: object) -> Any:
        if frame.f_code.co_filename != self._file:
            return None
        if event == "line" and getcurrent() is self._thread and not self.struck and _can_be_struck(frame):
            self.struck = not self._left
            self._left -= 1
            if self.struck:
                raise KeyboardInterrupt
        return self._trace


def _can_be_struck(frame: FrameType) -> bool:
    # Python raises nothing between a lock's hand-over and the block that it guards; a tracer would.
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    return not line.startswith(("with ", "try:"))
