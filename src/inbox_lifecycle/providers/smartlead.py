"""Smartlead, API v1: warmup is a setting of a mailbox, and a mailbox is known by its number.

Five things about this provider shape the code:

The key stands in the URL of every request. Steps, answers and errors hide it; whoever hands over a transport of their
own must not log URLs.

A success may be a failure: a 200 can say `ok: false`.

The number is kept as the inbox's `provider_ref`. Without one it is looked up by the address, which takes requests of
its own: one that asks by name, and then at most `look_up_pages` pages of the list.

There are no batches and no jobs. Mailboxes are switched one after another, and an answer that speaks for all of them,
about the key or the rate limit, is not asked for again.

The settings go together with volumes that we cannot read, so none are sent: the provider keeps those it has.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self, TypeVar

import httpx

from inbox_lifecycle.domain import InboxId, WarmupState
from inbox_lifecycle.errors import InvalidInput
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.providers.http import Failure, exchange, read_json, reason_of, refusal, user_agent
from inbox_lifecycle.providers.one_by_one import doubtful, one_by_one
from inbox_lifecycle.providers.port import (
    ActivateAnswer,
    Activated,
    AlreadyWarming,
    DisableAnswer,
    Disabled,
    EnableAnswer,
    Enabled,
    Figures,
    Mailbox,
    NoFigures,
    Rejected,
    Throttled,
    Unavailable,
    Unknown,
)
from inbox_lifecycle.providers.smartlead_bodies import Account, Row, Seen, Stats, figures, told, verdict, wait

T = TypeVar("T")

#: Where the service answers.
API: Final = "https://server.smartlead.ai"

#: Rows of a page; the provider answers with none at all where more are asked for.
PAGE: Final = 100

#: Our word for a mailbox that the provider does not have.
MISSING: Final = "no_such_account"

_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_URL_SAFE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Smartlead:
    """The warmup provider Smartlead."""

    api_key: str = field(repr=False)
    base_url: str = API
    #: Seconds for each exchange.
    timeout: float = 20.0
    #: Pages of a hundred accounts to look through for a mailbox whose `provider_ref` is not known; 0 for none.
    look_up_pages: int = 5
    #: Each mailbox is asked for in a request of its own.
    answers_each: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not _URL_SAFE.fullmatch(self.api_key):
            raise ValueError("api_key is empty or holds spaces, line ends or non-ASCII characters: copy it again")
        if not self.base_url.startswith(("https://", "http://")):
            raise ValueError(f"base_url needs its scheme: {API}")
        if self.look_up_pages < 0:
            raise ValueError("look_up_pages is a number of pages: 0 or more")

    @classmethod
    def from_environment(cls) -> Self:
        """The adapter with the key in `SMARTLEAD_API_KEY`, at the address in `SMARTLEAD_BASE_URL` if that is set.

        Raises:
            InvalidInput: there is no key.
        """
        key = os.environ.get("SMARTLEAD_API_KEY")
        if not key:
            raise InvalidInput("there is no key for Smartlead: set SMARTLEAD_API_KEY")
        return cls(api_key=key, base_url=os.environ.get("SMARTLEAD_BASE_URL") or API)

    @property
    def name(self) -> str:
        """The name that rows and events carry."""
        return "smartlead"

    @property
    def budget(self) -> float:
        """Seconds that `enable_warmup` takes at most for one mailbox: looking it up, the request, and one reading."""
        looking_up = 1 + self.look_up_pages if self.look_up_pages else 0
        return (looking_up + 2) * self.timeout

    def enable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, EnableAnswer]]:
        """Switch warmup on; where the answer leaves a doubt, the account decides whether it warms already."""
        places = yield from self._places(mailboxes)
        answers = yield from one_by_one(places, self._enable)
        found = yield from one_by_one(doubtful(places, answers), self._account)
        warming = [inbox_id for inbox_id, seen in found.items() if _state(seen) is WarmupState.WARMING]
        return answers | dict.fromkeys(warming, AlreadyWarming())

    def disable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, DisableAnswer]]:
        """Switch warmup off; an account that surely does not warm, or is gone, needs no stopping."""
        places = yield from self._places(mailboxes)
        answers = yield from one_by_one(places, self._disable)
        found = yield from one_by_one(doubtful(places, answers), self._account)
        stopped = [inbox_id for inbox_id, seen in found.items() if _state(seen).definitely_not_warming]
        gone = [inbox_id for inbox_id, answer in answers.items() if _state(answer) is WarmupState.ABSENT]
        return answers | dict.fromkeys([*stopped, *gone], Disabled())

    def read_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, WarmupState]]:
        """Ask the accounts."""
        places = yield from self._places(mailboxes)
        found = yield from one_by_one(places, self._account)
        return {inbox_id: _state(seen) for inbox_id, seen in found.items()}

    def read_analytics(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, Figures | NoFigures]]:
        """Ask the accounts for state, reputation and totals, and the figures for the days."""
        places = yield from self._places(mailboxes)
        found = yield from one_by_one(places, self._figures)
        return {
            inbox_id: answer if isinstance(answer, Figures | NoFigures) else NoFigures(reason_of(answer))
            for inbox_id, answer in found.items()
        }

    def activate_campaign(self, campaign_id: str) -> Flow[ActivateAnswer]:
        """Launch a campaign, or resume it."""
        if not _NUMBER.fullmatch(campaign_id):
            return Rejected(None, "malformed_campaign_id")
        request = self._request("POST", f"campaigns/{campaign_id}/status", body={"status": "START"})
        return (yield from self._done(request, Activated(), missing="no_such_campaign"))

    def _enable(self, number: int) -> Flow[Enabled | Failure]:
        return self._done(self._switch(number, on=True), Enabled())

    def _disable(self, number: int) -> Flow[Disabled | Failure]:
        return self._done(self._switch(number, on=False), Disabled())

    def _switch(self, number: int, *, on: bool) -> httpx.Request:
        return self._request("POST", f"email-accounts/{number}/warmup", body={"warmup_enabled": on})

    def _account(self, number: int) -> Flow[Seen | Failure]:
        answer = yield from self._ask(self._request("GET", f"email-accounts/{number}/"))
        if not isinstance(answer, httpx.Response):
            return answer
        account = read_json(answer.content, Account)
        return account.seen if account and not told(answer).denies else _unreadable(answer)

    def _figures(self, number: int) -> Flow[Figures | NoFigures | Failure]:
        seen = yield from self._account(number)
        if not isinstance(seen, Seen):
            return seen
        answer = yield from self._ask(self._request("GET", f"email-accounts/{number}/warmup-stats"))
        if not isinstance(answer, httpx.Response):
            return answer
        stats = read_json(answer.content, Stats)
        return figures(stats, seen) if stats and not told(answer).denies else _unreadable(answer)

    def _places(self, mailboxes: Sequence[Mailbox]) -> Flow[dict[InboxId, int | Failure]]:
        """The number of each mailbox, in their order; why there is none where there is none."""
        sought = {mailbox.inbox_id: mailbox.email_address for mailbox in mailboxes if mailbox.provider_ref is None}
        found = yield from self._look_up(sought)
        return {
            mailbox.inbox_id: found[mailbox.inbox_id] if mailbox.provider_ref is None else _number(mailbox.provider_ref)
            for mailbox in mailboxes
        }

    def _look_up(self, sought: Mapping[InboxId, str]) -> Flow[dict[InboxId, int | Failure]]:
        """The numbers of these addresses."""
        if not sought or not self.look_up_pages:
            return dict.fromkeys(sought, Rejected(None, "no_provider_ref"))
        rows: list[Row] = []
        if len(sought) == 1:
            # Only a short cut: a mailbox may log in under another name than its address.
            (name,) = sought.values()
            named = yield from self._rows(username=name)
            if not isinstance(named, list | Rejected):
                return dict.fromkeys(sought, named)
            rows += named if isinstance(named, list) else []
        failure: Failure = Rejected(None, "look_up_gave_out")
        offset = 0
        for _ in range(self.look_up_pages):
            if all(_match(rows, address) for address in sought.values()):
                break
            page = yield from self._rows(offset=offset)
            if not isinstance(page, list) or not page:
                # A page may be short in the middle of the list; only an empty one is its end.
                failure = Rejected(None, MISSING) if isinstance(page, list) else page
                break
            rows += page
            offset += len(page)
        return {inbox_id: _match(rows, address) or failure for inbox_id, address in sought.items()}

    def _rows(self, *, offset: int = 0, **query: str) -> Flow[list[Row] | Failure]:
        """A page of the list of accounts."""
        request = self._request("GET", "email-accounts/", {"offset": str(offset), "limit": str(PAGE), **query})
        answer = yield from self._ask(request, missing="no_account_list")
        if isinstance(answer, Unknown):
            # Nothing was asked for that could have an effect.
            return Unavailable("account_not_looked_up")
        if not isinstance(answer, httpx.Response):
            return answer
        rows = read_json(answer.content, list[Row])
        return Unavailable("account_not_looked_up") if rows is None else rows

    def _done(self, request: httpx.Request, done: T, *, missing: str = MISSING) -> Flow[T | Failure]:
        """What stands for success, where the answer says that it is one."""
        answer = yield from self._ask(request, missing=missing)
        return (verdict(answer) or done) if isinstance(answer, httpx.Response) else answer

    def _ask(self, request: httpx.Request, *, missing: str = MISSING) -> Flow[httpx.Response | Failure]:
        """A success by its status, or what stands in its place."""
        answer = yield from exchange(request, timeout=self.timeout)
        if not isinstance(answer, httpx.Response):
            return answer
        failure = refusal(answer, missing=missing)
        if isinstance(failure, Throttled) or (failure and told(answer).limited):
            return Throttled(wait(answer))
        if isinstance(failure, Rejected):
            return Rejected(failure.status, told(answer).word or failure.reason)
        return failure or answer

    def _request(
        self, method: str, path: str, query: Mapping[str, str] | None = None, *, body: object = None
    ) -> httpx.Request:
        base = self.base_url.rstrip("/").removesuffix("/api/v1")
        return httpx.Request(
            method,
            f"{base}/api/v1/{path}",
            params={**(query or {}), "api_key": self.api_key},
            headers={"User-Agent": user_agent(), "Accept": "application/json"},
            json=body,
        )


def _number(provider_ref: str) -> int | Failure:
    return int(provider_ref) if _NUMBER.fullmatch(provider_ref) else Rejected(None, "malformed_provider_ref")


def _match(rows: Sequence[Row], address: str) -> int | None:
    """The number of an address: as it is written if possible, in whatever case otherwise."""
    named = [row for row in rows if isinstance(row.from_email, str) and row.from_email.casefold() == address.casefold()]
    return min(named, key=lambda row: row.from_email != address).id if named else None


def _state(answer: object) -> WarmupState:
    if isinstance(answer, Seen):
        return answer.warmup
    missing = isinstance(answer, Rejected) and answer.reason == MISSING
    return WarmupState.ABSENT if missing else WarmupState.UNKNOWN


def _unreadable(response: httpx.Response) -> Failure:
    """Why a success holds nothing to read."""
    return verdict(response) or Unknown("unreadable")
