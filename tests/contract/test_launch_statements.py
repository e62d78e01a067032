"""The statements of a launch, one by one, among rows that they must leave alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from inbox_lifecycle import Inbox, InboxId
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, AttemptKind
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.store.launching import (
    AbandonLaunches,
    CloseLaunch,
    Closing,
    LaunchHolders,
    OpenLaunch,
    Sender,
)
from inbox_lifecycle.store.looks import FIRST_ID
from inbox_lifecycle.store.sending import LoadSenders, WarmedInboxes
from tests.support.erased import erased
from tests.support.steps import NOW
from tests.support.store import Store, closing, everything, others, starting
from tests.support.store import opening as retrying

CLAIM = "launch c-1"
CONTEXT = Context(owner_id="ana", actor="a", reason="r", correlation_id="co", causation_id="ca")


@pytest.fixture
def ana(store: Store) -> Inbox:
    """An inbox among others: a sibling of its owner's, and a stranger's."""
    store.open(store.born("bea@mail.example.com"))
    inbox = store.born("ana@mail.example.com")
    store.open(inbox)
    store.born("eva@mail.example.com", owner="stranger")
    return inbox


def opening(inboxes: Iterable[Inbox], owner: str | None = "ana", **changes: Any) -> OpenLaunch:
    """The statement that opens a launch."""
    attempts = {inbox.id: AttemptId(new_id(NOW)) for inbox in inboxes}
    given: dict[str, Any] = {"claim": CLAIM, "now": NOW, "lease": 60.0, "context": CONTEXT} | changes
    return OpenLaunch(owner_id=owner, attempts=attempts, **given)


def opened(store: Store, inbox: Inbox, **changes: Any) -> AttemptId:
    """A launch that is open on an inbox."""
    statement = opening([inbox], **changes)
    assert store.run(statement) == (Sender(inbox, held=True),)
    return statement.attempts[inbox.id]


@pytest.mark.parametrize("owner", ["ana", None], ids=["owner", "operator"])
def test_a_launch_is_opened_on_its_senders_as_they_are_seen(store: Store, ana: Inbox, owner: str | None) -> None:
    """All of it stands on record, under the inbox's owner, and its lease is by the database's clock."""
    before = others(store, ana)
    statement = opening([ana], owner)
    assert store.run(statement) == (Sender(ana, held=True),)
    attempt = store.attempts(ana)[statement.attempts[ana.id]]
    assert (attempt.kind, attempt.seen_version, attempt.seen) == (AttemptKind.LAUNCH, 1, ana.pair)
    assert (attempt.opened_at, attempt.outcome, attempt.closed_at, attempt.to_disable) == (NOW, None, None, False)
    assert attempt.context == CONTEXT
    ((claim,),) = store.database.execute("select claim from {s}inbox_attempts where id = ?", (attempt.id,))
    assert claim == CLAIM
    assert others(store, ana) == before


def test_a_launch_is_opened_on_none_but_the_owners(store: Store, ana: Inbox) -> None:
    """Foreign, unknown and erased inboxes are not told apart and leave nothing."""
    foreign = store.born("foe@mail.example.com", owner="stranger")
    gone = store.born("gone@mail.example.com")
    erased(store.database, gone)
    unknown = replace(ana, id=InboxId(new_id(NOW)))
    before = everything(store)
    assert store.run(opening([foreign, gone, unknown])) == ()
    assert store.run(opening([gone, unknown], None)) == ()
    assert everything(store) == before
    assert {sender.inbox for sender in store.run(opening([foreign, ana, gone, unknown]))} == {ana}


def test_a_launch_that_is_opened_again_has_what_it_had(store: Store, ana: Inbox) -> None:
    """The first run's answer was lost; the second one changes nothing."""
    statement = opening([ana])
    first = store.run(statement)
    before = everything(store)
    assert store.run(statement) == first == (Sender(ana, held=True),)
    assert everything(store) == before


def test_a_claim_is_had_once_for_each_inbox_and_campaign(store: Store, ana: Inbox) -> None:
    """Another launch of the campaign gets those that are free; another campaign gets all."""
    bea = store.born("bo@mail.example.com")
    first = opened(store, ana)
    missed = opening([ana, bea])
    assert {sender.inbox: sender.held for sender in store.run(missed)} == {ana: False, bea: True}
    assert missed.attempts[ana.id] not in store.attempts(ana)
    elsewhere = opening([ana, bea], claim="launch c-2")
    assert {sender.inbox: sender.held for sender in store.run(elsewhere)} == {ana: True, bea: True}
    holders = LaunchHolders(owner_id="ana", inbox_ids=(ana.id, bea.id), claim=CLAIM)
    found = {holder.inbox_id: holder for holder in store.run(holders)}
    assert {one: holder.attempt_id for one, holder in found.items()} == {
        ana.id: first,
        bea.id: missed.attempts[bea.id],
    }
    assert all(50.0 < holder.left <= 60.0 for holder in found.values())
    assert store.run(replace(holders, owner_id="stranger")) == ()
    assert len(store.run(replace(holders, owner_id=None))) == 2


