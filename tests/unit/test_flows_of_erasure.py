"""Erasure and pruning, driven by hand: which steps, in which order, and what each answer leads to."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from inbox_lifecycle import ConcurrencyConflict, Inbox, InboxNotFound, Pair, Status, TransitionRefused, WarmupStatus
from inbox_lifecycle.address import read_address
from inbox_lifecycle.context import NOBODY, Context
from inbox_lifecycle.errors import StoreContended, StoreUnavailable
from inbox_lifecycle.flow import Flow, Once
from inbox_lifecycle.lifecycle.births import Birth, register
from inbox_lifecycle.lifecycle.erasure import erase
from inbox_lifecycle.lifecycle.moves import Request
from inbox_lifecycle.lifecycle.pruning import BEGINNING, PAGE, prune_page
from inbox_lifecycle.store.erasing import Mark
from inbox_lifecycle.store.faults import DOMAIN_KEPT, ConstraintViolated
from inbox_lifecycle.store.rows import Landed
from tests.support.steps import ERASED, NOW, PENDING, WARMING, close_after, looked, play, seen, terms

TIDY = ["blank_late_attempts", "drop_orphaned_domains", "rewrite_file"]
#: Answers to those.
TIDIED = (0, 0, True)
KEPT = ConstraintViolated(DOMAIN_KEPT)
GONE = StoreUnavailable("gone", maybe_applied=True)
LANDED = Landed(2, "inbox.erased", Pair(Status.PENDING, WarmupStatus.NOT_STARTED), NOW)
ALREADY = replace(ERASED, version=3)
A_MARK: Mark = (PENDING.id, PENDING.id)


def erasing(expected_version: int | None = None) -> Flow[Inbox]:
    """An erasure."""
    request = Request(
        inbox_id=PENDING.id, context=Context(actor="olga", reason="asked to"), expected_version=expected_version
    )
    return erase(terms(), request)


def pruning(after: Mark = BEGINNING) -> Flow[tuple[int, Mark | None]]:
    """A page of pruning."""
    return prune_page(before=NOW, after=after)


def test_an_erasure_is_a_look_a_commit_and_tidying_up() -> None:
    """The statement swaps at what was looked at, and knows the domain that may go."""
    played = play(erasing(), seen(PENDING), ERASED, *TIDIED)
    assert played.names == ["get_inbox", "commit_erasure", *TIDY]
    commit = played.statement(1)
    assert (commit.seen_version, commit.owner_id, commit.email_domain_id) == (1, "owner", PENDING.email_domain_id)
    assert (commit.event.name, commit.event.version, commit.event.reached) == ("inbox.erased", 2, PENDING.pair)
    assert commit.event.context == Context(actor="olga", reason="asked to")
    assert played.statement(2).inbox_id == PENDING.id
    assert played.statement(3).email_domain_id == PENDING.email_domain_id
    assert played.value == ERASED


def test_tidying_up_is_about_what_is_committed() -> None:
    """So a driver within a host's transaction leaves it out; the erasure itself it does not."""
    steps = play(erasing(), seen(PENDING), ERASED, *TIDIED).steps
    assert [step.after_commit for step in steps if isinstance(step, Once)] == [False, False, True, True, True]


def test_an_erasure_of_what_is_erased_ends_after_the_look() -> None:
    """Nothing is written for what the rules refuse, and nothing tidied up."""
    played = play(erasing(), seen(ALREADY))
    assert isinstance(played.error, TransitionRefused)


def test_an_erasure_of_nothing_ends_after_the_look() -> None:
    """There is no such inbox."""
    assert isinstance(play(erasing(), None).error, InboxNotFound)


def test_an_erasure_at_another_version_than_expected_ends_after_the_look() -> None:
    """The operator looked at version 1; it is at 2 by now."""
    assert isinstance(play(erasing(expected_version=1), seen(WARMING)).error, ConcurrencyConflict)


def test_an_erasure_that_was_overtaken_is_judged_anew() -> None:
    """Somebody moved the inbox: the same thing at its new version."""
    played = play(erasing(), seen(PENDING), None, looked(WARMING), seen(WARMING), ALREADY, *TIDIED)
    assert played.names == ["get_inbox", "commit_erasure", "look_for_event", "get_inbox", "commit_erasure", *TIDY]
    assert (played.statement(4).event.version, played.value) == (3, ALREADY)


def test_an_erasure_overtaken_by_another_is_refused() -> None:
    """The other one's event stands; this one would be a second."""
    played = play(erasing(), seen(PENDING), None, looked(ERASED), seen(ERASED))
    assert isinstance(played.error, TransitionRefused)


