"""Checkpoints and bundles on the command line, run as a user runs it; a bundle is checked where no database is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from inbox_lifecycle import Inbox, Verifier, open_checkpoint
from tests.support.bundling import holds
from tests.support.commands import ANA, COMMAND, PATIENCE, Ran, Terminal
from tests.support.databases import TestDatabase
from tests.support.keyed import KEY, VARIABLE, with_key
from tests.support.noting import LOG, OTHER_KEY, WITNESS
from tests.support.rewriting import rewrite

AS_OWNER = ("--owner", "acme")
AS_OPERATOR = ("--as-operator", "olga")

_WHAT_IS_LOADED = """
import sys
from inbox_lifecycle.cli.app import run
code = run(sys.argv[1:])
print({"alembic", "httpx", "psycopg", "sqlalchemy", "sqlite3"} & set(sys.modules))
sys.exit(code)
"""
_WITHOUT_CRYPTOGRAPHY = """
import sys
sys.modules["cryptography"] = None
from inbox_lifecycle.cli import main
sys.exit(main())
"""


@pytest.fixture
def terminal(tmp_path: Path, database: TestDatabase) -> Terminal:
    """A shell with a migrated database, SQLite and again PostgreSQL, and a log's key."""
    return with_key(Terminal(tmp_path, database))


@pytest.fixture
def small_terminal(tmp_path: Path, sqlite_database: TestDatabase) -> Terminal:
    """A shell with an SQLite database and a log's key, for what no database can change."""
    return with_key(Terminal(tmp_path, sqlite_database))


