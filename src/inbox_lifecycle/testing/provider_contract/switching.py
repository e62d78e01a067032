"""Switching warmup on and off where nothing goes wrong, or is clearly refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from inbox_lifecycle.providers.port import AlreadyWarming, Disabled, Enabled, Rejected, Throttled, Unavailable
from inbox_lifecycle.testing.provider_contract.trial import ANA, BO, CY, METHODS, NOBODY, Subject
from inbox_lifecycle.testing.scripts import Failure, Kind, Operation

#: What a provider says no with, for good.
NOES: Final = (302, 400, 401, 402, 403, 404, 418, 422)


def enable_makes_the_mailbox_warm(subject: Subject) -> None:
    """A request that is taken is a success, and the mailbox warms."""
    with subject.trial() as trial:
        answer = trial.enable()
        trial.expect(isinstance(answer, Enabled | AlreadyWarming), "success", answer)
        trial.expect(trial.sandbox.warming(ANA), "a mailbox that warms", "one that does not")


def enable_twice_is_success_twice(subject: Subject) -> None:
    """A mailbox that warms already is a success, whoever made it warm."""
    failures = [Failure(kind=Kind.ALREADY_WARMING)] if Kind.ALREADY_WARMING in subject.sandbox().kinds else []
    with subject.trial(*failures) as trial:
        for _ in range(3):
            answer = trial.enable()
            trial.expect(isinstance(answer, Enabled | AlreadyWarming), "success", answer)
        trial.expect(trial.sandbox.warming(ANA), "a mailbox that warms", "one that does not")


def nothing_is_sent_for_no_mailboxes(subject: Subject) -> None:
    """A request that names no mailbox might mean all of them, so there is none."""
    with subject.trial() as trial:
        for method in METHODS:
            trial.ask(method)
            trial.expect(not trial.sent, "no request", f"{trial.sent} requests")


def each_mailbox_of_a_batch_is_told_the_truth(subject: Subject) -> None:
    """Success is claimed of no mailbox that does not warm, whatever its neighbours in the batch do."""
    with subject.trial(known=(ANA, BO, CY)) as trial:
        for emails in ((ANA, NOBODY, BO), (ANA, BO, CY)):
            for email, answer in trial.ask("enable_warmup", *emails).items():
                told = isinstance(answer, Enabled | AlreadyWarming)
                trial.expect(not told or trial.sandbox.warming(email), "success only where it warms", answer)
        warm = [trial.sandbox.warming(email) for email in (ANA, BO, CY)]
        trial.expect(all(warm), "a batch of mailboxes that the provider has to warm", warm)


def a_clear_no_is_rejected_and_not_repeated(subject: Subject) -> None:
    """A refusal reaches the caller with its status, at once, and nothing warms."""
    for status in NOES:
        with subject.trial(Failure(kind=Kind.REJECT, status=status)) as trial:
            answer = trial.enable()
            trial.expect(isinstance(answer, Rejected), f"Rejected with {status}", answer)
            trial.expect(getattr(answer, "status", 0) == status, f"status {status}", answer)
            calls = trial.sandbox.count(Operation.ENABLE)
            trial.expect(calls == 1, "one enable call", f"{calls} of them")
            trial.expect(not trial.sandbox.warming(ANA), "a mailbox that does not warm", "one that does")


def a_mailbox_that_the_provider_lacks_is_rejected(subject: Subject) -> None:
    """What is not there cannot be warmed, which is no reason to come again."""
    with subject.trial() as trial:
        answer = trial.enable(NOBODY)
        trial.expect(isinstance(answer, Rejected), "Rejected", answer)


def a_wrong_key_is_rejected(subject: Subject) -> None:
    """The provider checks the key, and its answer says what is wrong."""
    with subject.trial() as trial:
        trial.sandbox.api_key += "-changed"
        answer = trial.enable()
        trial.expect(isinstance(answer, Rejected), "Rejected", answer)
        trial.expect(getattr(answer, "status", 0) in {401, 403}, "status 401 or 403", answer)


def a_throttle_says_how_long_to_wait(subject: Subject) -> None:
    """The provider's time reaches the caller; where it names none, or nonsense, none is made up."""
    for told, after in ((7, 7.0), (None, None), ("soon", None)):
        with subject.trial(Failure(kind=Kind.THROTTLE, retry_after=told)) as trial:
            answer = trial.enable()
            trial.expect(answer == Throttled(after), f"Throttled({after})", answer)
            trial.expect(not trial.sandbox.warming(ANA), "a mailbox that does not warm", "one that does")


def a_service_that_is_down_is_unavailable(subject: Subject) -> None:
    """A 503 is a plain "not now": it has no effect, and may say when to come again."""
    with subject.trial(Failure(kind=Kind.ERROR, status=503, retry_after=3)) as trial:
        answer = trial.enable()
        trial.expect(isinstance(answer, Unavailable), "Unavailable", answer)
        trial.expect(getattr(answer, "retry_after", None) == 3.0, "3 seconds to wait", answer)  # noqa: PLR2004 - as ordered


def disable_stops_the_warmup_and_may_be_repeated(subject: Subject) -> None:
    """Stopped is stopped: once more, or for a mailbox that never warmed, it is a success too."""
    with subject.trial() as trial:
        trial.enable()
        for _ in range(2):
            answer = trial.disable()
            trial.expect(isinstance(answer, Disabled), "Disabled", answer)
            trial.expect(not trial.sandbox.warming(ANA), "a mailbox that does not warm", "one that does")


def disable_of_a_mailbox_that_the_provider_lacks_is_done(subject: Subject) -> None:
    """What is gone does not warm."""
    with subject.trial() as trial:
        answer = trial.disable(NOBODY)
        trial.expect(isinstance(answer, Disabled), "Disabled", answer)


def a_refused_disable_is_told(subject: Subject) -> None:
    """A warmup that goes on is never called stopped."""
    for failure, kind in (
        (Failure(kind=Kind.REJECT, status=402, on=Operation.DISABLE), Rejected),
        (Failure(kind=Kind.THROTTLE, on=Operation.DISABLE), Throttled),
        (Failure(kind=Kind.ERROR, status=503, on=Operation.DISABLE), Unavailable),
    ):
        with subject.trial(failure) as trial:
            trial.enable()
            answer = trial.disable()
            trial.expect(isinstance(answer, kind), kind.__name__, answer)
            trial.expect(trial.sandbox.warming(ANA), "a mailbox that still warms", "one that does not")


PROMISES: Final[tuple[Callable[[Subject], None], ...]] = (
    enable_makes_the_mailbox_warm,
    enable_twice_is_success_twice,
    nothing_is_sent_for_no_mailboxes,
    each_mailbox_of_a_batch_is_told_the_truth,
    a_clear_no_is_rejected_and_not_repeated,
    a_mailbox_that_the_provider_lacks_is_rejected,
    a_wrong_key_is_rejected,
    a_throttle_says_how_long_to_wait,
    a_service_that_is_down_is_unavailable,
    disable_stops_the_warmup_and_may_be_repeated,
    disable_of_a_mailbox_that_the_provider_lacks_is_done,
    a_refused_disable_is_told,
)
