"""What the original API's documentation promises, route by route and status by status: requests, and their answers.

Written from the documentation alone. `{id}` stands for the account's id and `{campaign}` for the campaign's; of an
answer's body every field is listed that the documentation names, and `...` stands for a value that it leaves open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NOT_RECORDED = "Warmup was enabled but failed to update account status"

RETRY = "PATCH /api/email/accounts/{id}/retry-warmup"
LIST = "GET /api/email/accounts"
ANALYTICS = "GET /api/email/accounts/warmup-analytics"
LAUNCH = "POST /api/campaigns/{campaign}/launch"


@dataclass(frozen=True)
class Recorded:
    """A request, and the answer that its client knows."""

    #: How things stand before; a test knows how to bring it about.
    given: str
    request: str
    status: int
    #: Fields of the body, where the answer is a success.
    body: Any = None
    #: The message, where the documentation gives one.
    message: str | None = None
    #: Whether the answer says when to come again.
    later: bool = False

    def words(self) -> str:
        """It in short."""
        return f"{self.request.rpartition('/')[2]} {self.status} {self.given}"


def account(status: str, warmup_status: str) -> dict[str, Any]:
    """An account's row."""
    return {
        "id": "{id}",
        "user_id": ...,
        "type": "email",
        "domain_id": ...,
        "email_address": "ana@mail.example.com",
        "instantly_account_id": "ana@mail.example.com",
        "status": status,
        "warmup_status": warmup_status,
        "created_at": ...,
        "updated_at": ...,
        "email_domains": {"id": ..., "domain": "mail.example.com", "status": "pending"},
    }


RECORDED = (
    Recorded("stuck", RETRY, 200, body={"account": account("warming", "warming")}),
    Recorded("already warming at the provider", RETRY, 200, body={"account": account("warming", "warming")}),
    Recorded("no token", RETRY, 401),
    Recorded("a revoked token", RETRY, 401),
    Recorded("no such account", RETRY, 404),
    Recorded("another owner's account", RETRY, 404),
    Recorded("warming", RETRY, 409),
    Recorded("active", RETRY, 409),
    Recorded("the database is lost after the provider accepted", RETRY, 500, message=NOT_RECORDED),
    Recorded("the provider rejects", RETRY, 502, later=True),
    Recorded("the provider throttles", RETRY, 502, later=True),
    Recorded("the provider is locked", RETRY, 502, later=True),
    Recorded("stuck", LIST, 200, body={"accounts": [account("pending", "not_started")]}),
    Recorded("nothing", LIST, 200, body={"accounts": []}),
    Recorded("no token", LIST, 401),
    Recorded(
        "warmed enough",
        ANALYTICS,
        200,
        body={
            "analytics": {
                "{id}": {
                    "email": "ana@mail.example.com",
                    "total_sent": 214,
                    "total_received": 198,
                    "health_score": ...,
                    "health_score_label": ...,
                    "warmup_reputation": 96,
                    "instantly_warmup_status": 1,
                    "daily_data": [{"date": "2026-03-03", "sent": 20, "received": 18}],
                }
            },
            "transitions": {"{id}": {"warmup_status": "active", "status": "active"}},
        },
    ),
    Recorded("stuck", ANALYTICS, 200, body={"analytics": {}, "transitions": {}}),
    Recorded("no token", ANALYTICS, 401),
    Recorded(
        "active",
        LAUNCH,
        200,
        body={
            "success": True,
            "message": ...,
            "runId": ...,
            "prospectsToProcess": ...,
            "warning": None,
            "skippedProspects": [],
            "skippedCount": 0,
        },
    ),
    Recorded("no draft", LAUNCH, 400),
    Recorded("no senders", LAUNCH, 400),
    Recorded("warming", LAUNCH, 400),
    Recorded("no token", LAUNCH, 401),
    Recorded("no such campaign", LAUNCH, 404),
    Recorded("another launch is under way", LAUNCH, 409),
    Recorded("the host fails", LAUNCH, 500),
    Recorded("the provider is down", LAUNCH, 503, later=True),
)
