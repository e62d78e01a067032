"""Given, when, then: the rules in a sentence, without a database and without a provider.

    given_inbox(Register(), StartWarmup()).when(Ban()).then(InboxBanned, "banned / banned")
    given_inbox("active / active").when(RetryWarmup()).then_refused("status", "warmup_status")

Whatever differs from the expectation is a plain AssertionError that tells what was given, what was expected, and what
the rules found, clause by clause. `then` and `then_refused` give the inbox back as it then stands, so that a story can
go on with the next `when`.

Called `given_inbox` and not `given`, which in many tests is Hypothesis's.
"""

from __future__ import annotations

from dataclasses import dataclass

from inbox_lifecycle.domain import (
    RULE_OF,
    Adopt,
    Command,
    Correct,
    FailWarmup,
    Graduate,
    Inbox,
    InboxEvent,
    Move,
    Pair,
    State,
    Status,
    WarmupStatus,
    decide,
    evolve,
    explains,
    judge,
)
from inbox_lifecycle.errors import TransitionRefused
from inbox_lifecycle.records import RecordedEvent
from inbox_lifecycle.testing.happened import follow, reached_by, rule_for, sample
from inbox_lifecycle.verdict import Clause, Verdict

#: A pair, or its text: `Pair(Status.WARMING, WarmupStatus.WARMING)` or `"warming / warming"`.
AnyPair = Pair | str
#: An event of the domain, or only its type where the payload does not matter.
AnyEvent = InboxEvent | type[InboxEvent]
#: What can have happened: a command, an event (with the pair it reached where its type leaves that open), or an event
#: as `inboxes.history(...)` gives it.
Past = Command | AnyEvent | tuple[AnyEvent, AnyPair] | RecordedEvent
#: Where an inbox can be said to stand.
Standing = AnyPair | State | Inbox


def given_inbox(*past: Standing | Past) -> Given:
    """An inbox with this past; without one it is not born yet.

    Args:
        past: where it stands (a pair, as of version 1, a `State` or an `Inbox`), or nothing of the kind; then what
            happened from there on, in order.

    Raises:
        AssertionError: the rules do not allow this past.
        ValueError: a pair is misspelt.
        TypeError: it is something else, or stands in the wrong place.
    """
    __tracebackhide__ = True
    inbox = Given()
    for position, item in enumerate(past):
        if isinstance(item, Pair | str | State | Inbox):
            if position:
                raise TypeError("where an inbox stands is said first; later on, use Correct(pair)")
            inbox = _standing(item)
        else:
            inbox = inbox.after(item)
    return inbox


@dataclass(frozen=True, slots=True)
class Given:
    """An inbox, by its state; what was told of its past is kept for messages."""

    #: None while it is not born.
    state: State | None = None
    told: tuple[str, ...] = ()

    def after(self, item: Past) -> Given:
        """The inbox after one thing more has happened.

        Raises:
            AssertionError: the rules do not allow it.
        """
        __tracebackhide__ = True
        return self._after_command(item) if isinstance(item, Command) else self._after_event(item)

    def when(self, command: Command) -> Decided:
        """What the rules make of a command."""
        try:
            decided: Move | Verdict = decide(self.state, command)
        except TransitionRefused as refused:
            decided = refused.verdict
        return Decided(self, command, decided)

    @property
    def _past(self) -> tuple[str, ...]:
        return self.told if self.told or self.state is None else (f"from {_place(self.state)}",)

    def _after_command(self, command: Command) -> Given:
        __tracebackhide__ = True
        try:
            happened = follow(self.state, command)
        except TransitionRefused as refused:
            verdict = refused.verdict
        else:
            return Given(happened.state, (*self._past, _words(command)))
        raise AssertionError(f"{self}\nbut    {_words(command)} cannot follow, as it is refused{_clauses(verdict)}")

    def _after_event(self, item: AnyEvent | tuple[AnyEvent, AnyPair] | RecordedEvent) -> Given:
        __tracebackhide__ = True
        event, said = _read(item)
        name, reached = type(event).__name__, reached_by(self.state, type(event)) if said is None else said
        if reached is None and rule_for(type(event)).admits(self.state):
            raise TypeError(f"{name} may reach any pair: say ({name}, pair)")
        words = name if reached is None else f"{name}, reaching {reached}"
        if reached is None or not explains(self.state, event, reached):
            raise AssertionError(f"{self}\nbut    {words}, cannot follow, as no rule leads there from here")
        return Given(evolve(self.state, event, reached), (*self._past, words))

    def __str__(self) -> str:
        lines = [_place(self.state), *self.told]
        return "given  " + "\n         ".join(lines)


