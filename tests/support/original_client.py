"""A client of the original API, written against its documentation alone: it knows nothing of what answers it.

It reads the fields that the documentation names and no others, takes any further ones in its stride, and tells errors
apart by status, message and `Retry-After`.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

# Nothing here speaks TLS, and reading the certificates takes longer than a whole test.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True)
class Domain:
    """The domain that an account's row is joined with."""

    id: str
    domain: str
    status: str


@dataclass(frozen=True)
class Account:
    """An account's row."""

    id: str
    user_id: str
    type: str
    domain_id: str
    email_address: str
    instantly_account_id: str
    status: str
    warmup_status: str
    created_at: str
    updated_at: str
    email_domains: Domain


@dataclass(frozen=True)
class Analytics:
    """What the provider measured for one account."""

    email: str
    total_sent: int
    total_received: int
    health_score: int | None
    health_score_label: str | None
    warmup_reputation: int | None
    instantly_warmup_status: int | None
    daily_data: list[dict[str, Any]]


#: The fields of a launch.
LAUNCHED = ("success", "message", "runId", "prospectsToProcess", "warning", "skippedProspects", "skippedCount")


class ApiError(Exception):
    """The API refused, or failed."""

    def __init__(self, status: int, message: str, retry_after: int | None) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message
        self.retry_after = retry_after


class OriginalClient:
    """The client."""

    def __init__(self, base_url: str, api_key: str | None) -> None:
        """Speak to the API at this address, whose paths begin with `/api`."""
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=30, verify=_NO_TLS)
        #: The requests so far.
        self.sent: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def list_accounts(self) -> list[Account]:
        """The accounts, newest first."""
        return [_account(row) for row in self._call("GET", "/api/email/accounts")["accounts"]]

    def retry_warmup(self, account_id: str) -> Account:
        """The account, refreshed."""
        return _account(self._call("PATCH", f"/api/email/accounts/{account_id}/retry-warmup")["account"])

    def warmup_analytics(self) -> tuple[dict[str, Analytics], dict[str, dict[str, str]]]:
        """The figures by account, and the accounts that moved."""
        body = self._call("GET", "/api/email/accounts/warmup-analytics")
        return {account_id: _analytics(row) for account_id, row in body["analytics"].items()}, body["transitions"]

    def launch(self, campaign_id: str) -> dict[str, Any]:
        """The campaign, launched."""
        body = self._call("POST", f"/api/campaigns/{campaign_id}/launch")
        return {name: body[name] for name in LAUNCHED}

    def _call(self, method: str, path: str) -> Any:
        self.sent.append(f"{method} {path}")
        response = self._http.request(method, path)
        if response.status_code == httpx.codes.OK:
            return response.json()
        wait = response.headers.get("Retry-After")
        raise ApiError(response.status_code, response.json()["error"], None if wait is None else int(wait))


def _account(row: dict[str, Any]) -> Account:
    known = {name: row[name] for name in Account.__annotations__ if name != "email_domains"}
    domain = {name: row["email_domains"][name] for name in Domain.__annotations__}
    return Account(**known, email_domains=Domain(**domain))


def _analytics(row: dict[str, Any]) -> Analytics:
    return Analytics(**{name: row[name] for name in Analytics.__annotations__})
