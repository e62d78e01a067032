"""What comes before a handler: tokens, methods, bodies, ids and headers that are not what they should be."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from inbox_lifecycle import Inbox
from inbox_lifecycle.http.problems import BODY_BOUND
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.contract import OWNER, UNKNOWN_ID, born, crosswise, outcomes
from tests.support.faces import AnyFace
from tests.support.hosting import DRAFT, TOKEN, Host, Site, site_of
from tests.support.serving import Web

ROUTES = (
    ("GET", "/api/email/accounts"),
    ("GET", "/api/email/accounts/warmup-analytics"),
    ("GET", "/api/email/accounts/{id}"),
    ("PATCH", "/api/email/accounts/{id}/retry-warmup"),
    ("GET", "/api/email/accounts/{id}/history"),
    ("GET", "/api/email/accounts/{id}/attempts"),
    ("POST", f"/api/campaigns/{DRAFT}/launch"),
)

#: What is said in place of `Authorization: Bearer <token>`.
NO_TOKENS: tuple[list[tuple[str, str]], ...] = (
    [],
    [("Authorization", "")],
    [("Authorization", "Bearer")],
    [("Authorization", f"Basic {TOKEN}")],
    [("Authorization", TOKEN)],
    [("Authorization", f"Bearer {TOKEN} {TOKEN}")],
    [("Authorization", f"Bearer {TOKEN}, Bearer {TOKEN}")],
    [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer other")],
    [("Authorization", f"Bearer {TOKEN[:-1]}")],
    [("Authorization", "Bearer ' or '1'='1")],
    [("Authorization", f"Bearer {'a' * 9000}")],
    [("Cookie", f"token={TOKEN}")],
)

NO_IDS = (
    "nope",
    "0",
    "00000000-0000-0000-0000-000000000000",
    "0197e9a48f4a7c3e9d6b2f1c5a7e4b10",
    "%7B0197e9a4-8f4a-7c3e-9d6b-2f1c5a7e4b10%7D",
    "' or 1=1 --",
    "0197e9a4-8f4a-7c3e-9d6b-2f1c5a7e4b10'; drop table inboxes; --",
    "%00",
    "%0d%0aX-Injected: yes",
    "a" * 4000,
    "%ff%fe",
    "warmup-analytics",
)

NO_KEYS = (
    "",
    "two words",
    "k" * 256,
    '"never closed',
    '"',
    '""',
    '"a";b=c',
    '"' + "k" * 256 + '"',
    "caf\u00e9",
)


@pytest.fixture
def site(web: Web, host: Host, make: MakeFace) -> Iterator[Site]:
    """A host over a facade on SQLite: nothing here comes as far as a database."""
    with site_of(web, host.application(make())) as served:
        yield served


@crosswise
def test_without_a_good_token_every_route_says_the_same_and_asks_nothing(
    site: Site, face: AnyFace, host: Host, provider_sandbox: Sandbox
) -> None:
    """However the token is missing or wrong, the answers are equal to the byte, and tell no more than the scheme."""
    inbox = born(face)
    answers = [
        site.ask(method, path.format(id=inbox.id), token=None, headers=said)
        for method, path in ROUTES
        for said in NO_TOKENS
    ]
    assert {(answer.status_code, answer.headers["WWW-Authenticate"]) for answer in answers} == {(401, "Bearer")}
    assert len({answer.content for answer in answers}) == 1
    assert (provider_sandbox.requests, host.asked, outcomes(face, inbox)) == ((), [], [])


@crosswise
def test_what_is_wrong_with_a_question_is_told_only_to_those_who_may_ask(site: Site, provider_sandbox: Sandbox) -> None:
    """Without a token a malformed id, limit, key or body is a 401 like everything else."""
    for path in ("/api/email/accounts?limit=x", "/api/email/accounts/nope"):
        assert site.get(path, token=None).status_code == 401
    assert site.retry("nope", token=None, headers={"Idempotency-Key": "two words"}).status_code == 401
    assert site.retry("nope", token=None, content=b"x" * (BODY_BOUND + 1)).status_code == 401
    assert provider_sandbox.requests == ()


@crosswise
def test_schemes_are_known_in_any_case(site: Site) -> None:
    """RFC 9110 has schemes compared so."""
    for said in (f"bearer {TOKEN}", f"BEARER {TOKEN}", f"Bearer  {TOKEN}"):
        assert site.get("/api/email/accounts", token=None, headers={"Authorization": said}).status_code == 200


@crosswise
def test_what_is_no_id_is_a_422_that_repeats_nothing(site: Site, provider_sandbox: Sandbox) -> None:
    """On every route with an id, and with the very same answer, so that nothing of it comes back."""
    one = "/api/email/accounts/{}"
    answers = [site.get(f"{one.format(inbox_id)}/{tail}") for inbox_id in NO_IDS for tail in ("history", "attempts")]
    answers += [site.get(one.format(inbox_id)) for inbox_id in NO_IDS if inbox_id != "warmup-analytics"]
    answers += [site.retry(inbox_id) for inbox_id in NO_IDS]
    assert {(answer.status_code, answer.json()["type"], answer.json()["error"]) for answer in answers} == {
        (422, "urn:inbox-lifecycle:problem:malformed-input", "Invalid request")
    }
    assert len({answer.content for answer in answers}) == 1
    assert not any("X-Injected" in answer.headers for answer in answers)
    assert provider_sandbox.requests == ()


@crosswise
def test_what_is_no_idempotency_key_is_a_422(site: Site, face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Nor are two keys in one request, of which neither is meant more; nothing was asked or opened by then."""
    inbox = born(face)
    for key in NO_KEYS:
        answer = site.retry(inbox, headers={"Idempotency-Key": key.encode()})
        assert answer.status_code == 422, key
    answer = site.retry(inbox, headers=[("Idempotency-Key", "one"), ("Idempotency-Key", "two")])
    assert answer.status_code == 422
    assert (provider_sandbox.requests, outcomes(face, inbox)) == ((), [])


