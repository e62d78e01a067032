"""Births, moves and `reconcile`, driven by hand: which steps, in which order, and what each answer leads to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from inbox_lifecycle import (
    ConcurrencyConflict,
    Inbox,
    InboxExists,
    InboxNotFound,
    Pair,
    ReputationPolicy,
    Status,
    TransitionRefused,
    WarmupStatus,
)
from inbox_lifecycle.address import read_address
from inbox_lifecycle.context import NOBODY, Context
from inbox_lifecycle.domain import AttemptId, AttemptKind
from inbox_lifecycle.errors import IdempotencyKeyReused, ProviderUnavailable, StoreContended, StoreUnavailable
from inbox_lifecycle.flow import Flow, Unanswered, again
from inbox_lifecycle.lifecycle import births, moves
from inbox_lifecycle.reconcile import Cursor, Reconciled, reconcile_page
from inbox_lifecycle.records import Attempt
from inbox_lifecycle.store.faults import ConstraintViolated
from inbox_lifecycle.store.rows import Closed, Landed, OpenAttempt
from inbox_lifecycle.store.statements import ClearMark
from tests.support.steps import (
    BACK,
    NOW,
    PENDING,
    STARTED,
    WARMING,
    account,
    close_after,
    job,
    looked,
    play,
    seen,
    terms,
)

BANNED = replace(PENDING, status=Status.BANNED, warmup_status=WarmupStatus.BANNED, version=2)
GONE = StoreUnavailable("gone", maybe_applied=True)
REFUSED = StoreUnavailable("connection refused")
CONTENDED = StoreContended("40P01")
FIGURES = httpx.Response(200, json={"aggregate_data": {PENDING.email_address: {"sent": 500}}, "email_date_data": {}})
NO_FIGURES = httpx.Response(200, json={"aggregate_data": {}, "email_date_data": {}})


def ban(*, key: str | None = None, expected_version: int | None = None) -> Flow[Inbox]:
    """A ban."""
    context = Context(actor="olga", idempotency_key=key)
    request = moves.Request(inbox_id=PENDING.id, context=context, expected_version=expected_version)
    return moves.ban(terms(), request)


def correct(to: Pair) -> Flow[Inbox]:
    """A correction."""
    return moves.correct(terms(), moves.Request(inbox_id=PENDING.id, context=NOBODY), to)


def fail_warmup() -> Flow[Inbox]:
    """A warmup taken back."""
    return moves.fail_warmup(terms(), moves.Request(inbox_id=PENDING.id, context=NOBODY))


def graduate() -> Flow[Inbox]:
    """A graduation."""
    return moves.graduate(terms(), moves.Request(inbox_id=PENDING.id, context=NOBODY), ReputationPolicy())


def register(*, start: bool = False) -> Flow[Inbox]:
    """A birth."""
    birth = births.Birth(
        address=read_address("ana@mail.example.com"), owner_id="owner", provider="instantly", context=NOBODY
    )
    return births.register_and_start(terms(), birth) if start else births.register(terms(), birth)


def reconcile(*, marked: bool = False) -> Flow[tuple[Reconciled, Cursor | None]]:
    """A page of what is unsettled."""
    return reconcile_page(terms(), marked=marked, after=Cursor())


def unsettled(inbox: Inbox, number: int = 1, kind: AttemptKind = AttemptKind.RETRY) -> OpenAttempt:
    """An attempt that saw version 1, with its inbox as it is now."""
    attempt = Attempt(
        id=AttemptId(f"018f3b5e-0000-7000-8000-00000000010{number}"),
        inbox_id=PENDING.id,
        kind=kind,
        seen_version=1,
        seen=PENDING.pair,
        opened_at=NOW,
        lease_until=NOW,
        outcome=None,
        closed_at=None,
        event_version=None,
        to_disable=False,
        detail=None,
        context=NOBODY,
    )
    return OpenAttempt(attempt, seen(inbox))


def test_a_move_is_a_look_and_a_commit() -> None:
    """Load, decide, swap; the provider is nobody's business here."""
    played = play(ban(), seen(PENDING), BANNED)
    assert played.names == ["get_inbox", "commit_move"]
    assert (played.statement(1).seen_version, played.value) == (1, BANNED)


