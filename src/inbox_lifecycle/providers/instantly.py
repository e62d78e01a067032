"""Instantly, API v2: warmup is switched by background jobs, and accounts are known by their address.

Three things about this provider shape the code:

A job's answer says that it was taken, not what became of it. Only the account says whether it warms.

While any warmup job of the workspace runs, the next one is refused with an undocumented 409. That says nothing about
the account, which may well be warming, so the account is read before the caller hears *busy*. The same goes for an
answer that was lost.

An account that is paused may be about to warm, as long as a job is running. See `_look` for the order in which the
two must be asked.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self, TypeVar
from urllib.parse import quote

import httpx

from inbox_lifecycle.domain import InboxId, WarmupState
from inbox_lifecycle.errors import InvalidInput
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.providers.http import (
    Failure,
    exchange,
    read_json,
    reason_of,
    refusal,
    retry_after,
    silent,
    speaks_for_all,
    user_agent,
)
from inbox_lifecycle.providers.instantly_bodies import (
    NOT_ENDED,
    WARMUP_JOB,
    Account,
    Analytics,
    Campaign,
    Job,
    Jobs,
    Seen,
    figures,
    has_figures,
)
from inbox_lifecycle.providers.port import (
    ActivateAnswer,
    Activated,
    AlreadyWarming,
    Busy,
    DisableAnswer,
    Disabled,
    EnableAnswer,
    Enabled,
    Figures,
    Mailbox,
    NoFigures,
    Rejected,
    Unknown,
)

T = TypeVar("T")

#: Where the service answers.
API: Final = "https://api.instantly.ai"

#: Addresses that one request may name.
BATCH: Final = 100

#: Accounts in a row without any answer before the rest are not asked for: with a provider that hangs, a batch of
#: a hundred would otherwise take half an hour. More than one, or a single account that breaks the provider would hide
#: all that stand behind it. An error that comes promptly is an answer: it keeps nobody waiting.
PATIENCE: Final = 3

_HEADER_SAFE = re.compile(r"[!-~]+")
_CAMPAIGN_ID = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instantly:
    """The warmup provider Instantly."""

    api_key: str = field(repr=False)
    base_url: str = API
    #: A sub-workspace to act in, with an admin's key.
    workspace: str | None = None
    #: Seconds for each exchange.
    timeout: float = 20.0

    def __post_init__(self) -> None:
        # What no header can carry would fail in the HTTP library, whose message repeats the value.
        if not _HEADER_SAFE.fullmatch(self.api_key):
            raise ValueError("api_key is empty or holds spaces, line ends or non-ASCII characters: copy it again")
        if self.workspace is not None and not _HEADER_SAFE.fullmatch(self.workspace):
            raise ValueError("workspace is empty or holds spaces, line ends or non-ASCII characters: copy it again")
        if not self.base_url.startswith(("https://", "http://")):
            raise ValueError("base_url needs its scheme: https://api.instantly.ai")

    @classmethod
    def from_environment(cls) -> Self:
        """The adapter with the key in `INSTANTLY_API_KEY`, at the address in `INSTANTLY_BASE_URL` if that is set.

        Raises:
            InvalidInput: there is no key.
        """
        key = os.environ.get("INSTANTLY_API_KEY", "")
        if not key:
            raise InvalidInput("there is no key for Instantly: set INSTANTLY_API_KEY")
        return cls(api_key=key, base_url=os.environ.get("INSTANTLY_BASE_URL") or API)

    @property
    def name(self) -> str:
        """The name that rows and events carry."""
        return "instantly"

    @property
    def budget(self) -> float:
        """Seconds that `enable_warmup` takes at most for one mailbox: the request, and one reading of the account."""
        return 2 * self.timeout

    def enable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, EnableAnswer]]:
        """Ask for warmup; where the answer leaves a doubt, the account decides whether it warms already."""
        answers: dict[InboxId, EnableAnswer] = {}
        for chunk in _chunks(mailboxes):
            job = yield from self._submit("enable", chunk)
            answers |= _for_each(chunk, Enabled(job.id) if isinstance(job, Job) else job)
        doubtful = [mailbox for mailbox in mailboxes if isinstance(answers[mailbox.inbox_id], Busy | Unknown)]
        # Only a yes matters here: a "no" leaves the answer as it is, so it need not be made sure of.
        found = yield from self._look(doubtful, definite=False)
        warming = [inbox_id for inbox_id, seen in found.items() if seen and seen.warmup is WarmupState.WARMING]
        return answers | dict.fromkeys(warming, AlreadyWarming())

    def disable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, DisableAnswer]]:
        """Ask to stop the warmup; an account that surely does not warm, or is gone, needs no stopping."""
        answers: dict[InboxId, DisableAnswer] = {}
        for chunk in _chunks(mailboxes):
            job = yield from self._submit("disable", chunk)
            answers |= _for_each(chunk, Disabled(job.id) if isinstance(job, Job) else job)
        doubtful = [mailbox for mailbox in mailboxes if _may_be_stopped(answers[mailbox.inbox_id])]
        found = yield from self._look(doubtful, definite=True)
        stopped = [inbox_id for inbox_id, seen in found.items() if seen and seen.warmup.definitely_not_warming]
        return answers | dict.fromkeys(stopped, Disabled())

    def read_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, WarmupState]]:
        """Ask the accounts, and the job list where a paused account leaves it open."""
        found = yield from self._look(mailboxes, definite=True)
        return {inbox_id: seen.warmup if seen else WarmupState.UNKNOWN for inbox_id, seen in found.items()}

    def read_analytics(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, Figures | NoFigures]]:
        """Ask for the figures, and the accounts for what the figures lack: the reputation and the warmup's state."""
        answers: dict[InboxId, Figures | NoFigures] = {}
        for chunk in _chunks(mailboxes):
            analytics = yield from self._analytics(chunk)
            if isinstance(analytics, NoFigures):
                answers |= _for_each(chunk, analytics)
                continue
            measured = [mailbox for mailbox in chunk if has_figures(analytics, _address(mailbox))]
            found = yield from self._look(measured, definite=True)
            for mailbox in chunk:
                answers[mailbox.inbox_id] = figures(analytics, _address(mailbox), found.get(mailbox.inbox_id))
        return answers

    def activate_campaign(self, campaign_id: str) -> Flow[ActivateAnswer]:
        """Launch a campaign, or resume it."""
        if not _CAMPAIGN_ID.fullmatch(campaign_id):
            return Rejected(None, "malformed_campaign_id")
        request = self._request("POST", f"campaigns/{campaign_id}/activate")
        answer = yield from self._ask(request, missing="no_such_campaign")
        if not isinstance(answer, httpx.Response):
            return answer
        campaign = read_json(answer.content, Campaign)
        if campaign is None or not campaign.is_of(campaign_id):
            return Unknown("unreadable")
        return Activated() if campaign.runs else Unknown("campaign_not_running")

    def _submit(self, verb: str, chunk: Sequence[Mailbox]) -> Flow[Job | Failure]:
        # One answer for the whole chunk; finding the bad address among many would be done here.
        answer = yield from self._ask(self._request("POST", f"accounts/warmup/{verb}", _named(chunk)))
        if not isinstance(answer, httpx.Response):
            return answer
        job = read_json(answer.content, Job)
        if job is None:
            return Unknown("unreadable")
        return Rejected(None, "job_failed") if job.failed else job

    def _analytics(self, chunk: Sequence[Mailbox]) -> Flow[Analytics | NoFigures]:
        answer = yield from self._ask(self._request("POST", "accounts/warmup-analytics", _named(chunk)))
        if not isinstance(answer, httpx.Response):
            return NoFigures(reason_of(answer))
        return read_json(answer.content, Analytics) or NoFigures("unreadable")

    def _look(self, mailboxes: Sequence[Mailbox], *, definite: bool) -> Flow[dict[InboxId, Seen | None]]:
        """What each account says; None where it could not be read.

        The job list is looked at once, and only when a paused account was seen and the caller needs a definite "no".
        """
        paused = None if definite else WarmupState.UNKNOWN
        found: dict[InboxId, Seen | None] = {}
        unheard = 0
        for mailbox in mailboxes:
            if unheard == PATIENCE:
                found[mailbox.inbox_id] = None
                continue
            seen = yield from self._account(mailbox)
            if paused is None and isinstance(seen, Seen) and seen.warmup is WarmupState.NOT_WARMING:
                paused = yield from self._paused_means()
                # Jobs first, then the account. The other way round, a job that ends in between is gone from the list
                # when we look there, and its effect was not there yet when we looked here: a "no" that is false.
                # The accounts after this one are read after the list anyway.
                seen = yield from self._account(mailbox)
            found[mailbox.inbox_id] = _settled(seen, paused)
            unheard = PATIENCE if speaks_for_all(seen) else unheard + 1 if silent(seen) else 0
        return found

    def _paused_means(self) -> Flow[WarmupState]:
        """What a paused account read from now on stands for."""
        path = f"background-jobs?type={WARMUP_JOB}&status={'%2C'.join(NOT_ENDED)}&limit={BATCH}"
        answer = yield from self._ask(self._request("GET", path))
        jobs = read_json(answer.content, Jobs) if isinstance(answer, httpx.Response) else None
        if jobs is None:
            return WarmupState.UNKNOWN
        return WarmupState.JOB_PENDING if any(job.running for job in jobs.items) else WarmupState.NOT_WARMING

    def _account(self, mailbox: Mailbox) -> Flow[Seen | Failure]:
        answer = yield from self._ask(self._request("GET", f"accounts/{quote(_address(mailbox), safe='')}"))
        if isinstance(answer, httpx.Response):
            account = read_json(answer.content, Account)
            return account.seen if account else Unknown("unreadable")
        if isinstance(answer, Rejected) and answer.status == httpx.codes.NOT_FOUND:
            return Seen(WarmupState.ABSENT)
        return answer

    def _ask(self, request: httpx.Request, *, missing: str = "no_such_account") -> Flow[httpx.Response | Failure]:
        """A success, or what stands in its place."""
        answer = yield from exchange(request, timeout=self.timeout)
        if not isinstance(answer, httpx.Response):
            return answer
        if answer.status_code == httpx.codes.CONFLICT:
            return Busy(retry_after(answer))
        return refusal(answer, missing=missing) or answer

    def _request(self, method: str, path: str, body: object = None) -> httpx.Request:
        headers = {
            "Authorization": f"Bearer {self.api_key}",
            "User-Agent": user_agent(),
            "Accept": "application/json",
        }
        if self.workspace is not None:
            headers["x-as-workspace"] = self.workspace
        return httpx.Request(method, f"{self.base_url.rstrip('/')}/api/v2/{path}", headers=headers, json=body)


