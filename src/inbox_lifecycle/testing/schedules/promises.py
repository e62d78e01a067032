"""What must hold after every schedule, whatever went wrong in it."""

from __future__ import annotations

from collections.abc import Iterator

from inbox_lifecycle.testing.linear import Initial, Outcome, check
from inbox_lifecycle.testing.schedules.faults import Effect, Fault
from inbox_lifecycle.testing.schedules.scenario import PENDING, WARMING, Interlude, Played

_WARMING_CALLS = frozenset({"start", "retry", "get", "reconcile"})


def broken(played: Played) -> list[str]:
    """The promises that this schedule broke, each told in words."""
    ours = [*_answers(played), *_excuses(played), *_settling(played), *_nothing_lost(played)]
    return ours + [told for promise in played.scenario.promises for told in promise(played)]


def _answers(played: Played) -> Iterator[str]:
    """Each answer is what calls made one at a time would have been given."""
    initial: dict[str, Initial] = {played.inbox.id: Initial(version=1, pair=played.scenario.pair)}
    yield from map(str, check(played.operations, initial))


def _excuses(played: Played) -> Iterator[str]:
    """Nobody is told anything unsure or negative for whom nothing went wrong."""
    for operation in played.unexcused:
        yield f"nothing excuses the answer of {operation.process}: {operation.answer}"


def _settling(played: Played) -> Iterator[str]:
    """Once the leases have run out, one run of `reconcile` settles everything, and closed attempts stay closed."""
    for left in played.unsettled:
        yield f"a second reconcile still found something: {left}"
    for told in played.rewritten:
        yield f"an attempt was {told}"


def _nothing_lost(played: Played) -> Iterator[str]:
    """If all that was asked for is warmup, an inbox that the provider warms stands as warming."""
    if any(call.call.kind not in _WARMING_CALLS for call in played.operations) or any(map(_may_drift, played.wrong)):
        return
    if played.scenario.pair == PENDING and played.provider_warms and _last_seen(played) != WARMING:
        yield f"the provider warms the inbox, which stands as {_last_seen(played)}"


def _may_drift(wrong: Fault | Interlude) -> bool:
    # A request that the provider acts on after everybody gave up, and a live call that was taken for dead.
    return wrong.leases_run_out if isinstance(wrong, Interlude) else wrong.effect is Effect.LATER


def _last_seen(played: Played) -> tuple[str, str] | None:
    looks = [operation.answer for operation in played.operations if operation.answer]
    return [look.pair for look in looks if look.outcome is Outcome.SEEN][-1]
