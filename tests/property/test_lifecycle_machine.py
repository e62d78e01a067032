"""Any sequence of commands on any inboxes, with the provider failing in every way: the model foretells each answer.

After every step the database must explain itself by raw SQL alone (see `tests.support.evidence`), hold exactly what
the model says, attempt by attempt, and satisfy the library's own verification.
"""

from __future__ import annotations

import os
from collections import Counter
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from inbox_lifecycle import InboxExists, InboxNotFound, Status, WarmupStatus
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Failure, Kind, Operation, WarmupCode
from tests.support.databases import Postgres, SqliteFiles
from tests.support.evidence import Evidence, sound
from tests.support.lifecycle_world import DEAF, ENABLES, READS, SERVE, Home, Mechanics, World
from tests.support.model import PENDING, WARMING, Happened, Modelled

# Steady: the same examples in every run. `HYPOTHESIS_PROFILE=explore` looks for new ones, and for longer.
settings.register_profile(
    "steady",
    derandomize=True,
    deadline=None,
    stateful_step_count=100,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
settings.register_profile("explore", settings.get_profile("steady"), derandomize=False, max_examples=500)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "steady")

OWNERS = ("ana", "ben", "cleo")
ADDRESSES = tuple(
    f"{name}@{domain}.example.com" for domain in ("mail", "post") for name in ("one", "two", "three", "four", "five")
)
PAIRS = tuple(product(map(str, Status), map(str, WarmupStatus)))
owners = st.sampled_from(OWNERS)
addresses = st.sampled_from(ADDRESSES)
pairs = st.sampled_from(PAIRS)
enables = st.sampled_from(ENABLES)
unheard = st.sampled_from([order for order in ENABLES if order.kind in (Kind.CUT, Kind.NOT_JSON)])
flags = st.booleans()
keys = st.sampled_from((None, None, None, "one", "two"))
versions = st.sampled_from((None, None, None, None, 1, 2))

#: What a run must have met to be worth its while; more examples are needed where it did not.
WORTHWHILE = {
    "success",
    "RetryRefused",
    "TransitionRefused",
    "ConcurrencyConflict",
    "InboxNotFound",
    "IdempotencyKeyReused",
    "ProviderRejected",
    "ProviderOutcomeUnknown",
    "reconciled moved",
    "reconciled abandoned",
    "reconciled superseded",
}


