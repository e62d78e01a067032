"""The OpenAPI document: complete, true to what is answered, and every example of it as well."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import jsonschema_rs
import pytest

from inbox_lifecycle import Inboxes, Signer
from inbox_lifecycle.errors import AuthenticationUnavailable
from inbox_lifecycle.http import create_app
from inbox_lifecycle.http.documents import SAMPLES
from inbox_lifecycle.http.problems import BODY_BOUND, ROWS, UNFORESEEN
from inbox_lifecycle.terms import NoProvider
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.contract import ACTIVE, PENDING, UNKNOWN_ID, WARMING, adopted, crosswise, in_flight
from tests.support.faces import AnyFace
from tests.support.hosting import DRAFT, RUNNING, Host, Site, site_of
from tests.support.serving import Web

Document = dict[str, Any]

LIST = "GET /api/email/accounts"
ANALYTICS = "GET /api/email/accounts/warmup-analytics"
ONE = "GET /api/email/accounts/{id}"
RETRY = "PATCH /api/email/accounts/{id}/retry-warmup"
HISTORY = "GET /api/email/accounts/{id}/history"
ATTEMPTS = "GET /api/email/accounts/{id}/attempts"
PROOF = "GET /api/email/accounts/{id}/proof"
LAUNCH = "POST /api/campaigns/{id}/launch"


@dataclass
class Place:
    """A served application with an inbox in each state."""

    site: Site
    host: Host
    sandbox: Sandbox
    ids: dict[str, str] = field(default_factory=dict)

    def ask(self, operation: str, subject: str = "pending", **options: Any) -> httpx.Response:
        """The answer to an operation on an inbox, or a campaign."""
        method, _, path = operation.partition(" ")
        named = self.ids.get(subject, subject)
        return self.site.ask(method, path.replace("{id}", named), **options)

    def failing(self, error: Exception, operation: str) -> httpx.Response:
        """The answer while tokens cannot be looked up."""
        self.host.failure = error
        answer = self.ask(operation)
        self.host.failure = None
        return answer

    def launch_during_launch(self) -> httpx.Response:
        """The answer to a launch that comes while another is under way."""
        answers: list[httpx.Response] = []
        in_flight(self.sandbox, lambda: answers.append(self.ask(LAUNCH, DRAFT)))
        assert self.ask(LAUNCH, DRAFT).status_code == 200
        return answers[0]

    def spoilt(self, kind: str, on: str, **order: Any) -> Callable[[str, str], httpx.Response]:
        """A way to ask while the provider fails."""
        self.sandbox.fail_next(kind, on=on, **order)
        return self.ask


#: How each answer that only some operations have is brought about.
PROVOKED: dict[tuple[str, int], Callable[[Place], httpx.Response]] = {
    (LIST, 200): lambda place: place.ask(f"{LIST}?limit=2"),
    (ANALYTICS, 200): lambda place: place.ask(ANALYTICS),
    (ONE, 200): lambda place: place.ask(ONE),
    (HISTORY, 200): lambda place: place.ask(f"{HISTORY}?limit=1&after=1", "warmed"),
    (ATTEMPTS, 200): lambda place: place.ask(f"{ATTEMPTS}?limit=1", "warmed"),
    (PROOF, 200): lambda place: place.ask(PROOF),
    (RETRY, 200): lambda place: place.ask(RETRY, "to be warmed"),
    (RETRY, 409): lambda place: place.ask(RETRY, "warming"),
    (RETRY, 502): lambda place: place.spoilt("reject", "enable", status=402)(RETRY, "pending"),
    (LAUNCH, 200): lambda place: place.ask(LAUNCH, DRAFT),
    (LAUNCH, 400): lambda place: place.ask(LAUNCH, RUNNING),
    (LAUNCH, 404): lambda place: place.ask(LAUNCH, UNKNOWN_ID),
    (LAUNCH, 409): lambda place: place.launch_during_launch(),
    (LAUNCH, 422): lambda place: place.ask(LAUNCH, "no%20campaign"),
    (LAUNCH, 502): lambda place: place.spoilt("reject", "activate", status=402)(LAUNCH, DRAFT),
    (LIST, 422): lambda place: place.ask(f"{LIST}?limit=0"),
}

#: And those that operations have in common.
COMMON: dict[int, Callable[[Place, str], httpx.Response]] = {
    401: lambda place, operation: place.ask(operation, token=None),
    404: lambda place, operation: place.ask(operation, UNKNOWN_ID),
    413: lambda place, operation: place.ask(operation, content=b"x" * (BODY_BOUND + 1)),
    422: lambda place, operation: place.ask(operation, "no-uuid"),
    500: lambda place, operation: place.failing(RuntimeError("zx"), operation),
    503: lambda place, operation: place.failing(AuthenticationUnavailable(5), operation),
}


@pytest.fixture
def place(make: MakeFace, provider_sandbox: Sandbox, host: Host, web: Web) -> Iterator[Place]:
    """An application that has every route there is."""
    face = make(signer=Signer.generate("log.example/inboxes"))
    app = create_app(face.target, authenticate=host.authenticate, senders_of=host.senders_of)
    with site_of(web, app) as site:
        place = Place(site, host, provider_sandbox)
        settle(place, face)
        yield place


def settle(place: Place, face: AnyFace) -> None:
    """Have an inbox in each state, and a campaign of the one that is active."""
    for name, pair in {"pending": PENDING, "to be warmed": PENDING, "warmed": PENDING, "warming": WARMING}.items():
        place.ids[name] = adopted(face, pair, f"{name.replace(' ', '-')}@mail.example.com").id
    place.host.senders = [adopted(face, ACTIVE, "active@mail.example.com").id]
    place.sandbox.add_campaign(DRAFT)
    place.sandbox.set_account(
        "warming@mail.example.com", warmup_status=1, reputation=97, total_sent=300, daily={"2026-03-03": (20, 18)}
    )
    for _ in range(2):
        place.ask(RETRY, "warmed")


@crosswise
def test_every_documented_answer_can_be_had_and_is_as_documented(place: Place) -> None:
    """Each status of each operation is provoked; media type, headers and body are those of the document."""
    document = place.site.get("/openapi.json").json()
    documented = set(operations(document))
    assert {operation for operation, _ in documented} == {LIST, ANALYTICS, ONE, RETRY, HISTORY, ATTEMPTS, PROOF, LAUNCH}
    assert set(PROVOKED) <= documented
    for operation, status in sorted(documented):
        own = PROVOKED.get((operation, status))
        answer = COMMON[status](place, operation) if own is None else own(place)
        assert answer.status_code == status, (operation, status, answer.text)
        assert_as_documented(document, operation, answer)


def operations(document: Document) -> Iterator[tuple[str, int]]:
    """Each operation under the prefix, with each of its statuses."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/api"):
                yield from ((f"{method.upper()} {path}", int(status)) for status in operation["responses"])


