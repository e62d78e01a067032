"""The shipped client, sync and async, against the served application: what it gives is what the library gives."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from inbox_lifecycle import (
    IdempotencyKeyReused,
    Inbox,
    InboxNotFound,
    InvalidInput,
    MalformedId,
    ProviderBusy,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderRejected,
    ProviderThrottled,
    ProviderUnavailable,
    RetryRefused,
    Signer,
    Unauthorised,
    verify_bundle,
)
from inbox_lifecycle.audit.forms import attempt_record, event_record
from inbox_lifecycle.cli import render
from inbox_lifecycle.client import Account, AsyncClient, Client
from inbox_lifecycle.testing import ProviderSandbox
from tests.fix_face import MakeFace
from tests.support.contract import OWNER, PENDING, UNKNOWN_ID, WARMING, born, crosswise, outcomes, retry
from tests.support.faces import AnyFace, AwaitedFace, Face, LoopThread
from tests.support.hosting import STRANGERS_TOKEN, TOKEN, Host, site_of
from tests.support.serving import Web

SIGNER = Signer.generate("example.com/inboxes")


@pytest.fixture
def face(make: MakeFace) -> AnyFace:
    """A facade that signs."""
    return make(signer=SIGNER)


@pytest.fixture
def api(web: Web, host: Host, face: AnyFace) -> Iterator[str]:
    """Where the API of a host over that facade is."""
    with site_of(web, host.application(face)) as site:
        yield f"{site.url}/api"


def client_on(api: str, face: AnyFace, loop: LoopThread, token: str = TOKEN) -> AnyFace:
    """A client of the other kind than the facade that is served: so each is tried once."""
    if face.mode == "async":
        return Face(Client(api, token=token))
    return AwaitedFace(AsyncClient(f"{api}/", token=token), loop)


@pytest.fixture
def client(api: str, face: AnyFace, loop_thread: LoopThread) -> Iterator[AnyFace]:
    """The owner's client."""
    made = client_on(api, face, loop_thread)
    yield made
    made.close()


def same(account: Account, inbox: Inbox) -> bool:
    """Whether an answer says of an inbox all that the library says."""
    return render.inbox_record(account) == render.inbox_record(inbox)


@crosswise
def test_what_is_read_is_what_the_library_reads(face: AnyFace, client: AnyFace) -> None:
    """Inboxes by pages and filters, one inbox, its history, its attempts, and the proof of it."""
    ana = retry(face, born(face, "ana@mail.example.com"))
    bea = born(face, "bea@mail.example.com", provider_ref="ref-7")
    cleo = born(face, "cleo@other.example.com")
    first = client.find(limit=2)
    rest = client.find(limit=2, after=first.next_after)
    assert [each.id for each in (*first.items, *rest.items)] == [cleo.id, bea.id, ana.id]
    assert rest.next_after is None
    assert [each.id for each in client.find(status="pending", domain="mail.example.com").items] == [bea.id]
    assert [each.id for each in client.find(warmup_status="warming").items] == [ana.id]
    assert [same(client.get(inbox.id), inbox) for inbox in (ana, bea, cleo)] == [True] * 3
    assert str(client.get(ana.id).pair) == str(WARMING)
    events, attempts = face.history(ana.id, owner_id=OWNER), face.attempts(ana.id, owner_id=OWNER)
    assert list(map(render.event_record, client.history(ana.id))) == list(map(event_record, events))
    assert list(map(render.attempt_record, client.attempts(ana.id))) == list(map(attempt_record, attempts))
    assert [event.name for event in client.history(ana.id, after=1)] == ["inbox.warmup_started"]
    assert client.attempts(ana.id, after=attempts[0].id) == []
    assert verify_bundle(client.prove(ana.id), SIGNER.verifier).version == 2


@crosswise
def test_a_retry_moves_the_inbox_and_carries_key_and_correlation(
    face: AnyFace, client: AnyFace, provider_sandbox: ProviderSandbox
) -> None:
    """The account that comes back is the moved row; the same key again gives the same success, and asks nobody."""
    inbox = born(face)
    moved = client.retry_warmup(inbox.id, idempotency_key='"odd\\key', correlation_id="ticket-7")
    assert same(moved, face.get(inbox.id, owner_id=OWNER))
    assert (moved.status, moved.warmup_status, moved.version) == ("warming", "warming", 2)
    assert client.retry_warmup(inbox.id, idempotency_key='"odd\\key') == moved
    assert len(provider_sandbox.requests) == 1
    started = face.history(inbox.id, owner_id=OWNER)[1].context
    assert (started.idempotency_key, started.correlation_id, started.actor) == ('"odd\\key', "ticket-7", "ana")


