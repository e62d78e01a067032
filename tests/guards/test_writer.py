"""The role that services run as: what it can do, what it cannot, and how it is made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import sql
from sqlalchemy import create_engine

from inbox_lifecycle import Inboxes, Instantly, SchemaMismatch, upgrade_schema
from inbox_lifecycle.errors import InvalidInput, ProviderOutcomeUnknown, StoreMisconfigured
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.store.engine import read_url
from inbox_lifecycle.store.roles import apply_grants, writer_grants
from inbox_lifecycle.testing import Sandbox
from tests.support.databases import Postgres, TestDatabase
from tests.support.forging import TABLES, make_ground, row_of
from tests.support.roles import a_role, as_role, rights

ANA = "ana@mail.example.com"
AWKWARD_SCHEMA = 'audit v1.x%:y"'


@pytest.fixture
def granted(postgres_database: TestDatabase, writer: str) -> TestDatabase:
    """A database in which the role has its rights, as the role reaches it."""
    apply_grants(postgres_database.url, writer)
    return TestDatabase("postgresql", as_role(postgres_database.url, writer), postgres_database.prefix)


@pytest.fixture
def inboxes(granted: TestDatabase, provider: Instantly) -> Iterator[Inboxes]:
    """A facade that works as the role."""
    with Inboxes(granted.url, provider) as opened:
        yield opened


def test_a_writer_registers_and_retries_an_inbox(inboxes: Inboxes, provider_sandbox: Sandbox) -> None:
    """The heart of the library needs no right beyond appending."""
    provider_sandbox.fail_next("error")
    inbox = inboxes.register(email_address=ANA, owner_id="owner", start_warmup=True)
    assert inboxes.retry_warmup(inbox.id, owner_id="owner").status == "warming"
    outcomes = [attempt.outcome for attempt in inboxes.attempts(inbox.id, owner_id="owner")]
    assert outcomes[-1] == "moved"


def test_a_writer_bans_and_corrects(inboxes: Inboxes) -> None:
    """An operator's moves need no more."""
    operator = inboxes.operator(actor="olga")
    inbox = operator.register(email_address=ANA, owner_id="owner")
    operator.ban(inbox.id)
    corrected = operator.correct(inbox.id, status="pending", warmup_status="not_started", reason="a mistake")
    assert (corrected.status, corrected.version) == ("pending", 3)


def test_a_writer_reconciles(inboxes: Inboxes, granted: TestDatabase, provider_sandbox: Sandbox) -> None:
    """Settling what a call left open needs no more."""
    inbox = inboxes.register(email_address=ANA, owner_id="owner")
    provider_sandbox.fail_next("cut")
    provider_sandbox.fail_next("error", on="account", times=50)
    with pytest.raises(ProviderOutcomeUnknown):
        inboxes.retry_warmup(inbox.id, owner_id="owner")
    provider_sandbox.clear_failures()
    granted.expire_leases()
    assert inboxes.operator(actor="olga").reconcile() == Reconciled(moved=1)


def test_a_writer_syncs_and_launches(inboxes: Inboxes, granted: TestDatabase, provider_sandbox: Sandbox) -> None:
    """Nor do claims, and giving up those that were left behind."""
    operator = inboxes.operator(actor="olga")
    inbox = operator.register(email_address=ANA, owner_id="owner", start_warmup=True)
    provider_sandbox.set_account(ANA, reputation=95, total_sent=300)
    assert [moved.event for moved in operator.sync_warmup().transitions.values()] == ["inbox.graduated"]
    provider_sandbox.fail_next("cut", on="activate")
    with pytest.raises(ProviderOutcomeUnknown):
        inboxes.launch_campaign("campaign-7", [inbox.id], owner_id="owner")
    granted.expire_leases()
    inboxes.launch_campaign("campaign-7", [inbox.id], owner_id="owner")
    outcomes = [attempt.outcome for attempt in inboxes.attempts(inbox.id, owner_id="owner")]
    assert outcomes == ["moved", "abandoned", "launched"]


def test_a_writer_verifies(inboxes: Inboxes) -> None:
    """Auditing needs no more."""
    operator = inboxes.operator(actor="vera")
    operator.ban(operator.register(email_address=ANA, owner_id="owner").id)
    report = operator.verify()
    assert (report.clean, report.events) == (True, 2)


