"""The database is gone: a 503 before the provider is asked, the one 500 after it accepted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from inbox_lifecycle import Inbox
from inbox_lifecycle.http import ApiKeys, gateway
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.contract import ANA, PENDING, adopted, in_flight
from tests.support.databases import Postgres, TestDatabase
from tests.support.faces import AnyFace
from tests.support.hosting import DRAFT, Host, Site, site_of
from tests.support.proxy import Proxy
from tests.support.recorded import NOT_RECORDED
from tests.support.serving import Web

pytestmark = pytest.mark.parametrize(
    ("make", "database"), [("sync", "postgresql"), ("async", "postgresql")], indirect=True
)


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    """A proxy in front of the tests' PostgreSQL."""
    with Proxy(Path(postgres.socket_folder) / ".s.PGSQL.5432") as running:
        yield running


@pytest.fixture
def face(make: MakeFace, proxy: Proxy, database: TestDatabase) -> AnyFace:
    """A facade behind the proxy, which gives up recording early."""
    return make(proxy.url(urlsplit(database.url).path.removeprefix("/")), recording_budget=0.3)


@pytest.fixture
def inbox(face: AnyFace) -> Inbox:
    """A stuck inbox."""
    return adopted(face, PENDING)


def test_nothing_is_sent_without_a_database(
    site: Site, host: Host, inbox: Inbox, proxy: Proxy, provider_sandbox: Sandbox
) -> None:
    """Every route says 503 and when to come again, says nothing of the database, and asks no provider."""
    host.senders = [inbox.id]
    proxy.refuse()
    one = f"/api/email/accounts/{inbox.id}"
    answers = [site.get(path) for path in ("/api/email/accounts", one, f"{one}/history", f"{one}/attempts")]
    answers += [site.get("/api/email/accounts/warmup-analytics"), site.retry(inbox), site.launch(DRAFT)]
    assert [answer.status_code for answer in answers] == [503] * 7
    assert {answer.headers["Retry-After"] for answer in answers} == {"30"}
    assert {answer.json()["type"] for answer in answers} == {"urn:inbox-lifecycle:problem:store-unavailable"}
    assert len({answer.text for answer in answers}) == 1
    assert provider_sandbox.requests == ()
    proxy.resume()
    assert site.retry(inbox).status_code == 200


def test_a_database_that_hangs_is_a_503_in_time(
    site: Site, face: AnyFace, inbox: Inbox, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks is not left waiting for somebody else's lock, and whoever asks is told that nobody knows."""
    monkeypatch.setattr(gateway, "LOOKING", 0.3)
    monkeypatch.setattr(gateway, "BEYOND", 0.3 - face.target._calls.terms.call_budget)  # noqa: SLF001 - the facade's own
    with psycopg.connect(database.url) as other:
        other.execute("lock table inbox_lifecycle.inboxes in access exclusive mode")
        looked, asked = site.get(f"/api/email/accounts/{inbox.id}"), site.retry(inbox)
    assert (looked.status_code, looked.json()["type"].rpartition(":")[2]) == (503, "store-unavailable")
    assert (asked.status_code, asked.json()["type"].rpartition(":")[2]) == (502, "provider-outcome-unknown")


def test_tokens_that_stand_in_the_database_cannot_be_checked_without_it(
    web: Web, host: Host, face: AnyFace, inbox: Inbox, proxy: Proxy
) -> None:
    """That is a 503, and no 401 that would have a client throw its token away."""
    made = face.operator().create_api_key(owner_id=inbox.owner_id)
    with site_of(web, host.application(face, authenticate=ApiKeys(face.target))) as site:
        assert site.get(f"/api/email/accounts/{inbox.id}", token=made.token).status_code == 200
        proxy.refuse()
        assert site.get(f"/api/email/accounts/{inbox.id}", token=made.token).status_code == 503


def test_gone_after_the_provider_accepted_is_the_one_500_and_then_a_200(
    site: Site, inbox: Inbox, proxy: Proxy, provider_sandbox: Sandbox
) -> None:
    """The message is exactly the original's; asking again at once succeeds, and the provider is asked a second time."""
    in_flight(provider_sandbox, proxy.refuse)
    answer = site.retry(inbox)
    assert (answer.status_code, answer.json()["error"], answer.json()["detail"]) == (500, NOT_RECORDED, NOT_RECORDED)
    proxy.resume()
    again = site.retry(inbox)
    assert (again.status_code, again.json()["account"]["status"]) == (200, "warming")
    assert provider_sandbox.enable_calls(ANA) == 2
