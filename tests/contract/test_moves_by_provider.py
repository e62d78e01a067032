"""The moves that ask the provider first: `fail_warmup` and `graduate`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from inbox_lifecycle import ConcurrencyConflict, Pair, ReputationPolicy, Status, TransitionRefused, WarmupStatus
from inbox_lifecycle.domain import InboxGraduated, WarmupFailed
from inbox_lifecycle.errors import ProviderRejected, ProviderUnavailable
from inbox_lifecycle.testing import Sandbox, WarmupCode
from tests.fix_face import MakeFace
from tests.support.contract import (
    ACTIVE,
    ANA,
    BANNED,
    OWNER,
    PENDING,
    WARMING,
    adopted,
    born,
    crosswise,
    in_flight,
    nothing_moves,
    retry,
    warming,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

pytestmark = pytest.mark.pairwise


@pytest.mark.parametrize(
    "code", [WarmupCode.PAUSED, WarmupCode.BANNED, WarmupCode.SUSPENDED], ids=["paused", "banned", "suspended"]
)
def test_warmup_that_the_provider_denies_is_taken_back(
    face: AnyFace, provider_sandbox: Sandbox, code: WarmupCode
) -> None:
    """The provider's definite no leads back to pending, and its word stands in the event."""
    inbox = warming(face)
    provider_sandbox.set_account(ANA, warmup_status=code)
    back = face.operator().fail_warmup(inbox.id)
    assert (back.pair, back.version) == (PENDING, 3)
    event = face.history(inbox.id, owner_id=OWNER)[-1]
    said = {WarmupCode.PAUSED: "not_warming", WarmupCode.BANNED: "banned", WarmupCode.SUSPENDED: "suspended"}
    assert event.event == WarmupFailed(provider_says=said[code])


def keeps_warming(_sandbox: Sandbox) -> None:
    """The provider says that it warms."""


def job_runs(sandbox: Sandbox) -> None:
    """A paused account, and a job that may still switch it."""
    sandbox.set_account(ANA, warmup_status=WarmupCode.PAUSED)
    sandbox.fail_next("not_json", on="jobs")


def cannot_be_read(sandbox: Sandbox) -> None:
    """The account gives no usable answer."""
    sandbox.fail_next("error", on="account")


def spam_folder_unknown(sandbox: Sandbox) -> None:
    """The provider warms with trouble."""
    sandbox.set_account(ANA, warmup_status=WarmupCode.SPAM_FOLDER_UNKNOWN)


@pytest.mark.parametrize(
    ("prepare", "found"),
    [
        (keeps_warming, "warming"),
        (job_runs, "unknown"),
        (cannot_be_read, "unknown"),
        (spam_folder_unknown, "spam_folder_unknown"),
    ],
)
def test_warmup_that_the_provider_does_not_deny_is_not_taken_back(
    face: AnyFace,
    database: TestDatabase,
    provider_sandbox: Sandbox,
    prepare: Callable[[Sandbox], None],
    found: str,
) -> None:
    """Anything but a definite no is refused, with the provider's word in the verdict."""
    inbox = warming(face)
    prepare(provider_sandbox)
    with nothing_moves(database), pytest.raises(TransitionRefused) as refused:
        face.operator().fail_warmup(inbox.id)
    (clause,) = refused.value.verdict.failed
    assert (clause.field, clause.expected, clause.found) == ("provider.warmup", "definitely not warming", found)


def test_warmup_whose_job_is_pending_is_not_taken_back(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The job was taken and has not run: the account is paused, and that is no no."""
    inbox = born(face)
    provider_sandbox.fail_next("job_pending")
    retry(face, inbox)
    with nothing_moves(database), pytest.raises(TransitionRefused) as refused:
        face.operator().fail_warmup(inbox.id)
    assert [clause.found for clause in refused.value.verdict.failed] == ["job_pending"]


def test_warmup_of_an_account_that_is_gone_is_taken_back(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """What the provider does not know does not warm."""
    inbox = warming(face)
    provider_sandbox.fail_next("reject", status=404, on="account", times=2)
    face.operator().fail_warmup(inbox.id)
    assert face.history(inbox.id, owner_id=OWNER)[-1].event == WarmupFailed(provider_says="absent")


def test_inbox_that_meets_the_policy_graduates(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Both figures at their least are enough, and they stand in the event."""
    inbox = warming(face)
    provider_sandbox.set_account(ANA, reputation=90, total_sent=200)
    active = face.operator().graduate(inbox.id)
    assert (active.pair, active.version) == (ACTIVE, 3)
    assert face.history(inbox.id, owner_id=OWNER)[-1].event == InboxGraduated(reputation=90, total_sent=200)


@crosswise
@pytest.mark.parametrize(
    ("figures", "failed"),
    [
        ({"reputation": 89, "total_sent": 200}, {"reputation": ("at least 90", "89")}),
        ({"reputation": 89.99, "total_sent": 200}, {"reputation": ("at least 90", "89")}),
        ({"reputation": 90, "total_sent": 199}, {"total_sent": ("at least 200", "199")}),
        ({"total_sent": 500}, {"reputation": ("at least 90", "None")}),
        (
            {"reputation": 0, "total_sent": 0},
            {"reputation": ("at least 90", "0"), "total_sent": ("at least 200", "0")},
        ),
    ],
)
def test_inbox_that_misses_the_policy_is_refused_with_its_figures(
    face: AnyFace,
    database: TestDatabase,
    provider_sandbox: Sandbox,
    figures: dict[str, Any],
    failed: dict[str, tuple[str, str]],
) -> None:
    """The verdict says by how much, clause by clause."""
    inbox = warming(face)
    provider_sandbox.set_account(ANA, **figures)
    with nothing_moves(database), pytest.raises(TransitionRefused) as refused:
        face.operator().graduate(inbox.id)
    found = {clause.field: (clause.expected, clause.found) for clause in refused.value.verdict.failed}
    assert found == failed


def test_hosts_own_policy_decides(make: MakeFace, provider_sandbox: Sandbox) -> None:
    """What earns a graduation is the host's to say."""
    face = make(policy=ReputationPolicy(min_reputation=10, min_total_sent=0))
    inbox = warming(face)
    provider_sandbox.set_account(ANA, reputation=10, total_sent=0)
    assert face.operator().graduate(inbox.id).pair == ACTIVE


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (None, "not_measured_yet"),
        ({"kind": "error", "on": "analytics"}, "server_error"),
        ({"kind": "not_json", "on": "analytics"}, "unreadable"),
        ({"kind": "error", "on": "account"}, "account_unreadable"),
    ],
)
def test_graduation_without_figures_is_a_provider_error(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, order: dict[str, Any] | None, reason: str
) -> None:
    """Not measured yet, or no usable answer: nobody graduates on a guess."""
    inbox = warming(face)
    if order is not None:
        provider_sandbox.set_account(ANA, reputation=99, total_sent=500)
        provider_sandbox.fail_next(**order)
    with nothing_moves(database), pytest.raises(ProviderUnavailable) as missing:
        face.operator().graduate(inbox.id)
    assert missing.value.detail == reason


