"""The answers of `retry_warmup`, row by row."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from inbox_lifecycle import (
    IdempotencyKeyReused,
    Inbox,
    InboxNotFound,
    InvalidInput,
    RetryRefused,
    SchemaMismatch,
    StoreError,
    StoreUnavailable,
)
from inbox_lifecycle.errors import (
    MalformedId,
    MalformedText,
    ProviderBusy,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderRejected,
    ProviderThrottled,
    ProviderUnavailable,
    StoreMisconfigured,
)
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.contract import (
    ANA,
    OWNER,
    PENDING,
    STRANGER,
    UNKEEPABLE,
    UNKNOWN_ID,
    WARMING,
    attempt_on,
    born,
    crosswise,
    in_flight,
    lead_back,
    nothing_moves,
    outcomes,
    retry,
    warming,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

pytestmark = pytest.mark.pairwise


def test_accepted_retry_returns_the_row_as_it_stands(face: AnyFace) -> None:
    """The answer is the refreshed row with its domain, not the row that was loaded."""
    before = born(face)
    moved = retry(face, before)
    assert moved == face.get(before.id, owner_id=OWNER)
    assert (moved.pair, moved.version) == (WARMING, 2)
    assert (moved.email_domain, moved.email_domain_status) == ("mail.example.com", "pending")
    assert moved.updated_at >= before.updated_at


def test_operators_retry_moves_an_inbox_of_any_owner(face: AnyFace) -> None:
    """An operator needs no owner's id, and the attempt stands in the operator's name."""
    inbox = born(face)
    assert face.operator("olga").retry_warmup(inbox.id).pair == WARMING
    attempt = attempt_on(face, inbox)
    assert (attempt.outcome, attempt.context.actor) == ("moved", "olga")


def not_found(face: AnyFace, inbox_id: str, owner_id: str) -> InboxNotFound:
    """The error of a retry, which must be this one."""
    with pytest.raises(InboxNotFound) as missing:
        face.retry_warmup(inbox_id, owner_id=owner_id)
    return missing.value


def test_unknown_and_foreign_inboxes_are_never_told_apart(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Both give the same error with the same words, and neither leaves an attempt or reaches the provider."""
    inbox = born(face)
    with nothing_moves(database):
        foreign = not_found(face, inbox.id, STRANGER)
        unknown = not_found(face, UNKNOWN_ID, OWNER)
    assert type(foreign) is type(unknown)
    assert str(foreign).replace(inbox.id, "ID") == str(unknown).replace(UNKNOWN_ID, "ID")
    assert (vars(foreign), foreign.__cause__, foreign.__context__) == ({"inbox_id": inbox.id}, None, None)
    assert (vars(unknown), unknown.__cause__, unknown.__context__) == ({"inbox_id": UNKNOWN_ID}, None, None)
    assert database.count("inbox_attempts") == 0
    assert provider_sandbox.requests == ()


def test_operators_retry_of_an_unknown_inbox_is_not_found(face: AnyFace, database: TestDatabase) -> None:
    """Operators see across owners, and still only what there is."""
    with pytest.raises(InboxNotFound):
        face.operator().retry_warmup(UNKNOWN_ID)
    assert database.count("inbox_attempts") == 0


def test_ids_are_taken_in_any_case_and_as_uuids(face: AnyFace) -> None:
    """An id is its value, however it is written."""
    inbox = born(face)
    assert face.get(inbox.id.upper(), owner_id=OWNER) == inbox
    owner = uuid4()
    other = face.register(email_address="bo@mail.example.com", owner_id=owner)
    assert face.get(other.id, owner_id=str(owner)) == other


