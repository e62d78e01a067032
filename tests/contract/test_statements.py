"""The statements that open and move, one by one, among rows that they must leave alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from inbox_lifecycle import Inbox, InboxId, Status, WarmupStatus
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, AttemptKind
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.store.rows import Seen
from inbox_lifecycle.store.statements import CommitMove, CommitWarmup
from tests.support.erased import erased
from tests.support.steps import NOW
from tests.support.store import Store, banning, closing, everything, opening, others, starting


@pytest.fixture
def ana(store: Store) -> Inbox:
    """An inbox among others: one of its domain, one of its owner's other domain, and a stranger's of that name."""
    store.born("abe@first.example.com")
    store.born("bea@mail.example.com")
    inbox = store.born("ana@mail.example.com")
    store.born("cleo@other.example.com")
    store.born("dora@mail.example.com.org", owner="stranger")
    store.born("eva@mail.example.com", owner="stranger")
    return inbox


@pytest.mark.parametrize("owner", ["ana", None], ids=["owner", "operator"])
def test_an_attempt_is_opened_on_the_inbox_as_it_is_seen(store: Store, ana: Inbox, owner: str | None) -> None:
    """All of it stands on record, under the inbox's owner, and its lease is by the database's clock."""
    before = others(store, ana)
    statement = opening(ana, owner=owner, key="k")
    assert store.run(statement) == Seen(ana, store.seen(ana).head_hash, None)
    (attempt,) = store.attempts(ana).values()
    assert (attempt.id, attempt.kind) == (statement.attempt_id, AttemptKind.RETRY)
    assert (attempt.seen_version, attempt.seen, attempt.opened_at) == (1, ana.pair, NOW)
    assert (attempt.outcome, attempt.closed_at, attempt.event_version) == (None, None, None)
    assert (attempt.to_disable, attempt.detail) == (False, None)
    assert attempt.context == replace(statement.context, owner_id="ana")
    assert others(store, ana) == before


@pytest.mark.parametrize("owner", ["stranger", "nobody"])
def test_an_attempt_on_somebody_elses_inbox_leaves_nothing(store: Store, ana: Inbox, owner: str) -> None:
    """The answer is that of an inbox that is not there."""
    before = everything(store)
    assert store.run(opening(ana, owner=owner)) is None
    assert store.run(opening(replace(ana, id=InboxId(new_id(NOW))), owner=None)) is None
    assert everything(store) == before


@pytest.mark.parametrize("owner", ["ana", None], ids=["owner", "operator"])
def test_an_attempt_that_is_opened_again_sees_the_inbox_anew_and_lasts_from_then(
    store: Store, ana: Inbox, owner: str | None
) -> None:
    """The first run's answer was lost; in between somebody moved the inbox."""
    statement = opening(ana, owner=owner, lease=-60.0)
    store.run(statement)
    first = store.attempts(ana)[statement.attempt_id]
    moved = store.move(ana)
    again = store.run(replace(statement, lease=600.0))
    assert again is not None
    assert again.inbox == moved
    second = store.attempts(ana)[statement.attempt_id]
    assert (second.seen_version, second.seen) == (2, moved.pair)
    assert second.lease_until > first.lease_until


@pytest.mark.parametrize("owner", ["ana", None], ids=["owner", "operator"])
def test_an_attempt_that_is_closed_is_not_opened_again(store: Store, ana: Inbox, owner: str | None) -> None:
    """It stays as it was closed."""
    statement = opening(ana, owner=owner)
    store.run(statement)
    store.run(closing(ana, statement.attempt_id))
    before = everything(store)
    store.run(replace(statement, lease=600.0))
    assert everything(store) == before


@pytest.mark.parametrize("owner", ["ana", None], ids=["owner", "operator"])
def test_a_key_finds_the_event_of_its_own_inbox_alone(store: Store, ana: Inbox, owner: str | None) -> None:
    """Another inbox may have an event under the same key."""
    other = store.born("fred@mail.example.com")
    store.move(other, key="k")
    found = store.run(opening(ana, owner=owner, key="k"))
    assert found is not None
    assert found.keyed is None
    store.move(ana, key="k")
    for key, version in (("k", 2), ("another", None), (None, None)):
        found = store.run(opening(ana, owner=owner, key=key))
        assert found is not None
        assert (found.keyed.version if found.keyed else None) == version


def test_a_warmup_moves_its_inbox_and_closes_its_attempt(store: Store, ana: Inbox) -> None:
    """The row, the event, the attempt and the queue, and nothing of anybody else's."""
    bystander = store.born("gil@mail.example.com")
    store.open(bystander, lease=-60.0)
    attempt_id = store.open(ana)
    before = others(store, ana)
    statement = starting(store.seen(ana), attempt_id, key="k")
    moved = store.run(statement)
    assert moved == replace(ana, status=Status.WARMING, warmup_status=WarmupStatus.WARMING, version=2, updated_at=NOW)
    found = store.seen(ana, "k")
    assert (found.inbox, found.head_hash) == (moved, statement.event.hash)
    assert found.keyed is not None
    assert (found.keyed.version, found.keyed.name) == (2, "inbox.warmup_started")
    attempt = store.attempts(ana)[attempt_id]
    assert (attempt.outcome, attempt.closed_at, attempt.event_version) == ("moved", NOW, 2)
    assert store.database.count("inbox_feed_queue", f"inbox_id = '{ana.id}' and version = 2") == 1
    assert others(store, ana) == before


