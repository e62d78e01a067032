"""How many inboxes come to be at once: `register_many` and `adopt_many`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest

from inbox_lifecycle import (
    AdoptedInbox,
    BirthReport,
    InvalidInput,
    MalformedRows,
    NewInbox,
    Pair,
    Status,
    WarmupStatus,
    audit_context,
)
from inbox_lifecycle.errors import ActorRequired
from inbox_lifecycle.lifecycle import bulk_births
from inbox_lifecycle.lifecycle.bulk_births import BIRTH_OUTCOMES
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.contract import ANA, OWNER, PENDING, STRANGER, UNKEEPABLE, Clock, adopted, born, nothing_moves
from tests.support.databases import TestDatabase
from tests.support.evidence import sound
from tests.support.faces import AnyFace

BO = "bo@mail.example.com"
CLEO = "cleo@other.example.com"


def new(*addresses: str) -> list[NewInbox]:
    """Plain rows."""
    return [NewInbox(email_address=address) for address in addresses]


def old(address: str, **given: Any) -> AdoptedInbox:
    """A plain row of an old table, but for what is given."""
    return AdoptedInbox(**{"email_address": address, "status": "pending", "warmup_status": "not_started"} | given)


def test_many_are_registered_as_each_would_be(make: MakeFace, database: TestDatabase) -> None:
    """Pending, at version 1, with a birth that tells who did it and why; domains are shared; nobody is asked."""
    clock = Clock()
    face = make(clock=clock)
    with audit_context(actor="olga", reason="a campaign"):
        report = face.register_many(
            [*new(ANA, f" {BO}", CLEO), NewInbox(email_address="d@x.example", provider_ref="7")], owner_id=OWNER
        )
    assert report.outcomes == ("born",) * 4
    assert report.counts == {"born": 4}
    inboxes = [face.get(inbox_id, owner_id=OWNER) for inbox_id in report.inbox_ids]
    assert [inbox.email_address for inbox in inboxes] == [ANA, BO, CLEO, "d@x.example"]
    assert [inbox.email_domain for inbox in inboxes] == ["mail.example.com"] * 2 + ["other.example.com", "x.example"]
    assert [inbox.provider_ref for inbox in inboxes] == [None, None, None, "7"]
    assert {(inbox.pair, inbox.version, inbox.provider, inbox.created_at) for inbox in inboxes} == {
        (PENDING, 1, "instantly", clock.now)
    }
    (event,) = face.history(inboxes[1].id, owner_id=OWNER)
    assert (event.name, event.left, event.reached, event.recorded_at) == ("inbox.registered", None, PENDING, clock.now)
    assert (event.context.owner_id, event.context.actor, event.context.reason) == (OWNER, "olga", "a campaign")
    assert database.count("email_domains") == 3
    assert len(sound(database).rows) == 4
    assert face.operator().verify().clean


def test_a_list_that_is_registered_again_is_left_as_it_is(face: AnyFace, database: TestDatabase) -> None:
    """So that a call that was broken off is simply made again; what is missing is born."""
    first = face.register_many(new(ANA, BO), owner_id=OWNER)
    again = face.register_many(new(ANA, BO), owner_id=OWNER)
    assert (again.outcomes, again.inbox_ids) == (("exists", "exists"), first.inbox_ids)
    more = face.register_many(new(BO, CLEO, ANA), owner_id=OWNER)
    assert more.outcomes == ("exists", "born", "exists")
    assert (more.inbox_ids[0], more.inbox_ids[2]) == (first.inbox_ids[1], first.inbox_ids[0])
    assert len(sound(database).rows) == 3


def test_what_is_another_owners_is_taken_and_nothing_is_told_of_it(face: AnyFace, database: TestDatabase) -> None:
    """No id, and no domain of one's own is made for it."""
    born(face)
    with nothing_moves(database):
        report = face.register_many(new(ANA), owner_id=STRANGER)
    assert (report.outcomes, report.inbox_ids) == (("taken",), (None,))


def test_an_address_that_comes_twice_is_born_once(face: AnyFace, database: TestDatabase) -> None:
    """In any spelling; the later row is told of the earlier one."""
    report = face.register_many(new(ANA, BO, "ana@MAIL.example.com", ANA), owner_id=OWNER)
    assert report.outcomes == ("born", "born", "exists", "exists")
    assert report.inbox_ids[2:] == (report.inbox_ids[0],) * 2
    assert len(sound(database).rows) == 2


def test_an_empty_list_does_nothing(face: AnyFace, database: TestDatabase) -> None:
    """Whether it is a list or runs dry at once."""
    with nothing_moves(database):
        assert face.register_many([], owner_id=OWNER) == BirthReport()
        assert face.operator().adopt_many(iter(())) == BirthReport()


