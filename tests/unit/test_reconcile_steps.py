"""`reconcile` step by step: what it asks the database for, how it closes each attempt, and what it counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from inbox_lifecycle import Inbox, InboxId, Status, WarmupStatus
from inbox_lifecycle.codec import decode_entry
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, AttemptKind
from inbox_lifecycle.errors import StoreUnavailable
from inbox_lifecycle.flow import Unanswered
from inbox_lifecycle.providers.instantly import PATIENCE
from inbox_lifecycle.reconcile import PAGE, Cursor, Reconciled, page_size, reconcile_page
from inbox_lifecycle.records import Attempt
from inbox_lifecycle.store.rows import Closed, OpenAttempt
from inbox_lifecycle.store.statements import ClearMark, CloseAttempt
from inbox_lifecycle.terms import NoProvider, Terms
from tests.support.steps import ERASED, NOW, PENDING, WARMING, Clock, account, job, looked, play, seen, terms

BANNED = replace(PENDING, status=Status.BANNED, warmup_status=WarmupStatus.BANNED, version=2)
#: The mark was there, and is cleared.
CLEARED = True
CONTEXT = Context(owner_id="owner", actor="ana", idempotency_key="key-1")


def unsettled(inbox: Inbox, number: int = 1, kind: AttemptKind = AttemptKind.RETRY, saw: int = 1) -> OpenAttempt:
    """An attempt with its inbox as it is now."""
    attempt = Attempt(
        id=AttemptId(f"018f3b5e-0000-7000-8000-00000000010{number}"),
        inbox_id=inbox.id,
        kind=kind,
        seen_version=saw,
        seen=PENDING.pair,
        opened_at=NOW,
        lease_until=NOW,
        outcome=None,
        closed_at=None,
        event_version=None,
        to_disable=False,
        detail=None,
        context=CONTEXT,
    )
    return OpenAttempt(attempt, seen(inbox))


def another(number: int, inbox: Inbox = PENDING, **changes: Any) -> Inbox:
    """An inbox beside the first one."""
    return replace(
        inbox,
        id=InboxId(f"018f3b5e-0000-7000-8000-00000000002{number}"),
        email_address=f"inbox{number}@mail.example.com",
        **changes,
    )


def closing(entry: OpenAttempt, outcome: str, detail: object, *, accepted: bool = False) -> CloseAttempt:
    """The statement that closes it so."""
    return CloseAttempt(
        inbox_id=entry.attempt.inbox_id,
        owner_id="owner",
        attempt_id=entry.attempt.id,
        outcome=outcome,
        now=NOW,
        detail=detail,
        accepted=accepted,
    )


def page(*answers: object, marked: bool = False, limit: int = PAGE, given: Terms | None = None) -> Any:
    """A page, played."""
    return play(reconcile_page(given or terms(), marked=marked, after=Cursor(), limit=limit), *answers)


REFUSED = [
    {"field": "status", "expected": "pending", "found": "active", "held": False},
    {"field": "warmup_status", "expected": "not_started", "found": "not_started", "held": True},
]

CLOSED: dict[str, tuple[OpenAttempt, tuple[object, ...], str, object, bool, Reconciled]] = {
    "a launch": (
        unsettled(PENDING, kind=AttemptKind.LAUNCH),
        (),
        "abandoned",
        {"outcome": "unknown"},
        False,
        Reconciled(abandoned=1),
    ),
    "overtaken": (unsettled(WARMING), (), "superseded", {"version": 2}, True, Reconciled(superseded=1)),
    "never legal": (
        unsettled(replace(PENDING, status=Status.ACTIVE)),
        (),
        "refused",
        REFUSED,
        False,
        Reconciled(abandoned=1),
    ),
    "a definite no": (
        unsettled(PENDING),
        (httpx.Response(404),),
        "abandoned",
        {"provider": "absent"},
        False,
        Reconciled(abandoned=1),
    ),
}


@pytest.mark.parametrize("name", CLOSED)
def test_an_attempt_is_closed_with_what_is_known_of_it(name: str) -> None:
    """Its outcome, what led to it, whether the provider may have accepted, and the count that grows."""
    entry, answers, outcome, detail, accepted, counted = CLOSED[name]
    played = page((entry,), *answers, Closed(was_open=True, keyed=None))
    assert played.statement(len(answers) + 1) == closing(entry, outcome, detail, accepted=accepted)
    assert played.value == (counted, None)


def test_an_inbox_that_warms_is_moved_in_the_name_of_the_attempt() -> None:
    """The event carries the attempt, its caller's context, and that it was recorded late."""
    entry = unsettled(PENDING)
    played = page((entry,), account(1), None, WARMING)
    commit = played.statement(3)
    payload = decode_entry(commit.event.entry).payload
    assert (commit.attempt_id, commit.owner_id, commit.seen_version) == (entry.attempt.id, "owner", 1)
    assert commit.event.context == CONTEXT
    assert (payload["attempt_id"], payload["kind"], payload["recorder"]) == (entry.attempt.id, "retry", "reconcile")
    assert (payload["acceptance"], payload["job_id"]) == ("already_warming", None)
    assert played.value == (Reconciled(moved=1), None)


