"""Lists of inboxes that come to be at the same moment: each address once, whoever has it, and nobody waits for ever."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import Connection

from inbox_lifecycle import BirthReport, Inbox, Inboxes, NewInbox
from tests.support.aftermath import background, eventually
from tests.support.databases import Postgres, TestDatabase
from tests.support.evidence import sound
from tests.support.faces import AnyFace, Face
from tests.support.hosts import host_engine
from tests.support.locks import waiters
from tests.support.racing import each, losers, together

LISTS = 4
#: Of a dozen domains.
ADDRESSES = [f"box{number}@d{number % 12}.example.com" for number in range(120)]


def shuffled(number: int) -> list[NewInbox]:
    """The same inboxes, in an order of its own."""
    rows = [NewInbox(email_address=address) for address in ADDRESSES]
    random.Random(number).shuffle(rows)
    return rows


def register(face: AnyFace, rows: Sequence[NewInbox], owner: str) -> BirthReport:
    """One call."""
    report: BirthReport = face.register_many(rows, owner_id=owner)
    return report


def test_lists_of_one_owner_bear_each_inbox_once(face: AnyFace, database: TestDatabase) -> None:
    """In whatever order they hold them; whoever comes too late is told of the inbox that is there."""
    calls = [partial(register, face, shuffled(number), "owner") for number in range(LISTS)]
    reports = together(calls)
    assert losers(reports) == []
    told = Counter(outcome for report in reports if isinstance(report, BirthReport) for outcome in report.outcomes)
    assert told == {"born": len(ADDRESSES), "exists": (LISTS - 1) * len(ADDRESSES)}
    assert {inbox_id for report in reports if isinstance(report, BirthReport) for inbox_id in report.inbox_ids} == set(
        sound(database).rows
    )
    assert database.count("email_domains") == 12
    assert face.operator().verify().clean


def test_lists_of_several_owners_leave_no_domain_of_an_inbox_that_never_was(
    face: AnyFace, database: TestDatabase
) -> None:
    """Each address has one owner, and each owner the domains of his inboxes alone."""
    calls = [partial(register, face, shuffled(number), f"owner{number}") for number in range(LISTS)]
    reports = together(calls)
    assert losers(reports) == []
    told = Counter(outcome for report in reports if isinstance(report, BirthReport) for outcome in report.outcomes)
    assert told == {"born": len(ADDRESSES), "taken": (LISTS - 1) * len(ADDRESSES)}
    assert len(sound(database).rows) == len(ADDRESSES)
    used = database.execute("select distinct email_domain_id from {s}inboxes")
    assert database.count("email_domains") == len(used)


def test_a_list_among_single_registrations_bears_what_they_leave(face: AnyFace, database: TestDatabase) -> None:
    """Of the same addresses; each is told the truth, and domains are shared."""

    def alone(address: str) -> Inbox | BirthReport:
        registered: Inbox = face.register(email_address=address, owner_id="owner")
        return registered

    def at_once() -> Inbox | BirthReport:
        return register(face, shuffled(1), "owner")

    *singles, report = together([*each(alone, ADDRESSES[:12]), at_once])
    assert isinstance(report, BirthReport)
    taken = len(losers(singles))
    assert report.counts["born"] == len(ADDRESSES) - len(singles) + taken
    assert set(report.inbox_ids) == set(sound(database).rows)
    assert database.count("email_domains") == 12


def test_lists_in_any_order_lock_nobody_out(postgres: Postgres, postgres_database: TestDatabase) -> None:
    """The server never has to break a deadlock: they are written in one order, however they were given."""
    before = postgres.log.count("deadlock detected")
    with Inboxes(postgres_database.url, provider=None) as inboxes:
        rows = [[replace(row, provider="instantly") for row in shuffled(number)] for number in range(LISTS)]
        reports = together([partial(inboxes.register_many, some, owner_id="owner") for some in rows])
    assert losers(reports) == []
    assert postgres.log.count("deadlock detected") == before


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_list_waits_for_a_host_that_has_not_decided_yet(postgres_database: TestDatabase, end: str) -> None:
    """An address and a domain of a transaction under way: what becomes of them is known when it ends."""
    with (
        host_engine(postgres_database) as engine,
        engine.connect() as connection,
        Inboxes(postgres_database.url) as inboxes,
    ):
        host = _within(connection)
        host.register(email_address=ADDRESSES[7], owner_id="owner", provider="instantly")
        rows = [NewInbox(email_address=address, provider="instantly") for address in ADDRESSES]
        call = background(lambda: inboxes.register_many(rows, owner_id="owner"))
        eventually(lambda: waiters(postgres_database) == 1)
        getattr(connection, end)()
        report = call.result(30)
    late = "exists" if end == "commit" else "born"
    assert [report.outcomes[number] for number in (6, 7, 8, 19)] == ["born", late, "born", "born"]
    assert len(sound(postgres_database).rows) == len(ADDRESSES)
    assert postgres_database.count("email_domains") == 12


def _within(connection: Connection) -> AnyFace:
    return Face(Inboxes(connection.engine).within(connection))