def test_more_than_a_statement_takes_are_all_accounted_for(
    face: AnyFace, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batch by batch, in the order given, from whatever can be walked through."""
    monkeypatch.setattr(bulk_births, "BATCH", 3)

    def rows() -> Iterator[NewInbox]:
        for number in range(10):
            yield NewInbox(email_address=f"box{number}@mail.example.com")

    report = face.register_many(rows(), owner_id=OWNER)
    assert report.outcomes == ("born",) * 10
    found = [face.get(inbox_id, owner_id=OWNER).email_address for inbox_id in report.inbox_ids]
    assert found == [f"box{number}@mail.example.com" for number in range(10)]
    assert (len(sound(database).rows), database.count("email_domains")) == (10, 1)


def test_malformed_rows_are_named_by_their_place_and_nothing_is_written(face: AnyFace, database: TestDatabase) -> None:
    """All of them at once, and never by what stands in them."""
    rows: list[Any] = [*new(ANA, "nobody"), NewInbox(email_address=BO, provider="No Name"), *new(CLEO), {"a": 1}]
    rows += [NewInbox(email_address=BO, provider_ref=wrong) for wrong in UNKEEPABLE]
    with nothing_moves(database), pytest.raises(MalformedRows) as malformed:
        face.register_many(rows, owner_id=OWNER)
    assert list(malformed.value.rows) == [1, 2, 4, 5, 6, 7]
    assert "address" in malformed.value.rows[1]
    assert malformed.value.rows[4] == "a row is a NewInbox"
    assert "nobody" not in str(malformed.value)
    assert "No Name" not in str(malformed.value)


@pytest.mark.parametrize("wrong", [ANA, 7, None, NewInbox(email_address=ANA)], ids=["text", "number", "nothing", "row"])
def test_what_is_no_list_is_refused(face: AnyFace, database: TestDatabase, wrong: Any) -> None:
    """A single row or an address would be walked through letter by letter, or not at all."""
    with nothing_moves(database), pytest.raises(InvalidInput, match="a list of rows"):
        face.register_many(wrong, owner_id=OWNER)


def test_owner_actor_and_provider_are_demanded_as_of_a_single_one(make: MakeFace, database: TestDatabase) -> None:
    """Before anything is written."""
    with nothing_moves(database):
        with pytest.raises(InvalidInput, match="owner_id"):
            make().register_many(new(ANA), owner_id="")
        with pytest.raises(ActorRequired):
            make(require_actor=True).register_many(new(ANA), owner_id=OWNER)
        with pytest.raises(MalformedRows, match="pass provider="):
            make(provider=None).register_many(new(ANA), owner_id=OWNER)


def test_operator_registers_many_on_behalf_of_an_owner(face: AnyFace) -> None:
    """The owner has them, the operator stands beside their births."""
    (inbox_id,) = face.operator("olga").register_many(new(ANA), owner_id=OWNER).inbox_ids
    (event,) = face.history(inbox_id, owner_id=OWNER)
    assert (event.context.owner_id, event.context.actor) == (OWNER, "olga")


def test_no_warmup_is_started(face: AnyFace, provider_sandbox: Sandbox, database: TestDatabase) -> None:
    """That is a bulk run's, which finds them afterwards."""
    report = face.register_many(new(ANA, BO), owner_id=OWNER)
    assert (provider_sandbox.requests, database.count("inbox_attempts")) == ((), 0)
    retried = face.operator().retry_stuck(older_than=timedelta())
    assert retried.outcomes == dict.fromkeys(report.inbox_ids, "moved")


PAIRS = [Pair(*words) for words in itertools.product(Status, WarmupStatus)]


def test_many_are_adopted_in_the_pairs_they_have(make: MakeFace, database: TestDatabase) -> None:
    """Each with its owner, its id, its birthday and the reason of all."""
    clock = Clock()
    face = make(clock=clock)
    long_ago = datetime(2019, 5, 6, 7, 8, 9, 123456, tzinfo=timezone(timedelta(hours=2)))
    ids = [str(uuid4()) for _ in PAIRS]
    rows = [
        old(
            f"box{number}@mail.example.com",
            status=pair.status,
            warmup_status=str(pair.warmup_status),
            inbox_id=ids[number].upper(),
            created_at=long_ago,
            owner_id=STRANGER if number % 2 else None,
        )
        for number, pair in enumerate(PAIRS)
    ]
    report = face.operator().adopt_many(rows, owner_id=OWNER, reason="moving house")
    assert (set(report.outcomes), list(report.inbox_ids)) == ({"born"}, ids)
    for number, (inbox_id, pair) in enumerate(zip(ids, PAIRS, strict=True)):
        owner = STRANGER if number % 2 else OWNER
        inbox = face.get(inbox_id, owner_id=owner)
        assert (inbox.pair, inbox.created_at, inbox.updated_at) == (pair, long_ago, clock.now)
        (event,) = face.history(inbox_id, owner_id=owner)
        assert (event.name, event.reached, event.recorded_at) == ("inbox.adopted", pair, clock.now)
        assert (event.context.actor, event.context.reason, event.context.owner_id) == ("olga", "moving house", owner)
    assert database.count("email_domains") == 2
    assert len(sound(database).rows) == len(PAIRS)
    assert face.operator().verify().clean


def test_adopting_again_tells_the_same_inbox_from_another(face: AnyFace, database: TestDatabase) -> None:
    """The same one has the owner, the address, and the id if one is given; nothing of it is changed."""
    known, other = str(uuid4()), str(uuid4())
    operator = face.operator()
    operator.adopt_many([old(ANA, inbox_id=known), old(BO)], owner_id=OWNER)
    rows = [
        *(old(ANA, inbox_id=known, status="active", warmup_status="active"), old(ANA)),
        *(old(ANA, inbox_id=other), old(CLEO, inbox_id=known), old(ANA, inbox_id=known, owner_id=STRANGER)),
    ]
    with nothing_moves(database):
        report = operator.adopt_many(rows, owner_id=OWNER)
    assert report.outcomes == ("exists", "exists", "taken", "taken", "taken")
    assert report.inbox_ids == (known, known, None, None, None)
    assert set(report.outcomes) < set(BIRTH_OUTCOMES)


def test_an_id_or_an_address_that_comes_twice_is_the_earlier_rows(face: AnyFace, database: TestDatabase) -> None:
    """As if the rows had come one by one: a row that is refused leaves what it wanted to the next."""
    adopted(face, PENDING, CLEO)
    one, two = str(uuid4()), str(uuid4())
    rows = [
        *(old(ANA, inbox_id=one), old(BO, inbox_id=one), old(BO, inbox_id=two)),
        *(old(CLEO, inbox_id=(three := str(uuid4()))), old("dan@mail.example.com", inbox_id=three)),
    ]
    report = face.operator().adopt_many(rows, owner_id=OWNER)
    assert report.outcomes == ("born", "taken", "born", "taken", "born")
    assert report.inbox_ids == (one, None, two, None, three)
    assert len(sound(database).rows) == 4


def test_an_erased_inbox_leaves_its_address_and_keeps_its_id(face: AnyFace, database: TestDatabase) -> None:
    """The address can be registered again; the id names what was erased for good."""
    operator, inbox = face.operator(), born(face)
    operator.erase(inbox.id, reason="asked to")
    report = operator.adopt_many([old(BO, inbox_id=inbox.id), old(ANA)], owner_id=OWNER)
    assert report.outcomes == ("taken", "born")
    assert report.inbox_ids[1] not in {None, inbox.id}
    assert database.count("inboxes") == 2


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"status": "asleep"}, "status is one of pending"),
        ({"warmup_status": "pending"}, "warmup_status is one of not_started"),
        ({"inbox_id": "7"}, "inbox_id is not a UUID"),
        ({"created_at": datetime(2019, 5, 6)}, "no time zone"),  # noqa: DTZ001 - a naive time is the point
        ({"email_address": "ana"}, "not an email address"),
        ({"owner_id": ""}, "owner_id"),
        ({"provider": "No Name"}, "provider's name"),
    ],
)
def test_malformed_adoption_among_others_is_told_what_is_wrong(
    face: AnyFace, database: TestDatabase, given: dict[str, Any], told: str
) -> None:
    """Each mistake is named with its row, and nothing is made of the others."""
    rows = [old(BO, owner_id=OWNER), old(**{"address": ANA, "owner_id": OWNER} | given)]
    with nothing_moves(database), pytest.raises(MalformedRows, match=told) as malformed:
        face.operator().adopt_many(rows)
    assert list(malformed.value.rows) == [1]


