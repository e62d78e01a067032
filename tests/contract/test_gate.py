"""The gate of `start_warmup` and `retry_warmup`, pair by pair."""

from __future__ import annotations

import itertools

import pytest

from inbox_lifecycle import RetryRefused, Status, WarmupStatus
from inbox_lifecycle.testing import Sandbox
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace

PAIRS = tuple(itertools.product(Status, WarmupStatus))
OPEN = (Status.PENDING, WarmupStatus.NOT_STARTED)


@pytest.mark.parametrize("method", ["start_warmup", "retry_warmup"])
@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair != OPEN], ids="-".join)
def test_any_other_pair_is_refused_and_nothing_moves(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, pair: tuple[Status, WarmupStatus], method: str
) -> None:
    """Fifteen pairs are refused with a verdict clause by clause, on record, without asking the provider."""
    inbox = face.operator().adopt(
        email_address="ana@mail.example.com", owner_id="owner", status=pair[0], warmup_status=pair[1]
    )
    with pytest.raises(RetryRefused) as refused:
        getattr(face, method)(inbox.id, owner_id="owner")
    found = {clause.field: (clause.expected, clause.found, clause.held) for clause in refused.value.verdict.clauses}
    assert found["status"] == ("pending", pair[0].value, pair[0] is Status.PENDING)
    assert found["warmup_status"] == ("not_started", pair[1].value, pair[1] is WarmupStatus.NOT_STARTED)
    assert face.get(inbox.id, owner_id="owner") == inbox
    (attempt,) = face.attempts(inbox.id, owner_id="owner")
    assert (attempt.outcome, attempt.detail) == ("refused", refused.value.verdict.as_list())
    assert database.count("inbox_events") == 1
    assert provider_sandbox.requests == ()


@pytest.mark.parametrize("method", ["start_warmup", "retry_warmup"])
def test_the_one_pair_passes_and_the_inbox_warms(face: AnyFace, provider_sandbox: Sandbox, method: str) -> None:
    """From pending / not_started the provider is asked once and the inbox moves to warming / warming."""
    inbox = face.register(email_address="ana@mail.example.com", owner_id="owner")
    moved = getattr(face, method)(inbox.id, owner_id="owner")
    assert (moved.status, moved.warmup_status, moved.version) == ("warming", "warming", 2)
    assert face.get(inbox.id, owner_id="owner") == moved
    (attempt,) = face.attempts(inbox.id, owner_id="owner")
    assert (attempt.kind, attempt.outcome, attempt.event_version) == (method.partition("_")[0], "moved", 2)
    assert provider_sandbox.enable_calls("ana@mail.example.com") == 1
