"""The real command in processes of its own, as a user runs it, and what must hold of every run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from inbox_lifecycle import Inbox, Inboxes, Instantly
from inbox_lifecycle.testing import Sandbox
from tests.support.databases import TestDatabase
from tests.support.warm import Warm, warmable

COMMAND = (sys.executable, "-m", "inbox_lifecycle")
ANA = "ana@mail.example.com"
#: The one thing that a success says beside its result.
TOKEN_HINT = "inbox-lifecycle: keep the token now, as it cannot be shown again"

#: Seconds that no command of the tests takes.
PATIENCE = 60
_SETTINGS = (
    *("DATABASE_URL", "INBOX_LIFECYCLE_API", "INBOX_LIFECYCLE_TOKEN", "INBOX_LIFECYCLE_PROVIDER"),
    *("INSTANTLY_API_KEY", "INSTANTLY_BASE_URL", "SMARTLEAD_API_KEY", "SMARTLEAD_BASE_URL"),
    *("NO_COLOR", "FORCE_COLOR"),
)


@cache
def warm() -> Warm:
    """The process that runs commands warm, one for all tests of this process."""
    return Warm()


@dataclass(frozen=True)
class Ran:
    """What a run of the command left."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The JSON documents on standard output, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class Terminal:
    """A shell whose environment names a database and a provider."""

    folder: Path
    database: TestDatabase | None = None
    sandbox: Sandbox | None = None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What a command finds there; nothing of what surrounds the tests."""
        found = {name: value for name, value in os.environ.items() if name not in _SETTINGS}
        if self.database is not None:
            found["DATABASE_URL"] = self.database.url
        if self.sandbox is not None:
            found |= {"INSTANTLY_API_KEY": self.sandbox.api_key, "INSTANTLY_BASE_URL": self.sandbox.base_url}
        return found | self.settings

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command and leave it running."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> Ran:
        """Run the command to its end, and hold it to what must hold of every run."""
        ran = self._run_warm(*arguments) if warmable(self.settings) else self._run_cold(*arguments)
        self.check(ran)
        return ran

    def _run_warm(self, *arguments: str) -> Ran:
        return Ran(*warm().run(arguments, folder=self.folder, environment=self.environment, patience=PATIENCE))

    def _run_cold(self, *arguments: str) -> Ran:
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=PATIENCE)
        return Ran(process.returncode, out, err)

    def check(self, ran: Ran) -> None:
        """A failure is one line, a success none; no traceback, no key and no address on standard error."""
        lines = [line for line in ran.err.splitlines() if line != TOKEN_HINT]
        assert len(lines) == (0 if ran.code in (0, 1) else 1), ran.err
        assert all(line.startswith("inbox-lifecycle: ") for line in lines)
        assert "Traceback" not in ran.err
        assert ANA not in ran.err
        assert self.sandbox is None or self.sandbox.api_key not in ran.err

    def inboxes(self) -> Inboxes:
        """The library itself over the same database and provider, to prepare a scene or to look at one."""
        assert self.database is not None
        provider = None
        if self.sandbox is not None:
            provider = Instantly(api_key=self.sandbox.api_key, base_url=self.sandbox.base_url, timeout=5.0)
        return Inboxes(self.database.url, provider)

    def register(self, address: str = ANA, *, owner: str = "acme") -> Inbox:
        """A pending inbox."""
        with self.inboxes() as inboxes:
            return inboxes.register(email_address=address, owner_id=owner, provider="instantly")

    def warm(self, address: str = ANA, *, owner: str = "acme") -> Inbox:
        """An inbox that warms."""
        inbox = self.register(address, owner=owner)
        with self.inboxes() as inboxes:
            return inboxes.retry_warmup(inbox.id, owner_id=owner)

    def standing(self, inbox: Inbox) -> tuple[str, int, int]:
        """Where an inbox stands: its pair, its version, and the number of its events."""
        with self.inboxes() as inboxes:
            operator = inboxes.operator(actor="tess")
            now = operator.get(inbox.id)
            return str(now.pair), now.version, len(list(operator.history(inbox.id)))

    def outcomes(self, inbox: Inbox) -> list[str | None]:
        """How the attempts on an inbox ended."""
        with self.inboxes() as inboxes:
            return [attempt.outcome for attempt in inboxes.operator(actor="tess").attempts(inbox.id)]


def tamper(database: TestDatabase, change: str, inbox: Inbox, version: int = 1, *, prefix: str | None = None) -> None:
    """Change columns of an event, with the guard that would refuse it taken off meanwhile."""
    tables = database.prefix if prefix is None else prefix
    with frozen_off(database, tables):
        where = "where inbox_id = ? and version = ?"
        database.execute(f"update {tables}inbox_events set {change} {where}", (inbox.id, version))  # noqa: S608 - tests'


@contextmanager
def frozen_off(database: TestDatabase, tables: str) -> Iterator[None]:
    """The guard that keeps events as they are is off, and stands again afterwards as it stood."""
    guard = "inbox_events_frozen"
    if database.kind == "sqlite":
        ((text,),) = database.execute("select sql from sqlite_schema where name = ?", (guard,))
        database.execute(f"drop trigger {guard}")
        yield
        database.execute(text)
        return
    database.execute(f"alter table {tables}inbox_events disable trigger {guard}")
    yield
    database.execute(f"alter table {tables}inbox_events enable always trigger {guard}")
