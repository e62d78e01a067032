"""What is played, and what came of it: scenarios, the interludes in them, and schedules that were played."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from inbox_lifecycle.domain import Inbox
from inbox_lifecycle.testing.linear import Operation, Outcome
from inbox_lifecycle.testing.schedules.deeds import Deed, PairOfWords, ban, fail_warmup, reconcile
from inbox_lifecycle.testing.schedules.faults import FAULTS, Fault

PENDING: PairOfWords = ("pending", "not_started")
WARMING: PairOfWords = ("warming", "warming")


@dataclass(frozen=True, slots=True)
class Interlude:
    """Something that others do in between, in one piece."""

    name: str
    deeds: tuple[Deed, ...] = ()
    #: Whether every open attempt's lease runs out first.
    leases_run_out: bool = False
    #: Whether the provider stops the warmup first.
    provider_stops: bool = False
    excuses: frozenset[Outcome] = frozenset()


# A call whose lease has run out may find its attempt closed by `reconcile` with the inbox unmoved.
_OVERTAKEN = frozenset({Outcome.INDETERMINATE})

INTERLUDES: tuple[Interlude, ...] = (
    Interlude("a ban", (ban(),)),
    Interlude("the provider stops, and fail_warmup", (fail_warmup(),), provider_stops=True),
    Interlude("reconcile", (reconcile(),)),
    Interlude("the leases run out", leases_run_out=True, excuses=_OVERTAKEN),
    Interlude("the leases run out, and reconcile", (reconcile(),), leases_run_out=True, excuses=_OVERTAKEN),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Who does what, on an inbox of which kind."""

    name: str
    #: What each actor does, call after call.
    actors: tuple[tuple[Deed, ...], ...]
    pair: PairOfWords = PENDING
    #: Whether the provider warms the inbox from the start.
    provider_warms: bool = False
    #: Whether an earlier call died when the provider had accepted, and its lease is over.
    left_behind: bool = False
    #: Whether that call's commit is still on its way, to take effect at any moment or never.
    straggler: bool = False
    #: What may go wrong at a step, and what others may do in between.
    faults: tuple[Fault, ...] = FAULTS
    interludes: tuple[Interlude, ...] = INTERLUDES
    #: How many of these happen in a schedule, at most.
    at_most: int = 1
    #: What must hold besides what the library promises: each gives the broken ones, in words.
    promises: tuple[Callable[[Played], Iterable[str]], ...] = ()

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        said = [f"{name}={value!r}" for name, value in _plain(self) if value != _PLAIN.get(name)]
        said += ["faults=..."] * (self.faults != FAULTS) + ["interludes=..."] * (self.interludes != INTERLUDES)
        return f"Scenario({', '.join(said)})"


def _plain(scenario: Scenario) -> list[tuple[str, object]]:
    names = ("name", "actors", "pair", "provider_warms", "left_behind", "straggler", "at_most")
    return [(name, getattr(scenario, name)) for name in names]


_PLAIN = dict(_plain(Scenario(name="", actors=())))


@dataclass
class Played:
    """A schedule that was played to its end."""

    scenario: Scenario
    inbox: Inbox
    trace: list[str]
    operations: list[Operation]
    #: What each actor's calls returned or raised, in order; a dead one's last call gave nothing.
    results: Mapping[str, Sequence[object]]
    #: What went wrong.
    wrong: list[Fault | Interlude]
    #: Answers that are unsure or negative though nothing happened that would excuse them; with more than one thing
    #: going wrong nobody is held to that.
    unexcused: list[Operation]
    #: Errors that no caller should ever meet, such as a guard of the database that had to refuse.
    alarms: list[str]
    #: What was wrong about attempts: left open, closed twice, or moved at another version than they saw.
    attempts: list[str]
    #: Whether the provider warms the inbox at the end.
    provider_warms: bool
