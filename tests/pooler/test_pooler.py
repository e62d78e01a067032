"""Behind PgBouncer in transaction mode: every statement may meet another server connection."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from inbox_lifecycle import AsyncInboxes, Inboxes, Instantly, RetryRefused, upgrade_schema
from tests.support.commands import Terminal
from tests.support.databases import Postgres, TestDatabase
from tests.support.faces import AwaitedFace, LoopThread
from tests.support.pooler import PgBouncer

pytestmark = pytest.mark.pooler


@pytest.fixture(scope="module")
def bouncer(postgres: Postgres) -> Iterator[PgBouncer]:
    """A pooler for all tests here."""
    folder = Path(tempfile.mkdtemp(prefix="ilpb"))
    folder.chmod(0o755)
    pooler = PgBouncer(postgres, folder)
    yield pooler
    pooler.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def pooled_url(bouncer: PgBouncer, postgres_database: TestDatabase) -> str:
    """The test's database through the pooler."""
    return bouncer.url(postgres_database.url.partition("@/")[2].partition("?")[0])


def test_the_whole_retry_works_through_the_pooler(pooled_url: str, provider: Instantly) -> None:
    """Register, fail, retry, refuse and verify, each on whichever server connection comes."""
    with Inboxes(pooled_url, provider=provider) as inboxes:
        inbox = inboxes.register(email_address="ana@mail.example.com", owner_id="owner")
        assert inboxes.retry_warmup(inbox.id, owner_id="owner").version == 2
        with pytest.raises(RetryRefused):
            inboxes.retry_warmup(inbox.id, owner_id="owner")
        assert inboxes.operator(actor="olga").verify().clean


def test_many_clients_get_their_own_answers(pooled_url: str, provider: Instantly) -> None:
    """Sixteen threads over four server connections read and move their own inboxes, and nobody gets another's row."""
    with Inboxes(pooled_url, provider=provider) as inboxes, ThreadPoolExecutor(16) as threads:
        made = [
            inboxes.register(email_address=f"box{number}@mail.example.com", owner_id=f"owner-{number}")
            for number in range(16)
        ]

        def live(number: int) -> None:
            inbox = made[number]
            for _ in range(40):
                seen = inboxes.get(inbox.id, owner_id=f"owner-{number}")
                assert (seen.id, seen.owner_id) == (inbox.id, f"owner-{number}")
                found = inboxes.find(owner_id=f"owner-{number}", status="pending").items
                assert [each.id for each in found] == [inbox.id]
            assert inboxes.retry_warmup(inbox.id, owner_id=f"owner-{number}").version == 2

        list(threads.map(live, range(16)))
        assert inboxes.operator(actor="olga").verify().clean


def test_a_race_through_the_pooler_has_one_winner(pooled_url: str, provider: Instantly) -> None:
    """Concurrent retries through the pooler move the inbox once."""
    with Inboxes(pooled_url, provider=provider) as inboxes, ThreadPoolExecutor(8) as threads:
        inbox = inboxes.register(email_address="ana@mail.example.com", owner_id="owner")

        def retry(_number: int) -> bool:
            try:
                inboxes.retry_warmup(inbox.id, owner_id="owner")
            except RetryRefused:
                return False
            return True

        assert sum(threads.map(retry, range(8))) == 1
        assert len(list(inboxes.history(inbox.id, owner_id="owner"))) == 2


def test_async_works_through_the_pooler(pooled_url: str, provider: Instantly, loop_thread: LoopThread) -> None:
    """The async facade over threads works through the pooler as well."""
    face = AwaitedFace(AsyncInboxes(pooled_url, provider=provider), loop_thread)
    inbox = face.register(email_address="ana@mail.example.com", owner_id="owner")
    assert face.retry_warmup(inbox.id, owner_id="owner").status == "warming"
    face.close()


def test_the_schema_upgrades_through_the_pooler(bouncer: PgBouncer, postgres: Postgres) -> None:
    """Migrating is one transaction, so the pooler may stand between."""
    with postgres.fresh(migrated=False) as fresh:
        url = bouncer.url(fresh.url.partition("@/")[2].partition("?")[0])
        assert upgrade_schema(url) == "1.0001"


def pooler_warnings(folder: Path, url: str) -> list[str]:
    """What `db check`, run as a user runs it, says about a pooler."""
    ran = Terminal(folder, settings={"DATABASE_URL": url}).run("db", "check")
    assert (ran.code, ran.document["works"]) == (0, True)
    return [warning for warning in ran.document["warnings"] if "pooler" in warning]


def test_checking_through_the_pooler_warns_about_it(pooled_url: str, tmp_path: Path) -> None:
    """Who brings an engine of their own is told what it must not do there."""
    (warning,) = pooler_warnings(tmp_path, pooled_url)
    assert "prepare_threshold=None" in warning


def test_checking_a_direct_connection_warns_about_no_pooler(postgres_database: TestDatabase, tmp_path: Path) -> None:
    """Where nothing stands between, nothing is said about it."""
    assert pooler_warnings(tmp_path, postgres_database.url) == []
