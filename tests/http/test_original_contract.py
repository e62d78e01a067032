"""Clients of the original API keep working: each status of each route it had, as its documentation records them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest

from inbox_lifecycle import Inbox
from inbox_lifecycle.testing import Sandbox, WarmupCode
from tests.fix_face import MakeFace
from tests.support.contract import (
    ACTIVE,
    ANA,
    PENDING,
    STRANGER,
    UNKNOWN_ID,
    WARMING,
    adopted,
    crosswise,
    in_flight,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace
from tests.support.hosting import BROKEN, DRAFT, EMPTY, RUNNING, TOKEN, Host, site_of
from tests.support.locks import RowLock
from tests.support.original_client import Analytics, ApiError, OriginalClient
from tests.support.recorded import RECORDED, Recorded
from tests.support.serving import Web


@dataclass
class Scene:
    """Everything there is, and what a recorded request is sent with."""

    face: AnyFace
    database: TestDatabase
    sandbox: Sandbox
    host: Host
    account_id: str = UNKNOWN_ID
    campaign_id: str = DRAFT
    token: str | None = TOKEN
    #: Undone at the end.
    locks: list[RowLock] = field(default_factory=list)
    #: What happened meanwhile, instead of the recorded request's own answer.
    meanwhile: list[ApiError] = field(default_factory=list)
    url: str = ""

    def inbox(self, pair: Any) -> Inbox:
        """Ana's inbox in this pair, the draft's only sender."""
        made = adopted(self.face, pair)
        self.account_id, self.host.senders = made.id, [made.id]
        self.sandbox.add_campaign(DRAFT)
        return made


def stuck(scene: Scene) -> None:
    """An inbox whose first enable call failed."""
    scene.inbox(PENDING)


def warms_there(scene: Scene) -> None:
    """The provider is busy and would say that the account warms."""
    stuck(scene)
    scene.sandbox.set_account(ANA, warmup_status=WarmupCode.ACTIVE)
    scene.sandbox.fail_next("busy")


def without_token(scene: Scene) -> None:
    """Nobody says who calls."""
    stuck(scene)
    scene.token = None


def revoked(scene: Scene) -> None:
    """A token that was good."""
    stuck(scene)
    del scene.host.callers[TOKEN]


def foreign(scene: Scene) -> None:
    """Somebody else's inbox."""
    scene.account_id = scene.face.register(email_address=ANA, owner_id=STRANGER).id


def lost_database(scene: Scene) -> None:
    """From the moment the provider accepts, no event can be written for longer than the recording may take."""
    stuck(scene)
    database, inbox_id = scene.database, scene.account_id

    def fail() -> None:
        if database.kind == "sqlite":
            database.execute("create trigger broken before insert on inbox_events begin select raise(abort, 'no'); end")
        else:
            scene.locks.append(RowLock(database, "inboxes", inbox_id))

    in_flight(scene.sandbox, fail)


def failing(kind: str, **order: Any) -> Callable[[Scene], None]:
    """The provider fails this way, and so does the look at the account."""

    def given(scene: Scene) -> None:
        stuck(scene)
        scene.sandbox.fail_next(kind, **order)
        scene.sandbox.fail_next("error", on="account", times=5)

    return given


def warmed_enough(scene: Scene) -> None:
    """The provider's figures fulfil the policy."""
    scene.inbox(WARMING)
    scene.sandbox.set_account(
        ANA,
        warmup_status=WarmupCode.ACTIVE,
        reputation=96,
        total_sent=214,
        total_received=198,
        daily={"2026-03-03": (20, 18)},
    )


def launching(campaign_id: str) -> Callable[[Scene], None]:
    """An active sender, and this campaign."""

    def given(scene: Scene) -> None:
        scene.inbox(ACTIVE)
        scene.campaign_id = campaign_id

    return given


def under_way(scene: Scene) -> None:
    """The same launch is asked for again while the provider has heard the first and has not answered it."""
    scene.inbox(ACTIVE)

    def again() -> None:
        with OriginalClient(scene.url, TOKEN) as second, pytest.raises(ApiError) as refused:
            second.launch(DRAFT)
        scene.meanwhile.append(refused.value)

    in_flight(scene.sandbox, again)


