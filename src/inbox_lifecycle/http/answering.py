"""Errors as answers: RFC 9457 problem documents, by the table in `problems.py`.

A document has `type`, `title`, `status` and `detail` (RFC 9457, section 3.1), and `error`: the message as clients of
the original API know it. Some have more: a refusal has its verdict, clause by clause.

Nothing of a request is repeated but ids that were found to be ids, and nothing of what went wrong inside is told: what
was not foreseen is a 500 with a fixed sentence; in the log are its type, where it was raised, and the request's id.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response

from inbox_lifecycle import errors
from inbox_lifecycle.http.facts import FACTS, facts_of_failure
from inbox_lifecycle.http.problems import ROWS, UNFORESEEN, LaunchPostponed, Row

logger = logging.getLogger("inbox_lifecycle.http")

#: RFC 9457, section 6.1.
MEDIA_TYPE: Final = "application/problem+json"

#: Seconds; a client is never told to wait longer, whatever the provider said.
_LONGEST_WAIT = 86_400

_SERVER_ERROR = 500


def answer_to(error: Exception, request_id: str | None = None) -> Response:
    """The answer to a request that ended in this error; what the operators must know goes to the log, under its id."""
    row = row_for(error)
    facts = {FACTS: facts_of_failure(error, request_id)}
    if row is UNFORESEEN:
        # Its text may hold anything: an address, a key, a statement with its values.
        logger.error("a request failed with %s, which was not foreseen", type(error).__name__, extra=facts)
    elif row.status == _SERVER_ERROR or isinstance(error, errors.StoreError):
        logger.error("a request failed with %s: %s", type(error).__name__, error, extra=facts)
    return respond(row.status, document_of(error, row), headers_of(error, row))


def answer_with_status(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """The answer where a status says it all (RFC 9457, section 4.2.1)."""
    phrase = HTTPStatus(status).phrase
    document = {"type": "about:blank", "title": phrase, "status": status, "detail": phrase, "error": phrase}
    return respond(status, document, headers or {})


def respond(status: int, document: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    """A problem document as an answer."""
    return Response(msgspec.json.encode(document), status, dict(headers), MEDIA_TYPE)


def row_for(error: Exception) -> Row:
    """The error's row, or its nearest parent's."""
    return next((ROWS[kind] for kind in type(error).__mro__ if kind in ROWS), UNFORESEEN)


def document_of(error: Exception, row: Row) -> dict[str, Any]:
    """The problem document."""
    return {
        "type": row.type,
        "title": row.title,
        "status": row.status,
        "detail": row.detail or _detail(error),
        "error": row.error or str(error),
        **_more(error),
    }


def headers_of(error: Exception, row: Row) -> dict[str, str]:
    """The headers that the answer has because of the error."""
    known = getattr(error, "retry_after", None)
    wait = row.retry_after if known is None or row.retry_after is None else _seconds(known)
    return dict(row.headers) | ({} if wait is None else {"Retry-After": str(wait)})


def _detail(error: Exception) -> str:
    """The error's message, in the words of who asked over HTTP: parameters have other names there, and no types."""
    if isinstance(error, errors.MalformedId):
        name = "id" if error.name == "inbox_id" else error.name
        return f"{name} is not a UUID: pass the 36-character text form"
    return str(error)


def _more(error: Exception) -> dict[str, Any]:
    match error:
        case errors.TransitionRefused(verdict=verdict):
            return {"verdict": verdict.as_list()}
        case errors.SendersRefused(verdicts=verdicts):
            return {"verdicts": {inbox_id: verdict.as_list() for inbox_id, verdict in verdicts.items()}}
        case errors.ProviderError(provider=provider) | LaunchPostponed(provider=provider):
            return {"provider": provider}
        case RequestValidationError():
            return {"errors": [_complaint(found) for found in error.errors()]}
        case _:
            return {}


def _complaint(found: Mapping[str, Any]) -> dict[str, str]:
    # Neither `input` nor `ctx`: they hold what the client sent.
    where, *names = map(str, found["loc"])
    return {"in": where, "name": ".".join(names), "why": str(found["msg"])}


def _seconds(known: float) -> int:
    """Whole seconds, as RFC 9110, section 10.2.3, has them; rounded up, or the client comes too early."""
    return max(1, math.ceil(min(known, _LONGEST_WAIT)))
