"""Where a schedule's decisions come from: a script, all scripts one after another, or a random source.

A schedule is nothing but the sequence of its choices, so it can be written down, replayed and shrunk. Option 0 is
always the plainest one (no fault, the first actor), so that smaller numbers mean simpler schedules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

T = TypeVar("T")


class Choices(Protocol):
    """Decides."""

    def choose(self, options: int) -> int:
        """One of so many options, counted from 0."""
        ...


@dataclass
class Scripted:
    """Decides as it is told, and for the plainest option where the script ends."""

    script: Sequence[int] = ()
    #: Each decision made: which option, of how many.
    made: list[tuple[int, int]] = field(default_factory=list)
    #: How many options each decision of the script had when it was made before; empty if that is not known.
    known: Sequence[int] = ()

    def choose(self, options: int) -> int:
        """The next one of the script."""
        at = len(self.made)
        chosen = self.script[at] if at < len(self.script) else 0
        if not chosen < options:
            raise ValueError(f"choice {at} of the script is {chosen}, of {options} options: the code has changed")
        if at < len(self.known) and self.known[at] != options:
            # Then not every schedule would be met: something decides here that is not in the script.
            raise ValueError(
                f"choice {at} has {options} options, and had {self.known[at]} before: it is not repeatable"
            )
        self.made.append((chosen, options))
        return chosen


@dataclass
class Noted:
    """Decides as another does, and keeps the script, to replay it by."""

    source: Callable[[int], int]
    script: list[int] = field(default_factory=list)

    def choose(self, options: int) -> int:
        """What the source says: a random number's, or Hypothesis's `data.draw(integers(0, options - 1))`."""
        self.script.append(self.source(options))
        return self.script[-1]


def every(play: Callable[[Scripted], T]) -> Iterator[T]:
    """Play every schedule there is, each once: depth first over all decisions, from the start each time."""
    choices: Scripted | None = Scripted()
    while choices is not None:
        yield play(choices)
        choices = _next(choices.made)


def _next(made: Sequence[tuple[int, int]]) -> Scripted | None:
    """The script after this one: the last decision that has an option left takes it, those before it stay."""
    for at in range(len(made) - 1, -1, -1):
        chosen, options = made[at]
        if chosen + 1 < options:
            script = [*(earlier for earlier, _ in made[:at]), chosen + 1]
            return Scripted(script, known=[count for _, count in made[: at + 1]])
    return None
