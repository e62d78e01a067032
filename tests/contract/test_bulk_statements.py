"""The statements of bulk runs, one by one, among rows that they must leave alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from inbox_lifecycle import Attempt, Inbox, InboxId, Status, WarmupStatus
from inbox_lifecycle.domain import AttemptId, AttemptKind
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.store.bulk import (
    CloseClaims,
    Closing,
    CommitWarmups,
    CountStuck,
    GiveUpExpired,
    ProlongClaims,
    StuckInboxes,
)
from inbox_lifecycle.store.looks import FIRST_ID
from tests.support.claiming import CONTEXT, attempts_for, claim, claiming, commit, commits, held
from tests.support.erased import erased
from tests.support.steps import NOW
from tests.support.store import Store, closing, everything, opening, starting

#: After every birth here.
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def inboxes(store: Store) -> list[Inbox]:
    """Some among others."""
    store.born("abe@first.example.com", owner="abe")
    made = [store.born(f"{name}@mail.example.com", owner=name) for name in ("ana", "bea", "cleo")]
    store.born("eva@mail.example.com", owner="stranger")
    return made


def attempt(store: Store, inbox: Inbox) -> Attempt:
    """The only attempt on it."""
    (found,) = store.attempts(inbox).values()
    return found


def opened(store: Store, inbox: Inbox, **options: Any) -> AttemptId:
    """An attempt of a single call on it."""
    statement = opening(inbox, owner=None, **options)
    assert store.run(statement) is not None
    return statement.attempt_id


def claims(store: Store) -> set[tuple[str, str | None]]:
    """What open attempts hold."""
    rows = store.database.execute("select inbox_id, claim from {s}inbox_attempts where outcome is null")
    return {(str(inbox_id), word) for inbox_id, word in rows}


def test_a_claim_is_an_open_attempt_on_the_inbox_as_it_is(store: Store, inboxes: list[Inbox]) -> None:
    """With its owner, the run's context, and a lease by the database's clock; run twice there is one."""
    attempts = attempts_for(inboxes)
    store.run(claiming(attempts))
    store.run(claiming(attempts, lease=600.0))
    for inbox in inboxes:
        found = attempt(store, inbox)
        assert (found.id, found.kind) == (attempts[inbox.id], AttemptKind.RETRY)
        assert (found.seen_version, found.seen, found.opened_at) == (1, inbox.pair, NOW)
        assert (found.outcome, found.closed_at, found.event_version, found.detail) == (None, None, None, None)
        assert found.context == replace(CONTEXT, owner_id=inbox.owner_id)
        assert not found.to_disable
    assert claims(store) == {(inbox.id, "bulk") for inbox in inboxes}
    assert store.database.count("inbox_attempts") == len(inboxes)


def test_an_inbox_is_claimed_once_however_long_ago(store: Store, inboxes: list[Inbox]) -> None:
    """Until its attempt is closed; one that claims nothing stands in nobody's way."""
    ana, bea, cleo = inboxes
    first = claim(store, [ana, bea], lease=-60.0)
    opened(store, cleo)
    second = claim(store, inboxes)
    assert {inbox_id: one.held for inbox_id, one in held(store, second).items()} == {
        ana.id: False,
        bea.id: False,
        cleo.id: True,
    }
    store.run(closing(bea, first[bea.id], owner_id="bea"))
    third = claim(store, inboxes)
    assert [inbox_id for inbox_id, one in held(store, third).items() if one.held] == [bea.id]


def test_claims_past_their_lease_are_given_up_where_nothing_moved(store: Store, inboxes: list[Inbox]) -> None:
    """Not those of a run that lives or our own, nor attempts that claim nothing, nor on an inbox that moved on."""
    ana, bea, cleo = inboxes
    single = opened(store, cleo, lease=-60.0)
    expired = claim(store, inboxes[:1], lease=-60.0)
    own = claim(store, [cleo], lease=-60.0)
    moved = claim(store, [bea], lease=-60.0)
    store.move(bea)
    statement = GiveUpExpired(attempts=attempts_for([ana, bea]) | own, now=LATER)
    store.run(statement)
    found = attempt(store, ana)
    assert (found.id, found.outcome, found.closed_at) == (expired[ana.id], "abandoned", LATER)
    assert found.detail == {"outcome": "unknown"}
    assert attempt(store, bea).outcome is None
    assert (attempt(store, bea).id, set(store.attempts(cleo))) == (moved[bea.id], {single, own[cleo.id]})
    assert {one.outcome for one in store.attempts(cleo).values()} == {None}
    alive = claim(store, [ana])
    store.run(statement)
    assert store.attempts(ana)[alive[ana.id]].outcome is None


