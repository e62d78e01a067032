"""A legal history in which everything happens that can happen: what an archive is made of.

Its clock is its own: it begins in 2025 and goes on by a quarter of a second and a bit at each look, so that no two runs
differ in more than their random keys and ids. The sandbox answers without a socket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from inbox_lifecycle import Inbox, Inboxes, ReputationPolicy, audit_context
from inbox_lifecycle.canonical import read_time, time_text
from inbox_lifecycle.domain import AttemptId, AttemptKind
from inbox_lifecycle.errors import ProviderError, ProviderOutcomeUnknown, RetryRefused
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.testing import Operation, Sandbox, SandboxRequest, WarmupCode
from tests.support.databases import TestDatabase
from tests.support.store import Store, closing, opening

OWNER = "0f8fad5b-d9cb-469f-a165-70867728950e"
OTHER = "Владелец № 2"

#: Everything that a text may hold: controls, quotes, both directions, a combining accent, a line separator, and
#: letters beyond the first plane.
STRANGE = "e\u0301 = \u00e9?\t\"'\\ %s {s} :id \u05e9\u05dc\u05d5\u05dd \u2028\x01\x7f \U0001f48c \U0010ffff\r\n"
LONG = "длинно " * 300
LONGEST_KEY = "ключ" * 63 + "key"

#: A zone that is not a whole number of hours away.
KATHMANDU = timezone(timedelta(hours=5, minutes=45))

#: Seconds of a call's lease, as the facade has it for this provider.
_LEASE = 55


class Clock:
    """A clock that goes on at each look."""

    def __init__(self) -> None:
        self.now = datetime(2025, 3, 3, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time."""
        now, self.now = self.now, self.now + timedelta(microseconds=250_001)
        return now

    def turn(self, **by: float) -> None:
        """Set it forward, or back."""
        self.now += timedelta(**by)


@dataclass(frozen=True)
class Stage:
    """Where it happens."""

    database: TestDatabase
    sandbox: Sandbox
    clock: Clock
    inboxes: Inboxes
    #: A facade by whose policy every inbox graduates.
    lenient: Inboxes

    def born(
        self, address: str, owner: str = OWNER, *, provider: str | None = None, provider_ref: str | None = None
    ) -> Inbox:
        """A registered inbox."""
        self.clock.turn(hours=1)
        return self.inboxes.register(
            email_address=address, owner_id=owner, provider=provider, provider_ref=provider_ref
        )

    def retry(self, inbox: Inbox, key: str | None = None) -> Inbox:
        """Its warmup."""
        self.clock.turn(minutes=7)
        return self.inboxes.retry_warmup(inbox.id, owner_id=str(inbox.owner_id), idempotency_key=key)

    def retry_in_vain(self, inbox: Inbox, failure: str = "", **how: object) -> None:
        """A retry that the provider or the gate does not accept."""
        if failure:
            self.sandbox.fail_next(failure, **how)  # type: ignore[arg-type]  # as the caller says it
        with pytest.raises((ProviderError, RetryRefused)):
            self.retry(inbox)

    def lose_answer(self, inbox: Inbox, *, enabled: bool = True, key: str | None = None) -> None:
        """A retry of which nobody knows what became: its attempt stays open."""
        self.sandbox.fail_next("cut", after_effect=enabled)
        self.sandbox.fail_next("error", on="account", times=2)
        with pytest.raises(ProviderOutcomeUnknown):
            self.retry(inbox, key)
        self.sandbox.clear_failures()

    def meanwhile(self, act: Callable[[], object]) -> None:
        """Act when the provider has accepted next, and has not answered yet."""

        def once(request: SandboxRequest) -> None:
            if request.operation is Operation.ENABLE:
                self.sandbox.before_answer(None)
                act()

        self.sandbox.before_answer(once)

    def reconcile(self) -> None:
        """Settle what is open."""
        self.database.expire_leases()
        self.clock.turn(minutes=30)
        self.inboxes.operator(actor="nightly job").reconcile()


@contextmanager
def staged(database: TestDatabase) -> Iterator[Stage]:
    """A stage on a migrated SQLite database."""
    sandbox, clock = Sandbox(), Clock()
    transport = sandbox.transport()
    provider = transport.provider()
    anything = ReputationPolicy(min_reputation=0, min_total_sent=0)
    with (
        Inboxes(database.url, provider, transport=transport, clock=clock) as inboxes,
        Inboxes(database.url, provider, transport=transport, clock=clock, policy=anything) as lenient,
    ):
        yield Stage(database, sandbox, clock, inboxes, lenient)


def live_through(database: TestDatabase) -> None:
    """Let it all happen, in this order: what is left open and marked at the end is not settled any more."""
    with staged(database) as stage:
        _starts_and_graduates(stage)
        _fails_in_every_way(stage)
        _is_taken_over(stage)
        _is_corrected(stage)
        _meets_a_clock_that_runs_backwards(stage)
        _is_superseded(stage)
        _is_reconciled(stage)
        launched = _is_launched(stage)
        _is_lost(stage)
        _is_erased(stage)
        _waits(stage)
        _is_left_open(stage, launched)
        _is_to_be_disabled(stage)
        _seal_half(stage)
    _agree_on_leases(database)
    _judge_domains(database)