def test_an_attempt_overtaken_at_the_commit_is_closed_as_superseded() -> None:
    """And not as lost, which is a caller's word."""
    entry = unsettled(PENDING)
    played = page(
        (entry,), account(1), None, None, looked(replace(PENDING, version=3)), Closed(was_open=True, keyed=None)
    )
    statement = played.statement(5)
    assert (statement.outcome, statement.accepted, statement.idempotency_key) == ("superseded", True, "key-1")
    assert played.value == (Reconciled(superseded=1), None)


def test_an_attempt_that_could_not_be_closed_is_left_and_the_next_is_settled() -> None:
    """One failed write stops nobody else's."""
    entries = (unsettled(WARMING, 1), unsettled(WARMING, 2))
    failure = StoreUnavailable("gone")
    played = page(entries, failure, failure, Closed(was_open=True, keyed=None))
    assert played.value[0].superseded == 1
    assert played.value[0].left == 1


def test_a_full_page_says_where_the_next_begins() -> None:
    """After the last attempt of this one."""
    entries = (unsettled(WARMING, 1), unsettled(another(1, WARMING), 2), unsettled(another(2, WARMING), 3))
    ended = Closed(was_open=True, keyed=None)
    played = page(entries, ended, ended, ended, limit=3)
    assert played.value == (Reconciled(superseded=3), Cursor(another(2).id, entries[2].attempt.id))


def test_a_page_that_is_not_full_is_the_last() -> None:
    """There is nothing to come back for."""
    played = page((unsettled(WARMING),), Closed(was_open=True, keyed=None), limit=2)
    assert played.value == (Reconciled(superseded=1), None)


def test_a_page_is_asked_for_after_the_cursor() -> None:
    """By inbox, then by attempt, marked or not, and no more than were wanted."""
    after = Cursor("018f3b5e-0000-7000-8000-00000000000a", "018f3b5e-0000-7000-8000-00000000000b")
    played = play(reconcile_page(terms(), marked=True, after=after, limit=7), ())
    statement = played.statement(0)
    assert (statement.marked, statement.limit) == (True, 7)
    assert (statement.after_inbox, statement.after_attempt) == (after.inbox_id, after.attempt_id)


@pytest.mark.parametrize(
    ("limit", "done", "size"),
    [(None, 0, PAGE), (None, 500, PAGE), (5, 0, 5), (5, 3, 2), (500, 0, PAGE), (150, 100, 50)],
)
def test_a_page_takes_what_is_left_of_the_limit(limit: int | None, done: int, size: int) -> None:
    """And never more than the provider's batch."""
    assert page_size(limit, done) == size


def test_what_runs_have_done_adds_up() -> None:
    """Count by count."""
    one = Reconciled(moved=1, abandoned=2, superseded=3, left=4, disabled=5, still_to_disable=6)
    other = Reconciled(moved=10, abandoned=20, superseded=30, left=40, disabled=50, still_to_disable=60)
    assert one + other == Reconciled(moved=11, abandoned=22, superseded=33, left=44, disabled=55, still_to_disable=66)
    assert (one.settled, one.seen) == (11, 21)


def test_a_mark_is_cleared_for_the_attempt_once_the_account_confirms() -> None:
    """The provider's yes to a disabling is only a job; the account says whether it warms."""
    entry = unsettled(BANNED)
    played = page((entry,), job(), httpx.Response(404), CLEARED, marked=True)
    assert played.statement(3) == ClearMark(inbox_id=BANNED.id, attempt_id=entry.attempt.id)
    assert played.value == (Reconciled(disabled=1), None)


def test_a_mark_whose_account_still_warms_is_kept() -> None:
    """For the next run."""
    played = page((unsettled(BANNED),), job(), account(1), marked=True)
    assert played.value == (Reconciled(still_to_disable=1), None)


def test_marks_are_counted_one_by_one() -> None:
    """Some cleared, some kept."""
    entries = tuple(unsettled(another(number, BANNED), number) for number in range(4))
    accounts = (account(1), httpx.Response(404), account(1), httpx.Response(404))
    played = page(entries, job(), *accounts, CLEARED, CLEARED, marked=True)
    assert played.value == (Reconciled(disabled=2, still_to_disable=2), None)


def test_the_mark_of_an_inbox_that_is_not_banned_any_more_is_cleared_unasked() -> None:
    """Its warmup may be wanted again."""
    entry = unsettled(WARMING)
    played = page((entry,), CLEARED, marked=True)
    assert played.names == ["unsettled_attempts", "clear_mark"]
    assert played.value == (Reconciled(disabled=1), None)


def test_the_mark_of_an_erased_inbox_is_cleared_unasked() -> None:
    """Nobody knows its address any more."""
    erased = replace(ERASED, status=Status.BANNED, warmup_status=WarmupStatus.BANNED)
    played = page((unsettled(erased),), CLEARED, marked=True)
    assert played.names == ["unsettled_attempts", "clear_mark"]
    assert played.value == (Reconciled(disabled=1), None)