class Lifecycle(Mechanics):
    """The real facade over a real database and the sandbox, beside the model."""

    inboxes = Bundle("inboxes")

    @initialize(target=inboxes)
    def three_inboxes(self) -> Any:
        """Something to work on, in different hands."""
        births = zip(OWNERS, ADDRESSES, (PENDING, PENDING, WARMING), strict=False)
        return multiple(*[self.adopt(owner, address, pair) for owner, address, pair in births])

    @precondition(lambda self: len(self.model) < 6)
    @rule(target=inboxes, owner=owners, address=addresses, start=flags, order=enables, key=keys)
    def register(self, owner: str, address: str, start: bool, order: Failure, key: str | None) -> Any:  # noqa: FBT001
        """A birth, with or without its first attempt; an address is taken by whoever has it."""
        order = self.order(order, address) if start else SERVE
        modelled = Modelled(owner, address, [Happened("inbox.registered", PENDING)])
        free = not self.taken(address)
        if free and start:
            modelled.warm("start", key, lambda: self.told(order, address))
        register = self.caller(order).register
        answer = self.ask(
            lambda: register(
                email_address=address, owner_id=owner, start_warmup=start, idempotency_key=key if start else None
            ),
            (modelled.version, modelled.pair) if free else InboxExists,
        )
        return self.born(modelled, answer)

    @precondition(lambda self: len(self.model) < 6)
    @rule(target=inboxes, owner=owners, address=addresses, pair=pairs)
    def adopt(self, owner: str, address: str, pair: tuple[str, str]) -> Any:
        """A birth in any pair."""
        modelled = Modelled(owner, address, [Happened("inbox.adopted", pair)])
        operator = self.patient.operator(actor="olga")
        answer = self.ask(
            lambda: operator.adopt(email_address=address, owner_id=owner, status=pair[0], warmup_status=pair[1]),
            InboxExists if self.taken(address) else (1, pair),
        )
        return self.born(modelled, answer)

    @rule(inbox_id=inboxes, kind=st.sampled_from(("start", "retry")), order=enables, key=keys, as_operator=flags)
    def warm(self, inbox_id: str, kind: str, order: Failure, key: str | None, as_operator: bool) -> None:  # noqa: FBT001
        """The heart, for the owner or an operator."""
        modelled = self.model[inbox_id]
        order = self.order(order, modelled.address)
        expected = modelled.warm(kind, key, lambda: self.told(order, modelled.address))
        facade = self.caller(order)
        if as_operator:
            method = getattr(facade.operator(actor="olga"), f"{kind}_warmup")
            self.ask(lambda: method(inbox_id, idempotency_key=key), expected)
        else:
            method = getattr(facade, f"{kind}_warmup")
            self.ask(lambda: method(inbox_id, owner_id=modelled.owner, idempotency_key=key), expected)

    @rule(inbox_id=inboxes, order=st.one_of(enables, unheard), deaf=flags)
    def warm_through_the_open_gate(self, inbox_id: str, order: Failure, deaf: bool) -> None:  # noqa: FBT001
        """As `warm`, from the one pair, as chance alone would be refused most of the time; the account may be mute."""
        if self.model[inbox_id].pair != PENDING:
            self.correct(inbox_id, PENDING, None, None)
        modelled = self.model[inbox_id]
        order = self.order(order, modelled.address)
        if deaf:
            self.order(DEAF, modelled.address)
        expected = modelled.warm("retry", None, lambda: self.told(order, modelled.address, deaf=deaf))
        self.ask(lambda: self.caller(order).retry_warmup(inbox_id, owner_id=modelled.owner), expected)

    @rule(inbox_id=inboxes, key=keys)
    def retry_as_a_stranger(self, inbox_id: str, key: str | None) -> None:
        """Another owner is told that there is no such inbox, and leaves nothing."""
        stranger = "dan" + self.model[inbox_id].owner
        self.ask(
            lambda: self.patient.retry_warmup(inbox_id, owner_id=stranger, idempotency_key=key),
            InboxNotFound,
        )

    @rule(inbox_id=inboxes, key=keys, expected_version=versions)
    def ban(self, inbox_id: str, key: str | None, expected_version: int | None) -> None:
        """Out."""
        operator = self.patient.operator(actor="olga")
        self.ask(
            lambda: operator.ban(inbox_id, idempotency_key=key, expected_version=expected_version),
            self.model[inbox_id].ban(key, expected_version),
        )

    @rule(inbox_id=inboxes, to=st.one_of(st.just(PENDING), pairs), key=keys, expected_version=versions)
    def correct(self, inbox_id: str, to: tuple[str, str], key: str | None, expected_version: int | None) -> None:
        """Anywhere; and often back to where the gate is open."""
        operator = self.patient.operator(actor="olga")
        self.ask(
            lambda: operator.correct(
                inbox_id,
                status=to[0],
                warmup_status=to[1],
                reason="as it should be",
                idempotency_key=key,
                expected_version=expected_version,
            ),
            self.model[inbox_id].correct(to, key, expected_version),
        )

    @rule(inbox_id=inboxes, order=st.sampled_from(READS))
    def fail_warmup(self, inbox_id: str, order: Failure) -> None:
        """Back, if the provider says so."""
        modelled = self.model[inbox_id]
        order = self.order(order, modelled.address)
        expected = modelled.fail_warmup(self.provider(modelled.address).read(order))
        self.ask(lambda: self.patient.operator(actor="olga").fail_warmup(inbox_id), expected)

    @rule(inbox_id=inboxes, heard=flags)
    def graduate(self, inbox_id: str, heard: bool) -> None:  # noqa: FBT001
        """On, if the figures are there and good."""
        modelled = self.model[inbox_id]
        if not heard:
            self.order(Failure(kind=Kind.ERROR, on=Operation.ANALYTICS), modelled.address)
        account = self.sandbox.account(modelled.address)
        sent = account.total_sent if account and heard else None
        expected = modelled.graduate(account.reputation if account else None, sent)
        self.ask(lambda: self.patient.operator(actor="olga").graduate(inbox_id), expected)

    @rule(
        inbox_id=inboxes,
        code=st.sampled_from(tuple(WarmupCode)),
        reputation=st.sampled_from((89, 90, 100)),
        sent=st.sampled_from((199, 200, 500)),
    )
    def the_provider_moves(self, inbox_id: str, code: int, reputation: int, sent: int) -> None:
        """The account changes without us."""
        self.sandbox.set_account(
            self.model[inbox_id].address, warmup_status=code, reputation=reputation, total_sent=sent
        )

    @rule()
    def time_passes(self) -> None:
        """Jobs of the provider that were running end."""
        self.now += 61

    @rule()
    def leases_run_out(self) -> None:
        """Nobody can still be at work on what is open."""
        self.database.expire_leases()
        for modelled in self.model.values():
            modelled.expire()

    @rule(later=flags)
    def reconcile(self, later: bool) -> None:  # noqa: FBT001
        """Everything past its lease is settled as the provider's state has it."""
        if later:
            self.leases_run_out()
        expected: Counter[str] = Counter()
        for modelled in self.model.values():
            expected += modelled.settle(self.provider(modelled.address).read())
        for modelled in self.model.values():
            expected += modelled.stop(confirmed=self.provider(modelled.address).disabled())
        self.seen.update(f"reconciled {name}" for name in expected)
        assert self.patient.operator(actor="olga").reconcile() == Reconciled(**expected)

    @invariant()
    def the_database_holds_what_the_model_says(self) -> None:
        """Rows, events with their keys, and each attempt with its outcome: no more and no less."""
        evidence = sound(self.database)
        self.learn(evidence)
        held = {inbox_id: (row.version, row.pair) for inbox_id, row in evidence.rows.items()}
        assert held == {inbox_id: (modelled.version, modelled.pair) for inbox_id, modelled in self.model.items()}
        for inbox_id, modelled in self.model.items():
            events = evidence.events[inbox_id]
            written = [Happened(event.name, event.reached, event.context.get("idempotency_key")) for event in events]
            assert written == modelled.events
            assert tried(evidence, inbox_id) == {
                attempt_id: (each.kind, each.seen_version, each.outcome, each.event_version, each.to_disable)
                for attempt_id, each in modelled.attempts.items()
            }

    @invariant()
    def verification_is_clean(self) -> None:
        """The library's own check counts what the model counts, and finds nothing."""
        attempts = [attempt for modelled in self.model.values() for attempt in modelled.attempts.values()]
        report = self.patient.operator(actor="olga").verify()
        assert report.findings == []
        assert (report.inboxes, report.events, report.attempts, report.open_attempts) == (
            len(self.model),
            sum(modelled.version for modelled in self.model.values()),
            len(attempts),
            sum(attempt.outcome is None for attempt in attempts),
        )