def test_a_warmup_supersedes_what_was_left_open_on_its_inbox(store: Store, ana: Inbox) -> None:
    """Expired attempts at the same; not those in flight, not launches, not what is closed."""
    expired = store.open(ana, lease=-60.0)
    flying = store.open(ana)
    launch = store.open(ana, kind=AttemptKind.LAUNCH, lease=-60.0)
    closed = store.open(ana, lease=-60.0)
    store.run(closing(ana, closed))
    own = store.open(ana, lease=-60.0)
    assert store.run(starting(store.seen(ana), own)) is not None
    found = store.attempts(ana)
    assert {key: found[key].outcome for key in (expired, flying, launch, closed, own)} == {
        expired: "superseded",
        flying: None,
        launch: None,
        closed: "rejected",
        own: "moved",
    }
    assert (found[expired].closed_at, found[expired].event_version) == (NOW, None)
    assert found[launch].closed_at is None


MISSES: dict[str, dict[str, Any]] = {
    "an older version": {"version": 7},
    "another status": {"status": Status.ACTIVE},
    "another warmup status": {"warmup_status": WarmupStatus.BANNED},
    "another owner": {"owner_id": "stranger"},
    "no owner": {"owner_id": None},
}


def off(found: Seen, statement: Any, name: str) -> Any:
    """The statement, with one thing other than the row has it."""
    changes = MISSES[name]
    if "owner_id" in changes:
        return replace(statement, owner_id=changes["owner_id"])
    if "version" in changes:
        return replace(statement, seen_version=0)
    left = replace(found.inbox.pair, **changes)
    return replace(statement, event=replace(statement.event, left=left))


@pytest.mark.parametrize("name", MISSES)
def test_a_warmup_that_saw_something_else_changes_nothing(store: Store, ana: Inbox, name: str) -> None:
    """Version, pair and owner are compared where the row is changed."""
    attempt_id = store.open(ana)
    found = store.seen(ana)
    before = everything(store)
    assert store.run(off(found, starting(found, attempt_id), name)) is None
    assert everything(store) == before


@pytest.mark.parametrize("name", MISSES)
def test_a_move_that_saw_something_else_changes_nothing(store: Store, ana: Inbox, name: str) -> None:
    """As for a warmup."""
    found = store.seen(ana)
    before = everything(store)
    assert store.run(off(found, banning(found), name)) is None
    assert everything(store) == before


@pytest.mark.parametrize("name", ["closed", "another inbox's", "unknown"])
def test_a_warmup_without_its_open_attempt_changes_nothing(store: Store, ana: Inbox, name: str) -> None:
    """The fence."""
    closed = store.open(ana)
    store.run(closing(ana, closed))
    store.open(ana)
    elsewhere = store.open(store.born("hal@mail.example.com"))
    attempt_id = {"closed": closed, "another inbox's": elsewhere, "unknown": AttemptId(new_id(NOW))}[name]
    before = everything(store)
    assert store.run(starting(store.seen(ana), attempt_id)) is None
    assert everything(store) == before


def test_an_erased_inbox_is_moved_and_told_like_any_other(store: Store, ana: Inbox) -> None:
    """It has no domain any more."""
    erased(store.database, ana)
    found = store.seen(ana)
    moved = store.run(banning(found))
    assert moved is not None
    assert (moved.status, moved.version, moved.email_domain) == (Status.BANNED, 3, None)


def test_a_move_moves_its_inbox_alone(store: Store, ana: Inbox) -> None:
    """The row, the event and the queue; attempts are reconcile's."""
    attempt_id = store.open(ana)
    before = others(store, ana)
    statement = banning(store.seen(ana), key="k")
    moved = store.run(statement)
    assert moved == replace(ana, status=Status.BANNED, warmup_status=WarmupStatus.BANNED, version=2, updated_at=NOW)
    found = store.seen(ana, "k")
    assert (found.inbox, found.head_hash) == (moved, statement.event.hash)
    assert found.keyed is not None
    assert found.keyed.name == "inbox.banned"
    assert store.attempts(ana)[attempt_id].outcome is None
    assert store.database.count("inbox_feed_queue", f"inbox_id = '{ana.id}' and version = 2") == 1
    assert others(store, ana) == before


def test_a_birth_makes_its_domain_once_for_each_owner(store: Store, ana: Inbox) -> None:
    """Two inboxes of one owner share it, and a stranger's of that name is another."""
    domains = store.database.execute("select owner_id, domain, status from {s}email_domains order by 1, 2")
    assert domains == [
        ("ana", "first.example.com", "pending"),
        ("ana", "mail.example.com", "pending"),
        ("ana", "other.example.com", "pending"),
        ("stranger", "mail.example.com", "pending"),
        ("stranger", "mail.example.com.org", "pending"),
    ]
    again = store.born("mia@mail.example.com")
    assert (again.email_domain, again.email_domain_id) == ("mail.example.com", ana.email_domain_id)
    assert (again.version, again.email_domain_status, again.provider_ref) == (
        1,
        "pending",
        "ref of mia@mail.example.com",
    )


def test_a_warmups_statement_bounds_its_own_waiting(store: Store, ana: Inbox) -> None:
    """To a millisecond at least, for no bound at all is what a database takes a zero for."""
    statement = starting(store.seen(ana), store.open(ana))
    assert isinstance(statement, CommitWarmup)
    assert store.run(replace(statement, patience=0.0)) is not None


def test_a_move_of_an_inbox_without_an_owner_is_compared_without_one(store: Store, ana: Inbox) -> None:
    """Null is what an erased row has, and it is no stranger."""
    statement = banning(store.seen(ana))
    assert isinstance(statement, CommitMove)
    assert store.run(replace(statement, owner_id=None)) is None
    assert statement.event.context == Context(actor="op")
