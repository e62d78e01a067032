"""The statements that close an attempt or clear its mark, one by one, among others that they must leave alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inbox_lifecycle import Inbox
from inbox_lifecycle.store.looks import FindInboxes
from inbox_lifecycle.store.rows import Closed
from inbox_lifecycle.store.statements import ClearMark
from tests.support.steps import NOW
from tests.support.store import Store, closing, everything, others, starting


@pytest.fixture
def ana(store: Store) -> Inbox:
    """An inbox among others: one of its domain, one of its owner's other domain, and a stranger's of that name."""
    store.born("bea@mail.example.com")
    inbox = store.born("ana@mail.example.com")
    store.born("cleo@other.example.com")
    store.born("dora@mail.example.com.org", owner="stranger")
    store.born("eva@mail.example.com", owner="stranger")
    return inbox


def test_an_attempt_closes_with_all_that_is_known(store: Store, ana: Inbox) -> None:
    """And alone of its inbox's."""
    attempt_id, other = store.open(ana), store.open(ana)
    before = others(store, ana)
    answer = store.run(closing(ana, attempt_id, event_version=1, idempotency_key="k"))
    assert answer == Closed(was_open=True, keyed=None)
    found = store.attempts(ana)
    closed = found[attempt_id]
    assert (closed.outcome, closed.closed_at, closed.event_version) == ("rejected", NOW, 1)
    assert (closed.detail, closed.to_disable) == ({"why": "not"}, False)
    assert found[other].outcome is None
    assert others(store, ana) == before


def test_an_attempt_closes_without_a_detail_where_there_is_none(store: Store, ana: Inbox) -> None:
    """Null, not the word."""
    attempt_id = store.open(ana)
    store.run(closing(ana, attempt_id, detail=None))
    assert store.database.count("inbox_attempts", "detail is null and outcome = 'rejected'") == 1


def test_closing_tells_the_event_of_the_key(store: Store, ana: Inbox) -> None:
    """Of this inbox, and whether or not there was something to close."""
    other = store.born("ida@mail.example.com")
    store.move(other, key="k")
    attempt_id = store.open(ana)
    assert store.run(closing(ana, attempt_id, idempotency_key="k")).keyed is None
    store.move(ana, key="k")
    answer = store.run(closing(ana, attempt_id, idempotency_key="k"))
    assert answer.was_open is False
    assert answer.keyed is not None
    assert (answer.keyed.version, answer.keyed.name) == (2, "inbox.banned")
    assert store.run(closing(ana, attempt_id, idempotency_key="another")).keyed is None


@pytest.mark.parametrize("accepted", [False, True])
def test_a_closed_attempt_stays_as_it_is(store: Store, ana: Inbox, *, accepted: bool) -> None:
    """Its first closing stands, whatever comes later."""
    attempt_id = store.open(ana)
    store.run(closing(ana, attempt_id, event_version=1))
    before = everything(store)
    later = closing(ana, attempt_id, outcome="lost", detail={"n": 1}, event_version=2, accepted=accepted)
    store.run(replace(later, now=NOW.replace(year=2031)))
    assert everything(store) == before


def test_an_accepted_attempt_on_a_banned_inbox_is_marked(store: Store, ana: Inbox) -> None:
    """Open or closed, but for one that moved; and none where the inbox is not banned or nothing was accepted."""
    free = store.open(store.born("jo@mail.example.com"))
    late, early, quiet = store.open(ana), store.open(ana), store.open(ana)
    store.run(closing(ana, early, outcome="lost"))
    store.move(ana)
    jo = next(inbox for inbox in _all(store) if inbox.email_address == "jo@mail.example.com")
    store.run(closing(jo, free, accepted=True))
    assert store.run(closing(ana, late, accepted=True)).was_open
    assert store.run(closing(ana, early, accepted=True)).was_open
    store.run(closing(ana, quiet))
    found = {**store.attempts(ana), **store.attempts(jo)}
    assert {key: found[key].to_disable for key in (late, early, quiet, free)} == {
        late: True,
        early: True,
        quiet: False,
        free: False,
    }
    assert found[early].outcome == "lost"


def _all(store: Store) -> list[Inbox]:
    page = FindInboxes(owner_id=None, status=None, warmup_status=None, domain=None, after=None, limit=100)
    return list(store.run(page).items)


def test_an_attempt_that_moved_its_inbox_is_never_marked(store: Store, ana: Inbox) -> None:
    """Its warmup is what history says; a ban that came later tells the provider itself."""
    attempt_id = store.open(ana)
    store.run(starting(store.seen(ana), attempt_id))
    store.move(ana)
    before = everything(store)
    assert store.run(closing(ana, attempt_id, accepted=True)).was_open is False
    assert everything(store) == before


@pytest.mark.parametrize("owner", ["stranger", None])
def test_an_attempt_is_closed_by_its_owners_name_alone(store: Store, ana: Inbox, owner: str | None) -> None:
    """Nobody closes a stranger's."""
    attempt_id = store.open(ana)
    before = everything(store)
    assert store.run(closing(ana, attempt_id, owner_id=owner)).was_open is False
    assert everything(store) == before


def test_an_attempt_is_closed_on_its_own_inbox_alone(store: Store, ana: Inbox) -> None:
    """The pair of inbox and attempt names it."""
    attempt_id = store.open(ana)
    other = store.born("kim@mail.example.com")
    before = everything(store)
    assert store.run(closing(other, attempt_id)).was_open is False
    assert everything(store) == before


def test_a_mark_is_cleared_once_and_alone(store: Store, ana: Inbox) -> None:
    """Another attempt's mark stays, and clearing twice clears nothing."""
    one, other = store.open(ana), store.open(ana)
    store.move(ana)
    for attempt_id in (one, other):
        store.run(closing(ana, attempt_id, accepted=True))
    stranger = store.born("lea@mail.example.com")
    assert store.run(ClearMark(inbox_id=stranger.id, attempt_id=one)) is False
    assert store.run(ClearMark(inbox_id=ana.id, attempt_id=one)) is True
    assert store.run(ClearMark(inbox_id=ana.id, attempt_id=one)) is False
    found = store.attempts(ana)
    assert (found[one].to_disable, found[other].to_disable) == (False, True)
