"""The rule for migrations (`rule.py`) holds for those that are shipped, and bites where it is broken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from inbox_lifecycle import Inboxes
from inbox_lifecycle.errors import StoreError
from inbox_lifecycle.store.migrate import upgrade_along
from inbox_lifecycle.store.version import HEAD
from inbox_lifecycle.testing import Sandbox
from tests.migrations.living import live
from tests.migrations.planted import CONTRACT, LATER, Planted, on_both, plant
from tests.migrations.rule import chain, generation, noticed, number_after, wrongly_stated
from tests.support.databases import Postgres, SqliteFiles, TestDatabase

NEXT = number_after(HEAD, "expand")
NEW_GENERATION = number_after(HEAD, "contract")
SKIPPED = number_after(NEXT, "expand")


@dataclass(frozen=True)
class Broken:
    """A migration that says it only expands, and what running code would notice of it."""

    wrong: str
    statement: str


#: Each leaves the others alone, so that they can be walked one after another.
ON_BOTH = {
    "column-dropped": Broken(
        "column inbox_attempts.causation_id is gone", "alter table {s}inbox_attempts drop column causation_id"
    ),
    "column-renamed": Broken(
        "column inbox_attempts.detail is gone", "alter table {s}inbox_attempts rename column detail to details"
    ),
    "table-renamed": Broken(
        "table inbox_feed_queue.inbox_feed_queue is gone", "alter table {s}inbox_feed_queue rename to queue"
    ),
    "unique-on-old-columns": Broken(
        "index inboxes.one_a_domain: running code may write what it refuses",
        "create unique index one_a_domain on {s}inboxes (owner_id, email_domain_id)",
    ),
}
ON_SQLITE = {
    "guard-dropped": Broken("trigger inbox_events.inbox_events_kept is gone", "drop trigger inbox_events_kept"),
}
ON_POSTGRESQL = {
    "column-demanded": Broken(
        "column inbox_attempts.note: running code leaves it out",
        "alter table {s}inbox_attempts add column note text not null",
    ),
    "null-forbidden": Broken(
        "column inboxes.provider_ref is another now", "alter table {s}inboxes alter column provider_ref set not null"
    ),
    "type-changed": Broken(
        "column inbox_attempts.event_version is another now",
        "alter table {s}inbox_attempts alter column event_version type bigint",
    ),
    "check-tightened": Broken(
        "constraint inbox_attempts.inbox_attempts_kind_known is another now",
        "alter table {s}inbox_attempts drop constraint inbox_attempts_kind_known,"
        " add constraint inbox_attempts_kind_known check (kind in ('start', 'retry')) not valid",
    ),
    "check-at-once": Broken(
        "constraint inboxes.short: old rows are looked at while all calls wait",
        "alter table {s}inboxes add constraint short check (length(provider_ref) < 9)",
    ),
    "check-validated-in-the-same-step": Broken(
        "constraint inboxes.brief: old rows are looked at while all calls wait",
        "alter table {s}inboxes add constraint brief check (length(provider_ref) < 9) not valid;"
        " alter table {s}inboxes validate constraint brief",
    ),
    "index-in-a-transaction": Broken(
        "an index on inboxes is built while writers wait", "create index inboxes_updated on {s}inboxes (updated_at)"
    ),
    "table-written-anew": Broken(
        "file inboxes.inboxes is another now",
        "alter table {s}inboxes add column token uuid default gen_random_uuid()",
    ),
    "two-tables-locked": Broken(
        "email_domains and inboxes are locked at once",
        "alter table {s}email_domains add column note text; alter table {s}inboxes add column note text",
    ),
    "guard-off": Broken(
        "trigger inbox_events.inbox_events_head is another now",
        "alter table {s}inbox_events disable trigger inbox_events_head",
    ),
    "guard-rewritten": Broken(
        "function inboxes_stepped is another now",
        "create or replace function {s}inboxes_stepped() returns trigger language plpgsql set search_path = ''"
        " as 'begin return new; end'",
    ),
    "policy-made": Broken(
        "policy inboxes.hidden: it may hide rows", "create policy hidden on {s}inboxes as restrictive using (false)"
    ),
}
FORBIDDEN = {"sqlite": ON_BOTH | ON_SQLITE, "postgresql": ON_BOTH | ON_POSTGRESQL}
_EACH = [(kind, name) for kind, broken in FORBIDDEN.items() for name in broken]


@pytest.fixture(scope="module")
def walked(
    sqlite_files: SqliteFiles, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], list[str]]:
    """What is found of each forbidden migration, by kind of database and name."""
    found: dict[tuple[str, str], list[str]] = {}
    for home in (sqlite_files, postgres):
        with home.fresh() as database:
            forbidden = FORBIDDEN[database.kind]
            planted = [on_both("It says that it expands.", broken.statement) for broken in forbidden.values()]
            migrations = plant(tmp_path_factory.mktemp("forbidden"), *planted)
            breaches = noticed(migrations, database)
            for name, step in zip(forbidden, chain(migrations)[-len(forbidden) :], strict=True):
                mine = [breach for breach in breaches if breach.startswith(f"{step.revision}: ")]
                found[database.kind, name] = [breach.partition(": ")[2] for breach in mine]
    return found


def test_every_migration_abides_by_the_rule(empty_database: TestDatabase, tmp_path: Path) -> None:
    """Those that are shipped, from the first on, and what may come after them one day."""
    migrations = plant(tmp_path, *LATER, CONTRACT)
    assert wrongly_stated(chain(migrations)) == []
    assert noticed(migrations, empty_database) == []
    assert upgrade_along(migrations, empty_database.url) == chain(migrations)[-1].revision


@pytest.mark.parametrize(
    ("planted", "wrong"),
    [
        (on_both("It states no phase.", phase=None, revision=NEXT), f"{NEXT} states no phase"),
        (on_both("Nor does this.", phase="both", revision=NEXT), f"{NEXT} states no phase"),
        (on_both("A serial is skipped.", revision=SKIPPED), f"{SKIPPED} is a wrong number: expand after {HEAD}"),
        (
            on_both("It keeps the generation.", phase="contract", revision=NEXT),
            f"contract after {HEAD} is {NEW_GENERATION}",
        ),
        (on_both("It begins another.", revision=NEW_GENERATION), f"expand after {HEAD} is {NEXT}"),
        (on_both("Its serial begins anew.", phase="contract", revision=f"{generation(HEAD) + 1}.0001"), "wrong number"),
    ],
    ids=["no-phase", "unknown-phase", "serial-skipped", "contract-in-place", "generation-for-nothing", "serial-anew"],
)
def test_migration_that_states_itself_wrongly_is_found(tmp_path: Path, planted: Planted, wrong: str) -> None:
    """Phase and number are what tells services of two versions whether they may share a database."""
    (found,) = wrongly_stated(chain(plant(tmp_path, planted)))
    assert wrong in found


def test_migration_whose_file_is_named_otherwise_is_found(tmp_path: Path) -> None:
    """Files stand in the order in which they run."""
    migrations = plant(tmp_path, *LATER[:1])
    (file,) = (migrations / "versions").glob("*_planted.py")
    file.rename(file.with_name("a_column.py"))
    assert wrongly_stated(chain(migrations)) == [f"{NEXT} stands in a_column.py: begin its name with the serial"]


@pytest.mark.parametrize(("kind", "name"), _EACH)
def test_expand_migration_that_running_code_would_notice_is_found(
    walked: dict[tuple[str, str], list[str]], kind: str, name: str
) -> None:
    """The catalog, or a lock that is held, tells."""
    found = walked[kind, name]
    assert [breach for breach in found if breach.startswith(FORBIDDEN[kind][name].wrong)], found


def test_contract_may_do_all_of_this(database: TestDatabase, tmp_path: Path) -> None:
    """The code of the generation before is not at work any more."""
    statements = [broken.statement for broken in ON_BOTH.values()]
    assert noticed(plant(tmp_path, on_both("It contracts.", *statements, phase="contract")), database) == []


NO_REFERENCE = Planted(
    what="A guard that code of today does not pass.",
    postgresql=("alter table {s}inboxes add constraint inboxes_reference check (provider_ref is not null) not valid",),
    sqlite=(
        (
            "create trigger inboxes_reference before insert on inboxes when new.provider_ref is null"
            " begin select raise(abort, 'inboxes_reference'); end"
        ),
    ),
)
NO_RIGHT = Planted(
    what="A trigger that does what the service has no right to.",
    postgresql=(
        "create table {s}births (inbox_id uuid)",
        "create function {s}n() returns trigger language plpgsql as $$ begin truncate {s}births; return null; end $$",
        "create trigger note after insert on {s}inboxes for each statement execute function {s}n()",
    ),
)


@pytest.mark.parametrize(
    ("database", "planted"),
    [("sqlite", NO_REFERENCE), ("postgresql", NO_REFERENCE), ("postgresql", NO_RIGHT)],
    ids=["sqlite-guard", "postgresql-guard", "postgresql-right"],
    indirect=["database"],
)
def test_guard_that_refuses_running_code_is_found_by_running_it(
    database: TestDatabase, service: Inboxes, provider_sandbox: Sandbox, tmp_path: Path, planted: Planted
) -> None:
    """The catalog cannot tell what running code writes, and as whom; the service can."""
    live(service, provider_sandbox)
    assert noticed(plant(tmp_path, planted), database) == []
    with pytest.raises(StoreError):
        live(service, provider_sandbox)
