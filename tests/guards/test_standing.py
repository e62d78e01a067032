"""Guards that do not stand are named: whatever an owner may do to them with SQL, and nothing where all stand."""

from __future__ import annotations

import psycopg
import pytest

from inbox_lifecycle import upgrade_schema
from inbox_lifecycle.audit.checks import Finding
from inbox_lifecycle.audit.standing import check_guards
from inbox_lifecycle.store.roles import apply_grants
from tests.support.databases import Postgres, TestDatabase
from tests.support.flows import run_on
from tests.support.roles import a_role, as_role

AWKWARD_SCHEMA = 'audit v1.x%:y "z"'

#: A trigger's function that lets everything pass.
LETS_PASS = "returns trigger language plpgsql set search_path = '' as $$ begin return coalesce(new, old); end $$"

FROZEN = "trigger inbox_events_frozen on inbox_events"
OF_ENTRY = r"check (hash = sha256(('\x00'::bytea || entry)))"
IDEMPOTENT = "unique index inbox_events_idempotency_key on inbox_events"

#: What is done on PostgreSQL, the guard it is done to, what is expected of it, and what is found.
ON_POSTGRESQL = {
    "trigger-dropped": (
        "drop trigger inbox_events_frozen on {s}inbox_events",
        FROZEN,
        "enabled always, before delete or update for each row, runs inbox_events_frozen",
        "missing",
    ),
    "trigger-off": (
        "alter table {s}inbox_events disable trigger inbox_events_head",
        "trigger inbox_events_head on inbox_events",
        "enabled",
        "disabled",
    ),
    "trigger-on-replicas-only": (
        "alter table {s}inbox_feed enable replica trigger inbox_feed_append_only",
        "trigger inbox_feed_append_only on inbox_feed",
        "enabled always",
        "enabled on replicas only",
    ),
    "trigger-not-always": (
        "alter table {s}inbox_events enable trigger inbox_events_kept",
        "trigger inbox_events_kept on inbox_events",
        "enabled always",
        "enabled",
    ),
    "trigger-for-deleting-only": (
        (
            "create or replace trigger inbox_events_frozen before delete on {s}inbox_events"
            " for each row execute function {s}inbox_events_frozen();"
            " alter table {s}inbox_events enable always trigger inbox_events_frozen"
        ),
        FROZEN,
        "before delete or update for each row",
        "before delete for each row",
    ),
    "trigger-of-other-columns": (
        (
            "create or replace trigger inboxes_fixed after update of owner_id on {s}inboxes"
            " for each row execute function {s}inboxes_fixed()"
        ),
        "trigger inboxes_fixed on inboxes",
        (
            "after update of owner_id, email_domain_id, email_address, address_key, provider, created_at, erased_at"
            " for each row"
        ),
        "after update of owner_id for each row",
    ),
    "trigger-on-a-condition": (
        (
            "create or replace trigger inbox_events_head after insert on {s}inbox_events"
            " for each row when (false) execute function {s}inbox_events_head()"
        ),
        "trigger inbox_events_head on inbox_events",
        "after insert for each row",
        "after insert for each row on a condition",
    ),
    "trigger-of-another-function": (
        (
            f"create function public.inbox_events_head() {LETS_PASS};"
            " create or replace trigger inbox_events_head after insert on {s}inbox_events"
            " for each row execute function public.inbox_events_head()"
        ),
        "trigger inbox_events_head on inbox_events",
        "runs inbox_events_head",
        "runs a function of another schema",
    ),
    "function-that-searches": (
        "alter function {s}inbox_events_frozen() reset search_path",
        "function inbox_events_frozen",
        'plpgsql, set search_path=""',
        "plpgsql",
    ),
    "check-dropped": (
        "alter table {s}inbox_events drop constraint inbox_events_hash_of_entry",
        "constraint inbox_events_hash_of_entry on inbox_events",
        f"{OF_ENTRY}, validated, enforced",
        "missing",
    ),
    "check-not-validated": (
        (
            "alter table {s}inbox_events drop constraint inbox_events_hash_sha256;"
            " alter table {s}inbox_events add constraint inbox_events_hash_sha256 check (length(hash) = 32) not valid"
        ),
        "constraint inbox_events_hash_sha256 on inbox_events",
        "validated",
        "not validated",
    ),
    "check-of-less": (
        (
            "alter table {s}inbox_events drop constraint inbox_events_hash_of_entry;"
            " alter table {s}inbox_events add constraint inbox_events_hash_of_entry check (hash <> entry)"
        ),
        "constraint inbox_events_hash_of_entry on inbox_events",
        OF_ENTRY,
        "check (hash <> entry)",
    ),
    "key-not-validated": (
        (
            "alter table {s}inbox_events drop constraint inbox_events_inbox; alter table {s}inbox_events"
            " add constraint inbox_events_inbox foreign key (inbox_id) references {s}inboxes (id) not valid"
        ),
        "constraint inbox_events_inbox on inbox_events",
        "validated",
        "not validated",
    ),
    "key-that-acts": (
        (
            "alter table {s}inbox_events drop constraint inbox_events_inbox; alter table {s}inbox_events"
            " add constraint inbox_events_inbox foreign key (inbox_id) references {s}inboxes (id) on delete cascade"
        ),
        "constraint inbox_events_inbox on inbox_events",
        "foreign key (inbox_id) references inboxes (id)",
        "foreign key (inbox_id) references inboxes (id), with actions",
    ),
    "key-to-elsewhere": (
        (
            "create table public.inboxes (id uuid primary key);"
            " alter table {s}inbox_events drop constraint inbox_events_inbox; alter table {s}inbox_events"
            " add constraint inbox_events_inbox foreign key (inbox_id) references public.inboxes (id)"
        ),
        "constraint inbox_events_inbox on inbox_events",
        "foreign key (inbox_id) references inboxes (id)",
        "foreign key (inbox_id) references another schema (id)",
    ),
    "not-null-dropped": (
        "alter table {s}inbox_events alter column hash drop not null",
        "column hash of inbox_events",
        "not null",
        "missing",
    ),
    "unique-index-of-less": (
        (
            "drop index {s}inbox_events_idempotency_key; create unique index inbox_events_idempotency_key"
            " on {s}inbox_events (inbox_id, idempotency_key) where idempotency_key <> '' and version < 9"
        ),
        IDEMPOTENT,
        "(inbox_id, idempotency_key) where (idempotency_key IS NOT NULL)",
        "(inbox_id, idempotency_key) where ((idempotency_key <> ''::text) AND (version < 9))",
    ),
    "unique-index-not-unique": (
        (
            "drop index {s}inbox_events_idempotency_key;"
            " create index inbox_events_idempotency_key on {s}inbox_events (inbox_id, idempotency_key)"
        ),
        IDEMPOTENT,
        "(inbox_id, idempotency_key) where (idempotency_key IS NOT NULL), valid",
        "missing",
    ),
    "unique-index-invalid": (
        "update pg_index set indisvalid = false where indexrelid = '{s}inbox_events_idempotency_key'::regclass",
        IDEMPOTENT,
        "valid",
        "invalid",
    ),
    "row-level-security-off": (
        "alter table {s}inbox_events disable row level security",
        "table inbox_events",
        "row-level security on",
        "row-level security off",
    ),
}

