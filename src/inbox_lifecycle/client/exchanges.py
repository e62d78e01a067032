"""Every call as one exchange, built and read here and sent elsewhere: what the sync and the async client share."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Generic, NoReturn, TypeVar
from uuid import UUID

import httpx
import msgspec

from inbox_lifecycle.client.answers import Account, Answer, Attempt, Event, Launch, Page, WarmupAnalytics
from inbox_lifecycle.client.bounds import TooLarge
from inbox_lifecycle.client.problems import Asked, error_for
from inbox_lifecycle.errors import ApiAnswerUnreadable, ApiUnreachable, InvalidInput
from inbox_lifecycle.flow import Send, Unanswered, Unsent
from inbox_lifecycle.ids import read_id

T = TypeVar("T")

AnyId = str | UUID

#: Seconds that a call may take: a retry asks the provider, which takes its time.
DEFAULT_TIMEOUT: Final = 180.0
#: Events or attempts that one exchange of a stream gets.
PAGE: Final = 100

#: What no header can carry would fail in the HTTP library, whose message repeats the value.
_HEADER_SAFE = re.compile(r"[!-~]+")
_KEY = re.compile(r"[!-~]{1,255}")
# The server's own rule; the library's is wider.
_CAMPAIGN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
# As the server takes them; one that it does not take it would pass over in silence.
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:/+=~-]{1,128}")


class _AccountBody(Answer, frozen=True, kw_only=True):
    account: Account


class _AccountsBody(Answer, frozen=True, kw_only=True):
    accounts: tuple[Account, ...]
    next_after: str | None = None


class _HistoryBody(Answer, frozen=True, kw_only=True):
    history: tuple[Event, ...]
    next_after: int | None


class _AttemptsBody(Answer, frozen=True, kw_only=True):
    attempts: tuple[Attempt, ...]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """Some of a stream, and the mark after which the next part begins; None at its end."""

    items: tuple[T, ...]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class Exchange(Generic[T]):
    """One request, and how its answer is read."""

    #: What to send.
    step: Send
    asked: Asked
    decode: Callable[[bytes], T] = field(repr=False)

    def read(self, response: httpx.Response) -> T:
        """The answer's value.

        Raises:
            InboxLifecycleError: what the answer says.
        """
        if response.status_code != httpx.codes.OK:
            raise error_for(response, self.asked)
        try:
            return self.decode(response.content)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            why = "its body is of another form"
        raise ApiAnswerUnreadable(why, status=response.status_code, maybe_applied=self.asked.writes)

    def fail(self, failure: Unsent | Unanswered | TooLarge) -> NoReturn:
        """Say that no answer came, or none that can be held.

        Raises:
            ApiUnreachable: there is no answer.
            ApiAnswerUnreadable: there is too much of one.
        """
        if isinstance(failure, TooLarge):
            raise ApiAnswerUnreadable(str(failure), status=failure.status, maybe_applied=self.asked.writes) from None
        applied = self.asked.writes and isinstance(failure, Unanswered)
        raise ApiUnreachable(str(failure), maybe_applied=applied) from None


class Exchanges:
    """The calls of one client; holds the token, and shows it nowhere."""

    def __init__(self, base_url: str, *, token: str, timeout: float, insecure: bool) -> None:
        """Check them.

        Raises:
            InvalidInput: one cannot be used.
        """
        self.base_url = _read_base_url(base_url, insecure=insecure)
        if not _HEADER_SAFE.fullmatch(token):
            raise InvalidInput("the token is empty or holds spaces, line ends or non-ASCII characters: copy it again")
        if not 0 < timeout < float("inf"):
            raise InvalidInput("timeout is a number of seconds, more than none")
        self._token = token
        self._timeout = timeout

    def certificates(self) -> ssl.SSLContext:
        """Whom to trust; nobody where no TLS is spoken, as reading the certificates takes its time."""
        plain = self.base_url.startswith("http:")
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else httpx.create_ssl_context()

    def get(self, inbox_id: AnyId) -> Exchange[Account]:
        """One account."""
        return self._account("GET", f"/{_id(inbox_id)}", Asked(inbox_id=_id(inbox_id)))

    def retry_warmup(
        self, inbox_id: AnyId, *, idempotency_key: str | None, correlation_id: str | None
    ) -> Exchange[Account]:
        """The retry."""
        asked = Asked(inbox_id=_id(inbox_id), trigger="retry_warmup", writes=True)
        headers = _keyed(idempotency_key) | _correlated(correlation_id)
        return self._account("PATCH", f"/{_id(inbox_id)}/retry-warmup", asked, headers)

    def find(
        self, *, status: str | None, warmup_status: str | None, domain: str | None, after: str | None, limit: int
    ) -> Exchange[Page[Account]]:
        """A page of accounts."""
        wanted = {"status": status, "warmup_status": warmup_status, "domain": domain, "after": after}
        params = {name: value for name, value in wanted.items() if value is not None} | {"limit": str(limit)}
        read = msgspec.json.Decoder(_AccountsBody)

        def decode(body: bytes) -> Page[Account]:
            answer = read.decode(body)
            return Page(items=answer.accounts, next_after=answer.next_after)

        return Exchange(self._step("GET", "/email/accounts", params=params), Asked(), decode)

    def history(self, inbox_id: AnyId, *, after: str | None) -> Exchange[Part[Event]]:
        """Some events."""
        read = msgspec.json.Decoder(_HistoryBody)

        def decode(body: bytes) -> Part[Event]:
            answer = read.decode(body)
            return _part(answer.history, answer.next_after, after)

        return self._parted(inbox_id, "history", after, decode)

    def attempts(self, inbox_id: AnyId, *, after: str | None) -> Exchange[Part[Attempt]]:
        """Some attempts."""
        read = msgspec.json.Decoder(_AttemptsBody)

        def decode(body: bytes) -> Part[Attempt]:
            answer = read.decode(body)
            return _part(answer.attempts, answer.next_after, after)

        return self._parted(inbox_id, "attempts", after, decode)

    def prove(self, inbox_id: AnyId) -> Exchange[str]:
        """A bundle's text."""
        step = self._step("GET", f"/email/accounts/{_id(inbox_id)}/proof", accept="*/*")
        return Exchange(step, Asked(inbox_id=_id(inbox_id)), bytes.decode)

    def warmup_analytics(self) -> Exchange[WarmupAnalytics]:
        """The figures."""
        # A GET by the original's word; it moves inboxes all the same.
        step = self._step("GET", "/email/accounts/warmup-analytics")
        return Exchange(step, Asked(writes=True), msgspec.json.Decoder(WarmupAnalytics).decode)

    def launch_campaign(self, campaign_id: str, *, correlation_id: str | None) -> Exchange[Launch]:
        """The launch."""
        if not _CAMPAIGN_ID.fullmatch(campaign_id):
            raise InvalidInput("a campaign's id has letters, digits, hyphens and underscores, up to 128")
        step = self._step("POST", f"/campaigns/{campaign_id}/launch", headers=_correlated(correlation_id))
        return Exchange(step, Asked(campaign_id=campaign_id, writes=True), msgspec.json.Decoder(Launch).decode)

    def _account(
        self, method: str, tail: str, asked: Asked, headers: Mapping[str, str] | None = None
    ) -> Exchange[Account]:
        read = msgspec.json.Decoder(_AccountBody)
        step = self._step(method, f"/email/accounts{tail}", headers=headers)
        return Exchange(step, asked, lambda body: read.decode(body).account)

    def _parted(
        self, inbox_id: AnyId, what: str, after: str | None, decode: Callable[[bytes], Part[T]]
    ) -> Exchange[Part[T]]:
        params = {"limit": str(PAGE)} | ({} if after is None else {"after": after})
        step = self._step("GET", f"/email/accounts/{_id(inbox_id)}/{what}", params=params)
        return Exchange(step, Asked(inbox_id=_id(inbox_id)), decode)

    def _step(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        accept: str = "application/json",
    ) -> Send:
        said = {
            "Authorization": f"Bearer {self._token}",
            "Accept": accept,
            # An answer is bounded as it is read, and what is packed grows afterwards.
            "Accept-Encoding": "identity",
            "User-Agent": _user_agent(),
        }
        request = httpx.Request(method, f"{self.base_url}{path}", params=params, headers={**said, **(headers or {})})
        return Send(request, self._timeout)