def _starts_and_graduates(stage: Stage) -> None:
    """The whole way, with the largest figures there are."""
    address = "ana@mail.example.com"
    with audit_context(actor="ana", reason="first day", correlation_id="request 1", causation_id="message 1"):
        inbox = stage.inboxes.register(
            email_address=address, owner_id=OWNER, start_warmup=True, idempotency_key="start of ana"
        )
    stage.sandbox.set_account(address, reputation=100, total_sent=2**53 - 1)
    stage.clock.turn(days=20)
    operator = stage.inboxes.operator(actor="olga")
    operator.graduate(inbox.id, reason="earned", idempotency_key="graduation of ana")
    stage.clock.turn(days=2)
    operator.ban(inbox.id, reason=STRANGE, idempotency_key=LONGEST_KEY)
    stage.clock.turn(days=1)
    operator.correct(inbox.id, status="active", warmup_status="active", reason="banned by mistake", expected_version=4)


def _fails_in_every_way(stage: Stage) -> None:
    """An address beyond ASCII, every answer that is none, then one that is, and its replay."""
    inbox = stage.born("Jürgen.Müller@Bücher.Example", OTHER, provider_ref="postfach-7@xn--bcher-kva.example")
    stage.retry_in_vain(inbox, "throttle", retry_after=30)
    stage.retry_in_vain(inbox, "throttle")
    stage.retry_in_vain(inbox, "busy")
    stage.retry_in_vain(inbox, "reject", status=422)
    stage.retry_in_vain(inbox, "error", status=503, retry_after=5)
    stage.retry_in_vain(inbox, "job_failed")
    stage.sandbox.set_account("postfach-7@xn--bcher-kva.example", warmup_status=WarmupCode.ACTIVE)
    stage.sandbox.fail_next("busy")
    with audit_context(actor="юрген", correlation_id=LONG):
        stage.retry(inbox, LONGEST_KEY)
    stage.retry(inbox, LONGEST_KEY)
    stage.retry_in_vain(inbox)
    stage.sandbox.set_account("postfach-7@xn--bcher-kva.example", warmup_status=WarmupCode.SUSPENDED)
    stage.inboxes.operator(actor="olga").fail_warmup(inbox.id, reason="the provider suspended it")
    stage.sandbox.set_account(
        "postfach-7@xn--bcher-kva.example", warmup_status=WarmupCode.PAUSED, reputation=0, total_sent=0
    )
    stage.retry(inbox)
    stage.lenient.operator(actor="lena").graduate(inbox.id)


def _is_taken_over(stage: Stage) -> None:
    """From a host's old table, with its id and its age, in pairs that no move leads to."""
    operator = stage.inboxes.operator(actor="importer")
    born = datetime(2019, 12, 31, 23, 59, 59, 999_999, tzinfo=KATHMANDU)
    for number, (status, warmup_status) in enumerate([("active", "active"), ("warming", "banned")], 1):
        operator.adopt(
            email_address=f"old{number}@legacy.example.org",
            owner_id=OWNER,
            status=status,
            warmup_status=warmup_status,
            inbox_id=f"6ba7b81{number}-9dad-11d1-80b4-00c04fd430c8",
            provider="smartlead",
            provider_ref=f"account {number}",
            created_at=born,
            reason="moved from the old table",
        )
    warming = operator.adopt(
        email_address="old3@legacy.example.org", owner_id=OTHER, status="warming", warmup_status="warming"
    )
    stage.sandbox.set_account("old3@legacy.example.org", reputation=90, total_sent=200)
    operator.graduate(warming.id)


def _is_corrected(stage: Stage) -> None:
    """By hand, through every pair that a correction may name."""
    inbox = stage.born("carla@correct.example.com")
    operator = stage.inboxes.operator(actor="olga")
    for status in ("banned", "active", "warming", "pending"):
        for warmup_status in ("banned", "active", "warming", "not_started"):
            stage.clock.turn(seconds=11)
            operator.correct(inbox.id, status=status, warmup_status=warmup_status, reason=f"{status}? {STRANGE}")


def _meets_a_clock_that_runs_backwards(stage: Stage) -> None:
    """Two machines that do not agree: the later event carries the time of the one before it."""
    inbox = stage.born("clara@clocks.example.com")
    operator = stage.inboxes.operator(actor="olga")
    stage.clock.turn(seconds=-3)
    operator.ban(inbox.id)
    operator.correct(inbox.id, status="pending", warmup_status="not_started", reason="the clock is right again")


def _is_superseded(stage: Stage) -> None:
    """An older attempt that was left open is closed by the one that moves."""
    inbox = stage.born("sue@mail.example.com")
    stage.lose_answer(inbox, enabled=False)
    stage.database.expire_leases()
    stage.retry(inbox)


