"""What to ask the provider for next, and how long to wait: pure, so that the bound on calls can be proven.

One bad address spoils a whole request. Who asks for a batch is told that it was refused, and nothing of which address
it was for; `separate` finds out by halves. Let n be the size of the batch and k the number of bad addresses in it:

    the first request, and the same again              2   a provider that refuses by mistake costs one call, not nine
    each search, down to one address                   log2(n), rounded up
    and that one alone, unless it just was             1
    every further request for what was not tried yet   k - 1 that are refused, and k + 1 at most that are not

The last line holds because a request's size is halved after each search and doubled after each success. Together that
is at most 2 + k * (3 + log2(n)), which for a hundred is below 1 + 2 * log2(n) * k as soon as k is at least 1; without a
bad address it is 1. Where all addresses are bad, as with a key for the wrong workspace, the sizes soon fall to one.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from inbox_lifecycle.providers.port import EnableAnswer, Rejected

T = TypeVar("T")

#: Inboxes in one request at most, as the largest of providers has it.
BATCH: Final = 100

#: Seconds before the first repetition of a call, at most, and before any.
_FIRST_BACKOFF: Final = 0.5
_LONGEST_BACKOFF: Final = 60.0
#: Seconds before the second look at a job, at most, and before any.
_FIRST_POLL: Final = 0.05
_LONGEST_POLL: Final = 15.0
#: Share of what the provider told us to wait that chance adds, so that not everybody comes back at once.
_SPREAD: Final = 0.25
#: Doublings after which waits stay as they are, far from where a float ends.
_DOUBLINGS: Final = 16

# What is said of the caller, whoever it asks for: the key, the bill, the rights.
_ABOUT_THE_CALLER: Final = frozenset({401, 402, 403})
# What may be said of one address, and so of all that are named with it. The rest is about the caller or the plan.
_ABOUT_AN_ADDRESS_STATUS: Final = frozenset({400, 404, 422})
_ABOUT_AN_ADDRESS_REASON: Final = frozenset({"bad_request", "job_failed", "no_such_account", "unprocessable"})


def separate(items: Sequence[T]) -> Generator[tuple[T, ...], Collection[T], None]:
    """Plan requests until each item was in one that was taken, or was refused alone.

    Gives what to ask for next, and is sent the items of it that were refused together: none where the request was
    taken. It ends with an empty request.
    """
    waiting, size, doubted = tuple(items), len(items), False
    while waiting:
        asked, waiting = waiting[:size], waiting[size:]
        suspects = tuple((yield asked))
        if len(suspects) > 1 and not doubted:
            doubted = True
            suspects = tuple((yield suspects))
        if not suspects:
            size = min(2 * size, len(items))
            continue
        alone = len(suspects) == 1
        while len(suspects) > 1:
            half, rest = suspects[: len(suspects) // 2], suspects[len(suspects) // 2 :]
            refused = tuple((yield half))
            # Of the rest nothing is known where the half was refused; where it was taken, the rest is to blame.
            waiting = (rest + waiting) if refused else waiting
            suspects, alone = (refused, len(half) == 1) if refused else (rest, False)
        if not alone:
            yield suspects
        size = max(size // 2, 1)
    yield ()


def is_about_an_address(answer: EnableAnswer) -> bool:
    """Whether a "no" to a batch may be meant for one address in it."""
    return isinstance(answer, Rejected) and (
        answer.status in _ABOUT_AN_ADDRESS_STATUS or answer.reason in _ABOUT_AN_ADDRESS_REASON
    )


def is_about_the_caller(answers: Collection[Rejected]) -> bool:
    """Whether all that the provider itself said to a call is a "no" to the caller: others would hear the same."""
    statuses = {answer.status for answer in answers if answer.status is not None}
    return bool(statuses) and statuses <= _ABOUT_THE_CALLER


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long to wait before the next try; chance keeps callers apart that began together."""

    chance: random.Random

    def backoff(self, tries: int, told: float | None) -> float:
        """Seconds before a call is repeated: what the provider said, or anything up to a bound that doubles."""
        bound = min(_FIRST_BACKOFF * 2 ** min(tries, _DOUBLINGS), _LONGEST_BACKOFF)
        wanted = 0.0 if told is None else told * self.chance.uniform(1.0, 1.0 + _SPREAD)
        return max(wanted, self.chance.uniform(0.0, bound))

    def poll(self, tries: int) -> float:
        """Seconds before a job is looked at again."""
        bound = min(_FIRST_POLL * 2 ** min(tries, _DOUBLINGS), _LONGEST_POLL)
        return self.chance.uniform(bound / 2, bound)