def test_a_launch_whose_attempt_is_closed_has_no_claim_any_more(store: Store, ana: Inbox) -> None:
    """A straggler does not open it again, and the next one gets it."""
    statement = opening([ana])
    store.run(statement)
    store.run(closing(ana, statement.attempts[ana.id]))
    assert store.run(statement) == (Sender(ana, held=False),)
    opened(store, ana)


def test_claims_past_their_lease_are_given_up_and_no_others(store: Store, ana: Inbox) -> None:
    """Of this campaign, on these inboxes, by this owner."""
    expired = opened(store, ana, lease=-1.0)
    kept = [opened(store, ana, claim="launch c-2", lease=-1.0), store.open(ana, lease=-1.0)]
    bea = store.born("bo@mail.example.com")
    alive = opened(store, bea)
    before = others(store, ana)
    statement = AbandonLaunches(
        owner_id="ana", inbox_ids=(ana.id, bea.id), claim=CLAIM, now=NOW, detail={"outcome": "unknown"}
    )
    assert store.run(replace(statement, owner_id="stranger")) == 0
    assert store.run(replace(statement, inbox_ids=(bea.id,))) == 0
    assert store.run(statement) == 1
    assert store.run(statement) == 0
    found = store.attempts(ana)
    assert (found[expired].outcome, found[expired].closed_at) == ("abandoned", NOW)
    assert found[expired].detail == {"outcome": "unknown"}
    assert [found[one].outcome for one in kept] == [None, None]
    assert store.attempts(bea)[alive].outcome is None
    assert others(store, ana) == before


def test_a_launch_is_closed_on_its_own_attempts_each_with_its_detail(store: Store, ana: Inbox) -> None:
    """Open ones only; those that were closed, and everybody else's, stay as they are."""
    bea, cleo = store.born("bo@mail.example.com"), store.born("cleo@mail.example.com")
    ids = {inbox.id: opened(store, inbox) for inbox in (ana, bea, cleo)}
    store.run(closing(cleo, ids[cleo.id]))
    bystander = opened(store, ana, claim="launch c-2")
    # Escapes, a NUL among them, are stored as the JSON that they are.
    said = {"campaign_id": "c-1", "reason": "\u20ac\x00"}
    closings = tuple(Closing(one, attempt, said | {"of": one}) for one, attempt in ids.items())
    later = NOW + timedelta(seconds=5)
    statement = CloseLaunch(owner_id="ana", outcome="rejected", closings=closings, now=later)
    assert store.run(replace(statement, owner_id="stranger")) == 0
    assert store.run(statement) == 2
    assert store.run(replace(statement, outcome="launched")) == 0
    for inbox in (ana, bea):
        attempt = store.attempts(inbox)[ids[inbox.id]]
        assert (attempt.outcome, attempt.closed_at, attempt.event_version) == ("rejected", later, None)
        assert attempt.detail == said | {"of": inbox.id}
    assert store.attempts(cleo)[ids[cleo.id]].detail == {"why": "not"}
    assert store.attempts(ana)[bystander].outcome is None


def test_a_launch_is_closed_on_an_inbox_that_was_erased_meanwhile(store: Store, ana: Inbox) -> None:
    """Its attempt is nobody's any more."""
    attempt_id = opened(store, ana)
    store.database.execute("update {s}inbox_attempts set owner_id = null where id = ?", (attempt_id,))
    closings = (Closing(ana.id, attempt_id, {"campaign_id": "c-1"}),)
    assert store.run(CloseLaunch(owner_id="ana", outcome="launched", closings=closings, now=NOW)) == 1


def test_senders_are_loaded_by_their_ids_for_their_owner(store: Store, ana: Inbox) -> None:
    """Without a word about those of others."""
    foreign = store.born("foe@mail.example.com", owner="stranger")
    gone = store.born("gone@mail.example.com")
    erased(store.database, gone)
    ids = (ana.id, foreign.id, gone.id, InboxId(new_id(NOW)))
    assert store.run(LoadSenders(owner_id="ana", inbox_ids=ids)) == (ana,)
    assert set(store.run(LoadSenders(owner_id=None, inbox_ids=ids))) == {ana, foreign}


@pytest.mark.usefixtures("ana")
def test_pages_of_warmed_inboxes_are_in_order_of_id(store: Store) -> None:
    """Of one owner or of all; those that are pending are on none."""
    warm = [store.born(f"box{number}@mail.example.com") for number in range(3)]
    warm.append(store.born("foe@mail.example.com", owner="stranger"))
    found = sorted((_warmed(store, inbox) for inbox in warm), key=lambda inbox: inbox.id)
    page = WarmedInboxes(owner_id=None, after=InboxId(FIRST_ID), limit=3)
    assert store.run(page) == tuple(found[:3])
    assert store.run(replace(page, after=found[2].id)) == tuple(found[3:])
    assert store.run(replace(page, owner_id="ana", limit=10)) == tuple(one for one in found if one.owner_id == "ana")


def _warmed(store: Store, inbox: Inbox) -> Inbox:
    attempt = retrying(inbox, owner=None)
    store.run(attempt)
    moved = store.run(starting(store.seen(inbox), attempt.attempt_id))
    assert moved is not None
    return moved
