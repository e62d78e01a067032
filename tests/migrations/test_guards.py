"""The guards that the package expects are those that the migrations make, whatever the way to head was."""

from __future__ import annotations

from pathlib import Path

import pytest

from inbox_lifecycle import downgrade_schema, upgrade_schema
from inbox_lifecycle.audit.standing import check_guards
from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.store.guards import expected_guards
from inbox_lifecycle.store.migrate import migrations_path, upgrade_along, upgrade_by_one
from inbox_lifecycle.store.session import backend_for
from tests.migrations.guards import read_guards
from tests.migrations.planted import LATER, plant
from tests.migrations.rule import chain
from tests.support.databases import TestDatabase
from tests.support.flows import run_on

#: Steps from nothing to each revision before head.
EARLIER = range(len(chain(migrations_path())))


def test_freshly_migrated_database_has_the_guards_that_the_package_expects(database: TestDatabase) -> None:
    """If not: `python -m tests.migrations.guards`, and read the difference before committing it."""
    assert read_guards(database) == expected_guards(database.kind)


@pytest.mark.parametrize("steps", EARLIER)
def test_database_that_stopped_on_the_way_ends_with_the_same_guards(empty_database: TestDatabase, steps: int) -> None:
    """It was migrated by an earlier version, and by this one later."""
    engine = make_engine(empty_database.url)
    for _ in range(steps):
        upgrade_by_one(engine, backend_for(engine.dialect), migrations_path())
    engine.dispose()
    assert read_guards(empty_database).keys() <= expected_guards(empty_database.kind).keys()
    upgrade_schema(empty_database.url)
    assert read_guards(empty_database) == expected_guards(empty_database.kind)


@pytest.mark.parametrize("steps", EARLIER)
def test_database_that_went_back_ends_with_the_same_guards(database: TestDatabase, steps: int) -> None:
    """What a downgrade leaves is what the upgrade after it builds upon."""
    revisions = ["base", *(script.revision for script in chain(migrations_path()))]
    downgrade_schema(database.url, revisions[steps])
    assert read_guards(database).keys() <= expected_guards(database.kind).keys()
    upgrade_schema(database.url)
    assert read_guards(database) == expected_guards(database.kind)


def test_database_that_is_ahead_has_all_guards_of_today(database: TestDatabase, tmp_path: Path) -> None:
    """Later migrations of the generation add columns, tables, indexes and guards, and take nothing away."""
    upgrade_along(plant(tmp_path, *LATER), database.url)
    assert read_guards(database).items() > expected_guards(database.kind).items()
    assert run_on(database.url, check_guards()) == []