def test_a_writer_has_these_rights_and_no_other(granted: TestDatabase, writer: str) -> None:
    """Nothing of the history can be deleted or truncated, and no event updated."""
    appended = {"email_domains", "inboxes", "inbox_events", "inbox_attempts"}
    appended |= {"inbox_feed", "inbox_tree_nodes", "inbox_checkpoints"}
    looked = {"inbox_feed_queue", "inbox_feed_head", "inbox_api_keys", "inbox_lifecycle_alembic_version"}
    consumers = {"inbox_subscriptions", "inbox_parked_events"}
    row = ("status", "warmup_status", "version", "head_hash", "updated_at")
    seen = ("lease_until", "seen_version", "seen_status", "seen_warmup_status")
    attempt = ("outcome", "closed_at", "event_version", "detail", "to_disable", *seen)
    expected = {(table, "", "INSERT") for table in appended}
    expected |= {(table, "", "SELECT") for table in (*appended, *looked)}
    expected |= {(table, "", right) for table in consumers for right in ("SELECT", "INSERT", "UPDATE", "DELETE")}
    expected |= {("inbox_feed_queue", "", "DELETE"), ("inbox_feed_head", "next_position", "UPDATE")}
    expected |= {("inboxes", column, "UPDATE") for column in row}
    expected |= {("inbox_attempts", column, "UPDATE") for column in attempt}
    expected |= {("inbox_feed_queue", column, "INSERT") for column in ("inbox_id", "version", "hash")}
    assert rights(granted, writer) == expected


def test_granting_twice_changes_nothing(postgres_database: TestDatabase, granted: TestDatabase, writer: str) -> None:
    """Rights and policies are the same after the second run."""
    policies = "select tablename, policyname, roles, cmd, qual, with_check from pg_policies order by 1, 2"
    before = (rights(granted, writer), granted.execute(policies))
    apply_grants(postgres_database.url, writer)
    assert (rights(granted, writer), granted.execute(policies)) == before


def test_granting_again_waits_for_nobody_who_writes(
    postgres_database: TestDatabase, granted: TestDatabase, writer: str
) -> None:
    """A service that is in the middle of a transaction has its tables locked; making its policies anew would wait."""
    impatient = create_engine(read_url(postgres_database.url), connect_args={"options": "-c lock_timeout=250ms"})
    with granted.connect() as service:
        service.execute("update inbox_lifecycle.inboxes set updated_at = updated_at where false")
        service.execute("select 1 from inbox_lifecycle.inbox_events")
        apply_grants(impatient, writer)
    impatient.dispose()


def test_two_writers_have_their_rights_side_by_side(
    postgres: Postgres, postgres_database: TestDatabase, granted: TestDatabase, writer: str
) -> None:
    """Granting to a second role takes nothing from the first."""
    before = rights(granted, writer)
    with a_role(postgres, "second") as second:
        apply_grants(postgres_database.url, second)
        assert rights(granted, writer) == rights(granted, second) == before
        postgres_database.execute(f'drop owned by "{second}"')


def test_a_role_that_is_granted_tables_by_hand_sees_no_rows(
    postgres: Postgres, postgres_database: TestDatabase
) -> None:
    """Row-level security lets in only roles that have their policy."""
    make_ground(postgres_database)
    with a_role(postgres, "stranger") as stranger:
        postgres_database.execute(f'grant usage on schema inbox_lifecycle to "{stranger}"')
        postgres_database.execute(f'grant all on all tables in schema inbox_lifecycle to "{stranger}"')
        seen = TestDatabase("postgresql", as_role(postgres_database.url, stranger), "inbox_lifecycle.")
        counts = [seen.count(table) for table in TABLES]
        postgres_database.execute(f'drop owned by "{stranger}"')
    assert counts == [0] * len(TABLES)


def test_grants_in_a_transaction_that_is_rolled_back_leave_nothing(
    postgres_database: TestDatabase, writer: str
) -> None:
    """On a Connection the grants are the caller's to commit."""
    engine = create_engine(read_url(postgres_database.url))
    with engine.connect() as connection:
        apply_grants(connection, writer)
        connection.rollback()
    engine.dispose()
    assert rights(postgres_database, writer) == set()


def test_grants_on_an_engine_are_committed(postgres_database: TestDatabase, writer: str) -> None:
    """An Engine of the owner's is good as well, and stays open."""
    engine = create_engine(read_url(postgres_database.url))
    apply_grants(engine, writer)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("select 1").scalar() == 1
    engine.dispose()
    assert rights(postgres_database, writer) != set()


@pytest.mark.parametrize("role", ["public", "none", "", "a\x00b", "r" * 64, "é" * 32])
def test_a_name_that_is_no_roles_is_refused(role: str) -> None:
    """Among them the one that would open the tables to everybody, and names that PostgreSQL would cut off."""
    with pytest.raises(InvalidInput, match="name"):
        writer_grants(role)


