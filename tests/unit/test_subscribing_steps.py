"""What a consumer does step by step while its handler fails: longer and longer waits, and a lease that is kept."""

from __future__ import annotations

from typing import Any, cast

import pytest

from inbox_lifecycle.audit.subscribing import Subscription, redeliver, subscribe
from inbox_lifecycle.errors import StoreUnavailable
from inbox_lifecycle.flow import Flow, Hand, Once, Sleep
from inbox_lifecycle.records import FedEvent, ParkedEvent, RecordedEvent
from inbox_lifecycle.store.feed import Batch, Extent
from tests.support.steps import NOW, Clock, terms

EVENT = cast("RecordedEvent", "an event")
FED = FedEvent(7, EVENT)
PARKED = ParkedEvent(position=7, event=EVENT, error="KeyError", tries=1, parked_at=NOW)


class Consumer:
    """Feeds a consumer's flow: the database has one event and never fails, the handler fails each time."""

    def __init__(self) -> None:
        self.clock = Clock()
        #: Names of statements, and seconds of waits, in order.
        self.did: list[str | float] = []
        self._answers: dict[str, list[Any]] = {
            "claim_subscription": [6],
            "seal_batch": [Batch(0, had_turn=True)] * 2,
            "feed_extent": [Extent(8, (0, 0, 0, 0, 0))] * 2,
            "unsealed": [0] * 4,
            "feed_page": [(FED,), ()],
            "parked_events": [(PARKED,), ()],
        }

    def run(self, flow: Flow[Any], **answers: list[Any]) -> Any:
        """What the flow gives in the end."""
        self._answers |= answers
        step = next(flow)
        try:
            while True:
                answer = self._answer(step)
                step = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
        except StopIteration as end:
            return end.value

    def _answer(self, step: Any) -> Any:
        match step:
            case Hand():
                return ValueError("no")
            case Sleep(seconds):
                self.clock.seconds += seconds
                self.did.append(seconds)
                return None
            case Once():
                name = step.statement.name
                self.did.append(name)
                return self._answers[name].pop(0) if name in self._answers else True
        raise AssertionError(step)

    @property
    def waits(self) -> list[float]:
        """Seconds between tries."""
        return [round(did, 6) for did in self.did if isinstance(did, float)]


def subscription(*, tries: int = 1, lease: float = 60.0) -> Subscription:
    """A consumer."""
    return Subscription(name="mail", handler=print, tries=tries, lease=lease)


def test_waits_between_tries_double_up_to_a_longest() -> None:
    """However many tries there are, none is further off than ten seconds."""
    consumer = Consumer()
    consumer.run(subscribe(terms(consumer.clock), subscription(tries=11)))
    assert consumer.waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0]


def test_waits_between_tries_are_short_beside_a_short_lease() -> None:
    """Otherwise the lease would be over before the next try."""
    consumer = Consumer()
    consumer.run(subscribe(terms(consumer.clock), subscription(tries=5, lease=0.9)))
    assert consumer.waits == [0.1, 0.2, 0.3, 0.3]


@pytest.mark.parametrize("work", [subscribe, redeliver])
def test_the_lease_is_kept_between_tries(work: Any) -> None:
    """A consumer that tries on for longer than its lease has renewed it before it is over."""
    consumer = Consumer()
    done = consumer.run(work(terms(consumer.clock), subscription(tries=40)))
    assert (done.parked, done.position) == ((7,), 7 if work is subscribe else 6)
    since, longest = 0.0, 0.0
    for did in consumer.did:
        since = 0.0 if did in ("claim_subscription", "advance_subscription") else since
        since += did if isinstance(did, float) else 0.0
        longest = max(longest, since)
    assert sum(consumer.waits) > 300
    assert 20 <= longest <= 40


def test_a_database_that_is_gone_is_told_whether_or_not_the_name_can_be_released() -> None:
    """The lease ends by itself; what went wrong first is what the caller hears."""
    consumer = Consumer()
    gone = [StoreUnavailable("08006")] * 2
    answers = {"feed_page": list(gone), "release_subscription": list(gone)}
    with pytest.raises(StoreUnavailable, match="08006"):
        consumer.run(subscribe(terms(consumer.clock), subscription()), **answers)
    assert consumer.did[-4:] == ["feed_page", "feed_page", "release_subscription", "release_subscription"]
