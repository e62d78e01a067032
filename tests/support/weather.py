"""What the provider does to a workload: refusals, lost answers, late answers, and warmups that stop by themselves."""

from __future__ import annotations

import random
from collections.abc import Iterable

from inbox_lifecycle.testing import Failure, Kind, Operation, Sandbox, SandboxRequest, WarmupCode

#: Seconds before each answer, so that calls overlap.
DELAY = 0.002
#: Part of the enabled warmups that stop by themselves: then the provider says "not warming", as `fail_warmup` needs.
_STOPS = 0.4

_FINE = Failure(kind=Kind.SERVE)

#: What becomes of a request to enable, with its share in parts.
_ON_ENABLE = (
    (50, _FINE),
    (4, Failure(kind=Kind.BUSY)),
    (3, Failure(kind=Kind.THROTTLE, retry_after=1)),
    (3, Failure(kind=Kind.REJECT)),
    (3, Failure(kind=Kind.ERROR)),
    (3, Failure(kind=Kind.ERROR, after_effect=True)),
    (4, Failure(kind=Kind.CUT)),
    (2, Failure(kind=Kind.CUT, mid_body=True)),
    (2, Failure(kind=Kind.CUT, after_effect=False)),
    (1, Failure(kind=Kind.NOT_JSON)),
    (2, Failure(kind=Kind.JOB_FAILED)),
    (5, Failure(kind=Kind.JOB_FAILS)),
    (3, Failure(kind=Kind.JOB_PENDING, seconds=0.02)),
    (8, Failure(kind=Kind.HANG, seconds=0.02)),
    (7, Failure(kind=Kind.HANG, seconds=0.04, after_effect=True)),
)

#: What becomes of a request to read an account: rarely bad, or no outcome would ever be known.
_ON_ACCOUNT = (
    (80, Failure(kind=Kind.SERVE, on=Operation.ACCOUNT)),
    (10, Failure(kind=Kind.HANG, on=Operation.ACCOUNT, seconds=0.02, after_effect=True)),
    (7, Failure(kind=Kind.ERROR, on=Operation.ACCOUNT)),
    (3, Failure(kind=Kind.CUT, on=Operation.ACCOUNT)),
)


def brew(sandbox: Sandbox, *, seed: int | str, requests: int, accounts: Iterable[str]) -> None:
    """Let a sandbox treat so many requests of each sort badly now and then, and be good again afterwards.

    Args:
        sandbox: the provider.
        seed: decides which.
        requests: at least as many as will come, or the rest is treated well.
        accounts: addresses of accounts whose figures are good enough to graduate.
    """
    chance = random.Random(seed)
    sandbox.delay = DELAY
    sandbox.clear_failures()
    for bag in (_ON_ENABLE, _ON_ACCOUNT):
        parts, failures = zip(*bag, strict=True)
        sandbox.script(*chance.choices(failures, parts, k=requests))
    for address in accounts:
        sandbox.set_account(address, reputation=95, total_sent=300)

    def stop_some(request: SandboxRequest) -> None:
        if request.operation is Operation.ENABLE and chance.random() < _STOPS:
            for email in request.emails:
                sandbox.set_account(email, warmup_status=WarmupCode.PAUSED)

    sandbox.before_answer(stop_some)


def clear_up(sandbox: Sandbox) -> None:
    """Let it be good from here on."""
    sandbox.before_answer(None)
    sandbox.clear_failures()
    sandbox.delay = 0.0
