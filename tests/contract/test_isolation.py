"""PostgreSQL as it is met: whatever isolation a database defaults to, and how few statements the winning path takes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from inbox_lifecycle import (
    Inbox,
    InboxExists,
    Instantly,
    Launch,
    LaunchInProgress,
    ProviderOutcomeUnknown,
    RetryRefused,
    TransitionRefused,
)
from inbox_lifecycle.testing import Operation, Sandbox
from tests.fix_face import MODES
from tests.support.contract import (
    ACTIVE,
    ANA,
    OWNER,
    PENDING,
    WARMING,
    adopted,
    born,
    in_flight,
    lead_back,
    outcomes,
    retry,
    together,
    warming,
)
from tests.support.databases import Postgres, TestDatabase
from tests.support.faces import AnyFace, LoopThread, make_face

LEVELS = ("read committed", "repeatable read", "serializable")


def set_default(postgres: Postgres, database: TestDatabase, setting: str, value: str) -> None:
    """Give every new session of a database a setting."""
    (row,) = database.execute("select current_database()")
    statement = sql.SQL("alter database {} set {} to {}")
    postgres.administer(statement.format(sql.Identifier(row[0]), sql.Identifier(setting), sql.Literal(value)))


@pytest.fixture(scope="module", params=LEVELS)
def strict_database(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[TestDatabase]:
    """A database whose sessions begin at that isolation."""
    with postgres.fresh() as database:
        set_default(postgres, database, "default_transaction_isolation", request.param)
        assert database.execute("show transaction_isolation") == [(request.param,)]
        yield database


@pytest.fixture(params=MODES)
def face(
    request: pytest.FixtureRequest, strict_database: TestDatabase, provider: Instantly, loop_thread: LoopThread
) -> Iterator[AnyFace]:
    """A facade over it, sync and again async."""
    made = make_face(request.param, loop_thread, strict_database.url, provider)
    yield made
    made.close()


@pytest.fixture
def inbox(face: AnyFace) -> Inbox:
    """A fresh inbox, whose address no other test uses."""
    return born(face, f"box-{uuid4()}@mail.example.com")


def address(inbox: Inbox) -> str:
    """Its address, which a fresh inbox has."""
    assert inbox.email_address is not None
    return inbox.email_address


def test_whole_life_runs_at_any_isolation(face: AnyFace, inbox: Inbox, provider_sandbox: Sandbox) -> None:
    """A failure, a retry, the way back, the way on, and a history that holds."""
    provider_sandbox.fail_next("error")
    with pytest.raises(ProviderOutcomeUnknown):
        retry(face, inbox)
    assert retry(face, inbox, "k-1").pair == WARMING
    assert retry(face, inbox, "k-1").version == 2
    with pytest.raises(RetryRefused):
        retry(face, inbox)
    assert lead_back(face, inbox).pair == PENDING
    assert retry(face, inbox).version == 4
    provider_sandbox.set_account(address(inbox), reputation=99, total_sent=500)
    assert face.operator().graduate(inbox.id).pair == ACTIVE
    with pytest.raises(InboxExists):
        born(face, address(inbox))
    assert face.operator().verify(inbox.id).clean


def test_race_has_one_winner_at_any_isolation(face: AnyFace, inbox: Inbox) -> None:
    """Eight retries at once: one moves, seven are refused, and each has its closed attempt."""
    results = together(*[lambda: retry(face, inbox)] * 8)
    assert Counter(map(type, results)) == {Inbox: 1, RetryRefused: 7}
    assert face.get(inbox.id, owner_id=OWNER).version == 2
    found = outcomes(face, inbox)
    assert found.count("moved") == 1
    assert set(found) <= {"moved", "lost", "refused"}


def test_race_of_one_key_has_one_answer_at_any_isolation(face: AnyFace, inbox: Inbox) -> None:
    """Losers included, whoever carries the key is told the same success."""
    results = together(*[lambda: retry(face, inbox, "k-1")] * 8)
    assert results == [face.get(inbox.id, owner_id=OWNER)] * 8


def test_race_of_births_has_one_winner_at_any_isolation(face: AnyFace) -> None:
    """Eight registrations of one address in a new domain: one inbox, seven told that it exists."""
    wanted = f"ana@{uuid4()}.example.com"
    results = together(*[lambda: born(face, wanted)] * 8)
    assert Counter(map(type, results)) == {Inbox: 1, InboxExists: 7}


def test_race_of_bans_has_one_winner_at_any_isolation(face: AnyFace, inbox: Inbox) -> None:
    """What a stricter isolation undoes is decided again on what stands now."""
    results = together(*[lambda: face.operator().ban(inbox.id)] * 8)
    assert Counter(map(type, results)) == {Inbox: 1, TransitionRefused: 7}
    assert [event.name for event in face.operator().history(inbox.id)] == ["inbox.registered", "inbox.banned"]


def test_race_of_launches_asks_the_provider_once_for_each_success_at_any_isolation(
    face: AnyFace, provider_sandbox: Sandbox
) -> None:
    """Eight launches of one campaign: those that came together with another one are told so, and no claim is left."""
    campaign = f"campaign-{uuid4()}"
    senders = [adopted(face, ACTIVE, f"box-{uuid4()}@mail.example.com") for _ in range(3)]
    ids = [one.id for one in senders]
    calls = [
        lambda order=order: face.launch_campaign(campaign, order, owner_id=OWNER) for order in (ids, ids[::-1]) * 4
    ]
    kinds = Counter(map(type, together(*calls)))
    assert set(kinds) <= {Launch, LaunchInProgress}
    assert kinds[Launch] == provider_sandbox.count(Operation.ACTIVATE) >= 1
    found = outcomes(face, senders[0])
    assert (found.count("launched"), found.count(None)) == (kinds[Launch], 0)


def test_appends_to_different_inboxes_all_succeed_at_any_isolation(face: AnyFace) -> None:
    """Eight inboxes of one owner and domain retried at once never undo each other for good."""
    domain = f"{uuid4()}.example.com"
    inboxes = [born(face, f"box-{number}@{domain}") for number in range(8)]
    results = together(*[lambda one=one: retry(face, one).version for one in inboxes])
    assert results == [2] * 8


def test_loser_is_told_the_version_at_any_isolation(face: AnyFace, inbox: Inbox, provider_sandbox: Sandbox) -> None:
    """The explanation is read in a statement newer than the winner."""
    in_flight(provider_sandbox, lambda: retry(face, inbox))
    with pytest.raises(RetryRefused) as refused:
        retry(face, inbox)
    assert ("version", "1", "2") in [(one.field, one.expected, one.found) for one in refused.value.verdict.failed]


# What the server logs of one statement: of the simple protocol, or of the extended one, prepared or not.
_STATEMENT = re.compile(r"LOG:  (?:statement|execute [^:]*): ")


class Ledger:
    """Counts statements as the server itself logs them, from one look to the next."""

    def __init__(self, postgres: Postgres, database: TestDatabase) -> None:
        self._postgres = postgres
        self._database = database
        set_default(postgres, database, "log_statement", "all")
        self._read = len(self._log())

    def since(self) -> int:
        """How many statements were run since the last look, ours aside."""
        log = self._log()
        lines, self._read = log[self._read :].splitlines(), len(log)
        return sum(bool(_STATEMENT.search(line)) for line in lines) - 1

    def _log(self) -> str:
        # The server logs a statement before it runs it, so whatever ended before this one is in the log too.
        mark = f"mark {uuid4()}"
        with psycopg.connect(self._database.url, autocommit=True) as connection:
            connection.execute(sql.SQL("select {}").format(sql.Literal(mark)))
        log = self._postgres.log
        assert mark in log
        return log


@pytest.fixture(params=MODES)
def counted(
    request: pytest.FixtureRequest,
    postgres: Postgres,
    postgres_database: TestDatabase,
    provider: Instantly,
    loop_thread: LoopThread,
) -> Iterator[tuple[AnyFace, Ledger]]:
    """A facade that has connected and looked at the schema, and the ledger of its statements."""
    ledger = Ledger(postgres, postgres_database)
    face = make_face(request.param, loop_thread, postgres_database.url, provider)
    warming(face, "warm-up@mail.example.com")
    yield face, ledger
    face.close()


def test_ledger_counts_what_runs(counted: tuple[AnyFace, Ledger], postgres_database: TestDatabase) -> None:
    """A transaction of one statement is three: the ledger sees them all."""
    _, ledger = counted
    ledger.since()
    postgres_database.execute("select 1")
    assert ledger.since() == 3


def test_winning_retry_takes_two_statements(counted: tuple[AnyFace, Ledger]) -> None:
    """One loads, owns and opens; one fences, swaps and appends: no BEGIN, no COMMIT, no ping, no setting."""
    face, ledger = counted
    inbox = born(face)
    ledger.since()
    assert retry(face, inbox).version == 2
    assert ledger.since() == 2


def test_winning_retry_takes_two_statements_when_prepared(counted: tuple[AnyFace, Ledger]) -> None:
    """After many calls, when the driver prepares its statements, it is still two."""
    face, ledger = counted
    inboxes = [born(face, f"box-{number}@mail.example.com") for number in range(8)]
    for inbox in inboxes[1:]:
        retry(face, inbox)
    ledger.since()
    assert retry(face, inboxes[0]).version == 2
    assert ledger.since() == 2


def test_registration_takes_one_statement(counted: tuple[AnyFace, Ledger]) -> None:
    """Domain, row, event and queue row are one statement."""
    face, ledger = counted
    ledger.since()
    assert born(face, ANA).version == 1
    assert ledger.since() == 1


def test_refused_retry_takes_two_statements(counted: tuple[AnyFace, Ledger]) -> None:
    """One opens and tells the gate, one closes with the verdict."""
    face, ledger = counted
    inbox = warming(face)
    ledger.since()
    with pytest.raises(RetryRefused):
        retry(face, inbox)
    assert ledger.since() == 2


def test_retry_of_an_unknown_inbox_takes_one_statement(counted: tuple[AnyFace, Ledger]) -> None:
    """Foreign and unknown ids cost the same: one statement that finds nothing."""
    face, ledger = counted
    inbox = born(face)
    ledger.since()
    for inbox_id, owner_id in ((inbox.id, "somebody-else"), (str(uuid4()), OWNER)):
        with pytest.raises(LookupError):
            face.retry_warmup(inbox_id, owner_id=owner_id)
        assert ledger.since() == 1