@dataclass(frozen=True, slots=True)
class Decided:
    """What the rules made of a command, to be held against an expectation."""

    given: Given
    command: Command
    #: The move, or the verdict that refused it.
    decided: Move | Verdict

    def then(self, event: type[InboxEvent], reached: AnyPair | None = None) -> Given:
        """Demand that the inbox moved; the inbox as it then stands.

        Args:
            event: the type of event that records the move.
            reached: the pair it leads to; any pair will do unless said.

        Raises:
            AssertionError: it did not, or otherwise.
            ValueError: the pair is misspelt.
        """
        __tracebackhide__ = True
        pair = None if reached is None else _pair(reached)
        if isinstance(self.decided, Move) and self._event is event and pair in (None, self.decided.reached):
            return self.given.after(self.command)
        expected = event.__name__ if pair is None else f"{event.__name__}, reaching {pair}"
        raise AssertionError(self._differs(expected))

    def then_refused(self, *failed: str | Clause) -> Given:
        """Demand that the rules refused; the inbox, which did not move.

        Args:
            failed: every clause that failed and no other, by its field (`"warmup_status"`) or as a whole `Clause`; any
                refusal will do unless said.

        Raises:
            AssertionError: the inbox moved, or other clauses failed.
        """
        __tracebackhide__ = True
        if isinstance(self.decided, Verdict) and (not failed or _are(self.decided.failed, failed)):
            return self.given
        reasons = f", failing {' and '.join(map(_clause, failed))}" if failed else ""
        raise AssertionError(self._differs(f"refused{reasons}"))

    @property
    def verdict(self) -> Verdict:
        """Every clause that the rules looked at, those that held included."""
        return judge(self.given.state, self.command)

    @property
    def _event(self) -> type[InboxEvent]:
        return RULE_OF[self.command.trigger].event

    def _differs(self, expected: str) -> str:
        return (
            f"{self.given}\n"
            f"when   {_words(self.command)}\n"
            f"then   expected  {expected}\n"
            f"       found     {self._found()}{_clauses(self.verdict)}"
        )

    def _found(self) -> str:
        if isinstance(self.decided, Move):
            return f"{self._event.__name__}, reaching {self.decided.reached}"
        return f"refused, failing {' and '.join(clause.field for clause in self.decided.failed)}"


def _standing(item: Standing) -> Given:
    if isinstance(item, Inbox):
        return Given(item.state)
    if isinstance(item, State):
        return Given(item)
    return Given(State(pair=_pair(item), version=1, erased=False))


def _read(item: AnyEvent | tuple[AnyEvent, AnyPair] | RecordedEvent) -> tuple[InboxEvent, Pair | None]:
    if isinstance(item, RecordedEvent):
        return item.event, item.reached
    told, pair = item if isinstance(item, tuple) else (item, None)
    event = sample(told) if isinstance(told, type) and issubclass(told, InboxEvent) else told
    if not isinstance(event, InboxEvent):
        raise TypeError(f"this is neither a command nor an event: {told!r}")
    return event, None if pair is None else _pair(pair)


def _pair(pair: AnyPair) -> Pair:
    if isinstance(pair, Pair):
        return pair
    status, _, warmup_status = pair.partition("/")
    return Pair(Status(status.strip()), WarmupStatus(warmup_status.strip()))


def _are(found: tuple[Clause, ...], expected: tuple[str | Clause, ...]) -> bool:
    whole = {clause for clause in expected if isinstance(clause, Clause)}
    fields = {clause.field if isinstance(clause, Clause) else clause for clause in expected}
    return {clause.field for clause in found} == fields and whole <= set(found)


def _place(state: State | None) -> str:
    if state is None:
        return "no inbox yet"
    return f"{state.pair}, version {state.version}{', erased' if state.erased else ''}"


def _words(command: Command) -> str:
    words = command.trigger.value
    match command:
        case Adopt(to) | Correct(to):
            return f"{words} as {to}" if isinstance(command, Adopt) else f"{words} to {to}"
        case FailWarmup(provider_says):
            return f"{words}, the provider says {provider_says}"
        case Graduate(reputation=reputation, total_sent=total_sent):
            return f"{words}, with reputation {reputation} and {total_sent} sent"
        case _:
            return words


def _clause(clause: str | Clause) -> str:
    return clause if isinstance(clause, str) else f"{clause.field} (expected {clause.expected}, found {clause.found})"


def _clauses(verdict: Verdict) -> str:
    lines = [f"{'held  ' if clause.held else 'failed'} {_clause(clause)}" for clause in verdict.clauses]
    return "".join(f"\n         {line}" for line in lines)