def test_a_move_that_is_illegal_ends_after_the_look() -> None:
    """Nothing is written for what the rules refuse."""
    played = play(ban(), seen(BANNED))
    assert played.names == ["get_inbox"]
    assert isinstance(played.error, TransitionRefused)


@pytest.mark.parametrize("miss", [None, CONTENDED, ConstraintViolated("inboxes_stepped")], ids=str)
def test_a_move_that_was_overtaken_is_judged_anew(miss: object) -> None:
    """The second commit is another event at another version, decided from the new state."""
    played = play(ban(), seen(PENDING), miss, looked(WARMING), seen(WARMING), replace(BANNED, version=3))
    assert played.names == ["get_inbox", "commit_move", "look_for_event", "get_inbox", "commit_move"]
    first, second = played.statement(1).event, played.statement(4).event
    assert (first.version, second.version, second.left) == (2, 3, WARMING.pair)
    assert first.event_id != second.event_id


def test_a_move_undone_while_nothing_moved_is_tried_again_as_the_same_event() -> None:
    """An earlier run may still be on its way: with another event, both could land one after the other."""
    played = play(ban(), seen(PENDING), CONTENDED, looked(PENDING), BANNED)
    assert played.names == ["get_inbox", "commit_move", "look_for_event", "commit_move"]
    assert (played.statement(1).event, played.value) == (played.statement(3).event, BANNED)


def test_a_move_that_was_overtaken_into_illegality_is_refused() -> None:
    """Somebody else banned it first: the new look says so."""
    played = play(ban(), seen(PENDING), None, looked(BANNED), seen(BANNED))
    assert played.names == ["get_inbox", "commit_move", "look_for_event", "get_inbox"]
    assert isinstance(played.error, TransitionRefused)


def test_a_move_whose_acknowledgement_was_lost_finds_its_own_event() -> None:
    """The same commit runs again and misses, because the first one landed: success, as that event left the inbox."""
    landed = Landed(2, "inbox.banned", BANNED.pair, NOW)
    played = play(ban(), seen(PENDING), GONE, None, looked(BACK, moved=landed))
    assert played.names == ["get_inbox", "commit_move", "commit_move", "look_for_event"]
    assert played.statement(1) is played.statement(2)
    assert played.statement(3).event_id == played.statement(1).event.event_id
    assert (played.value.pair, played.value.version) == (BANNED.pair, 2)


def test_a_move_that_is_overtaken_without_end_is_a_conflict() -> None:
    """Ten rounds, and no eleventh."""
    played = play(ban(), *(seen(PENDING), None, looked(WARMING)) * 10)
    assert isinstance(played.error, ConcurrencyConflict)


def test_a_move_at_another_version_than_expected_ends_after_the_look() -> None:
    """The operator looked at version 1; it is at 2 by now."""
    played = play(ban(expected_version=1), seen(WARMING))
    assert played.names == ["get_inbox"]
    assert isinstance(played.error, ConcurrencyConflict)


def test_a_move_on_an_unknown_inbox_ends_after_the_look() -> None:
    """There is nothing to move."""
    assert isinstance(play(ban(), None).error, InboxNotFound)


def test_a_move_whose_key_has_its_event_returns_that_success() -> None:
    """The look brings the key's event along; nothing is written again, whatever version is expected."""
    landed = Landed(2, "inbox.banned", BANNED.pair, NOW)
    played = play(ban(key="once", expected_version=1), seen(BACK, landed))
    assert played.names == ["get_inbox"]
    assert (played.value.pair, played.value.version) == (BANNED.pair, 2)


def test_a_move_under_the_key_of_another_operation_is_refused() -> None:
    """The key stands for a warmup."""
    assert isinstance(play(ban(key="once"), seen(WARMING, STARTED)).error, IdempotencyKeyReused)


