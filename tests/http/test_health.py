"""`/livez` and `/readyz`: what they ask, what they answer, and that neither tells where anything is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from inbox_lifecycle import AsyncInboxes, Inboxes, downgrade_schema, upgrade_schema
from inbox_lifecycle.errors import StoreUnavailable
from inbox_lifecycle.http import create_app
from inbox_lifecycle.http.health import Readiness
from inbox_lifecycle.store.version import HEAD
from tests.support.databases import Postgres, TestDatabase
from tests.support.faces import AnyFace
from tests.support.hosting import Host, Site, site_of
from tests.support.serving import Web


@contextmanager
def site_over(web: Web, host: Host, url: str) -> Iterator[Site]:
    """An application over the database at this URL, whatever is there."""
    with (
        Inboxes(url) as inboxes,
        site_of(web, create_app(inboxes, authenticate=host.authenticate)) as site,
    ):
        yield site


@contextmanager
def silent_server() -> Iterator[socket.socket]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def unready(site: Site) -> dict[str, Any]:
    """The problem document of a service that is not ready, but lives."""
    answer = site.get("/readyz", token=None)
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) >= 1
    assert site.get("/livez", token=None).status_code == 200
    document: dict[str, Any] = answer.json()
    assert (document["type"], document["status"]) == ("urn:inbox-lifecycle:problem:not-ready", 503)
    return document


def test_a_service_on_its_schema_is_alive_and_ready(web: Web, host: Host, face: AnyFace) -> None:
    """Without a token; readiness says which schema was found and which is needed, and nobody is to keep the answer."""
    with site_of(web, create_app(face.target, authenticate=host.authenticate)) as site:
        alive, ready = (site.get(path, token=None, headers={"X-Request-ID": "r-1"}) for path in ("/livez", "/readyz"))
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "schema": {"found": HEAD, "needed": HEAD}})
    for answer in (alive, ready):
        assert (answer.headers["Cache-Control"], answer.headers["X-Request-ID"]) == ("no-store", "r-1")


def test_a_service_without_its_schema_is_not_ready(web: Web, host: Host, empty_database: TestDatabase) -> None:
    """None at all, then one that is too old, then its own: each look is a new one, and says the cure."""
    with site_over(web, host, empty_database.url) as site:
        none = unready(site)
        upgrade_schema(empty_database.url)
        downgrade_schema(empty_database.url, "1.0001")
        old = unready(site)
        upgrade_schema(empty_database.url)
        assert site.get("/readyz", token=None).status_code == 200
    assert (none["schema"], old["schema"]) == ({"found": None, "needed": HEAD}, {"found": "1.0001", "needed": HEAD})
    assert "`inbox-lifecycle db upgrade`" in none["detail"]
    assert "1.0001" in old["detail"]


def test_a_service_without_its_database_is_not_ready_and_tells_nothing_of_it(web: Web, host: Host) -> None:
    """Neither its address nor its name nor the role, and no word of the driver."""
    with site_over(web, host, "postgresql://zx-role@/zx-name?host=/zx-nowhere") as site:
        document = unready(site)
    assert document["schema"] == {"needed": HEAD}
    assert "zx-" not in str(document)


def test_a_service_whose_role_may_not_look_is_not_ready(web: Web, host: Host, postgres: Postgres) -> None:
    """The log says why; the answer does not."""
    with postgres.fresh() as database:
        database.execute("create role zx_nobody login")
        with site_over(web, host, database.url.replace("//postgres@", "//zx_nobody@")) as site:
            assert "zx_" not in str(unready(site))
        database.execute("drop role zx_nobody")


@pytest.mark.parametrize("kind", [Inboxes, AsyncInboxes])
def test_a_database_that_keeps_silent_is_waited_for_once_and_not_for_long(kind: type[Any]) -> None:
    """However many ask at the same time, one connection is opened, and each of them has its answer in time."""

    async def ask_thrice(url: str) -> list[BaseException | str]:
        inboxes = kind(url)
        readiness = Readiness(inboxes, patience=0.2)
        answers = await asyncio.gather(*(readiness.revision() for _ in range(3)), return_exceptions=True)
        listener.settimeout(5)
        connection, _ = listener.accept()
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()
        # The driver gives up at once, and so the facade can be closed.
        connection.close()
        listener.close()
        await asyncio.to_thread(inboxes.close) if kind is Inboxes else await inboxes.aclose()
        return answers

    with silent_server() as listener:
        host, port = listener.getsockname()
        answers = asyncio.run(ask_thrice(f"postgresql://role@{host}:{port}/name"))
    assert [type(answer) for answer in answers] == [StoreUnavailable] * 3


def test_the_probes_are_documented_with_all_their_answers(face: AnyFace, host: Host) -> None:
    """And nobody needs a token for them."""
    document = create_app(face.target, authenticate=host.authenticate).openapi()
    alive, ready = (document["paths"][path]["get"] for path in ("/livez", "/readyz"))
    assert (set(alive["responses"]), set(ready["responses"])) == ({"200"}, {"200", "503"})
    assert "security" not in alive | ready
    problem = ready["responses"]["503"]["content"]["application/problem+json"]
    assert {example["value"]["status"] for example in problem["examples"].values()} == {503}
