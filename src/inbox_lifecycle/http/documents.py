"""What the OpenAPI document says of answers: for each route, everything that it can answer, with schema and example.

The documents of errors are made by the very code that answers with them, from one sample of each error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from fastapi.exceptions import RequestValidationError

from inbox_lifecycle import errors
from inbox_lifecycle.http.answering import MEDIA_TYPE, document_of, headers_of, row_for
from inbox_lifecycle.http.hooks import CampaignNotLaunchable
from inbox_lifecycle.http.models import Model
from inbox_lifecycle.http.problems import BodyTooLarge, LaunchPostponed, NoSuchCampaign, NotAuthenticated
from inbox_lifecycle.http.rows import JsonLines
from inbox_lifecycle.verdict import Clause, Verdict

_ID = "0197e9a4-8f4a-7c3e-9d6b-2f1c5a7e4b10"
_OTHER_ID = "0197e9a4-9c11-7a52-8e0f-6d3b1c2a9f44"

_REFUSED = Verdict(
    (Clause("status", "pending", "active", held=False), Clause("warmup_status", "not_started", "active", held=False))
)
_SENDING = Verdict((Clause("status", "active", "active", held=True),))
_NOT_SENDING = Verdict((Clause("status", "active", "warming", held=False),))

#: One of each error that a route can answer with.
SAMPLES: Final[dict[type[Exception], Exception]] = {
    type(sample): sample
    for sample in (
        NotAuthenticated(),
        errors.AuthenticationUnavailable(30),
        BodyTooLarge(),
        errors.InvalidInput("after is the next_after of an earlier page"),
        errors.MalformedId("inbox_id"),
        RequestValidationError(
            [
                {
                    "type": "less_than_equal",
                    "loc": ("query", "limit"),
                    "msg": "Input should be less than or equal to 1000",
                }
            ]
        ),
        errors.IdempotencyKeyReused(_ID, "inbox.banned"),
        errors.InboxNotFound(_ID),
        NoSuchCampaign(),
        errors.RetryRefused(_ID, "retry_warmup", _REFUSED),
        CampaignNotLaunchable("The campaign is not a draft"),
        errors.SendersRefused({_ID: _SENDING, _OTHER_ID: _NOT_SENDING}),
        errors.LaunchInProgress("7f1d0a52-3c55-4a39-9d5c-1f7f0a3f2b61", 90),
        LaunchPostponed("instantly"),
        errors.ProviderRejected("instantly", "payment_required", status=402),
        errors.ProviderThrottled("instantly", retry_after=2),
        errors.ProviderBusy("instantly"),
        errors.ProviderUnavailable("instantly", "unreachable"),
        errors.ProviderOutcomeUnknown("instantly", "timeout"),
        errors.WarmupNotRecorded(_ID),
        errors.StoreUnavailable("08006"),
        errors.HistoryBroken(_ID, 3, "its entry is not what was written"),
        RuntimeError("never told"),
    )
}

#: What every route can answer with.
ALWAYS: Final = (
    NotAuthenticated,
    errors.AuthenticationUnavailable,
    BodyTooLarge,
    errors.StoreUnavailable,
    RuntimeError,
)

REQUEST_ID: Final = {
    "X-Request-ID": {
        "description": "The request's id, as it was sent or made.",
        "required": True,
        "schema": {"type": "string"},
    }
}
_TOLD: Final = {
    "Retry-After": {
        "description": "Seconds to wait (RFC 9110, section 10.2.3).",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "The scheme (RFC 6750, section 3).",
        "required": True,
        "schema": {"type": "string", "const": "Bearer"},
    },
}

_CLAUSES: Final = {
    "type": "array",
    "description": "Clause by clause, what the rule wants and what it found.",
    "items": {
        "type": "object",
        "required": ["field", "expected", "found", "held"],
        "properties": {
            "field": {"type": "string"},
            "expected": {"type": "string"},
            "found": {"type": "string"},
            "held": {"type": "boolean"},
        },
    },
}
_MORE: Final = {
    "provider": {"type": "string", "description": "Which provider failed."},
    "verdict": _CLAUSES,
    "verdicts": {"type": "object", "description": "Of each sender.", "additionalProperties": _CLAUSES},
    "errors": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["in", "name", "why"],
            "properties": {"in": {"type": "string"}, "name": {"type": "string"}, "why": {"type": "string"}},
        },
    },
}


def answers(success: dict[str, Any], *kinds: type[Exception]) -> dict[int | str, dict[str, Any]]:
    """All answers of a route: its success, these errors, and those that every route can have."""
    by_status: dict[int, list[Exception]] = {}
    for kind in (*kinds, *ALWAYS):
        by_status.setdefault(row_for(SAMPLES[kind]).status, []).append(SAMPLES[kind])
    problems: dict[int | str, dict[str, Any]] = {
        status: _problem(status, samples) for status, samples in sorted(by_status.items())
    }
    documented: dict[int | str, dict[str, Any]] = {200: {**success, "headers": REQUEST_ID}}
    return documented | problems


def body(model: type[Model], example: dict[str, Any]) -> dict[str, Any]:
    """A success with a body of JSON."""
    description = (model.__doc__ or "").partition("\n")[0]
    return {"model": model, "description": description, "content": {"application/json": {"example": example}}}


def lines(description: str, example: str) -> dict[str, Any]:
    """A success with a document a line."""
    return {"description": description, "content": {JsonLines.media_type: {"example": example}}}


def _problem(status: int, samples: Iterable[Exception]) -> dict[str, Any]:
    found = [(row_for(sample), sample) for sample in samples]
    documents = {row.word: document_of(sample, row) for row, sample in found}
    told = [set(headers_of(sample, row)) for row, sample in found]
    return {
        "description": " / ".join(dict.fromkeys(row.title for row, _ in found)),
        "headers": {**REQUEST_ID, **{name: _TOLD[name] for name in sorted(set.intersection(*told))}},
        "content": {
            MEDIA_TYPE: {
                "schema": _schema(status, list(documents.values())),
                "examples": {word: {"value": document} for word, document in documents.items()},
            }
        },
    }


def _schema(status: int, documents: list[dict[str, Any]]) -> dict[str, Any]:
    common = {
        "type": {"type": "string", "format": "uri", "enum": [document["type"] for document in documents]},
        "title": {"type": "string"},
        "status": {"type": "integer", "const": status},
        "detail": {"type": "string"},
        "error": {"type": "string", "description": "The message, as clients of the original API know it."},
    }
    more = {name: _MORE[name] for document in documents for name in document if name not in common}
    return {"type": "object", "required": list(common), "properties": {**common, **more}}