def provider_down(scene: Scene) -> None:
    """The provider cannot launch anything now."""
    scene.inbox(ACTIVE)
    scene.sandbox.fail_next("error", on="activate", status=503)


GIVEN: dict[str, Callable[[Scene], object]] = {
    "stuck": stuck,
    "nothing": lambda _scene: None,
    "already warming at the provider": warms_there,
    "no token": without_token,
    "a revoked token": revoked,
    "no such account": lambda _scene: None,
    "another owner's account": foreign,
    "warming": lambda scene: scene.inbox(WARMING),
    "active": lambda scene: scene.inbox(ACTIVE),
    "the database is lost after the provider accepted": lost_database,
    "the provider rejects": failing("reject", status=402),
    "the provider throttles": failing("throttle", retry_after=7),
    "the provider is locked": failing("busy"),
    "warmed enough": warmed_enough,
    "no draft": launching(RUNNING),
    "no senders": launching(EMPTY),
    "no such campaign": launching(UNKNOWN_ID),
    "another launch is under way": under_way,
    "the host fails": launching(BROKEN),
    "the provider is down": provider_down,
}


@pytest.fixture
def scene(make: MakeFace, database: TestDatabase, provider_sandbox: Sandbox, host: Host, web: Web) -> Iterator[Scene]:
    """A served host, which gives up recording early."""
    face = make(recording_budget=0.3)
    with site_of(web, host.application(face)) as site:
        scene = Scene(face, database, provider_sandbox, host, url=site.url)
        yield scene
        for lock in scene.locks:
            lock.release()


@crosswise
@pytest.mark.parametrize("recorded", RECORDED, ids=Recorded.words)
def test_a_recorded_request_gets_the_answer_its_client_knows(recorded: Recorded, scene: Scene) -> None:
    """The client sends exactly the request that is recorded, and understands what comes back."""
    GIVEN[recorded.given](scene)
    with OriginalClient(scene.url, scene.token) as client:
        answer = ask(client, recorded, scene)
        sent = recorded.request.format(id=scene.account_id, campaign=scene.campaign_id)
        assert client.sent == [sent]
    if isinstance(answer, ApiError):
        assert (answer.status, recorded.body) == (recorded.status, None)
        assert answer.message if recorded.message is None else answer.message == recorded.message
        assert (answer.retry_after or 0) > 0 if recorded.later else True
    else:
        assert recorded.status == 200
        assert_fits(answer, recorded.body, scene.account_id)


def ask(client: OriginalClient, recorded: Recorded, scene: Scene) -> Any:
    """What the client makes of the answer."""
    calls: dict[str, Callable[[], Any]] = {
        "/retry-warmup": lambda: {"account": asdict(client.retry_warmup(scene.account_id))},
        "/accounts": lambda: {"accounts": [asdict(account) for account in client.list_accounts()]},
        "/warmup-analytics": lambda: plainly(*client.warmup_analytics()),
        "/launch": lambda: client.launch(scene.campaign_id),
    }
    call = next(call for ending, call in calls.items() if recorded.request.endswith(ending))
    try:
        answer = call()
    except ApiError as refused:
        return refused
    return scene.meanwhile[0] if scene.meanwhile else answer


def plainly(analytics: dict[str, Analytics], transitions: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Analytics as a document."""
    figures = {account_id: asdict(measured) for account_id, measured in analytics.items()}
    return {"analytics": figures, "transitions": transitions}


def assert_fits(found: Any, expected: Any, account_id: str) -> None:
    """Every field that is recorded is there and as recorded."""
    if expected is ...:
        return
    if isinstance(expected, dict):
        for name, value in expected.items():
            assert_fits(found[name.format(id=account_id)], value, account_id)
        assert len(found) >= len(expected)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_fits(one, other, account_id)
    else:
        assert found == (expected.format(id=account_id) if isinstance(expected, str) else expected)
