"""Inboxes that come to be at the same moment: an address once, a domain once for each owner, and nothing lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from uuid import uuid4

from inbox_lifecycle import Inbox, InboxExists
from inbox_lifecycle.testing import Sandbox
from tests.support.databases import TestDatabase
from tests.support.evidence import sound
from tests.support.faces import AnyFace
from tests.support.racing import Crowd, each, losers, together, winners

ANA = "ana@mail.example.com"
COUNT = 16
ADDRESSES = [f"inbox{number}@mail.example.com" for number in range(COUNT)]


def registrations(face: AnyFace, births: Iterable[tuple[str, str]]) -> list[Callable[[], Inbox]]:
    """One call for each address and owner."""

    def register(birth: tuple[str, str]) -> Inbox:
        registered: Inbox = face.register(email_address=birth[0], owner_id=birth[1])
        return registered

    return each(register, births)


def test_registrations_of_one_address_make_one_inbox(face: AnyFace, database: TestDatabase) -> None:
    """Sixteen owners want one address: one has it, the others hear that the address is taken."""
    answers = together(registrations(face, [(ANA, f"owner{number}") for number in range(COUNT)]))
    (winner,) = winners(answers)
    assert taken(answers) == ["address"] * (COUNT - 1)
    assert list(sound(database).rows) == [winner.id]
    # A domain row of a loser's would have been made by a registration that never was.
    assert database.execute("select owner_id from {s}email_domains") == [(winner.owner_id,)]


def test_registrations_on_one_new_domain_all_succeed_with_one_domain_row(face: AnyFace, database: TestDatabase) -> None:
    """Sixteen addresses of a domain that nobody knew yet: sixteen inboxes, and the domain is made once."""
    answers = together(registrations(face, [(address, "owner") for address in ADDRESSES]))
    assert losers(answers) == []
    assert len(sound(database).rows) == COUNT
    assert database.execute("select owner_id, domain from {s}email_domains") == [("owner", "mail.example.com")]
    assert len({inbox.email_domain_id for inbox in winners(answers)}) == 1


def test_registrations_of_two_owners_on_one_new_domain_make_a_row_for_each(
    face: AnyFace, database: TestDatabase
) -> None:
    """A domain belongs to its owner: two owners at once have a row each, whoever was first."""
    births = [(address, f"owner{number % 2}") for number, address in enumerate(ADDRESSES)]
    answers = together(registrations(face, births))
    assert losers(answers) == []
    domains = {(str(inbox.owner_id), inbox.email_domain_id) for inbox in winners(answers)}
    assert sorted(owner for owner, _ in domains) == ["owner0", "owner1"]
    assert database.count("email_domains") == 2
    assert len(sound(database).rows) == COUNT


def test_adoptions_of_one_id_make_one_inbox(face: AnyFace, database: TestDatabase) -> None:
    """Rows of an old table claim one id: one is taken over, the others hear that the id is taken."""
    inbox_id = uuid4()
    operator = face.operator()

    def adopt(address: str) -> Inbox:
        adopted: Inbox = operator.adopt(
            email_address=address, owner_id="owner", status="active", warmup_status="active", inbox_id=inbox_id
        )
        return adopted

    answers = together(each(adopt, ADDRESSES))
    assert [winner.id for winner in winners(answers)] == [str(inbox_id)]
    assert taken(answers) == ["id"] * (COUNT - 1)
    assert list(sound(database).rows) == [str(inbox_id)]


def test_registrations_that_start_the_warmup_race_for_the_address_only(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Of eight registrations with the first attempt included, the one that has the address warms, once."""
    answers = together([lambda: face.register(email_address=ANA, owner_id="owner", start_warmup=True)] * 8)
    assert Counter(map(type, answers)) == Counter({Inbox: 1, InboxExists: 7})
    evidence = sound(database)
    assert [evidence.names(inbox_id) for inbox_id in evidence.rows] == [["inbox.registered", "inbox.warmup_started"]]
    assert [attempt.outcome for attempt in evidence.attempts] == ["moved"]
    assert provider_sandbox.enable_calls(ANA) == 1


def test_a_first_attempt_raced_by_retries_moves_the_inbox_once(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """`start_warmup` and `retry_warmup` are one rule: in one crowd of both kinds there is one winner."""
    inbox = face.register(email_address=ANA, owner_id="owner")
    Crowd(provider_sandbox, 8)

    def warm(method: Callable[..., Inbox]) -> Inbox:
        return method(inbox.id, owner_id="owner")

    answers = together(each(warm, (face.start_warmup, face.retry_warmup) * 4))
    assert [winner.version for winner in winners(answers)] == [2]
    evidence = sound(database)
    assert evidence.outcomes(inbox.id) == ["lost"] * 7 + ["moved"]
    assert Counter(attempt.kind for attempt in evidence.attempts) == Counter({"start": 4, "retry": 4})


def taken(answers: Sequence[object]) -> list[str]:
    """What was taken, as each loser heard."""
    return [loser.what for loser in losers(answers) if isinstance(loser, InboxExists)]
