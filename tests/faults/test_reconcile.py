"""Reconciling, case by case: what becomes of attempts past their lease, and of marks."""

from __future__ import annotations

import pytest

from inbox_lifecycle import Inbox, Instantly, ProviderOutcomeUnknown
from inbox_lifecycle.domain import AttemptKind
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.terms import utc_now
from inbox_lifecycle.testing import Sandbox, WarmupCode
from tests.fix_face import MakeFace
from tests.support.aftermath import ANA, OWNER, Standing, settle, standing, unmoved, warming
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

WARMS = WarmupCode.ACTIVE


@pytest.fixture
def inbox(face: AnyFace, provider_sandbox: Sandbox) -> Inbox:
    """An inbox with one open attempt, whose outcome nobody knows."""
    return left_open(face, provider_sandbox)


def left_open(face: AnyFace, sandbox: Sandbox, email: str = ANA) -> Inbox:
    """A registered inbox with one open attempt; the provider got nothing."""
    inbox: Inbox = face.register(email_address=email, owner_id=OWNER)
    leave_open(face, sandbox, inbox)
    return inbox


def leave_open(face: AnyFace, sandbox: Sandbox, inbox: Inbox) -> None:
    """One more open attempt."""
    sandbox.fail_next("cut", after_effect=False)
    with pytest.raises(ProviderOutcomeUnknown):
        face.retry_warmup(inbox.id, owner_id=OWNER)


def reconcile(face: AnyFace, database: TestDatabase, *, limit: int | None = None) -> Reconciled:
    """Reconcile once all leases have run out."""
    database.expire_leases()
    done: Reconciled = face.operator().reconcile(limit=limit)
    assert face.operator().verify().clean
    return done


def plant(database: TestDatabase, inbox: Inbox, kind: AttemptKind) -> str:
    """An open attempt that no call of ours made, past its lease."""
    attempt_id = new_id(utc_now())
    past = "2000-01-01T00:00:00.000000Z"
    columns = "inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable"
    database.execute(
        f"insert into {{s}}inbox_attempts ({columns}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - our own words
        (
            inbox.id,
            attempt_id,
            kind.value,
            inbox.version,
            inbox.status.value,
            inbox.warmup_status.value,
            past,
            past,
            False,
        ),
    )
    return attempt_id


