"""Inboxes that are stuck, by the dozen, and what a bulk run made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from inbox_lifecycle import BulkReport, Inbox
from inbox_lifecycle.testing import ProviderSandbox
from tests.support.databases import TestDatabase
from tests.support.evidence import Evidence, sound
from tests.support.faces import AnyFace

OWNER = "owner"
#: However new they are.
AT_ONCE = timedelta(0)

_OUTCOMES = "select outcome, count(*) from {s}inbox_attempts group by outcome"


def stuck(face: AnyFace, count: int, *, name: str = "box", owner_id: str = OWNER) -> list[Inbox]:
    """Registered inboxes that nobody has asked the provider for."""
    return [
        face.register(email_address=f"{name}{number}@mail.example.com", owner_id=owner_id) for number in range(count)
    ]


def addresses(inboxes: Iterable[Inbox]) -> list[str]:
    """Their addresses."""
    return [str(inbox.email_address) for inbox in inboxes]


def retry_stuck(face: AnyFace, **options: Any) -> BulkReport:
    """A run over all that is stuck, however new."""
    report: BulkReport = face.operator().retry_stuck(**({"older_than": AT_ONCE} | options))
    return report


def retry_many(face: AnyFace, inboxes: Sequence[Inbox], **options: Any) -> BulkReport:
    """A run over these."""
    report: BulkReport = face.operator().retry_many([inbox.id for inbox in inboxes], **options)
    return report


def closings(database: TestDatabase) -> Counter[str | None]:
    """Numbers of attempts by outcome; None is open."""
    return Counter({outcome: int(count) for outcome, count in database.execute(_OUTCOMES)})


def assert_moved_once(database: TestDatabase, inboxes: Iterable[Inbox]) -> Evidence:
    """Demand that each of these was registered and moved, and nothing more."""
    evidence = sound(database)
    for inbox in inboxes:
        assert evidence.names(inbox.id) == ["inbox.registered", "inbox.warmup_started"]
    return evidence


def assert_asked_once(sandbox: ProviderSandbox, inboxes: Iterable[Inbox]) -> None:
    """Demand that the provider was asked to enable each of these in one call."""
    assert {address: sandbox.enable_calls(address) for address in addresses(inboxes)} == dict.fromkeys(
        addresses(inboxes), 1
    )