def test_names_are_quoted_whatever_they_hold() -> None:
    """A name never ends its quotes."""
    first, *_ = writer_grants('a"; drop table x; --', AWKWARD_SCHEMA)
    assert first == 'grant usage on schema "audit v1.x%:y""" to "a""; drop table x; --"'


def test_an_unknown_role_is_refused_with_the_cure(postgres_database: TestDatabase) -> None:
    """The role is made first."""
    with pytest.raises(StoreMisconfigured, match="create it first"):
        apply_grants(postgres_database.url, "nobody knows me")


def test_a_superuser_is_refused_as_a_writer(postgres_database: TestDatabase) -> None:
    """No grant limits one."""
    with pytest.raises(StoreMisconfigured, match="superuser"):
        apply_grants(postgres_database.url, "postgres")


def test_the_owner_of_the_tables_is_refused_as_a_writer(
    postgres: Postgres, postgres_database: TestDatabase, writer: str
) -> None:
    """An owner has every right whatever is granted."""
    with a_role(postgres, "owner") as owner:
        postgres_database.execute(f'alter table inbox_lifecycle.inboxes owner to "{owner}"')
        with pytest.raises(StoreMisconfigured, match="owns the tables"):
            apply_grants(postgres_database.url, owner)
        postgres_database.execute(f'reassign owned by "{owner}" to postgres')
    assert rights(postgres_database, writer) == set()


def test_granting_before_migrating_is_refused(postgres: Postgres, writer: str) -> None:
    """The error names the command that makes the tables."""
    with postgres.fresh(migrated=False) as empty, pytest.raises(SchemaMismatch, match="db upgrade"):
        apply_grants(empty.url, writer)


def test_sqlite_has_no_roles(sqlite_database: TestDatabase, writer: str) -> None:
    """Who may write the file is the file's affair."""
    with pytest.raises(StoreMisconfigured, match="no roles"):
        apply_grants(sqlite_database.url, writer)


def test_a_writer_works_in_a_schema_of_any_name(postgres: Postgres, writer: str) -> None:
    """Spaces, dots, percent signs, colons and quotes included."""
    with postgres.fresh(migrated=False) as database:
        upgrade_schema(database.url, schema=AWKWARD_SCHEMA)
        apply_grants(database.url, writer, AWKWARD_SCHEMA)
        with Inboxes(as_role(database.url, writer), schema=AWKWARD_SCHEMA) as inboxes:
            inbox = inboxes.register(email_address=ANA, owner_id="owner", provider="instantly")
            assert inboxes.operator(actor="olga").ban(inbox.id).status == "banned"


def test_operators_of_the_writers_own_do_not_fool_the_guards(postgres_database: TestDatabase, writer: str) -> None:
    """A role that may create operators somewhere, and puts them first on its search path, still cannot rewind a row."""
    apply_grants(postgres_database.url, writer)
    ground = make_ground(postgres_database, url=as_role(postgres_database.url, writer))
    with postgres_database.connect() as connection:
        connection.execute(sql.SQL("create schema evil authorization {}").format(sql.Identifier(writer)))
    before = ground.contents()
    never = [
        (statement.format(kind), ())
        for kind in ("int", "uuid")
        for statement in (
            "create function evil.never({0}, {0}) returns boolean language sql as 'select false'",
            "create operator evil.<> (function = evil.never, leftarg = {0}, rightarg = {0})",
        )
    ]
    back = "status = 'pending', warmup_status = 'not_started', version = 1, head_hash = ?"
    rewound = row_of(ground.ana, back, ground.hash_at(ground.ana, 1))
    assert ground.refusal(*never, ("set local search_path = evil, pg_catalog", ()), *rewound) == "inboxes_stepped"
    assert ground.contents() == before


@pytest.mark.parametrize(
    "statement",
    [
        "update {s}inbox_events set actor = 'mallory'",
        "delete from {s}inbox_events",
        "truncate {s}inboxes, {s}inbox_events",
    ],
    ids=["update", "delete", "truncate"],
)
def test_a_session_that_plays_a_replica_touches_no_event(postgres_database: TestDatabase, statement: str) -> None:
    """Even a superuser who switches ordinary triggers off for a session meets the ones that always fire."""
    ground = make_ground(postgres_database)
    before = ground.contents()
    replica = ("set local session_replication_role = replica", ())
    assert ground.refusal(replica, (statement, ())) == "inbox_events_frozen"
    assert ground.contents() == before
