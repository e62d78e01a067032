"""Scenarios whose schedules are played: two actors completely in every test run, three in `make proof`."""

from __future__ import annotations

from hypothesis import strategies as st

from inbox_lifecycle.testing.schedules import (
    FAULTS,
    INTERLUDES,
    PENDING,
    WARMING,
    Deed,
    Scenario,
    ban,
    correct,
    fail_warmup,
    get,
    reconcile,
    retry_warmup,
    start_warmup,
)

#: The promise itself: of two retries with one key, one moves the inbox, and both are told so.
HEART = Scenario(name="two retries with one key", actors=((retry_warmup("k"),), (retry_warmup("k"),)))

TWO = (
    HEART,
    Scenario(name="two retries", actors=((retry_warmup(),), (retry_warmup(),))),
    Scenario(name="a start and a ban with one key", actors=((start_warmup("k"),), (ban("k"),))),
    Scenario(name="a retry, and two looks", actors=((retry_warmup(),), (get(), get()))),
    Scenario(name="a warmup that fails, and a retry", actors=((fail_warmup(),), (retry_warmup(),)), pair=WARMING),
    Scenario(
        name="two corrections of version 1",
        actors=((correct(WARMING, expected_version=1),), (correct(WARMING, expected_version=1),)),
    ),
    Scenario(name="a retry, and reconcile", actors=((retry_warmup(),), (reconcile(),)), left_behind=True),
)

_DIES = ("its caller dies after it",)
_FAR_REACHING = (*_DIES, "a ban", "the leases run out, and reconcile")


def chosen(name: str, *actors: tuple[Deed, ...], wrong: tuple[str, ...], left_behind: bool = False) -> Scenario:
    """A scenario in which only these things go wrong: with all of them it would have millions of schedules."""
    return Scenario(
        name=name,
        actors=actors,
        left_behind=left_behind,
        faults=tuple(fault for fault in FAULTS if fault.name in wrong),
        interludes=tuple(interlude for interlude in INTERLUDES if interlude.name in wrong),
    )


#: For the full size.
LARGER = (
    Scenario(
        name="a retry, and a correction there and back",
        actors=((retry_warmup(),), (correct(("active", "active")), correct(PENDING))),
    ),
    chosen("two runs of reconcile", (reconcile(),), (reconcile(),), wrong=_DIES, left_behind=True),
    chosen(
        "three retries with one key",
        (retry_warmup("k"),),
        (retry_warmup("k"),),
        (retry_warmup("k"),),
        wrong=_FAR_REACHING,
    ),
    chosen("two retries and a ban", (retry_warmup(),), (retry_warmup(),), (ban(),), wrong=_DIES),
)

_DEEDS = (
    retry_warmup(),
    retry_warmup("k"),
    start_warmup("k"),
    ban(),
    ban("k"),
    correct(PENDING),
    correct(WARMING),
    correct(PENDING, expected_version=2),
    fail_warmup(),
    get(),
    reconcile(),
)


@st.composite
def drawn_scenarios(draw: st.DrawFn) -> Scenario:
    """Three or four actors with up to three calls each, and up to three things that go wrong."""
    plans = st.lists(st.sampled_from(_DEEDS), min_size=1, max_size=3).map(tuple)
    return Scenario(
        name="drawn",
        actors=tuple(draw(st.lists(plans, min_size=3, max_size=4))),
        pair=draw(st.sampled_from((PENDING, PENDING, WARMING))),
        provider_warms=draw(st.booleans()),
        left_behind=False,
        at_most=draw(st.integers(0, 3)),
    )
