"""`inbox-lifecycle db`: making the schema, looking at the set-up, and letting a role write."""

from __future__ import annotations

import uuid
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from inbox_lifecycle.store.roles import KINDS, Kind, writer_grants
from inbox_lifecycle.store.version import HEAD
from tests.support.commands import Terminal
from tests.support.databases import Postgres, TestDatabase
from tests.support.roles import a_role, rights


def test_upgrading_an_empty_database_makes_it_fit(empty_database: TestDatabase, tmp_path: Path) -> None:
    """`db check` ends with 41 before `db upgrade` and with 0 after it, and tells the revisions both times."""
    terminal = Terminal(tmp_path, empty_database)
    before = terminal.run("db", "check")
    upgraded = terminal.run("db", "upgrade")
    after = terminal.run("db", "check")
    assert (before.code, upgraded.code, after.code) == (41, 0, 0)
    assert upgraded.document == {"revision": HEAD}
    assert (before.document["found"], before.document["works"]) == (None, False)
    assert (after.document["found"], after.document["works"]) == (HEAD, True)
    assert "`inbox-lifecycle db upgrade`" in before.err


def test_upgrading_makes_the_sqlite_file_of_the_default_and_nothing_else_does(tmp_path: Path) -> None:
    """Without a database's URL the file inboxes.db is meant; a command that only looks does not create it."""
    terminal = Terminal(tmp_path)
    looked = terminal.run("find", "--as-operator", "olga")
    assert (looked.code, list(tmp_path.iterdir())) == (41, [])
    assert terminal.run("db", "upgrade").code == 0
    assert (tmp_path / "inboxes.db").is_file()


def test_a_schema_of_another_name_is_made_and_found(postgres_database: TestDatabase, tmp_path: Path) -> None:
    """`--schema` reaches the migrations and the commands alike, odd letters included."""
    terminal = Terminal(tmp_path, postgres_database)
    assert terminal.run("db", "upgrade", "--schema", 'an "odd" one').code == 0
    ran = terminal.run("find", "--as-operator", "olga", "--schema", 'an "odd" one')
    assert (ran.code, ran.document["accounts"]) == (0, [])


def test_checking_as_a_superuser_warns_and_as_a_writer_does_not(
    postgres: Postgres, postgres_database: TestDatabase, tmp_path: Path
) -> None:
    """`db grant --apply` makes a role that `db check` finds nothing to say about; the superuser is warned."""
    role = f"writer_{uuid.uuid4().hex[:8]}"
    postgres.administer(sql.SQL("create role {} login").format(sql.Identifier(role)))
    try:
        terminal = Terminal(tmp_path, postgres_database)
        granted = terminal.run("db", "grant", role, "--apply")
        superuser = terminal.run("db", "check")
        terminal.settings["DATABASE_URL"] = postgres_database.url.replace("postgres@", f"{role}@", 1)
        writer = terminal.run("db", "check")
    finally:
        _drop_role(postgres, postgres_database, role)
    assert (granted.code, superuser.code, writer.code) == (0, 0, 0)
    (warning,) = superuser.document["warnings"]
    assert warning.startswith("the role is a superuser")
    assert writer.document["warnings"] == []


def test_checking_as_the_owner_of_the_tables_warns(
    postgres: Postgres, postgres_database: TestDatabase, tmp_path: Path
) -> None:
    """Whoever owns the tables could drop their guards."""
    role = f"owner_{uuid.uuid4().hex[:8]}"
    postgres.administer(sql.SQL("create role {} login").format(sql.Identifier(role)))
    try:
        terminal = Terminal(tmp_path, postgres_database)
        postgres_database.execute(f"grant create on database {_name(postgres_database)} to {role}")
        terminal.settings["DATABASE_URL"] = postgres_database.url.replace("postgres@", f"{role}@", 1)
        assert terminal.run("db", "upgrade", "--schema", "theirs").code == 0
        ran = terminal.run("db", "check", "--schema", "theirs")
    finally:
        _drop_role(postgres, postgres_database, role)
    (warning,) = ran.document["warnings"]
    assert (ran.code, warning.startswith("the role owns the tables")) == (0, True)


def test_granting_without_apply_prints_sql_and_runs_nothing(
    postgres: Postgres, postgres_database: TestDatabase, tmp_path: Path
) -> None:
    """`db grant` is made to be piped into psql: SQL in one transaction, even where nobody is looking."""
    role = f"writer_{uuid.uuid4().hex[:8]}"
    postgres.administer(sql.SQL("create role {}").format(sql.Identifier(role)))
    try:
        ran = Terminal(tmp_path, postgres_database).run("db", "grant", role)
        query = "select has_schema_privilege(?, 'inbox_lifecycle', 'usage')"
        granted = postgres_database.execute(query, (role,))
    finally:
        _drop_role(postgres, postgres_database, role)
    assert (ran.code, granted) == (0, [(False,)])
    assert tuple(ran.out.removesuffix(";\n").split(";\n")) == ("begin", *writer_grants(role), "commit")


@pytest.mark.parametrize("kind", KINDS)
def test_granting_as_a_kind_of_role_gives_the_rights_of_that(
    postgres: Postgres, postgres_database: TestDatabase, tmp_path: Path, kind: Kind
) -> None:
    """`db grant --as` prints the kind's statements, which psql runs as they stand, and --apply runs them itself."""
    terminal = Terminal(tmp_path, postgres_database)
    with a_role(postgres, "of a kind") as role, a_role(postgres, "of its own") as by_hand:
        applied = terminal.run("db", "grant", role, "--as", kind, "--apply", "--format", "json")
        printed = terminal.run("db", "grant", by_hand, "--as", kind)
        with psycopg.connect(postgres_database.url, autocommit=True) as connection:
            connection.execute(printed.out.encode())
        found = rights(postgres_database, role)
        assert found == rights(postgres_database, by_hand) != set()
        postgres_database.execute(f'drop owned by "{role}", "{by_hand}"')
    assert (applied.code, applied.document["as"], applied.document["applied"]) == (0, kind, True)
    assert (("inboxes", "", "INSERT") in found, ("inbox_attempts", "", "DELETE") in found) == (
        kind != "auditor",
        kind == "keeper",
    )


def test_granting_on_sqlite_is_refused(sqlite_database: TestDatabase, tmp_path: Path) -> None:
    """SQLite has no roles."""
    ran = Terminal(tmp_path, sqlite_database).run("db", "grant", "writer", "--apply")
    assert (ran.code, ran.out) == (42, "")


def _name(database: TestDatabase) -> str:
    with psycopg.connect(database.url) as connection:
        return connection.info.dbname


def _drop_role(postgres: Postgres, database: TestDatabase, role: str) -> None:
    database.execute(f"drop owned by {role} cascade")
    postgres.administer(sql.SQL("drop role {}").format(sql.Identifier(role)))
