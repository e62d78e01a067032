"""An actor: a caller that makes its calls one after another, each held at every step until the schedule goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from inbox_lifecycle.domain import Inbox
from inbox_lifecycle.errors import InboxLifecycleError, StoreUnavailable
from inbox_lifecycle.flow import Flow, Once, Send, Sleep, Step
from inbox_lifecycle.testing.linear import Answer, Call, Operation, Outcome, answer_of
from inbox_lifecycle.testing.schedules.deeds import Deed
from inbox_lifecycle.testing.schedules.faults import Fault, faults_at, operation_of
from inbox_lifecycle.testing.schedules.stage import Stage

#: Seconds that a statement takes to find no database.
_REFUSED = 0.001


@dataclass
class Calling:
    """A call being made, on its way to becoming an `Operation`."""

    call: Call
    process: str
    called: int | None = None
    answered: int | None = None
    answer: Answer | None = None

    def operation(self) -> Operation:
        """What is known of it."""
        assert self.called is not None  # noqa: S101 - only calls that were begun are kept
        return Operation(
            call=self.call, called=self.called, answered=self.answered, answer=self.answer, process=self.process
        )


@dataclass
class History:
    """What was called and answered, by the number of the step."""

    now: int = 0
    callings: list[Calling] = field(default_factory=list)
    #: Errors that no caller should ever meet.
    alarms: list[str] = field(default_factory=list)

    def begin(self, calling: Calling) -> None:
        """The first step of a call is about to be performed."""
        calling.called = self.now
        self.callings.append(calling)

    def end(self, calling: Calling, result: object) -> None:
        """Its caller has the answer."""
        calling.answered = self.now
        try:
            calling.answer = answer_of(calling.call, result)
        except TypeError:
            self.alarms.append(f"{calling.process} was told {type(result).__name__}: {result}")
            calling.answer = Answer(outcome=Outcome.INDETERMINATE)

    @property
    def operations(self) -> list[Operation]:
        """All calls, answered or not."""
        return [calling.operation() for calling in self.callings]


class Actor:
    """One caller."""

    def __init__(self, name: str, deeds: Sequence[Deed], stage: Stage, inbox: Inbox, history: History) -> None:
        self.name = name
        #: What it does, in words: two with the same plan are interchangeable until one has begun.
        self.plan = [str(deed) for deed in deeds]
        self.begun = False
        #: What it would do next; None once it is through, or dead.
        self.step: Once | Send | None = None
        #: The step as a trace tells it, and what can go wrong at it.
        self.told = ""
        self.faults: list[Fault] = []
        #: What its calls returned or raised so far.
        self.results: list[object] = []
        self._stage = stage
        self._inbox = inbox
        self._history = history
        self._deeds: Iterator[Deed] = iter(deeds)
        #: How many of its next statements find no database.
        self._gone = 0
        #: Seconds that it has waited for itself.
        self._waited = 0.0
        self._deed: Deed
        self._flow: Flow[Any]
        self.calling: Calling
        self._next_deed()

    def touch(self) -> None:
        """Its step is about to meet its fate: from now on the call is under way."""
        self.begun = True
        if self.calling.called is None:
            self._history.begin(self.calling)

    def go_on(self, answer: object) -> None:
        """Take the step's answer."""
        self._resume(lambda: self._flow.send(answer))

    def fail(self, failure: Exception) -> None:
        """Take the step's failure."""
        self._resume(lambda: self._flow.throw(failure))

    def lose_database(self, statements: int) -> None:
        """So many of its next statements find no database."""
        self._gone = statements

    def die(self) -> None:
        """Make no further step, and hear no answer."""
        self._flow.close()
        self.begun = True
        self.step = None

    def _next_deed(self) -> None:
        deed = next(self._deeds, None)
        self.step = None
        if deed is not None:
            self._deed = deed
            self.calling = Calling(deed.call(self._inbox.id), self.name)
            self._flow = deed.flow(self._stage.calls, self._inbox)
            self._resume(lambda: self._flow.send(None))

    def _resume(self, resume: Callable[[], Step]) -> None:
        try:
            self._stage.waited = self._waited
            step = resume()
            while not isinstance(step, Once | Send) or (self._gone and isinstance(step, Once)):
                step = self._pass(step)
        except StopIteration as stop:
            self._hear(stop.value)
        except InboxLifecycleError as error:
            self._hear(error)
        else:
            self._stage.waited = 0.0
            self.step = step
            self.told = f"{self.name}: {self._deed}: {describe(step)}"
            self.faults = faults_at(step)

    def _hear(self, result: object) -> None:
        self.results.append(result)
        self._history.end(self.calling, result)
        self._next_deed()

    def _pass(self, step: Step) -> Step:
        """Go past a step that nobody else can notice: waiting takes only its own time."""
        if isinstance(step, Once):
            self._gone -= 1
            self._wait(_REFUSED)
            return self._flow.throw(StoreUnavailable("no database"))
        if isinstance(step, Sleep):
            self._wait(step.seconds)
        return self._flow.send(None)

    def _wait(self, seconds: float) -> None:
        self._waited += seconds
        self._stage.waited = self._waited


def describe(step: Once | Send) -> str:
    """The step as a trace tells it; never a request's address."""
    if isinstance(step, Once):
        return step.statement.name
    return f"ask the provider: {operation_of(step) or step.request.method}"
