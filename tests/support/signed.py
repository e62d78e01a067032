"""A history that is sealed and signed, copies of it, and what verification says of a copy in short words."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from inbox_lifecycle import Inbox, Inboxes, RetryRefused
from inbox_lifecycle.audit.checkpoints import Checkpoint, open_checkpoint
from inbox_lifecycle.audit.checks import Finding
from inbox_lifecycle.audit.notes import Signer, Verifier
from inbox_lifecycle.audit.verify import Verification
from inbox_lifecycle.cli.app import command_for
from inbox_lifecycle.cli.exits import Exit
from tests.support.damage import make_scene
from tests.support.databases import Postgres, SqliteFiles, TestDatabase
from tests.support.hosts import host_engine
from tests.support.theft import Thief, thieving

#: Inboxes with two events each: enough for two complete nodes of the tree and a few positions more.
CROWD = 260
#: Positions when the history was signed first: all events of ana, then those of bea.
EARLY = 6
#: Positions when it was signed last, which are all there are.
LATE = EARLY + 2 * CROWD

TABLES = ("email_domains", "inboxes", "inbox_events", "inbox_attempts", "inbox_checkpoints")

_SIZE = re.compile(r"of size (\d+)")


@dataclass(frozen=True)
class Signed:
    """A database whose history was signed twice, and what was kept of that elsewhere."""

    database: TestDatabase
    signer: Signer
    #: At version 4, positions 0 to 3: registered, warmed by an attempt, corrected to active, banned. A last attempt,
    #: by an operator, was refused.
    ana: Inbox
    #: At version 2, positions 4 and 5, of another owner: registered, banned.
    bea: Inbox
    #: The checkpoints of sizes `EARLY` and `LATE`, kept elsewhere.
    early: Checkpoint
    late: Checkpoint

    @contextmanager
    def operator(self) -> Iterator[Any]:
        """An operator's facade over it, with the log's key."""
        with Inboxes(self.database.url, signer=self.signer) as inboxes:
            yield inboxes.operator(actor="vera")

    def verify(self, *against: Checkpoint, verifier: Verifier | None = None) -> Verification:
        """What verification says."""
        with self.operator() as operator:
            report: Verification = operator.verify(against=against, verifier=verifier)
        for finding in report.findings:
            assert finding.expected != finding.found
        return report

    def found(self, *against: Checkpoint, verifier: Verifier | None = None) -> set[str]:
        """What verification finds, and where, in short words."""
        return {self.words(finding) for finding in self.verify(*against, verifier=verifier).findings}

    def words(self, finding: Finding) -> str:
        """A finding in short words: `hash of ana 3`, `feed at 2 of ana 3`, `row of ana`, `checkpoint 6`."""
        names: dict[str, str] = {self.ana.id: "ana", self.bea.id: "bea"}
        size = _SIZE.search(finding.expected) if finding.kind == "checkpoint" else None
        at = "" if finding.position is None else f" at {finding.position}"
        who = "" if finding.inbox_id is None else f" of {names.get(finding.inbox_id, 'another')}"
        version = "" if finding.version is None else f" {finding.version}"
        return f"{finding.kind}{f' {size[1]}' if size else ''}{at}{who}{version}{finding.guard or ''}"

    def contents(self) -> list[list[tuple[Any, ...]]]:
        """Every row of the tables that tell what happened."""
        return [sorted(self.database.execute(f"select * from {{s}}{table}"), key=repr) for table in TABLES]  # noqa: S608 - ours

    def sign(self) -> Checkpoint:
        """Seal and sign it as it stands now; the checkpoint as whoever keeps it reads it."""
        with self.operator() as operator:
            return open_checkpoint(operator.checkpoint().note, self.signer.verifier)

    def live_on(self, name: str, count: int = 1) -> list[Inbox]:
        """More inboxes, of one event each."""
        with self.operator() as operator:
            return [
                operator.register(
                    email_address=f"{name}{number}@mail.example.com", owner_id="owner", provider="instantly"
                )
                for number in range(count)
            ]


def make_signed(database: TestDatabase) -> Signed:
    """A history of two inboxes, signed; and of a crowd, signed again."""
    signer, scene = Signer.generate("example.com/log"), make_scene(database)
    with Inboxes(database.url, signer=signer) as inboxes:
        operator = inboxes.operator(actor="olga")
        with suppress(RetryRefused):
            operator.retry_warmup(scene.ana.id)
        early = open_checkpoint(operator.checkpoint().note, signer.verifier)
        with host_engine(database) as host, host.begin() as connection:
            add_crowd(inboxes.within(connection), CROWD)
        late = open_checkpoint(operator.checkpoint().note, signer.verifier)
    assert (early.size, late.size) == (EARLY, LATE)
    return Signed(database, signer, scene.ana, scene.bea, early, late)


def add_crowd(within: Any, count: int) -> None:
    """So many inboxes in a host's transaction: registered and banned."""
    operator = within.operator(actor="olga")
    for number in range(count):
        address = f"crowd{number}@mail.example.com"
        operator.ban(operator.register(email_address=address, owner_id="owner", provider="instantly").id)


class Copies:
    """Copies of whole databases, as a backup makes them."""

    def __init__(self, home: Postgres | SqliteFiles, folder: Path) -> None:
        self._home = home
        self._folder = folder
        self._stack = ExitStack()
        self._made = 0

    def of(self, signed: Signed) -> Signed:
        """The same history in a database of its own; nobody may be connected to the first one meanwhile."""
        return replace(signed, database=self._copied(signed.database))

    def close(self) -> None:
        """Drop them."""
        self._stack.close()

    def _copied(self, database: TestDatabase) -> TestDatabase:
        self._made += 1
        if isinstance(self._home, SqliteFiles):
            path = self._folder / f"copy{self._made}.db"
            with closing(sqlite3.connect(database.path)) as source, closing(sqlite3.connect(path)) as copy:
                copy.execute("pragma synchronous = off")
                source.backup(copy)
            return replace(database, url=f"sqlite:///{path}")
        original = urlsplit(database.url).path[1:]
        name = f"{original}_copy{self._made}"
        self._home.make_database(name, original)
        self._stack.callback(self._home.drop_database, name)
        return replace(database, url=self._home.url(name))


#: What a thief does to a history.
Plant = Callable[[Thief, Signed], object]


@dataclass(frozen=True)
class Thefts:
    """Thefts by name, each with everything that verification is to find, as parameters of a test."""

    cases: list[Any] = field(default_factory=list)

    def found(self, *words: str) -> Callable[[Plant], Plant]:
        """Add one, with what is found of it; see `Signed.words`."""

        def add(plant: Plant) -> Plant:
            self.cases.append(pytest.param(plant, set(words), id=plant.__name__.strip("_").replace("_", "-")))
            return plant

        return add


def steal(signed: Signed, plant: Plant) -> None:
    """Have a thief do it, with the guards off."""
    with thieving(signed.database) as thief:
        plant(thief, signed)


def verify_by_command(signed: Signed, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, bool]:
    """What the command says of it: its exit code, and whether the report is clean."""
    capsys.readouterr()
    arguments = ["verify", "--database-url", signed.database.url, "--format", "json", *options]
    code = command_for(arguments)(arguments, standalone_mode=False)
    return int(code or 0), json.loads(capsys.readouterr().out)["clean"]


def assert_refused_by_command(signed: Signed, capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with damage found."""
    assert verify_by_command(signed, capsys) == (Exit.DAMAGE_FOUND, False)
