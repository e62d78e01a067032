"""`export` as a user runs it: what it prints, the files it writes whole or not at all, and what it refuses."""

from __future__ import annotations

import csv
import json
import stat
import subprocess
from pathlib import Path

import pytest

from inbox_lifecycle.cli.options import WrongUsage
from inbox_lifecycle.cli.writing import whole_file
from inbox_lifecycle.testing import Sandbox
from tests.support.cloudevents import read_cloud_event
from tests.support.commands import ANA, COMMAND, Terminal, tamper
from tests.support.databases import TestDatabase

OLGA = ("--as-operator", "olga")


@pytest.fixture
def terminal(tmp_path: Path, database: TestDatabase, provider_sandbox: Sandbox) -> Terminal:
    """A shell with a migrated database, SQLite and again PostgreSQL, and a provider."""
    return Terminal(tmp_path, database, provider_sandbox)


@pytest.fixture
def small_terminal(tmp_path: Path, sqlite_database: TestDatabase, provider_sandbox: Sandbox) -> Terminal:
    """A shell with an SQLite database and a provider, for what no database can change."""
    return Terminal(tmp_path, sqlite_database, provider_sandbox)


def names_in(folder: Path) -> list[str]:
    """What there is, hidden files included."""
    return [path.name for path in folder.iterdir()]


def test_exporting_prints_what_the_library_exports(terminal: Terminal) -> None:
    """Each kind and each form, to the letter."""
    terminal.warm()
    terminal.register("bo@mail.example.com", owner="other")
    with terminal.inboxes() as inboxes:
        for what, form in (("history", "jsonl"), ("attempts", "csv"), ("feed", "cloudevents")):
            ran = terminal.run("export", what, *OLGA, "--form", form)
            expected = "".join(inboxes.operator(actor="tess").export(what, form=form))
            assert (ran.code, ran.out) == (0, expected)
            assert expected


def test_history_is_exported_as_it_is_shown(small_terminal: Terminal) -> None:
    """One form of an event and one of an attempt, whichever command prints it."""
    inbox = small_terminal.warm()
    for command in ("history", "attempts"):
        exported, shown = small_terminal.run("export", command, *OLGA), small_terminal.run(command, inbox.id, *OLGA)
        assert exported.out == shown.out != ""


def test_filters_of_the_command_are_those_of_the_library(small_terminal: Terminal) -> None:
    """Each option narrows the export down to the same records."""
    ana = small_terminal.warm()
    small_terminal.register("bo@mail.example.com", owner="other")
    small_terminal.run("ban", ana.id, *OLGA)
    lines = small_terminal.run("export", "history", *OLGA).lines
    began, ended = lines[0]["recorded_at"], max(line["recorded_at"] for line in lines)
    for options, expected in (
        (("--inbox", ana.id), [1, 2, 3]),
        (("--owner", "other"), [1]),
        (("--owner", "acme", "--name", "inbox.banned"), [3]),
        (("--actor", "olga"), [3]),
        (("--inbox", ana.id, "--since", ended), [3]),
        (("--inbox", ana.id, "--until", ended), [1, 2]),
        (("--until", began), []),
    ):
        ran = small_terminal.run("export", "history", *OLGA, *options)
        assert (ran.code, [line["version"] for line in ran.lines]) == (0, expected), options


def test_cloudevents_have_the_source_that_was_said(small_terminal: Terminal) -> None:
    """What tells this store from others."""
    small_terminal.register()
    said = ("--form", "cloudevents", "--source", "https://inboxes.example.com")
    ran = small_terminal.run("export", "feed", *OLGA, *said)
    (event,) = map(read_cloud_event, ran.out.splitlines())
    assert (ran.code, event["source"]) == (0, "https://inboxes.example.com")


@pytest.mark.parametrize("settings", [{}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}], ids=str)
def test_csv_on_standard_output_is_utf_8_wherever_it_goes(small_terminal: Terminal, settings: dict[str, str]) -> None:
    """A file of records is no message to somebody, so the terminal's encoding has no say."""
    inbox = small_terminal.register()
    small_terminal.run("ban", inbox.id, *OLGA, "--reason", "=übel;＝1")  # noqa: RUF001 - a wide one on purpose
    small_terminal.settings = settings
    ran = subprocess.run(
        [*COMMAND, "export", "history", *OLGA, "--form", "csv"],
        env=small_terminal.environment,
        cwd=small_terminal.folder,
        capture_output=True,
        check=True,
    )
    names, _, banned = csv.reader(ran.stdout.decode("utf-8").splitlines(keepends=True))
    assert dict(zip(names, banned, strict=True))["reason"] == "'=übel;'＝1"  # noqa: RUF001 - a wide one on purpose


@pytest.mark.parametrize(("form", "pieces"), [("jsonl", 2), ("csv", 3), ("cloudevents", 2)])
def test_a_file_holds_what_would_have_been_printed(small_terminal: Terminal, form: str, pieces: int) -> None:
    """The user alone may read it, nothing is left beside it, and what was done is said."""
    small_terminal.warm()
    said = ("export", "history", *OLGA, "--form", form)
    printed = small_terminal.run(*said)
    ran = small_terminal.run(*said, "--output", "out.txt")
    file = small_terminal.folder / "out.txt"
    assert (ran.code, ran.document) == (0, {"file": "out.txt", "records": 2})
    assert file.read_bytes() == printed.out.encode()
    assert len(printed.out.splitlines()) == pieces
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert names_in(small_terminal.folder) == ["out.txt"]


