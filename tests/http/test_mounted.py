"""In a host's application: under its prefix, beside its routes, and with nothing of the host's changed by it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from inbox_lifecycle.http import create_router
from tests.support.contract import UNKNOWN_ID, born, crosswise
from tests.support.faces import AnyFace
from tests.support.hosting import Host, Site, site_of
from tests.support.serving import Web


class Account(BaseModel):
    """A model of the host's, of a name that is not rare."""

    name: str
    status: int


def hosts_application(host: Host, face: AnyFace) -> FastAPI:
    """An application with routes on the same paths, handlers of its own, and a dependency for the router."""
    app = FastAPI()

    @app.exception_handler(RuntimeError)
    async def answer_runtime_error(_request: Request, _error: Exception) -> JSONResponse:
        return JSONResponse({"host": "says"}, 418)

    async def only_in_the_open(request: Request) -> None:
        if "X-Closed" in request.headers:
            raise HTTPException(403, "closed")

    @app.get("/v2/mine/{number}")
    async def mine(number: int) -> Account:
        if number == 13:
            raise RuntimeError("zx")
        return Account(name="host's", status=number)

    router = create_router(face.target, authenticate=host.authenticate)
    app.include_router(router, prefix="/v2", dependencies=[Depends(only_in_the_open)])

    @app.post("/v2/email/accounts")
    async def create(account: Account) -> Account:
        return account

    @app.delete("/v2/email/accounts/{account_id}")
    async def delete(account_id: str) -> dict[str, str]:
        return {"deleted": account_id}

    return app


@pytest.fixture
def site(web: Web, host: Host, face: AnyFace) -> Iterator[Site]:
    """The application, served."""
    with site_of(web, hosts_application(host, face)) as served:
        yield served


@crosswise
def test_the_hosts_routes_answer_as_they_did(site: Site) -> None:
    """Its errors, its validation, its 404 and 405 have its form; and no request id that it did not give."""
    assert site.get("/v2/mine/7", token=None).json() == {"name": "host's", "status": 7}
    assert site.get("/v2/mine/13").json() == {"host": "says"}
    assert list(site.get("/v2/mine/x").json()) == ["detail"]
    assert site.get("/v2/nowhere").json() == {"detail": "Not Found"}
    assert site.ask("PUT", "/v2/mine/7").json() == {"detail": "Method Not Allowed"}
    assert "X-Request-ID" not in site.get("/v2/mine/7").headers


@crosswise
def test_routes_of_both_share_a_path(site: Site, face: AnyFace) -> None:
    """Each method goes to whoever has it, and what is allowed is what both have together."""
    inbox = born(face)
    account = {"name": "a", "status": 1}
    assert site.ask("POST", "/v2/email/accounts", json=account, token=None).json() == account
    assert [one["id"] for one in site.get("/v2/email/accounts").json()["accounts"]] == [inbox.id]
    assert site.ask("DELETE", f"/v2/email/accounts/{inbox.id}").json() == {"deleted": inbox.id}
    assert site.ask("OPTIONS", "/v2/email/accounts").headers["Allow"] == "GET, HEAD, POST, OPTIONS"
    refused = site.ask("PATCH", f"/v2/email/accounts/{inbox.id}")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD, DELETE, OPTIONS")


@crosswise
def test_our_routes_answer_in_our_form_all_the_same(site: Site) -> None:
    """Errors of ours reach no handler of the host's."""
    assert site.ask("PATCH", f"/v2/email/accounts/{UNKNOWN_ID}/retry-warmup").json()["error"] == "Account not found"
    assert site.get("/v2/email/accounts?limit=0").headers["Content-Type"] == "application/problem+json"
    assert site.get("/v2/email/accounts", token=None).headers["WWW-Authenticate"] == "Bearer"


@crosswise
def test_what_the_host_demands_of_the_router_is_the_hosts_to_answer(site: Site) -> None:
    """A dependency given at inclusion refuses in the host's form, for callers with a token."""
    closed = site.get("/v2/email/accounts", headers={"X-Closed": "1"})
    assert (closed.status_code, closed.json()) == (403, {"detail": "closed"})
    assert site.get("/v2/email/accounts", headers={"X-Closed": "1"}, token=None).status_code == 401


@crosswise
def test_the_hosts_document_keeps_its_names_and_has_ours(site: Site) -> None:
    """With every operation once."""
    document = site.get("/openapi.json").json()
    assert document["components"]["schemas"]["Account"]["title"] == "Account"
    assert set(document["paths"]["/v2/email/accounts"]) == {"get", "post"}
    assert document["paths"]["/v2/email/accounts/{id}/retry-warmup"]["patch"]["operationId"] == "retry_warmup"


@crosswise
def test_an_application_within_an_application_serves_it_too(web: Web, host: Host, face: AnyFace) -> None:
    """Mounted whole, below a path of the outer one's."""
    outer = FastAPI()
    outer.mount("/inner", hosts_application(host, face))
    with site_of(web, outer) as site:
        assert site.get("/inner/v2/email/accounts").json() == {"accounts": []}
        assert site.ask("OPTIONS", "/inner/v2/email/accounts").headers["Allow"] == "GET, HEAD, POST, OPTIONS"
        assert site.ask("PATCH", f"/inner/v2/email/accounts/{UNKNOWN_ID}/retry-warmup").status_code == 404
