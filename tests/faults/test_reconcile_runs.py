"""Reconciling as a whole: marks of banned inboxes, limits and pages, and several runs at once."""

from __future__ import annotations

import threading

import pytest

from inbox_lifecycle import Inbox, ProviderOutcomeUnknown, RetryRefused
from inbox_lifecycle.reconcile import PAGE, Reconciled
from inbox_lifecycle.testing import Operation, Sandbox, SandboxRequest, WarmupCode
from tests.fix_face import MakeFace
from tests.support.aftermath import ANA, OWNER, Standing, background, in_flight, settle, standing, warming
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace


def left_open(face: AnyFace, sandbox: Sandbox, email: str = ANA) -> Inbox:
    """A registered inbox with one open attempt; the provider got nothing."""
    inbox: Inbox = face.register(email_address=email, owner_id=OWNER)
    sandbox.fail_next("cut", after_effect=False)
    with pytest.raises(ProviderOutcomeUnknown):
        face.retry_warmup(inbox.id, owner_id=OWNER)
    return inbox


def marked(face: AnyFace, sandbox: Sandbox) -> Inbox:
    """An inbox banned while the provider accepted its warmup, which goes on."""
    inbox: Inbox = face.register(email_address=ANA, owner_id=OWNER)
    in_flight(sandbox, lambda: face.operator().ban(inbox.id))
    with pytest.raises(RetryRefused):
        face.retry_warmup(inbox.id, owner_id=OWNER)
    return inbox


def marks(database: TestDatabase) -> int:
    """Marked attempts."""
    return database.count("inbox_attempts", "to_disable")


def correct_back(face: AnyFace, inbox: Inbox) -> None:
    """Take the ban back."""
    face.operator().correct(inbox.id, status="warming", warmup_status="warming", reason="banned by mistake")