@crosswise
def test_a_key_in_quotes_is_the_key_without_them(site: Site, face: AnyFace, provider_sandbox: Sandbox) -> None:
    """As the draft has it, escapes included; the second request is answered with the first one's success."""
    inbox = born(face)
    first = site.retry(inbox, headers={"Idempotency-Key": r'"a\"b\\c"'})
    assert first.status_code == 200
    assert face.history(inbox.id, owner_id=OWNER)[-1].context.idempotency_key == r"a\"b\c".replace('\\"', '"')
    again = site.retry(inbox, headers={"Idempotency-Key": r'"a\"b\\c"'})
    assert (again.status_code, again.json()) == (200, first.json())
    assert len(provider_sandbox.requests) == 1


@crosswise
def test_bodies_are_ignored_up_to_a_bound_and_refused_beyond(
    web: Web, site: Site, face: AnyFace, provider_sandbox: Sandbox
) -> None:
    """Whatever they hold and say they are; announced or in chunks, one byte too many is a 413 and nothing was asked."""
    inbox = born(face)
    too_large: list[Any] = [b"x" * (BODY_BOUND + 1), iter([b"x" * BODY_BOUND, b"x"])]
    for content in too_large:
        assert site.retry(inbox, content=content).status_code == 413
    announced = exchange(web, request_for(inbox, "Content-Length: 99999999999999999999\r\nConnection: close\r\n\r\n"))
    assert b" 413 " in announced
    assert provider_sandbox.requests == ()
    for content_type in ("application/json", "text/xml", "multipart/form-data; boundary=x", "nonsense"):
        answer = site.retry(inbox, content=b"{" * BODY_BOUND, headers={"Content-Type": content_type})
        assert answer.status_code in {200, 409}
    assert site.get("/api/email/accounts", content=b"<xml/>", headers={"Content-Type": "text/xml"}).status_code == 200


@crosswise
def test_other_methods_are_told_which_there_are(site: Site, provider_sandbox: Sandbox) -> None:
    """A 405 or the answer to OPTIONS names them; no token is needed for it, and nothing is done."""
    for method, template in ROUTES:
        path = template.format(id=UNKNOWN_ID)
        taken = ["GET", "HEAD"] if method == "GET" else [method]
        allowed = ", ".join([*taken, "OPTIONS"])
        for other in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} - set(taken):
            answer = site.ask(other, path, token=None)
            assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
            assert other == "HEAD" or answer.json()["status"] == 405
            assert answer.headers["X-Request-ID"]
        answer = site.ask("OPTIONS", path, token=None)
        assert (answer.status_code, answer.headers["Allow"], answer.content) == (204, allowed, b"")
    assert provider_sandbox.requests == ()


@crosswise
def test_bytes_that_are_no_http_reach_nothing(web: Web, site: Site, face: AnyFace) -> None:
    """Headers that none can be, and a client that hangs up in the middle of its body, leave the account alone."""
    inbox = born(face)
    for header in ("Idempotency-Key: a\x00b", "X-Request-ID: a\rX-Injected: b", "X Request ID: a"):
        assert b" 400 " in exchange(web, request_for(inbox, f"{header}\r\nConnection: close\r\n\r\n"))
    with socket.create_connection(web.address) as raw:
        raw.sendall(request_for(inbox, "Content-Length: 10\r\n\r\nhalf"))
    assert site.get("/api/email/accounts").status_code == 200
    assert outcomes(face, inbox) == []


def request_for(inbox: Inbox, rest: str) -> bytes:
    """A retry, byte by byte."""
    path = f"/api/email/accounts/{inbox.id}/retry-warmup"
    return f"PATCH {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n{rest}".encode()


def exchange(web: Web, request: bytes) -> bytes:
    """What the server answers to these very bytes, up to the end."""
    with socket.create_connection(web.address) as raw:
        raw.settimeout(10)
        raw.sendall(request)
        return b"".join(iter(lambda: raw.recv(4096), b""))


@crosswise
def test_parameters_that_are_malformed_are_named_and_not_repeated(site: Site) -> None:
    """Limits, marks, words and domains, with SQL in them too; what they hold is nowhere in the answer."""
    for query in (
        "limit=zx",
        "limit=0",
        "limit=1001",
        "limit=1e3",
        "status=zx",
        "warmup_status=zx'--",
        "limit=5&after=zx",
        "after=2026-13-01T00:00:00.000000Z~0197e9a4-8f4a-7c3e-9d6b-2f1c5a7e4b10",
        "domain=zx",
        "domain=zx'%20or%201=1",
        "domain=%00zx.example",
    ):
        answer = site.get(f"/api/email/accounts?{query}")
        assert (answer.status_code, answer.json()["error"]) == (422, "Invalid request"), query
        assert "zx" not in answer.text
        if query.startswith("domain"):
            assert answer.json()["detail"].startswith("domain is not a domain name")
    named = site.get("/api/email/accounts/zx").json()
    assert named["detail"] == "id is not a UUID: pass the 36-character text form"
    for query in ("history?after=-1", "history?after=99999999999", "history?limit=0", "attempts?after=zx"):
        assert site.get(f"/api/email/accounts/{UNKNOWN_ID}/{query}").status_code == 422, query