def _part(items: tuple[T, ...], mark: str | int | None, after: str | None) -> Part[T]:
    part = Part(items, None if mark is None else str(mark))
    # A server that stands still would be read for ever.
    if part.next_after is not None and (part.next_after == after or not items):
        raise ApiAnswerUnreadable("its pages do not advance", status=int(httpx.codes.OK))
    return part


def _id(inbox_id: AnyId) -> str:
    return read_id("inbox_id", inbox_id)


def _keyed(key: str | None) -> dict[str, str]:
    if key is None:
        return {}
    if not _KEY.fullmatch(key):
        raise InvalidInput("over HTTP an idempotency_key is 1 to 255 visible ASCII characters, such as a UUID")
    # What begins with a quote the server would take for a Structured Field string (RFC 8941, section 3.3.3).
    quoted = re.sub(r'(["\\])', r"\\\1", key)
    return {"Idempotency-Key": f'"{quoted}"' if key.startswith('"') else key}


def _correlated(correlation_id: str | None) -> dict[str, str]:
    if correlation_id is None:
        return {}
    if not _REQUEST_ID.fullmatch(correlation_id):
        raise InvalidInput("over HTTP a correlation_id is of up to 128 letters, digits and -_.:/+=~, and no address")
    return {"X-Request-ID": correlation_id}


def _read_base_url(base_url: str, *, insecure: bool) -> str:
    # By kind of fault only: a URL may hold a password.
    try:
        url = httpx.URL(base_url)
        port = url.port
    except (httpx.InvalidURL, TypeError, ValueError):
        raise InvalidInput("base_url is no URL: it is where the API is, such as https://host/api") from None
    del port
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise InvalidInput("base_url is where the API is, such as https://host/api: no user, no query, no fragment")
    if url.scheme == "http" and not insecure and not _is_loopback(url.host):
        raise InvalidInput(
            "base_url is plain http to another host, and whoever stands between reads the token: use https, or say"
            " insecure=True"
        )
    return str(url).rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@cache
def _user_agent() -> str:
    try:
        return f"inbox-lifecycle-client/{version('inbox-lifecycle')}"
    except PackageNotFoundError:
        return "inbox-lifecycle-client/unreleased"