#: What a host may have beside us, and on our own tables.
OF_THE_HOST = (
    "create table {s}invoices (id integer primary key, inbox_id text, total integer check (total > 0))",
    "create index inboxes_by_provider on {s}inboxes (provider)",
    "create unique index inboxes_by_ref on {s}inboxes (provider_ref)",
    "alter table {s}inboxes add column colour text",
)
HOST_TRIGGER = {
    "sqlite": ("create trigger invoiced after insert on inboxes begin insert into invoices (id) values (null); end",),
    "postgresql": (
        f"create function {{s}}invoiced() {LETS_PASS}",
        "create trigger invoiced after insert on {s}inboxes for each row execute function {s}invoiced()",
    ),
}


def _found(database: TestDatabase) -> list[Finding]:
    return run_on(database.url, check_guards())


def _said(database: TestDatabase) -> list[tuple[str | None, str, str]]:
    return [(finding.guard, finding.expected, finding.found) for finding in _found(database)]


def test_migrated_database_has_all_its_guards(database: TestDatabase) -> None:
    """There is nothing to say."""
    assert _found(database) == []


@pytest.mark.parametrize(("damage", "guard", "expected", "found"), ON_POSTGRESQL.values(), ids=ON_POSTGRESQL.keys())
def test_damaged_guard_is_named_with_what_it_should_be(
    postgres_database: TestDatabase, damage: str, guard: str, expected: str, found: str
) -> None:
    """It alone, and only what about it is not as it should be."""
    postgres_database.execute(damage)
    assert _found(postgres_database) == [
        Finding(kind="guard", guard=guard, expected=f"{guard}, {expected}", found=found)
    ]


def test_function_that_lets_everything_pass_is_named(postgres_database: TestDatabase) -> None:
    """Its trigger looks as ever; the source does not."""
    postgres_database.execute(f"create or replace function {{s}}inbox_events_frozen() {LETS_PASS}")
    ((guard, expected, found),) = _said(postgres_database)
    assert guard == "function inbox_events_frozen"
    assert expected.startswith("function inbox_events_frozen, source ")
    assert found.startswith("source ")
    assert not expected.endswith(found)


def test_function_that_names_no_schema_is_another_one(postgres_database: TestDatabase) -> None:
    """It would ask a temporary table of the forger's own; the rest of its words is the same."""
    ((source,),) = postgres_database.execute("select prosrc from pg_proc where proname = 'inbox_events_head'")
    bare = source.replace('"inbox_lifecycle".', "").replace("%", "%%")
    assert "from inboxes " in bare
    postgres_database.execute(
        "create or replace function {s}inbox_events_head() returns trigger language plpgsql set search_path = ''"
        f" as $guard${bare}$guard$"
    )
    assert [guard for guard, _, _ in _said(postgres_database)] == ["function inbox_events_head"]


