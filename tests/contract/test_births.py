"""How inboxes come to be: `register` and `adopt`."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest

from inbox_lifecycle import InboxExists, Instantly, InvalidInput, Pair, ProviderError, Status, WarmupStatus
from inbox_lifecycle.domain import InboxAdopted, InboxRegistered
from inbox_lifecycle.errors import MalformedAddress, MalformedId, MalformedText
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.contract import (
    ANA,
    OWNER,
    PENDING,
    STRANGER,
    UNKEEPABLE,
    WARMING,
    Clock,
    adopted,
    attempt_on,
    born,
    crosswise,
    nothing_moves,
    retry,
    together,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

pytestmark = pytest.mark.pairwise


def test_registered_inbox_stands_pending_with_its_first_event(make: MakeFace) -> None:
    """A birth gives the row at version 1 and the event that explains it."""
    clock = Clock()
    face = make(clock=clock)
    inbox = born(face)
    assert (inbox.pair, inbox.version, inbox.provider, inbox.provider_ref) == (PENDING, 1, "instantly", None)
    assert (inbox.owner_id, inbox.email_address, inbox.erased_at) == (OWNER, ANA, None)
    assert (inbox.created_at, inbox.updated_at) == (clock.now, clock.now)
    assert UUID(inbox.id).version == 7
    assert face.get(inbox.id, owner_id=OWNER) == inbox
    (event,) = face.history(inbox.id, owner_id=OWNER)
    assert (event.name, event.version, event.left, event.reached) == ("inbox.registered", 1, None, PENDING)
    assert isinstance(event.event, InboxRegistered)
    assert event.event.provider == "instantly"


@crosswise
@pytest.mark.parametrize(
    ("given", "kept", "domain"),
    [
        ("  ana@mail.example.com\n", "ana@mail.example.com", "mail.example.com"),
        ("ana@MAIL.Example.COM", "ana@mail.example.com", "mail.example.com"),
        ("Ana.Lopez+test@mail.example.com", "Ana.Lopez+test@mail.example.com", "mail.example.com"),
        ("ana@bücher.example", "ana@xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("ana@BÜCHER.example", "ana@xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("josé@mail.example.com", "josé@mail.example.com", "mail.example.com"),
        ("ana@mail.example.com.", "ana@mail.example.com", "mail.example.com"),
    ],
)
def test_address_is_kept_in_its_normal_form(face: AnyFace, given: str, kept: str, domain: str) -> None:
    """The domain is lower-cased and in its ASCII form, the local part stays as given."""
    inbox = born(face, given)
    assert (inbox.email_address, inbox.email_domain) == (kept, domain)


@pytest.mark.parametrize("again", [ANA, "ana@MAIL.example.COM", " ana@mail.example.com "])
def test_address_registered_twice_is_refused_in_any_spelling(face: AnyFace, database: TestDatabase, again: str) -> None:
    """The normal form is what must be unique."""
    born(face)
    with nothing_moves(database), pytest.raises(InboxExists) as exists:
        born(face, again)
    assert exists.value.what == "address"


def test_address_of_another_owner_is_refused(face: AnyFace, database: TestDatabase) -> None:
    """A mailbox has one owner."""
    born(face)
    with nothing_moves(database), pytest.raises(InboxExists):
        face.register(email_address=ANA, owner_id=STRANGER)


def test_address_of_a_banned_inbox_is_refused(face: AnyFace, database: TestDatabase) -> None:
    """A ban is not undone by registering anew."""
    face.operator().ban(born(face).id)
    with nothing_moves(database), pytest.raises(InboxExists):
        born(face)


def test_local_parts_that_differ_in_case_are_two_addresses(face: AnyFace) -> None:
    """Only the receiving host may say whether they are the same mailbox."""
    assert born(face, "Ana@mail.example.com").id != born(face, "ana@mail.example.com").id


def test_racing_registrations_of_one_address_leave_one_inbox(face: AnyFace, database: TestDatabase) -> None:
    """Of eight at the same moment one wins, and the others are told that it exists."""
    results = together(*[lambda: born(face)] * 8)
    assert sum(isinstance(result, InboxExists) for result in results) == 7
    assert (database.count("inboxes"), database.count("inbox_events")) == (1, 1)


def test_inboxes_of_one_owner_and_domain_share_the_domains_row(face: AnyFace, database: TestDatabase) -> None:
    """The domain is made with the first inbox and found for the others."""
    one, two = born(face), born(face, "bo@MAIL.example.com")
    assert one.email_domain_id == two.email_domain_id
    assert database.count("email_domains") == 1


def test_racing_registrations_in_a_new_domain_all_succeed_on_one_row(face: AnyFace, database: TestDatabase) -> None:
    """Whoever finds the domain made meanwhile takes it."""
    results: list[Any] = together(*[lambda n=n: born(face, f"box-{n}@new.example.com") for n in range(8)])
    assert len({inbox.email_domain_id for inbox in results}) == 1
    assert (database.count("inboxes"), database.count("email_domains")) == (8, 1)


def test_same_domain_of_two_owners_has_two_rows(face: AnyFace) -> None:
    """What an owner's domain is worth says nothing about another's."""
    one = born(face)
    two = face.register(email_address="bo@mail.example.com", owner_id=STRANGER)
    assert one.email_domain_id != two.email_domain_id


def test_registration_with_warmup_returns_the_warming_inbox(face: AnyFace) -> None:
    """The first attempt is made at once, under the name of a start."""
    inbox = born(face, start_warmup=True)
    assert (inbox.pair, inbox.version) == (WARMING, 2)
    attempt = attempt_on(face, inbox)
    assert (attempt.kind, attempt.outcome) == ("start", "moved")


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("reject", "rejected"), ("throttle", "throttled"), ("busy", "busy"), ("error", None), ("job_failed", "rejected")],
)
def test_registration_never_raises_for_the_provider(
    face: AnyFace, provider_sandbox: Sandbox, kind: str, outcome: str | None
) -> None:
    """The inbox is there, pending, with the failed attempt on record, and a retry makes it warm."""
    provider_sandbox.fail_next(kind)
    inbox = born(face, start_warmup=True)
    assert (inbox.pair, inbox.version) == (PENDING, 1)
    attempt = attempt_on(face, inbox)
    assert (attempt.kind, attempt.outcome) == ("start", outcome)
    assert retry(face, inbox).pair == WARMING


def test_registration_without_warmup_never_asks_the_provider(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """A birth is ours alone."""
    inbox = born(face)
    assert provider_sandbox.requests == ()
    assert face.attempts(inbox.id, owner_id=OWNER) == []


def test_providers_own_reference_is_kept(face: AnyFace) -> None:
    """A provider that does not go by addresses is told its own name for the mailbox."""
    inbox = born(face, provider_ref="mbx-7")
    assert face.get(inbox.id, owner_id=OWNER).provider_ref == "mbx-7"


def test_operator_registers_on_behalf_of_an_owner(face: AnyFace) -> None:
    """The owner has the inbox, the operator stands beside its birth."""
    inbox = face.operator("olga").register(email_address=ANA, owner_id=OWNER)
    (event,) = face.history(inbox.id, owner_id=OWNER)
    assert (event.context.owner_id, event.context.actor) == (OWNER, "olga")


def test_callable_from_inbox_to_provider_needs_the_providers_name(
    make: MakeFace, database: TestDatabase, provider: Instantly
) -> None:
    """Where each inbox may have another provider, its birth says which."""
    face = make(provider=lambda _inbox: provider)
    with nothing_moves(database), pytest.raises(InvalidInput, match="pass provider="):
        born(face)


def test_callable_from_inbox_to_provider_is_asked_for_each_inbox(make: MakeFace, provider: Instantly) -> None:
    """The callable sees the inbox and the provider it gives is the one that warms."""
    asked: list[str] = []

    def choose(inbox: Any) -> Instantly:
        asked.append(inbox.id)
        return provider

    face = make(provider=choose)
    inbox = born(face, provider="instantly")
    assert retry(face, inbox).pair == WARMING
    assert asked == [inbox.id]


def test_facade_without_a_provider_closes_its_attempt(make: MakeFace, database: TestDatabase) -> None:
    """A facade that only registers says so when it is asked for more, and nothing is left open."""
    face = make(provider=None)
    inbox = born(face, provider="instantly")
    with nothing_moves(database), pytest.raises(InvalidInput, match="pass provider="):
        retry(face, inbox)
    assert attempt_on(face, inbox).outcome == "unavailable"


PAIRS = [Pair(*words) for words in itertools.product(Status, WarmupStatus)]


def test_adoption_takes_an_inbox_in_any_pair(face: AnyFace) -> None:
    """A host's old table may hold any of the sixteen, and its event says which."""
    for number, pair in enumerate(PAIRS):
        inbox = adopted(face, pair, f"box-{number}@mail.example.com")
        assert (inbox.pair, inbox.version) == (pair, 1)
        (event,) = face.history(inbox.id, owner_id=OWNER)
        assert (event.name, event.left, event.reached) == ("inbox.adopted", None, pair)
        assert isinstance(event.event, InboxAdopted)


