"""Who may send, and what the provider measured: `warmup_analytics` and `require_active`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest

from inbox_lifecycle import (
    Clause,
    DailyFigures,
    Figures,
    Inbox,
    Instantly,
    InvalidInput,
    NoFigures,
    SendersRefused,
    WarmupAnalytics,
    WarmupState,
)
from inbox_lifecycle.errors import MalformedId, StoreError
from inbox_lifecycle.lifecycle.sending import PAGE
from inbox_lifecycle.testing import Operation, Sandbox
from tests.fix_face import MakeFace
from tests.support.contract import (
    ACTIVE,
    ANA,
    BANNED,
    OWNER,
    PENDING,
    STRANGER,
    UNKNOWN_ID,
    WARMING,
    adopted,
    born,
    crosswise,
    nothing_moves,
    warming,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

pytestmark = pytest.mark.pairwise

BO = "bo@mail.example.com"
CY = "cy@mail.example.com"
FOREIGN = "eve@mail.example.org"


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed(Instantly):
    """The same service under another name, as a second provider."""

    @property
    def name(self) -> str:
        """Another name."""
        return "second"


@pytest.fixture
def second_sandbox() -> Iterator[Sandbox]:
    """Another provider."""
    with Sandbox() as sandbox:
        yield sandbox


def second(sandbox: Sandbox) -> Renamed:
    """The adapter of the second provider."""
    return Renamed(api_key=sandbox.api_key, base_url=sandbox.base_url, timeout=5.0)


def at(face: AnyFace, email_address: str, provider: str) -> Inbox:
    """An inbox that warms with a provider of that name."""
    inbox: Inbox = face.operator().adopt(
        email_address=email_address, owner_id=OWNER, status="warming", warmup_status="warming", provider=provider
    )
    return inbox


def reasons(measured: dict[str, WarmupAnalytics]) -> dict[str, str | None]:
    """Why there are no figures, by address; None where there are some."""
    return {
        str(one.inbox.email_address): one.figures.reason if isinstance(one.figures, NoFigures) else None
        for one in measured.values()
    }


def test_everything_measured_is_told_by_inbox(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Totals, health, reputation, the provider's word and the days."""
    inbox = warming(face)
    days = {"2026-03-02": (12, 9), "2026-03-01": (8, 7)}
    provider_sandbox.set_account(
        ANA, reputation=95.5, total_sent=20, total_received=16, landed_spam=5, daily=days, warmup_status=1
    )
    assert face.warmup_analytics(owner_id=OWNER) == {
        inbox.id: WarmupAnalytics(
            inbox=inbox,
            figures=Figures(
                total_sent=20,
                total_received=16,
                landed_spam=5,
                health_score=75,
                health_score_label="75%",
                reputation=95,
                warmup=WarmupState.WARMING,
                daily=(
                    DailyFigures(date="2026-03-01", sent=8, received=7),
                    DailyFigures(date="2026-03-02", sent=12, received=9),
                ),
            ),
        )
    }


def test_nothing_moves_by_being_measured(face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox) -> None:
    """Neither a ban nor a graduation follows from looking."""
    warming(face)
    warming(face, BO)
    provider_sandbox.set_account(ANA, reputation=99, total_sent=500)
    provider_sandbox.set_account(BO, warmup_status=-1, total_sent=10)
    with nothing_moves(database):
        assert set(reasons(face.warmup_analytics(owner_id=OWNER)).values()) == {None}


def test_only_inboxes_that_warm_or_have_warmed_are_measured(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Pending, banned and erased ones have no figures, and the provider is not even told of them."""
    warm, active = warming(face), adopted(face, ACTIVE, BO)
    born(face, CY)
    adopted(face, BANNED, "dee@mail.example.com")
    gone = adopted(face, WARMING, "fay@mail.example.com")
    face.operator().erase(gone.id, reason="asked for")
    asked_before = len(provider_sandbox.requests)
    assert set(face.warmup_analytics(owner_id=OWNER)) == {warm.id, active.id}
    (request,) = provider_sandbox.requests[asked_before:]
    assert (request.operation, set(request.emails)) == (Operation.ANALYTICS, {ANA, BO})


def test_owners_see_their_own_and_operators_those_they_ask_for(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Another owner's mailboxes are not even named to the provider."""
    own = adopted(face, ACTIVE)
    foreign = face.operator().adopt(email_address=FOREIGN, owner_id=STRANGER, status="active", warmup_status="active")
    assert set(face.warmup_analytics(owner_id=OWNER)) == {own.id}
    assert {email for request in provider_sandbox.requests for email in request.emails} == {ANA}
    assert set(face.operator().warmup_analytics(owner_id=STRANGER)) == {foreign.id}
    assert set(face.operator().warmup_analytics()) == {own.id, foreign.id}
    assert face.warmup_analytics(owner_id="nobody") == {}


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"kind": "error", "on": "account", "email": ANA}, "account_unreadable"),
        ({"kind": "reject", "status": 404, "on": "account", "email": ANA}, "no_such_account"),
    ],
)
def test_inbox_whose_figures_fail_is_told_so_among_the_others(
    face: AnyFace, provider_sandbox: Sandbox, order: dict[str, str], reason: str
) -> None:
    """It is not silently left out, and it spoils nobody else's."""
    warming(face)
    warming(face, BO)
    warming(face, CY)
    for email in (ANA, BO):
        provider_sandbox.set_account(email, total_sent=5)
    provider_sandbox.fail_next(**order)  # type: ignore[arg-type]  # each order is of its kind
    assert reasons(face.warmup_analytics(owner_id=OWNER)) == {ANA: reason, BO: None, CY: "not_measured_yet"}