def test_function_dropped_with_its_triggers_is_named_with_them(postgres_database: TestDatabase) -> None:
    """Every guard that went is named."""
    postgres_database.execute("drop function {s}inbox_events_frozen() cascade")
    assert [(guard, found) for guard, _, found in _said(postgres_database)] == [
        ("function inbox_events_frozen", "missing"),
        (FROZEN, "missing"),
        ("trigger inbox_events_kept on inbox_events", "missing"),
    ]


def test_foreign_keys_switched_off_are_named(postgres_database: TestDatabase) -> None:
    """A superuser can do that; the keys themselves look as ever."""
    postgres_database.execute("alter table {s}inboxes disable trigger all")
    assert [(guard, found) for guard, _, found in _said(postgres_database)] == [
        ("constraint inbox_events_inbox on inbox_events", "not enforced"),
        ("constraint inboxes_email_domain on inboxes", "not enforced"),
        ("constraint inboxes_explained on inboxes", "not enforced"),
        ("trigger inboxes_fixed on inboxes", "disabled"),
        ("trigger inboxes_stepped on inboxes", "disabled"),
    ]


def test_constraint_that_is_not_enforced_is_named(postgres_database: TestDatabase) -> None:
    """PostgreSQL 18 can do that; the ones before refuse, and there every constraint is enforced."""
    with psycopg.connect(postgres_database.url) as connection:
        knows = connection.info.server_version >= 180000
    damage = "alter table {s}inboxes alter constraint inboxes_explained not enforced"
    if not knows:
        with pytest.raises(psycopg.Error):
            postgres_database.execute(damage)
        assert _found(postgres_database) == []
        return
    postgres_database.execute(damage)
    ((guard, expected, found),) = _said(postgres_database)
    assert guard == "constraint inboxes_explained on inboxes"
    assert (expected.endswith(", validated, enforced"), found) == (True, "not validated, not enforced")


def test_checks_made_again_from_their_own_words_are_the_same(postgres_database: TestDatabase) -> None:
    """As a dump and its restoration do it."""
    checks = postgres_database.execute(
        "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint"
        " where contype = 'c' and connamespace = 'inbox_lifecycle'::regnamespace"
    )
    assert len(checks) > 15
    for table, name, words in checks:
        postgres_database.execute(f"alter table {table} drop constraint {name}, add constraint {name} {words}")
    assert _found(postgres_database) == []


def test_guards_are_read_the_same_whatever_a_session_likes(postgres_database: TestDatabase) -> None:
    """The server words what it shows by settings that a host may have chosen."""
    options = "&options=-c%20bytea_output%3Descape%20-c%20search_path%3Dinbox_lifecycle%2Cpublic"
    assert run_on(postgres_database.url + options, check_guards()) == []


def test_an_auditor_sees_the_guards_and_what_became_of_them(
    postgres: Postgres, postgres_database: TestDatabase
) -> None:
    """Looking takes no more than its rights."""
    with a_role(postgres, "auditor") as role:
        apply_grants(postgres_database.url, role, kind="auditor")
        sound = run_on(as_role(postgres_database.url, role), check_guards())
        postgres_database.execute(ON_POSTGRESQL["trigger-off"][0])
        damaged = run_on(as_role(postgres_database.url, role), check_guards())
        postgres_database.execute(f'drop owned by "{role}"')
    assert sound == []
    assert damaged == _found(postgres_database) != []


def test_guards_of_a_schema_of_another_name_are_looked_at_there(postgres: Postgres) -> None:
    """Its name means nothing, and what became of another schema's guards neither."""
    with postgres.fresh() as database:
        upgrade_schema(database.url, schema=AWKWARD_SCHEMA)
        assert run_on(database.url, check_guards(), schema=AWKWARD_SCHEMA) == []
        database.execute(ON_POSTGRESQL["trigger-dropped"][0])
        assert run_on(database.url, check_guards(), schema=AWKWARD_SCHEMA) == []
        quoted = '"' + AWKWARD_SCHEMA.replace('"', '""').replace("%", "%%") + '".'
        database.execute(ON_POSTGRESQL["trigger-off"][0].replace("{s}", quoted))
        found = run_on(database.url, check_guards(), schema=AWKWARD_SCHEMA)
    assert [finding.guard for finding in found] == [ON_POSTGRESQL["trigger-off"][1]]


def test_what_a_host_has_beside_us_is_its_own(database: TestDatabase) -> None:
    """Tables, indexes, columns, functions and triggers that no migration made are nobody's damage."""
    for statement in (*OF_THE_HOST, *HOST_TRIGGER[database.kind]):
        database.execute(statement)
    assert _found(database) == []
