"""Whose inboxes a request is about is what its token says, and nothing else: not mine and not there are one answer."""

from __future__ import annotations

from uuid import uuid4

import pytest

from inbox_lifecycle import Signer
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.contract import ANA, OWNER, WARMING, adopted, born, crosswise, nothing_moves, outcomes
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace
from tests.support.hosting import DRAFT, STRANGERS_TOKEN, Host, Site

ROUTES = (("GET", ""), ("PATCH", "/retry-warmup"), ("GET", "/history"), ("GET", "/attempts"), ("GET", "/proof"))


@pytest.fixture
def face(make: MakeFace) -> AnyFace:
    """A facade that signs, so that the route of proofs, which open an address, is there too."""
    return make(signer=Signer.generate("log.example/inboxes"))


@crosswise
@pytest.mark.parametrize(("method", "tail"), ROUTES)
def test_not_mine_and_not_there_are_one_answer(
    method: str, tail: str, site: Site, face: AnyFace, database: TestDatabase
) -> None:
    """To the byte but for the id and the request's: another owner's inbox, one erased, and one that never was."""
    inbox, erased, unknown = born(face), born(face, "bo@mail.example.com"), str(uuid4())
    face.operator().erase(erased.id, reason="asked for")
    with nothing_moves(database):
        answers = [
            (site.ask(method, f"/api/email/accounts/{inbox.id}{tail}", token=STRANGERS_TOKEN), inbox.id),
            (site.ask(method, f"/api/email/accounts/{unknown}{tail}", token=STRANGERS_TOKEN), unknown),
            (site.ask(method, f"/api/email/accounts/{unknown}{tail}"), unknown),
            (site.ask(method, f"/api/email/accounts/{erased.id}{tail}"), erased.id),
        ]
        own = site.ask(method, f"/api/email/accounts/{inbox.id}{tail}", token="nobody's")
    assert own.status_code == 401
    assert {answer.status_code for answer, _ in answers} == {404}
    assert {answer.json()["type"].rpartition(":")[2] for answer, _ in answers} == {"account-not-found"}
    assert len({answer.text.replace(named, "") for answer, named in answers}) == 1
    headers = [{name: value for name, value in answer.headers.items() if name not in OWN} for answer, _ in answers]
    assert headers.count(headers[0]) == len(headers)
    assert outcomes(face, inbox) == []


#: What differs between any two answers.
OWN = {"date", "x-request-id"}


@crosswise
def test_lists_and_figures_are_the_callers_alone(site: Site, face: AnyFace, provider_sandbox: Sandbox) -> None:
    """A stranger sees none of them, asks the provider for none, and moves none."""
    inbox = adopted(face, WARMING)
    provider_sandbox.set_account(ANA, warmup_status=-1)
    assert site.get("/api/email/accounts", token=STRANGERS_TOKEN).json() == {"accounts": []}
    seen = site.get("/api/email/accounts/warmup-analytics", token=STRANGERS_TOKEN)
    assert seen.json() == {"analytics": {}, "transitions": {}, "unavailable": {}}
    assert provider_sandbox.requests == ()
    assert face.get(inbox.id, owner_id=OWNER).pair == WARMING


@crosswise
def test_a_senders_owner_is_looked_at_even_where_the_host_names_it(
    site: Site, face: AnyFace, host: Host, provider_sandbox: Sandbox
) -> None:
    """A campaign with a sender of somebody else's is not launched, and is told as if there were no such sender."""
    foreign = face.register(email_address=ANA, owner_id="somebody-else").id
    unknown = str(uuid4())
    host.senders = [foreign, unknown]
    answer = site.launch(DRAFT)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:inbox-lifecycle:problem:senders-refused")
    verdicts = answer.json()["verdicts"]
    assert set(verdicts) == {foreign, unknown}
    assert verdicts[foreign] == verdicts[unknown]
    assert provider_sandbox.requests == ()


@crosswise
def test_senders_that_cannot_be_launched_together_are_the_hosts_mistake(site: Site, host: Host) -> None:
    """What it names as a sender is none: the client hears that the campaign cannot be launched as it is."""
    host.senders = ["no-uuid"]
    answer = site.launch(DRAFT)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:inbox-lifecycle:problem:campaign-not-launchable")


@crosswise
def test_an_owner_named_anywhere_else_is_not_heard(site: Site, face: AnyFace) -> None:
    """In the query, in a header or in the body."""
    born(face)
    answer = site.get(
        f"/api/email/accounts?owner_id={OWNER}&user_id={OWNER}",
        token=STRANGERS_TOKEN,
        headers={"X-User-Id": OWNER, "X-Owner-Id": OWNER},
        content=f'{{"owner_id": "{OWNER}"}}',
    )
    assert answer.json() == {"accounts": []}