def answer_of(document: Document, operation: str, status: int) -> Document:
    """What is documented of an answer."""
    method, _, path = operation.partition(" ")
    found: Document = document["paths"][path][method.lower()]["responses"][str(status)]
    return found


def assert_as_documented(document: Document, operation: str, answer: httpx.Response) -> None:
    """The answer is what the document says of it, and its example has the same form."""
    told = answer_of(document, operation, answer.status_code)
    for name, header in told["headers"].items():
        value = answer.headers[name]
        check(document, header["schema"], int(value) if header["schema"]["type"] == "integer" else value)
    ((media_type, content),) = told["content"].items()
    assert answer.headers["Content-Type"] == media_type
    body = answer.json() if media_type.endswith("json") else answer.text
    check(document, content["schema"], body)
    assert any(alike(body, example) for example in examples(content)), (operation, body)


def check(document: Document, schema: Document, value: object) -> None:
    """The value is valid under a schema of the document."""
    whole = {**schema, "components": document["components"]}
    jsonschema_rs.Draft202012Validator(whole, validate_formats=True).validate(value)


def examples(content: Document) -> list[Any]:
    """All examples of an answer's body."""
    return [content["example"]] if "example" in content else [one["value"] for one in content["examples"].values()]


def alike(body: Any, example: Any) -> bool:
    """Whether a body has the form of an example: the same keys, but for those whose value is null, which it lacks."""
    if isinstance(body, dict) and isinstance(example, dict):
        body, example = unnamed(body), unnamed(example)
        said = {name for name, value in body.items() if value is not None}
        if not said <= set(example) <= set(body):
            return False
        free = {"payload", "detail"} if "inbox_id" in body else set()
        return all(alike(body[name], example[name]) for name in said - free)
    if isinstance(body, list) and isinstance(example, list):
        return all(alike(one, example[0]) for one in body[:1])
    return isinstance(body, type(example))


