"""A process dies while its attempt is open."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from inbox_lifecycle import Inbox, Inboxes, Instantly
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Sandbox
from tests.support.aftermath import ANA, OWNER, eventually, settle, standing, unmoved, warming
from tests.support.children import child
from tests.support.databases import TestDatabase
from tests.support.faces import Face


@pytest.fixture
def face(database: TestDatabase, provider: Instantly) -> Iterator[Face]:
    """The facade of the process that is left."""
    with Inboxes(database.url, provider) as inboxes:
        yield Face(inboxes)


@pytest.fixture
def inbox(face: Face) -> Inbox:
    """A registered inbox."""
    registered: Inbox = face.register(email_address=ANA, owner_id=OWNER)
    return registered


def kill_in_flight(database: TestDatabase, sandbox: Sandbox, inbox: Inbox) -> None:
    """Have another process retry, and kill it while the provider is asked."""
    arguments = (database.url, sandbox.base_url, sandbox.api_key, inbox.id)
    with child("tests.support.retry_child", *arguments) as process:
        eventually(lambda: sandbox.enable_calls(ANA) == 1)
        process.kill()
        assert process.wait(10) == -signal.SIGKILL
    assert standing(database, inbox.id) == unmoved(None)


def test_killed_after_the_provider_accepted_is_rolled_forward(
    face: Face, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """What the dead process was promised is recorded on its behalf."""
    provider_sandbox.fail_next("hang", seconds=60, after_effect=True)
    kill_in_flight(database, provider_sandbox, inbox)
    eventually(lambda: provider_sandbox.warming(ANA))
    assert settle(face, database) == Reconciled(moved=1)
    assert standing(database, inbox.id) == warming("moved")


def test_killed_before_the_provider_acted_is_abandoned(
    face: Face, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The provider says no, so the attempt is given up, and a plain retry succeeds."""
    provider_sandbox.fail_next("hang", seconds=60)
    kill_in_flight(database, provider_sandbox, inbox)
    assert settle(face, database) == Reconciled(abandoned=1)
    assert standing(database, inbox.id) == unmoved("abandoned")
    assert face.retry_warmup(inbox.id, owner_id=OWNER).version == 2


def test_killed_attempt_does_not_stand_in_the_way_of_a_retry(
    face: Face, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Nobody has to wait for the dead process's lease; the retry's success closes nothing before it has run out."""
    provider_sandbox.fail_next("hang", seconds=60, after_effect=True)
    kill_in_flight(database, provider_sandbox, inbox)
    assert face.retry_warmup(inbox.id, owner_id=OWNER).version == 2
    assert standing(database, inbox.id) == warming(None, "moved")
    assert settle(face, database) == Reconciled(superseded=1)