def _is_reconciled(stage: Stage) -> None:
    """Rolled forward, abandoned, and superseded because the inbox had moved on."""
    forward = stage.born("rita@mail.example.com")
    stage.lose_answer(forward, key="retry of rita")
    abandoned = stage.born("abe@mail.example.com")
    stage.lose_answer(abandoned, enabled=False)
    moved_on = stage.born("mona@mail.example.com")
    stage.lose_answer(moved_on)
    operator = stage.inboxes.operator(actor="olga")
    operator.correct(moved_on.id, status="active", warmup_status="active", reason="it sends already")
    stage.reconcile()


def _is_launched(stage: Stage) -> Inbox:
    """A campaign: launched, abandoned by `reconcile`, and open; the facade has no such call at this time."""
    inbox = stage.born("laura@launch.example.com")
    store = Store(stage.database)
    for outcome in ("launched", None):
        stage.clock.turn(hours=2)
        attempt = _launch(stage, store, inbox)
        if outcome is not None:
            store.run(closing(inbox, attempt, owner_id=OWNER, outcome=outcome, now=stage.clock(), detail=None))
    store.close()
    stage.reconcile()
    return inbox


def _launch(stage: Stage, store: Store, inbox: Inbox) -> AttemptId:
    statement = replace(opening(inbox, owner=OWNER, kind=AttemptKind.LAUNCH), now=stage.clock())
    statement = replace(statement, attempt_id=AttemptId(new_id(statement.now)))
    assert store.run(statement) is not None
    return statement.attempt_id


def _is_lost(stage: Stage) -> None:
    """Two callers at once: the provider accepts both, and one moves the inbox."""
    inbox = stage.born("lou@mail.example.com", OTHER)
    stage.meanwhile(lambda: stage.retry(inbox))
    stage.retry_in_vain(inbox)


def _is_erased(stage: Stage) -> None:
    """One with a past and attempts, one that is banned after it, and the address once more."""
    address = "erna@erased.example.net"
    with audit_context(actor="erna", reason="to be forgotten", correlation_id="request 2"):
        inbox = stage.born(address, OTHER, provider_ref="ref of erna")
        stage.retry_in_vain(inbox, "reject")
        stage.retry(inbox, "retry of erna")
    _erase(stage, inbox)
    again = stage.born(address, OTHER)
    gone = stage.born("emil@gone.example.net", OTHER)
    _erase(stage, gone)
    operator = stage.inboxes.operator(actor="olga")
    operator.ban(gone.id, reason="nothing is to be sent from it")
    operator.ban(again.id)


def _erase(stage: Stage, inbox: Inbox) -> None:
    stage.clock.turn(days=30)
    stage.inboxes.operator(actor="olga").erase(inbox.id, reason="its owner asked for it")


def _waits(stage: Stage) -> None:
    """What nobody has touched yet."""
    for number in range(1, 4):
        stage.born(f"wanda{number}@wait.example.com")
    stage.born("smart@wait.example.com", provider="smartlead")


def _is_left_open(stage: Stage, launched: Inbox) -> None:
    """Nobody knows yet: a retry with a key, a retry without one, a first call that never heard back, a launch."""
    stage.lose_answer(stage.born("olaf@open.example.com"), key="retry of olaf")
    stage.lose_answer(stage.born("oona@open.example.com", OTHER), enabled=False)
    stage.sandbox.fail_next("cut", after_effect=False)
    stage.sandbox.fail_next("error", on="account", times=2)
    stage.inboxes.register(email_address="otto@open.example.com", owner_id=OWNER, start_warmup=True)
    stage.sandbox.clear_failures()
    store = Store(stage.database)
    _launch(stage, store, launched)
    store.close()


def _is_to_be_disabled(stage: Stage) -> None:
    """Banned while the provider accepted: the provider is still to be told, and so it stays here."""
    inbox = stage.born("dora@disable.example.com")
    stage.meanwhile(lambda: stage.inboxes.operator(actor="olga").ban(inbox.id, reason="spam"))
    stage.retry_in_vain(inbox)


def _seal_half(stage: Stage) -> None:
    """Half of the queue has its positions, and half of it waits."""
    stage.inboxes.operator(actor="sequencer").seal(limit=stage.database.count("inbox_feed_queue") // 2)


def _agree_on_leases(database: TestDatabase) -> None:
    """Leases run by the database's clock, which is not of this story: as if both clocks had agreed."""
    for inbox_id, attempt_id, opened_at in database.execute("select inbox_id, id, opened_at from inbox_attempts"):
        until = time_text(read_time(opened_at) + timedelta(seconds=_LEASE))
        # The database's clock has milliseconds.
        lease = f"{until[:23]}000Z"
        database.execute(
            "update inbox_attempts set lease_until = ? where inbox_id = ? and id = ?", (lease, inbox_id, attempt_id)
        )


def _judge_domains(database: TestDatabase) -> None:
    """What the host knows of a domain is the host's to write."""
    for domain, status in (("mail.example.com", "verified"), ("wait.example.com", "failed")):
        database.execute("update email_domains set status = ? where domain = ?", (status, domain))
