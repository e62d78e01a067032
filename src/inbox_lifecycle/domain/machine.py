"""The machine: the only file that knows `transitions`.

One shared Machine without a model is built from the rules. Nothing is ever attached to an inbox: a throw-away cursor
carries the status through one trigger. `auto_transitions` is off (it would add a `to_<state>` back door from
everywhere), and `ignore_invalid_triggers` is never set (it would turn an error into a False).
"""

from collections.abc import Callable
from dataclasses import dataclass

from transitions import Machine, MachineError

from inbox_lifecycle.domain.commands import Command
from inbox_lifecycle.domain.rules import RULE_OF, RULES, Rule, State, judge
from inbox_lifecycle.domain.states import Pair, Status, Trigger
from inbox_lifecycle.errors import RetryRefused, TransitionRefused

#: The machine's name for an inbox that is not registered yet.
UNBORN_STATE = "unborn"


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """One arrow of the machine."""

    source: str
    trigger: str
    dest: str
    #: Name of the guard function, empty where there is none.
    guard: str


@dataclass(slots=True)
class _Cursor:
    state: str


def move(state: State | None, command: Command, *, inbox_id: str = "") -> Pair:
    """The pair that a command leads to from here.

    Raises:
        TransitionRefused: no arrow leaves this state by this trigger, or its guard did not hold.
    """
    cursor = _Cursor(state.pair.status.value if state else UNBORN_STATE)
    rule = RULE_OF[command.trigger]
    try:
        moved = _MACHINE.events[command.trigger.value].trigger(cursor, state, command)
    except MachineError:
        moved = False
    if not moved:
        refusal = RetryRefused if command.trigger in _GATED else TransitionRefused
        raise refusal(inbox_id, command.trigger.value, judge(state, command))
    return rule.reaches(state, command)


def edges() -> tuple[Edge, ...]:
    """Every arrow of the machine, sorted."""
    found = {
        Edge(transition.source, name, transition.dest or transition.source, RULE_OF[Trigger(name)].guard.__name__)
        for name, event in _MACHINE.events.items()
        for transitions in event.transitions.values()
        for transition in transitions
    }
    return tuple(sorted(found))


def _condition(rule: Rule, dest: str) -> Callable[[State | None, Command], bool]:
    def holds(state: State | None, command: Command) -> bool:
        return rule.reaches(state, command).status.value == dest and rule.judge(state, command).holds

    return holds


def _destinations(rule: Rule, source: str) -> tuple[str, ...]:
    if isinstance(rule.to, Pair):
        return (rule.to.status.value,)
    if rule.to.name == "SAME":
        return (source,)
    return tuple(status.value for status in Status)


def _build() -> Machine:
    machine = Machine(
        model=None,
        states=[UNBORN_STATE, *(status.value for status in Status)],
        initial=None,
        auto_transitions=False,
    )
    for rule in RULES:
        for source in [status.value for status in rule.sources] or [UNBORN_STATE]:
            for dest in _destinations(rule, source):
                for trigger in rule.triggers:
                    machine.add_transition(trigger.value, source, dest, conditions=_condition(rule, dest))
    return machine


_MACHINE = _build()
_GATED = frozenset({Trigger.START_WARMUP, Trigger.RETRY_WARMUP})