def unnamed(document: Document) -> Document:
    """The document with ids as keys alike."""
    return {re.sub(r"^[0-9a-f-]{36}$", "an id", name): value for name, value in document.items()}


@pytest.fixture
def document() -> Document:
    """The document of an application that has every route there is."""
    inboxes = Inboxes("sqlite:///never-opened.db", signer=Signer.generate("log.example/inboxes"))
    app = create_app(inboxes, authenticate=lambda _token: None, senders_of=lambda _campaign, _caller: None)
    inboxes.close()
    made: Document = json.loads(json.dumps(app.openapi()))
    return made


def test_every_example_is_valid_under_its_schema(document: Document) -> None:
    """Of successes and of problems."""
    count = 0
    for operation, status in operations(document):
        for content in answer_of(document, operation, status)["content"].values():
            for example in examples(content):
                check(document, content["schema"], example)
                count += 1
    assert count > 60


def test_every_operation_says_what_generators_of_clients_need(document: Document) -> None:
    """OpenAPI 3.1, one id each, a tag, a security scheme, the headers that are read, and no error of FastAPI's own."""
    assert document["openapi"].startswith("3.1")
    found = [one for path, methods in document["paths"].items() for one in methods.values() if path.startswith("/api")]
    ids = [one["operationId"] for one in found]
    assert len(ids) == len(set(ids)) == 8
    for one in found:
        assert one["tags"]
        assert one["description"]
        assert one["security"] == [{"bearer": []}]
        assert {"X-Request-ID", "traceparent"} <= {parameter["name"] for parameter in one["parameters"]}
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert "HTTPValidationError" not in json.dumps(document)


def test_no_schema_has_a_name_that_a_host_may_use_too(document: Document) -> None:
    """Equal names would have FastAPI rename the host's."""
    names = set(document["components"]["schemas"])
    assert {name for name in names if not name.startswith(("Inbox", "Warmup", "Campaign"))} == set()


def test_every_row_of_the_table_is_documented_somewhere() -> None:
    """An error that a route can answer with has a sample; what a host forgot is answered as what nobody foresaw."""
    sampled = {kind for sample in SAMPLES for kind in sample.__mro__}
    assert set(ROWS) - sampled == {NoProvider}
    assert ROWS[NoProvider] == UNFORESEEN


def test_every_type_of_problem_has_one_status_and_one_title() -> None:
    """A client may go by the type alone."""
    told = {(row.type, row.status, row.title) for row in (*ROWS.values(), UNFORESEEN)}
    assert len({word for word, _, _ in told}) == len(told)


def test_the_launch_and_the_proof_exist_only_where_they_can_be_had(host: Host) -> None:
    """Without the host's hook there is no launch, and without a key there is no proof."""
    with Inboxes("sqlite:///never-opened.db") as inboxes:
        paths = create_app(inboxes, authenticate=host.authenticate).openapi()["paths"]
    assert not [path for path in paths if path.endswith(("/launch", "/proof"))]
    assert LIST.partition(" ")[2] in paths
