"""A deterministic scheduler: calls of the library interleaved step by step, with faults, on a real database.

    with Stage.in_memory() as stage:
        scenario = Scenario(name="two retries", actors=((retry_warmup(),), (retry_warmup(),)))
        print(explore(stage, scenario).schedules)

Every step of every call (one database statement, or one request to the provider) is performed for real, one at a time,
in an order that is decided choice by choice; at any step one thing may go wrong. `explore` plays all orders there are
and holds each against the promises: every answer is one that calls made one at a time would have been given, nothing is
lost, `reconcile` settles whatever was left open, and verification finds nothing.
"""

from inbox_lifecycle.testing.schedules.deeds import (
    OWNER,
    Deed,
    ban,
    correct,
    fail_warmup,
    get,
    graduate,
    reconcile,
    retry_warmup,
    start_warmup,
)
from inbox_lifecycle.testing.schedules.explore import Explored, PromiseBroken, explore, play_drawn, replay
from inbox_lifecycle.testing.schedules.faults import FAULTS, Effect, Fault
from inbox_lifecycle.testing.schedules.scenario import INTERLUDES, PENDING, WARMING, Interlude, Played, Scenario
from inbox_lifecycle.testing.schedules.stage import Stage

__all__ = [
    "FAULTS",
    "INTERLUDES",
    "OWNER",
    "PENDING",
    "WARMING",
    "Deed",
    "Effect",
    "Explored",
    "Fault",
    "Interlude",
    "Played",
    "PromiseBroken",
    "Scenario",
    "Stage",
    "ban",
    "correct",
    "explore",
    "fail_warmup",
    "get",
    "graduate",
    "play_drawn",
    "reconcile",
    "replay",
    "retry_warmup",
    "start_warmup",
]