def test_inboxes_are_grouped_by_the_provider_that_serves_each() -> None:
    """Two providers of one name are asked for their own inboxes only."""
    first = terms()
    ones = first.provider_for(PENDING)
    others = replace(ones, api_key="another")
    serving = {PENDING.id: ones, another(1).id: others, another(2).id: ones}
    given = replace(first, provider_for=lambda inbox: serving[inbox.id])
    entries = (unsettled(PENDING, 1), unsettled(another(1), 2), unsettled(another(2), 3))
    unknown = httpx.Response(200, json={"warmup_status": 99})
    played = page(entries, unknown, unknown, unknown, given=given)
    asked = [played.request(position).url.path.rpartition("/")[2] for position in (1, 2, 3)]
    assert asked == [PENDING.email_address, another(2).email_address, another(1).email_address]
    assert played.value == (Reconciled(left=3), None)


def two_providers() -> Terms:
    """Terms with one provider for the first inbox and another for all others."""
    first = terms()
    ones = first.provider_for(PENDING)
    others = replace(ones, api_key="another")
    return replace(first, provider_for=lambda inbox: ones if inbox.id == PENDING.id else others)


def test_what_one_provider_said_is_not_forgotten_over_the_next() -> None:
    """The first one's definite no stands though the second said nothing usable."""
    entries = (unsettled(PENDING, 1), unsettled(another(1), 2))
    unknown = httpx.Response(200, json={"warmup_status": 99})
    played = page(entries, httpx.Response(404), unknown, Closed(was_open=True, keyed=None), given=two_providers())
    assert played.value == (Reconciled(abandoned=1, left=1), None)


def test_what_one_provider_took_on_is_not_forgotten_over_the_next() -> None:
    """Both are told to stop, and both accounts are believed."""
    entries = (unsettled(BANNED, 1), unsettled(another(1, BANNED), 2))
    gone = httpx.Response(404)
    played = page(entries, job(), job(), gone, gone, CLEARED, CLEARED, marked=True, given=two_providers())
    assert played.value == (Reconciled(disabled=2), None)


def test_an_inbox_without_a_provider_stops_no_other() -> None:
    """The host's own callable may fail for one of them."""
    fine = terms()

    def serve(inbox: Inbox) -> Any:
        if inbox.id == PENDING.id:
            raise LookupError(inbox.id)
        return fine.provider_for(inbox)

    entries = (unsettled(PENDING, 1), unsettled(another(1), 2))
    played = page(
        entries, httpx.Response(404), Closed(was_open=True, keyed=None), given=replace(fine, provider_for=serve)
    )
    assert played.value == (Reconciled(left=1, abandoned=1), None)


def test_equal_providers_that_a_host_makes_for_each_inbox_are_asked_once() -> None:
    """A callable may make the adapter anew; what it stands for is one workspace with one job at a time."""
    first = terms()
    entries = (unsettled(BANNED, 1), unsettled(another(1, BANNED), 2))
    fresh = replace(first, provider_for=lambda inbox: replace(first.provider_for(inbox)))
    gone = httpx.Response(404)
    played = page(entries, job(), gone, gone, CLEARED, CLEARED, marked=True, given=fresh)
    assert played.value == (Reconciled(disabled=2), None)


def test_a_facade_without_any_provider_stops_the_run() -> None:
    """That is no matter of one inbox."""

    def serve(_inbox: Inbox) -> Any:
        raise NoProvider

    assert isinstance(page((unsettled(PENDING),), given=replace(terms(), provider_for=serve)).error, NoProvider)


def test_an_erased_inbox_does_not_hide_those_behind_it() -> None:
    """It is passed over, and the next one is asked about."""
    erased = replace(ERASED, version=1, status=Status.BANNED, warmup_status=WarmupStatus.BANNED)
    banned = another(1, BANNED)
    played = page(
        (unsettled(erased, 1), unsettled(banned, 2)), job(), httpx.Response(404), CLEARED, CLEARED, marked=True
    )
    assert played.request(1).content.count(b"@") == 1
    assert played.value == (Reconciled(disabled=2), None)


def test_an_attempt_that_somebody_else_closed_counts_for_nothing() -> None:
    """It counts in the run that closed it."""
    played = page((unsettled(WARMING),), Closed(was_open=False, keyed=None))
    assert played.value == (Reconciled(), None)


def test_mailboxes_that_stay_silent_hide_no_other_for_good() -> None:
    """An adapter gives up after a few without an answer, so each run begins elsewhere: in time all are asked first."""
    entries = tuple(unsettled(another(number), number) for number in range(PATIENCE + 2))
    addresses = {entry.seen.inbox.email_address for entry in entries}
    for between in (1, 60, 300):
        clocks = [Clock(run * between) for run in range(20)]
        first = [page(entries, *_SILENCE, given=terms(clock)).request(1) for clock in clocks]
        assert {unquote(request.url.path.rpartition("/")[2]) for request in first} == addresses
    first = page(entries, *_SILENCE).request(1)
    assert unquote(first.url.path.rpartition("/")[2]) == "inbox0@mail.example.com"


_SILENCE = [Unanswered()] * PATIENCE
