"""Any list of inboxes, adopted at once, leaves the rows that it would have left one by one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox_lifecycle import AdoptedInbox, Inboxes, InboxExists, Operator, Status, WarmupStatus
from inbox_lifecycle.lifecycle import bulk_births
from tests.support.databases import TestDatabase

LONG_AGO = datetime(2019, 5, 6, 7, 8, 9, 10, tzinfo=UTC)
_NUMBERS = itertools.count()

#: Few addresses and fewer ids, so that many rows want the same ones.
rows = st.builds(
    AdoptedInbox,
    email_address=st.sampled_from([f"{name}@{domain}.example" for name in "abc" for domain in ("one", "two")]),
    status=st.sampled_from(Status),
    warmup_status=st.sampled_from(WarmupStatus),
    owner_id=st.sampled_from(["ana", "ben"]),
    inbox_id=st.sampled_from([None, None, "id 1", "id 2"]),
    provider_ref=st.sampled_from([None, "ref"]),
    created_at=st.sampled_from([None, LONG_AGO]),
)


@dataclass(frozen=True)
class Side:
    """One of two worlds in one database: addresses and ids of its own, which it tells by their common names."""

    name: str

    def own(self, row: AdoptedInbox) -> AdoptedInbox:
        """The row as this side has it."""
        inbox_id = None if row.inbox_id is None else uuid5(NAMESPACE_URL, f"{self.name}{row.inbox_id}")
        return replace(row, email_address=f"{self.name}-{row.email_address}", inbox_id=inbox_id)

    def left(self, database: TestDatabase) -> list[tuple[Any, ...]]:
        """What stands in the database, ids that were not given and times aside."""
        given = {str(uuid5(NAMESPACE_URL, f"{self.name}{one}")): one for one in ("id 1", "id 2")}
        found = database.execute(
            "select i.email_address, i.id, i.owner_id, d.owner_id, d.domain, i.status, i.warmup_status, i.version,"
            " i.provider, i.provider_ref, i.created_at = i.updated_at, e.name, e.status, e.warmup_status, e.owner_id,"
            " e.actor, e.reason, q.version"
            " from {s}inboxes i join {s}email_domains d on d.id = i.email_domain_id"
            " join {s}inbox_events e on e.inbox_id = i.id and e.hash = i.head_hash"
            " join {s}inbox_feed_queue q on q.inbox_id = i.id and q.hash = e.hash"
            " where i.email_address like ? order by 1",
            (f"{self.name}-%",),
        )
        return [(address.removeprefix(f"{self.name}-"), given.get(str(one)), *rest) for address, one, *rest in found]


@pytest.fixture
def operator(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operator]:
    """An operator on a database of either kind, whose batches are small."""
    monkeypatch.setattr(bulk_births, "BATCH", 4)
    with Inboxes(database.url) as inboxes:
        yield inboxes.operator(actor="olga")


def adopt(operator: Operator, row: AdoptedInbox) -> bool:
    """One by one; whether it was born."""
    try:
        operator.adopt(
            email_address=row.email_address,
            owner_id=row.owner_id or "",
            status=row.status,
            warmup_status=row.warmup_status,
            inbox_id=row.inbox_id,
            provider="instantly",
            provider_ref=row.provider_ref,
            created_at=row.created_at,
            reason="why",
        )
    except InboxExists:
        return False
    return True


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(given_rows=st.lists(rows, max_size=9))
def test_a_list_leaves_what_its_rows_leave_one_by_one(
    operator: Operator, database: TestDatabase, given_rows: Sequence[AdoptedInbox]
) -> None:
    """Whoever wants whose address or id; and adopted once more it leaves all as it is."""
    number = next(_NUMBERS)
    one_by_one, at_once = Side(f"single{number}"), Side(f"many{number}")
    born = [adopt(operator, one_by_one.own(row)) for row in given_rows]
    mine = [replace(at_once.own(row), provider="instantly") for row in given_rows]
    report = operator.adopt_many(mine, reason="why")
    assert [outcome == "born" for outcome in report.outcomes] == born
    left = at_once.left(database)
    assert left == one_by_one.left(database)
    again = operator.adopt_many(mine, reason="another")
    assert "born" not in again.outcomes
    assert at_once.left(database) == left
    for outcome, first, then in zip(report.outcomes, report.inbox_ids, again.inbox_ids, strict=True):
        assert outcome == "taken" or first == then


def test_what_lists_leave_is_clean(operator: Operator) -> None:
    """All of it can be verified."""
    side = Side("clean")
    addresses = [f"{name}@one.example" for name in "abcdefgh"]
    plain = [
        AdoptedInbox(email_address=one, status="active", warmup_status="active", owner_id="a") for one in addresses
    ]
    operator.adopt_many([replace(side.own(row), provider="instantly") for row in plain])
    verified = operator.verify()
    assert (verified.clean, verified.events) == (True, len(addresses))
