"""No address, owner, key or payload in any error's text, any log record or any repr, whatever goes wrong.

Each failure is driven with texts that occur nowhere else, and every word the library says about it is searched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from inbox_lifecycle import Inbox, InboxLifecycleError, Instantly, audit_context
from inbox_lifecycle.testing import Sandbox, WarmupCode
from tests.fix_face import MakeFace
from tests.support.contract import UNKNOWN_ID, crosswise, in_flight
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

LOCAL = "zx-local-part"
ADDRESS = f"{LOCAL}@mail.example.com"
OWNER = "zx-owner"
REF = "zx-reference"
KEY = "zx-idempotency-key"
PASSWORD = "zx-password"

SECRETS = (LOCAL, OWNER, REF, KEY, PASSWORD, "zx-actor", "zx-reason", "zx-correlation", "zx-causation", "zx-other")


def words_of(error: BaseException | None) -> Iterator[str]:
    """All that an error says, and all that a traceback would show behind it."""
    while error is not None:
        yield str(error)
        yield repr(error)
        yield repr(error.args)
        yield repr(vars(error))
        yield from getattr(error, "__notes__", ())
        error = error.__cause__ if error.__suppress_context__ else error.__cause__ or error.__context__


def spoken(text: str, secrets: tuple[str, ...]) -> list[str]:
    """The secrets in a text."""
    return [secret for secret in secrets if secret in text]


@pytest.fixture
def inbox(face: AnyFace) -> Inbox:
    """An inbox with something to hide in every field."""
    born: Inbox = face.register(email_address=ADDRESS, owner_id=OWNER, provider_ref=REF)
    return born


def retry(face: AnyFace, inbox: Inbox) -> object:
    """The call that fails in most ways."""
    return face.retry_warmup(inbox.id, owner_id=OWNER, idempotency_key=KEY)


Provoke = Callable[[AnyFace, Inbox, Sandbox], object]


def refused(face: AnyFace, inbox: Inbox, _sandbox: Sandbox) -> object:
    """The gate refuses."""
    face.operator("zx-actor").ban(inbox.id, reason="zx-reason")
    return retry(face, inbox)


def lost(face: AnyFace, inbox: Inbox, sandbox: Sandbox) -> object:
    """Another call wins."""
    in_flight(sandbox, lambda: face.retry_warmup(inbox.id, owner_id=OWNER, idempotency_key="zx-other"))
    return retry(face, inbox)


def key_reused(face: AnyFace, inbox: Inbox, _sandbox: Sandbox) -> object:
    """The key stands for a ban."""
    face.operator("zx-actor").ban(inbox.id, idempotency_key=KEY)
    return retry(face, inbox)


def denied(face: AnyFace, inbox: Inbox, _sandbox: Sandbox) -> object:
    """The provider says that it warms."""
    retry(face, inbox)
    return face.operator("zx-actor").fail_warmup(inbox.id, reason="zx-reason")


def without_figures(face: AnyFace, inbox: Inbox, _sandbox: Sandbox) -> object:
    """Nothing was measured."""
    retry(face, inbox)
    return face.operator("zx-actor").graduate(inbox.id)


def conflicting(face: AnyFace, inbox: Inbox, _sandbox: Sandbox) -> object:
    """The inbox is not at the version expected."""
    return face.operator("zx-actor").ban(inbox.id, expected_version=7, idempotency_key=KEY)


def answered(kind: str, **order: object) -> Provoke:
    """The provider's answer goes wrong, and so does the reading of the account."""

    def provoke(face: AnyFace, inbox: Inbox, sandbox: Sandbox) -> object:
        sandbox.fail_next(kind, **order)  # type: ignore[arg-type]  # each order is of its kind
        sandbox.fail_next("error", on="account")
        return retry(face, inbox)

    return provoke


FAILURES: dict[str, Provoke] = {
    "refused": refused,
    "lost": lost,
    "key reused": key_reused,
    "not denied by the provider": denied,
    "no figures": without_figures,
    "conflict": conflicting,
    "rejected": answered("reject", status=422),
    "throttled": answered("throttle", retry_after=3),
    "busy": answered("busy"),
    "unavailable": answered("error", status=503),
    "server error": answered("error", status=500),
    "cut": answered("cut"),
    "cut in the body": answered("cut", mid_body=True),
    "not JSON": answered("not_json"),
    "truncated": answered("truncated"),
    "foreign": lambda face, inbox, _: face.get(inbox.id, owner_id="zx-other"),
    "unknown": lambda face, _inbox, _sandbox: face.retry_warmup(UNKNOWN_ID, owner_id=OWNER, idempotency_key=KEY),
    "address taken": lambda face, _inbox, _sandbox: face.register(email_address=ADDRESS, owner_id="zx-other"),
    "id taken": lambda face, inbox, _: face.operator("zx-actor").adopt(
        email_address="zx-other@mail.example.com",
        owner_id=OWNER,
        status="active",
        warmup_status="active",
        inbox_id=inbox.id,
    ),
    "no address": lambda face, _inbox, _sandbox: face.register(email_address=f"{LOCAL}@@x", owner_id=OWNER),
    "no host name": lambda face, _inbox, _sandbox: face.register(email_address=f"a@-{LOCAL}.example", owner_id=OWNER),
    "NUL in the address": lambda face, _inbox, _sandbox: face.register(email_address=f"{ADDRESS}\0", owner_id=OWNER),
    "NUL in the owner": lambda face, inbox, _: face.get(inbox.id, owner_id=f"{OWNER}\0"),
    "half a surrogate pair in the key": lambda face, inbox, _: face.retry_warmup(
        inbox.id, owner_id=OWNER, idempotency_key=f"{KEY}\ud83d"
    ),
    "long key": lambda face, inbox, _: face.retry_warmup(inbox.id, owner_id=OWNER, idempotency_key=KEY * 99),
    "malformed id": lambda face, _inbox, _sandbox: face.get(ADDRESS, owner_id=OWNER),
    "malformed status": lambda face, _inbox, _sandbox: face.find(owner_id=OWNER, status=LOCAL),
    "malformed mark": lambda face, _inbox, _sandbox: face.find(owner_id=OWNER, after=ADDRESS),
    "malformed domain": lambda face, _inbox, _sandbox: face.find(owner_id=OWNER, domain=f"{LOCAL}\0"),
}


