"""Checkers that look for a bug in what calls leave behind, told as stories or played in every order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import product
from typing import Any

from inbox_lifecycle import (
    Inbox,
    Inboxes,
    InboxLifecycleError,
    InboxNotFound,
    ProviderOutcomeUnknown,
    RetryRefused,
    audit_context,
)
from inbox_lifecycle.domain import AttemptKind
from inbox_lifecycle.flow import Once
from inbox_lifecycle.reconcile import Cursor, reconcile_page
from inbox_lifecycle.store.statements import CommitWarmup
from inbox_lifecycle.terms import utc_now
from inbox_lifecycle.testing import Sandbox, WarmupCode
from inbox_lifecycle.testing.schedules import (
    PENDING,
    PromiseBroken,
    Scenario,
    Stage,
    ban,
    correct,
    explore,
    retry_warmup,
)
from tests.planted.place import Place, born, closed_twice
from tests.support.aftermath import ANA, OWNER, in_flight, standing
from tests.support.evidence import gather

#: Texts that occur nowhere else and must never stand in an entry.
SECRETS = ("zx-local-part", "zx-owner", "zx-actor", "zx-reason", "zx-correlation", "zx-key", "zx-reference")
#: What is played: without faults where several act, with one where somebody acts alone.
SCENARIOS = (
    Scenario(name="two retries", actors=((retry_warmup(),), (retry_warmup(),)), at_most=0),
    Scenario(name="two retries with one key", actors=((retry_warmup("key"),), (retry_warmup("key"),)), at_most=0),
    Scenario(name="a retry and a ban with one key", actors=((retry_warmup("key"),), (ban("key"),)), at_most=0),
    Scenario(name="a retry, and there and back", actors=((retry_warmup(),), (ban(), correct(to=PENDING))), at_most=0),
    Scenario(name="a retry, and something goes wrong", actors=((retry_warmup(),),)),
    Scenario(name="a retry after one that died", actors=((retry_warmup(),),), left_behind=True),
    Scenario(name="a ban, and something goes wrong", actors=((ban(),),)),
)


def walk(place: Place) -> Iterator[str]:
    """One inbox through its whole life, by a clock that goes backwards; then strangers and secrets are looked for."""
    sandbox = Sandbox()
    ticks = iter(range(1, 10_000))
    with (
        place.inboxes(sandbox, clock=lambda: utc_now() - timedelta(seconds=next(ticks))) as inboxes,
        audit_context(actor="zx-actor", reason="zx-reason", correlation_id="zx-correlation"),
    ):
        inbox = inboxes.register(
            email_address="zx-local-part@mail.example.com", owner_id="zx-owner", provider_ref="zx-reference"
        )
        operator = inboxes.operator(actor="zx-actor")
        steps: tuple[Callable[[], object], ...] = (
            lambda: inboxes.retry_warmup(inbox.id, owner_id="zx-owner", idempotency_key="zx-key"),
            lambda: sandbox.set_account("zx-reference", warmup_status=WarmupCode.PAUSED),
            lambda: operator.fail_warmup(inbox.id),
            lambda: inboxes.start_warmup(inbox.id, owner_id="zx-owner"),
            lambda: operator.ban(inbox.id),
            lambda: operator.correct(inbox.id, status="pending", warmup_status="not_started", reason="zx-reason"),
        )
        for step in steps:
            step()
        yield from _strangers(inboxes, inbox)
    yield from _secrets(place)


def _strangers(inboxes: Inboxes, inbox: Inbox) -> Iterator[str]:
    asked: dict[str, Callable[[], Any]] = {
        "get": lambda: inboxes.get(inbox.id, owner_id="stranger"),
        "history": lambda: list(inboxes.history(inbox.id, owner_id="stranger")),
        "attempts": lambda: list(inboxes.attempts(inbox.id, owner_id="stranger")),
        "retry_warmup": lambda: inboxes.retry_warmup(inbox.id, owner_id="stranger"),
    }
    for name, ask in asked.items():
        try:
            answer = ask()
        except InboxNotFound:
            continue
        except InboxLifecycleError as error:
            answer = error
        yield f"isolation: {name} told a stranger {type(answer).__name__}"


def _secrets(place: Place) -> Iterator[str]:
    written = [event for events in gather(place.database).events.values() for event in events]
    for said, secret in product(written, SECRETS):
        if secret.encode() in said.entry:
            yield f"secrecy: {secret} stands in the entry of {said.name}"


def settled(place: Place) -> Iterator[str]:
    """Calls whose outcome nobody knows, or that came too late: `reconcile` ends each as is right."""
    sandbox = Sandbox()
    with place.inboxes(sandbox) as inboxes:
        operator = inboxes.operator(actor="olga")
        unknown, moved_on, banned = (born(inboxes, f"{name}@mail.example.com") for name in ("ana", "eve", "bob"))
        _leave_unknown(sandbox, inboxes, unknown)
        _leave_unknown(sandbox, inboxes, moved_on)
        operator.ban(moved_on.id)
        operator.correct(moved_on.id, status="pending", warmup_status="not_started", reason="a mistake")
        in_flight(sandbox, lambda: operator.ban(banned.id))
        with suppress(RetryRefused):
            inboxes.retry_warmup(banned.id, owner_id=OWNER)
        place.database.expire_leases()
        operator.reconcile()
        wrong = {
            "an inbox that the provider warms is left behind": operator.get(unknown.id).version != 2,
            "an inbox that had moved on is moved once more": operator.get(moved_on.id).version != 3,
            "a banned inbox warms on": sandbox.warming(banned.email_address or ""),
        }
    yield from (f"settled: {what}" for what, is_so in wrong.items() if is_so)


def _leave_unknown(sandbox: Sandbox, inboxes: Inboxes, inbox: Inbox) -> None:
    sandbox.fail_next("cut", after_effect=True)
    sandbox.fail_next("cut", on="account")
    with suppress(ProviderOutcomeUnknown):
        inboxes.retry_warmup(inbox.id, owner_id=OWNER)


def late_commit(place: Place) -> Iterator[str]:
    """A commit arrives when `reconcile` has closed its attempt, on a definite no of the provider."""
    with place.engine() as engine, Stage(engine) as stage:
        birth = stage.calls.register(
            email_address=ANA, owner_id=OWNER, provider=None, provider_ref=None, start_warmup=False
        )
        inbox = stage.run(birth)
        flow = stage.calls.warm(inbox.id, owner_id=OWNER, kind=AttemptKind.RETRY, idempotency_key=None)
        step = next(flow)
        while not (isinstance(step, Once) and step.statement.name == CommitWarmup.name):
            step = flow.send(stage.perform(step))
        flow.close()
        stage.sandbox.set_account(ANA, warmup_status=WarmupCode.PAUSED)
        stage.expire_leases()
        stage.run(reconcile_page(stage.calls.terms, marked=False, after=Cursor()))
        closed = standing(place.database, inbox.id).attempts
        with suppress(InboxLifecycleError):
            stage.perform(step)
    yield from closed_twice(place, inbox, closed)


def schedules(place: Place) -> Iterator[str]:
    """Every interleaving of a few small scenarios, up to the first that breaks a promise."""
    with place.engine() as engine, Stage(engine) as stage:
        for scenario in SCENARIOS:
            try:
                explore(stage, scenario)
            except PromiseBroken as broken:
                yield from (f"schedule: {scenario}: {promise}" for promise in broken.promises)
                return
            except AssertionError as unsound:
                # The verification at the end; the place's own tells more.
                yield f"schedule: {scenario}: {str(unsound)[:80]}"
                return
