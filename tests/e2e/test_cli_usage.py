"""The command's own manners: help, usage errors, exit codes, terminals, and what happens without its extra."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from pkgutil import iter_modules

import httpx
import pytest

from inbox_lifecycle import __version__, errors
from inbox_lifecycle.cli import commands as every
from inbox_lifecycle.cli.exits import CODES, MEANINGS, Exit, exit_for
from inbox_lifecycle.errors import InboxLifecycleError
from tests.support.commands import ANA, COMMAND, PATIENCE, Terminal
from tests.support.databases import TestDatabase

COMMANDS = (
    "register",
    "start-warmup",
    "retry-warmup",
    "fail-warmup",
    "graduate",
    "ban",
    "correct",
    "retry-stuck",
    "retry-many",
    "sync-warmup",
    "warmup-analytics",
    "require-active",
    "launch-campaign",
    "completion",
    "show",
    "find",
    "history",
    "attempts",
    "as-of",
    "diff",
    "why",
    "verify",
    "seal",
    "feed",
    "parked",
    "reconcile",
    "erase",
    "prune-attempts",
    "demo",
    "sandbox",
    "checkpoint",
    "checkpoints",
    "prove",
    "verify-bundle",
    "key",
    "db",
)
_HELP_OF_ALL = """
import sys
from inbox_lifecycle.cli.app import run
for command in sys.argv[1:]:
    assert run([*command.split(), "--help"]) == 0
