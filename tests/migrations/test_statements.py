"""What released code says to the database is kept, and every later schema has to understand it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from inbox_lifecycle import Inboxes, __version__
from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.store.migrate import upgrade_along, upgrade_by_one
from inbox_lifecycle.store.session import backend_for
from inbox_lifecycle.store.version import HEAD
from inbox_lifecycle.testing import Sandbox
from tests.migrations.living import live, settle
from tests.migrations.planted import LATER, on_both, plant
from tests.migrations.rule import generation
from tests.migrations.statements import ARCHIVE, KINDS, Archive, Said, refused, templates, today
from tests.support.databases import TestDatabase

#: Versions that may be at work on the schema of today and on those that follow in its generation.
ALIVE = [said for said in ARCHIVE.said() if generation(said.needs) == generation(HEAD)]
TODAY = {said.kind: said for said in ARCHIVE.said() if said.version == __version__}


@pytest.mark.parametrize("kind", KINDS)
def test_statements_of_today_are_the_committed_ones(kind: str) -> None:
    """If not: `python -m tests.migrations.statements`, and read the difference before committing it."""
    assert TODAY[kind].path.read_text() == today(kind)


def test_every_file_is_of_a_released_version_or_of_todays() -> None:
    """What was never released runs nowhere; what was has both of its files."""
    kept = {(said.version, said.kind) for said in ARCHIVE.said()}
    assert kept == {(version, kind) for version in (*ARCHIVE.released(), __version__) for kind in KINDS}


@pytest.mark.parametrize(
    ("database", "said"),
    [(said.kind, said) for said in ALIVE],
    ids=[said.path.stem for said in ALIVE],
    indirect=["database"],
)
def test_statements_run_on_every_later_schema(database: TestDatabase, tmp_path: Path, said: Said) -> None:
    """The schema of today, and each that may follow in its generation, knows how to run all of them."""
    migrations, engine, ran = plant(tmp_path, *LATER), make_engine(database.url), True
    while ran:
        assert refused(database, said.statements) == {}
        _, ran = upgrade_by_one(engine, backend_for(engine.dialect), migrations)
    engine.dispose()


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("alter table {s}inbox_attempts drop column detail", {"close_attempt", "expired_attempts", "verify_attempts"}),
        ("alter table {s}email_domains rename column domain to name", {"get_as_owner", "find_by_domain", "look_again"}),
        ("alter table {s}inbox_feed_queue rename to queue", set()),
    ],
    ids=["column-dropped", "column-renamed", "table-renamed"],
)
def test_statement_that_a_migration_breaks_is_found(
    database: TestDatabase, tmp_path: Path, statement: str, broken: set[str]
) -> None:
    """By name, whatever part of the statement it is that the schema does not know any more."""
    queues = {"sqlite": {"queue"}, "postgresql": {"register", "commit_move", "commit_warmup"}}[database.kind]
    upgrade_along(plant(tmp_path, on_both("It breaks running code.", statement)), database.url)
    assert refused(database, TODAY[database.kind].statements).keys() >= (broken or queues)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_key_that_a_statement_relies_on_is_missed(database: TestDatabase, tmp_path: Path) -> None:
    """The statement can be prepared without it, and not be planned."""
    breaks = on_both("A key goes.", "alter table {s}email_domains drop constraint email_domains_owner_domain_key")
    upgrade_along(plant(tmp_path, breaks), database.url)
    missing = refused(database, TODAY["postgresql"].statements).keys()
    assert missing == {"register", "births_sql_births_postgresql"}


def test_every_statement_that_a_service_says_is_kept(
    database: TestDatabase, service: Inboxes, provider_sandbox: Sandbox
) -> None:
    """The templates that a facade compiled while it was at work are among those that are written down."""
    live(service, provider_sandbox)
    settle(service, provider_sandbox, database)
    compiled = service._backend._compiled  # noqa: SLF001 - there is no other witness of what was said
    assert len(compiled) > 10
    assert set(compiled) <= set(templates(database.kind).values())


def test_statements_of_a_released_version_are_not_written_again(tmp_path: Path) -> None:
    """Services go on saying what it said; other statements are another version's."""
    shutil.copytree(ARCHIVE.folder, tmp_path, dirs_exist_ok=True)
    archive = Archive(tmp_path)
    (tmp_path / "released.txt").write_text(f"# A comment.\n{__version__}\n")
    archive.write_today()
    changed = tmp_path / f"{__version__}_sqlite.sql"
    changed.write_text("-- Other statements.\n")
    with pytest.raises(SystemExit, match=f"{__version__} is released"):
        archive.write_today()
    assert changed.read_text() == "-- Other statements.\n"