def test_a_correction_to_the_same_pair_ends_after_the_look() -> None:
    """It would correct nothing."""
    played = play(correct(PENDING.pair), seen(PENDING))
    assert played.names == ["get_inbox"]
    assert isinstance(played.error, TransitionRefused)


def test_a_warmup_is_taken_back_on_the_accounts_word() -> None:
    """Look, ask the account and the jobs, commit: and the commit holds the provider's word."""
    no_jobs = httpx.Response(200, json={"items": []})
    played = play(fail_warmup(), seen(WARMING), account(0), no_jobs, account(0), replace(PENDING, version=3))
    assert played.names == ["get_inbox", "Send", "Send", "Send", "commit_move"]
    assert b'"provider_says":"not_warming"' in played.statement(4).event.entry


def test_a_warmup_is_not_taken_back_while_the_account_warms() -> None:
    """The provider's word is against it: nothing is written."""
    played = play(fail_warmup(), seen(WARMING), account(1))
    assert played.names == ["get_inbox", "Send"]
    assert isinstance(played.error, TransitionRefused)


def test_a_graduation_commits_the_figures_it_was_judged_by() -> None:
    """The event holds the reputation and the number of mails."""
    active = replace(WARMING, version=3)
    played = play(graduate(), seen(WARMING), FIGURES, account(1), active)
    assert played.names == ["get_inbox", "Send", "Send", "commit_move"]
    assert b'"payload":{"reputation":95,"total_sent":500}' in played.statement(3).event.entry


def test_a_graduation_without_figures_writes_nothing() -> None:
    """Nobody knows whether it was earned."""
    played = play(graduate(), seen(WARMING), NO_FIGURES)
    assert isinstance(played.error, ProviderUnavailable)


def test_a_birth_is_one_statement() -> None:
    """Domain, row, event and queue are written at once."""
    played = play(register(), PENDING)
    assert (played.names, played.value) == (["register_inbox"], PENDING)


@pytest.mark.parametrize("met", [None, CONTENDED], ids=["domain", "contended"])
def test_a_birth_that_met_another_at_its_domain_runs_again(met: object) -> None:
    """The other made the domain's row; the same statement finds it now."""
    played = play(register(), met, PENDING)
    assert played.statement(0) is played.statement(1)


@pytest.mark.parametrize(
    ("constraint", "what"), [("inboxes_email_address_key", "address"), ("inboxes_pkey", "id")], ids=["address", "id"]
)
def test_a_birth_that_was_refused_by_our_constraint_says_what_exists(constraint: str, what: str) -> None:
    """After a look that it was not its own doing."""
    played = play(register(), ConstraintViolated(constraint), looked(WARMING))
    assert played.names == ["register_inbox", "look_for_event"]
    assert isinstance(played.error, InboxExists)
    assert played.error.what == what


def test_a_birth_whose_acknowledgement_was_lost_finds_itself() -> None:
    """The constraint that refuses the second run is the first run's own row."""
    born = Landed(1, "inbox.registered", PENDING.pair, NOW)
    played = play(register(), GONE, None, ConstraintViolated("inboxes_email_address_key"), looked(PENDING, moved=born))
    assert played.names == ["register_inbox", "look_for_event"] * 2
    assert played.value == PENDING


def test_a_birth_with_its_first_attempt_returns_the_inbox_though_the_provider_refused() -> None:
    """Register, open, ask, close, look: the caller gets the pending inbox, and the attempt is on record."""
    closed = Closed(was_open=True, keyed=None)
    played = play(register(start=True), PENDING, seen(PENDING), httpx.Response(402), closed, seen(PENDING))
    assert played.names == ["register_inbox", "open_attempt", "Send", "close_attempt", "get_inbox"]
    assert played.value == PENDING