def test_erased_and_unknown_inboxes_are_not_claimed(store: Store, inboxes: list[Inbox]) -> None:
    """They leave no attempt; of the erased one it can be seen that it was there."""
    erased(store.database, inboxes[0])
    unknown = replace(inboxes[0], id=InboxId(new_id(NOW)))
    before = everything(store)
    attempts = claim(store, [inboxes[0], unknown])
    assert everything(store) == before
    (seen,) = held(store, attempts).values()
    assert (seen.seen.inbox.id, seen.seen.inbox.erased_at is None, seen.held) == (inboxes[0].id, False, False)
    assert seen.seen.inbox.email_address is None


def test_what_is_held_is_seen_as_it_is_now_and_lasts_from_then(store: Store, inboxes: list[Inbox]) -> None:
    """The attempt sees the inbox anew, so that nobody takes its acceptance for one of the state before."""
    ana, bea, cleo = inboxes
    attempts = claim(store, inboxes, lease=-60.0)
    expired = attempt(store, bea).lease_until
    moved = store.move(ana)
    store.run(closing(cleo, attempts[cleo.id], owner_id="cleo"))
    before = attempt(store, cleo)
    found = held(store, attempts)
    assert {inbox_id: (one.seen, one.held) for inbox_id, one in found.items()} == {
        ana.id: (store.seen(ana), True),
        bea.id: (store.seen(bea), True),
        cleo.id: (store.seen(cleo), False),
    }
    assert (attempt(store, ana).seen_version, attempt(store, ana).seen) == (2, moved.pair)
    assert attempt(store, bea).seen_version == 1
    assert attempt(store, bea).lease_until > expired
    assert attempt(store, cleo) == before


def test_prolonging_changes_the_lease_of_open_attempts_alone(store: Store, inboxes: list[Inbox]) -> None:
    """What they have seen stays, and so does what is closed, or not ours."""
    ana, bea, cleo = inboxes
    attempts = claim(store, [ana, bea], lease=-60.0)
    foreign = claim(store, [cleo], lease=-60.0)
    store.move(ana)
    store.run(closing(bea, attempts[bea.id], owner_id="bea"))
    before = {inbox.id: attempt(store, inbox) for inbox in inboxes}
    store.run(ProlongClaims(attempts=attempts | {cleo.id: AttemptId(new_id(NOW))}, lease=600.0))
    assert attempt(store, ana).lease_until > before[ana.id].lease_until
    assert replace(attempt(store, ana), lease_until=before[ana.id].lease_until) == before[ana.id]
    assert [attempt(store, inbox) for inbox in (bea, cleo)] == [before[bea.id], before[cleo.id]]
    assert attempt(store, cleo).id == foreign[cleo.id]


def test_attempts_are_closed_each_in_its_own_way(store: Store, inboxes: list[Inbox]) -> None:
    """Open ones, of inboxes that are still whose they were."""
    ana, bea, cleo = inboxes
    attempts = claim(store, inboxes)
    store.run(closing(cleo, attempts[cleo.id], owner_id="cleo", outcome="busy"))
    detail = [{"field": "status", "expected": "pending", "found": 'a "quoted" ä', "held": False}]
    closings = (
        _closing(attempts, ana, "ana", "refused", detail),
        _closing(attempts, bea, "bea", "throttled", None),
        _closing(attempts, cleo, "cleo", "rejected", {}),
    )
    store.run(CloseClaims(closings=closings, now=LATER))
    assert [(attempt(store, one).outcome, attempt(store, one).detail) for one in inboxes] == [
        ("refused", detail),
        ("throttled", None),
        ("busy", {"why": "not"}),
    ]
    assert [attempt(store, one).closed_at for one in inboxes] == [LATER, LATER, NOW]
    assert claims(store) == set()


def _closing(attempts: dict[InboxId, AttemptId], inbox: Inbox, owner: str | None, outcome: str, detail: Any) -> Closing:
    return Closing(inbox.id, attempts[inbox.id], owner, outcome, detail)


