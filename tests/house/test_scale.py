"""The benchmark of growth runs, and what it makes is a history as calls would have written it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from psycopg import sql

from benchmarks.scale import run
from benchmarks.scale_operations import OPERATIONS, Effort
from inbox_lifecycle import Inboxes
from inbox_lifecycle.audit.notes import Signer
from tests.support.databases import Postgres

TINY = Effort(events=1_600, repeats=1, churning=0.1, processes=1, settling=0.0, known=3, stuck=4, strangers=3, places=2)


@dataclass
class OnTheTestServer:
    """Databases of the tests' own server."""

    postgres: Postgres
    made: list[str] = field(default_factory=list)

    def url(self, database: str) -> str:
        """The URL of one."""
        return self.postgres.url(database)

    def has(self, database: str) -> bool:
        """Whether there is one of that name."""
        return database in self.made

    def make(self, database: str) -> None:
        """Create one."""
        self.postgres.make_database(database)

    def rename(self, database: str, name: str) -> None:
        """Give one another name."""
        self.made.append(name)
        self.postgres.administer(
            sql.SQL("alter database {} rename to {}").format(sql.Identifier(database), sql.Identifier(name))
        )


@pytest.fixture
def databases(postgres: Postgres) -> Iterator[OnTheTestServer]:
    """Where the benchmark makes its databases, gone afterwards."""
    here = OnTheTestServer(postgres)
    yield here
    for name in here.made:
        postgres.drop_database(name)


def test_a_tiny_run_tells_of_every_operation_and_leaves_a_sound_history(databases: OnTheTestServer) -> None:
    """How fast is told nobody here; that everything is done and legal is."""
    said: list[str] = []
    signer = Signer.generate("example.com/scale")
    run(databases, signer, TINY, said.append)
    told = "\n".join(said)
    assert [one.name for one in OPERATIONS if one.name not in told] == []
    assert "WAL of a retry" in told
    for name in databases.made:
        with Inboxes(databases.url(name), signer=signer) as inboxes:
            report = inboxes.operator(actor="vera").verify()
        assert report.clean, report.findings
