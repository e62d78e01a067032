"""PostgreSQL is gone, or its answer is: before the load, between provider and commit, and during the commit."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine

from inbox_lifecycle import Inbox, RetryRefused, StoreUnavailable, WarmupNotRecorded
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.aftermath import (
    ANA,
    CLOSING,
    COMMITTING,
    OPENING,
    OWNER,
    RECORDING,
    background,
    in_flight,
    settle,
    standing,
    unmoved,
    warming,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace
from tests.support.proxy import Fate, Proxy

NOT_RECORDED = "Warmup was enabled but failed to update account status"


@pytest.fixture
def database(postgres_database: TestDatabase) -> TestDatabase:
    """These tests are about connections, which SQLite has none of."""
    return postgres_database


@pytest.fixture
def face(make: MakeFace, proxied_url: str) -> AnyFace:
    """A facade whose connections go through the proxy."""
    return make(proxied_url)


@pytest.fixture
def inbox(face: AnyFace) -> Inbox:
    """A registered inbox."""
    registered: Inbox = face.register(email_address=ANA, owner_id=OWNER)
    return registered


@pytest.fixture
def hasty(make: MakeFace, proxied_url: str) -> AnyFace:
    """A facade that gives up recording early."""
    return make(proxied_url, recording_budget=0.3)


def retry(face: AnyFace, inbox: Inbox) -> Inbox:
    """The call that all of this is about."""
    moved: Inbox = face.retry_warmup(inbox.id, owner_id=OWNER)
    return moved


def test_gone_before_the_load_leaves_nothing(
    face: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A database that cannot be asked is said to be unavailable, and the provider is never asked."""
    proxy.refuse()
    with pytest.raises(StoreUnavailable):
        retry(face, inbox)
    assert provider_sandbox.requests == ()
    assert standing(database, inbox.id) == unmoved()


def test_gone_at_the_first_use_is_unavailable_too(make: MakeFace, proxied_url: str, proxy: Proxy) -> None:
    """A facade that never reached its database says so, and takes back nothing once it is there."""
    fresh = make(proxied_url)
    proxy.refuse()
    with pytest.raises(StoreUnavailable):
        fresh.register(email_address=ANA, owner_id=OWNER)
    proxy.resume()
    assert fresh.register(email_address=ANA, owner_id=OWNER).version == 1


def test_stale_connection_at_the_load_is_replaced(
    face: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase
) -> None:
    """A pooled connection that broke while idle is replaced, and the call succeeds."""
    proxy.cut()
    assert retry(face, inbox).version == 2
    assert standing(database, inbox.id) == warming("moved")


@pytest.mark.parametrize("whose", ["ours", "the host's"])
def test_many_stale_connections_are_replaced(
    make: MakeFace, proxied_url: str, proxy: Proxy, database: TestDatabase, whose: str
) -> None:
    """After a restart all of a pool's connections are stale, and the first call after it succeeds all the same."""
    engine = create_engine(proxied_url.replace("postgresql:", "postgresql+psycopg:"))
    face = make(proxied_url if whose == "ours" else engine)
    inbox = face.register(email_address=ANA, owner_id=OWNER)
    open_connections(4, face, inbox, proxy)
    proxy.cut()
    assert retry(face, inbox).version == 2
    assert standing(database, inbox.id) == warming("moved")
    engine.dispose()


def open_connections(count: int, face: AnyFace, inbox: Inbox, proxy: Proxy) -> None:
    """Have the facade's pool hold so many connections, by reads that are all under way at once."""
    held = [proxy.set_trap(b"d.domain as email_domain", Fate.HELD) for _ in range(count)]
    reads = [background(lambda: face.get(inbox.id, owner_id=OWNER)) for _ in held]
    for trap in held:
        assert trap.sprung.wait(10)
    for trap in held:
        trap.release()
    assert {read.result(10).version for read in reads} == {1}
    assert proxy.connections == count