def test_mark_is_cleared_once_the_provider_confirms(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A banned inbox's warmup is stopped; nothing else moves."""
    inbox = marked(face, provider_sandbox)
    assert settle(face, database) == Reconciled(disabled=1)
    assert (marks(database), provider_sandbox.warming(ANA)) == (0, False)
    assert standing(database, inbox.id) == Standing("banned", "banned", 2, 2, ("lost",))


@pytest.mark.parametrize("failure", ["error", "cut", "busy", "reject", "throttle"])
def test_mark_is_kept_while_the_provider_does_not_stop(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, failure: str
) -> None:
    """A stop that was not taken is asked for again in the next run."""
    marked(face, provider_sandbox)
    provider_sandbox.fail_next(failure, on="disable", after_effect=False)
    assert face.operator().reconcile() == Reconciled(still_to_disable=1)
    assert (marks(database), provider_sandbox.warming(ANA)) == (1, True)
    assert settle(face, database) == Reconciled(disabled=1)


def test_mark_is_kept_while_the_stop_cannot_be_confirmed(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A job that was taken is no proof; only the account is."""
    marked(face, provider_sandbox)
    provider_sandbox.fail_next("error", on="account")
    assert face.operator().reconcile() == Reconciled(still_to_disable=1)
    assert marks(database) == 1
    assert settle(face, database) == Reconciled(disabled=1)


def test_mark_of_a_corrected_inbox_is_cleared_without_stopping(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """An operator took the ban back, so the warmup is wanted again."""
    inbox = marked(face, provider_sandbox)
    correct_back(face, inbox)
    assert settle(face, database) == Reconciled(disabled=1)
    assert (marks(database), provider_sandbox.warming(ANA)) == (0, True)
    assert provider_sandbox.count("disable") == 0


def test_ban_taken_back_while_the_provider_stops_leaves_the_inbox_to_its_operator(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The stop is on its way when the ban is taken back: the mark goes, and the inbox stands as corrected."""
    inbox = marked(face, provider_sandbox)
    in_flight(provider_sandbox, lambda: correct_back(face, inbox), on=Operation.DISABLE)
    assert face.operator().reconcile() == Reconciled(disabled=1)
    assert marks(database) == 0
    assert standing(database, inbox.id).status == "warming"


def test_open_attempt_of_a_banned_inbox_is_superseded_and_stopped_in_one_run(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Nobody knows whether the provider accepted; if it did, the banned inbox must not go on warming."""
    inbox = left_open(face, provider_sandbox)
    provider_sandbox.set_account(ANA, warmup_status=WarmupCode.ACTIVE)
    face.operator().ban(inbox.id)
    assert settle(face, database) == Reconciled(superseded=1, disabled=1)
    assert not provider_sandbox.warming(ANA)


def test_limit_is_how_many_attempts_are_looked_at(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A run with a limit takes so many, and the next takes the rest."""
    for number in range(3):
        left_open(face, provider_sandbox, f"ana{number}@mail.example.com")
    database.expire_leases()
    assert face.operator().reconcile(limit=0) == Reconciled()
    assert face.operator().reconcile(limit=2) == Reconciled(abandoned=2)
    assert face.operator().reconcile(limit=2) == Reconciled(abandoned=1)


def test_limit_counts_marks_too(face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox) -> None:
    """Open attempts come first; what is left of the limit is for marks."""
    marked(face, provider_sandbox)
    left_open(face, provider_sandbox, "bo@mail.example.com")
    database.expire_leases()
    assert face.operator().reconcile(limit=1) == Reconciled(abandoned=1)
    assert face.operator().reconcile(limit=1) == Reconciled(disabled=1)


def test_more_attempts_than_a_page_are_all_settled(make: MakeFace, database: TestDatabase) -> None:
    """Pages follow one another, whatever stays open in them."""
    face = make()
    inbox = face.register(email_address=ANA, owner_id=OWNER)
    ids = [f"00000000-0000-7000-8000-{number:012d}" for number in range(2 * PAGE + 1)]
    plant_launches(database, inbox, ids)
    assert settle(face, database) == Reconciled(abandoned=len(ids))


def plant_launches(database: TestDatabase, inbox: Inbox, ids: list[str]) -> None:
    """Open launches, which no call of ours makes yet, past their leases."""
    past = "2000-01-01T00:00:00.000000Z"
    columns = "inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable"
    row = (inbox.version, inbox.status.value, inbox.warmup_status.value, past, past, False)
    values = [value for attempt_id in ids for value in (inbox.id, attempt_id, "launch", *row)]
    marks = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?)"] * len(ids))
    database.execute(f"insert into {{s}}inbox_attempts ({columns}) values {marks}", tuple(values))  # noqa: S608 - ours


class Together:
    """Holds the first request of each of two runs until both have come: then both have read what is open."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._line = threading.Barrier(2)
        self._left = 2
        self._mutex = threading.Lock()
        sandbox.before_answer(self._hold)

    def _hold(self, request: SandboxRequest) -> None:
        with self._mutex:
            held = self._left > 0
            self._left -= held
        if held:
            assert request.operation in {Operation.ACCOUNT, Operation.DISABLE}
            self._line.wait(30)


def test_two_runs_at_once_make_one_event(face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox) -> None:
    """Both want to move the inbox on behalf of the same attempt; it moves once."""
    inbox = left_open(face, provider_sandbox)
    provider_sandbox.set_account(ANA, warmup_status=WarmupCode.ACTIVE)
    database.expire_leases()
    Together(provider_sandbox)
    runs = [background(face.operator().reconcile) for _ in range(2)]
    assert {run.result(30) for run in runs} == {Reconciled(moved=1)}
    assert standing(database, inbox.id) == warming("moved")
    assert settle(face, database) == Reconciled()


def test_two_runs_at_once_abandon_an_attempt_once(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Both hear the provider's no; one closes the attempt and counts it, and the history is none the longer."""
    inbox = left_open(face, provider_sandbox)
    database.expire_leases()
    Together(provider_sandbox)
    runs = [background(face.operator().reconcile) for _ in range(2)]
    assert {run.result(30) for run in runs} == {Reconciled(abandoned=1), Reconciled()}
    assert standing(database, inbox.id).attempts == ("abandoned",)
    assert settle(face, database) == Reconciled()


def test_two_runs_at_once_clear_a_mark_once(face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox) -> None:
    """Both tell the provider to stop, which is idempotent."""
    marked(face, provider_sandbox)
    Together(provider_sandbox)
    runs = [background(face.operator().reconcile) for _ in range(2)]
    assert {run.result(30) for run in runs} <= {Reconciled(disabled=1), Reconciled(still_to_disable=1)}
    settle(face, database)
    assert (marks(database), provider_sandbox.warming(ANA)) == (0, False)
