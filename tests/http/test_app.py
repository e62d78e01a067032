"""The application that stands alone: everything that is none of its routes is a problem document as well."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from fastapi.responses import StreamingResponse

from inbox_lifecycle.http import create_app
from inbox_lifecycle.http.facts import FACTS
from inbox_lifecycle.http.logs import TextLog
from tests.support.contract import crosswise
from tests.support.faces import AnyFace
from tests.support.hosting import Host, Site, site_of
from tests.support.serving import Web


@pytest.fixture
def site(web: Web, host: Host, face: AnyFace) -> Iterator[Site]:
    """The application, with two routes that fail, as one of a later version might."""
    app = create_app(face.target, authenticate=host.authenticate, prefix="/v1")

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("zx-secret")

    @app.get("/half")
    async def half() -> StreamingResponse:
        async def stream() -> Iterator[bytes]:  # type: ignore[misc]  # an async generator all the same
            yield b"half"
            raise RuntimeError("zx-secret")

        return StreamingResponse(stream(), headers={"Content-Length": "8"})

    with site_of(web, app) as served:
        yield served


@crosswise
def test_the_routes_stand_under_the_prefix(site: Site) -> None:
    """And nowhere else; a path with a slash too many is none of them, and leads nowhere."""
    assert site.get("/v1/email/accounts").json() == {"accounts": []}
    for path in (
        "/email/accounts",
        "/api/email/accounts",
        "/v1/email/accounts/",
        "/v1",
        "/",
        "/docs",
        "/../etc/passwd",
    ):
        answer = site.get(path)
        assert (answer.status_code, answer.json()["title"]) == (404, "Not Found"), path
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["X-Request-ID"]


@crosswise
def test_probes_need_no_token(site: Site) -> None:
    """And other methods on them are told which there are."""
    assert site.get("/livez", token=None).status_code == 200
    assert site.get("/readyz", token=None).status_code == 200
    for path in ("/livez", "/readyz"):
        head = site.ask("HEAD", path, token=None)
        assert (head.status_code, head.headers["Cache-Control"], head.content) == (200, "no-store", b"")
    refused = site.ask("POST", "/livez")
    assert (refused.status_code, refused.json()["status"]) == (405, 405)
    assert refused.headers["Allow"] == "GET, HEAD, OPTIONS"


@crosswise
def test_what_nobody_foresaw_is_a_500_without_a_word_of_it(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the answer nor any log has the error's text or a stack; type, place and request are in the log."""
    with caplog.at_level(logging.DEBUG):
        answer = site.get("/broken", headers={"X-Request-ID": "r-1"})
    assert (answer.status_code, answer.json()["error"]) == (500, "Internal server error")
    assert answer.headers["X-Request-ID"] == "r-1"
    assert "zx" not in answer.text + caplog.text
    assert [record.exc_info for record in caplog.records if record.exc_info] == []
    assert "RuntimeError" in caplog.text
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    facts = getattr(record, FACTS)
    assert (facts["request_id"], facts["error"]) == ("r-1", "RuntimeError")
    assert facts["at"].startswith(f"{__name__}:broken:")
    assert f"request_id=r-1 error=RuntimeError at={__name__}:broken:" in TextLog().format(record)


@crosswise
def test_half_an_answer_is_never_taken_for_a_whole_one(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """A failure in the middle of an answer breaks the connection, and is as discreet."""
    with caplog.at_level(logging.DEBUG), pytest.raises(Exception, match="peer closed connection"):
        site.get("/half")
    assert "zx" not in caplog.text
    assert [record.exc_info for record in caplog.records if record.exc_info] == []