def tried(evidence: Evidence, inbox_id: str) -> dict[str, tuple[Any, ...]]:
    """The attempts on an inbox as the database has them."""
    return {
        each.id: (each.kind, each.seen_version, each.outcome, each.event_version, each.to_disable)
        for each in evidence.attempts
        if each.inbox_id == inbox_id
    }


def run(home: Home, examples: int) -> Counter[str]:
    """Run the machine; what it met."""

    class Here(Lifecycle):
        """The machine, here."""

        world = World(home)

    profile = settings.get_profile(PROFILE)
    chosen = settings(profile, max_examples=examples) if PROFILE == "steady" else profile
    run_state_machine_as_test(Here, settings=chosen)
    return Here.world.seen


@pytest.mark.slow
@pytest.mark.timeout(1200)  # room to shrink a failing example
def test_any_sequence_of_commands_on_sqlite_is_answered_as_the_model_says(sqlite_files: SqliteFiles) -> None:
    """Row, history, attempts and answers agree with the model after every step, on SQLite."""
    assert run(sqlite_files.fresh, 15).keys() >= WORTHWHILE


@pytest.mark.slow
@pytest.mark.timeout(1200)  # room to shrink a failing example
def test_any_sequence_of_commands_on_postgresql_is_answered_as_the_model_says(postgres: Postgres) -> None:
    """Row, history, attempts and answers agree with the model after every step, on PostgreSQL."""
    assert run(postgres.fresh, 6)["success"] > 50
