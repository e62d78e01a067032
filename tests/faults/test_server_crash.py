"""PostgreSQL itself crashes between the provider's answer and the commit, and recovers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inbox_lifecycle import StoreUnavailable, WarmupNotRecorded
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.aftermath import ANA, OWNER, in_flight, settle, standing, warming
from tests.support.databases import TestDatabase
from tests.support.own_server import OwnServer
from tests.support.scratch import scratch_folder


@pytest.fixture(scope="module")
def own_server() -> Iterator[OwnServer]:
    """A server for these tests to crash."""
    with scratch_folder("ilown") as folder:
        server = OwnServer(folder)
        yield server
        server.stop()


@pytest.fixture
def database(own_server: OwnServer) -> Iterator[TestDatabase]:
    """A database on that server."""
    with own_server.fresh() as fresh:
        yield fresh


def test_crash_and_recovery_between_provider_and_commit_is_a_success(
    make: MakeFace, database: TestDatabase, own_server: OwnServer, provider_sandbox: Sandbox
) -> None:
    """A server that is back before the commit costs nothing but new connections."""

    def crash_and_recover() -> None:
        own_server.crash()
        own_server.start()

    face = make()
    inbox = face.register(email_address=ANA, owner_id=OWNER)
    in_flight(provider_sandbox, crash_and_recover)
    assert face.retry_warmup(inbox.id, owner_id=OWNER).version == 2
    assert standing(database, inbox.id) == warming("moved")
    assert settle(face, database) == Reconciled()


def test_crash_without_recovery_within_the_budget_is_settled_after_it(
    make: MakeFace, database: TestDatabase, own_server: OwnServer, provider_sandbox: Sandbox
) -> None:
    """The attempt survives the crash: what was accepted and not recorded is rolled forward when the server is back."""
    face = make(recording_budget=0.3)
    inbox = face.register(email_address=ANA, owner_id=OWNER)
    in_flight(provider_sandbox, own_server.crash)
    with pytest.raises(WarmupNotRecorded):
        face.retry_warmup(inbox.id, owner_id=OWNER)
    with pytest.raises(StoreUnavailable):
        face.get(inbox.id, owner_id=OWNER)
    own_server.start()
    assert settle(face, database) == Reconciled(moved=1)
    assert standing(database, inbox.id) == warming("moved")