def adopt(face: AnyFace, **changes: Any) -> Any:
    """An adoption of a plain pending inbox, but for the changes."""
    plain = {"email_address": ANA, "owner_id": OWNER, "status": "pending", "warmup_status": "not_started"}
    return face.operator().adopt(**plain | changes)


def test_adoption_keeps_id_and_birthday(make: MakeFace) -> None:
    """Links from the host's other tables stay right; only the event is of today."""
    clock, known = Clock(), str(uuid4())
    face = make(clock=clock)
    long_ago = datetime(2019, 5, 6, 7, 8, 9, 123456, tzinfo=timezone(timedelta(hours=2)))
    inbox = adopt(face, inbox_id=known.upper(), created_at=long_ago, provider_ref="mbx-7", reason="moving house")
    assert (inbox.id, inbox.created_at, inbox.updated_at) == (known, long_ago, clock.now)
    assert face.get(known, owner_id=OWNER) == inbox
    (event,) = face.history(known, owner_id=OWNER)
    assert (event.recorded_at, event.context.reason, event.context.actor) == (clock.now, "moving house", "olga")


def test_adopted_inbox_is_retried_like_any_other(face: AnyFace) -> None:
    """The job this library exists for: a row that was stuck before it came here."""
    assert retry(face, adopt(face, inbox_id=uuid4())).pair == WARMING


