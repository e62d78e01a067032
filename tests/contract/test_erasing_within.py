"""Erasing and pruning inside a host's transaction: theirs to commit, and nothing is done that outlives a rollback."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from inbox_lifecycle import Inbox, Inboxes, InboxNotFound, Instantly, ProviderThrottled, TransitionRefused
from inbox_lifecycle.context import NOBODY
from inbox_lifecycle.testing import Sandbox
from tests.support.contract import ANA, OWNER, attempt_on, born, nothing_moves, outcomes, retry, warming
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace, Face, LoopThread
from tests.support.hosts import Host, hosting

HOSTINGS = [("sqlite", "sync"), ("postgresql", "sync"), ("postgresql", "async")]


@pytest.fixture(params=HOSTINGS, ids="-".join)
def kind(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Which database, and sync or async."""
    chosen: tuple[str, str] = request.param
    return chosen


@pytest.fixture
def database(request: pytest.FixtureRequest, kind: tuple[str, str]) -> TestDatabase:
    """A migrated database without a row."""
    name = "sqlite_database" if kind[0] == "sqlite" else "emptied_postgres_database"
    chosen: TestDatabase = request.getfixturevalue(name)
    return chosen


@pytest.fixture
def outside(database: TestDatabase, provider: Instantly) -> Iterator[AnyFace]:
    """A facade that sees only what is committed."""
    with Inboxes(database.url, provider) as inboxes:
        yield Face(inboxes)


@pytest.fixture
def inbox(outside: AnyFace) -> Inbox:
    """An inbox with an attempt, committed."""
    return warming(outside)


@pytest.fixture
def host(
    kind: tuple[str, str], inbox: Inbox, database: TestDatabase, loop_thread: LoopThread, provider: Instantly
) -> Iterator[Host]:
    """A host in a transaction that began when the inbox was there."""
    assert inbox.version == 2
    with hosting(database, kind[1], "connection", loop_thread, provider=provider) as opened:
        yield opened


def test_erasure_commits_with_the_hosts_transaction(
    host: Host, inbox: Inbox, outside: AnyFace, database: TestDatabase
) -> None:
    """Row, events, attempts and domain are blank for everybody from the commit on."""
    gone = host.face.operator().erase(inbox.id, reason="asked to")
    assert outside.get(inbox.id, owner_id=OWNER).email_address == ANA
    host.commit()
    assert outside.operator().get(inbox.id) == gone
    assert (attempt_on(outside, inbox).context, database.count("email_domains")) == (NOBODY, 0)
    assert outside.operator().verify().findings == []


def test_erasure_rolls_back_with_the_hosts_transaction(
    host: Host, inbox: Inbox, outside: AnyFace, database: TestDatabase
) -> None:
    """Nothing was blanked, and the next erasure is the first."""
    with nothing_moves(database):
        host.face.operator().erase(inbox.id, reason="asked to")
        host.rollback()
    assert attempt_on(outside, inbox).context.owner_id == OWNER
    assert outside.operator().erase(inbox.id, reason="asked to").version == 3


def test_refused_erasure_leaves_the_hosts_transaction_usable(host: Host, inbox: Inbox, outside: AnyFace) -> None:
    """The host may go on and commit."""
    operator = host.face.operator()
    operator.erase(inbox.id, reason="asked to")
    with pytest.raises(TransitionRefused):
        operator.erase(inbox.id, reason="asked to")
    operator.ban(inbox.id)
    host.commit()
    assert (outside.operator().get(inbox.id).version, outside.operator().verify().findings) == (4, [])


def test_pruning_commits_and_rolls_back_with_the_hosts_transaction(
    host: Host, inbox: Inbox, outside: AnyFace, database: TestDatabase
) -> None:
    """All pages of it at once."""
    host.rollback()
    database.execute("update {s}inbox_attempts set lease_until = opened_at")
    assert host.face.operator().prune_attempts(timedelta(microseconds=1)) == 1
    host.rollback()
    assert outcomes(outside, inbox) == ["moved"]
    assert host.face.operator().prune_attempts(timedelta(microseconds=1)) == 1
    host.commit()
    assert outcomes(outside, inbox) == []


@pytest.mark.parametrize("kind", HOSTINGS[1:], ids="-".join, indirect=True)
def test_attempt_opened_before_the_host_commits_is_blanked_by_the_next_pruning(
    host: Host, outside: AnyFace, provider_sandbox: Sandbox
) -> None:
    """Its call could not see the erasure and left its name; on SQLite it would have waited for the host."""
    inbox = born(outside, "bea@mail.example.com")
    host.rollback()
    host.face.operator().erase(inbox.id, reason="asked to")
    provider_sandbox.fail_next("throttle")
    with pytest.raises(ProviderThrottled):
        retry(outside, inbox)
    host.commit()
    assert attempt_on(outside, inbox).context.owner_id == OWNER
    assert outside.operator().prune_attempts(timedelta(days=1)) == 0
    assert (attempt_on(outside, inbox).context, attempt_on(outside, inbox).outcome) == (NOBODY, "throttled")
    with pytest.raises(InboxNotFound):
        retry(outside, inbox)


@pytest.mark.parametrize("kind", HOSTINGS[:1], ids="-".join, indirect=True)
def test_rewriting_the_file_after_the_commit_is_the_hosts(host: Host, inbox: Inbox, database: TestDatabase) -> None:
    """It cannot be done within a transaction; until then SQLite's log still holds what was."""
    host.face.operator().erase(inbox.id, reason="asked to")
    host.commit()
    assert ANA.encode() in Path(f"{database.path}-wal").read_bytes()
    with closing(sqlite3.connect(database.path)) as connection:
        connection.execute("vacuum")
        connection.execute("pragma wal_checkpoint(truncate)")
    assert ANA.encode() not in Path(f"{database.path}-wal").read_bytes() + Path(database.path).read_bytes()
