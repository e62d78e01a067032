"""`token create`, `token list` and `token revoke`: what they print, and that a token is printed once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.commands import TOKEN_HINT, Terminal
from tests.support.databases import TestDatabase

WHO = ("--as-operator", "olga")


@pytest.fixture
def terminal(tmp_path: Path, database: TestDatabase) -> Terminal:
    """A shell with a migrated database, SQLite and again PostgreSQL."""
    return Terminal(tmp_path, database)


@pytest.fixture
def small_terminal(tmp_path: Path, sqlite_database: TestDatabase) -> Terminal:
    """A shell with an SQLite database, for what no database can change."""
    return Terminal(tmp_path, sqlite_database)


def test_a_token_is_printed_once_and_holds_until_its_key_is_revoked(terminal: Terminal) -> None:
    """Programs read it from standard output; the hint for people is on standard error; the list never has it."""
    made = terminal.run("token", "create", "--owner", "acme", "--label", "nightly", "--expires-in", "90d", *WHO)
    token, key = made.document["token"], made.document["key"]
    assert (made.code, made.err.splitlines()) == (0, [TOKEN_HINT])
    assert (key["owner_id"], key["label"], key["created_by"], key["revoked_at"]) == ("acme", "nightly", "olga", None)
    assert token not in made.err
    with terminal.inboxes() as inboxes:
        found = inboxes.api_key_of(token)
        assert found is not None
        assert found.expires_at is not None
        assert (found.id, found.expires_at - found.created_at) == (key["id"], timedelta(days=90))
        listed = terminal.run("token", "list", *WHO)
        assert (listed.lines, token in listed.out) == ([key], False)
        revoked = terminal.run("token", "revoke", key["prefix"], "--as-operator", "rita")
        assert (revoked.code, revoked.document["key"]["revoked_by"]) == (0, "rita")
        assert inboxes.api_key_of(token) is None
    again = terminal.run("token", "revoke", key["id"], *WHO)
    assert (again.code, again.document) == (0, revoked.document)
    assert terminal.run("token", "list", *WHO, "--owner", "acme").lines == [revoked.document["key"]]
    assert terminal.run("token", "list", *WHO, "--owner", "another").out == ""


def test_tokens_as_tables(small_terminal: Terminal) -> None:
    """For people: a field a line for the new one, a row a key in the list."""
    made = small_terminal.run("token", "create", "--owner", "acme", *WHO, "--format", "table")
    fields = dict(line.split(maxsplit=1) for line in made.out.splitlines()[:3])
    assert fields["token"].startswith(f"ilk_{fields['prefix']}_")
    listed = small_terminal.run("token", "list", *WHO, "--format", "table").out
    assert [fields["prefix"] in listed, "acme" in listed, fields["token"] in listed] == [True, True, False]


def test_wrong_calls_make_and_revoke_nothing(small_terminal: Terminal) -> None:
    """Each ends with its own code and one line; a token that is named where a key belongs is not repeated."""
    create = ("token", "create", "--owner", "acme")
    token = small_terminal.run(*create, *WHO).document["token"]
    wrong = {
        create: 2,
        ("token", "create", *WHO): 2,
        ("token", "revoke", token): 2,
        (*create, *WHO, "--expires-in", "soon"): 2,
        (*create, *WHO, "--expires-in", "0d"): 10,
        (*create, *WHO, "--label", "x" * 201): 10,
        ("token", "revoke", token, *WHO): 12,
        ("token", "revoke", "nothing", *WHO): 12,
    }
    runs = {arguments: small_terminal.run(*arguments) for arguments in wrong}
    assert {arguments: ran.code for arguments, ran in runs.items()} == wrong
    assert [ran.err for ran in runs.values() if token in ran.err or ran.out] == []
    with small_terminal.inboxes() as inboxes:
        (key,) = inboxes.operator(actor="tess").api_keys()
        assert inboxes.api_key_of(token) == key


def test_a_database_without_the_schema_is_said_to_be_one(tmp_path: Path) -> None:
    """The line says how to make it, and no file is made."""
    terminal = Terminal(tmp_path, settings={"DATABASE_URL": f"sqlite:///{tmp_path}/none.db"})
    ran = terminal.run("token", "create", "--owner", "acme", *WHO)
    assert (ran.code, "db upgrade" in ran.err, list(tmp_path.iterdir())) == (41, True, [])
