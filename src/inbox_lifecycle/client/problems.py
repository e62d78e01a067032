"""From an answer that is no success to the error it stands for: by its status, and its problem document (RFC 9457).

What the server says in its own words is repeated, bounded and with nothing in it that a terminal would obey: it is for
whoever reads the error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import httpx
import msgspec

from inbox_lifecycle import errors
from inbox_lifecycle.verdict import Clause, Verdict

E = TypeVar("E", bound=errors.InboxLifecycleError)

_TYPE: Final = "urn:inbox-lifecycle:problem:"
_LONGEST_SAYING = 500
_LONGEST_WAIT = 86_400
_DIGITS = 9
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request was about."""

    inbox_id: str = ""
    campaign_id: str = ""
    trigger: str = ""
    #: Whether it may move something.
    writes: bool = False


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem document; members that are missing are empty."""

    type: str = "about:blank"
    title: str = ""
    detail: str = ""
    #: The provider's name, where one failed.
    provider: str = ""
    verdict: tuple[Clause, ...] = ()
    verdicts: dict[str, tuple[Clause, ...]] = {}
    errors: tuple[dict[str, str], ...] = ()

    @property
    def word(self) -> str:
        """The last word of a type of ours; empty for others."""
        return self.type.removeprefix(_TYPE) if self.type.startswith(_TYPE) else ""

    @property
    def said(self) -> str:
        """Its own words, on one line."""
        why = "; ".join(f"{each.get('in')} {each.get('name')}: {each.get('why')}" for each in self.errors)
        text = " ".join((why or self.detail or self.title).split())
        return _shown(text)


@dataclass(frozen=True, slots=True)
class _Told:
    """An answer, read."""

    problem: Problem
    asked: Asked
    status: int
    retry_after: float | None


def error_for(response: httpx.Response, asked: Asked) -> errors.InboxLifecycleError:
    """The error that an answer stands for."""
    told = _Told(_problem(response), asked, response.status_code, _retry_after(response))
    if told.status == httpx.codes.UNAUTHORIZED:
        return errors.Unauthorised()
    made = _MADE.get(told.problem.word)
    return _by_status(told) if made is None else made(told)


def _by_status(told: _Told) -> errors.InboxLifecycleError:
    if told.status >= _SERVER_ERROR:
        why = f"it failed with {told.status}"
        return errors.ApiUnreachable(why, maybe_applied=told.asked.writes, retry_after=told.retry_after)
    if told.status == httpx.codes.UNPROCESSABLE_ENTITY:
        return errors.InvalidInput(told.problem.said)
    if told.status >= httpx.codes.BAD_REQUEST:
        return errors.ApiRefused(told.status, told.problem.said, retry_after=told.retry_after)
    why = "it leads elsewhere, and the token is for this host" if told.status >= _REDIRECTED else "it is no answer"
    return errors.ApiAnswerUnreadable(why, status=told.status, maybe_applied=told.asked.writes)


_REDIRECTED = 300


def _problem(response: httpx.Response) -> Problem:
    try:
        return msgspec.json.decode(response.content, type=Problem)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Problem()


def _retry_after(response: httpx.Response) -> float | None:
    told = response.headers.get("retry-after", "").strip()
    return (
        float(min(int(told), _LONGEST_WAIT)) if told.isascii() and told.isdecimal() and len(told) <= _DIGITS else None
    )


def _as_told(kind: type[E], told: _Told, **facts: object) -> E:
    """The error with the message that the server gave it: what it was made from there is not all here."""
    error = kind.__new__(kind, told.problem.said)
    error.__dict__.update(facts)
    return error


def _provider(kind: type[errors.ProviderError], **facts: object) -> Callable[[_Told], errors.InboxLifecycleError]:
    return lambda told: _as_told(
        kind,
        told,
        provider=_shown(told.problem.provider),
        detail=told.problem.said,
        retry_after=told.retry_after,
        **facts,
    )


def _retry_refused(told: _Told) -> errors.InboxLifecycleError:
    return errors.RetryRefused(told.asked.inbox_id, told.asked.trigger, _verdict(told.problem.verdict))


def _senders_refused(told: _Told) -> errors.InboxLifecycleError:
    verdicts = {_shown(sender): _verdict(clauses) for sender, clauses in told.problem.verdicts.items()}
    return errors.SendersRefused(verdicts)


def _verdict(clauses: tuple[Clause, ...]) -> Verdict:
    return Verdict(
        tuple(Clause(_shown(one.field), _shown(one.expected), _shown(one.found), held=one.held) for one in clauses)
    )


def _shown(text: str) -> str:
    """A text of the server's, bounded and with nothing in it that a terminal would obey."""
    return "".join(letter for letter in text if letter.isprintable())[:_LONGEST_SAYING]


_MADE: Final[Mapping[str, Callable[[_Told], errors.InboxLifecycleError]]] = {
    "account-not-found": lambda told: errors.InboxNotFound(told.asked.inbox_id),
    "retry-refused": _retry_refused,
    "transition-refused": _retry_refused,
    "senders-refused": _senders_refused,
    "launch-in-progress": lambda told: errors.LaunchInProgress(told.asked.campaign_id, told.retry_after),
    # Whether it was launched is not said; launching it again is safe.
    "launch-postponed": _provider(errors.ProviderOutcomeUnknown),
    "provider-failed": _provider(errors.ProviderOutcomeUnknown),
    "provider-rejected": _provider(errors.ProviderRejected, status=None),
    "provider-throttled": _provider(errors.ProviderThrottled),
    "provider-busy": _provider(errors.ProviderBusy),
    "provider-unavailable": _provider(errors.ProviderUnavailable),
    "provider-outcome-unknown": _provider(errors.ProviderOutcomeUnknown),
    "warmup-not-recorded": lambda told: errors.WarmupNotRecorded(told.asked.inbox_id),
    "store-unavailable": lambda _: errors.StoreUnavailable("that of the HTTP API"),
    "authentication-unavailable": lambda told: errors.AuthenticationUnavailable(told.retry_after or 0.0),
    "idempotency-key-reused": lambda told: _as_told(
        errors.IdempotencyKeyReused, told, inbox_id=told.asked.inbox_id, event=""
    ),
    "history-unreadable": lambda told: errors.HistoryError(told.problem.said),
}