def test_an_attempt_of_another_owner_or_another_inbox_is_not_closed(store: Store, inboxes: list[Inbox]) -> None:
    """Owner and inbox are compared with the attempt's own."""
    ana, bea, _ = inboxes
    attempts = claim(store, [ana, bea])
    before = everything(store)
    wrong = {ana.id: attempts[bea.id], bea.id: attempts[ana.id]}
    closings = (_closing(attempts, ana, "stranger", "lost", None), _closing(attempts, bea, None, "lost", None))
    crossed = (_closing(wrong, ana, "bea", "lost", None), _closing(wrong, bea, "ana", "lost", None))
    store.run(CloseClaims(closings=closings + crossed, now=LATER))
    assert everything(store) == before


def test_many_inboxes_are_moved_as_one_is(store: Store, inboxes: list[Inbox]) -> None:
    """Row, event, attempt and queue row of each, by the very statement that would have moved it alone."""
    attempts = claim(store, inboxes)
    statement = commits(store, attempts)
    assert store.run(statement) == {inbox.id for inbox in inboxes}
    for inbox, single in zip(inboxes, statement.commits, strict=True):
        moved = store.seen(inbox)
        assert moved.inbox == replace(
            inbox, status=Status.WARMING, warmup_status=WarmupStatus.WARMING, version=2, updated_at=NOW
        )
        assert moved.head_hash == single.event.hash
        found = attempt(store, inbox)
        assert (found.outcome, found.closed_at, found.event_version) == ("moved", NOW, 2)
        assert store.database.count("inbox_feed_queue", f"inbox_id = '{inbox.id}' and version = 2") == 1
        assert event_row(store, inbox) == {
            "event_id": single.event.event_id,
            "entry": single.event.entry,
            "hash": single.event.hash,
            "previous_hash": single.event.previous,
            "context_key": single.event.context_key,
            "actor": "a",
            "reason": "r",
            "correlation_id": "co",
            "causation_id": "ca",
            "idempotency_key": None,
            "owner_id": None,
            "schema": 1,
        }
    before = everything(store)
    assert store.run(statement) == frozenset()
    assert everything(store) == before


def event_row(store: Store, inbox: Inbox) -> dict[str, object]:
    """Columns of its second event."""
    columns = (
        "event_id", "entry", "hash", "previous_hash", "context_key", "actor", "reason", "correlation_id",
        "causation_id", "idempotency_key", "owner_id", "schema",
    )  # fmt: skip
    ((*row,),) = store.database.execute(
        f"select {', '.join(columns)} from {{s}}inbox_events where inbox_id = ? and version = 2",  # noqa: S608 - ours
        (inbox.id,),
    )
    values = (value if isinstance(value, int) or value is None else _plain(value) for value in row)
    return dict(zip(columns, values, strict=True))


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value)


def test_moving_many_leaves_out_whom_it_missed(store: Store, inboxes: list[Inbox]) -> None:
    """One moved on, of one the attempt is closed: neither is touched, and the third one moves."""
    ana, bea, cleo = inboxes
    attempts = claim(store, inboxes)
    statement = commits(store, attempts)
    store.move(ana)
    store.run(closing(bea, attempts[bea.id], owner_id="bea"))
    assert store.run(statement) == {cleo.id}
    assert (store.seen(ana).inbox.status, store.seen(bea).inbox.version) == (Status.BANNED, 1)
    assert [attempt(store, one).outcome for one in inboxes] == [None, "rejected", "moved"]


OFF: dict[str, dict[str, Any]] = {
    "an older version": {"seen_version": 0},
    "a later version": {"seen_version": 2},
    "another owner": {"owner_id": "stranger"},
    "no owner": {"owner_id": None},
    "another attempt": {"attempt_id": AttemptId(new_id(NOW))},
}


@pytest.mark.parametrize("name", OFF)
def test_moving_many_compares_what_each_gate_saw(store: Store, inboxes: list[Inbox], name: str) -> None:
    """Version, owner and attempt, each where the row is changed."""
    attempts = claim(store, inboxes)
    statement = commits(store, attempts)
    before = everything(store)
    off = replace(statement, commits=tuple(replace(one, **OFF[name]) for one in statement.commits))
    assert store.run(off) == frozenset()
    assert everything(store) == before


