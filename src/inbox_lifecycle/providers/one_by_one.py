"""For providers without batches: one request after another, and an end to it where the rest can be answered for.

The rule of this file: what was not asked for had no effect, and is told as such.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from inbox_lifecycle.domain import InboxId
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.providers.http import Failure, silent, speaks_for_all
from inbox_lifecycle.providers.port import Busy, Rejected, Throttled, Unavailable, Unknown

P = TypeVar("P")
T = TypeVar("T")

#: Mailboxes in a row without any answer before the rest are not asked for: with a provider that hangs, a hundred
#: mailboxes would otherwise take half an hour. More than one, or a single mailbox that breaks the provider would hide
#: all that stand behind it. An error that comes promptly is an answer: it keeps nobody waiting.
PATIENCE: Final = 3


def one_by_one(places: Mapping[InboxId, P | Failure], ask: Callable[[P], Flow[T]]) -> Flow[dict[InboxId, T | Failure]]:
    """What each mailbox answers, in their order, until an answer speaks for all that are left.

    Args:
        places: what `ask` takes for each; a failure stands for itself, and nothing is asked.
        ask: asks for one mailbox.
    """
    answers: dict[InboxId, T | Failure] = {}
    for_the_rest: Failure | None = None
    unheard = 0
    for inbox_id, place in places.items():
        if isinstance(place, Rejected | Throttled | Busy | Unavailable | Unknown):
            answers[inbox_id] = place
            continue
        answer = for_the_rest or (yield from ask(place))
        answers[inbox_id] = answer
        unheard = unheard + 1 if silent(answer) else 0
        for_the_rest = for_the_rest or _of_all(answer, unheard)
    return answers


def doubtful(places: Mapping[InboxId, P], answers: Mapping[InboxId, object]) -> dict[InboxId, P]:
    """Those of which nobody knows whether the request had its effect."""
    return {inbox_id: place for inbox_id, place in places.items() if isinstance(answers[inbox_id], Unknown)}


def _of_all(answer: object, unheard: int) -> Failure | None:
    """The answer of every mailbox that is left, where this one speaks for them."""
    if isinstance(answer, Rejected | Throttled) and speaks_for_all(answer):
        return answer
    return Unavailable("not_asked") if unheard >= PATIENCE else None
