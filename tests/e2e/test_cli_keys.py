"""Keys of logs on the command line: made once, never shown, never written over, and refused if others can read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from inbox_lifecycle import Signer, Verifier
from tests.support.commands import Terminal
from tests.support.keyed import KEY, VARIABLE, with_key
from tests.support.noting import LOG


@pytest.fixture
def bare_terminal(tmp_path: Path) -> Terminal:
    """A shell with a log's key and no database."""
    return with_key(Terminal(tmp_path))


def test_a_generated_key_is_in_a_file_of_its_users_own_and_its_public_half_is_printed(tmp_path: Path) -> None:
    """Whoever else is on the machine cannot read it, whatever they have set; it is the key that is printed."""
    terminal = Terminal(tmp_path)
    before = os.umask(0)
    try:
        ran = terminal.run("key", "generate", "--name", "example.com/inboxes", "--output", "new.key")
    finally:
        os.umask(before)
    file = tmp_path / "new.key"
    assert ran.code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    signer = Signer.from_file(file)
    assert ran.out == f"{signer.verifier.text}\n"
    assert Verifier.from_text(ran.out).name == "example.com/inboxes"
    again = terminal.run("key", "public", "--key", "new.key")
    assert (again.code, again.out) == (0, ran.out)


def test_two_generated_keys_differ(tmp_path: Path) -> None:
    """Of one name."""
    terminal = Terminal(tmp_path)
    made = {terminal.run("key", "generate", "--name", "n", "--output", name).out for name in ("a", "b", "c")}
    assert len(made) == 3


@pytest.mark.parametrize("place", ["log.key", "link", "dangling", "folder", "nowhere/new.key"])
def test_a_key_is_never_written_over_anything(bare_terminal: Terminal, place: str) -> None:
    """Not over a key in use, not through a link, not into a folder that is not there."""
    folder = bare_terminal.folder
    (folder / "folder").mkdir()
    (folder / "link").symlink_to("log.key")
    (folder / "dangling").symlink_to("elsewhere")
    before = sorted(folder.iterdir())
    ran = bare_terminal.run("key", "generate", "--name", "n", "--output", place)
    assert (ran.code, ran.out) == (2, "")
    assert (folder / "log.key").read_text() == f"{LOG.signer_text}\n"
    assert sorted(folder.iterdir()) == before


def test_a_private_key_is_never_printed(bare_terminal: Terminal) -> None:
    """Without a file to write it to there is none."""
    ran = bare_terminal.run("key", "generate", "--name", "n")
    assert (ran.code, ran.out) == (2, "")
    assert "--output FILE" in ran.err


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb"])
def test_a_key_of_no_proper_name_is_refused(bare_terminal: Terminal, name: str) -> None:
    """And no file is left."""
    ran = bare_terminal.run("key", "generate", "--name", name, "--output", "new.key")
    assert (ran.code, (bare_terminal.folder / "new.key").exists()) == (10, False)


NO_KEYS = {
    "nothing": "",
    "anything": "x",
    "a public key": LOG.verifier_text,
    "a slip": f"{LOG.signer_text[:-1]}A",
    "another word": f"{LOG.signer_text} x",
}


@pytest.mark.parametrize("content", NO_KEYS.values(), ids=NO_KEYS)
@pytest.mark.parametrize("how", ["file", "environment"])
def test_what_is_no_private_key_is_refused_and_not_repeated(bare_terminal: Terminal, content: str, how: str) -> None:
    """From a file and from the environment: the error says where to get one."""
    if how == "file":
        (bare_terminal.folder / "log.key").write_text(content)
        ran = bare_terminal.run("key", "public", *KEY)
    else:
        bare_terminal.settings[VARIABLE] = content
        ran = bare_terminal.run("key", "public")
    assert (ran.code, ran.out) == (10, "")
    assert "key generate" in ran.err or "from the backup" in ran.err
    assert LOG.signer_text[:50] not in ran.err


def test_a_key_that_others_can_read_is_refused(bare_terminal: Terminal) -> None:
    """The error says what to do."""
    (bare_terminal.folder / "log.key").chmod(0o640)
    ran = bare_terminal.run("key", "public", *KEY)
    assert (ran.code, "chmod 600" in ran.err) == (10, True)


def test_a_key_given_as_text_where_a_file_belongs_is_not_repeated(bare_terminal: Terminal) -> None:
    """Somebody has put it on the command line; at least it does not go into the log as well."""
    ran = bare_terminal.run("key", "public", "--key", LOG.signer_text)
    assert (ran.code, LOG.signer_text[-40:] in ran.err) == (10, False)
