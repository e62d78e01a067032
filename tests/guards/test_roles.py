"""The kinds of roles: a keeper erases and prunes on top of a writer, an auditor looks, and none does any more.

What each is refused among forgeries, theft and rewriting stands in the other files here, which try it as every role.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import get_args

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import create_engine

from inbox_lifecycle import Inbox, Inboxes, Instantly
from inbox_lifecycle.errors import InvalidInput, StoreMisconfigured
from inbox_lifecycle.store.engine import read_url
from inbox_lifecycle.store.roles import KINDS, Kind, apply_grants, auditor_grants, grants, keeper_grants, writer_grants
from tests.support.contract import nothing_moves
from tests.support.databases import Postgres, TestDatabase
from tests.support.forging import NO_RIGHT, Ground, make_ground
from tests.support.roles import a_role, as_role, rights

ANA, BEA = "ana@mail.example.com", "bea@mail.example.com"
OWNER = "owner"
CONTEXT = ("owner_id", "actor", "reason", "correlation_id", "causation_id", "idempotency_key")
REVOKED = ("revoked_at", "revoked_by")
DAY = timedelta(days=1)

Connect = Callable[[Kind], Inboxes]


@pytest.fixture
def connect(postgres_database: TestDatabase, roles: dict[str, str], provider: Instantly) -> Iterator[Connect]:
    """Opens facades that work as a role of a kind."""
    opened: list[Inboxes] = []

    def open_as(kind: Kind) -> Inboxes:
        apply_grants(postgres_database.url, roles[kind], kind=kind)
        opened.append(Inboxes(as_role(postgres_database.url, roles[kind]), provider))
        return opened[-1]

    yield open_as
    for inboxes in opened:
        inboxes.close()


@pytest.fixture
def inbox(connect: Connect) -> Inbox:
    """An inbox with a history and an attempt, and another of its domain."""
    writer = connect("writer")
    writer.register(email_address=BEA, owner_id=OWNER)
    return writer.register(email_address=ANA, owner_id=OWNER, start_warmup=True)


def let_leases_pass(database: TestDatabase) -> None:
    """No call is alive any more."""
    database.execute("update {s}inbox_attempts set lease_until = opened_at")


def test_a_keeper_erases(connect: Connect, inbox: Inbox, postgres_database: TestDatabase) -> None:
    """The last inbox of a domain as well, and the history verifies."""
    keeper = connect("keeper").operator(actor="kay")
    assert keeper.erase(inbox.id, reason="asked to").version == inbox.version + 1
    (other,) = keeper.find(owner_id=OWNER).items
    keeper.erase(other.id, reason="asked to")
    assert postgres_database.count("email_domains") == 0
    assert keeper.verify().findings == []


def test_a_keeper_prunes(connect: Connect, inbox: Inbox, postgres_database: TestDatabase) -> None:
    """Attempts that are over."""
    keeper = connect("keeper").operator(actor="kay")
    let_leases_pass(postgres_database)
    assert len(list(keeper.attempts(inbox.id))) == 1
    assert keeper.prune_attempts(timedelta(microseconds=1)) == 1
    assert list(keeper.attempts(inbox.id)) == []


def test_a_keeper_does_what_a_writer_does(connect: Connect, inbox: Inbox) -> None:
    """Register, move, reconcile and seal."""
    keeper = connect("keeper")
    operator = keeper.operator(actor="kay")
    born = keeper.register(email_address="cleo@mail.example.com", owner_id=OWNER, start_warmup=True)
    assert operator.ban(inbox.id).status == operator.ban(born.id).status == "banned"
    assert operator.reconcile().settled == 0
    assert operator.seal().events == 7
    assert operator.verify().findings == []


def test_a_writer_seals_and_reads_the_feed(connect: Connect, inbox: Inbox) -> None:
    """And keeps its place in it."""
    operator = connect("writer").operator(actor="will")
    assert operator.seal().events == 3
    names: list[str] = []
    assert operator.subscribe("mirror", lambda fed: names.append(fed.event.name)).handled == 3
    assert (names.count("inbox.registered"), [fed.position for fed in operator.feed().items]) == (2, [0, 1, 2])
    assert operator.verify(inbox.id).findings == []


@pytest.mark.parametrize("kind", ["writer", "auditor"])
def test_nobody_but_a_keeper_erases(
    connect: Connect, inbox: Inbox, postgres_database: TestDatabase, kind: Kind
) -> None:
    """The error names the cure, and nothing of it was done."""
    operator = connect(kind).operator(actor="will")
    before = postgres_database.execute("select * from {s}inbox_attempts")
    with nothing_moves(postgres_database), pytest.raises(StoreMisconfigured, match="--as keeper"):
        operator.erase(inbox.id, reason="asked to")
    assert postgres_database.execute("select * from {s}inbox_attempts") == before


@pytest.mark.parametrize("kind", ["writer", "auditor"])
def test_nobody_but_a_keeper_prunes(
    connect: Connect, inbox: Inbox, postgres_database: TestDatabase, kind: Kind
) -> None:
    """However old an attempt is."""
    let_leases_pass(postgres_database)
    operator = connect(kind).operator(actor="will")
    with pytest.raises(StoreMisconfigured, match="--as keeper"):
        operator.prune_attempts(timedelta(microseconds=1))
    assert len(list(operator.attempts(inbox.id))) == 1


def test_an_auditor_looks(connect: Connect, inbox: Inbox) -> None:
    """At rows, histories and attempts, and whether all of it is as it was written."""
    writer = connect("writer").operator(actor="will")
    writer.seal()
    auditor = connect("auditor").operator(actor="ada")
    assert auditor.get(inbox.id) == inbox
    assert auditor.find().items == writer.find().items
    assert list(auditor.history(inbox.id)) == list(writer.history(inbox.id))
    assert list(auditor.attempts(inbox.id)) == list(writer.attempts(inbox.id))
    report = auditor.verify()
    assert (report.findings, report.inboxes, report.events, report.attempts) == ([], 2, 3, 1)


def test_a_writer_looks_keys_up_and_can_neither_make_nor_revoke_one(
    connect: Connect, postgres_database: TestDatabase
) -> None:
    """Whoever takes a service over cannot give themselves a key; the error names the role that can."""
    made = connect("keeper").operator(actor="kay").create_api_key(owner_id=OWNER)
    before = postgres_database.execute("select * from {s}inbox_api_keys")
    writer = connect("writer")
    assert writer.api_key_of(made.token) == made.key
    operator = writer.operator(actor="will")
    assert list(operator.api_keys()) == [made.key]
    for change in (lambda: operator.create_api_key(owner_id=OWNER), lambda: operator.revoke_api_key(made.key.id)):
        with pytest.raises(StoreMisconfigured, match="--as keeper"):
            change()
    assert postgres_database.execute("select * from {s}inbox_api_keys") == before
    revoked = connect("keeper").operator(actor="kay").revoke_api_key(made.key.id)
    assert (revoked.revoked_by, writer.api_key_of(made.token)) == ("kay", None)


def test_an_auditor_lists_keys_and_reads_no_hash(
    connect: Connect, postgres_database: TestDatabase, roles: dict[str, str]
) -> None:
    """So that nobody who only looks has anything to try tokens against."""
    made = connect("keeper").operator(actor="kay").create_api_key(owner_id=OWNER)
    auditor = connect("auditor")
    assert list(auditor.operator(actor="ada").api_keys()) == [made.key]
    with pytest.raises(StoreMisconfigured):
        auditor.api_key_of(made.token)
    with (
        psycopg.connect(as_role(postgres_database.url, roles["auditor"])) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("select hash from inbox_lifecycle.inbox_api_keys")


WRITES: dict[str, Callable[[Inboxes, Inbox], object]] = {
    "register": lambda inboxes, _: inboxes.register(email_address="cleo@mail.example.com", owner_id=OWNER),
    "retry": lambda inboxes, inbox: inboxes.retry_warmup(inbox.id, owner_id=OWNER),
    "ban": lambda inboxes, inbox: inboxes.operator(actor="ada").ban(inbox.id),
    "correct": lambda inboxes, inbox: inboxes.operator(actor="ada").correct(
        inbox.id, status="active", warmup_status="active", reason="by hand"
    ),
    "seal": lambda inboxes, _: inboxes.operator(actor="ada").seal(),
    "subscribe": lambda inboxes, _: inboxes.operator(actor="ada").subscribe("mirror", lambda _: None),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_an_auditor_writes_nothing(
    connect: Connect, inbox: Inbox, postgres_database: TestDatabase, write: Callable[[Inboxes, Inbox], object]
) -> None:
    """Every call that would is refused by the database."""
    auditor = connect("auditor")
    with nothing_moves(postgres_database), pytest.raises(StoreMisconfigured):
        write(auditor, inbox)
    assert (postgres_database.count("inbox_attempts"), postgres_database.count("inbox_feed")) == (1, 0)


#: What no right of ours covers; each is the owner's or a superuser's to do.
ABUSES = {
    "play-a-replica": "set session_replication_role = replica",
    "disable-a-trigger": "alter table {s}inbox_events disable trigger inbox_events_frozen",
    "disable-all-triggers": "alter table {s}inboxes disable trigger all",
    "drop-a-trigger": "drop trigger inboxes_stepped on {s}inboxes",
    "drop-a-constraint": "alter table {s}inboxes drop constraint inboxes_explained",
    "replace-a-guard": "create or replace function {s}inbox_events_frozen() returns trigger language plpgsql"
    " as $$ begin return new; end $$",
    "drop-the-events": "drop table {s}inbox_events cascade",
    "truncate-the-events": "truncate {s}inbox_events cascade",
    "truncate-the-attempts": "truncate {s}inbox_attempts",
    "switch-off-row-security": "alter table {s}inboxes disable row level security",
    "make-a-table": "create table {s}mine (n integer)",
    "change-the-provider": "update {s}inboxes set provider = 'mine'",
    "rename-a-domain": "update {s}email_domains set domain = 'mine.example.com'",
    "rewrite-a-position": "update {s}inbox_feed set position = position + 1",
    "forget-a-checkpoint": "delete from {s}inbox_checkpoints",
    "set-the-revision": "update {s}inbox_lifecycle_alembic_version set version_num = '0'",
    "rewrite-the-queue": "update {s}inbox_feed_queue set version = 9",
    "swap-a-keys-hash": "update {s}inbox_api_keys set hash = hash",
    "give-a-key-to-another": "update {s}inbox_api_keys set owner_id = 'mallory'",
    "forget-a-key": "delete from {s}inbox_api_keys",
}


@pytest.mark.parametrize("statement", ABUSES.values(), ids=ABUSES.keys())
@pytest.mark.parametrize("kind", KINDS)
def test_no_role_can_do_what_its_owner_can(
    postgres_ground_of_all: Ground, roles: dict[str, str], kind: Kind, statement: str
) -> None:
    """Not the keeper either: refused for want of the right, before any guard is asked."""
    ground = postgres_ground_of_all
    before = ground.contents()
    granted = Ground(ground.database, as_role(ground.database.url, roles[kind]), True, ground.ana, ground.bea)  # noqa: FBT003 - foreign keys
    assert granted.refusal((statement, ())) == NO_RIGHT
    assert ground.contents() == before


@pytest.mark.parametrize("kind", KINDS)
def test_no_role_passes_its_rights_on(postgres_ground_of_all: Ground, roles: dict[str, str], kind: Kind) -> None:
    """PostgreSQL only warns, and grants nothing."""
    ground = postgres_ground_of_all
    with psycopg.connect(as_role(ground.database.url, roles[kind])) as connection:
        connection.execute("grant select on inbox_lifecycle.inbox_events to public")
    strangers = "select 1 from pg_class c, aclexplode(c.relacl) a where c.relname = 'inbox_events' and a.grantee = 0"
    assert ground.database.execute(strangers) == []


@pytest.fixture(scope="module")
def postgres_ground_of_all(postgres: Postgres, roles: dict[str, str]) -> Iterator[Ground]:
    """A history in which each kind has its rights."""
    with postgres.fresh() as database:
        for kind in KINDS:
            apply_grants(database.url, roles[kind], kind=kind)
        yield make_ground(database)


def test_a_keeper_drops_no_domain_that_somebody_has(postgres_ground_of_all: Ground, roles: dict[str, str]) -> None:
    """The right is there, and the foreign key holds."""
    ground = postgres_ground_of_all
    keeper = Ground(ground.database, as_role(ground.database.url, roles["keeper"]), True, ground.ana, ground.bea)  # noqa: FBT003 - foreign keys
    assert keeper.refusal(("delete from {s}email_domains", ())) == "inboxes_email_domain"


def test_an_auditor_has_the_right_to_look_at_every_table_and_no_other(
    postgres_database: TestDatabase, roles: dict[str, str]
) -> None:
    """So that a table that comes later is not forgotten here; of an API key all but its hash."""
    apply_grants(postgres_database.url, roles["auditor"], kind="auditor")
    tables = postgres_database.execute(
        "select table_name from information_schema.tables where table_schema = 'inbox_lifecycle'"
    )
    about_keys = ("id", "prefix", "owner_id", "label", "created_by", "created_at", "expires_at")
    expected = {(table, "", "SELECT") for (table,) in tables} - {("inbox_api_keys", "", "SELECT")}
    expected |= {("inbox_api_keys", column, "SELECT") for column in (*about_keys, *REVOKED)}
    assert rights(postgres_database, roles["auditor"]) == expected


def test_a_keeper_has_a_writers_rights_and_these(postgres_database: TestDatabase, roles: dict[str, str]) -> None:
    """Blanking what is erasable, dropping domains, deleting attempts, giving and revoking API keys."""
    for kind in KINDS:
        apply_grants(postgres_database.url, roles[kind], kind=kind)
    blanked = ("owner_id", "email_domain_id", "email_address", "address_key", "provider_ref", "erased_at")
    expected = {("email_domains", "", "DELETE"), ("inbox_attempts", "", "DELETE")}
    expected |= {("inboxes", column, "UPDATE") for column in blanked}
    expected |= {("inbox_events", column, "UPDATE") for column in (*CONTEXT, "context_key")}
    expected |= {("inbox_attempts", column, "UPDATE") for column in CONTEXT}
    expected |= {("inbox_api_keys", "", "INSERT"), *(("inbox_api_keys", column, "UPDATE") for column in REVOKED)}
    more = rights(postgres_database, roles["keeper"]) - rights(postgres_database, roles["writer"])
    assert more == expected
    assert rights(postgres_database, roles["writer"]) < rights(postgres_database, roles["keeper"])


@pytest.mark.parametrize("before", KINDS)
@pytest.mark.parametrize("after", KINDS)
def test_a_role_of_another_kind_has_exactly_the_rights_of_that(
    postgres: Postgres, postgres_database: TestDatabase, roles: dict[str, str], before: Kind, after: Kind
) -> None:
    """Whatever it was before, and whatever somebody had granted it by hand."""
    apply_grants(postgres_database.url, roles[after], kind=after)
    with a_role(postgres, "turncoat") as role:
        apply_grants(postgres_database.url, role, kind=before)
        by_hand = sql.SQL("grant all on all tables in schema inbox_lifecycle to {}").format(sql.Identifier(role))
        with postgres_database.connect() as connection:
            connection.execute(by_hand)
        apply_grants(postgres_database.url, role, kind=after)
        found = rights(postgres_database, role)
        postgres_database.execute(f'drop owned by "{role}"')
    assert found == rights(postgres_database, roles[after]) != set()


def test_changing_the_kind_waits_for_nobody_who_writes(
    postgres_database: TestDatabase, connect: Connect, roles: dict[str, str]
) -> None:
    """A service in the middle of a transaction goes on, and has its new rights from its next statement on."""
    connect("writer")
    impatient = create_engine(read_url(postgres_database.url), connect_args={"options": "-c lock_timeout=250ms"})
    with psycopg.connect(as_role(postgres_database.url, roles["writer"])) as service:
        service.execute("update inbox_lifecycle.inboxes set updated_at = updated_at where false")
        apply_grants(impatient, roles["writer"], kind="keeper")
        service.execute("update inbox_lifecycle.inboxes set erased_at = erased_at where false")
        apply_grants(impatient, roles["writer"], kind="auditor")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            service.execute("update inbox_lifecycle.inboxes set updated_at = updated_at where false")
    impatient.dispose()


def test_grants_of_each_kind_are_had_by_name() -> None:
    """The three functions and the one that takes the kind say the same."""
    assert get_args(Kind) == KINDS
    by_name = {"writer": writer_grants, "keeper": keeper_grants, "auditor": auditor_grants}
    assert {kind: grants(kind, "app", "s") for kind in KINDS} == {
        kind: grants_of("app", "s") for kind, grants_of in by_name.items()
    }


def test_an_unknown_kind_is_refused() -> None:
    """By the words there are."""
    with pytest.raises(InvalidInput, match="writer, keeper, auditor"):
        grants("owner", "app")
