"""Reading: the state of a mailbox, its figures, and launching campaigns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from inbox_lifecycle.domain import WarmupState
from inbox_lifecycle.providers.port import Activated, Figures, NoFigures, Rejected, Throttled, Unavailable, Unknown
from inbox_lifecycle.testing.provider_contract.trial import ANA, NOBODY, Subject, hang
from inbox_lifecycle.testing.scripts import Failure, Kind, Operation

CAMPAIGN: Final = "4711"
#: Nothing but an id goes into a URL.
MALFORMED: Final = ("", ".", "..", "a/b", "a?b", "a b", "a%2Fb", "7\n")

#: The one reason with a meaning: nothing was ever sent, and an accepted warmup that is off is taken back on it.
UNMEASURED: Final = "not_measured_yet"

_UNUSABLE: Final = (Kind.CUT, Kind.NOT_JSON, Kind.TRUNCATED, Kind.ERROR, Kind.THROTTLE, Kind.REJECT)


def a_mailbox_is_read_in_our_words(subject: Subject) -> None:
    """Warming, not warming and not there are definite answers."""
    with subject.trial() as trial:
        for does, state in (("enable", WarmupState.WARMING), ("disable", WarmupState.NOT_WARMING)):
            getattr(trial, does)()
            found = trial.read()
            trial.expect(found is state, state, found)
        found = trial.read(NOBODY)
        trial.expect(found is WarmupState.ABSENT, WarmupState.ABSENT, found)


def a_mailbox_that_never_warmed_does_not_warm(subject: Subject) -> None:
    """A fresh mailbox is a definite "no" as well."""
    with subject.trial() as trial:
        found = trial.read()
        trial.expect(found is WarmupState.NOT_WARMING, WarmupState.NOT_WARMING, found)


def a_ban_is_read_as_one(subject: Subject) -> None:
    """A mailbox that the provider will not warm again is told apart from one that merely does not warm."""
    if Kind.BANNED not in subject.sandbox().kinds:
        return
    with subject.trial(Failure(kind=Kind.BANNED, on=Operation.ACCOUNT)) as trial:
        found = trial.read()
        trial.expect(found in {WarmupState.BANNED, WarmupState.SUSPENDED}, "banned or suspended", found)


def a_mailbox_that_cannot_be_read_is_unknown(subject: Subject) -> None:
    """Only a readable answer says anything."""
    failures = [Failure(kind=kind, on=Operation.ACCOUNT, times=9) for kind in _UNUSABLE]
    for failure in (*failures, hang(on=Operation.ACCOUNT, times=9)):
        with subject.trial(failure, hasty=failure.kind is Kind.HANG) as trial:
            found = trial.read()
            trial.expect(found is WarmupState.UNKNOWN, WarmupState.UNKNOWN, found)


def figures_are_those_of_the_provider(subject: Subject) -> None:
    """What was sent is counted, what is a score is a score, and days come in order."""
    with subject.trial() as trial:
        trial.enable()
        days = {"2026-03-02": (40, 12), "2026-03-01": (35, 10)}
        trial.sandbox.set_account(ANA, reputation=93, total_sent=250, landed_spam=5, daily=days)
        found = trial.figures()
        trial.expect(isinstance(found, Figures), "Figures", found)
        if isinstance(found, Figures):
            measured = found.total_sent, found.landed_spam, found.reputation, found.warmup
            expected = 250, 5, 93, WarmupState.WARMING
            trial.expect(measured == expected, f"sent, spam, reputation and state {expected}", measured)
            sent = [day.sent for day in found.daily]
            trial.expect(sent in ([35, 40], []), "the days in order, or none", sent)


def figures_are_never_made_up(subject: Subject) -> None:
    """A mailbox graduates by what it sent: where nothing was measured there are no figures, or they say zero."""
    with subject.trial() as trial:
        trial.enable()
        found = trial.figures()
        trial.expect(isinstance(found, NoFigures) or not found.total_sent, "no figures, or none sent", found)
        found = trial.figures(NOBODY)
        trial.expect(isinstance(found, NoFigures), "NoFigures", found)


def figures_that_cannot_be_read_are_none(subject: Subject) -> None:
    """An unusable answer is told as such, in a word, and never as nothing having been sent."""
    operations = {operation for operation in (Operation.ANALYTICS, Operation.ACCOUNT) if _asks(subject, operation)}
    for kind in _UNUSABLE:
        for operation in sorted(operations):
            with subject.trial(Failure(kind=kind, on=operation, times=9)) as trial:
                trial.sandbox.set_account(ANA, total_sent=250, reputation=93)
                found = trial.figures()
                trial.expect(isinstance(found, NoFigures), "NoFigures", found)
                trial.expect(found != NoFigures(UNMEASURED), f"another reason than {UNMEASURED}", found)


def _asks(subject: Subject, operation: Operation) -> bool:
    """Whether this adapter's figures take such a request."""
    with subject.trial() as trial:
        trial.sandbox.set_account(ANA, total_sent=250, reputation=93)
        trial.figures()
        return trial.sandbox.count(operation) > 0


