"""One schedule: who makes the next step, and the one thing that goes wrong, decided choice by choice.

Everything between two steps is pure code that nobody else can notice, so these are all the interleavings there are,
but for the waiting on locks inside a database statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from inbox_lifecycle.domain import Inbox
from inbox_lifecycle.errors import InboxLifecycleError
from inbox_lifecycle.flow import Once, Send, Unanswered, Unsent
from inbox_lifecycle.store.statements import CommitWarmup
from inbox_lifecycle.testing.schedules.actors import Actor, History, describe
from inbox_lifecycle.testing.schedules.choices import Choices
from inbox_lifecycle.testing.schedules.deeds import OWNER, Deed, get, reconcile, retry_warmup
from inbox_lifecycle.testing.schedules.faults import Effect, Fault, order
from inbox_lifecycle.testing.schedules.scenario import Interlude, Played, Scenario
from inbox_lifecycle.testing.schedules.stage import Stage
from inbox_lifecycle.testing.schedules.watching import Attempts, Excuses
from inbox_lifecycle.testing.workspace import WarmupCode

_NUMBERS = count()

#: Seconds until every job of the provider has come to its end.
_JOBS_END = 120.0
#: What a warmed inbox has: more than the policy asks for.
_EARNED, _MAILS = 99, 1000
#: So many things going wrong at once may be more than any caller could be spared.
_MANY = 2


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
        self._late: list[_Late] = []
        self.inbox = self._make_inbox()
        self._excuses = Excuses()
        self._attempts = Attempts(stage, self.inbox)
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
        self._end()
        return Played(
            scenario=self._scenario,
            inbox=self.inbox,
            trace=self._trace,
            operations=self._history.operations,
            results={actor.name: actor.results for actor in self._actors},
            wrong=self._wrong,
            unexcused=self._excuses.unexcused(self._history.callings) if len(self._wrong) < _MANY else [],
            alarms=self._history.alarms,
            attempts=self._attempts.broken,
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
            self._stage.sandbox.set_account(
                address, warmup_status=WarmupCode.ACTIVE, reputation=_EARNED, total_sent=_MAILS
            )
        return inbox

    def _leave_behind(self) -> None:
        earlier = Actor("0", (retry_warmup(),), self._stage, self.inbox, self._history)
        while earlier.step is not None and describe(earlier.step) != CommitWarmup.name:
            self._step(earlier)
        if self._scenario.straggler and earlier.step is not None:
            self._late.append(_Late(earlier.name, earlier.step))
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
        self._excuses.give(actor.calling, fault.excuses)
        self._excuses.give_all(self._history.now, fault.excuses_all)
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
            actor.lose_database(fault.gone)
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
        self._attempts.look()
        self._alone(late.step)
        self._attempts.look()

    def _interlude(self, interlude: Interlude) -> None:
        self._wrong.append(interlude)
        for actor in self._actors:
            self._excuses.give(actor.calling, interlude.excuses)
        if interlude.provider_stops:
            self._stage.sandbox.set_account(self._address, warmup_status=WarmupCode.PAUSED)
        if interlude.leases_run_out:
            self._stage.expire_leases()
        for deed in interlude.deeds:
            self._do(deed)
        self._attempts.look()

    def _do(self, deed: Deed) -> object:
        """A call in one piece; what it returned or raised."""
        self._history.now += 1
        somebody = Actor("-", (deed,), self._stage, self.inbox, self._history)
        while somebody.step is not None:
            self._step(somebody)
        return somebody.results[-1]

    # How it ends.

    def _end(self) -> None:
        """Late steps take effect before all is settled, or after, or never."""
        self._stage.pass_time(_JOBS_END)
        for late in list(self._late):
            if self._choose("takes effect before all is settled", late):
                self._land(late)
        self._settle()
        for late in list(self._late):
            if self._choose("takes effect after all was settled", late):
                self._land(late)
                self._settle()

    def _choose(self, told: str, late: _Late) -> bool:
        chosen = bool(self._choices.choose(2))
        if chosen:
            self._trace.append(f"      a step given up by {late.actor} {told}: {describe(late.step)}")
        return chosen

    def _settle(self) -> None:
        """Let every lease run out, and `reconcile` until it has nothing to do."""
        self._do(get())
        self._attempts.look()
        self._stage.expire_leases()
        self._do(reconcile())
        left = self._do(reconcile())
        self._attempts.settled(left)
        self._do(get())
