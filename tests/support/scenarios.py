"""Scenarios whose schedules are played: two actors in every test run, three in `make proof`.

A step that takes effect late may do so at any later moment, so these faults alone are half of all schedules and more.
In every test run they meet the heart, a straggler's commit beside `reconcile`, and calls with little to meet; `make
proof` has them everywhere.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from inbox_lifecycle.testing.schedules import (
    FAULTS,
    INTERLUDES,
    PENDING,
    WARMING,
    Deed,
    Effect,
    Scenario,
    ban,
    correct,
    fail_warmup,
    get,
    graduate,
    reconcile,
    retry_warmup,
    start_warmup,
)

#: What may go wrong, by families: all of them at once would be millions of schedules of three callers.
DEATHS = ("its caller dies before it", "its caller dies after it")
COMMITS = (
    "its acknowledgement is lost",
    "its acknowledgement is lost, and it is late",
    "undone as contended",
)
TIMEOUTS = (
    "it times out without effect",
    "it times out after its effect",
    "it times out, and has its effect late",
    "answered busy",
)
OTHERS = ("the provider stops, and fail_warmup", "the leases run out, and reconcile")


def chosen(name: str, *actors: tuple[Deed, ...], wrong: tuple[str, ...], left_behind: bool = False) -> Scenario:
    """A scenario in which only these things go wrong."""
    return Scenario(
        name=name,
        actors=actors,
        left_behind=left_behind,
        faults=tuple(fault for fault in FAULTS if fault.name in wrong),
        interludes=tuple(interlude for interlude in INTERLUDES if interlude.name in wrong),
    )


_SETTLING = ((retry_warmup(),), (reconcile(),))

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
    Scenario(name="reconcile, and a straggler's commit", actors=((reconcile(),),), left_behind=True, straggler=True),
    Scenario(name="a graduation and a look", actors=((graduate("k"),), (get(),)), pair=WARMING, provider_warms=True),
)

#: Those that every test run plays without what is late.
LONG = ("two retries", "a start and a ban with one key", "a warmup that fails, and a retry")

#: The largest of two callers.
SETTLING = chosen("a retry and reconcile, and lost commits", *_SETTLING, wrong=DEATHS + COMMITS, left_behind=True)

#: What every test run has of it: without the runs that are only made again, and without what is late.
SETTLING_SHORT = chosen(
    "a retry and reconcile, and a lost commit", *_SETTLING, wrong=(*DEATHS, COMMITS[0]), left_behind=True
)

#: What every test run has of the heart on PostgreSQL: one alone with everything, two with what ends a call early.
HEART_SHORT = (
    Scenario(name="a retry with a key", actors=HEART.actors[:1]),
    chosen("two retries with one key, and a lost commit", *HEART.actors, wrong=(*DEATHS, COMMITS[0])),
)

_RETRIES = ((retry_warmup("k"),), (retry_warmup("k"),), (retry_warmup("k"),))

#: For the full size.
LARGER = (
    Scenario(
        name="a retry, and a correction there and back",
        actors=((retry_warmup(),), (correct(("active", "active")), correct(PENDING))),
    ),
    chosen("a retry and reconcile, and timeouts", *_SETTLING, wrong=TIMEOUTS, left_behind=True),
    chosen("a retry and reconcile, and what others do", *_SETTLING, wrong=OTHERS, left_behind=True),
    chosen("three retries", *_RETRIES, wrong=()),
    chosen("three retries, and a timeout", *_RETRIES, wrong=TIMEOUTS[1:2]),
)


def prompt(scenario: Scenario) -> Scenario:
    """The scenario without what is late."""
    return replace(scenario, faults=tuple(fault for fault in scenario.faults if fault.effect is not Effect.LATER))


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
    graduate(),
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
        left_behind=draw(st.booleans()),
        straggler=draw(st.booleans()),
        at_most=draw(st.integers(0, 3)),
    )
