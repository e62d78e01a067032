"""Examples of answers, for the OpenAPI document.

There is no null in them: FastAPI leaves those out of the document, and an example without a field that an answer always
has would be none.
"""

from __future__ import annotations

from typing import Any, Final

_ID = "0197e9a4-8f4a-7c3e-9d6b-2f1c5a7e4b10"
_DOMAIN_ID = "0197e9a4-8f4a-7d11-b2a5-94e0c1f7d302"
_ATTEMPT_ID = "0197e9ad-b6a0-7c91-a4f3-1d2e3f4a5b6c"
_CORRELATION_ID = "5f0c1a34-1c7f-4a63-8f0e-2b9d5f6a7c81"
_PENDING = {"status": "pending", "warmup_status": "not_started"}
_WARMING = {"status": "warming", "warmup_status": "warming"}
_ACTIVE = {"status": "active", "warmup_status": "active"}
_BORN_AT = "2026-03-04T05:06:07.891011Z"
_RETRIED_AT = "2026-03-04T05:16:09.120000Z"

_BY_ANA = {
    "owner_id": "2f3b6c1e-5d7a-4c1b-9a8e-7d6f5e4c3b2a",
    "actor": "api-key:ilk_4Zt9",
    "reason": "the first call failed",
    "correlation_id": _CORRELATION_ID,
    "causation_id": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "idempotency_key": "request-42",
}


def _account(pair: dict[str, str], version: int, updated_at: str) -> dict[str, Any]:
    return {
        "id": _ID,
        "user_id": _BY_ANA["owner_id"],
        "type": "email",
        "domain_id": _DOMAIN_ID,
        "email_address": "ana@mail.example.com",
        "instantly_account_id": "ana@mail.example.com",
        "provider": "instantly",
        **pair,
        "version": version,
        "created_at": _BORN_AT,
        "updated_at": updated_at,
        "email_domains": {"id": _DOMAIN_ID, "domain": "mail.example.com", "status": "verified"},
    }


ACCOUNT: Final = {"account": _account(_PENDING, 1, _BORN_AT)}
RETRIED: Final = {"account": _account(_WARMING, 2, _RETRIED_AT)}
ACCOUNTS: Final = {"accounts": [_account(_PENDING, 1, _BORN_AT)], "next_after": f"{_BORN_AT}~{_ID}"}

ANALYTICS: Final = {
    "analytics": {
        _ID: {
            "email": "ana@mail.example.com",
            "total_sent": 214,
            "total_received": 198,
            "landed_spam": 3,
            "health_score": 97,
            "health_score_label": "97%",
            "warmup_reputation": 96,
            "instantly_warmup_status": 1,
            "daily_data": [{"date": "2026-03-03", "sent": 20, "received": 18}],
        }
    },
    "transitions": {_ID: _ACTIVE},
    "unavailable": {"0197e9a4-9c11-7a52-8e0f-6d3b1c2a9f44": {"reason": "not_measured_yet"}},
}

LAUNCHED: Final = {
    "success": True,
    "message": "Campaign launched with 2 senders",
    "runId": _CORRELATION_ID,
    "prospectsToProcess": 0,
    "skippedProspects": [],
    "skippedCount": 0,
}

HISTORY: Final = {
    "history": [
        {
            "inbox_id": _ID,
            "version": 2,
            "event_id": "0197e9ad-b7d8-7f02-8b44-3a5d9e1c7f60",
            "name": "inbox.warmup_started",
            "schema": 1,
            "payload": {"by": "retry", "attempt_id": _ATTEMPT_ID},
            "from": _PENDING,
            "to": _WARMING,
            "recorded_at": _RETRIED_AT,
            **_BY_ANA,
            "hash": "9b" * 32,
            "previous_hash": "41" * 32,
            "entry": "{...}",
        }
    ],
    "next_after": 2,
}

ATTEMPTS: Final = {
    "attempts": [
        {
            "id": _ATTEMPT_ID,
            "inbox_id": _ID,
            "kind": "retry",
            "seen_version": 1,
            "opened_at": "2026-03-04T05:16:08.004000Z",
            "lease_until": "2026-03-04T05:17:03.004000Z",
            "outcome": "moved",
            "closed_at": _RETRIED_AT,
            "event_version": 2,
            "to_disable": False,
            "detail": {"answer": "enabled"},
            "seen": _PENDING,
            **_BY_ANA,
        }
    ],
    "next_after": _ATTEMPT_ID,
}

BUNDLE: Final = '{"events":2,"format":"inbox-lifecycle/bundle/1","inbox_id":"' + _ID + '","type":"bundle"}\n'
