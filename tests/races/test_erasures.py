"""Erasures among other calls: the last inbox of a domain and the next one, and attempts that come while it goes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine

from inbox_lifecycle import Inbox, Inboxes, InboxNotFound, Instantly, ProviderThrottled, RetryRefused, TransitionRefused
from inbox_lifecycle.context import NOBODY
from inbox_lifecycle.testing import Sandbox
from tests.support.aftermath import background, eventually
from tests.support.databases import Postgres, TestDatabase
from tests.support.faces import AnyFace
from tests.support.hosts import host_url
from tests.support.locks import RowLock, waiters
from tests.support.racing import Crowd, Straggler, each, losers, together, winners

ANA, BEA = "ana@mail.example.com", "bea@mail.example.com"
OWNER = "owner"
COUNT = 12


@pytest.fixture
def inboxes(postgres_database: TestDatabase, provider: Instantly) -> Iterator[Inboxes]:
    """A facade on PostgreSQL, where calls of many connections really overlap."""
    with Inboxes(postgres_database.url, provider) as opened:
        yield opened


@pytest.fixture
def host(postgres_database: TestDatabase) -> Iterator[Engine]:
    """A host's engine, for transactions that stay open for a while."""
    engine = create_engine(host_url(postgres_database))
    yield engine
    engine.dispose()


def born(face: AnyFace | Inboxes, address: str = ANA) -> Inbox:
    """An inbox of the owner's."""
    inbox: Inbox = face.register(email_address=address, owner_id=OWNER)
    return inbox


def erase(face: AnyFace, inbox: Inbox) -> Inbox:
    """The inbox, blank."""
    gone: Inbox = face.operator("olga").erase(inbox.id, reason="asked to")
    return gone


def domains(database: TestDatabase) -> list[str]:
    """Ids of the domains there are."""
    return [str(found) for (found,) in database.execute("select id from {s}email_domains")]


def test_erasures_and_registrations_of_one_domain_all_succeed(face: AnyFace, database: TestDatabase) -> None:
    """Whoever comes first, the domain's row is there for those that have it, once, and goes with the last."""
    for _ in range(4):
        old = [born(face, f"old{number}@mail.example.com") for number in range(COUNT // 2)]
        addresses = [f"new{number}@mail.example.com" for number in range(COUNT // 2)]
        answers = together(
            [
                *each(lambda inbox: erase(face, inbox), old),
                *each(lambda address: born(face, address), addresses),
            ]
        )
        assert losers(answers) == []
        new = winners(answers)[COUNT // 2 :]
        assert domains(database) == list({inbox.email_domain_id for inbox in new})
        assert losers(together(each(lambda inbox: erase(face, inbox), new))) == []
        assert domains(database) == []
    assert face.operator("vera").verify().findings == []


def test_erasure_of_the_last_inbox_meets_the_registration_of_the_next(
    inboxes: Inboxes, host: Engine, postgres_database: TestDatabase
) -> None:
    """It waits for the domain's row, is refused by the foreign key once the next inbox is there, and leaves the row."""
    operator, inbox = inboxes.operator(actor="olga"), born(inboxes)
    with host.begin() as transaction:
        born(inboxes.within(transaction).operator(actor="host"), BEA)  # type: ignore[arg-type]  # registers alike
        erasing = background(lambda: operator.erase(inbox.id, reason="asked to"))
        eventually(lambda: waiters(postgres_database) == 1)
    assert erasing.result(30).version == 2
    assert domains(postgres_database) == [inbox.email_domain_id]
    assert operator.verify().findings == []


def test_registration_meets_the_erasure_of_the_last_inbox(
    inboxes: Inboxes, host: Engine, postgres_database: TestDatabase
) -> None:
    """It had found the domain's row, which goes while it waits: it runs again, and makes the row anew."""
    inbox = born(inboxes)
    with host.begin() as transaction:
        inboxes.within(transaction).operator(actor="host").erase(inbox.id, reason="asked to")
        registering = background(lambda: born(inboxes, BEA))
        eventually(lambda: waiters(postgres_database) == 1)
    new = registering.result(30)
    assert domains(postgres_database) == [new.email_domain_id] != [inbox.email_domain_id]
    assert inboxes.operator(actor="vera").verify().findings == []


def test_attempt_opened_while_the_erasure_waits_is_blanked_too(
    inboxes: Inboxes, postgres_database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The erasure's statement cannot see it, as it began before; another one looks after it."""
    inbox = born(inboxes)
    straggler = Straggler(provider_sandbox)
    first = background(lambda: inboxes.retry_warmup(inbox.id, owner_id=OWNER))
    straggler.wait()
    lock = RowLock(postgres_database, "inbox_attempts", inbox.id)
    erasing = background(lambda: inboxes.operator(actor="olga").erase(inbox.id, reason="asked to"))
    eventually(lambda: waiters(postgres_database) == 1)
    provider_sandbox.fail_next("throttle")
    with pytest.raises(ProviderThrottled):
        inboxes.retry_warmup(inbox.id, owner_id=OWNER, idempotency_key="late")
    lock.release()
    assert erasing.result(30).version == 2
    attempts = list(inboxes.operator(actor="vera").attempts(inbox.id))
    assert [(attempt.outcome, attempt.context) for attempt in attempts] == [(None, NOBODY), ("throttled", NOBODY)]
    straggler.release()
    with pytest.raises(InboxNotFound):
        first.result(30)


def test_erasures_and_accepted_calls_never_wait_for_each_other_in_a_circle(
    postgres: Postgres, postgres_database: TestDatabase, provider: Instantly, provider_sandbox: Sandbox
) -> None:
    """Attempts first, then the inbox, as everybody locks them; and each call is answered by what became of it."""
    before = postgres.log.count("deadlock detected")
    with Inboxes(postgres_database.url, provider) as inboxes:
        operator = inboxes.operator(actor="olga")
        for _ in range(10):
            inbox = born(inboxes)
            crowd = Crowd(provider_sandbox, COUNT)

            def erase_with_them(inbox: Inbox = inbox, crowd: Crowd = crowd) -> Inbox:
                crowd.join()
                return operator.erase(inbox.id, reason="asked to")

            def retry(number: int, inbox: Inbox = inbox) -> Inbox:
                return inboxes.retry_warmup(inbox.id, owner_id=OWNER, idempotency_key=str(number))

            erased, *answers = together([erase_with_them, *each(retry, range(COUNT - 1))])
            provider_sandbox.before_answer(None)
            assert isinstance(erased, Inbox)
            assert len(winners(answers)) == erased.version - 2
            assert all(isinstance(answer, RetryRefused | InboxNotFound) for answer in losers(answers))
            assert [attempt.context for attempt in operator.attempts(inbox.id)] == [NOBODY] * (COUNT - 1)
            with pytest.raises(TransitionRefused):
                operator.erase(inbox.id, reason="asked to")
        assert operator.verify().findings == []
    assert postgres.log.count("deadlock detected") == before
