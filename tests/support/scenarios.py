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

#: Larger ones of two actors, for the full size.
LARGER = (
    Scenario(name="two runs of reconcile", actors=((reconcile(),), (reconcile(),)), left_behind=True),
    Scenario(
        name="a retry, and a correction there and back",
        actors=((retry_warmup(),), (correct(("active", "active")), correct(PENDING))),
    ),
)


def three(name: str, *deeds: Deed) -> Scenario:
    """Three actors, with those faults and interludes whose effect reaches further than their own caller."""
    return Scenario(
        name=name,
        actors=tuple((deed,) for deed in deeds),
        faults=tuple(fault for fault in FAULTS if fault.name in _FAR_REACHING),
        interludes=tuple(interlude for interlude in INTERLUDES if interlude.name in _FAR_REACHING),
    )


_FAR_REACHING = ("its caller dies after it", "a ban", "the leases run out, and reconcile")

THREE = (
    three("three retries with one key", retry_warmup("k"), retry_warmup("k"), retry_warmup("k")),
    three("two retries and a ban", retry_warmup(), retry_warmup(), ban()),
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