def test_moving_many_compares_the_pair(store: Store, inboxes: list[Inbox]) -> None:
    """Another status, or another warmup status, than the row has."""
    attempts = claim(store, inboxes)
    statement = commits(store, attempts)
    before = everything(store)
    for change in ({"status": Status.ACTIVE}, {"warmup_status": WarmupStatus.BANNED}):
        left = replace(inboxes[0].pair, **change)
        events = [replace(one.event, left=left) for one in statement.commits]
        off = [replace(one, event=event) for one, event in zip(statement.commits, events, strict=True)]
        assert store.run(replace(statement, commits=tuple(off))) == frozenset()
        assert everything(store) == before


def test_moving_many_supersedes_what_was_left_open_on_them(store: Store, inboxes: list[Inbox]) -> None:
    """Expired attempts at the same; not those in flight, not launches, and nothing of an inbox that did not move."""
    ana, bea, _ = inboxes
    expired = opened(store, ana, lease=-60.0)
    flying = opened(store, ana)
    launch = opened(store, ana, kind=AttemptKind.LAUNCH, lease=-60.0)
    elsewhere = opened(store, bea, lease=-60.0)
    attempts = claim(store, [ana, bea])
    statement = commits(store, attempts)
    store.move(bea)
    assert store.run(statement) == {ana.id}
    found = store.attempts(ana) | store.attempts(bea)
    assert {key: found[key].outcome for key in (expired, flying, launch, elsewhere, *attempts.values())} == {
        expired: "superseded",
        flying: None,
        launch: None,
        elsewhere: None,
        attempts[ana.id]: "moved",
        attempts[bea.id]: None,
    }
    assert found[expired].closed_at == NOW


def test_one_and_many_may_be_recorded_for_the_same_attempt_once(store: Store, inboxes: list[Inbox]) -> None:
    """Whichever comes second finds the attempt closed: a straggler of either kind does nothing."""
    ana, bea, _ = inboxes
    attempts = claim(store, [ana, bea])
    together = commits(store, attempts)
    assert store.run(starting(store.seen(ana), attempts[ana.id])) is not None
    assert store.run(together) == {bea.id}
    alone = commit(store.seen(inboxes[2]), attempts[bea.id])
    assert store.run(alone) is None
    assert store.run(CommitWarmups(commits=(), patience=1.0)) == frozenset()


def stuck(store: Store, before: datetime = LATER, **wanted: Any) -> tuple[InboxId, ...]:
    """What is stuck, whose number must be told alike."""
    given: dict[str, Any] = {"owner_id": None, "after": InboxId(FIRST_ID)} | wanted
    found = store.run(StuckInboxes(before=before, limit=100, **given))
    assert store.run(CountStuck(before=before, **given)) == len(found)
    return found


def test_stuck_inboxes_are_those_that_stand_there_for_long_and_that_nobody_claims(
    store: Store, inboxes: list[Inbox]
) -> None:
    """In order of id; claims that are over hide nothing, and neither do attempts that claim nothing."""
    ana, bea, cleo = inboxes
    all_of_them = stuck(store)
    assert len(all_of_them) == 5
    assert list(all_of_them) == sorted(all_of_them)
    assert stuck(store, before=NOW) == ()
    assert stuck(store, owner_id="ana") == (ana.id,)
    assert stuck(store, after=all_of_them[2]) == all_of_them[3:]
    assert store.run(StuckInboxes(before=LATER, owner_id=None, after=InboxId(FIRST_ID), limit=2)) == all_of_them[:2]
    opened(store, ana)
    claim(store, [bea], lease=-60.0)
    claim(store, [cleo])
    assert set(stuck(store)) == set(all_of_them) - {cleo.id}
    store.move(ana)
    erased(store.database, bea)
    assert len(stuck(store)) == 2


def test_stuck_inboxes_that_were_rejected_since_are_left_out(store: Store, inboxes: list[Inbox]) -> None:
    """Those that were rejected before, or ended in another way, are not."""
    ana, bea, _ = inboxes
    attempts = claim(store, [ana, bea])
    closings = (
        _closing(attempts, ana, "ana", "rejected", None),
        _closing(attempts, bea, "bea", "throttled", None),
    )
    store.run(CloseClaims(closings=closings, now=LATER))
    assert set(stuck(store, before=LATER + timedelta(seconds=1))) - set(stuck(store)) == {ana.id}
    assert bea.id in stuck(store)