def test_provider_that_warms_moves_the_inbox(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The attempt succeeds after all, on behalf of the call that made it."""
    provider_sandbox.set_account(ANA, warmup_status=WARMS)
    assert settle(face, database) == Reconciled(moved=1)
    assert standing(database, inbox.id) == warming("moved")


@pytest.mark.parametrize("code", [WarmupCode.PAUSED, WarmupCode.BANNED, WarmupCode.SUSPENDED])
def test_definite_no_abandons_the_attempt(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox, code: WarmupCode
) -> None:
    """An account that is paused with no job running, banned or suspended does not warm; nothing moves."""
    provider_sandbox.set_account(ANA, warmup_status=code)
    assert settle(face, database) == Reconciled(abandoned=1)
    assert standing(database, inbox.id) == unmoved("abandoned")


def test_absent_account_abandons_the_attempt(make: MakeFace, database: TestDatabase) -> None:
    """An account that the provider does not have does not warm."""
    with Sandbox(accept_unknown=False) as sandbox:
        face = make(provider=Instantly(api_key=sandbox.api_key, base_url=sandbox.base_url))
        inbox = left_open(face, sandbox)
        assert settle(face, database) == Reconciled(abandoned=1)
        assert standing(database, inbox.id) == unmoved("abandoned")


def test_unclear_account_leaves_the_attempt(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A state that is neither yes nor no is asked for again next time."""
    provider_sandbox.set_account(ANA, warmup_status=WarmupCode.SPAM_FOLDER_UNKNOWN)
    assert reconcile(face, database) == Reconciled(left=1)
    assert standing(database, inbox.id) == unmoved(None)
    provider_sandbox.set_account(ANA, warmup_status=WARMS)
    assert settle(face, database) == Reconciled(moved=1)


def test_pending_job_leaves_the_attempt_until_it_ends(make: MakeFace, database: TestDatabase) -> None:
    """While the provider's job runs, a paused account is no definite no; when it has ended, the account warms."""
    now = 0.0
    with Sandbox(job_seconds=10.0, clock=lambda: now) as sandbox:
        face = make(provider=Instantly(api_key=sandbox.api_key, base_url=sandbox.base_url))
        inbox = face.register(email_address=ANA, owner_id=OWNER)
        sandbox.fail_next("cut")
        with pytest.raises(ProviderOutcomeUnknown):
            face.retry_warmup(inbox.id, owner_id=OWNER)
        assert reconcile(face, database) == Reconciled(left=1)
        assert standing(database, inbox.id) == unmoved(None)
        now = 11.0
        assert settle(face, database) == Reconciled(moved=1)


@pytest.mark.parametrize("failure", ["error", "cut", "not_json", "throttle"])
def test_provider_without_a_usable_answer_leaves_the_attempt(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox, failure: str
) -> None:
    """No answer is no no."""
    provider_sandbox.fail_next(failure, on="account", times=2)
    assert reconcile(face, database) == Reconciled(left=1)
    assert standing(database, inbox.id) == unmoved(None)


def test_unreachable_provider_leaves_the_attempt(make: MakeFace, inbox: Inbox, database: TestDatabase) -> None:
    """Nobody listens, so nobody knows."""
    deaf = make(provider=Instantly(api_key="key", base_url="http://127.0.0.1:9", timeout=2.0))
    assert reconcile(deaf, database) == Reconciled(left=1)
    assert standing(database, inbox.id) == unmoved(None)


def test_provider_that_cannot_be_chosen_leaves_its_attempts_and_settles_the_others(
    make: MakeFace, database: TestDatabase, provider: Instantly, provider_sandbox: Sandbox
) -> None:
    """One owner's missing key must not keep everybody else's attempts open for good."""

    def choose(inbox: Inbox) -> Instantly:
        if inbox.id == broken.id:
            raise LookupError(inbox.id)
        return provider

    face = make()
    broken = left_open(face, provider_sandbox)
    fine = left_open(face, provider_sandbox, "bo@mail.example.com")
    assert reconcile(make(provider=choose), database) == Reconciled(abandoned=1, left=1)
    assert (standing(database, broken.id).attempts, standing(database, fine.id).attempts) == ((None,), ("abandoned",))


def test_attempt_within_its_lease_is_left_alone(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """It is its caller's alone: not even the provider is asked."""
    before = provider_sandbox.requests
    assert face.operator().reconcile() == Reconciled()
    assert provider_sandbox.requests == before
    assert standing(database, inbox.id) == unmoved(None)


def test_inbox_that_moved_on_supersedes_the_attempt_without_asking(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Whatever the provider would say, it is too late for this attempt."""
    face.operator().correct(inbox.id, status="active", warmup_status="active", reason="known from elsewhere")
    before = provider_sandbox.requests
    assert settle(face, database) == Reconciled(superseded=1)
    assert provider_sandbox.requests == before
    assert standing(database, inbox.id) == Standing("active", "active", 2, 2, ("superseded",))


def test_pair_that_came_again_supersedes_the_attempt(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The version the attempt saw is gone for good, even if the provider warms the account by now."""
    provider_sandbox.set_account(ANA, warmup_status=WARMS)
    face.operator().correct(inbox.id, status="active", warmup_status="active", reason="away")
    face.operator().correct(inbox.id, status="pending", warmup_status="not_started", reason="and back")
    assert settle(face, database) == Reconciled(superseded=1)
    assert standing(database, inbox.id) == Standing("pending", "not_started", 3, 3, ("superseded",))


def test_later_retry_supersedes_expired_attempts_itself(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Whoever moves an inbox to warming closes what is past its lease, and leaves what is not."""
    database.expire_leases()
    leave_open(face, provider_sandbox, inbox)
    face.retry_warmup(inbox.id, owner_id=OWNER)
    assert standing(database, inbox.id) == warming("superseded", None, "moved")
    assert settle(face, database) == Reconciled(superseded=1)


def test_several_attempts_on_one_inbox_make_one_event(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """One is rolled forward, the others are superseded by it."""
    leave_open(face, provider_sandbox, inbox)
    leave_open(face, provider_sandbox, inbox)
    provider_sandbox.set_account(ANA, warmup_status=WARMS)
    assert settle(face, database) == Reconciled(moved=1, superseded=2)
    assert standing(database, inbox.id) == warming("moved", "superseded", "superseded")


def test_refused_attempt_that_was_never_closed_is_closed_as_refused(
    face: AnyFace, inbox: Inbox, database: TestDatabase
) -> None:
    """A call that died between opening and refusing saw an inbox that no attempt may move, warming as it is."""
    settle(face, database)
    moved = face.retry_warmup(inbox.id, owner_id=OWNER)
    plant(database, moved, AttemptKind.RETRY)
    assert settle(face, database) == Reconciled(abandoned=1)
    assert sorted(standing(database, inbox.id).attempts, key=str) == ["abandoned", "moved", "refused"]
    assert standing(database, inbox.id).events == 2


def test_expired_launch_is_abandoned_without_asking(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Whether a campaign was launched cannot be asked, and a warming account says nothing about it."""
    settle(face, database)
    provider_sandbox.set_account(ANA, warmup_status=WARMS)
    plant(database, inbox, AttemptKind.LAUNCH)
    before = provider_sandbox.requests
    assert settle(face, database) == Reconciled(abandoned=1)
    assert provider_sandbox.requests == before
    assert standing(database, inbox.id) == unmoved("abandoned", "abandoned")
