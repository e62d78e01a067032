"""What must hold after every schedule, whatever went wrong in it."""

from __future__ import annotations

from collections.abc import Iterator

from inbox_lifecycle.testing.linear import Initial, Outcome, check
from inbox_lifecycle.testing.schedules.faults import Fault
from inbox_lifecycle.testing.schedules.scenario import PENDING, WARMING, Interlude, Played, Scenario

_WARMING_CALLS = frozenset({"start", "retry", "get", "reconcile"})
BANNED = ("banned", "banned")
#: The version of an inbox that was banned before anything else happened to it.
_BANNED_AT_ONCE = 2


def broken(played: Played) -> list[str]:
    """The promises that this schedule broke, each told in words."""
    ours = [*played.alarms, *_answers(played), *_excuses(played), *played.attempts, *_provider(played)]
    return ours + [told for promise in played.scenario.promises for told in promise(played)]


def _answers(played: Played) -> Iterator[str]:
    """Each answer is what calls made one at a time would have been given."""
    initial: dict[str, Initial] = {played.inbox.id: Initial(version=1, pair=played.scenario.pair, attempts=False)}
    yield from map(str, check(played.operations, initial))


def _excuses(played: Played) -> Iterator[str]:
    """Nobody is told anything unsure or negative for whom nothing went wrong."""
    for operation in played.unexcused:
        yield f"nothing excuses the answer of {operation.process}: {operation.answer}"


def _provider(played: Played) -> Iterator[str]:
    """Once all is settled, the provider and the inbox agree, where nothing explains that they do not."""
    if (
        played.scenario.pair != PENDING
        or played.scenario.provider_warms
        or any(_drifts(wrong, played) for wrong in played.wrong)
    ):
        return
    kinds = {operation.call.kind for operation in played.operations}
    version, pair = _last_seen(played)
    if played.provider_warms and pair != WARMING and kinds <= _WARMING_CALLS:
        yield f"the provider warms the inbox, which stands as {pair}"
    if pair == WARMING and not played.provider_warms and "correct" not in kinds:
        yield "the inbox stands as warming, and the provider does not warm it"
    if pair == BANNED and version == _BANNED_AT_ONCE and played.provider_warms:
        yield "the inbox was banned while it was asked for, and the provider goes on warming it"


def _drifts(wrong: Fault | Interlude, played: Played) -> bool:
    """Whether the provider may end up other than the history says: it acted late, or a live call was taken for dead."""
    if isinstance(wrong, Fault):
        return wrong.drifts
    return wrong.provider_stops or (wrong.leases_run_out and _reconciles(wrong, played.scenario))


def _reconciles(interlude: Interlude, scenario: Scenario) -> bool:
    deeds = [*interlude.deeds, *(deed for plan in scenario.actors for deed in plan)]
    return "reconcile()" in map(str, deeds)


def _last_seen(played: Played) -> tuple[int, tuple[str, str]]:
    looks = [operation.answer for operation in played.operations if operation.answer]
    version, pair = [(look.version, look.pair) for look in looks if look.outcome is Outcome.SEEN][-1]
    assert version is not None and pair is not None  # noqa: PT018, S101 - whoever saw it saw both
    return version, pair