def test_adoption_without_any_owner_is_refused(face: AnyFace, database: TestDatabase) -> None:
    """Neither the row nor the call says whose it is."""
    with nothing_moves(database), pytest.raises(MalformedRows, match="row 0: owner_id"):
        face.operator().adopt_many([old(ANA)])
    with nothing_moves(database), pytest.raises(MalformedRows, match="a row is an AdoptedInbox"):
        face.operator().adopt_many(new(ANA), owner_id=OWNER)


def test_rows_tell_no_address_in_their_repr(face: AnyFace) -> None:
    """Nor does the report: logs and tracebacks hold what a repr tells."""
    rows = [NewInbox(email_address=ANA, provider_ref="mbx-7"), old(BO, owner_id=OWNER, provider_ref="mbx-8")]
    report = face.register_many(rows[:1], owner_id=OWNER)
    told = f"{rows}{report}"
    assert not any(secret in told for secret in (ANA, BO, "mbx-", OWNER))


def test_times_of_adoption_come_back_in_utc(face: AnyFace) -> None:
    """Whatever the zone in which they were given."""
    at = datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=-7)))
    (inbox_id,) = face.operator().adopt_many([old(ANA, created_at=at)], owner_id=OWNER).inbox_ids
    inbox = face.get(inbox_id, owner_id=OWNER)
    assert (inbox.created_at, inbox.created_at.tzinfo) == (at, UTC)