@crosswise
def test_provider_that_answers_nothing_of_use_is_told_of_all(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """One answer for the batch is one reason for each inbox in it."""
    warming(face)
    warming(face, BO)
    provider_sandbox.fail_next("throttle", on="analytics")
    assert reasons(face.warmup_analytics(owner_id=OWNER)) == {ANA: "throttled", BO: "throttled"}


def test_each_provider_is_asked_for_its_own_inboxes(
    make: MakeFace, provider: Instantly, provider_sandbox: Sandbox, second_sandbox: Sandbox
) -> None:
    """Two providers, one batch each, even where the host makes an adapter anew for each inbox."""
    face = make(provider=lambda inbox: second(second_sandbox) if inbox.provider == "second" else provider)
    for email, name in ((ANA, "instantly"), (BO, "second"), (CY, "second")):
        at(face, email, name)
    provider_sandbox.set_account(ANA, total_sent=1)
    second_sandbox.set_account(BO, total_sent=2)
    measured = face.warmup_analytics(owner_id=OWNER)
    assert reasons(measured) == {ANA: None, BO: None, CY: "not_measured_yet"}
    assert [set(one.emails) for one in provider_sandbox.requests if one.operation is Operation.ANALYTICS] == [{ANA}]
    assert [set(one.emails) for one in second_sandbox.requests if one.operation is Operation.ANALYTICS] == [{BO, CY}]


class NoSuchTenant(Exception):
    """What a host's callable may raise."""


def test_provider_that_cannot_be_had_stops_nobody_else(
    make: MakeFace, provider: Instantly, provider_sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the host's callable raises; nor does an adapter of another name."""

    def choose(inbox: Inbox) -> Instantly:
        if inbox.provider == "second":
            raise NoSuchTenant(inbox.email_address)
        if inbox.provider == "third":
            raise InvalidInput("there is no key for the third")
        return provider

    face = make(provider=choose)
    for email, name in ((ANA, "instantly"), (BO, "second"), (CY, "third"), (FOREIGN, "fourth")):
        at(face, email, name)
    provider_sandbox.set_account(ANA, total_sent=1)
    with caplog.at_level(logging.WARNING):
        measured = face.warmup_analytics(owner_id=OWNER)
    assert reasons(measured) == {
        ANA: None,
        BO: "no_provider",
        CY: "no_provider",
        FOREIGN: "another_provider_is_configured",
    }
    assert "NoSuchTenant" in caplog.text
    assert BO not in caplog.text


def test_facade_without_a_provider_says_so(make: MakeFace, face: AnyFace) -> None:
    """The cure is in the message; nothing is to be measured at all."""
    adopted(face, ACTIVE)
    with pytest.raises(InvalidInput, match="pass provider="):
        make(provider=None).warmup_analytics(owner_id=OWNER)


@crosswise
def test_more_inboxes_than_a_page_are_all_measured(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Batch by batch, each inbox once."""
    inboxes = [adopted(face, ACTIVE, f"box{number}@mail.example.com") for number in range(PAGE + 1)]
    measured = face.warmup_analytics(owner_id=OWNER)
    assert set(measured) == {inbox.id for inbox in inboxes}
    assert [len(one.emails) for one in provider_sandbox.requests] == [PAGE, 1]
    assert database.count("inboxes") == PAGE + 1


def test_active_inboxes_are_given_in_the_order_they_were_named(face: AnyFace) -> None:
    """Each once, however its id is written."""
    ana, bo, cy = (adopted(face, ACTIVE, email) for email in (ANA, BO, CY))
    named = [cy.id, UUID(ana.id), cy.id.upper(), bo.id]
    assert face.require_active(named, owner_id=OWNER) == (cy, ana, bo)
    assert face.operator().require_active([bo.id]) == (bo,)


def test_every_inbox_that_may_not_send_has_its_verdict(face: AnyFace) -> None:
    """Unknown, foreign and erased ones by the same words; those that may send hold."""
    active, pending = adopted(face, ACTIVE), born(face, BO)
    foreign = face.operator().adopt(email_address=FOREIGN, owner_id=STRANGER, status="active", warmup_status="active")
    gone = adopted(face, ACTIVE, CY)
    face.operator().erase(gone.id, reason="asked for")
    named = [active.id, pending.id, foreign.id, gone.id, UNKNOWN_ID]
    with pytest.raises(SendersRefused) as refused:
        face.require_active(named, owner_id=OWNER)
    nobody = (Clause("inbox", "yours", "not found", held=False),)
    assert {one: verdict.clauses for one, verdict in refused.value.verdicts.items()} == {
        active.id: (Clause("status", "active", "active", held=True),),
        pending.id: (Clause("status", "active", "pending", held=False),),
        foreign.id: nobody,
        gone.id: nobody,
        UNKNOWN_ID: nobody,
    }
    assert list(refused.value.verdicts) == named


def test_operators_are_told_what_is_not_on_record(face: AnyFace) -> None:
    """Owners are nothing to them, erased inboxes have no senders either."""
    foreign = face.operator().adopt(email_address=FOREIGN, owner_id=STRANGER, status="active", warmup_status="active")
    gone = adopted(face, ACTIVE)
    face.operator().erase(gone.id, reason="asked for")
    with pytest.raises(SendersRefused) as refused:
        face.operator().require_active([foreign.id, gone.id, UNKNOWN_ID])
    nobody = (Clause("inbox", "on record", "not found", held=False),)
    found = {one: verdict.failed for one, verdict in refused.value.verdicts.items()}
    assert found == {foreign.id: (), gone.id: nobody, UNKNOWN_ID: nobody}


@crosswise
@pytest.mark.parametrize("pair", [PENDING, WARMING, BANNED], ids=str)
def test_only_active_inboxes_may_send(face: AnyFace, pair: object) -> None:
    """By their status, and nothing else."""
    inbox = adopted(face, pair)  # type: ignore[arg-type]  # pytest knows no types
    with pytest.raises(SendersRefused, match=f"inbox {inbox.id}: status should be active"):
        face.require_active([inbox.id], owner_id=OWNER)


@crosswise
@pytest.mark.parametrize("wrong", [[], (), None, "", UNKNOWN_ID, 7])
def test_naming_no_inboxes_is_refused(face: AnyFace, wrong: object) -> None:
    """An empty list lets nobody send, and a text is no list."""
    with pytest.raises(InvalidInput, match="inbox_ids"):
        face.require_active(wrong, owner_id=OWNER)


@crosswise
def test_inboxes_are_named_by_their_ids_a_thousand_at_most(face: AnyFace) -> None:
    """Too many are told so before the database is asked; a thousand are one statement."""
    many = [str(UUID(int=number)) for number in range(1, 1002)]
    with pytest.raises(InvalidInput, match="more than 1000"):
        face.require_active(many, owner_id=OWNER)
    with pytest.raises(SendersRefused) as refused:
        face.require_active([*many[:1000], many[0]], owner_id=OWNER)
    assert len(refused.value.verdicts) == 1000
    with pytest.raises(MalformedId):
        face.require_active(["x' or 1=1 --"], owner_id=OWNER)


@crosswise
def test_owner_left_out_is_no_operator(face: AnyFace) -> None:
    """A host that lost its user's id is told so."""
    calls: list[Callable[[], object]] = [
        lambda: face.warmup_analytics(owner_id=None),
        lambda: face.require_active([UNKNOWN_ID], owner_id=None),
        lambda: face.launch_campaign("c-1", [UNKNOWN_ID], owner_id=""),
        lambda: face.operator().warmup_analytics(owner_id=""),
        lambda: face.operator().sync_warmup(owner_id=""),
    ]
    for call in calls:
        with pytest.raises(InvalidInput, match="owner_id"):
            call()


def test_database_that_is_gone_is_told_before_anything_is_sent(
    make: MakeFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """As by every other method."""
    url = "sqlite:////nowhere/at/all.db" if database.kind == "sqlite" else "postgresql://postgres@127.0.0.1:1/none"
    face = make(url)
    calls: list[Callable[[], object]] = [
        lambda: face.warmup_analytics(owner_id=OWNER),
        lambda: face.require_active([UNKNOWN_ID], owner_id=OWNER),
        lambda: face.launch_campaign("c-1", [UNKNOWN_ID], owner_id=OWNER),
        lambda: face.operator().sync_warmup(),
    ]
    for call in calls:
        with pytest.raises(StoreError):
            call()
    assert provider_sandbox.requests == ()
