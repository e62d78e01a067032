"""One schedule: who makes the next step, and the one thing that goes wrong, decided choice by choice.

Everything between two steps is pure code that nobody else can notice, so these are all the interleavings there are,
but for the waiting on locks inside a database statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from inbox_lifecycle.audit.history import attempts_page
from inbox_lifecycle.domain import AttemptId, Inbox
from inbox_lifecycle.errors import InboxLifecycleError
from inbox_lifecycle.flow import Once, Send, Unanswered, Unsent
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.store.looks import FIRST_ID
from inbox_lifecycle.store.statements import CommitWarmup
from inbox_lifecycle.testing.linear import Operation, Outcome
from inbox_lifecycle.testing.schedules.actors import Actor, History, describe
from inbox_lifecycle.testing.schedules.choices import Choices
from inbox_lifecycle.testing.schedules.deeds import OWNER, Deed, get, reconcile, retry_warmup
from inbox_lifecycle.testing.schedules.faults import Effect, Fault, order
from inbox_lifecycle.testing.schedules.scenario import Interlude, Played, Scenario
from inbox_lifecycle.testing.schedules.stage import Stage
from inbox_lifecycle.testing.workspace import WarmupCode

_NUMBERS = count()

# Answers that nobody should be given unless something went wrong for him.
_NEEDING_EXCUSE = frozenset({Outcome.INDETERMINATE, Outcome.NOT_ACCEPTED, Outcome.CONFLICT})


@dataclass
class _Late:
    """A step that its caller has given up, on its own way."""

    actor: str
    step: Once | Send


@dataclass
class _Option:
    told: str
    take: Callable[[], None]


class Play:
    """A schedule being played."""

    def __init__(self, stage: Stage, scenario: Scenario, choices: Choices) -> None:
        stage.clear()
        self._stage = stage
        self._scenario = scenario
        self._choices = choices
        self._history = History()
        self._trace: list[str] = []
        self._wrong: list[Fault | Interlude] = []
        self._excused: dict[str, frozenset[Outcome]] = {}
        self._late: list[_Late] = []
        self._unsettled: list[object] = []
        self._outcomes: dict[AttemptId, str | None] = {}
        self._rewritten: list[str] = []
        self.inbox = self._make_inbox()
        if scenario.left_behind:
            self._leave_behind()
        self._actors = [
            Actor(chr(ord("A") + number), deeds, stage, self.inbox, self._history)
            for number, deeds in enumerate(scenario.actors)
        ]

    def run(self) -> Played:
        """Play to the end: until nobody has a step left, then settle what is open."""
        while options := list(self._options()):
            self._take(options)
        self._let_late_steps_end()
        operations = self._history.operations
        return Played(
            scenario=self._scenario,
            inbox=self.inbox,
            trace=self._trace,
            operations=operations,
            results={actor.name: actor.results for actor in self._actors},
            wrong=self._wrong,
            unexcused=[each for each in operations if self._is_unexcused(each)],
            unsettled=self._unsettled,
            rewritten=self._rewritten,
            provider_warms=self._stage.sandbox.warming(self._address),
        )

    @property
    def _address(self) -> str:
        return self.inbox.email_address or ""

    def _make_inbox(self) -> Inbox:
        status, warmup_status = self._scenario.pair
        address = f"inbox{next(_NUMBERS)}@mail.example.com"
        inbox = self._stage.run(
            self._stage.calls.adopt(
                email_address=address,
                owner_id=OWNER,
                status=status,
                warmup_status=warmup_status,
                inbox_id=None,
                provider=None,
                provider_ref=None,
                created_at=None,
                reason=None,
            )
        )
        if self._scenario.provider_warms:
            self._stage.sandbox.set_account(address, warmup_status=WarmupCode.ACTIVE)
        return inbox

    def _leave_behind(self) -> None:
        earlier = Actor("0", (retry_warmup(),), self._stage, self.inbox, self._history)
        while earlier.step is not None and describe(earlier.step) != CommitWarmup.name:
            self._step(earlier)
        earlier.die()
        self._stage.expire_leases()

    # What can happen next.

    def _options(self) -> Iterator[_Option]:
        alive = [actor for actor in self._actors if actor.step is not None and not self._is_double(actor)]
        for actor in alive:
            yield _Option(actor.told, partial(self._step, actor))
        if not alive:
            return
        for late in self._late:
            yield _Option(
                f"a step given up by {late.actor} takes effect: {describe(late.step)}", partial(self._land, late)
            )
        if len(self._wrong) < self._scenario.at_most:
            for actor in alive:
                for fault in filter(self._scenario.faults.__contains__, actor.faults):
                    yield _Option(f"{actor.told} -- {fault.name}", partial(self._fault, actor, fault))
            for interlude in self._scenario.interludes:
                yield _Option(interlude.name, partial(self._interlude, interlude))

    def _is_double(self, actor: Actor) -> bool:
        """Whether one who would do just the same has not begun either: of such two, the first goes first.

        A schedule in which they change places is the same one under other names.
        """
        return not actor.begun and any(
            other.plan == actor.plan and not other.begun for other in self._actors[: self._actors.index(actor)]
        )

    def _take(self, options: Sequence[_Option]) -> None:
        option = options[self._choices.choose(len(options))]
        self._history.now += 1
        self._trace.append(f"{self._history.now:>4}  {option.told}")
        option.take()

    # What happens.

    def _step(self, actor: Actor) -> None:
        assert actor.step is not None  # noqa: S101 - only actors with a step are offered
        actor.touch()
        try:
            answer = self._stage.perform(actor.step)
        except (InboxLifecycleError, Unsent, Unanswered) as failure:
            actor.fail(failure)
        else:
            actor.go_on(answer)

    def _fault(self, actor: Actor, fault: Fault) -> None:
        step = actor.step
        assert step is not None  # noqa: S101 - as above
        self._wrong.append(fault)
        self._excuse(actor, fault.excuses)
        failure = order(fault, step) if isinstance(step, Send) else None
        if failure is not None:
            self._stage.sandbox.script(failure)
        if fault.thrown is None and not fault.dies:
            return self._step(actor)
        if fault.effect is not Effect.NONE or not fault.dies:
            actor.touch()
        if fault.effect is Effect.NOW:
            self._alone(step)
        if fault.effect is Effect.LATER:
            self._late.append(_Late(actor.name, step))
        if fault.gone:
            actor.lose_database()
        if fault.thrown is None:
            return actor.die()
        return actor.fail(fault.thrown())

    def _alone(self, step: Once | Send) -> None:
        """Perform a step whose answer nobody hears."""
        try:
            self._stage.perform(step)
        except (InboxLifecycleError, Unsent, Unanswered) as unheard:
            self._trace.append(f"      (it failed: {type(unheard).__name__})")

    def _land(self, late: _Late) -> None:
        self._late.remove(late)
        self._alone(late.step)

    def _interlude(self, interlude: Interlude) -> None:
        self._wrong.append(interlude)
        for actor in self._actors:
            self._excuse(actor, interlude.excuses)
        if interlude.provider_stops:
            self._stage.sandbox.set_account(self._address, warmup_status=WarmupCode.PAUSED)
        if interlude.leases_run_out:
            self._stage.expire_leases()
        for deed in interlude.deeds:
            self._do(deed)

    def _do(self, deed: Deed) -> object:
        """A call in one piece; what it returned or raised."""
        self._history.now += 1
        somebody = Actor("-", (deed,), self._stage, self.inbox, self._history)
        while somebody.step is not None:
            self._step(somebody)
        return somebody.results[-1]

    # How it ends.

    def _let_late_steps_end(self) -> None:
        ends = ["never", "before all is settled", "after all is settled"] if self._late else []
        end = ends[self._choices.choose(len(ends))] if ends else ""
        if ends:
            self._trace.append(f"      the step given up takes effect: {end}")
        if end.startswith("before"):
            self._land(self._late[0])
        self._settle()
        if end.startswith("after"):
            self._land(self._late[0])
            self._settle()

    def _settle(self) -> None:
        """Let every lease run out, and `reconcile` until it has nothing to do."""
        self._do(get())
        self._stage.expire_leases()
        self._do(reconcile())
        left = self._do(reconcile())
        if left != Reconciled():
            self._unsettled.append(left)
        self._do(get())
        self._look_at_attempts()

    def _look_at_attempts(self) -> None:
        page = self._stage.run(attempts_page(inbox_id=self.inbox.id, owner_id=None, after=FIRST_ID))
        outcomes = {attempt.id: attempt.outcome for attempt in page}
        for attempt_id, closed in self._outcomes.items():
            if outcomes.get(attempt_id) != closed:
                self._rewritten.append(f"closed as {closed}, and {outcomes.get(attempt_id)} later")
        self._outcomes.update(outcomes)

    def _excuse(self, actor: Actor, excuses: frozenset[Outcome]) -> None:
        # Each fault is survived by itself; two may together be more than any caller could be spared.
        known = self._excused.get(actor.name)
        self._excused[actor.name] = excuses if known is None else _NEEDING_EXCUSE

    def _is_unexcused(self, operation: Operation) -> bool:
        outcome = operation.answer.outcome if operation.answer else None
        if outcome is Outcome.CONFLICT and operation.call.expected_version is not None:
            return False
        return outcome in _NEEDING_EXCUSE and outcome not in self._excused.get(operation.process, ())
