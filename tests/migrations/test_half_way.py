"""Services at work while the schema is upgraded under them, step by step, and steps that fail half-way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine

from inbox_lifecycle import Inboxes, Status, StoreContended
from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.store.faults import ConstraintViolated
from inbox_lifecycle.store.migrate import upgrade_along, upgrade_by_one
from inbox_lifecycle.store.session import backend_for
from inbox_lifecycle.store.version import HEAD, VERSION_TABLE
from inbox_lifecycle.testing import Sandbox
from tests.migrations.facts import Fact, read_facts
from tests.migrations.living import OWNER, live, registered, settle
from tests.migrations.planted import COLUMN, DEFAULT, INDEX, LATER, Planted, on_both, plant
from tests.migrations.rule import chain, number_after
from tests.support.aftermath import background, eventually, in_flight
from tests.support.databases import TestDatabase
from tests.support.developing import alembic_for
from tests.support.locks import waiters
from tests.support.racing import together

NEXT = number_after(HEAD, "expand")

#: The guards refuse this of every row.
_REFUSED = "update {s}inboxes set status = 'banned'"
STUMBLES = on_both("A step that fails half-way.", "alter table {s}inbox_attempts add column half text", _REFUSED)
STUMBLES_OUTSIDE = Planted(
    what="An index that is built, and a failure before that is known.",
    postgresql=(*INDEX.postgresql, _REFUSED),
    concurrently=True,
)


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    """The engine of whoever upgrades."""
    made = make_engine(database.url)
    yield made
    made.dispose()


@pytest.fixture
def warm(service: Inboxes, provider_sandbox: Sandbox) -> Inboxes:
    """A service that has been at work, so that the server has prepared each of its statements."""
    live(service, provider_sandbox)
    return service


def stands_at(database: TestDatabase) -> str:
    """The database's revision."""
    ((revision,),) = database.execute(f"select version_num from {{s}}{VERSION_TABLE}")  # noqa: S608 - our own name
    return str(revision)


def test_call_in_flight_over_each_step_is_recorded(
    database: TestDatabase, engine: Engine, warm: Inboxes, provider_sandbox: Sandbox, tmp_path: Path
) -> None:
    """Its attempt was opened on one schema; its acceptance is recorded on the next."""
    migrations = plant(tmp_path, *LATER)
    for step in chain(migrations)[-len(LATER) :]:
        inbox = registered(warm)
        in_flight(provider_sandbox, lambda: upgrade_by_one(engine, backend_for(engine.dialect), migrations))
        assert warm.retry_warmup(inbox.id, owner_id=OWNER).status is Status.WARMING
        assert stands_at(database) == step.revision
    live(warm, provider_sandbox)
    settle(warm, provider_sandbox, database)


class Traffic:
    """Services that live one life after another until they are told to stop."""

    def __init__(self, service: Inboxes, sandbox: Sandbox, count: int) -> None:
        self._lives = [0] * count
        self._over = threading.Event()
        self._ends: list[Future[None]] = [
            background(lambda number=number: self._go_on(service, sandbox, number))  # type: ignore[misc]
            for number in range(count)
        ]

    def flow(self) -> None:
        """Wait until each of them has begun and ended a life from now on."""
        before = list(self._lives)
        eventually(
            lambda: all(now >= then + 2 for now, then in zip(self._lives, before, strict=True)) or self._failed()
        )

    def end(self) -> None:
        """Stop; what one of them raised is raised."""
        self._over.set()
        for end in self._ends:
            end.result(60)

    def _failed(self) -> bool:
        return any(end.done() for end in self._ends)

    def _go_on(self, service: Inboxes, sandbox: Sandbox, number: int) -> None:
        while not self._over.is_set():
            live(service, sandbox)
            self._lives[number] += 1


def test_calls_go_on_while_the_schema_is_upgraded(
    database: TestDatabase, engine: Engine, service: Inboxes, provider_sandbox: Sandbox, tmp_path: Path
) -> None:
    """Each step meets calls at whatever they are doing; none of them fails."""
    migrations, backend = plant(tmp_path, *LATER), backend_for(engine.dialect)
    traffic = Traffic(service, provider_sandbox, 2)
    for _ in LATER:
        traffic.flow()
        upgrade_by_one(engine, backend, migrations)
    traffic.flow()
    traffic.end()
    assert stands_at(database) == chain(migrations)[-1].revision


def test_upgrades_at_once_take_turns_at_each_step(database: TestDatabase, tmp_path: Path) -> None:
    """An index that is built concurrently waits for running statements: a wait for the turn must be none."""
    migrations = plant(tmp_path, *LATER)
    head = chain(migrations)[-1].revision
    assert together([lambda: upgrade_along(migrations, database.url)] * 3) == [head] * 3


def test_step_that_fails_leaves_the_schema_before_it(
    database: TestDatabase, warm: Inboxes, provider_sandbox: Sandbox, tmp_path: Path
) -> None:
    """The step before it stays, nothing of it does, and services go on; the mended step is run when it comes."""
    upgrade_along(plant(tmp_path, COLUMN), database.url)
    before = read_facts(database)
    with pytest.raises(ConstraintViolated):
        upgrade_along(plant(tmp_path, COLUMN, STUMBLES, DEFAULT), database.url)
    assert (stands_at(database), read_facts(database)) == (NEXT, before)
    live(warm, provider_sandbox)
    settle(warm, provider_sandbox, database)
    mended = plant(tmp_path, COLUMN, DEFAULT)
    assert upgrade_along(mended, database.url) == chain(mended)[-1].revision
    live(warm, provider_sandbox)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_index_that_was_broken_off_is_in_nobodys_way(
    database: TestDatabase, warm: Inboxes, provider_sandbox: Sandbox, tmp_path: Path
) -> None:
    """Outside of a transaction something is left; services do not notice, and the next run begins anew."""
    with pytest.raises(ConstraintViolated):
        upgrade_along(plant(tmp_path, STUMBLES_OUTSIDE), database.url)
    assert Fact("index", "inboxes", "inboxes_updated") in read_facts(database)
    assert stands_at(database) == HEAD
    live(warm, provider_sandbox)
    assert upgrade_along(plant(tmp_path, INDEX), database.url) == NEXT
    live(warm, provider_sandbox)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_step_gives_way_to_a_long_transaction(database: TestDatabase, service: Inboxes, tmp_path: Path) -> None:
    """Calls that queued up behind the migration go on when it gives up, and it can be run again."""
    migrations, inbox = plant(tmp_path, DEFAULT), registered(service)
    with database.connect() as report:
        report.execute("select count(*) from inbox_lifecycle.inboxes")
        upgrade = background(lambda: upgrade_along(migrations, database.url))
        eventually(lambda: waiters(database) == 1 or upgrade.done())
        call = background(lambda: service.retry_warmup(inbox.id, owner_id=OWNER))
        eventually(lambda: waiters(database) == 2 or upgrade.done())
        with pytest.raises(StoreContended):
            upgrade.result(60)
        assert call.result(60).status is Status.WARMING
    assert stands_at(database) == HEAD
    assert upgrade_along(migrations, database.url) == NEXT


def test_plain_alembic_runs_the_same_steps(database: TestDatabase, tmp_path: Path) -> None:
    """In one transaction, indexes included: nobody is at work on a developer's database."""
    migrations = plant(tmp_path, *LATER)
    config = alembic_for(database.url)
    config.set_main_option("script_location", str(migrations))
    command.upgrade(config, "head")
    assert stands_at(database) == chain(migrations)[-1].revision
    assert Fact("index", "inboxes", "inboxes_updated") in read_facts(database)
