"""A library to come, in which an event has a second schema: a copy of today's sources with a few lines changed.

It is run in a process of its own, since a process has one library.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inbox_lifecycle.store.migrate import migrations_path
from inbox_lifecycle.testing import Sandbox
from tests.support.databases import TestDatabase

SOURCES = Path(__file__).parents[2] / "src" / "inbox_lifecycle"

#: A graduation says from now on who measured: file, what stands there, and what will.
NEW_SCHEMA = (
    ("domain/events.py", "    total_sent: int\n", "    total_sent: int\n    measured_by: str\n"),
    ("codec.py", '("inbox.graduated", 1): InboxGraduated', '("inbox.graduated", 2): InboxGraduated'),
    (
        "lifecycle/provider_word.py",
        "InboxGraduated(reputation=figures.reputation or 0, total_sent=figures.total_sent)",
        'InboxGraduated(reputation=figures.reputation or 0, total_sent=figures.total_sent, measured_by="instantly")',
    ),
)
#: The way up from the schema that ends.
UPCASTER = (
    "upcasting.py",
    "UPCASTERS: dict[NameAndSchema, Upcaster] = {}\n",
    '''
@dataclass(frozen=True, slots=True, kw_only=True)
class Graduated1:
    """A graduation until somebody asked who had measured."""

    reputation: int
    total_sent: int


UPCASTERS: dict[NameAndSchema, Upcaster] = {
    ("inbox.graduated", 1): Upcaster(Graduated1, lambda payload: payload | {"measured_by": "unknown"}),
}
''',
)

#: Reads everything, verifies it, and graduates one inbox if told to; says as JSON what it saw.
_PROGRAM = """
import json, sys
import msgspec
from inbox_lifecycle import Inboxes, Instantly
url, provider_url, key, graduate = sys.argv[1:]
with Inboxes(url, Instantly(api_key=key, base_url=provider_url)) as inboxes:
    operator = inboxes.operator(actor="tomorrow")
    if graduate:
        operator.graduate(graduate)
    events = [event for inbox in operator.find(limit=1000).items for event in operator.history(inbox.id)]
    print(json.dumps({
        "findings": [finding.as_dict() for finding in operator.verify().findings],
        "events": {
            f"{event.inbox_id}/{event.version}": {
                "schema": event.schema, "hash": event.hash.hex(), "payload": msgspec.to_builtins(event.event)
            }
            for event in events
        },
    }))
"""


@dataclass(frozen=True)
class Tomorrow:
    """The library to come, in a folder."""

    sources: Path

    def run(self, database: TestDatabase, sandbox: Sandbox, graduate: str = "") -> subprocess.CompletedProcess[str]:
        """Let it read a database."""
        return subprocess.run(
            [sys.executable, "-c", _PROGRAM, database.url, sandbox.base_url, sandbox.api_key, graduate],
            env={**os.environ, "PYTHONPATH": str(self.sources)},
            capture_output=True,
            text=True,
            check=False,
        )

    def look(self, database: TestDatabase, sandbox: Sandbox, graduate: str = "") -> dict[str, Any]:
        """What it sees there."""
        ran = self.run(database, sandbox, graduate)
        assert ran.returncode == 0, ran.stderr
        said: dict[str, Any] = json.loads(ran.stdout)
        return said


def make_tomorrow(folder: Path, *changes: tuple[str, str, str]) -> Tomorrow:
    """Today's library with these changes, each of a line that stands in one place."""
    package = folder / "src" / "inbox_lifecycle"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SOURCES, package, ignore=ignored)
    shutil.copytree(migrations_path(), folder / "migrations", ignore=ignored)
    for name, before, after in changes:
        path = package / name
        text = path.read_text()
        assert text.count(before) == 1, f"{name} has changed: {before}"
        path.write_text(text.replace(before, after))
    return Tomorrow(package.parent)