def a_campaign_is_launched(subject: Subject) -> None:
    """And again, which resumes it."""
    with subject.trial() as trial:
        trial.sandbox.add_campaign(CAMPAIGN)
        for _ in range(2):
            answer = trial.activate(CAMPAIGN)
            trial.expect(isinstance(answer, Activated), "Activated", answer)
        trial.expect(trial.sandbox.activated(CAMPAIGN), "a launched campaign", "none")


def a_campaign_that_cannot_be_is_rejected(subject: Subject) -> None:
    """An unknown one by the provider; one whose id would change the URL without asking anybody."""
    with subject.trial() as trial:
        answer = trial.activate(CAMPAIGN)
        trial.expect(isinstance(answer, Rejected), "Rejected", answer)
        for malformed in MALFORMED:
            answer = trial.activate(malformed)
            trial.expect(isinstance(answer, Rejected), "Rejected", answer)
            trial.expect(not trial.sent, "no request", f"{trial.sent} requests")


def a_launch_that_fails_is_told_apart(subject: Subject) -> None:
    """A launch that may have happened is never called a failure, and one that surely did not is."""
    for failure, kind in (
        (Failure(kind=Kind.REJECT, status=402, on=Operation.ACTIVATE), Rejected),
        (Failure(kind=Kind.THROTTLE, on=Operation.ACTIVATE), Throttled),
        (Failure(kind=Kind.ERROR, status=503, on=Operation.ACTIVATE), Unavailable),
        (Failure(kind=Kind.ERROR, on=Operation.ACTIVATE, after_effect=True), Unknown),
        (Failure(kind=Kind.CUT, on=Operation.ACTIVATE), Unknown),
        (Failure(kind=Kind.NOT_JSON, on=Operation.ACTIVATE), Unknown),
        (Failure(kind=Kind.TRUNCATED, on=Operation.ACTIVATE), Unknown),
    ):
        with subject.trial(failure) as trial:
            trial.sandbox.add_campaign(CAMPAIGN)
            answer = trial.activate(CAMPAIGN)
            trial.expect(isinstance(answer, kind), kind.__name__, answer)


PROMISES: Final[tuple[Callable[[Subject], None], ...]] = (
    a_mailbox_is_read_in_our_words,
    a_mailbox_that_never_warmed_does_not_warm,
    a_ban_is_read_as_one,
    a_mailbox_that_cannot_be_read_is_unknown,
    figures_are_those_of_the_provider,
    figures_are_never_made_up,
    figures_that_cannot_be_read_are_none,
    a_campaign_is_launched,
    a_campaign_that_cannot_be_is_rejected,
    a_launch_that_fails_is_told_apart,
)
