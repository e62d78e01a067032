"""Starting: what an import, a command that needs no database, and the first use cost, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import Measured, Role, Setting, Stage, WholeGroup
from benchmarks.ours import url_of
from inbox_lifecycle import Inboxes

NOTHING = "python -c pass"
#: Commands that work on no database, as they are typed: what they print, help, a mistake, and a script for the shell.
COMMANDS = ("--version", "--help", "retry-warmup --help", "retry-warmup", "dance", "completion bash")
#: Statements, and the foreign modules that they may load: none, or the state machine with what it brings.
IMPORTS = {"import inbox_lifecycle": 0, "import inbox_lifecycle.domain": 2}
#: What it is held against: the machine alone, and what a user of the peer imports to begin with.
OTHERS = {"import transitions": Role.LIMIT, "import eventsourcing.application": Role.PEER}
IMPORTING, COMMANDING, FIRST_USE = "importing", "commands without a database", "first use"

Opened = AbstractContextManager[list[Stage]]

#: Names of facts.
MS, FOREIGN = "ms", "foreign modules"

_OWNER = "bench"
_FIRST_GET = """
import sys
from inbox_lifecycle import Inboxes
with Inboxes(sys.argv[1]) as inboxes:
    inboxes.get(sys.argv[2], owner_id=sys.argv[3])
"""
_BARE = {
    "sqlite3": """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("select * from inboxes where id = ? and owner_id = ?", sys.argv[2:]).fetchone()
""",
    "psycopg": """
import psycopg, sys
with psycopg.connect(sys.argv[1]) as connection:
    connection.execute("select * from inbox_lifecycle.inboxes where id = %s and owner_id = %s", sys.argv[2:]).fetchone()
""",
}
_COUNT = """
import sys
before = {{*sys.modules, "inbox_lifecycle"}}
{}
print(len({{name.partition(".")[0] for name in sys.modules}} - sys.stdlib_module_names - before))
"""


@dataclass(frozen=True)
class Start:
    """A process from its start to its end."""

    command: Sequence[str]
    folder: Path
    #: Foreign modules that it loads; None where that is not asked.
    foreign: int | None = None
    code: int = 0

    def __call__(self) -> Measured:
        """Start it once."""
        began = time.perf_counter()
        with subprocess.Popen(  # noqa: S603 - our own
            self.command,
            cwd=self.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != self.code:
            raise RuntimeError(f"{self.command[-1]} ended with {process.returncode}")
        facts = {MS: seconds * 1e3} | ({} if self.foreign is None else {FOREIGN: float(self.foreign)})
        return Measured(units=1, seconds=seconds, cpu=used.ru_utime + used.ru_stime, facts=facts)


def environment() -> dict[str, str]:
    """As a user's shell has it: compiled once, and nothing that means anything to the command."""
    ours = ("PYTHONDONTWRITEBYTECODE", "DATABASE_URL", "INBOX_LIFECYCLE")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def beside_nothing(stages: Callable[[Setting], Iterable[Stage]]) -> Callable[[Setting], Opened]:
    """These stages and an interpreter that does nothing.

    Each was started once before, so that all is compiled and in the machine's cache.
    """

    @contextmanager
    def opened(setting: Setting) -> Iterator[list[Stage]]:
        nothing = Start((sys.executable, "-c", "pass"), setting.folder)
        started = [Stage(name=NOTHING, role=Role.LIMIT, measure=nothing), *stages(setting)]
        for stage in () if setting.smoke else started:
            stage.measure()
        yield started

    return opened


def _imports(setting: Setting) -> Iterator[Stage]:
    for statement, role in {**dict.fromkeys(IMPORTS, Role.OURS), **OTHERS}.items():
        start = Start((sys.executable, "-c", statement), setting.folder, _foreign(statement))
        yield Stage(name=statement, role=role, measure=start)


def _commands(setting: Setting) -> Iterator[Stage]:
    script = str(Path(sys.executable).with_name("inbox-lifecycle"))
    for typed in COMMANDS:
        code = 2 if typed in ("retry-warmup", "dance") else 0
        start = Start((script, *typed.split()), setting.folder, code=code)
        yield Stage(name=command(typed), role=Role.OURS, measure=start)


def command(typed: str) -> str:
    """Name of the contestant that is this command."""
    return f"inbox-lifecycle {typed}"


def _foreign(statement: str) -> int:
    """How many modules that are neither Python's nor ours a fresh interpreter loads for it."""
    counting = [sys.executable, "-c", _COUNT.format(statement)]
    return int(subprocess.run(counting, check=True, capture_output=True, text=True).stdout)  # noqa: S603 - our own


def _first_uses(setting: Setting) -> Iterator[Stage]:
    """The first inbox that is asked for, by the facade and by the bare driver."""
    for kind, database, driver in (
        ("SQLite", setting.sqlite(), "sqlite3"),
        ("PostgreSQL", setting.postgresql(), "psycopg"),
    ):
        url = url_of(database)
        with Inboxes(url) as inboxes:
            inbox = inboxes.register(email_address="ana@mail.example.com", owner_id=_OWNER, provider="instantly")
        ours = (sys.executable, "-c", _FIRST_GET, url, str(inbox.id), _OWNER)
        bare = (sys.executable, "-c", _BARE[driver], str(database), str(inbox.id), _OWNER)
        yield Stage(name=f"inbox-lifecycle, {kind}", role=Role.OURS, measure=Start(ours, setting.folder))
        yield Stage(name=driver, role=Role.LIMIT, measure=Start(bare, setting.folder))


def _group(name: str, stages: Callable[[Setting], Iterable[Stage]], budget: float, remark: str) -> WholeGroup:
    return WholeGroup(
        name=name,
        work="a process from its start to its end; nothing is written",
        unit="starts",
        open=beside_nothing(stages),
        base=NOTHING,
        budget=budget,
        remarks=(remark,),
    )


GROUPS = (
    _group(
        IMPORTING,
        _imports,
        4,
        "Foreign modules are top-level packages, neither Python's own nor this one; `transitions` brings `six`.",
    ),
    _group(COMMANDING, _commands, 10, "The installed script, as it is typed; `dance` is no command."),
    _group(
        FIRST_USE,
        _first_uses,
        10,
        "Opens a facade, asks for one inbox, and closes it; the bare drivers connect and select its row.",
    ),
)