@pytest.fixture
def bare_terminal(tmp_path: Path) -> Terminal:
    """A shell with a log's key and no database: its URL leads nowhere."""
    terminal = with_key(Terminal(tmp_path))
    terminal.settings["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:9/nowhere"
    return terminal


def banned(terminal: Terminal, address: str = ANA) -> Inbox:
    """An inbox of two events."""
    inbox = terminal.register(address)
    with terminal.inboxes() as inboxes:
        return inboxes.operator(actor="olga").ban(inbox.id, reason="spam \u2028 reports")


def prove(terminal: Terminal, inbox: Inbox, *options: str) -> bytes:
    """The inbox's bundle."""
    ran = terminal.run("prove", inbox.id, *AS_OPERATOR, *KEY, "--output", "bundle", "--force", *options)
    assert ran.code == 0, ran.err
    return (terminal.folder / "bundle").read_bytes()


def piped(terminal: Terminal, content: bytes, *arguments: str) -> Ran:
    """A run of the command with something on its standard input."""
    ran = subprocess.run(
        [*COMMAND, *arguments],
        cwd=terminal.folder,
        env=terminal.environment,
        input=content,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    return Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode())


def program(terminal: Terminal, text: str, *arguments: str) -> Ran:
    """A run of a Python program."""
    ran = subprocess.run(
        [sys.executable, "-c", text, *arguments],
        cwd=terminal.folder,
        env=terminal.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def test_a_checkpoint_is_printed_and_stored(terminal: Terminal) -> None:
    """It covers every event; once more, and from the environment's key, it is the same."""
    banned(terminal)
    ran = terminal.run("checkpoint", *KEY)
    assert (ran.code, open_checkpoint(ran.out, Verifier.from_text(LOG.verifier_text)).size) == (0, 2)
    terminal.settings[VARIABLE] = LOG.signer_text
    assert terminal.run("checkpoint").out == ran.out
    (stored,) = terminal.run("checkpoints").lines
    assert stored == {"origin": LOG.name, "size": 2, "root": ran.out.split("\n")[2], "note": ran.out}


def test_checkpoints_are_listed_as_a_table_too(small_terminal: Terminal) -> None:
    """Without the notes."""
    for address in (ANA, "bea@mail.example.com"):
        banned(small_terminal, address)
        small_terminal.run("checkpoint", *KEY)
    ran = small_terminal.run("checkpoints", "--format", "table")
    rows = [line.split() for line in ran.out.splitlines()]
    assert [row[1] for row in rows if row[:1] == [LOG.name]] == ["2", "4"]


def test_a_checkpoint_goes_into_a_file_that_is_not_written_over(small_terminal: Terminal) -> None:
    """Unless told to; the command says what is in it."""
    banned(small_terminal)
    first = small_terminal.run("checkpoint", *KEY, "--output", "today.note")
    assert first.document == {"file": "today.note", "origin": LOG.name, "size": 2}
    note = (small_terminal.folder / "today.note").read_text()
    assert note == small_terminal.run("checkpoint", *KEY).out
    assert small_terminal.run("checkpoint", *KEY, "--output", "today.note").code == 2
    assert small_terminal.run("checkpoint", *KEY, "--output", "today.note", "--force").code == 0


def test_a_history_that_does_not_extend_a_kept_note_is_not_signed(terminal: Terminal) -> None:
    """Nor is one that does not extend a stored one; kept notes with cosignatures are taken as they are."""
    inbox = banned(terminal)
    note = terminal.run("checkpoint", *KEY).out
    text = note.rpartition("\n\n")[0] + "\n"
    (terminal.folder / "kept.note").write_text(note + WITNESS.line(WITNESS.cosigned(text, 1_700_000_000)))
    against = ("--against", "kept.note", "--against", "kept.note")
    assert terminal.run("checkpoint", *KEY, *against).out == note
    assert terminal.database is not None
    swapped = "update {s}inbox_feed set leaf_hash = (select leaf_hash from {s}inbox_feed limit 1)"
    rewrite(terminal.database, swapped, "delete from {s}inbox_checkpoints")
    ran = terminal.run("checkpoint", *KEY, *against)
    assert (ran.code, ran.out) == (51, "")
    assert terminal.run("checkpoints").out == ""
    signed = terminal.run("checkpoint", *KEY)
    assert (signed.code, terminal.run("prove", inbox.id, *AS_OPERATOR, *KEY).code) == (0, 50)


@pytest.mark.parametrize("kept", ["missing.note", "log.pub", "others.note", "bytes.note"])
def test_a_kept_note_that_is_none_of_this_log_is_refused(small_terminal: Terminal, kept: str) -> None:
    """Before anything is signed."""
    banned(small_terminal)
    text = f"{OTHER_KEY.name}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    (small_terminal.folder / "others.note").write_text(OTHER_KEY.note(text))
    (small_terminal.folder / "bytes.note").write_bytes(b"\xff\n")
    ran = small_terminal.run("checkpoint", *KEY, "--against", kept)
    assert ran.code == (2 if kept == "missing.note" else 52)
    assert small_terminal.run("checkpoints").out == ""


def test_nothing_is_signed_without_events_or_without_a_key(small_terminal: Terminal) -> None:
    """The errors say what is missing."""
    assert "no event yet" in small_terminal.run("checkpoint", *KEY).err
    inbox = banned(small_terminal)
    for command in (("checkpoint",), ("prove", inbox.id, *AS_OWNER)):
        ran = small_terminal.run(*command)
        assert (ran.code, VARIABLE in ran.err) == (10, True)


def test_a_bundle_is_verified_without_a_database(terminal: Terminal) -> None:
    """It proves what happened, who did it and why; the public key is text or a file, the bundle a file or a pipe."""
    inbox = banned(terminal)
    bundle = prove(terminal, inbox)
    assert holds(bundle)
    terminal.settings["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:9/nowhere"
    ran = terminal.run("verify-bundle", "bundle", "--key", "log.pub")
    told = ran.document
    assert (ran.code, told["origin"], told["tree_size"], told["inbox_id"]) == (0, LOG.name, 2, inbox.id)
    assert (told["version"], told["status"], told["warmup_status"]) == (2, "banned", "banned")
    assert (told["email_address"], told["opened"]) == (ANA, 2)
    event = told["events"][1]
    assert (event["name"], event["actor"], event["reason"]) == ("inbox.banned", "olga", "spam \u2028 reports")
    assert "not that nothing happened since" in told["not_proven"]
    for other in (
        terminal.run("verify-bundle", "bundle", "--key", LOG.verifier_text),
        piped(terminal, bundle, "verify-bundle", "-", "--key", "log.pub"),
    ):
        assert (other.code, other.out) == (0, ran.out)


def test_a_bundle_is_shown_as_a_table_too(small_terminal: Terminal) -> None:
    """With what it does not prove below it."""
    inbox = banned(small_terminal)
    prove(small_terminal, inbox)
    ran = small_terminal.run("verify-bundle", "bundle", "--key", "log.pub", "--format", "table")
    fields = dict(line.split("  ", 1) for line in ran.out.splitlines()[:9])
    assert (ran.code, fields["inbox id"].strip(), fields["version"].strip()) == (0, inbox.id, "2")
    assert "inbox.banned" in ran.out
    assert "spam \\u2028 reports" in ran.out
    assert "not that nothing happened since" in ran.out.splitlines()[-1]


def test_owners_prove_their_own_inboxes(small_terminal: Terminal) -> None:
    """And no other's."""
    inbox = banned(small_terminal)
    ran = small_terminal.run("prove", inbox.id, *AS_OWNER, *KEY)
    assert (ran.code, holds(ran.out.encode())) == (0, True)
    assert small_terminal.run("prove", inbox.id, "--owner", "another", *KEY).code == 12


def test_a_bundle_without_openings_shows_nothing_personal(small_terminal: Terminal) -> None:
    """And proves the same history."""
    bundle = prove(small_terminal, banned(small_terminal), "--no-openings")
    assert not [word for word in (ANA, "acme", "olga", "spam") if word.encode() in bundle]
    told = small_terminal.run("verify-bundle", "bundle", "--key", "log.pub").document
    assert (told["version"], told["opened"], told["email_address"]) == (2, 0, None)
    assert [event["actor"] for event in told["events"]] == [None, None]


@pytest.mark.parametrize(
    "change",
    [
        lambda bundle: bundle.replace(b"spam", b"Spam"),
        lambda bundle: bundle.replace(b"banned", b"active"),
        lambda bundle: b"".join(bundle.splitlines(keepends=True)[:4]),
        lambda bundle: b"\xff" + bundle,
        lambda bundle: bundle.replace("\u2028".encode(), b"\xff\xfe\xfd"),
        lambda bundle: bundle[:0],
        lambda bundle: b"[" * 100_000 + bundle,
    ],
    ids=["reason", "state", "shortened", "not-utf-8", "not-utf-8-inside", "empty", "deep"],
)
def test_a_changed_bundle_is_refused_in_one_line(small_terminal: Terminal, change: Callable[[bytes], bytes]) -> None:
    """From a file and from a pipe."""
    changed = change(prove(small_terminal, banned(small_terminal)))
    (small_terminal.folder / "changed").write_bytes(changed)
    ran = small_terminal.run("verify-bundle", "changed", "--key", "log.pub")
    assert (ran.code, ran.out) == (52, "")
    assert "do not trust" in ran.err
    assert piped(small_terminal, changed, "verify-bundle", "-", "--key", "log.pub") == ran


def test_a_bundle_under_another_key_is_refused(small_terminal: Terminal) -> None:
    """One of the same name."""
    prove(small_terminal, banned(small_terminal))
    assert small_terminal.run("verify-bundle", "bundle", "--key", OTHER_KEY.verifier_text).code == 52


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("verify-bundle", "missing", "--key", "log.pub"), 2),
        (("verify-bundle", "bundle", "--key", "missing.pub"), 2),
        (("verify-bundle", "bundle"), 2),
        (("verify-bundle", "bundle", "--key", "log.key"), 10),
        (("verify-bundle", "bundle", "--key", "bundle"), 10),
        (("verify-bundle", "bundle", "--key", "a+b+c"), 2),
        (("prove", "one", *KEY), 2),
        (("prove", *AS_OWNER, *KEY), 2),
        (("key",), 2),
        (("key", "generate"), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_wrong_usage_says_what_is_meant(bare_terminal: Terminal, arguments: tuple[str, ...], code: int) -> None:
    """And prints nothing of any key."""
    (bare_terminal.folder / "bundle").write_text("{}\n")
    ran = bare_terminal.run(*arguments)
    assert (ran.code, ran.out) == (code, "")
    assert LOG.signer_text[-40:] not in ran.err


def test_verifying_a_bundle_loads_no_database(small_terminal: Terminal) -> None:
    """Neither its drivers, nor what speaks to them, nor the provider's client."""
    prove(small_terminal, banned(small_terminal))
    ran = program(small_terminal, _WHAT_IS_LOADED, "verify-bundle", "bundle", "--key", "log.pub")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "set()")


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify-bundle", "bundle", "--key", "log.pub"),
        ("checkpoint", *KEY),
        ("key", "public", *KEY),
        ("key", "generate", "--name", "n", "--output", "new.key"),
    ],
    ids=lambda arguments: arguments[0] + arguments[1],
)
def test_without_its_extra_it_says_what_to_install(small_terminal: Terminal, arguments: tuple[str, ...]) -> None:
    """And leaves no file."""
    prove(small_terminal, banned(small_terminal))
    ran = program(small_terminal, _WITHOUT_CRYPTOGRAPHY, *arguments)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (10, "", 1)
    assert "install inbox-lifecycle[audit]" in ran.err
    assert not (small_terminal.folder / "new.key").exists()
