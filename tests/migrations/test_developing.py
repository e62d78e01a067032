"""Plain Alembic in the checkout, as a developer types it: no ini file, no installed copy, one `-x url=...`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory

from inbox_lifecycle import upgrade_schema
from inbox_lifecycle.store.migrate import migrations_path
from inbox_lifecycle.store.version import HEAD
from tests.migrations.catalog import read_catalog, snapshot
from tests.support.databases import Postgres, TestDatabase
from tests.support.developing import CHECKOUT, alembic_for


def _alembic(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )


def test_the_command_line_upgrades_a_database(tmp_path: Path) -> None:
    """`alembic -x url=sqlite:///... upgrade head` from the checkout is enough."""
    url = f"sqlite:///{tmp_path / 'inboxes.db'}"
    ran = _alembic("-x", f"url={url}", "upgrade", "head")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert read_catalog(TestDatabase("sqlite", url, "")) == snapshot("sqlite").read_text()


def test_the_command_line_without_a_url_says_what_is_missing() -> None:
    """The cure stands in the message, not a stack."""
    ran = _alembic("upgrade", "head")
    assert ran.returncode != 0
    assert ran.stderr == "say which database: alembic -x url=postgresql://... upgrade head\n"


def test_upgrading_an_empty_database_makes_what_the_library_makes(empty_database: TestDatabase) -> None:
    """The schema included, where the database has schemas."""
    command.upgrade(alembic_for(empty_database.url), "head")
    assert read_catalog(empty_database) == snapshot(empty_database.kind).read_text()


def test_upgrading_in_another_schema_makes_it_there(postgres: Postgres) -> None:
    """As `-x schema=...` says."""
    with postgres.fresh(migrated=False) as database:
        command.upgrade(alembic_for(database.url, "schema=ledger"), "head")
        assert upgrade_schema(database.url, schema="ledger") == HEAD
        assert database.execute("select version_num from ledger.inbox_lifecycle_alembic_version") == [(HEAD,)]


def test_there_is_one_head_and_the_library_knows_it() -> None:
    """Two branches would leave an upgrade undecided."""
    scripts = ScriptDirectory.from_config(alembic_for("sqlite://"))
    assert scripts.get_heads() == [HEAD]


def test_an_editable_install_uses_the_checkouts_migrations() -> None:
    """A copy beside the installed package would be one that nobody edits."""
    assert migrations_path() == CHECKOUT / "migrations"


def test_a_migration_imports_nothing_of_the_library() -> None:
    """What a released migration does must not change with the code of today."""
    versions = sorted((CHECKOUT / "migrations" / "versions").glob("*.py"))
    assert versions
    assert [path.name for path in versions if "inbox_lifecycle import" in path.read_text()] == []


@pytest.mark.parametrize("folder", ["versions", "."])
def test_every_file_of_the_migrations_is_found(folder: str) -> None:
    """Alembic needs its environment and a template beside the versions."""
    names = {path.name for path in (migrations_path() / folder).iterdir()}
    assert names >= ({"0001_event_log.py"} if folder == "versions" else {"env.py", "script.py.mako"})