def _chunks(mailboxes: Sequence[Mailbox]) -> Iterator[Sequence[Mailbox]]:
    # No mailboxes, no chunk: a request that names no address might mean all of them.
    return (mailboxes[start : start + BATCH] for start in range(0, len(mailboxes), BATCH))


def _for_each(chunk: Sequence[Mailbox], answer: T) -> dict[InboxId, T]:
    return {mailbox.inbox_id: answer for mailbox in chunk}


def _address(mailbox: Mailbox) -> str:
    return mailbox.provider_ref or mailbox.email_address


def _named(chunk: Sequence[Mailbox]) -> dict[str, list[str]]:
    return {"emails": [_address(mailbox) for mailbox in chunk]}


def _settled(seen: Seen | Failure, paused: WarmupState | None) -> Seen | None:
    if not isinstance(seen, Seen):
        return None
    if paused is None or seen.warmup is not WarmupState.NOT_WARMING:
        return seen
    return replace(seen, warmup=paused)


def _may_be_stopped(answer: DisableAnswer) -> bool:
    # A 404 may speak of one address among a hundred, or of an account that is gone, which is as stopped as can be.
    gone = isinstance(answer, Rejected) and answer.status == httpx.codes.NOT_FOUND
    return gone or isinstance(answer, Busy | Unknown)