def test_refusal_tells_each_clause_and_is_on_record(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A retry of a warming inbox is told field, expected and found, and the attempt holds the same verdict."""
    inbox = warming(face)
    with nothing_moves(database), pytest.raises(RetryRefused) as refused:
        retry(face, inbox)
    error = refused.value
    assert (error.inbox_id, error.trigger) == (inbox.id, "retry_warmup")
    assert error.verdict.as_list() == [
        {"field": "status", "expected": "pending", "found": "warming", "held": False},
        {"field": "warmup_status", "expected": "not_started", "found": "warming", "held": False},
    ]
    (attempt,) = (one for one in face.attempts(inbox.id, owner_id=OWNER) if one.outcome == "refused")
    assert (attempt.detail, attempt.seen, attempt.seen_version) == (error.verdict.as_list(), WARMING, 2)
    assert provider_sandbox.enable_calls(ANA) == 1


def test_loser_of_a_race_is_refused_with_a_version_clause(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Another retry moved the inbox while ours was with the provider: ours is lost, and says at which version."""
    inbox = born(face)
    in_flight(provider_sandbox, lambda: retry(face, inbox))
    with pytest.raises(RetryRefused) as refused:
        retry(face, inbox)
    failed = {clause.field: (clause.expected, clause.found) for clause in refused.value.verdict.failed}
    assert failed["version"] == ("1", "2")
    assert failed["status"] == ("pending", "warming")
    assert outcomes(face, inbox) == ["lost", "moved"]
    assert face.get(inbox.id, owner_id=OWNER).version == 2


def test_stale_acceptance_is_refused_although_the_pair_came_again(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """Only the version tells one pending from the next, and it alone fails."""
    inbox = born(face)
    in_flight(provider_sandbox, lambda: lead_back(face, retry(face, inbox)))
    with pytest.raises(RetryRefused) as refused:
        retry(face, inbox)
    (clause,) = refused.value.verdict.failed
    assert (clause.field, clause.expected, clause.found) == ("version", "1", "3")
    now = face.get(inbox.id, owner_id=OWNER)
    assert (now.pair, now.version) == (PENDING, 3)
    assert outcomes(face, inbox) == ["lost", "moved"]


def test_inbox_banned_in_flight_is_lost_and_marked_to_disable(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """The provider warms what we have banned, so the attempt says that it is to be told to stop."""
    inbox = born(face)
    in_flight(provider_sandbox, lambda: face.operator().ban(inbox.id))
    with pytest.raises(RetryRefused) as refused:
        retry(face, inbox)
    assert {clause.field for clause in refused.value.verdict.failed} == {"status", "warmup_status", "version"}
    attempt = attempt_on(face, inbox)
    assert (attempt.outcome, attempt.to_disable, attempt.detail) == ("lost", True, refused.value.verdict.as_list())
    assert [event.name for event in face.operator().history(inbox.id)] == ["inbox.registered", "inbox.banned"]


PROVIDER_ANSWERS: dict[str, tuple[dict[str, Any], type[ProviderError], float | None, str | None, object]] = {
    "rejected": (
        {"kind": "reject", "status": 402},
        ProviderRejected,
        None,
        "rejected",
        {"status": 402, "reason": "payment_required"},
    ),
    "throttled": (
        {"kind": "throttle", "retry_after": 7},
        ProviderThrottled,
        7.0,
        "throttled",
        {"retry_after": 7.0},
    ),
    "throttled without a word": ({"kind": "throttle"}, ProviderThrottled, None, "throttled", {"retry_after": None}),
    "busy": ({"kind": "busy", "retry_after": 3}, ProviderBusy, 3.0, "busy", {"retry_after": 3.0}),
    "unavailable": (
        {"kind": "error", "status": 503, "retry_after": 11},
        ProviderUnavailable,
        11.0,
        "unavailable",
        {"reason": "service_unavailable", "retry_after": 11.0},
    ),
    "unknown": ({"kind": "error", "status": 500}, ProviderOutcomeUnknown, None, None, None),
}


@pytest.mark.parametrize("answer", PROVIDER_ANSWERS.values(), ids=PROVIDER_ANSWERS.keys())
def test_each_provider_failure_has_its_error_and_its_attempt(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, answer: tuple[Any, ...]
) -> None:
    """Type, `retry_after`, the attempt's outcome and detail fit the answer; an unknown outcome stays open."""
    order, kind, retry_after, outcome, detail = answer
    inbox = born(face)
    provider_sandbox.fail_next(**order)
    with nothing_moves(database), pytest.raises(ProviderError) as failed:
        retry(face, inbox)
    assert type(failed.value) is kind
    assert (failed.value.provider, failed.value.retry_after) == ("instantly", retry_after)
    attempt = attempt_on(face, inbox)
    assert (attempt.outcome, attempt.detail, attempt.closed_at is None) == (outcome, detail, outcome is None)


def test_rejection_tells_the_providers_status(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """A host can tell a wrong key from an unpaid bill."""
    inbox = born(face)
    provider_sandbox.fail_next("reject", status=401)
    with pytest.raises(ProviderRejected) as rejected:
        retry(face, inbox)
    assert (rejected.value.status, rejected.value.detail) == (401, "unauthorised")


def test_inbox_of_another_provider_is_rejected_without_asking(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """The one provider configured is never asked for an inbox that another one serves."""
    inbox = born(face, provider="another")
    with nothing_moves(database), pytest.raises(ProviderRejected, match="another_provider_is_configured"):
        retry(face, inbox)
    assert attempt_on(face, inbox).outcome == "rejected"
    assert provider_sandbox.requests == ()


def test_key_of_another_operation_is_refused(face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox) -> None:
    """A key that stands for a ban cannot stand for a warmup too, and the provider is not asked."""
    inbox = born(face)
    face.operator().ban(inbox.id, idempotency_key="k-1")
    lead_back(face, inbox)
    with nothing_moves(database), pytest.raises(IdempotencyKeyReused) as reused:
        retry(face, inbox, "k-1")
    assert (reused.value.inbox_id, reused.value.event) == (inbox.id, "inbox.banned")
    assert provider_sandbox.requests == ()


@pytest.fixture
def nowhere(make: MakeFace, database: TestDatabase) -> AnyFace:
    """A facade whose database cannot be asked: whatever looks anything up fails there."""
    lost = "sqlite:////no/such/folder/inboxes.db" if database.kind == "sqlite" else "postgresql://nobody@127.0.0.1:9/no"
    return make(lost)


def test_database_that_cannot_be_asked_is_a_store_error_and_nothing_is_sent(
    nowhere: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A server that is away may be back later; a file that cannot be opened is for its host to mend."""
    kind = StoreMisconfigured if database.kind == "sqlite" else StoreUnavailable
    with pytest.raises(kind) as failed:
        nowhere.retry_warmup(UNKNOWN_ID, owner_id=OWNER)
    assert isinstance(failed.value, StoreError)
    assert not getattr(failed.value, "maybe_applied", False)
    assert provider_sandbox.requests == ()


def test_database_without_our_schema_names_the_cure(
    make: MakeFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """A database that was never upgraded says which command upgrades it."""
    bare = make(f"{database.url}.bare") if database.kind == "sqlite" else make(schema="not_there")
    with pytest.raises(SchemaMismatch, match="inbox-lifecycle db upgrade"):
        bare.retry_warmup(UNKNOWN_ID, owner_id=OWNER)
    assert provider_sandbox.requests == ()


MALFORMED_IDS = ("", "7", "not-a-uuid", UNKNOWN_ID[:-1], UNKNOWN_ID.replace("-", ""), f"{{{UNKNOWN_ID}}}", *UNKEEPABLE)


@crosswise
@pytest.mark.parametrize("method", ["retry_warmup", "start_warmup", "get", "history", "attempts"])
def test_malformed_id_is_told_before_anything_is_looked_up(nowhere: AnyFace, method: str) -> None:
    """An id that is no UUID is the caller's mistake, whatever the database would say."""
    for wrong in MALFORMED_IDS:
        with pytest.raises(MalformedId, match="inbox_id is not a UUID"):
            getattr(nowhere, method)(wrong, owner_id=OWNER)
    assert issubclass(MalformedId, ValueError)


@crosswise
@pytest.mark.parametrize("method", ["retry_warmup", "start_warmup", "get", "history", "attempts"])
def test_malformed_owner_is_told_before_anything_is_looked_up(nowhere: AnyFace, method: str) -> None:
    """No owner's id can be empty, another thing than text, or a text that cannot be kept."""
    for wrong in ("", 7, b"owner", *UNKEEPABLE):
        with pytest.raises(InvalidInput, match="owner_id"):
            getattr(nowhere, method)(UNKNOWN_ID, owner_id=wrong)


@pytest.mark.parametrize("method", ["retry_warmup", "start_warmup", "get", "history", "attempts"])
def test_owner_of_none_never_works_across_owners(face: AnyFace, database: TestDatabase, method: str) -> None:
    """A host that has lost its user's id must not become an operator by it."""
    inbox = born(face)
    with nothing_moves(database), pytest.raises(InvalidInput, match="owner_id"):
        getattr(face, method)(inbox.id, owner_id=None)
    assert database.count("inbox_attempts") == 0


def test_search_for_an_owner_of_none_finds_nobodys_inboxes(face: AnyFace) -> None:
    """Leaving the owner out is for operators alone."""
    born(face)
    with pytest.raises(InvalidInput, match="owner_id"):
        face.find(owner_id=None)


@crosswise
@pytest.mark.parametrize("wrong", ["", "k" * 256, 7, *UNKEEPABLE], ids=["empty", "long", "number", "NUL", "hi", "lo"])
def test_malformed_key_is_told_before_anything_is_looked_up(nowhere: AnyFace, wrong: Any) -> None:
    """A key is a text of 1 to 255 characters that every database can keep."""
    with pytest.raises(MalformedText, match="idempotency_key"):
        nowhere.retry_warmup(UNKNOWN_ID, owner_id=OWNER, idempotency_key=wrong)


def test_key_of_255_characters_is_taken(face: AnyFace) -> None:
    """The longest key works from end to end."""
    inbox = born(face)
    moved: Inbox = retry(face, inbox, "k" * 255)
    assert retry(face, inbox, "k" * 255) == moved