"""
_WHAT_IS_LOADED = """
import sys
from inbox_lifecycle.cli.app import run
run(sys.argv[1:])
print(" ".join(sys.modules))
"""
#: Heavy, and of no use before a command works; Typer itself takes pydantic to read the options of one.
_HEAVY = frozenset(
    {"alembic", "asyncio", "httpx", "idna", "msgspec", "psycopg", "pydantic", "sqlalchemy", "transitions"}
)
_HELPING = frozenset({"rich.console", "typer.rich_utils"})
_COMMANDS = "inbox_lifecycle.cli.commands."
_WITHOUT = """
import sys
sys.modules[sys.argv[1]] = None
from inbox_lifecycle.cli import main
sys.exit(main())
"""


def _leaves(kind: type[InboxLifecycleError]) -> list[type[InboxLifecycleError]]:
    return [leaf for child in kind.__subclasses__() for leaf in _leaves(child)] or [kind]


@pytest.mark.parametrize(
    "kind",
    [kind for kind in _leaves(InboxLifecycleError) if kind.__module__ == errors.__name__],
    ids=lambda k: k.__name__,
)
def test_every_error_there_is_has_an_exit_code(kind: type[InboxLifecycleError]) -> None:
    """Only what cannot occur on the command line counts as a bug."""
    code = next(CODES[parent] for parent in kind.__mro__ if parent in CODES)
    assert exit_for(kind.__new__(kind)) is code
    assert (code is Exit.BUG) == (kind is errors.StepRefused)


def test_every_exit_code_is_documented_in_the_help(tmp_path: Path) -> None:
    """`--help` lists each code with its meaning, and no other."""
    ran = Terminal(tmp_path).run("--help")
    listed = re.findall(r"^ +(\d+)  (\S.*?) *$", ran.out.partition("Exit codes:")[2], re.MULTILINE)
    assert listed == [(str(int(code)), meaning) for code, meaning in MEANINGS.items()]
    assert set(MEANINGS) == set(Exit)


def test_without_arguments_the_help_lists_every_command(tmp_path: Path) -> None:
    """Somebody who types the bare name learns what there is."""
    ran = Terminal(tmp_path).run()
    listed = re.findall(r"^│ ([a-z-]+) ", ran.out, re.MULTILINE)
    assert (ran.code, sorted(set(listed) & set(COMMANDS))) == (0, sorted(COMMANDS))


def test_every_command_has_help_with_an_example(tmp_path: Path) -> None:
    """Help ends in something to type."""
    paths = [*COMMANDS[:-2], "key generate", "key public", "db upgrade", "db check", "db grant"]
    ran = subprocess.run(
        [sys.executable, "-c", _HELP_OF_ALL, *paths], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert [path for path in paths if f" inbox-lifecycle {path}" not in ran.stdout.partition("Example")[2]] == []
    assert ran.stdout.count("Example") == len(paths)


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    """`--version` needs no command."""
    ran = Terminal(tmp_path).run("--version")
    assert (ran.code, ran.out) == (0, f"inbox-lifecycle {__version__}\n")


@pytest.mark.parametrize(
    ("typed", "helping", "commands"),
    [
        ("--version", False, set()),
        ("dance", False, set()),
        ("db dance", False, set()),
        ("--help", True, {module.name for module in iter_modules(every.__path__)}),
        ("db --help", True, {"database"}),
        ("retry-warmup --help", True, {"moving"}),
        ("db upgrade --help", True, {"database"}),
    ],
)
def test_what_needs_no_database_loads_only_what_it_shows(
    tmp_path: Path, *, typed: str, helping: bool, commands: set[str]
) -> None:
    """No engine, none of what draws help where there is none, and no command but those that are told about."""
    loaded = _loaded_by(tmp_path, *typed.split())
    assert loaded & _HEAVY == set()
    assert (loaded >= _HELPING, loaded & _HELPING != set()) == (helping, helping)
    assert {name.removeprefix(_COMMANDS) for name in loaded if name.startswith(_COMMANDS)} == commands


@pytest.mark.parametrize("typed", ["retry-warmup", "completion bash"])
def test_what_needs_no_database_loads_no_engine_though_its_options_are_read(tmp_path: Path, typed: str) -> None:
    """Typer takes pydantic to read them, and nothing else is heavy."""
    assert _loaded_by(tmp_path, *typed.split()) & _HEAVY <= {"pydantic"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("dance",),
        ("--colour",),
        ("db",),
        ("register", "--owner", "acme"),
        ("register", ANA),
        ("show", "--owner", "acme"),
        ("show", "one", "--id", "two", "--owner", "acme"),
        ("show", "one", ANA, "--owner", "acme"),
        ("show", "one"),
        ("show", "one", "--owner", "acme", "--as-operator", "olga"),
        ("show", "one", "--as-operator", "olga", "--actor", "zoe"),
        ("ban", "one"),
        ("correct", "one", "--as-operator", "olga", "--status", "active", "--warmup-status", "active"),
        ("find", "--owner", "acme", "--limit", "many"),
        ("find", "--owner", "acme", "--format", "xml"),
        ("retry-warmup", "one", "--owner", "acme"),
    ],
    ids=[
        "no such command",
        "no such option",
        "a group alone",
        "no address",
        "no owner",
        "no inbox",
        "two inboxes",
        "too much",
        "no view",
        "two views",
        "two actors",
        "no operator",
        "no reason",
        "no number",
        "no such format",
        "no key",
    ],
)
def test_wrong_usage_is_one_line_that_names_the_help(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """It ends with 2, says where to look, and touches nothing."""
    ran = Terminal(tmp_path).run(*arguments)
    assert (ran.code, ran.out, list(tmp_path.iterdir())) == (2, "", [])
    assert ran.err.endswith(" --help)\n")


def test_a_malformed_key_of_the_provider_is_not_repeated(tmp_path: Path, sqlite_database: TestDatabase) -> None:
    """A key with a line end in it was copied wrongly; the line says so."""
    terminal = Terminal(tmp_path, sqlite_database, settings={"INSTANTLY_API_KEY": "se cret\n"})
    inbox = terminal.register()
    ran = terminal.run("retry-warmup", inbox.id, "--owner", "acme")
    assert (ran.code, "INSTANTLY_API_KEY" in ran.err, "cret" in ran.err) == (2, True, False)
    assert (terminal.standing(inbox), terminal.outcomes(inbox)) == (("pending / not_started", 1, 1), [])


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_its_extra_the_command_says_what_to_install(missing: str) -> None:
    """One line, no traceback."""
    ran = subprocess.run(
        [sys.executable, "-c", _WITHOUT, missing], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "inbox-lifecycle: the command line needs an extra: pip install 'inbox-lifecycle[cli]'\n"


def test_a_table_holds_nothing_that_a_terminal_would_obey(tmp_path: Path, sqlite_database: TestDatabase) -> None:
    """A reason with an escape sequence in it, and one with markup, are shown letter by letter."""
    terminal = Terminal(tmp_path, sqlite_database)
    ran = terminal.run("register", ANA, "--owner", "acme", "--reason", "\x1b[2J[bold]gone", "--format", "json")
    inbox_id = ran.document["account"]["id"]
    table = terminal.run("history", inbox_id, "--owner", "acme", "--format", "table")
    assert "\x1b" not in table.out
    assert "\\x1b[2J[bold]gone" in table.out


def test_on_a_terminal_there_is_a_table_and_colour(tmp_path: Path, sqlite_database: TestDatabase) -> None:
    """Without --format a person gets a table; a failure is marked in red."""
    terminal = Terminal(tmp_path, sqlite_database)
    inbox = terminal.register()
    shown = _on_a_terminal(terminal, "show", inbox.id, "--owner", "acme")
    failed = _on_a_terminal(terminal, "show", "seven", "--owner", "acme")
    assert shown.splitlines()[0].split() == ["id", inbox.id]
    assert failed.startswith("\x1b[1;31minbox-lifecycle:\x1b[0m inbox_id is not a UUID")


def test_verifying_on_a_terminal_keeps_its_progress_off_the_result(
    tmp_path: Path, sqlite_database: TestDatabase
) -> None:
    """Progress is for standard error: what is piped on is the report alone."""
    terminal = Terminal(tmp_path, sqlite_database)
    terminal.register()
    reader, writer = pty.openpty()
    with os.fdopen(reader, "rb", buffering=0) as screen:
        ran = subprocess.run(
            [*COMMAND, "verify"],
            cwd=tmp_path,
            env=terminal.environment | {"TERM": "xterm"},
            stdout=subprocess.PIPE,
            stderr=writer,
            check=True,
            timeout=PATIENCE,
        )
        os.close(writer)
        seen = _read_all(screen.fileno())
    assert ran.stdout.startswith(b'{"clean": true')
    assert "verifying" in seen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_the_sandbox_serves_until_it_is_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    """It says at once where it is and which key it wants, answers, and ends with 0."""
    with Terminal(tmp_path).start("sandbox", "--api-key", "key-1") as process:
        assert process.stdout is not None
        url, key, _ = (process.stdout.readline().split()[-1] for _ in range(3))
        answer = httpx.get(f"{url}/api/v2/background-jobs", headers={"Authorization": f"Bearer {key}"})
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE)
    assert (answer.status_code, key) == (200, "key-1")
    assert (process.returncode, err) == (0, "")


def test_a_sandbox_whose_port_is_taken_says_so(tmp_path: Path) -> None:
    """The line names host and port."""
    terminal = Terminal(tmp_path)
    with terminal.start("sandbox") as first:
        assert first.stdout is not None
        port = first.stdout.readline().strip().rpartition(":")[2]
        ran = terminal.run("sandbox", "--port", port)
        first.terminate()
        first.communicate(timeout=PATIENCE)
    assert (ran.code, f"port {port}" in ran.err) == (2, True)


def _loaded_by(folder: Path, *arguments: str) -> set[str]:
    """What a fresh interpreter has loaded at the end of a run."""
    ran = subprocess.run(
        [sys.executable, "-c", _WHAT_IS_LOADED, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return set(ran.stdout.splitlines()[-1].split())


def _on_a_terminal(terminal: Terminal, *arguments: str) -> str:
    """What a person sees of a run, standard output and error together."""
    reader, writer = pty.openpty()
    with os.fdopen(reader, "rb", buffering=0) as screen:
        subprocess.run(
            [*COMMAND, *arguments],
            cwd=terminal.folder,
            env=terminal.environment | {"TERM": "xterm"},
            stdout=writer,
            stderr=writer,
            check=False,
            timeout=PATIENCE,
        )
        os.close(writer)
        return _read_all(screen.fileno())


def _read_all(screen: int) -> str:
    seen = b""
    while True:
        try:
            more = os.read(screen, 4096)
        except OSError:  # Linux says so once the other side is closed
            more = b""
        if not more:
            return seen.decode().replace("\r\n", "\n")
        seen += more
