"""A thousand stuck inboxes and a provider at which everything goes wrong now and then."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from inbox_lifecycle.testing import Failure, Kind, Operation, Sandbox

COUNT = 1000
#: One in a hundred.
BAD = COUNT // 100

#: What goes wrong with calls that name nobody bad. All of these count as failed.
FAILED = (
    Failure(kind=Kind.REJECT),
    Failure(kind=Kind.REJECT, status=422),
    Failure(kind=Kind.THROTTLE, retry_after=30),
    Failure(kind=Kind.THROTTLE),
    Failure(kind=Kind.BUSY),
    Failure(kind=Kind.BUSY, after_effect=True),
    Failure(kind=Kind.ERROR),
    Failure(kind=Kind.ERROR, after_effect=True),
    Failure(kind=Kind.ERROR, status=503, retry_after=60),
    Failure(kind=Kind.CUT),
    Failure(kind=Kind.CUT, after_effect=False),
    Failure(kind=Kind.CUT, mid_body=True),
    Failure(kind=Kind.NOT_JSON),
    Failure(kind=Kind.NOT_JSON, after_effect=False),
    Failure(kind=Kind.TRUNCATED),
    Failure(kind=Kind.JOB_FAILED),
)
#: What is odd, and no failure of the call.
ODD = (
    Failure(kind=Kind.HANG, seconds=0.05),
    Failure(kind=Kind.HANG, seconds=0.05, after_effect=True),
    Failure(kind=Kind.JOB_PENDING, seconds=600),
    Failure(kind=Kind.JOB_FAILS),
    Failure(kind=Kind.ALREADY_WARMING),
    Failure(kind=Kind.BANNED),
)
#: Of the calls that failed, those whose "no" an inbox that is asked for alone must believe.
BELIEVED = sum(failure.kind in {Kind.REJECT, Kind.JOB_FAILED} for failure in FAILED)


@dataclass(frozen=True)
class Weather:
    """What one provider does to one run."""

    sandbox: Sandbox
    #: Addresses that the provider does not have.
    bad: frozenset[str]
    #: Calls to enable until each failure has struck.
    scripted: int

    @property
    def most_calls(self) -> int:
        """Calls to enable, at most, for a thousand inboxes."""
        return math.floor(math.ceil(COUNT / 100) + len(FAILED) + 2 * math.log2(100) * len(self.bad))


def addresses() -> Iterator[str]:
    """A thousand of them."""
    return (f"box{number}@mail.example.com" for number in range(COUNT))


def stormy(sandbox: Sandbox, *, seed: str) -> Weather:
    """Let one address in a hundred be bad, and each kind of failure strike once, anywhere in the run.

    The sandbox must refuse addresses that it does not know.
    """
    chance = random.Random(seed)
    bad = frozenset(chance.sample(sorted(addresses()), BAD))
    for address in addresses():
        if address not in bad:
            sandbox.set_account(address)
    script = [*FAILED, *ODD, *[Failure(kind=Kind.SERVE)] * 15]
    chance.shuffle(script)
    sandbox.script(*script, *[Failure(kind=Kind.ERROR, on=Operation.ACCOUNT)] * 10)
    return Weather(sandbox, bad, len(script))