def test_lost_answer_of_the_load_is_asked_again(
    face: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """An attempt whose opening took effect unheard is opened again as the same one."""
    proxy.set_trap(OPENING, Fate.UNHEARD)
    assert retry(face, inbox).version == 2
    assert standing(database, inbox.id) == warming("moved")
    assert provider_sandbox.enable_calls(ANA) == 1


def test_gone_after_the_provider_accepted_is_not_recorded(
    hasty: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """With no database within the budget the caller hears the exact message, and the attempt stays open."""
    in_flight(provider_sandbox, proxy.refuse)
    with pytest.raises(WarmupNotRecorded) as failed:
        retry(hasty, inbox)
    assert str(failed.value) == NOT_RECORDED
    assert standing(database, inbox.id) == unmoved(None)


def test_not_recorded_then_a_plain_retry_succeeds(
    hasty: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Retrying at once after the write failed succeeds, and reconciling only closes what the first call left."""
    in_flight(provider_sandbox, proxy.refuse)
    with pytest.raises(WarmupNotRecorded):
        retry(hasty, inbox)
    proxy.resume()
    assert retry(hasty, inbox).version == 2
    assert standing(database, inbox.id) == warming(None, "moved")
    assert settle(hasty, database) == Reconciled(superseded=1)
    assert standing(database, inbox.id) == warming("superseded", "moved")


def test_not_recorded_is_rolled_forward_by_reconcile(
    hasty: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Where nobody retries, reconciling records what the provider accepted."""
    in_flight(provider_sandbox, proxy.refuse)
    with pytest.raises(WarmupNotRecorded):
        retry(hasty, inbox)
    proxy.resume()
    assert settle(hasty, database) == Reconciled(moved=1)
    assert standing(database, inbox.id) == warming("moved")


def test_back_within_the_budget_is_a_success(
    face: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A database that comes back in time records the acceptance once, and the provider is not asked again."""
    refused = proxy.set_trap(RECORDING, Fate.UNSENT, refuse=True)
    call = background(lambda: retry(face, inbox))
    assert refused.sprung.wait(10)
    proxy.resume()
    assert call.result(30).version == 2
    assert standing(database, inbox.id) == warming("moved")
    assert provider_sandbox.enable_calls(ANA) == 1


def test_stale_connection_at_the_recording_is_a_success(
    face: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A connection that breaks while the provider is asked costs nothing but a new one."""
    in_flight(provider_sandbox, proxy.cut)
    assert retry(face, inbox).version == 2
    assert standing(database, inbox.id) == warming("moved")


@pytest.mark.parametrize("times", [1, 2])
def test_lost_acknowledgement_of_the_commit_is_a_success(
    face: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase, times: int
) -> None:
    """A commit that took effect unheard, however often, is found to be the call's own."""
    for _ in range(times):
        proxy.set_trap(RECORDING, Fate.UNHEARD)
    assert retry(face, inbox).version == 2
    assert standing(database, inbox.id) == warming("moved")
    assert settle(face, database) == Reconciled()


def test_request_that_never_arrived_is_sent_again(
    face: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase
) -> None:
    """A commit that never reached the server is run again, and takes effect once."""
    proxy.set_trap(RECORDING, Fate.UNSENT)
    assert retry(face, inbox).version == 2
    assert standing(database, inbox.id) == warming("moved")


@pytest.mark.parametrize("fate", [Fate.UNSENT, Fate.UNHEARD])
def test_transaction_of_the_second_run_breaks_and_the_third_succeeds(
    face: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase, fate: Fate
) -> None:
    """The second run is a transaction; a connection that breaks at its COMMIT leads to a third, with one event."""
    proxy.set_trap(RECORDING, Fate.UNSENT)
    proxy.set_trap(COMMITTING, fate)
    assert retry(face, inbox).version == 2
    assert standing(database, inbox.id) == warming("moved")
    assert settle(face, database) == Reconciled()


@pytest.mark.parametrize("fate", [Fate.UNSENT, Fate.UNHEARD])
def test_lost_closing_of_an_attempt_does_not_change_the_answer(
    face: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase, fate: Fate
) -> None:
    """A refusal whose record broke off is recorded again."""
    face.operator().ban(inbox.id)
    proxy.set_trap(CLOSING, fate)
    with pytest.raises(RetryRefused):
        retry(face, inbox)
    assert standing(database, inbox.id).attempts == ("refused",)


@pytest.mark.parametrize("fate", [Fate.UNSENT, Fate.UNHEARD, Fate.SWALLOWED])
def test_ban_with_a_broken_connection_happens_once(
    face: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase, fate: Fate
) -> None:
    """An operator's move that broke off before, in, or after its effect succeeds with one event."""
    proxy.set_trap(b"inbox.banned", fate)
    assert face.operator().ban(inbox.id).version == 2
    assert (standing(database, inbox.id).version, standing(database, inbox.id).events) == (2, 2)
    assert face.operator().verify().clean


@pytest.mark.parametrize("fate", [Fate.UNSENT, Fate.UNHEARD, Fate.SWALLOWED])
def test_register_with_a_broken_connection_happens_once(
    face: AnyFace, inbox: Inbox, proxy: Proxy, database: TestDatabase, fate: Fate
) -> None:
    """A registration that broke off before, in, or after its effect succeeds with one inbox, by the same id."""
    proxy.set_trap(b"inbox.registered", fate)
    other = face.register(email_address="bo@mail.example.com", owner_id=OWNER)
    assert database.count("inboxes") == 2
    assert face.get(other.id, owner_id=OWNER) == other
    assert face.get(inbox.id, owner_id=OWNER) == inbox
    assert face.operator().verify().clean
