"""What a picture of the lifecycle shows, read from the machine's edges and the rules.

A rule that leads to one pair becomes an arrow for each of its sources. A rule whose target depends on the command or
the state (`correct` alone has sixteen edges) becomes one line of the legend, so that the picture stays readable.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from inbox_lifecycle.domain.machine import Edge, edges
from inbox_lifecycle.domain.rules import RULE_OF, RULES, Rule, free
from inbox_lifecycle.domain.states import Pair, Status, Trigger, WarmupStatus


class NotDrawable(Exception):
    """The rules hold something that the picture has no place for."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """All edges of one rule between two states."""

    source: str
    triggers: tuple[str, ...]
    dest: str
    guard: str
    event: str
    edges: tuple[Edge, ...]

    @property
    def name(self) -> str:
        """The arrow's name in a layout and in messages."""
        return f"{self.source} --{'/'.join(self.triggers)}--> {self.dest}"


@dataclass(frozen=True, slots=True)
class Line:
    """All edges of one rule that has no single target."""

    triggers: tuple[str, ...]
    sources: str
    dest: str
    guard: str
    event: str
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """The lifecycle, ready to be drawn."""

    pairs: tuple[Pair, ...]
    arrows: tuple[Arrow, ...]
    legend: tuple[Line, ...]
    footnote: str


def picture() -> Picture:
    """The lifecycle as the rules have it today."""
    drawn = edges()
    fixed = [rule for rule in RULES if isinstance(rule.to, Pair)]
    return Picture(
        pairs=tuple(_pair_of(status) for status in Status),
        arrows=tuple(arrow for rule in fixed for arrow in _arrows(rule, drawn)),
        legend=tuple(_line(rule, drawn) for rule in RULES if rule not in fixed),
        footnote=_footnote(),
    )


def guard_name(rule: Rule) -> str:
    """The guard's name, empty for a rule without one."""
    return "" if rule.guard is free else rule.guard.__name__


def _pair_of(status: Status) -> Pair:
    reached = {rule.to for rule in RULES if isinstance(rule.to, Pair) and rule.to.status is status}
    if len(reached) != 1:
        raise NotDrawable(f"one box shows one pair, but the rules lead {status} to {sorted(map(str, reached))}")
    return reached.pop()


def _edges_of(rule: Rule, drawn: Iterable[Edge]) -> tuple[Edge, ...]:
    return tuple(edge for edge in drawn if RULE_OF[Trigger(edge.trigger)] is rule)


def _arrows(rule: Rule, drawn: Iterable[Edge]) -> list[Arrow]:
    ends: dict[tuple[str, str], list[Edge]] = {}
    for edge in _edges_of(rule, drawn):
        ends.setdefault((edge.source, edge.dest), []).append(edge)
    return [_arrow(rule, source, dest, tuple(found)) for (source, dest), found in ends.items()]


def _arrow(rule: Rule, source: str, dest: str, found: tuple[Edge, ...]) -> Arrow:
    wanted = {edge.trigger for edge in found}
    triggers = tuple(trigger.value for trigger in rule.triggers if trigger.value in wanted)
    return Arrow(source, triggers, dest, guard_name(rule), rule.event.__name__, found)


def _line(rule: Rule, drawn: Iterable[Edge]) -> Line:
    found = _edges_of(rule, drawn)
    dest = str(rule.to) if isinstance(rule.to, Pair) else rule.to.value
    triggers = tuple(trigger.value for trigger in rule.triggers)
    return Line(triggers, _sources(found), dest, guard_name(rule), rule.event.__name__, found)


def _sources(found: Iterable[Edge]) -> str:
    names = {edge.source for edge in found}
    statuses = [status.value for status in Status]
    return ", ".join(sorted(names, key=lambda name: statuses.index(name) if name in statuses else -1))


def _footnote() -> str:
    lasting = [trigger.value for rule in RULES if rule.after_erasure for trigger in rule.triggers]
    pairs = len(Status) * len(WarmupStatus)
    return f"A named pair is any of the {pairs}. After erasure only {' and '.join(lasting)} are legal."
