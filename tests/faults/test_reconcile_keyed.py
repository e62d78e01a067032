"""An attempt is left open although its idempotency key has its event already: `reconcile` must be able to close it."""

from __future__ import annotations

import pytest

from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Operation, Sandbox
from tests.support.aftermath import ANA, OWNER, settle, standing
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace


@pytest.mark.parametrize("booked_by", ["retry", "ban"])
def test_attempt_whose_key_has_its_event_is_refused_on_its_behalf(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox, booked_by: str
) -> None:
    """Its caller died between opening and closing it; the gate stands open again, and the account warms."""
    inbox = face.register(email_address=ANA, owner_id=OWNER)
    operator = face.operator()
    if booked_by == "retry":
        face.retry_warmup(inbox.id, owner_id=OWNER, idempotency_key="once")
    else:
        operator.ban(inbox.id, idempotency_key="once")
    operator.correct(inbox.id, status="pending", warmup_status="not_started", reason="by mistake")
    provider_sandbox.set_account(ANA, warmup_status=1)
    die_before_closing(database, inbox.id)
    asked = provider_sandbox.count(Operation.ACCOUNT)
    assert settle(face, database) == Reconciled(abandoned=1)
    assert standing(database, inbox.id).attempts[-1] == "refused"
    assert standing(database, inbox.id).version == 3
    # What its key stands for is known: nobody has to be asked.
    assert provider_sandbox.count(Operation.ACCOUNT) == asked


def die_before_closing(database: TestDatabase, inbox_id: str) -> None:
    """Leave what a call with the used key leaves that is killed right after its first statement."""
    database.execute(
        "insert into {s}inbox_attempts (inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at,"
        " lease_until, to_disable, owner_id, idempotency_key) select id, ?, 'retry', version, status, warmup_status,"
        " updated_at, updated_at, (1 = 0), owner_id, 'once' from {s}inboxes where id = ?",
        ("01a20773-4985-779c-9748-289dee314c26", inbox_id),
    )
