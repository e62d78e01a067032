"""Births of many, step by step: what is run again, what is looked for, and how a list is cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from inbox_lifecycle import BirthReport, InboxId, Pair, Status, WarmupStatus
from inbox_lifecycle.address import read_address
from inbox_lifecycle.context import Context
from inbox_lifecycle.errors import StoreContended, StoreUnavailable
from inbox_lifecycle.lifecycle import bulk_births
from inbox_lifecycle.lifecycle.births import Birth
from inbox_lifecycle.lifecycle.bulk_births import register_all
from inbox_lifecycle.store.births import Found, RegisterMany
from inbox_lifecycle.store.faults import ConstraintViolated
from inbox_lifecycle.store.statements import RegisterInbox
from tests.support.steps import NOW, Played, play, terms

ONE, TWO, THREE = (InboxId(f"018f3b5e-0000-7000-8000-00000000000{number}") for number in (1, 2, 3))
OTHER = InboxId("018f3b5e-0000-7000-8000-000000000009")
EVENT = "018f3b5e-0000-7000-8000-0000000000ee"


def birth(address: str, inbox_id: InboxId | None = None, owner: str = "owner") -> Birth:
    """An inbox to be adopted, or registered where it has no id."""
    return Birth(
        address=read_address(f"{address}@mail.example.com"),
        owner_id=owner,
        provider="instantly",
        context=Context(owner_id=owner),
        inbox_id=inbox_id,
        adopted_in=None if inbox_id is None else Pair(Status.ACTIVE, WarmupStatus.ACTIVE),
    )


LIST = [birth("ana", ONE), birth("bea", TWO), birth("cleo", THREE)]


def bear(*answers: object, births: Sequence[Birth] = LIST) -> Played:
    """Feed the flow its answers."""
    return play(register_all(terms(), births), *answers)


def encoded(played: Played, position: int) -> Sequence[RegisterInbox]:
    """What a statement would write."""
    statement = played.statement(position)
    assert isinstance(statement, RegisterMany)
    return statement.births()


def found(inbox_id: InboxId, address: str | None, *, owner: str | None = "owner", event_id: str = EVENT) -> Found:
    """An inbox that was there."""
    return Found(inbox_id, owner, None if address is None else f"{address}@mail.example.com", event_id)


def test_a_list_that_is_born_takes_one_statement() -> None:
    """Nobody is looked for."""
    played = bear(frozenset({ONE, TWO, THREE}))
    assert played.names == ["register_many"]
    assert played.value == BirthReport(outcomes=("born",) * 3, inbox_ids=(ONE, TWO, THREE))


def test_those_that_are_not_born_are_looked_for() -> None:
    """Once, and told by what is there."""
    played = bear(frozenset({TWO}), {ONE: [found(ONE, "ana")], THREE: [found(THREE, "dan"), found(OTHER, "cleo")]})
    assert played.names == ["register_many", "find_unborn"]
    assert played.statement(1).born == {TWO}
    assert played.value == BirthReport(outcomes=("exists", "born", "taken"), inbox_ids=(ONE, TWO, None))


@pytest.mark.parametrize(
    "there",
    [
        found(ONE, "ana", owner="somebody"),
        found(ONE, "dan"),
        found(ONE, None, owner=None),
        found(OTHER, "ana"),
    ],
    ids=["another owner", "another address", "erased", "another id"],
)
def test_another_inbox_of_that_id_or_address_takes_it(there: Found) -> None:
    """The same one has the owner, the address and the id."""
    played = bear(frozenset(), {ONE: [there]}, births=LIST[:1])
    assert played.value == BirthReport(outcomes=("taken",), inbox_ids=(None,))


def test_an_inbox_without_an_id_of_its_own_exists_under_any() -> None:
    """Its owner and address tell that it is the same one."""
    births = [birth("ana")]
    first = bear(StoreUnavailable("x"), StoreUnavailable("x"), births=births)
    assert isinstance(first.error, StoreUnavailable)
    flow: Any = register_all(terms(), births)
    (row,) = next(flow).statement.births()
    flow.send(frozenset())
    with pytest.raises(StopIteration) as end:
        flow.send({row.event.inbox_id: [found(OTHER, "ana")]})
    assert end.value.value == BirthReport(outcomes=("exists",), inbox_ids=(OTHER,))


def test_a_statement_whose_acknowledgement_got_lost_tells_what_it_had_done() -> None:
    """The same bytes are run again, and its own births are known by their events."""
    flow: Any = register_all(terms(), LIST[:1])
    first = next(flow)
    (row,) = first.statement.births()
    again = flow.throw(StoreUnavailable("gone", maybe_applied=True))
    assert again == first
    assert again.statement.births()[0] is row
    flow.send(frozenset())
    with pytest.raises(StopIteration) as end:
        flow.send({ONE: [found(ONE, "ana", event_id=row.event.event_id)]})
    assert end.value.value == BirthReport(outcomes=("born",), inbox_ids=(ONE,))


@pytest.mark.parametrize(
    "meanwhile",
    [
        ConstraintViolated("inboxes_email_address_key"),
        ConstraintViolated("inboxes_pkey"),
        ConstraintViolated("inbox_events_pkey"),
        ConstraintViolated("inboxes_email_domain"),
    ],
    ids=str,
)
def test_what_somebody_else_took_meanwhile_is_met_by_the_same_statement(meanwhile: Exception) -> None:
    """It sees by then what is there."""
    played = bear(meanwhile, frozenset({ONE, TWO}), {THREE: [found(OTHER, "cleo")]})
    assert played.names == ["register_many", "register_many", "find_unborn"]
    assert encoded(played, 1) is encoded(played, 0)
    assert played.value.outcomes == ("born", "born", "taken")


def test_any_other_refusal_is_told() -> None:
    """A guard that refuses a birth has found a mistake of ours."""
    played = bear(ConstraintViolated("inbox_events_head"))
    assert isinstance(played.error, ConstraintViolated)


def test_those_of_a_domain_that_was_made_meanwhile_are_tried_again() -> None:
    """Nobody is in their way; what is known by then is not looked for again."""
    played = bear(frozenset({ONE}), {}, frozenset({TWO}), {THREE: [found(THREE, "cleo")]})
    assert played.names == ["register_many", "find_unborn"] * 2
    assert played.statement(3).born == {ONE, TWO}
    assert played.value.outcomes == ("born", "born", "exists")


def test_a_list_that_stays_contended_says_what_may_have_happened() -> None:
    """There is an end to trying."""
    refused = [ConstraintViolated("inboxes_pkey")] * 20
    played = bear(*refused)
    assert isinstance(played.error, StoreUnavailable)
    assert not played.error.maybe_applied
    partly = bear(frozenset({ONE}), {}, *refused[1:])
    assert isinstance(partly.error, StoreUnavailable)
    assert partly.error.maybe_applied
    contended = bear(*[StoreContended("deadlock")] * 5)
    assert isinstance(contended.error, StoreUnavailable)


def test_a_list_is_cut_where_an_address_or_an_id_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """And where a batch is full; no batch is empty."""
    monkeypatch.setattr(bulk_births, "BATCH", 3)
    births = [
        *(birth("ana"), birth("bea"), birth("cleo")),
        *(birth("dan", ONE), birth("eve", ONE)),
        *(birth("fay"), birth("fay", TWO), birth("gus", TWO), birth("hal")),
    ]
    cut = [[one.address.text.partition("@")[0] for one in batch] for batch in bulk_births.batches(births)]
    assert cut == [["ana", "bea", "cleo"], ["dan"], ["eve", "fay"], ["fay"], ["gus", "hal"]]
    assert list(bulk_births.batches([])) == []


def test_one_domain_has_one_id_for_each_owner() -> None:
    """Whoever of a batch makes it."""
    births = [birth("ana", ONE), birth("bea", TWO), birth("cleo", THREE, owner="other")]
    played = bear(frozenset({ONE, TWO, THREE}), births=births)
    ids = [row.domain_id for row in encoded(played, 0)]
    assert ids[0] == ids[1] != ids[2]
    assert {row.event.recorded_at for row in encoded(played, 0)} == {NOW}


def test_rows_are_encoded_by_whoever_runs_the_statement() -> None:
    """A flow costs an event loop nothing until then."""
    flow: Any = register_all(terms(), LIST)
    statement = next(flow).statement
    assert statement.births.cache_info().misses == 0
    assert len(statement.births()) == 3
    flow.close()
