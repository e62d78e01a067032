"""The world in which the lifecycle's model is tried: a database, the sandbox, the facades, and the model itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec
from hypothesis.stateful import RuleBasedStateMachine, multiple

from inbox_lifecycle import Inboxes, InboxLifecycleError, Instantly
from inbox_lifecycle.testing import Failure, Kind, Operation, Sandbox, WarmupCode
from tests.support.databases import TestDatabase
from tests.support.evidence import Evidence
from tests.support.model import Answer, Modelled
from tests.support.oracle import Provider, locks

SERVE = Failure(kind=Kind.SERVE)
#: Orders for an enable. A hang lasts as long as the sandbox, so that it never has its effect behind our back.
ENABLES = (
    SERVE,
    Failure(kind=Kind.REJECT, status=400),
    Failure(kind=Kind.REJECT, status=401),
    Failure(kind=Kind.REJECT, status=402),
    Failure(kind=Kind.REJECT, status=404),
    Failure(kind=Kind.THROTTLE, retry_after=3),
    Failure(kind=Kind.BUSY),
    Failure(kind=Kind.ERROR, status=500),
    Failure(kind=Kind.ERROR, status=503),
    Failure(kind=Kind.ERROR, status=502, after_effect=True),
    Failure(kind=Kind.HANG, seconds=3600),
    Failure(kind=Kind.CUT),
    Failure(kind=Kind.CUT, mid_body=True),
    Failure(kind=Kind.CUT, after_effect=False),
    Failure(kind=Kind.NOT_JSON),
    Failure(kind=Kind.NOT_JSON, after_effect=False),
    Failure(kind=Kind.TRUNCATED),
    Failure(kind=Kind.TRUNCATED, after_effect=False),
    Failure(kind=Kind.JOB_PENDING, seconds=60),
    Failure(kind=Kind.JOB_FAILS),
    Failure(kind=Kind.JOB_FAILS, seconds=60),
    Failure(kind=Kind.JOB_FAILED),
    Failure(kind=Kind.ALREADY_WARMING),
    Failure(kind=Kind.BANNED),
)
#: An account that cannot be read.
DEAF = Failure(kind=Kind.ERROR, on=Operation.ACCOUNT)
#: Orders for reading an account.
READS = (
    SERVE,
    Failure(kind=Kind.ERROR, on=Operation.ACCOUNT, status=500),
    Failure(kind=Kind.REJECT, on=Operation.ACCOUNT, status=404),
    Failure(kind=Kind.CUT, on=Operation.ACCOUNT),
    Failure(kind=Kind.NOT_JSON, on=Operation.ACCOUNT),
)

Home = Callable[[], AbstractContextManager[TestDatabase]]


@dataclass
class World:
    """Where a run of the machine takes place, and what it met."""

    home: Home
    #: How often each answer was foretold and each failure ordered, over all examples.
    seen: Counter[str] = field(default_factory=Counter)


class Mechanics(RuleBasedStateMachine):
    """The real facade over a real database and the sandbox, beside the model; the rules are its subclass's."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.seen = self.world.seen
        self.now = 0.0
        self.busy_until = 0.0
        self.model: dict[str, Modelled] = {}
        self.stack = ExitStack()
        self.database = self.stack.enter_context(self.world.home())
        self.sandbox = self.stack.enter_context(Sandbox(clock=lambda: self.now))
        self.patient = self.facade(timeout=60.0)
        self.hasty: Inboxes | None = None

    def facade(self, timeout: float) -> Inboxes:
        """A facade whose provider waits so long."""
        provider = Instantly(api_key=self.sandbox.api_key, base_url=self.sandbox.base_url, timeout=timeout)
        return self.stack.enter_context(Inboxes(self.database.url, provider=provider))

    def teardown(self) -> None:
        """Close everything."""
        self.stack.close()

    def ask(self, call: Callable[[], Any], expected: Answer) -> Any:
        """Make a call that must answer as expected; what it returned, if anything."""
        self.seen[expected.__name__ if isinstance(expected, type) else "success"] += 1
        inbox = None
        try:
            inbox = call()
            answer: Answer = (inbox.version, (inbox.status.value, inbox.warmup_status.value))
        except InboxLifecycleError as error:
            answer = type(error)
        self.sandbox.clear_failures()
        assert answer == expected
        return inbox

    def born(self, modelled: Modelled, inbox: Any) -> Any:
        """The new inbox's id, if one was born."""
        if inbox is None:
            return multiple()
        self.model[inbox.id] = modelled
        return inbox.id

    def taken(self, address: str) -> bool:
        """Whether some inbox has the address."""
        return any(modelled.address == address for modelled in self.model.values())

    def provider(self, address: str) -> Provider:
        """The provider as a call about this address meets it now."""
        account = self.sandbox.account(address)
        return Provider(account.warmup_status if account else WarmupCode.PAUSED, self.now < self.busy_until)

    def order(self, order: Failure, address: str) -> Failure:
        """Order a failure for the next request about this address."""
        if order.kind is Kind.HANG and self.provider(address).code == WarmupCode.ACTIVE:
            # The account would have to be read within the short time in which the hang is given up.
            order = SERVE
        if order is not SERVE:
            self.sandbox.script(msgspec.structs.replace(order, email=address))
        return order

    def told(self, order: Failure, address: str, *, deaf: bool = False) -> str:
        """What will come of an enable under this order; whoever is deaf cannot read the account afterwards."""
        provider = self.provider(address)
        self.busy_until = max(self.busy_until, self.now + locks(order, provider))
        self.seen[f"ordered {order.kind}"] += 1
        return provider.enable(order, deaf=deaf)

    def caller(self, order: Failure) -> Inboxes:
        """The facade to call by: one that gives up soon, where the provider is about to hang."""
        if order.kind is not Kind.HANG:
            return self.patient
        self.hasty = self.hasty or self.facade(timeout=0.4)
        return self.hasty

    def learn(self, evidence: Evidence) -> None:
        """Take up the id of the attempt that the last call left: exactly one, where the model says so."""
        for inbox_id, modelled in self.model.items():
            known = modelled.attempts
            new = [each.id for each in evidence.attempts if each.inbox_id == inbox_id and each.id not in known]
            assert len(new) == (modelled.fresh is not None)
            if modelled.fresh is not None:
                known[new[0]], modelled.fresh = modelled.fresh, None
