"""Code of today on the schemas to come: it works on all of its generation, and refuses the next one in time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from inbox_lifecycle import Inboxes, Instantly, SchemaMismatch, downgrade_schema, upgrade_schema
from inbox_lifecycle.store.migrate import upgrade_along
from inbox_lifecycle.testing import Sandbox
from tests.migrations.facts import read_facts
from tests.migrations.living import OWNER, live, registered, settle
from tests.migrations.planted import CONTRACT, LATER, plant
from tests.migrations.rule import chain
from tests.support.databases import TestDatabase

UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"

CALLS: tuple[Callable[[Inboxes], object], ...] = (
    lambda inboxes: inboxes.retry_warmup(UNKNOWN_ID, owner_id=OWNER),
    lambda inboxes: inboxes.register(email_address="ana@mail.example.com", owner_id=OWNER, start_warmup=True),
    lambda inboxes: list(inboxes.history(UNKNOWN_ID, owner_id=OWNER)),
    lambda inboxes: inboxes.operator(actor="olga").ban(UNKNOWN_ID),
    lambda inboxes: inboxes.operator(actor="olga").reconcile(),
    lambda inboxes: inboxes.operator(actor="olga").verify(),
)


def test_code_of_today_works_on_every_later_schema_of_its_generation(
    database: TestDatabase, service_url: str, provider: Instantly, provider_sandbox: Sandbox, tmp_path: Path
) -> None:
    """Each later revision is one on which services may be started, and left for days."""
    for steps in range(1, len(LATER) + 1):
        migrations = plant(tmp_path, *LATER[:steps])
        assert upgrade_along(migrations, database.url) == chain(migrations)[-1].revision
        with Inboxes(service_url, provider) as service:
            live(service, provider_sandbox)
            settle(service, provider_sandbox, database)


def test_code_of_today_refuses_the_next_generation(
    database: TestDatabase, service_url: str, provider: Instantly, provider_sandbox: Sandbox, tmp_path: Path
) -> None:
    """Whatever is asked, before anything is sent to the provider."""
    found = upgrade_along(plant(tmp_path, *LATER, CONTRACT), database.url)
    for ask in CALLS:
        with Inboxes(service_url, provider) as inboxes, pytest.raises(SchemaMismatch, match=f"is at {found}"):
            ask(inboxes)
    assert provider_sandbox.requests == ()


def test_running_service_refuses_a_generation_that_its_first_statement_does_not_fit(
    database: TestDatabase, service: Inboxes, provider_sandbox: Sandbox, tmp_path: Path
) -> None:
    """It looked at the revision long ago; the attempt that it cannot open keeps it from asking the provider."""
    live(service, provider_sandbox)
    inbox, asked = registered(service), len(provider_sandbox.requests)
    upgrade_along(plant(tmp_path, *LATER, CONTRACT), database.url)
    with pytest.raises(SchemaMismatch):
        service.retry_warmup(inbox.id, owner_id=OWNER)
    assert len(provider_sandbox.requests) == asked


def test_upgrade_by_code_of_today_leaves_a_later_schema_as_it_is(database: TestDatabase, tmp_path: Path) -> None:
    """A service that upgrades at every start may be started again after its database was upgraded."""
    later = upgrade_along(plant(tmp_path, *LATER), database.url)
    before = read_facts(database)
    assert upgrade_schema(database.url) == later
    assert read_facts(database) == before


def test_upgrade_by_code_of_today_refuses_the_next_generation(database: TestDatabase, tmp_path: Path) -> None:
    """It has nothing to bring there, and says what stands in the way."""
    found = upgrade_along(plant(tmp_path, *LATER, CONTRACT), database.url)
    with pytest.raises(SchemaMismatch, match=f"is at {found}"):
        upgrade_schema(database.url)


def test_downgrade_by_code_of_today_refuses_what_it_does_not_know(database: TestDatabase, tmp_path: Path) -> None:
    """Only the version that brought a revision knows the way back."""
    found = upgrade_along(plant(tmp_path, *LATER), database.url)
    before = read_facts(database)
    with pytest.raises(SchemaMismatch, match=f"is at {found}"):
        downgrade_schema(database.url, drop_history=True)
    assert read_facts(database) == before
