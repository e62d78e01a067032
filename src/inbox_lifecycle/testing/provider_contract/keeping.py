"""What holds whatever is asked: odd bodies are no success, and silence is not asked after a hundred times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import httpx

from inbox_lifecycle.domain import WarmupState
from inbox_lifecycle.providers.port import Activated, AlreadyWarming, Disabled, Enabled, Figures, NoFigures
from inbox_lifecycle.testing.base import ProviderSandbox
from inbox_lifecycle.testing.provider_contract.looking import CAMPAIGN, UNMEASURED
from inbox_lifecycle.testing.provider_contract.trial import ANA, Subject, Trial
from inbox_lifecycle.testing.scripts import Failure, Kind, Operation

#: Bodies of a success that no provider should send.
ODD: Final = (
    b"",
    b"null",
    b"true",
    b"[1]",
    b"[null]",
    b'"ok"',
    b"{}",
    b'{"ok": "yes", "id": [], "items": 7}',
    b'{"statusCode": 500, "error": "Internal Server Error", "message": "try later"}',
    b'{"ok": false, "message": "try later", "warmup_details": null}',
    b'{"id": 7.5, "status": {}, "message": "\\u0000"}',
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"<!doctype html><title>Just a moment...</title>",
    b"[" * 100_000,
    b'{"a":' * 100_000,
)
#: Mailboxes of a batch, and requests at most that a provider which answers none of them is sent.
MANY: Final = 20
ENOUGH: Final = 10


def a_success_with_an_odd_body_is_no_success(subject: Subject) -> None:
    """A 200 is worth what its body says: what cannot be read is never taken for a yes, or for a definite no."""
    for body in ODD:
        with subject.trial() as trial:
            trial.sandbox.add_campaign(CAMPAIGN)
            trial.garble = _giving(body)
            for found, wrong in _asked(trial):
                trial.expect(not isinstance(found, wrong), f"no success for a body of {body[:20]!r}", found)
                trial.expect(found != NoFigures(UNMEASURED), f"another reason than {UNMEASURED}", found)
            state = trial.read()
            trial.expect(state is WarmupState.UNKNOWN, f"unknown for a body of {body[:20]!r}", state)


def odd_figures_do_not_say_that_nothing_was_sent(subject: Subject) -> None:
    """An accepted warmup is taken back where nothing was ever measured: only a readable answer may say so."""
    for body in ODD:
        with subject.trial() as trial:
            trial.garble = _giving(body, trial.sandbox, Operation.ANALYTICS)
            found = trial.figures()
            asked = trial.sandbox.count(Operation.ANALYTICS)
            said = asked and found == NoFigures(UNMEASURED)
            trial.expect(not said, f"another reason than {UNMEASURED} for a body of {body[:20]!r}", found)


def _giving(
    body: bytes, sandbox: ProviderSandbox | None = None, on: Operation | None = None
) -> Callable[[httpx.Response], httpx.Response]:
    """Answers with that body: all, or those to one operation."""

    def garbled(response: httpx.Response) -> httpx.Response:
        spared = sandbox is not None and sandbox.requests[-1].operation != on
        return response if spared else httpx.Response(response.status_code, content=body)

    return garbled


def _asked(trial: Trial) -> list[tuple[object, type | tuple[type, ...]]]:
    return [
        (trial.enable(), (Enabled, AlreadyWarming)),
        (trial.disable(), Disabled),
        (trial.figures(), Figures),
        (trial.activate(CAMPAIGN), Activated),
    ]


def a_provider_that_answers_nothing_is_not_asked_for_ever(subject: Subject) -> None:
    """After a few mailboxes in a row without an answer, the rest are answered for without asking."""
    emails = tuple(f"inbox{number}@mail.example.com" for number in range(MANY))
    for method in ("enable_warmup", "read_warmup", "disable_warmup"):
        with subject.trial(*(Failure(kind=Kind.CUT, on=each, times=999) for each in Operation), known=emails) as trial:
            trial.ask(method, *emails)
            trial.expect(trial.sent <= ENOUGH, f"at most {ENOUGH} requests for {MANY} mailboxes", trial.sent)


def nothing_is_given_away_whatever_goes_wrong(subject: Subject) -> None:
    """No answer, no step, no repr and no log record, of ours or of the HTTP library, holds a key or an address."""
    for kind in sorted(subject.sandbox().kinds):
        failures = [Failure(kind=kind, on=operation, seconds=0) for operation in Operation]
        with subject.trial(*failures) as trial:
            trial.sandbox.set_account(ANA, total_sent=250, reputation=93)
            for _ in range(2):
                trial.enable()
                trial.read()
                trial.figures()
                trial.disable()
                trial.activate(CAMPAIGN)


PROMISES: Final[tuple[Callable[[Subject], None], ...]] = (
    a_success_with_an_odd_body_is_no_success,
    odd_figures_do_not_say_that_nothing_was_sent,
    a_provider_that_answers_nothing_is_not_asked_for_ever,
    nothing_is_given_away_whatever_goes_wrong,
)