@crosswise
@pytest.mark.parametrize("provoke", FAILURES.values(), ids=FAILURES.keys())
def test_failure_gives_nothing_away(
    face: AnyFace, inbox: Inbox, provider_sandbox: Sandbox, caplog: pytest.LogCaptureFixture, provoke: Provoke
) -> None:
    """Neither the error, nor what stands behind it, nor any logger's record down to DEBUG."""
    secrets = (*SECRETS, provider_sandbox.api_key)
    with (
        caplog.at_level(logging.DEBUG),
        audit_context(
            actor="zx-actor", reason="zx-reason", correlation_id="zx-correlation", causation_id="zx-causation"
        ),
        pytest.raises(InboxLifecycleError) as failed,
    ):
        provoke(face, inbox, provider_sandbox)
    assert [words for words in words_of(failed.value) if spoken(words, secrets)] == []
    assert [record for record in caplog.records if spoken(f"{record.getMessage()} {vars(record)}", secrets)] == []


def test_whole_success_is_logged_without_a_secret(
    face: AnyFace, inbox: Inbox, provider_sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """What goes well is as discreet as what goes wrong."""
    provider_sandbox.set_account(REF, reputation=99, total_sent=500)
    with caplog.at_level(logging.DEBUG), audit_context(actor="zx-actor"):
        retry(face, inbox)
        face.operator("zx-actor").graduate(inbox.id, reason="zx-reason")
        provider_sandbox.set_account(REF, warmup_status=WarmupCode.PAUSED)
        face.operator("zx-actor").reconcile()
        face.operator("zx-actor").verify()
    secrets = (*SECRETS, provider_sandbox.api_key)
    assert [record for record in caplog.records if spoken(f"{record.getMessage()} {vars(record)}", secrets)] == []


def test_values_that_callers_log_give_nothing_away(face: AnyFace, inbox: Inbox, provider: Instantly) -> None:
    """Inboxes, pages, events, attempts and the provider, printed as logs are full of them."""
    with audit_context(actor="zx-actor", reason="zx-reason"):
        retry(face, inbox)
    values = [
        inbox,
        face.find(owner_id=OWNER),
        face.history(inbox.id, owner_id=OWNER),
        face.attempts(inbox.id, owner_id=OWNER),
        provider,
        face.target,
        audit_context(actor="zx-actor"),
    ]
    assert [value for value in values if spoken(f"{value!r} {value!s}", (*SECRETS, provider.api_key))] == []


def test_unreachable_database_keeps_its_password(
    make: MakeFace, database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """A URL holds a password, and the driver's own message may hold the URL."""
    lost = (
        f"sqlite:////no/such/{PASSWORD}/inboxes.db"
        if database.kind == "sqlite"
        else f"postgresql://{LOCAL}:{PASSWORD}@127.0.0.1:9/none"
    )
    with caplog.at_level(logging.DEBUG), pytest.raises(InboxLifecycleError) as failed:
        make(lost).get(UNKNOWN_ID, owner_id=OWNER)
    assert [words for words in words_of(failed.value) if spoken(words, SECRETS)] == []
    assert [record for record in caplog.records if spoken(f"{record.getMessage()} {vars(record)}", SECRETS)] == []


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://{LOCAL}:{PASSWORD}@127.0.0.1/none",
        f"nosuchdatabase://{LOCAL}:{PASSWORD}@127.0.0.1/none",
        f"postgresql+nosuchdriver://{LOCAL}:{PASSWORD}@127.0.0.1/none",
        f"postgresql://{LOCAL}:{PASSWORD}@127.0.0.1:port/none",
        PASSWORD,
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_unusable_database_url_is_told_without_its_password(make: MakeFace, url: str) -> None:
    """Whatever is wrong with it, the message does not repeat it."""
    with pytest.raises(InboxLifecycleError) as failed:
        make(url)
    assert [words for words in words_of(failed.value) if spoken(words, SECRETS)] == []
