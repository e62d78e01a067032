"""Flows driven by hand: no database and no provider, only the steps a flow asks for and the answers it is fed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx

from inbox_lifecycle import Inbox, InboxId, Instantly, Pair, Status, WarmupStatus
from inbox_lifecycle.flow import Flow, Once, Send, Step
from inbox_lifecycle.store.rows import Landed, Looked, Seen
from inbox_lifecycle.terms import Terms

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)

PENDING = Inbox(
    id=InboxId("018f3b5e-0000-7000-8000-000000000001"),
    owner_id="owner",
    email_address="ana@mail.example.com",
    email_domain="mail.example.com",
    email_domain_id="018f3b5e-0000-7000-8000-000000000002",
    email_domain_status="pending",
    provider="instantly",
    provider_ref=None,
    status=Status.PENDING,
    warmup_status=WarmupStatus.NOT_STARTED,
    version=1,
    created_at=NOW,
    updated_at=NOW,
    erased_at=None,
)
WARMING = replace(PENDING, status=Status.WARMING, warmup_status=WarmupStatus.WARMING, version=2)
#: Back where it was, two events later.
BACK = replace(PENDING, version=3)
ERASED = replace(
    PENDING, owner_id=None, email_address=None, email_domain=None, email_domain_id=None, version=2, erased_at=NOW
)
STARTED = Landed(2, "inbox.warmup_started", Pair(Status.WARMING, WarmupStatus.WARMING), NOW)

JOB = {"id": "job-1", "status": "pending", "type": "update-warmup-accounts"}


def seen(inbox: Inbox, keyed: Landed | None = None) -> Seen:
    """The inbox as a statement saw it."""
    return Seen(inbox, b"\x01" * 32, keyed)


def looked(
    inbox: Inbox, *, outcome: str | None = None, moved: Landed | None = None, keyed: Landed | None = None
) -> Looked:
    """A second look."""
    return Looked(seen(inbox, keyed), outcome, moved)


def job(**changes: object) -> httpx.Response:
    """The provider took the request."""
    return httpx.Response(200, json=JOB | changes)


def account(warmup_status: int) -> httpx.Response:
    """An account of the provider."""
    return httpx.Response(200, json={"warmup_status": warmup_status, "stat_warmup_score": 95})


@dataclass
class Clock:
    """Seconds that pass only when told to."""

    seconds: float = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.seconds


def terms(clock: Callable[[], float] | None = None) -> Terms:
    """Terms with a real provider's adapter and a still clock."""
    provider = Instantly(api_key="key", base_url="http://provider.example.com", timeout=5.0)
    return Terms(
        provider_for=lambda _inbox: provider,
        call_budget=25.0,
        recording_budget=15.0,
        clock=lambda: NOW,
        monotonic=clock or Clock(),
    )


@dataclass
class Played:
    """What a flow asked for, and how it ended."""

    steps: list[Step] = field(default_factory=list)
    value: Any = None
    error: Exception | None = None

    @property
    def names(self) -> list[str]:
        """The steps by name: a statement's, or the kind of step."""
        return [step.statement.name if isinstance(step, Once) else type(step).__name__ for step in self.steps]

    def statement(self, position: int) -> Any:
        """The statement that a step runs."""
        step = self.steps[position]
        assert isinstance(step, Once)
        return step.statement

    def request(self, position: int) -> httpx.Request:
        """The request that a step sends."""
        step = self.steps[position]
        assert isinstance(step, Send)
        return step.request


def play(flow: Flow[Any], *answers: object) -> Played:
    """Feed a flow its answers (an exception is thrown into it), and demand that it needs exactly these."""
    played = Played()
    try:
        step = next(flow)
        for answer in answers:
            played.steps.append(step)
            step = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
    except StopIteration as end:
        played.value = end.value
    except Exception as error:  # noqa: BLE001 - the test looks at it
        played.error = error
    else:
        raise AssertionError(f"after {played.names} the flow wants an answer to {step}")
    assert len(played.steps) == len(answers), "the flow ended before it took every answer"
    return played


def close_after(flow: Flow[Any], *answers: object) -> None:
    """Feed a flow these answers, then close it: it must take that silently, whatever it was about to do."""
    next(flow)
    for answer in answers:
        flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
    flow.close()