NOT_WARMING = [PENDING, ACTIVE, BANNED, Pair(Status.WARMING, WarmupStatus.ACTIVE)]


@crosswise
@pytest.mark.parametrize("name", ["fail_warmup", "graduate"])
@pytest.mark.parametrize("pair", NOT_WARMING, ids=str)
def test_what_only_a_warming_inbox_may_do_is_refused_elsewhere(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, pair: Pair, name: str
) -> None:
    """Even where the provider's word and figures would do, both halves of the pair must stand at warming."""
    inbox = adopted(face, pair)
    code = WarmupCode.PAUSED if name == "fail_warmup" else WarmupCode.ACTIVE
    provider_sandbox.set_account(ANA, warmup_status=code, reputation=99, total_sent=500)
    with nothing_moves(database), pytest.raises(TransitionRefused) as refused:
        getattr(face.operator(), name)(inbox.id)
    failed = {clause.field for clause in refused.value.verdict.failed}
    assert failed == {
        field
        for field, half in (("status", pair.status), ("warmup_status", pair.warmup_status))
        if half.value != "warming"
    }


@pytest.mark.parametrize("name", ["fail_warmup", "graduate"])
def test_move_that_no_answer_could_make_legal_is_refused_without_asking(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, name: str
) -> None:
    """A pending inbox neither fails nor graduates, whatever the provider knows: it is not troubled."""
    inbox = born(face)
    with nothing_moves(database), pytest.raises(TransitionRefused) as refused:
        getattr(face.operator(), name)(inbox.id)
    assert "status" in {clause.field for clause in refused.value.verdict.failed}
    assert provider_sandbox.requests == ()


@pytest.mark.parametrize("name", ["fail_warmup", "graduate"])
def test_inbox_of_another_provider_is_not_asked_about(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, name: str
) -> None:
    """The configured provider's word about another provider's mailbox is no word: it is not even sent the address."""
    inbox = face.operator().adopt(
        email_address=ANA,
        owner_id=OWNER,
        status=WARMING.status,
        warmup_status=WARMING.warmup_status,
        provider="smartlead",
    )
    with nothing_moves(database), pytest.raises(ProviderRejected) as rejected:
        getattr(face.operator(), name)(inbox.id)
    assert rejected.value.provider == "smartlead"
    assert provider_sandbox.requests == ()


def test_inbox_that_moves_while_the_provider_is_asked_conflicts_with_an_expectation(
    face: AnyFace, provider_sandbox: Sandbox
) -> None:
    """The version is held against the swap itself, not only against the look before it."""
    inbox = warming(face)
    provider_sandbox.set_account(ANA, warmup_status=WarmupCode.PAUSED)
    in_flight(provider_sandbox, lambda: face.operator().ban(inbox.id))
    with pytest.raises(ConcurrencyConflict):
        face.operator().fail_warmup(inbox.id, expected_version=2)
    assert (face.operator().get(inbox.id).pair, face.operator().get(inbox.id).version) == (BANNED, 3)


def test_inbox_that_moves_while_the_provider_is_asked_is_judged_anew(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Without an expectation the rules decide on what stands now: banned inboxes do not graduate."""
    inbox = warming(face)
    provider_sandbox.set_account(ANA, reputation=99, total_sent=500)
    in_flight(provider_sandbox, lambda: face.operator().ban(inbox.id))
    with pytest.raises(TransitionRefused) as refused:
        face.operator().graduate(inbox.id)
    assert refused.value.verdict.failed[0].found == "banned"
    assert face.operator().get(inbox.id).version == 3