def test_reconcile_moves_an_inbox_that_warms_on_behalf_of_its_attempt() -> None:
    """Look for what is open, ask the account, then the same shielded commit as the call's own."""
    played = play(reconcile(), (unsettled(PENDING),), account(1), None, WARMING)
    assert played.names == ["unsettled_attempts", "Send", "Shield", "commit_warmup"]
    assert played.value == (Reconciled(moved=1), None)
    assert b'"recorder":"reconcile"' in played.statement(3).event.entry


def test_reconcile_asks_nobody_about_an_inbox_that_moved_on() -> None:
    """The version answers: superseded."""
    played = play(reconcile(), (unsettled(BACK),), Closed(was_open=True, keyed=None))
    assert played.names == ["unsettled_attempts", "close_attempt"]
    assert played.statement(1).outcome == "superseded"


def test_reconcile_leaves_what_the_provider_does_not_tell() -> None:
    """No usable answer: no closing statement."""
    played = play(reconcile(), (unsettled(PENDING),), Unanswered("cut"))
    assert played.names == ["unsettled_attempts", "Send"]
    assert played.value == (Reconciled(left=1), None)


def test_reconcile_asks_once_for_two_attempts_on_one_inbox() -> None:
    """The first moves the inbox; the second misses, looks, and is superseded with it."""
    two = (unsettled(PENDING, 1), unsettled(PENDING, 2))
    closed = Closed(was_open=False, keyed=None)
    played = play(
        reconcile(), two, account(1), None, WARMING, None, None, looked(WARMING, outcome="superseded"), closed
    )
    assert played.names.count("Send") == 1
    assert played.value == (Reconciled(moved=1, superseded=1), None)


def test_a_birth_that_nobody_can_look_for_any_more_says_that_it_may_be_there() -> None:
    """Its acknowledgement was lost, and then no connection could be had: the first run may have taken effect."""
    played = play(register(), GONE, REFUSED, REFUSED)
    assert played.names == ["register_inbox", "look_for_event", "look_for_event"]
    assert isinstance(played.error, StoreUnavailable)
    assert played.error.maybe_applied


def test_a_statement_that_one_of_two_runs_may_have_applied_says_so() -> None:
    """The second run never reached the database; the first one may have taken effect."""
    statement = ClearMark(inbox_id=PENDING.id, attempt_id=AttemptId("a"))
    assert getattr(play(again(statement), GONE, REFUSED).error, "maybe_applied", None) is True
    assert getattr(play(again(statement), REFUSED, REFUSED).error, "maybe_applied", None) is False


def test_reconcile_stops_the_warmup_of_a_banned_inbox_and_believes_the_account() -> None:
    """Told to stop, then asked; only a definite "no" clears the mark."""
    banned = account(-1)
    played = play(reconcile(marked=True), (unsettled(BANNED),), job(), banned, True)  # noqa: FBT003 - a statement's answer
    assert played.names == ["unsettled_attempts", "Send", "Send", "clear_mark"]
    assert played.value == (Reconciled(disabled=1), None)


LONGEST_PATHS: dict[str, tuple[Callable[[], Flow[Any]], tuple[object, ...]]] = {
    "ban": (ban, (seen(PENDING), None, looked(WARMING), seen(WARMING))),
    "fail_warmup": (fail_warmup, (seen(WARMING), account(-1))),
    "graduate": (graduate, (seen(WARMING), FIGURES, account(1))),
    "register": (register, (GONE, None)),
    "register and start": (lambda: register(start=True), (PENDING, seen(PENDING), httpx.Response(402))),
    "reconcile": (reconcile, ((unsettled(PENDING),), account(1), None)),
    "reconcile marks": (lambda: reconcile(marked=True), ((unsettled(BANNED),), job(), account(-1))),
}


@pytest.mark.parametrize("path", LONGEST_PATHS)
def test_closing_a_flow_at_any_step_does_nothing(path: str) -> None:
    """An abandoned flow asks for no further step: closing it would raise if it tried to."""
    begin, answers = LONGEST_PATHS[path]
    for taken in range(len(answers) + 1):
        close_after(begin(), *answers[:taken])