@crosswise
def test_a_refusal_comes_with_its_verdict_and_what_is_not_mine_is_not_there(
    face: AnyFace, api: str, client: AnyFace, loop_thread: LoopThread
) -> None:
    """The errors are those that the library raises, message for message."""
    inbox = retry(face, born(face))
    with pytest.raises(RetryRefused) as told:
        client.retry_warmup(inbox.id)
    with pytest.raises(RetryRefused) as known:
        retry(face, inbox)
    assert (told.value.verdict, str(told.value)) == (known.value.verdict, str(known.value))
    face.operator().ban(inbox.id, idempotency_key="k-1")
    with pytest.raises(IdempotencyKeyReused, match=r"already stands for inbox\.banned; use a new key"):
        client.retry_warmup(inbox.id, idempotency_key="k-1")
    stranger = client_on(api, face, loop_thread, STRANGERS_TOKEN)
    for method in ("get", "retry_warmup", "history", "attempts", "prove"):
        for asked, inbox_id in ((stranger, inbox.id), (client, UNKNOWN_ID)):
            with pytest.raises(InboxNotFound) as missing:
                getattr(asked, method)(inbox_id)
            assert missing.value.inbox_id == inbox_id
    assert stranger.find().items == ()
    stranger.close()


@crosswise
def test_malformed_input_is_the_librarys_error(client: AnyFace) -> None:
    """An id is looked at here; words and marks are looked at by the server, which names them."""
    with pytest.raises(MalformedId):
        client.get("../../livez")
    with pytest.raises(InvalidInput, match="query status"):
        client.find(status="asleep")
    with pytest.raises(InvalidInput, match="next_after of an earlier page"):
        client.find(after="yesterday")


@crosswise
def test_a_token_that_is_not_good_is_unauthorised(
    face: AnyFace, api: str, loop_thread: LoopThread, caplog: pytest.LogCaptureFixture
) -> None:
    """It stands neither in the error nor in a log, and nothing happens."""
    inbox = born(face)
    bad = client_on(api, face, loop_thread, "pk_live_nobodys")
    for method, arguments in (("get", [inbox.id]), ("retry_warmup", [inbox.id]), ("find", []), ("history", [inbox.id])):
        with pytest.raises(Unauthorised) as told:
            getattr(bad, method)(*arguments)
        assert "pk_live" not in f"{told.value}{told.value!r}{vars(told.value)}"
    assert (face.get(inbox.id, owner_id=OWNER).pair, outcomes(face, inbox)) == (PENDING, [])
    assert "pk_live" not in caplog.text + repr(bad.target)
    bad.close()


#: What is ordered of the provider, the error it leads to, and when the API says to come again.
FAILURES: list[tuple[dict[str, Any], type[ProviderError], float]] = [
    ({"kind": "reject", "status": 402}, ProviderRejected, 10.0),
    ({"kind": "throttle", "retry_after": 7}, ProviderThrottled, 7.0),
    ({"kind": "busy"}, ProviderBusy, 60.0),
    ({"kind": "error", "status": 503}, ProviderUnavailable, 10.0),
    ({"kind": "error", "status": 500}, ProviderOutcomeUnknown, 10.0),
]


@crosswise
def test_what_the_provider_did_is_told_as_the_library_tells_it(
    face: AnyFace, client: AnyFace, provider_sandbox: ProviderSandbox
) -> None:
    """The same class and the same message; and when to come again, which over HTTP is always said."""
    inbox = born(face)
    for order, kind, after in FAILURES:
        told: list[ProviderError] = []
        for act in (partial(client.retry_warmup, inbox.id), partial(retry, face, inbox)):
            provider_sandbox.fail_next(**order)
            with pytest.raises(kind) as raised:
                act()
            told.append(raised.value)
        assert (str(told[0]), told[0].retry_after) == (str(told[1]), after)
    assert face.get(inbox.id, owner_id=OWNER).pair == PENDING
