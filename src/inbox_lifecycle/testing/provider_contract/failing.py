"""Answers that are lost or leave it open: the mailbox decides, and where it cannot be read, nobody guesses."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import msgspec

from inbox_lifecycle.providers.port import AlreadyWarming, Busy, Disabled, Enabled, Unavailable, Unknown
from inbox_lifecycle.testing.provider_contract.trial import ANA, Subject, hang
from inbox_lifecycle.testing.scripts import Failure, Kind, Operation

#: Ways in which an answer is lost; each with and without its effect.
LOST: Final = (
    Failure(kind=Kind.CUT),
    Failure(kind=Kind.CUT, mid_body=True),
    Failure(kind=Kind.NOT_JSON),
    Failure(kind=Kind.TRUNCATED),
    Failure(kind=Kind.ERROR, status=500),
    Failure(kind=Kind.ERROR, status=502),
    Failure(kind=Kind.ERROR, status=504),
    Failure(kind=Kind.REJECT, status=408),
)


def _but(failure: Failure, **changes: Any) -> Failure:
    return msgspec.structs.replace(failure, **changes)


def an_answer_lost_after_its_effect_is_success_by_reading(subject: Subject) -> None:
    """The mailbox tells what the lost answer would have told, so a retry at once never fails for nothing."""
    for failure in LOST:
        with subject.trial(_but(failure, after_effect=True)) as trial:
            answer = trial.enable()
            trial.expect(isinstance(answer, AlreadyWarming), "AlreadyWarming, by reading the mailbox", answer)
            calls = trial.sandbox.count(Operation.ENABLE)
            trial.expect(calls == 1, "one enable call", f"{calls} of them")


def an_answer_lost_without_an_effect_stays_unknown(subject: Subject) -> None:
    """A mailbox that does not warm yet does not prove that the request will never take effect."""
    for failure in LOST:
        with subject.trial(_but(failure, after_effect=False)) as trial:
            answer = trial.enable()
            trial.expect(isinstance(answer, Unknown), "Unknown", answer)


def a_doubt_that_reading_cannot_settle_stays_unknown(subject: Subject) -> None:
    """Two lost answers are no more than one."""
    for reading in (*LOST, Failure(kind=Kind.THROTTLE), Failure(kind=Kind.REJECT, status=403)):
        failures = _but(LOST[0], after_effect=True), _but(reading, on=Operation.ACCOUNT, times=9)
        with subject.trial(*failures) as trial:
            answer = trial.enable()
            trial.expect(isinstance(answer, Unknown), "Unknown", answer)


def an_answer_that_does_not_come_in_time_is_judged_by_the_mailbox(subject: Subject) -> None:
    """A timeout is a lost answer like any other, and the adapter's own timeout bounds each wait."""
    for late, kind in ((True, AlreadyWarming), (False, Unknown)):
        with subject.trial(hang(after_effect=late), hasty=True) as trial:
            answer = trial.enable()
            trial.expect(isinstance(answer, kind), kind.__name__, answer)


def a_provider_that_hangs_on_every_question_leaves_it_unknown(subject: Subject) -> None:
    """Whatever was done, nobody says so."""
    with subject.trial(hang(after_effect=True), hang(on=Operation.ACCOUNT, times=9), hasty=True) as trial:
        answer = trial.enable()
        trial.expect(isinstance(answer, Unknown), "Unknown", answer)


def a_provider_that_is_not_reached_is_unavailable(subject: Subject) -> None:
    """A request that never left cannot have done anything."""
    with replace(subject, sockets=True).trial() as trial, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        trial.provider = trial.sandbox.provider(base_url=f"http://127.0.0.1:{taken.getsockname()[1]}", timeout=5.0)
        answer = trial.enable()
        trial.expect(isinstance(answer, Unavailable), "Unavailable", answer)


def a_busy_provider_is_busy_unless_the_mailbox_warms(subject: Subject) -> None:
    """Busy with other work says nothing about this mailbox; the mailbox does."""
    if Kind.BUSY not in subject.sandbox().kinds:
        return
    busy = Failure(kind=Kind.BUSY, retry_after=3)
    with subject.trial(busy) as trial:
        answer = trial.enable()
        trial.expect(answer == Busy(3.0), "Busy(3.0)", answer)
    with subject.trial(Failure(kind=Kind.SERVE), busy) as trial:
        trial.enable()
        answer = trial.enable()
        trial.expect(isinstance(answer, AlreadyWarming | Enabled), "success", answer)


def a_lost_disable_is_judged_by_the_mailbox(subject: Subject) -> None:
    """Stopped is told where the mailbox does not warm, and only there."""
    for late in (True, False):
        with subject.trial(Failure(kind=Kind.CUT, on=Operation.DISABLE, after_effect=late)) as trial:
            trial.enable()
            answer = trial.disable()
            stopped = isinstance(answer, Disabled)
            trial.expect(stopped is late, "Disabled" if late else "anything but Disabled", answer)
            trial.expect(trial.sandbox.warming(ANA) is not late, "a sandbox that did as it was told", late)


PROMISES: Final[tuple[Callable[[Subject], None], ...]] = (
    an_answer_lost_after_its_effect_is_success_by_reading,
    an_answer_lost_without_an_effect_stays_unknown,
    a_doubt_that_reading_cannot_settle_stays_unknown,
    an_answer_that_does_not_come_in_time_is_judged_by_the_mailbox,
    a_provider_that_hangs_on_every_question_leaves_it_unknown,
    a_provider_that_is_not_reached_is_unavailable,
    a_busy_provider_is_busy_unless_the_mailbox_warms,
    a_lost_disable_is_judged_by_the_mailbox,
)