def test_a_file_that_is_there_is_written_over_only_by_force(small_terminal: Terminal) -> None:
    """Nothing is exported into the place of something else by accident."""
    small_terminal.register()
    file = small_terminal.folder / "out.jsonl"
    file.write_text("mine")
    said = ("export", "history", *OLGA, "--output", "out.jsonl")
    ran = small_terminal.run(*said)
    assert (ran.code, ran.out, file.read_text()) == (2, "", "mine")
    assert "--force" in ran.err
    assert small_terminal.run(*said, "--force").code == 0
    assert json.loads(file.read_text())["name"] == "inbox.registered"


def test_a_broken_run_leaves_no_half_file(terminal: Terminal) -> None:
    """A history that cannot be read ends it after some records: what was there before is there still."""
    terminal.warm()
    broken = terminal.register("bo@mail.example.com")
    assert terminal.database is not None
    tamper(terminal.database, "name = 'inbox.dreamt'", broken)
    said = ("export", "history", *OLGA, "--output")
    assert terminal.run(*said, "new.jsonl").code == 50
    assert names_in(terminal.folder) == []
    (terminal.folder / "old.jsonl").write_text("mine")
    ran = terminal.run(*said, "old.jsonl", "--force")
    assert (ran.code, ran.out) == (50, "")
    assert names_in(terminal.folder) == ["old.jsonl"]
    assert (terminal.folder / "old.jsonl").read_text() == "mine"


def test_a_reader_that_has_enough_ends_the_export(small_terminal: Terminal) -> None:
    """As `| head -1` does: no complaint, and the exit code says so."""
    for number in range(200):
        small_terminal.register(f"inbox{number}@mail.example.com")
    with small_terminal.start("export", "history", *OLGA) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        process.stdout.close()
        assert (process.wait(), process.stderr.read()) == (141, "")
    assert json.loads(first)["version"] == 1


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        (("inboxes", *OLGA), 2, "history"),
        (("history",), 2, "--as-operator"),
        (("history", *OLGA, "--form", "xml"), 2, "cloudevents"),
        (("history", *OLGA, "--since", "2026-05-01"), 2, "--since is a time with its zone"),
        (("history", *OLGA, "--until", "soon"), 2, "--until is a time with its zone"),
        (("history", *OLGA, "--output", "."), 2, "directory"),
        (("history", *OLGA, "--output", "/dev/null", "--force"), 2, "redirect"),
        (("history", *OLGA, "--output", "no/such/folder"), 2, "cannot be written"),
        (("history", *OLGA, "--name", "retry"), 10, "name, in an export of history, is one of"),
        (("history", *OLGA, "--inbox", ANA), 10, "not a UUID"),
        (("history", *OLGA, "--source", "urn:a:b"), 10, "only CloudEvents"),
        (("history", *OLGA, "--database-url", "sqlite:///none.db", "--output", "x"), 41, ""),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else str(one),
)
def test_what_cannot_be_exported_is_refused_and_leaves_nothing(
    small_terminal: Terminal, said: tuple[str, ...], code: int, told: str
) -> None:
    """One line says the cure."""
    ran = small_terminal.run("export", *said)
    assert (ran.code, ran.out) == (code, "")
    assert told in ran.err
    assert names_in(small_terminal.folder) == []


def test_the_help_has_examples(tmp_path: Path) -> None:
    """Something to type, and the list of all commands has it."""
    ran = Terminal(tmp_path).run("export", "--help")
    assert "inbox-lifecycle export history" in ran.out.partition("Example")[2]
    assert "│ export " in Terminal(tmp_path).run("--help").out


@pytest.mark.parametrize("trouble", [RuntimeError("no"), SystemExit(143), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("before", [None, "mine"])
def test_a_file_whose_writing_fails_is_as_it_was(tmp_path: Path, trouble: BaseException, before: str | None) -> None:
    """Whatever ends it, a signal included."""
    path = tmp_path / "out"
    if before is not None:
        path.write_text(before)

    def write_some() -> None:
        with whole_file(path, force=True) as file:
            file.write("half")
            raise trouble

    with pytest.raises(type(trouble)):
        write_some()
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == ([] if before is None else [("out", before)])


def test_a_file_that_came_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    """Whether it is there is looked at once more, at the end."""
    path = tmp_path / "out"

    def write_while_another_comes() -> None:
        with whole_file(path) as file:
            file.write("ours")
            path.write_text("theirs")

    with pytest.raises(WrongUsage, match="there already"):
        write_while_another_comes()
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("out", "theirs")]


def test_a_symbolic_link_is_followed_and_stays(tmp_path: Path) -> None:
    """The file that it names is the one that is written."""
    (tmp_path / "link").symlink_to("file")
    with whole_file(tmp_path / "link") as file:
        file.write("ours")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "ours"