def test_adoption_of_a_known_id_is_refused(face: AnyFace, database: TestDatabase) -> None:
    """Running the move of a table twice adopts nothing twice."""
    inbox = adopt(face, inbox_id=uuid4())
    with nothing_moves(database), pytest.raises(InboxExists) as exists:
        adopt(face, inbox_id=inbox.id, email_address="bo@mail.example.com")
    assert exists.value.what == "id"


def test_adoption_of_a_known_address_is_refused(face: AnyFace, database: TestDatabase) -> None:
    """An adopted address is as unique as a registered one."""
    born(face)
    with nothing_moves(database), pytest.raises(InboxExists) as exists:
        adopt(face, inbox_id=uuid4())
    assert exists.value.what == "address"


@crosswise
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"status": "asleep"}, "status is one of pending"),
        ({"warmup_status": "pending"}, "warmup_status is one of not_started"),
        ({"inbox_id": "7"}, "inbox_id is not a UUID"),
        ({"created_at": datetime(2019, 5, 6)}, "no time zone"),  # noqa: DTZ001 - a naive time is the point
        ({"reason": "a\x00b"}, "reason"),
        ({"email_address": "ana"}, "not an email address"),
        ({"owner_id": ""}, "owner_id"),
    ],
)
def test_malformed_adoption_is_told_what_is_wrong(
    face: AnyFace, database: TestDatabase, changes: dict[str, Any], told: str
) -> None:
    """Each mistake is named, and no inbox, domain or event is made."""
    with nothing_moves(database), pytest.raises(InvalidInput, match=told):
        adopt(face, **changes)


NO_ADDRESSES = (
    "",
    " ",
    "ana",
    "@mail.example.com",
    "ana@",
    "ana@localhost",
    "ana@@mail.example.com",
    "ana lopez@mail.example.com",
    ".ana@mail.example.com",
    "ana.@mail.example.com",
    "an..a@mail.example.com",
    '"ana lopez"@mail.example.com',
    "ana@mail..example.com",
    "ana@-mail.example.com",
    "ana@mail_box.example.com",
    "ana@mail.example.com>",
    "Ana <ana@mail.example.com>",
    f"{'a' * 65}@mail.example.com",
    f"ana@{'.'.join(['long' * 12] * 6)}.example.com",
    f"ana@{'x' * 64}.example.com",
    "ana@mail.example.com\r\nBcc: all@example.com",
)


def test_what_is_no_address_is_refused(face: AnyFace, database: TestDatabase) -> None:
    """None of these can be kept, each is told why, and no domain is made on the way."""
    with nothing_moves(database):
        for wrong in NO_ADDRESSES:
            with pytest.raises(MalformedAddress):
                born(face, wrong)


@pytest.mark.parametrize("name", ["email_address", "owner_id", "provider", "provider_ref"])
def test_text_that_cannot_be_kept_is_refused_wherever_it_stands(
    face: AnyFace, database: TestDatabase, name: str
) -> None:
    """NUL and half a surrogate pair are refused at the border, by the name of what holds them."""
    with nothing_moves(database):
        for wrong in (*UNKEEPABLE, 7):
            with pytest.raises(MalformedText) as malformed:
                face.register(**{"email_address": ANA, "owner_id": OWNER} | {name: wrong})
            assert malformed.value.name == {"email_address": "the address"}.get(name, name)


def test_owner_that_is_empty_is_refused(face: AnyFace, database: TestDatabase) -> None:
    """An inbox without an owner would be nobody's, and everybody's."""
    for nobody in ("", None):
        with nothing_moves(database), pytest.raises(InvalidInput, match="owner_id"):
            face.register(email_address=ANA, owner_id=nobody)


def test_malformed_errors_are_value_errors() -> None:
    """A web framework that maps ValueError to 422 needs to know nothing of ours."""
    assert all(issubclass(kind, ValueError) for kind in (MalformedAddress, MalformedId, MalformedText, InvalidInput))
    assert not issubclass(ProviderError, ValueError)


def test_times_come_back_in_utc_whatever_the_clocks_zone(make: MakeFace) -> None:
    """A host's clock may tell the time of its own place."""
    here = timezone(timedelta(hours=-7))
    at = datetime(2026, 3, 4, 5, 6, 7, 8, tzinfo=here)
    inbox = born(make(clock=lambda: at))
    assert (inbox.created_at, inbox.created_at.tzinfo, inbox.updated_at) == (at, UTC, at)