def test_an_erasure_whose_acknowledgement_was_lost_finds_its_own_event() -> None:
    """The same statement runs again and misses, because the first one landed: success, and tidied up all the same."""
    played = play(erasing(), seen(PENDING), GONE, None, looked(ERASED, moved=LANDED), *TIDIED)
    assert played.names == ["get_inbox", "commit_erasure", "commit_erasure", "look_for_event", *TIDY]
    assert played.statement(1) is played.statement(2)
    assert (played.value.version, played.value.email_address) == (2, None)


def test_an_erasure_that_meets_a_new_inbox_of_its_domain_runs_again() -> None:
    """The foreign key refused: the next look at the domain finds that it is wanted."""
    round_ = (seen(PENDING), KEPT, looked(PENDING))
    played = play(erasing(), *round_, seen(PENDING), ERASED, *TIDIED)
    assert played.names[:5] == ["get_inbox", "commit_erasure", "look_for_event", "get_inbox", "commit_erasure"]
    assert played.value == ERASED


def test_an_erasure_that_meets_new_inboxes_without_end_gives_up() -> None:
    """Ten rounds, and no eleventh."""
    played = play(erasing(), *(seen(PENDING), KEPT, looked(PENDING)) * 10)
    assert played.error is KEPT


def test_an_erasure_that_a_guard_refuses_is_not_tried_again() -> None:
    """What is wrong with it will be wrong the next time."""
    refused = ConstraintViolated("inboxes_fixed")
    assert play(erasing(), seen(PENDING), refused, looked(PENDING)).error is refused


@pytest.mark.parametrize("failing", range(3), ids=TIDY)
def test_an_inbox_is_erased_whatever_becomes_of_tidying_up(failing: int, caplog: pytest.LogCaptureFixture) -> None:
    """The answer is the erased inbox, and a warning says what is left to do; the rest is done."""
    answers: list[object] = list(TIDIED)
    answers[failing] = StoreContended("SQLITE_BUSY")
    with caplog.at_level(logging.WARNING, logger="inbox_lifecycle"):
        played = play(erasing(), seen(PENDING), ERASED, *answers)
    assert (played.names[2:], played.value) == (TIDY, ERASED)
    assert [record.args[0] for record in caplog.records if isinstance(record.args, tuple)] == [TIDY[failing]]


def test_a_domain_that_is_taken_again_while_tidying_up_is_left_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is nobody's orphan."""
    played = play(erasing(), seen(PENDING), ERASED, 0, KEPT, True)  # noqa: FBT003 - a statement's answer
    assert (played.value, caplog.records) == (ERASED, [])


def test_an_erasure_closed_at_any_step_does_nothing_more() -> None:
    """Its driver was cancelled: there is no step in a clean-up."""
    answers = (seen(PENDING), ERASED, *TIDIED[:2])
    for count in range(len(answers) + 1):
        close_after(erasing(), *answers[:count])


def test_pruning_begins_with_what_erasures_left_and_goes_on_where_it_ended() -> None:
    """The first page tidies up; each deletes between two marks, the second of which begins the next."""
    played = play(pruning(), 0, 0, A_MARK, 7)
    assert played.names == ["blank_late_attempts", "drop_orphaned_domains", "prunable_until", "prune_attempts"]
    assert (played.statement(0).inbox_id, played.statement(1).email_domain_id) == (None, None)
    assert (played.statement(2).before, played.statement(2).after, played.statement(2).limit) == (NOW, BEGINNING, PAGE)
    assert (played.statement(3).after, played.statement(3).until) == (BEGINNING, A_MARK)
    assert played.value == (7, A_MARK)


def test_pruning_ends_where_no_attempt_is_left() -> None:
    """Nothing is deleted that was not looked at."""
    played = play(pruning(A_MARK), None)
    assert (played.names, played.value) == (["prunable_until"], (0, None))


def test_pruning_goes_on_though_a_domain_is_taken_again() -> None:
    """The others go the next time."""
    assert play(pruning(), 0, KEPT, None).value == (0, None)


def test_a_birth_whose_domain_is_dropped_by_an_erasure_runs_again() -> None:
    """It had found the domain's row; the same statement makes one now."""
    birth = Birth(address=read_address("ana@mail.example.com"), owner_id="owner", provider="instantly", context=NOBODY)
    played = play(register(terms(), birth), KEPT, None, PENDING)
    assert played.names == ["register_inbox", "look_for_event", "register_inbox"]
    assert (played.statement(0), played.value) == (played.statement(2), PENDING)
